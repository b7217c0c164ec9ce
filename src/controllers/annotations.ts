/** What people ask of an object by its annotations. */
import type { Verdict } from '../api/conditions.ts';
import type { KubernetesObject } from '../api/kubernetes-object.ts';
import { annotations } from '../api/names.ts';

/** The verdict on paused objects. */
export const paused: Verdict = {
  reason: 'Paused',
  message: 'new work is stopped by the annotation keyframe.dev/paused',
};

/** Whether new work on it is stopped. */
export function isPaused(object: KubernetesObject): boolean {
  return isSet(object, annotations.paused);
}

/** Whether a brake is on. Any value but "false" counts: who writes "yes" means it. */
export function isSet(object: KubernetesObject, annotation: string): boolean {
  const value = object.metadata.annotations?.[annotation];
  return value !== undefined && value.toLowerCase() !== 'false';
}

/** Whether someone asks, by a new value of the annotation, for a look at once. */
export function isAskedToLook(
  object: KubernetesObject & { status?: { lastHandledReconcileAt?: string } },
): boolean {
  const token = object.metadata.annotations?.[annotations.reconcileAt];
  return token !== undefined && token.slice(0, 256) !== object.status?.lastHandledReconcileAt;
}

import type { CallOptions, KubeClient } from './kube/client.ts';
import { isConflict, isNotFound } from './kube/errors.ts';
import type { KubeObject, ResourceType } from './kube/types.ts';
import { type Json, mergePatchOf, normalise } from './merge-patch.ts';

/** What became of a write. Other failures are thrown. */
export type WriteResult<T> =
  /** Nothing was different, so nothing was sent. */
  | { result: 'unchanged' }
  /** The object as the server holds it now; fold it into the cache with `informer.put`. */
  | { result: 'written'; object: T }
  /** Someone else wrote first: run again from the new state. */
  | { result: 'conflict' }
  /** The object is no longer there. */
  | { result: 'gone' };

/** An object with a status. */
export type WithStatus = KubeObject & { status?: unknown };

/** The members of metadata that the operator may change. What is left out stays as it is. */
export interface MetadataChange {
  /** The whole new list. */
  finalizers?: string[];
  /** null removes one. */
  annotations?: Record<string, string | null>;
  labels?: Record<string, string | null>;
}

/**
 * Writes a status: compares it with that of `object`, and when they differ sends the difference as a merge patch
 * of the status subresource, locked to the object's uid and resourceVersion.
 */
export async function writeStatus<T extends WithStatus>(
  client: KubeClient,
  resource: ResourceType,
  object: T,
  nextStatus: T['status'],
  options: CallOptions = {},
): Promise<WriteResult<T>> {
  const difference = mergePatchOf(normalise(object.status), normalise(nextStatus));
  if (difference === undefined) return { result: 'unchanged' };
  const patch = { metadata: lockOf(resource, object), status: difference };
  return settle(() => client.mergePatchStatus<T>(resource, object.metadata, patch, options));
}

/** Changes finalizers, annotations and labels in one write under the same lock; nothing is sent when nothing differs. */
export async function patchMetadata<T extends KubeObject>(
  client: KubeClient,
  resource: ResourceType,
  object: T,
  change: MetadataChange,
  options: CallOptions = {},
): Promise<WriteResult<T>> {
  const { finalizers, annotations, labels } = object.metadata;
  const difference = mergePatchOf(
    normalise({ finalizers: finalizers ?? [], annotations: annotations ?? {}, labels: labels ?? {} }),
    normalise({
      finalizers: change.finalizers ?? finalizers ?? [],
      annotations: { ...annotations, ...change.annotations },
      labels: { ...labels, ...change.labels },
    }),
  );
  if (difference === undefined) return { result: 'unchanged' };
  const patch = { metadata: { ...(difference as { [name: string]: Json }), ...lockOf(resource, object) } };
  return settle(() => client.mergePatch<T>(resource, object.metadata, patch, options));
}

function lockOf(resource: ResourceType, object: KubeObject): { uid: string; resourceVersion: string } {
  const { uid, resourceVersion, name } = object.metadata;
  if (!uid || !resourceVersion) {
    throw new Error(
      `${resource.kind} ${name}: cannot be written without uid and resourceVersion, read it from the server first`,
    );
  }
  return { uid, resourceVersion };
}

async function settle<T>(write: () => Promise<T>): Promise<WriteResult<T>> {
  try {
    return { result: 'written', object: await write() };
  } catch (error) {
    if (isConflict(error)) return { result: 'conflict' };
    if (isNotFound(error)) return { result: 'gone' };
    throw error;
  }
}

/** Keyframe's objects, as the screens of people show them. */
import { condition } from '../api/conditions.ts';
import type { Condition } from '../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../api/v1alpha1/restore-point-copy.ts';
import type { ClusterVMProvider, VMProvider } from '../api/v1alpha1/vm-provider.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';

export type AnyObject =
  | VMProvider
  | ClusterVMProvider
  | VMSnapshot
  | RestorePointCopy
  | RestorePointCollection;

/** The Ready condition. */
export function readyOf(object: AnyObject): Condition | undefined {
  return condition(object.status?.conditions, 'Ready');
}

/** Whether it has failed for good, or until someone changes something. */
export function isStalled(object: AnyObject): boolean {
  return condition(object.status?.conditions, 'Stalled')?.status === 'True';
}

/** How an object stands, in one word. */
export type State = 'Ready' | 'Working' | 'Failed';

export function stateOf(object: AnyObject): State {
  if (readyOf(object)?.status === 'True') return 'Ready';
  return isStalled(object) ? 'Failed' : 'Working';
}

/** How its data gets into another region, for those that have such a thing. */
export function replicationOf({ status }: AnyObject) {
  return status !== undefined && 'replication' in status ? status.replication : undefined;
}

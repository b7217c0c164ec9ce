/** Keyframe's objects, as the screens of people show them. */
import { condition } from '../api/conditions.ts';
import type { Condition } from '../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../api/v1alpha1/restore-point-copy.ts';
import type { ClusterVMProvider, VMProvider } from '../api/v1alpha1/vm-provider.ts';
import type { VMRestore } from '../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';
import type { VMSnapshotInventory } from '../api/v1alpha1/vm-snapshot-inventory.ts';

/** The types of Keyframe's objects, by kind. */
export interface ObjectOf {
  VMProvider: VMProvider;
  ClusterVMProvider: ClusterVMProvider;
  VMSnapshot: VMSnapshot;
  RestorePointCopy: RestorePointCopy;
  RestorePointCollection: RestorePointCollection;
  VMRestore: VMRestore;
  VMSnapshotInventory: VMSnapshotInventory;
}

export type AnyObject = ObjectOf[keyof ObjectOf];

/** Whether an object is of a kind. */
export function isOf<K extends keyof ObjectOf>(object: AnyObject, kind: K): object is ObjectOf[K] {
  return object.kind === kind;
}

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

/** The operation in hand, for those that have such a thing. */
export function operationOf({ status }: AnyObject) {
  return status !== undefined && 'operation' in status ? status.operation : undefined;
}

/** How far it is in percent: of the data on its way, else of the vendor's work where it tells. */
export function percentOf(object: AnyObject): number | undefined {
  const { status } = object;
  const progress = status !== undefined && 'progress' in status ? status.progress : undefined;
  return replicationOf(object)?.percent ?? progress?.percent;
}

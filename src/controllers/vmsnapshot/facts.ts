import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { LaneView } from '../lane-view.ts';
import type { Facts } from '../lifecycle/facts.ts';

/** What the caches hold that matters to a VMSnapshot. */
export interface SnapshotNeighbours {
  collection(name: string): RestorePointCollection | undefined;
  /** The lane of what is done on a VM; `limit` names what is counted by the hour. */
  vmLane(vmID: string, limit: string): LaneView;
  /** An older object that stands for the same snapshot, as `Kind namespace/name`. */
  adoptedBy(snapshotID: string): string | undefined;
  /** The live object of this cluster with a UID. */
  objectWithUID(uid: string): string | undefined;
}

export type SnapshotFacts = Facts<VMSnapshot, SnapshotNeighbours>;

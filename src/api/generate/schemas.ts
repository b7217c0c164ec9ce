import type { TSchema } from 'typebox';
import type { KindName } from '../kinds.ts';
import { RestorePointCollectionSchema } from '../v1alpha1/restore-point-collection.ts';
import { RestorePointCopySchema } from '../v1alpha1/restore-point-copy.ts';
import { ClusterVMProviderSchema, VMProviderSchema } from '../v1alpha1/vm-provider.ts';
import { VMRestoreSchema } from '../v1alpha1/vm-restore.ts';
import { VMSnapshotSchema } from '../v1alpha1/vm-snapshot.ts';
import { VMSnapshotInventorySchema } from '../v1alpha1/vm-snapshot-inventory.ts';

/** The schema of each kind: `spec` and `status`, without the members that every Kubernetes object has. */
export const schemas: Record<KindName, TSchema> = {
  VMProvider: VMProviderSchema,
  ClusterVMProvider: ClusterVMProviderSchema,
  VMSnapshot: VMSnapshotSchema,
  RestorePointCollection: RestorePointCollectionSchema,
  RestorePointCopy: RestorePointCopySchema,
  VMRestore: VMRestoreSchema,
  VMSnapshotInventory: VMSnapshotInventorySchema,
};

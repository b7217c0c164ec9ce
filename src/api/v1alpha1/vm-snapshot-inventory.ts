import type { KubernetesObject } from '../kubernetes-object.ts';
import { collectionID, guid, maxIDLength, ProviderRef, plainVMRef, stampID, statusBase } from './common.ts';
import {
  boolean,
  duration,
  integer,
  list,
  object,
  optional,
  type Static,
  text,
  timestamp,
  union,
} from './schema.ts';

/** The most items that an inventory holds. */
export const maxInventoryItems = 500;

const VMSnapshotInventorySpec = object(
  {
    providerRef: ProviderRef,
    scope: union(
      {
        vm: optional(
          plainVMRef('The snapshots of this VM (oVirt, SPF).', {
            stampID: optional(stampID('the stamp on which the VM lies. Unset: found from the VM.')),
          }),
        ),
        storageDomain: optional(
          guid(
            'Id of a storage domain: the disk snapshots that lie on it (oVirt), one for each disk of a snapshot.',
          ),
        ),
        collection: optional(collectionID('The restore points of this Azure collection, by its id.')),
      },
      { description: 'Where to look.' },
    ),
    limit: optional(
      integer(1, maxInventoryItems, {
        description: 'How many are listed at most; status.truncated says whether there are more. Unset: 100.',
        default: 100,
      }),
    ),
    refreshInterval: optional(
      duration({
        description:
          'How often the vendor is asked again. A new value of the annotation keyframe.dev/reconcile-at has it asked at once.',
        default: '1h',
        minimum: '15m',
      }),
    ),
  },
  { description: 'What is wanted.' },
);

const InventoryItemStatus = object(
  {
    id: text(maxIDLength, {
      description: "The vendor's id. It goes into spec.source.existing.id of a VMSnapshot that adopts it.",
    }),
    name: optional(text(256, { description: 'Its name, where the vendor has one.' })),
    vmID: optional(text(maxIDLength, { description: 'Id of its VM.' })),
    description: optional(text(256, { description: 'Its description, cut to 256 characters.' })),
    createdAt: optional(timestamp({ description: 'The point in time that it holds.' })),
    type: optional(text(64, { description: "The vendor's word for its kind." })),
    state: optional(text(64, { description: "The vendor's word for its state." })),
    managedBy: text(640, {
      description:
        'Whose it is. VMSnapshot NAMESPACE/NAME or RestorePointCopy NAMESPACE/NAME: of that object. OtherCluster: a Keyframe of another cluster made it. OrphanOfThisCluster: this one made it for an object that is gone. Foreign: it was made by other means.',
    }),
  },
  { description: 'One snapshot at the vendor.' },
);

const VMSnapshotInventoryStatus = object(
  {
    ...statusBase,
    endpointID: optional(text(4096, { description: 'The endpoint on which they lie.' })),
    vm: optional(
      object(
        {
          id: text(maxIDLength, { description: "The vendor's id." }),
          name: text(256, { description: 'Its name.' }),
        },
        { description: 'The VM of scope.vm, as it was found.' },
      ),
    ),
    changedAt: optional(
      timestamp({
        description:
          'When what was found last differed from before. It is looked at more often than it changes.',
      }),
    ),
    counts: optional(
      object(
        {
          total: integer(0, maxInventoryItems, { description: 'Items listed.' }),
          managed: integer(0, maxInventoryItems, { description: 'Those of objects in this cluster.' }),
          otherCluster: integer(0, maxInventoryItems, { description: 'Those of other clusters.' }),
          orphans: integer(0, maxInventoryItems, {
            description: 'Those that this cluster made for objects that are gone.',
          }),
          foreign: integer(0, maxInventoryItems, { description: 'Those made by other means.' }),
        },
        { description: 'How many there are of each.' },
      ),
    ),
    items: optional(
      list(InventoryItemStatus, maxInventoryItems, { description: 'What is there, newest first.' }),
    ),
    truncated: optional(boolean({ description: 'True when there is more at the vendor than items holds.' })),
  },
  {
    description: 'What was found. Only the operator writes it, and only when it changed.',
    default: { observedGeneration: -1 },
  },
);

export const VMSnapshotInventorySchema = object(
  { spec: VMSnapshotInventorySpec, status: optional(VMSnapshotInventoryStatus) },
  {
    description:
      'VMSnapshotInventory lists the snapshots that the vendor has, whether Keyframe manages them or not.',
  },
);

export type VMSnapshotInventorySpec = Static<typeof VMSnapshotInventorySpec>;
export type VMSnapshotInventoryStatus = Static<typeof VMSnapshotInventoryStatus>;
export type InventoryItemStatus = Static<typeof InventoryItemStatus>;
export type VMSnapshotInventory = KubernetesObject & {
  spec: VMSnapshotInventorySpec;
  status?: VMSnapshotInventoryStatus;
};

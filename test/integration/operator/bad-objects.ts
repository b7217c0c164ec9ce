/** Objects that ask for what cannot be: what each is told, by reason and words. */
import type { KindName } from '../../../src/api/kinds.ts';
import type { Reason } from '../../../src/api/reasons.ts';

/** What the wrong objects refer to. */
export interface Given {
  subscriptionID: string;
  /** The VM `web`, and the name of its OS disk; its data disk is `web-data`. */
  web: string;
  osDisk: string;
  /** The VM `db`. */
  db: string;
  /** Ids of a collection that Keyframe did not make, and of restore points in it, oldest first. */
  strangers: string;
  older: string;
  newer: string;
  /** Adopted by the VMSnapshot `adopts`. */
  adopted: string;
  /** Made by the VMSnapshot `good`. */
  good: string;
  /** A copy of `newer`, made by the RestorePointCopy `copies-newer` in northeurope. */
  copied: string;
  /** Made by Azure Backup. */
  backup: string;
}

export interface BadObject {
  /** The sentence's subject. */
  what: string;
  kind?: KindName;
  name: string;
  spec: (given: Given) => object;
  reason: Reason;
  /** What the message must say. */
  says: RegExp[];
}

const anotherSubscription = '01234567-89ab-cdef-0123-456789abcdef';

const snapshot = (spec: object) => ({
  providerRef: { name: 'azure' },
  source: { vm: { name: 'web' } },
  ...spec,
});
const through = (providerRef: object) => () => snapshot({ providerRef });
const adopting = (id: string) => snapshot({ source: { existing: { id } } });
/** A copy of a restore point by id. */
export const copyOf = (restorePointID: string, location: string) => ({
  source: { restorePointID, providerRef: { name: 'azure' } },
  target: { location },
});

export const badObjects: BadObject[] = [
  {
    what: 'a VM that is not there',
    name: 'unknown-vm',
    spec: () => snapshot({ source: { vm: { name: 'ghost' } } }),
    reason: 'SourceNotFound',
    says: [/reading VM ghost/, /Check the name/],
  },
  {
    what: 'a VM of another subscription',
    name: 'other-subscription',
    spec: ({ db, subscriptionID }) =>
      snapshot({ source: { vm: { id: db.replace(subscriptionID, anotherSubscription) } } }),
    reason: 'InvalidSpec',
    says: [new RegExp(`subscription ${anotherSubscription}`), /provider/],
  },
  {
    what: 'an id that is none of a VM',
    name: 'no-vm-id',
    spec: ({ strangers }) => snapshot({ source: { vm: { id: strangers } } }),
    reason: 'InvalidSpec',
    says: [/spec\.source\.vm\.id/, /virtualMachines/],
  },
  {
    what: 'a name without a resource group',
    name: 'no-group',
    spec: through({ name: 'no-group' }),
    reason: 'InvalidSpec',
    says: [/spec\.source\.vm\.resourceGroup/, /of the provider/],
  },
  {
    what: 'a provider that is not there',
    name: 'no-provider',
    spec: through({ name: 'absent' }),
    reason: 'ReferenceNotFound',
    says: [/VMProvider absent/, /not in this namespace/, /set providerRef\.kind/],
  },
  {
    what: 'a ClusterVMProvider that is not there',
    name: 'no-cluster-provider',
    spec: through({ kind: 'ClusterVMProvider', name: 'absent' }),
    reason: 'ReferenceNotFound',
    says: [/ClusterVMProvider absent/, /Make it, or give the right name/],
  },
  {
    what: 'a provider that is not ready',
    name: 'through-wrong-secret',
    spec: through({ name: 'wrong-secret' }),
    reason: 'WaitingForProvider',
    says: [/VMProvider wrong-secret/, /AuthenticationFailed/],
  },
  {
    what: 'a ClusterVMProvider without access rules',
    name: 'closed',
    spec: through({ kind: 'ClusterVMProvider', name: 'closed' }),
    reason: 'AccessDenied',
    says: [/ClusterVMProvider closed/, /no Snapshot of any VM/, /spec\.access/],
  },
  {
    what: 'a VM that is granted to another namespace only',
    name: 'not-granted',
    spec: through({ kind: 'ClusterVMProvider', name: 'for-others' }),
    reason: 'AccessDenied',
    says: [/ClusterVMProvider for-others/, /Add a rule/],
  },
  {
    what: 'an adoption that is not granted',
    name: 'not-granted-adoption',
    spec: ({ older }) =>
      snapshot({
        providerRef: { kind: 'ClusterVMProvider', name: 'snapshots-only' },
        source: { existing: { id: older } },
      }),
    reason: 'AccessDenied',
    says: [/no Adopt of any VM/, /Add a rule/],
  },
  {
    what: 'a copy that is not granted',
    kind: 'RestorePointCopy',
    name: 'not-granted-copy',
    spec: ({ newer }) => ({
      source: {
        restorePointID: newer,
        providerRef: { kind: 'ClusterVMProvider', name: 'snapshots-only' },
      },
      target: { location: 'uksouth' },
    }),
    reason: 'AccessDenied',
    says: [/no Copy of VM web .* into uksouth/, /Add a rule/],
  },
  {
    what: 'a collection that is not granted',
    kind: 'RestorePointCollection',
    name: 'not-granted-collection',
    spec: () => ({
      providerRef: { kind: 'ClusterVMProvider', name: 'snapshots-only' },
      source: { vm: { name: 'web' } },
      location: 'uksouth',
    }),
    reason: 'AccessDenied',
    says: [/no Snapshot of VM web .* into uksouth/, /Add a rule/],
  },
  {
    what: 'memory, which Azure has not,',
    name: 'memory',
    spec: () => snapshot({ memory: 'Exclude' }),
    reason: 'UnsupportedByProvider',
    says: [/spec\.memory/, /without it/],
  },
  {
    what: 'a display name, which Azure has not,',
    name: 'display-name',
    spec: () => snapshot({ displayName: 'nightly' }),
    reason: 'UnsupportedByProvider',
    says: [/spec\.displayName/, /without it/],
  },
  {
    what: 'a configuration without disks',
    name: 'configuration-only',
    spec: () => snapshot({ disks: { mode: 'ConfigurationOnly' } }),
    reason: 'UnsupportedByProvider',
    says: [/ConfigurationOnly/, /without it/],
  },
  {
    what: 'a disk that is none of the VM',
    name: 'unknown-disk',
    spec: () => snapshot({ disks: { mode: 'Exclude', ids: ['db-data'] } }),
    reason: 'InvalidSpec',
    says: [/spec\.disks\.ids names db-data/, /web-data/],
  },
  {
    what: 'every disk left away',
    name: 'no-disk',
    spec: ({ osDisk }) => snapshot({ disks: { mode: 'Exclude', ids: ['web-data', osDisk] } }),
    reason: 'InvalidSpec',
    says: [/every disk/],
  },
  {
    what: 'encryption of a disk that is none of the VM',
    name: 'unknown-encrypted-disk',
    spec: ({ subscriptionID }) => {
      const diskEncryptionSetID = `/subscriptions/${subscriptionID}/resourceGroups/rg-test/providers/Microsoft.Compute/diskEncryptionSets/keys`;
      return snapshot({ azure: { encryption: [{ disk: 'db-data', diskEncryptionSetID }] } });
    },
    reason: 'InvalidSpec',
    says: [/spec\.azure\.encryption names db-data/, /web-data/],
  },
  {
    what: "a direct restore point in the VM's own region",
    name: 'own-region',
    spec: () => snapshot({ azure: { allowDirectCrossRegion: { location: 'West Europe' } } }),
    reason: 'InvalidSpec',
    says: [/allowDirectCrossRegion/, /Leave it away/],
  },
  {
    what: 'a crash-consistent restore point directly in another region',
    name: 'crash-away',
    spec: () =>
      snapshot({
        consistency: { level: 'Crash' },
        azure: { allowDirectCrossRegion: { location: 'northeurope' } },
      }),
    reason: 'UnsupportedByProvider',
    says: [/RestorePointCopy/],
  },
  {
    what: 'a collection of another VM',
    name: 'wrong-collection',
    spec: () => snapshot({ azure: { collectionRef: { name: 'of-db' } } }),
    reason: 'InvalidSpec',
    says: [/RestorePointCollection of-db/, /not for VM web/],
  },
  {
    what: 'a collection that is not there',
    name: 'no-collection',
    spec: () =>
      snapshot({ source: { vm: { name: 'db' } }, azure: { collectionRef: { name: 'comes-later' } } }),
    reason: 'ReferenceNotFound',
    says: [/RestorePointCollection comes-later/, /Make it/],
  },
  {
    what: 'a restore point that an older object adopted',
    name: 'adopts-too',
    spec: ({ adopted }) => adopting(adopted.toUpperCase()),
    reason: 'AdoptionConflict',
    says: [/VMSnapshot adopts already/, /delete it first/],
  },
  {
    what: 'a restore point that another object made',
    name: 'adopts-good',
    spec: ({ good }) => adopting(good),
    reason: 'AdoptionConflict',
    says: [/VMSnapshot good/, /Use that object/],
  },
  {
    what: 'a copy that another object made',
    name: 'adopts-copy',
    spec: ({ copied }) => adopting(copied),
    reason: 'AdoptionConflict',
    says: [/RestorePointCopy copies-newer/, /Use that object/],
  },
  {
    what: 'a restore point of Azure Backup',
    name: 'adopts-backup',
    spec: ({ backup }) => adopting(backup),
    reason: 'AdoptionConflict',
    says: [/Azure Backup/, /never adopted/],
  },
  {
    what: 'a restore point to adopt that is not there',
    name: 'adopts-nothing',
    spec: ({ strangers }) => adopting(`${strangers}/restorePoints/ghost`),
    reason: 'SourceNotFound',
    says: [/restore point ghost/, /Check the name/],
  },
  {
    what: 'a copy into the same region',
    kind: 'RestorePointCopy',
    name: 'same-region',
    spec: () => ({ source: { snapshotRef: { name: 'good' } }, target: { location: 'West Europe' } }),
    reason: 'InvalidSpec',
    says: [/westeurope already/, /another spec\.target\.location/],
  },
  {
    what: 'a copy of an older restore point than the last',
    kind: 'RestorePointCopy',
    name: 'copies-older',
    spec: ({ older }) => copyOf(older, 'northeurope'),
    reason: 'CopyOrderViolated',
    says: [/Copy a newer/],
  },
  {
    what: 'a second copy into one region',
    kind: 'RestorePointCopy',
    name: 'copies-again',
    spec: ({ newer }) => copyOf(newer, 'North Europe'),
    reason: 'AlreadyCopied',
    says: [/RestorePointCopy copies-newer/, /Use that one/],
  },
  {
    what: 'a copy of a copy',
    kind: 'RestorePointCopy',
    name: 'copies-copy',
    spec: ({ copied }) => copyOf(copied, 'uksouth'),
    reason: 'InvalidSpec',
    says: [/itself a copy/, /Copy the restore point that it was made from/],
  },
  {
    what: 'a copy of a VMSnapshot that is not there',
    kind: 'RestorePointCopy',
    name: 'copies-nothing',
    spec: () => ({ source: { snapshotRef: { name: 'ghost' } }, target: { location: 'northeurope' } }),
    reason: 'ReferenceNotFound',
    says: [/VMSnapshot ghost/, /Make it/],
  },
  {
    what: 'a copy of a VMSnapshot that cannot be taken',
    kind: 'RestorePointCopy',
    name: 'copies-refused',
    spec: () => ({ source: { snapshotRef: { name: 'memory' } }, target: { location: 'northeurope' } }),
    reason: 'SourceNotFound',
    says: [/VMSnapshot memory/, /UnsupportedByProvider/],
  },
  {
    what: 'a copy into a collection that is not there',
    kind: 'RestorePointCopy',
    name: 'no-target',
    spec: () => ({
      source: { snapshotRef: { name: 'good' } },
      target: { collectionRef: { name: 'comes-later' } },
    }),
    reason: 'ReferenceNotFound',
    says: [/RestorePointCollection comes-later/, /Make it/],
  },
  {
    what: 'a copy into a collection of a VM',
    kind: 'RestorePointCopy',
    name: 'target-of-vm',
    spec: () => ({
      source: { snapshotRef: { name: 'good' } },
      target: { collectionRef: { name: 'web-elsewhere' } },
    }),
    reason: 'InvalidSpec',
    says: [/RestorePointCollection web-elsewhere/, /not for keyframe-test/, /Name a collection/],
  },
  {
    what: "a collection under another's name",
    kind: 'RestorePointCollection',
    name: 'taken-name',
    spec: () => ({ providerRef: { name: 'azure' }, name: 'strangers', source: { vm: { name: 'web' } } }),
    reason: 'AdoptionConflict',
    says: [/bears no tag keyframe-owner/, /adopt/],
  },
  {
    what: 'a collection for a VM that is not there',
    kind: 'RestorePointCollection',
    name: 'collection-of-ghost',
    spec: () => ({ providerRef: { name: 'azure' }, source: { vm: { name: 'ghost' } } }),
    reason: 'SourceNotFound',
    says: [/reading VM ghost/, /Check the name/],
  },
];

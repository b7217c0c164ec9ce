/** The kinds that Keyframe serves: their names, and what `kubectl get` shows of them. */

export const group = 'keyframe.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

export interface Kind {
  kind: string;
  plural: string;
  shortName: string;
  namespaced: boolean;
  columns: Column[];
}

export interface Column {
  name: string;
  type: 'string' | 'integer' | 'boolean' | 'date';
  jsonPath: string;
  description: string;
  /** Shown only by `-o wide`. */
  wide?: true;
}

const ready: Column = {
  name: 'Ready',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  description: 'Whether it can be used.',
};
const reason: Column = {
  name: 'Reason',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
  description: 'Why, in one word; docs/troubleshooting.md has each.',
};
const message: Column = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.conditions[?(@.type=="Ready")].message',
  description: 'Why, for people.',
  wide: true,
};
const provider: Column = {
  name: 'Provider',
  type: 'string',
  jsonPath: '.spec.providerRef.name',
  description: 'The provider.',
};
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Age of the object.',
};

const providerColumns: Column[] = [
  ready,
  reason,
  { name: 'Product', type: 'string', jsonPath: '.status.product.name', description: 'What answers there.' },
  {
    name: 'Credentials',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="CredentialsValid")].status',
    description: 'Whether the credentials were accepted.',
  },
  age,
  message,
  {
    name: 'Endpoint',
    type: 'string',
    jsonPath: '.status.endpointID',
    description: 'The endpoint.',
    wide: true,
  },
];

export const kinds = {
  VMProvider: {
    kind: 'VMProvider',
    plural: 'vmproviders',
    shortName: 'vmp',
    namespaced: true,
    columns: providerColumns,
  },
  ClusterVMProvider: {
    kind: 'ClusterVMProvider',
    plural: 'clustervmproviders',
    shortName: 'cvmp',
    namespaced: false,
    columns: providerColumns,
  },
  VMSnapshot: {
    kind: 'VMSnapshot',
    plural: 'vmsnapshots',
    shortName: 'vmsnap',
    namespaced: true,
    columns: [
      ready,
      reason,
      { name: 'VM', type: 'string', jsonPath: '.status.vm.name', description: 'The virtual machine.' },
      provider,
      {
        name: 'Consistency',
        type: 'string',
        jsonPath: '.status.consistency.level',
        description: 'How consistent it is.',
      },
      {
        name: 'Progress',
        type: 'integer',
        jsonPath: '.status.progress.percent',
        description: 'How far it is, in percent, where the vendor tells.',
      },
      {
        name: 'Replicated',
        type: 'integer',
        jsonPath: '.status.replication.percent',
        description: 'How much of it has arrived in another region, in percent.',
      },
      {
        name: 'Taken',
        type: 'date',
        jsonPath: '.status.creationTime',
        description: 'The point in time that it holds.',
      },
      age,
      {
        name: 'Expires',
        type: 'string',
        jsonPath: '.status.expirationTime',
        description: 'When its ttl ends.',
        wide: true,
      },
      message,
      {
        name: 'Snapshot',
        type: 'string',
        jsonPath: '.status.snapshotID',
        description: "The vendor's id.",
        wide: true,
      },
    ],
  },
  RestorePointCollection: {
    kind: 'RestorePointCollection',
    plural: 'restorepointcollections',
    shortName: 'rpcol',
    namespaced: true,
    columns: [
      ready,
      reason,
      { name: 'Location', type: 'string', jsonPath: '.status.location', description: 'The region.' },
      {
        name: 'Points',
        type: 'integer',
        jsonPath: '.status.restorePoints.total',
        description: 'Restore points in it at the last look.',
      },
      {
        name: 'Managed',
        type: 'integer',
        jsonPath: '.status.restorePoints.managed',
        description: 'Those that objects in this cluster stand for.',
      },
      provider,
      age,
      message,
      {
        name: 'Source',
        type: 'string',
        jsonPath: '.status.source.id',
        description: 'The VM, or the source collection.',
        wide: true,
      },
      { name: 'ID', type: 'string', jsonPath: '.status.id', description: 'Id at Azure.', wide: true },
    ],
  },
  RestorePointCopy: {
    kind: 'RestorePointCopy',
    plural: 'restorepointcopies',
    shortName: 'rpcopy',
    namespaced: true,
    columns: [
      ready,
      reason,
      {
        name: 'Source',
        type: 'string',
        jsonPath: '.spec.source.snapshotRef.name',
        description: 'The VMSnapshot that is copied.',
      },
      {
        name: 'Location',
        type: 'string',
        jsonPath: '.status.location',
        description: 'The region of the copy.',
      },
      {
        name: 'Progress',
        type: 'integer',
        jsonPath: '.status.replication.percent',
        description: 'How much has arrived, in percent.',
      },
      {
        name: 'Estimated',
        type: 'string',
        jsonPath: '.status.replication.estimatedCompletionTime',
        description: 'When it should be done.',
        wide: true,
      },
      age,
      message,
      {
        name: 'Restore Point',
        type: 'string',
        jsonPath: '.status.restorePointID',
        description: 'Id of the copy.',
        wide: true,
      },
    ],
  },
  VMRestore: {
    kind: 'VMRestore',
    plural: 'vmrestores',
    shortName: 'vmrst',
    namespaced: true,
    columns: [
      ready,
      reason,
      {
        name: 'Strategy',
        type: 'string',
        jsonPath: '.spec.strategy',
        description: 'Whether the VM is put back, or a new one made.',
      },
      {
        name: 'Snapshot',
        type: 'string',
        jsonPath: '.spec.source.snapshotRef.name',
        description: 'The VMSnapshot from which it restores.',
      },
      {
        name: 'VM',
        type: 'string',
        jsonPath: '.status.vm.name',
        description: 'The virtual machine of the snapshot.',
      },
      age,
      {
        name: 'Completed',
        type: 'date',
        jsonPath: '.status.completionTime',
        description: 'When it was verified.',
      },
      message,
      {
        name: 'Start Before',
        type: 'string',
        jsonPath: '.spec.startBefore',
        description: 'When it must have begun.',
        wide: true,
      },
      {
        name: 'Restored',
        type: 'string',
        jsonPath: '.status.restored.vmID',
        description: 'Id of the VM that was put back or made.',
        wide: true,
      },
    ],
  },
  VMSnapshotInventory: {
    kind: 'VMSnapshotInventory',
    plural: 'vmsnapshotinventories',
    shortName: 'vmsinv',
    namespaced: true,
    columns: [
      ready,
      reason,
      provider,
      {
        name: 'Total',
        type: 'integer',
        jsonPath: '.status.counts.total',
        description: 'Snapshots listed.',
      },
      {
        name: 'Managed',
        type: 'integer',
        jsonPath: '.status.counts.managed',
        description: 'Those of objects in this cluster.',
      },
      {
        name: 'Orphans',
        type: 'integer',
        jsonPath: '.status.counts.orphans',
        description: 'Those that this cluster made for objects that are gone.',
      },
      {
        name: 'Foreign',
        type: 'integer',
        jsonPath: '.status.counts.foreign',
        description: 'Those made by other means.',
      },
      {
        name: 'Other Cluster',
        type: 'integer',
        jsonPath: '.status.counts.otherCluster',
        description: 'Those of other clusters.',
        wide: true,
      },
      {
        name: 'Truncated',
        type: 'boolean',
        jsonPath: '.status.truncated',
        description: 'Whether there are more.',
      },
      {
        name: 'Changed',
        type: 'date',
        jsonPath: '.status.changedAt',
        description: 'When what was found last differed from before.',
      },
      age,
      message,
    ],
  },
} satisfies Record<string, Kind>;

export type KindName = keyof typeof kinds;

import {
  boolean,
  exactlyOne,
  integer,
  list,
  listByKey,
  object,
  oneOf,
  optional,
  type Static,
  text,
  timestamp,
} from './schema.ts';

/** The longest vendor id that is taken; an Azure id is far shorter. */
export const maxIDLength = 1024;

/**
 * The pattern of an Azure id below Microsoft.Compute, in the spellings that Azure itself answers with.
 *
 * @param tail pattern of what follows the resource provider
 */
export const azureIDPattern = (tail: string) =>
  `^/[sS]ubscriptions/[^/]+/[rR]esource[gG]roups/[^/]+/providers/[mM]icrosoft\\.[cC]ompute/${tail}$`;

export const objectName = (description: string) =>
  text(253, {
    description,
    minLength: 1,
    form: {
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
      message: 'write the name of a Kubernetes object: lower case letters, digits, - and .',
    },
  });

export const localRef = (description: string) =>
  object({ name: objectName('Name of the object.') }, { description });

export const secretKeyRef = (description: string, defaultKey: string) =>
  object(
    {
      name: objectName('Name of the Secret.'),
      key: optional(
        text(253, {
          description: 'Key in the Secret.',
          default: defaultKey,
          minLength: 1,
          form: {
            pattern: '^[-._a-zA-Z0-9]+$',
            message: 'write a key as Secrets have them: letters, digits, -, _ and .',
          },
        }),
      ),
    },
    { description },
  );

export const providerRef = (description: string) =>
  object(
    {
      kind: optional(
        oneOf(['VMProvider', 'ClusterVMProvider'], {
          description:
            'VMProvider (in the namespace of this object) or ClusterVMProvider (which must grant access to this namespace).',
          default: 'VMProvider',
        }),
      ),
      name: objectName('Name of the provider.'),
    },
    { description },
  );

export const ProviderRef = providerRef('The provider: through which connection the vendor is reached.');
export type ProviderRef = Static<typeof ProviderRef>;

export const DeletionPolicy = (description: string) => oneOf(['Delete', 'Retain'], { description });
export type DeletionPolicy = 'Delete' | 'Retain';

export const resourceGroupName = (description: string) =>
  text(90, {
    description,
    minLength: 1,
    form: {
      pattern: '^[-\\w.()]*[-\\w()]$',
      message:
        'write the name of a resource group, not its id; letters, digits, -, _, ., ( and ), with no period at the end',
    },
  });

/** A region, in any of the spellings that Azure takes: `westeurope`, `West Europe`. */
export const location = (description: string) =>
  text(64, {
    description,
    minLength: 1,
    form: { pattern: '^[A-Za-z0-9 ]+$', message: 'write the name of a region, such as westeurope' },
  });

/** One VM, by id or by name. */
export const vmRef = (description: string) =>
  object(
    {
      id: optional(
        text(maxIDLength, {
          description:
            "The vendor's id of the VM. Azure: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/..",
          minLength: 1,
        }),
      ),
      name: optional(
        text(128, {
          description: 'The name of the VM.',
          minLength: 1,
          form: { pattern: '^[^/]+$', message: 'write the name alone; an id goes into id' },
        }),
      ),
      resourceGroup: optional(
        resourceGroupName("Azure: the resource group of a VM given by name. Unset: the provider's."),
      ),
    },
    {
      description: `${description} Set exactly one of id, name.`,
      rules: [
        exactlyOne('id', 'name'),
        {
          rule: '!(has(self.id) && has(self.resourceGroup))',
          message: 'resourceGroup goes with name; an id holds its own',
        },
      ],
    },
  );

export const Condition = object(
  {
    type: text(316, { description: 'Kind of condition, in CamelCase.' }),
    status: text(16, { description: 'True, False or Unknown.' }),
    observedGeneration: optional(
      integer(0, Number.MAX_SAFE_INTEGER, {
        description: 'The generation that the condition was made from.',
      }),
    ),
    lastTransitionTime: timestamp({ description: 'When the status last changed.' }),
    reason: text(1024, {
      description: 'Why, in one CamelCase word; docs/troubleshooting.md says for each what to do.',
    }),
    message: text(32768, { description: 'Why, for people.' }),
  },
  { description: 'One aspect of the state, as in metav1.Condition.' },
);
export type Condition = Static<typeof Condition>;

export const Conditions = listByKey(Condition, 'type', 16, {
  description:
    'Ready always; Reconciling and Stalled only while they are True, never both. A terminal failure sets Stalled.',
});

export const Operation = object(
  {
    kind: text(64, { description: 'What is being done: Create, Copy, Delete.' }),
    token: optional(
      text(8192, { description: "The vendor's handle of the operation, for a restart; dropped at the end." }),
    ),
    startedAt: optional(
      timestamp({ description: 'When the first attempt began; deadlines count from here.' }),
    ),
    attempts: optional(
      integer(0, 1_000_000, {
        description:
          'Attempts that are settled as not made: refused by the vendor, or proved without effect.',
      }),
    ),
    nextAttemptAt: optional(timestamp({ description: 'When the next attempt is due.' })),
  },
  { description: 'The operation in hand: all that a restart of the operator needs beside the intent.' },
);
export type Operation = Static<typeof Operation>;

export const StatusError = object(
  {
    reason: text(128, { description: 'As in the condition.' }),
    message: text(32768, { description: 'What failed, what the vendor said, what to do.' }),
    vendorCode: optional(text(256, { description: "The vendor's own code." })),
    time: timestamp({ description: 'When it was first seen.' }),
  },
  { description: 'The last error. It stays until the next success.' },
);
export type StatusError = Static<typeof StatusError>;

export const DiskReplicationStatus = object(
  {
    name: text(256, { description: 'The disk.' }),
    diskRestorePointID: optional(text(maxIDLength, { description: "The vendor's id of this disk's part." })),
    sizeBytes: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Size of the disk.' })),
    percent: optional(integer(0, 100, { description: 'How much has arrived.' })),
    state: text(64, { description: 'Pending, Replicating, Succeeded or Failed.' }),
    message: optional(text(1024, { description: "The vendor's words." })),
  },
  { description: 'Replication of one disk.' },
);
export type DiskReplicationStatus = Static<typeof DiskReplicationStatus>;

export const Replication = object(
  {
    state: text(64, { description: 'Pending, Replicating, Succeeded or Failed.' }),
    percent: integer(0, 100, {
      description: 'All disks, weighted by size where it is known. Never goes back.',
    }),
    disks: list(DiskReplicationStatus, 65, { description: 'Disk by disk.' }),
    estimatedCompletionTime: optional(
      timestamp({ description: 'When it should be done, at the pace so far.' }),
    ),
  },
  {
    description:
      'How far the data is. A vendor that says Succeeded of a copy means only that copying has begun.',
  },
);
export type Replication = Static<typeof Replication>;

export const Encryption = list(
  object(
    {
      disk: text(maxIDLength, { description: 'The disk of the VM, by name or id.', minLength: 1 }),
      diskEncryptionSetID: text(maxIDLength, {
        description: 'The disk encryption set; it must lie in the region of the collection.',
        minLength: 1,
        form: {
          pattern: azureIDPattern('[dD]isk[eE]ncryption[sS]ets/[^/]+'),
          message:
            'write the id of a disk encryption set: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/diskEncryptionSets/..',
        },
      }),
      type: optional(
        oneOf(
          [
            'EncryptionAtRestWithPlatformKey',
            'EncryptionAtRestWithCustomerKey',
            'EncryptionAtRestWithPlatformAndCustomerKeys',
          ],
          {
            description: 'How it is encrypted at rest.',
          },
        ),
      ),
    },
    { description: "How one disk's part is encrypted." },
  ),
  64,
  {
    description:
      'Encryption disk by disk. Disks that are not named keep what Azure gives them; a copy of a disk with a customer key is encrypted with a platform key unless it is named here.',
  },
);
export type Encryption = Static<typeof Encryption>;

/** Members of every status. */
export const statusBase = {
  observedGeneration: optional(
    integer(-1, Number.MAX_SAFE_INTEGER, {
      description: 'The generation of the spec that this status speaks of; -1 until the first.',
    }),
  ),
  lastHandledReconcileAt: optional(
    text(256, {
      description: 'The last value of the annotation keyframe.dev/reconcile-at that was acted upon.',
    }),
  ),
  conditions: optional(Conditions),
};

export const readyToUse = (description: string) => boolean({ description });

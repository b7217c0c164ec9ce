import type { TSchema } from 'typebox';
import {
  boolean,
  exactlyOne,
  integer,
  list,
  listByKey,
  object,
  oneOf,
  optional,
  type Rule,
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

/** A key of a Secret, with its default. */
export const secretKey = (description: string, defaultKey: string) =>
  optional(
    text(253, {
      // kubectl explain shows no default.
      description: `${description} Unset: ${defaultKey}.`,
      default: defaultKey,
      minLength: 1,
      form: {
        pattern: '^[-._a-zA-Z0-9]+$',
        message: 'write a key as Secrets have them: letters, digits, -, _ and .',
      },
    }),
  );

export const secretKeyRef = (description: string, defaultKey: string) =>
  object(
    {
      name: objectName('Name of the Secret.'),
      key: secretKey('Key in the Secret.', defaultKey),
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

/** The id of an Azure restore point collection. */
export const collectionID = (description: string, rules: Rule[] = []) =>
  text(maxIDLength, {
    description,
    form: {
      pattern: azureIDPattern('[rR]estore[pP]oint[cC]ollections/[^/]+'),
      message:
        'write the id of a restore point collection: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/restorePointCollections/..',
    },
    rules,
  });

/** A GUID, in either case. */
export const guid = (description: string) =>
  text(36, {
    description,
    form: {
      pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
      message: 'write a GUID such as 01234567-89ab-cdef-0123-456789abcdef',
    },
  });

const vmID = () =>
  text(maxIDLength, {
    description:
      "The vendor's id of the VM. Azure: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/..; oVirt: its GUID; SPF: its ID, which is not its VMId.",
    minLength: 1,
  });
// oVirt's own names go up to 255 characters.
const vmName = () =>
  text(255, {
    description: 'The name of the VM. Several VMs of that name: AmbiguousSource, with their ids.',
    minLength: 1,
    form: { pattern: '^[^/]+$', message: 'write the name alone; an id goes into id' },
  });

/** The stamp (the VMM server) of SPF. */
export const stampID = (description: string) => guid(`SPF: ${description}`);

/**
 * One VM of any vendor, by id or by name.
 *
 * @param further members beside these
 */
export const plainVMRef = <const Further extends Record<string, TSchema>>(
  description: string,
  further: Further,
) =>
  object(
    { id: optional(vmID()), name: optional(vmName()), ...further },
    { description: `${description} Set exactly one of id, name.`, rules: [exactlyOne('id', 'name')] },
  );

const vmMembers = {
  id: optional(vmID()),
  name: optional(vmName()),
  resourceGroup: optional(
    resourceGroupName("Azure: the resource group of a VM given by name. Unset: the provider's."),
  ),
};
const vmRules = [
  exactlyOne('id', 'name'),
  {
    rule: '!(has(self.id) && has(self.resourceGroup))',
    message: 'resourceGroup goes with name; an id holds its own',
  },
];

/** One VM of Azure, by id or by name. */
export const azureVMRef = (description: string) =>
  object(vmMembers, { description: `${description} Set exactly one of id, name.`, rules: vmRules });

/** One VM of any vendor, by id or by name, with what narrows a name down. */
export const vmRef = (description: string) =>
  object(
    {
      ...vmMembers,
      stampID: optional(stampID('the stamp on which the VM lies. Unset: found from the VM.')),
    },
    { description: `${description} Set exactly one of id, name.`, rules: vmRules },
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

const operationMembers = {
  kind: text(64, { description: 'What is being done: Create, Copy, Describe, Delete, Restore.' }),
  token: optional(
    text(8192, { description: "The vendor's handle of the operation, for a restart; dropped at the end." }),
  ),
  startedAt: optional(timestamp({ description: 'When the first attempt began; deadlines count from here.' })),
  attempts: optional(
    integer(0, 1_000_000, {
      description: 'Attempts that are settled as not made: refused by the vendor, or proved without effect.',
    }),
  ),
  nextAttemptAt: optional(timestamp({ description: 'When the next attempt is due.' })),
};
const operationDescription =
  'The operation in hand: all that a restart of the operator needs beside the intent.';

export const Operation = object(operationMembers, { description: operationDescription });

/** Of a kind whose operations freeze guests. */
export const FreezingOperation = object(
  {
    ...operationMembers,
    frozenAt: optional(
      timestamp({ description: 'When the guest was frozen for it, where that was asked for.' }),
    ),
    thawedAt: optional(timestamp({ description: 'When the guest was thawed again.' })),
  },
  { description: operationDescription },
);
/** The operation of any kind. */
export type Operation = Static<typeof FreezingOperation>;

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

/** Which disks, by name or id. */
export const diskIDs = (description: string) =>
  list(text(maxIDLength, { description: 'A disk of the VM, by name or id.', minLength: 1 }), 64, {
    description,
    minItems: 1,
  });

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

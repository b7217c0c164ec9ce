import type { KubernetesObject } from '../kubernetes-object.ts';
import {
  DeletionPolicy,
  Encryption,
  localRef,
  location,
  maxIDLength,
  Operation,
  ProviderRef,
  Replication,
  readyToUse,
  StatusError,
  statusBase,
  vmRef,
} from './common.ts';
import {
  duration,
  immutable,
  integer,
  list,
  object,
  oneOf,
  optional,
  type Static,
  stringMap,
  text,
  timestamp,
  union,
} from './schema.ts';

const VMSnapshotSpec = object(
  {
    providerRef: ProviderRef,
    source: union(
      {
        vm: optional(vmRef('Take a new snapshot of this VM.')),
        existing: optional(
          object(
            {
              id: text(maxIDLength, {
                description: "The vendor's id of the snapshot. Azure: the id of the restore point.",
                minLength: 1,
              }),
            },
            { description: 'Adopt a snapshot that is there. Its deletionPolicy is Retain unless set.' },
          ),
        ),
      },
      { description: 'What this is a snapshot of.' },
    ),
    displayName: optional(
      text(128, { description: 'Name at the vendor. Azure restore points have none.', minLength: 1 }),
    ),
    description: optional(
      text(1024, { description: 'Description at the vendor. Azure restore points have none.', minLength: 1 }),
    ),
    consistency: optional(
      object(
        {
          level: oneOf(['Application', 'FileSystem', 'Crash'], {
            description:
              'Application > FileSystem > Crash. Azure: Application and FileSystem take its default way, which achieves what the guest can give; Crash asks for a crash-consistent point.',
          }),
          policy: optional(
            oneOf(['Require', 'Prefer'], {
              description:
                'Require: a snapshot that falls short is removed and fails with ConsistencyNotMet. Prefer: it is kept, and status says what was achieved.',
              default: 'Prefer',
            }),
          ),
        },
        { description: "How consistent it is to be. Unset: the vendor's default, whatever it achieves." },
      ),
    ),
    memory: optional(
      oneOf(['Exclude', 'Include'], {
        description: 'Whether the memory is part of it. Azure has no such thing.',
      }),
    ),
    disks: optional(
      object(
        {
          mode: oneOf(['All', 'Include', 'Exclude', 'ConfigurationOnly'], {
            description: 'Which disks: all, only those of ids, all but those of ids, or none.',
          }),
          ids: optional(
            list(text(maxIDLength, { description: 'A disk of the VM, by name or id.', minLength: 1 }), 64, {
              description: 'Disks of the VM, by name or id.',
              minItems: 1,
            }),
          ),
        },
        {
          description: 'Which disks are part of it. Unset: all.',
          rules: [
            {
              rule: "has(self.ids) == (self.mode in ['Include', 'Exclude'])",
              message: 'ids go with mode Include or Exclude, and only with these',
            },
          ],
        },
      ),
    ),
    azure: optional(
      object(
        {
          collectionRef: optional(
            localRef(
              'The RestorePointCollection that is to hold it. Unset: one is made for the VM and shared by its snapshots.',
            ),
          ),
          allowDirectCrossRegion: optional(
            object(
              { location: location('The region.') },
              {
                description:
                  'Take the restore point directly in another region than the VM. It is ready only when its data has arrived there.',
              },
            ),
          ),
          encryption: optional(Encryption),
        },
        { description: 'What only Azure has.' },
      ),
    ),
    deadline: optional(
      duration({ description: 'Bounds the work once begun.', default: '2h', minimum: '1m' }),
    ),
    startDeadline: optional(
      duration({ description: 'Bounds the wait before the work begins.', default: '24h', minimum: '1m' }),
    ),
    ttl: optional(
      duration({
        description:
          'The object deletes itself so long after completion. Not while it is held (keyframe.dev/hold) or being copied or restored, and not where Argo CD or Flux track it: remove it from Git there. Unset: it stays.',
        minimum: '1m',
      }),
    ),
    deletionPolicy: optional(
      DeletionPolicy(
        'Whether the snapshot at the vendor goes with the object. Unset: Delete for one that was made, Retain for an adopted one.',
      ),
    ),
  },
  {
    description: 'What is wanted. All but deletionPolicy and ttl is fixed.',
    rules: [
      ...immutable(
        {
          required: ['providerRef', 'source'],
          optional: [
            'displayName',
            'description',
            'consistency',
            'memory',
            'disks',
            'azure',
            'deadline',
            'startDeadline',
          ],
        },
        'make a new VMSnapshot',
      ),
      {
        rule: '!has(self.source.existing) || !(has(self.consistency) || has(self.memory) || has(self.disks) || has(self.azure))',
        message:
          'consistency, memory, disks and azure say how a snapshot is taken; leave them away when adopting one that is there',
      },
    ],
  },
);

const VMSnapshotStatus = object(
  {
    ...statusBase,
    provisioningState: optional(
      text(64, { description: 'Pending, Creating, Succeeded, Failed or Deleting.' }),
    ),
    readyToUse: optional(
      readyToUse("True only while the vendor's own evidence says that a VM can be restored from it."),
    ),
    snapshotID: optional(text(maxIDLength, { description: "The vendor's id of the snapshot." })),
    endpointID: optional(text(4096, { description: 'The endpoint on which it lies.' })),
    creationTime: optional(
      timestamp({ description: 'The point in time that it holds, as the vendor says.' }),
    ),
    completionTime: optional(timestamp({ description: 'When it was first seen ready.' })),
    expirationTime: optional(timestamp({ description: 'When ttl ends its life.' })),
    deletionPolicy: optional(text(64, { description: 'What holds: Delete or Retain.' })),
    vm: optional(
      object(
        {
          id: optional(text(maxIDLength, { description: "The vendor's id." })),
          name: text(256, { description: 'Its name.' }),
          uid: optional(text(256, { description: 'Tells a VM made anew under the same name.' })),
        },
        { description: 'The VM, resolved once.' },
      ),
    ),
    source: optional(
      object(
        {
          size: optional(text(128, { description: 'Size of the VM.' })),
          osType: optional(text(64, { description: 'Operating system.' })),
          location: optional(text(64, { description: 'Region of the VM.' })),
        },
        { description: 'The VM as it was.' },
      ),
    ),
    location: optional(text(64, { description: 'Region in which the snapshot lies.' })),
    consistency: optional(
      object(
        {
          level: optional(text(64, { description: 'What was achieved: Application, FileSystem or Crash.' })),
          indications: optional(
            list(
              object(
                {
                  type: text(64, { description: 'Such as Partial or QuiesceFailed.' }),
                  message: text(1024, { description: 'For people.' }),
                },
                { description: 'One indication.' },
              ),
              16,
              { description: 'What else should be known of it.' },
            ),
          ),
        },
        { description: 'How consistent it is.' },
      ),
    ),
    disks: optional(
      list(
        object(
          {
            id: optional(text(maxIDLength, { description: "The VM's disk." })),
            name: text(256, { description: 'Its name.' }),
            sizeBytes: optional(integer(0, Number.MAX_SAFE_INTEGER, { description: 'Its size.' })),
            snapshotID: optional(text(maxIDLength, { description: "The vendor's id of this disk's part." })),
          },
          { description: 'One disk.' },
        ),
        65,
        { description: 'The disks that are part of it.' },
      ),
    ),
    replication: optional(Replication),
    operation: optional(Operation),
    vendor: optional(
      stringMap({
        description: "The vendor's raw words, for people; nothing branches on them.",
        maxProperties: 16,
        maxValueLength: 1024,
      }),
    ),
    error: optional(StatusError),
  },
  {
    description: 'What was found and done. Only the operator writes it.',
    default: { observedGeneration: -1 },
  },
);

export const VMSnapshotSchema = object(
  { spec: VMSnapshotSpec, status: optional(VMSnapshotStatus) },
  {
    description:
      'VMSnapshot is one snapshot of one virtual machine outside the cluster: on Azure a restore point.',
  },
);

export type VMSnapshotSpec = Static<typeof VMSnapshotSpec>;
export type VMSnapshotStatus = Static<typeof VMSnapshotStatus>;
export type VMSnapshot = KubernetesObject & { spec: VMSnapshotSpec; status?: VMSnapshotStatus };

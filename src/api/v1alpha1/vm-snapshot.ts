import type { KubernetesObject } from '../kubernetes-object.ts';
import {
  DeletionPolicy,
  diskIDs,
  Encryption,
  FreezingOperation,
  guid,
  localRef,
  location,
  maxIDLength,
  objectName,
  ProviderRef,
  plainVMRef,
  Replication,
  readyToUse,
  StatusError,
  stampID,
  statusBase,
  vmRef,
} from './common.ts';
import {
  duration,
  immutable,
  integer,
  list,
  listByKey,
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
                description:
                  "The vendor's id of the snapshot. Azure: the id of the restore point; oVirt: of the snapshot; SPF: the ID of the checkpoint.",
                minLength: 1,
              }),
              vm: optional(
                plainVMRef(
                  'oVirt, SPF: the VM whose snapshot it is. oVirt needs it; Azure and SPF tell it.',
                  {},
                ),
              ),
              stampID: optional(stampID('the stamp on which the VM lies. Unset: found from the VM.')),
            },
            {
              description:
                'Adopt a snapshot that is there, as a VMSnapshotInventory lists them. Its deletionPolicy is Retain unless set.',
            },
          ),
        ),
      },
      { description: 'What this is a snapshot of.' },
    ),
    displayName: optional(
      text(128, {
        description: 'Name at the vendor, to which Keyframe adds its mark. Only SPF has such a name.',
        minLength: 1,
      }),
    ),
    description: optional(
      text(1024, {
        description:
          'Description at the vendor, to which Keyframe adds its mark. Azure restore points have none. It can be changed where the vendor can (SPF); elsewhere a change is UnsupportedByProvider.',
        minLength: 1,
      }),
    ),
    consistency: optional(
      object(
        {
          level: oneOf(['Application', 'FileSystem', 'Crash'], {
            description:
              'Application > FileSystem > Crash. Azure: Application and FileSystem take its default way, which achieves what the guest can give; Crash asks for a crash-consistent point. SPF has no choice.',
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
        description:
          'Whether the memory of the VM is part of it, for which the guest pauses. Only oVirt has the choice; unset, it is left out there.',
      }),
    ),
    disks: optional(
      object(
        {
          mode: oneOf(['All', 'Include', 'Exclude', 'ConfigurationOnly'], {
            description:
              'Which disks: all, only those of ids, all but those of ids, or none but the configuration of the VM. SPF takes all.',
          }),
          ids: optional(diskIDs('Disks of the VM, by name or id.')),
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
    ovirt: optional(
      object(
        {
          freeze: optional(
            oneOf(['Auto', 'Always'], {
              description:
                "Whether Keyframe itself freezes the guest's filesystems before the snapshot and thaws them after it. Auto: it leaves that to the engine, and thaws the guest after a snapshot of Cinder disks alone on engines that would leave it frozen. Always: it does, for Cinder disks alone; refused where there are ordinary disks, which the host freezes itself and would then fail to. Engines before 4.4 may fail the snapshot of a guest that is frozen already. Unset: Auto.",
            }),
          ),
          saveConfigurationTo: optional(
            object(
              { configMapName: objectName('Name of the ConfigMap. It must not be there yet.') },
              {
                description:
                  'Keep the configuration of the VM (OVF), without passwords and keys, in a ConfigMap of this namespace.',
              },
            ),
          ),
          imageIDs: optional(
            listByKey(
              object(
                {
                  disk: text(maxIDLength, {
                    description: 'The disk of the VM, by name or id.',
                    minLength: 1,
                  }),
                  imageID: guid('Id of the new active image.'),
                },
                { description: "One disk's image id." },
              ),
              'disk',
              64,
              {
                description:
                  'Ids that the new active images get, to rebuild a chain of images from a backup. Unset: the engine makes them.',
              },
            ),
          ),
        },
        { description: 'What only oVirt has.' },
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
    description: 'What is wanted. All but deletionPolicy, ttl and description is fixed.',
    rules: [
      ...immutable(
        {
          required: ['providerRef', 'source'],
          optional: [
            'displayName',
            'consistency',
            'memory',
            'disks',
            'azure',
            'ovirt',
            'deadline',
            'startDeadline',
          ],
        },
        'make a new VMSnapshot',
      ),
      {
        rule: '!has(self.source.existing) || !(has(self.consistency) || has(self.memory) || has(self.disks) || has(self.azure) || (has(self.ovirt) && (has(self.ovirt.freeze) || has(self.ovirt.imageIDs))))',
        message:
          'consistency, memory, disks, azure, ovirt.freeze and ovirt.imageIDs say how a snapshot is taken; leave them away when adopting one that is there',
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
    snapshotName: optional(
      text(1024, {
        description:
          'The name at the vendor that bears the mark of this object, by which Keyframe knows it again.',
      }),
    ),
    description: optional(
      text(1024, { description: 'The description that it was given last, as spec has it.' }),
    ),
    endpointID: optional(text(4096, { description: 'The endpoint on which it lies.' })),
    stampID: optional(text(64, { description: 'SPF: the stamp on which it lies.' })),
    fingerprint: optional(
      text(256, {
        description:
          "Made of what never changes of it: tells another one that got its id later, as oVirt's ids are given again.",
      }),
    ),
    creationTime: optional(
      timestamp({ description: 'The point in time that it holds, as the vendor says.' }),
    ),
    completionTime: optional(timestamp({ description: 'When it was first seen ready.' })),
    expirationTime: optional(timestamp({ description: 'When ttl ends its life.' })),
    deletionPolicy: optional(text(64, { description: 'What holds: Delete or Retain.' })),
    progress: optional(
      object(
        { percent: integer(0, 100, { description: 'How far it is, in percent. Never goes back.' }) },
        {
          description:
            'How far the work is, where the vendor tells: the job of SPF. oVirt and Azure tell nothing; how far data is on its way into another region is in replication.',
        },
      ),
    ),
    parentID: optional(
      text(maxIDLength, { description: 'Id of the snapshot on which it is based, where the vendor tells.' }),
    ),
    configuration: optional(
      object(
        {
          type: text(64, { description: 'Its form: ovf.' }),
          configMapName: text(253, { description: 'The ConfigMap that holds it.' }),
        },
        { description: 'Where the configuration of the VM is kept, if asked for.' },
      ),
    ),
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
                  type: text(64, {
                    description:
                      'Online, MemoryIncluded, GuestQuiesced, QuiesceFailed, Partial or ConfigurationOnly.',
                  }),
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
            state: optional(
              text(64, { description: "The vendor's word for it, where it tells one for each disk." }),
            ),
          },
          { description: 'One disk.' },
        ),
        65,
        { description: 'The disks that are part of it.' },
      ),
    ),
    replication: optional(Replication),
    operation: optional(FreezingOperation),
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
      'VMSnapshot is one snapshot of one virtual machine outside the cluster: on Azure a restore point, on oVirt a snapshot, on SPF a checkpoint.',
  },
);

export type VMSnapshotSpec = Static<typeof VMSnapshotSpec>;
export type VMSnapshotStatus = Static<typeof VMSnapshotStatus>;
export type VMSnapshot = KubernetesObject & { spec: VMSnapshotSpec; status?: VMSnapshotStatus };

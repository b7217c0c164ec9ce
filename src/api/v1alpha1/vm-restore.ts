import type { KubernetesObject } from '../kubernetes-object.ts';
import { diskIDs, localRef, maxIDLength, Operation, StatusError, statusBase } from './common.ts';
import {
  duration,
  immutable,
  integer,
  list,
  object,
  oneOf,
  optional,
  type Static,
  text,
  timestamp,
} from './schema.ts';

/** Fields that say how a VM is put back, and mean nothing to a new one. */
const inPlaceOnly = [
  'target',
  'power',
  'shutdownTimeout',
  'onFailure',
  'memory',
  'disks',
  'acceptDataLoss',
  'preview',
];

const VMRestoreSpec = object(
  {
    source: object(
      {
        snapshotRef: localRef(
          'The VMSnapshot to restore from. The restore waits until it is ready; while it reads it, it is not deleted.',
        ),
      },
      { description: 'From what.' },
    ),
    strategy: oneOf(['InPlace', 'NewVM'], {
      description:
        'InPlace: the VM of the snapshot is put back; what it did since is lost. NewVM: a new VM is made beside it (oVirt).',
    }),
    startBefore: optional(
      timestamp({
        description:
          'A restore that has not begun by then never begins (Expired), so that a manifest left in Git, or applied to a rebuilt cluster, rolls nothing back. Required for InPlace. Unset (NewVM): 24 hours after the object was made.',
      }),
    ),
    target: optional(
      object(
        {
          vmID: text(maxIDLength, {
            description: 'Id of the VM that is put back: that of the snapshot, as its status.vm.id has it.',
            minLength: 1,
          }),
        },
        { description: 'Which VM is put back, said once more. Required for InPlace, and only for it.' },
      ),
    ),
    power: optional(
      oneOf(['RequireOff', 'StopAndStart'], {
        description:
          'RequireOff: a VM that is on is PreconditionFailed. StopAndStart: it is shut down for the restore, powered off if it does not follow, and started again after. Unset: RequireOff.',
      }),
    ),
    shutdownTimeout: optional(
      duration({
        description:
          'With power: StopAndStart, how long the guest may take to shut down before the VM is powered off. Unset: 5m.',
        minimum: '1s',
        maximum: '24h',
      }),
    ),
    onFailure: optional(
      oneOf(['RestorePower', 'LeaveOff'], {
        description:
          'With power: StopAndStart, whether a VM that was on is started again when the restore failed. Unset: RestorePower.',
      }),
    ),
    memory: optional(
      oneOf(['Exclude', 'Include'], {
        description:
          'Whether the memory that the snapshot holds is put back: the VM is then suspended and goes on where it was. Only oVirt has the choice; unset, it is left out there.',
      }),
    ),
    disks: optional(
      object(
        { ids: diskIDs('Only these disks of the VM, by name or id; the others stay as they are.') },
        { description: 'Which disks are put back. Unset: all of the snapshot. Only oVirt has the choice.' },
      ),
    ),
    acceptDataLoss: optional(
      list(
        oneOf(['NewerSnapshots'], {
          description: 'NewerSnapshots: those taken after the one that is restored.',
        }),
        1,
        {
          description:
            'What may be lost beside the state of the VM. oVirt removes newer snapshots: without NewerSnapshots a VM that has such is PreconditionFailed, and they are named.',
          minItems: 1,
        },
      ),
    ),
    preview: optional(
      object(
        {
          action: oneOf(['Hold', 'Commit', 'Undo'], {
            description:
              'Hold: stay in preview (AwaitingDecision); it can be changed to the others later. Commit: keep it. Undo: go back to the VM as it was.',
          }),
        },
        { description: 'Restore by way of a preview, which can be undone (oVirt).' },
      ),
    ),
    newVM: optional(
      object(
        {
          name: text(255, {
            description: 'Its name.',
            minLength: 1,
            form: {
              pattern: '^[-_.A-Za-z0-9]+$',
              message: 'write a name of letters, digits, -, _ and .',
            },
          }),
          ovirt: optional(
            object(
              {
                cluster: optional(
                  text(255, {
                    description: 'Name or id of the cluster. Unset: that of the VM of the snapshot.',
                    minLength: 1,
                  }),
                ),
              },
              { description: 'What only oVirt has.' },
            ),
          ),
        },
        { description: 'The VM that is made. Required for NewVM, and only for it.' },
      ),
    ),
    deadline: optional(
      duration({ description: 'Bounds the work once begun.', default: '2h', minimum: '1m' }),
    ),
  },
  {
    description: 'What is wanted. All is fixed, but for preview.action as long as it is Hold.',
    rules: [
      ...immutable(
        {
          required: ['source', 'strategy'],
          optional: [
            'startBefore',
            'target',
            'power',
            'shutdownTimeout',
            'onFailure',
            'memory',
            'disks',
            'acceptDataLoss',
            'newVM',
            'deadline',
          ],
        },
        'make a new VMRestore',
      ),
      {
        rule: "has(self.preview) == has(oldSelf.preview) && (!has(self.preview) || oldSelf.preview.action == 'Hold' || self.preview.action == oldSelf.preview.action)",
        message: 'preview cannot be changed, but for an action of Hold; make a new VMRestore',
        fieldPath: '.preview',
      },
      {
        rule: "self.strategy != 'InPlace' || has(self.startBefore)",
        message:
          'set startBefore for strategy InPlace, such as an hour from now: not begun by then, the restore never begins',
      },
      {
        rule: "self.strategy != 'InPlace' || has(self.target)",
        message:
          'set target.vmID for strategy InPlace to the id of the VM, as status.vm.id of the snapshot has it',
      },
      {
        rule: `self.strategy == 'InPlace' || !(${inPlaceOnly.map((field) => `has(self.${field})`).join(' || ')})`,
        message: `${inPlaceOnly.join(', ')} go with strategy InPlace; leave them away`,
      },
      {
        rule: "(self.strategy == 'NewVM') == has(self.newVM)",
        message: 'newVM goes with strategy NewVM, and only with it',
      },
      {
        rule: "!(has(self.onFailure) || has(self.shutdownTimeout)) || (has(self.power) && self.power == 'StopAndStart')",
        message:
          'onFailure and shutdownTimeout go with power: StopAndStart; else the power of the VM is left alone',
      },
    ],
  },
);

const Step = object(
  {
    name: text(64, { description: 'What is done, in one CamelCase word.' }),
    state: text(64, {
      description:
        'Pending (refused, and tried again), Requested (sent, or just about to be), Running (the vendor took it), Done or Failed.',
    }),
    startedAt: optional(timestamp({ description: 'When it began.' })),
    finishedAt: optional(timestamp({ description: 'When it ended.' })),
    message: optional(text(1024, { description: 'What came of it, for people.' })),
  },
  { description: 'One step.' },
);

/** As `Operation`, where each step is a request of its own and only refused ones are made again. */
const RestoreOperation = object(
  {
    ...Operation.properties,
    kind: text(64, { description: 'The step that was done last, or is being done: see steps.' }),
    attempts: optional(
      integer(0, 1_000_000, {
        description: 'Requests to the vendor that are settled, whatever came of them; each has a number.',
      }),
    ),
  },
  { description: 'The step in hand: all that a restart of the operator needs.' },
);

const VMRestoreStatus = object(
  {
    ...statusBase,
    provisioningState: optional(text(64, { description: 'Pending, Restoring, Succeeded or Failed.' })),
    endpointID: optional(text(4096, { description: 'The endpoint on which the VM lies.' })),
    providerRef: optional(
      object(
        {
          kind: text(64, { description: 'VMProvider or ClusterVMProvider.' }),
          name: text(253, { description: 'Its name.' }),
        },
        { description: 'The provider, which the restore still needs when its VMSnapshot is gone.' },
      ),
    ),
    source: optional(
      object(
        {
          snapshotID: text(maxIDLength, { description: "The vendor's id of the snapshot." }),
          creationTime: optional(timestamp({ description: 'The point in time that it holds.' })),
          fingerprint: optional(
            text(256, { description: 'Of the snapshot, against one that got its id later.' }),
          ),
        },
        { description: 'From what it restores, resolved once.' },
      ),
    ),
    vm: optional(
      object(
        {
          id: optional(text(maxIDLength, { description: "The vendor's id." })),
          name: text(256, { description: 'Its name.' }),
          containerID: optional(
            text(maxIDLength, {
              description: 'As what the vendor addresses it with its snapshots: SPF goes by stamp and VM.',
            }),
          ),
        },
        { description: 'The VM of the snapshot.' },
      ),
    ),
    powerStateBefore: optional(
      text(64, { description: 'The power of the VM before it was touched: On, Off or Suspended.' }),
    ),
    steps: optional(list(Step, 16, { description: 'How far it is, in the order in which it is done.' })),
    restored: optional(
      object(
        {
          vmID: text(maxIDLength, { description: 'Id of the VM that was put back or made.' }),
          vmName: optional(text(256, { description: 'Its name.' })),
          disks: optional(
            list(text(256, { description: 'Name of a disk.' }), 65, {
              description: 'The disks that were put back or made.',
            }),
          ),
        },
        { description: 'What came of it.' },
      ),
    ),
    startedAt: optional(timestamp({ description: 'When the first attempt began.' })),
    completionTime: optional(
      timestamp({ description: 'When it ended, well or not: nothing more is done for it then.' }),
    ),
    operation: optional(RestoreOperation),
    error: optional(StatusError),
  },
  {
    description: 'What was found and done. Only the operator writes it.',
    default: { observedGeneration: -1 },
  },
);

export const VMRestoreSchema = object(
  { spec: VMRestoreSpec, status: optional(VMRestoreStatus) },
  {
    description:
      'VMRestore is one act of putting a VM back to a snapshot, or of making a new VM from it. It runs once.',
  },
);

export type VMRestoreSpec = Static<typeof VMRestoreSpec>;
export type VMRestoreStatus = Static<typeof VMRestoreStatus>;
export type VMRestore = KubernetesObject & { spec: VMRestoreSpec; status?: VMRestoreStatus };

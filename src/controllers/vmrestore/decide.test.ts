import { describe, expect, it } from 'vitest';
import { annotations, finalizer } from '../../api/names.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { VMOperator } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import {
  ago,
  aProvider,
  cluster,
  correlationID,
  done,
  hours,
  minutes,
  notFound,
  now,
  otherUID,
  uid,
  unavailable,
  vendorError,
} from '../testing/builders.ts';
import { decideRestore } from './decide.ts';
import type { Action, RestoreFacts, RestoreIntent, RestoreSeen, RestoreStep } from './facts.ts';
import {
  allRead,
  aMarkedVM,
  aNewerSnapshot,
  anInspection,
  anOperator,
  aRestorableVM,
  aRestore,
  aRestoreToNewVM,
  aSource,
  aSourceObject,
  begunStatus,
  engineID,
  failure,
  newerID,
  type RestoreChange,
  restoreFacts,
  restoreNeighbours,
  restoring,
  snapshotID,
  vmID,
} from './testing/builders.ts';

/** A sentence, what is known, and the members that the step has then. */
type Row = [
  sentence: string,
  facts: RestoreFacts,
  step: { do: RestoreStep['do']; [member: string]: unknown },
];

function table(rows: Row[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    const step = decideRestore(facts);
    expect(step).toMatchObject(expected);
    if (expected.do === 'Finish' && expected.verdict === undefined)
      expect(step).not.toHaveProperty('verdict');
  });
}

const says = (reason: string, message = '', rest: object = {}) => ({
  do: 'Finish' as const,
  verdict: { reason, message: expect.stringContaining(message) },
  ...rest,
});
/** The restore has failed; what was changed is put back next. */
const gives = (reason: string, message = '', rest: object = {}) => ({
  do: 'Finish' as const,
  verdict: { reason: 'Restoring', message: expect.stringContaining('What was changed is put back') },
  record: { error: { reason, message: expect.stringContaining(message) }, ...rest },
});
const stepIs = (name: Action, state: string, rest: object = {}) => ({ step: { name, state, ...rest } });

const read = (change: RestoreSeen): RestoreSeen => ({ ...allRead, ...change });
const inspected = (change: Parameters<typeof anInspection>[0] = {}): RestoreSeen => ({
  inspection: done(anInspection(change)),
});
const on = aRestorableVM({ power: 'On' });
const busyVM = aRestorableVM({ power: 'Busy', vendorState: 'powering_down' });
const inPreview = { previewOf: snapshotID };
const operation = (state: 'Running' | 'Succeeded' | 'Failed' | 'None', words?: string): RestoreSeen => ({
  operation: done({
    state,
    ...(words === undefined
      ? {}
      : { failure: { kind: 'Failed', transient: false, error: { code: '101', message: words } } as Failure }),
  }),
});
/** What is settled of a write that left no trace for long enough. */
const settled = { since: 0, firstEmptyLookUp: 0, lastEmptyLookUp: 900_000 };

const fresh = (change: RestoreChange = {}, rest: Partial<RestoreFacts> = {}) =>
  restoreFacts({ object: aRestore(change), ...rest });
const begun = (
  steps: Parameters<typeof begunStatus>[0],
  seen: RestoreSeen = {},
  change: RestoreChange & { facts?: Partial<RestoreFacts>; state?: Parameters<typeof begunStatus>[1] } = {},
) => {
  const { facts, state, ...rest } = change;
  return restoreFacts({ object: aRestore({ ...rest, status: begunStatus(steps, state) }), seen, ...facts });
};
const stopAndStart = { spec: { power: 'StopAndStart' as const } };
const hold = (action: 'Hold' | 'Commit' | 'Undo' = 'Hold') => ({ spec: { preview: { action } } });
const going = { metadata: { deletionTimestamp: ago(minutes) } };
const provider = (change: Partial<VMOperator>): Partial<RestoreFacts> => ({
  provider: { state: 'Ready', provider: anOperator(change) },
});
const source = (change: Parameters<typeof aSourceObject>[0]): Partial<RestoreFacts> => ({
  neighbours: { ...restoreNeighbours, snapshot: () => aSourceObject(change) },
});

describe('before a restore begins', () => {
  table([
    [
      'its VMSnapshot is not there: waits',
      fresh({}, { neighbours: { ...restoreNeighbours, snapshot: () => undefined } }),
      says('ReferenceNotFound', 'nightly'),
    ],
    [
      'its VMSnapshot is not ready: queues',
      fresh({}, source({ status: { readyToUse: false } })),
      says('Queued', 'waiting for VMSnapshot nightly'),
    ],
    [
      'its VMSnapshot is going: refuses',
      fresh({}, source({ metadata: { deletionTimestamp: ago(1) } })),
      says('SourceNotFound', 'being deleted'),
    ],
    [
      'its VMSnapshot failed for good: refuses',
      fresh(
        {},
        source({
          status: {
            readyToUse: false,
            conditions: [
              {
                type: 'Ready',
                status: 'False',
                reason: 'CreationFailed',
                message: '',
                lastTransitionTime: ago(1),
              },
            ],
          },
        }),
      ),
      says('SourceNotFound', 'CreationFailed'),
    ],
    [
      'the provider is not there: says so',
      fresh({}, { provider: { state: 'Absent' } }),
      says('ReferenceNotFound', 'engine'),
    ],
    [
      'the provider is not ready: waits',
      fresh({}, { provider: { state: 'NotReady', reason: 'AuthenticationFailed', message: 'x' } }),
      says('WaitingForProvider', 'AuthenticationFailed'),
    ],
    [
      'the provider was not tried yet: waits without a word',
      fresh({}, { provider: { state: 'Untried' } }),
      { do: 'Finish' },
    ],
    [
      'the provider is of Azure: cannot',
      fresh({}, { provider: { state: 'Ready', provider: aProvider() } }),
      says('UnsupportedByProvider', 'spec.strategy: InPlace is set, but'),
    ],
    [
      'the snapshot lies on another endpoint: concludes nothing',
      fresh({}, provider({ endpointID: 'ovirt:other' })),
      says('ProviderChanged', engineID),
    ],
    [
      'another VM is named than the snapshot is of: refuses, and names both',
      fresh({ spec: { target: { vmID: 'vm-2' } } }),
      says('InvalidSpec', 'spec.target.vmID is vm-2, but VMSnapshot nightly is of VM vm-1'),
    ],
    [
      'the VM is named in other letters: goes on',
      fresh({ spec: { target: { vmID: 'VM-1' } } }),
      { do: 'ReadVM' },
    ],
    ['the VM is read first', fresh(), { do: 'ReadVM', query: { id: vmID } }],
    [
      'of SPF, with its stamp',
      fresh({}, source({ status: { stampID: 's' } })),
      { do: 'ReadVM', query: { id: vmID, stampID: 's' } },
    ],
    ['the VM is gone: refuses', fresh({}, { seen: { vm: notFound('Object') } }), says('SourceNotFound')],
    [
      'whether the VM is there is not known: waits',
      fresh({}, { seen: { vm: notFound('Unproven') } }),
      says('ProviderUnavailable'),
    ],
    [
      'the VM was made anew: refuses',
      fresh({}, { seen: { vm: done(aRestorableVM({ uid: 'vm-7' })) } }),
      says('PreconditionFailed', 'made anew'),
    ],
    [
      'then the snapshot',
      fresh({}, { seen: { vm: allRead.vm } }),
      { do: 'ReadSource', ref: { id: snapshotID, containerID: vmID } },
    ],
    [
      'the snapshot is gone at the vendor: refuses',
      fresh({}, { seen: read({ source: notFound('Object') }) }),
      says('SourceNotFound'),
    ],
    [
      'the snapshot bears another mark: its id was given again',
      fresh({}, { seen: read({ source: done(aSource({ name: 'Active VM', fingerprint: 'f1' })) }) }),
      says('SourceNotFound', 'another snapshot under the id'),
    ],
    [
      'the snapshot has another fingerprint: refuses',
      fresh({}, { seen: read({ source: done(aSource({ fingerprint: 'f9' })) }) }),
      says('SourceNotFound', 'another snapshot'),
    ],
    [
      'the snapshot is of another VM: refuses',
      fresh({}, { seen: read({ source: done(aSource({ vmID: 'vm-2' })) }) }),
      says('SourceNotFound', 'is of VM vm-2'),
    ],
    [
      'an adopted snapshot goes by its fingerprint, not by a mark',
      fresh(
        {},
        {
          ...source({ spec: { source: { existing: { id: snapshotID } } } }),
          seen: read({ source: done(aSource({ name: 'by hand' })) }),
        },
      ),
      { do: 'WriteIntent' },
    ],
    [
      'an adopted snapshot without anything to know it by: refuses',
      fresh(
        {},
        {
          ...source({
            spec: { source: { existing: { id: snapshotID } } },
            status: { fingerprint: undefined, creationTime: undefined } as never,
          }),
          seen: read({ source: done(aSource({ name: 'by hand' })) }),
        },
      ),
      says('SourceNotFound', 'another snapshot'),
    ],
    [
      'the snapshot is locked: waits',
      fresh({}, { seen: read({ source: done(aSource({ state: 'Locked', vendorState: 'locked' })) }) }),
      says('ConcurrentOperation', 'locked'),
    ],
    [
      'then the VM is inspected',
      fresh({}, { seen: { vm: allRead.vm, source: allRead.source } }),
      { do: 'Inspect', containerID: vmID },
    ],
    [
      'the VM is in preview: refuses with the way out',
      fresh({}, { seen: read(inspected({ previewOf: 'snapshot-7' })) }),
      says('PreconditionFailed', 'Commit or undo the preview at the vendor first'),
    ],
    [
      'the vendor is at work on the VM: waits',
      fresh({}, { seen: read(inspected({ busy: 'a merge runs' })) }),
      says('ConcurrentOperation', 'a merge runs'),
    ],
    [
      'a snapshot of the VM is locked: waits',
      fresh(
        {},
        {
          seen: read(
            inspected({ snapshots: [aSource(), aNewerSnapshot({ state: 'Locked', vendorState: 'locked' })] }),
          ),
        },
      ),
      says('ConcurrentOperation', 'snapshot-2 is locked'),
    ],
    [
      'the VM is on, and may not be stopped: refuses',
      fresh({}, { seen: read(inspected({ vm: on })) }),
      says('PreconditionFailed', 'Shut it down, or make a new VMRestore with power: StopAndStart'),
    ],
    [
      'the VM is suspended: refuses, even where it may be stopped',
      fresh(stopAndStart, { seen: read(inspected({ vm: aRestorableVM({ power: 'Suspended' }) })) }),
      says('PreconditionFailed', 'suspended'),
    ],
    [
      'the VM is on its way down: waits',
      fresh({}, { seen: read(inspected({ vm: busyVM })) }),
      says('ConcurrentOperation', 'powering_down'),
    ],
    [
      'what the VM is is not known: waits',
      fresh(
        {},
        { seen: read(inspected({ vm: aRestorableVM({ power: 'Unknown', vendorState: 'not_responding' }) })) },
      ),
      says('ConcurrentOperation', 'not_responding'),
    ],
    [
      'newer snapshots would be lost: refuses and names them',
      fresh({}, { seen: read(inspected({ snapshots: [aSource(), aNewerSnapshot()] })) }),
      says('PreconditionFailed', `"by hand" (${newerID}, of `),
    ],
    [
      'a newer one of this cluster is called by its object',
      fresh(
        {},
        {
          seen: read(
            inspected({
              snapshots: [
                aSource(),
                aNewerSnapshot({
                  name: markedName({ cluster, uid: '33333333-3333-4333-8333-333333333333', attempt: 1 }),
                }),
              ],
            }),
          ),
          neighbours: { ...restoreNeighbours, objectWithUID: () => 'VMSnapshot later' },
        },
      ),
      says('PreconditionFailed', 'VMSnapshot later (snapshot-2'),
    ],
    [
      'the loss is accepted: goes on',
      fresh(
        { spec: { acceptDataLoss: ['NewerSnapshots'] } },
        { seen: read(inspected({ snapshots: [aSource(), aNewerSnapshot()] })) },
      ),
      { do: 'WriteIntent' },
    ],
    [
      'nothing is lost where the vendor keeps newer ones',
      fresh(
        {},
        {
          ...provider({
            capabilities: {
              restore: { ...restoring.restore, losesNewer: false },
            } as VMOperator['capabilities'],
          }),
          seen: read(inspected({ snapshots: [aSource(), aNewerSnapshot()] })),
        },
      ),
      { do: 'WriteIntent' },
    ],
    [
      'an older snapshot is not lost',
      fresh(
        {},
        { seen: read(inspected({ snapshots: [aSource(), aNewerSnapshot({ createdAt: ago(9 * hours) })] })) },
      ),
      { do: 'WriteIntent' },
    ],
    [
      'memory is wanted that the snapshot does not hold: refuses',
      fresh({ spec: { memory: 'Include' } }, { seen: allRead }),
      says('InvalidSpec', 'holds no memory'),
    ],
    [
      'memory is wanted of a vendor that has none to give: cannot',
      fresh(
        { spec: { memory: 'Exclude' } },
        provider({
          capabilities: {
            restore: { ...restoring.restore, memory: 'checkpoints choose themselves' },
          } as VMOperator['capabilities'],
        }),
      ),
      says('UnsupportedByProvider', 'spec.memory is set, but checkpoints choose themselves'),
    ],
    [
      'a new VM is wanted of a vendor that only puts back: says which strategy there is',
      fresh(
        { spec: { strategy: 'NewVM', newVM: { name: 'copy' } } },
        provider({
          capabilities: {
            restore: { ...restoring.restore, newVM: 'checkpoints make no VMs' },
          } as VMOperator['capabilities'],
        }),
      ),
      says('UnsupportedByProvider', 'make no VMs. Make a new VMRestore with strategy: InPlace'),
    ],
    [
      'a disk is named that is not there: refuses, and names those that are',
      fresh({ spec: { disks: { ids: ['swap'] } } }, { seen: allRead }),
      says('InvalidSpec', 'its disks are os, data'),
    ],
    [
      'someone else is at work on the VM: queues',
      fresh(
        {},
        {
          seen: allRead,
          neighbours: { ...restoreNeighbours, vmLane: () => ({ sends: [], busy: 'VMSnapshot hourly' }) },
        },
      ),
      says('Queued', 'VMSnapshot hourly is at work'),
    ],
    ['it is paused: does nothing', fresh({ annotations: { [annotations.paused]: 'true' } }), says('Paused')],
    [
      'its time has passed: never begins',
      fresh({ spec: { startBefore: ago(1_000) } }),
      says('Expired', 'Nothing was touched', { record: { completedAt: now } }),
    ],
    [
      'its time has passed while it was paused: never begins either',
      fresh({ spec: { startBefore: ago(1_000) }, annotations: { [annotations.paused]: 'true' } }),
      says('Expired'),
    ],
    [
      'its time passes between the intent and the claim: never begins',
      fresh({ spec: { startBefore: ago(1_000) } }, { seen: { ...allRead, intent: {} as RestoreIntent } }),
      says('Expired'),
    ],
    [
      'what waits looks again when its time is over',
      fresh({}, { seen: read(inspected({ vm: on })) }),
      says('PreconditionFailed', '', { endsInMs: 60 * minutes }),
    ],
    [
      'a new VM waits a day for its beginning',
      restoreFacts({ object: aRestoreToNewVM({ metadata: { creationTimestamp: ago(25 * hours) } }) }),
      says('Expired', 'within 24 hours'),
    ],
  ]);

  it('asks nothing of a VM that a ClusterVMProvider does not grant', () => {
    const access = [{ namespaceSelector: {}, operations: ['Snapshot' as const] }];
    const facts = restoreFacts({
      provider: { state: 'Ready', provider: anOperator(), access },
      neighbours: {
        ...restoreNeighbours,
        snapshot: () =>
          aSourceObject({ spec: { providerRef: { kind: 'ClusterVMProvider', name: 'shared' } } }),
      },
    });
    expect(decideRestore(facts)).toMatchObject(says('AccessDenied', 'no Restore of any VM'));
  });

  it('restores only the VMs that a ClusterVMProvider grants', () => {
    const facts = (names: string[]) =>
      restoreFacts({
        provider: {
          state: 'Ready',
          provider: anOperator(),
          access: [{ namespaceSelector: {}, operations: ['Restore' as const], vms: { names } }],
        },
        neighbours: {
          ...restoreNeighbours,
          snapshot: () =>
            aSourceObject({ spec: { providerRef: { kind: 'ClusterVMProvider', name: 'shared' } } }),
        },
        seen: { vm: allRead.vm },
      });
    expect(decideRestore(facts(['app-2']))).toMatchObject(says('AccessDenied', 'no Restore of VM app-1'));
    expect(decideRestore(facts(['app-1']))).toMatchObject({ do: 'ReadSource' });
  });
});

describe('the first write', () => {
  const target = (change: object = {}) => ({
    containerID: vmID,
    vmID,
    snapshotID,
    ...change,
    name: markedName({ cluster, uid, attempt: 1 }),
  });
  const intent = (step: Action, change: object = {}): RestoreIntent => ({
    uid,
    attempt: 1,
    endpointID: engineID,
    correlationID,
    step,
    startedAt: ago(0),
    target: target(change),
  });

  table([
    [
      'of a VM that is off is the restore; without a word on memory, that is left out',
      fresh({}, { seen: allRead }),
      { do: 'WriteIntent', intent: intent('Restore', { memory: false }), lane: `${engineID} ${vmID}` },
    ],
    [
      'of one that is on is its shutdown',
      fresh(stopAndStart, { seen: read(inspected({ vm: on })) }),
      { do: 'WriteIntent', intent: intent('Shutdown') },
    ],
    [
      'by way of a preview is the preview',
      fresh(hold(), { seen: allRead }),
      { do: 'WriteIntent', intent: { step: 'Preview' } },
    ],
    [
      'names the disks that are wanted by the images of the snapshot',
      fresh({ spec: { disks: { ids: ['data', 'DISK-DATA'] } } }, { seen: allRead }),
      {
        do: 'WriteIntent',
        intent: intent('Restore', {
          memory: false,
          disks: [{ diskID: 'disk-data', snapshotID: 'image-data' }],
        }),
      },
    ],
    [
      'holds the last task of the VM, where the vendor tells one',
      fresh({}, { seen: read(inspected({ vm: aRestorableVM({ taskID: 't1' }) })) }),
      { do: 'WriteIntent', intent: intent('Restore', { memory: false, baseline: 't1' }) },
    ],
    [
      'holds the last task anew once the VM was stopped, so that the stop is not taken for the restore',
      begun(
        { Shutdown: 'Done' },
        read(inspected({ vm: aRestorableVM({ taskID: 'the stop' }) })),
        stopAndStart,
      ),
      { do: 'WriteIntent', intent: { step: 'Restore', attempt: 2, target: { baseline: 'the stop' } } },
    ],
    ...(['the stop', 'before the stop'] as const).map((baseline): Row => {
      const second = {
        ...target({ memory: false, baseline }),
        name: markedName({ cluster, uid, attempt: 2 }),
      };
      const seen = {
        ...read(inspected({ vm: aRestorableVM({ taskID: 'the stop' }) })),
        intent: { ...intent('Restore'), attempt: 2, target: second },
      };
      return [
        `is claimed only where its last task is the stop: ${baseline}`,
        begun({ Shutdown: 'Done' }, seen, stopAndStart),
        baseline === 'the stop' ? { do: 'Claim' } : says('ConcurrentOperation', 'changed while'),
      ];
    }),
    [
      'is looked at again once its intent is written',
      fresh({}, { seen: { intent: intent('Restore', { memory: false }) } }),
      { do: 'ReadVM' },
    ],
    [
      "is claimed then, with what was found and the vendor's token",
      fresh({}, { seen: { ...allRead, intent: intent('Restore', { memory: false }) } }),
      {
        do: 'Claim',
        verdict: { reason: 'Restoring' },
        record: {
          begun: {
            providerRef: { name: 'engine' },
            endpointID: engineID,
            vm: { id: vmID, containerID: vmID },
            powerStateBefore: 'Off',
          },
          step: { name: 'Restore', state: 'Requested' },
          operation: { kind: 'Restore', attempts: 0, token: `events of ${correlationID}` },
        },
      },
    ],
    [
      'records the power before anything is changed',
      fresh(stopAndStart, { seen: { ...read(inspected({ vm: on })), intent: intent('Shutdown') } }),
      { do: 'Claim', record: { begun: { powerStateBefore: 'On' } } },
    ],
    [
      'is not claimed when the VM was started meanwhile',
      fresh(stopAndStart, {
        seen: { ...read(inspected({ vm: on })), intent: intent('Restore', { memory: false }) },
      }),
      says('ConcurrentOperation', 'changed while'),
    ],
    [
      'is not claimed when another task came between',
      fresh(
        {},
        {
          seen: {
            ...read(inspected({ vm: aRestorableVM({ taskID: 't2' }) })),
            intent: intent('Restore', { memory: false, baseline: 't1' }),
          },
        },
      ),
      says('ConcurrentOperation'),
    ],
    [
      'is not claimed when a newer snapshot came between',
      fresh(
        {},
        {
          seen: {
            ...read(inspected({ snapshots: [aSource(), aNewerSnapshot()] })),
            intent: intent('Restore', { memory: false }),
          },
        },
      ),
      says('PreconditionFailed'),
    ],
    [
      'is sent when it is claimed',
      begun({ Restore: 'Requested' }, { intent: intent('Restore'), claimed: true }),
      { do: 'Send', intent: { step: 'Restore' } },
    ],
    [
      'is never sent for a claim that this run did not make',
      begun({ Restore: 'Requested' }),
      { do: 'ReadOperation' },
    ],
  ]);
});

describe('what the vendor answers to a request', () => {
  const sent = (
    step: Action,
    outcome: RestoreSeen['sent'],
    seen: RestoreSeen = {},
    change: RestoreChange = {},
  ) =>
    begun(
      { [step]: 'Requested' },
      { ...seen, claimed: true, ...(outcome === undefined ? {} : { sent: outcome }) },
      change,
    );
  const error = vendorError;
  const later: Failure = { kind: 'Conflict', retry: 'Later', error };

  table([
    [
      'accepted: it runs, and its token is kept',
      sent('Restore', done({ token: 'job 1' })),
      says('Restoring', '', {
        record: { step: { name: 'Restore', state: 'Running' }, operation: { token: 'job 1' } },
        settled: true,
      }),
    ],
    [
      'accepted without a token: that of the attempt stays',
      sent('Restore', done({})),
      says('Restoring', '', { record: { operation: { token: 'events of it' } } }),
    ],
    [
      'accepted with a time to wait: waits so long',
      sent('Restore', { kind: 'Pending', value: {}, afterMs: 7_000 }),
      says('Restoring', '', { requeueAfterMs: 7_000 }),
    ],
    [
      'lost: nothing is concluded, and nothing settled',
      sent('Restore', { kind: 'Unknown', error }),
      says('Restoring', 'being found out', { record: { step: { state: 'Requested' } } }),
    ],
    [
      'failed at the vendor: looked up like a lost one',
      sent('Restore', { kind: 'Failed', transient: true, error }),
      says('Restoring', '', { record: { step: { state: 'Requested' } } }),
    ],
    [
      'throttled: another attempt, when the vendor says',
      sent('Restore', { kind: 'Throttled', afterMs: 90_000, error }),
      says('ProviderThrottled', '', {
        requeueAfterMs: 90_000,
        record: { step: { state: 'Pending' }, operation: { attempts: 1 } },
      }),
    ],
    [
      'not sent in time: another attempt',
      sent('Restore', { kind: 'NotSent', error }),
      says('ProgressingWithRetry', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'the endpoint was not reached: another attempt',
      sent('Restore', unavailable),
      says('ProviderUnavailable', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'not permitted: the restore has failed',
      sent('Restore', { kind: 'Denied', cause: 'Permission', error }),
      gives('RestoreFailed', 'words of the vendor'),
    ],
    [
      'no room: the restore has failed, since the VM is off meanwhile',
      sent(
        'Restore',
        { kind: 'LimitReached', limit: 'Quota', error },
        { ...inspected(), ...operation('None') },
      ),
      gives('RestoreFailed'),
    ],
    ['busy: the VM is looked at before that is believed', sent('Restore', later), { do: 'Inspect' }],
    ['busy: and the record of the operation', sent('Restore', later, inspected()), { do: 'ReadOperation' }],
    [
      'busy, and nothing was begun: another attempt',
      sent('Restore', later, { ...inspected(), ...operation('None') }),
      says('ConcurrentOperation', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'refused half way: the VM is in preview, and the restore has failed',
      sent('Restore', later, { ...inspected(inPreview), ...operation('Failed') }),
      gives('RestoreFailed', 'left in preview', stepIs('Restore', 'Failed')),
    ],
    [
      'refused, and someone else put the snapshot into preview: another attempt would be refused by then',
      sent('Restore', later, { ...inspected(inPreview), ...operation('None') }),
      says('ConcurrentOperation', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'refused, and what came of it cannot be read: looked up like a lost one',
      sent('Restore', later, { inspection: unavailable, ...operation('None') }),
      says('Restoring', '', { record: { step: { state: 'Requested' } } }),
    ],
    [
      'a shutdown is refused: another attempt',
      sent('Shutdown', { kind: 'Invalid', error }, {}, stopAndStart),
      says('ProgressingWithRetry', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'a start is not permitted: another attempt all the same',
      sent('Start', { kind: 'Denied', cause: 'Permission', error }),
      says('PermissionDenied', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'a guest cannot be asked to shut down: what comes next does without it',
      sent('Shutdown', { kind: 'Unsupported', error }),
      says('Restoring', '', { record: stepIs('Shutdown', 'Failed') }),
    ],
    [
      'a shutdown is refused while the vendor is at work: another attempt',
      sent('Shutdown', { kind: 'Conflict', retry: 'Later', error }),
      says('ConcurrentOperation', '', { record: { step: { state: 'Pending' } } }),
    ],
    [
      'an undo is refused: another attempt',
      sent('Undo', { kind: 'Conflict', retry: 'Never', error }),
      says('ProgressingWithRetry', '', { record: { step: { state: 'Pending' } } }),
    ],
  ]);
});

describe('a restore whose outcome nobody recorded', () => {
  const asked = (seen: RestoreSeen, facts: Partial<RestoreFacts> = {}) =>
    begun({ Restore: 'Requested' }, seen, { facts });
  table([
    ['is looked up by its token', asked({}), { do: 'ReadOperation', token: 'events of it' }],
    ['and at the VM', asked(operation('None')), { do: 'Inspect' }],
    [
      'was done: the vendor says so, and the VM is free',
      asked({ ...operation('Succeeded'), ...inspected() }),
      says('Restoring', '', { record: stepIs('Restore', 'Done') }),
    ],
    ['is still under way', asked({ ...operation('Running'), ...inspected() }), says('Restoring', 'at work')],
    [
      'may be under way while someone is at work on the VM',
      asked({ ...operation('None'), ...inspected({ busy: 'preview' }) }, { unknown: settled }),
      says('Restoring', 'preview'),
    ],
    [
      'failed: the vendor says so',
      asked({ ...operation('Failed', 'no space'), ...inspected() }),
      gives('RestoreFailed', 'no space'),
    ],
    [
      'shows nothing yet: looks again',
      asked({ ...operation('None'), ...inspected() }),
      says('Restoring', 'being found out'),
    ],
    [
      'shows nothing, and not long enough: looks again',
      asked(
        { ...operation('None'), ...inspected() },
        { unknown: { since: 990_000, firstEmptyLookUp: 990_000, lastEmptyLookUp: 1_000_000 } },
      ),
      says('Restoring', 'being found out'),
    ],
    [
      'shows nothing for long: it had no effect, and is not sent again',
      asked({ ...operation('None'), ...inspected() }, { unknown: settled }),
      gives('RestoreFailed', 'had no effect, which is proved now, and is not sent again'),
    ],
    [
      'shows nothing, where another record may have taken the place of its own: nobody knows',
      asked({ operation: done({ state: 'None', overwritten: true }), ...inspected() }, { unknown: settled }),
      gives('OutcomeUnknown', 'no record of how it ended'),
    ],
    [
      'can be told by no record: nobody knows, and it is not sent again',
      restoreFacts({
        object: aRestore({
          status: begunStatus({ Restore: 'Requested' }, { operation: { kind: 'Restore', attempts: 0 } }),
        }),
        seen: inspected(),
        unknown: settled,
      }),
      gives('OutcomeUnknown', 'It is not sent again'),
    ],
    [
      'can be told by no record that may be read: nobody knows',
      asked(
        { operation: { kind: 'Denied', cause: 'Permission', error: vendorError }, ...inspected() },
        { unknown: settled },
      ),
      gives('OutcomeUnknown'),
    ],
    ['cannot be looked up now: waits', asked({ operation: unavailable }), says('ProviderUnavailable')],
    [
      'left the VM in preview: the vendor says that it failed',
      asked({ ...operation('Failed'), ...inspected(inPreview) }),
      gives('RestoreFailed', 'came as far as a preview'),
    ],
    [
      'and the snapshot is in preview, by whom is not known: nobody undoes it',
      asked({ ...operation('None'), ...inspected(inPreview) }, { unknown: settled }),
      gives('OutcomeUnknown', 'nothing proves that this is of this restore'),
    ],
    [
      'and another snapshot is in preview: says whose that is not',
      asked({ ...operation('None'), ...inspected({ previewOf: newerID }) }),
      gives('OutcomeUnknown', newerID),
    ],
    [
      'is overdue: says that it is not known, and looks slowly',
      begun(
        { Restore: 'Requested' },
        { ...operation('None'), ...inspected() },
        { state: { age: 3 * hours } },
      ),
      says('OutcomeUnknown', 'not done within spec.deadline (2h)', { requeueAfterMs: 600_000 }),
    ],
    [
      'is found done after its deadline: it is done',
      begun(
        { Restore: 'Requested' },
        { ...operation('Succeeded'), ...inspected() },
        { state: { age: 3 * hours } },
      ),
      says('Restoring', '', { record: stepIs('Restore', 'Done') }),
    ],
  ]);
});

describe('a restore that the vendor accepted', () => {
  const running = (seen: RestoreSeen, change: Parameters<typeof begun>[2] = {}) =>
    begun({ Restore: 'Running' }, seen, change);
  const old = { state: { age: 10 * minutes } };
  table([
    [
      'is not believed to be done before the VM is free',
      running({ ...operation('Succeeded'), ...inspected({ busy: 'a commit' }) }),
      says('Restoring', 'a commit'),
    ],
    [
      'is done when the record says so and the VM is free',
      running({ ...operation('Succeeded'), ...inspected() }),
      says('Restoring', '', {
        record: { ...stepIs('Restore', 'Done'), restored: { vmID, vmName: 'app-1', disks: ['os', 'data'] } },
      }),
    ],
    [
      'is not done where disks of the VM cannot be used',
      running({ ...operation('Succeeded'), ...inspected({ damaged: 'disks are illegal: data' }) }),
      gives('RestoreFailed', 'disks are illegal: data'),
    ],
    [
      'is looked at again where nobody knows the state of the VM',
      running({
        ...operation('Succeeded'),
        ...inspected({ vm: aRestorableVM({ power: 'Unknown', vendorState: 'not_responding' }) }),
      }),
      says('Restoring', 'not_responding'),
    ],
    [
      'is done of a VM that is suspended, where memory was put back',
      running({ ...operation('Succeeded'), ...inspected({ vm: aRestorableVM({ power: 'Suspended' }) }) }),
      says('Restoring', '', { record: stepIs('Restore', 'Done') }),
    ],
    [
      'tells which disks it put back',
      running({ ...operation('Succeeded'), ...inspected() }, { spec: { disks: { ids: ['disk-data'] } } }),
      says('Restoring', '', { record: { restored: { disks: ['data'] } } }),
    ],
    [
      'goes by the VM alone where the vendor keeps no record',
      restoreFacts({
        object: aRestore({
          status: begunStatus({ Restore: 'Running' }, { operation: { kind: 'Restore', attempts: 0 } }),
        }),
        seen: inspected(),
      }),
      says('Restoring', '', { record: stepIs('Restore', 'Done') }),
    ],
    [
      'has no record of its end yet: looks again',
      running({ ...operation('None'), ...inspected() }),
      says('Restoring', 'being found out'),
    ],
    [
      'never has a record of its end: nobody knows',
      running({ ...operation('None'), ...inspected() }, old),
      gives('OutcomeUnknown', 'no record of how it ended'),
    ],
    [
      'stays in preview, and the record says that it failed',
      running({ ...operation('Failed', 'refused'), ...inspected(inPreview) }),
      gives('RestoreFailed', 'refused'),
    ],
    [
      'is between preview and commit: waits',
      running({ ...operation('Running'), ...inspected(inPreview) }),
      says('Restoring'),
    ],
    [
      'stays between preview and commit beyond its deadline: gives up',
      running({ ...operation('Running'), ...inspected(inPreview) }, { state: { age: 3 * hours } }),
      gives('RestoreFailed', 'which is undone'),
    ],
    [
      'loses its VM: fails',
      running({ ...operation('None'), inspection: notFound('Object'), gone: done(true) }),
      gives('RestoreFailed', 'is gone at the vendor'),
    ],
    [
      'may have lost its VM: proves it first',
      running({ ...operation('None'), inspection: notFound('Object') }),
      { do: 'ProveGone', containerID: vmID },
    ],
    [
      'has not lost its VM: waits',
      running({ ...operation('None'), inspection: notFound('Object'), gone: done(false) }),
      says('ProviderUnavailable'),
    ],
    [
      'is overdue: says so, goes on looking',
      running({ ...operation('Running'), ...inspected() }, { state: { age: 3 * hours } }),
      says('DeadlineExceeded', '', { requeueAfterMs: 600_000 }),
    ],
    [
      'is paused: goes on all the same',
      running({}, { annotations: { [annotations.paused]: 'true' } }),
      { do: 'ReadOperation' },
    ],
    [
      'loses its provider: waits',
      running({}, { facts: { provider: { state: 'Absent' } } }),
      says('ReferenceNotFound'),
    ],
    [
      'goes on through a provider that is not ready',
      running(
        {},
        {
          facts: {
            provider: {
              state: 'NotReady',
              reason: 'ProviderUnavailable',
              message: '',
              provider: anOperator(),
            },
          },
        },
      ),
      { do: 'ReadOperation' },
    ],
    [
      'finds another endpoint: concludes nothing',
      running({}, { facts: provider({ endpointID: 'ovirt:other' }) }),
      says('ProviderChanged', engineID),
    ],
    ['loses its finalizer: puts it back', running({}, { metadata: { finalizers: [] } }), { do: 'Protect' }],
    [
      'does without its VMSnapshot: the status names the provider',
      running({}, { facts: { neighbours: { ...restoreNeighbours, snapshot: () => undefined } } }),
      { do: 'ReadOperation' },
    ],
  ]);
});

describe('power before a restore', () => {
  const stopping = (
    steps: Parameters<typeof begunStatus>[0],
    seen: RestoreSeen,
    change: Parameters<typeof begun>[2] = {},
  ) => begun(steps, seen, { ...stopAndStart, ...change });
  const young = { state: { age: minutes } };
  table([
    [
      'is on its way down: waits',
      stopping({ Shutdown: 'Running' }, inspected({ vm: busyVM }), young),
      says('Restoring', 'powering_down'),
    ],
    [
      'is off: the shutdown is done',
      stopping({ Shutdown: 'Running' }, inspected()),
      says('Restoring', '', { record: stepIs('Shutdown', 'Done') }),
    ],
    [
      'stays on for five minutes: the guest did not follow',
      stopping({ Shutdown: 'Running' }, inspected({ vm: on }), { state: { age: 5 * minutes } }),
      says('Restoring', 'did not shut down within 5m', { record: stepIs('Shutdown', 'Failed') }),
    ],
    [
      'cannot be taken by the guest at all: the vendor says so',
      restoreFacts({
        object: aRestore({
          ...stopAndStart,
          status: begunStatus(
            { Shutdown: 'Running' },
            { operation: { kind: 'Shutdown', attempts: 0, token: 'job' } },
          ),
        }),
        seen: { ...inspected({ vm: on }), ...operation('Failed', 'no guest services') },
      }),
      says('Restoring', 'no guest services', { record: stepIs('Shutdown', 'Failed') }),
    ],
    [
      'was asked for by a request that was lost, and is off: a late one is waited for',
      stopping({ Shutdown: 'Requested' }, inspected()),
      says('Restoring', 'being found out'),
    ],
    [
      'was asked for by a request that was lost, and is off for long: done',
      stopping({ Shutdown: 'Requested' }, inspected(), { facts: { unknown: settled } }),
      says('Restoring', '', { record: stepIs('Shutdown', 'Done') }),
    ],
    [
      'was asked for by a request that had no effect: asks again',
      stopping({ Shutdown: 'Requested' }, inspected({ vm: on }), { facts: { unknown: settled } }),
      says('ProgressingWithRetry', 'no effect', { record: stepIs('Shutdown', 'Pending') }),
    ],
    [
      'stays on for longer than its guest may take',
      stopping({ Shutdown: 'Running' }, inspected({ vm: on }), {
        spec: { power: 'StopAndStart', shutdownTimeout: '30s' },
      }),
      says('Restoring', 'within 30s', { record: stepIs('Shutdown', 'Failed') }),
    ],
    [
      'stays on for less than its guest may take: waits',
      stopping({ Shutdown: 'Running' }, inspected({ vm: on }), {
        spec: { power: 'StopAndStart', shutdownTimeout: '10m' },
        state: { age: 9 * minutes },
      }),
      says('Restoring', 'shutting the VM down'),
    ],
    [
      'is off, and the snapshot is restored',
      stopping({ Shutdown: 'Done' }, allRead),
      { do: 'WriteIntent', intent: { step: 'Restore', attempt: 2 } },
    ],
    [
      'was not taken by the guest: powers off',
      stopping({ Shutdown: 'Failed' }, read(inspected({ vm: on }))),
      { do: 'WriteIntent', intent: { step: 'PowerOff' } },
    ],
    [
      'was put on again by someone: shuts down again',
      stopping({ Shutdown: 'Done' }, read(inspected({ vm: on }))),
      { do: 'WriteIntent', intent: { step: 'Shutdown' } },
    ],
    [
      'was asked for by a request that was lost, and is on its way down: follows it',
      stopping({ Shutdown: 'Requested' }, inspected({ vm: busyVM }), { facts: { unknown: settled } }),
      says('Restoring', 'powering_down'),
    ],
    [
      'hangs on its way down: powers off',
      stopping({ Shutdown: 'Failed' }, read(inspected({ vm: busyVM }))),
      { do: 'WriteIntent', intent: { step: 'PowerOff' } },
    ],
    [
      'is on its way down by a power-off that was done before: waits',
      stopping({ Shutdown: 'Failed', PowerOff: 'Done' }, read(inspected({ vm: busyVM }))),
      says('ConcurrentOperation', 'powering_down'),
    ],
    [
      'is to be as it was, and hangs on its way down: powers off first',
      stopping({ Shutdown: 'Failed' }, inspected({ vm: busyVM }), { state: failure('DeadlineExceeded') }),
      { do: 'WriteIntent', intent: { step: 'PowerOff' } },
    ],
    [
      'does not go off: tries again',
      stopping({ Shutdown: 'Failed', PowerOff: 'Running' }, inspected({ vm: on }), {
        state: { age: 10 * minutes },
      }),
      says('ProgressingWithRetry', 'is still up', { record: stepIs('PowerOff', 'Pending') }),
    ],
  ]);
});

describe('between the power and the disks', () => {
  const off = (seen: RestoreSeen, change: Parameters<typeof begun>[2] = {}) =>
    begun({ Shutdown: 'Done' }, seen, { ...stopAndStart, ...change });
  table([
    [
      'it is paused: waits, until the deadline',
      off({}, { annotations: { [annotations.paused]: 'true' } }),
      says('Paused', '', { endsInMs: 119 * minutes + 1 }),
    ],
    [
      'the deadline passes: gives up, paused or not',
      off({}, { annotations: { [annotations.paused]: 'true' }, state: { age: 3 * hours } }),
      gives('DeadlineExceeded', 'The VM was not restored'),
    ],
    [
      'the VM is in preview by someone: gives up',
      off(read(inspected({ previewOf: newerID }))),
      gives('RestoreFailed', 'cannot be restored any more'),
    ],
    [
      'a newer snapshot was taken: gives up, and names it',
      off(read(inspected({ snapshots: [aSource(), aNewerSnapshot()] }))),
      gives('RestoreFailed', newerID),
    ],
    [
      'the VMSnapshot stands for another now: gives up',
      off({}, { facts: source({ status: { snapshotID: 'snapshot-8' } }) }),
      gives('RestoreFailed', 'snapshot-8'),
    ],
    [
      'the VMSnapshot is gone: gives up',
      off({}, { facts: { neighbours: { ...restoreNeighbours, snapshot: () => undefined } } }),
      gives('RestoreFailed'),
    ],
    [
      'the vendor is busy: waits',
      off(read(inspected({ busy: 'a merge' }))),
      says('ConcurrentOperation', 'a merge'),
    ],
    [
      'an attempt was refused: waits for the next without a word',
      begun(
        { Shutdown: 'Done', Restore: 'Pending' },
        {},
        {
          ...stopAndStart,
          state: {
            operation: { kind: 'Restore', attempts: 2, startedAt: ago(minutes), nextAttemptAt: ago(-40_000) },
          },
        },
      ),
      { do: 'Finish', requeueAfterMs: 40_000 },
    ],
    [
      'an attempt was refused, and someone asks for a look: tries at once',
      begun(
        { Shutdown: 'Done', Restore: 'Pending' },
        {},
        {
          ...stopAndStart,
          annotations: { [annotations.reconcileAt]: 'now' },
          state: {
            operation: { kind: 'Restore', attempts: 2, startedAt: ago(minutes), nextAttemptAt: ago(-40_000) },
          },
        },
      ),
      { do: 'ReadVM' },
    ],
  ]);
});

describe('when the disks are settled', () => {
  const closing = (
    steps: Parameters<typeof begunStatus>[0],
    seen: RestoreSeen,
    change: Parameters<typeof begun>[2] = {},
  ) => begun(steps, seen, { ...stopAndStart, ...change });
  const leaveOff = { spec: { power: 'StopAndStart' as const, onFailure: 'LeaveOff' as const } };
  table([
    ['the VM is looked at', closing({ Shutdown: 'Done', Restore: 'Done' }, {}), { do: 'Inspect' }],
    [
      'a VM that was on is started',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected()),
      { do: 'WriteIntent', intent: { step: 'Start', attempt: 3 } },
    ],
    [
      'it is started though it is paused',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected(), {
        annotations: { [annotations.paused]: 'true' },
      }),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'it is started though the deadline has passed',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected(), { state: { age: 3 * hours } }),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'a suspended one goes on with its memory',
      closing(
        { Shutdown: 'Done', Restore: 'Done' },
        inspected({ vm: aRestorableVM({ power: 'Suspended' }) }),
      ),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'one that is locked is waited for',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected({ busy: 'a lock' })),
      says('Restoring', 'a lock'),
    ],
    [
      'a start that was accepted is waited for',
      closing(
        { Shutdown: 'Done', Restore: 'Done', Start: 'Running' },
        inspected({ vm: aRestorableVM({ power: 'Busy', vendorState: 'powering_up' }) }),
      ),
      says('Restoring', 'powering_up'),
    ],
    [
      'a start that did nothing is tried again',
      closing({ Shutdown: 'Done', Restore: 'Done', Start: 'Running' }, inspected(), {
        state: { age: 10 * minutes },
      }),
      says('ProgressingWithRetry', 'is still down', { record: stepIs('Start', 'Pending') }),
    ],
    [
      'a start whose answer was lost is done when the VM is on',
      closing({ Shutdown: 'Done', Restore: 'Done', Start: 'Requested' }, inspected({ vm: on })),
      says('Restoring', '', { record: stepIs('Start', 'Done') }),
    ],
    [
      'with the VM on it is over, and well',
      closing({ Shutdown: 'Done', Restore: 'Done', Start: 'Done' }, inspected({ vm: on })),
      says('Completed', 'VM app-1 is as the snapshot has it', {
        record: { completedAt: now, operation: null, error: null },
      }),
    ],
    [
      'one that is on already is not started',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected({ vm: on })),
      says('Completed', '', { record: stepIs('Start', 'Done', { message: 'it was on already' }) }),
    ],
    ['one that was off stays off', begun({ Restore: 'Done' }, inspected()), says('Completed')],
    [
      'of a failed restore the power is put back',
      closing({ Shutdown: 'Done', Restore: 'Failed' }, inspected(), { state: failure() }),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'of a failed restore it is left off where that is wanted',
      closing({ Shutdown: 'Done', Restore: 'Failed' }, inspected(), { ...leaveOff, state: failure() }),
      says('RestoreFailed', 'it failed. VM app-1 is left down, as spec.onFailure says', {
        record: { completedAt: now },
      }),
    ],
    [
      'of a good restore it is put back whatever is wanted of failed ones',
      closing({ Shutdown: 'Done', Restore: 'Done' }, inspected(), leaveOff),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'a failed restore is over when the VM is on',
      closing({ Shutdown: 'Done', Restore: 'Failed', Start: 'Done' }, inspected({ vm: on }), {
        state: failure(),
      }),
      says('RestoreFailed', 'it failed', { record: { completedAt: now } }),
    ],
    [
      'a restore that failed before anything was touched is over at once',
      restoreFacts({ object: aRestoreToNewVM({ status: begunStatus({ CreateVM: 'Failed' }, failure()) }) }),
      says('RestoreFailed', 'it failed'),
    ],
    [
      'a preview that is left is undone, when the record proves whose it is',
      closing(
        { Shutdown: 'Done', Restore: 'Failed' },
        { ...inspected(inPreview), ...operation('Failed') },
        { state: failure() },
      ),
      { do: 'WriteIntent', intent: { step: 'Undo' } },
    ],
    [
      'which is read first',
      closing({ Shutdown: 'Done', Restore: 'Failed' }, inspected(inPreview), { state: failure() }),
      { do: 'ReadOperation' },
    ],
    [
      'a preview of someone else is left alone, and said',
      closing(
        { Shutdown: 'Done', Restore: 'Failed' },
        { ...inspected(inPreview), ...operation('None') },
        { state: failure('OutcomeUnknown') },
      ),
      says('OutcomeUnknown', 'left off and in preview of snapshot snapshot-1, which is not of this restore', {
        record: { completedAt: now },
      }),
    ],
    [
      'a VM that was started in preview is stopped before it is undone',
      closing({ Preview: 'Done' }, inspected({ ...inPreview, vm: on }), {
        state: failure('DeadlineExceeded'),
      }),
      { do: 'WriteIntent', intent: { step: 'Shutdown' } },
    ],
    [
      'and where that is not permitted, someone is asked to',
      begun({ Preview: 'Done' }, inspected({ ...inPreview, vm: on }), { state: failure('DeadlineExceeded') }),
      says('Restoring', 'Shut it down'),
    ],
    [
      'a VM that is gone needs nothing put back',
      closing(
        { Shutdown: 'Done', Restore: 'Failed' },
        { inspection: notFound('Object'), gone: done(true) },
        { state: failure() },
      ),
      says('RestoreFailed', 'it failed', { record: { completedAt: now } }),
    ],
    [
      'an undo is done when the VM is in preview no more',
      closing(
        { Shutdown: 'Done', Restore: 'Failed', Undo: 'Running' },
        { ...operation('Succeeded'), ...inspected() },
        { state: failure() },
      ),
      says('Restoring', '', { record: stepIs('Undo', 'Done') }),
    ],
    [
      'an undo that failed is tried again',
      closing(
        { Shutdown: 'Done', Restore: 'Failed', Undo: 'Running' },
        { ...operation('Failed', 'locked'), ...inspected(inPreview) },
        { state: failure() },
      ),
      says('ProgressingWithRetry', 'locked', { record: stepIs('Undo', 'Pending') }),
    ],
  ]);
});

describe('a preview', () => {
  const held = (
    action: 'Hold' | 'Commit' | 'Undo',
    seen: RestoreSeen,
    change: Parameters<typeof begun>[2] = {},
  ) => begun({ Preview: 'Done' }, seen, { ...change, spec: { preview: { action }, ...change.spec } });
  table([
    [
      'is there when the VM is in it',
      begun({ Preview: 'Running' }, { ...operation('Succeeded'), ...inspected(inPreview) }, hold()),
      says('Restoring', '', { record: stepIs('Preview', 'Done') }),
    ],
    [
      'failed',
      begun({ Preview: 'Running' }, { ...operation('Failed', 'no space'), ...inspected() }, hold()),
      gives('RestoreFailed', 'no space'),
    ],
    [
      'was made and is not there: someone ended it',
      begun({ Preview: 'Running' }, { ...operation('Succeeded'), ...inspected() }, hold()),
      gives('OutcomeUnknown', 'ended by someone else'),
    ],
    [
      'had no effect',
      begun(
        { Preview: 'Requested' },
        { ...operation('None'), ...inspected() },
        { ...hold(), facts: { unknown: settled } },
      ),
      gives('RestoreFailed', 'had no effect'),
    ],
    [
      'that was asked for is there, by whom is not known',
      begun(
        { Preview: 'Requested' },
        { ...operation('None'), ...inspected(inPreview) },
        { ...hold(), facts: { unknown: settled } },
      ),
      gives('OutcomeUnknown'),
    ],
    [
      'holds until someone decides, for as long as that takes',
      held('Hold', inspected(inPreview), { state: { age: 99 * hours } }),
      says('AwaitingDecision', 'Commit or Undo'),
    ],
    [
      'that someone ended at the vendor is no more',
      held('Hold', inspected()),
      gives('OutcomeUnknown', 'ended by someone else'),
    ],
    ['is committed', held('Commit', inspected(inPreview)), { do: 'WriteIntent', intent: { step: 'Commit' } }],
    ['is undone', held('Undo', inspected(inPreview)), { do: 'WriteIntent', intent: { step: 'Undo' } }],
    [
      'is not committed while it is paused',
      held('Commit', inspected(inPreview), { annotations: { [annotations.paused]: 'true' } }),
      says('Paused'),
    ],
    [
      'is undone while it is paused',
      held('Undo', inspected(inPreview), { annotations: { [annotations.paused]: 'true' } }),
      { do: 'WriteIntent', intent: { step: 'Undo' } },
    ],
    [
      'is ended only while the VM is off',
      held('Commit', inspected({ ...inPreview, vm: on })),
      says('AwaitingDecision', 'Shut it down'),
    ],
    [
      'is ended when the VM is shut down, where that is permitted',
      held('Commit', inspected({ ...inPreview, vm: on }), { spec: { power: 'StopAndStart' } }),
      { do: 'WriteIntent', intent: { step: 'Shutdown' } },
    ],
    [
      'was committed: the VM is restored',
      begun(
        { Preview: 'Done', Commit: 'Running' },
        { ...operation('Succeeded'), ...inspected() },
        hold('Commit'),
      ),
      says('Restoring', '', { record: stepIs('Commit', 'Done') }),
    ],
    [
      'could not be committed: tries again',
      begun(
        { Preview: 'Done', Commit: 'Running' },
        { ...operation('Failed', 'busy'), ...inspected(inPreview) },
        hold('Commit'),
      ),
      says('ProgressingWithRetry', 'busy', { record: stepIs('Commit', 'Pending') }),
    ],
    [
      'could not be committed in time: gives up',
      begun({ Preview: 'Done', Commit: 'Pending' }, {}, { ...hold('Commit'), state: { age: 3 * hours } }),
      gives('DeadlineExceeded'),
    ],
    [
      'is gone, and nothing says whether by the commit: nobody knows',
      begun(
        { Preview: 'Done', Commit: 'Requested' },
        { ...operation('None'), ...inspected() },
        { ...hold('Commit'), facts: { unknown: settled } },
      ),
      gives('OutcomeUnknown'),
    ],
    [
      'was committed by a request that had no effect: asks again',
      begun(
        { Preview: 'Done', Commit: 'Requested' },
        { ...operation('None'), ...inspected(inPreview) },
        { ...hold('Commit'), facts: { unknown: settled } },
      ),
      says('ProgressingWithRetry', 'still in preview', { record: stepIs('Commit', 'Pending') }),
    ],
    [
      'was undone as was asked for: that is well',
      begun({ Preview: 'Done', Undo: 'Done' }, inspected(), hold('Undo')),
      says('Completed', 'was undone; the VM is as it was'),
    ],
    [
      'was committed, and is over',
      begun({ Preview: 'Done', Commit: 'Done' }, inspected(), hold('Commit')),
      says('Completed', 'is as the snapshot has it'),
    ],
  ]);
});

describe('a new VM', () => {
  const object = (
    steps: Parameters<typeof begunStatus>[0] = {},
    change: RestoreChange & { age?: number } = {},
  ) => {
    const { age, ...rest } = change;
    const status =
      Object.keys(steps).length === 0 ? {} : { status: begunStatus(steps, age === undefined ? {} : { age }) };
    return aRestoreToNewVM({ ...rest, ...status });
  };
  const facts = (
    seen: RestoreSeen,
    steps: Parameters<typeof begunStatus>[0] = {},
    rest: Partial<RestoreFacts> = {},
    change = {},
  ) => restoreFacts({ object: object(steps, change), seen, ...rest });
  const found = { vm: allRead.vm, source: allRead.source };
  const free = { ...found, marked: done([]), namesake: notFound('Object') };
  table([
    ['is looked for by its mark', facts(found), { do: 'FindMarked' }],
    [
      'is there without a record of it: no other is made',
      facts({ ...found, marked: done([aMarkedVM()]) }),
      says('PreconditionFailed', 'bears the mark of this object already'),
    ],
    [
      'must have a name that is free',
      facts({ ...found, marked: done([]) }),
      { do: 'ReadNamesake', query: { name: 'app-1-copy' } },
    ],
    [
      'has a name that is taken: refuses',
      facts({ ...free, namesake: done(aRestorableVM({ id: 'vm-5' })) }),
      says('PreconditionFailed', 'there is a VM app-1-copy (vm-5) already'),
    ],
    [
      'has a name that several have: refuses',
      facts({ ...free, namesake: { kind: 'Invalid', error: { code: 'AmbiguousSource', message: '' } } }),
      says('PreconditionFailed', 'already'),
    ],
    [
      'has a name of which nothing is proved: waits',
      facts({ ...free, namesake: notFound('Unproven') }),
      says('ProviderUnavailable'),
    ],
    [
      'is made of a VM in any state',
      facts(free),
      {
        do: 'WriteIntent',
        intent: {
          step: 'CreateVM',
          target: {
            containerID: vmID,
            snapshotID,
            vmName: 'app-1-copy',
            name: markedName({ cluster, uid, attempt: 1 }),
          },
        },
      },
    ],
    [
      'is made in the cluster that is named',
      facts(free, {}, {}, { spec: { newVM: { name: 'app-1-copy', ovirt: { cluster: 'c2' } } } }),
      { do: 'WriteIntent', intent: { target: { cluster: 'c2' } } },
    ],
    [
      'is on its way: waits',
      facts(
        {
          ...operation('Running'),
          marked: done([aMarkedVM({ disksReady: false, power: 'Busy', vendorState: 'image_locked' })]),
        },
        { CreateVM: 'Running' },
      ),
      says('Restoring', 'image_locked'),
    ],
    [
      'is not done before its disks are free',
      facts(
        { ...operation('Succeeded'), marked: done([aMarkedVM({ disksReady: false })]) },
        { CreateVM: 'Running' },
      ),
      says('Restoring'),
    ],
    [
      'is done when it is down and its disks are free',
      facts({ ...operation('Succeeded'), marked: done([aMarkedVM()]) }, { CreateVM: 'Running' }),
      says('Restoring', '', {
        record: { ...stepIs('CreateVM', 'Done'), restored: { vmID: 'vm-9', vmName: 'app-1-copy' } },
      }),
    ],
    [
      'is found by its mark though the answer was lost',
      facts({ ...operation('None'), marked: done([aMarkedVM()]) }, { CreateVM: 'Requested' }),
      says('Restoring', '', { record: stepIs('CreateVM', 'Done') }),
    ],
    [
      'is not found yet: looks again',
      facts({ ...operation('None'), marked: done([]) }, { CreateVM: 'Requested' }),
      says('Restoring', 'being found out'),
    ],
    [
      'is not found for long: it was not made, and no other is',
      facts({ ...operation('None'), marked: done([]) }, { CreateVM: 'Requested' }, { unknown: settled }),
      gives('RestoreFailed', 'had no effect'),
    ],
    [
      'failed, and nothing is left',
      facts({ ...operation('Failed', 'no space'), marked: done([]) }, { CreateVM: 'Running' }),
      gives('RestoreFailed', 'no space'),
    ],
    [
      'failed, and something is left: it is named',
      facts({ ...operation('Failed', 'no space'), marked: done([aMarkedVM()]) }, { CreateVM: 'Running' }),
      gives('RestoreFailed', 'VM app-1-copy (vm-9) is left of it'),
    ],
    [
      'was accepted and never shows: fails',
      facts({ ...operation('None'), marked: done([]) }, { CreateVM: 'Running' }, {}, { age: 10 * minutes }),
      gives('RestoreFailed', 'no VM bears the mark'),
    ],
    [
      'is over',
      restoreFacts({
        object: aRestoreToNewVM({
          status: begunStatus({ CreateVM: 'Done' }, { restored: { vmID: 'vm-9', vmName: 'app-1-copy' } }),
        }),
      }),
      says('Completed', 'VM app-1-copy (vm-9) was made from the snapshot'),
    ],
  ]);
});

describe('a restore that is deleted', () => {
  const deleted = (
    steps: Parameters<typeof begunStatus>[0],
    seen: RestoreSeen = {},
    change: Parameters<typeof begun>[2] = {},
  ) =>
    begun(steps, seen, { ...stopAndStart, ...change, metadata: { ...going.metadata, ...change.metadata } });
  table([
    [
      'before it began: is let go',
      fresh({ metadata: { ...going.metadata, finalizers: [finalizer] } }),
      { do: 'Release' },
    ],
    ['when nothing holds it: nothing is done', fresh(going), { do: 'Finish' }],
    [
      'after it was done: is let go, and nothing is touched',
      deleted({ Restore: 'Done' }, {}, { state: { completionTime: ago(1) } }),
      { do: 'Release' },
    ],
    [
      'while the VM shuts down: that is finished first',
      deleted({ Shutdown: 'Running' }, inspected({ vm: busyVM })),
      says('Deleting', 'powering_down'),
    ],
    [
      'with the VM off: it is started',
      deleted({ Shutdown: 'Done' }, inspected()),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'with the VM off, where it is to be left off: is let go',
      deleted({ Shutdown: 'Done' }, inspected(), { spec: { power: 'StopAndStart', onFailure: 'LeaveOff' } }),
      { do: 'Release', event: { type: 'Warning', note: expect.stringContaining('left down') } },
    ],
    [
      'while the vendor restores: that is finished first',
      deleted({ Restore: 'Running' }, { ...operation('Running'), ...inspected() }),
      says('Deleting', 'at work'),
    ],
    [
      'while the outcome is not known: that is found out first',
      deleted({ Restore: 'Requested' }),
      { do: 'ReadOperation' },
    ],
    [
      'between attempts: there is no other',
      deleted({ Shutdown: 'Done', Restore: 'Pending' }, inspected()),
      { do: 'WriteIntent', intent: { step: 'Start' } },
    ],
    [
      'in preview: that is undone',
      deleted({ Preview: 'Done' }, inspected(inPreview)),
      { do: 'WriteIntent', intent: { step: 'Undo' } },
    ],
    [
      'in preview, though it was to be committed: that is undone',
      deleted({ Preview: 'Done' }, inspected(inPreview), hold('Commit')),
      { do: 'WriteIntent', intent: { step: 'Undo' } },
    ],
    [
      'while it is committed: that is finished first',
      deleted({ Preview: 'Done', Commit: 'Running' }, { ...operation('Running'), ...inspected(inPreview) }),
      says('Deleting'),
    ],
    [
      'with all put back: is let go',
      deleted({ Shutdown: 'Done', Start: 'Done' }, inspected({ vm: on })),
      { do: 'Release', event: { type: 'Normal' } },
    ],
    [
      'with a new VM on its way: that is finished first',
      restoreFacts({
        object: aRestoreToNewVM({
          ...going,
          metadata: { ...going.metadata, finalizers: [finalizer] },
          status: begunStatus({ CreateVM: 'Running' }),
        }),
      }),
      { do: 'ReadOperation' },
    ],
    [
      'by someone who lets it go: at once, and says what is left',
      deleted({ Shutdown: 'Done' }, {}, { annotations: { [annotations.abandon]: uid } }),
      {
        do: 'Release',
        event: {
          reason: 'Abandoned',
          note: expect.stringContaining('VM app-1 (vm-1), which was On before; Shutdown Done'),
        },
      },
    ],
    [
      "with another's UID in that annotation: goes on",
      deleted({ Shutdown: 'Done' }, {}, { annotations: { [annotations.abandon]: otherUID } }),
      { do: 'Inspect' },
    ],
    [
      'without a provider: waits',
      deleted({ Shutdown: 'Done' }, {}, { facts: { provider: { state: 'Absent' } } }),
      says('ReferenceNotFound'),
    ],
    [
      'without a provider in a namespace that goes: a day at most',
      deleted(
        { Shutdown: 'Done' },
        {},
        {
          metadata: { deletionTimestamp: ago(25 * hours) },
          facts: {
            provider: { state: 'Absent' },
            neighbours: { ...restoreNeighbours, namespaceTerminating: true },
          },
        },
      ),
      { do: 'Release', event: { reason: 'Abandoned' } },
    ],
  ]);
});

describe('a restore that is over', () => {
  const overStatus = begunStatus({ Restore: 'Done' }, { completionTime: ago(minutes) });
  table([
    ['lets go of its object', restoreFacts({ object: aRestore({ status: overStatus }) }), { do: 'Release' }],
    [
      'does nothing',
      restoreFacts({ object: aRestore({ status: overStatus, metadata: { finalizers: [] } }) }),
      { do: 'Finish', current: true },
    ],
    [
      'answers who asks for a look',
      restoreFacts({
        object: aRestore({
          status: overStatus,
          metadata: { finalizers: [] },
          annotations: { [annotations.reconcileAt]: 'now' },
        }),
      }),
      { do: 'Finish', looked: true },
    ],
    [
      'does nothing, though its VM be put back, its snapshot be gone and its time not over',
      restoreFacts({
        object: aRestore({ status: overStatus, metadata: { finalizers: [] } }),
        neighbours: { ...restoreNeighbours, snapshot: () => undefined },
      }),
      { do: 'Finish' },
    ],
  ]);
});

import { describe, expect, it } from 'vitest';
import type { VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import {
  ago,
  anIntent,
  aSnapshot,
  aVMOperator,
  cluster,
  correlationID,
  done,
  engineCapabilities,
  engineID,
  engineVMID,
  minutes,
  notFound,
  now,
  otherUID,
  ready,
  type SnapshotFacts,
  snapshotFacts,
  unavailable,
  vmHeldSnapshot,
  vmHeldTarget,
} from '../testing/builders.ts';
import { decisionTable, nothing, says } from '../testing/decision-table.ts';
import { snapshotPolicy } from '../vmsnapshot/policy.ts';
import { decide } from './decide.ts';
import type { Seen } from './facts.ts';

/** Snapshots whose ids are given again, and of whose making the vendor keeps a record (oVirt, SPF). */

const token = `events ${correlationID}`;
const ref = { id: 'snapshot-1', containerID: engineVMID };
const failedForGood: Failure = {
  kind: 'Failed',
  transient: false,
  error: { code: '69', message: 'no space' },
};
const heldByAnother: Failure = {
  kind: 'Conflict',
  retry: 'Later',
  error: { code: '2606', message: 'locked by another job' },
};
const denied: Failure = { kind: 'Denied', cause: 'Permission', error: { code: '403', message: '' } };
const empty: Seen['lookUp'] = { outcome: done([]), fresh: true };
const listed = (...snapshots: Snapshot[]): Seen['lookUp'] => ({ outcome: done(snapshots), fresh: true });
const stranger = vmHeldSnapshot({ name: 'before the upgrade' });
const operation = (state: 'Running' | 'Succeeded' | 'Failed' | 'None', failure?: Failure) =>
  done({ state, ...(failure === undefined ? {} : { failure }) });

interface Situation {
  seen?: Seen;
  status?: VMSnapshotStatus;
  target?: Partial<SnapshotTarget>;
  unknown?: SnapshotFacts['unknown'];
  deleted?: boolean;
}

/** An attempt that was begun on an engine. */
function begun({ seen = {}, status = {}, target = {}, unknown, deleted }: Situation): SnapshotFacts {
  const object = aSnapshot({
    spec: { source: { vm: { name: 'vm-a' } } },
    intent: anIntent({ endpointID: engineID, target: vmHeldTarget(target) }),
    status: { observedGeneration: 1, endpointID: engineID, ...status },
    ...(deleted === true ? { metadata: { deletionTimestamp: ago(minutes) } } : {}),
  });
  return snapshotFacts({
    object,
    provider: { state: 'Ready', provider: aVMOperator() },
    seen,
    unknown,
  });
}

const creating: VMSnapshotStatus = {
  provisioningState: 'Creating',
  snapshotID: 'snapshot-1',
  snapshotName: markedName({ cluster, uid: aSnapshot().metadata.uid, attempt: 1 }),
  vm: { id: engineVMID, name: 'vm-a' },
  operation: { kind: 'Create', startedAt: ago(5 * minutes), attempts: 0, token },
  conditions: [ready('False', 'Provisioning')],
};
const following = (seen: Seen) => begun({ status: creating, seen });

describe('a snapshot that the engine calls finished', () => {
  const finished = { snapshot: done(vmHeldSnapshot()) };
  decisionTable([
    ['is held against the events of its attempt', following(finished), { do: 'ReadOperation', token }],
    [
      'is ready where they say so',
      following({ ...finished, operation: operation('Succeeded') }),
      says('Available'),
    ],
    [
      'is ready where they are not kept any more',
      following({ ...finished, operation: operation('None') }),
      says('Available'),
    ],
    ['is ready where they may not be read', following({ ...finished, operation: denied }), says('Available')],
    [
      'is waited for while they cannot be read',
      following({ ...finished, operation: unavailable }),
      says('ProviderUnavailable'),
    ],
    [
      'is waited for while the engine is at work on it',
      following({ ...finished, operation: operation('Running') }),
      says('Provisioning'),
    ],
    [
      'is what a failed creation left behind where they say that it failed, and is removed',
      following({ ...finished, operation: operation('Failed', failedForGood) }),
      { do: 'Remove', ref },
    ],
    [
      'and then says why it failed',
      following({
        ...finished,
        operation: operation('Failed', failedForGood),
        removed: { id: 'snapshot-1', outcome: done({}) },
      }),
      says('CreationFailed', { record: { provisioningState: 'Failed' } }),
    ],
    [
      'is waited for while it is locked',
      following({ snapshot: done(vmHeldSnapshot({ state: 'Locked' })) }),
      says('Provisioning'),
    ],
  ]);
});

describe('a snapshot without a state of its own, as SPF has them', () => {
  const job = 'create/stamp/vm/job/-/-';
  const unfinished = vmHeldSnapshot({ state: 'Creating', vendorState: 'no CheckpointID yet' });
  const making = (seen: Seen, change: VMSnapshotStatus = {}) =>
    begun({
      status: {
        ...creating,
        operation: { kind: 'Create', startedAt: ago(5 * minutes), attempts: 0, token: job },
        ...change,
      },
      seen: { snapshot: done(unfinished), ...seen },
    });
  decisionTable([
    ['is told by its job alone how far it is', making({}), { do: 'ReadOperation', token: job }],
    [
      'is waited for while the job runs',
      making({ operation: operation('Running') }),
      says('Provisioning', { record: { provisioningState: 'Creating' } }),
    ],
    [
      'is waited for when the job is done and it does not show yet',
      making({ operation: operation('Succeeded') }),
      says('Provisioning'),
    ],
    ['is waited for while the job cannot be read', making({ operation: unavailable }), says('Provisioning')],
    [
      'is what a failed job left behind where that failed, and is removed',
      making({ operation: operation('Failed', failedForGood) }),
      { do: 'Remove', ref },
    ],
    [
      'and then says why the job failed',
      making({
        operation: operation('Failed', failedForGood),
        removed: { id: 'snapshot-1', outcome: done({}) },
      }),
      says('CreationFailed', { record: { provisioningState: 'Failed' } }),
    ],
    [
      'is removed when the VM is free, once its failure is recorded',
      making(
        {},
        {
          provisioningState: 'Failed',
          error: { reason: 'ProgressingWithRetry', message: 'no room', time: ago(minutes) },
        },
      ),
      { do: 'Remove', ref },
    ],
    [
      'keeps the handle of its job until that has said that it succeeded',
      making({ snapshot: done(vmHeldSnapshot()), operation: operation('Running') }),
      says('Provisioning', { record: { snapshotID: 'snapshot-1' } }),
    ],
    [
      'is ready when its job says so',
      making({ snapshot: done(vmHeldSnapshot()), operation: operation('Succeeded') }),
      says('Available'),
    ],
    [
      'is asked of its own job, not of what the VM did last',
      making({ snapshot: done(vmHeldSnapshot()) }),
      { do: 'ReadOperation', token: job },
    ],
  ]);

  it('keeps the handle of its job in the record', () => {
    const facts = making({ snapshot: done(vmHeldSnapshot()), operation: operation('Running') });
    const step = decide(facts, snapshotPolicy);
    expect(step.do === 'Finish' && step.record).not.toHaveProperty('operation');
  });
});

describe('an intent that someone took away', () => {
  it('stands in the status, with the VM on which one thing is done at a time', () => {
    const object = aSnapshot({
      spec: { source: { vm: { name: 'vm-a' } } },
      status: { ...creating, observedGeneration: 1, endpointID: engineID, stampID: 'stamp' },
    });
    const step = decide(snapshotFacts({ object }), snapshotPolicy);
    expect(step).toMatchObject({
      do: 'Protect',
      intent: {
        step: 'Create',
        target: {
          exclusive: true,
          containerID: `stamp/${engineVMID}`,
          vmID: engineVMID,
          vmName: 'vm-a',
          stampID: 'stamp',
        },
      },
    });
  });
});

describe('an id that was given again', () => {
  const other = { snapshot: done(stranger) };
  const again = { snapshot: notFound('Object') };
  decisionTable([
    [
      'to another snapshot proves nothing of ours: the events are asked',
      following(other),
      { do: 'ReadOperation', token },
    ],
    [
      'to the active entry is a creation that failed: the events are asked',
      following(again),
      { do: 'ReadOperation', token },
    ],
    [
      'is looked for under its mark',
      following({ ...other, operation: operation('Failed', failedForGood) }),
      { do: 'LookUp', fresh: true },
    ],
    [
      'is never removed, and what the events say is waited out',
      following({ ...other, operation: operation('Failed', failedForGood), lookUp: listed(stranger) }),
      says('ProgressingWithRetry'),
    ],
  ]);
});

describe('an attempt whose outcome nobody recorded', () => {
  const long = { since: 0, firstEmptyLookUp: 10, lastEmptyLookUp: 900_000 };
  const unknown = (seen: Seen, known: SnapshotFacts['unknown'] = long) => begun({ seen, unknown: known });
  decisionTable([
    ['is looked for', unknown({}), { do: 'LookUp', fresh: true }],
    ['is asked of the events, too', unknown({ lookUp: empty }), { do: 'ReadOperation', token }],
    [
      'is not made anew while the engine is at work',
      unknown({ lookUp: empty, operation: operation('Running') }),
      says('ProgressingWithRetry'),
    ],
    [
      'is not made anew while the events cannot be read',
      unknown({ lookUp: empty, operation: unavailable }),
      says('ProviderUnavailable'),
    ],
    [
      'made nothing where neither list nor events have it, for long enough',
      unknown({ lookUp: empty, operation: operation('None') }),
      says('ProgressingWithRetry', { settled: true }),
    ],
    [
      'made nothing by the list alone, where the events may not be read',
      unknown({ lookUp: empty, operation: denied }),
      says('ProgressingWithRetry', { settled: true }),
    ],
    [
      'failed where the events say so',
      unknown({ lookUp: empty, operation: operation('Failed', failedForGood) }),
      says('CreationFailed'),
    ],
    [
      'is waited out before',
      unknown({ lookUp: empty, operation: operation('None') }, undefined),
      says('ProgressingWithRetry'),
    ],
  ]);
});

describe('a snapshot that is found in a list', () => {
  const found = { lookUp: listed(vmHeldSnapshot({ disks: [] })) };
  decisionTable([
    [
      'is read by itself before it is called ready: a list says nothing of its disks',
      begun({ seen: found }),
      { do: 'ReadSnapshot', ref },
    ],
    [
      'is not ready where a disk of it is damaged',
      begun({
        seen: { ...found, snapshot: done(vmHeldSnapshot({ state: 'Failed' })), operation: operation('None') },
      }),
      { do: 'Remove', ref },
    ],
  ]);
});

describe('what was ready', () => {
  const available: VMSnapshotStatus = {
    ...creating,
    provisioningState: 'Succeeded',
    readyToUse: true,
    creationTime: ago(5 * minutes),
    completionTime: ago(4 * minutes),
    operation: undefined as never,
    conditions: [ready('True', 'Available')],
  };
  const due = (seen: Seen) => ({ ...begun({ status: available, seen }), driftDueMs: 0 });
  decisionTable([
    ['stays so while it is there', due({ lookUp: listed(vmHeldSnapshot()) }), { ...nothing, looked: true }],
    [
      'stays so while the engine is at work on it',
      due({ lookUp: listed(vmHeldSnapshot({ state: 'Locked' })) }),
      { ...nothing, looked: true },
    ],
    [
      'is missing where its id is another snapshot’s now',
      due({ lookUp: listed(stranger) }),
      says('SnapshotMissing', { record: { readyToUse: false } }),
    ],
    [
      'is missing where its id bears another object’s mark',
      due({ lookUp: listed(vmHeldSnapshot({ name: markedName({ cluster, uid: otherUID, attempt: 1 }) })) }),
      says('SnapshotMissing'),
    ],
  ]);
});

describe('a description that people have changed', () => {
  const status: VMSnapshotStatus = {
    ...creating,
    provisioningState: 'Succeeded',
    readyToUse: true,
    creationTime: ago(5 * minutes),
    completionTime: ago(4 * minutes),
    operation: undefined as never,
    conditions: [ready('True', 'Available')],
    description: 'before',
  };
  const capabilities = (rename: true | string) => ({ ...engineCapabilities, rename });
  const changed = (
    seen: Seen,
    change: VMSnapshotStatus = {},
    rename: true | string = true,
    description = 'after',
  ): SnapshotFacts => {
    const facts = begun({ status: { ...status, ...change }, seen });
    facts.object.spec.description = description;
    const provider = aVMOperator({ capabilities: capabilities(rename) });
    return { ...facts, provider: { state: 'Ready', provider } };
  };
  const there = { lookUp: listed(vmHeldSnapshot()) };
  const texts = { name: vmHeldSnapshot().name, description: 'after' };
  const telling = (state: { token?: string; nextAttemptAt?: string } = { token: 'job-1' }) => ({
    operation: { kind: 'Describe', startedAt: ago(minutes), ...state },
  });
  const failed = telling({ nextAttemptAt: new Date(now + 300_000).toISOString().replace('.000Z', 'Z') });
  const { nextAttemptAt } = failed.operation;
  const retried = { operation: { kind: 'Describe', nextAttemptAt } };
  decisionTable([
    ['is not looked at where it is as it was', changed({}, {}, true, 'before'), nothing],
    ['is told once the snapshot is seen to be there', changed({}), { do: 'LookUp', fresh: true }],
    ['is told to the one that bears the mark', changed(there), { do: 'Describe', ref, texts }],
    ['is told to no other that has its id now', changed({ lookUp: listed(stranger) }), nothing],
    [
      'is not told while the vendor is at work on it',
      changed({ lookUp: listed(vmHeldSnapshot({ state: 'Locked' })) }),
      nothing,
    ],
    [
      'is noted when the vendor has done it',
      changed({ ...there, described: done({}) }),
      says('Available', { record: { description: 'after' } }),
    ],
    [
      'is followed where the vendor takes its time',
      changed({ ...there, described: { kind: 'Pending', value: { token: 'job-1' } } }),
      { ...nothing, record: { operation: { kind: 'Describe', token: 'job-1' } } },
    ],
    ['is followed by its job', changed({}, telling()), { do: 'ReadOperation', token: 'job-1' }],
    [
      'is noted when the job has done it',
      changed({ operation: operation('Succeeded') }, telling()),
      says('Available', { record: { operation: null, description: 'after' } }),
    ],
    [
      'that the job could not change is told to people, and tried again',
      changed({ operation: operation('Failed', failedForGood) }, telling()),
      { ...nothing, record: retried, events: [{ reason: 'DescriptionNotChanged' }] },
    ],
    [
      'that was refused is tried again later',
      changed({ ...there, described: unavailable }),
      { ...nothing, record: retried },
    ],
    ['is not tried again before that', changed({}, failed), nothing],
    [
      'is refused by a vendor that cannot change it',
      changed({}, {}, 'oVirt fixes it'),
      says('UnsupportedByProvider'),
    ],
    [
      'is forgotten when it is put back',
      changed({}, { conditions: [ready('False', 'UnsupportedByProvider')] }, 'oVirt fixes it', 'before'),
      says('Available'),
    ],
    [
      'does not keep the snapshot from being looked at',
      {
        ...changed({}, { conditions: [ready('False', 'UnsupportedByProvider')] }, 'oVirt fixes it'),
        driftDueMs: 0,
      },
      { do: 'LookUp' },
    ],
  ]);
});

describe('a removal', () => {
  const going = (seen: Seen, status: VMSnapshotStatus = {}) =>
    begun({ deleted: true, seen, status: { ...creating, completionTime: ago(minutes), ...status } });
  const removing = (change: Partial<NonNullable<VMSnapshotStatus['operation']>> = {}): VMSnapshotStatus => ({
    provisioningState: 'Deleting',
    operation: { kind: 'Delete', token: 'events d', startedAt: ago(10 * minutes), attempts: 1, ...change },
  });
  const there = { lookUp: listed(vmHeldSnapshot()) };
  const merging = { lookUp: listed(vmHeldSnapshot({ state: 'Locked' })) };
  const accepted: Seen['removed'] = {
    id: 'snapshot-1',
    outcome: { kind: 'Pending', value: { token: 'events d' } },
  };
  decisionTable([
    ['takes the VM’s lane', going(there), { do: 'Remove', ref, lane: `${engineID} ${engineVMID}` }],
    ['waits while the snapshot is locked', going(merging), says('Deleting')],
    [
      'remembers how to ask what becomes of it',
      going({ ...there, removed: accepted }),
      says('Deleting', { record: { operation: { kind: 'Delete', token: 'events d' } } }),
    ],
    [
      'that is not seen to end is asked of the events',
      going(there, removing()),
      { do: 'ReadOperation', token: 'events d' },
    ],
    [
      'that is under way is waited for',
      going({ ...there, operation: operation('Running') }, removing()),
      says('Deleting'),
    ],
    [
      'that failed says what the engine said, and is tried again later',
      going({ ...there, operation: operation('Failed', failedForGood) }, removing()),
      says('DeletionBlocked', {
        record: { operation: { nextAttemptAt: new Date(now + 300_000).toISOString().replace('.000Z', 'Z') } },
      }),
    ],
    [
      'that found the VM held by another job is tried again soon',
      going({ ...there, operation: operation('Failed', heldByAnother) }, removing()),
      says('DeletionBlocked', { record: { operation: { nextAttemptAt: ago(-minutes) } } }),
    ],
    [
      'that failed is not tried again before that',
      going(
        { ...there, operation: operation('Failed', failedForGood) },
        removing({ nextAttemptAt: ago(-minutes) }),
      ),
      says('DeletionBlocked'),
    ],
    [
      'that failed is tried again then',
      going({ ...there, operation: operation('Failed', failedForGood) }, removing({ nextAttemptAt: ago(1) })),
      { do: 'Remove' },
    ],
    [
      'of which no record is left is asked for again',
      going({ ...there, operation: operation('None') }, removing()),
      { do: 'Remove' },
    ],
    [
      'leaves what bears another mark, whatever its id',
      going({ lookUp: listed(stranger) }),
      { do: 'Release' },
    ],
  ]);
});

describe('a guest that is to be frozen', () => {
  const frozen = { freeze: true };
  const fresh = (seen: Seen) =>
    begun({ target: frozen, seen: { intentWritten: true, lookUp: empty, ...seen } });
  const accepted = {
    kind: 'Pending',
    value: { snapshot: vmHeldSnapshot({ state: 'Locked' }), token },
  } as const;
  const made = (seen: Seen, change: Partial<NonNullable<VMSnapshotStatus['operation']>> = {}) =>
    begun({
      target: frozen,
      seen,
      status: {
        ...creating,
        operation: { kind: 'Create', token, attempts: 0, frozenAt: ago(30_000), ...change },
      },
    });
  const locked = { snapshot: done(vmHeldSnapshot({ state: 'Locked' })) };
  const finished = { snapshot: done(vmHeldSnapshot()), operation: operation('Succeeded') };
  const vmID = engineVMID;
  decisionTable([
    ['is frozen after the intent is written', fresh({}), { do: 'Freeze', vmID }],
    ['is frozen before the snapshot is asked for', fresh({ frozen: done(undefined) }), { do: 'Create' }],
    [
      'stays frozen while the snapshot is being made',
      fresh({ frozen: done(undefined), created: accepted }),
      says('Provisioning', { record: { operation: { frozenAt: ago(0) } } }),
    ],
    [
      'stays frozen no longer than two minutes',
      made(locked, { frozenAt: ago(3 * minutes) }),
      { do: 'Thaw', vmID },
    ],
    ['stays frozen for less than that', made(locked), says('Provisioning')],
    ['is thawed before the snapshot is called ready', made(finished), { do: 'Thaw', vmID }],
    [
      'lets the snapshot be ready once it is thawed',
      made({ ...finished, thawed: done(undefined) }),
      says('Available'),
    ],
    [
      'holds that up while it cannot be thawed',
      made({ ...finished, thawed: unavailable }),
      says('WaitingForQuiesce'),
    ],
    [
      'is thawed where the snapshot was refused',
      fresh({ frozen: done(undefined), created: denied }),
      { do: 'Thaw', vmID },
    ],
    [
      'is thawed where the freeze may have had its effect',
      fresh({ frozen: { kind: 'Unknown', error: { code: 'ECONNRESET', message: '' } } }),
      { do: 'Thaw', vmID },
    ],
    [
      'is thawed by whoever finds the intent of a process that died',
      begun({ target: frozen, seen: { lookUp: empty, operation: operation('None') } }),
      { do: 'Thaw', vmID },
    ],
    [
      'is thawed before the object goes',
      begun({
        target: frozen,
        deleted: true,
        seen: { lookUp: empty },
        unknown: { since: 0, firstEmptyLookUp: 10, lastEmptyLookUp: 900_000 },
      }),
      { do: 'Thaw', vmID },
    ],
    [
      'is thawed once',
      made(locked, { frozenAt: ago(3 * minutes), thawedAt: ago(minutes) }),
      says('Provisioning'),
    ],
    [
      'is thawed once more at the end, since who was still at work may have frozen it after the thaw',
      made(finished, { thawedAt: ago(minutes) }),
      { do: 'Thaw', vmID },
    ],
    ['that is gone needs no thaw', made({ ...finished, thawed: notFound('Object') }), says('Available')],
  ]);
});

describe('a guest that the engine freezes, and may leave so', () => {
  const thaw = { thaw: true };
  const vmID = engineVMID;
  const fresh = (seen: Seen) =>
    begun({ target: thaw, seen: { intentWritten: true, lookUp: empty, ...seen } });
  const accepted = {
    kind: 'Pending',
    value: { snapshot: vmHeldSnapshot({ state: 'Locked' }), token },
  } as const;
  const made = (seen: Seen) =>
    begun({
      target: thaw,
      seen: { snapshot: done(vmHeldSnapshot()), operation: operation('Succeeded'), ...seen },
      status: {
        ...creating,
        operation: { kind: 'Create', token, attempts: 0, frozenAt: ago(30_000) },
      },
    });
  const refusal = (status: number): Failure => ({
    kind: status < 500 ? 'Invalid' : 'Unknown',
    error: { code: `HTTP${status}`, message: 'no guest agent', status },
  });
  decisionTable([
    ['is not frozen by us', fresh({}), { do: 'Create' }],
    ['is left alone while the snapshot is being made', fresh({ created: accepted }), says('Provisioning')],
    ['is left alone where the snapshot was refused', fresh({ created: denied }), says('PermissionDenied')],
    ['is thawed before the snapshot is called ready', made({}), { do: 'Thaw', vmID }],
    ['lets it be ready once it is thawed', made({ thawed: done(undefined) }), says('Available')],
    ['holds that up while nobody can be asked', made({ thawed: unavailable }), says('WaitingForQuiesce')],
    ['and while it may not be thawed', made({ thawed: denied }), says('WaitingForQuiesce')],
    [
      'and while the answer to the thaw was lost',
      made({ thawed: { kind: 'Unknown', error: { code: 'ECONNRESET', message: '' } } }),
      says('WaitingForQuiesce'),
    ],
    ['without an agent needs no thaw', made({ thawed: refusal(400) }), says('Available')],
    ['without an agent needs none, whatever the status', made({ thawed: refusal(500) }), says('Available')],
    [
      'is thawed by whoever finds the intent of a process that died',
      begun({ target: thaw, seen: { lookUp: empty, operation: operation('None') } }),
      { do: 'Thaw', vmID },
    ],
  ]);
});

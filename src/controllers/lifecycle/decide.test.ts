import { describe, expect, it } from 'vitest';
import type { VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { CreateAccepted, Snapshot } from '../../providers/provider.ts';
import { formatIntent, markedName, sendWindowMs } from '../intent.ts';
import {
  ago,
  anIntent,
  aPoint,
  aProvider,
  aSnapshot,
  aTarget,
  aVM,
  cluster,
  containerID,
  correlationID,
  done,
  endpointID,
  hours,
  minutes,
  notFound,
  now,
  otherUID,
  ready,
  type SnapshotFacts,
  settings,
  snapshotFacts,
  snapshotNeighbours,
  snapshotStatus,
  uid,
  unavailable,
  vendorError,
} from '../testing/builders.ts';
import { decisionTable, nothing, says } from '../testing/decision-table.ts';
import { snapshotPolicy } from '../vmsnapshot/policy.ts';
import { decide } from './decide.ts';
import type { Seen, Step } from './facts.ts';

const intent = anIntent();
const second = anIntent({ attempt: 2 });
const name = (attempt: number) => markedName({ cluster, uid, attempt });
const monotonic = 1_000_000;

/** Facts of an object with an intent. */
function begun(seen: Seen = {}, status?: VMSnapshotStatus, rest: Partial<SnapshotFacts> = {}): SnapshotFacts {
  const object = aSnapshot({ intent, ...(status === undefined ? {} : { status }) });
  return snapshotFacts({ object, seen, ...rest });
}

function again(seen: Seen = {}, status?: VMSnapshotStatus, rest: Partial<SnapshotFacts> = {}): SnapshotFacts {
  const object = aSnapshot({ intent: second, ...(status === undefined ? {} : { status }) });
  return snapshotFacts({ object, seen, ...rest });
}

const fresh = (...present: Snapshot[]): Seen['lookUp'] => ({ outcome: done(present), fresh: true });
const failedLookUp = (outcome: Failure): Seen['lookUp'] => ({ outcome, fresh: true });
const accepted = (snapshot: Snapshot, token?: string): Seen['created'] => {
  const value: CreateAccepted = token === undefined ? { snapshot } : { snapshot, token };
  return { kind: 'Pending', value };
};
const creating = snapshotStatus('Provisioning', {
  provisioningState: 'Creating',
  snapshotID: aPoint().id,
  operation: { kind: 'Create', startedAt: intent.startedAt, attempts: 0, token: 'https://operation' },
});
const operationFailed = (failure: Failure): Seen['operation'] => done({ state: 'Failed', failure });
const transient: Failure = { kind: 'Failed', transient: true, error: vendorError };
const forGood: Failure = { kind: 'Failed', transient: false, error: vendorError };
const paused = { 'keyframe.dev/paused': 'true' };
/** Settled as not made: unknown for long enough, with look-ups at its beginning and its end. */
const over = {
  since: monotonic - sendWindowMs - 60_000,
  firstEmptyLookUp: monotonic - 60_000,
  lastEmptyLookUp: monotonic,
};

describe('before the intent', () => {
  const ready = { vm: done(aVM()) };
  decisionTable([
    ['the VM is read before anything is written', snapshotFacts(), { do: 'ReadVM' }],
    [
      'the intent holds the whole target, the mark of attempt 1, endpoint and correlation id, and takes the lane of the VM',
      snapshotFacts({ seen: ready }),
      {
        do: 'WriteIntent',
        lane: expect.stringContaining('vm-a'),
        intent: {
          uid,
          attempt: 1,
          endpointID,
          correlationID,
          step: 'Create',
          startedAt: ago(0),
          target: aTarget(),
        },
      },
    ],
    [
      'any value but false pauses: who writes yes means it',
      snapshotFacts({ object: aSnapshot({ annotations: { 'keyframe.dev/paused': 'yes' } }) }),
      says('Paused'),
    ],
    [
      'false does not pause',
      snapshotFacts({ object: aSnapshot({ annotations: { 'keyframe.dev/paused': 'false' } }) }),
      { do: 'ReadVM' },
    ],
    [
      'what was found wrong with the spec stays so while the provider is in trouble',
      snapshotFacts({
        object: aSnapshot({ status: snapshotStatus('InvalidSpec', {}) }),
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'no answer' },
      }),
      { do: 'Finish', endsInMs: expect.any(Number) },
    ],
    [
      'paused, nothing is begun',
      snapshotFacts({ object: aSnapshot({ annotations: paused }) }),
      says('Paused'),
    ],
    [
      'an untried provider is no trouble: nothing is said',
      snapshotFacts({ provider: { state: 'Untried' } }),
      nothing,
    ],
    [
      'an absent provider is waited for',
      snapshotFacts({ provider: { state: 'Absent' } }),
      says('ReferenceNotFound'),
    ],
    [
      'new work waits for a provider that is not ready, though a connection is there',
      snapshotFacts({
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm', provider: aProvider() },
      }),
      says('WaitingForProvider'),
    ],
    [
      'an intent that bears the UID of another object (a copied manifest) is ignored',
      snapshotFacts({
        object: aSnapshot({
          annotations: { 'keyframe.dev/intent': formatIntent(anIntent({ uid: otherUID })) },
        }),
      }),
      { do: 'ReadVM' },
    ],
    [
      'what did not begin in time never begins',
      snapshotFacts({
        object: aSnapshot({
          metadata: { creationTimestamp: ago(2 * hours) },
          spec: { startDeadline: '1h' },
          status: snapshotStatus('Queued'),
        }),
      }),
      says('DeadlineExceeded', {
        verdict: {
          reason: 'DeadlineExceeded',
          message:
            'did not begin within spec.startDeadline (1h); the last reason was Queued. Nothing was made. Make a new object',
        },
      }),
    ],
    [
      'what ended before it began stays so',
      snapshotFacts({ object: aSnapshot({ status: snapshotStatus('DeadlineExceeded') }) }),
      nothing,
    ],
    [
      'one that waits looks again at its start deadline at the latest',
      snapshotFacts({
        object: aSnapshot({
          metadata: { creationTimestamp: ago(50 * minutes) },
          spec: { startDeadline: '1h' },
        }),
        provider: { state: 'Absent' },
      }),
      says('ReferenceNotFound', { endsInMs: 10 * minutes }),
    ],
    [
      'another at work on the VM is waited for, and no intent is written',
      snapshotFacts({
        seen: ready,
        neighbours: {
          ...snapshotNeighbours,
          vmLane: () => ({ busy: 'VMSnapshot other', sends: [] }),
        },
      }),
      says('Queued'),
    ],
  ]);
});

describe('between intent and request', () => {
  decisionTable([
    [
      'the mark is looked up after the intent is written, first attempt or not',
      begun({ intentWritten: true }),
      { do: 'LookUp', containerID, fresh: true },
    ],
    [
      'nothing of ours there: the request is sent',
      begun({ intentWritten: true, lookUp: fresh() }),
      { do: 'Create', intent: { attempt: 1, correlationID } },
    ],
    [
      'a point that bears our mark is taken, and nothing is sent',
      begun({ intentWritten: true, lookUp: fresh(aPoint()) }),
      says('Available', { record: { snapshotID: aPoint().id } }),
    ],
    [
      'the mark is read without case, as Azure may spell names',
      begun({ intentWritten: true, lookUp: fresh(aPoint({ name: name(1).toUpperCase() })) }),
      says('Available'),
    ],
    [
      'a point of another object, or of another cluster, is none of ours',
      begun({
        intentWritten: true,
        lookUp: fresh(
          aPoint({ name: markedName({ cluster, uid: otherUID, attempt: 1 }), createdAt: ago(5 * hours) }),
          aPoint({ name: markedName({ cluster: 'c2', uid, attempt: 1 }), createdAt: ago(5 * hours) }),
        ),
      }),
      { do: 'Create' },
    ],
    [
      'a look-up that fails sends nothing, and the attempt counts as not made',
      begun({ intentWritten: true, lookUp: failedLookUp(unavailable) }),
      says('ProviderUnavailable', { record: { operation: { attempts: 1 } } }),
    ],
    [
      'three points in the last hour: the fourth waits for the limit of the vendor',
      begun({
        intentWritten: true,
        lookUp: fresh(
          ...[10, 20, 30].map((age) => aPoint({ name: `other-${age}`, createdAt: ago(age * minutes) })),
        ),
      }),
      says('Queued', { requeueAfterMs: 30 * minutes + 1_000, record: { operation: { attempts: 1 } } }),
    ],
  ]);
});

describe('what the vendor says to the request', () => {
  const sent = (created: Seen['created']) => begun({ intentWritten: true, lookUp: fresh(), created });
  const point = aPoint({ state: 'Creating', disks: [] });
  decisionTable([
    [
      'accepted: it is being made, and the status has all that a restart needs',
      sent(accepted(point, 'https://operation')),
      says('Provisioning', {
        settled: true,
        requeueAfterMs: settings.pollIntervalMs,
        record: {
          provisioningState: 'Creating',
          snapshotID: point.id,
          operation: { attempts: 0, token: 'https://operation' },
        },
      }),
    ],
    [
      'the wait that the vendor asks for is kept',
      sent({ kind: 'Pending', value: { snapshot: point }, afterMs: 77_000 }),
      says('Provisioning', { requeueAfterMs: 77_000 }),
    ],
    [
      'a lost answer is Unknown, never Failed',
      sent({ kind: 'Unknown', error: vendorError }),
      says('ProgressingWithRetry', {
        record: { provisioningState: 'Pending', operation: { attempts: 0 } },
      }),
    ],
    [
      'a failure that is told at once may have left something behind: it is looked for',
      sent(forGood),
      says('ProgressingWithRetry', {
        record: { operation: { attempts: 0 }, error: { reason: 'CreationFailed' } },
      }),
    ],
    [
      'a conflict for good may mean that it is there already: it is looked for',
      sent({ kind: 'Conflict', retry: 'Never', error: vendorError }),
      says('ProgressingWithRetry', { record: { operation: { attempts: 0 } } }),
    ],
    [
      'a conflict that passes is tried again',
      sent({ kind: 'Conflict', retry: 'Later', error: vendorError }),
      says('ConcurrentOperation', {
        requeueAfterMs: settings.retryIntervalMs,
        record: { operation: { attempts: 1, nextAttemptAt: ago(-settings.retryIntervalMs) } },
      }),
    ],
    [
      'throttled: the wait that the vendor asks for is kept',
      sent({ kind: 'Throttled', afterMs: 20 * minutes, error: vendorError }),
      says('ProviderThrottled', { requeueAfterMs: 20 * minutes, record: { operation: { attempts: 1 } } }),
    ],
    [
      'a request that never left counts as not made',
      sent({ kind: 'NotSent', error: vendorError }),
      says('ProgressingWithRetry', { record: { operation: { attempts: 1 } } }),
    ],
    [
      'denied: tried again, for permissions are granted by hand',
      sent({ kind: 'Denied', cause: 'Permission', error: vendorError }),
      says('PermissionDenied', { requeueAfterMs: settings.retryIntervalMs }),
    ],
    [
      'refused credentials are named as such',
      sent({ kind: 'Denied', cause: 'Authentication', error: vendorError }),
      says('AuthenticationFailed'),
    ],
    [
      'a limit of the vendor is tried again slowly',
      sent({ kind: 'LimitReached', limit: 'Snapshots', error: vendorError }),
      says('SnapshotLimitReached', { requeueAfterMs: hours }),
    ],
    [
      'a request that is refused as such ends it, with the words of the vendor',
      sent({ kind: 'Invalid', error: vendorError }),
      says('CreationFailed', {
        verdict: {
          reason: 'CreationFailed',
          message: expect.stringContaining('SomeCode: words of the vendor'),
        },
        record: { provisioningState: 'Failed', error: { reason: 'CreationFailed', vendorCode: 'SomeCode' } },
      }),
    ],
    [
      'what the vendor cannot do ends it',
      sent({ kind: 'Unsupported', error: vendorError }),
      says('UnsupportedByProvider', { record: { operation: { attempts: 1 } } }),
    ],
  ]);

  it('no second attempt is planned of what was refused for good', () => {
    const step = decide(sent({ kind: 'Invalid', error: vendorError }), snapshotPolicy);
    expect(step).not.toHaveProperty('requeueAfterMs');
    expect(step).not.toHaveProperty('record.operation.nextAttemptAt');
  });

  it('a refusal after the deadline ends it', () => {
    const late = aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }) });
    const facts = snapshotFacts({
      object: late,
      seen: {
        intentWritten: true,
        lookUp: fresh(),
        created: { kind: 'Throttled', afterMs: 1, error: vendorError },
      },
    });
    expect(decide(facts, snapshotPolicy)).toMatchObject(
      says('DeadlineExceeded', { verdict: { message: expect.stringContaining('words of the vendor') } }),
    );
  });
});

describe('an attempt that nobody recorded', () => {
  decisionTable([
    ['is looked up, and nothing is sent', begun(), { do: 'LookUp', containerID, fresh: true }],
    [
      'is looked up even while paused, and while the provider is not ready',
      begun({}, undefined, {
        object: aSnapshot({ intent, annotations: paused }),
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm', provider: aProvider() },
      }),
      { do: 'LookUp' },
    ],
    [
      'is taken up when it is found',
      begun({ lookUp: fresh(aPoint({ state: 'Creating' })) }),
      says('Provisioning', {
        settled: true,
        record: { snapshotID: aPoint().id, provisioningState: 'Creating' },
      }),
    ],
    [
      'is still unknown after one look-up that showed nothing',
      begun({ lookUp: fresh() }, undefined, {
        unknown: { since: monotonic, firstEmptyLookUp: monotonic, lastEmptyLookUp: monotonic },
      }),
      says('ProgressingWithRetry', { requeueAfterMs: 10_000 }),
    ],
    [
      'is still unknown a moment before window, time-out and settle time are over',
      begun({ lookUp: fresh() }, undefined, {
        unknown: { ...over, since: over.since + 1 },
      }),
      says('ProgressingWithRetry', { requeueAfterMs: 1_000 }),
    ],
    [
      'is still unknown when its only look-up came after that time',
      begun({ lookUp: fresh() }, undefined, {
        unknown: { ...over, firstEmptyLookUp: monotonic },
      }),
      says('ProgressingWithRetry'),
    ],
    [
      'becomes not made after window, time-out and settle time, and two look-ups apart',
      begun({ lookUp: fresh() }, undefined, { unknown: over }),
      says('ProgressingWithRetry', {
        settled: true,
        requeueAfterMs: 0,
        record: { operation: { attempts: 1, nextAttemptAt: ago(0) }, snapshotID: null },
      }),
    ],
    [
      'stays unknown while the look-up fails',
      begun({ lookUp: failedLookUp(unavailable) }, undefined, { unknown: over }),
      says('ProviderUnavailable', { requeueAfterMs: expect.any(Number) }),
    ],
    [
      'needs the proof that the collection is gone where the look-up answers 404',
      begun({ lookUp: failedLookUp(notFound('Object')) }),
      { do: 'ProveContainerGone', containerID },
    ],
    [
      'stays unknown while a list still has the collection: a 404 of the gateway proves nothing',
      begun({ lookUp: failedLookUp(notFound('Unproven')), containerGone: done(false) }, undefined, {
        unknown: over,
      }),
      says('ProviderUnavailable'),
    ],
    [
      'is not made where the collection itself is proved gone',
      begun({ lookUp: failedLookUp(notFound('Unproven')), containerGone: done(true) }, undefined, {
        unknown: over,
      }),
      says('ProgressingWithRetry', { settled: true, record: { operation: { attempts: 1 } } }),
    ],
    [
      'ends the object when its failure was told at once and was for good',
      begun(
        { lookUp: fresh() },
        snapshotStatus('ProgressingWithRetry', {
          error: { reason: 'CreationFailed', message: 'the vendor said so', time: ago(minutes) },
        }),
        { unknown: over },
      ),
      says('CreationFailed', {
        verdict: { reason: 'CreationFailed', message: 'the vendor said so' },
        record: { provisioningState: 'Failed', operation: { attempts: 1 } },
      }),
    ],
    [
      'that cannot be found out before the deadline is OutcomeUnknown, and is looked for slowly',
      snapshotFacts({
        object: aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }) }),
        seen: { lookUp: failedLookUp(unavailable) },
      }),
      says('OutcomeUnknown', { requeueAfterMs: 10 * minutes }),
    ],
    [
      'that turns out not to be made after the deadline: DeadlineExceeded, and no other attempt',
      snapshotFacts({
        object: aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }) }),
        seen: { lookUp: fresh() },
        unknown: over,
      }),
      says('DeadlineExceeded', { record: { operation: { attempts: 1 }, provisioningState: 'Failed' } }),
    ],
  ]);
});

describe('another attempt', () => {
  const refused = (change: VMSnapshotStatus = {}) =>
    snapshotStatus('ProviderThrottled', {
      provisioningState: 'Pending',
      operation: { kind: 'Create', startedAt: intent.startedAt, attempts: 1, nextAttemptAt: ago(1_000) },
      error: { reason: 'ProviderThrottled', message: 'slow down', time: ago(minutes) },
      ...change,
    });
  const waiting = {
    operation: { kind: 'Create', startedAt: intent.startedAt, attempts: 1, nextAttemptAt: ago(-minutes) },
  };
  const newID = 'cccccccc-0000-4000-8000-000000000002';
  decisionTable([
    [
      'after a refusal bears a new mark and a new correlation id, and the old start',
      begun({}, refused(), { correlationID: newID, seen: { vm: done(aVM()) } }),
      {
        do: 'WriteIntent',
        intent: {
          attempt: 2,
          correlationID: newID,
          startedAt: intent.startedAt,
          target: { name: name(2), containerID },
        },
      },
    ],
    ['is not made before its time', begun({}, refused(waiting)), { do: 'Finish', requeueAfterMs: minutes }],
    [
      'is not made while paused',
      begun({}, undefined, { object: aSnapshot({ intent, annotations: paused, status: refused() }) }),
      says('Paused'),
    ],
    [
      'is announced again when the pause is over',
      begun({}, { ...refused(waiting), conditions: [ready('False', 'Paused')] }),
      says('ProviderThrottled', { requeueAfterMs: minutes, verdict: { message: 'slow down' } }),
    ],
    [
      'waits for a provider that is not ready',
      begun({}, refused(), {
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm', provider: aProvider() },
      }),
      says('WaitingForProvider'),
    ],
    [
      'is not made after the deadline',
      snapshotFacts({
        object: aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }), status: refused() }),
      }),
      says('DeadlineExceeded', { record: { provisioningState: 'Failed' } }),
    ],
    [
      'is not made of what ended, whatever becomes of the provider',
      begun(
        {},
        snapshotStatus('CreationFailed', {
          provisioningState: 'Failed',
          operation: { kind: 'Create', startedAt: intent.startedAt, attempts: 1 },
        }),
        { provider: { state: 'Absent' } },
      ),
      { do: 'Finish', current: true },
    ],
    [
      'is not made of what ended while the provider names another endpoint',
      begun(
        {},
        snapshotStatus('UnsupportedByProvider', {
          operation: { kind: 'Create', startedAt: intent.startedAt, attempts: 1 },
        }),
        { provider: { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) } },
      ),
      { do: 'Finish', current: true },
    ],
    [
      'that nobody recorded is settled like the first',
      again({}, refused()),
      { do: 'LookUp', containerID, fresh: true },
    ],
    [
      'that finds what the first left follows it',
      again({ intentWritten: true, lookUp: fresh(aPoint({ state: 'Creating' })) }, refused()),
      says('Provisioning', { record: { snapshotID: aPoint().id } }),
    ],
    [
      'prefers what is finished to what failed',
      again(
        {
          intentWritten: true,
          lookUp: fresh(aPoint({ name: name(2), state: 'Failed' }), aPoint()),
        },
        refused(),
      ),
      { do: 'Remove', ref: { id: aPoint({ name: name(2) }).id } },
    ],
  ]);

  it('what ended says nothing, so that its reason stays', () => {
    const status = snapshotStatus('CreationFailed', { operation: { kind: 'Create', attempts: 1 } });
    for (const provider of [{ state: 'Absent' }, { state: 'Untried' }] as const) {
      expect(decide(begun({}, status, { provider }), snapshotPolicy)).not.toHaveProperty('verdict');
    }
  });
});

describe('what the vendor is making', () => {
  const seen = (snapshot: Seen['snapshot'], rest: Seen = {}) => begun({ snapshot, ...rest }, creating);
  const failing = {
    ...creating,
    provisioningState: 'Failed',
    error: { reason: 'ProgressingWithRetry', message: 'it failed', time: ago(minutes) },
  };
  decisionTable([
    [
      'is read by its id',
      begun({}, creating),
      { do: 'ReadSnapshot', ref: { id: aPoint().id }, view: { progress: false } },
    ],
    [
      'is looked at less often the older it is',
      seen(done(aPoint({ state: 'Creating' }))),
      says('Provisioning', { requeueAfterMs: 30_000 }),
    ],
    [
      'of which the vendor uses a word that nobody knows is not finished',
      seen(done(aPoint({ state: 'Unrecognised', vendorState: 'InProgress' }))),
      says('Provisioning', {
        verdict: {
          reason: 'Provisioning',
          message: expect.stringContaining('as InProgress: nothing can be'),
        },
      }),
    ],
    [
      'which the vendor shows without a state is not finished',
      seen(done(aPoint({ state: 'Unrecognised', vendorState: '' }))),
      says('Provisioning', {
        verdict: { reason: 'Provisioning', message: expect.stringContaining('does not say in which state') },
      }),
    ],
    [
      'is ready when the vendor calls it finished and names the points of all disks',
      seen(done(aPoint())),
      says('Available', {
        record: {
          provisioningState: 'Succeeded',
          readyToUse: true,
          completedAt: now,
          operation: null,
          error: null,
        },
      }),
    ],
    [
      'is not ready while a disk has no point yet',
      seen(done(aPoint({ disks: [{ name: 'os', osDisk: true }] }))),
      says('Provisioning', { record: { provisioningState: 'Succeeded' } }),
    ],
    [
      'cannot be read for now: nothing is concluded',
      seen(unavailable),
      says('ProviderUnavailable', { record: { provisioningState: 'Creating' } }),
    ],
    [
      'is of a VM that was made anew under its name: it is removed',
      seen(done(aPoint({ vmUID: 'vm-uid-b' }))),
      { do: 'Remove', ref: { id: aPoint().id } },
    ],
    [
      'is of a VM that was made anew: it fails when it is removed',
      seen(done(aPoint({ vmUID: 'vm-uid-b' })), { removed: { id: aPoint().id, outcome: done({}) } }),
      says('CreationFailed', { record: { provisioningState: 'Failed', readyToUse: false } }),
    ],
    [
      'failed: the operation says why',
      seen(done(aPoint({ state: 'Failed' }))),
      { do: 'ReadOperation', token: 'https://operation' },
    ],
    [
      'failed: it is removed before the next attempt',
      seen(done(aPoint({ state: 'Failed' })), { operation: operationFailed(transient) }),
      { do: 'Remove', ref: { id: aPoint().id } },
    ],
    [
      'failed, and is being removed: the failure is recorded, and no attempt is planned yet',
      seen(done(aPoint({ state: 'Failed' })), {
        operation: operationFailed(transient),
        removed: { id: aPoint().id, outcome: done({}) },
      }),
      says('ProgressingWithRetry', {
        record: { provisioningState: 'Failed', snapshotID: aPoint().id, error: { vendorCode: 'SomeCode' } },
      }),
    ],
    [
      'failed for good: it ends with the words of the vendor',
      seen(done(aPoint({ state: 'Failed' })), {
        operation: operationFailed(forGood),
        removed: { id: aPoint().id, outcome: done({}) },
      }),
      says('CreationFailed'),
    ],
    [
      'failed, and its removal takes time: nothing new is said',
      begun({ snapshot: done(aPoint({ state: 'Deleting' })) }, failing),
      { do: 'Finish', requeueAfterMs: expect.any(Number) },
    ],
    [
      'failed and is removed: the attempt is settled, and another one planned',
      begun({ snapshot: notFound('Object') }, failing),
      says('ProgressingWithRetry', {
        record: { operation: { attempts: 1, nextAttemptAt: expect.any(String) }, snapshotID: null },
      }),
    ],
    [
      'failed for good and is removed: it ends',
      begun(
        { snapshot: notFound('Object') },
        { ...failing, error: { reason: 'CreationFailed', message: 'm', time: ago(minutes) } },
      ),
      says('CreationFailed', { record: { operation: { attempts: 1 }, provisioningState: 'Failed' } }),
    ],
    [
      'a 404 that need not mean it is checked against a complete list',
      seen(notFound('Unproven')),
      { do: 'LookUp', fresh: true },
    ],
    [
      'a 404 of the gateway proves nothing while the list has it',
      seen(notFound('Unproven'), { lookUp: fresh(aPoint({ state: 'Creating' })) }),
      says('ProviderUnavailable', { record: { provisioningState: 'Creating' } }),
    ],
    [
      'a 404 that speaks of the collection needs the proof that this is gone',
      seen(notFound('Parent'), { lookUp: failedLookUp(notFound('Object')) }),
      { do: 'ProveContainerGone', containerID },
    ],
    [
      'vanished: the operation says what came of it',
      seen(notFound('Object')),
      { do: 'ReadOperation', token: 'https://operation' },
    ],
    [
      'does not show while its operation runs',
      seen(notFound('Object'), { operation: done({ state: 'Running' }) }),
      says('Provisioning'),
    ],
    [
      'vanished and its operation failed: what it may have left is looked for',
      seen(notFound('Object'), { operation: operationFailed(transient) }),
      { do: 'LookUp', fresh: true },
    ],
    [
      'vanished and its operation failed: the attempt is not settled while something may still show',
      seen(notFound('Object'), { operation: operationFailed(transient), lookUp: fresh() }),
      says('ProgressingWithRetry', { verdict: { message: expect.stringContaining('may have left') } }),
    ],
    [
      'vanished and its operation failed: the attempt is settled when nothing can show any more',
      begun(
        { snapshot: notFound('Object'), operation: operationFailed(transient), lookUp: fresh() },
        creating,
        { unknown: over },
      ),
      says('ProgressingWithRetry', { record: { operation: { attempts: 1 } } }),
    ],
    [
      'vanished, its operation failed, and what it left shows: that is removed',
      seen(notFound('Object'), {
        operation: operationFailed(transient),
        lookUp: fresh(aPoint({ state: 'Failed' })),
      }),
      { do: 'Remove' },
    ],
    [
      'vanished though its operation succeeded: its mark is looked for',
      seen(notFound('Object'), { operation: done({ state: 'Succeeded' }) }),
      { do: 'LookUp', fresh: true },
    ],
    [
      'is being removed by someone else: it is waited for',
      seen(done(aPoint({ state: 'Deleting' }))),
      says('ConcurrentOperation'),
    ],
    [
      'is followed while paused',
      snapshotFacts({
        object: aSnapshot({ intent, annotations: paused, status: creating }),
        seen: { snapshot: done(aPoint()) },
      }),
      says('Available'),
    ],
    [
      'is followed by the old connection while the provider is not ready',
      begun({ snapshot: done(aPoint()) }, creating, {
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm', provider: aProvider() },
      }),
      says('Available'),
    ],
    [
      'waits for a provider without a connection',
      begun({}, creating, { provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm' } }),
      says('WaitingForProvider'),
    ],
    [
      'is left alone while the provider names another endpoint: ProviderChanged, and no conclusion',
      begun({}, creating, {
        provider: { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) },
      }),
      says('ProviderChanged'),
    ],
    [
      'that a list has and a read does not is followed by the list',
      begun({}, creating, {
        seen: {
          snapshot: notFound('Object'),
          operation: done({ state: 'Succeeded' }),
          lookUp: fresh(aPoint({ state: 'Creating' })),
        },
      }),
      says('Provisioning', { record: { snapshotID: aPoint().id } }),
    ],
    [
      'whose intent was taken away gets it back by what the status knows, and is not made again',
      snapshotFacts({ object: aSnapshot({ status: creating }) }),
      { do: 'Protect', intent: { step: 'Create', target: { name: aPoint().name, containerID } } },
    ],
  ]);

  it('trouble that stays the same keeps the time at which it was first seen', () => {
    const error = {
      reason: 'ProviderThrottled',
      message: 'making the restore point: SomeCode: words of the vendor',
      time: ago(hours),
    };
    const created = { kind: 'Throttled', afterMs: 1, error: vendorError } as const;
    const facts = again(
      { intentWritten: true, lookUp: fresh(), created },
      snapshotStatus('ProviderThrottled', { error }),
    );
    expect(decide(facts, snapshotPolicy)).toMatchObject({ record: { error: { time: ago(hours) } } });
  });

  it('a look that shows nothing takes nothing back of what was seen', () => {
    const step = decide(
      begun({ snapshot: unavailable }, { ...creating, provisioningState: 'Succeeded' }),
      snapshotPolicy,
    );
    expect(step).toMatchObject({ record: { provisioningState: 'Succeeded' } });
  });
});

describe('after the deadline', () => {
  const late = (seen: Seen, status: VMSnapshotStatus = creating) =>
    snapshotFacts({
      object: aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }), status }),
      seen,
    });
  const exceeded = {
    ...creating,
    conditions: [ready('False', 'DeadlineExceeded')],
    error: { reason: 'DeadlineExceeded', message: 'm', time: ago(hours) },
  };
  decisionTable([
    [
      'what is still being made is DeadlineExceeded, and watched slowly',
      late({ snapshot: done(aPoint({ state: 'Creating' })) }),
      says('DeadlineExceeded', { requeueAfterMs: 10 * minutes }),
    ],
    ['it goes on looking', late({}, exceeded), { do: 'ReadSnapshot' }],
    [
      'a late success becomes Ready',
      late({ snapshot: done(aPoint()) }, exceeded),
      says('Available', { record: { readyToUse: true, error: null } }),
    ],
    [
      'a late failure is removed',
      late({ snapshot: done(aPoint({ state: 'Failed' })), operation: operationFailed(transient) }, exceeded),
      { do: 'Remove', ref: { id: aPoint().id } },
    ],
    [
      'a late failure leaves it DeadlineExceeded',
      late(
        {
          snapshot: done(aPoint({ state: 'Failed' })),
          operation: operationFailed(transient),
          removed: { id: aPoint().id, outcome: done({}) },
        },
        exceeded,
      ),
      says('DeadlineExceeded', {
        record: { provisioningState: 'Failed', error: { vendorCode: 'SomeCode' } },
      }),
    ],
    [
      'trouble of the provider changes nothing',
      snapshotFacts({
        object: aSnapshot({ intent: anIntent({ startedAt: ago(3 * hours) }), status: exceeded }),
        provider: { state: 'Absent' },
      }),
      nothing,
    ],
  ]);
});

describe('two with one mark', () => {
  const other = aPoint({ name: name(1) });
  const kept = aPoint({ name: name(2) });
  const status = { ...creating, snapshotID: kept.id, operation: { kind: 'Create', attempts: 1 } };
  decisionTable([
    [
      'before a later attempt is called ready, a second one is looked for',
      again({ snapshot: done(kept) }, status),
      { do: 'LookUp', fresh: true },
    ],
    [
      'the recorded one is kept, the other removed',
      again({ snapshot: done(kept), lookUp: fresh(other, kept) }, status),
      { do: 'Remove', ref: { id: other.id } },
    ],
    [
      'the removal is told, and looked after',
      again(
        { snapshot: done(kept), lookUp: fresh(other, kept), removed: { id: other.id, outcome: done({}) } },
        status,
      ),
      says('ProgressingWithRetry', {
        record: { snapshotID: kept.id },
        events: [{ type: 'Warning', reason: 'DuplicateRemoved' }],
      }),
    ],
    [
      'a removal that is denied is said as such, and nothing is called removed',
      again(
        {
          snapshot: done(kept),
          lookUp: fresh(other, kept),
          removed: { id: other.id, outcome: { kind: 'Denied', cause: 'Permission', error: vendorError } },
        },
        status,
      ),
      says('PermissionDenied', { record: { snapshotID: kept.id } }),
    ],
    [
      'one that is on its way out does not count',
      again({ snapshot: done(kept), lookUp: fresh({ ...other, state: 'Deleting' }, kept) }, status),
      says('Available'),
    ],
    [
      'the look-up fails: not ready yet',
      again({ snapshot: done(kept), lookUp: failedLookUp(unavailable) }, status),
      says('ProviderUnavailable'),
    ],
  ]);
});

describe('consistency', () => {
  const require = (level: 'Application' | 'FileSystem', policy: 'Require' | 'Prefer', seen: Seen) =>
    snapshotFacts({
      object: aSnapshot({ intent, status: creating, spec: { consistency: { level, policy } } }),
      seen,
    });
  const low = done(aPoint({ consistency: 'Crash' }));
  decisionTable([
    [
      'one that falls short of Require is removed',
      require('Application', 'Require', { snapshot: low }),
      { do: 'Remove', ref: { id: aPoint().id } },
    ],
    [
      'one that falls short of Require fails, once it is removed',
      require('Application', 'Require', { snapshot: low, removed: { id: aPoint().id, outcome: done({}) } }),
      says('ConsistencyNotMet', { record: { provisioningState: 'Failed', readyToUse: false } }),
    ],
    [
      'one that falls short of Prefer is kept',
      require('Application', 'Prefer', { snapshot: low }),
      says('Available'),
    ],
    [
      'more than what is required is fine',
      require('FileSystem', 'Require', { snapshot: done(aPoint()) }),
      says('Available'),
    ],
    [
      'Require waits until the vendor says what was achieved',
      require('Application', 'Require', {
        snapshot: done((({ consistency: _, ...rest }) => rest)(aPoint())),
      }),
      says('Provisioning'),
    ],
  ]);
});

describe('adoption', () => {
  const id = aPoint({ name: 'nightly' }).id;
  const adoption = anIntent({
    step: 'Adopt',
    target: aTarget({ name: 'nightly', existingID: id }),
  });
  const spec = { source: { existing: { id } } };
  const recorded: VMSnapshotStatus = { snapshotID: id };
  const adopting = (seen: Seen = {}, status: VMSnapshotStatus | undefined = recorded) =>
    snapshotFacts({
      object: aSnapshot({ intent: adoption, spec, ...(status === undefined ? {} : { status }) }),
      seen,
    });
  decisionTable([
    [
      'what an annotation alone says is checked anew: whoever can edit the object can write it',
      snapshotFacts({ object: aSnapshot({ intent: adoption, spec }) }),
      { do: 'ReadSource', ref: { id } },
    ],
    ['an adopted one is read, and nothing is made', adopting(), { do: 'ReadSnapshot', ref: { id } }],
    [
      'a finished one is ready',
      adopting({ snapshot: done(aPoint({ name: 'nightly' })) }),
      says('Available', { record: { snapshotID: id } }),
    ],
    [
      'a failed one is left as it is',
      adopting({ snapshot: done(aPoint({ name: 'nightly', state: 'Failed' })) }),
      says('CreationFailed'),
    ],
    [
      'one that is not there is SourceNotFound, and looked for slowly',
      adopting({ snapshot: notFound('Object') }),
      says('SourceNotFound', { requeueAfterMs: settings.driftIntervalMs }),
    ],
    [
      'one whose place is not known to be the region of its VM is read with its replication',
      snapshotFacts({
        object: aSnapshot({
          intent: {
            ...adoption,
            target: { containerID, name: 'nightly', existingID: id, location: 'westeurope' },
          },
          spec,
          status: recorded,
        }),
      }),
      { do: 'ReadSnapshot', view: { progress: true } },
    ],
  ]);

  it('one that cannot be used is never removed', () => {
    const failed = {
      ...aPoint({ name: 'nightly' }),
      replication: [{ snapshotID: `nightly/os`, state: 'Failed' as const }],
    };
    const facts = snapshotFacts({
      object: aSnapshot({
        intent: { ...adoption, target: { ...adoption.target, location: 'northeurope' } },
        spec,
        status: recorded,
      }),
      seen: { snapshot: done(failed) },
    });
    const step: Step = decide(facts, snapshotPolicy);
    expect(step).toMatchObject(
      says('ReplicationFailed', { verdict: { message: expect.stringContaining('left as it is') } }),
    );
  });
});

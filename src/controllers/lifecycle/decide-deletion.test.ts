import { describe, expect, it } from 'vitest';
import type { VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Outcome } from '../../providers/outcome.ts';
import type { OperationAccepted, Snapshot } from '../../providers/provider.ts';
import { markedName, sendWindowMs } from '../intent.ts';
import {
  ago,
  anIntent,
  aPoint,
  aProvider,
  aSnapshot,
  aTarget,
  cluster,
  commonNeighbours,
  containerID,
  done,
  hours,
  minutes,
  notFound,
  type ObjectChange,
  otherUID,
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
import type { Seen } from './facts.ts';

const point = aPoint();
const monotonic = 1_000_000;
const proved = {
  since: monotonic - sendWindowMs - 60_000,
  firstEmptyLookUp: monotonic - 60_000,
  lastEmptyLookUp: monotonic,
};
const completed = snapshotStatus('Available', {
  provisioningState: 'Succeeded',
  readyToUse: true,
  snapshotID: point.id,
  creationTime: ago(5 * minutes),
  completionTime: ago(4 * minutes),
});

/** An object that is being deleted. */
function going(
  seen: Seen = {},
  status: VMSnapshotStatus | undefined = completed,
  change: Partial<SnapshotFacts> & { object?: never; with?: ObjectChange<ReturnType<typeof aSnapshot>> } = {},
): SnapshotFacts {
  const { with: rest = {}, ...facts } = change;
  const { metadata, ...others } = rest;
  return snapshotFacts({
    object: aSnapshot({
      intent: anIntent(),
      ...(status === undefined ? {} : { status }),
      metadata: { deletionTimestamp: ago(minutes), ...metadata },
      ...others,
    }),
    seen,
    ...facts,
  });
}

const list = (outcome: Outcome<Snapshot[]>): Pick<Seen, 'lookUp'> => ({ lookUp: { outcome, fresh: true } });
const empty = list(done([]));
const removed = (outcome: Outcome<OperationAccepted>): Pick<Seen, 'removed'> => ({
  removed: { id: point.id, outcome },
});
const released = { do: 'Release' };
const unrecorded = snapshotStatus('ProgressingWithRetry', { provisioningState: 'Pending' });

describe('deletion', () => {
  decisionTable([
    [
      'of an object without our finalizer is none of our business',
      going({}, completed, { with: { metadata: { finalizers: [] } } }),
      nothing,
    ],
    [
      'of an object that never began asks the vendor nothing',
      snapshotFacts({
        object: aSnapshot({
          metadata: { deletionTimestamp: ago(minutes), finalizers: ['keyframe.dev/protect'] },
        }),
        provider: { state: 'Absent' },
      }),
      released,
    ],
    ['looks into the collection afresh', going(), { do: 'LookUp', containerID, fresh: true }],
    ['removes what bears the mark', going(list(done([point]))), { do: 'Remove', ref: { id: point.id } }],
    [
      'removes everything that bears the UID, of whatever attempt',
      going(list(done([aPoint({ name: markedName({ cluster, uid, attempt: 7 }), state: 'Failed' })]))),
      { do: 'Remove', ref: { id: aPoint({ name: markedName({ cluster, uid, attempt: 7 }) }).id } },
    ],
    [
      'never removes what bears the mark of another object, or of another cluster',
      going(
        list(
          done([
            aPoint({ name: markedName({ cluster, uid: otherUID, attempt: 1 }) }),
            aPoint({ name: markedName({ cluster: 'c2', uid, attempt: 1 }) }),
            aPoint({ name: 'somebody' }),
          ]),
        ),
      ),
      released,
    ],
    [
      'says that it is being removed, and takes readyToUse back',
      going({ ...list(done([point])), ...removed({ kind: 'Pending', value: {}, afterMs: 12_000 }) }),
      says('Deleting', {
        requeueAfterMs: 12_000,
        record: { provisioningState: 'Deleting', readyToUse: false, snapshotID: point.id },
      }),
    ],
    [
      'waits for what is on its way out, and does not ask again',
      going(list(done([aPoint({ state: 'Deleting' })]))),
      says('Deleting'),
    ],
    [
      'takes a lost answer for what it is, and looks again',
      going({ ...list(done([point])), ...removed({ kind: 'Unknown', error: vendorError }) }),
      says('Deleting'),
    ],
    [
      'lets go when a complete list shows nothing of it',
      going(empty, { ...completed, provisioningState: 'Deleting' }),
      released,
    ],
    [
      'that the vendor refuses for now is DeletionBlocked, with its words',
      going({
        ...list(done([point])),
        ...removed({ kind: 'Conflict', retry: 'Later', error: vendorError }),
      }),
      says('DeletionBlocked', {
        verdict: { reason: 'DeletionBlocked', message: expect.stringContaining('words of the vendor') },
        requeueAfterMs: settings.retryIntervalMs * 2,
      }),
    ],
    [
      'that is denied says so',
      going({
        ...list(done([point])),
        ...removed({ kind: 'Denied', cause: 'Permission', error: vendorError }),
      }),
      says('PermissionDenied'),
    ],
    [
      'keeps the wait that the vendor asks for',
      going({
        ...list(done([point])),
        ...removed({ kind: 'Throttled', afterMs: 20 * minutes, error: vendorError }),
      }),
      says('ProviderThrottled', { requeueAfterMs: 20 * minutes }),
    ],
    ['waits for a vendor that does not answer', going(list(unavailable)), says('ProviderUnavailable')],
    [
      'needs the proof that the collection is gone where it answers 404',
      going(list(notFound('Unproven'))),
      { do: 'ProveContainerGone', containerID },
    ],
    [
      'holds on while a list still shows the collection: a 404 of the gateway proves nothing',
      going({ ...list(notFound('Unproven')), containerGone: done(false) }),
      says('ProviderUnavailable'),
    ],
    [
      'holds on while the proof cannot be had',
      going({ ...list(notFound('Unproven')), containerGone: unavailable }),
      says('ProviderUnavailable'),
    ],
    [
      'lets go with its collection',
      going({ ...list(notFound('Object')), containerGone: done(true) }),
      released,
    ],
    [
      'goes on while paused: it was asked for',
      going(list(done([point])), completed, { with: { annotations: { 'keyframe.dev/paused': 'true' } } }),
      { do: 'Remove' },
    ],
    [
      'waits for those that still read from it, and names them',
      going({}, completed, {
        neighbours: { ...snapshotNeighbours, ...commonNeighbours, dependents: ['RestorePointCopy c'] },
      }),
      says('DeletionBlocked', { verdict: { message: expect.stringContaining('RestorePointCopy c') } }),
    ],
    [
      'asks nothing of another endpoint',
      going({}, completed, {
        provider: { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) },
      }),
      says('ProviderChanged'),
    ],
    [
      'goes by the old connection while the provider is not ready',
      going({}, completed, {
        provider: { state: 'NotReady', reason: 'ProviderUnavailable', message: 'm', provider: aProvider() },
      }),
      { do: 'LookUp' },
    ],
    [
      'of what lost its intent goes by what the status knows',
      snapshotFacts({
        object: aSnapshot({
          metadata: { deletionTimestamp: ago(minutes), finalizers: ['keyframe.dev/protect'] },
          status: completed,
        }),
        seen: list(done([point])),
      }),
      { do: 'Remove', ref: { id: point.id } },
    ],
  ]);
});

describe('deletion of an attempt that nobody recorded', () => {
  const later = { monotonic };
  decisionTable([
    [
      'waits until its outcome is known: one look that shows nothing is not enough',
      going(empty, unrecorded, {
        ...later,
        unknown: { since: monotonic, firstEmptyLookUp: monotonic, lastEmptyLookUp: monotonic },
      }),
      says('Deleting', {
        verdict: { message: expect.stringContaining('not known yet') },
        requeueAfterMs: 10_000,
      }),
    ],
    [
      'lets go when nothing can come of it any more',
      going(empty, unrecorded, { ...later, unknown: proved }),
      released,
    ],
    ['removes it when it shows', going(list(done([point])), unrecorded), { do: 'Remove' }],
    [
      'waits also when the first answer came and nothing shows yet',
      going(
        empty,
        snapshotStatus('Provisioning', {
          provisioningState: 'Creating',
          snapshotID: point.id,
          operation: { kind: 'Create', attempts: 0 },
        }),
      ),
      says('Deleting'),
    ],
    [
      'waits also when its outcome could not be found out before the deadline',
      going(empty, snapshotStatus('OutcomeUnknown', { provisioningState: 'Pending' })),
      says('Deleting'),
    ],
    [
      'waits also when a leftover of an earlier attempt was what was removed',
      going(
        empty,
        snapshotStatus('Deleting', {
          provisioningState: 'Deleting',
          operation: { kind: 'Create', attempts: 1 },
        }),
        { with: { intent: anIntent({ attempt: 2 }) } },
      ),
      says('Deleting'),
    ],
    [
      'that is settled as not made lets go at once',
      going(empty, snapshotStatus('ProviderThrottled', { operation: { kind: 'Create', attempts: 1 } })),
      released,
    ],
    [
      'that was seen failed lets go as soon as it is gone',
      going(
        empty,
        snapshotStatus('ProgressingWithRetry', { provisioningState: 'Failed', snapshotID: point.id }),
      ),
      released,
    ],
  ]);
});

describe('what is left at the vendor', () => {
  const noted = (reason: string, text: string) => ({
    do: 'Release',
    event: { reason, note: expect.stringContaining(text) },
  });
  decisionTable([
    [
      'stays with deletionPolicy Retain, and is named',
      going({}, completed, { with: { spec: { deletionPolicy: 'Retain' } } }),
      noted('Retained', point.id),
    ],
    [
      'stays when the annotation abandon bears the UID, and is named',
      going({}, completed, { with: { annotations: { 'keyframe.dev/abandon': uid } } }),
      noted('Abandoned', point.id),
    ],
    [
      'does not stay when abandon bears another UID, as in a copied manifest',
      going({}, completed, { with: { annotations: { 'keyframe.dev/abandon': otherUID } } }),
      { do: 'LookUp' },
    ],
    [
      'is named by the mark where no id is known',
      going({}, unrecorded, { with: { annotations: { 'keyframe.dev/abandon': uid } } }),
      noted('Abandoned', markedName({ cluster, uid, attempt: 1 })),
    ],
    [
      'stays when the namespace goes and its credentials have been gone for a day',
      going({}, completed, {
        neighbours: { ...snapshotNeighbours, namespaceTerminating: true },
        provider: { state: 'Absent' },
        with: { metadata: { deletionTimestamp: ago(25 * hours) } },
      }),
      noted('Abandoned', '--abandon-after'),
    ],
    [
      'does not stay yet when the namespace began to go an hour ago',
      going({}, completed, {
        neighbours: { ...snapshotNeighbours, namespaceTerminating: true },
        provider: { state: 'Absent' },
        with: { metadata: { deletionTimestamp: ago(23.5 * hours) } },
      }),
      says('ReferenceNotFound', { requeueAfterMs: 0.5 * hours }),
    ],
    [
      'does not stay while the namespace is there, however long the credentials are gone',
      going({}, completed, {
        provider: { state: 'Absent' },
        with: { metadata: { deletionTimestamp: ago(250 * hours) } },
      }),
      says('ReferenceNotFound'),
    ],
    [
      'does not stay because a process has just begun and has not tried the provider',
      going({}, completed, {
        neighbours: { ...snapshotNeighbours, namespaceTerminating: true },
        provider: { state: 'Untried' },
        with: { metadata: { deletionTimestamp: ago(250 * hours) } },
      }),
      nothing,
    ],
  ]);
});

describe('deletion of an adopted one', () => {
  const existing = aPoint({ name: 'nightly' });
  const intent = anIntent({ step: 'Adopt', target: aTarget({ name: 'nightly', existingID: existing.id }) });
  const status = { ...completed, snapshotID: existing.id };
  const adopted = (seen: Seen, policy?: 'Delete' | 'Retain', rest: VMSnapshotStatus = status) =>
    going(seen, rest, {
      with: {
        intent,
        spec: {
          source: { existing: { id: existing.id } },
          ...(policy === undefined ? {} : { deletionPolicy: policy }),
        },
      },
    });
  decisionTable([
    [
      'leaves it where it is: Retain is its default',
      adopted({}),
      { do: 'Release', event: { reason: 'Retained' } },
    ],
    [
      'removes it with Delete, if it is still the one that was adopted',
      adopted(list(done([existing])), 'Delete'),
      { do: 'Remove', ref: { id: existing.id } },
    ],
    [
      'leaves another one under the same id alone, and says so',
      adopted(list(done([aPoint({ name: 'nightly', createdAt: ago(minutes) })])), 'Delete'),
      { do: 'Release', event: { type: 'Warning', reason: 'Retained' } },
    ],
    ['lets go of what is gone', adopted(empty, 'Delete'), released],
    [
      'never touches others of the collection',
      adopted(list(done([aPoint({ name: 'other' })])), 'Delete'),
      released,
    ],
    [
      'leaves alone what was never seen',
      adopted(list(done([existing])), 'Delete', snapshotStatus('SourceNotFound')),
      { do: 'Release', event: { reason: 'Retained' } },
    ],
  ]);

  it('what bears the mark of another object is left to it, even if the policy became Delete later', () => {
    const marked = aPoint({ name: markedName({ cluster, uid: otherUID, attempt: 1 }) });
    const facts = going(
      list(done([marked])),
      { ...completed, snapshotID: marked.id },
      {
        with: {
          intent: anIntent({ step: 'Adopt', target: aTarget({ name: marked.name, existingID: marked.id }) }),
          spec: { source: { existing: { id: marked.id } }, deletionPolicy: 'Delete' },
        },
      },
    );
    expect(decide(facts, snapshotPolicy)).toMatchObject({ do: 'Release', event: { type: 'Warning' } });
  });
});

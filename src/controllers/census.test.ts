import { describe, expect, it } from 'vitest';
import { annotations } from '../api/names.ts';
import type { Condition } from '../api/v1alpha1/common.ts';
import type { VMRestore } from '../api/v1alpha1/vm-restore.ts';
import { type CountedObject, providerNamedBy, type Standing, standingOf } from './census.ts';
import { ago, hours, minutes, namespace, now, uid } from './testing/builders.ts';
import { restoreDeadlines } from './vmrestore/basics.ts';

type Status = NonNullable<CountedObject['status']>;

const said = (type: string, status: string, reason: string): Condition => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: ago(0),
});

/** An object made ten minutes ago, of which so much is said. */
function object(status: Status = {}, metadata: Partial<CountedObject['metadata']> = {}): CountedObject {
  const base = { name: 'one', namespace, uid, resourceVersion: '1', creationTimestamp: ago(10 * minutes) };
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'VMSnapshot',
    metadata: { ...base, ...metadata },
    status,
  };
}

const ready = [said('Ready', 'True', 'Available')];
const working = [said('Ready', 'False', 'Provisioning'), said('Reconciling', 'True', 'Provisioning')];
const failed = (reason: string) => [said('Ready', 'False', reason), said('Stalled', 'True', reason)];
const begun = (msAgo: number) => ({
  [annotations.intent]: JSON.stringify({
    uid,
    attempt: 1,
    endpointID: 'e',
    correlationID: 'c',
    step: 'Create',
    startedAt: ago(msAgo),
    target: { containerID: 'x' },
  }),
});
const deadlines = { startDeadlineMs: 24 * hours, deadlineMs: 2 * hours };

const cases: [string, CountedObject, Standing][] = [
  ['what can be used is ready', object({ conditions: ready }), { state: 'Ready', reason: 'Available' }],
  [
    'what nothing was said of waits to start since it was made',
    object(),
    {
      state: 'InProgress',
      reason: 'None',
      unfinished: { work: 'Start', ageMs: 10 * minutes, overdue: false },
    },
  ],
  [
    'what has an intent is being finished since its first attempt',
    object({ conditions: working }, { annotations: begun(3 * minutes) }),
    {
      state: 'InProgress',
      reason: 'Provisioning',
      unfinished: { work: 'Finish', ageMs: 3 * minutes, overdue: false },
    },
  ],
  [
    'a kind without intents says in its status when it began',
    object({ conditions: working, startedAt: ago(4 * minutes) }),
    {
      state: 'InProgress',
      reason: 'Provisioning',
      unfinished: { work: 'Finish', ageMs: 4 * minutes, overdue: false },
    },
  ],
  [
    'work beyond its deadline is overdue',
    object({ conditions: working }, { annotations: begun(3 * hours) }),
    {
      state: 'InProgress',
      reason: 'Provisioning',
      unfinished: { work: 'Finish', ageMs: 3 * hours, overdue: true },
    },
  ],
  [
    'a wait beyond its deadline is overdue',
    object({ conditions: [said('Ready', 'False', 'Queued')] }, { creationTimestamp: ago(25 * hours) }),
    {
      state: 'InProgress',
      reason: 'Queued',
      unfinished: { work: 'Start', ageMs: 25 * hours, overdue: true },
    },
  ],
  [
    'what waits for a person is not overdue',
    object({ conditions: [said('Ready', 'False', 'AwaitingDecision')] }, { annotations: begun(3 * hours) }),
    {
      state: 'InProgress',
      reason: 'AwaitingDecision',
      unfinished: { work: 'Finish', ageMs: 3 * hours, overdue: false },
    },
  ],
  [
    'what failed is not unfinished',
    object({ conditions: failed('CreationFailed') }, { annotations: begun(3 * hours) }),
    { state: 'Failed', reason: 'CreationFailed' },
  ],
  [
    'what is paused before it was ready is neither failed nor unfinished',
    object({ conditions: [said('Ready', 'Unknown', 'Paused')] }),
    { state: 'Paused', reason: 'Paused' },
  ],
  [
    'what is paused when ready stays ready',
    object({ conditions: [said('Ready', 'True', 'Paused')] }),
    { state: 'Ready', reason: 'Paused' },
  ],
  [
    'a deletion is overdue after an hour',
    object({ conditions: working }, { deletionTimestamp: ago(61 * minutes) }),
    {
      state: 'InProgress',
      reason: 'Provisioning',
      unfinished: { work: 'Delete', ageMs: 61 * minutes, overdue: true },
    },
  ],
  [
    'a deletion that something blocks is not overdue',
    object(
      { conditions: [said('Ready', 'False', 'DeletionBlocked')] },
      { deletionTimestamp: ago(3 * hours) },
    ),
    {
      state: 'InProgress',
      reason: 'DeletionBlocked',
      unfinished: { work: 'Delete', ageMs: 3 * hours, overdue: false },
    },
  ],
  [
    'a reason of another version is one of few words all the same',
    object({ conditions: [said('Ready', 'True', 'Sublimated')] }),
    { state: 'Ready', reason: 'Other' },
  ],
  [
    'what is replicated lags behind by the age of the point in time that it holds',
    object(
      {
        conditions: working,
        sourceCreationTime: ago(5 * hours),
        replication: { state: 'Replicating', percent: 40, disks: [] },
      },
      { annotations: begun(hours) },
    ),
    {
      state: 'InProgress',
      reason: 'Provisioning',
      unfinished: { work: 'Finish', ageMs: hours, overdue: false },
      replication: { percent: 40, lagMs: 5 * hours },
    },
  ],
  [
    'what has replicated lags no more',
    object({
      conditions: ready,
      sourceCreationTime: ago(5 * hours),
      replication: { state: 'Succeeded', percent: 100, disks: [] },
    }),
    { state: 'Ready', reason: 'Available' },
  ],
];

describe('how an object stands:', () => {
  it.each(cases)('%s', (_, of, expected) => expect(standingOf(of, deadlines, now)).toEqual(expected));

  it('a kind without deadlines is never overdue', () => {
    const old = object({ conditions: working }, { creationTimestamp: ago(1_000 * hours) });
    expect(standingOf(old, undefined, now).unfinished?.overdue).toBe(false);
  });
});

describe('the provider of an object is', () => {
  const withSpec = (spec: object, status: object = {}): CountedObject => ({ ...object(status), ...{ spec } });
  const snapshot = withSpec({ providerRef: { kind: 'ClusterVMProvider', name: 'shared' } });
  it.each<[string, CountedObject, string | undefined]>([
    ['the one that it names', snapshot, 'ClusterVMProvider/shared'],
    ['of its namespace', withSpec({ providerRef: { name: 'azure' } }), 'VMProvider/team-a/azure'],
    [
      'that of the restore point that it copies',
      withSpec({ source: { providerRef: { name: 'azure' }, restorePointID: '/x' } }),
      'VMProvider/team-a/azure',
    ],
    [
      'the one that its status keeps',
      withSpec({ source: { snapshotRef: { name: 'gone' } } }, { providerRef: { name: 'kept' } }),
      'VMProvider/team-a/kept',
    ],
    [
      'that of its VMSnapshot',
      withSpec({ source: { snapshotRef: { name: 'one' } } }),
      'ClusterVMProvider/shared',
    ],
    ['not known while that is not there', withSpec({ source: { snapshotRef: { name: 'gone' } } }), undefined],
  ])('%s', (_, of, expected) => {
    expect(providerNamedBy(of, (key) => (key === 'team-a/one' ? snapshot : undefined))).toBe(expected);
  });
});

describe('a restore is bounded', () => {
  const bounds = (spec: object, status: object = {}) =>
    restoreDeadlines({
      ...object(),
      spec: { source: { snapshotRef: { name: 's' } }, strategy: 'InPlace', ...spec },
      status,
    } as VMRestore);

  it('by startBefore, counted from its creation, or a day', () => {
    expect(bounds({ startBefore: ago(-2 * hours) }).startDeadlineMs).toBe(2 * hours + 10 * minutes);
    expect(bounds({}).startDeadlineMs).toBe(24 * hours);
  });

  it('by its deadline, and the time that people took to decide is none of its own', () => {
    expect(bounds({ deadline: '30m' }).deadlineMs).toBe(30 * minutes);
    const status = {
      operation: { kind: 'Commit', startedAt: ago(5 * hours) },
      steps: [
        { name: 'Preview', state: 'Done', startedAt: ago(5 * hours) },
        { name: 'Commit', state: 'Requested', startedAt: ago(minutes) },
      ],
    };
    expect(bounds({ deadline: '30m' }, status).deadlineMs).toBe(30 * minutes + 5 * hours - minutes);
  });
});

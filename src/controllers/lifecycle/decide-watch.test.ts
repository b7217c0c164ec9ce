import { describe, expect, it } from 'vitest';
import type { VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Outcome } from '../../providers/outcome.ts';
import type { Snapshot } from '../../providers/provider.ts';
import {
  ago,
  anIntent,
  aPoint,
  aProvider,
  aSnapshot,
  aTarget,
  containerID,
  done,
  hours,
  minutes,
  notFound,
  type ObjectChange,
  type SnapshotFacts,
  settings,
  snapshotFacts,
  snapshotNeighbours,
  snapshotStatus,
  unavailable,
} from '../testing/builders.ts';
import { decisionTable, nothing, says } from '../testing/decision-table.ts';
import { snapshotPolicy } from '../vmsnapshot/policy.ts';
import { decide } from './decide.ts';
import { trackedBy } from './decide-watch.ts';
import type { Seen } from './facts.ts';

const point = aPoint();

function available(reason = 'Available', change: VMSnapshotStatus = {}): VMSnapshotStatus {
  return snapshotStatus(reason, {
    provisioningState: 'Succeeded',
    readyToUse: reason === 'Available',
    snapshotID: point.id,
    creationTime: ago(5 * minutes),
    completionTime: ago(4 * minutes),
    ...change,
  });
}

/** A snapshot that was ready once, at which a look is due. */
function due(
  seen: Seen = {},
  status: VMSnapshotStatus = available(),
  change: Partial<SnapshotFacts> & { object?: never; with?: ObjectChange<ReturnType<typeof aSnapshot>> } = {},
): SnapshotFacts {
  const { with: rest = {}, ...facts } = change;
  return snapshotFacts({
    object: aSnapshot({ intent: anIntent(), status, ...rest }),
    driftDueMs: 0,
    seen,
    ...facts,
  });
}

const list = (outcome: Outcome<Snapshot[]>, fresh = true): Pick<Seen, 'lookUp'> => ({
  lookUp: { outcome, fresh },
});
const shown = list(done([point]));

describe('what is ready', () => {
  decisionTable([
    [
      'is left alone until a look is due',
      due({}, available(), { driftDueMs: 7_000 }),
      { do: 'Finish', requeueAfterMs: 7_000 },
    ],
    ['is held against a list that may be remembered', due(), { do: 'LookUp', containerID, fresh: false }],
    [
      'is held against a fresh list when a person asks for a look',
      due({}, available(), {
        driftDueMs: hours,
        with: { annotations: { 'keyframe.dev/reconcile-at': 'now' } },
      }),
      { do: 'LookUp', fresh: true },
    ],
    [
      'is left alone when that look was answered',
      due({}, available('Available', { lastHandledReconcileAt: 'now' }), {
        driftDueMs: hours,
        with: { annotations: { 'keyframe.dev/reconcile-at': 'now' } },
      }),
      nothing,
    ],
    ['is still there: nothing is said', due(shown), { do: 'Finish', looked: true, settled: true }],
    [
      'cannot be looked at: nothing is said, for trouble of the provider changes no settled object',
      due(list(unavailable)),
      { do: 'Finish', looked: true },
    ],
    [
      'has no provider any more: nothing is said',
      due({}, available(), { provider: { state: 'Absent' } }),
      nothing,
    ],
    [
      'is not in a list: it is read by itself',
      due(list(done([]))),
      { do: 'ReadSnapshot', ref: { id: point.id }, view: { progress: false } },
    ],
    [
      'is not in the list but can be read: nothing is said',
      due({ ...list(done([])), snapshot: done(point) }),
      nothing,
    ],
    [
      'is in neither, but the list was a remembered one: a fresh one is asked for',
      due({ ...list(done([]), false), snapshot: notFound('Object') }),
      { do: 'LookUp', fresh: true },
    ],
    [
      'is in neither of a fresh list and the read: SnapshotMissing, and nothing is made anew',
      due({ ...list(done([])), snapshot: notFound('Object') }),
      says('SnapshotMissing', { record: { readyToUse: false } }),
    ],
    [
      'a 404 of the gateway proves nothing',
      due({ ...list(done([])), snapshot: notFound('Unproven') }),
      nothing,
    ],
    [
      'a 404 of the collection has to be proved by a list of collections',
      due(list(notFound('Object'))),
      { do: 'ProveContainerGone', containerID },
    ],
    [
      'went with its collection: SnapshotMissing',
      due({ ...list(notFound('Object')), containerGone: done(true) }),
      says('SnapshotMissing'),
    ],
    [
      'whose collection still shows in a list: nothing is said',
      due({ ...list(notFound('Unproven')), containerGone: done(false) }),
      nothing,
    ],
    [
      'whose id the vendor gave to another snapshot is missing: ids are reused',
      due(list(done([aPoint({ createdAt: ago(minutes) })]))),
      says('SnapshotMissing', {
        verdict: { message: expect.stringContaining('another snapshot under this id') },
        record: { readyToUse: false },
      }),
    ],
    [
      'whose creation time differs below the second is the same',
      due(list(done([aPoint({ createdAt: ago(5 * minutes).replace('Z', '.4567Z') })]))),
      nothing,
    ],
    [
      'which the vendor calls failed now was modified outside',
      due(list(done([aPoint({ state: 'Failed' })]))),
      says('ModifiedOutside', { record: { readyToUse: false } }),
    ],
    [
      'is left alone while paused as well',
      due(shown, available(), { with: { annotations: { 'keyframe.dev/paused': 'true' } } }),
      nothing,
    ],
  ]);

  it('drift is told in a condition of its own', () => {
    const step = decide(due({ ...list(done([])), snapshot: notFound('Object') }), snapshotPolicy);
    expect(step).toMatchObject({ verdict: { also: { Drifted: { status: 'True' } } } });
  });
});

describe('what was missing', () => {
  const missing = available('SnapshotMissing');
  decisionTable([
    [
      'and is there again has to show the whole evidence: a list has no disks',
      due(list(done([aPoint({ disks: [] })]), false), missing),
      { do: 'ReadSnapshot', ref: { id: point.id } },
    ],
    [
      'and is there again is ready again',
      due({ ...shown, snapshot: done(point) }, missing),
      says('Available', { record: { readyToUse: true } }),
    ],
    [
      'and is there again but without its disks is not ready',
      due({ ...shown, snapshot: done(aPoint({ disks: [] })) }, missing),
      nothing,
    ],
    ['and cannot be read stays missing', due({ ...shown, snapshot: unavailable }, missing), nothing],
    [
      'and is still missing says the same again, which is no write',
      due({ ...list(done([])), snapshot: notFound('Object') }, missing),
      says('SnapshotMissing'),
    ],
  ]);
});

describe('a provider that names another endpoint', () => {
  const elsewhere = { state: 'Ready', provider: aProvider({ endpointID: 'azure:other/t/s' }) } as const;
  const changed = available('ProviderChanged', { readyToUse: true });
  decisionTable([
    [
      'makes it ProviderChanged, and nothing is asked of that endpoint',
      due({}, available(), { provider: elsewhere }),
      says('ProviderChanged'),
    ],
    [
      'and the right one again is looked at at once',
      due({}, changed, { driftDueMs: hours }),
      { do: 'LookUp', fresh: false },
    ],
    [
      'and the right one again makes it ready again',
      due({ ...shown, snapshot: done(point) }, changed, { driftDueMs: hours }),
      says('Available'),
    ],
    [
      'and the right one again that does not answer is tried soon',
      due(list(unavailable), changed, { driftDueMs: hours }),
      { do: 'Finish', requeueAfterMs: 5 * minutes },
    ],
  ]);
});

describe('in another region', () => {
  const intent = anIntent({ target: aTarget({ location: 'northeurope' }) });
  const replication = (state: 'Succeeded' | 'Replicating') =>
    point.disks.map(({ snapshotID = '' }) => ({ snapshotID, state }));
  const missing = available('SnapshotMissing');
  decisionTable([
    [
      'what comes back is read with its replication',
      due(shown, missing, { with: { intent, status: missing } }),
      { do: 'ReadSnapshot', view: { progress: true } },
    ],
    [
      'what comes back without all of its data is not ready',
      due({ ...shown, snapshot: done({ ...point, replication: replication('Replicating') }) }, missing, {
        with: { intent, status: missing },
      }),
      nothing,
    ],
    [
      'what comes back with all of its data is ready',
      due({ ...shown, snapshot: done({ ...point, replication: replication('Succeeded') }) }, missing, {
        with: { intent, status: missing },
      }),
      says('Available'),
    ],
  ]);
});

describe('the time to live', () => {
  const lived = (change: Parameters<typeof due>[2] = {}) =>
    due({}, available(), { ...change, with: { spec: { ttl: '3m' }, ...change?.with } });
  const soon = Math.min(settings.driftIntervalMs, 5 * minutes);
  decisionTable([
    ['ends: the object deletes itself', lived(), { do: 'DeleteObject' }],
    [
      'has not ended: it is looked at then',
      due({}, available(), { driftDueMs: hours, with: { spec: { ttl: '10m' } } }),
      { do: 'Finish', requeueAfterMs: 6 * minutes },
    ],
    [
      'waits while the object is held',
      lived({ driftDueMs: hours, with: { annotations: { 'keyframe.dev/hold': 'true' } } }),
      { do: 'Finish', requeueAfterMs: soon },
    ],
    [
      'waits while the object is paused',
      lived({ driftDueMs: hours, with: { annotations: { 'keyframe.dev/paused': 'true' } } }),
      { do: 'Finish', requeueAfterMs: soon },
    ],
    [
      'waits while a copy reads from it',
      lived({ driftDueMs: hours, neighbours: { ...snapshotNeighbours, readers: ['RestorePointCopy c'] } }),
      { do: 'Finish', requeueAfterMs: soon },
    ],
    [
      'that Flux stands against is told when a look at the vendor is due as well',
      lived({
        driftDueMs: 0,
        seen: { lookUp: { outcome: done([aPoint()]), fresh: true } },
        with: { metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'backups' } } },
      }),
      { do: 'Finish', looked: true, events: [{ type: 'Warning', reason: 'ExpiryNotCarriedOut' }] },
    ],
    [
      'is not carried out where Flux would make the object anew, which is told',
      lived({
        driftDueMs: hours,
        with: { metadata: { labels: { 'kustomize.toolkit.fluxcd.io/name': 'backups' } } },
      }),
      { do: 'Finish', events: [{ type: 'Warning', reason: 'ExpiryNotCarriedOut' }] },
    ],
    [
      'does not begin before completion',
      snapshotFacts({
        object: aSnapshot({
          intent: anIntent({ startedAt: ago(5 * minutes) }),
          spec: { ttl: '1m' },
          status: snapshotStatus('Provisioning', { snapshotID: point.id }),
        }),
      }),
      { do: 'ReadSnapshot' },
    ],
  ]);

  it.each([
    ['Argo CD by annotation', { annotations: { 'argocd.argoproj.io/tracking-id': 'x' } }, 'Argo CD'],
    ['Argo CD by label', { labels: { 'argocd.argoproj.io/instance': 'x' } }, 'Argo CD'],
    ['a Kustomization of Flux', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'x' } }, 'Flux'],
    ['a HelmRelease of Flux', { labels: { 'helm.toolkit.fluxcd.io/name': 'x' } }, 'Flux'],
    ['nobody', { labels: { app: 'x' } }, undefined],
  ])('%s is recognised', (_who, metadata, tracker) => {
    expect(trackedBy(aSnapshot({ metadata }))).toBe(tracker);
  });
});

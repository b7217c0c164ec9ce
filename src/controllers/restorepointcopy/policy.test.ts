import { describe, expect, it } from 'vitest';
import type { RestorePointCopy } from '../../api/v1alpha1/restore-point-copy.ts';
import { collectionID, pointID } from '../../providers/azure/ids.ts';
import type { Snapshot } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import type { Seen } from '../lifecycle/facts.ts';
import {
  aCollection,
  aCopy,
  ago,
  anAzureCollection,
  anIntent,
  aPoint,
  aProvider,
  aSnapshot,
  aTarget,
  type CopyFacts,
  cluster,
  containerID,
  copyFacts,
  copyNeighbours,
  done,
  farContainerID,
  minutes,
  namespace,
  notFound,
  otherUID,
  ready,
  settings,
  snapshotStatus,
  subscriptionID,
  uid,
  unavailable,
} from '../testing/builders.ts';
import { copyLane, copyPolicy, isUnderWay } from './policy.ts';

type Spec = Partial<RestorePointCopy['spec']>;
type Row = [sentence: string, facts: CopyFacts, preparation: object];

function table(rows: Row[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    expect(copyPolicy.prepare(facts)).toMatchObject(expected);
  });
}

const source = aPoint({ name: 'nightly' });
const far = aCollection({
  metadata: { name: 'far' },
  spec: { source: { collectionID: containerID }, location: 'northeurope' },
  status: {
    id: farContainerID,
    location: 'northeurope',
    source: { id: containerID, location: 'westeurope' },
  },
});
const read: Seen = { source: done(source), sourceCollection: done(anAzureCollection()) };
const list = (...present: Snapshot[]): Seen['lookUp'] => ({ outcome: done(present), fresh: true });
const neighbours: CopyFacts['neighbours'] = { ...copyNeighbours, collection: () => far };
const copying = (
  spec: Spec = {},
  seen: Seen = { ...read, lookUp: list() },
  change: Partial<CopyFacts> = {},
) =>
  copyFacts({
    object: aCopy({
      spec: { source: { restorePointID: source.id, providerRef: { name: 'azure' } }, ...spec },
    }),
    seen,
    neighbours,
    ...change,
  });
const refused = (reason: string, words = '') => ({
  refuse: { reason, message: expect.stringContaining(words) },
});
const waits = (reason: string, words = '') => ({ wait: { reason, message: expect.stringContaining(words) } });
const aFarPoint = (change: Partial<Snapshot>) => aPoint({ containerID: farContainerID, ...change });

describe('the source of a copy', () => {
  const viaSnapshot = (snapshot: ReturnType<typeof aSnapshot> | undefined) =>
    copying(
      { source: { snapshotRef: { name: 'snap-1' } } },
      {},
      {
        neighbours: { ...neighbours, snapshot: () => snapshot },
      },
    );
  table([
    [
      'is read before anything is written',
      copying({}, {}),
      { next: { do: 'ReadSource', ref: { id: source.id } } },
    ],
    [
      'lies in a collection that is read, too',
      copying({}, { source: done(source) }),
      { next: { do: 'ReadSourceCollection', id: containerID } },
    ],
    [
      'that is itself a copy is refused: Azure makes no copies of copies',
      copying({}, { source: done({ ...source, copyOf: 'x' }) }),
      refused('InvalidSpec', 'itself a copy'),
    ],
    [
      'that failed is refused',
      copying({}, { source: done(aPoint({ state: 'Failed' })) }),
      refused('SourceNotFound'),
    ],
    [
      'that is being made is waited for',
      copying({}, { source: done(aPoint({ state: 'Creating' })) }),
      { ...waits('Queued'), requeueAfterMs: settings.pollIntervalMs },
    ],
    [
      'that is not there is SourceNotFound, and looked for slowly',
      copying({}, { source: notFound('Object') }),
      { ...refused('SourceNotFound'), requeueAfterMs: settings.driftIntervalMs },
    ],
    ['that cannot be read is waited for', copying({}, { source: unavailable }), waits('ProviderUnavailable')],
    [
      'that is no restore point is refused',
      copying({ source: { restorePointID: containerID, providerRef: { name: 'azure' } } }, {}),
      refused('InvalidSpec', 'not the id of a restore point'),
    ],
    [
      'in another subscription is refused',
      copying(
        {
          source: {
            restorePointID: pointID(collectionID('other', 'rg', 'c'), 'p'),
            providerRef: { name: 'azure' },
          },
        },
        {},
      ),
      refused('InvalidSpec', 'subscription other'),
    ],
    [
      'by a VMSnapshot that is not there is waited for',
      viaSnapshot(undefined),
      waits('ReferenceNotFound', 'snap-1'),
    ],
    [
      'by a VMSnapshot that is not ready is waited for',
      viaSnapshot(aSnapshot({ status: snapshotStatus('Provisioning') })),
      waits('Queued', 'Provisioning'),
    ],
    [
      'by a VMSnapshot that is ready is its restore point',
      viaSnapshot(
        aSnapshot({ status: snapshotStatus('Available', { readyToUse: true, snapshotID: source.id }) }),
      ),
      { next: { do: 'ReadSource', ref: { id: source.id } } },
    ],
    [
      'by a VMSnapshot that failed is refused',
      viaSnapshot(aSnapshot({ status: snapshotStatus('CreationFailed') })),
      refused('SourceNotFound', 'CreationFailed'),
    ],
    [
      'by a VMSnapshot that is missing at the vendor is refused',
      viaSnapshot(aSnapshot({ status: snapshotStatus('SnapshotMissing') })),
      refused('SourceNotFound'),
    ],
    [
      'that waits for a snapshot whose spec cannot be carried out does not wait in vain',
      viaSnapshot(aSnapshot({ status: snapshotStatus('InvalidSpec') })),
      refused('SourceNotFound'),
    ],
    [
      'by a VMSnapshot that is being deleted is refused',
      viaSnapshot(
        aSnapshot({
          metadata: { deletionTimestamp: ago(0) },
          status: snapshotStatus('Available', { readyToUse: true, snapshotID: source.id }),
        }),
      ),
      refused('SourceNotFound', 'being deleted'),
    ],
  ]);
});

describe('the target of a copy', () => {
  const automatic: Spec = { target: { location: 'North Europe' } };
  const none = { neighbours: { ...neighbours, collection: () => undefined } };
  table([
    [
      'is the collection that is named',
      copying(),
      {
        ready: {
          step: 'Create',
          target: { containerID: farContainerID, location: 'northeurope', copyOf: source.id },
        },
      },
    ],
    ['that is named must be there', copying({}, read, none), waits('ReferenceNotFound', 'far')],
    [
      'in a region alone is a collection that is made for the source collection',
      copying(automatic, read, none),
      {
        next: {
          do: 'MakeCollection',
          object: {
            metadata: { namespace, name: expect.stringMatching(/^auto-/) },
            spec: { source: { collectionID: containerID }, location: 'North Europe', resourceGroup: 'rg-a' },
          },
        },
      },
    ],
    [
      'in the region of the source is refused, in any spelling',
      copying({ target: { location: 'West Europe' } }, read, none),
      refused('InvalidSpec', 'another region'),
    ],
    [
      'that holds copies of another collection is refused',
      copying({}, read, {
        neighbours: {
          ...neighbours,
          collection: () => ({
            ...far,
            status: { ...far.status, source: { id: collectionID(subscriptionID, 'rg-a', 'other') } },
          }),
        },
      }),
      refused('InvalidSpec', 'is for other'),
    ],
    [
      'that is not ready is waited for',
      copying({}, read, {
        neighbours: {
          ...neighbours,
          collection: () => ({
            ...far,
            status: { ...far.status, conditions: [ready('False', 'Provisioning')] },
          }),
        },
      }),
      waits('Queued'),
    ],
    [
      'is looked into: what is there decides',
      copying({}, read),
      { next: { do: 'LookUp', containerID: farContainerID, fresh: true } },
    ],
    [
      'that cannot be looked into is waited for',
      copying({}, { ...read, lookUp: { outcome: unavailable, fresh: true } }),
      waits('ProviderUnavailable'),
    ],
    [
      'is denied where the ClusterVMProvider grants nothing',
      copying({
        source: { restorePointID: source.id, providerRef: { kind: 'ClusterVMProvider', name: 'azure' } },
      }),
      waits('AccessDenied', 'no Copy of VM vm-a'),
    ],
    [
      'to which another object copies the same is left to that one',
      copying({}, read, { neighbours: { ...neighbours, copiedBy: () => 'RestorePointCopy older' } }),
      refused('AlreadyCopied', 'RestorePointCopy older'),
    ],
    [
      'is encrypted disk by disk, by the disk restore points of the source',
      copying({ encryption: [{ disk: 'os', diskEncryptionSetID: 'des' }] }),
      {
        ready: {
          target: {
            encryption: [{ diskID: source.disks[0]?.snapshotID, osDisk: true, encryptionSetID: 'des' }],
          },
        },
      },
    ],
    [
      'cannot be encrypted for a disk that the source does not have',
      copying({ encryption: [{ disk: 'gone', diskEncryptionSetID: 'des' }] }),
      refused('InvalidSpec', 'names gone, which is no disk of nightly; its disks are os, data'),
    ],
  ]);
});

describe('what is in the target already', () => {
  const present = (...points: Snapshot[]) => copying({}, { ...read, lookUp: list(...points) });
  const other = (change: Partial<Snapshot>) =>
    aFarPoint({ name: 'other', copyOf: pointID(containerID, 'other'), ...change });
  table([
    [
      'and copies the same: Azure allows one copy for each region',
      present(other({ copyOf: source.id.toUpperCase() })),
      refused('AlreadyCopied', 'other'),
    ],
    [
      'and copies a newer one: Azure copies in order only',
      present(other({ createdAt: ago(minutes) })),
      refused('CopyOrderViolated', 'Copy a newer snapshot'),
    ],
    ['and copies an older one is fine', present(other({ createdAt: ago(60 * minutes) })), { ready: {} }],
    ['and failed does not count', present(other({ copyOf: source.id, state: 'Failed' })), { ready: {} }],
    [
      'and is being removed does not count',
      present(other({ copyOf: source.id, state: 'Deleting' })),
      { ready: {} },
    ],
    [
      'and is being made counts',
      present(other({ copyOf: source.id, state: 'Creating' })),
      refused('AlreadyCopied'),
    ],
    [
      'and is no copy does not count',
      present(aFarPoint({ name: 'direct', createdAt: ago(0) })),
      { ready: {} },
    ],
    [
      'and is our own, of an earlier attempt, does not count',
      present(aFarPoint({ name: markedName({ cluster, uid, attempt: 1 }), copyOf: source.id })),
      { ready: {} },
    ],
    [
      'and bears the mark of another object counts',
      present(aFarPoint({ name: markedName({ cluster, uid: otherUID, attempt: 1 }), copyOf: source.id })),
      refused('AlreadyCopied'),
    ],
  ]);

  it('is looked at once more after the intent is written', () => {
    const target = aTarget({ containerID: farContainerID, copyOf: source.id });
    const newer = other({ createdAt: ago(minutes) });
    expect(copyPolicy.objection(copying(), target, [newer])?.verdict.reason).toBe('CopyOrderViolated');
    expect(copyPolicy.objection(copying(), target, [])).toBeUndefined();
  });

  it('does not matter when the source is about to go: nothing is sent', () => {
    const facts = copying({ source: { snapshotRef: { name: 'snap-1' } } }, read, {
      neighbours: {
        ...neighbours,
        snapshot: () => aSnapshot({ metadata: { deletionTimestamp: ago(0) } }),
      },
    });
    expect(copyPolicy.objection(facts, aTarget({ copyOf: source.id }), [])?.verdict.reason).toBe(
      'SourceNotFound',
    );
  });
});

describe('the turn of a copy', () => {
  const target = aTarget({ containerID: farContainerID, location: 'northeurope', copyOf: source.id });
  it('is by source collection and region', () => {
    expect(copyPolicy.turn(copying(), target)).toEqual({
      lane: `${containerID.toLowerCase()} to northeurope`,
      limit: `${containerID.toLowerCase()} to northeurope`,
    });
    expect(copyLane(source.id.toUpperCase(), 'northeurope')).toBe(copyLane(source.id, 'northeurope'));
  });

  it('waits for an older restore point: Azure would never copy it afterwards', () => {
    const facts = copying({}, read, {
      neighbours: { ...neighbours, copyLane: () => ({ ahead: 'RestorePointCopy older', sends: [] }) },
    });
    expect(copyPolicy.turn(facts, target)).toMatchObject({ wait: { reason: 'Queued' } });
  });
});

describe('the provider of a copy', () => {
  const viaSnapshot: Spec = { source: { snapshotRef: { name: 'snap-1' } } };
  it.each([
    ['is the one of the spec', copying().object, neighbours, { name: 'azure' }],
    [
      'is that of its snapshot',
      copying(viaSnapshot).object,
      { ...neighbours, snapshot: () => aSnapshot({ spec: { providerRef: { name: 'theirs' } } }) },
      { name: 'theirs' },
    ],
    ['is not known without its snapshot', copying(viaSnapshot).object, neighbours, undefined],
    [
      'is remembered when its snapshot is gone',
      aCopy({ spec: viaSnapshot, status: { providerRef: { kind: 'ClusterVMProvider', name: 'azure' } } }),
      neighbours,
      { kind: 'ClusterVMProvider', name: 'azure' },
    ],
  ])('%s', (_sentence, object, around, ref) => {
    expect(copyPolicy.providerRef(object, around)).toEqual(ref);
  });
});

describe('the readiness of a copy', () => {
  const target = aTarget({ containerID: farContainerID, location: 'northeurope', copyOf: source.id });
  const copied = (states: ('Succeeded' | 'Replicating' | 'Failed')[], change: Partial<Snapshot> = {}) =>
    aFarPoint({
      copyOf: source.id,
      replication: states.map((state, index) => ({
        snapshotID: aPoint().disks[index]?.snapshotID ?? '',
        state,
      })),
      ...change,
    });
  it.each<[string, Snapshot, object]>([
    [
      'does not come with Succeeded: copying has only begun',
      copied([]),
      { is: 'Pending', verdict: { reason: 'Replicating' } },
    ],
    ['does not come with the first disk', copied(['Succeeded', 'Replicating']), { is: 'Pending' }],
    [
      'comes with the last disk',
      copied(['Succeeded', 'Succeeded']),
      { is: 'Ready', verdict: { reason: 'Replicated', also: { Replicated: { status: 'True' } } } },
    ],
    [
      'is lost with one disk',
      copied(['Succeeded', 'Failed']),
      { is: 'Unfit', verdict: { reason: 'ReplicationFailed', also: { Replicated: { status: 'False' } } } },
    ],
    [
      'is lost when Azure copied something else',
      copied(['Succeeded', 'Succeeded'], { copyOf: pointID(containerID, 'other') }),
      { is: 'Unfit', verdict: { reason: 'CreationFailed' } },
    ],
  ])('%s', (_sentence, point, assessment) => {
    expect(copyPolicy.assess(copying(), target, point)).toMatchObject(assessment);
  });

  it('is always read with the replication', () => {
    expect(copyPolicy.view(copying(), target)).toEqual({ progress: true });
  });
});

describe('the lane of copies', () => {
  const intent = anIntent({ target: aTarget({ copyOf: source.id, location: 'northeurope' }) });
  it.each<[string, RestorePointCopy, boolean]>([
    ['is free of what has not begun', aCopy(), false],
    ['is taken by an intent alone', aCopy({ intent }), true],
    [
      'is taken until every disk has arrived',
      aCopy({ intent, status: { provisioningState: 'Succeeded' } }),
      true,
    ],
    ['is free when every disk has arrived', aCopy({ intent, status: { completionTime: ago(0) } }), false],
    ['is free of what failed', aCopy({ intent, status: { provisioningState: 'Failed' } }), false],
    [
      'is free of a refused attempt',
      aCopy({ intent, status: { operation: { kind: 'Copy', attempts: 1 } } }),
      false,
    ],
    [
      'is taken by what is overdue: it may replicate all the same',
      aCopy({
        intent,
        status: { provisioningState: 'Succeeded', conditions: [ready('False', 'DeadlineExceeded')] },
      }),
      true,
    ],
  ])('%s', (_sentence, object, taken) => {
    expect(isUnderWay(object)).toBe(taken);
  });
});

describe('what holds where the spec says nothing', () => {
  it('two weeks of waiting, two weeks of work, and Delete', () => {
    const twoWeeks = 14 * 24 * 60 * minutes;
    expect(copyPolicy.deadlines(aCopy())).toEqual({
      deadlineMs: twoWeeks,
      startDeadlineMs: twoWeeks,
      ttlMs: undefined,
    });
    expect(copyPolicy.deletionPolicy(aCopy())).toBe('Delete');
  });

  it('nothing is prepared through a provider that is not ready', () => {
    const provider = {
      state: 'NotReady',
      reason: 'ProviderUnavailable',
      message: 'm',
      provider: aProvider(),
    } as const;
    expect(copyPolicy.prepare(copying({}, read, { provider }))).toMatchObject(waits('WaitingForProvider'));
  });
});

import { describe, expect, it } from 'vitest';
import type { RestorePointCollection } from '../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../api/v1alpha1/restore-point-copy.ts';
import type { VMRestore } from '../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';
import type { VMSnapshotInventory } from '../api/v1alpha1/vm-snapshot-inventory.ts';
import { Informer } from '../runtime/informer.ts';
import type { KubeObject, ResourceType } from '../runtime/kube/types.ts';
import type { Indexers } from '../runtime/store.ts';
import { FakeClock } from '../runtime/testing/fake-clock.ts';
import { FakeKubeClient } from '../runtime/testing/fake-kube-client.ts';
import type { Intent } from './intent.ts';
import { Lanes } from './lanes.ts';
import {
  called,
  collectionIndexers,
  copyIndexers,
  type Namespace,
  Neighbourhood,
  restoreIndexers,
  snapshotIndexers,
} from './neighbours.ts';
import { namespaceType, resourceTypes } from './resources.ts';
import { copyLane } from './restorepointcopy/policy.ts';
import {
  aCollection,
  aCopy,
  ago,
  anIntent,
  aPoint,
  aSnapshot,
  aTarget,
  containerID,
  farContainerID,
  hours,
  minutes,
  namespace,
  now,
  type ObjectChange,
  ready,
  snapshotStatus,
  vmA,
} from './testing/builders.ts';
import { aRestore, begunStatus, type RestoreChange, vmID } from './vmrestore/testing/builders.ts';
import { vmLimit } from './vmsnapshot/azure.ts';

interface Around {
  snapshots?: VMSnapshot[];
  copies?: RestorePointCopy[];
  collections?: RestorePointCollection[];
  restores?: VMRestore[];
  namespaces?: Namespace[];
}

function neighbourhood(
  { snapshots = [], copies = [], collections = [], restores = [], namespaces }: Around,
  client = new FakeKubeClient(),
) {
  const lanes = new Lanes(new FakeClock(now));
  const cache = <T extends KubeObject>(resource: ResourceType, indexers: Indexers<T>, objects: T[]) => {
    const informer = new Informer<T>({ client, resource, indexers });
    for (const object of objects) informer.put(object);
    return informer;
  };
  const caches = {
    snapshots: cache(resourceTypes.VMSnapshot, snapshotIndexers, snapshots),
    copies: cache(resourceTypes.RestorePointCopy, copyIndexers, copies),
    collections: cache(resourceTypes.RestorePointCollection, collectionIndexers, collections),
    restores: cache(resourceTypes.VMRestore, restoreIndexers, restores),
    namespaces: namespaces === undefined ? undefined : cache<Namespace>(namespaceType, {}, namespaces),
  };
  return { lanes, around: new Neighbourhood(caches, lanes, client) };
}

const uidOf = (digit: number) => `${digit}0000000-0000-4000-8000-000000000000`;
type SnapshotChange = ObjectChange<VMSnapshot>;

/** A snapshot of its own name and UID; its intent bears that UID. */
function snapshot(digit: number, change: SnapshotChange = {}): VMSnapshot {
  const uid = uidOf(digit);
  const { intent, metadata, ...rest } = change;
  return aSnapshot({
    ...rest,
    ...(intent === undefined ? {} : { intent: own(intent, uid) }),
    metadata: { name: `snap-${digit}`, uid, ...metadata },
  });
}

function copy(digit: number, change: ObjectChange<RestorePointCopy> = {}): RestorePointCopy {
  const uid = uidOf(digit);
  const { intent, metadata, ...rest } = change;
  return aCopy({
    ...rest,
    ...(intent === undefined ? {} : { intent: own(intent, uid) }),
    metadata: { name: `copy-${digit}`, uid, ...metadata },
  });
}

function own<T>(intent: Intent<T>, uid: string): Intent<T> {
  return { ...intent, uid };
}

const creating = (change: VMSnapshot['status'] = {}) =>
  snapshotStatus('Provisioning', {
    provisioningState: 'Creating',
    vm: { id: vmA, name: 'vm-a', uid: 'vm-uid-a' },
    ...change,
  });

describe('the lane of a VM', () => {
  const limit = vmLimit(vmA, false);
  const me = snapshot(1);
  const view = (...others: VMSnapshot[]) =>
    neighbourhood({ snapshots: [me, ...others] })
      .around.ofSnapshot(me)
      .vmLane(vmA.toUpperCase(), limit);

  it('is free when nobody else is there', () => {
    expect(view()).toEqual({ sends: [] });
  });

  it('is taken by whoever wrote an intent for that VM, and counts as sent', () => {
    const other = snapshot(2, { intent: anIntent({ startedAt: ago(minutes) }) });
    expect(view(other)).toEqual({ busy: 'VMSnapshot snap-2', sends: [now - minutes] });
  });

  it('is taken by one of another namespace, which is named with it', () => {
    const other = snapshot(2, {
      intent: anIntent(),
      status: creating({ vm: { id: vmA, name: 'vm-a' } }),
      metadata: { namespace: 'team-b' },
    });
    expect(view(other).busy).toBe('VMSnapshot team-b/snap-2');
  });

  it('is not taken by what only an annotation in another namespace says', () => {
    expect(view(snapshot(2, { intent: anIntent(), metadata: { namespace: 'team-b' } })).busy).toBeUndefined();
  });

  it('is free again of what is done, which counts from the time at which it was made', () => {
    const status = creating({
      provisioningState: 'Succeeded',
      completionTime: ago(minutes),
      creationTime: ago(10 * minutes),
    });
    expect(view(snapshot(2, { intent: anIntent(), status }))).toEqual({ sends: [now - 10 * minutes] });
  });

  it('does not count what was refused', () => {
    const status = creating({ provisioningState: 'Pending', operation: { kind: 'Create', attempts: 1 } });
    expect(view(snapshot(2, { intent: anIntent(), status }))).toEqual({ sends: [] });
  });

  it('does not count crash-consistent points with the others', () => {
    const intent = anIntent({ target: aTarget({ consistency: 'Crash' }) });
    const status = creating({ provisioningState: 'Succeeded', completionTime: ago(minutes) });
    expect(view(snapshot(2, { intent, status }))).toEqual({ sends: [] });
  });

  it('counts an attempt once, be it known from memory or from its object', () => {
    const intent = anIntent({ startedAt: ago(minutes) });
    const { around, lanes } = neighbourhood({ snapshots: [me, snapshot(2, { intent, status: creating() })] });
    lanes.recordSend(limit, intent.target.name);
    lanes.recordSend(limit, 'of an object that is gone');
    expect(around.ofSnapshot(me).vmLane(vmA, limit).sends).toHaveLength(2);
  });

  it('is not taken by a snapshot of another VM', () => {
    const intent = anIntent({ target: aTarget({ vmID: `${vmA}2` }) });
    expect(view(snapshot(2, { intent }))).toEqual({ sends: [] });
  });
});

describe('who reads from a snapshot', () => {
  const point = aPoint();
  const me = snapshot(1, { intent: anIntent(), status: creating({ snapshotID: point.id }) });
  const bySnapshot = { source: { snapshotRef: { name: 'snap-1' } } };
  const intent = anIntent({
    target: aTarget({ containerID: farContainerID, location: 'northeurope', copyOf: point.id }),
  });
  const seen = (...copies: RestorePointCopy[]) => {
    const { dependents, readers } = neighbourhood({ snapshots: [me], copies }).around.ofSnapshot(me);
    return { dependents, readers };
  };
  it.each<[string, RestorePointCopy, string[], string[]]>([
    [
      'a copy under way, by name',
      copy(2, { spec: bySnapshot, intent }),
      ['RestorePointCopy copy-2'],
      ['RestorePointCopy copy-2'],
    ],
    [
      'a copy under way, by id in other letters',
      copy(2, {
        spec: { source: { restorePointID: point.id.toUpperCase(), providerRef: { name: 'azure' } } },
        intent,
      }),
      ['RestorePointCopy copy-2'],
      ['RestorePointCopy copy-2'],
    ],
    [
      'a copy that waits for its turn is to come, and holds no deletion up',
      copy(2, { spec: bySnapshot }),
      [],
      ['RestorePointCopy copy-2'],
    ],
    [
      'a copy that is done reads no more',
      copy(2, { spec: bySnapshot, intent, status: { completionTime: ago(0) } }),
      [],
      [],
    ],
    [
      'a copy that failed reads no more',
      copy(2, {
        spec: bySnapshot,
        intent,
        status: {
          provisioningState: 'Failed',
          conditions: [
            ready('False', 'CreationFailed'),
            { ...ready('True', 'CreationFailed'), type: 'Stalled' },
          ],
        },
      }),
      [],
      [],
    ],
    [
      'a copy of a snapshot of that name in another namespace does not',
      copy(2, { spec: bySnapshot, metadata: { namespace: 'team-b' } }),
      [],
      [],
    ],
  ])('%s', (_sentence, reader, dependents, readers) => {
    expect(seen(reader)).toEqual({ dependents, readers });
  });
});

describe('restores', () => {
  const me = snapshot(1, { status: snapshotStatus('Available', { vm: { id: vmID, name: 'app-1' } }) });
  const restore = (steps: Parameters<typeof begunStatus>[0], change: RestoreChange = {}) =>
    aRestore({
      status: begunStatus(steps),
      spec: { source: { snapshotRef: { name: 'snap-1' } } },
      ...change,
    });
  const around = (restores: VMRestore[], snapshots = [me]) => neighbourhood({ snapshots, restores }).around;
  const over = { status: begunStatus({ Restore: 'Done' }, { completionTime: ago(1) }) };
  const waiting = { status: begunStatus({}) };

  it.each<[sentence: string, restore: VMRestore, dependents: string[], readers: string[]]>([
    ['one at work reads', restore({ Shutdown: 'Running' }), ['VMRestore restore-1'], ['VMRestore restore-1']],
    [
      'one that holds a preview reads',
      restore({ Preview: 'Done' }),
      ['VMRestore restore-1'],
      ['VMRestore restore-1'],
    ],
    ['one that waits to begin wants to', restore({}, waiting), [], ['VMRestore restore-1']],
    ['one that is over does not', restore({}, over), [], []],
    ['one of another snapshot does not', restore({ Restore: 'Running' }, { spec: {} }), [], []],
    [
      'one of another namespace does not',
      restore({ Restore: 'Running' }, { metadata: { namespace: 'team-b' } }),
      [],
      [],
    ],
  ])('from a snapshot: %s', (_sentence, reader, dependents, readers) => {
    expect(around([reader]).ofSnapshot(me)).toMatchObject({ dependents, readers });
  });

  it('take the lane of their VM from snapshots while they are at work', () => {
    const view = (...restores: VMRestore[]) =>
      around(restores).ofSnapshot(me).vmLane(vmID.toUpperCase(), 'lane');
    expect(view(restore({ Start: 'Pending' }))).toEqual({ sends: [], busy: 'VMRestore restore-1' });
    expect(view(restore({}, waiting))).toEqual({ sends: [] });
    expect(view(restore({}, over))).toEqual({ sends: [] });
    expect(view(restore({ Restore: 'Running' }, { metadata: { namespace: 'team-b' } })).busy).toBe(
      'VMRestore team-b/restore-1',
    );
  });

  it('take turns with each other and with snapshots', () => {
    const mine = restore({}, waiting);
    const other = restore({ Restore: 'Running' }, { metadata: { name: 'restore-2', uid: uidOf(2) } });
    const busySnapshot = snapshot(3, {
      intent: anIntent({ target: aTarget({ vmID }) }),
      status: creating({ vm: { id: vmID, name: 'app-1' } }),
    });
    expect(around([mine]).ofRestore(mine).vmLane(vmID)).toEqual({ sends: [] });
    expect(around([mine, other]).ofRestore(mine).vmLane(vmID).busy).toBe('VMRestore restore-2');
    expect(around([mine], [me, busySnapshot]).ofRestore(mine).vmLane(vmID).busy).toBe('VMSnapshot snap-3');
    const begun = restore({ Restore: 'Running' });
    expect(around([begun]).ofRestore(begun).vmLane(vmID).busy).toBeUndefined();
  });

  it('find snapshots of their namespace by name, and any by UID', () => {
    const { snapshot: named, objectWithUID } = around([]).ofRestore(restore({}, waiting));
    expect([named('snap-1')?.metadata.uid, named('snap-2')]).toEqual([uidOf(1), undefined]);
    expect([objectWithUID(uidOf(1)), objectWithUID(uidOf(5))]).toEqual(['VMSnapshot snap-1', undefined]);
  });
});

describe('who stands for a restore point', () => {
  const { id } = aPoint({ name: 'nightly' });
  const spec = { source: { existing: { id: id.toUpperCase() } } };
  const at = (time: string) => ({ creationTimestamp: time });
  const me = snapshot(5, { spec, metadata: at(ago(minutes)) });
  const holder = (other: VMSnapshot | undefined, self = me) =>
    neighbourhood({ snapshots: other === undefined ? [self] : [self, other] })
      .around.ofSnapshot(self)
      .adoptedBy(id);
  it.each<[string, VMSnapshot | undefined, string | undefined]>([
    ['nobody else', undefined, undefined],
    ['the older object', snapshot(6, { spec, metadata: at(ago(hours)) }), 'VMSnapshot snap-6'],
    ['not the younger object', snapshot(6, { spec, metadata: at(ago(0)) }), undefined],
    [
      'of two of one second, the one with the lesser UID',
      snapshot(4, { spec, metadata: at(ago(minutes)) }),
      'VMSnapshot snap-4',
    ],
    [
      'of two of one second, not the one with the greater UID',
      snapshot(6, { spec, metadata: at(ago(minutes)) }),
      undefined,
    ],
    [
      'whoever holds it already, though younger',
      snapshot(6, { spec, intent: anIntent({ step: 'Adopt' }), metadata: at(ago(0)) }),
      'VMSnapshot snap-6',
    ],
    [
      'whoever made it',
      snapshot(6, { intent: anIntent(), status: creating({ snapshotID: id }) }),
      'VMSnapshot snap-6',
    ],
  ])('%s', (_sentence, other, expected) => {
    expect(holder(other)).toBe(expected);
  });

  it('never both, and never neither', () => {
    const other = snapshot(6, { spec, metadata: at(ago(minutes)) });
    expect([holder(other, me), holder(me, other)]).toEqual([undefined, 'VMSnapshot snap-5']);
  });

  it('a live object is known by its UID', () => {
    const { around } = neighbourhood({ snapshots: [me], copies: [copy(7)] });
    expect(around.ofSnapshot(me).objectWithUID(uidOf(7))).toBe('RestorePointCopy copy-7');
    expect(around.ofSnapshot(me).objectWithUID(uidOf(8))).toBeUndefined();
  });
});

describe('the lane of copies', () => {
  const { id } = aPoint();
  const lane = copyLane(id, 'northeurope');
  const status = (change: RestorePointCopy['status'] = {}) => ({
    location: 'northeurope',
    sourceRestorePointID: id,
    sourceCreationTime: ago(hours),
    ...change,
  });
  const me = copy(5, { status: status() });
  const intent = anIntent({ target: aTarget({ location: 'northeurope', copyOf: id }) });
  const view = (createdAt: string | undefined, ...others: RestorePointCopy[]) =>
    neighbourhood({ copies: [me, ...others] })
      .around.ofCopy(me)
      .copyLane(lane, createdAt);

  it('is taken by a copy under way, before its first status as well', () => {
    expect(view(ago(hours), copy(6, { intent }))).toMatchObject({ busy: 'RestorePointCopy copy-6' });
  });

  it('goes to the older restore point first', () => {
    const older = copy(6, { status: status({ sourceCreationTime: ago(2 * hours) }) });
    const younger = copy(7, { status: status({ sourceCreationTime: ago(minutes) }) });
    expect(view(ago(hours), younger, older)).toMatchObject({ ahead: 'RestorePointCopy copy-6' });
    expect(view(ago(hours), younger)).toEqual({ sends: [] });
  });

  it('waits for all whose age is known while its own is not', () => {
    expect(view(undefined, copy(6, { status: status() }))).toMatchObject({
      ahead: 'RestorePointCopy copy-6',
    });
  });

  it('of the same restore point goes to the older object first', () => {
    const older = copy(6, { status: status(), metadata: { creationTimestamp: ago(2 * hours) } });
    expect(view(ago(hours), older)).toMatchObject({ ahead: 'RestorePointCopy copy-6' });
  });

  it.each<[string, RestorePointCopy]>([
    [
      'is stalled',
      copy(6, {
        status: status({
          sourceCreationTime: ago(2 * hours),
          conditions: [{ ...ready('True', 'PermissionDenied'), type: 'Stalled' }],
        }),
      }),
    ],
    [
      'is being deleted',
      copy(6, {
        metadata: { deletionTimestamp: ago(0) },
        status: status({ sourceCreationTime: ago(2 * hours) }),
      }),
    ],
    ['is done', copy(6, { status: status({ sourceCreationTime: ago(2 * hours), completionTime: ago(0) }) })],
  ])('does not wait for one that %s', (_what, other) => {
    expect(view(ago(hours), other).ahead).toBeUndefined();
  });

  it('counts when copies were accepted', () => {
    const other = copy(6, {
      intent,
      status: status({ copyStartedAt: ago(minutes), completionTime: ago(0) }),
    });
    expect(view(ago(hours), other).sends).toEqual([now - minutes]);
  });
});

describe('who copies the same', () => {
  const { id } = aPoint();
  const status = { location: 'northeurope', sourceRestorePointID: id };
  const me = copy(5, { status });
  const intent = anIntent({ target: aTarget({ location: 'northeurope', copyOf: id }) });
  const stalled = [{ ...ready('True', 'CreationFailed'), type: 'Stalled' }];
  const rival = (other: RestorePointCopy) =>
    neighbourhood({ copies: [me, other] })
      .around.ofCopy(me)
      .copiedBy(id.toUpperCase(), 'northeurope');
  it.each<[string, RestorePointCopy, string | undefined]>([
    ['one that has begun, though younger', copy(6, { intent, status }), 'RestorePointCopy copy-6'],
    ['one that waits and is older', copy(4, { status }), 'RestorePointCopy copy-4'],
    ['not one that waits and is younger', copy(6, { status }), undefined],
    ['not one that failed', copy(4, { intent, status: { ...status, conditions: stalled } }), undefined],
    ['not one into another region', copy(4, { status: { ...status, location: 'eastus' } }), undefined],
    [
      'not one that is being deleted before it began',
      copy(4, { status, metadata: { deletionTimestamp: ago(0) } }),
      undefined,
    ],
  ])('%s', (_sentence, other, expected) => {
    expect(rival(other)).toBe(expected);
  });
});

describe('the users of a collection', () => {
  const me = aCollection();
  const users = (around: Around) =>
    neighbourhood({ collections: [me], ...around }).around.ofCollection(me).users;
  const none = { staying: [], going: [], open: [], waiting: [] };
  const gone = { deletionTimestamp: ago(0) };
  const named = { azure: { collectionRef: { name: 'rpc' } } };
  it.each<[string, Around, Partial<typeof none> | Record<string, string[]>]>([
    ['are none at first', {}, {}],
    [
      'are those that name it',
      { snapshots: [snapshot(1, { spec: named })] },
      { staying: ['VMSnapshot snap-1'] },
    ],
    [
      'are those that have something in it',
      { snapshots: [snapshot(1, { intent: anIntent(), status: creating({ snapshotID: aPoint().id }) })] },
      { staying: ['VMSnapshot snap-1'] },
    ],
    [
      'are those whose outcome in it is open',
      { snapshots: [snapshot(1, { intent: anIntent() })] },
      { open: ['VMSnapshot snap-1'] },
    ],
    [
      'are those that wait for their turn on its VM',
      { snapshots: [snapshot(1, { status: creating({ provisioningState: 'Pending' }) })] },
      { waiting: ['VMSnapshot snap-1'] },
    ],
    [
      'are those that are being deleted and still hold on to something',
      { snapshots: [snapshot(1, { intent: anIntent(), metadata: gone })] },
      { going: ['VMSnapshot snap-1'] },
    ],
    [
      'are not those that are being deleted and were let go',
      { snapshots: [snapshot(1, { intent: anIntent(), metadata: { ...gone, finalizers: [] } })] },
      {},
    ],
    [
      'are not those that failed for good and left nothing',
      {
        snapshots: [
          snapshot(1, {
            intent: anIntent(),
            status: {
              operation: { kind: 'Create', attempts: 1 },
              conditions: [{ ...ready('True', 'CreationFailed'), type: 'Stalled' }],
            },
          }),
        ],
      },
      {},
    ],
    [
      'are not those of another VM',
      { snapshots: [snapshot(1, { status: creating({ vm: { id: 'x', name: 'x', uid: 'other' } }) })] },
      {},
    ],
    [
      'are not those of another namespace that wait',
      { snapshots: [snapshot(1, { metadata: { namespace: 'team-b' }, status: creating() })] },
      {},
    ],
    [
      'are collections of copies of it',
      {
        collections: [
          me,
          aCollection({
            metadata: { name: 'far', uid: uidOf(9) },
            spec: { source: { collectionRef: { name: 'rpc' } } },
          }),
        ],
      },
      { staying: ['RestorePointCollection far'] },
    ],
  ])('%s', (_sentence, around, expected) => {
    expect(users(around)).toEqual({ ...none, ...expected });
  });

  it('are asked of the API server itself before anything is removed', async () => {
    const client = new FakeKubeClient();
    await client.create(resourceTypes.VMSnapshot, snapshot(1, { intent: anIntent() }));
    await client.create(resourceTypes.VMSnapshot, snapshot(2));
    const { around } = neighbourhood({}, client);
    const live = await around.liveUsers(me, containerID.toUpperCase(), new AbortController().signal);
    expect(live).toEqual({ ...none, open: ['VMSnapshot snap-1'] });
  });
});

describe('a collection', () => {
  it('knows who stands for the same, by age and claim', () => {
    const [elder, younger] = [
      aCollection({ metadata: { name: 'elder', uid: uidOf(1), creationTimestamp: ago(2 * hours) } }),
      aCollection({ metadata: { name: 'younger', uid: uidOf(2) } }),
    ];
    const { around } = neighbourhood({ collections: [elder, younger] });
    expect(around.ofCollection(younger).rival(containerID)).toBe('RestorePointCollection elder');
    expect(around.ofCollection(elder).rival(containerID)).toBeUndefined();
  });

  it('knows which restore points somebody stands for', () => {
    const point = aPoint();
    const made = snapshot(1, {
      intent: anIntent(),
      status: creating({ provisioningState: 'Succeeded', snapshotID: point.id }),
    });
    const { isManaged, managed } = neighbourhood({ snapshots: [made] }).around.ofCollection(aCollection());
    expect([isManaged(point.id.toUpperCase()), isManaged('another'), managed]).toEqual([true, false, 1]);
  });
});

describe('an inventory', () => {
  const point = aPoint();
  const made = snapshot(1, {
    status: creating({
      snapshotID: point.id,
      disks: [{ name: 'os', snapshotID: 'image-1' }, { name: 'data' }],
    }),
  });
  const adopts = snapshot(2, { spec: { source: { existing: { id: 'another' } } } });
  const far = copy(3);
  const { around } = neighbourhood({ snapshots: [made, adopts], copies: [far] });
  const { withUID, withSnapshot, withDiskPart, namespaceLabels } = around.ofInventory({
    metadata: { namespace },
  } as VMSnapshotInventory);

  it('finds objects by their UID', () => {
    expect(withUID(uidOf(1))).toBe(made);
    expect(withUID(uidOf(3))).toBe(far);
    expect(withUID(uidOf(9))).toBeUndefined();
  });

  it('finds snapshots by what they are at the vendor, or are to adopt there, in any case', () => {
    expect(withSnapshot(point.id.toUpperCase())).toEqual([made]);
    expect(withSnapshot('ANOTHER')).toEqual([adopts]);
    expect(withSnapshot('unknown')).toEqual([]);
  });

  it('finds snapshots by what one of their disks is at the vendor', () => {
    expect(withDiskPart('IMAGE-1')).toEqual([made]);
    expect(withDiskPart('image-2')).toEqual([]);
  });

  it('knows the labels of its namespace', () => {
    expect(namespaceLabels).toEqual({ 'kubernetes.io/metadata.name': namespace });
  });
});

describe('the namespace of an object', () => {
  const me = snapshot(1);
  it('gives its labels, and tells that it goes', () => {
    const namespaces = [
      {
        metadata: {
          name: namespace,
          uid: uidOf(9),
          resourceVersion: '1',
          labels: { tier: 'gold' },
          deletionTimestamp: ago(0),
        },
      },
    ];
    expect(neighbourhood({ namespaces }).around.ofSnapshot(me)).toMatchObject({
      namespaceLabels: { tier: 'gold' },
      namespaceTerminating: true,
    });
  });

  it('that cannot be read has the label that every namespace bears, and stays', () => {
    expect(neighbourhood({}).around.ofSnapshot(me)).toMatchObject({
      namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
      namespaceTerminating: false,
    });
  });

  it('is named where it is another one', () => {
    expect(called(me, namespace)).toBe('VMSnapshot snap-1');
    expect(called(me, 'team-b')).toBe(`VMSnapshot ${namespace}/snap-1`);
  });
});

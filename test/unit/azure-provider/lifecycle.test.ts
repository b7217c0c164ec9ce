import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sameID } from '../../../src/providers/ids.ts';
import { must, read, write } from '../../support/provider-calls.ts';
import { type Bench, startBench } from './setup.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench({ verifyAnswers: true });
});
afterEach(async () => {
  expect(bench.azure.contractViolations).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

async function localPoint(name = 'p1'): Promise<string> {
  const { provider, vmID } = bench;
  const id = bench.collection('local');
  must(
    await provider.createCollection({ id, location: 'East US', tags: { a: 'b' }, sourceID: vmID }, write()),
  );
  const accepted = await provider.createSnapshot({ containerID: id, name, location: 'eastus' }, write());
  const { snapshot, token } = must(accepted);
  expect(accepted.kind).toBe('Pending');
  expect(snapshot).toMatchObject({ state: 'Creating', name });
  expect(snapshot.consistency).toBeUndefined();
  await vi.waitFor(async () => {
    expect(must(await provider.getOperation(token ?? '', read())).state).toBe('Succeeded');
  }, 20_000);
  return snapshot.id;
}

test('the connection is probed', async () => {
  expect(await bench.provider.probe(read())).toEqual({
    kind: 'Done',
    value: { name: 'Azure Resource Manager', apiVersion: '2024-07-01' },
  });
});

test('a VM is found by name and by id, whatever the case', async () => {
  const byName = must(await bench.provider.getVM({ name: 'WEB', resourceGroup: 'rg' }, read()));
  const byID = must(await bench.provider.getVM({ id: bench.vmID }, read()));
  expect(sameID(byName.id, byID.id)).toBe(true);
  expect(byID).toMatchObject({ name: 'web', location: 'eastus', resourceGroup: 'rg', osType: 'Linux' });
  expect(byID.disks).toHaveLength(2);
  expect(byID.uid).toMatch(/^[0-9a-f-]{36}$/);
});

test('an inventory of a collection has its points, newest first, as many as are asked for', async () => {
  const { provider, azure, vmID } = bench;
  const collection = bench.collection('local');
  const older = await localPoint('p1');
  azure.skip(3600);
  const newer = await localPoint('p2');
  const { items, truncated } = must(await provider.listInventory({ collection }, 2, read()));
  expect(items).toMatchObject([
    { id: newer, name: 'p2', vmID, type: 'restorePoint', state: 'Succeeded' },
    { id: older, name: 'p1', vmID, type: 'restorePoint', state: 'Succeeded' },
  ]);
  expect(Date.parse(items[0]?.createdAt ?? '')).toBeGreaterThan(Date.parse(items[1]?.createdAt ?? ''));
  expect(truncated).toBe(false);

  const one = must(await provider.listInventory({ collection }, 1, read()));
  expect(one).toEqual({ items: items.slice(0, 1), truncated: true });
});

test('an inventory of anything but a collection is refused', async () => {
  const outcome = await bench.provider.listInventory({ storageDomain: 'nfs' }, 10, read());
  expect(outcome).toMatchObject({
    kind: 'Unsupported',
    error: { message: expect.stringMatching(/collection/) },
  });
});

test('a point is made, read, listed, copied, watched and removed', async () => {
  const { provider, azure } = bench;
  const id = await localPoint();
  const point = must(await provider.getSnapshot({ id, containerID: '' }, { progress: false }, read()));
  expect(point).toMatchObject({
    state: 'Succeeded',
    consistency: 'FileSystem',
    source: { location: 'eastus' },
  });
  expect(point.disks.map((disk) => [disk.osDisk, disk.snapshotID !== undefined])).toEqual([
    [true, true],
    [false, true],
  ]);
  expect(must(await provider.listSnapshots(bench.collection('local'), read()))).toEqual([
    { ...point, vmID: bench.vmID },
  ]);

  const target = bench.collection('copies');
  const sourceID = bench.collection('local');
  must(await provider.createCollection({ id: target, location: 'westus', tags: {}, sourceID }, write()));
  const copy = must(
    await provider.createSnapshot(
      { containerID: target, name: 'c1', location: 'westus', copyOf: id },
      write(),
    ),
  );
  await vi.waitFor(async () => {
    const seen = must(
      await provider.getSnapshot({ id: copy.snapshot.id, containerID: '' }, { progress: true }, read()),
    );
    expect(seen).toMatchObject({ state: 'Succeeded', copyOf: id, createdAt: point.createdAt });
    expect(seen.replication?.map(({ state }) => state)).toEqual(['Replicating', 'Replicating']);
  }, 20_000);
  azure.skip(3600);
  const replicated = must(
    await provider.getSnapshot({ id: copy.snapshot.id, containerID: '' }, { progress: true }, read()),
  );
  expect(replicated.replication?.map(({ state, percent }) => [state, percent])).toEqual([
    ['Succeeded', 100],
    ['Succeeded', 100],
  ]);
  expect(replicated.replication?.map((disk) => disk.snapshotID)).toEqual(
    replicated.disks.map((disk) => disk.snapshotID),
  );

  const removed = await provider.deleteSnapshot({ id, containerID: '' }, write());
  expect(removed.kind).toBe('Pending');
  await vi.waitFor(async () => {
    expect(await provider.getSnapshot({ id, containerID: '' }, { progress: false }, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
    });
  }, 20_000);
  expect(must(await provider.listSnapshots(bench.collection('local'), read()))).toEqual([]);
  expect(await provider.deleteSnapshot({ id, containerID: '' }, write())).toEqual({
    kind: 'Done',
    value: {},
  });
  expect(azure.answerViolations).toEqual([]);
});

test('a crash consistent point without a data disk', async () => {
  const { provider, vmID } = bench;
  const id = bench.collection('local');
  must(await provider.createCollection({ id, location: 'eastus', tags: {}, sourceID: vmID }, write()));
  const vm = must(await provider.getVM({ id: vmID }, read()));
  const data = vm.disks[1]?.id ?? '';
  const { snapshot } = must(
    await provider.createSnapshot(
      { containerID: id, name: 'p', location: 'eastus', consistency: 'Crash', excludeDiskIDs: [data] },
      write(),
    ),
  );
  expect(snapshot.excludedDiskIDs).toEqual([data]);
  expect(snapshot.consistency).toBeUndefined();
  await vi.waitFor(async () => {
    const seen = must(
      await provider.getSnapshot({ id: snapshot.id, containerID: '' }, { progress: false }, read()),
    );
    expect(seen).toMatchObject({ state: 'Succeeded', consistency: 'Crash' });
    expect(seen.disks).toHaveLength(1);
  }, 20_000);
});

test.each([
  ['2021-03-01, which has no envelope', '2021-03-01'],
  ['2022-03-01, where the restore point of a disk is but an id', '2022-03-01'],
])('a crash consistent point by %s', async (_name, compute) => {
  bench.azure.world.behaviour.acceptVersionsWithoutEnvelope = true;
  bench.azure.addCollection({ name: 'local', sourceId: bench.vmID });
  const provider = bench.connect({ apiVersions: { compute } });
  const containerID = bench.collection('local');
  const { snapshot } = must(
    await provider.createSnapshot(
      { containerID, name: 'p', location: 'eastus', consistency: 'Crash' },
      write(),
    ),
  );
  await vi.waitFor(async () => {
    const seen = must(
      await provider.getSnapshot({ id: snapshot.id, containerID: '' }, { progress: false }, read()),
    );
    expect(seen).toMatchObject({ state: 'Succeeded', consistency: 'Crash' });
    expect(seen.createdAt).toMatch(/^\d{4}-/);
    expect(seen.disks.every((disk) => disk.snapshotID !== undefined)).toBe(true);
  }, 20_000);
});

test('a copy names the point it was made from, and encrypts as it is told', async () => {
  const { provider, azure, vmID } = bench;
  azure.addCollection({ name: 'local', sourceId: vmID });
  azure.addCollection({ name: 'copies', sourceId: bench.collection('local'), location: 'westus' });
  azure.addPoint({ collectionId: bench.collection('local'), name: 'p' });
  const set = `/subscriptions/${azure.subscriptionId}/resourceGroups/rg/providers/Microsoft.Compute/diskEncryptionSets/set`;
  azure.addEncryptionSet(set, 'westus');
  const copyOf = `${bench.collection('local')}/restorePoints/p`;
  const source = must(
    await provider.getSnapshot({ id: copyOf, containerID: '' }, { progress: false }, read()),
  );
  const encryption = source.disks.map(({ snapshotID = '', osDisk }) => ({
    diskID: snapshotID,
    osDisk,
    encryptionSetID: set,
    type: 'EncryptionAtRestWithCustomerKey',
  }));
  const target = {
    containerID: bench.collection('copies'),
    name: 'c',
    location: 'westus',
    copyOf,
    encryption,
  };
  const { snapshot } = must(await provider.createSnapshot(target, write()));
  await vi.waitFor(async () => {
    const seen = must(
      await provider.getSnapshot({ id: snapshot.id, containerID: '' }, { progress: false }, read()),
    );
    expect(seen).toMatchObject({ state: 'Succeeded', copyOf });
    expect(seen.disks.map((disk) => disk.encryptionType)).toEqual(encryption.map(({ type }) => type));
  }, 20_000);
});

test('collections are listed over all pages, retagged and removed', async () => {
  const { provider, azure, vmID } = bench;
  for (let index = 0; index < 120; index++) azure.addCollection({ name: `c${index}`, sourceId: vmID });
  const all = must(await provider.listCollections({}, read()));
  expect(new Set(all.map((one) => one.name)).size).toBe(120);
  expect(azure.counts().RestorePointCollections_ListAll).toBe(3);
  expect(must(await provider.listCollections({ resourceGroup: 'rg' }, read()))).toHaveLength(120);

  const id = bench.collection('c7');
  const changed = must(await provider.updateCollectionTags(id, { 'keyframe-owner': 'x' }, write()));
  expect(changed).toMatchObject({ id, tags: { 'keyframe-owner': 'x' }, location: 'eastus' });
  const { token } = must(await provider.deleteCollection(id, write()));
  await vi.waitFor(async () => {
    expect(must(await provider.getOperation(token ?? '', read())).state).toBe('Succeeded');
  }, 20_000);
  expect(await provider.getCollection(id, { points: false }, read())).toMatchObject({ kind: 'NotFound' });
  expect(must(await provider.listCollections({}, read()))).toHaveLength(119);
});

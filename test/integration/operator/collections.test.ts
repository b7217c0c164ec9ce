import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { ready, Stage } from '../../support/stage.ts';

describe('a RestorePointCollection', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set({
      azure: { durations: { replicationSeconds: 100, replicationRefreshSeconds: 20 } },
    });
    namespace = await stage.cluster.createNamespace('collections');
    await stage.operator();
    await stage.provider(namespace);
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  const providerRef = { name: 'azure' };
  const make = (name: string, spec: object) =>
    stage.make('RestorePointCollection', namespace, name, { providerRef, ...spec });
  const becomes = (name: string, reason: string) =>
    stage.reason('RestorePointCollection', namespace, name, reason);
  const remove = (name: string) => stage.removed('RestorePointCollection', namespace, name);
  const look = (name: string) => stage.lookAt('RestorePointCollection', namespace, name);
  const atAzure = (name: string) =>
    stage.azure.collections().find((collection) => collection.name.toLowerCase() === name.toLowerCase());
  /** Changes the tags as someone else would. */
  const retag = (name: string, tags: Record<string, string>) => {
    const found = [...stage.azure.world.collections.values()].find((collection) => collection.name === name);
    if (found === undefined) throw new Error(`there is no collection ${name}`);
    found.tags = tags;
  };
  const updates = () => stage.azure.counts().RestorePointCollections_Update ?? 0;

  it('is made with its name and tags, and one that says whose it is', async () => {
    stage.vm('tagged');
    const tags = { team: 'billing', env: 'test' };
    const { metadata } = await make('tagged', {
      name: 'rpc-tagged',
      tags,
      source: { vm: { name: 'tagged' } },
    });
    const { status } = await becomes('tagged', 'Available');
    const owner = { 'keyframe-owner': `test/${metadata.uid}` };
    expect(atAzure('rpc-tagged')).toMatchObject({ location: 'westeurope', tags: { ...tags, ...owner } });
    expect(status).toMatchObject({ location: 'westeurope', tags: { ...tags, ...owner } });
    await stage.snapshot(namespace, 'in-tagged', 'tagged', { azure: { collectionRef: { name: 'tagged' } } });
    const snapshot = await stage.reason('VMSnapshot', namespace, 'in-tagged', 'Available');
    expect(snapshot.status?.snapshotID).toContain('/restorePointCollections/rpc-tagged/');
  });

  it('says which tag someone changed, and takes it back when it is put right', async () => {
    const { tags = {} } = atAzure('rpc-tagged') ?? {};
    retag('rpc-tagged', { ...tags, env: 'production', costCenter: '42' });
    const modified = await look('tagged');
    expect(ready(modified)).toMatchObject({ status: 'False', reason: 'ModifiedOutside' });
    expect(ready(modified)?.message).toMatch(/env should be test, is production/);
    expect(modified.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Drifted', status: 'True' }),
    );
    expect(kstatus(modified)).toBe('Failed');
    retag('rpc-tagged', { ...tags, costCenter: '42' });
    const restored = await look('tagged');
    expect(ready(restored)).toMatchObject({ status: 'True', reason: 'Available' });
    expect(restored.status?.conditions?.map(({ type }) => type)).toEqual(['Ready']);
    expect(updates()).toBe(0);
  });

  it('writes changed tags, keeps those of others, and takes its own away', async () => {
    const changed = await stage.patch('RestorePointCollection', namespace, 'tagged', {
      spec: { tags: { env: null, tier: 'gold' } },
    });
    await stage.until(
      'RestorePointCollection',
      namespace,
      'tagged',
      'acknowledged',
      ({ status }) =>
        status?.observedGeneration === changed.metadata.generation && status?.tags.tier === 'gold',
    );
    expect(atAzure('rpc-tagged')?.tags).toEqual({
      team: 'billing',
      tier: 'gold',
      costCenter: '42',
      'keyframe-owner': `test/${changed.metadata.uid}`,
    });
    expect(updates()).toBe(1);
    expect(ready(await stage.get('RestorePointCollection', namespace, 'tagged'))?.reason).toBe('Available');
  });

  it('counts what is in it, and names what no object stands for', async () => {
    const { status } = await stage.get('RestorePointCollection', namespace, 'tagged');
    stage.azure.addPoint({ collectionId: String(status?.id), name: 'by-hand' });
    const counted = await look('tagged');
    expect(counted.status?.restorePoints).toEqual({
      total: 2,
      managed: 1,
      failed: 0,
      unmanaged: ['by-hand'],
    });
  });

  it('stays at Azure while something refers to it, and that goes without it', async () => {
    await remove('tagged');
    expect((await stage.event(namespace, 'tagged', 'Retained')).note).toMatch(
      /VMSnapshot in-tagged.*left at Azure: .*rpc-tagged/,
    );
    expect(atAzure('rpc-tagged')?.points).toHaveLength(2);
    await stage.removed('VMSnapshot', namespace, 'in-tagged');
    expect(atAzure('rpc-tagged')?.points).toEqual(['by-hand']);
  });

  it('stays at Azure when it is not empty', async () => {
    stage.vm('full');
    await make('full', { name: 'rpc-full', source: { vm: { name: 'full' } } });
    const { status } = await becomes('full', 'Available');
    stage.azure.addPoint({ collectionId: String(status?.id), name: 'of-someone' });
    await remove('full');
    expect((await stage.event(namespace, 'full', 'Retained')).note).toMatch(
      /holds 1 restore point \(of-someone\)/,
    );
    expect(atAzure('rpc-full')?.points).toEqual(['of-someone']);
  });

  it('stays at Azure when its tag no longer says that it is ours', async () => {
    stage.vm('lost');
    await make('lost', { name: 'rpc-lost', source: { vm: { name: 'lost' } } });
    await becomes('lost', 'Available');
    retag('rpc-lost', {});
    await remove('lost');
    expect((await stage.event(namespace, 'lost', 'Retained')).note).toContain('not proved ours');
    expect(atAzure('rpc-lost')).toBeDefined();
  });

  it('goes at Azure when it is empty, and waits for what goes together with it', async () => {
    stage.vm('empty');
    await make('empty', { name: 'rpc-empty', source: { vm: { name: 'empty' } } });
    await becomes('empty', 'Available');
    await stage.snapshot(namespace, 'in-empty', 'empty', { azure: { collectionRef: { name: 'empty' } } });
    await stage.reason('VMSnapshot', namespace, 'in-empty', 'Available');
    await stage.remove('VMSnapshot', namespace, 'in-empty');
    await stage.remove('RestorePointCollection', namespace, 'empty');
    await stage.gone('VMSnapshot', namespace, 'in-empty');
    await stage.gone('RestorePointCollection', namespace, 'empty');
    expect(atAzure('rpc-empty')).toBeUndefined();
  });

  it('that is adopted keeps its tags and is left when it goes, and is adopted once', async () => {
    const vm = stage.vm('adopted');
    const tags = { owner: 'somebody' };
    const { id } = stage.azure.addCollection({
      name: 'theirs',
      resourceGroup: 'rg-test',
      sourceId: vm.id,
      tags,
    });
    await make('adopted', { source: { adopt: { id } } });
    const { status } = await becomes('adopted', 'Available');
    expect(status).toMatchObject({ id, deletionPolicy: 'Retain', source: { id: vm.id } });
    await make('adopted-too', { source: { adopt: { id: id.replace('theirs', 'THEIRS') } } });
    const refused = await becomes('adopted-too', 'AdoptionConflict');
    expect(ready(refused)?.message).toContain('RestorePointCollection adopted already');
    await stage.snapshot(namespace, 'in-adopted', 'adopted', {
      azure: { collectionRef: { name: 'adopted' } },
    });
    await stage.reason('VMSnapshot', namespace, 'in-adopted', 'Available');
    await stage.removed('VMSnapshot', namespace, 'in-adopted');
    await remove('adopted-too');
    await remove('adopted');
    expect(atAzure('theirs')).toMatchObject({ tags, points: [] });
  });

  it('takes copies of another one, encrypted as the copy says', async () => {
    stage.vm('copied', { dataDisks: [{ name: 'copied-data' }] });
    await make('local', { name: 'rpc-local', source: { vm: { name: 'copied' } } });
    await make('remote', {
      name: 'rpc-remote',
      resourceGroup: 'rg-test',
      location: 'North Europe',
      source: { collectionRef: { name: 'local' } },
    });
    await becomes('remote', 'Available');
    await stage.snapshot(namespace, 'copied', 'copied', { azure: { collectionRef: { name: 'local' } } });
    const set = `/subscriptions/${stage.azure.subscriptionId}/resourceGroups/rg-test/providers/Microsoft.Compute/diskEncryptionSets/north`;
    stage.azure.addEncryptionSet(set, 'northeurope');
    const type = 'EncryptionAtRestWithCustomerKey';
    await stage.make('RestorePointCopy', namespace, 'copied', {
      source: { snapshotRef: { name: 'copied' } },
      target: { collectionRef: { name: 'remote' } },
      encryption: [{ disk: 'copied-data', diskEncryptionSetID: set, type }],
    });
    const { status } = await stage.reason('RestorePointCopy', namespace, 'copied', 'Replicated');
    expect(status?.restorePointID).toContain('/restorePointCollections/rpc-remote/');
    const copy = stage.azure.world.pointById(status?.restorePointID);
    const encryption = copy?.disks.map(({ disk, encryption }) => [disk.name, encryption.type]) ?? [];
    expect(Object.fromEntries(encryption)).toMatchObject({ 'copied-data': type });
    const remote = await look('remote');
    expect(remote.status?.restorePoints).toMatchObject({ total: 1, managed: 1 });
  });

  it('that someone removed at Azure is missing, and nothing is made anew', async () => {
    stage.vm('gone');
    await make('gone', { name: 'rpc-gone', source: { vm: { name: 'gone' } } });
    const { status } = await becomes('gone', 'Available');
    stage.azure.world.collections.delete(String(status?.id).toLowerCase());
    const missing = await look('gone');
    expect(ready(missing)).toMatchObject({ status: 'False', reason: 'SnapshotMissing' });
    expect(atAzure('rpc-gone')).toBeUndefined();
    await remove('gone');
  });

  it('made for snapshots that name none is shared by them, and goes with the last of them', async () => {
    stage.vm('shared');
    for (const name of ['shared-1', 'shared-2']) await stage.snapshot(namespace, name, 'shared');
    const snapshots = [];
    for (const name of ['shared-1', 'shared-2'])
      snapshots.push(await stage.reason('VMSnapshot', namespace, name, 'Available'));
    const collections = snapshots.map(({ status }) => status?.snapshotID.split('/restorePoints/')[0]);
    expect(new Set(collections).size).toBe(1);
    await stage.removed('VMSnapshot', namespace, 'shared-1');
    const automatic = async () =>
      (await stage.list('RestorePointCollection', namespace)).find(
        ({ status }) => status?.id === collections[0],
      );
    expect(await automatic()).toBeDefined();
    await stage.removed('VMSnapshot', namespace, 'shared-2');
    const name = (await automatic())?.metadata.name;
    if (name !== undefined) await stage.gone('RestorePointCollection', namespace, name);
    expect(stage.azure.collections().some(({ id }) => id === collections[0])).toBe(false);
  });

  it('made for a snapshot goes with the last collection for copies from it', async () => {
    stage.vm('outlived');
    await stage.snapshot(namespace, 'outlived', 'outlived');
    const { status } = await stage.reason('VMSnapshot', namespace, 'outlived', 'Available');
    const [id] = status?.snapshotID.split('/restorePoints/') ?? [];
    const all = await stage.list('RestorePointCollection', namespace);
    const name = all.find(({ status }) => status?.id === id)?.metadata.name ?? '';
    await make('outliving', { source: { collectionRef: { name } }, location: 'northeurope' });
    await becomes('outliving', 'Available');
    await stage.removed('VMSnapshot', namespace, 'outlived');
    // It has been looked into, and is needed by nothing but the other.
    await stage.until(
      'RestorePointCollection',
      namespace,
      name,
      'counted',
      ({ status }) => status?.restorePoints?.total === 0,
    );
    await remove('outliving');
    await stage.gone('RestorePointCollection', namespace, name);
  });

  it('gives away no secret, and sends nothing malformed', async () => {
    expect(await leaks(stage)).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AzureSimulatorOptions } from './options.ts';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import type { Vm } from './state.ts';
import { diskVersion, type RawAnswer, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;
let vm: Vm;

const hour = 3600;

async function start(options: AzureSimulatorOptions = {}): Promise<void> {
  simulator = await startAzureSimulator({ verifyAnswers: true, throttling: false, ...options });
  client = testClient(simulator);
  vm = simulator.addVm({ name: 'web', dataDisks: [{ replicationSeconds: 2 * hour }] });
  simulator.addCollection({ name: 'local', sourceId: vm.id });
  simulator.addCollection({ name: 'remote', sourceId: idOf('local'), location: 'westus' });
  for (const [index, name] of ['first', 'second', 'third'].entries()) {
    const timeCreated = Date.now() - (10 - index) * hour * 1000;
    simulator.addPoint({ collectionId: idOf('local'), name, timeCreated });
  }
}

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await simulator.close();
  expect(simulator.answerViolations).toEqual([]);
});

const idOf = (collection: string, point?: string): string =>
  `${client.provider}/restorePointCollections/${collection}${point === undefined ? '' : `/restorePoints/${point}`}`;
const copy = (source: string, target = 'remote', more: object = {}): Promise<RawAnswer> =>
  client.send('PUT', `${idOf(target, source)}?${version}`, {
    body: { properties: { sourceRestorePoint: { id: idOf('local', source) }, ...more } },
  });
const expanded = (collection: string, point: string): Promise<RawAnswer> =>
  client.send('GET', `${idOf(collection, point)}?${version}&$expand=instanceView`);
const codeOf = (answer: RawAnswer): string => (answer.json as { error: { code: string } }).error.code;

interface DiskView {
  id: string;
  replicationStatus: {
    status: { code: string; level: string; displayStatus: string };
    completionPercent?: number;
  };
}

interface PointView {
  properties: {
    provisioningState: string;
    timeCreated: string;
    consistencyMode?: string;
    sourceMetadata: { location: string };
    instanceView?: { diskRestorePoints?: DiskView[] };
  };
}

async function disksOf(collection: string, point: string): Promise<DiskView[]> {
  const answer = await expanded(collection, point);
  return (answer.json as PointView).properties.instanceView?.diskRestorePoints ?? [];
}

describe('a copy to another region', () => {
  beforeEach(() => start());

  it("repeats its source's metadata, mode and creation time", async () => {
    const answer = await copy('first');
    expect(answer.status).toBe(201);
    const source = (await expanded('local', 'first')).json as PointView;
    const made = answer.json as PointView;
    expect(made.properties.timeCreated).toBe(source.properties.timeCreated);
    expect(made.properties.consistencyMode).toBe('FileSystemConsistent');
    expect(made.properties.sourceMetadata.location).toBe('eastus');
    expect(answer.headers['azure-asyncoperation']).toContain('/locations/westus/operations/');
  });

  it('has succeeded while its disks still replicate, each at its own pace and in steps', async () => {
    await copy('first');
    simulator.skip(20);
    const done = (await expanded('remote', 'first')).json as PointView;
    expect(done.properties.provisioningState).toBe('Succeeded');
    const progress = async (): Promise<unknown[]> =>
      (await disksOf('remote', 'first')).map(({ replicationStatus: { status, completionPercent } }) => [
        status.code,
        status.displayStatus,
        completionPercent,
      ]);
    const replicating = (percent: number): unknown[] => [
      'ReplicationState/replicating',
      'Replicating',
      percent,
    ];
    const succeeded = ['ReplicationState/succeeded', 'Succeeded', 100];
    expect(await progress()).toEqual([replicating(0), replicating(0)]);
    simulator.skip(5 * 60);
    expect(await progress()).toEqual([replicating(0), replicating(0)]);
    simulator.skip(20 * 60);
    expect(await progress()).toEqual([replicating(44), replicating(16)]);
    simulator.skip(30 * 60);
    expect(await progress()).toEqual([succeeded, replicating(41)]);
    simulator.skip(2 * hour);
    expect(await progress()).toEqual([succeeded, succeeded]);
    const disks = await client.send('GET', `${idOf('remote', 'first')}/diskRestorePoints?${diskVersion}`);
    expect(disks.json).toMatchObject({
      value: [
        {
          properties: {
            replicationState: 'Succeeded',
            completionPercent: 100,
            sourceResourceLocation: 'eastus',
          },
        },
        {},
      ],
    });
  });

  it.each([
    ['consistencyMode', { consistencyMode: 'CrashConsistent' }],
    ['excludeDisks', { excludeDisks: [] }],
  ])('is refused with %s', async (_name, more) => {
    expect((await copy('first', 'remote', more)).status).toBe(400);
  });

  it('is refused without a source, and from a collection that is not the source', async () => {
    const none = await client.send('PUT', `${idOf('remote', 'x')}?${version}`, { body: {} });
    expect(none.status).toBe(400);
    simulator.addCollection({ name: 'other', sourceId: vm.id });
    simulator.addPoint({ collectionId: idOf('other'), name: 'foreign' });
    const foreign = await client.send('PUT', `${idOf('remote', 'foreign')}?${version}`, {
      body: { properties: { sourceRestorePoint: { id: idOf('other', 'foreign') } } },
    });
    expect(foreign.status).toBe(400);
    const within = await client.send('PUT', `${idOf('local', 'x')}?${version}`, {
      body: { properties: { sourceRestorePoint: { id: idOf('local', 'first') } } },
    });
    expect(within.status).toBe(400);
  });

  it('is refused while another one of the pair replicates, and accepted to a further region', async () => {
    await copy('first');
    simulator.skip(hour);
    const second = await copy('second');
    expect([second.status, codeOf(second)]).toEqual([409, 'OperationNotAllowed']);
    simulator.addCollection({ name: 'further', sourceId: idOf('local'), location: 'northeurope' });
    expect((await copy('second', 'further')).status).toBe(201);
    simulator.skip(2 * hour);
    expect((await copy('second')).status).toBe(201);
  });

  it('is refused out of order', async () => {
    await copy('second');
    simulator.skip(3 * hour);
    const older = await copy('first');
    expect([older.status, codeOf(older)]).toEqual([409, 'OperationNotAllowed']);
    expect((await copy('third')).status).toBe(201);
  });

  it('is refused a second time in the same region', async () => {
    await copy('first');
    simulator.skip(3 * hour);
    simulator.addCollection({ name: 'twin', sourceId: idOf('local'), location: 'West US' });
    const twin = await copy('first', 'twin');
    expect([twin.status, codeOf(twin)]).toEqual([409, 'OperationNotAllowed']);
  });

  it('is refused of a copy, and of a collection in its own region', async () => {
    const put = (name: string, source: string, location: string): Promise<RawAnswer> =>
      client.send('PUT', `${idOf(name)}?${version}`, {
        body: { location, properties: { source: { id: source } } },
      });
    expect((await put('chain', idOf('remote'), 'northeurope')).status).toBe(400);
    expect((await put('near', idOf('local'), 'East US')).status).toBe(400);
    expect((await put('far', idOf('local'), 'North Europe')).status).toBe(201);
  });

  it('keeps its source from being deleted until it has replicated', async () => {
    await copy('first');
    simulator.skip(hour);
    const source = await client.send('DELETE', `${idOf('local', 'first')}?${version}`);
    expect([source.status, codeOf(source)]).toEqual([409, 'OperationNotAllowed']);
    const whole = await client.send('DELETE', `${idOf('local')}?${version}`);
    expect(whole.status).toBe(409);
    expect((await client.send('DELETE', `${idOf('remote', 'first')}?${version}`)).status).toBe(409);
    simulator.skip(2 * hour);
    expect((await client.send('DELETE', `${idOf('local', 'first')}?${version}`)).status).toBe(202);
    simulator.skip(60);
    expect(((await expanded('remote', 'first')).json as PointView).properties.provisioningState).toBe(
      'Succeeded',
    );
  });

  it('fails as a whole when a disk fails, and then shows no percentage', async () => {
    simulator.faults.add({
      kind: 'replication-failed',
      operation: 'RestorePoints_Create',
      disk: 'web_DataDisk_0',
      times: 1,
    });
    await copy('first');
    simulator.skip(3 * hour);
    const answer = (await expanded('remote', 'first')).json as PointView;
    expect(answer.properties.provisioningState).toBe('Failed');
    const [osDisk, dataDisk] = await disksOf('remote', 'first');
    expect(osDisk?.replicationStatus.status.code).toBe('ReplicationState/succeeded');
    expect(dataDisk?.replicationStatus).toEqual({
      status: { code: 'ReplicationState/failed', level: 'Error', displayStatus: 'Failed' },
    });
    expect((await copy('second')).status).toBe(201);
  });

  it('is ended by the platform after two weeks', async () => {
    vm.osDisk.replicationSeconds = 15 * 24 * hour;
    simulator.addPoint({ collectionId: idOf('local'), name: 'slow' });
    await copy('slow');
    simulator.skip(13 * 24 * hour);
    expect((await disksOf('remote', 'slow'))[0]?.replicationStatus.status.code).toBe(
      'ReplicationState/replicating',
    );
    simulator.skip(2 * 24 * hour);
    expect((await disksOf('remote', 'slow'))[0]?.replicationStatus.status.code).toBe(
      'ReplicationState/failed',
    );
  });
});

describe('a point created directly in another region', () => {
  it('replicates like a copy, and cannot be crash consistent', async () => {
    await start();
    simulator.addCollection({ name: 'direct', sourceId: vm.id, location: 'northeurope' });
    const crash = await client.send('PUT', `${idOf('direct', 'p')}?${version}`, {
      body: { properties: { consistencyMode: 'CrashConsistent' } },
    });
    expect(crash.status).toBe(400);
    expect((await client.send('PUT', `${idOf('direct', 'p')}?${version}`, { body: {} })).status).toBe(201);
    simulator.skip(60);
    const codes = (await disksOf('direct', 'p')).map(
      ({ replicationStatus }) => replicationStatus.status.code,
    );
    expect(codes).toEqual(['ReplicationState/replicating', 'ReplicationState/replicating']);
    expect(simulator.points().find(({ name }) => name === 'p')?.kind).toBe('direct');
  });

  it('can be switched off', async () => {
    await start({ behaviour: { directCrossRegion: false } });
    const answer = await client.send('PUT', `${idOf('direct')}?${version}`, {
      body: { location: 'northeurope', properties: { source: { id: vm.id } } },
    });
    expect(answer.status).toBe(400);
  });
});

describe('a point in the region of its VM', () => {
  it('has no instance view, or one without replication status', async () => {
    await start();
    expect((await expanded('local', 'first')).json).not.toHaveProperty('properties.instanceView');
    simulator.world.behaviour.localInstanceView = 'without-replication-status';
    const disks = await disksOf('local', 'first');
    expect(disks).toHaveLength(2);
    expect(disks[0]).not.toHaveProperty('replicationStatus');
  });
});

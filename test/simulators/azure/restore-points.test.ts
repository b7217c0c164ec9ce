import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AzureSimulatorOptions } from './options.ts';
import { type AzureSimulator, startAzureSimulator } from './simulator.ts';
import type { Vm, VmSpec } from './state.ts';
import { diskVersion, type RawAnswer, type TestClient, testClient, version } from './test-client.ts';

let simulator: AzureSimulator;
let client: TestClient;
let vm: Vm;

async function start(options: AzureSimulatorOptions = {}, spec: Partial<VmSpec> = {}): Promise<void> {
  simulator = await startAzureSimulator({ verifyAnswers: true, throttling: false, ...options });
  client = testClient(simulator);
  vm = simulator.addVm({
    name: 'web',
    location: 'Central US EUAP',
    dataDisks: [{ sizeGB: 64 }, {}],
    ...spec,
  });
  simulator.addCollection({ name: 'local', sourceId: vm.id });
}

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await simulator.close();
  expect(simulator.answerViolations).toEqual([]);
});

const pathOf = (name: string, collection = 'local'): string =>
  `${client.provider}/restorePointCollections/${collection}/restorePoints/${name}`;
const put = (name: string, properties?: object): Promise<RawAnswer> =>
  client.send('PUT', `${pathOf(name)}?${version}`, { body: properties === undefined ? {} : { properties } });
const get = (name: string, expand = ''): Promise<RawAnswer> =>
  client.send('GET', `${pathOf(name)}?${version}${expand}`);

interface PointBody {
  name: string;
  id: string;
  properties: {
    provisioningState: string;
    consistencyMode?: string;
    timeCreated: string;
    sourceMetadata: {
      vmId: string;
      location: string;
      storageProfile: {
        osDisk?: { name: string; diskRestorePoint?: { id: string; encryption?: { type: string } } };
        dataDisks: { name: string; diskRestorePoint?: { id: string } }[];
      };
    };
    instanceView?: unknown;
  };
}

const pointOf = (answer: RawAnswer): PointBody => answer.json as PointBody;
const codeOf = (answer: RawAnswer): string => (answer.json as { error: { code: string } }).error.code;

describe('a collection', () => {
  beforeEach(() => start());

  const path = (): string => `${client.provider}/restorePointCollections/new?${version}`;
  const body = (): object => ({
    location: 'Central US EUAP',
    tags: { a: '1' },
    properties: { source: { id: vm.id } },
  });

  it('is made at once with 201, its location normalised and its source location in another spelling', async () => {
    const answer = await client.send('PUT', path(), { body: body() });
    expect(answer.status).toBe(201);
    expect(answer.headers['azure-asyncoperation']).toBeUndefined();
    expect(answer.json).toMatchObject({
      location: 'centraluseuap',
      type: 'Microsoft.Compute/restorePointCollections',
      properties: { source: { id: vm.id, location: 'CentralUSEUAP' }, provisioningState: 'Succeeded' },
    });
  });

  it('takes a second PUT with 200 and lets nothing but its tags change', async () => {
    await client.send('PUT', path(), { body: body() });
    const again = await client.send('PUT', path(), { body: { ...body(), tags: { b: '2' } } });
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({ tags: { b: '2' } });
    const other = simulator.addVm({ name: 'other', location: 'Central US EUAP' });
    const moved = await client.send('PUT', path(), {
      body: { ...body(), properties: { source: { id: other.id } } },
    });
    expect([moved.status, codeOf(moved)]).toEqual([409, 'PropertyChangeNotAllowed']);
    const elsewhere = await client.send('PUT', path(), { body: { ...body(), location: 'westus' } });
    expect([elsewhere.status, codeOf(elsewhere)]).toEqual([409, 'InvalidResourceLocation']);
  });

  it('takes a PATCH of tags alone', async () => {
    const answer = await client.send('PATCH', `${client.provider}/restorePointCollections/local?${version}`, {
      body: { tags: { c: '3' } },
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ tags: { c: '3' } });
  });

  it('carries its points only when they are asked for, and never in lists', async () => {
    simulator.addPoint({ collectionId: `${client.provider}/restorePointCollections/local`, name: 'p' });
    const plain = await client.send('GET', `${client.provider}/restorePointCollections/local?${version}`);
    expect(plain.json).not.toHaveProperty('properties.restorePoints');
    const expanded = await client.send(
      'GET',
      `${client.provider}/restorePointCollections/local?${version}&%24expand=restorePoints`,
    );
    expect(expanded.json).toMatchObject({ properties: { restorePoints: [{ name: 'p' }] } });
    const list = await client.send('GET', `${client.provider}/restorePointCollections?${version}`);
    expect(list.text).not.toContain('"restorePoints":');
  });

  it('has its group name in upper case in the list of the subscription', async () => {
    const answer = await client.send(
      'GET',
      `/subscriptions/${simulator.subscriptionId}/providers/Microsoft.Compute/restorePointCollections?${version}`,
    );
    expect(answer.json).toMatchObject({
      value: [{ id: expect.stringContaining('/resourceGroups/RG/') as string }],
    });
  });

  it('takes its points with it when it is deleted', async () => {
    simulator.addPoint({ collectionId: `${client.provider}/restorePointCollections/local`, name: 'p' });
    const answer = await client.send('DELETE', `${client.provider}/restorePointCollections/local?${version}`);
    expect(answer.status).toBe(202);
    simulator.skip(15);
    expect(simulator.points()).toEqual([]);
    expect(simulator.collections()).toEqual([]);
  });

  it('answers 204 when it is deleted and not there', async () => {
    const answer = await client.send('DELETE', `${client.provider}/restorePointCollections/none?${version}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
  });
});

describe('a create', () => {
  it('answers 201 with Azure-AsyncOperation, without Location, Retry-After, disk ids and mode', async () => {
    await start();
    const answer = await put('p');
    expect(answer.status).toBe(201);
    expect(answer.headers.location).toBeUndefined();
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(answer.headers['azure-asyncnotification']).toBe('Enabled');
    expect(Object.keys(answer.json as object).sort()).toEqual(['id', 'name', 'properties']);
    expect(pointOf(answer).properties).toMatchObject({ provisioningState: 'Creating' });
    expect(pointOf(answer).properties).not.toHaveProperty('consistencyMode');
    expect(answer.text).not.toContain('diskRestorePoint');
    expect(simulator.everCreated().map(({ name }) => name)).toEqual(['p']);
  });

  it('shows disk restore points named after disk and guid, and the mode achieved, once it has succeeded', async () => {
    await start();
    await put('p');
    expect((await get('p')).text).not.toContain('diskRestorePoint');
    simulator.skip(60);
    const point = pointOf(await get('p'));
    expect(point.properties.provisioningState).toBe('Succeeded');
    expect(point.properties.consistencyMode).toBe('FileSystemConsistent');
    const { osDisk, dataDisks } = point.properties.sourceMetadata.storageProfile;
    const ids = [osDisk, ...dataDisks].map((disk) => disk?.diskRestorePoint?.id ?? '');
    expect(ids).toHaveLength(3);
    for (const id of ids) expect(id).toMatch(/\/restorePoints\/p\/diskRestorePoints\/web_.+_[0-9a-f-]{36}$/);
    expect(osDisk?.diskRestorePoint?.encryption).toEqual({ type: 'EncryptionAtRestWithPlatformKey' });
    const older = await client.send('GET', `${pathOf('p')}?api-version=2022-11-01`);
    expect(older.text).not.toContain('encryption');
  });

  it('is polled under a long signed URL that must come back byte for byte', async () => {
    await start();
    const url = String((await put('p')).headers['azure-asyncoperation']);
    expect(url.length).toBeGreaterThan(2900);
    expect(url).toContain('/providers/Microsoft.Compute/locations/centraluseuap/operations/');
    const running = await client.send('GET', url);
    expect(running.status).toBe(200);
    expect(Object.keys(running.json as object)).toEqual(['startTime', 'status', 'name']);
    simulator.skip(60);
    const done = await client.send('GET', url);
    expect(done.json).toMatchObject({ status: 'Succeeded' });
    expect(done.json).not.toHaveProperty('properties');
    expect(simulator.contractViolations).toEqual([]);

    const rewritten = new URL(url);
    rewritten.searchParams.set('api-version', '2024-11-01');
    const refused = await client.send('GET', rewritten.href);
    expect(refused.status).toBe(403);
    expect(simulator.contractViolations).toHaveLength(1);
  });

  it('is forgotten by the operations endpoint after a while', async () => {
    await start();
    const url = String((await put('p')).headers['azure-asyncoperation']);
    simulator.skip(2 * 24 * 60 * 60);
    expect((await client.send('GET', url)).status).toBe(404);
    expect(pointOf(await get('p')).properties.provisioningState).toBe('Succeeded');
  });

  it('may answer with Location and Retry-After as newer descriptions announce', async () => {
    await start({ behaviour: { createHeaders: 'with-location' } });
    const answer = await put('p');
    expect(answer.headers.location).toMatch(/&monitor=true$/);
    expect(answer.headers['retry-after']).toBe('10');
    const running = await client.send('GET', String(answer.headers.location));
    expect([running.status, running.text]).toEqual([202, '']);
  });

  it('leaves excluded disks out', async () => {
    await start();
    const excluded = vm.dataDisks[0]?.id;
    await put('p', { excludeDisks: [{ id: excluded }] });
    simulator.skip(60);
    const point = pointOf(await get('p'));
    expect(point.properties).toMatchObject({ excludeDisks: [{ id: excluded }] });
    expect(point.properties.sourceMetadata.storageProfile.dataDisks.map(({ name }) => name)).toEqual([
      'web_DataDisk_1',
    ]);
    const foreign = await put('q', { excludeDisks: [{ id: `${client.provider}/disks/none` }] });
    expect(foreign.status).toBe(400);
  });

  it('is refused a second time under the same name, in the way that was chosen', async () => {
    await start();
    await put('p');
    simulator.skip(60);
    const conflict = await put('p');
    expect([conflict.status, codeOf(conflict)]).toEqual([409, 'OperationNotAllowed']);
    simulator.world.behaviour.secondPut = 'bad-request';
    expect((await put('p')).status).toBe(400);
    simulator.world.behaviour.secondPut = 'created';
    expect((await put('p')).status).toBe(201);
    expect(simulator.everCreated()).toHaveLength(1);
  });

  it('is refused while another one of the VM runs, in whichever collection', async () => {
    await start();
    simulator.addCollection({ name: 'second', sourceId: vm.id });
    await put('p');
    const other = await client.send('PUT', `${pathOf('q', 'second')}?${version}`, { body: {} });
    expect([other.status, codeOf(other)]).toEqual([409, 'VMRestorePointClientError']);
    simulator.skip(60);
    expect((await client.send('PUT', `${pathOf('q', 'second')}?${version}`, { body: {} })).status).toBe(201);
  });

  it('may tell of the one that runs by an operation that fails', async () => {
    await start({ behaviour: { refusals: 'asynchronous' } });
    await put('p');
    const second = await put('q');
    expect(second.status).toBe(201);
    simulator.skip(60);
    const operation = await client.send('GET', String(second.headers['azure-asyncoperation']));
    expect(operation.json).toMatchObject({ status: 'Failed', error: { code: 'VMRestorePointClientError' } });
    const states = simulator.points().map(({ name, provisioningState }) => [name, provisioningState]);
    expect(states).toEqual([
      ['p', 'Succeeded'],
      ['q', 'Failed'],
    ]);
  });

  it('is refused beyond the limit of points of a VM', async () => {
    await start({ behaviour: { restorePointsPerVm: 1 } });
    simulator.addPoint({ collectionId: `${client.provider}/restorePointCollections/local`, name: 'old' });
    const answer = await put('p');
    expect([answer.status, codeOf(answer)]).toEqual([409, 'OperationNotAllowed']);
  });

  it('goes on with another vmId when the VM was made anew under its name', async () => {
    await start();
    await put('p');
    simulator.skip(60);
    const anew = simulator.addVm({ name: 'web', location: 'Central US EUAP' });
    await put('q');
    expect(pointOf(await get('p')).properties.sourceMetadata.vmId).toBe(vm.vmId);
    expect(pointOf(await get('q')).properties.sourceMetadata.vmId).toBe(anew.vmId);
  });

  it('takes the time of its region, unless its VM has one of its own', async () => {
    await start({ durations: { createSecondsByRegion: { centraluseuap: 600 } } });
    const second = simulator.addVm({ name: 'own', location: 'Central US EUAP', createSeconds: 5 });
    simulator.addCollection({ name: 'second', sourceId: second.id });
    await put('p');
    await client.send('PUT', `${pathOf('q', 'second')}?${version}`, { body: {} });
    simulator.skip(60);
    const states = simulator.points().map(({ provisioningState }) => provisioningState);
    expect(states).toEqual(['Creating', 'Succeeded']);
  });

  it('can give instant access for a time from 2025-04-01 on', async () => {
    await start();
    const newer = 'api-version=2025-04-01';
    const body = { properties: { instantAccessDurationMinutes: 120 } };
    expect((await client.send('PUT', `${pathOf('p')}?${newer}`, { body })).status).toBe(400);
    await client.send('PATCH', `${client.provider}/restorePointCollections/local?${newer}`, {
      body: { properties: { instantAccess: true } },
    });
    const short = { properties: { instantAccessDurationMinutes: 30 } };
    expect((await client.send('PUT', `${pathOf('p')}?${newer}`, { body: short })).status).toBe(400);
    expect((await client.send('PUT', `${pathOf('p')}?${newer}`, { body })).status).toBe(201);
    simulator.skip(60);
    const statusNow = async (): Promise<unknown> =>
      (await client.send('GET', `${pathOf('p')}?${newer}&$expand=instanceView`)).json;
    expect(await statusNow()).toMatchObject({
      properties: {
        instantAccessStatus: 'InstantAccess',
        instanceView: { diskRestorePoints: [{ snapshotAccessState: 'InstantAccess' }, {}, {}] },
      },
    });
    simulator.skip(3600);
    expect(await statusNow()).toMatchObject({
      properties: { instantAccessStatus: 'AvailableWithInstantAccess' },
    });
    simulator.skip(3600);
    expect(await statusNow()).toMatchObject({ properties: { instantAccessStatus: 'Available' } });
    expect((await get('p')).text).not.toContain('instantAccess');
  });

  it('has no envelope in 2021-03-01', async () => {
    await start({ behaviour: { acceptVersionsWithoutEnvelope: true } });
    const path = `${pathOf('p')}?api-version=2021-03-01`;
    const excluded = vm.dataDisks[0]?.id;
    const answer = await client.send('PUT', path, { body: { excludeDisks: [{ id: excluded }] } });
    expect(answer.status).toBe(201);
    expect(answer.json).not.toHaveProperty('properties');
    expect(answer.json).not.toHaveProperty('timeCreated');
    expect(answer.json).toMatchObject({
      provisioningState: 'Creating',
      provisioningDetails: { creationTime: expect.any(String) as string },
      excludeDisks: [{ id: excluded }],
    });
    const enveloped = await client.send('PUT', `${pathOf('q')}?api-version=2021-03-01`, {
      body: { properties: {} },
    });
    expect(enveloped.status).toBe(400);
  });

  it('encrypts disks with the set that is given, which must be in the region', async () => {
    await start();
    const setId = `${client.provider}/diskEncryptionSets/keys`;
    const osDisk = {
      managedDisk: { id: vm.osDisk.id },
      diskRestorePoint: {
        encryption: { diskEncryptionSet: { id: setId }, type: 'EncryptionAtRestWithCustomerKey' },
      },
    };
    const properties = { sourceMetadata: { storageProfile: { osDisk } } };
    simulator.addEncryptionSet(setId, 'westus');
    expect((await put('p', properties)).status).toBe(400);
    simulator.addEncryptionSet(setId, 'centraluseuap');
    expect((await put('p', properties)).status).toBe(201);
    simulator.skip(60);
    const { storageProfile } = pointOf(await get('p')).properties.sourceMetadata;
    expect(storageProfile.osDisk?.diskRestorePoint?.encryption).toEqual({
      diskEncryptionSet: { id: setId },
      type: 'EncryptionAtRestWithCustomerKey',
    });
  });
});

describe('the consistency achieved', () => {
  const cases: { guest: string; spec: Partial<VmSpec>; mode?: string; achieved: string }[] = [
    { guest: 'Linux', spec: {}, achieved: 'FileSystemConsistent' },
    { guest: 'Windows', spec: { osType: 'Windows' }, achieved: 'ApplicationConsistent' },
    {
      guest: 'Windows after a failed writer',
      spec: { osType: 'Windows', vssFallbacks: 3 },
      achieved: 'FileSystemConsistent',
    },
    { guest: 'a VM without an agent', spec: { agent: 'absent' }, achieved: 'CrashConsistent' },
    { guest: 'a deallocated VM', spec: { power: 'deallocated' }, achieved: 'CrashConsistent' },
    {
      guest: 'Windows asked for no more',
      spec: { osType: 'Windows' },
      mode: 'CrashConsistent',
      achieved: 'CrashConsistent',
    },
  ];

  it.each(cases)('of $guest is $achieved', async ({ spec, mode, achieved }) => {
    await start({}, spec);
    await put('p', mode === undefined ? {} : { consistencyMode: mode });
    simulator.skip(300);
    expect(pointOf(await get('p')).properties.consistencyMode).toBe(achieved);
  });
});

describe('a VM that no restore point can be taken of', () => {
  const cases: { vm: string; spec: Partial<VmSpec>; mode?: string; code: string }[] = [
    { vm: 'with a shared disk', spec: { dataDisks: [{ shared: true }] }, code: 'VMRestorePointClientError' },
    {
      vm: 'with an ephemeral OS disk',
      spec: { osDisk: { ephemeral: true } },
      code: 'VMRestorePointClientError',
    },
    {
      vm: 'with an unallocated disk',
      spec: { dataDisks: [{ unallocated: true }] },
      code: 'OperationNotAllowed',
    },
    { vm: 'with unmanaged disks', spec: { unmanagedDisks: true }, code: 'OperationNotAllowed' },
    { vm: 'in a Uniform scale set', spec: { uniformScaleSet: true }, code: 'OperationNotAllowed' },
    {
      vm: 'with an Ultra disk, crash consistent',
      spec: { dataDisks: [{ sku: 'UltraSSD_LRS' }] },
      mode: 'CrashConsistent',
      code: 'VMRestorePointClientError',
    },
    {
      vm: 'with a Premium SSD v2 disk, crash consistent',
      spec: { dataDisks: [{ sku: 'PremiumV2_LRS' }] },
      mode: 'CrashConsistent',
      code: 'VMRestorePointClientError',
    },
    {
      vm: 'with a write accelerated disk, crash consistent',
      spec: { dataDisks: [{ writeAccelerator: true }] },
      mode: 'CrashConsistent',
      code: 'VMRestorePointClientError',
    },
    {
      vm: 'of a size without Premium storage, crash consistent',
      spec: { premiumStorage: false },
      mode: 'CrashConsistent',
      code: 'VMRestorePointClientError',
    },
  ];

  it.each(cases)('$vm is refused', async ({ spec, mode, code }) => {
    await start({}, spec);
    const answer = await put('p', mode === undefined ? {} : { consistencyMode: mode });
    expect([answer.status, codeOf(answer)]).toEqual([409, code]);
    expect(simulator.points()).toEqual([]);
    expect(simulator.contractViolations).toEqual([]);
  });

  it('may have an Ultra disk when crash consistency is not asked for', async () => {
    await start({}, { dataDisks: [{ sku: 'UltraSSD_LRS' }] });
    expect((await put('p')).status).toBe(201);
  });

  it('fails after 25 minutes when its agent does not answer', async () => {
    await start({}, { agent: 'unhealthy' });
    const url = String((await put('p')).headers['azure-asyncoperation']);
    simulator.skip(20 * 60);
    expect((await client.send('GET', url)).json).toMatchObject({ status: 'InProgress' });
    simulator.skip(6 * 60);
    expect((await client.send('GET', url)).json).toMatchObject({
      status: 'Failed',
      error: { code: 'VMAgentStatusCommunicationError' },
    });
    expect(pointOf(await get('p')).properties.provisioningState).toBe('Failed');
  });
});

describe('a deletion', () => {
  beforeEach(() => start());

  it('answers 202 with both URLs, then 404 for the point', async () => {
    await put('p');
    simulator.skip(60);
    const answer = await client.send('DELETE', `${pathOf('p')}?api-version=2022-03-01`);
    expect([answer.status, answer.text]).toEqual([202, '']);
    expect(answer.headers.location).toBe(`${String(answer.headers['azure-asyncoperation'])}&monitor=true`);
    expect(pointOf(await get('p')).properties.provisioningState).toBe('Deleting');
    expect((await client.send('GET', String(answer.headers.location))).status).toBe(202);
    simulator.skip(15);
    expect((await client.send('GET', String(answer.headers['azure-asyncoperation']))).json).toMatchObject({
      status: 'Succeeded',
    });
    expect((await client.send('GET', String(answer.headers.location))).status).toBe(200);
    const gone = await get('p');
    expect([gone.status, codeOf(gone)]).toEqual([404, 'NotFound']);
    expect(gone.headers['x-ms-failure-cause']).toBeUndefined();
    expect((await client.send('DELETE', `${pathOf('p')}?${version}`)).status).toBe(204);
  });

  it('is refused while the point is being made', async () => {
    await put('p');
    const answer = await client.send('DELETE', `${pathOf('p')}?${version}`);
    expect([answer.status, codeOf(answer)]).toEqual([409, 'OperationNotAllowed']);
  });

  it('ends the create when deletions of busy points are accepted', async () => {
    simulator.world.behaviour.deleteWhileBusy = 'accepted';
    const url = String((await put('p')).headers['azure-asyncoperation']);
    expect((await client.send('DELETE', `${pathOf('p')}?${version}`)).status).toBe(202);
    simulator.skip(60);
    expect((await client.send('GET', url)).json).toMatchObject({ error: { code: 'OperationPreempted' } });
    expect(simulator.points()).toEqual([]);
  });

  it('is refused under a lock on the resource group', async () => {
    await put('p');
    simulator.skip(60);
    const scope = `/subscriptions/${simulator.subscriptionId}/resourceGroups/rg`;
    simulator.addLock({ scope, level: 'CanNotDelete' });
    const answer = await client.send('DELETE', `${pathOf('p')}?${version}`);
    expect([answer.status, codeOf(answer)]).toEqual([409, 'ScopeLocked']);
    simulator.removeLock(scope.toUpperCase());
    expect((await client.send('DELETE', `${pathOf('p')}?${version}`)).status).toBe(202);
  });

  it('is refused while a SAS on a disk restore point lives', async () => {
    await put('p');
    simulator.skip(60);
    const disk = pointOf(await get('p')).properties.sourceMetadata.storageProfile.osDisk?.diskRestorePoint
      ?.id;
    const granted = await client.send('POST', `${disk}/beginGetAccess?${diskVersion}`, {
      body: { access: 'Read', durationInSeconds: 3600 },
    });
    expect([granted.status, granted.text]).toEqual([202, '']);
    expect(granted.headers['azure-asyncoperation']).toContain('/DiskOperations/');
    simulator.skip(5);
    const result = await client.send('GET', String(granted.headers.location));
    expect(result.json).toEqual({ accessSAS: expect.stringMatching(/^https:/) as string });
    const refused = await client.send('DELETE', `${pathOf('p')}?${version}`);
    expect([refused.status, codeOf(refused)]).toEqual([409, 'DiskRestorePointUsedByCustomer']);
    await client.send('POST', `${disk}/endGetAccess?${diskVersion}`);
    simulator.skip(5);
    expect((await client.send('DELETE', `${pathOf('p')}?${version}`)).status).toBe(202);
  });
});

describe('what is not there', () => {
  beforeEach(() => start());

  it.each([
    [
      'a subscription',
      `/subscriptions/none/resourceGroups/rg/providers/Microsoft.Compute`,
      'SubscriptionNotFound',
    ],
    ['a resource group', '/resourceGroups/none/', 'ResourceGroupNotFound'],
    ['a VM', '/virtualMachines/none', 'ResourceNotFound'],
    ['the parent of a point', '/restorePointCollections/none/restorePoints/p', 'ParentResourceNotFound'],
  ])("is answered by the front door's 404: %s", async (_what, path, code) => {
    const full = path.startsWith('/subscriptions')
      ? `${path}/virtualMachines/web`
      : path.startsWith('/resourceGroups')
        ? `/subscriptions/${simulator.subscriptionId}${path}providers/Microsoft.Compute/virtualMachines/web`
        : `${client.provider}${path}`;
    const answer = await client.send('GET', `${full}?${version}`);
    expect([answer.status, codeOf(answer)]).toEqual([404, code]);
    expect(answer.headers['x-ms-failure-cause']).toBe('gateway');
  });
});

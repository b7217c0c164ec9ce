import { describe, expect, it } from 'vitest';
import type { OvirtFault } from './faults.ts';
import type { Durations } from './options.ts';
import { type OvirtSimulator, startOvirtSimulator } from './simulator.ts';
import type { Vm } from './state.ts';
import { type Answer, TestClient } from './test-client.ts';

const json = { Accept: 'application/json' };

interface Setup {
  engine: OvirtSimulator;
  client: TestClient;
  vm: Vm;
}

async function setUp(
  version = '4.5.4',
  disks: Parameters<OvirtSimulator['addVm']>[0]['disks'] = [{}, {}],
  durations: Partial<Durations> = {},
): Promise<Setup> {
  const engine = await startOvirtSimulator({ version, durations });
  const vm = engine.addVm({ name: 'web', disks });
  return { engine, client: new TestClient(engine, json), vm };
}

function create(setup: Setup, body: Record<string, unknown> = {}, correlation = 'c-1'): Promise<Answer> {
  const whole = { description: 'nightly', persist_memorystate: 'false', ...body };
  return setup.client.post(`vms/${setup.vm.id}/snapshots`, whole, { 'Correlation-Id': correlation });
}

function idOf(answer: Answer): string {
  return String(answer.body?.id);
}

async function codes(setup: Setup, correlation = 'c-1'): Promise<string[]> {
  const answer = await setup.client.get(`events?search=correlation_id%3D${correlation}`);
  const events = (answer.body?.event ?? []) as { code: string }[];
  return events.map(({ code }) => code).reverse();
}

describe('the creation of a snapshot', () => {
  it('takes the id of the active entry, is locked for a while, and then ok', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    const { client, vm } = setup;
    const before = engine.snapshots(vm.id);
    const created = await create(setup);
    expect(created.status).toBe(202);
    expect(created.headers['correlation-id']).toBe('c-1');
    expect(created.body).toMatchObject({
      id: before[0]?.id,
      snapshot_type: 'regular',
      snapshot_status: 'locked',
      persist_memorystate: 'false',
      creation_status: 'in_progress',
      date: expect.any(Number),
      vm: { id: vm.id, href: `/ovirt-engine/api/vms/${vm.id}` },
      initialization: { configuration: { type: 'ovf', data: expect.stringContaining('<Name>web</Name>') } },
    });
    const path = `vms/${vm.id}/snapshots/${idOf(created)}`;
    expect((await client.get(path)).body).toMatchObject({ snapshot_status: 'locked' });
    engine.skip(25);
    const done = await client.get(path);
    expect(done.body).toMatchObject({
      snapshot_status: 'ok',
      vm: { id: vm.id, name: 'web', memory: '1073741824' },
    });
    expect(done.body?.vm).not.toHaveProperty('href');
    expect(done.body).not.toHaveProperty('initialization');
    expect((await client.get(`${path}?all_content=true`)).body).toHaveProperty('initialization');
    expect(engine.snapshots(vm.id).map(({ type }) => type)).toEqual(['regular', 'active']);
    expect(engine.snapshots(vm.id)[1]?.id).not.toBe(before[0]?.id);
    expect(await codes(setup)).toEqual(['45', '68']);
    expect(engine.everCreated()).toMatchObject([{ name: 'nightly', correlationId: 'c-1' }]);
    expect(engine.effects().at(-1)).toMatchObject({
      effect: 'snapshot-ready',
      consistency: 'frozen-by-host',
    });
    expect(engine.contractViolations).toEqual([]);
  });

  it('gives the id back to the active entry when it fails', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    const images = setup.vm.attachments.map(({ diskId }) => engine.world.requireDisk(diskId).imageId);
    engine.faults.add({ kind: 'operation-failed', operation: 'Snapshots_Create' });
    const id = idOf(await create(setup));
    engine.skip(25);
    const { status, body } = await setup.client.get(`vms/${setup.vm.id}/snapshots/${id}`);
    expect([status, body?.snapshot_type, body?.snapshot_status]).toEqual([200, 'active', 'ok']);
    expect(body).not.toHaveProperty('vm');
    expect(await codes(setup)).toEqual(['45', '170', '69']);
    expect(setup.vm.attachments.map(({ diskId }) => engine.world.requireDisk(diskId).imageId)).toEqual(
      images,
    );
    expect(engine.everCreated()).toHaveLength(1);
  });

  it('can leave a snapshot behind that looks good, and only event 10774 tells', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    engine.faults.add({ kind: 'operation-failed', operation: 'Snapshots_Create', leaves: 'snapshot' });
    const id = idOf(await create(setup));
    engine.skip(25);
    const { body } = await setup.client.get(`vms/${setup.vm.id}/snapshots/${id}`);
    expect([body?.snapshot_type, body?.snapshot_status]).toEqual(['regular', 'ok']);
    expect(await codes(setup)).toEqual(['45', '170', '10774', '69']);
  });

  it('holds the VM a moment longer than the status shows', async () => {
    const setup = await setUp('4.5.4', [{}], { lockLingersSeconds: 60 });
    await using engine = setup.engine;
    await create(setup);
    expect((await create(setup)).status).toBe(409);
    engine.skip(20.2);
    expect(engine.snapshots(setup.vm.id)[0]?.status).toBe('ok');
    const early = await create(setup, {}, 'c-2');
    expect(early.status).toBe(409);
    expect(early.body).toEqual({
      reason: 'Operation Failed',
      detail: expect.stringMatching(/^\[Cannot .*\]$/),
    });
    engine.skip(60);
    expect((await create(setup, {}, 'c-2')).status).toBe(202);
    // The refused attempt left a failed job under the same correlation id.
    const jobs = (await setup.client.get('jobs?search=correlation_id%3Dc-2')).body?.job as {
      status: string;
    }[];
    expect(jobs.map(({ status }) => status)).toEqual(['started', 'failed']);
  });

  it('saves memory unless told otherwise, and only of a VM that runs', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    const first = await create(setup, { persist_memorystate: undefined });
    expect(first.body).toMatchObject({ persist_memorystate: 'true' });
    engine.skip(60);
    engine.faults.add({ kind: 'memory-not-saved', operation: 'Snapshots_Create', times: 1 });
    const second = idOf(await create(setup, { persist_memorystate: 'true' }, 'c-2'));
    engine.skip(60);
    expect(await codes(setup, 'c-2')).toEqual(['45', '173', '68']);
    expect(engine.snapshots().find(({ id }) => id === second)).toMatchObject({ persistMemory: false });
    engine.updateVm(setup.vm.id, { status: 'down' });
    expect((await create(setup, { persist_memorystate: 'true' })).body).toMatchObject({
      persist_memorystate: 'false',
    });
  });

  it('takes some of the disks, with the image ids that are asked for', async () => {
    const setup = await setUp('4.4.10', [{}, {}, { storageType: 'lun' }]);
    await using engine = setup.engine;
    const [first, second, lun] = setup.vm.attachments.map(({ diskId }) => diskId);
    const imageId = '00000000-0000-4000-8000-000000000001';
    const wanted = (id: string | undefined) => ({
      disk_attachments: { disk_attachment: [{ disk: { id, image_id: imageId } }] },
    });
    expect((await create(setup, wanted(lun))).status).toBe(400);
    const id = idOf(await create(setup, wanted(second)));
    engine.skip(25);
    expect(engine.snapshots().find((snapshot) => snapshot.id === id)?.diskIds).toEqual([second]);
    expect(engine.world.requireDisk(second ?? '').imageId).toBe(imageId);
    const disks = (await setup.client.get(`vms/${setup.vm.id}/snapshots/${id}/disks`)).body?.disk;
    expect(disks).toMatchObject([
      { id: second, total_size: '0', actual_size: '2147483648', snapshot: { id } },
    ]);
    expect((await create(setup, wanted(first))).status).toBe(400);
  });

  it.each([
    ['4.5.4', 500],
    ['4.1.9', 202],
  ])(
    'answers an empty list of disks on engine %s with %i, and the client is to blame',
    async (version, status) => {
      const setup = await setUp(version);
      await using engine = setup.engine;
      expect((await create(setup, { disk_attachments: {} })).status).toBe(status);
      expect(engine.contractViolations).toHaveLength(1);
    },
  );

  it.each(['4.5.4', '4.1.9'])(
    'leaves all disks out on engine %s, when a list names none',
    async (version) => {
      const setup = await setUp(version);
      await using engine = setup.engine;
      expect((await create(setup, { disk_attachments: { disk_attachment: [{}] } })).status).toBeLessThan(300);
      engine.skip(25);
      expect(engine.snapshots(setup.vm.id)[0]).toMatchObject({ type: 'regular', status: 'ok', diskIds: [] });
      expect(engine.contractViolations).toEqual([]);
    },
  );

  it.each([
    ['the guest agent does not answer', { kind: 'freeze-failed' } satisfies OvirtFault, 'not-frozen'],
    ['all is well', undefined, 'frozen-by-host'],
  ])('goes on without freezing when %s', async (_, fault, consistency) => {
    const setup = await setUp();
    await using engine = setup.engine;
    if (fault !== undefined) engine.faults.add({ ...fault, operation: 'Snapshots_Create' });
    await create(setup);
    engine.skip(25);
    expect(engine.snapshots()[0]).toMatchObject({ status: 'ok', consistency });
    expect((await codes(setup)).includes('10764')).toBe(fault !== undefined);
  });

  it.each([
    ['4.3.10', false],
    ['4.5.4', true],
  ])('of Cinder disks freezes the guest, on %s; left so: %s', async (version, leftFrozen) => {
    const setup = await setUp(version, [{ storageType: 'cinder' }]);
    await using engine = setup.engine;
    const { client, vm } = setup;
    await create(setup);
    engine.skip(25);
    expect(engine.vms()[0]?.frozen).toBe(leftFrozen);
    expect((await client.post(`vms/${vm.id}/thawfilesystems`, {})).body).toMatchObject({
      status: 'complete',
    });
    expect(engine.vms()[0]?.frozen).toBe(false);
    const ready = engine.effects().filter(({ effect }) => effect === 'snapshot-ready');
    expect(ready.map(({ consistency }) => consistency)).toEqual(['frozen-by-host']);
    engine.updateVm(vm.id, { status: 'down' });
    expect((await client.post(`vms/${vm.id}/freezefilesystems`, {})).status).toBe(409);
  });

  it.each([
    ['4.3.10', 500, [], ['117', '10764']],
    ['4.5.4', 202, ['frozen-by-hand'], ['68', '45', '10764']],
  ])('of Cinder disks of a guest that is frozen by hand, on %s: %i', async (version, status, ready, told) => {
    const setup = await setUp(version, [{ storageType: 'cinder' }]);
    await using engine = setup.engine;
    await setup.client.post(`vms/${setup.vm.id}/freezefilesystems`, {});
    expect(engine.vms()[0]?.frozen).toBe(true);
    expect((await create(setup)).status).toBe(status);
    engine.skip(25);
    const ends = engine.effects().filter(({ effect }) => effect === 'snapshot-ready');
    expect(ends.map(({ consistency }) => consistency)).toEqual(ready);
    expect(await codes(setup)).toEqual(expect.arrayContaining(told));
  });

  it('is refused for want of a description, space or permission, and in states that do not allow it', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    expect((await create(setup, { description: '' })).body).toMatchObject({
      reason: 'Incomplete parameters',
    });
    const domain = [...engine.world.storageDomains.keys()][0] ?? '';
    engine.updateStorageDomain(domain, { availableBytes: 1 });
    expect((await create(setup)).body).toMatchObject({ detail: expect.stringContaining('Low disk space') });
    engine.updateStorageDomain(domain, { availableBytes: 2 ** 40 });
    engine.updateVm(setup.vm.id, { status: 'migrating' });
    expect((await create(setup)).status).toBe(409);
    engine.updateVm(setup.vm.id, { status: 'up' });
    engine.updateDisk(setup.vm.attachments[0]?.diskId ?? '', { status: 'illegal' });
    expect((await create(setup)).status).toBe(500);
    engine.putUser({ name: engine.username, password: engine.password, permissions: [] });
    expect((await create(setup)).status).toBe(403);
    expect(engine.everCreated()).toEqual([]);
  });

  it('is done at once for a VM without disks', async () => {
    const setup = await setUp('4.5.4', []);
    await using engine = setup.engine;
    const created = await create(setup);
    expect([created.status, created.headers.location]).toEqual([
      201,
      `/ovirt-engine/api/vms/${setup.vm.id}/snapshots/${idOf(created)}`,
    ]);
    expect(engine.snapshots()[0]?.status).toBe('ok');
  });

  it('can come about after the gateway has given up', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    engine.faults.add({ kind: 'late-effect', operation: 'Snapshots_Create', milliseconds: 60_000 });
    expect((await create(setup)).status).toBe(504);
    expect(engine.everCreated()).toEqual([]);
    engine.skip(60);
    expect(engine.everCreated()).toHaveLength(1);
  });
});

describe('the removal of a snapshot', () => {
  async function withSnapshot(version?: string, disks?: []) {
    const setup = await setUp(version, disks);
    const snapshot = setup.engine.addSnapshot({ vmId: setup.vm.id, description: 'old' });
    return { ...setup, snapshot, path: `vms/${setup.vm.id}/snapshots/${snapshot.id}` };
  }

  it('is accepted with 200, merges for a while, and is gone', async () => {
    const setup = await withSnapshot();
    await using engine = setup.engine;
    const { client, path } = setup;
    const accepted = await client.delete(path, { 'Correlation-Id': 'c-1' });
    expect(accepted.status).toBe(200);
    expect(accepted.body).toMatchObject({ status: 'complete', job: { id: expect.any(String) } });
    expect((await client.get(path)).body).toMatchObject({ snapshot_status: 'locked' });
    expect((await client.delete(path)).status).toBe(409);
    engine.skip(65);
    const gone = await client.get(path);
    expect([gone.status, gone.body]).toEqual([
      404,
      { reason: 'Operation Failed', detail: expect.any(String) },
    ]);
    expect(await codes(setup)).toEqual(['342', '356']);
    expect((await client.delete(path)).status).toBe(404);
  });

  it.each([
    [undefined, ['342', '357'], 200],
    ['illegal-disk' as const, ['342', '359', '357'], 409],
  ])('goes back to ok when the merge fails (leaves: %s)', async (leaves, expected, again) => {
    const setup = await withSnapshot();
    await using engine = setup.engine;
    const fault = leaves === undefined ? {} : { leaves };
    engine.faults.add({ kind: 'operation-failed', operation: 'Snapshots_Delete', times: 1, ...fault });
    await setup.client.delete(setup.path, { 'Correlation-Id': 'c-1' });
    engine.skip(65);
    expect((await setup.client.get(setup.path)).body).toMatchObject({ snapshot_status: 'ok' });
    expect(await codes(setup)).toEqual(expected);
    expect((await setup.client.delete(setup.path)).status).toBe(again);
  });

  it('hides its refusal behind async', async () => {
    const setup = await withSnapshot();
    await using engine = setup.engine;
    engine.updateVm(setup.vm.id, { duringBackup: true });
    const answer = await setup.client.delete(`${setup.path}?async=true`);
    expect([answer.status, answer.text]).toEqual([202, '']);
    expect(engine.snapshots()[0]?.status).toBe('ok');
    expect((await setup.client.delete(setup.path)).status).toBe(409);
  });

  it('is over at once without disks and memory', async () => {
    const setup = await withSnapshot('4.5.4', []);
    await using _ = setup.engine;
    expect((await setup.client.delete(setup.path)).status).toBe(200);
    expect((await setup.client.get(setup.path)).status).toBe(404);
  });

  it('is refused for the active entry, and for a snapshot of another VM', async () => {
    const setup = await withSnapshot();
    await using engine = setup.engine;
    const active = engine.snapshots().find(({ type }) => type === 'active');
    expect((await setup.client.delete(`vms/${setup.vm.id}/snapshots/${active?.id}`)).status).toBe(409);
    const other = engine.addVm({ name: 'other' });
    const foreign = `vms/${other.id}/snapshots/${setup.snapshot.id}`;
    // GET does not compare, and shows the other VM's snapshot.
    expect((await setup.client.get(foreign)).status).toBe(200);
    expect((await setup.client.delete(foreign)).status).toBe(400);
  });
});

describe('lists', () => {
  it('can lack entries or fail as a whole during a removal', async () => {
    const setup = await setUp();
    await using engine = setup.engine;
    engine.addSnapshot({ vmId: setup.vm.id, description: 'old' });
    engine.faults.add({ kind: 'list-incomplete', omit: 1, operation: 'Snapshots_List', times: 1 });
    engine.faults.add({ kind: 'list-not-found', operation: 'Snapshots_List', skip: 1, times: 1 });
    const path = `vms/${setup.vm.id}/snapshots`;
    expect((await setup.client.get(path)).body?.snapshot).toHaveLength(1);
    expect((await setup.client.get(path)).status).toBe(404);
    expect((await setup.client.get(path)).body?.snapshot).toHaveLength(2);
  });

  it('are cut by max, and hold what follow asks for', async () => {
    const setup = await setUp('4.4.10');
    await using engine = setup.engine;
    engine.addSnapshot({ vmId: setup.vm.id, description: 'old' });
    expect((await setup.client.get(`vms/${setup.vm.id}/snapshots?max=1`)).body?.snapshot).toHaveLength(1);
    const followed = await setup.client.get('vms?follow=snapshots,disk_attachments.disk');
    expect(followed.body).toMatchObject({
      vm: [
        {
          snapshots: { snapshot: [{ description: 'old', vm: { name: 'web' } }, { snapshot_type: 'active' }] },
          disk_attachments: { disk_attachment: [{ disk: { alias: 'web_Disk1', status: 'ok' } }, {}] },
        },
      ],
    });
    expect(engine.contractViolations).toEqual([]);
    expect((await setup.client.get('vms?follow=snapshots.disks')).status).toBe(500);
  });
});

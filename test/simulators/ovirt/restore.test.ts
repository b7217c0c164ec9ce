import { describe, expect, it } from 'vitest';
import type { OvirtFaultRule } from './faults.ts';
import { type OvirtSimulator, startOvirtSimulator } from './simulator.ts';
import { type Answer, TestClient } from './test-client.ts';

/** The preview within a restore's request takes real time, all else waits until time is skipped. */
async function setUp(options: Parameters<typeof startOvirtSimulator>[0] = {}) {
  const engine = await startOvirtSimulator({ durations: { previewSeconds: 0.02 }, ...options });
  const vm = engine.addVm({ name: 'web', status: 'down', disks: [{}, {}] });
  const [first = '', second = ''] = vm.attachments.map(({ diskId }) => diskId);
  const add = (description: string) => engine.addSnapshot({ vmId: vm.id, description, persistMemory: true });
  const old = add('old');
  engine.updateDisk(first, { content: 'changed' });
  const newer = add('newer');
  engine.updateDisk(second, { content: 'changed too' });
  const client = new TestClient(engine, { Accept: 'application/json' });
  const path = `vms/${vm.id}/snapshots/${old.id}`;
  return { engine, client, vm, old, newer, path, first, second };
}

function restore(
  client: TestClient,
  path: string,
  body: unknown = { restore_memory: 'false' },
): Promise<Answer> {
  return client.post(`${path}/restore`, body);
}

function entries(engine: OvirtSimulator): string[] {
  return engine.snapshots().map(({ type, status, description }) => `${type} ${status} ${description}`);
}

describe('a restore', () => {
  it('previews within the request, commits after it, and takes newer snapshots with it', async () => {
    const { engine, client, path, vm, first, second } = await setUp();
    await using _ = engine;
    const answer = await restore(client, path);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'complete', job: { id: expect.any(String) }, snapshot: {} });
    // The answer came, and the work goes on.
    expect(engine.vms()).toMatchObject([{ status: 'image_locked', inPreview: true }]);
    engine.skip(30);
    expect(engine.vms()).toMatchObject([
      { status: 'down', inPreview: false, contents: { [first]: 'original', [second]: 'original' } },
    ]);
    expect(entries(engine)).toEqual(['regular ok old', 'active ok Active VM']);
    const events = (await client.get('events?search=correlation_id%3DRestoreSnapshot')).body?.event as {
      code: string;
    }[];
    expect(events.map(({ code }) => code).reverse()).toEqual(['47', '71', '100']);
    expect(engine.effects().map(({ effect }) => effect)).toEqual([
      'restore-started',
      'lost-by-commit',
      'committed',
    ]);
    expect(engine.snapshots(vm.id)).toHaveLength(2);
    expect(engine.contractViolations).toEqual([]);
  });

  it('brings back only the disks that are named, by image', async () => {
    const { engine, client, path, old, first, second } = await setUp();
    await using _ = engine;
    const image = old.disks[0]?.imageId;
    await restore(client, path, { disks: { disk: [{ id: first, image_id: image }] } });
    engine.skip(30);
    expect(engine.vms()[0]?.contents).toEqual({ [first]: 'original', [second]: 'changed too' });
  });

  it('is refused for a VM that runs, with the fault inside an action', async () => {
    const { engine, client, path, vm } = await setUp();
    await using _ = engine;
    engine.updateVm(vm.id, { status: 'up' });
    const answer = await restore(client, path);
    expect([answer.status, answer.body]).toEqual([
      409,
      {
        status: 'failed',
        fault: { reason: 'Operation Failed', detail: '[Cannot restore Snapshot. VM is not down.]' },
      },
    ]);
  });

  it.each([
    ['4.5.4', 'suspended'],
    ['4.4.10', 'down'],
  ])('with memory leaves the VM of engine %s %s', async (version, status) => {
    const { engine, client, path } = await setUp({ version });
    await using _ = engine;
    await restore(client, path, {});
    engine.skip(30);
    expect(engine.vms()).toMatchObject([{ status }]);
  });

  it.each<[OvirtFaultRule, number]>([
    [{ kind: 'commit-refused', operation: 'Snapshots_Restore' }, 409],
    [{ kind: 'commit-failed', operation: 'Snapshots_Restore' }, 200],
  ])('leaves the VM in preview when the commit does not come about (%o)', async (fault, status) => {
    const { engine, client, path, vm, first } = await setUp();
    await using _ = engine;
    engine.faults.add(fault);
    expect((await restore(client, path)).status).toBe(status);
    engine.skip(30);
    expect(entries(engine)).toEqual([
      'regular in_preview old',
      'regular ok newer',
      'preview ok Active VM before the preview',
      'active ok Active VM',
    ]);
    const busy = await client.post(`vms/${vm.id}/snapshots`, { description: 'x' });
    expect([busy.status, busy.body?.detail]).toEqual([
      409,
      '[Cannot create Snapshot. VM is in preview mode.]',
    ]);
    expect((await client.post(`vms/${vm.id}/undosnapshot`, {})).status).toBe(200);
    engine.skip(30);
    expect(entries(engine)).toEqual(['regular ok old', 'regular ok newer', 'active ok Active VM']);
    expect(engine.vms()).toMatchObject([{ status: 'down', contents: { [first]: 'changed' } }]);
  });

  it('says complete although its preview failed', async () => {
    const { engine, client, path, first } = await setUp();
    await using _ = engine;
    engine.faults.add({ kind: 'preview-failed', operation: 'Snapshots_Restore' });
    expect((await restore(client, path)).body).toMatchObject({ status: 'complete' });
    engine.skip(30);
    expect(engine.vms()).toMatchObject([{ status: 'down', contents: { [first]: 'changed' } }]);
    expect(engine.events().map(({ code }) => code)).toContain(99);
  });

  it('can leave newer snapshots without their configuration', async () => {
    const { engine, client, path, newer, vm } = await setUp({
      behaviour: { newerSnapshots: 'without-configuration' },
    });
    await using _ = engine;
    await restore(client, path);
    engine.skip(30);
    const { body } = await client.get(`vms/${vm.id}/snapshots/${newer.id}`);
    expect(body).toMatchObject({ snapshot_type: 'regular', snapshot_status: 'ok' });
    expect(body).not.toHaveProperty('vm');
    expect(body).not.toHaveProperty('link');
  });
});

describe('a preview by hand', () => {
  it('shows the three entries, and is committed', async () => {
    const { engine, client, vm, old, first } = await setUp({ durations: {} });
    await using _ = engine;
    const started = await client.post(`vms/${vm.id}/previewsnapshot`, { snapshot: { id: old.id } });
    expect(started.body).toMatchObject({ status: 'complete' });
    expect(engine.vms()).toMatchObject([{ status: 'image_locked' }]);
    engine.skip(10);
    expect(entries(engine)).toContain('preview ok Active VM before the preview');
    engine.skip(2);
    expect((await client.post(`vms/${vm.id}/commitsnapshot`, {})).status).toBe(200);
    engine.skip(20);
    expect(entries(engine)).toEqual(['regular ok old', 'active ok Active VM']);
    expect(engine.vms()[0]?.contents[first]).toBe('original');
    expect((await client.post(`vms/${vm.id}/commitsnapshot`, {})).status).toBe(409);
  });

  it('has other names in v3, from 3.4 on', async () => {
    const { engine, vm, old } = await setUp({ version: '3.6', durations: {} });
    await using _ = engine;
    const client = new TestClient(engine);
    const body = `<action><snapshot id="${old.id}"/></action>`;
    expect((await client.post(`vms/${vm.id}/previewsnapshot`, body)).status).toBe(404);
    const answer = await client.post(`vms/${vm.id}/preview_snapshot`, body);
    expect(answer.body).toMatchObject({ action: { status: { state: 'complete' } } });
    engine.skip(12);
    expect(engine.vms()[0]?.inPreview).toBe(true);
    await using older = await startOvirtSimulator({ version: '3.3' });
    const there = older.addVm({ name: 'web' });
    expect((await new TestClient(older).post(`vms/${there.id}/preview_snapshot`, body)).status).toBe(404);
  });
});

describe('power', () => {
  it('goes down and up with time, and not while an operation holds the VM', async () => {
    const { engine, client, vm, path } = await setUp();
    await using _ = engine;
    await client.delete(path);
    expect((await client.post(`vms/${vm.id}/start`, {})).status).toBe(409);
    engine.skip(65);
    expect((await client.post(`vms/${vm.id}/start`, {})).status).toBe(200);
    expect(engine.vms()[0]?.status).toBe('powering_up');
    engine.skip(25);
    expect(engine.vms()[0]?.status).toBe('up');
    await client.post(`vms/${vm.id}/shutdown`, {});
    expect(engine.vms()[0]?.status).toBe('powering_down');
    engine.skip(25);
    expect(engine.vms()[0]?.status).toBe('down');
  });

  it('stays up when the guest ignores a shutdown, until it is stopped', async () => {
    const { engine, client, vm } = await setUp();
    await using _ = engine;
    engine.updateVm(vm.id, { status: 'up', onShutdown: 'ignores' });
    await client.post(`vms/${vm.id}/shutdown`, {});
    engine.skip(25);
    expect(engine.vms()[0]?.status).toBe('up');
    await client.post(`vms/${vm.id}/stop`, {});
    engine.skip(5);
    expect(engine.vms()[0]?.status).toBe('down');
  });
});

describe('a new VM from a snapshot', () => {
  it('is locked with its disks until they are copied', async () => {
    const { engine, client, old } = await setUp();
    await using _ = engine;
    const domain = engine.addStorageDomain({ name: 'other' });
    const body = {
      name: 'copy',
      cluster: { name: 'Default' },
      snapshots: { snapshot: [{ id: old.id }] },
      disk_attachments: {
        disk_attachment: [
          {
            disk: {
              image_id: old.disks[0]?.imageId,
              storage_domains: { storage_domain: [{ id: domain.id }] },
            },
          },
        ],
      },
    };
    const answer = await client.post('vms', body);
    expect([answer.status, answer.body?.name, answer.body?.status]).toEqual([202, 'copy', 'image_locked']);
    const attachments = await client.get(`vms/${answer.body?.id}/diskattachments?follow=disk`);
    expect(attachments.body).toMatchObject({
      disk_attachment: [
        { disk: { status: 'locked', storage_domains: { storage_domain: [{ id: domain.id }] } } },
        { disk: { status: 'locked' } },
      ],
    });
    expect((await client.post('vms', body)).status).toBe(400);
    engine.skip(70);
    expect(engine.vms()).toMatchObject([{ name: 'web' }, { name: 'copy', status: 'down' }]);
    engine.faults.add({ kind: 'operation-failed', operation: 'Vms_Create' });
    expect((await client.post('vms', { ...body, name: 'second' })).status).toBe(202);
    engine.skip(70);
    expect(engine.vms()).toHaveLength(2);
  });
});

import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Snapshot } from '../../../src/providers/provider.ts';
import { atLeast } from '../../simulators/ovirt/engine-version.ts';
import { must, read, write } from '../../support/provider-calls.ts';
import { type Bench, dialects, markedName, startBench } from './setup.ts';

let bench: Bench;
afterEach(async () => {
  expect(bench.engine.contractViolations).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

const target = (more = {}) => ({ containerID: bench.vm.id, name: markedName(), location: '', ...more });
const refOf = ({ id }: { id: string }) => ({ id, containerID: bench.vm.id });

/** The word on what has ended well; engine 3.1 keeps no events by which it could be told. */
const ended = () => (atLeast(bench.engine.world.version, '3.2') ? 'Succeeded' : 'None');

/** Makes a snapshot and waits until it is done. */
async function taken(more = {}): Promise<{ snapshot: Snapshot; token: string }> {
  const { provider } = bench;
  const { snapshot, token = '' } = must(await provider.createSnapshot(target(more), write()));
  expect(snapshot).toMatchObject({ state: 'Locked', name: markedName() });
  await vi.waitFor(async () => {
    expect(must(await provider.getOperation(token, read())).state).toBe(ended());
    expect(must(await provider.getSnapshot(refOf(snapshot), {}, read())).state).toBe('Succeeded');
  }, 10_000);
  return { snapshot: must(await provider.getSnapshot(refOf(snapshot), {}, read())), token };
}

describe.each(dialects)('$name', ({ version, options }) => {
  const start = async (more = {}) => {
    bench = await startBench({ version, ...more }, options);
    must(await bench.provider.probe(read()));
  };

  test('the connection is probed', async () => {
    bench = await startBench({ version }, options);
    const api = 'apiVersion' in options || version.startsWith('3') ? 'V3' : 'V4';
    expect(must(await bench.provider.probe(read()))).toMatchObject({ name: 'oVirt Engine', apiVersion: api });
  });

  test('a VM is found by name and by id', async () => {
    await start();
    const byName = must(await bench.provider.getVM({ name: 'web' }, read()));
    const byID = must(await bench.provider.getVM({ id: bench.vm.id.toUpperCase() }, read()));
    expect(byID).toEqual(byName);
    expect(byID).toMatchObject({ id: bench.vm.id, uid: bench.vm.id, containerID: bench.vm.id, power: 'On' });
    expect(byID.disks.map(({ name, osDisk, sizeBytes }) => [name, osDisk, sizeBytes])).toEqual([
      ['root', true, 10 * 1024 ** 3],
      ['data', false, 10 * 1024 ** 3],
    ]);
    expect(byID.size).toMatch(/1 CPU, 1024 MiB/);
  });

  test('a snapshot is made, read, listed and removed', async () => {
    await start();
    const { provider, engine, vm, disks } = bench;
    const { snapshot } = await taken({ description: 'nightly' });
    expect(snapshot).toMatchObject({
      state: 'Succeeded',
      description: `nightly [${markedName()}]`,
      vmID: vm.id,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(snapshot.createdAt).toMatch(/^\d{4}-.*Z$/);
    expect(snapshot.disks.map(({ id, state }) => [id, state])).toEqual(disks.map((id) => [id, 'ok']));
    expect(snapshot.memory ?? false).toBe(false);
    const listed = must(await provider.listSnapshots(vm.id, read()));
    expect(listed).toEqual([{ ...snapshot, disks: [] }]);

    const { token = '' } = must(await provider.deleteSnapshot(refOf(snapshot), write()));
    await vi.waitFor(async () => {
      expect(await provider.getSnapshot(refOf(snapshot), {}, read())).toMatchObject({
        kind: 'NotFound',
        what: 'Object',
      });
      expect(must(await provider.getOperation(token, read())).state).toBe(ended());
    }, 10_000);
    expect(must(await provider.listSnapshots(vm.id, read()))).toEqual([]);
    expect(await provider.deleteSnapshot(refOf(snapshot), write())).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
    });
    expect(engine.everCreated()).toHaveLength(1);
  });

  test('a VM that is switched off is put back to a snapshot', async () => {
    await start();
    const { provider, engine, vm, disks } = bench;
    const { snapshot } = await taken();
    for (const id of disks) engine.updateDisk(id, { content: 'later' });
    must(await provider.stopVM(vm.id, 'PowerOff', write()));
    await vi.waitFor(async () => {
      expect(must(await provider.inspectVM(vm.id, read())).vm.power).toBe('Off');
    }, 10_000);
    const restore = { ...target(), vmID: vm.id, snapshotID: snapshot.id };
    const { token } = must(await provider.restoreSnapshot(restore, write()));
    // Where the events bear no correlation ids, the VM alone tells.
    expect(token === undefined).toBe(version === '3.1.0');
    await vi.waitFor(async () => {
      if (token !== undefined) expect(must(await provider.getOperation(token, read())).state).toBe(ended());
      const { busy, previewOf } = must(await provider.inspectVM(vm.id, read()));
      expect({ busy, previewOf }).toEqual({});
    }, 10_000);
    expect(engine.vms()[0]?.contents).toEqual(Object.fromEntries(disks.map((id) => [id, 'original'])));
    must(await provider.startVM(vm.id, write()));
    await vi.waitFor(async () => {
      expect(must(await provider.getVM({ id: vm.id }, read())).power).toBe('On');
    }, 10_000);
  });

  test('a VM is made from a snapshot, and found by its mark', async () => {
    await start();
    const { provider, vm } = bench;
    const { snapshot } = await taken();
    const wanted = { containerID: vm.id, snapshotID: snapshot.id, name: markedName(7), vmName: 'web-2' };
    const { vmID, token } = must(await provider.createVM(wanted, write()));
    if (token !== undefined)
      await vi.waitFor(async () => {
        expect(must(await provider.getOperation(token, read())).state).toBe(ended());
      }, 10_000);
    await vi.waitFor(async () =>
      expect(must(await provider.findMarkedVMs(markedName(7).slice(0, -1), read()))[0]?.disksReady).toBe(
        true,
      ),
    );
    expect(must(await provider.findMarkedVMs(markedName(7).slice(0, -1), read()))).toEqual([
      { id: vmID, name: 'web-2', mark: markedName(7), power: 'Off', vendorState: 'down', disksReady: true },
    ]);
    expect(must(await provider.findMarkedVMs('keyframe-other-', read()))).toEqual([]);
    const again = await provider.createVM(wanted, write());
    expect(again.kind === 'Invalid' || (again.kind === 'Conflict' && again.retry === 'Never')).toBe(true);
  });

  test('the inventories of a VM and of a storage domain', async () => {
    await start();
    const { provider, engine, vm } = bench;
    const foreign = engine.addSnapshot({ vmId: vm.id, description: 'by hand', date: Date.now() - 60_000 });
    const { snapshot } = await taken();
    const scope = { vm: 'web', containerID: vm.id };
    const all = must(await provider.listInventory(scope, 10, read()));
    expect(all.items.map(({ id, name, type }) => [id, name, type])).toEqual([
      [snapshot.id, markedName(), 'regular'],
      [foreign.id, 'by hand', 'regular'],
    ]);
    expect(all.truncated).toBe(false);
    expect(must(await provider.listInventory(scope, 1, read()))).toMatchObject({
      items: [{ id: snapshot.id }],
      truncated: true,
    });
    const domain = [...engine.world.storageDomains.keys()][0] ?? '';
    const images = await provider.listInventory({ storageDomain: domain }, 10, read());
    if (provider.capabilities.inventory.storageDomain !== true) {
      expect(images).toMatchObject({ kind: 'Unsupported' });
      return;
    }
    const { items } = must(images);
    expect(items).toHaveLength(4);
    expect(new Set(items.map(({ name, vmID }) => `${name} of ${vmID}`))).toEqual(
      new Set([`${markedName()} of ${vm.id}`, `by hand of ${vm.id}`]),
    );
    const ofOurs = items.filter(({ name }) => name === markedName()).map(({ id }) => id);
    expect(new Set(ofOurs)).toEqual(new Set(snapshot.disks.map(({ snapshotID }) => snapshotID)));
  });

  test('what moved at the engine is told once, by VM', async () => {
    await start();
    const { provider, engine, vm } = bench;
    const { cursor } = must((await provider.changes?.(undefined, read())) ?? fail());
    await taken();
    const moved = must((await provider.changes?.(cursor, read())) ?? fail());
    expect(moved).toEqual({ cursor: expect.any(String), vmIDs: [vm.id] });
    expect(Number(moved.cursor)).toBe(engine.events().at(-1)?.id);
    expect(must((await provider.changes?.(moved.cursor, read())) ?? fail())).toEqual({
      cursor: moved.cursor,
      vmIDs: [],
    });
    expect(must((await provider.changes?.('999999', read())) ?? fail())).toMatchObject({ everything: true });
  });
});

function fail(): never {
  throw new Error('the provider follows no changes');
}

describe('what only some releases have', () => {
  test.each([
    ['4.5.4', {}],
    ['4.3.10', { apiVersion: 'V3' }],
    ['3.6.13', {}],
  ] as const)('a snapshot of one disk with memory, on %s', async (version, options) => {
    bench = await startBench({ version }, options);
    const { disks } = bench;
    const { snapshot } = await taken({ includeDiskIDs: disks.slice(0, 1), memory: true });
    expect(snapshot.memory).toBe(true);
    expect(snapshot.disks.map(({ id }) => id)).toEqual(disks.slice(0, 1));
  });

  test.each(['4.5.4', '4.0.7'])('the configuration only, on %s', async (version) => {
    bench = await startBench({ version });
    const { snapshot } = await taken({ configurationOnly: true });
    expect(snapshot).toMatchObject({ state: 'Succeeded', disks: [] });
  });

  test('image ids, for some disks of all', async () => {
    bench = await startBench();
    const [first = '', second = ''] = bench.disks;
    const imageID = crypto.randomUUID();
    const { snapshot } = await taken({ imageIDs: [{ diskID: second, imageID }] });
    expect(snapshot.disks.map(({ id }) => id)).toEqual([first, second]);
    expect(bench.engine.world.disks.get(second)?.imageId).toBe(imageID);
    const again = await bench.provider.createSnapshot(
      target({ name: markedName(2), imageIDs: [{ diskID: second, imageID }] }),
      write(),
    );
    expect(['Invalid', 'Conflict']).toContain(again.kind);
  });

  test.each([
    ['4.5.4', {}],
    ['4.3.10', { apiVersion: 'V3' }],
    ['3.6.13', {}],
  ] as const)('the configuration of the VM, without its passwords, on %s', async (version, options) => {
    bench = await startBench({ version }, options);
    const { provider, engine, vm } = bench;
    const initialization = {
      hostName: 'web',
      rootPassword: 'hunter2',
      authorizedKeys: 'ssh-rsa AAAA',
      customScript: 'echo hunter2',
    };
    vm.initialization = initialization;
    const { snapshot } = await taken();
    expect(engine.snapshots(vm.id)[0]?.hasConfiguration).toBe(true);
    const { configuration } = must(
      await provider.getSnapshot(refOf(snapshot), { configuration: true }, read()),
    );
    expect(configuration).toMatch(/<ovf:Envelope .*<VmInit ovf:hostname="web"/s);
    expect(configuration).not.toMatch(/hunter2|ssh-rsa/);
    expect(must(await provider.getSnapshot(refOf(snapshot), {}, read())).configuration).toBeUndefined();
  });

  test.each([
    ['4.5.4', {}],
    ['4.3.10', { apiVersion: 'V3' }],
    ['3.4.4', {}],
  ] as const)('a preview that is undone, and one that is kept, on %s', async (version, options) => {
    bench = await startBench({ version }, options);
    const { provider, engine, vm, disks } = bench;
    const { snapshot } = await taken();
    for (const id of disks) engine.updateDisk(id, { content: 'later' });
    engine.updateVm(vm.id, { status: 'down' });
    const restore = { ...target(), vmID: vm.id, snapshotID: snapshot.id };
    const settled = async (token: string, previewOf: string | undefined) => {
      await vi.waitFor(async () => {
        expect(must(await provider.getOperation(token, read())).state).toBe('Succeeded');
        const seen = must(await provider.inspectVM(vm.id, read()));
        expect([seen.busy, seen.previewOf]).toEqual([undefined, previewOf]);
      }, 10_000);
    };
    for (const end of ['undoPreview', 'commitPreview'] as const) {
      const { token = '' } = must(await provider.previewSnapshot(restore, write()));
      await settled(token, snapshot.id);
      expect(await provider.createSnapshot(target({ name: markedName(2) }), write())).toMatchObject({
        kind: 'Conflict',
        retry: 'Never',
        error: { message: expect.stringContaining('commit or undo') },
      });
      const call = write();
      must(await provider[end](vm.id, call));
      await settled(provider.restoreToken(restore, call.correlationID ?? '') ?? '', undefined);
      const content = end === 'undoPreview' ? 'later' : 'original';
      expect(Object.values(engine.vms()[0]?.contents ?? {})).toEqual([content, content]);
    }
  });

  test('one disk of a snapshot is brought back, with the memory', async () => {
    bench = await startBench();
    const { provider, engine, vm, disks } = bench;
    const { snapshot } = await taken({ memory: true });
    for (const id of disks) engine.updateDisk(id, { content: 'later' });
    engine.updateVm(vm.id, { status: 'down' });
    const [, second] = snapshot.disks;
    const part = { diskID: second?.id ?? '', snapshotID: second?.snapshotID ?? '' };
    const restore = { ...target(), vmID: vm.id, snapshotID: snapshot.id, memory: true, disks: [part] };
    const { token = '' } = must(await provider.restoreSnapshot(restore, write()));
    await vi.waitFor(async () => {
      expect(must(await provider.getOperation(token, read())).state).toBe('Succeeded');
      expect(must(await provider.inspectVM(vm.id, read()))).toMatchObject({ vm: { power: 'Suspended' } });
    }, 10_000);
    expect(Object.values(engine.vms()[0]?.contents ?? {})).toEqual(['later', 'original']);
  });

  test('the guest is frozen and thawed, and thawed once more', async () => {
    bench = await startBench({ version: '4.3.10' });
    const { provider, engine, vm } = bench;
    must(await provider.freezeGuest(vm.id, write()));
    expect(engine.vms()[0]?.frozen).toBe(true);
    must(await provider.thawGuest(vm.id, write()));
    expect(engine.vms()[0]?.frozen).toBe(false);
    must(await provider.thawGuest(vm.id, write()));
    engine.updateVm(vm.id, { status: 'down' });
    expect(await provider.thawGuest(vm.id, write())).toEqual({ kind: 'Done' });
    expect(await provider.freezeGuest(vm.id, write())).toMatchObject({ kind: 'Conflict', retry: 'Never' });
  });

  test('snapshots of v3 name the one before them', async () => {
    bench = await startBench({ version: '3.6.13' });
    const { provider, engine, vm } = bench;
    const first = engine.addSnapshot({ vmId: vm.id, description: 'one' });
    const second = engine.addSnapshot({ vmId: vm.id, description: 'two' });
    expect(must(await provider.getSnapshot(refOf(second), {}, read())).parentID).toBe(first.id);
    expect(must(await provider.getSnapshot(refOf(first), {}, read())).parentID).toBeUndefined();
  });
});

describe('what the release does not have is refused, and nothing is sent', () => {
  test.each([
    ['memory', '3.1.0', {}, { memory: true }],
    ['a choice of disks', '3.3.5', {}, { includeDiskIDs: ['x'] }],
    ['the configuration only', '4.3.10', { apiVersion: 'V3' }, { configurationOnly: true }],
    ['image ids', '4.1.9', {}, { imageIDs: [{ diskID: 'x', imageID: 'y' }] }],
  ] as const)('%s on %s', async (_name, version, options, more) => {
    bench = await startBench({ version }, options);
    expect(await bench.provider.createSnapshot(target(more), write())).toMatchObject({ kind: 'Unsupported' });
    expect(bench.engine.counts().Snapshots_Create).toBeUndefined();
  });

  test('freezing before 3.6, single disks of a restore before 4.2, a preview before 3.4', async () => {
    bench = await startBench({ version: '3.3.5' });
    const { provider, vm } = bench;
    const restore = { ...target(), vmID: vm.id, snapshotID: crypto.randomUUID() };
    const disks = [{ diskID: crypto.randomUUID(), snapshotID: crypto.randomUUID() }];
    for (const outcome of [
      await provider.freezeGuest(vm.id, write()),
      await provider.restoreSnapshot({ ...restore, disks }, write()),
      await provider.previewSnapshot(restore, write()),
      await provider.describeSnapshot(refOf({ id: restore.snapshotID }), { name: '' }, write()),
    ]) {
      expect(outcome).toMatchObject({ kind: 'Unsupported' });
    }
    expect(Object.keys(bench.engine.counts()).filter((name) => !/_Get$/.test(name))).toEqual([]);
  });
});

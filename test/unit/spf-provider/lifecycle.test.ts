import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OperationState, SnapshotTarget } from '../../../src/providers/provider.ts';
import { endpointIDOf } from '../../../src/providers/spf/provider.ts';
import { must, read, write } from '../../support/provider-calls.ts';
import { type Bench, mark, startBench } from './setup.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(async () => {
  expect(bench.spf.contractViolations).toEqual([]);
  await bench[Symbol.asyncDispose]();
});

/** What an intent would hold. */
async function targetOf(more: Partial<SnapshotTarget> = {}): Promise<SnapshotTarget> {
  const vm = must(await bench.provider.getVM({ id: bench.vm.id }, read()));
  const baseline = vm.taskID === undefined ? {} : { baseline: vm.taskID };
  return { containerID: bench.container, name: mark, location: '', vmID: vm.id, ...baseline, ...more };
}

async function create(more: Partial<SnapshotTarget> = {}) {
  const target = await targetOf(more);
  const outcome = await bench.provider.createSnapshot(target, write());
  return { target, outcome };
}

async function finished(token: string | undefined): Promise<OperationState> {
  let state: OperationState = { state: 'Running' };
  await vi.waitFor(async () => {
    state = must(await bench.provider.getOperation(token ?? '', read()));
    expect(state.state).not.toBe('Running');
  }, 20_000);
  return state;
}

async function made(more: Partial<SnapshotTarget> = {}): Promise<string> {
  const { outcome } = await create(more);
  const { snapshot, token } = must(outcome);
  expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
  return snapshot.id;
}

const ref = (id: string) => ({ id, containerID: bench.container });
const get = async (id: string) => must(await bench.provider.getSnapshot(ref(id), {}, read()));

describe('the connection', () => {
  test('is probed, at each door', async () => {
    const { spf } = bench;
    const bearer = { bearer: { token: spf.bearerToken } };
    expect(await bench.provider.probe(read())).toEqual({
      kind: 'Done',
      value: { name: 'Service Provider Foundation', apiVersion: 'SC2012R2' },
    });
    for (const url of [spf.wapAdminRoot, spf.wapTenantRoot]) {
      expect((await bench.connect({ url, auth: bearer }).probe(read())).kind).toBe('Done');
    }
  });

  test('with wrong credentials says so, and what the door takes', async () => {
    const auth = { basic: { username: 'nobody', password: 'x' } };
    expect(await bench.connect({ auth }).probe(read())).toMatchObject({
      kind: 'Denied',
      cause: 'Authentication',
      error: { message: expect.stringContaining('SPF_VMM'), status: 401 },
    });
    expect(await bench.connect({ auth, url: bench.spf.wapAdminRoot }).probe(read())).toMatchObject({
      kind: 'Denied',
      error: { message: expect.stringContaining('takes bearer') },
    });
  });

  test('of a suspended subscription', async () => {
    bench.spf.updateTenant(bench.spf.subscriptionId, { suspended: true });
    expect(await bench.provider.probe(read())).toMatchObject({ kind: 'Denied', cause: 'Permission' });
  });

  test('to something that is no VMM service', async () => {
    const body = { value: [{ name: 'Usages', url: 'Usages' }] };
    bench.spf.faults.add({ kind: 'respond', status: 200, body, operation: 'ServiceDocument' });
    expect(await bench.provider.probe(read())).toMatchObject({
      kind: 'Unavailable',
      error: { code: 'MalformedAnswer', message: expect.stringContaining('spec.spf.url') },
    });
  });

  test('has one id in all spellings', () => {
    const { tenantRoot } = bench.spf;
    expect(endpointIDOf({ url: tenantRoot.toUpperCase().replace('HTTPS', 'https') })).toBe(
      bench.provider.endpointID,
    );
  });

  test.each([
    { url: 'https://spf:8090/' },
    { principalID: 'a\r\nb' },
    { principalID: '' },
    { auth: { bearer: { token: '' } } },
    { tls: { caBundle: 'nonsense' } },
  ])('cannot be made with %j', (changes) => {
    expect(() => bench.connect(changes)).toThrow(TypeError);
  });
});

describe('a VM', () => {
  test('is found by id, by id and stamp, and by name, with its stamp', async () => {
    const { provider, vm } = bench;
    const byID = must(await provider.getVM({ id: vm.id.toUpperCase() }, read()));
    expect(byID).toMatchObject({
      id: vm.id,
      uid: vm.id,
      name: 'web',
      stampID: vm.stampId,
      containerID: bench.container,
      power: 'On',
      vendorState: 'Running',
      taskID: vm.mostRecentTaskId,
    });
    expect(must(await provider.getVM({ id: vm.id, stampID: vm.stampId }, read()))).toEqual(byID);
    expect(must(await provider.getVM({ name: 'web' }, read()))).toEqual(byID);
  });

  test('of the same name as another is ambiguous, and the stamp may decide', async () => {
    const { spf, provider, vm } = bench;
    const stampId = '11111111-2222-4333-8444-555555555555';
    const other = spf.addVm({ name: 'web', ownerRole: spf.subscriptionId, stampId });
    const outcome = await provider.getVM({ name: 'web' }, read());
    expect(outcome).toMatchObject({ kind: 'Invalid', error: { code: 'AmbiguousSource' } });
    for (const id of [vm.id, other.id, stampId]) expect(JSON.stringify(outcome)).toContain(id);
    expect(must(await provider.getVM({ name: 'web', stampID: stampId }, read())).id).toBe(other.id);
  });

  test.each(["O'Neil & Söhne (1) + 100 %", 'a b', '日本'])('may be called %s', async (name) => {
    const vm = bench.spf.addVm({ name, ownerRole: bench.spf.subscriptionId });
    expect(must(await bench.provider.getVM({ name }, read())).id).toBe(vm.id);
  });

  test('is compared exactly here, whatever SPF does with the filter', async () => {
    const { spf, provider, vm } = bench;
    const names = ['Web', 'web2', 'we%'];
    for (const name of names) spf.addVm({ name, ownerRole: spf.subscriptionId });
    for (const VirtualMachines of ['applied', 'ignored', 'refused'] as const) {
      spf.behave({ filters: { VirtualMachines } });
      expect(must(await provider.getVM({ name: 'web' }, read())).id).toBe(vm.id);
      expect(await provider.getVM({ name: 'WEB' }, read())).toMatchObject({ kind: 'NotFound' });
    }
    spf.resetCounts();
    await provider.getVM({ name: 'web' }, read());
    // That filters are refused is remembered.
    expect(spf.counts()).toEqual({ VirtualMachines_List: 1 });
  });

  test('of others is not there', async () => {
    const foreign = bench.spf.addVm({ name: 'foreign' });
    for (const query of [
      { name: 'foreign' },
      { id: foreign.id },
      { id: foreign.id, stampID: foreign.stampId },
    ]) {
      expect(await bench.provider.getVM(query, read())).toMatchObject({ kind: 'NotFound', what: 'Object' });
    }
    const admin = bench.connect({ url: bench.spf.adminRoot });
    expect(must(await admin.getVM({ name: 'foreign' }, read())).id).toBe(foreign.id);
  });

  test.each([
    { id: 'web' },
    { id: "' or 1 eq 1" },
    { name: '' },
    { name: 'a\u0000b' },
    { name: 'a', stampID: 'x' },
  ])('cannot be %j, for which nothing is asked', async (query) => {
    expect(await bench.provider.getVM(query, read())).toMatchObject({ kind: 'Invalid' });
    expect(bench.spf.requests).toEqual([]);
  });

  test.each([
    ['PowerOff', {}, 'Off', 'PowerOff'],
    ['Saved', {}, 'Suspended', 'Saved'],
    ['Running', { migrating: true }, 'Busy', 'Running, migrating'],
    ['Running', { transient: 'UnderMigration' }, 'Busy', 'UnderMigration'],
    ['Stored', {}, 'Unknown', 'Stored'],
  ] as const)('that is %s %j', async (power, changes, expected, words) => {
    bench.spf.updateVm(bench.vm.id, { power, ...changes });
    expect(must(await bench.provider.getVM({ id: bench.vm.id }, read()))).toMatchObject({
      power: expected,
      vendorState: words,
    });
  });
});

describe('a checkpoint', () => {
  test('is made of the VM by its id at VMM, bears the mark twice, and is ready by its CheckpointID', async () => {
    const { spf, vm } = bench;
    bench.spf.updateVm(vm.id, { createSeconds: 3_600 });
    const { target, outcome } = await create({ displayName: 'before the update', description: 'weekly' });
    expect(outcome.kind).toBe('Pending');
    const { snapshot, token } = must(outcome);
    expect(snapshot).toMatchObject({
      name: mark,
      state: 'Creating',
      vmID: vm.id,
      stampID: vm.stampId,
      containerID: bench.container,
      description: `weekly [${mark}]`,
    });
    expect(snapshot.createdAt).toBeUndefined();
    expect(spf.checkpoints()).toMatchObject([
      {
        vmId: vm.id,
        name: `before the update [${mark}]`,
        description: `weekly [${mark}]`,
      },
    ]);
    expect((await get(snapshot.id)).state).toBe('Creating');

    spf.skip(1_800);
    const { percent = 0, state } = must(await bench.provider.getOperation(token ?? '', read()));
    expect(state).toBe('Running');
    expect(percent).toBeGreaterThan(40);
    expect(percent).toBeLessThan(70);
    expect(must(await bench.provider.inspectVM(bench.container, read())).busy).toContain(
      'CreatingCheckpoint',
    );

    spf.skip(3_600);
    expect(await finished(token)).toMatchObject({ state: 'Succeeded', percent: 100 });
    const ready = await get(snapshot.id);
    expect(ready).toMatchObject({
      state: 'Succeeded',
      name: mark,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(Math.abs(Date.parse(ready.createdAt ?? '') - Date.now())).toBeLessThan(3 * 3_600_000);
    expect(must(await bench.provider.listSnapshots(bench.container, read()))).toEqual([ready]);
    // The token of the attempt, which a lost answer would leave, has the same to say.
    const attempt = bench.provider.attemptToken(target, 'x') ?? '';
    expect(must(await bench.provider.getOperation(attempt, read()))).toMatchObject({ state: 'Succeeded' });
  });

  test('without words of people has the mark alone for a name', async () => {
    await made();
    expect(bench.spf.checkpoints()).toMatchObject([{ name: mark, description: `[${mark}]` }]);
  });

  test.each(['name', 'description'] as const)(
    'is known by the other text when someone changed its %s',
    async (text) => {
      const id = await made();
      bench.spf.updateCheckpoint(id, { [text]: 'changed by hand' });
      expect((await get(id)).name).toBe(mark);
    },
  );

  test('that is not enabled is not ready', async () => {
    bench.spf.faults.add({ kind: 'disabled-checkpoint', operation: 'VMCheckPoints_Create' });
    expect(await get(await made())).toMatchObject({ state: 'Unrecognised', vendorState: 'not Enabled' });
  });

  test('knows its parent by the id at VMM, and its children stay when it goes', async () => {
    const { provider } = bench;
    const first = await made();
    const second = await made({ name: mark.replace(/1$/, '2') });
    const third = await made({ name: mark.replace(/1$/, '3') });
    expect((await get(first)).parentID).toBeUndefined();
    expect((await get(second)).parentID).toBe(first);
    expect((await get(third)).parentID).toBe(second);

    const { token } = must(await provider.deleteSnapshot(ref(second), write()));
    expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
    const left = must(await provider.listSnapshots(bench.container, read()));
    expect(left.map(({ id, parentID }) => [id, parentID]).toSorted()).toEqual(
      [
        [first, undefined],
        [third, first],
      ].toSorted(),
    );
    expect(await provider.getSnapshot(ref(second), {}, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
    });
  });

  test('is being removed until its drives are merged, though the job has ended', async () => {
    const id = await made();
    bench.spf.world.durations.mergeSeconds = 3_600;
    const { token } = must(await bench.provider.deleteSnapshot(ref(id), write()));
    await vi.waitFor(() => expect(bench.spf.checkpoints()).toEqual([]), 20_000);
    expect(bench.spf.vms()[0]?.status).toBe('MergingDrives');
    expect(must(await bench.provider.getOperation(token ?? '', read())).state).toBe('Running');
    bench.spf.skip(3_600);
    expect(must(await bench.provider.getOperation(token ?? '', read())).state).toBe('Succeeded');
  });

  test('gets another description, and keeps its mark', async () => {
    const id = await made({ displayName: 'a', description: 'old' });
    const texts = { name: mark, displayName: 'a', description: 'new' };
    const { token } = must(await bench.provider.describeSnapshot(ref(id), texts, write()));
    expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
    expect(await get(id)).toMatchObject({ name: mark, description: `new [${mark}]` });
    expect(bench.spf.checkpoints()).toMatchObject([{ name: `a [${mark}]` }]);
  });

  test('is found without its VM or stamp, for an adoption', async () => {
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id, name: 'by hand' });
    for (const containerID of ['', `${bench.vm.stampId}/`, bench.container]) {
      const found = must(await bench.provider.getSnapshot({ id, containerID }, {}, read()));
      expect(found).toMatchObject({ id, name: 'by hand', containerID: bench.container, state: 'Succeeded' });
    }
    const other = bench.spf.addVm({ name: 'other', ownerRole: bench.spf.subscriptionId });
    const elsewhere = { id, containerID: `${other.stampId}/${other.id}` };
    expect(await bench.provider.getSnapshot(elsewhere, {}, read())).toMatchObject({
      kind: 'NotFound',
      error: { code: 'OtherVM' },
    });
  });
});

describe('a restore', () => {
  test.each(['accepted', 'method-not-allowed', 'not-implemented'] as const)(
    'puts the VM back once, with MERGE %s, and changes no mark',
    async (merge) => {
      const { spf, provider, vm } = bench;
      spf.behave({ merge, put: 'resets' });
      const id = await made({ displayName: 'a', description: 'b' });
      const before = spf.checkpoints();
      spf.resetCounts();
      const inspection = must(await provider.inspectVM(bench.container, read()));
      const baseline = inspection.vm.taskID ?? '';
      const target = { containerID: bench.container, vmID: vm.id, snapshotID: id, name: 'x', baseline };
      const { token } = must(await provider.restoreSnapshot(target, write()));
      expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
      expect(spf.everRestored()).toMatchObject([{ id }]);
      expect(spf.checkpoints()).toEqual(before);
      expect(spf.vms()[0]?.lastRestoredCheckpointId).toBe(before[0]?.checkpointId);
      const sent = spf.requests.filter(({ operation }) => operation === 'VMCheckPoints_Restore');
      expect(sent.map(({ method }) => method)).toEqual(merge === 'accepted' ? ['MERGE'] : ['MERGE', 'PUT']);
      // What a lost answer would leave says the same.
      const attempt = provider.restoreToken(target, 'x') ?? '';
      expect(must(await provider.getOperation(attempt, read())).state).toBe('Succeeded');
    },
  );

  test('begins with PUT once MERGE is known to be stopped', async () => {
    bench.spf.behave({ merge: 'method-not-allowed' });
    const id = await made();
    for (const expected of [['MERGE', 'PUT'], ['PUT']]) {
      bench.spf.resetCounts();
      const texts = { name: mark, description: `before ${expected[0]}` };
      const { token } = must(await bench.provider.describeSnapshot(ref(id), texts, write()));
      await finished(token);
      const methods = bench.spf.requests.map(({ method }) => method).filter((method) => method !== 'GET');
      expect(methods).toEqual(expected);
    }
  });

  test('needs the VM to be off where SPF says so, and power is changed for it', async () => {
    const { spf, provider } = bench;
    spf.behave({ restoreNeeds: 'stopped-or-saved' });
    const id = await made();
    const target = { containerID: bench.container, vmID: bench.vm.id, snapshotID: id, name: 'x' };
    expect(await provider.restoreSnapshot(target, write())).toMatchObject({
      kind: 'Conflict',
      retry: 'Later',
      error: { code: 'VMInvalidState', message: expect.stringContaining('is not in a state') },
    });
    for (const [step, power] of [
      [() => provider.stopVM(bench.container, 'Shutdown', write()), 'Off'],
      [() => provider.startVM(bench.container, write()), 'On'],
      [() => provider.stopVM(bench.container, 'PowerOff', write()), 'Off'],
      [() => provider.restoreSnapshot(target, write()), 'Off'],
      [() => provider.startVM(bench.container, write()), 'On'],
    ] as const) {
      const { token } = must(await step());
      expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
      expect(must(await provider.inspectVM(bench.container, read())).vm.power).toBe(power);
    }
    expect(spf.everRestored()).toHaveLength(1);
  });

  test('is not told from the job that stopped the VM before it', async () => {
    const { provider } = bench;
    const id = await made();
    const inspection = must(await provider.inspectVM(bench.container, read()));
    const baseline = inspection.vm.taskID ?? '';
    const { token } = must(await provider.stopVM(bench.container, 'PowerOff', write()));
    await finished(token);
    bench.spf.skip(10);
    const target = { containerID: bench.container, vmID: bench.vm.id, snapshotID: id, name: 'x', baseline };
    const attempt = provider.restoreToken(target, 'x') ?? '';
    // Its own may have come before that job: what came of it cannot be told.
    expect(must(await provider.getOperation(attempt, read()))).toEqual({ state: 'None', overwritten: true });
  });

  test('that was never begun is told from the task of the VM that is as it was', async () => {
    const { provider } = bench;
    const id = await made();
    const { taskID = '' } = must(await provider.inspectVM(bench.container, read())).vm;
    const restore = { containerID: bench.container, vmID: bench.vm.id, snapshotID: id, name: 'x' };
    const attempt = provider.restoreToken({ ...restore, baseline: taskID }, 'x') ?? '';
    expect(must(await provider.getOperation(attempt, read()))).toEqual({ state: 'None' });
  });
});

describe('a guest that is to shut down', () => {
  test('and has no integration services cannot be asked', async () => {
    bench.spf.updateVm(bench.vm.id, { hasVmAdditions: false });
    expect(await bench.provider.stopVM(bench.container, 'Shutdown', write())).toMatchObject({
      kind: 'Unsupported',
      error: { code: 'VMInvalidState', message: expect.stringContaining('HasVMAdditions is false') },
    });
    must(await bench.provider.stopVM(bench.container, 'PowerOff', write()));
  });

  test('is asked again later while VMM is at work on the VM', async () => {
    bench.spf.updateVm(bench.vm.id, { hasVmAdditions: false, migrating: true });
    expect(await bench.provider.stopVM(bench.container, 'Shutdown', write())).toMatchObject({
      kind: 'Conflict',
      retry: 'Later',
    });
  });
});

describe('an inspection', () => {
  test('of a VM at rest', async () => {
    const id = await made();
    bench.spf.skip(60);
    const { busy, snapshots, vm } = must(await bench.provider.inspectVM(bench.container, read()));
    expect(busy).toBeUndefined();
    expect(vm.id).toBe(bench.vm.id);
    expect(snapshots.map((one) => one.id)).toEqual([id]);
  });

  test('names the job that is at work without a state of the VM', async () => {
    const id = await made();
    bench.spf.skip(60);
    bench.spf.world.durations.updateSeconds = 3_600;
    must(await bench.provider.describeSnapshot(ref(id), { name: mark, description: 'x' }, write()));
    bench.spf.skip(10);
    const { busy } = must(await bench.provider.inspectVM(bench.container, read()));
    expect(busy).toMatch(/Change properties of checkpoint \(Running, \d+ %\)/);
  });

  test('calls failed what was never made, once nobody is at work on the VM', async () => {
    const { spf, provider } = bench;
    spf.faults.add({ kind: 'job-failed', problem: 'No.', operation: 'VMCheckPoints_Create' });
    const { token } = must((await create()).outcome);
    expect((await finished(token)).state).toBe('Failed');
    const inspect = async () => must(await provider.inspectVM(bench.container, read())).snapshots[0]?.state;
    expect(await inspect()).toBe('Creating');
    const [row] = spf.world.checkpoints.values();
    if (row === undefined) throw new Error('the row is gone');
    row.addedTime -= 3_600_000;
    expect(await inspect()).toBe('Failed');
  });
});

describe('an inventory', () => {
  test('has everything of the VM, newest first, and is cut', async () => {
    const now = Date.now();
    for (const age of [3, 1, 2]) {
      bench.spf.addCheckpoint({ vmId: bench.vm.id, name: `age ${age}`, addedTime: now - age * 60_000 });
    }
    const own = await made();
    const scope = { vm: bench.vm.id, containerID: bench.container };
    const all = must(await bench.provider.listInventory(scope, 10, read()));
    expect(all.items.map(({ name }) => name)).toEqual([mark, 'age 1', 'age 2', 'age 3']);
    expect(all.items[0]).toMatchObject({ id: own, vmID: bench.vm.id, state: 'Enabled' });
    expect(all.truncated).toBe(false);
    const two = must(await bench.provider.listInventory(scope, 2, read()));
    expect([two.items.length, two.truncated]).toEqual([2, true]);
  });
});

describe('what holds the checkpoints', () => {
  test('is gone when the VM is neither there nor listed', async () => {
    const { provider, spf, vm } = bench;
    expect(must(await provider.isContainerGone(bench.container, read()))).toBe(false);
    spf.removeVm(vm.id);
    expect(must(await provider.isContainerGone(bench.container, read()))).toBe(true);
    expect(await provider.inspectVM(bench.container, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
    });
  });

  test('is not gone for a 404 that is not of SPF', async () => {
    bench.spf.faults.add({
      kind: 'respond',
      status: 404,
      body: '<html>no</html>',
      operation: 'VirtualMachines_Get',
    });
    expect(await bench.provider.isContainerGone(bench.container, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Unproven',
    });
  });
});

describe('what SPF lacks', () => {
  test('is refused', async () => {
    const { provider } = bench;
    for (const outcome of [
      provider.previewSnapshot({ containerID: bench.container, vmID: '', snapshotID: '', name: '' }, write()),
      provider.commitPreview(bench.container, write()),
      provider.undoPreview(bench.container, write()),
      provider.createVM({ containerID: bench.container, snapshotID: '', name: '', vmName: '' }, write()),
      provider.findMarkedVMs('keyframe-', read()),
      provider.freezeGuest(bench.vm.id, write()),
      provider.thawGuest(bench.vm.id, write()),
      provider.listInventory({ storageDomain: 'x' }, 1, read()),
    ]) {
      expect(await outcome).toMatchObject({ kind: 'Unsupported' });
    }
    expect(bench.spf.requests).toEqual([]);
  });

  test('ids that are none are refused here', async () => {
    const { provider } = bench;
    const bad = { id: 'x', containerID: bench.container };
    for (const outcome of [
      provider.getSnapshot(bad, {}, read()),
      provider.deleteSnapshot(bad, write()),
      provider.deleteSnapshot({ id: bench.vm.id, containerID: '../x' }, write()),
      provider.listSnapshots('x', read()),
      provider.isContainerGone('x', read()),
      provider.startVM('x', write()),
      provider.getOperation('delete/x', read()),
      provider.createSnapshot({ containerID: 'x', name: mark, location: '' }, write()),
    ]) {
      expect(await outcome).toMatchObject({ kind: 'Invalid' });
    }
    expect(provider.attemptToken({ containerID: 'x', name: mark, location: '' }, '')).toBeUndefined();
    expect(bench.spf.requests).toEqual([]);
  });
});

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OperationState } from '../../../src/providers/provider.ts';
import type { SpfFault } from '../../simulators/spf/faults.ts';
import type { Behaviour } from '../../simulators/spf/options.ts';
import { askUntil, impatient, must, read, write } from '../../support/provider-calls.ts';
import { type Bench, mark, startBench } from './setup.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await startBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const baseline = () => ({ baseline: bench.spf.world.requireVm(bench.vm.id).mostRecentTaskId ?? '' });
const target = () => ({ containerID: bench.container, name: mark, location: '', ...baseline() });
const create = () => bench.provider.createSnapshot(target(), write());
const list = () => bench.provider.listSnapshots(bench.container, read());
const ref = (id: string) => ({ id, containerID: bench.container });
const operation = 'VMCheckPoints_Create';
/** One that gives up soon, where no answer comes. */
const providerFor = ({ kind }: SpfFault) =>
  kind === 'hang' ? bench.connect({ limits: impatient }) : bench.provider;

async function finished(token: string): Promise<OperationState> {
  let state: OperationState = { state: 'Running' };
  await vi.waitFor(async () => {
    state = must(await bench.provider.getOperation(token, read()));
    expect(state.state).not.toBe('Running');
  }, 20_000);
  return state;
}

describe('a write that may have had its effect is Unknown, and is not sent again', () => {
  test.each<{ fault: string; add: SpfFault; made: number }>([
    { fault: 'the answer is lost', add: { kind: 'lost-answer' }, made: 1 },
    { fault: 'the body breaks off', add: { kind: 'truncated-body' }, made: 1 },
    { fault: 'the body is no JSON', add: { kind: 'malformed-body' }, made: 1 },
    { fault: 'the connection is reset', add: { kind: 'reset' }, made: 0 },
    { fault: 'no answer comes', add: { kind: 'hang' }, made: 0 },
    { fault: 'a proxy answers 502', add: { kind: 'respond', status: 502, body: '<html>' }, made: 0 },
    {
      fault: 'a 500 follows the effect',
      add: { kind: 'respond', status: 500, when: 'after-effect' },
      made: 1,
    },
    { fault: 'a 202 names nothing', add: { kind: 'respond', status: 202, when: 'after-effect' }, made: 1 },
    {
      fault: 'the answer is in another protocol',
      add: { kind: 'headers', headers: { DataServiceVersion: '4.0' } },
      made: 1,
    },
    { fault: 'the answer is huge', add: { kind: 'huge-body', bytes: 20_000_000 }, made: 1 },
  ])('$fault', async ({ add, made }) => {
    bench.spf.faults.add({ operation, ...add });
    const before = target();
    const provider = providerFor(add);
    const outcome = await askUntil(
      () => bench.spf.counts()[operation] !== undefined,
      () => provider.createSnapshot(before, write()),
    );
    expect(outcome).toMatchObject({ kind: 'Unknown' });
    expect(bench.spf.counts()[operation]).toBe(1);
    expect(bench.spf.everCreated()).toHaveLength(made);
    // What came of it is told by the VM's tasks and by the mark.
    const token = bench.provider.attemptToken(before, '') ?? '';
    if (made === 1) {
      expect(await finished(token)).toMatchObject({ state: 'Succeeded' });
      expect(must(await list()).map(({ name }) => name)).toEqual([mark]);
    } else {
      bench.spf.skip(60);
      expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'None' });
      expect(must(await list())).toEqual([]);
    }
  });

  test('of another VM is no answer to it', async () => {
    const body = { ID: bench.vm.id, StampId: bench.vm.stampId, VMId: bench.vm.hypervisorId };
    bench.spf.faults.add({ operation, kind: 'respond', status: 201, body });
    expect(await create()).toMatchObject({ kind: 'Unknown', error: { code: 'MalformedAnswer' } });
  });
});

describe('a lost answer to a restore or a delete', () => {
  test('is told by the job', async () => {
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
    const restore = {
      containerID: bench.container,
      vmID: bench.vm.id,
      snapshotID: id,
      name: 'x',
      ...baseline(),
    };
    bench.spf.faults.add({ operation: 'VMCheckPoints_Restore', kind: 'lost-answer', times: 1 });
    expect(await bench.provider.restoreSnapshot(restore, write())).toMatchObject({ kind: 'Unknown' });
    expect(await finished(bench.provider.restoreToken(restore, '') ?? '')).toMatchObject({
      state: 'Succeeded',
    });
    expect(bench.spf.everRestored()).toHaveLength(1);

    bench.spf.faults.add({ operation: 'VMCheckPoints_Delete', kind: 'lost-answer', times: 1 });
    expect(await bench.provider.deleteSnapshot(ref(id), write())).toMatchObject({ kind: 'Unknown' });
    await vi.waitFor(async () => expect(must(await list())).toEqual([]), 20_000);
  });
});

describe('a read without a usable answer is Unavailable', () => {
  test.each<SpfFault>([
    { kind: 'lost-answer' },
    { kind: 'truncated-body' },
    { kind: 'malformed-body' },
    { kind: 'reset' },
    { kind: 'hang' },
    { kind: 'respond', status: 503, headers: { 'Retry-After': '7' } },
    { kind: 'respond', status: 200, body: '<html>Please sign in</html>' },
    { kind: 'respond', status: 200, body: { 'odata.error': { code: '', message: { value: 'x' } } } },
    { kind: 'respond', status: 302, headers: { Location: 'https://elsewhere.example/' } },
    { kind: 'huge-body', bytes: 20_000_000 },
  ])('%o', async (fault) => {
    bench.spf.faults.add({ operation: 'VMCheckPoints_List', ...fault });
    expect(await providerFor(fault).listSnapshots(bench.container, read())).toMatchObject({
      kind: 'Unavailable',
    });
  });

  test('nor is one about something else', async () => {
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
    const body = { ID: bench.vm.id, StampId: bench.vm.stampId, VMId: bench.vm.id };
    bench.spf.faults.add({ operation: 'VMCheckPoints_Get', kind: 'respond', status: 200, body });
    expect(await bench.provider.getSnapshot(ref(id), {}, read())).toMatchObject({
      kind: 'Unavailable',
      error: { code: 'MalformedAnswer' },
    });
  });
});

describe('how long a write may wait', () => {
  test('it is held back when its send window has passed', async () => {
    const late = { ...write(), sendBefore: performance.now() - 1 };
    const outcome = await bench.provider.createSnapshot(target(), late);
    expect(outcome).toMatchObject({ kind: 'NotSent', error: { code: 'SendWindowPassed' } });
    expect(bench.spf.counts()[operation]).toBeUndefined();
  });

  test('the window counts from the call, however long the reads before it take', async () => {
    bench.spf.faults.add({ operation: 'VirtualMachines_Get', kind: 'latency', milliseconds: 300 });
    const short = { ...write(), sendBefore: performance.now() + 200 };
    expect(await bench.provider.createSnapshot(target(), short)).toMatchObject({ kind: 'NotSent' });
  });

  test('it is given up at once when its caller does', async () => {
    bench.spf.faults.add({ operation, kind: 'hang' });
    const controller = new AbortController();
    const call = bench.provider.createSnapshot(target(), { signal: controller.signal, priority: 'Write' });
    await vi.waitFor(() => expect(bench.spf.counts()[operation]).toBe(1), 20_000);
    controller.abort();
    expect(await call).toMatchObject({ kind: 'Unknown', error: { code: 'Aborted' } });
  });
});

describe('what VMM refuses', () => {
  const cases: [string, () => void, object][] = [
    [
      'a lost permission',
      () => bench.spf.updateTenant(bench.spf.subscriptionId, { permissions: [] }),
      {
        kind: 'Denied',
        cause: 'Permission',
        error: { message: expect.stringContaining('the permission Checkpoint') },
      },
    ],
    [
      'a quota that is used up',
      () => bench.spf.updateTenant(bench.spf.subscriptionId, { quotaReached: true }),
      { kind: 'LimitReached', limit: 'Quota' },
    ],
    [
      'the limit of checkpoints',
      () => bench.spf.behave({ checkpointsPerVm: 0 }),
      { kind: 'LimitReached', limit: 'Snapshots' },
    ],
    [
      'the depth of the tree',
      () => bench.spf.behave({ checkpointDepth: 0 }),
      { kind: 'LimitReached', limit: 'Snapshots' },
    ],
    [
      'checkpoints that are disabled',
      () => bench.spf.updateVm(bench.vm.id, { checkpointType: 'Disabled' }),
      { kind: 'Unsupported' },
    ],
    [
      'a guest that cannot be frozen',
      () => bench.spf.updateVm(bench.vm.id, { checkpointType: 'ProductionOnly', hasVmAdditions: false }),
      { kind: 'Failed', transient: true },
    ],
    [
      'a VM in the library',
      () => bench.spf.updateVm(bench.vm.id, { power: 'Stored' }),
      { kind: 'Conflict', retry: 'Later', error: { code: 'VMInvalidState' } },
    ],
  ];

  test.each(cases)('at once: %s', async (_name, arrange, expected) => {
    arrange();
    expect(await create()).toMatchObject(expected);
    expect(bench.spf.everCreated()).toEqual([]);
  });

  test.each(cases.filter(([name]) => name !== 'a lost permission'))(
    'by its job: %s',
    async (_name, arrange, expected) => {
      bench.spf.behave({ refusals: 'by-job' });
      arrange();
      const { token = '' } = must(await create());
      expect(await finished(token)).toMatchObject({ state: 'Failed', failure: expected });
    },
  );

  test('a job that fails tells why and how far it came, and reading it is no failure', async () => {
    const problem = 'The host is out of space.';
    bench.spf.faults.add({ operation, kind: 'job-failed', problem, percent: 30 });
    const { token = '' } = must(await create());
    expect(await finished(token)).toMatchObject({
      state: 'Failed',
      percent: 30,
      failure: {
        kind: 'Failed',
        error: {
          code: 'HostOperationFailed',
          message: expect.stringMatching(/out of space.*Resolve the host issue/),
        },
      },
    });
  });

  test('a warning is none', async () => {
    bench.spf.faults.add({ operation, kind: 'job-with-info', problem: 'By the way.' });
    expect(await finished(must(await create()).token ?? '')).toMatchObject({ state: 'Succeeded' });
  });

  test('a job that stands still is Running', async () => {
    bench.spf.faults.add({ operation, kind: 'job-stuck', percent: 42 });
    const { token = '' } = must(await create());
    bench.spf.skip(86_400);
    expect(must(await bench.provider.getOperation(token, read()))).toMatchObject({
      state: 'Running',
      percent: 42,
    });
  });

  test('Confirm where it is demanded, which the next attempt then sends', async () => {
    bench.spf.behave({ confirm: 'demanded' });
    expect(await create()).toMatchObject({ kind: 'Conflict', retry: 'Later' });
    expect(await create()).toMatchObject({ kind: 'Pending' });
    expect(bench.spf.contractViolations).toEqual([]);
  });
});

describe('what stands in the way of a checkpoint is told before anything is sent', () => {
  test.each<[string, () => void, object]>([
    [
      'a pass-through disk',
      () => bench.spf.updateVm(bench.vm.id, { hasPassthroughDisk: true }),
      { kind: 'Unsupported', error: { code: 'PassthroughDisk' } },
    ],
    [
      'a template',
      () => bench.spf.updateVm(bench.vm.id, { template: true }),
      { kind: 'Unsupported', error: { code: 'VMTemplate' } },
    ],
    [
      'a migration',
      () => bench.spf.updateVm(bench.vm.id, { migrating: true }),
      { kind: 'Conflict', retry: 'Later', error: { code: 'VMMigrating' } },
    ],
    [
      'another state',
      () => bench.spf.updateVm(bench.vm.id, { transient: 'Saving' }),
      { kind: 'Conflict', retry: 'Later', error: { code: 'VMBusy' } },
    ],
    [
      'a VM out of use',
      () => bench.spf.updateVm(bench.vm.id, { enabled: false }),
      { kind: 'Conflict', retry: 'Later', error: { code: 'VMDisabled' } },
    ],
    ['a VM that is gone', () => bench.spf.removeVm(bench.vm.id), { kind: 'NotFound', what: 'Parent' }],
  ])('%s', async (_name, arrange, expected) => {
    const prepared = target();
    arrange();
    expect(await bench.provider.createSnapshot(prepared, write())).toMatchObject(expected);
    expect(bench.spf.counts()[operation]).toBeUndefined();
  });

  test('a task begun since the attempt was prepared', async () => {
    const prepared = target();
    bench.spf.addForeignTask(bench.vm.id);
    expect(await bench.provider.createSnapshot(prepared, write())).toMatchObject({
      kind: 'Conflict',
      retry: 'Later',
      error: { code: 'VMTaskChanged' },
    });
  });
});

describe('which job it is', () => {
  test('x-ms-request-id is not believed where there is no such job, and the VM tells', async () => {
    bench.spf.behave({ requestIdIsJob: false });
    bench.spf.updateVm(bench.vm.id, { createSeconds: 3_600 });
    const { token = '' } = must(await create());
    bench.spf.skip(1_800);
    expect(must(await bench.provider.getOperation(token, read()))).toMatchObject({
      state: 'Running',
      percent: expect.any(Number),
    });
    bench.spf.skip(3_600);
    expect(must(await bench.provider.getOperation(token, read()))).toMatchObject({ state: 'Succeeded' });
  });

  test('while neither shows, the state of the VM says that VMM is at work', async () => {
    const { durations } = bench.spf.world;
    Object.assign(durations, { taskLagSeconds: 3_600, jobLagSeconds: 3_600, createSeconds: 1_800 });
    const { token = '' } = must(await create());
    expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'Running' });
    bench.spf.skip(1_900);
    // The job cannot be read yet, and the checkpoint is there.
    expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'Succeeded' });
  });

  test("another's later job hides ours, which then is known by the checkpoint alone", async () => {
    const before = target();
    bench.spf.behave({ requestIdIsJob: false });
    const { token = '' } = must(await create());
    await vi.waitFor(() => expect(bench.spf.jobs()[0]?.status).toBe('Completed'), 20_000);
    bench.spf.skip(10);
    bench.spf.world.durations.powerSeconds = 3_600;
    must(await bench.provider.stopVM(bench.container, 'PowerOff', write()));
    bench.spf.skip(10);
    for (const each of [token, bench.provider.attemptToken(before, '') ?? '']) {
      expect(must(await bench.provider.getOperation(each, read()))).toEqual({ state: 'Succeeded' });
    }
    // Of an attempt that left nothing it says that someone is at work no longer than it is so.
    const absent = bench.provider.attemptToken({ ...before, name: mark.replace(/1$/, '2') }, '') ?? '';
    expect(must(await bench.provider.getOperation(absent, read()))).toEqual({ state: 'Running' });
    bench.spf.skip(3_600);
    expect(must(await bench.provider.getOperation(absent, read()))).toEqual({ state: 'None' });
  });

  test('what is made stays so, though a later checkpoint of others fails', async () => {
    const before = target();
    must(await create());
    await vi.waitFor(() => expect(bench.spf.jobs()[0]?.status).toBe('Completed'), 20_000);
    bench.spf.skip(10);
    bench.spf.faults.add({ operation, kind: 'job-failed', problem: 'No.' });
    must(await bench.provider.createSnapshot({ ...target(), name: 'by another hand' }, write()));
    await vi.waitFor(() => expect(bench.spf.jobs()[1]?.status).toBe('Failed'), 20_000);
    bench.spf.skip(10);
    const token = bench.provider.attemptToken(before, '') ?? '';
    expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'Succeeded' });
  });

  test('a task of which there is no job says nothing', async () => {
    const before = target();
    bench.spf.addForeignTask(bench.vm.id);
    const token = bench.provider.attemptToken(before, '') ?? '';
    expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'None' });
  });
});

describe('a job that cannot be read', () => {
  /** Nothing tells with which status SPF says that there is no job of an id. */
  const statuses = [400, 403, 404, 500, 501];
  const unreadable = (status: number) =>
    bench.spf.faults.add({
      kind: 'respond',
      status,
      operation: 'Jobs_Get',
      body: { 'odata.error': { code: '', message: { lang: 'en-US', value: 'Nothing to see here.' } } },
    });

  test.each(statuses.filter((status) => status !== 501))(
    'says nothing of a checkpoint that is there, whatever its status: %i',
    async (status) => {
      const { token = '' } = must(await create());
      await finished(token);
      unreadable(status);
      expect(must(await bench.provider.getOperation(token, read()))).toEqual({ state: 'Succeeded' });
    },
  );

  test.each(statuses)('is no end of a restore, and no word that there was none: %i', async (status) => {
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
    const before = baseline().baseline;
    const restore = { containerID: bench.container, vmID: bench.vm.id, snapshotID: id, name: 'x' };
    const { token = '' } = must(await bench.provider.restoreSnapshot({ ...restore, ...baseline() }, write()));
    await finished(token);
    unreadable(status);
    const says = async () => {
      const outcome = await bench.provider.getOperation(token, read());
      return outcome.kind === 'Done' ? outcome.value : outcome.kind;
    };
    // Whether or not the VM names it as its last task yet.
    const vm = bench.spf.world.requireVm(bench.vm.id);
    const named = vm.mostRecentTaskId;
    const isAbsent = status < 500;
    for (const [task, absent] of [
      [named, { state: 'None', overwritten: true }],
      [before, { state: 'None' }],
    ] as const) {
      vm.mostRecentTaskId = task;
      expect(await says()).toEqual(isAbsent ? absent : 'Unavailable');
    }
  });

  test.each([400, 403, 404])('holds up nobody: %i', async (status) => {
    unreadable(status);
    expect(must(await bench.provider.inspectVM(bench.container, read())).busy).toBeUndefined();
  });
});

describe('a sign-in page with a 200', () => {
  const page = '<!DOCTYPE html><html><body>Please sign in</body></html>';

  test.each<[operation: string, write: () => Promise<unknown>]>([
    [
      'VMCheckPoints_Restore',
      () => {
        const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
        const restore = { containerID: bench.container, vmID: bench.vm.id, snapshotID: id, name: 'x' };
        return bench.provider.restoreSnapshot(restore, write());
      },
    ],
    [
      'VMCheckPoints_Delete',
      () => {
        const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
        return bench.provider.deleteSnapshot(ref(id), write());
      },
    ],
    ['VirtualMachines_Stop', () => bench.provider.stopVM(bench.container, 'PowerOff', write())],
  ])('is no acceptance of %s', async (_operation, send) => {
    for (const method of ['MERGE', 'DELETE'])
      bench.spf.faults.add({ kind: 'respond', status: 200, body: page, method });
    expect(await send()).toMatchObject({ kind: 'Unknown', error: { code: 'MalformedAnswer' } });
  });
});

describe('the words of a checkpoint', () => {
  const texts = { name: mark, description: 'new' };
  const describe = (id: string) => bench.provider.describeSnapshot(ref(id), texts, write());
  const writes = () => bench.spf.requests.filter(({ method }) => method !== 'GET');

  test('are not written where they are there already, and known to be there without a job', async () => {
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
    bench.spf.world.durations.updateSeconds = 0;
    expect((await describe(id)).kind).toBe('Done');
    expect(writes()).toHaveLength(1);
    expect((await describe(id)).kind).toBe('Done');
    expect(writes()).toHaveLength(1);
  });

  test('restore nothing, though SPF shows the action of the last restore and takes but PUT', async () => {
    bench.spf.behave({ merge: 'method-not-allowed' });
    const { id } = bench.spf.addCheckpoint({ vmId: bench.vm.id });
    const { id: ID, stampId: StampId } = { id, stampId: bench.vm.stampId };
    const row = { ID, StampId, VMId: bench.vm.id, Name: 'a', VMCheckPointAction: 'Restore' };
    bench.spf.faults.add({ kind: 'respond', status: 200, body: row, operation: 'VMCheckPoints_Get' });
    must(await describe(id));
    expect(bench.spf.everRestored()).toEqual([]);
    expect(writes().map(({ operation: what }) => what)).not.toContain('VMCheckPoints_Restore');
  });
});

describe('several jobs are watched by one list', () => {
  async function startJobs(): Promise<string[]> {
    const tokens: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      const vm = bench.spf.addVm({
        name: `vm-${index}`,
        ownerRole: bench.spf.subscriptionId,
        createSeconds: 3_600,
      });
      const containerID = `${vm.stampId}/${vm.id}`;
      const prepared = { containerID, name: mark, location: '', baseline: vm.mostRecentTaskId ?? '' };
      tokens.push(must(await bench.provider.createSnapshot(prepared, write())).token ?? '');
    }
    bench.spf.skip(360);
    bench.spf.resetCounts();
    return tokens;
  }
  const stateOf = async (token: string) => must(await bench.provider.getOperation(token, read())).state;

  test('while they run, and each is looked at when it is not in it', async () => {
    const tokens = await startJobs();
    for (let round = 0; round < 3; round += 1) {
      expect(await Promise.all(tokens.map(stateOf))).toEqual(Array(5).fill('Running'));
    }
    const { Jobs_List = 0, Jobs_Get = 0 } = bench.spf.counts();
    // One list for each round at most, and fewer where rounds come fast. The first ones are looked at before there are
    // enough to be worth it.
    expect([1, 2, 3]).toContain(Jobs_List);
    expect(Jobs_Get).toBe(2);
    bench.spf.skip(3_600);
    // The list is a little old, so that it may still have them; then each is looked at by itself.
    await vi.waitFor(
      async () => expect(await Promise.all(tokens.map(stateOf))).toEqual(Array(5).fill('Succeeded')),
      20_000,
    );
  });

  test.each(['ignored', 'refused'] as const)('or one by one where the filter is %s', async (mode) => {
    const tokens = await startJobs();
    bench.spf.behave({ filters: { Jobs: mode } });
    // One that has ended, as a list without its filter would have it.
    await bench.provider.stopVM(bench.container, 'PowerOff', write());
    await vi.waitFor(() => expect(bench.spf.jobs().at(-1)?.status).toBe('Completed'), 20_000);
    bench.spf.resetCounts();
    for (let round = 0; round < 2; round += 1) {
      expect(await Promise.all(tokens.map(stateOf))).toEqual(Array(5).fill('Running'));
    }
    expect(bench.spf.counts()).toEqual({ Jobs_List: 1, Jobs_Get: 10 });
  });
});

describe('a list is complete or a failure', () => {
  beforeEach(() => {
    const other = bench.spf.addVm({ name: 'other', ownerRole: bench.spf.subscriptionId });
    for (let index = 0; index < 7; index += 1) {
      bench.spf.addCheckpoint({ vmId: bench.vm.id, name: `own ${index}` });
      bench.spf.addCheckpoint({ vmId: other.id, name: `foreign ${index}` });
    }
  });
  const own = Array.from({ length: 7 }, (_, index) => `own ${index}`);

  test.each<Partial<Behaviour>>([
    {},
    { pageSize: 2 },
    { pageSize: 2, nextLink: 'relative' },
    { pageSize: 3, internalHost: 'spf-internal:8090' },
    { filters: { VMCheckPoints: 'ignored' }, pageSize: 3 },
    { filters: { VMCheckPoints: 'refused' } },
    { checkpointsNeedStamp: true, pageSize: 5 },
  ])('with %j', async (behaviour) => {
    bench.spf.behave(behaviour);
    const found = must(await list());
    expect(found.map(({ name }) => name).toSorted()).toEqual(own);
    expect(bench.spf.contractViolations).toEqual([]);
  });

  test.each([400, 500, 501])('where a filter is refused with a %i', async (status) => {
    bench.spf.faults.add({ kind: 'respond', status, operation: 'VMCheckPoints_List', path: 'filter' });
    expect(
      must(await list())
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(own);
  });

  const row = (members: object) => ({
    ID: crypto.randomUUID(),
    StampId: bench.vm.stampId.toUpperCase(),
    VMId: bench.vm.id.toUpperCase(),
    Name: 'own',
    CheckpointID: null,
    ...members,
  });
  const answering = (value: object[]) =>
    bench.spf.faults.add({
      kind: 'respond',
      status: 200,
      body: { value },
      operation: ['VMCheckPoints_List', 'VirtualMachines_List'],
    });

  test('whatever is wrong with rows of others, or of no VM', async () => {
    answering([
      row({}),
      row({ VMId: null, ID: 'no id' }),
      row({ VMId: '', CheckpointID: 7 }),
      row({ VMId: crypto.randomUUID(), CheckpointID: 'none' }),
      row({ StampId: crypto.randomUUID(), ID: null }),
    ]);
    expect(must(await list()).map(({ name }) => name)).toEqual(['own']);
  });

  test.each<[string, object]>([
    ['a row of the VM is not understood', { CheckpointID: 'none' }],
    ['one that bears a mark names no VM', { VMId: null, Description: `[${mark}]` }],
    ['it is not known of which VM one is', { VMId: 17 }],
    ['one does not say of which VM it is', { VMId: undefined }],
  ])('and fails where %s', async (_name, members) => {
    answering([row({}), row(members)]);
    expect(await list()).toMatchObject({ kind: 'Unavailable', error: { code: 'MalformedAnswer' } });
  });

  test('with each row once, though pages show it twice', async () => {
    const twice = row({});
    answering([twice, { ...twice, ID: `{${twice.ID.toUpperCase()}}` }]);
    expect(must(await list())).toHaveLength(1);
    // One VM on two pages is not two VMs of a name.
    bench.spf.faults.clear();
    const vm = { ID: bench.vm.id, StampId: bench.vm.stampId, Name: 'web', Status: 'Running' };
    answering([vm, { ...vm, Name: null, ID: crypto.randomUUID() }, vm]);
    expect(must(await bench.provider.getVM({ name: 'web' }, read())).id).toBe(bench.vm.id);
  });

  test('and says what helps where it is too long to be read', async () => {
    bench.spf.faults.add({ kind: 'huge-body', bytes: 20_000_000, operation: 'VirtualMachines_List' });
    expect(await bench.provider.getVM({ name: 'web' }, read())).toMatchObject({
      kind: 'Unavailable',
      error: { code: 'AnswerTooLarge', message: expect.stringContaining('by id and stampID') },
    });
  });

  test('and fails with any of its pages', async () => {
    bench.spf.behave({ pageSize: 2 });
    bench.spf.faults.add({
      kind: 'respond',
      status: 503,
      operation: 'VMCheckPoints_List',
      skip: 2,
      times: 1,
    });
    expect(await list()).toMatchObject({ kind: 'Unavailable' });
  });

  test.each([
    ['leads to another set', 'UserRoles?$skip=1', 'MalformedAnswer'],
    ['leads back', 'VMCheckPoints?$skiptoken=1', 'EndlessList'],
  ])('and fails where a link %s', async (_name, link, code) => {
    const body = { value: [], 'odata.nextLink': `https://attacker.example/${link}` };
    bench.spf.faults.add({ kind: 'respond', status: 200, body, operation: 'VMCheckPoints_List', times: 3 });
    expect(await list()).toMatchObject({ kind: 'Unavailable', error: { code } });
  });
});

describe('404', () => {
  const get = (id: string) => bench.provider.getSnapshot(ref(id), {}, read());

  test.each(['error', 'empty'] as const)(
    'of SPF itself proves that there is no such checkpoint: %s',
    async (notFoundBody) => {
      bench.spf.behave({ notFoundBody });
      expect(await get(bench.vm.id)).toMatchObject({ kind: 'NotFound', what: 'Object' });
    },
  );

  test.each<[string, SpfFault]>([
    [
      'of IIS',
      { kind: 'respond', status: 404, body: '<html><h2>404 - File or directory not found.</h2></html>' },
    ],
    ['of a proxy without a word', { kind: 'respond', status: 404 }],
  ])('%s proves nothing', async (_name, fault) => {
    bench.spf.faults.add({ operation: 'VMCheckPoints_Get', ...fault });
    expect(await get(bench.vm.id)).toMatchObject({ kind: 'NotFound', what: 'Unproven' });
  });
});

test('a 429 holds back everything for as long as it says', async () => {
  bench.spf.faults.add({ kind: 'respond', status: 429, headers: { 'Retry-After': '30' }, times: 1 });
  expect(await list()).toMatchObject({ kind: 'Throttled', afterMs: 30_000 });
  expect(await list()).toMatchObject({ kind: 'Throttled', error: { code: 'HeldBack' } });
  expect(bench.spf.counts()).toEqual({ VMCheckPoints_List: 1 });
});

test('each request is reported for metrics, without ids', async () => {
  await create();
  await bench.provider.getSnapshot(ref(bench.vm.id), {}, read());
  expect(bench.reports.map(({ operation, code, outcome }) => [operation, code, outcome])).toEqual([
    ['getVM', '200', 'Done'],
    ['createCheckpoint', '201', 'Pending'],
    ['getCheckpoint', '404', 'NotFound'],
  ]);
});

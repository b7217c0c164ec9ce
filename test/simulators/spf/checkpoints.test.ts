import { describe, expect, it } from 'vitest';
import type { SpfSimulatorOptions } from './options.ts';
import { type SpfSimulator, startSpfSimulator } from './simulator.ts';
import type { Vm } from './state.ts';
import { type RawAnswer, type TestClient, testClient } from './test-client.ts';

interface Stage extends AsyncDisposable {
  spf: SpfSimulator;
  client: TestClient;
  vm: Vm;
  create(name?: string): Promise<RawAnswer>;
  /** Creates a checkpoint and lets its job end; gives its key URL. */
  made(name?: string): Promise<string>;
}

async function stage(options: SpfSimulatorOptions = {}): Promise<Stage> {
  const spf = await startSpfSimulator(options);
  const client = testClient(spf);
  const vm = spf.addVm({ name: 'web', ownerRole: spf.subscriptionId });
  const create = (name = 'first'): Promise<RawAnswer> =>
    client.send('POST', 'VMCheckPoints', {
      body: {
        'odata.type': 'VMM.VMCheckPoint',
        StampId: vm.stampId,
        VMId: vm.id,
        Name: name,
        Description: 'why',
      },
    });
  return {
    spf,
    client,
    vm,
    create,
    async made(name) {
      const answer = await create(name);
      expect(answer.status).toBe(201);
      spf.skip(spf.world.durations.createSeconds);
      return String(answer.headers.location);
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await spf.close();
    },
  };
}

function members(answer: RawAnswer): Record<string, unknown> {
  return answer.json as Record<string, unknown>;
}

const restore = { 'odata.type': 'VMM.VMCheckPoint', VMCheckPointAction: 'Restore' };

describe('a create', () => {
  it('answers before the job has ended, and goes through the states of a VM', async () => {
    await using s = await stage();
    const answer = await s.create();
    expect(answer.status).toBe(201);
    expect(members(answer)).toMatchObject({
      CheckpointID: null,
      Enabled: true,
      Name: 'first',
      VMId: s.vm.id,
    });
    const jobUrl = `Jobs(StampId=guid'${s.vm.stampId}',ID=guid'${String(answer.headers['x-ms-request-id'])}')`;
    const vmUrl = `VirtualMachines(ID=guid'${s.vm.id}',StampId=guid'${s.vm.stampId}')`;
    const before = s.vm.mostRecentTaskId;

    const seen: unknown[] = [];
    for (const seconds of [0, 4, 15, 1]) {
      s.spf.skip(seconds);
      const [job, vm] = [await s.client.send('GET', jobUrl), await s.client.send('GET', vmUrl)];
      const { IsCompleted, Status } = members(job);
      seen.push([members(vm).Status, Status, IsCompleted, members(vm).MostRecentTaskId !== before]);
    }
    expect(seen).toEqual([
      ['InitializingCheckpointOperation', 'Running', false, false],
      ['CreatingCheckpoint', 'Running', false, true],
      ['FinishingCheckpointOperation', 'Running', false, true],
      ['Running', 'Completed', true, true],
    ]);
    const row = await s.client.send('GET', String(answer.headers.location));
    expect(members(row).CheckpointID).toMatch(/^[0-9a-f-]{36}$/);
    expect(s.spf.contractViolations).toEqual([]);
  });

  it('shows a percent that moves', async () => {
    await using s = await stage();
    await s.create();
    const percents = [5, 5, 5, 5].map((seconds) => {
      s.spf.skip(seconds);
      return s.spf.jobs()[0]?.percent;
    });
    expect(percents).toEqual([25, 50, 75, 100]);
  });

  it.each([
    ['an id of the hypervisor', (vm: Vm) => ({ VMId: vm.hypervisorId })],
    ['an ID of its own', (vm: Vm) => ({ VMId: vm.id, ID: vm.id })],
    ['a member that there is not', (vm: Vm) => ({ VMId: vm.id, MemoryIncluded: true })],
    ['a member that the server sets', (vm: Vm) => ({ VMId: vm.id, Enabled: true })],
    ['a number for a name', (vm: Vm) => ({ VMId: vm.id, Name: 7 })],
    ['another type', (vm: Vm) => ({ VMId: vm.id, 'odata.type': 'VMM.VirtualMachine' })],
    ['no VM', () => ({})],
  ])('with %s breaks the contract', async (_what, body) => {
    await using s = await stage();
    const answer = await s.client.send('POST', 'VMCheckPoints', {
      body: { StampId: s.vm.stampId, ...body(s.vm) },
    });
    expect(answer.status).toBe(400);
    expect(s.spf.contractViolations).toHaveLength(1);
    expect(s.spf.everCreated()).toEqual([]);
  });

  it.each([
    ['a pass-through disk', { hasPassthroughDisk: true }, /pass-through/],
    ['a migration under way', { migrating: true }, /not in a state/],
    ['checkpoints disabled', { checkpointType: 'Disabled' as const }, /disabled/],
    ['a place in the library only', { power: 'Stored' as const }, /not in a state/],
  ])("of a VM with %s is refused in VMM's words", async (_what, changes, words) => {
    await using s = await stage();
    s.spf.updateVm(s.vm.id, changes);
    const answer = await s.create();
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({
      'odata.error': { message: { lang: 'en-US', value: expect.stringMatching(words) as string } },
    });
    expect(s.spf.contractViolations).toEqual([]);
    expect(s.spf.checkpoints()).toEqual([]);
  });

  it('that VMM forbids can be accepted and failed by its job', async () => {
    await using s = await stage({ behaviour: { refusals: 'by-job' } });
    s.spf.updateVm(s.vm.id, { hasPassthroughDisk: true });
    const answer = await s.create();
    expect(answer.status).toBe(201);
    s.spf.skip(1);
    const job = await s.client.send(
      'GET',
      `Jobs(ID=guid'${String(answer.headers['x-ms-request-id'])}',StampId=guid'${s.vm.stampId}')`,
    );
    expect(members(job)).toMatchObject({
      Status: 'Failed',
      IsCompleted: true,
      ErrorInfo: { IsSuccess: false, DisplayableErrorCode: '12700' },
    });
  });

  it.each([
    ['a VM bears no more of them', { checkpointsPerVm: 2 }, /maximum number/],
    ['the chain is as deep as it may be', { checkpointDepth: 2 }, /maximum depth/],
  ])('is refused when %s', async (_what, behaviour, words) => {
    await using s = await stage({ behaviour });
    await s.made('one');
    await s.made('two');
    const answer = await s.create('three');
    expect([answer.status, words.test(answer.text)]).toEqual([400, true]);
  });

  it('is refused while another job holds the VM', async () => {
    await using s = await stage();
    await s.create();
    const answer = await s.create('second');
    expect([answer.status, /locked by another job/.test(answer.text)]).toEqual([400, true]);
    expect(s.spf.everCreated()).toHaveLength(1);
  });

  it('waits for its job when it is told to', async () => {
    await using s = await stage({ speed: 1000 });
    const answer = await s.client.send('POST', 'VMCheckPoints?RunAsynchronously=0', {
      body: { StampId: s.vm.stampId, VMId: s.vm.id },
    });
    expect(answer.status).toBe(201);
    expect(s.spf.jobs()).toMatchObject([{ status: 'Completed' }]);
  });
});

describe('the tree of checkpoints', () => {
  it("names a parent by its CheckpointID, and a deleted one's children move up", async () => {
    await using s = await stage();
    const [, middle, leaf] = [await s.made('root'), await s.made('middle'), await s.made('leaf')];
    const [one, two, three] = s.spf.checkpoints();
    const read = await s.client.send('GET', leaf);
    expect(members(read).ParentCheckpointID).toBe(two?.checkpointId);
    expect(members(read).ParentCheckpointID).not.toBe(two?.id);

    expect((await s.client.send('DELETE', middle)).status).toBe(204);
    s.spf.skip(10);
    expect(s.spf.vms()).toMatchObject([{ status: 'MergingDrives' }]);
    expect((await s.create('too soon')).status).toBe(400);
    s.spf.skip(60);
    expect(s.spf.vms()).toMatchObject([{ status: 'Running' }]);
    expect(s.spf.checkpoints().map(({ id, parentId }) => [id, parentId])).toEqual([
      [one?.id, undefined],
      [three?.id, one?.id],
    ]);
    expect((await s.client.send('GET', middle)).status).toBe(404);
  });

  it('branches after a restore', async () => {
    await using s = await stage();
    const root = await s.made('root');
    await s.made('leaf');
    await s.client.send('MERGE', root, { body: restore });
    s.spf.skip(30);
    await s.made('branch');
    const [first, , branch] = s.spf.checkpoints();
    expect(branch?.parentId).toBe(first?.id);
  });
});

describe('a restore', () => {
  it('by MERGE of the action alone leads the VM back and leaves it off', async () => {
    await using s = await stage();
    const url = await s.made();
    const answer = await s.client.send('MERGE', url, { body: restore });
    expect([answer.status, answer.text]).toEqual([204, '']);
    s.spf.skip(15);
    expect(s.spf.vms()).toMatchObject([{ status: 'RecoveringCheckpoint' }]);
    s.spf.skip(15);
    const [checkpoint] = s.spf.checkpoints();
    expect(s.spf.vms()).toMatchObject([
      { status: 'PowerOff', lastRestoredCheckpointId: checkpoint?.checkpointId },
    ]);
    expect(checkpoint).toMatchObject({ name: 'first', description: 'why' });
    expect(s.spf.everRestored()).toHaveLength(1);
    expect(s.spf.contractViolations).toEqual([]);
  });

  it.each([
    ['method-not-allowed', 405],
    ['not-implemented', 501],
  ] as const)('is done by PUT of the whole entity where MERGE is %s', async (merge, status) => {
    await using s = await stage({ behaviour: { merge } });
    const url = await s.made();
    expect((await s.client.send('MERGE', url, { body: restore })).status).toBe(status);
    expect(s.spf.everRestored()).toEqual([]);
    const whole = { ...members(await s.client.send('GET', url)), VMCheckPointAction: 'Restore' };
    expect((await s.client.send('PUT', url, { body: whole })).status).toBe(204);
    expect(s.spf.everRestored()).toHaveLength(1);
    expect(s.spf.checkpoints()).toMatchObject([{ name: 'first', description: 'why' }]);
    expect(s.spf.contractViolations).toEqual([]);
  });

  it('by a PUT that leaves the marks out takes them away', async () => {
    await using s = await stage();
    const url = await s.made();
    await s.client.send('PUT', url, { body: restore });
    expect(s.spf.checkpoints()).toMatchObject([{ name: null, description: null }]);
  });

  it('of a checkpoint that cannot be used is refused', async () => {
    await using s = await stage();
    const url = await s.made();
    s.spf.updateCheckpoint(s.spf.checkpoints()[0]?.id ?? '', { enabled: false });
    const answer = await s.client.send('MERGE', url, { body: restore });
    expect([answer.status, /cannot be used/.test(answer.text)]).toEqual([400, true]);
  });

  it('of a running VM is refused where the VM has to rest, until its state is saved', async () => {
    await using s = await stage({ behaviour: { restoreNeeds: 'stopped-or-saved' } });
    const url = await s.made();
    expect((await s.client.send('MERGE', url, { body: restore })).status).toBe(400);
    const vmUrl = `VirtualMachines(ID=guid'${s.vm.id}',StampId=guid'${s.vm.stampId}')`;
    expect((await s.client.send('PUT', vmUrl, { body: { Operation: 'SaveState' } })).status).toBe(204);
    s.spf.skip(10);
    expect((await s.client.send('MERGE', url, { body: restore })).status).toBe(204);
    expect((await s.client.send('MERGE', vmUrl, { body: { Operation: 'Explode' } })).status).toBe(400);
  });
});

describe('a change of the description', () => {
  it('by MERGE leaves the name alone', async () => {
    await using s = await stage();
    const url = await s.made();
    await s.client.send('MERGE', url, { body: { Description: 'because' } });
    s.spf.skip(1);
    expect(s.spf.checkpoints()).toMatchObject([{ name: 'first', description: 'because' }]);
  });
});

describe('a job that goes wrong', () => {
  it('fails with its words, and leaves the VM in CheckpointFailed', async () => {
    await using s = await stage();
    s.spf.faults.add({
      kind: 'job-failed',
      operation: 'VMCheckPoints_Create',
      problem: 'No space.',
      percent: 30,
    });
    await s.create();
    s.spf.skip(20);
    expect(s.spf.jobs()).toMatchObject([{ status: 'Failed', percent: 30 }]);
    expect(s.spf.vms()).toMatchObject([{ status: 'CheckpointFailed' }]);
    expect(s.spf.checkpoints()).toMatchObject([{ checkpointId: undefined }]);
  });

  it('never ends when it is stuck, and can end with information only', async () => {
    await using s = await stage();
    s.spf.faults.add({
      kind: 'job-with-info',
      times: 1,
      operation: 'VMCheckPoints_Create',
      problem: 'Slow.',
    });
    await s.made();
    expect(s.spf.jobs()).toMatchObject([{ status: 'SucceedWithInfo' }]);
    s.spf.faults.add({ kind: 'job-stuck', operation: 'VMCheckPoints_Create' });
    await s.create('second');
    s.spf.skip(100_000);
    expect(s.spf.jobs()[1]).toMatchObject({ status: 'Running', percent: 42 });
    expect(s.spf.vms()).toMatchObject([{ status: 'CreatingCheckpoint' }]);
  });

  it('has its effect although the answer is lost, and shows it late where that is asked for', async () => {
    await using s = await stage();
    s.spf.faults.add({ kind: 'lost-answer', operation: 'VMCheckPoints_Create', times: 1 });
    s.spf.faults.add({
      kind: 'late-effect',
      milliseconds: 60_000,
      operation: 'VMCheckPoints_Create',
      times: 1,
    });
    await expect(s.create()).rejects.toThrow();
    expect(s.spf.everCreated()).toHaveLength(1);
    expect(members(await s.client.send('GET', 'VMCheckPoints')).value).toEqual([]);
    s.spf.skip(60);
    expect(members(await s.client.send('GET', 'VMCheckPoints')).value).toHaveLength(1);
  });
});

describe('a tenant', () => {
  it('may do what its role may, sees its own, and is held by its quota', async () => {
    await using s = await stage();
    const url = await s.made();
    const root = s.spf.tenantRoot;
    const body = { StampId: s.vm.stampId, VMId: s.vm.id };
    const own = url.replace(s.spf.adminRoot, root);
    s.spf.updateTenant(s.spf.subscriptionId, { permissions: ['CheckpointRestoreOnly'] });
    expect((await s.client.send('POST', 'VMCheckPoints', { root, body })).status).toBe(403);
    expect((await s.client.send('DELETE', own)).status).toBe(403);
    expect((await s.client.send('MERGE', own, { body: restore })).status).toBe(204);
    s.spf.skip(30);
    s.spf.updateTenant(s.spf.subscriptionId, { permissions: ['Checkpoint'], quotaReached: true });
    const refused = await s.client.send('POST', 'VMCheckPoints', { root, body });
    expect([refused.status, /quota/.test(refused.text)]).toEqual([400, true]);

    s.spf.updateVm(s.vm.id, { ownerRole: 'another' });
    expect((await s.client.send('GET', own)).status).toBe(404);
    expect((await s.client.send('GET', url)).status).toBe(200);
    const nobody = root.replace(s.spf.subscriptionId, '00000000-1111-2222-3333-444444444444');
    expect((await s.client.send('GET', 'Jobs', { root: nobody })).status).toBe(404);
  });
});

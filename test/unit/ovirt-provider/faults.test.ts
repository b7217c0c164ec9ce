import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { operationToken } from '../../../src/providers/ovirt/operation-token.ts';
import type { OvirtFault } from '../../simulators/ovirt/faults.ts';
import { must, read, write } from '../../support/provider-calls.ts';
import { type Bench, markedName, startBench } from './setup.ts';

let bench: Bench;
const limits = { maxConcurrent: 8, requestsPerSecond: 1000, requestTimeoutMs: 1_500 };
beforeEach(async () => {
  bench = await startBench({}, { limits });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const target = (more = {}) => ({ containerID: bench.vm.id, name: markedName(), location: '', ...more });
const refOf = ({ id }: { id: string }) => ({ id, containerID: bench.vm.id });
const create = (call = write(), more = {}) => bench.provider.createSnapshot(target(more), call);
const list = () => bench.provider.listSnapshots(bench.vm.id, read());
const operation = 'Snapshots_Create';
const stateOf = async (token = '') => must(await bench.provider.getOperation(token, read())).state;
const ends = (token: string, state: string) =>
  vi.waitFor(async () => expect(await stateOf(token)).toBe(state), 10_000);

/** Another engine than the one that each test begins with. */
async function restart(...parameters: Parameters<typeof startBench>): Promise<void> {
  await bench[Symbol.asyncDispose]();
  bench = await startBench(parameters[0], { limits, ...parameters[1] });
}

describe('a write that may have had its effect is Unknown, and is not sent again', () => {
  test.each<{ fault: string; add: OvirtFault; made: number }>([
    { fault: 'the answer is lost', add: { kind: 'lost-answer' }, made: 1 },
    { fault: 'the body breaks off', add: { kind: 'truncated-body' }, made: 1 },
    { fault: 'the body is neither JSON nor XML', add: { kind: 'malformed-body' }, made: 1 },
    { fault: 'the connection is reset', add: { kind: 'reset' }, made: 0 },
    { fault: 'no answer comes', add: { kind: 'hang' }, made: 0 },
    { fault: 'no answer comes to what was done', add: { kind: 'hang', when: 'after-effect' }, made: 1 },
    { fault: 'Apache answers 502', add: { kind: 'error-body', status: 502, form: 'html' }, made: 0 },
    {
      fault: 'a fault with 500 follows the effect',
      add: { kind: 'error-body', status: 500, form: 'fault', when: 'after-effect' },
      made: 1,
    },
    { fault: 'the engine could not begin', add: { kind: 'start-failed' }, made: 0 },
    { fault: 'the answer is huge', add: { kind: 'huge-body', bytes: 20_000_000 }, made: 1 },
    {
      fault: 'the answer is empty',
      add: { kind: 'respond', status: 202, body: '', when: 'after-effect' },
      made: 1,
    },
    {
      fault: 'the answer is about another VM',
      add: {
        kind: 'respond',
        status: 202,
        when: 'after-effect',
        body: {
          id: crypto.randomUUID(),
          snapshot_type: 'regular',
          snapshot_status: 'locked',
          vm: { id: crypto.randomUUID() },
        },
      },
      made: 1,
    },
  ])('$fault', async ({ add, made }) => {
    bench.engine.faults.add({ operation, ...add });
    expect(await create()).toMatchObject({ kind: 'Unknown' });
    expect(bench.engine.counts()[operation]).toBe(1);
    expect(bench.engine.everCreated()).toHaveLength(made);
  });

  test('and what comes of it late is found by its correlation id', async () => {
    bench.engine.faults.add({ operation, kind: 'late-effect', milliseconds: 400 });
    const call = write();
    expect(await create(call)).toMatchObject({ kind: 'Unknown' });
    const token = bench.provider.attemptToken(target(), call.correlationID ?? '');
    expect(await stateOf(token)).toBe('None');
    await ends(token ?? '', 'Succeeded');
    expect(must(await list())).toMatchObject([{ name: markedName(), state: 'Succeeded' }]);
  });

  test('nor is a removal or a restore sent again', async () => {
    const { engine, vm, provider } = bench;
    const snapshot = engine.addSnapshot({ vmId: vm.id, description: 'x' });
    engine.updateVm(vm.id, { status: 'down' });
    engine.faults.add({ operation: ['Snapshots_Delete', 'Snapshots_Restore'], kind: 'lost-answer' });
    const restore = { ...target(), vmID: vm.id, snapshotID: snapshot.id };
    expect(await provider.restoreSnapshot(restore, write())).toMatchObject({ kind: 'Unknown' });
    await vi.waitFor(async () => {
      expect(must(await provider.inspectVM(vm.id, read()))).not.toHaveProperty('busy');
      expect(await provider.deleteSnapshot(refOf(snapshot), write())).toMatchObject({ kind: 'Unknown' });
    }, 10_000);
    expect(engine.counts().Snapshots_Restore).toBe(1);
    expect(engine.effects().filter(({ effect }) => effect === 'restore-started')).toHaveLength(1);
  });
});

describe('an answer of 200 that is none', () => {
  const fault = { reason: 'Operation Failed', detail: '[Cannot run VM. It is pinned.]' };
  test.each<[string, string | object, object]>([
    [
      'an action that is complete, with a fault',
      { status: 'complete', fault },
      { kind: 'Failed', error: { message: 'Cannot run VM. It is pinned.' } },
    ],
    ['a fault alone', fault, { kind: 'Failed', error: { message: 'Cannot run VM. It is pinned.' } }],
    [
      'an action with a fault, as XML and without a status',
      '<action><fault><reason>Operation Failed</reason><detail>[No.]</detail></fault></action>',
      { kind: 'Failed', error: { message: 'No.' } },
    ],
    ['an action in a state that none has', { status: 'wondering' }, { kind: 'Unknown' }],
    ['a page to sign in', '<html><body>Sign in</body></html>', { kind: 'Unknown' }],
    ['nothing', '', { kind: 'Unknown' }],
  ])('to an action: %s', async (_name, body, expected) => {
    bench.engine.faults.add({ operation: 'Vms_Start', kind: 'respond', status: 200, body });
    expect(await bench.provider.startVM(bench.vm.id, write())).toMatchObject(expected);
  });

  test('to a creation, with a fault: it is not known, and the engine is quoted', async () => {
    bench.engine.faults.add({ operation, kind: 'respond', status: 200, body: fault });
    expect(await create()).toMatchObject({
      kind: 'Unknown',
      error: { code: 'MalformedAnswer', message: expect.stringContaining('It is pinned.') },
    });
  });
});

describe('a read without a usable answer is Unavailable', () => {
  test.each<OvirtFault>([
    { kind: 'lost-answer' },
    { kind: 'truncated-body' },
    { kind: 'malformed-body' },
    { kind: 'reset' },
    { kind: 'hang' },
    { kind: 'error-body', status: 503, form: 'html' },
    { kind: 'error-body', status: 500, form: 'fault' },
    { kind: 'respond', status: 200, body: '<html>Please sign in</html>' },
    { kind: 'respond', status: 200, body: '' },
    { kind: 'respond', status: 200, body: { reason: 'Operation Failed', detail: '[x]' } },
    { kind: 'respond', status: 200, body: { vm: [] } },
    { kind: 'respond', status: 200, body: '<vms/>' },
    { kind: 'respond', status: 200, body: { snapshot: [{ id: 'x' }] } },
    { kind: 'respond', status: 200, body: {} },
    { kind: 'respond', status: 302, headers: { Location: 'https://elsewhere.example/' } },
    { kind: 'huge-body', bytes: 20_000_000 },
  ])('%o', async (fault) => {
    bench.engine.faults.add({ operation: 'Snapshots_List', ...fault });
    expect(await list()).toMatchObject({ kind: 'Unavailable' });
  });
});

test('a write whose send window has passed is held back', async () => {
  const late = { ...write(), sendBefore: performance.now() - 1 };
  expect(await create(late)).toMatchObject({ kind: 'NotSent', error: { code: 'SendWindowPassed' } });
  expect(bench.engine.counts()[operation]).toBeUndefined();
});

test('an aborted call is given up at once', async () => {
  must(await bench.provider.probe(read()));
  bench.engine.faults.add({ operation, kind: 'hang' });
  const controller = new AbortController();
  const call = create({ ...write(), signal: controller.signal });
  await vi.waitFor(() => expect(bench.engine.counts()[operation]).toBe(1), 5_000);
  controller.abort();
  expect(await call).toMatchObject({ kind: 'Unknown', error: { code: 'Aborted' } });
});

describe('what came of a creation', () => {
  test('that failed: the id stands for the active entry again, and the events say so', async () => {
    bench.engine.faults.add({ operation, kind: 'operation-failed' });
    bench.engine.faults.add({ operation, kind: 'duration', seconds: 1_000 });
    const { snapshot, token = '' } = must(await create());
    expect(await stateOf(token)).toBe('Running');
    await ends(token, 'Failed');
    expect(must(await bench.provider.getOperation(token, read()))).toMatchObject({
      failure: { kind: 'Failed', error: { code: 'Event69', message: expect.stringContaining('web') } },
    });
    expect(await bench.provider.getSnapshot(refOf(snapshot), {}, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Object',
      error: { message: expect.stringContaining('type active') },
    });
    expect(must(await list())).toEqual([]);
  });

  test.each([69, 68])('that left a snapshot behind, and ended with event %i', async (finalEvent) => {
    bench.engine.faults.add({ operation, kind: 'operation-failed', leaves: 'snapshot', finalEvent });
    const { snapshot, token = '' } = must(await create());
    await ends(token, 'Failed');
    expect(must(await bench.provider.getSnapshot(refOf(snapshot), {}, read()))).toMatchObject({
      state: 'Succeeded',
      name: markedName(),
    });
    expect(must(await bench.provider.getOperation(token, read()))).toMatchObject({
      failure: { transient: false },
    });
  });

  test('that could not begin', async () => {
    bench.engine.faults.add({ operation, kind: 'start-failed' });
    const call = write();
    expect(await create(call)).toMatchObject({ kind: 'Unknown' });
    const token = bench.provider.attemptToken(target(), call.correlationID ?? '');
    expect(must(await bench.provider.getOperation(token ?? '', read()))).toMatchObject({
      state: 'Failed',
      failure: { error: { code: 'Event117' } },
    });
  });

  test('whose events cannot be found: its job, the lock, and then nothing', async () => {
    bench.engine.faults.add({ operation, kind: 'events-lost' });
    bench.engine.faults.add({ operation, kind: 'duration', seconds: 1_000 });
    const { snapshot, token = '' } = must(await create());
    expect(await stateOf(token)).toBe('Running');
    await ends(token, 'None');
    expect(must(await bench.provider.getSnapshot(refOf(snapshot), {}, read())).state).toBe('Succeeded');
  });

  test.each(['3.6.13', '4.1.9'])('the same on %s, whose jobs cannot be searched', async (version) => {
    await restart({ version });
    bench.engine.faults.add({ operation, kind: 'events-lost' });
    bench.engine.faults.add({ operation, kind: 'duration', seconds: 1_000 });
    const { token = '' } = must(await create());
    expect(await stateOf(token)).toBe('Running');
    await ends(token, 'None');
    expect(bench.engine.contractViolations).toEqual([]);
  });

  test('without freezing, and without its memory', async () => {
    bench.engine.faults.add({ operation, kind: 'freeze-failed' });
    const frozen = must(await create());
    await ends(frozen.token ?? '', 'Succeeded');
    expect(must(await bench.provider.getOperation(frozen.token ?? '', read())).indications).toMatchObject([
      { type: 'QuiesceFailed', message: expect.stringMatching(/freeze/i) },
    ]);
    bench.engine.faults.clear();
    bench.engine.faults.add({ operation, kind: 'memory-not-saved' });
    await vi.waitFor(async () => {
      const { snapshot, token = '' } = must(await create(write(), { name: markedName(2), memory: true }));
      await ends(token, 'Succeeded');
      expect(must(await bench.provider.getOperation(token, read())).indications).toMatchObject([
        { type: 'Partial' },
      ]);
      expect(must(await bench.provider.getSnapshot(refOf(snapshot), {}, read())).memory).toBe(false);
    }, 10_000);
  });
});

describe('what came of a removal', () => {
  test.each([
    ['failed', undefined, { state: 'Succeeded', vendorState: 'ok' }],
    ['left a disk illegal', 'illegal-disk', { state: 'Failed', vendorState: 'ok, with illegal disks: root' }],
  ] as const)('that %s', async (_name, leaves, seen) => {
    const { engine, vm, provider } = bench;
    const snapshot = engine.addSnapshot({ vmId: vm.id, description: 'x' });
    const fault = { operation: 'Snapshots_Delete', kind: 'operation-failed' } as const;
    engine.faults.add(leaves === undefined ? fault : { ...fault, leaves });
    engine.faults.add({ operation: 'Snapshots_Delete', kind: 'duration', seconds: 1_000 });
    const { token = '' } = must(await provider.deleteSnapshot(refOf(snapshot), write()));
    expect(must(await provider.getSnapshot(refOf(snapshot), {}, read())).state).toBe('Locked');
    await ends(token, 'Failed');
    expect(must(await provider.getSnapshot(refOf(snapshot), {}, read()))).toMatchObject(seen);
  });
});

describe('a removal of whose end nothing is told', () => {
  const begun = () => {
    const correlationId = crypto.randomUUID();
    bench.engine.world.events.write(342, { vm: bench.vm, correlationId });
    return operationToken({ kind: 'delete', vmID: bench.vm.id, correlationID: correlationId });
  };
  test.each([
    ['is under way while the snapshot is locked', 'locked', 'Running'],
    ['is over when nothing is locked any more', 'ok', 'None'],
  ] as const)('%s', async (_name, status, state) => {
    bench.engine.addSnapshot({ vmId: bench.vm.id, description: 'x', status });
    expect(await stateOf(begun())).toBe(state);
  });
});

describe('a VM as it is inspected', () => {
  test('names disks that cannot be used', async () => {
    bench.engine.updateDisk(bench.disks[1] ?? '', { status: 'illegal' });
    expect(must(await bench.provider.inspectVM(bench.vm.id, read()))).toMatchObject({
      damaged: 'disks are illegal: data',
    });
  });

  test('is not free while a snapshot is in a state that nobody knows', async () => {
    const body = {
      snapshot: [
        { id: crypto.randomUUID(), snapshot_type: 'active', snapshot_status: 'ok' },
        {
          id: crypto.randomUUID(),
          snapshot_type: 'regular',
          snapshot_status: 'compacting',
          description: 'x',
        },
      ],
    };
    bench.engine.faults.add({ operation: 'Snapshots_List', kind: 'respond', status: 200, body });
    expect(must(await bench.provider.inspectVM(bench.vm.id, read())).busy).toMatch(
      /'compacting', which is not known/,
    );
  });
});

describe('what came of a restore', () => {
  const restore = async (fault: OvirtFault) => {
    const { engine, vm, provider } = bench;
    const snapshot = engine.addSnapshot({ vmId: vm.id, description: 'x' });
    engine.updateVm(vm.id, { status: 'down' });
    engine.faults.add({ operation: 'Snapshots_Restore', ...fault });
    const call = write();
    const wanted = { ...target(), vmID: vm.id, snapshotID: snapshot.id };
    const outcome = await provider.restoreSnapshot(wanted, call);
    return { snapshot, outcome, token: provider.restoreToken(wanted, call.correlationID ?? '') ?? '' };
  };

  test('whose preview failed, although it was answered as complete', async () => {
    const { outcome, token } = await restore({ kind: 'preview-failed' });
    expect(outcome.kind).toBe('Pending');
    await ends(token, 'Failed');
    expect(must(await bench.provider.inspectVM(bench.vm.id, read()))).not.toHaveProperty('previewOf');
  });

  test.each<OvirtFault>([{ kind: 'commit-refused' }, { kind: 'commit-failed' }])(
    'that ended between preview and commit: %o',
    async (fault) => {
      const { snapshot, outcome, token } = await restore(fault);
      expect(outcome.kind).toBe(fault.kind === 'commit-refused' ? 'Conflict' : 'Pending');
      await ends(token, 'Failed');
      expect(must(await bench.provider.inspectVM(bench.vm.id, read()))).toMatchObject({
        previewOf: snapshot.id,
      });
      must(await bench.provider.undoPreview(bench.vm.id, write()));
    },
  );
});

describe('an engine from before 3.3, which answers 400 to every refusal', () => {
  beforeEach(() => restart({ version: '3.1.0' }));
  test('is busy for now', async () => {
    bench.engine.updateVm(bench.vm.id, { status: 'image_locked' });
    expect(await create()).toMatchObject({
      kind: 'Conflict',
      retry: 'Later',
      error: { status: 400, message: expect.stringContaining('image_locked') },
    });
  });
  test('says why it never will', async () => {
    const snapshot = bench.engine.addSnapshot({ vmId: bench.vm.id, description: 'x' });
    const wanted = { ...target(), vmID: bench.vm.id, snapshotID: snapshot.id };
    expect(await bench.provider.restoreSnapshot(wanted, write())).toMatchObject({
      kind: 'Conflict',
      retry: 'Never',
      error: { status: 400, message: expect.stringContaining('must be down') },
    });
  });
});

describe('a refusal for how things stand', () => {
  const prepared: [string, () => unknown, object][] = [
    [
      'a snapshot that is being made',
      () => {
        bench.engine.faults.add({ operation, kind: 'operation-stuck', times: 1 });
        return create();
      },
      { kind: 'Conflict', retry: 'Later' },
    ],
    [
      'a VM that is locked',
      () => bench.engine.updateVm(bench.vm.id, { status: 'image_locked' }),
      { kind: 'Conflict', retry: 'Later' },
    ],
    [
      'a migration',
      () => bench.engine.updateVm(bench.vm.id, { status: 'migrating' }),
      { kind: 'Conflict', retry: 'Later' },
    ],
    [
      'a backup, which nothing shows',
      () => bench.engine.updateVm(bench.vm.id, { duringBackup: true }),
      { kind: 'Conflict', retry: 'Later' },
    ],
    [
      'a lock that outlives its work',
      () => bench.engine.updateVm(bench.vm.id, { lock: 'create' }),
      { kind: 'Conflict', retry: 'Later' },
    ],
    [
      'a disk that is locked',
      () => bench.engine.updateDisk(bench.disks[1] ?? '', { status: 'locked' }),
      { kind: 'Conflict', retry: 'Later', error: { message: expect.stringContaining('data') } },
    ],
    [
      'a disk that is illegal, answered with 500',
      () => bench.engine.updateDisk(bench.disks[1] ?? '', { status: 'illegal' }),
      { kind: 'Conflict', retry: 'Never', error: { message: expect.stringContaining('data') } },
    ],
    [
      'want of space',
      () =>
        bench.engine.updateStorageDomain([...bench.engine.world.storageDomains.keys()][0] ?? '', {
          availableBytes: 1,
        }),
      { kind: 'LimitReached', limit: 'Quota' },
    ],
    [
      'want of quota',
      () => bench.engine.faults.add({ operation, kind: 'refused', key: 'QUOTA_STORAGE_LIMIT_EXCEEDED' }),
      { kind: 'LimitReached', limit: 'Quota' },
    ],
    [
      'want of a permission',
      () =>
        bench.engine.putUser({
          name: bench.engine.username,
          password: bench.engine.password,
          permissions: [],
        }),
      { kind: 'Denied', cause: 'Permission' },
    ],
    ['a VM that is gone', () => bench.engine.removeVm(bench.vm.id), { kind: 'NotFound', what: 'Parent' }],
  ];
  test.each(prepared)('%s', async (_name, prepare, expected) => {
    await prepare();
    expect(await create(write(), { name: markedName(2) })).toMatchObject(expected);
  });

  test('memory of a VM with passed-through devices', async () => {
    bench.engine.updateVm(bench.vm.id, { passthroughDevices: true });
    expect(await create(write(), { memory: true })).toMatchObject({ kind: 'Unsupported' });
  });

  test('a restore of a VM that is up', async () => {
    const { engine, vm, provider } = bench;
    const { id } = engine.addSnapshot({ vmId: vm.id, description: 'x' });
    expect(
      await provider.restoreSnapshot({ ...target(), vmID: vm.id, snapshotID: id }, write()),
    ).toMatchObject({
      kind: 'Conflict',
      retry: 'Never',
      error: { message: expect.stringContaining('must be down') },
    });
  });

  test('a second removal while the first is at work', async () => {
    const snapshot = bench.engine.addSnapshot({ vmId: bench.vm.id, description: 'x' });
    bench.engine.faults.add({ operation: 'Snapshots_Delete', kind: 'operation-stuck' });
    must(await bench.provider.deleteSnapshot(refOf(snapshot), write()));
    expect(await bench.provider.deleteSnapshot(refOf(snapshot), write())).toMatchObject({
      kind: 'Conflict',
      retry: 'Later',
    });
  });
});

describe('what is gone, and what only looks so', () => {
  test('a VM that was removed', async () => {
    const { engine, vm, provider } = bench;
    const snapshot = engine.addSnapshot({ vmId: vm.id, description: 'x' });
    expect(must(await provider.isContainerGone(vm.id, read()))).toBe(false);
    engine.removeVm(vm.id);
    expect(await provider.getVM({ id: vm.id }, read())).toMatchObject({ kind: 'NotFound', what: 'Object' });
    expect(await provider.getVM({ name: 'web' }, read())).toMatchObject({ kind: 'NotFound', what: 'Object' });
    expect(await list()).toMatchObject({ kind: 'NotFound', what: 'Parent' });
    expect(await provider.getSnapshot(refOf(snapshot), {}, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Parent',
    });
    expect(must(await provider.isContainerGone(vm.id, read()))).toBe(true);
  });

  test('a VM that the user may not see any longer', async () => {
    const { engine, vm, provider } = bench;
    const { username: name, password } = engine;
    engine.putUser({ name, password, admin: false, vms: [vm.id] });
    must(await provider.getVM({ id: vm.id }, read()));
    engine.putUser({ name, password, admin: false, vms: [] });
    expect(await list()).toMatchObject({ kind: 'NotFound' });
    expect(await provider.isContainerGone(vm.id, read())).toMatchObject({
      kind: 'Denied',
      cause: 'Permission',
    });
  });

  test('a page in place of a VM proves nothing', async () => {
    bench.engine.faults.add({ operation: 'Vms_Get', kind: 'error-body', status: 404, form: 'html' });
    expect(await list()).toMatchObject({ kind: 'NotFound', what: 'Unproven' });
    expect(await bench.provider.isContainerGone(bench.vm.id, read())).toMatchObject({ kind: 'Unavailable' });
  });

  test('a snapshot of another VM', async () => {
    const { engine, provider } = bench;
    const other = engine.addVm({ name: 'other' });
    const snapshot = engine.addSnapshot({ vmId: other.id, description: 'x' });
    const broken = engine.addSnapshot({ vmId: other.id, description: 'y', hasConfiguration: false });
    for (const one of [snapshot, broken]) {
      expect(await provider.getSnapshot(refOf(one), {}, read())).toMatchObject({
        kind: 'NotFound',
        what: 'Unproven',
      });
    }
  });

  test('a snapshot without a configuration cannot be restored from', async () => {
    const { engine, vm, provider } = bench;
    const snapshot = engine.addSnapshot({ vmId: vm.id, description: 'x', hasConfiguration: false });
    expect(must(await provider.getSnapshot(refOf(snapshot), {}, read()))).toMatchObject({
      state: 'Failed',
      vendorState: 'ok, without a configuration',
    });
  });

  test.each([
    // The active entry comes last in v4; in v3 it is first, and a list without the last one looks whole.
    ['4.5.4', [{ kind: 'list-incomplete', omit: 1 }, { kind: 'list-not-found' }]],
    ['3.6.13', [{ kind: 'list-incomplete', omit: 3 }, { kind: 'list-not-found' }]],
  ] as const)('a list that lacks entries or fails for a moment, on %s', async (version, faults) => {
    await restart({ version });
    const { engine, vm } = bench;
    const first = engine.addSnapshot({ vmId: vm.id, description: 'one' });
    engine.addSnapshot({ vmId: vm.id, description: 'two', status: 'locked' });
    for (const fault of faults) {
      engine.faults.clear();
      engine.faults.add({ operation: 'Snapshots_List', times: 1, ...fault });
      expect(must(await list()).map(({ description }) => description)).toEqual(['one', 'two']);
    }
    engine.faults.clear();
    engine.faults.add({ operation: 'Snapshots_List', kind: 'list-not-found' });
    expect(await list()).toMatchObject({ kind: 'Unavailable' });
    const ref = refOf({ id: crypto.randomUUID() });
    expect(await bench.provider.getSnapshot(ref, {}, read())).toMatchObject({ kind: 'Unavailable' });
    expect(first.status).toBe('ok');
  });

  test('a list that always lacks its active entry is no list', async () => {
    bench.engine.faults.add({ operation: 'Snapshots_List', kind: 'list-incomplete', omit: 1 });
    expect(await list()).toMatchObject({ kind: 'Unavailable', error: { code: 'IncompleteList' } });
  });

  test('an engine whose list below an absent VM is a 404', async () => {
    await restart({ behaviour: { listOfUnknownVm: 'not-found' } });
    const containerID = crypto.randomUUID();
    expect(await bench.provider.listSnapshots(containerID, read())).toMatchObject({
      kind: 'NotFound',
      what: 'Parent',
    });
    expect(must(await bench.provider.isContainerGone(containerID, read()))).toBe(true);
  });
});

describe('names', () => {
  test('several VMs of one name are told by their ids', async () => {
    const { engine, vm, provider } = bench;
    const { id } = engine.addVm({ name: 'web' });
    const outcome = await provider.getVM({ name: 'web' }, read());
    expect(outcome).toMatchObject({ kind: 'Invalid', error: { code: 'AmbiguousSource' } });
    for (const one of [vm.id, id]) expect(JSON.stringify(outcome)).toContain(one);
  });

  test.each(['*', 'web*', 'w%', 'web?', 'web" or name="x', '', "a'b", 'a\\b'])(
    '%j is refused',
    async (name) => {
      expect(await bench.provider.getVM({ name }, read())).toMatchObject({ kind: 'Invalid' });
      expect(bench.engine.counts().Vms_List).toBeUndefined();
    },
  );

  test.each(['WEB', 'we', 'web or name=other'])('%j is another VM', async (name) => {
    bench.engine.addVm({ name: 'other' });
    expect(await bench.provider.getVM({ name }, read())).toMatchObject({ kind: 'NotFound' });
  });

  test('what is no id goes into no path', async () => {
    const { provider, vm } = bench;
    must(await provider.probe(read()));
    bench.engine.resetCounts();
    for (const id of ['..', 'x/../../y', `${vm.id}/snapshots`, '', 'a;b']) {
      for (const outcome of [
        await provider.getVM({ id }, read()),
        await provider.listSnapshots(id, read()),
        await provider.getSnapshot({ id, containerID: vm.id }, {}, read()),
        await provider.deleteSnapshot({ id, containerID: vm.id }, write()),
        await provider.createSnapshot(target({ containerID: id }), write()),
        await provider.createSnapshot(target({ includeDiskIDs: [id] }), write()),
        await provider.startVM(id, write()),
        await provider.listInventory({ storageDomain: id }, 5, read()),
        await provider.createVM(
          { containerID: vm.id, snapshotID: id, name: markedName(), vmName: 'x', cluster: 'y' },
          write(),
        ),
      ]) {
        expect(outcome).toMatchObject({ kind: 'Invalid' });
      }
      expect(await provider.getOperation(id, read())).toMatchObject({ kind: 'Invalid' });
    }
    expect(bench.engine.requests).toEqual([]);
  });

  test('a VM among many is found over all pages', async () => {
    for (let index = 0; index < 230; index++) bench.engine.addVm({ name: `vm-${index}`, disks: [] });
    bench.engine.addVm({ name: 'zz', description: `[${markedName(3)}]` });
    expect(must(await bench.provider.findMarkedVMs('keyframe-c1-', read()))).toMatchObject([{ name: 'zz' }]);
    expect(bench.engine.counts().Vms_List).toBe(4);
    expect(bench.engine.contractViolations).toEqual([]);
  });
});

test('disks that can be in no snapshot say why, and Cinder disks that they are', async () => {
  const { engine, provider } = bench;
  const vm = engine.addVm({
    name: 'mixed',
    disks: [{}, { storageType: 'lun' }, { shareable: true }, { readOnly: true }, { storageType: 'cinder' }],
  });
  const { disks } = must(await provider.getVM({ id: vm.id }, read()));
  expect(disks.map(({ excluded, cinder }) => excluded ?? cinder)).toEqual([
    undefined,
    'it is a direct LUN',
    'it is shareable',
    'the VM has it read-only',
    true,
  ]);
});

test('a description keeps its mark, whatever people wrote, and only what an engine takes', async () => {
  const description = `nightly – “büro” 😀 ${'x'.repeat(5_000)}`;
  must(await create(write(), { description }));
  const [snapshot] = must(await list());
  expect(snapshot?.name).toBe(markedName());
  expect(snapshot?.description).toMatch(/^nightly \? \?büro\? \? x+ \[keyframe-/);
  expect(snapshot?.description).toHaveLength(4_000);
});

test('the newest of all events is that of the highest id, in whatever order and number they come', async () => {
  const body = { event: [3, 17, 5].map((id) => ({ id, code: 30, description: 'x' })) };
  bench.engine.faults.add({ operation: 'Events_List', kind: 'respond', status: 200, body });
  expect(await bench.provider.changes?.(undefined, read())).toMatchObject({ value: { cursor: '17' } });
});

test('more events than are read at once say that anything may have moved', async () => {
  const { provider, engine } = bench;
  const { cursor = '' } = must(
    (await provider.changes?.(undefined, read())) ?? { kind: 'Done', value: { cursor: '', vmIDs: [] } },
  );
  for (let index = 0; index < 600; index++) engine.world.events.write(30, { user: 'someone' });
  expect(
    must((await provider.changes?.(cursor, read())) ?? { kind: 'Done', value: { cursor: '', vmIDs: [] } }),
  ).toEqual({
    cursor: String(engine.events().at(-1)?.id),
    vmIDs: [],
    everything: true,
  });
});

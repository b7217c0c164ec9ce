import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import type { OvirtFaultRule } from '../../simulators/ovirt/faults.ts';
import type { VmSpec } from '../../simulators/ovirt/seeds.ts';
import type { OvirtSimulator } from '../../simulators/ovirt/simulator.ts';
import { createdFor, engineProvider, snapshotsOf, startEngine } from '../../support/engine.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('engine');
  await stage.operator();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const take = (vm: string, spec: object = {}, name = vm, provider = 'engine') =>
  stage.snapshot(namespace, name, vm, { providerRef: { name: provider }, ...spec });
const becomes = (name: string, reason: string, deadlineMs?: number) =>
  stage.reason('VMSnapshot', namespace, name, reason, deadlineMs);
const remove = async (name: string) => {
  await stage.removed('VMSnapshot', namespace, name);
};
const uidOf = (object: AnyObject) => object.metadata.uid ?? '';

describe('a VMSnapshot on an engine of today', () => {
  let engine: OvirtSimulator;
  const vm = (name: string, spec: Partial<VmSpec> = {}) => engine.addVm({ name, disks: [{}, {}], ...spec });
  /** Lets a fault hit the next creation of a VM's snapshot. */
  const onCreate = (vmID: string, fault: OvirtFaultRule) =>
    engine.faults.add({ ...fault, operation: 'Snapshots_Create', path: vmID, times: 1 } as OvirtFaultRule);

  beforeAll(async () => {
    engine = await startEngine({ durations: { lockLingersSeconds: 20 } });
    await engineProvider(stage, engine, namespace);
    const provider = await stage.reason('VMProvider', namespace, 'engine', 'Available');
    expect(provider.status?.product).toMatchObject({
      version: expect.stringMatching(/^4\.5\.4/),
      apiVersion: expect.stringMatching(/4/),
    });
    expect(provider.status?.endpointID).toMatch(/^ovirt:127\.0\.0\.1:\d+\/ovirt-engine$/);
  });
  afterAll(async () => {
    expect(await leaks(stage, [engine.password])).toEqual([]);
    expect(engine.contractViolations).toEqual([]);
    expect(engine.vms().filter(({ frozen, inPreview }) => frozen || inPreview)).toEqual([]);
    await engine.close();
  });

  it('is taken, says what it holds, and is merged away with its object', async () => {
    const web = vm('whole');
    const asked = await take('whole', { description: 'before the upgrade' });
    const object = await becomes('whole', 'Available');
    const { status } = object;
    expect(kstatus(object)).toBe('Current');
    const [snapshot, ...others] = snapshotsOf(engine, uidOf(asked));
    expect(others).toEqual([]);
    expect(snapshot).toMatchObject({
      type: 'regular',
      status: 'ok',
      persistMemory: false,
      description: expect.stringMatching(/^before the upgrade \[keyframe-test-[0-9a-f-]+-1\]$/),
    });
    expect(status).toMatchObject({
      provisioningState: 'Succeeded',
      readyToUse: true,
      snapshotID: snapshot?.id,
      vm: { id: web.id, name: 'whole' },
      consistency: {
        level: 'FileSystem',
        indications: expect.arrayContaining([expect.objectContaining({ type: 'GuestQuiesced' })]),
      },
      vendor: { provisioningState: 'ok' },
    });
    expect(status?.disks).toHaveLength(2);
    expect(Date.parse(status?.creationTime)).toBeCloseTo(snapshot?.date ?? 0, -4);
    expect(object.metadata.finalizers).toHaveLength(1);
    await remove('whole');
    expect(snapshotsOf(engine, uidOf(asked))).toEqual([]);
    expect(createdFor(engine, uidOf(asked))).toBe(1);
  });

  it('takes no more writes than it has to', async () => {
    vm('quiet');
    await take('quiet');
    await becomes('quiet', 'Available');
    const writes = (await stage.writes('VMSnapshot', namespace)).filter(({ name }) => name === 'quiet');
    expect(writes.map(({ part }) => part)).toEqual(['metadata', 'status', 'status']);
  });

  it('holds the memory and two of three disks where that is asked for', async () => {
    const three = vm('three', { disks: [{ alias: 'os' }, { alias: 'data' }, { alias: 'scratch' }] });
    const asked = await take('three', { memory: 'Include', disks: { mode: 'Exclude', ids: ['scratch'] } });
    const { status } = await becomes('three', 'Available');
    const [snapshot] = snapshotsOf(engine, uidOf(asked));
    expect(snapshot).toMatchObject({ persistMemory: true });
    expect(snapshot?.diskIds).toHaveLength(2);
    expect(status?.consistency).toMatchObject({
      level: 'Crash',
      indications: expect.arrayContaining([
        { type: 'Partial', message: 'left away: scratch' },
        expect.objectContaining({ type: 'MemoryIncluded' }),
      ]),
    });
    expect(three.id).toBe(status?.vm.id);
  });

  it('whose creation fails, so that its id is the active entry’s again, is made anew', async () => {
    // Of a VM that is off: that of a running one may not be tried again without a restart of the VM (event 170).
    const { id } = vm('fails', { status: 'down' });
    onCreate(id, { kind: 'operation-failed', leaves: 'nothing' });
    const asked = await take('fails');
    const { status } = await becomes('fails', 'Available');
    expect(createdFor(engine, uidOf(asked))).toBe(2);
    expect(snapshotsOf(engine, uidOf(asked))).toMatchObject([{ id: status?.snapshotID, status: 'ok' }]);
  });

  it('that a failed creation left behind with status ok is not called ready, but removed', async () => {
    const { id } = vm('leftover');
    onCreate(id, { kind: 'operation-failed', leaves: 'snapshot' });
    const asked = await take('leftover');
    const failed = await becomes('leftover', 'CreationFailed');
    expect(failed.status?.readyToUse).toBe(false);
    expect(ready(failed)?.message).toMatch(/VM restart is recommended/);
    await waitFor(
      'what was left to be removed',
      async () => snapshotsOf(engine, uidOf(asked)).length === 0 || undefined,
    );
    expect(createdFor(engine, uidOf(asked))).toBe(1);
  });

  it('whose answer was lost is found by its mark, and not made twice', async () => {
    const { id } = vm('lost');
    onCreate(id, { kind: 'lost-answer' } as OvirtFaultRule);
    const asked = await take('lost');
    await becomes('lost', 'Available');
    expect(createdFor(engine, uidOf(asked))).toBe(1);
  });

  it('of a guest that could not be frozen says so, and falls short where that is required', async () => {
    vm('agentless', { guestAgent: false });
    await take('agentless', {}, 'agentless-prefers');
    const { status } = await becomes('agentless-prefers', 'Available');
    expect(status?.consistency.level).toBe('Crash');
    expect(status?.consistency.indications).toContainEqual(
      expect.objectContaining({ type: 'QuiesceFailed' }),
    );
    const asked = await take('agentless', { consistency: { level: 'FileSystem', policy: 'Require' } });
    const failed = await becomes('agentless', 'ConsistencyNotMet');
    expect(ready(failed)?.message).toMatch(/requires FileSystem, and Crash was achieved/);
    await waitFor(
      'the snapshot to be removed',
      async () => snapshotsOf(engine, uidOf(asked)).length === 0 || undefined,
    );
  });

  it('of Cinder disks is taken with the guest frozen, which is thawed whatever comes of it', async () => {
    const disks = [{ storageType: 'cinder' as const }];
    const frozen = vm('cinder', { disks });
    await take('cinder', { ovirt: { freeze: 'Always' } });
    await becomes('cinder', 'Available');
    const done = (id: string) =>
      engine
        .effects()
        .filter(({ vmId }) => vmId === id)
        .map(({ effect }) => effect);
    expect(done(frozen.id)).toEqual(expect.arrayContaining(['frozen', 'snapshot-created', 'thawed']));
    const fails = vm('cinder-fails', { disks });
    onCreate(fails.id, { kind: 'start-failed' });
    await take('cinder-fails', { ovirt: { freeze: 'Always' } });
    await becomes('cinder-fails', 'Available');
    expect(
      done(fails.id).filter((effect) => effect === 'frozen' || effect === 'thawed').length,
    ).toBeGreaterThanOrEqual(4);
    // By itself it is frozen by the engine alone, which leaves it so.
    const left = vm('cinder-left', { disks });
    await take('cinder-left');
    const { status } = await becomes('cinder-left', 'Available');
    expect(status?.consistency.level).toBe('FileSystem');
    expect(done(left.id)).not.toContain('frozen');
    expect(done(left.id)).toContain('thawed');
    expect(engine.vms().filter((candidate) => candidate.frozen)).toEqual([]);
  });

  it('is not bracketed for ordinary disks, which the host freezes itself', async () => {
    vm('ordinary');
    await take('ordinary', { ovirt: { freeze: 'Always' } });
    expect(ready(await becomes('ordinary', 'UnsupportedByProvider'))?.message).toMatch(
      /the host freezes the guest itself/,
    );
  });

  it('waits for its turn while another one of the VM is at work, here or elsewhere', async () => {
    const { id } = vm('busy');
    engine.updateVm(id, { lock: 'somebody else' });
    const first = await take('busy', {}, 'busy-1');
    await stage.reason('VMSnapshot', namespace, 'busy-1', 'ConcurrentOperation');
    engine.updateVm(id, { lock: null });
    await Promise.all([2, 3].map((nth) => take('busy', {}, `busy-${nth}`)));
    await Promise.all([1, 2, 3].map((nth) => becomes(`busy-${nth}`, 'Available')));
    expect(createdFor(engine, uidOf(first))).toBe(1);
    // Merged away one after the other, too.
    await Promise.all([1, 2, 3].map((nth) => remove(`busy-${nth}`)));
    expect(engine.snapshots(id).filter(({ type }) => type === 'regular')).toEqual([]);
  });

  it('whose merge fails stays, says what the engine said, and is merged later', async () => {
    const { id } = vm('merge');
    const asked = await take('merge');
    await becomes('merge', 'Available');
    engine.faults.add({
      kind: 'operation-failed',
      operation: 'Snapshots_Delete',
      path: id,
      times: 1,
    } as OvirtFaultRule);
    await stage.remove('VMSnapshot', namespace, 'merge');
    const blocked = await becomes('merge', 'DeletionBlocked');
    expect(ready(blocked)?.message).toMatch(/merge|remov/i);
    expect(snapshotsOf(engine, uidOf(asked))).toHaveLength(1);
    await stage.annotate('VMSnapshot', namespace, 'merge', { 'keyframe.dev/reconcile-at': 'now' });
    await stage.gone('VMSnapshot', namespace, 'merge');
    expect(snapshotsOf(engine, uidOf(asked))).toEqual([]);
  });

  it('keeps the configuration of the VM in a ConfigMap, without its secrets', async () => {
    vm('configured', {
      initialization: { rootPassword: 'hunter2-root', hostName: 'web' } as VmSpec['initialization'],
    });
    await take('configured', { ovirt: { saveConfigurationTo: { configMapName: 'configured-ovf' } } });
    const { status } = await becomes('configured', 'Available');
    expect(status?.configuration).toEqual({ type: 'ovf', configMapName: 'configured-ovf' });
    const map = await stage.cluster.request<{ data: Record<string, string> }>(
      'GET',
      `/api/v1/namespaces/${namespace}/configmaps/configured-ovf`,
    );
    expect(map.data['configuration.ovf']).toMatch(/<\?xml|<ovf:Envelope/);
    expect(JSON.stringify(map)).not.toContain('hunter2');
  });

  it('that somebody else removed is missing, whoever has its id now', async () => {
    const { id } = vm('gone');
    await take('gone');
    const { status } = await becomes('gone', 'Available');
    engine.removeSnapshot(status?.snapshotID);
    engine.addSnapshot({ id: status?.snapshotID, vmId: id, description: 'of somebody else' });
    await stage.annotate('VMSnapshot', namespace, 'gone', { 'keyframe.dev/reconcile-at': 'look' });
    const missing = await becomes('gone', 'SnapshotMissing');
    expect(missing.status?.readyToUse).toBe(false);
    await remove('gone');
    expect(engine.snapshots(id).filter(({ type }) => type === 'regular')).toHaveLength(1);
  });

  it('is adopted with its VM, and left where it is', async () => {
    const { id } = vm('adopted');
    const theirs = engine.addSnapshot({ vmId: id, description: 'by hand' });
    await stage.make('VMSnapshot', namespace, 'adopted', {
      providerRef: { name: 'engine' },
      source: { existing: { id: theirs.id, vm: { id } } },
    });
    const { status } = await becomes('adopted', 'Available');
    expect(status).toMatchObject({
      snapshotID: theirs.id,
      deletionPolicy: 'Retain',
      fingerprint: expect.any(String),
    });
    await remove('adopted');
    expect(engine.snapshots(id).map(({ description }) => description)).toContain('by hand');
  });

  it('goes on when the engine ends every login in the middle of it', async () => {
    vm('logins');
    const asked = await take('logins');
    await stage.reason('VMSnapshot', namespace, 'logins', 'Provisioning');
    engine.dropLogins();
    await becomes('logins', 'Available');
    expect(createdFor(engine, uidOf(asked))).toBe(1);
  });

  it.each([
    ['a VM that is not there', { source: { vm: { name: 'nobody' } } }, 'SourceNotFound', /nobody/],
    ['a VM whose name two have', { source: { vm: { name: 'twin' } } }, 'AmbiguousSource', /twin/],
    [
      'a name with a wildcard',
      { source: { vm: { name: 'tw*' } } },
      'SourceNotFound|InvalidSpec|CreationFailed',
      /tw\*/,
    ],
    [
      'a display name',
      { displayName: 'x', source: { vm: { name: 'whole' } } },
      'UnsupportedByProvider',
      /spec\.displayName/,
    ],
  ])('of %s is refused with what to do', async (what, spec, reason, says) => {
    if (what.includes('two')) for (let count = 0; count < 2; count++) vm('twin');
    const name = what.toLowerCase().replace(/\W+/g, '-');
    await take('', spec, name);
    const object = await stage.until('VMSnapshot', namespace, name, `reason ${reason}`, (candidate) =>
      new RegExp(`^(${reason})$`).test(ready(candidate)?.reason ?? ''),
    );
    expect(ready(object)?.message).toMatch(says);
  });
});

describe('a provider of an engine', () => {
  it.each([
    ['a wrong password', { password: 'wrong' }, 'AuthenticationFailed'],
    ['a certificate of somebody else', { foreignCertificate: true }, 'ProviderUnavailable'],
  ])('with %s says so', async (_title, change, reason) => {
    await using engine = await startEngine(
      'foreignCertificate' in change ? { foreignCertificate: true } : {},
    );
    const name = reason.toLowerCase();
    const seen = 'password' in change ? { ...engine, password: 'wrong' } : engine;
    await engineProvider(stage, seen as OvirtSimulator, namespace, { name });
    const provider = await stage.reason('VMProvider', namespace, name, reason);
    expect(ready(provider)?.status).toBe('False');
    expect(await leaks(stage, [engine.password, 'wrong'])).toEqual([]);
  });
});

describe('a snapshot is taken and removed', () => {
  it.concurrent.for([
    { version: '3.1', auth: 'basic' },
    { version: '3.5', auth: 'session' },
    { version: '3.6', auth: 'session' },
    { version: '4.0', auth: 'oauth' },
    { version: '4.1', auth: 'oauth', apiVersion: 'V3' },
    { version: '4.3', auth: 'oauth' },
    { version: '4.3', auth: 'session', apiVersion: 'V3' },
    { version: '4.4', auth: 'oauth' },
  ] as const)('on an engine $version, by $auth', async ({ version, auth, ...rest }) => {
    await using engine = await startEngine({ version });
    const name = `engine-${version.replace('.', '-')}-${auth}-${'apiVersion' in rest ? 'v3' : 'auto'}`;
    engine.addVm({ name: 'web', disks: [{}, {}] });
    await engineProvider(stage, engine, namespace, { name, auth, ...rest });
    const asked = await take('web', {}, name, name);
    const { status } = await becomes(name, 'Available');
    expect(snapshotsOf(engine, uidOf(asked))).toMatchObject([
      { id: status?.snapshotID, persistMemory: false },
    ]);
    await remove(name);
    expect(snapshotsOf(engine, uidOf(asked))).toEqual([]);
    expect(createdFor(engine, uidOf(asked))).toBe(1);
    expect(engine.contractViolations).toEqual([]);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import type { SpfFaultRule } from '../../simulators/spf/faults.ts';
import { type Behaviour, defaultBehaviour } from '../../simulators/spf/options.ts';
import type { SpfSimulator } from '../../simulators/spf/simulator.ts';
import type { VmSpec } from '../../simulators/spf/state.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import {
  checkpointsOf,
  rowsMadeFor,
  type SpfAuth,
  type SpfDoor,
  spfCredentials,
  spfProvider,
  startSpf,
} from '../../support/spf.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('spf');
  await stage.operator();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const take = (vm: string, spec: object = {}, name = vm, provider = 'spf') =>
  stage.snapshot(namespace, name, vm, { providerRef: { name: provider }, ...spec });
const becomes = (name: string, reason: string, deadlineMs?: number) =>
  stage.reason('VMSnapshot', namespace, name, reason, deadlineMs);
const remove = async (name: string) => {
  await stage.removed('VMSnapshot', namespace, name);
};
const look = (name: string, token: string) =>
  stage.annotate('VMSnapshot', namespace, name, { 'keyframe.dev/reconcile-at': token });
const uidOf = (object: AnyObject) => object.metadata.uid ?? '';
const messageOf = (object: AnyObject) => ready(object)?.message ?? '';

describe('a VMProvider', () => {
  it.concurrent.for([
    { door: 'adminRoot', auth: 'basic', product: 'Service Provider Foundation' },
    { door: 'adminRoot', auth: 'ntlm', product: 'Service Provider Foundation' },
    { door: 'tenantRoot', auth: 'basic', product: 'Service Provider Foundation' },
    { door: 'tenantRoot', auth: 'ntlm', product: 'Service Provider Foundation' },
    { door: 'wapAdminRoot', auth: 'bearer', product: /by the admin API of Windows Azure Pack/ },
    { door: 'wapTenantRoot', auth: 'bearer', product: /by the tenant API of Windows Azure Pack/ },
    // Its port tells the tenants' public door from the other; the simulator's is another.
    { door: 'wapPublicRoot', auth: 'bearer', product: /by the tenant API of Windows Azure Pack/ },
    { door: 'wapPublicRoot', auth: 'clientCertificate', product: /by the tenant API/ },
  ] as const)('of $door takes and removes a checkpoint, by $auth', async ({ door, auth, product }) => {
    await using spf = await startSpf();
    const vm = spf.addVm({ name: 'web', ownerRole: spf.subscriptionId });
    const name = `${door}-${auth}`.toLowerCase();
    await spfProvider(stage, spf, namespace, { name, auth, door });
    const provider = await stage.reason('VMProvider', namespace, name, 'Available');
    expect(provider.status).toMatchObject({
      endpointID: `spf:${spf[door].slice('https://'.length, -1).toLowerCase()}`,
      product: { name: expect.stringMatching(product), apiVersion: 'SC2012R2' },
    });
    const asked = await take('web', {}, name, name);
    const { status } = await becomes(name, 'Available');
    expect(checkpointsOf(spf, uidOf(asked))).toMatchObject([{ id: status?.snapshotID, vmId: vm.id }]);
    await remove(name);
    expect(spf.checkpoints()).toEqual([]);
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
    expect(spf.everCreated()).toMatchObject([{ principal: 'keyframe@contoso.example' }]);
    expect(spf.contractViolations).toEqual([]);
    expect(await leaks(stage, Object.values(spfCredentials(spf, auth)).slice(-1))).toEqual([]);
  });

  it.concurrent.for<{ auth: SpfAuth; door: SpfDoor; credentials: Record<string, string> }>([
    { auth: 'basic', door: 'adminRoot', credentials: { username: 'nobody', password: 'wrong-password' } },
    { auth: 'ntlm', door: 'adminRoot', credentials: { username: 'nobody', password: 'wrong-password' } },
    { auth: 'bearer', door: 'wapAdminRoot', credentials: { token: 'wrong.token.entirely' } },
  ])(
    'with wrong credentials says so, by $auth, until they are right',
    async ({ auth, door, credentials }) => {
      await using spf = await startSpf();
      const name = `wrong-${auth}`;
      await spfProvider(stage, spf, namespace, { name, auth, door, credentials });
      const provider = await stage.reason('VMProvider', namespace, name, 'AuthenticationFailed');
      expect(ready(provider)?.status).toBe('False');
      expect(messageOf(provider)).toMatch(auth === 'bearer' ? /subscription|token|authenticat/i : /SPF_VMM/);
      expect(await leaks(stage, Object.values(credentials).slice(-1))).toEqual([]);
      await spfProvider(stage, spf, namespace, { name, auth, door });
      await stage.reason('VMProvider', namespace, name, 'Available');
    },
  );

  it('by a client certificate that nobody knows says so', async () => {
    await using spf = await startSpf();
    await using other = await startSpf();
    const credentials = spfCredentials(other, 'clientCertificate');
    const change = { name: 'strange-certificate', auth: 'clientCertificate', credentials } as const;
    await spfProvider(stage, spf, namespace, { ...change, door: 'wapPublicRoot' });
    await stage.reason('VMProvider', namespace, 'strange-certificate', 'AuthenticationFailed');
    const [, key = ''] = Object.values(credentials);
    expect(await leaks(stage, [key.split('\n')[1] ?? key])).toEqual([]);
  });

  it('that authenticates in a way that the door does not take is told which it takes', async () => {
    await using spf = await startSpf();
    await spfProvider(stage, spf, namespace, { name: 'wrong-way', auth: 'basic', door: 'wapAdminRoot' });
    const provider = await stage.reason('VMProvider', namespace, 'wrong-way', 'AuthenticationFailed');
    expect(messageOf(provider)).toMatch(/spec\.spf\.auth is basic, and the admin API .* takes bearer/);
  });

  it('whose account is not in the group of SPF is told so', async () => {
    await using spf = await startSpf({
      account: { user: 'outsider', password: 'right-password', mayUseSpf: false },
    });
    await spfProvider(stage, spf, namespace, { name: 'outsider' });
    const provider = await stage.reason('VMProvider', namespace, 'outsider', 'AuthenticationFailed');
    expect(messageOf(provider)).toMatch(/local group SPF_VMM/);
  });

  it('with a certificate of somebody else says so', async () => {
    await using spf = await startSpf({ foreignCertificate: true });
    await spfProvider(stage, spf, namespace, { name: 'foreign' });
    await stage.reason('VMProvider', namespace, 'foreign', 'ProviderUnavailable');
  });

  it('of another service of SPF’s is told which one is meant', async () => {
    await spfProvider(stage, await startSpf(), namespace, {
      name: 'usage',
      spec: {
        spf: {
          url: 'https://spf.example:8090/SC2012R2/Usage/Microsoft.Management.Odata.svc',
          principalID: 'x',
          auth: { basic: { secretRef: { name: 'usage' } } },
        },
      },
    });
    const provider = await stage.reason('VMProvider', namespace, 'usage', 'InvalidSpec');
    expect(messageOf(provider)).toMatch(/another service of SPF's; VMM's is at/);
  });
});

/** Each waits until it is proved that nothing came of a request, so that all are tried at once. */
describe('a request', () => {
  const shortOfRoom = {
    kind: 'job-failed',
    problem: 'VMM cannot complete the host operation because there is not enough space on the disk.',
    recommendedAction: 'Free some space on the host, and then try the operation again.',
  } as const;
  const cases: { title: string; fault: SpfFaultRule; behaviour?: Partial<Behaviour>; rows: number }[] = [
    { title: 'that is reset', fault: { kind: 'reset' }, rows: 1 },
    { title: 'that is never looked at', fault: { kind: 'hang' }, rows: 1 },
    { title: 'that ends in an error without an effect', fault: { kind: 'respond', status: 503 }, rows: 1 },
    {
      title: 'whose job fails and leaves a row',
      fault: shortOfRoom,
      behaviour: { failedCreateRow: 'left', afterFailure: 'CheckpointFailed' },
      rows: 2,
    },
    {
      title: 'whose job fails and leaves nothing',
      fault: shortOfRoom,
      behaviour: { failedCreateRow: 'removed', afterFailure: 'former-state' },
      rows: 2,
    },
    {
      title: 'whose job fails, which nothing but the task of the VM tells',
      fault: shortOfRoom,
      behaviour: { failedCreateRow: 'left', requestIdIsJob: false },
      rows: 2,
    },
  ];

  it.concurrent.for(cases)('$title is sent again when it is proved that nothing came of it', async (one) => {
    const { title, fault, behaviour = {}, rows } = one;
    await using spf = await startSpf({ behaviour });
    spf.faults.add({ ...fault, operation: 'VMCheckPoints_Create', times: 1 });
    const name = title.replace(/\W+/g, '-').toLowerCase();
    const { id } = spf.addVm({ name });
    await spfProvider(stage, spf, namespace, { name });
    const asked = await take(name, {}, name, name);
    const { status } = await becomes(name, 'Available');
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(rows);
    expect(spf.checkpoints()).toMatchObject([{ id: status?.snapshotID, vmId: id }]);
    expect(spf.contractViolations).toEqual([]);
    if (fault.kind !== 'job-failed') return;
    const event = await stage.event(namespace, name, 'ProgressingWithRetry');
    expect(event.note).toMatch(/not enough space on the disk.*Free some space on the host/);
  });
});

describe('a VMSnapshot', () => {
  let spf: SpfSimulator;
  const vm = (name: string, spec: Partial<VmSpec> = {}) =>
    spf.addVm({ name, ownerRole: spf.subscriptionId, ...spec });
  /** Lets a fault hit the next request that makes a checkpoint; what is made meanwhile is this test's. */
  const onCreate = (fault: SpfFaultRule) =>
    spf.faults.add({ ...fault, operation: 'VMCheckPoints_Create', times: 1 } as SpfFaultRule);
  const shortOfRoom = {
    kind: 'job-failed',
    problem: 'VMM cannot complete the host operation because there is not enough space on the disk.',
    recommendedAction: 'Free some space on the host, and then try the operation again.',
  } as const;
  /** Who is the parent of each checkpoint of a VM, by name. */
  const tree = (vmId: string) => {
    const rows = spf.checkpoints().filter((row) => row.vmId === vmId);
    const nameOf = (id: string | undefined) => rows.find((row) => row.id === id)?.name?.split(' ')[0];
    return Object.fromEntries(rows.map(({ id, parentId }) => [nameOf(id), nameOf(parentId)]));
  };

  beforeAll(async () => {
    spf = await startSpf();
    await spfProvider(stage, spf, namespace, { door: 'tenantRoot' });
    await stage.reason('VMProvider', namespace, 'spf', 'Available');
  });
  afterEach(() => {
    spf.behave(defaultBehaviour);
    spf.faults.clear();
    spf.updateTenant(spf.subscriptionId, {
      permissions: ['Checkpoint', 'Start', 'Stop', 'Shutdown', 'Save'],
      quotaReached: false,
    });
  });
  afterAll(async () => {
    expect(await leaks(stage, [spf.account.password])).toEqual([]);
    expect(spf.contractViolations).toEqual([]);
    await spf.close();
  });

  it('is made, says what it is, and is removed with its object', async () => {
    const web = vm('whole');
    const asked = await take('whole', { displayName: 'before', description: 'monthly patches' });
    const object = await becomes('whole', 'Available');
    const mark = `[keyframe-test-${uidOf(asked)}-1]`;
    const rows = checkpointsOf(spf, uidOf(asked));
    expect(rows).toMatchObject([
      { vmId: web.id, name: `before ${mark}`, description: `monthly patches ${mark}`, enabled: true },
    ]);
    expect(object.status).toMatchObject({
      provisioningState: 'Succeeded',
      readyToUse: true,
      snapshotID: rows[0]?.id,
      stampID: spf.stampId,
      vm: { id: web.id, name: 'whole' },
      description: 'monthly patches',
      vendor: { provisioningState: 'Enabled' },
    });
    expect(object.status).not.toHaveProperty('progress');
    expect(object.status).not.toHaveProperty('operation');
    expect(kstatus(object)).toBe('Current');
    const made = spf.effects().find(({ id, effect }) => id === rows[0]?.id && effect === 'checkpoint-made');
    expect(Date.parse(object.status?.completionTime)).toBeGreaterThanOrEqual((made?.time ?? NaN) - 1_000);
    await remove('whole');
    expect(checkpointsOf(spf, uidOf(asked))).toEqual([]);
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
  });

  it('bears the mark alone where it has no words of its own', async () => {
    vm('wordless');
    const asked = await take('wordless');
    await becomes('wordless', 'Available');
    const mark = `keyframe-test-${uidOf(asked)}-1`;
    expect(checkpointsOf(spf, uidOf(asked))).toMatchObject([{ name: mark, description: `[${mark}]` }]);
  });

  it('shows the percent of its job, and is ready only when that is done', async () => {
    const { id } = vm('slow', { createSeconds: 400 });
    const asked = await take('slow');
    const percents = new Set<number>();
    const object = await stage.until('VMSnapshot', namespace, 'slow', 'reason Available', (seen) => {
      const { progress, readyToUse } = seen.status ?? {};
      if (progress !== undefined) percents.add(progress.percent);
      const made = spf.checkpoints().some((row) => row.vmId === id && row.checkpointId !== undefined);
      expect(readyToUse !== true || made).toBe(true);
      return ready(seen)?.reason === 'Available';
    });
    const shown = [...percents];
    expect(shown.length).toBeGreaterThanOrEqual(3);
    expect(shown).toEqual(shown.toSorted((one, other) => one - other));
    expect(kstatus(object)).toBe('Current');
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
  });

  it('takes no more writes than it has to', async () => {
    // Done before the first interval of progress is over.
    vm('quiet', { createSeconds: 5 });
    await take('quiet');
    await becomes('quiet', 'Available');
    const writes = (await stage.writes('VMSnapshot', namespace)).filter(({ name }) => name === 'quiet');
    expect(writes.map(({ part }) => part)).toEqual(['metadata', 'status', 'status']);
  });

  it.each([
    ['is lost', { kind: 'lost-answer' }],
    ['never comes', { kind: 'hang', when: 'after-effect' }],
    ['is an error after the effect', { kind: 'respond', status: 500, when: 'after-effect' }],
    ['is about a checkpoint that shows late', { kind: 'late-effect', milliseconds: 500 }],
    ['names no job', { kind: 'no-job-id' }],
    ['is lost, and the checkpoint shows late', { kind: 'lost-answer', late: true }],
  ] as const)('whose answer %s is made once', async (title, { kind, ...rest }) => {
    const name = `answer-${title.replace(/\W+/g, '-')}`;
    const { id } = vm(name);
    onCreate({ kind, ...rest } as SpfFaultRule);
    if ('late' in rest) onCreate({ kind: 'late-effect', milliseconds: 700 });
    const asked = await take(name);
    await becomes(name, 'Available');
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
    expect(spf.checkpoints().filter((row) => row.vmId === id)).toHaveLength(1);
  });

  it('whose job fails for good says why and what to do, and leaves no row', async () => {
    vm('hopeless');
    onCreate({ ...shortOfRoom, code: 'VMHostIncompatible', displayableErrorCode: '10400' });
    const asked = await take('hopeless');
    const failed = await becomes('hopeless', 'CreationFailed');
    expect(messageOf(failed)).toMatch(/not enough space on the disk.*Free some space on the host/);
    expect(failed.status?.error).toMatchObject({ vendorCode: 'VMHostIncompatible' });
    expect(kstatus(failed)).toBe('Failed');
    await waitFor('the row to go', async () => checkpointsOf(spf, uidOf(asked)).length === 0 || undefined);
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
    await remove('hopeless');
  });

  it('that is not enabled is not ready until it is', async () => {
    vm('disabled');
    onCreate({ kind: 'disabled-checkpoint' });
    const asked = await take('disabled');
    await stage.until(
      'VMSnapshot',
      namespace,
      'disabled',
      'seen made, and not enabled',
      ({ status }) => status?.vendor?.provisioningState === 'not Enabled',
    );
    const object = await stage.get('VMSnapshot', namespace, 'disabled');
    expect(object.status).toMatchObject({ readyToUse: false });
    expect(ready(object)?.reason).toBe('Provisioning');
    const [row] = checkpointsOf(spf, uidOf(asked));
    spf.updateCheckpoint(row?.id ?? '', { enabled: true });
    await becomes('disabled', 'Available');
  });

  it('has its description changed at SPF, by a job that is followed', async () => {
    vm('renamed');
    const asked = await take('renamed', { displayName: 'kept', description: 'before' });
    await becomes('renamed', 'Available');
    await stage.patch('VMSnapshot', namespace, 'renamed', { spec: { description: 'after' } });
    const told = (words: string) => (object: AnyObject) => {
      expect(object.status?.readyToUse).toBe(true);
      return object.status?.description === words && object.status.operation === undefined;
    };
    const object = await stage.until('VMSnapshot', namespace, 'renamed', 'told', told('after'));
    const mark = `[keyframe-test-${uidOf(asked)}-1]`;
    expect(checkpointsOf(spf, uidOf(asked))).toMatchObject([
      { name: `kept ${mark}`, description: `after ${mark}` },
    ]);
    expect(object.status).not.toHaveProperty('progress');
    expect(ready(object)).toMatchObject({ status: 'True', reason: 'Available', observedGeneration: 2 });

    spf.faults.add({ ...shortOfRoom, operation: 'VMCheckPoints_Update', times: 1 });
    await stage.patch('VMSnapshot', namespace, 'renamed', { spec: { description: 'in the end' } });
    const event = await stage.event(namespace, 'renamed', 'DescriptionNotChanged');
    expect(event.note).toMatch(/not enough space/);
    await look('renamed', 'now');
    await stage.until('VMSnapshot', namespace, 'renamed', 'told', told('in the end'));
  });

  it('in the middle of the tree goes alone: its child moves up to its parent', async () => {
    const { id } = vm('tree');
    for (const name of ['root', 'middle', 'leaf']) {
      await take('tree', { displayName: name }, `tree-${name}`);
      await becomes(`tree-${name}`, 'Available');
    }
    expect(tree(id)).toEqual({ root: undefined, middle: 'root', leaf: 'middle' });
    const middle = await stage.get('VMSnapshot', namespace, 'tree-middle');
    const leaf = await stage.get('VMSnapshot', namespace, 'tree-leaf');
    expect(leaf.status?.parentID).toBe(middle.status?.snapshotID);
    await remove('tree-middle');
    expect(tree(id)).toEqual({ root: undefined, leaf: 'root' });
    expect(effects(id, 'checkpoint-deleted')).toBe(1);
    // The others are as ready as before.
    for (const name of ['tree-root', 'tree-leaf']) {
      await look(name, 'after');
      const object = await stage.until(
        'VMSnapshot',
        namespace,
        name,
        'looked at',
        ({ status }) => status?.lastHandledReconcileAt === 'after',
      );
      expect(ready(object)?.status).toBe('True');
      await remove(name);
    }
    expect(tree(id)).toEqual({});
  });
  const effects = (vmId: string, what: string) =>
    spf.effects().filter((effect) => effect.vmId === vmId && effect.effect === what).length;

  it('whose removal fails stays, says what VMM said, and is removed later', async () => {
    vm('stuck');
    const asked = await take('stuck');
    await becomes('stuck', 'Available');
    spf.faults.add({ ...shortOfRoom, operation: 'VMCheckPoints_Delete', times: 1 });
    await stage.remove('VMSnapshot', namespace, 'stuck');
    expect(messageOf(await becomes('stuck', 'DeletionBlocked'))).toMatch(/not enough space on the disk/);
    expect(checkpointsOf(spf, uidOf(asked))).toHaveLength(1);
    await look('stuck', 'now');
    await stage.gone('VMSnapshot', namespace, 'stuck');
    expect(checkpointsOf(spf, uidOf(asked))).toEqual([]);
  });

  it('whose removal’s answer was lost is removed once', async () => {
    const { id } = vm('unheard');
    await take('unheard');
    await becomes('unheard', 'Available');
    spf.faults.add({ kind: 'lost-answer', operation: 'VMCheckPoints_Delete', times: 1 });
    await remove('unheard');
    expect(effects(id, 'checkpoint-deleted')).toBe(1);
  });

  it.each(['synchronous', 'by-job'] as const)(
    'past the limit of the VM is held back, told %s',
    async (refusals) => {
      const name = `limit-${refusals}`;
      const { id } = vm(name);
      await take(name, {}, `${name}-1`);
      await becomes(`${name}-1`, 'Available');
      spf.behave({ checkpointsPerVm: 1, refusals });
      await take(name, {}, `${name}-2`);
      const limited = await becomes(`${name}-2`, 'SnapshotLimitReached');
      expect(messageOf(limited)).toMatch(
        /maximum number of checkpoints \(1\).*Delete checkpoints of this VM that are no longer needed/,
      );
      expect(kstatus(limited)).toBe('Failed');
      await remove(`${name}-1`);
      await look(`${name}-2`, 'room');
      await becomes(`${name}-2`, 'Available');
      expect(spf.checkpoints().filter((row) => row.vmId === id)).toHaveLength(1);
    },
  );

  it('deeper than VMM allows is held back', async () => {
    vm('deep');
    await take('deep', {}, 'deep-1');
    await becomes('deep-1', 'Available');
    spf.behave({ checkpointDepth: 1 });
    await take('deep', {}, 'deep-2');
    expect(messageOf(await becomes('deep-2', 'SnapshotLimitReached'))).toMatch(/maximum depth \(1\)/);
    await remove('deep-2');
  });

  it('of a role whose quota is used up is held back', async () => {
    vm('quota');
    spf.updateTenant(spf.subscriptionId, { quotaReached: true });
    await take('quota');
    expect(messageOf(await becomes('quota', 'QuotaExceeded'))).toMatch(/storage quota of the user role/);
    spf.updateTenant(spf.subscriptionId, { quotaReached: false });
    await look('quota', 'room');
    await becomes('quota', 'Available');
  });

  it('without the permission says which, and is made when it is granted', async () => {
    vm('forbidden');
    spf.updateTenant(spf.subscriptionId, { permissions: ['CheckpointRestoreOnly'] });
    await take('forbidden');
    const denied = await becomes('forbidden', 'PermissionDenied');
    expect(messageOf(denied)).toMatch(/does not have the Checkpoint permission.*the permission Checkpoint/);
    spf.updateTenant(spf.subscriptionId, { permissions: ['Checkpoint'] });
    await becomes('forbidden', 'Available');
  });

  it.each([
    ['migrates', { migrating: true }, { migrating: false }, /migrat/],
    [
      'is in a state of its own',
      { transient: 'CreatingCheckpoint' },
      { transient: null },
      /CreatingCheckpoint/,
    ],
  ])('of a VM that %s waits', async (title, first, then, words) => {
    const name = title.replace(/\W+/g, '-');
    const { id } = vm(name, first);
    const asked = await take(name);
    expect(messageOf(await becomes(name, 'ConcurrentOperation'))).toMatch(words);
    spf.updateVm(id, then);
    await becomes(name, 'Available');
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
  });

  it('of a VM with a pass-through disk is refused with what to do', async () => {
    vm('passthrough', { hasPassthroughDisk: true });
    await take('passthrough');
    expect(messageOf(await becomes('passthrough', 'UnsupportedByProvider'))).toMatch(/pass-through.*Detach/);
    await remove('passthrough');
  });

  it('waits for its turn while another one of the VM is at work', async () => {
    const { id } = vm('queue');
    await Promise.all([1, 2, 3].map((nth) => take('queue', {}, `queue-${nth}`)));
    await Promise.all([1, 2, 3].map((nth) => becomes(`queue-${nth}`, 'Available')));
    expect(spf.everCreated().filter(({ vmId }) => vmId === id)).toHaveLength(3);
    expect(effects(id, 'job-failed')).toBe(0);
    await Promise.all([1, 2, 3].map((nth) => remove(`queue-${nth}`)));
    expect(spf.checkpoints().filter((row) => row.vmId === id)).toEqual([]);
    expect(effects(id, 'job-failed')).toBe(0);
  });

  it.each([
    ['disks.mode: Include', { disks: { mode: 'Include', ids: ['data'] } }],
    ['disks.mode: Exclude', { disks: { mode: 'Exclude', ids: ['data'] } }],
    ['disks.mode: ConfigurationOnly', { disks: { mode: 'ConfigurationOnly' } }],
    ['memory', { memory: 'Include' }],
    ['consistency', { consistency: { level: 'Application', policy: 'Prefer' } }],
    ['ovirt.freeze', { ovirt: { freeze: 'Always' } }],
    ['source.vm.resourceGroup', { source: { vm: { name: 'whole', resourceGroup: 'rg' } } }],
  ])('with %s is refused, and the field named', async (field, spec) => {
    const name = `no-${field.toLowerCase().replace(/\W+/g, '-')}`;
    await take('any', spec, name);
    const refused = await becomes(name, 'UnsupportedByProvider');
    expect(messageOf(refused)).toContain(`spec.${field} is set, but `);
    expect(messageOf(refused)).toMatch(/SPF/);
  });

  it.each([
    ['a VM that is not there', 'nobody', 'SourceNotFound', /nobody/],
    ['a VM of another tenant', 'theirs', 'SourceNotFound', /theirs/],
  ])('of %s is refused', async (what, name, reason, words) => {
    if (what.includes('tenant')) spf.addVm({ name });
    await take(name);
    expect(messageOf(await becomes(name, reason))).toMatch(words);
  });

  it('of a VM whose name two have is refused, and both are named', async () => {
    const twins = [vm('twin'), vm('twin', { stampId: '11111111-2222-4333-8444-555555555555' })];
    await take('twin');
    const object = await becomes('twin', 'AmbiguousSource');
    for (const { id } of twins) expect(messageOf(object)).toContain(id);
    const [first, second] = twins;
    const byID = { source: { vm: { id: first?.id } } };
    const byStamp = { source: { vm: { name: 'twin', stampID: second?.stampId } } };
    await Promise.all([take('', byID, 'twin-by-id'), take('', byStamp, 'twin-by-stamp')]);
    expect((await becomes('twin-by-id', 'Available')).status).toMatchObject({
      vm: { id: first?.id },
      stampID: spf.stampId,
    });
    expect((await becomes('twin-by-stamp', 'Available')).status).toMatchObject({
      vm: { id: second?.id },
      stampID: second?.stampId,
    });
  });

  it('with the id that the hypervisor has for the VM finds none: it is not the one of VMM', async () => {
    const { hypervisorId } = vm('hypervisor');
    await take('', { source: { vm: { id: hypervisorId } } }, 'hypervisor');
    await becomes('hypervisor', 'SourceNotFound');
  });

  it('that somebody else removed is missing', async () => {
    vm('gone');
    await take('gone');
    const { status } = await becomes('gone', 'Available');
    spf.removeCheckpoint(status?.snapshotID);
    await look('gone', 'look');
    expect((await becomes('gone', 'SnapshotMissing')).status?.readyToUse).toBe(false);
    await remove('gone');
  });

  it('of a VM that is gone goes', async () => {
    const { id } = vm('vanished');
    await take('vanished');
    await becomes('vanished', 'Available');
    spf.removeVm(id);
    await remove('vanished');
  });

  it('is adopted, and left where it is', async () => {
    const { id } = vm('adopted');
    const theirs = spf.addCheckpoint({ vmId: id, name: 'by hand' });
    const existing = { id: theirs.id, vm: { name: 'adopted' } };
    await take('', { source: { existing } }, 'adopted');
    const { status } = await becomes('adopted', 'Available');
    expect(status).toMatchObject({
      snapshotID: theirs.id,
      stampID: theirs.stampId,
      deletionPolicy: 'Retain',
      fingerprint: expect.any(String),
    });
    await take('', { source: { existing } }, 'adopted-twice');
    expect(messageOf(await becomes('adopted-twice', 'AdoptionConflict'))).toContain('adopted');
    await remove('adopted-twice');
    await remove('adopted');
    expect(spf.checkpoints().map((row) => row.id)).toContain(theirs.id);
  });

  it('that was adopted by its id alone, to be deleted, is, where it is still the one', async () => {
    const { id } = vm('inherited');
    const theirs = spf.addCheckpoint({ vmId: id, name: 'by hand' });
    const existing = { id: theirs.id };
    await take('', { source: { existing }, deletionPolicy: 'Delete' }, 'inherited');
    const { status } = await becomes('inherited', 'Available');
    expect(status?.vm).toMatchObject({ id, name: 'inherited' });
    await remove('inherited');
    expect(spf.checkpoints().filter((row) => row.vmId === id)).toEqual([]);
  });

  it('is made where filters are ignored, lists come in pages, and 404s are empty', async () => {
    vm('awkward');
    spf.behave({
      filters: { VMCheckPoints: 'ignored', VirtualMachines: 'refused', Jobs: 'refused' },
      pageSize: 2,
      notFoundBody: 'empty',
      requestIdIsJob: false,
    });
    const asked = await take('awkward', { displayName: 'in the thick of it' });
    await becomes('awkward', 'Available');
    expect(checkpointsOf(spf, uidOf(asked))).toHaveLength(1);
    await remove('awkward');
    expect(checkpointsOf(spf, uidOf(asked))).toEqual([]);
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
  });

  it('is made where a create must be confirmed', async () => {
    vm('confirmed');
    spf.behave({ confirm: 'demanded' });
    const asked = await take('confirmed');
    await becomes('confirmed', 'Available');
    expect(rowsMadeFor(spf, uidOf(asked))).toBe(1);
  });

  it('shows in the inventory of its VM, beside what others made', async () => {
    const { id } = vm('listed');
    const asked = await take('listed', { displayName: 'mine' });
    await becomes('listed', 'Available');
    const theirs = spf.addCheckpoint({ vmId: id, name: 'by hand', description: 'of theirs' });
    await stage.make('VMSnapshotInventory', namespace, 'listed', {
      providerRef: { name: 'spf' },
      scope: { vm: { name: 'listed' } },
    });
    const { status } = await stage.reason('VMSnapshotInventory', namespace, 'listed', 'Available');
    expect(status?.counts).toMatchObject({ total: 2, managed: 1, foreign: 1 });
    const [mine] = checkpointsOf(spf, uidOf(asked));
    expect(status?.items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          id: mine?.id,
          vmID: id,
          managedBy: `VMSnapshot ${namespace}/listed`,
          state: 'Enabled',
        }),
        expect.objectContaining({ id: theirs.id, name: 'by hand', managedBy: 'Foreign' }),
      ]),
    );
  });
});

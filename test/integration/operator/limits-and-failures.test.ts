import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

const hour = 3_600_000;

describe('what Azure limits, refuses and fails', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set({
      azure: {
        durations: { replicationSeconds: 100, replicationRefreshSeconds: 20 },
        behaviour: { restorePointsPerVm: 4 },
        // The hourly limits are to last as long as Keyframe thinks: an hour is 18 s at this speed.
        throttling: {
          CreateApplicationConsistentRestorePoint: { windowSeconds: 200 * 3600 },
          CreateCrashConsistentRestorePoint: { windowSeconds: 200 * 3600 },
          CopyRestorePoint: { windowSeconds: 200 * 3600 },
        },
      },
    });
    namespace = await stage.cluster.createNamespace('failures');
    await stage.operator();
    await stage.provider(namespace);
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  const take = (name: string, spec: object = {}) => stage.snapshot(namespace, name, name, spec);
  const becomes = (name: string, reason: string) => stage.reason('VMSnapshot', namespace, name, reason);
  const pointsOf = (vm: string) => stage.azure.world.pointsOfVm(stage.vmID(vm));
  /** Requests to make a restore point for an object, in order. */
  const creates = ({ metadata }: AnyObject) =>
    stage.azure.requests.filter(
      ({ operation, url }) => operation === 'RestorePoints_Create' && url.includes(`-${metadata.uid}-`),
    );
  const allCreates = () =>
    stage.azure.requests.filter(({ operation }) => operation === 'RestorePoints_Create');

  it.each(['bare', 'wrapped', 'arm'] as const)(
    'a 429 of the form "%s" is waited out, by everyone that it holds back',
    async (form) => {
      const vms = [`first-${form}`, `second-${form}`];
      for (const vm of vms) stage.vm(vm);
      // Their collections are there already: only the creates meet the limit.
      for (const vm of vms)
        await stage.make('RestorePointCollection', namespace, `of-${vm}`, {
          providerRef: { name: 'azure' },
          source: { vm: { name: vm } },
        });
      for (const vm of vms) await stage.reason('RestorePointCollection', namespace, `of-${vm}`, 'Available');
      stage.azure.resetCounts();
      stage.azure.faults.add({
        kind: 'throttled',
        form,
        retryAfterSeconds: 2,
        operation: 'RestorePoints_Create',
        times: 1,
      });
      const [first = '', second = ''] = vms;
      const into = (vm: string) => ({ azure: { collectionRef: { name: `of-${vm}` } } });
      const throttled = await take(first, into(first));
      const held = await becomes(first, 'ProviderThrottled');
      expect(ready(held)?.message).toMatch(/asks to wait 2 s/);
      expect(kstatus(held)).toBe('InProgress');
      await take(second, into(second));
      await becomes(first, 'Available');
      await becomes(second, 'Available');

      const [refused, ...after] = allCreates();
      expect(refused?.status).toBe(429);
      expect(after.map(({ status }) => status)).toEqual([201, 201]);
      for (const { time } of after) expect(time - (refused?.time ?? 0)).toBeGreaterThanOrEqual(2_000);
      expect(creates(throttled)).toHaveLength(2);
    },
  );

  it('four snapshots of a VM go one by one, and the fourth waits for the hour without asking', async () => {
    stage.vm('busy');
    stage.azure.resetCounts();
    const names = ['busy-1', 'busy-2', 'busy-3', 'busy-4'];
    await Promise.all(names.map((name) => stage.snapshot(namespace, name, 'busy')));
    const settled = async () =>
      (await stage.list('VMSnapshot', namespace)).filter(({ metadata }) => names.includes(metadata.name));
    await waitFor('three to be done, and one to be told when', async () => {
      const all = await settled();
      const done = all.filter((object) => ready(object)?.reason === 'Available');
      const told = all.filter((object) => ready(object)?.message.includes('three an hour'));
      return done.length === 3 && told.length === 1 ? true : undefined;
    });
    const fourth = (await settled()).find((object) => ready(object)?.reason === 'Queued');
    const [, at = ''] =
      /three an hour on VM busy; the next can go at (\S+)/.exec(ready(fourth as AnyObject)?.message ?? '') ??
      [];
    const waitMs = Date.parse(at) - Date.now();
    expect(waitMs).toBeGreaterThan(0.9 * hour);
    expect(waitMs).toBeLessThan(1.1 * hour);
    // Azure never had to refuse: not for the hour, nor for a create beside another.
    expect(allCreates().map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(fourth?.status?.operation).toBeUndefined();
    expect(fourth?.metadata.annotations?.['keyframe.dev/intent']).toBeUndefined();
    // Crash-consistent ones are counted apart.
    await stage.snapshot(namespace, 'busy-crash', 'busy', { consistency: { level: 'Crash' } });
    await becomes('busy-crash', 'Available');
  });

  it('the limit of restore points of a VM is told with what to do', async () => {
    const full = stage.vm('full');
    const { id } = stage.azure.addCollection({ name: 'full', resourceGroup: 'rg-test', sourceId: full.id });
    for (let age = 4; age > 0; age--)
      stage.azure.addPoint({ collectionId: id, name: `old-${age}`, timeCreated: Date.now() - age * hour });
    await take('full');
    const failed = await becomes('full', 'SnapshotLimitReached');
    expect(ready(failed)?.message).toMatch(/limit of 4 restore points.*Delete restore points of this VM/);
    expect(kstatus(failed)).toBe('Failed');
    expect(failed.status?.operation).toMatchObject({ attempts: 1 });
    expect(Date.parse(failed.status?.operation.nextAttemptAt)).toBeGreaterThan(Date.now() + 0.9 * hour);
  });

  it('a quota that is used up is told with the words of Azure', async () => {
    stage.vm('quota');
    const message =
      'Operation could not be completed as it results in exceeding approved quota for the subscription.';
    stage.azure.faults.add({
      kind: 'respond',
      status: 409,
      body: { error: { code: 'QuotaExceeded', message } },
      operation: 'RestorePoints_Create',
      times: 1,
    });
    await take('quota');
    const failed = await becomes('quota', 'QuotaExceeded');
    expect(ready(failed)?.message).toContain('exceeding approved quota for the subscription');
    expect(kstatus(failed)).toBe('Failed');
  });

  it.each(['failed', 'vanished'] as const)(
    'a create that fails for now is tried again under a new name, what is left of it (%s) removed',
    async (leaves) => {
      stage.vm(`again-${leaves}`);
      stage.azure.faults.add({
        kind: 'operation-failed',
        code: 'VMRestorePointInternalError',
        message: 'An internal error occurred.',
        leaves,
        operation: 'RestorePoints_Create',
        times: 1,
      });
      const made = await take(`again-${leaves}`);
      const { status } = await becomes(`again-${leaves}`, 'Available');
      expect(creates(made)).toHaveLength(2);
      expect(pointsOf(`again-${leaves}`).map(({ id }) => id)).toEqual([status?.snapshotID]);
      expect(status?.snapshotID).toMatch(/-2$/);
      expect(status?.error).toBeUndefined();
      const event = await stage.event(namespace, `again-${leaves}`, 'ProgressingWithRetry');
      expect(event).toMatchObject({ type: 'Warning' });
      expect(event.note).toContain('VMRestorePointInternalError');
    },
  );

  it.each(['failed', 'vanished'] as const)(
    'a create that fails for good ends with the words of Azure and leaves nothing (%s)',
    async (leaves) => {
      stage.vm(`never-${leaves}`);
      stage.azure.faults.add({
        kind: 'operation-failed',
        code: 'VMAgentStatusCommunicationError',
        message: 'VM has not reported status for VM agent or extensions.',
        leaves,
        operation: 'RestorePoints_Create',
        times: 1,
      });
      const made = await take(`never-${leaves}`);
      const failed = await becomes(`never-${leaves}`, 'CreationFailed');
      expect(ready(failed)?.message).toMatch(/VMAgentStatusCommunicationError: VM has not reported status/);
      expect(ready(failed)?.message).toMatch(/agent is healthy, or ask for level Crash/);
      expect(kstatus(failed)).toBe('Failed');
      expect(failed.status?.error).toMatchObject({ vendorCode: 'VMAgentStatusCommunicationError' });
      await stage.until(
        'VMSnapshot',
        namespace,
        `never-${leaves}`,
        'removed',
        () => pointsOf(`never-${leaves}`).length === 0,
      );
      expect(creates(made)).toHaveLength(1);
      await stage.removed('VMSnapshot', namespace, `never-${leaves}`);
    },
  );

  it('a missing permission is named, and the work goes on when it is granted', async () => {
    stage.vm('denied');
    const action = 'Microsoft.Compute/restorePointCollections/restorePoints/write';
    stage.azure.authorization.deny({ action });
    await take('denied');
    const denied = await becomes('denied', 'PermissionDenied');
    expect(ready(denied)?.message).toContain(`perform action '${action}'`);
    expect(kstatus(denied)).toBe('InProgress');
    stage.azure.authorization.allow(action);
    await becomes('denied', 'Available');
  });

  it('a lock and a live SAS hold a removal up, in the words of Azure, until they are gone', async () => {
    for (const name of ['locked', 'shared']) stage.vm(name);
    await Promise.all([take('locked'), take('shared')]);
    const { status } = await becomes('locked', 'Available');
    await becomes('shared', 'Available');
    const scope = String(status?.snapshotID).replace(/\/restorePoints\/.*/, '');
    stage.azure.addLock({ scope, level: 'CanNotDelete' });
    const [disk] = pointsOf('shared')[0]?.disks ?? [];
    if (disk === undefined) throw new Error('the restore point has no disk');
    disk.access = { sas: 'https://blob.example/disk', endsAt: Number.POSITIVE_INFINITY };

    await stage.remove('VMSnapshot', namespace, 'locked');
    await stage.remove('VMSnapshot', namespace, 'shared');
    const locked = await becomes('locked', 'DeletionBlocked');
    expect(ready(locked)?.message).toMatch(/ScopeLocked.*Remove the lock/);
    const shared = await becomes('shared', 'DeletionBlocked');
    expect(ready(shared)?.message).toMatch(/DiskRestorePointUsedByCustomer.*end the access/);
    stage.azure.removeLock(scope);
    disk.access = undefined;
    await stage.gone('VMSnapshot', namespace, 'locked');
    await stage.gone('VMSnapshot', namespace, 'shared');
    expect([...pointsOf('locked'), ...pointsOf('shared')]).toEqual([]);
  });

  it('a disk that fails to replicate fails the copy, which is removed, and is named', async () => {
    stage.vm('torn', { dataDisks: [{ name: 'torn-data' }] });
    await take('torn');
    await becomes('torn', 'Available');
    stage.azure.faults.add({
      kind: 'replication-failed',
      disk: 'torn-data',
      operation: 'RestorePoints_Create',
      times: 1,
    });
    await stage.make('RestorePointCopy', namespace, 'torn-copy', {
      source: { snapshotRef: { name: 'torn' } },
      target: { location: 'northeurope' },
    });
    const failed = await stage.reason('RestorePointCopy', namespace, 'torn-copy', 'ReplicationFailed');
    expect(ready(failed)?.message).toMatch(/replication of torn-data.* failed.*Make a new object/);
    expect(kstatus(failed)).toBe('Failed');
    expect(failed.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Succeeded', status: 'False', reason: 'ReplicationFailed' }),
    );
    expect(failed.status?.replication.disks).toContainEqual(
      expect.objectContaining({ name: 'torn-data', state: 'Failed' }),
    );
    await stage.until(
      'RestorePointCopy',
      namespace,
      'torn-copy',
      'removed',
      () =>
        !stage.azure
          .points()
          .some(({ kind, vmId }) => kind === 'copy' && vmId === pointsOf('torn')[0]?.vm.vmId),
    );
    // The region is free again.
    await stage.make('RestorePointCopy', namespace, 'torn-again', {
      source: { snapshotRef: { name: 'torn' } },
      target: { location: 'northeurope' },
    });
    await stage.reason('RestorePointCopy', namespace, 'torn-again', 'Replicated');
  });

  it('copies go one by one, the oldest restore point first, whichever was asked for first', async () => {
    const vm = stage.vm('ordered');
    const { id } = stage.azure.addCollection({ name: 'ordered', resourceGroup: 'rg-test', sourceId: vm.id });
    const ages = [5, 4, 3];
    const points = ages.map((age) =>
      stage.azure.addPoint({ collectionId: id, name: `age-${age}`, timeCreated: Date.now() - age * hour }),
    );
    // Without a connection none can begin before all are there.
    await Promise.all(
      points.toReversed().map((point) =>
        stage.make('RestorePointCopy', namespace, `of-${point.name}`, {
          source: { restorePointID: point.id, providerRef: { name: 'ordered' } },
          target: { location: 'northeurope' },
        }),
      ),
    );
    stage.azure.resetCounts();
    await stage.provider(namespace, { name: 'ordered' });
    for (const { name } of points)
      await stage.reason('RestorePointCopy', namespace, `of-${name}`, 'Replicated');
    const copies = stage.azure
      .everCreated()
      .filter(({ kind }) => kind === 'copy')
      .slice(-3);
    const sources = copies.map(
      ({ id: copy }) => stage.azure.points().find((point) => point.id === copy)?.sourceRestorePointId,
    );
    expect(sources).toEqual(points.map((point) => point.id));
    expect(allCreates().map(({ status }) => status)).toEqual([201, 201, 201]);
  });

  it('gives away no secret, and sends nothing malformed', async () => {
    expect(await leaks(stage)).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});

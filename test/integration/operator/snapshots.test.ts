import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

const hour = 3_600_000;

describe('a VMSnapshot', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set({
      azure: { durations: { replicationSeconds: 400, replicationRefreshSeconds: 50 } },
    });
    namespace = await stage.cluster.createNamespace('snapshots');
    await stage.operator();
    await stage.provider(namespace);
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  const take = (name: string, spec: object = {}, metadata: object = {}) =>
    stage.snapshot(namespace, name, name, spec, metadata);
  const becomes = (name: string, reason: string) => stage.reason('VMSnapshot', namespace, name, reason);
  const remove = (name: string) => stage.removed('VMSnapshot', namespace, name);
  /** What Azure has of a VM. */
  const pointsOf = (vm: string) => stage.azure.world.pointsOfVm(stage.vmID(vm));
  const isThere = (id: unknown) => stage.azure.points().some((point) => point.id === id);
  const look = (name: string) => stage.lookAt('VMSnapshot', namespace, name);
  /** As if it had been completed so long ago. */
  const age = (name: string, ageMs: number) =>
    stage.patchStatus('VMSnapshot', namespace, name, {
      completionTime: new Date(Date.now() - ageMs).toISOString(),
    });

  it('that must be application consistent and is not, is removed and fails', async () => {
    stage.vm('require');
    await take('require', { consistency: { level: 'Application', policy: 'Require' } });
    const failed = await becomes('require', 'ConsistencyNotMet');
    expect(ready(failed)?.message).toMatch(/requires Application, Azure achieved FileSystem/);
    expect(kstatus(failed)).toBe('Failed');
    expect(failed.status?.error).toMatchObject({ reason: 'ConsistencyNotMet' });
    const { status } = await stage.until(
      'VMSnapshot',
      namespace,
      'require',
      'cleaned up',
      ({ status }) => status?.snapshotID === undefined,
    );
    expect(status).toMatchObject({ readyToUse: false, provisioningState: 'Failed' });
    expect(ready(await stage.get('VMSnapshot', namespace, 'require'))?.reason).toBe('ConsistencyNotMet');
    expect(pointsOf('require')).toEqual([]);
    expect(stage.azure.everCreated()).toHaveLength(1);
    await remove('require');
  });

  it('that prefers more than was achieved is kept, and says what was achieved', async () => {
    stage.vm('prefer');
    await take('prefer', { consistency: { level: 'Application', policy: 'Prefer' } });
    const { status } = await becomes('prefer', 'Available');
    expect(status?.consistency).toEqual({ level: 'FileSystem' });
  });

  it('that must be application consistent and is, is kept', async () => {
    stage.vm('windows', { osType: 'Windows' });
    await take('windows', { consistency: { level: 'Application', policy: 'Require' } });
    const { status } = await becomes('windows', 'Available');
    expect(status?.consistency).toEqual({ level: 'Application' });
    expect(status?.source?.osType).toBe('Windows');
  });

  it('asks for crash consistency where that is wanted', async () => {
    stage.vm('crash');
    await take('crash', { consistency: { level: 'Crash', policy: 'Require' } });
    const { status } = await becomes('crash', 'Available');
    expect(status?.consistency).toEqual({ level: 'Crash' });
    expect(pointsOf('crash')[0]?.requestedMode).toBe('CrashConsistent');
  });

  it('leaves disks away by name, or all but some by id, and says that it is partial', async () => {
    const vm = stage.vm('disks', { dataDisks: [{ name: 'data' }, { name: 'scratch' }] });
    await take('disks', { disks: { mode: 'Exclude', ids: ['SCRATCH'] } });
    const { status } = await becomes('disks', 'Available');
    expect(status?.disks.map(({ name }: { name: string }) => name)).toEqual([vm.osDisk.name, 'data']);
    expect(status?.consistency.indications).toEqual([{ type: 'Partial', message: 'left away: scratch' }]);
    expect(pointsOf('disks')[0]?.excludeDisks).toEqual([vm.dataDisks[1]?.id]);

    await stage.snapshot(namespace, 'disks-include', 'disks', {
      disks: { mode: 'Include', ids: [vm.dataDisks[0]?.id.toUpperCase()] },
    });
    const included = await becomes('disks-include', 'Available');
    expect(included.status?.disks.map(({ name }: { name: string }) => name)).toEqual(['data']);
  });

  it('encrypts each disk as it is told', async () => {
    stage.vm('secret', { dataDisks: [{ name: 'ledger' }, { name: 'logs' }] });
    const set = `/subscriptions/${stage.azure.subscriptionId}/resourceGroups/rg-test/providers/Microsoft.Compute/diskEncryptionSets/keys`;
    stage.azure.addEncryptionSet(set, 'westeurope');
    const type = 'EncryptionAtRestWithPlatformAndCustomerKeys';
    await take('secret', { azure: { encryption: [{ disk: 'ledger', diskEncryptionSetID: set, type }] } });
    await becomes('secret', 'Available');
    const encryption = pointsOf('secret')[0]?.disks.map(({ disk, encryption }) => [
      disk.name,
      encryption.type,
    ]);
    expect(Object.fromEntries(encryption ?? [])).toMatchObject({
      ledger: type,
      logs: 'EncryptionAtRestWithPlatformKey',
    });
  });

  it('taken directly in another region is ready only when its data has arrived', async () => {
    stage.vm('away', { dataDisks: [{ name: 'small', replicationSeconds: 100 }] });
    await take('away', { azure: { allowDirectCrossRegion: { location: 'North Europe' } } });
    const seen: AnyObject[] = [];
    await stage.until('VMSnapshot', namespace, 'away', 'there', (object) => {
      seen.push(object);
      return ready(object)?.reason === 'Available';
    });
    const onTheWay = seen.filter((object) => ready(object)?.reason === 'Replicating');
    expect(onTheWay.length).toBeGreaterThan(0);
    for (const { status } of onTheWay)
      expect(status).toMatchObject({ readyToUse: false, provisioningState: 'Succeeded' });
    const [small] = onTheWay.flatMap(({ status }) =>
      status?.replication.disks.filter(
        ({ name, state }: { name: string; state: string }) => name === 'small' && state === 'Succeeded',
      ),
    );
    expect(small).toMatchObject({ percent: 100 });
    expect(seen.at(-1)?.status).toMatchObject({
      readyToUse: true,
      location: 'northeurope',
      source: { location: 'westeurope' },
      replication: { state: 'Succeeded', percent: 100 },
    });
  });

  it('adopts what others made, and leaves it when it goes', async () => {
    const vm = stage.vm('adopted');
    const { id } = stage.azure.addCollection({
      name: 'by-hand',
      resourceGroup: 'rg-test',
      sourceId: vm.id,
    });
    const taken = Date.now() - 48 * hour;
    const kept = stage.azure.addPoint({ collectionId: id, name: 'kept', timeCreated: taken });
    const deleted = stage.azure.addPoint({ collectionId: id, name: 'deleted', timeCreated: taken + hour });
    const existing = (existing: string) => ({ source: { existing: { id: existing } } });
    await take('adopted', existing(kept.id));
    await take('adopted-to-delete', { ...existing(deleted.id), deletionPolicy: 'Delete' });
    const { status } = await becomes('adopted', 'Available');
    expect(status).toMatchObject({
      readyToUse: true,
      deletionPolicy: 'Retain',
      snapshotID: kept.id,
      vm: { name: 'adopted', uid: vm.vmId },
    });
    expect(Date.parse(status?.creationTime)).toBe(Math.floor(taken / 1000) * 1000);
    await becomes('adopted-to-delete', 'Available');

    await remove('adopted');
    expect((await stage.event(namespace, 'adopted', 'Retained')).note).toContain(kept.id);
    await remove('adopted-to-delete');
    expect(isThere(kept.id)).toBe(true);
    expect(isThere(deleted.id)).toBe(false);
    expect(stage.azure.collections().some((collection) => collection.id === id)).toBe(true);
  });

  it('adopts what another cluster made only to keep it', async () => {
    const vm = stage.vm('rebuilt');
    const { id } = stage.azure.addCollection({
      name: 'of-old-cluster',
      resourceGroup: 'rg-test',
      sourceId: vm.id,
    });
    const name = 'keyframe-old-01234567-89ab-cdef-0123-456789abcdef-1';
    const point = stage.azure.addPoint({ collectionId: id, name });
    const source = { existing: { id: point.id } };
    await take('rebuilt-to-delete', { source, deletionPolicy: 'Delete' });
    expect(ready(await becomes('rebuilt-to-delete', 'AdoptionConflict'))?.message).toMatch(
      /of cluster old.*deletionPolicy: Retain/,
    );
    await remove('rebuilt-to-delete');
    await take('rebuilt', { source });
    await becomes('rebuilt', 'Available');
    // What is told later is heeded as little.
    await stage.patch('VMSnapshot', namespace, 'rebuilt', { spec: { deletionPolicy: 'Delete' } });
    await remove('rebuilt');
    expect(isThere(point.id)).toBe(true);
  });

  it('with deletionPolicy Retain goes and leaves what it made, naming it', async () => {
    stage.vm('retain');
    await take('retain', { deletionPolicy: 'Retain' });
    const { status } = await becomes('retain', 'Available');
    await remove('retain');
    expect((await stage.event(namespace, 'retain', 'Retained')).note).toContain(status?.snapshotID);
    expect(isThere(status?.snapshotID)).toBe(true);
  });

  it('is not removed while it is copied, and says by whom', async () => {
    stage.vm('copied');
    await take('copied');
    await stage.make('RestorePointCopy', namespace, 'copied-away', {
      source: { snapshotRef: { name: 'copied' } },
      target: { location: 'northeurope' },
    });
    await stage.reason('RestorePointCopy', namespace, 'copied-away', 'Replicating');
    await stage.remove('VMSnapshot', namespace, 'copied');
    const blocked = await becomes('copied', 'DeletionBlocked');
    expect(ready(blocked)?.message).toContain('RestorePointCopy copied-away');
    expect(kstatus(blocked)).toBe('Terminating');
    await stage.reason('RestorePointCopy', namespace, 'copied-away', 'Replicated');
    await stage.gone('VMSnapshot', namespace, 'copied');
    // The disaster copy outlives its snapshot, and goes by its own provider.
    await stage.removed('RestorePointCopy', namespace, 'copied-away');
    expect(pointsOf('copied')).toEqual([]);
  });

  it('that cannot be removed is let go by its own UID, and by no other', async () => {
    stage.vm('locked');
    await take('locked');
    const { status, metadata } = await becomes('locked', 'Available');
    const scope = String(status?.snapshotID).replace(/\/restorePoints\/.*/, '');
    stage.azure.addLock({ scope, level: 'CanNotDelete' });
    await stage.remove('VMSnapshot', namespace, 'locked');
    const blocked = await becomes('locked', 'DeletionBlocked');
    expect(ready(blocked)?.message).toMatch(/ScopeLocked: .*Remove the lock/);
    await stage.annotate('VMSnapshot', namespace, 'locked', { 'keyframe.dev/abandon': 'true' });
    expect(ready(await look('locked'))?.reason).toBe('DeletionBlocked');
    await stage.annotate('VMSnapshot', namespace, 'locked', { 'keyframe.dev/abandon': metadata.uid });
    await stage.gone('VMSnapshot', namespace, 'locked');
    expect((await stage.event(namespace, 'locked', 'Abandoned')).note).toContain(status?.snapshotID);
    expect(isThere(status?.snapshotID)).toBe(true);
    stage.azure.removeLock(scope);
  });

  it('that is paused begins nothing until it may', async () => {
    stage.vm('paused');
    await take('paused', {}, { annotations: { 'keyframe.dev/paused': 'true' } });
    const paused = await becomes('paused', 'Paused');
    expect(ready(paused)?.status).toBe('Unknown');
    expect(pointsOf('paused')).toEqual([]);
    await stage.annotate('VMSnapshot', namespace, 'paused', { 'keyframe.dev/paused': null });
    await becomes('paused', 'Available');
  });

  it('looks when it is asked to, and says that what someone removed is missing', async () => {
    stage.vm('missing');
    await take('missing');
    const { status } = await becomes('missing', 'Available');
    const settled = await look('missing');
    expect(ready(settled)).toMatchObject({ status: 'True', reason: 'Available' });
    stage.azure.removePoint(String(status?.snapshotID));
    const missing = await look('missing');
    expect(ready(missing)).toMatchObject({ status: 'False', reason: 'SnapshotMissing' });
    expect(ready(missing)?.message).toMatch(/someone else removed it.*make a new object/);
    expect(missing.status).toMatchObject({ readyToUse: false, snapshotID: status?.snapshotID });
    expect(missing.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Drifted', status: 'True' }),
    );
    expect(kstatus(missing)).toBe('Failed');
    // Nothing is made anew silently.
    expect(pointsOf('missing')).toEqual([]);
    await remove('missing');
  });

  it('goes when its ttl has passed, unless it is held', async () => {
    stage.vm('expires');
    await take('expires', {}, { annotations: { 'keyframe.dev/hold': 'true' } });
    await becomes('expires', 'Available');
    await age('expires', 2 * hour);
    await stage.patch('VMSnapshot', namespace, 'expires', { spec: { ttl: '1h' } });
    const held = await stage.until(
      'VMSnapshot',
      namespace,
      'expires',
      'acknowledged',
      ({ status, metadata }) => status?.observedGeneration === metadata.generation,
    );
    expect(Date.parse(held.status?.expirationTime)).toBeLessThan(Date.now());
    await stage.annotate('VMSnapshot', namespace, 'expires', { 'keyframe.dev/hold': null });
    await stage.gone('VMSnapshot', namespace, 'expires');
    await stage.event(namespace, 'expires', 'Expired');
    expect(pointsOf('expires')).toEqual([]);
  });

  it('that a GitOps tool tracks outlives its ttl, with a word to people', async () => {
    stage.vm('tracked');
    await take('tracked', {}, { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps' } });
    await becomes('tracked', 'Available');
    await age('tracked', 2 * hour);
    await stage.patch('VMSnapshot', namespace, 'tracked', { spec: { ttl: '1h' } });
    expect((await stage.event(namespace, 'tracked', 'ExpiryNotCarriedOut')).note).toContain('Flux');
    expect(ready(await stage.get('VMSnapshot', namespace, 'tracked'))?.reason).toBe('Available');
  });

  it('that is not done in time fails, and becomes ready when Azure completes it after all', async () => {
    stage.vm('late', { createSeconds: 500 });
    await take('late', { deadline: '1h' });
    const { metadata } = await becomes('late', 'Provisioning');
    // As if it had begun two hours ago.
    const intent = JSON.parse(metadata.annotations?.['keyframe.dev/intent'] ?? '') as { startedAt: string };
    intent.startedAt = new Date(Date.now() - 2 * hour).toISOString();
    await stage.annotate('VMSnapshot', namespace, 'late', { 'keyframe.dev/intent': JSON.stringify(intent) });
    const late = await becomes('late', 'DeadlineExceeded');
    expect(ready(late)?.message).toMatch(/spec\.deadline \(1h\).*becomes ready after all/);
    expect(kstatus(late)).toBe('Failed');
    await stage.until('VMSnapshot', namespace, 'late', 'done at Azure', () =>
      pointsOf('late').some(({ provisioningState }) => provisioningState === 'Succeeded'),
    );
    const done = await look('late');
    expect(ready(done)).toMatchObject({ status: 'True', reason: 'Available' });
    expect(done.status?.error).toBeUndefined();
    expect(kstatus(done)).toBe('Current');
  });

  it('leaves nothing at Azure when all is removed but what was to stay', async () => {
    const names = (await stage.list('VMSnapshot', namespace)).map(({ metadata }) => metadata.name);
    await Promise.all(names.map((name) => stage.remove('VMSnapshot', namespace, name)));
    for (const name of names) await stage.gone('VMSnapshot', namespace, name);
    const kinds = ['VMSnapshot', 'RestorePointCopy'] as const;
    for (const kind of kinds) expect(await stage.list(kind, namespace)).toEqual([]);
    const left = stage.azure.points().map(({ vmId }) => vmId);
    const meant = ['adopted', 'rebuilt', 'retain', 'locked'];
    expect(left.sort()).toEqual(
      meant.map((vm) => stage.azure.world.vms.get(stage.vmID(vm).toLowerCase())?.vmId).sort(),
    );
  });

  it('gives away no secret, and sends nothing malformed', async () => {
    expect(await leaks(stage)).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});

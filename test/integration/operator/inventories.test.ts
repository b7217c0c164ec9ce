import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kstatus } from '../../support/kstatus.ts';
import { type AnyObject, operatorNamespace, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;
/** The id at Azure of the collection that is listed. */
let collection: string;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('inventories');
  stage.vm('web');
  await stage.operator();
  await stage.provider(namespace);
  await stage.make('RestorePointCollection', namespace, 'box', {
    providerRef: { name: 'azure' },
    name: 'rpc-box',
    source: { vm: { name: 'web' } },
  });
  await stage.snapshot(namespace, 'mine', 'web', { azure: { collectionRef: { name: 'box' } } });
  await stage.reason('VMSnapshot', namespace, 'mine', 'Available');
  collection = (await stage.get('RestorePointCollection', namespace, 'box')).status?.id;
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const make = (name: string, spec: object = {}) =>
  stage.make('VMSnapshotInventory', namespace, name, {
    providerRef: { name: 'azure' },
    scope: { collection },
    ...spec,
  });
const becomes = (name: string, reason: string) =>
  stage.reason('VMSnapshotInventory', namespace, name, reason);

const look = (name: string) => stage.lookAt('VMSnapshotInventory', namespace, name);

/** Whose each restore point is, by its name. */
function whose({ status }: AnyObject): Record<string, string> {
  const items: { name: string; managedBy: string }[] = status?.items ?? [];
  return Object.fromEntries(items.map(({ name, managedBy }) => [name, managedBy]));
}

describe('a VMSnapshotInventory', () => {
  const orphan = `keyframe-test-${randomUUID()}-1`;
  const elsewhere = `keyframe-elsewhere-${randomUUID()}-1`;

  it('tells apart what it manages, what is left over, what another cluster made and what is foreign', async () => {
    for (const name of ['by-hand', orphan, elsewhere])
      stage.azure.addPoint({ collectionId: collection, name });
    await make('all');
    const made = await becomes('all', 'Available');
    const { status } = await stage.get('VMSnapshot', namespace, 'mine');
    const ours = String(status?.snapshotID).split('/').at(-1) ?? '';
    expect(whose(made)).toEqual({
      [ours]: `VMSnapshot ${namespace}/mine`,
      [orphan]: 'OrphanOfThisCluster',
      [elsewhere]: 'OtherCluster',
      'by-hand': 'Foreign',
    });
    expect(made.status).toMatchObject({
      observedGeneration: 1,
      endpointID: status?.endpointID,
      counts: { total: 4, managed: 1, otherCluster: 1, orphans: 1, foreign: 1 },
      truncated: false,
    });
    expect(made.status?.items).toContainEqual(
      expect.objectContaining({
        id: status?.snapshotID,
        createdAt: status?.creationTime,
        state: 'Succeeded',
      }),
    );
    expect(ready(made)?.message).toBe(
      '4 restore points: 1 managed here, 1 of other clusters, 1 orphan, 1 foreign',
    );
    expect(kstatus(made)).toBe('Current');
    expect(made.metadata.finalizers ?? []).toEqual([]);
    const { stdout } = await stage.cluster.kubectl(['get', 'vmsinv', '-n', namespace]);
    expect(stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 8))).toMatchObject([
      ['NAME', 'READY', 'REASON', 'PROVIDER', 'TOTAL', 'MANAGED', 'ORPHANS', 'FOREIGN'],
      ['all', 'True', 'Available', 'azure', '4', '1', '1', '1'],
      [''],
    ]);
  });

  it('asks again for a token, and says when what it found changed', async () => {
    const before = await stage.get('VMSnapshotInventory', namespace, 'all');
    const writes = async () => (await stage.writes('VMSnapshotInventory', namespace)).length;
    const written = await writes();
    const same = await look('all');
    expect(same.status).toEqual({ ...before.status, lastHandledReconcileAt: expect.any(String) });
    // The answer to the token, and no more.
    expect(await writes()).toBe(written + 1);
    stage.azure.addPoint({ collectionId: collection, name: 'by-hand-too' });
    const more = await look('all');
    expect(whose(more)).toMatchObject({ 'by-hand-too': 'Foreign' });
    expect(more.status?.counts).toMatchObject({ total: 5, foreign: 2 });
  });

  it('knows what was adopted', async () => {
    const existing = { id: `${collection}/restorePoints/by-hand` };
    await stage.snapshot(namespace, 'adopts', '', { source: { existing } });
    await stage.reason('VMSnapshot', namespace, 'adopts', 'Available');
    expect(whose(await look('all'))).toMatchObject({
      'by-hand': `VMSnapshot ${namespace}/adopts`,
    });
  });

  it('knows that what an object leaves behind is nobody’s again', async () => {
    await stage.removed('VMSnapshot', namespace, 'adopts');
    expect(whose(await look('all'))).toMatchObject({ 'by-hand': 'Foreign' });
  });

  it('shows as many as are asked for, and follows its spec', async () => {
    await stage.patch('VMSnapshotInventory', namespace, 'all', { spec: { limit: 2 } });
    const cut = await stage.until(
      'VMSnapshotInventory',
      namespace,
      'all',
      'of generation 2',
      ({ status }) => status?.observedGeneration === 2,
    );
    expect(cut.status).toMatchObject({ truncated: true, counts: { total: 2 } });
    expect(ready(cut)?.message).toMatch(/There are more than are listed$/);
  });

  it('says what is wrong with its scope', async () => {
    await make('no-vm', { scope: { vm: { name: 'web' } } });
    await make('gone', { scope: { collection: collection.replace('rpc-box', 'rpc-gone') } });
    const unsupported = await becomes('no-vm', 'UnsupportedByProvider');
    expect(ready(unsupported)?.message).toMatch(/spec\.scope\.vm is set, but .*spec\.scope\.collection/);
    expect(kstatus(unsupported)).toBe('Failed');
    expect(ready(await becomes('gone', 'SourceNotFound'))?.message).toMatch(/rpc-gone/);
    // Once it points at what is there, it shows that.
    await stage.patch('VMSnapshotInventory', namespace, 'gone', { spec: { scope: { collection } } });
    expect((await becomes('gone', 'Available')).status?.counts?.total).toBe(5);
  });

  it('keeps what it found while the provider cannot be reached, and says so', async () => {
    const before = await stage.get('VMSnapshotInventory', namespace, 'gone');
    await stage.secret(namespace, 'azure', 'wrong');
    await stage.reason('VMProvider', namespace, 'azure', 'AuthenticationFailed');
    const during = await look('gone');
    expect(ready(during)).toMatchObject({ status: 'False', reason: 'WaitingForProvider' });
    expect(during.status?.items).toEqual(before.status?.items);
    await stage.secret(namespace, 'azure', stage.azure.clientSecret);
    const after = await becomes('gone', 'Available');
    expect(after.status?.items).toEqual(before.status?.items);
    expect(after.status?.changedAt).toBe(before.status?.changedAt);
  });

  it('shows through a ClusterVMProvider what access rules grant to adopt, and nothing more', async () => {
    const name = `shared-${namespace}`;
    await stage.secret(operatorNamespace, name, stage.azure.clientSecret);
    const rule = (operation: string, vm: string) => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      operations: [operation],
      vms: { names: [vm] },
    });
    const spec = { access: [rule('Snapshot', 'web'), rule('Adopt', 'another')] };
    await stage.make('ClusterVMProvider', undefined, name, stage.providerSpec(name, { spec }));
    await make('shared', { providerRef: { kind: 'ClusterVMProvider', name } });
    const denied = await becomes('shared', 'AccessDenied');
    expect(ready(denied)?.message).toMatch(/no Adopt of VM web /);
    expect(denied.status?.items).toBeUndefined();
    await stage.patch('ClusterVMProvider', undefined, name, { spec: { access: [rule('Adopt', 'web')] } });
    expect((await becomes('shared', 'Available')).status?.counts?.total).toBe(5);
    await stage.patch('ClusterVMProvider', undefined, name, { spec: { access: [] } });
    expect((await becomes('shared', 'AccessDenied')).status?.items).toBeUndefined();
  });

  it('goes at once, provider or not', async () => {
    await stage.removed('VMSnapshotInventory', namespace, 'all');
  });
});

describe('a rebuilt cluster', () => {
  let rebuilt: Stage;
  beforeAll(async () => {
    // The old one is lost, and with it who made what.
    await Promise.all(stage.operators.map((operator) => operator.stop()));
    rebuilt = await Stage.set();
    await rebuilt.operator(['--cluster-id=rebuilt']);
  });
  afterAll(() => rebuilt?.[Symbol.asyncDispose]());

  it('finds the restore points of the old one at Azure, and adopts them', async () => {
    const { azure } = stage;
    const team = await rebuilt.cluster.createNamespace('team');
    await rebuilt.secret(team, 'azure', azure.clientSecret);
    await rebuilt.make('VMProvider', team, 'azure', stage.providerSpec());
    await rebuilt.make('VMSnapshotInventory', team, 'all', {
      providerRef: { name: 'azure' },
      scope: { collection },
    });
    const found = await rebuilt.reason('VMSnapshotInventory', team, 'all', 'Available');
    const items: { id: string; name: string; managedBy: string }[] = found.status?.items ?? [];
    const lost = items.filter(({ name }) => name.startsWith('keyframe-test-'));
    expect(lost.map(({ managedBy }) => managedBy)).toEqual(['OtherCluster', 'OtherCluster']);

    for (const [index, { id }] of lost.entries())
      await rebuilt.snapshot(team, `found-${index}`, '', { source: { existing: { id } } });
    for (const [index, { id }] of lost.entries()) {
      const { status } = await rebuilt.reason('VMSnapshot', team, `found-${index}`, 'Available');
      expect(status).toMatchObject({ readyToUse: true, snapshotID: id, deletionPolicy: 'Retain' });
    }
    const adopted = await rebuilt.lookAt('VMSnapshotInventory', team, 'all');
    expect(whose(adopted)).toMatchObject(
      Object.fromEntries(lost.map(({ name }, index) => [name, `VMSnapshot ${team}/found-${index}`])),
    );
    expect(adopted.status?.counts).toMatchObject({ total: 5, managed: 2, otherCluster: 1, foreign: 2 });
  });
});

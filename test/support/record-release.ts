/**
 * Keeps what this release writes, for the tests of releases to come: run by hand when one is made.
 *
 *   npx node test/support/record-release.ts 0.1
 *
 * Each namespace is in another situation when its operator is killed.
 */
import { fileURLToPath } from 'node:url';
import { type KindName, kinds } from '../../src/api/kinds.ts';
import { type StopAt, stopVariable } from '../chaos/stop-at.ts';
import { waitFor } from '../controlplane/wait.ts';
import { keepRelease } from './older-release.ts';
import { type AnyObject, operatorNamespace, Stage } from './stage.ts';

const stoppable = fileURLToPath(new URL('../chaos/stoppable-operator.ts', import.meta.url));
/** In simulated seconds: work that is in hand stays so. */
const long = 100_000;

const version = process.argv[2];
if (version === undefined || !/^\d+\.\d+$/.test(version)) throw new Error('name the release, such as 0.1');

await using stage = await Stage.set({
  azure: { speed: 200, throttling: false, durations: { replicationRefreshSeconds: 20 } },
});

/** Makes a namespace with a provider. */
async function prepare(namespace: string): Promise<void> {
  await stage.cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await stage.provider(namespace);
}

const serve = (namespace: string) => stage.operator([`--namespaces=${namespace}`]);

/** Lets an operator stop itself, killed, at a step. */
async function stopped(namespace: string, stopAt: StopAt): Promise<void> {
  const env = { [stopVariable]: JSON.stringify(stopAt) };
  const operator = await stage.operator([`--namespaces=${namespace}`], env, stoppable);
  await operator.ended(60_000);
}

/** Lets Azure take the request that makes something for an object, and kills the operator before it is answered. */
async function unanswered(namespace: string, { metadata }: AnyObject): Promise<void> {
  const { uid = '' } = metadata;
  stage.azure.faults.add({
    operation: 'RestorePoints_Create',
    path: uid,
    times: 1,
    kind: 'hang',
    when: 'after-effect',
  });
  const operator = await serve(namespace);
  const taken = () => stage.azure.everCreated().some(({ name }) => name.includes(uid)) || undefined;
  await waitFor('Azure to take the request', async () => taken(), { interval: 1 });
  await operator.kill();
}

const copy = (namespace: string, snapshot: string) =>
  stage.make('RestorePointCopy', namespace, `${snapshot}-copy`, {
    source: { snapshotRef: { name: snapshot } },
    target: { location: 'northeurope' },
  });

async function settled(): Promise<void> {
  const namespace = 'settled';
  await prepare(namespace);
  await stage.secret(operatorNamespace, 'azure', stage.azure.clientSecret);
  await stage.make('ClusterVMProvider', undefined, 'shared', {
    ...stage.providerSpec(),
    access: [{ namespaceSelector: {}, operations: ['Snapshot', 'Copy', 'Adopt'] }],
  });
  const vm = stage.vm('settled', { dataDisks: [{ name: 'settled-data', sizeGB: 64 }] });
  stage.vm('shared');
  const collection = stage.azure.addCollection({
    name: 'foreign',
    resourceGroup: 'rg-test',
    sourceId: vm.id,
  });
  const foreign = stage.azure.addPoint({ collectionId: collection.id, name: 'nightly' });
  // Served as a cluster is, for the sake of the ClusterVMProvider.
  const operator = await stage.operator();
  await stage.snapshot(namespace, 'whole', 'settled');
  await stage.snapshot(namespace, 'shared', 'shared', {
    providerRef: { kind: 'ClusterVMProvider', name: 'shared' },
  });
  await stage.snapshot(namespace, 'refused', 'no-such-vm');
  await stage.make('VMSnapshot', namespace, 'adopted', {
    providerRef: { name: 'azure' },
    source: { existing: { id: foreign.id } },
  });
  await stage.make('VMSnapshotInventory', namespace, 'all', {
    providerRef: { name: 'azure' },
    scope: { collection: collection.id },
  });
  for (const name of ['whole', 'shared', 'adopted'])
    await stage.reason('VMSnapshot', namespace, name, 'Available');
  await stage.reason('VMSnapshot', namespace, 'refused', 'SourceNotFound');
  await copy(namespace, 'whole');
  await stage.reason('RestorePointCopy', namespace, 'whole-copy', 'Replicated');
  await stage.reason('VMSnapshotInventory', namespace, 'all', 'Available');
  for (const { metadata } of await stage.list('RestorePointCollection', namespace))
    await stage.reason('RestorePointCollection', namespace, metadata.name, 'Available');
  await operator.kill();
}

async function inHand(): Promise<void> {
  const namespace = 'in-hand';
  await prepare(namespace);
  stage.vm('source', { osDisk: { sizeGB: 30, replicationSeconds: long }, dataDisks: [{ sizeGB: 64 }] });
  stage.vm('slow', { createSeconds: long });
  stage.vm('late', { createSeconds: long });
  stage.vm('removed');
  const operator = await serve(namespace);
  await stage.snapshot(namespace, 'late', 'late', { deadline: '1m' });
  for (const name of ['source', 'slow', 'removed']) await stage.snapshot(namespace, name, name);
  await stage.reason('VMSnapshot', namespace, 'source', 'Available');
  const { metadata } = await stage.reason('VMSnapshot', namespace, 'removed', 'Available');
  await copy(namespace, 'source');
  await stage.reason('VMSnapshot', namespace, 'late', 'DeadlineExceeded', 120_000);
  await stage.until(
    'RestorePointCopy',
    namespace,
    'source-copy',
    'under way',
    ({ status }) => (status?.replication?.percent ?? 0) > 5,
  );
  stage.azure.faults.add({
    operation: 'RestorePoints_Delete',
    path: metadata.uid ?? '',
    kind: 'duration',
    seconds: long,
  });
  await stage.remove('VMSnapshot', namespace, 'removed');
  await stage.until(
    'VMSnapshot',
    namespace,
    'removed',
    'being deleted',
    ({ status }) => status?.provisioningState === 'Deleting',
  );
  await operator.kill();
}

/** Situations in the middle of a write: of a snapshot, and of a copy of one that is there. */
async function inBetween(): Promise<void> {
  for (const namespace of ['unsent', 'unanswered', 'unsent-copy', 'unanswered-copy', 'unsent-collection']) {
    await prepare(namespace);
    stage.vm(namespace);
    const snapshot = await stage.snapshot(namespace, namespace, namespace);
    const stopAt = { step: 'WriteIntent', after: true } as const;
    if (namespace === 'unsent') await stopped(namespace, { kind: 'VMSnapshot', ...stopAt });
    if (namespace === 'unsent-collection')
      await stopped(namespace, { kind: 'RestorePointCollection', ...stopAt });
    if (namespace === 'unanswered') await unanswered(namespace, snapshot);
    if (!namespace.endsWith('-copy')) continue;
    const operator = await serve(namespace);
    await stage.reason('VMSnapshot', namespace, namespace, 'Available');
    await operator.kill();
    const made = await copy(namespace, namespace);
    if (namespace === 'unsent-copy') await stopped(namespace, { kind: 'RestorePointCopy', ...stopAt });
    else await unanswered(namespace, made);
  }
}

await settled();
await inHand();
await inBetween();
const objects: AnyObject[] = [];
for (const kind of Object.keys(kinds) as KindName[]) objects.push(...(await stage.list(kind)));
const folder = await keepRelease(version, objects, stage.azure);
process.stdout.write(
  `${objects.length} objects and ${stage.azure.points().length} restore points: ${folder}\n`,
);

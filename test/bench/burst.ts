/**
 * How long a burst of snapshots takes until all are ready, as a ratio to what the API server alone needs for the
 * same writes: `npm run bench -- [snapshots]`. One run, one machine; absolute figures say nothing elsewhere.
 */
import { Pool } from 'undici';
import { ready, Stage } from '../support/stage.ts';

const count = Number(process.argv[2] ?? 200);
const atOnce = 16;

/** Runs jobs, so many at a time; answers seconds. */
async function timed(jobs: (() => Promise<unknown>)[]): Promise<number> {
  const started = performance.now();
  const left = jobs.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const job of left) await job();
    }),
  );
  return (performance.now() - started) / 1000;
}

await using stage = await Stage.set({ azure: { throttling: false, durations: { createSeconds: 1 } } });
const namespace = await stage.cluster.createNamespace('bench');
for (let index = 0; index < count; index++)
  stage.azure.addVm({ name: `vm-${index}`, resourceGroup: 'rg-test', location: 'westeurope' });
const operator = await stage.operator(['--log-level=info', '--workers=16', '--poll-interval=1s']);
await stage.provider(namespace, {
  spec: { limits: { requestTimeout: '10s', requestsPerSecond: 1000, maxConcurrent: 64 } },
});
await stage.reason('VMProvider', namespace, 'azure', 'Available');

// The floor: three status patches of each object, as many as a snapshot costs, by nobody but this process.
const url = new URL(stage.cluster.url);
const pool = new Pool(url.origin, { connections: atOnce, connect: { ca: stage.cluster.ca } });
const patch = async (name: string, body: object) => {
  const { body: answer, statusCode } = await pool.request({
    method: 'PATCH',
    path: `${stage.path('VMSnapshot', namespace)}/${name}/status`,
    headers: {
      authorization: `Bearer ${stage.cluster.adminToken}`,
      'content-type': 'application/merge-patch+json',
    },
    body: JSON.stringify(body),
  });
  await answer.dump();
  if (statusCode !== 200) throw new Error(`the floor's patch was answered with ${statusCode}`);
};
const paused = { annotations: { 'keyframe.dev/paused': 'true' } };
const spec = (index: number) => ({ providerRef: { name: 'azure' }, source: { vm: { name: `vm-${index}` } } });
const floorCount = Math.min(count, 200);
await timed(
  Array.from(
    { length: floorCount },
    (_, index) => () => stage.make('VMSnapshot', namespace, `floor-${index}`, spec(index), paused),
  ),
);
const floorPatches = Array.from({ length: floorCount }, (_, index) => async () => {
  for (const state of ['Pending', 'Creating', 'Succeeded'])
    await patch(`floor-${index}`, {
      status: { provisioningState: state, vendor: { words: 'x'.repeat(300) } },
    });
});
const floor = ((await timed(floorPatches)) * count) / floorCount;

const from = Date.now();
const began = performance.now();
const created = await timed(
  Array.from(
    { length: count },
    (_, index) => () => stage.make('VMSnapshot', namespace, `burst-${index}`, spec(index)),
  ),
);
let done = 0;
while (done < count) {
  const all = await stage.list('VMSnapshot', namespace);
  done = all.filter(
    (object) => object.metadata.name.startsWith('burst-') && ready(object)?.status === 'True',
  ).length;
  if (!operator.running) throw new Error(operator.tail());
}
const took = (performance.now() - began) / 1000;
const writes = await stage.cluster.auditEvents(
  ({ verb, user, stageTimestamp, objectRef }) =>
    Date.parse(stageTimestamp) >= from &&
    user.username.includes('serviceaccount') &&
    ['create', 'patch', 'update', 'delete'].includes(verb) &&
    objectRef?.resource !== 'leases',
);
const of = (resource: string) =>
  (writes.filter(({ objectRef }) => objectRef?.resource === resource).length / count).toFixed(2);
const metrics = await (await fetch(operator.metricsURL)).text();
const rss = Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1] ?? 0) / 2 ** 20;
console.log(
  `${count} snapshots of ${count} VMs: created in ${created.toFixed(1)} s, all ready after ${took.toFixed(1)} s`,
);
console.log(`floor (three status patches each, nobody else at work): ${floor.toFixed(1)} s`);
console.log(`all ready / floor = ${(took / floor).toFixed(1)}`);
console.log(
  `writes for each snapshot: ${of('vmsnapshots')} to it, ${of('restorepointcollections')} to the collection of its VM, ${of('events')} Events`,
);
console.log(`requests to Azure: ${JSON.stringify(stage.azure.counts())}`);
console.log(`points at Azure: ${stage.azure.points().length}; operator: ${rss.toFixed(0)} MiB`);
await pool.close();

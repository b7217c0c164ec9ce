import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, Stage, type Write } from '../../support/stage.ts';

const count = 30;
/** What a probe asks, and all that it may cost, a new token included. */
const probe = 'RestorePointCollections_List';
const probing = [probe, 'Authority_Token'];
/** None is due to be held against Azure while the tests run: objects take turns in the interval. */
const untouched = ['--drift-interval=240h'];
const names = Array.from({ length: count }, (_, index) => `vm-${String(index).padStart(2, '0')}`);

describe('thirty VMs at once', () => {
  let stage: Stage;
  let namespace: string;

  beforeAll(async () => {
    stage = await Stage.set();
    namespace = await stage.cluster.createNamespace('writes');
    for (const name of names) stage.vm(name);
    await stage.operator(untouched);
    await stage.provider(namespace, {
      // A busy machine is not to look like an outage.
      spec: {
        limits: { requestTimeout: '20s', requestsPerSecond: 1000, maxConcurrent: 32 },
        probeInterval: '1s',
      },
    });
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());

  const writes = async (): Promise<Record<'snapshots' | 'collections' | 'providers', Write[]>> => ({
    snapshots: await stage.writes('VMSnapshot', namespace),
    collections: await stage.writes('RestorePointCollection', namespace),
    providers: await stage.writes('VMProvider', namespace),
  });
  const counted = ({ status }: AnyObject) => status?.restorePoints?.managed === 1;
  /** Lets some probes of the provider pass, and gives what Azure was asked meanwhile. */
  const whileProbing = async (probes: number): Promise<Record<string, number>> => {
    stage.azure.resetCounts();
    await waitFor(`${probes} probes`, async () =>
      (stage.azure.counts()[probe] ?? 0) >= probes ? true : undefined,
    );
    return stage.azure.counts();
  };
  const expectQuiet = (asked: Record<string, number>) =>
    expect(Object.keys(asked).filter((operation) => !probing.includes(operation))).toEqual([]);

  it('cost three writes each from create to Ready, and a few more where a wait has to be said', async () => {
    await Promise.all(names.map((name) => stage.snapshot(namespace, name, name)));
    for (const name of names) await stage.reason('VMSnapshot', namespace, name, 'Available', 60_000);
    const { snapshots } = await writes();
    const events = await stage.events(namespace);
    for (const name of names) {
      const own = snapshots
        .filter((write) => write.name === name)
        .map(({ verb, part, code }) => `${verb} ${part} ${code}`);
      // On a busy machine the wait for a collection may last so long that it has to be said.
      const said = events.filter(({ regarding }) => regarding.name === name).map(({ reason }) => reason);
      const waited = said.includes('Queued');
      expect(waited ? own.slice(-3) : own).toEqual([
        'patch metadata 200',
        'patch status 200',
        'patch status 200',
      ]);
      expect(own.length, `writes of ${name}, which said ${said.join(', ')}`).toBeLessThanOrEqual(10);
    }
    expect(stage.azure.points()).toHaveLength(count);
    expect(stage.azure.everCreated()).toHaveLength(count);
  });

  it('cost nothing once they are settled', async () => {
    await waitFor('what is in the collections to be counted', async () => {
      const all = await stage.list('RestorePointCollection', namespace);
      if (all.length !== count || !all.every(counted)) return undefined;
      return Object.keys(await whileProbing(2)).every((asked) => probing.includes(asked)) ? true : undefined;
    });
    const before = await writes();
    expectQuiet(await whileProbing(3));
    expect(await writes()).toEqual(before);
  });

  it('cost nothing when the provider breaks', async () => {
    const before = await writes();
    const fault = stage.azure.faults.add({ kind: 'respond', status: 503, method: 'GET' });
    await stage.reason('VMProvider', namespace, 'azure', 'ProviderUnavailable');
    expectQuiet(await whileProbing(2));
    stage.azure.faults.remove(fault);
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
    const after = await writes();
    expect(after.snapshots).toEqual(before.snapshots);
    expect(after.collections).toEqual(before.collections);
    expect(after.providers).toHaveLength(before.providers.length + 2);
  });

  it('cost nothing when the operator starts anew', async () => {
    const before = await writes();
    expect(await stage.operators.at(-1)?.stop()).toBe(0);
    stage.azure.resetCounts();
    await stage.operator(untouched);
    expectQuiet(await whileProbing(3));
    expect(await writes()).toEqual(before);
  });

  it('cost no write when each is held against Azure', async () => {
    const before = await writes();
    expect(await stage.operators.at(-1)?.stop()).toBe(0);
    stage.azure.resetCounts();
    await stage.operator(['--drift-interval=5s']);
    await waitFor('a look at each', async () => {
      const { RestorePointCollections_Get: looks = 0 } = stage.azure.counts();
      return looks >= 4 * count ? true : undefined;
    });
    expect(await writes()).toEqual(before);
    expect(await stage.operators.at(-1)?.stop()).toBe(0);
    await stage.operator(untouched);
    // What is changed before the provider is tried is acknowledged in two steps.
    await whileProbing(2);
  });

  it('cost one write for each object whose spec is changed', async () => {
    const before = await writes();
    await stage.patch('VMSnapshot', namespace, 'vm-00', { spec: { deletionPolicy: 'Retain' } });
    const { status } = await stage.until(
      'VMSnapshot',
      namespace,
      'vm-00',
      'acknowledged',
      ({ status, metadata }) => status?.observedGeneration === metadata.generation,
    );
    expect(status?.deletionPolicy).toBe('Retain');
    const collection = (await stage.list('RestorePointCollection', namespace))[0]?.metadata.name ?? '';
    await stage.patch('RestorePointCollection', namespace, collection, {
      spec: { deletionPolicy: 'Retain' },
    });
    await stage.until(
      'RestorePointCollection',
      namespace,
      collection,
      'acknowledged',
      ({ status, metadata }) =>
        status?.observedGeneration === metadata.generation && status?.deletionPolicy === 'Retain',
    );
    const after = await writes();
    expect(after.snapshots).toHaveLength(before.snapshots.length + 1);
    expect(after.collections).toHaveLength(before.collections.length + 1);
  });

  it('give away no secret, and send nothing malformed', async () => {
    expect(await leaks(stage)).toEqual([]);
    expect(stage.azure.contractViolations).toEqual([]);
  });
});

/** Two operators that both believe to lead, and the change from one leader to the next. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendWindowMs } from '../../src/controllers/intent.ts';
import { waitFor } from '../controlplane/wait.ts';
import { seededRandom } from '../simulators/common/faults.ts';
import { operatorNamespace, Stage } from '../support/stage.ts';
import {
  addForeign,
  expectForeignUntouched,
  expectNoOrphans,
  expectNothingLeft,
  expectOnePointEach,
  type Foreign,
} from './account.ts';
import { AzureScene } from './azure-scene.ts';
import { randomFault } from './random-faults.ts';

const seed = Number(process.env.KEYFRAME_CHAOS_SEED ?? Math.floor(Math.random() * 1_000_000));
const mostAttempts = 10;

let stage: Stage;
let foreign: Foreign;

beforeAll(async () => {
  stage = await Stage.set({
    azure: {
      speed: 100,
      throttling: false,
      durations: { replicationSeconds: 120, replicationRefreshSeconds: 20 },
      seed,
    },
  });
  foreign = addForeign(stage);
});
afterAll(() => stage?.[Symbol.asyncDispose]());

describe('two operators at work on the same objects', () => {
  it('make everything once and remove it all', async () => {
    await using scene = await AzureScene.set(stage, 4);
    await Promise.all([scene.operator(), scene.operator()]);
    await scene.makeObjects();
    await scene.makeCopy(1);
    expectOnePointEach(stage, await scene.allReady());
    const objects = await scene.objects();
    await scene.removeObjects();
    await scene.allGone();
    expectNothingLeft(stage, objects);
  });

  it.each([seed, seed + 1])('make everything once while Azure fails at random (seed %i)', async (one) => {
    const random = seededRandom(one);
    await using scene = await AzureScene.set(stage, 6);
    await Promise.all([scene.operator(), scene.operator()]);
    for (let count = 0; count < 6; count++) stage.azure.faults.add(randomFault(random));
    const objects = await scene.makeObjects();
    const [deleted] = objects;
    const copies = [await scene.makeCopy(1), await scene.makeCopy(2)];
    for (const object of [...objects, ...copies].slice(1)) await scene.untilCreate(object, 'asked');
    stage.azure.faults.clear();
    if (deleted === undefined) throw new Error('nothing was made');
    const ready = await scene.allReady();
    expectOnePointEach(stage, ready, mostAttempts);
    await scene.removeObjects();
    await scene.allGone();
    expectNothingLeft(stage, ready);
  });
});

describe.concurrent('one of two operators hangs, and both believe to lead', () => {
  it('makes it once although it hangs between its intent and its request', async () => {
    await using scene = await AzureScene.set(stage, 1);
    const hanging = await scene.stoppable({ kind: 'VMSnapshot', step: 'Create', signal: 'SIGSTOP' });
    const object = await scene.makeSnapshot(0);
    await hanging.line(({ message }) => message === 'stops here');
    const stopped = performance.now();
    await scene.operator();
    // The last moment at which the one that hangs may still send.
    await waitFor(
      'the send window to be almost over',
      async () => performance.now() - stopped > sendWindowMs - 1_000 || undefined,
    );
    hanging.signal('SIGCONT');
    await scene.untilCreate(object, 'made');
    expectOnePointEach(stage, await scene.allReady());
  });

  it('makes it once when it wakes up too late', async () => {
    await using scene = await AzureScene.set(stage, 1);
    const hanging = await scene.stoppable({ kind: 'VMSnapshot', step: 'Create', signal: 'SIGSTOP' });
    await scene.makeSnapshot(0);
    await hanging.line(({ message }) => message === 'stops here');
    await scene.operator();
    await scene.allReady();
    hanging.signal('SIGCONT');
    await hanging.line(
      ({ message, outcome }) => message === 'asked the vendor to make it' && outcome === 'NotSent',
    );
    expectOnePointEach(stage, await scene.allReady());
  });

  it('leaves nothing behind when the object is deleted meanwhile', async () => {
    await using scene = await AzureScene.set(stage, 1);
    const hanging = await scene.stoppable({ kind: 'VMSnapshot', step: 'Create', signal: 'SIGSTOP' });
    const object = await scene.makeSnapshot(0);
    await hanging.line(({ message }) => message === 'stops here');
    const stopped = performance.now();
    await scene.remove(object);
    await scene.operator();
    await waitFor(
      'the send window to be almost over',
      async () => performance.now() - stopped > sendWindowMs - 1_000 || undefined,
    );
    hanging.signal('SIGCONT');
    await scene.allGone();
    await hanging.line(({ message }) => message === 'asked the vendor to make it');
    expectNothingLeft(stage, [object]);
  });
});

describe.concurrent('leader election', () => {
  // Long enough that a busy machine does not cost a healthy leader its lease, which would end it as it should.
  const flags = [
    '--leader-elect=true',
    '--lease-duration=10s',
    '--renew-deadline=8s',
    '--retry-period=500ms',
  ];
  const leads = ({ message }: { message: string }) => message === 'leading';

  it('lets another one finish what a killed leader began', async () => {
    await using scene = await AzureScene.set(stage, 3);
    const all = [...flags, `--leader-election-name=${scene.namespace}`];
    const first = await scene.operator(all);
    await first.line(leads);
    const second = await scene.operator(all);
    const objects = await scene.makeObjects();
    for (const object of objects.slice(0, 3)) await scene.untilCreate(object, 'asked');
    expect(second.log.some(leads)).toBe(false);
    await first.kill();
    await second.line(leads);
    expectOnePointEach(stage, await scene.allReady());
  });

  it('passes on at once when the leader is stopped in order', async () => {
    await using scene = await AzureScene.set(stage, 3);
    const all = [...flags, `--leader-election-name=${scene.namespace}`];
    const first = await scene.operator(all);
    await first.line(leads);
    const second = await scene.operator(all);
    const [object] = await scene.makeObjects();
    if (object === undefined) throw new Error('nothing was made');
    await scene.untilCreate(object, 'asked');
    expect(await first.stop()).toBe(0);
    await second.line(leads);
    expectOnePointEach(stage, await scene.allReady());
    const lease = await stage.cluster.request<{ spec: { leaseTransitions?: number } }>(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/${scene.namespace}`,
    );
    expect(lease.spec.leaseTransitions).toBe(1);
  });

  it('ends a leader that cannot renew: it wakes up after another one took over', async () => {
    await using scene = await AzureScene.set(stage, 2);
    const all = [...flags, `--leader-election-name=${scene.namespace}`];
    const hanging = await scene.stoppable({ kind: 'VMSnapshot', step: 'Create', signal: 'SIGSTOP' }, all);
    await hanging.line(leads);
    const second = await scene.operator(all);
    await scene.makeObjects();
    await hanging.line(({ message }) => message === 'stops here');
    await second.line(leads);
    hanging.signal('SIGCONT');
    await hanging.ended();
    expectOnePointEach(stage, await scene.allReady());
  });
});

describe('at the end of it all', () => {
  it('nothing is left that no object stands for, and nothing of others was touched', async () => {
    await expectNoOrphans(stage);
    expectForeignUntouched(stage, foreign);
  });
});

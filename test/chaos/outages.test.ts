/** The API server goes away in the middle, or Azure does. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../controlplane/wait.ts';
import { type AnyObject, ready, Stage } from '../support/stage.ts';
import {
  addForeign,
  expectForeignUntouched,
  expectNoOrphans,
  expectNothingLeft,
  expectOnePointEach,
  type Foreign,
} from './account.ts';
import { AzureScene } from './azure-scene.ts';

let stage: Stage;
let foreign: Foreign;

beforeAll(async () => {
  stage = await Stage.set({
    azure: {
      speed: 100,
      throttling: false,
      durations: { replicationSeconds: 300, replicationRefreshSeconds: 20 },
    },
  });
  foreign = addForeign(stage);
});
afterEach(() => stage.azure.faults.clear());
afterAll(() => stage?.[Symbol.asyncDispose]());

describe('the API server goes away', () => {
  it('between the request and the status that tells of it', async () => {
    await using scene = await AzureScene.set(stage);
    const objects = await scene.makeObjects();
    const [first] = objects;
    if (first === undefined) throw new Error('nothing was made');
    // The answer comes when nobody can write it down any more.
    scene.faultOnCreateFor(first, { kind: 'latency', milliseconds: 900 });
    const operator = await scene.operator();
    await scene.untilCreate(first, 'asked');
    await stage.cluster.stopApiServer();
    await scene.untilCreate(first, 'made');
    await operator.line(({ message }) => message === 'asked the vendor to make it');
    await stage.cluster.restartApiServer();
    expectOnePointEach(stage, await scene.allReady());
    expect(operator.running).toBe(true);
  });

  it('while what was deleted is being removed', async () => {
    await using scene = await AzureScene.set(stage);
    const objects = await scene.makeObjects();
    const operator = await scene.operator();
    await scene.allReady();
    await scene.removeObjects();
    await operator.line(({ message }) => message === 'asked the vendor to remove it');
    await stage.cluster.stopApiServer();
    await stage.cluster.restartApiServer();
    await scene.allGone();
    expectNothingLeft(stage, objects);
    expect(operator.running).toBe(true);
  });

  it('and the leader ends when it cannot renew; the next one goes on', async () => {
    await using scene = await AzureScene.set(stage);
    const flags = [
      '--leader-elect=true',
      '--lease-duration=3s',
      '--renew-deadline=2s',
      '--retry-period=500ms',
      `--leader-election-name=${scene.namespace}`,
    ];
    const [first] = await scene.makeObjects();
    if (first === undefined) throw new Error('nothing was made');
    const leader = await scene.operator(flags);
    await scene.untilCreate(first, 'asked');
    await stage.cluster.stopApiServer();
    await leader.ended();
    await stage.cluster.restartApiServer();
    await scene.operator(flags);
    expectOnePointEach(stage, await scene.allReady());
  });
});

describe('Azure goes away', () => {
  /** Looks of the operator at Azure, whether they were answered or not. */
  const requests = () => Object.values(stage.azure.counts()).reduce((sum, count) => sum + count, 0);

  const versions = (objects: AnyObject[]) =>
    objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`);

  const writesTo = async (scene: AzureScene, objects: AnyObject[]) => {
    const names = new Set(objects.map(({ metadata }) => metadata.name));
    const writes = [
      ...(await stage.writes('VMSnapshot', scene.namespace)),
      ...(await stage.writes('RestorePointCopy', scene.namespace)),
    ];
    return writes.filter(({ name }) => names.has(name)).length;
  };

  it('for a while: what is settled is left alone, what is under way goes on', async () => {
    await using scene = await AzureScene.set(stage, 4);
    // Looks at what is settled are due all the time.
    const operator = await scene.operator(['--drift-interval=1s']);
    for (const index of [0, 1]) await scene.makeSnapshot(index);
    await scene.makeCopy(0);
    const settled = await scene.allReady();
    const writesBefore = await writesTo(scene, settled);

    const underWay = [await scene.makeSnapshot(2), await scene.makeCopy(1)];
    for (const object of underWay) await scene.untilCreate(object, 'made');
    stage.azure.faults.add({ kind: 'reset' });
    const late = await scene.makeSnapshot(3);
    const provider = await stage.until(
      'VMProvider',
      scene.namespace,
      'azure',
      'to be told of the outage',
      (object) => ready(object)?.status !== 'True',
    );
    expect(ready(provider)?.reason).toBe('ProviderUnavailable');
    // It is tried again, but ever more seldom.
    const before = requests();
    await waitFor('more requests in vain', async () => requests() > before + 1 || undefined);
    await stage.reason('VMSnapshot', scene.namespace, late.metadata.name ?? '', 'WaitingForProvider');

    stage.azure.faults.clear();
    const all = await scene.allReady();
    expectOnePointEach(stage, all);
    const names = new Set(settled.map(({ metadata }) => metadata.name));
    const after = all.filter(({ metadata }) => names.has(metadata.name));
    expect(versions(after), 'objects that were settled before').toEqual(versions(settled));
    expect(await writesTo(scene, settled), 'writes to them').toBe(writesBefore);
    expect(operator.running).toBe(true);
  });

  it('between two attempts, with its answers lost', async () => {
    await using scene = await AzureScene.set(stage);
    const objects = await scene.makeObjects();
    const [first] = objects;
    if (first === undefined) throw new Error('nothing was made');
    scene.faultOnCreateFor(first, { kind: 'lost-answer' });
    await scene.operator();
    await scene.untilCreate(first, 'made');
    stage.azure.faults.add({ kind: 'respond', status: 503 });
    await stage.until(
      'VMProvider',
      scene.namespace,
      'azure',
      'to be told of the outage',
      (object) => ready(object)?.status !== 'True',
    );
    stage.azure.faults.clear();
    expectOnePointEach(stage, await scene.allReady());
  });

  it('while things are deleted: they wait, and go when it is back', async () => {
    await using scene = await AzureScene.set(stage);
    const objects = await scene.makeObjects();
    await scene.operator();
    await scene.allReady();
    stage.azure.faults.add({ kind: 'reset' });
    await scene.removeObjects();
    await stage.reason('VMSnapshot', scene.namespace, 'snapshot-0', 'ProviderUnavailable');
    stage.azure.faults.clear();
    await scene.allGone();
    expectNothingLeft(stage, objects);
  });
});

describe('at the end of it all', () => {
  it('nothing is left that no object stands for, and nothing of others was touched', async () => {
    await expectNoOrphans(stage);
    expectForeignUntouched(stage, foreign);
  });
});

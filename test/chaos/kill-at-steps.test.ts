/**
 * The operator is killed at each step of the protocol (src/controllers/intent.ts), and another one goes on: each
 * object ends ready, and Azure has made exactly one restore point for it. Or, deleted, it goes and leaves nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AzureFaultRule } from '../simulators/azure/faults.ts';
import { Stage } from '../support/stage.ts';
import {
  addForeign,
  expectForeignUntouched,
  expectNoOrphans,
  expectNothingLeft,
  expectOnePointEach,
  type Foreign,
} from './account.ts';
import { AzureScene } from './azure-scene.ts';
import type { StopAt } from './stop-at.ts';

let stage: Stage;
let foreign: Foreign;

beforeAll(async () => {
  stage = await Stage.set({
    azure: {
      speed: 200,
      throttling: false,
      durations: { replicationSeconds: 200, replicationRefreshSeconds: 20 },
    },
  });
  foreign = addForeign(stage);
});
afterAll(() => stage?.[Symbol.asyncDispose]());

type Case = StopAt & { title: string };

describe('killed while snapshots and copies are made', () => {
  const cases: Case[] = [
    { title: 'before the VM is read', kind: 'VMSnapshot', step: 'ReadVM' },
    { title: 'before the intent is written', kind: 'VMSnapshot', step: 'WriteIntent' },
    { title: 'when the intent is written', kind: 'VMSnapshot', step: 'WriteIntent', after: true },
    { title: 'before the request is sent', kind: 'VMSnapshot', step: 'Create' },
    { title: 'before the second request is sent', kind: 'VMSnapshot', step: 'Create', nth: 2 },
    { title: 'when Azure took the request', kind: 'VMSnapshot', step: 'Create', after: true },
    { title: 'when Azure took the second request', kind: 'VMSnapshot', step: 'Create', after: true, nth: 2 },
    { title: 'before the restore point is polled', kind: 'VMSnapshot', step: 'ReadSnapshot' },
    { title: 'before its collection object is made', kind: 'VMSnapshot', step: 'MakeCollection' },
    { title: 'before the source is read', kind: 'RestorePointCopy', step: 'ReadSource' },
    { title: 'before the target is looked into', kind: 'RestorePointCopy', step: 'LookUp' },
    { title: 'before the collection for copies is made', kind: 'RestorePointCopy', step: 'MakeCollection' },
    { title: 'before the intent of a copy is written', kind: 'RestorePointCopy', step: 'WriteIntent' },
    {
      title: 'when the intent of a copy is written',
      kind: 'RestorePointCopy',
      step: 'WriteIntent',
      after: true,
    },
    { title: 'before the copy is asked for', kind: 'RestorePointCopy', step: 'Create' },
    { title: 'when Azure took the copy', kind: 'RestorePointCopy', step: 'Create', after: true },
    { title: 'while the data replicates', kind: 'RestorePointCopy', step: 'ReadSnapshot', nth: 3 },
    { title: 'before the intent of a collection', kind: 'RestorePointCollection', step: 'WriteIntent' },
    { title: 'before a collection is made', kind: 'RestorePointCollection', step: 'Create' },
    { title: 'when a collection was made', kind: 'RestorePointCollection', step: 'Create', after: true },
    {
      title: 'when a copy target was made',
      kind: 'RestorePointCollection',
      step: 'Create',
      after: true,
      nth: 3,
    },
  ];

  it.concurrent.for(cases)('$kind: $title', async ({ title: _, ...stopAt }) => {
    await using scene = await AzureScene.set(stage);
    await scene.makeObjects();
    const killed = await scene.stoppable(stopAt);
    await killed.ended();
    expect(killed.log.some(({ message }) => message === 'stops here')).toBe(true);
    await scene.operator();
    expectOnePointEach(stage, await scene.allReady());
  });
});

describe('killed while things are removed', () => {
  const deleting = true;
  const cases: Case[] = [
    { title: 'before it is looked for', kind: 'VMSnapshot', step: 'LookUp', deleting },
    { title: 'before it is removed', kind: 'VMSnapshot', step: 'Remove', deleting },
    { title: 'when Azure took the removal', kind: 'VMSnapshot', step: 'Remove', deleting, after: true },
    { title: 'before the object is let go', kind: 'VMSnapshot', step: 'Release', deleting },
    { title: 'before the second object is let go', kind: 'VMSnapshot', step: 'Release', deleting, nth: 2 },
    { title: 'before a copy is removed', kind: 'RestorePointCopy', step: 'Remove', deleting },
    { title: 'when Azure removes a copy', kind: 'RestorePointCopy', step: 'Remove', deleting, after: true },
    { title: 'before a copy is let go', kind: 'RestorePointCopy', step: 'Release', deleting },
    { title: 'before the unused object is deleted', kind: 'RestorePointCollection', step: 'DeleteObject' },
    { title: 'before a collection is removed', kind: 'RestorePointCollection', step: 'Delete', deleting },
    {
      title: 'when Azure took its removal',
      kind: 'RestorePointCollection',
      step: 'Delete',
      deleting,
      after: true,
    },
    { title: 'before a collection is let go', kind: 'RestorePointCollection', step: 'Release', deleting },
  ];

  it.concurrent.for(cases)('$kind: $title', async ({ title: _, ...stopAt }) => {
    await using scene = await AzureScene.set(stage);
    const objects = await scene.makeObjects();
    const killed = await scene.stoppable(stopAt);
    await scene.allReady();
    await scene.removeObjects();
    await killed.ended();
    await scene.operator();
    await scene.allGone();
    expectNothingLeft(stage, objects);
  });
});

describe('killed when nobody knows what came of the request', () => {
  interface Unknown {
    title: string;
    fault: AzureFaultRule;
    /** Whether to kill as soon as Azure has the restore point, or as soon as it has the request. */
    killWhen: 'made' | 'asked';
    attempts?: number;
  }
  const cases: Unknown[] = [
    {
      title: 'Azure made it, its answer hangs',
      fault: { kind: 'hang', when: 'after-effect' },
      killWhen: 'made',
    },
    { title: 'Azure made it and hung up', fault: { kind: 'lost-answer' }, killWhen: 'made' },
    {
      title: 'the request is still on its way',
      fault: { kind: 'latency', milliseconds: 900 },
      killWhen: 'asked',
    },
    { title: 'Azure never looks at it', fault: { kind: 'hang' }, killWhen: 'asked' },
    { title: 'it shows late', fault: { kind: 'late-effect', milliseconds: 800 }, killWhen: 'asked' },
    {
      title: 'Azure answers 500 and made it',
      fault: { kind: 'respond', status: 500, when: 'after-effect' },
      killWhen: 'made',
    },
    {
      title: 'what Azure makes will fail',
      fault: { kind: 'operation-failed', code: 'VMRestorePointInternalError', message: 'an internal error' },
      killWhen: 'made',
      attempts: 2,
    },
  ];

  const kinds = ['VMSnapshot', 'RestorePointCopy'] as const;
  const ofEachKind = cases.flatMap((one) => kinds.map((kind) => ({ ...one, kind })));

  async function killInDoubt(scene: AzureScene, { kind, fault, killWhen }: (typeof ofEachKind)[number]) {
    const objects = await scene.makeObjects();
    const object = objects.find((candidate) => candidate.kind === kind);
    if (object === undefined) throw new Error(`there is no ${kind}`);
    scene.faultOnCreateFor(object, fault);
    const killed = await scene.operator();
    await scene.untilCreate(object, killWhen);
    await killed.kill();
    return objects;
  }

  it.concurrent.for(ofEachKind)('$kind, $title: it goes on', async (one) => {
    await using scene = await AzureScene.set(stage);
    await killInDoubt(scene, one);
    await scene.operator();
    expectOnePointEach(stage, await scene.allReady(), one.attempts);
  });

  it.concurrent.for(cases)('VMSnapshot, $title: it is deleted', async (one) => {
    await using scene = await AzureScene.set(stage);
    const objects = await killInDoubt(scene, { ...one, kind: 'VMSnapshot' });
    await scene.removeObjects();
    await scene.operator();
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

/**
 * As kill-at-steps, on an oVirt engine: ids that are given again, merges, guests that Keyframe freezes. Each object
 * ends with exactly one snapshot, and no guest stays frozen; or, deleted, it goes and leaves nothing.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../controlplane/wait.ts';
import type { OvirtFaultRule } from '../simulators/ovirt/faults.ts';
import type { OvirtSimulator } from '../simulators/ovirt/simulator.ts';
import { startEngine } from '../support/engine.ts';
import { Stage } from '../support/stage.ts';
import { EngineScene } from './engine-scene.ts';
import type { StopAt } from './stop-at.ts';

let stage: Stage;
let engine: OvirtSimulator;

beforeAll(async () => {
  [stage, engine] = await Promise.all([Stage.set(), startEngine({ durations: { lockLingersSeconds: 10 } })]);
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await engine?.close();
});

type Case = Omit<StopAt, 'kind'> & { title: string };
const kind = 'VMSnapshot' as const;

describe('killed while snapshots are made on an engine', () => {
  const cases: Case[] = [
    { title: 'when the intent is written', step: 'WriteIntent', after: true },
    { title: 'when the guest is frozen', step: 'Freeze', after: true },
    { title: 'before the request is sent', step: 'Create' },
    { title: 'when the engine took the request', step: 'Create', after: true },
    { title: 'before the snapshot is polled', step: 'ReadSnapshot' },
    { title: 'before the events are read', step: 'ReadOperation' },
    { title: 'before the guest is thawed', step: 'Thaw' },
  ];

  it.concurrent.for(cases)('$title', async ({ title: _, ...stopAt }) => {
    await using scene = await EngineScene.set(stage, engine);
    await scene.makeSnapshots();
    const killed = await scene.stoppable({ kind, ...stopAt });
    await killed.ended();
    await scene.operator();
    // A process that died with a guest frozen may have the next one begin anew.
    scene.expectOneEach(await scene.allReady(), 2);
  });
});

describe('killed while snapshots are merged away', () => {
  const cases: Case[] = [
    { title: 'before it is removed', step: 'Remove' },
    { title: 'when the engine began to merge', step: 'Remove', after: true },
    { title: 'before the object is let go', step: 'Release' },
  ];

  it.concurrent.for(cases)('$title', async ({ title: _, ...stopAt }) => {
    await using scene = await EngineScene.set(stage, engine);
    const objects = await scene.makeSnapshots();
    const killed = await scene.stoppable({ kind, deleting: true, ...stopAt });
    await scene.allReady();
    await scene.removeAll(objects);
    await killed.ended();
    await scene.operator();
    await scene.allGone();
    scene.expectNothingLeft(objects);
  });
});

describe('killed when nobody knows what came of the request', () => {
  const cases: { title: string; fault: OvirtFaultRule; mostMade?: number }[] = [
    { title: 'the engine took it, its answer was lost', fault: { kind: 'lost-answer' } },
    {
      title: 'Apache gave up, and the engine makes it later',
      fault: { kind: 'late-effect', milliseconds: 700 },
    },
    {
      title: 'what the engine makes will vanish',
      fault: { kind: 'operation-failed', leaves: 'nothing' },
      mostMade: 2,
    },
  ];

  it.concurrent.for(cases)('$title', async ({ fault, mostMade }) => {
    await using scene = await EngineScene.set(stage, engine);
    const path = scene.vms[2]?.id ?? '';
    engine.faults.add({ ...fault, operation: 'Snapshots_Create', path, times: 1 });
    await scene.makeSnapshots();
    const killed = await scene.operator();
    await waitFor(
      'the engine to be asked',
      async () =>
        engine.requests.some(
          ({ operation, url }) => operation === 'Snapshots_Create' && url.includes(path),
        ) || undefined,
      { interval: 5 },
    );
    await killed.kill();
    await scene.operator();
    const objects = await scene.allReady();
    scene.expectOneEach(objects, mostMade ?? 1);
    await scene.removeAll(objects);
    await scene.allGone();
    scene.expectNothingLeft(objects);
  });
});

it('sent nothing that the engine’s contract does not know', () => {
  expect(engine.contractViolations).toEqual([]);
});

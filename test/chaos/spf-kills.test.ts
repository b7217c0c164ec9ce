/**
 * As kill-at-steps, on an SPF: checkpoints without a state of their own, jobs, and restores that must not be sent
 * twice. Each object ends with exactly one checkpoint; deleted, it goes and leaves nothing; each restore is done once,
 * and its VM runs again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../controlplane/wait.ts';
import type { SpfFaultRule } from '../simulators/spf/faults.ts';
import type { SpfSimulatorOptions } from '../simulators/spf/options.ts';
import { Stage } from '../support/stage.ts';
import { SpfScene } from './spf-scene.ts';
import type { StopAt } from './stop-at.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

type Case = Omit<StopAt, 'kind'> & { title: string };

describe('killed while checkpoints are made', () => {
  const cases: Case[] = [
    { title: 'before the VM is read', step: 'ReadVM' },
    { title: 'before the intent is written', step: 'WriteIntent' },
    { title: 'when the intent is written', step: 'WriteIntent', after: true },
    { title: 'before the request is sent', step: 'Create' },
    { title: 'when SPF took the request', step: 'Create', after: true },
    { title: 'when SPF took the second request', step: 'Create', after: true, nth: 2 },
    { title: 'before the checkpoint is polled', step: 'ReadSnapshot' },
    { title: 'before its job is read', step: 'ReadOperation' },
  ];

  it.concurrent.for(cases)('$title', async ({ title: _, ...stopAt }) => {
    await using scene = await SpfScene.set(stage);
    await scene.makeSnapshots();
    const killed = await scene.stoppable({ kind: 'VMSnapshot', ...stopAt });
    await killed.ended();
    await scene.operator();
    scene.expectOneEach(await scene.allReady());
  });
});

describe('killed while checkpoints are removed', () => {
  const cases: Case[] = [
    { title: 'before it is looked for', step: 'LookUp' },
    { title: 'before it is removed', step: 'Remove' },
    { title: 'when SPF took the removal', step: 'Remove', after: true },
    { title: 'when SPF took the second removal', step: 'Remove', after: true, nth: 2 },
    { title: 'before the object is let go', step: 'Release' },
  ];

  it.concurrent.for(cases)('$title', async ({ title: _, ...stopAt }) => {
    await using scene = await SpfScene.set(stage);
    const objects = await scene.makeSnapshots();
    const killed = await scene.stoppable({ kind: 'VMSnapshot', deleting: true, ...stopAt });
    await scene.allReady();
    await scene.removeAll(objects);
    await killed.ended();
    await scene.operator();
    await scene.allGone();
    expect(scene.spf.checkpoints()).toEqual([]);
    // Children stay and are removed for themselves: each once.
    const removed = scene.spf.effects().filter(({ effect }) => effect === 'checkpoint-deleted');
    expect(removed).toHaveLength(objects.length);
  });
});

describe('killed when nobody knows what came of the request', () => {
  const shortOfRoom = { kind: 'job-failed', problem: 'There is not enough space on the disk.' } as const;
  const cases: {
    title: string;
    fault: SpfFaultRule;
    options?: SpfSimulatorOptions;
    mostMade?: number;
    deletes?: boolean;
  }[] = [
    { title: 'SPF took it, its answer was lost', fault: { kind: 'lost-answer' } },
    {
      title: 'its answer hangs, and the object is deleted',
      fault: { kind: 'hang', when: 'after-effect' },
      deletes: true,
    },
    { title: 'its checkpoint shows late', fault: { kind: 'late-effect', milliseconds: 900 } },
    {
      title: 'its checkpoint shows late, and the object is deleted',
      fault: { kind: 'late-effect', milliseconds: 900 },
      deletes: true,
    },
    { title: 'SPF never looks at it', fault: { kind: 'hang' } },
    { title: 'its job will fail and leave a row', fault: shortOfRoom, mostMade: 2 },
    {
      title: 'its job, which has no name, will fail and leave nothing',
      fault: shortOfRoom,
      options: { behaviour: { requestIdIsJob: false, failedCreateRow: 'removed' } },
      mostMade: 2,
    },
  ];

  it.concurrent.for(cases)('$title', async ({ fault, options = {}, mostMade = 1, deletes = false }) => {
    await using scene = await SpfScene.set(stage, options);
    scene.spf.faults.add({ ...fault, operation: 'VMCheckPoints_Create', times: 1 });
    const objects = await scene.makeSnapshots();
    const killed = await scene.operator();
    await waitFor(
      'SPF to be asked',
      async () => (scene.spf.counts().VMCheckPoints_Create ?? 0) > 0 || undefined,
      { interval: 5 },
    );
    await killed.kill();
    if (deletes) await scene.removeAll(objects);
    await scene.operator();
    if (!deletes) {
      const ready = await scene.allReady();
      scene.expectOneEach(ready, mostMade);
      await scene.removeAll(ready);
    }
    await scene.allGone();
    expect(scene.spf.checkpoints()).toEqual([]);
  });
});

describe('killed while a VM is put back', () => {
  /** The steps come three times: shutting down, restoring, starting. */
  const cases: (Case & { reason?: string; restored?: number })[] = [
    { title: 'before the VM is inspected', step: 'Inspect' },
    { title: 'before the first intent', step: 'WriteIntent' },
    { title: 'when the shutdown is claimed', step: 'Claim', after: true },
    { title: 'when SPF took the shutdown', step: 'Send', after: true },
    { title: 'before the intent to restore', step: 'WriteIntent', nth: 2 },
    { title: 'before the restore is claimed', step: 'Claim', nth: 2 },
    {
      // Whether it was sent is found out, and it is not sent any more.
      title: 'when the restore is claimed, and not sent',
      step: 'Claim',
      after: true,
      nth: 2,
      reason: 'RestoreFailed',
      restored: 0,
    },
    { title: 'when SPF took the restore', step: 'Send', after: true, nth: 2 },
    { title: 'before its job is read', step: 'ReadOperation', nth: 2 },
    { title: 'before the intent to start', step: 'WriteIntent', nth: 3 },
    { title: 'when the start is claimed', step: 'Claim', after: true, nth: 3 },
    { title: 'when SPF took the start', step: 'Send', after: true, nth: 3 },
    { title: 'before the object is let go', step: 'Release' },
  ];

  it.concurrent.for(cases)('$title', async ({ title: _, reason = 'Completed', restored = 1, ...stopAt }) => {
    await using scene = await SpfScene.set(stage);
    await scene.makeRestore();
    const killed = await scene.stoppable({ kind: 'VMRestore', ...stopAt });
    await killed.ended();
    await scene.operator();
    expect(await scene.restoreEnded()).toBe(reason);
    scene.expectRestored(restored);
  });

  it.concurrent('when its answer was lost, and another’s task came after it', async () => {
    await using scene = await SpfScene.set(stage);
    scene.spf.faults.add({ kind: 'hang', when: 'after-effect', operation: 'VMCheckPoints_Restore' });
    await scene.makeRestore();
    const killed = await scene.operator();
    await waitFor('the restore to begin', async () => scene.spf.everRestored().length > 0 || undefined, {
      interval: 5,
    });
    await killed.kill();
    scene.spf.skip(120);
    scene.spf.addForeignTask(scene.vms[0]?.id ?? '');
    await scene.operator();
    expect(await scene.restoreEnded()).toBe('OutcomeUnknown');
    scene.expectRestored(1);
  });

  it.concurrent('when its answer was lost', async () => {
    await using scene = await SpfScene.set(stage);
    scene.spf.faults.add({ kind: 'hang', when: 'after-effect', operation: 'VMCheckPoints_Restore' });
    await scene.makeRestore();
    const killed = await scene.operator();
    await waitFor('the restore to begin', async () => scene.spf.everRestored().length > 0 || undefined, {
      interval: 5,
    });
    await killed.kill();
    await scene.operator();
    expect(await scene.restoreEnded()).toBe('Completed');
    scene.expectRestored(1);
  });
});

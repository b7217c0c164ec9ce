import { describe, expect, it } from 'vitest';
import { Controller, type Reconcile, type ReconcileOutcome } from './controller.ts';
import { ApiError } from './kube/errors.ts';
import { createLogger, silentLogger } from './log.ts';
import { WorkQueue } from './queue.ts';
import { FakeClock } from './testing/fake-clock.ts';

function setUp(reconcile: Reconcile, workers = 2) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 0.5 });
  const outcomes: ReconcileOutcome[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'debug',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const controller = new Controller({
    name: 'widget',
    queue,
    reconcile,
    workers,
    clock,
    log,
    onReconcile: (outcome) => outcomes.push(outcome),
  });
  controller.start();
  return { clock, queue, controller, outcomes, lines };
}

describe('a controller', () => {
  it('runs each key, and again after the time that a run asks for', async () => {
    const runs: string[] = [];
    const { clock, queue, outcomes } = setUp(async (key) => {
      runs.push(key);
      return runs.length === 1 ? { requeueAfterMs: 5_000 } : undefined;
    });
    queue.add('team/one');
    await clock.advance(4_999);
    expect(runs).toEqual(['team/one']);
    await clock.advance(1);
    expect(runs).toEqual(['team/one', 'team/one']);
    expect(outcomes).toEqual(['requeue', 'success']);
  });

  it('never runs one key twice at once, and several keys at the same time', async () => {
    const running = new Map<string, number>();
    let most = 0;
    const { clock, queue } = setUp(async (key, { signal }) => {
      running.set(key, (running.get(key) ?? 0) + 1);
      expect(running.get(key)).toBe(1);
      most = Math.max(
        most,
        [...running.values()].reduce((sum, count) => sum + count, 0),
      );
      await new Promise<void>((resolve) => clock.setTimer(100, resolve));
      expect(signal.aborted).toBe(false);
      running.set(key, 0);
      return undefined;
    });
    for (const key of ['a/1', 'a/1', 'b/1']) queue.add(key);
    await clock.advance(50);
    queue.add('a/1');
    await clock.advance(1_000);
    expect(most).toBe(2);
  });

  it('logs a failure with its object, and tries again with back-off', async () => {
    let runs = 0;
    const { clock, queue, outcomes, lines } = setUp(async () => {
      if (runs++ < 2) throw new Error('no luck');
      return undefined;
    });
    queue.add('team/one');
    await clock.advance(10_000);
    expect(outcomes).toEqual(['error', 'error', 'success']);
    expect(queue.failing).toBe(0);
    expect(lines[1]).toMatchObject({
      level: 'error',
      controller: 'widget',
      object: 'team/one',
      failures: 2,
      delayMs: 1_000,
      err: { message: 'no luck' },
    });
  });

  it('takes a synchronous throw like any failure', async () => {
    const { clock, queue, outcomes } = setUp(() => {
      throw new Error('at once');
    });
    queue.add('team/one');
    await clock.advance(1);
    expect(outcomes).toEqual(['error']);
  });

  it('waits as long as the API server asks', async () => {
    let runs = 0;
    const { clock, queue } = setUp(async () => {
      if (runs++ === 0) {
        throw new ApiError({
          status: 429,
          reason: 'TooManyRequests',
          message: 'slow down',
          retryAfterMs: 60_000,
        });
      }
      return undefined;
    });
    queue.add('team/one');
    await clock.advance(59_999);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
  });

  it('does not cry about a conflict', async () => {
    let runs = 0;
    const { clock, queue, outcomes, lines } = setUp(async () => {
      if (runs++ === 0) throw new ApiError({ status: 409, reason: 'Conflict', message: 'changed' });
      return undefined;
    });
    queue.add('team/one');
    await clock.advance(5_000);
    expect(outcomes).toEqual(['conflict', 'success']);
    expect(lines.map((line) => line.level)).toEqual(['debug']);
  });

  it('aborts a run at its deadline', async () => {
    const { clock, queue, outcomes } = setUp(async (_, { signal }) => {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return undefined;
    });
    queue.add('team/one');
    await clock.advance(60_000);
    expect(outcomes).toEqual(['deadline']);
    expect(queue.inFlight).toBe(0);
  });

  it('ends at once when leadership is lost', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue({ clock });
    const reasons: unknown[] = [];
    const controller = new Controller({
      name: 'widget',
      queue,
      clock,
      log: silentLogger,
      async reconcile(_, { signal }) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        reasons.push(signal.reason);
        return undefined;
      },
    });
    const leading = new AbortController();
    controller.start(leading.signal);
    queue.add('a/1');
    await clock.advance(1);
    const reason = new Error('lost');
    leading.abort(reason);
    await clock.advance(1);
    queue.add('a/2');
    expect([reasons, queue.depth, queue.inFlight]).toEqual([[reason], 0, 0]);
    expect(await controller.stop(1)).toBe(true);
  });

  it('stops: takes no more keys, and waits for those in flight', async () => {
    const runs: string[] = [];
    const { clock, queue, controller } = setUp(async (key) => {
      await new Promise<void>((resolve) => clock.setTimer(1_000, resolve));
      runs.push(key);
      return undefined;
    }, 1);
    queue.add('a/1');
    queue.add('a/2');
    await clock.advance(1);
    const stopped = controller.stop(10_000);
    await clock.advance(1_000);
    expect(await stopped).toBe(true);
    expect(runs).toEqual(['a/1']);
    expect(clock.armed).toBe(0);
  });

  it('aborts what is in flight when the grace is over, and says when even that does not help', async () => {
    let aborted = false;
    const { clock, queue, controller } = setUp(async (_, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      await new Promise(() => undefined);
      return undefined;
    });
    queue.add('a/1');
    await clock.advance(1);
    const stopped = controller.stop(10_000, 2_000);
    await clock.advance(9_999);
    expect(aborted).toBe(false);
    await clock.advance(2_001);
    expect(aborted).toBe(true);
    expect(await stopped).toBe(false);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Band, WorkQueue } from './queue.ts';
import { FakeClock } from './testing/fake-clock.ts';

function makeQueue(random = () => 0.999_999): { queue: WorkQueue; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random }) };
}

/** Takes a key that must be there, and says that its work has ended. */
async function run(queue: WorkQueue): Promise<string | undefined> {
  expect(queue.depth).toBeGreaterThan(0);
  const key = await queue.take();
  if (key !== undefined) queue.done(key);
  return key;
}

async function runAll(queue: WorkQueue): Promise<(string | undefined)[]> {
  const order: (string | undefined)[] = [];
  while (queue.depth > 0) order.push(await run(queue));
  return order;
}

describe('a key', () => {
  it('waits once, however often it is added', async () => {
    const { queue } = makeQueue();
    queue.add('a/1');
    queue.add('a/1');
    expect(queue.depth).toBe(1);
    expect(await runAll(queue)).toEqual(['a/1']);
  });

  it('that is added while it runs, runs once more afterwards', async () => {
    const { queue } = makeQueue();
    queue.add('a/1');
    await queue.take();
    queue.add('a/1');
    queue.add('a/1');
    expect(queue.depth).toBe(0);
    queue.done('a/1');
    expect(await runAll(queue)).toEqual(['a/1']);
  });

  it('moves up to a more urgent band and keeps its age, and never down', async () => {
    const { queue, clock } = makeQueue();
    queue.add('a/1', 'drift');
    await clock.advance(1_000);
    queue.add('a/2', 'due');
    queue.add('a/1', 'user');
    queue.add('a/1', 'drift');
    expect(queue.oldestAgeMs).toBe(1_000);
    expect(await runAll(queue)).toEqual(['a/1', 'a/2']);
  });

  it('is handed to a taker that waits already', async () => {
    const { queue } = makeQueue();
    const taken = queue.take();
    queue.add('a/1');
    expect(await taken).toBe('a/1');
    expect(queue.inFlight).toBe(1);
  });
});

describe('order', () => {
  it('takes namespaces in turn, whatever one of them has added', async () => {
    const { queue } = makeQueue();
    for (let index = 0; index < 3; index++) queue.add(`noisy/${index}`);
    queue.add('quiet/1');
    queue.add('clusterwide');
    expect(await runAll(queue)).toEqual(['noisy/0', 'quiet/1', 'clusterwide', 'noisy/1', 'noisy/2']);
  });

  it('prefers what is urgent, and starves nothing', async () => {
    const { queue } = makeQueue();
    for (let index = 0; index < 40; index++) {
      queue.add(`a/user-${index}`, 'user');
      queue.add(`a/due-${index}`, 'due');
      queue.add(`a/drift-${index}`, 'drift');
    }
    const order = await runAll(queue);
    const share = (band: string) => order.slice(0, 32).filter((key) => key?.includes(band)).length;
    expect([share('user'), share('due'), share('drift')]).toEqual([24, 6, 2]);
  });
});

describe('delays', () => {
  it('of several the earliest counts, and one timer serves all', async () => {
    const { queue, clock } = makeQueue();
    queue.addAfter('a/1', 5_000);
    queue.addAfter('a/1', 2_000);
    queue.addAfter('a/1', 9_000);
    queue.addAfter('a/2', 3_000);
    expect(clock.armed).toBe(1);
    await clock.advance(1_999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await runAll(queue)).toEqual(['a/1']);
    await clock.advance(10_000);
    expect(await runAll(queue)).toEqual(['a/2']);
    expect(queue.delayed).toBe(0);
  });

  it('are forgotten when the key runs for another reason', async () => {
    const { queue, clock } = makeQueue();
    queue.addAfter('a/1', 5_000);
    queue.add('a/1');
    await run(queue);
    await clock.advance(10_000);
    expect(queue.depth).toBe(0);
  });

  it('that are asked for while the key runs stay', async () => {
    const { queue, clock } = makeQueue();
    queue.add('a/1');
    await queue.take();
    queue.addAfter('a/1', 5_000);
    queue.done('a/1');
    await clock.advance(5_000);
    expect(queue.depth).toBe(1);
  });

  it('of zero or less mean now', () => {
    const { queue } = makeQueue();
    queue.addAfter('a/1', 0);
    queue.addAfter('a/2', -5);
    expect(queue.depth).toBe(2);
  });
});

describe('back-off', () => {
  it('doubles from 1 s to 5 min, and starts again once forgotten', async () => {
    const { queue, clock } = makeQueue();
    const delays: number[] = [];
    for (let count = 0; count < 11; count++) {
      delays.push(Math.round(queue.retry('a/1') / 1000));
      await clock.advance(300_000);
      await run(queue);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect([queue.failing, queue.retries, queue.failures('a/1')]).toEqual([1, 11, 11]);
    queue.forget('a/1');
    expect([queue.failing, Math.round(queue.retry('a/1') / 1000)]).toEqual([0, 1]);
  });

  it('has full jitter, but respects what the server asked for', () => {
    const { queue } = makeQueue(() => 0.25);
    expect(queue.retry('a/1')).toBe(250);
    expect(queue.retry('a/1', 7_000)).toBe(7_000);
  });
});

describe('shutting down', () => {
  it('hands out nothing more, frees who waits, and tells when the last run has ended', async () => {
    const { queue, clock } = makeQueue();
    queue.add('a/1');
    await queue.take();
    queue.add('a/1');
    queue.addAfter('a/3', 10);
    const waiting = queue.take();
    queue.shutDown();
    expect(await waiting).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    let drained = false;
    const done = queue.drained().then(() => {
      drained = true;
    });
    await clock.advance(100);
    expect(drained).toBe(false);
    queue.done('a/1');
    await done;
    queue.add('a/4');
    queue.retry('a/4');
    expect([queue.depth, queue.delayed, clock.armed]).toEqual([0, 0, 0]);
    await queue.drained();
  });
});

const keys = fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2', 'c');
const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('add' as const),
      key: keys,
      band: fc.constantFrom<Band>('user', 'due', 'drift'),
    }),
    fc.record({ do: fc.constant('addAfter' as const), key: keys, ms: fc.integer({ min: -5, max: 50 }) }),
    fc.record({ do: fc.constant('retry' as const), key: keys }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('done' as const), pick: fc.nat() }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  ),
  { maxLength: 120 },
);

describe('for any sequence of steps', () => {
  it('does what the plain model of a de-duplicating queue does', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const clock = new FakeClock();
        const queue = new WorkQueue({ clock, random: () => 0.5, backoff: { baseMs: 10, maxMs: 80 } });
        // The model: a set of keys that wait, that run, that run again, and the time of each delay.
        const waiting = new Set<string>();
        const running = new Set<string>();
        const again = new Set<string>();
        const delays = new Map<string, number>();
        const add = (key: string) => (running.has(key) ? again : waiting).add(key);
        const delay = (key: string, ms: number) => {
          if (ms <= 0) add(key);
          else delays.set(key, Math.min(delays.get(key) ?? Number.POSITIVE_INFINITY, clock.monotonic() + ms));
        };

        for (const step of sequence) {
          if (step.do === 'add') {
            queue.add(step.key, step.band);
            add(step.key);
          } else if (step.do === 'addAfter') {
            queue.addAfter(step.key, step.ms);
            delay(step.key, step.ms);
          } else if (step.do === 'retry') {
            delay(step.key, queue.retry(step.key));
          } else if (step.do === 'take' && waiting.size > 0) {
            const key = (await queue.take()) as string;
            expect(running.has(key), 'never twice at the same time').toBe(false);
            expect(waiting.delete(key), 'only what waits').toBe(true);
            running.add(key);
            delays.delete(key);
          } else if (step.do === 'done' && running.size > 0) {
            const key = [...running][step.pick % running.size] as string;
            queue.done(key);
            running.delete(key);
            if (again.delete(key)) waiting.add(key);
          } else if (step.do === 'advance') {
            await clock.advance(step.ms);
            for (const [key, at] of delays) {
              if (at > clock.monotonic()) continue;
              delays.delete(key);
              add(key);
            }
          }
          expect([queue.depth, queue.inFlight, queue.delayed]).toEqual([
            waiting.size,
            running.size,
            delays.size,
          ]);
        }

        // Nothing is lost: after the last step everything that was asked for still comes, once.
        for (const key of [...running]) {
          queue.done(key);
          if (again.delete(key)) waiting.add(key);
        }
        await clock.advance(1_000);
        for (const key of delays.keys()) waiting.add(key);
        expect(new Set(await runAll(queue))).toEqual(waiting);
      }),
      { numRuns: 300 },
    );
  });
});

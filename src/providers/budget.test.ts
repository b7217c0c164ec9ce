import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '../runtime/testing/fake-clock.ts';
import { type Admission, type Ask, Budget, Budgets, type Ending } from './budget.ts';

let clock: FakeClock;
let budget: Budget;
const never = new AbortController().signal;

beforeEach(() => {
  clock = new FakeClock();
  budget = new Budget(clock, { maxConcurrent: 2, requestsPerSecond: 10 }, () => 0.5);
});

function ask(changes: Partial<Ask> = {}): Ask {
  return { priority: 'Poll', operation: 'get', resource: 'r1', signal: never, ...changes };
}

/** What became of a request that wants to be sent: undefined while it waits. */
function watch(changes: Partial<Ask> = {}): { admission?: Admission } {
  const watched: { admission?: Admission } = {};
  void budget.acquire(ask(changes)).then((admission) => {
    watched.admission = admission;
  });
  return watched;
}

async function through(ending: Ending, changes: Partial<Ask> = {}): Promise<Admission> {
  const admission = await budget.acquire(ask(changes));
  if (admission.admitted) admission.done(ending);
  return admission;
}

test('so many requests at once, and the next when one is done', async () => {
  const [first, second, third] = [watch(), watch(), watch()];
  await clock.advance(0);
  expect([first, second, third].map(({ admission }) => admission?.admitted)).toEqual([true, true, undefined]);
  expect(budget.snapshot()).toMatchObject({ inUse: 2, waiting: { Poll: 1 } });
  if (first.admission?.admitted) first.admission.done('Answered');
  await clock.advance(0);
  expect(third.admission?.admitted).toBe(true);
});

test('a request counts as done once, however often it is said', async () => {
  const admission = await budget.acquire(ask());
  if (!admission.admitted) throw new Error('refused');
  admission.done('Answered');
  admission.done('Answered');
  expect(budget.snapshot().inUse).toBe(0);
});

test('so many requests a second', async () => {
  for (let sent = 0; sent < 10; sent++) await through('Answered');
  const eleventh = watch();
  await clock.advance(50);
  expect(eleventh.admission).toBeUndefined();
  await clock.advance(60);
  expect(eleventh.admission?.admitted).toBe(true);
});

test('writes go before polls, and polls before drift', async () => {
  const held = [await budget.acquire(ask()), await budget.acquire(ask())];
  const order: string[] = [];
  for (const priority of ['Drift', 'Poll', 'Write'] as const) {
    void budget.acquire(ask({ priority })).then((admission) => {
      order.push(priority);
      if (admission.admitted) admission.done('Answered');
    });
  }
  for (const one of held) if (one.admitted) one.done('Answered');
  await clock.advance(0);
  expect(order).toEqual(['Write', 'Poll', 'Drift']);
});

test('a request waits a few seconds and is then turned away', async () => {
  await budget.acquire(ask());
  await budget.acquire(ask());
  const waiting = watch();
  await clock.advance(2_900);
  expect(waiting.admission).toBeUndefined();
  await clock.advance(200);
  expect(waiting.admission).toMatchObject({ admitted: false, why: 'Throttled' });
  expect(budget.snapshot().waiting.Poll).toBe(0);
  expect(clock.armed).toBe(0);
});

test('a caller who gives up leaves the queue', async () => {
  await budget.acquire(ask());
  await budget.acquire(ask());
  const controller = new AbortController();
  const waiting = watch({ signal: controller.signal });
  controller.abort();
  await clock.advance(0);
  expect(waiting.admission).toMatchObject({ admitted: false, why: 'Aborted' });
  expect(await budget.acquire(ask({ signal: controller.signal }))).toMatchObject({ why: 'Aborted' });
  expect(budget.snapshot().waiting.Poll).toBe(0);
});

describe('what the vendor asks to hold back', () => {
  const copy = { operation: 'copy', resource: 'c1' };

  test('without a policy is everything, and comes back at once', async () => {
    budget.park(ask(copy), undefined, 20_000);
    expect(await budget.acquire(ask())).toMatchObject({ admitted: false, why: 'Throttled', afterMs: 20_000 });
    await clock.advance(20_000);
    expect(await budget.acquire(ask())).toMatchObject({ admitted: true });
  });

  test('by a policy of the subscription is the operation, wherever it goes', async () => {
    budget.park(ask(copy), 'CopySubscriptionMaximum', 20_000);
    expect((await through('Answered', { ...copy, resource: 'c2' })).admitted).toBe(false);
    expect((await through('Answered')).admitted).toBe(true);
  });

  test('by any other policy is the operation on that resource', async () => {
    budget.park(ask(copy), 'CopyRestorePoint', 1_200_000);
    expect(await through('Answered', copy)).toMatchObject({ admitted: false, afterMs: 1_200_000 });
    expect((await through('Answered', { ...copy, resource: 'c2' })).admitted).toBe(true);
    expect((await through('Answered', { ...copy, operation: 'create' })).admitted).toBe(true);
  });

  test('is held for all operations that draw from the policy', async () => {
    budget.note(ask({ operation: 'list' }), 'LowCostGetSubscriptionMaximum', 9);
    budget.note(ask(), 'LowCostGetSubscriptionMaximum', 0);
    expect((await through('Answered', { operation: 'list' })).admitted).toBe(false);
    await clock.advance(60_000);
    expect((await through('Answered', { operation: 'list' })).admitted).toBe(true);
  });

  test('for a short time is waited for', async () => {
    budget.park(ask(), undefined, 1_500);
    const waiting = watch();
    await clock.advance(1_400);
    expect(waiting.admission).toBeUndefined();
    await clock.advance(200);
    expect(waiting.admission?.admitted).toBe(true);
  });

  test('reaches those who already wait', async () => {
    await budget.acquire(ask());
    await budget.acquire(ask());
    const waiting = watch();
    budget.park(ask(), undefined, 30_000);
    await clock.advance(0);
    expect(waiting.admission).toMatchObject({ admitted: false, why: 'Throttled', afterMs: 30_000 });
  });

  test('is shown by policy', () => {
    budget.park(ask(copy), 'CopyRestorePoint', 5_000);
    budget.park(ask(copy), undefined, 4_000);
    budget.note(ask(), 'LowCostGetSubscriptionMaximum', 598);
    expect(budget.snapshot()).toMatchObject({
      parkedForMs: { CopyRestorePoint: 5_000, endpoint: 4_000 },
      remaining: { LowCostGetSubscriptionMaximum: 598 },
    });
  });
});

describe('an outage', () => {
  async function fail(times: number): Promise<void> {
    for (let index = 0; index < times; index++) await through('Outage');
  }

  test('is three failures in a row', async () => {
    await fail(2);
    await through('Answered');
    await fail(2);
    expect(budget.snapshot().outage).toBe(false);
    await fail(1);
    expect(budget.snapshot().outage).toBe(true);
    expect(await budget.acquire(ask())).toMatchObject({ admitted: false, why: 'Outage', afterMs: 1_000 });
  });

  test('lets one request try, and the rest wait for it', async () => {
    await fail(3);
    await clock.advance(1_000);
    const trial = await budget.acquire(ask());
    expect(trial.admitted).toBe(true);
    expect(await budget.acquire(ask())).toMatchObject({ admitted: false, why: 'Outage' });
    if (trial.admitted) trial.done('Answered');
    expect((await budget.acquire(ask())).admitted).toBe(true);
    expect(budget.snapshot().outage).toBe(false);
  });

  test('is tried again after a trial that was never sent', async () => {
    await fail(3);
    await clock.advance(1_000);
    await through('Unsent');
    expect((await budget.acquire(ask())).admitted).toBe(true);
  });

  test('backs off up to a minute', async () => {
    await fail(3);
    const pauses: number[] = [];
    for (let index = 0; index < 10; index++) {
      const refusal = await budget.acquire(ask());
      if (refusal.admitted) throw new Error('admitted');
      pauses.push(refusal.afterMs);
      await clock.advance(refusal.afterMs);
      await through('Outage');
    }
    expect(pauses.slice(0, 4)).toEqual([1_000, 1_500, 3_000, 6_000]);
    expect(pauses.at(-1)).toBe(45_000);
  });
});

test('several providers of one endpoint share its budget, and the smallest limits hold', async () => {
  const budgets = new Budgets(clock);
  const one = budgets.lease('e', { maxConcurrent: 4, requestsPerSecond: 5 });
  const other = budgets.lease('e', { maxConcurrent: 1, requestsPerSecond: 50 });
  expect(other.budget).toBe(one.budget);
  expect((await one.budget.acquire(ask())).admitted).toBe(true);
  const waiting = one.budget.acquire(ask());
  expect(one.budget.snapshot().waiting.Poll).toBe(1);
  other.end();
  expect((await waiting).admitted).toBe(true);
  one.end();
  expect(budgets.lease('e', { maxConcurrent: 1, requestsPerSecond: 1 }).budget).toBe(one.budget);
  expect([...budgets.snapshots().keys()]).toEqual(['e']);
});

test('whatever happens, the limits hold and nobody waits for ever', async () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant('ask' as const),
      priority: fc.constantFrom('Write', 'Poll', 'Drift'),
      operation: fc.constantFrom('a', 'b'),
      resource: fc.constantFrom('x', 'y'),
    }),
    fc.record({
      do: fc.constant('done' as const),
      ending: fc.constantFrom<Ending>('Answered', 'Outage', 'Unsent'),
    }),
    fc.record({
      do: fc.constant('park' as const),
      policy: fc.option(fc.constantFrom('P', 'QSubscriptionMaximum'), { nil: undefined }),
      ms: fc.nat(10_000),
    }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(2_000) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      clock = new FakeClock();
      budget = new Budget(clock, { maxConcurrent: 3, requestsPerSecond: 5 }, () => 0.5);
      const open: ((ending: Ending) => void)[] = [];
      const admittedAt: number[] = [];
      let [asked, answered] = [0, 0];
      for (const one of steps) {
        if (one.do === 'ask') {
          asked++;
          void budget.acquire(ask(one as Partial<Ask>)).then((admission) => {
            answered++;
            if (!admission.admitted) return;
            admittedAt.push(clock.monotonic());
            open.push(admission.done);
          });
        } else if (one.do === 'done') open.pop()?.(one.ending);
        else if (one.do === 'park') budget.park(ask(), one.policy, one.ms);
        await clock.advance(one.do === 'wait' ? one.ms : 0);
        expect(open.length).toBe(budget.snapshot().inUse);
        expect(open.length).toBeLessThanOrEqual(3);
      }
      await clock.advance(3_100);
      expect(answered).toBe(asked);
      for (const at of admittedAt) {
        expect(admittedAt.filter((other) => other >= at && other < at + 1_000).length).toBeLessThanOrEqual(
          10,
        );
      }
    }),
    { numRuns: 50 },
  );
});

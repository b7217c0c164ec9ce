import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../runtime/testing/fake-clock.ts';
import { sendWindowMs } from './intent.ts';
import {
  isSettledAsNotMade,
  nextLookUpMs,
  type UnknownOutcome,
  UnknownOutcomes,
} from './unknown-outcomes.ts';

const settling = { requestTimeoutMs: 30_000, settleMs: 30_000 };
const over = sendWindowMs + 60_000;

describe('an unknown attempt', () => {
  it.each<[string, UnknownOutcome, boolean]>([
    ['that was never looked up is not settled', { since: 0 }, false],
    [
      'is not settled while the window, the time-out or the settle time runs',
      { since: 0, firstEmptyLookUp: 0, lastEmptyLookUp: over - 1 },
      false,
    ],
    ['is not settled by one look-up', { since: 0, firstEmptyLookUp: over, lastEmptyLookUp: over }, false],
    [
      'is not settled by two look-ups in quick succession',
      { since: 0, firstEmptyLookUp: over, lastEmptyLookUp: over + 14_999 },
      false,
    ],
    [
      'is not made when the last look-up came after that time and the first long before it',
      { since: 0, firstEmptyLookUp: 0, lastEmptyLookUp: over },
      true,
    ],
    [
      'is not made when both look-ups came late, but apart',
      { since: 0, firstEmptyLookUp: over, lastEmptyLookUp: over + 15_000 },
      true,
    ],
  ])('%s', (_sentence, unknown, settled) => {
    expect(isSettledAsNotMade(unknown, settling)).toBe(settled);
  });

  it('is settled in the end, with a look-up each second at most, whatever the settle time', () => {
    const times = fc.record({
      requestTimeoutMs: fc.integer({ min: 1_000, max: 300_000 }),
      settleMs: fc.integer({ min: 0, max: 300_000 }),
    });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 5_000 }), (settles, lookUpMs) => {
        const unknown: UnknownOutcome = { since: 0 };
        let now = 0;
        let looks = 0;
        while (!isSettledAsNotMade(unknown, settles)) {
          unknown.firstEmptyLookUp ??= now;
          unknown.lastEmptyLookUp = now;
          now += lookUpMs + nextLookUpMs(unknown, settles, now + lookUpMs);
          if (++looks > 3 + now / 1_000) throw new Error(`not settled after ${looks} look-ups and ${now} ms`);
        }
        expect(unknown.lastEmptyLookUp).toBeGreaterThanOrEqual(
          sendWindowMs + settles.requestTimeoutMs + settles.settleMs,
        );
      }),
    );
  });
});

describe('the unknown outcomes of a process', () => {
  const make = () => {
    const clock = new FakeClock();
    return { clock, outcomes: new UnknownOutcomes(clock) };
  };

  it('begin when an attempt is first seen, and keep that time', async () => {
    const { clock, outcomes } = make();
    await clock.advance(1_000);
    expect(outcomes.see('a', 1)).toEqual({ since: 1_000 });
    await clock.advance(1_000);
    expect(outcomes.see('a', 1)).toEqual({ since: 1_000 });
  });

  it('begin anew with another attempt', async () => {
    const { clock, outcomes } = make();
    outcomes.lookedUpEmpty('a', 1, 0);
    await clock.advance(5_000);
    expect(outcomes.peek('a', 2)).toBeUndefined();
    expect(outcomes.see('a', 2)).toEqual({ since: 5_000 });
    expect(outcomes.peek('a', 1)).toBeUndefined();
  });

  it('keep when the first and the last empty look-up were begun, not when they were answered', async () => {
    const { clock, outcomes } = make();
    outcomes.see('a', 1);
    await clock.advance(9_000);
    outcomes.lookedUpEmpty('a', 1, 4_000);
    await clock.advance(9_000);
    outcomes.lookedUpEmpty('a', 1, 17_000);
    expect(outcomes.peek('a', 1)).toEqual({ since: 0, firstEmptyLookUp: 4_000, lastEmptyLookUp: 17_000 });
  });

  it('forget what is settled, and hold nothing of it', () => {
    const { outcomes } = make();
    outcomes.see('a', 1);
    outcomes.see('b', 1);
    outcomes.forget('a');
    expect(outcomes.peek('a', 1)).toBeUndefined();
    expect([outcomes.has('a'), outcomes.has('b')]).toEqual([false, true]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pollDelayMs, retryDelayMs, spread } from './settings.ts';
import { settings } from './testing/builders.ts';

const random = fc.double({ min: 0, max: 1, noNaN: true });

describe('the wait after refused attempts', () => {
  it('doubles', () => {
    const waits = [1, 2, 3, 4].map((attempt) => retryDelayMs(settings, attempt, 0.5));
    expect(waits).toEqual([30_000, 60_000, 120_000, 240_000]);
  });

  it('stays within a quarter of its middle, and below 19 minutes, at any attempt', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), random, (attempt, chance) => {
        const wait = retryDelayMs(settings, attempt, chance);
        const middle = Math.min(30_000 * 2 ** (attempt - 1), 900_000);
        expect(wait).toBeGreaterThanOrEqual(Math.round(middle * 0.75));
        expect(wait).toBeLessThanOrEqual(Math.round(middle * 1.25));
      }),
    );
  });
});

describe('the wait between two looks', () => {
  it.each([
    ['young work is looked at each poll interval', 0, 60_000, 10_000],
    ['work of five minutes is looked at each half minute', 300_000, 60_000, 30_000],
    ['old work is looked at no less often than allowed', 3_600_000, 60_000, 60_000],
    ['no work is looked at more often than the poll interval', 0, 0, 10_000],
  ])('%s', (_sentence, ageMs, longestMs, waitMs) => {
    expect(pollDelayMs(settings, ageMs, longestMs, 0.5)).toBe(waitMs);
  });

  it('is spread by a tenth to either side', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), random, (ageMs, longestMs, chance) => {
        const middle = pollDelayMs(settings, ageMs, longestMs, 0.5);
        const wait = pollDelayMs(settings, ageMs, longestMs, chance);
        expect(Math.abs(wait - middle)).toBeLessThanOrEqual(middle / 10 + 1);
      }),
    );
  });
});

describe('spread', () => {
  it('is the same for the same text, and within its bounds', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 1e9 }), (text, below) => {
        const value = spread(text, below);
        expect(spread(text, below)).toBe(value);
        expect(Number.isInteger(value) && value >= 0 && value < below).toBe(true);
      }),
    );
  });

  it('puts objects evenly over an interval', () => {
    const buckets = new Array<number>(10).fill(0);
    for (let index = 0; index < 10_000; index++) {
      const bucket = spread(`11111111-1111-4111-8111-${String(index).padStart(12, '0')}`, 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(800);
    expect(Math.max(...buckets)).toBeLessThan(1_200);
  });
});

import { describe, expect, it } from 'vitest';
import { SimulatedClock } from './clock.ts';

describe('a simulated clock', () => {
  it('divides durations by its speed', () => {
    expect(new SimulatedClock(100).scale(44)).toBe(440);
  });

  it('carries out what fell due in order of time, including what that brings about', () => {
    const clock = new SimulatedClock(1);
    const start = clock.now();
    const seen: [string, number][] = [];
    clock.schedule(start + 3000, (at) => seen.push(['third', at - start]));
    clock.schedule(start + 1000, (at) => {
      seen.push(['first', at - start]);
      clock.schedule(at + 1000, (then) => seen.push(['second', then - start]));
    });
    clock.schedule(start + 60_000, () => seen.push(['never', 0]));
    clock.settle();
    expect(seen).toEqual([]);
    clock.skip(4);
    expect(seen).toEqual([
      ['first', 1000],
      ['second', 2000],
      ['third', 3000],
    ]);
  });

  it('cannot stand still', () => {
    expect(() => new SimulatedClock(0)).toThrow(RangeError);
  });
});

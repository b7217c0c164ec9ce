import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from './testing/fake-clock.ts';
import { TimerHeap } from './timer-heap.ts';

describe('the timer heap', () => {
  it('fires every key at its earliest time, in order, for any delays and deletions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
            ms: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
          }),
          { maxLength: 200 },
        ),
        async (steps) => {
          const clock = new FakeClock();
          const fired: [string, number][] = [];
          const heap = new TimerHeap<number>(clock, (key) => fired.push([key, clock.monotonic()]));
          const expected = new Map<string, number>();
          for (const { key, ms } of steps) {
            if (ms === undefined) {
              heap.delete(key);
              expected.delete(key);
            } else {
              heap.set(key, ms, 0);
              expected.set(key, Math.min(ms, expected.get(key) ?? Number.POSITIVE_INFINITY));
            }
          }
          expect(heap.size).toBe(expected.size);
          await clock.advance(100);
          expect(fired.map(([, at]) => at)).toEqual(fired.map(([, at]) => at).toSorted((a, b) => a - b));
          expect(new Map(fired)).toEqual(expected);
          expect(fired.length).toBe(expected.size);
          expect(clock.armed).toBe(0);
        },
      ),
    );
  });

  it('holds many delays cheaply, and forgets all on clear', () => {
    const clock = new FakeClock();
    const heap = new TimerHeap<string>(clock, () => undefined);
    for (let index = 0; index < 50_000; index++) heap.set(`key-${index % 1_000}`, 50_000 - index, 'x');
    expect(heap.size).toBe(1_000);
    expect(clock.armed).toBe(1);
    heap.clear();
    expect([heap.size, clock.armed]).toEqual([0, 0]);
  });
});

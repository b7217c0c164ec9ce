import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

describe('durations', () => {
  it.each([
    ['2h30m', 9_000_000],
    ['336h', 1_209_600_000],
    ['45s', 45_000],
    ['1h1s', 3_601_000],
  ])('reads %s as %d ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['', '2', '30m2h', '1d', '-1h', '1.5h'])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow('not a duration such as 2h30m');
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });
});

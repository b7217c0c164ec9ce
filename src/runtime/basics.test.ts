import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffCeiling, backoffDelay } from './backoff.ts';
import { sleep, systemClock } from './clock.ts';
import { Fifo } from './fifo.ts';
import { collectionPath, queryString } from './kube/paths.ts';
import { retryAfterMs } from './kube/retry-after.ts';
import { objectKey, parseKey } from './kube/types.ts';
import { microTime } from './micro-time.ts';
import { compareVersions, isOlder } from './resource-version.ts';
import { FakeClock } from './testing/fake-clock.ts';

describe('back-off', () => {
  it('doubles up to its bound, and stays there', () => {
    const options = { baseMs: 800, maxMs: 30_000 };
    expect([0, 1, 2, 3, 6, 7, 5_000].map((failures) => backoffCeiling(failures, options))).toEqual([
      800, 800, 1_600, 3_200, 25_600, 30_000, 30_000,
    ]);
  });

  it('lies anywhere between zero and its ceiling', () => {
    const options = { baseMs: 1_000, maxMs: 10_000, factor: 3 };
    expect(backoffDelay(2, options, () => 0)).toBe(0);
    expect(backoffDelay(2, options, () => 0.5)).toBe(1_500);
  });
});

describe('sleep', () => {
  it('answers true after the time, and false when cut short, leaving nothing behind', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const full = sleep(clock, 1_000);
    const cut = sleep(clock, 5_000, controller.signal);
    await clock.advance(1_000);
    controller.abort();
    expect(await Promise.all([full, cut, sleep(clock, 5_000, controller.signal)])).toEqual([
      true,
      false,
      false,
    ]);
    expect(clock.armed).toBe(0);
  });

  it('works on the machine clock', async () => {
    const started = systemClock.monotonic();
    await sleep(systemClock, 5);
    expect(systemClock.monotonic() - started).toBeGreaterThanOrEqual(4);
  });
});

describe('resource versions', () => {
  it.each([
    ['9', '10', true],
    ['10', '9', false],
    ['10', '10', false],
    ['18446744073709551615', '18446744073709551616', true],
    ['abc', '10', false],
    ['10', '', false],
    ['010', '11', false],
    [undefined, '10', false],
  ])('%s is older than %s: %s', (a, b, older) => {
    expect(isOlder(a, b)).toBe(older);
  });

  it('compare as numbers do', () => {
    const number = fc.bigInt({ min: 1n, max: 10n ** 30n });
    fc.assert(
      fc.property(number, number, (a, b) => {
        const order = compareVersions(String(a), String(b)) ?? Number.NaN;
        expect(Math.sign(order)).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each([
    ['7', 7_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['99999999999999', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j means %j ms', (header, wait) => {
    expect(retryAfterMs(header, now)).toBe(wait);
  });
});

describe('names', () => {
  it('keys lead back to their objects', () => {
    expect(parseKey(objectKey({ namespace: 'team', name: 'one' }))).toEqual({
      namespace: 'team',
      name: 'one',
    });
    expect(parseKey(objectKey({ name: 'one' }))).toEqual({ name: 'one' });
  });

  it('paths of core, namespaced and cluster-scoped kinds', () => {
    const core = { group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true };
    const wide = { group: 'g.dev', version: 'v1', plural: 'things', kind: 'Thing', namespaced: false };
    expect(collectionPath(core, 'team')).toBe('/api/v1/namespaces/team/secrets');
    expect(collectionPath(core)).toBe('/api/v1/secrets');
    expect(collectionPath(wide, 'ignored')).toBe('/apis/g.dev/v1/things');
    expect(queryString({ a: 'x y&z', b: undefined, c: '', d: 0 })).toBe('?a=x+y%26z&d=0');
  });

  it('micro times have six digits', () => {
    expect(microTime(Date.UTC(2026, 0, 1) + 7)).toBe('2026-01-01T00:00:00.007000Z');
  });
});

describe('Fifo', () => {
  it('gives back what was put in, in order, for any sequence', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer()), { maxLength: 300 }), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) expect(fifo.shift()).toBe(model.shift());
          else {
            fifo.push(step);
            model.push(step);
          }
          expect(fifo.length).toBe(model.length);
        }
      }),
    );
  });

  it('skips what does not fit', () => {
    const fifo = new Fifo<number>();
    for (const item of [1, 3, 4, 5]) fifo.push(item);
    const even = (item: number) => item % 2 === 0;
    expect([
      fifo.peekWhere(even),
      fifo.shiftWhere(even),
      fifo.length,
      fifo.shiftWhere(even),
      fifo.length,
    ]).toEqual([4, 4, 1, undefined, 0]);
  });
});

import { describe, expect, it } from 'vitest';
import { FaultInjector, seededRandom, type WireFault } from './faults.ts';

const get = { operation: 'Get', method: 'GET', pathAndQuery: '/things/a?x=1' };
const put = { operation: 'Put', method: 'PUT', pathAndQuery: '/things/b' };

function injector(seed = 1): FaultInjector<WireFault> {
  return new FaultInjector<WireFault>(seededRandom(seed));
}

describe('a fault', () => {
  it.each([
    ['hits everything when nothing is said', {}, 1, 1],
    ['hits an operation', { operation: 'Get' }, 1, 0],
    ['hits several operations', { operation: ['Get', 'Put'] }, 1, 1],
    ['hits a method in any case', { method: 'put' }, 0, 1],
    ['hits a path with its query', { path: '/THINGS/.\\?x=' }, 1, 0],
    ['hits what fits in every respect', { operation: 'Put', path: '/a' }, 0, 0],
  ])('%s', (_what, match, gets, puts) => {
    const faults = injector();
    faults.add({ kind: 'reset', ...match });
    expect([faults.take(get).length, faults.take(put).length]).toEqual([gets, puts]);
  });

  it('lets some requests pass, hits some, and is then spent', () => {
    const faults = injector();
    faults.add({ kind: 'hang', skip: 1, times: 2 });
    expect([1, 2, 3, 4].map(() => faults.take(get).length)).toEqual([0, 1, 1, 0]);
    expect(faults.list()).toEqual([]);
  });

  it('hits a share of the requests, the same ones for the same seed', () => {
    const hits = (seed: number): number[] => {
      const faults = injector(seed);
      faults.add({ kind: 'reset', probability: 0.25 });
      return Array.from({ length: 1000 }, () => faults.take(get).length);
    };
    const first = hits(7);
    const share = first.filter((hit) => hit === 1).length;
    expect(share).toBeGreaterThan(200);
    expect(share).toBeLessThan(300);
    expect(hits(7)).toEqual(first);
    expect(hits(8)).not.toEqual(first);
  });

  it('comes together with others, and can be removed by its id', () => {
    const faults = injector();
    const slow = faults.add({ kind: 'latency', milliseconds: 5 });
    faults.add({ kind: 'lost-answer' });
    expect(faults.take(get).map(({ kind }) => kind)).toEqual(['latency', 'lost-answer']);
    faults.remove(slow);
    expect(faults.take(get).map(({ kind }) => kind)).toEqual(['lost-answer']);
    faults.clear();
    expect(faults.take(get)).toEqual([]);
  });
});

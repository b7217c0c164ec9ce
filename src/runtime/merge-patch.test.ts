import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyMergePatch, type Json, mergePatchOf, normalise } from './merge-patch.ts';

const json = fc.jsonValue({ maxDepth: 4 }).map((value) => value as Json);
const plain = (value: unknown) => JSON.parse(JSON.stringify(value ?? null)) as unknown;

describe('mergePatchOf', () => {
  it.each<[string, unknown, unknown, unknown]>([
    ['nothing for equal values', { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, undefined],
    [
      'nothing when only undefined and null differ from absent',
      { a: 1, b: null },
      { a: 1, c: undefined },
      undefined,
    ],
    ['the changed member only', { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3 }],
    [
      'null for a member that is gone',
      { a: 1, b: { c: 1, d: 2 } },
      { a: 1, b: { c: 1 } },
      { b: { d: null } },
    ],
    ['whole arrays', { a: [1, 2, { x: 1 }] }, { a: [1, 2] }, { a: [1, 2] }],
    ['an empty object that is new', { a: 1 }, { a: 1, b: {} }, { b: {} }],
    ['a value in place of an object', { a: { b: 1 } }, { a: 'x' }, { a: 'x' }],
    ['everything when there was nothing', undefined, { a: 1 }, { a: 1 }],
    ['null when nothing is left', { a: 1 }, undefined, null],
    [
      'dates as they are stored',
      { at: '2026-01-01T00:00:00.000Z' },
      { at: new Date(Date.UTC(2026, 0, 1)) },
      undefined,
    ],
  ])('gives %s', (_, before, after, patch) => {
    expect(plain(mergePatchOf(normalise(before), normalise(after)))).toEqual(plain(patch));
  });

  it('turns any value into any other', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const from = normalise(before);
        const to = normalise(after);
        const patch = mergePatchOf(from, to);
        const result = patch === undefined ? from : applyMergePatch(from, patch);
        expect(plain(result)).toEqual(plain(to));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is empty exactly when nothing differs', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(mergePatchOf(normalise(value), normalise(structuredClone(value)))).toBeUndefined();
      }),
    );
  });

  it('changes nothing when applied twice', () => {
    fc.assert(
      fc.property(json, json, (before, after) => {
        const patch = mergePatchOf(normalise(before), normalise(after));
        fc.pre(patch !== undefined);
        const once = applyMergePatch(normalise(before), patch as Json);
        expect(plain(applyMergePatch(once, patch as Json))).toEqual(plain(once));
      }),
    );
  });
});

describe('applyMergePatch', () => {
  // The test cases of RFC 7396, appendix A.
  it.each<[Json, Json, Json]>([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    expect(plain(applyMergePatch(target, patch))).toEqual(result);
  });

  it('treats __proto__ as a member like any other', () => {
    const patch = JSON.parse('{"__proto__": {"polluted": true}}') as Json;
    expect(JSON.stringify(applyMergePatch({}, patch))).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

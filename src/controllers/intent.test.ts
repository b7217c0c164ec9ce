import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bearsMark, clusterIDForm, formatIntent, markedName, readIntent, readMark } from './intent.ts';
import { anIntent, aSnapshot, cluster, otherUID, uid } from './testing/builders.ts';

const marks = fc.record({
  cluster: fc.stringMatching(clusterIDForm),
  uid: fc.uuid(),
  attempt: fc.integer({ min: 1, max: 1_000_000 }),
});

describe('a mark', () => {
  it('is read from the name that bears it, whatever its case', () => {
    fc.assert(
      fc.property(marks, fc.boolean(), (mark, upper) => {
        const name = markedName(mark);
        expect(readMark(upper ? name.toUpperCase() : name)).toEqual(mark);
        expect(bearsMark(name, mark.cluster, mark.uid)).toBe(true);
      }),
    );
  });

  it('fits into the name of a restore point, which Azure takes up to 80 characters', () => {
    fc.assert(
      fc.property(marks, (mark) => {
        expect(markedName(mark)).toMatch(/^[a-z0-9-]{1,80}$/);
      }),
    );
  });

  it('is never read from a name with anything before or after it', () => {
    fc.assert(
      fc.property(marks, fc.string({ minLength: 1 }), (mark, rest) => {
        // Digits after it only make the attempt another one.
        fc.pre(!/^[0-9]+$/.test(rest));
        expect(readMark(`${markedName(mark)}${rest}`)).toBeUndefined();
        expect(readMark(`${rest}${markedName(mark)}`)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['another object', markedName({ cluster, uid: otherUID, attempt: 1 })],
    ['another cluster', markedName({ cluster: 'c2', uid, attempt: 1 })],
    ['a longer cluster id that ends alike', markedName({ cluster: `x${cluster}`, uid, attempt: 1 })],
    ['no attempt', `keyframe-${cluster}-${uid}`],
    ['attempt 0', `keyframe-${cluster}-${uid}-0`],
    ['an attempt too large to count', `keyframe-${cluster}-${uid}-12345678`],
    ['a name chosen by a person', 'before-the-upgrade'],
    ['nothing', ''],
  ])('of %s is not ours', (_whose, name) => {
    expect(bearsMark(name, cluster, uid)).toBe(false);
  });
});

describe('an intent', () => {
  const annotated = (text: string) => aSnapshot({ annotations: { 'keyframe.dev/intent': text } });

  it('is read as it was written', () => {
    const intent = anIntent({ attempt: 3 });
    expect(readIntent(annotated(formatIntent(intent)))).toEqual(intent);
  });

  it('is absent from an object without annotations', () => {
    const { annotations: _none, ...metadata } = aSnapshot().metadata;
    expect(readIntent({ ...aSnapshot(), metadata })).toBeUndefined();
  });

  it.each([
    ['that is not JSON', '{'],
    ['that is null', 'null'],
    ['that is a list', '[]'],
    ['that is a number', '1'],
    ["that bears another object's UID", formatIntent(anIntent({ uid: otherUID }))],
    ['without an attempt', JSON.stringify({ ...anIntent(), attempt: undefined })],
    ['with half an attempt', JSON.stringify({ ...anIntent(), attempt: 1.5 })],
    ['without an endpoint', JSON.stringify({ ...anIntent(), endpointID: undefined })],
    ['without a start', JSON.stringify({ ...anIntent(), startedAt: 5 })],
    ['without a target', JSON.stringify({ ...anIntent(), target: null })],
  ])('%s is ignored', (_what, text) => {
    expect(readIntent(annotated(text))).toBeUndefined();
  });

  it('of any text is read or ignored, never an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readIntent(annotated(text))).toBeUndefined();
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markedNameIn, markText, wordsOf } from './marked-text.ts';

const uid = '6f1d2c3b-0000-4000-8000-0123456789ab';
const name = `keyframe-c1-${uid}-2`;
const other = `keyframe-c1-${uid}-9`;

describe('a text with a mark', () => {
  test.each([
    ['words before the mark', 'nightly, before the upgrade', `nightly, before the upgrade [${name}]`],
    ['no words', undefined, `[${name}]`],
    ['empty words', '  ', `[${name}]`],
    ['line breaks become blanks', 'one\r\ntwo', `one two [${name}]`],
    ['a mark that people wrote stays words', `see [${other}]`, `see [${other}] [${name}]`],
  ])('%s', (_name, words, text) => {
    expect(markText(words, name, 200)).toBe(text);
    expect(markedNameIn(text)).toBe(name);
    expect(wordsOf(text)).toBe((words ?? '').replace(/\s+/g, ' ').trim());
  });

  test('words are cut, the mark is not', () => {
    const text = markText('x'.repeat(500), name, 100);
    expect(text).toHaveLength(100);
    expect(markedNameIn(text)).toBe(name);
    expect(() => markText('x', name, name.length)).toThrow(RangeError);
  });

  test('is found again, whatever people wrote and however short the limit', () => {
    const words = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(`[${other}]`, other, '[', ']'));
    fc.assert(
      fc.property(words, fc.integer({ min: name.length + 2, max: 300 }), (text, limit) => {
        const marked = markText(text, name, limit);
        expect(marked.length).toBeLessThanOrEqual(limit);
        expect(marked.isWellFormed() || !text.isWellFormed()).toBe(true);
        expect(markedNameIn(marked)).toBe(name);
      }),
    );
  });
});

describe('what bears no mark', () => {
  test.each([
    ['nothing', ''],
    ["people's words", 'nightly'],
    ['a mark in the middle', `[${name}] and more`],
    ['a mark without brackets behind words', `nightly ${name}`],
    ['a mark that is part of a word', `x[${name}]`],
    ['attempt 0', `[keyframe-c1-${uid}-0]`],
    ['no UID', '[keyframe-c1-web-1]'],
  ])('%s', (_name, text) => {
    expect(markedNameIn(text)).toBeUndefined();
    expect(wordsOf(text)).toBe(text);
  });

  test('an absent text', () => {
    expect(markedNameIn(undefined)).toBeUndefined();
  });
});

test('a name that is the mark alone is one', () => {
  expect(markedNameIn(` ${name}\n`)).toBe(name);
  expect(wordsOf(name)).toBe('');
});

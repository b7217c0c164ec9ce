import { describe, expect, it } from 'vitest';
import {
  age,
  bar,
  cut,
  glyphsFor,
  padded,
  plainGlyphs,
  span,
  unicodeGlyphs,
  widthOf,
  wrapped,
} from './text.ts';

describe('bar', () => {
  it.each([0, 1, 12, 50, 99, 100])('is always as wide as it is told to be, at %i %', (percent) => {
    for (const glyphs of [unicodeGlyphs, plainGlyphs])
      expect(Array.from(bar(percent, 37, glyphs))).toHaveLength(37);
  });

  it('is full at 100 % only', () => {
    expect(bar(100, 8, unicodeGlyphs)).toBe('████████');
    expect(bar(99, 8, unicodeGlyphs)).toBe('███████▉');
    expect(bar(99, 8, plainGlyphs)).toBe('#######.');
  });

  it('is empty at 0 %, and takes what lies outside for its ends', () => {
    expect(bar(0, 4, plainGlyphs)).toBe('....');
    expect(bar(-3, 4, plainGlyphs)).toBe('....');
    expect(bar(130, 4, plainGlyphs)).toBe('####');
  });
});

describe('cut', () => {
  it('shows that something was cut', () => {
    expect(cut('restore point', 8)).toBe('restore…');
    expect(cut('restore', 8)).toBe('restore');
    expect(cut('restore', 0)).toBe('');
  });

  it('lets no control character through to the terminal', () => {
    expect(cut('a\u001b[2Jb\nc\u0007', 20)).toBe('a [2Jb c ');
  });

  it('counts characters, not halves of them', () => {
    expect(cut('💾💾💾', 3)).toBe('💾…');
    expect(cut('💾💾💾', 2)).toBe('…');
  });
});

it('fills up or cuts to exactly a width', () => {
  expect(padded('ab', 4)).toBe('ab  ');
  expect(padded('abcdef', 4)).toBe('abc…');
  expect(padded('備份', 5)).toBe('備份 ');
});

it.each([
  [0, '0:00'],
  [42_400, '0:42'],
  [59_900, '1:00'],
  [725_000, '12:05'],
])('writes %i ms as %s', (milliseconds, text) => {
  expect(span(milliseconds)).toBe(text);
});

it('uses signs beyond ASCII only where the locale has them', () => {
  expect(glyphsFor({ LANG: 'en_GB.UTF-8' })).toBe(unicodeGlyphs);
  expect(glyphsFor({ LC_ALL: 'C.utf8', LANG: 'C' })).toBe(unicodeGlyphs);
  expect(glyphsFor({ LANG: 'en_GB.UTF-8', LC_ALL: 'C' })).toBe(plainGlyphs);
  expect(glyphsFor({})).toBe(plainGlyphs);
});

it.each([
  ['ab', 2],
  ['バックアップ', 12],
  ['é', 1],
  ['💾', 2],
])('counts the columns of %s', (text, width) => {
  expect(widthOf(text)).toBe(width);
});

describe('wrapped', () => {
  it('breaks at spaces, and never within a word', () => {
    expect(wrapped('reading VM web-11: not found', 12)).toEqual(['reading VM', 'web-11: not', 'found']);
    expect(wrapped('see /subscriptions/one/two here', 8)).toEqual(['see', '/subscriptions/one/two', 'here']);
    expect(wrapped('', 8)).toEqual([]);
  });

  it('lets no control character through to the terminal', () => {
    expect(wrapped('a\u001b[2Jb\nc', 40)).toEqual(['a [2Jb c']);
  });
});

it.each([
  [0, '0s'],
  [119_000, '119s'],
  [120_000, '2m'],
  [325_000, '5m25s'],
  [3_600_000, '60m'],
  [3 * 3_600_000 + 20 * 60_000, '3h20m'],
  [30 * 3_600_000, '30h'],
  [50 * 3_600_000, '2d2h'],
  [400 * 24 * 3_600_000, '400d'],
])('writes the age of %i ms as kubectl does: %s', (milliseconds, text) => {
  expect(age(milliseconds)).toBe(text);
});

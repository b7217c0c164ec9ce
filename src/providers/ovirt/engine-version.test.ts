import { describe, expect, test } from 'vitest';
import { atLeast, chooseAPIVersion, type EngineVersion } from './engine-version.ts';

const engine = (release: string): EngineVersion => {
  const [major = 0, minor = 0, build = 0] = release.split('.').map(Number);
  return { major, minor, build, full: release };
};

test.each([
  ['4.5.4', '4.5', true],
  ['4.5.4', '4.5.4', true],
  ['4.5.4', '4.5.5', false],
  ['4.10.0', '4.9', true],
  ['3.6.13', '4.0', false],
  ['5.0.0', '4.4', true],
])('%s is at least %s: %s', (release, other, expected) => {
  expect(atLeast(engine(release), other)).toBe(expected);
});

describe('the shape to speak', () => {
  test.each([
    ['3.1', 'Auto', 3],
    ['3.6', 'Auto', 3],
    ['3.6', 'V3', 3],
    ['3.6', 'V4', 'V3 or Auto'],
    ['4.0', 'Auto', 4],
    ['4.3', 'V3', 3],
    ['4.3', 'V4', 4],
    ['4.4', 'Auto', 4],
    ['4.4', 'V3', 'V4 or Auto'],
    ['4.5', 'V3', 'V4 or Auto'],
    ['3.0', 'Auto', 'from 3.1 on'],
    ['2.2', 'Auto', 'from 3.1 on'],
    ['5.0', 'Auto', 4],
  ] as const)('engine %s, %s', (release, wanted, expected) => {
    const chosen = chooseAPIVersion(engine(release), wanted);
    if (typeof expected === 'number') expect(chosen).toBe(expected);
    else expect(chosen).toContain(expected);
  });
});

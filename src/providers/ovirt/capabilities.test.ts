import { describe, expect, test } from 'vitest';
import { capabilitiesOf } from './capabilities.ts';
import type { APIVersion, EngineVersion } from './engine-version.ts';

const engine = (release: string): EngineVersion => {
  const [major = 0, minor = 0, build = 0] = release.split('.').map(Number);
  return { major, minor, build, full: `${release}.0-1` };
};
const of = (release: string, api: APIVersion) => capabilitiesOf({ version: engine(release), api });

describe('what came with a release', () => {
  test.each([
    ['memory', '3.3', 3, (release: string, api: APIVersion) => of(release, api).memory],
    ['the configuration', '3.3', 3, (release: string, api: APIVersion) => of(release, api).configuration],
    ['a choice of disks', '3.4', 3, (release: string, api: APIVersion) => of(release, api).disks.include],
    ['leaving disks out', '3.4', 3, (release: string, api: APIVersion) => of(release, api).disks.exclude],
    ['a preview', '3.4', 3, (release: string, api: APIVersion) => of(release, api).restore.preview],
    [
      'the disk snapshots of a domain',
      '3.5',
      3,
      (release: string, api: APIVersion) => of(release, api).inventory.storageDomain,
    ],
    ['freezing', '3.6', 3, (release: string, api: APIVersion) => of(release, api).freeze],
    ['image ids', '4.2', 4, (release: string, api: APIVersion) => of(release, api).imageIDs],
    [
      'the restore of single disks',
      '4.2',
      4,
      (release: string, api: APIVersion) => of(release, api).restore.disks,
    ],
  ] as const)('%s with %s', (_name, release, api, support) => {
    const [major = 0, minor = 0] = release.split('.').map(Number);
    expect(support(release, api)).toBe(true);
    expect(support(`${major}.${minor - 1}`, api)).toMatch(`came with engine ${release}`);
  });
});

test('configuration only needs v4, and image ids too', () => {
  expect(of('4.0', 4).disks.configurationOnly).toBe(true);
  expect(of('4.3', 3).disks.configurationOnly).toMatch(/empty list/);
  expect(of('3.6', 3).disks.configurationOnly).toMatch(/empty list/);
  expect(of('4.3', 3).imageIDs).toMatch(/v3/);
  expect(of('4.3', 3).disks.include).toBe(true);
});

test('before the release is known, only what every release has', () => {
  const { memory, disks, freeze, imageIDs, restore, description } = capabilitiesOf();
  for (const unsure of [memory, disks.include, disks.configurationOnly, freeze, imageIDs, restore.disks]) {
    expect(typeof unsure).toBe('string');
  }
  expect([description, restore.inPlace, restore.newVM]).toEqual([true, true, true]);
});

test('what oVirt never has', () => {
  const { displayName, rename, stamps, collections, restore, consistency } = of('4.5', 4);
  for (const never of [displayName, rename, stamps, collections, restore.newDisks, consistency.Application]) {
    expect(typeof never).toBe('string');
  }
});

test('from 4.4.2 on engines do not thaw what they froze for Cinder disks alone', () => {
  expect(['4.3', '4.4.1', '4.4.2', '4.5'].map((release) => of(release, 4).thawsItself)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outputs } from '../../../src/api/generate/outputs.ts';
import { projectRoot, staleFiles } from '../../../src/api/generate/stale.ts';
import { reasons } from '../../../src/api/reasons.ts';

describe('what npm run generate writes', () => {
  it('is committed as it is written; run npm run generate when this fails', async () => {
    expect(await staleFiles(projectRoot, await outputs(projectRoot))).toEqual([]);
  });

  it('has a section of troubleshooting for every reason', async () => {
    const page = (await outputs(projectRoot)).get('docs/troubleshooting.md') ?? '';
    for (const [reason, { meaning, advice }] of Object.entries(reasons)) {
      const section = page.split(`\n## ${reason}\n`)[1]?.split('\n## ')[0];
      expect(section, reason).toContain(meaning);
      expect(section, reason).toContain(advice);
    }
  });
});

describe('stale files are found:', () => {
  let root: string;
  const files = new Map([
    ['crds/things.yaml', 'things'],
    ['docs/troubleshooting.md', 'help'],
  ]);
  const fresh = Object.fromEntries(files);
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'keyframe-stale-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it.each<[string, Record<string, string>, string[]]>([
    ['absent', {}, ['crds/things.yaml', 'docs/troubleshooting.md']],
    ['none when all are as written', fresh, []],
    ['changed', { ...fresh, 'crds/things.yaml': 'thing' }, ['crds/things.yaml']],
    [
      'left over in a folder of generated files, not in a folder of others',
      { ...fresh, 'crds/others.yaml': 'others', 'docs/own.md': 'own' },
      ['crds/others.yaml'],
    ],
  ])('%s', async (_, present, expected) => {
    for (const [path, content] of Object.entries(present)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
    }
    expect(await staleFiles(root, files)).toEqual(expected);
  });
});

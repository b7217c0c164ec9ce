import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, expect, it } from 'vitest';
import { type KindName, kinds } from '../../../src/api/kinds.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { readSamples, sampleFolder } from './samples.ts';

const cluster = useControlPlane();
afterAll(() => cluster.disconnect());

it('all samples are accepted as they are, with no field that is not known', async () => {
  const namespace = await cluster.createNamespace('samples');
  const { stdout, stderr, code } = await cluster.kubectl([
    'apply',
    '-k',
    sampleFolder,
    '--dry-run=server',
    '--validate=strict',
    '-n',
    namespace,
  ]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const made = stdout.split('\n').filter((line) => line.includes('.keyframe.dev/'));
  expect(made).toHaveLength(readSamples().length);
});

it('there is a sample of each kind, and its kustomization names all of them', () => {
  expect(new Set(readSamples().map(({ kind }) => kind))).toEqual(new Set(Object.keys(kinds) as KindName[]));
  const { resources } = load(readFileSync(join(sampleFolder, 'kustomization.yaml'), 'utf8')) as {
    resources: string[];
  };
  const files = readdirSync(sampleFolder).filter((file) => file !== 'kustomization.yaml');
  expect(resources).toEqual(files.sort());
});

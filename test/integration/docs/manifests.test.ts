/** The manifests that the documentation shows are accepted as they are, with no field that is not known. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersion, type KindName } from '../../../src/api/kinds.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { azureManifests } from '../../demo/scene.ts';
import { pathOf } from '../api/judge.ts';

const root = join(import.meta.dirname, '../../..');
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const cluster = useControlPlane();
let namespace: string;

interface Shown {
  title: string;
  manifest: KubernetesObject;
}

/** Manifests of Keyframe's kinds in the YAML blocks of a page, each with what it is called in the test. */
function manifestsOf(page: string): Shown[] {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^( *)```yaml\n([\s\S]*?)^\1```/gm);
  return [...blocks]
    .flatMap(([, indent = '', text = '']) => loadAll(unindented(text, indent)) as KubernetesObject[])
    .filter((manifest) => manifest.apiVersion === apiVersion)
    .map((manifest) => ({ title: `${page}: ${manifest.kind} ${manifest.metadata.name}`, manifest }));
}

/** The text of a block in a list. */
function unindented(text: string, indent: string): string {
  return text.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
}

beforeAll(async () => {
  namespace = await cluster.createNamespace('docs');
});
afterAll(() => cluster.disconnect());

it.each(['README.md', 'docs/providers/azure.md', 'docs/providers/ovirt.md', 'docs/providers/spf.md'])(
  '%s has a provider and a first snapshot to apply',
  (page) => {
    const shown = manifestsOf(page).map(({ manifest }) => manifest.kind);
    expect(shown).toEqual(expect.arrayContaining(['VMProvider', 'VMSnapshot']));
  },
);

it.each(pages.flatMap(manifestsOf))('$title', async ({ manifest }) => {
  const { namespace: _, ...metadata } = manifest.metadata;
  const path = `${pathOf(manifest.kind as KindName, namespace)}?dryRun=All&fieldValidation=Strict`;
  const made = await cluster.request('POST', path, { ...manifest, metadata });
  expect(made.metadata.name).toBe(manifest.metadata.name);
});

it('the README shows snapshots and copies as the demo makes them', () => {
  const account = { resourceManagerUrl: '', authorityUrl: '', tenantId: '', subscriptionId: '', caPem: '' };
  const demo = azureManifests({ ...account, clientId: '', clientSecret: '' });
  // The provider has ids of its own in each demo; `typo` is what the README has people try by hand.
  const shown = manifestsOf('README.md').filter(
    ({ manifest }) => manifest.kind !== 'VMProvider' && manifest.metadata?.name !== 'typo',
  );
  expect(shown).not.toEqual([]);
  for (const { manifest } of shown) expect(demo).toContainEqual(manifest);
});

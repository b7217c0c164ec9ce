/** The manifests that the documentation shows are accepted as they are, with no field that is not known. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersion, type KindName } from '../../../src/api/kinds.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { azureManifests } from '../../demo/scene.ts';
import { pathOf } from '../api/judge.ts';

const root = join(import.meta.dirname, '../../..');
const pages = ['README.md', 'docs/operations.md', 'docs/providers/azure.md', 'docs/providers/spf.md'];
const cluster = useControlPlane();
let namespace: string;

interface Shown {
  title: string;
  manifest: KubernetesObject;
}

/** Manifests of Keyframe's kinds in the YAML blocks of a page, each with what it is called in the test. */
function manifestsOf(page: string): Shown[] {
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm);
  return [...blocks]
    .flatMap(([, text = '']) => loadAll(text) as KubernetesObject[])
    .filter((manifest) => manifest.apiVersion === apiVersion)
    .map((manifest) => ({ title: `${page}: ${manifest.kind} ${manifest.metadata.name}`, manifest }));
}

beforeAll(async () => {
  namespace = await cluster.createNamespace('docs');
});
afterAll(() => cluster.disconnect());

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

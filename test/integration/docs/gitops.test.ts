/** The commands of docs/gitops.md, run as they stand there, and its manifests. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, expect, it } from 'vitest';
import { apiVersion, type KindName } from '../../../src/api/kinds.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { argocdSettings } from '../../gitops/scripts.ts';
import { pathOf } from '../api/judge.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/gitops.md'), 'utf8');
const cluster = useControlPlane();
afterAll(() => cluster.disconnect());

/** What kubectl is given on the page, a command after the other; the page is read in the root of the project. */
const commands = [...page.matchAll(/^kubectl (.*)$/gm)].map(([, line = '']) => ({
  line,
  args: line.split(' ').map((word) => word.replace(/^config\//, `${root}/config/`)),
}));

function commandOf(beginning: string): string[] {
  const found = commands.find(({ line }) => line.startsWith(beginning));
  if (found === undefined) throw new Error(`docs/gitops.md has no command kubectl ${beginning}`);
  return found.args;
}

it('the patch of argocd-cm adds the scripts, and leaves what is there', async () => {
  await cluster.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'argocd-cm', namespace: 'argocd' },
      data: { url: 'https://argocd.example' },
    },
  ] as unknown as KubernetesObject[]);
  const stdout = 'configmap/argocd-cm patched\n';
  expect(page).toContain(stdout);
  expect(await cluster.kubectl(commandOf('patch configmap argocd-cm'))).toEqual({
    stdout,
    stderr: '',
    code: 0,
  });
  const path = '/api/v1/namespaces/argocd/configmaps/argocd-cm';
  const { data } = await cluster.request<{ data: object }>('GET', path);
  expect(data).toEqual({ url: 'https://argocd.example', ...argocdSettings() });
});

it('kubectl diff shows nothing of the samples once they are applied', async () => {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  } as unknown as KubernetesObject);
  try {
    expect(await cluster.kubectl(commandOf('apply --server-side'))).toMatchObject({ code: 0, stderr: '' });
    expect(await cluster.kubectl(commandOf('diff --server-side'))).toEqual({
      stdout: '',
      stderr: '',
      code: 0,
    });
  } finally {
    const samples = join(root, 'config/samples');
    await cluster.kubectl(['delete', '-k', samples, '-n', 'shop', '--wait=false']);
  }
});

const manifests = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
  .flatMap(([, text = '']) => loadAll(text) as KubernetesObject[])
  .filter((manifest) => manifest.apiVersion === apiVersion);

it.each(manifests)('$kind $metadata.name is accepted as it is', async (manifest) => {
  const { namespace: _, ...metadata } = manifest.metadata;
  const namespace = await cluster.createNamespace('docs');
  const path = `${pathOf(manifest.kind as KindName, namespace)}?dryRun=All&fieldValidation=Strict`;
  const made = await cluster.request<KubernetesObject>('POST', path, { ...manifest, metadata });
  expect(made.metadata.name).toBe(manifest.metadata.name);
});

/** What lies in Git and what the API server makes of it are the same to GitOps tools: applied again, nothing changes. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { apiVersion, group, type KindName, kinds } from '../../../src/api/kinds.ts';
import { applyMergePatch, type Json } from '../../../src/runtime/merge-patch.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { readFixtures } from '../../gitops/fixtures.ts';
import { configFolder, manifestsIn } from '../../gitops/scripts.ts';
import { pathOf } from '../api/judge.ts';
import { nodes, readSpecSchemas } from '../api/schema-nodes.ts';

const cluster = useControlPlane();
afterAll(() => cluster.disconnect());

/** Keyframe's own objects in the files of config that a pattern matches, each with what it is called in a test. */
const ours = (pattern: string) =>
  globSync(pattern, { cwd: configFolder })
    .sort()
    .flatMap((file) => manifestsIn(file).map((manifest) => ({ file, manifest })))
    .filter(({ manifest }) => manifest.apiVersion === apiVersion)
    .map(({ file, manifest }) => ({
      title: `${file}: ${manifest.kind} ${manifest.metadata.name}`,
      manifest,
    }));

/** Makes an object in a dry run; refused where it has a field that is not known. */
async function tryOut(object: object & { kind: string }, namespace: string): Promise<KubernetesObject> {
  const { metadata, ...rest } = object as unknown as KubernetesObject;
  const { namespace: _, ...own } = metadata;
  const path = `${pathOf(object.kind as KindName, namespace)}?dryRun=All&fieldValidation=Strict`;
  return cluster.request<KubernetesObject>('POST', path, { ...rest, metadata: own });
}

describe('the samples', () => {
  const folder = join(configFolder, 'samples');
  const resources = Object.values(kinds).map(({ plural }) => `${plural}.${group}`);

  /** All objects of Keyframe in a namespace and of the cluster, with their versions. */
  async function objectsIn(namespace: string): Promise<KubernetesObject[]> {
    const { stdout, stderr } = await cluster.kubectl([
      'get',
      resources.join(),
      '--namespace',
      namespace,
      '--show-managed-fields',
      '--output=json',
    ]);
    expect(stderr).toBe('');
    return (JSON.parse(stdout) as { items: KubernetesObject[] }).items;
  }

  it.each([
    ['by server-side apply, as Flux does', ['--server-side', '--field-manager=gitops']],
    ['by client-side apply, as Argo CD does unless told otherwise', []],
  ])('applied %s, are left as they are by a second time', async (_, flags) => {
    const namespace = await cluster.createNamespace('drift');
    const run = (...args: string[]) => cluster.kubectl([...args, '-k', folder, '-n', namespace]);
    try {
      expect(await run('apply', ...flags)).toMatchObject({ code: 0, stderr: '' });
      // The default of status.observedGeneration is stored with the first write after the creation, whoever's it is.
      expect(await run('annotate', '--overwrite', 'keyframe.dev/hold=true')).toMatchObject({
        code: 0,
        stderr: '',
      });
      const first = await objectsIn(namespace);
      expect(first).toHaveLength(ours('samples/*.yaml').length);
      expect(await run('apply', ...flags)).toMatchObject({ code: 0, stderr: '' });
      expect(await objectsIn(namespace)).toEqual(first);
    } finally {
      await run('delete', '--wait=false');
    }
  });

  it('keep every value that is written in them, lists as wholes', async () => {
    const namespace = await cluster.createNamespace('drift');
    for (const { title, manifest } of ours('samples/*.yaml')) {
      const made = await tryOut(manifest, namespace);
      // Argo CD lays the manifest over the object and looks whether that changes it.
      const laidOver = applyMergePatch(made as unknown as Json, manifest as unknown as Json);
      expect(laidOver, title).toEqual(made);
    }
  });
});

it('no default is set within a list, where Argo CD would see a difference for ever', () => {
  const inLists = [...readSpecSchemas()].flatMap(([kind, schema]) =>
    nodes(schema, `${kind}.spec`).filter(({ path, schema }) => path.includes('[]') && 'default' in schema),
  );
  expect(inLists).toEqual([]);
});

it.each([...ours('flux/**/*.yaml'), ...ours('argocd/example/**/*.yaml')])(
  '$title is accepted as it is, with no field that is not known',
  async ({ manifest }) => {
    const made = await tryOut(manifest, await cluster.createNamespace('examples'));
    expect(made.metadata.name).toBe(manifest.metadata.name);
  },
);

describe('the fixtures of the health checks have no field that the kinds do not have', () => {
  it.each([...readFixtures()])('%s', async (_, fixture) => {
    const made = await tryOut(fixture, 'default');
    expect(made.metadata.name).toBe(fixture.metadata.name);
  });

  it('nor would one in the status go unseen', async () => {
    const [[, fixture] = []] = [...readFixtures()];
    if (fixture === undefined) throw new Error('there is no fixture');
    const strange = { ...fixture, status: { ...fixture.status, strange: true } };
    await expect(tryOut(strange, 'default')).rejects.toThrow('unknown field "status.strange"');
  });
});

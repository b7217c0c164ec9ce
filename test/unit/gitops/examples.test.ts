/** The examples for Flux and Argo CD, as far as they can be held against the tools without a cluster. */
import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { apiVersion, group, type KindName, kinds } from '../../../src/api/kinds.ts';
import type { KubernetesObject } from '../../../src/api/kubernetes-object.ts';
import type { Reason } from '../../../src/api/reasons.ts';
import { findBinary } from '../../controlplane/binaries.ts';
import { expectedStatus, readFixtures, reasonOf } from '../../gitops/fixtures.ts';
import { fluxHealth, fluxKinds, type HealthExpressions, kstatuses } from '../../gitops/reader.ts';
import { configFolder, manifestsIn } from '../../gitops/scripts.ts';
import { template } from '../../support/helm.ts';
import type { Status } from '../../support/kstatus.ts';

/** A manifest of Flux or Argo CD, as far as it is looked at here. */
type Manifest = KubernetesObject & {
  spec: {
    path?: string;
    sourceRef?: { kind: string; name: string };
    chartRef?: { kind: string; name: string };
    dependsOn?: { name: string }[];
    healthCheckExprs?: ({ apiVersion: string; kind: KindName } & HealthExpressions)[];
    values?: object;
    source?: { helm?: { valuesObject: object } };
    namespaceResourceWhitelist?: { group: string; kind: string }[];
  };
};

const folders = globSync('{flux,argocd/example}/**/kustomization.yaml', { cwd: configFolder }).map(dirname);
const allIn = (pattern: string) =>
  globSync(pattern, { cwd: configFolder }).flatMap((file) => manifestsIn(file) as Manifest[]);
const flux = allIn('flux/{cluster,keyframe}/*.yaml').filter((manifest) =>
  manifest.apiVersion.includes('.toolkit.fluxcd.io/'),
);
const argocd = allIn('argocd/example/*.yaml');

const named = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;

describe('each folder is built by kustomize, with every manifest in it:', () => {
  it.each(folders)('%s', async (folder) => {
    const kubectl = await findBinary('kubectl');
    const { stdout } = await promisify(execFile)(kubectl, ['kustomize', join(configFolder, folder)]);
    const built = loadAll(stdout) as KubernetesObject[];
    const inFolder = globSync(`${folder}/*.yaml`, { cwd: configFolder })
      .filter((file) => !file.endsWith('kustomization.yaml'))
      .flatMap(manifestsIn);
    expect(inFolder).not.toEqual([]);
    expect(built.map(named).sort()).toEqual(inFolder.map(named).sort());
  });
});

describe('the manifests for Flux', () => {
  it('are of the kinds of Flux, with no field that these do not have', async () => {
    expect(await fluxKinds(flux)).toEqual(flux.map(({ kind }) => ({ value: kind })));
  });

  it('would be found out otherwise', async () => {
    const [release] = flux.filter(({ kind }) => kind === 'HelmRelease');
    const wrong = { ...release, spec: { ...release?.spec, charRef: {} } };
    expect((await fluxKinds([wrong]))[0]?.error).toContain('unknown field "spec.charRef"');
  });

  it('name folders, sources and each other as they are', () => {
    const there = new Set(flux.map(named));
    for (const manifest of flux) {
      const { path, sourceRef, chartRef, dependsOn = [] } = manifest.spec;
      if (path !== undefined) expect(existsSync(join(configFolder, 'flux', path)), path).toBe(true);
      for (const ref of [sourceRef, chartRef])
        if (ref !== undefined) expect(there).toContain(`${ref.kind} ${ref.name}`);
      for (const { name } of dependsOn) expect(there).toContain(`${manifest.kind} ${name}`);
    }
  });

  it('give the chart values that it takes', async () => {
    const values = flux.flatMap(({ spec }) => (spec.values === undefined ? [] : [spec.values]));
    expect(values).toHaveLength(1);
    expect(await template(values[0] ?? {})).toMatchObject({ stderr: '', code: 0 });
  });
});

describe('the health checks of the example for Flux', () => {
  const checks = flux.flatMap(({ spec }) => spec.healthCheckExprs ?? []);
  /** What they say otherwise than kstatus, and why they are there. */
  const otherwise: Record<string, { reason: Reason; status: Status }> = {
    RestorePointCopy: { reason: 'Replicating', status: 'Current' },
    VMRestore: { reason: 'Expired', status: 'Current' },
  };
  // What is being deleted is not waited for.
  const fixtures = [...readFixtures()].filter(([, { metadata }]) => metadata.deletionTimestamp === undefined);

  it('are of Keyframe’s kinds', () => {
    expect(checks.map(({ kind }) => kind).sort()).toEqual(Object.keys(otherwise));
    for (const check of checks) expect(check.apiVersion).toBe(apiVersion);
  });

  it.each(checks)(
    'of $kind say what kstatus says, but for the one reason that they are for',
    async (check) => {
      const objects = fixtures.map(([, fixture]) => fixture);
      const said = await fluxHealth(check, objects);
      const exception = otherwise[check.kind];
      if (exception === undefined) throw new Error(`nothing is said of ${check.kind}`);
      for (const [index, [file, fixture]] of fixtures.entries()) {
        const status = reasonOf(fixture) === exception.reason ? exception.status : expectedStatus(fixture);
        expect(said[index], file).toEqual({ value: status });
      }
      expect(objects.map(reasonOf)).toContain(exception.reason);
    },
  );

  it('would be found out if they could not be evaluated', async () => {
    const [answer] = await fluxHealth({ current: 'status.nothing == 1' }, [
      { apiVersion, kind: 'VMRestore', metadata: { name: 'a', generation: 1 }, status: {} },
    ]);
    expect(answer?.error).toContain('no such key: nothing');
  });

  it('are not needed for the other kinds, nor for a new object of any kind', async () => {
    const fresh = { status: { observedGeneration: -1 } };
    const objects = Object.keys(kinds).map((kind) => ({
      apiVersion,
      kind,
      metadata: { name: 'new', generation: 1 },
      ...fresh,
    }));
    expect(await kstatuses(objects)).toEqual(objects.map(() => ({ value: 'InProgress' })));
  });
});

describe('the manifests for Argo CD', () => {
  it('give the chart values that it takes', async () => {
    const values = argocd.flatMap(({ spec }) => spec?.source?.helm?.valuesObject ?? []);
    expect(values).toHaveLength(1);
    expect(await template(values[0] ?? {})).toMatchObject({ stderr: '', code: 0 });
  });

  it('let the project have the kinds that there are', () => {
    const allowed = argocd.flatMap(({ spec }) => spec?.namespaceResourceWhitelist ?? []);
    expect(allowed).not.toEqual([]);
    for (const { group: of, kind } of allowed) {
      expect(of).toBe(group);
      expect(Object.keys(kinds)).toContain(kind);
    }
  });
});

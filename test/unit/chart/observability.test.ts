/** What the chart makes of the alerts and the dashboard in config/. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { findBinary } from '../../controlplane/binaries.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { chartFolder, render } from '../../support/helm.ts';

vi.setConfig({ testTimeout: 60_000 });
// The first build of helm takes a minute or two.
beforeAll(() => findBinary('helm'), 600_000);

const config = (path: string) => readFile(join(chartFolder, '../../config', path), 'utf8');
const made = async (metrics: object) => {
  const objects = await render({ crds: { enabled: false }, metrics });
  return (kind: string, name: string) =>
    objects.find(({ kind: found, metadata }) => found === kind && metadata.name === name) as
      | (KubernetesObject & { spec?: unknown; data?: Record<string, string> })
      | undefined;
};

describe('the PrometheusRule', () => {
  it('has the alerts of config/prometheus, with its own labels', async () => {
    const find = await made({ prometheusRule: { enabled: true, labels: { release: 'prometheus' } } });
    const rule = find('PrometheusRule', 'keyframe');
    expect(rule?.spec).toEqual(load(await config('prometheus/rules.yaml')));
    expect(rule?.metadata.labels).toMatchObject({
      release: 'prometheus',
      'app.kubernetes.io/name': 'keyframe',
    });
  });

  it('leads from each alert to where people read the docs', async () => {
    const find = await made({
      prometheusRule: { enabled: true, documentation: 'https://git.example/keyframe/blob/main/' },
    });
    const spec = find('PrometheusRule', 'keyframe')?.spec as
      | { groups: { rules: { annotations: { runbook_url: string } }[] }[] }
      | undefined;
    const links = (spec?.groups ?? [])
      .flatMap(({ rules }) => rules)
      .map(({ annotations }) => annotations.runbook_url);
    expect(links.length).toBeGreaterThan(10);
    for (const link of links)
      expect(link).toMatch(/^https:\/\/git\.example\/keyframe\/blob\/main\/docs\/operations\.md#keyframe/);
  });

  it('is not there unless it is asked for', async () => {
    expect((await made({}))('PrometheusRule', 'keyframe')).toBeUndefined();
  });
});

describe('the dashboard', () => {
  it('is that of config/grafana, in a ConfigMap that the usual sidecar finds', async () => {
    const find = await made({ dashboard: { enabled: true, annotations: { grafana_folder: 'Backup' } } });
    const map = find('ConfigMap', 'keyframe-dashboard');
    expect(map?.data).toEqual({ 'keyframe.json': await config('grafana/keyframe.json') });
    expect(map?.metadata).toMatchObject({
      labels: { grafana_dashboard: '1' },
      annotations: { grafana_folder: 'Backup' },
    });
  });

  it('is not there unless it is asked for', async () => {
    expect((await made({}))('ConfigMap', 'keyframe-dashboard')).toBeUndefined();
  });
});

/** What the chart makes of its values. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump, load, loadAll } from 'js-yaml';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { help, readFlags } from '../../../src/flags.ts';
import { findBinary } from '../../controlplane/binaries.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { chartFolder, helm, render } from '../../support/helm.ts';

const root = join(chartFolder, '../..');
const readYaml = async (path: string) => load(await readFile(join(root, path), 'utf8'));
const bare = { crds: { enabled: false } };
const namespaced = {
  ...bare,
  namespaces: ['team-a', 'team-b'],
  clusterID: 'prod1',
  rbac: { aggregateRoles: false },
};

// A run of helm takes 0.1 s, or seconds on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });
// The first build of helm takes a minute or two.
beforeAll(() => findBinary('helm'), 600_000);

/** The one object of a kind. */
function only(objects: KubernetesObject[], kind: string, name?: string): KubernetesObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} of ${kind}`);
  return object;
}

interface Container {
  image: string;
  args: string[];
  env: { name: string; value?: string; valueFrom?: object }[];
  ports: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string }[];
  securityContext?: object;
}

interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  spec: Record<string, unknown> & { containers: [Container]; volumes?: object[] };
}

async function podOf(values: object): Promise<PodTemplate & { container: Container }> {
  const { spec } = only(await render({ ...bare, ...values }), 'Deployment') as KubernetesObject & {
    spec: { template: PodTemplate };
  };
  return { ...spec.template, container: spec.template.spec.containers[0] };
}

it('helm lint finds nothing', async () => {
  const { stdout, stderr, code } = await helm(['lint', '--strict', '--kube-version=1.30', chartFolder]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/);
});

it('chart and operator bear the version of the package', async () => {
  const chart = await readYaml('charts/keyframe/Chart.yaml');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(chart).toMatchObject({ version, appVersion: version });
});

describe('as a whole, the chart makes', () => {
  it.each([
    ['cluster-wide', bare],
    ['namespaced', namespaced],
    [
      'full',
      {
        ...bare,
        commonLabels: { team: 'platform' },
        caBundle: { secret: 'corporate-ca' },
        imagePullSecrets: [{ name: 'registry' }],
        metrics: { serviceMonitor: { enabled: true, labels: { release: 'prometheus' } } },
        networkPolicy: {
          enabled: true,
          metricsFrom: [
            { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } },
          ],
          extraEgress: [{ to: [{ ipBlock: { cidr: '169.254.169.254/32' } }], ports: [{ port: 80 }] }],
        },
        proxy: { https: 'http://proxy.example:3128', noProxy: ['.internal.example'] },
        rbac: { secrets: { names: ['azure-credentials'], namespaces: ['team-a'] } },
        workloadIdentity: { enabled: true, clientID: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee' },
      },
    ],
  ])('%s: what golden/ has', async (name, values) => {
    const objects = await render(values);
    const text = objects.map((object) => dump(object, { noRefs: true })).join('---\n');
    await expect(text).toMatchFileSnapshot(`golden/${name}.yaml`);
  });
});

describe('the CustomResourceDefinitions', () => {
  const definitions = (objects: KubernetesObject[]) =>
    objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const bySpec = (object: unknown) => (object as { spec: object }).spec;

  it('are those of crds/, and stay when the release goes', async () => {
    const rendered = definitions(await render({}));
    const files = (await readdir(join(root, 'crds'))).filter((file) => file.endsWith('.yaml')).sort();
    const committed = await Promise.all(files.map((file) => readYaml(`crds/${file}`)));
    expect(rendered.map(bySpec)).toEqual(committed.map(bySpec));
    for (const { metadata } of rendered)
      expect(metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
  });

  it('go with the release when they are not to be kept', async () => {
    const rendered = definitions(await render({ crds: { keep: false } }));
    expect(rendered).not.toEqual([]);
    for (const { metadata } of rendered) expect(metadata.annotations).toBeUndefined();
  });

  it('are no part of it when somebody else cares for them', async () => {
    expect(definitions(await render(bare))).toEqual([]);
  });
});

describe('the operator understands its flags:', () => {
  const flagsOf = async (values: object) => {
    const { container } = await podOf(values);
    const result = readFlags(container.args, {}, '0.0.0');
    if ('print' in result) throw new Error(result.print);
    return { flags: result.flags, args: container.args };
  };

  it('the defaults of the chart are those of the operator', async () => {
    const own = readFlags([], {}, '0.0.0');
    expect(own).toEqual({ flags: (await flagsOf({})).flags });
  });

  it('each one can be set by a value', async () => {
    const { flags, args } = await flagsOf({
      ...namespaced,
      watchLabelSelector: '!keyframe.dev/shard',
      ambientCredentials: { namespaced: true, hosts: ['a.example', 'b.example'] },
      settleTime: '45s',
      metrics: { enabled: false },
    });
    expect(flags).toMatchObject({
      namespaces: ['team-a', 'team-b'],
      clusterID: 'prod1',
      watchLabelSelector: '!keyframe.dev/shard',
      namespacedAmbientCredentials: true,
      ambientHosts: ['a.example', 'b.example'],
      settleTime: 45_000,
      metricsAddress: '0',
    });
    const known = [...help().matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name);
    // The Pod's own connection and namespace are used, and replicas need an election.
    const notForPods = ['kubeconfig', 'context', 'namespace', 'leader-elect', 'help'];
    expect(args.map((arg) => /^--([a-z-]+)=/.exec(arg)?.[1]).sort()).toEqual(
      known.filter((name) => !notForPods.includes(name ?? '')).sort(),
    );
  });

  it('further ones come last, and so hold', async () => {
    expect((await flagsOf({ extraArgs: ['--workers=3'] })).flags.workers).toBe(3);
  });
});

describe('rights', () => {
  interface Rule {
    apiGroups: string[];
    resources: string[];
    resourceNames?: string[];
    verbs: string[];
  }
  /** Rules as a set of single grants. */
  const grants = (objects: unknown[]) =>
    (objects as { rules?: Rule[] }[])
      .flatMap(({ rules = [] }) => rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${group}`)),
        ),
      )
      .sort();
  const committed = async (path: string) =>
    loadAll(await readFile(join(root, path), 'utf8')) as KubernetesObject[];
  const roles = (objects: KubernetesObject[]) => objects.filter(({ kind }) => kind.endsWith('Role'));
  const isAggregated = ({ metadata }: KubernetesObject) =>
    JSON.stringify(metadata.labels).includes('aggregate-to');

  it('of the whole cluster are those of config/rbac', async () => {
    const rendered = roles(await render(bare)).filter((role) => !isAggregated(role));
    expect(grants(rendered)).toEqual(
      grants([
        ...(await committed('config/rbac/operator.yaml')),
        ...(await committed('config/rbac/leader-election.yaml')),
      ]),
    );
  });

  it('of view, edit, admin and restore are those of config/rbac', async () => {
    const told = (objects: KubernetesObject[]) =>
      objects
        .filter(isAggregated)
        .map((role) => [
          role.metadata.name,
          grants([role]),
          Object.keys(role.metadata.labels as object).filter((label) => label.includes('aggregate-to')),
        ]);
    const expected = told(await committed('config/rbac/aggregated.yaml'));
    expect(expected).toHaveLength(4);
    expect(told(await render(bare)).sort()).toEqual(expected.sort());
  });

  it('in each namespace are those of config/namespaced, and nothing is made outside', async () => {
    const objects = await render(namespaced, { release: 'kf', namespace: 'ops' });
    expect(objects.filter(({ metadata }) => metadata.namespace === undefined)).toEqual([]);
    expect(objects.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
    for (const namespace of namespaced.namespaces) {
      const role = roles(objects).filter(({ metadata }) => metadata.namespace === namespace);
      expect(grants(role)).toEqual(grants(await committed('config/namespaced/role.yaml')));
      const binding = objects.find(
        ({ kind, metadata }) => kind === 'RoleBinding' && metadata.namespace === namespace,
      );
      expect(binding?.subjects).toEqual([{ kind: 'ServiceAccount', name: 'kf-keyframe', namespace: 'ops' }]);
    }
    const own = roles(objects).filter(({ metadata }) => metadata.namespace === 'ops');
    expect(grants(own)).toEqual(grants(await committed('config/rbac/leader-election.yaml')));
  });

  it('on Secrets can be bound to names and to namespaces', async () => {
    const objects = await render({
      ...bare,
      rbac: { secrets: { names: ['azure'], namespaces: ['team-a', 'keyframe-system'] } },
    });
    const role = only(objects, 'ClusterRole', 'keyframe-secrets');
    expect(role.rules).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['azure'], verbs: ['get'] },
    ]);
    const bindings = objects.filter(
      (object) => (object.roleRef as { name?: string } | undefined)?.name === 'keyframe-secrets',
    );
    expect(bindings.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`).sort()).toEqual([
      'RoleBinding keyframe-system',
      'RoleBinding team-a',
    ]);
  });

  it('on ConfigMaps can be left away', async () => {
    const rights = async (values: object) => grants(roles(await render({ ...bare, ...values })));
    const without = await rights({ rbac: { saveConfiguration: false } });
    expect((await rights({})).filter((right) => !without.includes(right))).toEqual([
      'create configmaps.',
      'get configmaps.',
    ]);
  });

  it('to the Lease are for the name that the operator uses', async () => {
    const objects = await render({ ...bare, leaderElection: { name: 'shard-a' } });
    const rules = only(objects, 'Role').rules as Rule[];
    expect(rules.map(({ resourceNames }) => resourceNames)).toEqual([undefined, ['shard-a']]);
    expect((await podOf({ leaderElection: { name: 'shard-a' } })).container.args).toContain(
      '--leader-election-name=shard-a',
    );
  });

  it('can be left to others', async () => {
    const kinds = (await render({ ...bare, rbac: { create: false, aggregateRoles: false } })).map(
      ({ kind }) => kind,
    );
    expect(kinds.filter((kind) => /Role/.test(kind))).toEqual([]);
  });
});

describe('the Pod', () => {
  it('has time for what --shutdown-grace allows, and for what comes after it', async () => {
    const { spec, container } = await podOf({ shutdownGraceSeconds: 60 });
    expect(container.args).toContain('--shutdown-grace=60s');
    // The operator itself gives up 10 s after the grace.
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(70);
  });

  it.each([
    [{}, 'keyframe:0.1.0'],
    [{ repository: 'registry.example/keyframe', tag: '1.2.3' }, 'registry.example/keyframe:1.2.3'],
    [{ digest: `sha256:${'a'.repeat(64)}` }, `keyframe:0.1.0@sha256:${'a'.repeat(64)}`],
  ])('runs the image of %o', async (image, expected) => {
    expect((await podOf({ image })).container.image).toBe(expected);
  });

  it('trusts a CA bundle of a ConfigMap', async () => {
    const { spec, container } = await podOf({ caBundle: { configMap: 'ca', key: 'bundle.pem' } });
    expect(container.env).toContainEqual({
      name: 'NODE_EXTRA_CA_CERTS',
      value: '/etc/keyframe/ca/bundle.pem',
    });
    expect(container.volumeMounts).toEqual([
      { name: 'ca-bundle', mountPath: '/etc/keyframe/ca', readOnly: true },
    ]);
    expect(spec.volumes).toEqual([
      { name: 'ca-bundle', configMap: { name: 'ca', items: [{ key: 'bundle.pem', path: 'bundle.pem' }] } },
    ]);
  });

  it('gets a federated token with workload identity, and no label for it without', async () => {
    const label = 'azure.workload.identity/use';
    const values = { workloadIdentity: { enabled: true, clientID: 'a', tenantID: 'b' } };
    expect((await podOf(values)).metadata.labels[label]).toBe('true');
    expect((await podOf({})).metadata.labels[label]).toBeUndefined();
    const account = only(
      await render({
        ...bare,
        ...values,
        serviceAccount: { annotations: { 'azure.workload.identity/client-id': 'mine' } },
      }),
      'ServiceAccount',
    );
    expect(account.metadata).toMatchObject({
      annotations: { 'azure.workload.identity/client-id': 'mine', 'azure.workload.identity/tenant-id': 'b' },
    });
  });

  it('is selected by labels that no value but the names changes', async () => {
    const selectorOf = async (values: object) =>
      (only(await render({ ...bare, ...values }), 'Deployment').spec as { selector: object }).selector;
    expect(
      await selectorOf({ commonLabels: { a: 'b' }, podLabels: { c: 'd' }, image: { tag: '9' } }),
    ).toEqual(await selectorOf({}));
  });

  it('keeps its own label selector where a spread constraint has one', async () => {
    const labelSelector = { matchLabels: { a: 'b' } };
    const constraint = { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule' };
    const { spec } = await podOf({
      topologySpreadConstraints: [{ ...constraint, labelSelector }, constraint],
    });
    expect(spec.topologySpreadConstraints).toMatchObject([
      { labelSelector },
      { labelSelector: { matchLabels: { 'app.kubernetes.io/name': 'keyframe' } } },
    ]);
  });

  it('is not under a disruption budget when it is the only one', async () => {
    const kinds = async (replicas: number) => (await render({ ...bare, replicas })).map(({ kind }) => kind);
    expect(await kinds(1)).not.toContain('PodDisruptionBudget');
    expect(await kinds(2)).toContain('PodDisruptionBudget');
  });

  it('has no metrics, Service or rule for them when they are off', async () => {
    const objects = await render({ ...bare, metrics: { enabled: false }, networkPolicy: { enabled: true } });
    expect(objects.map(({ kind }) => kind)).not.toContain('Service');
    expect(JSON.stringify(objects)).not.toContain('"port":"metrics"');
    const { container } = await podOf({ metrics: { enabled: false } });
    expect(container.ports.map(({ name }) => name)).toEqual(['health']);
  });
});

it('names carry release and chart, once', async () => {
  const nameOf = async (release: string, values: object = {}) =>
    only(await render({ ...bare, ...values }, { release }), 'Deployment').metadata.name;
  expect(await nameOf('keyframe')).toBe('keyframe');
  expect(await nameOf('prod')).toBe('prod-keyframe');
  expect(await nameOf('prod', { nameOverride: 'kf' })).toBe('prod-kf');
  expect(await nameOf('prod', { fullnameOverride: 'snapshots' })).toBe('snapshots');
});

it('config/operator runs the same Pod as the chart', async () => {
  const mine = (await readYaml('config/operator/deployment.yaml')) as { spec: object };
  const charts = only(await render(bare), 'Deployment') as KubernetesObject & {
    spec: { template: PodTemplate };
  };
  const { template } = charts.spec;
  const { args: _, ...container } = template.spec.containers[0];
  const { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': instance } = template.metadata.labels;
  expect(mine.spec).toEqual({
    ...charts.spec,
    template: {
      metadata: {
        ...template.metadata,
        labels: { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': instance },
      },
      // The operator's defaults are the chart's, as is tested above.
      spec: { ...template.spec, containers: [container] },
    },
  });
});

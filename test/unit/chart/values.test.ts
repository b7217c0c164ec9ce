/** Each value of the chart: what it changes, and what is refused. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type ChartValue, leaves } from '../../../src/api/generate/chart.ts';
import { findBinary } from '../../controlplane/binaries.ts';
import { chartFolder, template } from '../../support/helm.ts';

// A run of helm takes 0.1 s, or seconds on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });
// The first build of helm takes a minute or two.
beforeAll(() => findBinary('helm'), 600_000);

/** By its path: another value than the default, and what must be set beside it. */
const others: Record<string, [value: unknown, beside?: object]> = {
  nameOverride: ['other'],
  fullnameOverride: ['other'],
  commonLabels: [{ team: 'platform' }],
  namespaces: [['team-a'], { clusterID: 'prod1' }],
  clusterID: ['prod1'],
  watchLabelSelector: ['!keyframe.dev/shard'],
  'crds.enabled': [false],
  'crds.keep': [false],
  'rbac.create': [false],
  'rbac.aggregateRoles': [false],
  'rbac.saveConfiguration': [false],
  'rbac.secrets.names': [['azure-credentials']],
  'rbac.secrets.namespaces': [['team-a']],
  'serviceAccount.create': [false, { serviceAccount: { name: 'mine' } }],
  'serviceAccount.name': ['mine'],
  'serviceAccount.annotations': [{ 'example.com/a': 'b' }],
  'workloadIdentity.enabled': [true],
  'workloadIdentity.clientID': [
    'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    { workloadIdentity: { enabled: true } },
  ],
  'workloadIdentity.tenantID': [
    '66666666-7777-8888-9999-000000000000',
    { workloadIdentity: { enabled: true } },
  ],
  'ambientCredentials.namespaced': [true],
  'ambientCredentials.hosts': [['management.local.azurestack.example']],
  'image.repository': ['registry.example/keyframe'],
  'image.tag': ['1.2.3'],
  'image.digest': [`sha256:${'0123456789abcdef'.repeat(4)}`],
  'image.pullPolicy': ['Always'],
  imagePullSecrets: [[{ name: 'registry' }]],
  replicas: [3],
  'leaderElection.name': ['other'],
  'leaderElection.leaseDuration': ['30s'],
  'leaderElection.renewDeadline': ['12s'],
  'leaderElection.retryPeriod': ['3s'],
  workers: [16],
  'intervals.poll': ['20s'],
  'intervals.progress': ['2m'],
  'intervals.drift': ['1h30m'],
  'intervals.retry': ['500ms'],
  settleTime: ['45s'],
  abandonAfter: ['12h'],
  shutdownGraceSeconds: [60],
  'log.level': ['debug'],
  'log.format': ['text'],
  'metrics.enabled': [false],
  'metrics.port': [9090],
  'metrics.serviceMonitor.enabled': [true],
  'metrics.serviceMonitor.labels': [
    { release: 'prometheus' },
    { metrics: { serviceMonitor: { enabled: true } } },
  ],
  'metrics.serviceMonitor.interval': ['1m', { metrics: { serviceMonitor: { enabled: true } } }],
  'metrics.serviceMonitor.scrapeTimeout': ['20s', { metrics: { serviceMonitor: { enabled: true } } }],
  'metrics.podMonitor.enabled': [true],
  'metrics.podMonitor.labels': [{ release: 'prometheus' }, { metrics: { podMonitor: { enabled: true } } }],
  'metrics.podMonitor.interval': ['1m', { metrics: { podMonitor: { enabled: true } } }],
  'metrics.podMonitor.scrapeTimeout': ['20s', { metrics: { podMonitor: { enabled: true } } }],
  'metrics.prometheusRule.enabled': [true],
  'metrics.prometheusRule.labels': [
    { release: 'prometheus' },
    { metrics: { prometheusRule: { enabled: true } } },
  ],
  'metrics.prometheusRule.documentation': [
    'https://git.example/keyframe/',
    { metrics: { prometheusRule: { enabled: true } } },
  ],
  'metrics.dashboard.enabled': [true],
  'metrics.dashboard.labels': [{ dashboards: 'yes' }, { metrics: { dashboard: { enabled: true } } }],
  'metrics.dashboard.annotations': [
    { grafana_folder: 'Backup' },
    { metrics: { dashboard: { enabled: true } } },
  ],
  'health.port': [9091],
  'livenessProbe.periodSeconds': [30],
  'livenessProbe.timeoutSeconds': [5],
  'livenessProbe.failureThreshold': [5],
  'readinessProbe.periodSeconds': [10],
  'readinessProbe.timeoutSeconds': [5],
  'readinessProbe.failureThreshold': [2],
  'networkPolicy.enabled': [true],
  'networkPolicy.metricsFrom': [[{ podSelector: {} }], { networkPolicy: { enabled: true } }],
  'networkPolicy.egressPorts': [[443], { networkPolicy: { enabled: true } }],
  'networkPolicy.extraEgress': [[{ ports: [{ port: 3128 }] }], { networkPolicy: { enabled: true } }],
  'podDisruptionBudget.enabled': [false],
  'podDisruptionBudget.maxUnavailable': ['50%'],
  'caBundle.configMap': ['ca'],
  'caBundle.secret': ['ca'],
  'caBundle.key': ['bundle.pem', { caBundle: { configMap: 'ca' } }],
  'proxy.https': ['http://proxy.example:3128'],
  'proxy.noProxy': [['.internal.example', '10.0.0.0/8']],
  resources: [{ limits: { memory: '1Gi' } }],
  podSecurityContext: [{ fsGroup: 1000 }],
  securityContext: [{ runAsUser: 1000 }],
  podLabels: [{ tier: 'backup' }],
  podAnnotations: [{ 'example.com/a': 'b' }],
  priorityClassName: ['system-cluster-critical'],
  nodeSelector: [{ 'kubernetes.io/os': 'linux' }],
  tolerations: [[{ key: 'infra', operator: 'Exists' }]],
  affinity: [{ nodeAffinity: {} }],
  topologySpreadConstraints: [[]],
  extraArgs: [['--workers=3']],
  extraEnv: [[{ name: 'HTTPS_PROXY', valueFrom: { secretKeyRef: { name: 'proxy', key: 'url' } } }]],
  extraVolumes: [[{ name: 'scratch', emptyDir: {} }]],
  extraVolumeMounts: [[{ name: 'scratch', mountPath: '/scratch' }]],
};

/** Values with one put at a path such as `log.level`, over those that are there. */
function withValue(values: object, path: string, value: unknown): object {
  const [head = '', ...rest] = path.split('.');
  const inner = (values as Record<string, object>)[head] ?? {};
  return { ...values, [head]: rest.length === 0 ? value : withValue(inner, rest.join('.'), value) };
}

describe('every value', async () => {
  const schema = JSON.parse(await readFile(join(chartFolder, 'values.schema.json'), 'utf8')) as ChartValue;
  const paths = leaves(schema).map(({ path }) => path);

  it('is in the table of this test', () => {
    expect(Object.keys(others)).toEqual(paths.filter((path) => path !== 'global'));
  });

  it.each(Object.entries(others))('%s changes what is made', async (path, [value, beside = {}]) => {
    const base = path.startsWith('crds.') ? beside : { ...beside, crds: { enabled: false } };
    const [before, after, absent] = await Promise.all([
      template(base),
      template(withValue(base, path, value)),
      // As `--set path=null` does, and as an upgrade with the values of an older release that lacks it.
      template(withValue(base, path, null)),
    ]);
    expect(after.stderr).toBe('');
    // Some are refused without what is set beside them; the error has what is wanted then.
    if (before.code === 0) expect(after.stdout).not.toBe(before.stdout);
    else expect(before.stderr).toContain('value must be');
    if (absent.code === 0) expect(absent.stdout).not.toContain('=\n');
    else expect(absent.stderr).toMatch(/missing propert|value must be/);
  });
});

it.each<[string, object, string]>([
  [
    'namespaces without a cluster ID',
    { namespaces: ['a'] },
    "'/clusterID': value must be 'set: with namespaces,",
  ],
  [
    'a cluster ID that cannot go into names at the vendor',
    { clusterID: 'Prod-1' },
    "'/clusterID': 'Prod-1' does not",
  ],
  ['a cluster ID that is too long', { clusterID: 'a'.repeat(21) }, "'/clusterID'"],
  ['a namespace that cannot be one', { namespaces: ['Team_A'], clusterID: 'a' }, "'/namespaces/0': 'Team_A'"],
  [
    'a namespace twice',
    { namespaces: ['a', 'a'], clusterID: 'a' },
    "'/namespaces': items at 0 and 1 are equal",
  ],
  ['a value that is not known', { replicaCount: 2 }, "additional properties 'replicaCount' not allowed"],
  ['a value that is not known in a group', { log: { lvl: 'info' } }, "'/log': additional properties 'lvl'"],
  [
    'no ServiceAccount at all',
    { serviceAccount: { create: false } },
    'the name of a ServiceAccount that is there',
  ],
  [
    'a monitor of metrics that are off',
    { metrics: { enabled: false, podMonitor: { enabled: true } } },
    'podMonitor',
  ],
  [
    'alerts on metrics that are off',
    { metrics: { enabled: false, prometheusRule: { enabled: true } } },
    "'/metrics/prometheusRule/enabled': value must be false",
  ],
  [
    'a dashboard of metrics that are off',
    { metrics: { enabled: false, dashboard: { enabled: true } } },
    "'/metrics/dashboard/enabled': value must be false",
  ],
  [
    'documentation at half an address',
    { metrics: { prometheusRule: { documentation: 'git.example/keyframe' } } },
    "'/metrics/prometheusRule/documentation'",
  ],
  [
    'the same metrics twice',
    { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } },
    "'/metrics/podMonitor/enabled': value must be false",
  ],
  ['two CA bundles', { caBundle: { configMap: 'a', secret: 'b' } }, 'name one of the two'],
  ['a duration without a unit', { intervals: { poll: '10' } }, "'/intervals/poll'"],
  ['an empty duration', { abandonAfter: '' }, "'/abandonAfter'"],
  ['no worker', { workers: 0 }, "'/workers': minimum: got 0, want 1"],
  ['a text for a number', { workers: '8' }, "'/workers': got string, want integer"],
  [
    'a log level that is not there',
    { log: { level: 'trace' } },
    "'/log/level': value must be one of 'debug'",
  ],
  ['a digest that is none', { image: { digest: 'latest' } }, "'/image/digest'"],
  ['a password of the proxy in plain sight', { proxy: { https: 'http://a:b@proxy:1' } }, "'/proxy/https'"],
  ['a port out of range', { metrics: { port: 70_000 } }, "'/metrics/port': maximum: got 70,000, want 65,535"],
])('refuses %s', async (_, values, expected) => {
  const { stderr, code } = await template(values);
  expect(stderr).toContain(expected);
  expect(code).not.toBe(0);
});

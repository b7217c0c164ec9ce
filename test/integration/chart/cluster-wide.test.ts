/** The chart, installed by helm for a whole cluster: from an older release to its removal. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../controlplane/cluster.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { chartFolder, helm } from '../../support/helm.ts';
import type { OperatorProcess } from '../../support/operator-process.ts';
import { operatorNamespace, ready, Stage } from '../../support/stage.ts';
import {
  deploymentOf,
  forbidden,
  install,
  kubeconfigOf,
  mayOperator,
  release,
  run,
  startOperator,
} from './release.ts';

interface Definition {
  metadata: { uid?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec: { versions: { additionalPrinterColumns: { name: string }[] }[] };
}

const definitionPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/vmsnapshots.keyframe.dev';

let stage: Stage;
let namespace: string;
let olderChart: string;
let notes: string;
let operator: OperatorProcess;

/** The chart as an older release had it: one column less in the kind VMSnapshot. */
async function makeOlderChart(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'keyframe-chart-'));
  await cp(chartFolder, folder, { recursive: true });
  const path = join(folder, 'files/crds/vmsnapshots.keyframe.dev.yaml');
  const definition = load(await readFile(path, 'utf8')) as Definition;
  definition.spec.versions[0]?.additionalPrinterColumns.pop();
  await writeFile(path, dump(definition));
  return folder;
}

const columns = async () =>
  (await stage.cluster.request<Definition & KubernetesObject>('GET', definitionPath)).spec.versions[0]
    ?.additionalPrinterColumns.length ?? 0;

beforeAll(async () => {
  olderChart = await makeOlderChart();
  stage = await Stage.set({
    install: async (cluster) => {
      const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
      await cluster.apply({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: operatorNamespace, labels },
      });
      ({ stdout: notes } = await install(cluster, operatorNamespace, {}, { chart: olderChart }));
      return kubeconfigOf(cluster, operatorNamespace, release);
    },
  });
  namespace = await stage.cluster.createNamespace('team');
  for (const name of ['app-1', 'app-2', 'app-3'])
    stage.azure.addVm({ name, resourceGroup: 'rg-test', location: 'westeurope' });
  operator = await startOperator(stage.cluster, operatorNamespace);
}, 600_000);

afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
  if (olderChart !== undefined) await rm(olderChart, { recursive: true, force: true });
});

const snapshotOf = (vm: string, providerRef: object = { name: 'azure' }) => ({
  providerRef,
  source: { vm: { name: vm, resourceGroup: 'rg-test' } },
});

describe('installed', () => {
  it('tells what it serves and what to do next', () => {
    expect(notes).toContain('It serves the whole cluster.');
    expect(notes).toContain(`kubectl -n ${operatorNamespace} rollout status deployment/keyframe`);
    expect(notes).toContain('helm uninstall leaves the CustomResourceDefinitions');
  });

  it('its Pod is admitted where Pod Security is restricted', async () => {
    const { template } = (await deploymentOf(stage.cluster, operatorNamespace)).spec;
    const admit = (spec: object) =>
      stage.cluster.request('POST', `/api/v1/namespaces/${operatorNamespace}/pods?dryRun=All`, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'trial', labels: template.metadata.labels },
        spec,
      });
    await expect(admit({ ...template.spec, hostNetwork: true })).rejects.toThrow(/violates PodSecurity/);
    expect((await admit(template.spec)).kind).toBe('Pod');
  });

  it('its operator leads under its Lease, and connects providers of a namespace and of the cluster', async () => {
    await stage.provider(namespace);
    await stage.secret(operatorNamespace, 'azure', stage.azure.clientSecret);
    await stage.make('ClusterVMProvider', undefined, 'shared', {
      ...stage.providerSpec(),
      access: [{ namespaceSelector: {}, operations: ['Snapshot'] }],
    });
    await stage.reason('VMProvider', namespace, 'azure', 'Available');
    await stage.reason('ClusterVMProvider', undefined, 'shared', 'Available');
    const lease = await stage.cluster.request<KubernetesObject & { spec: { holderIdentity: string } }>(
      'GET',
      `/apis/coordination.k8s.io/v1/namespaces/${operatorNamespace}/leases/keyframe`,
    );
    expect(lease.spec.holderIdentity).not.toBe('');
  });

  it('its operator takes snapshots, records Events, and lets go, without a right that it lacks', async () => {
    await stage.make('VMSnapshot', namespace, 'kept', snapshotOf('app-1'));
    const shared = { kind: 'ClusterVMProvider', name: 'shared' };
    await stage.make('VMSnapshot', namespace, 'passing', snapshotOf('app-2', shared));
    await stage.reason('VMSnapshot', namespace, 'kept', 'Available');
    await stage.reason('VMSnapshot', namespace, 'passing', 'Available');
    const { status } = await stage.get('VMSnapshot', namespace, 'passing');
    expect(stage.azure.points().map(({ id }) => id.toLowerCase())).toContain(
      status?.snapshotID.toLowerCase(),
    );
    await stage.removed('VMSnapshot', namespace, 'passing');
    // With its last restore point goes the collection that was made for the VM.
    await waitFor('the collection of app-2 to go', async () => {
      const left = await stage.list('RestorePointCollection', namespace);
      return left.length === 1 ? true : undefined;
    });
    await waitFor('an Event of the snapshot', async () => {
      const { items } = await stage.cluster.request<{ items: { regarding?: { name?: string } }[] }>(
        'GET',
        `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
      );
      return items.find(({ regarding }) => regarding?.name === 'kept');
    });
    expect(await forbidden(stage.cluster, operatorNamespace)).toEqual([]);
  });
});

describe('when one right is missing,', () => {
  const roles = '/apis/rbac.authorization.k8s.io/v1';
  const clusterRole = `${roles}/clusterroles/keyframe`;
  const secretsRole = `${roles}/clusterroles/keyframe-secrets`;
  const leaseRole = `${roles}/namespaces/${operatorNamespace}/roles/keyframe-leader-election`;
  interface Role extends KubernetesObject {
    rules: { resources: string[]; verbs: string[] }[];
  }

  /** Does something while a role lacks the rules for a resource. */
  async function without(path: string, resource: string, action: () => Promise<void>): Promise<void> {
    const { rules } = await stage.cluster.request<Role>('GET', path);
    const fewer = rules
      .map((rule) => ({ ...rule, resources: rule.resources.filter((name) => name !== resource) }))
      .filter((rule) => rule.resources.length > 0);
    expect(fewer).not.toEqual(rules);
    await stage.cluster.request('PATCH', path, { rules: fewer });
    const verb = rules.find(({ resources }) => resources.includes(resource))?.verbs.at(-1) ?? '';
    await waitFor(`${resource} to be refused`, async () =>
      (await mayOperator(stage.cluster, operatorNamespace, verb, resource)) ? undefined : true,
    );
    try {
      await action();
    } finally {
      await stage.cluster.request('PATCH', path, { rules });
    }
  }

  /** What /readyz of a second operator says, which starts meanwhile. */
  async function untilNotReady(resource: string, expected: RegExp, path: string): Promise<void> {
    const port = 30_000 + Math.floor(Math.random() * 2_000);
    const health = `http://127.0.0.1:${port}/readyz`;
    let starting: Promise<OperatorProcess> | undefined;
    await without(path, resource, async () => {
      starting = startOperator(stage.cluster, operatorNamespace, [`--health-address=127.0.0.1:${port}`]);
      starting.catch(() => undefined);
      await waitFor(`/readyz to tell of ${resource}`, async () => {
        const answer = await fetch(health);
        const text = await answer.text();
        return answer.status === 503 && expected.test(text) ? true : undefined;
      });
    });
    // It goes on by itself once the right is there.
    await using second = await starting;
    expect(second?.running).toBe(true);
    await waitFor('/readyz to be well', async () => ((await fetch(health)).ok ? true : undefined), {
      deadline: 60_000,
    });
  }

  it('to read Secrets, the provider says so, names Secret and right, and goes on when it is granted', async () => {
    await without(secretsRole, 'secrets', async () => {
      await stage.provider(namespace, { name: 'denied' });
      const provider = await stage.reason('VMProvider', namespace, 'denied', 'PermissionDenied');
      expect(ready(provider)?.message).toContain(
        `Secret ${namespace}/denied, which the operator may not read`,
      );
      expect(ready(provider)?.message).toContain('cannot get resource "secrets"');
    });
    await stage.reason('VMProvider', namespace, 'denied', 'Available', 60_000);
  });

  it('to write a status, the log names it, and one snapshot is made all the same', async () => {
    const before = stage.azure.points().length;
    await without(clusterRole, 'vmsnapshots/status', async () => {
      await stage.make('VMSnapshot', namespace, 'silent', snapshotOf('app-3'));
      await operator.line(
        ({ message, err }) =>
          message === 'reconcile failed, trying again' &&
          JSON.stringify(err).includes('cannot patch resource \\"vmsnapshots/status\\"'),
      );
    });
    await stage.reason('VMSnapshot', namespace, 'silent', 'Available', 60_000);
    expect(stage.azure.points()).toHaveLength(before + 1);
  });

  it('to watch a kind, the Pod is not ready and /readyz names it', async () => {
    await untilNotReady(
      'vmsnapshots',
      /caches failed: .*cannot (list|watch) resource "vmsnapshots"/,
      clusterRole,
    );
  });

  it('to the Lease, the Pod is not ready and /readyz names it', async () => {
    await untilNotReady('leases', /election failed: .*cannot get resource "leases"/, leaseRole);
  });

  it('to read namespaces, the operator ends and says what to grant or to set', async () => {
    await without(clusterRole, 'namespaces', async () => {
      await expect(startOperator(stage.cluster, operatorNamespace)).rejects.toThrow(
        /kube-system, whose UID names this cluster, cannot be read; grant it, or set --cluster-id/,
      );
    });
  });
});

describe('upgraded', () => {
  it('brings new kinds and values, while objects stay as they are', async () => {
    const before = await stage.get('VMSnapshot', namespace, 'kept');
    const older = await columns();
    await run(stage.cluster, ['upgrade', release, chartFolder, '-n', operatorNamespace], {
      values: { replicas: 3, shutdownGraceSeconds: 60 },
    });
    expect(await columns()).toBe(older + 1);
    const { spec } = await deploymentOf(stage.cluster, operatorNamespace);
    expect([spec.replicas, spec.template.spec.terminationGracePeriodSeconds]).toEqual([3, 75]);
    const after = await stage.get('VMSnapshot', namespace, 'kept');
    expect([after.metadata.uid, after.status]).toEqual([before.metadata.uid, before.status]);
  });
});

describe('uninstalled', () => {
  const uninstall = async () => {
    const { stderr, code } = await helm(['uninstall', release, '-n', operatorNamespace, '--wait'], {
      kubeconfig: stage.cluster.kubeconfigPath,
    });
    // What is kept is told on stderr.
    expect(code, stderr).toBe(0);
  };

  const remaining = async () => {
    const selector = `labelSelector=${encodeURIComponent(`app.kubernetes.io/instance=${release}`)}`;
    const lists = [
      `/api/v1/namespaces/${operatorNamespace}/serviceaccounts`,
      `/api/v1/namespaces/${operatorNamespace}/services`,
      `/apis/apps/v1/namespaces/${operatorNamespace}/deployments`,
      `/apis/policy/v1/namespaces/${operatorNamespace}/poddisruptionbudgets`,
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${operatorNamespace}/roles`,
      `/apis/rbac.authorization.k8s.io/v1/namespaces/${operatorNamespace}/rolebindings`,
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
    ];
    const answers = await Promise.all(
      lists.map((path) => stage.cluster.request<{ items: KubernetesObject[] }>('GET', `${path}?${selector}`)),
    );
    return answers.flatMap(({ items }) => items.map(({ metadata }) => metadata.name));
  };

  it('leaves the kinds and all objects, and nothing else', async () => {
    expect(await remaining()).not.toEqual([]);
    expect(await operator.stop()).toBe(0);
    await uninstall();
    expect(await remaining()).toEqual([]);
    expect((await stage.get('VMSnapshot', namespace, 'kept')).status?.readyToUse).toBe(true);
  });

  it('can be installed again over what was left', async () => {
    const { metadata } = await stage.cluster.request<KubernetesObject>('GET', definitionPath);
    await install(stage.cluster, operatorNamespace, {});
    const again = await stage.cluster.request<KubernetesObject>('GET', definitionPath);
    expect(again.metadata.uid).toBe(metadata.uid);
    await using second = await startOperator(stage.cluster, operatorNamespace);
    await stage.removed('VMSnapshot', namespace, 'kept');
    expect(await second.stop()).toBe(0);
    await uninstall();
  });
});

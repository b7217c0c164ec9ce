/** The chart, installed for some namespaces by somebody who has no right of the cluster. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OperatorProcess } from '../../support/operator-process.ts';
import { ready, Stage } from '../../support/stage.ts';
import { deploymentOf, forbidden, install, kubeconfigOf, startOperator } from './release.ts';

let stage: Stage;
let own: string;
let served: string;
let other: string;
let installer: string;
let operator: OperatorProcess | undefined;

beforeAll(async () => {
  stage = await Stage.set({
    // Somebody with rights of the cluster brings the kinds, and nothing else.
    install: async (cluster) => {
      await cluster.applyCustomResourceDefinitions();
      return cluster.kubeconfigPath;
    },
  });
  const { cluster } = stage;
  own = await cluster.createNamespace('ops');
  served = await cluster.createNamespace('served');
  other = await cluster.createNamespace('other');
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'installer', namespace: own },
  });
  for (const namespace of [own, served]) {
    await cluster.apply([
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'owner', namespace },
        rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'owner', namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'owner' },
        subjects: [{ kind: 'ServiceAccount', name: 'installer', namespace: own }],
      },
    ]);
  }
  installer = await kubeconfigOf(cluster, own, 'installer');
  stage.azure.addVm({ name: 'app-1', resourceGroup: 'rg-test', location: 'westeurope' });
}, 600_000);

afterAll(async () => {
  await operator?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

const values = {
  clusterID: 'prod1',
  crds: { enabled: false },
  rbac: { aggregateRoles: false },
};

const snapshot = {
  providerRef: { name: 'azure' },
  source: { vm: { name: 'app-1', resourceGroup: 'rg-test' } },
};

describe('an owner of namespaces', () => {
  it('cannot install it for the whole cluster', async () => {
    const whole = install(stage.cluster, own, { crds: { enabled: false } }, { kubeconfig: installer });
    await expect(whole).rejects.toThrow(/clusterroles.* is forbidden/);
  });

  it('installs it for the namespaces, and is told what is served', async () => {
    const { stdout } = await install(
      stage.cluster,
      own,
      { ...values, namespaces: [own, served] },
      { kubeconfig: installer },
    );
    expect(stdout).toContain(`It serves the namespaces ${own}, ${served} as cluster prod1.`);
    expect(stdout).toContain('ClusterVMProviders are not served.');
    expect(stdout).toContain('crds.enabled=false');
    const { args } = (await deploymentOf(stage.cluster, own)).spec.template.spec.containers[0];
    expect(args.slice(0, 2)).toEqual([`--namespaces=${own},${served}`, '--cluster-id=prod1']);
  });
});

describe('its operator', () => {
  it('takes and removes a snapshot in a namespace that it serves, marked with the name of the cluster', async () => {
    operator = await startOperator(stage.cluster, own);
    await stage.provider(served);
    await stage.make('VMSnapshot', served, 'first', snapshot);
    await stage.reason('VMSnapshot', served, 'first', 'Available');
    const [collection] = stage.azure.collections();
    expect(collection?.tags?.['keyframe-owner']).toMatch(/^prod1\//);
    await stage.removed('VMSnapshot', served, 'first');
    expect(stage.azure.points()).toEqual([]);
  });

  it('leaves other namespaces alone, and says that ClusterVMProviders are not for it', async () => {
    await stage.provider(other);
    await stage.make('VMSnapshot', other, 'alone', snapshot);
    await stage.make('VMSnapshot', served, 'shared', {
      ...snapshot,
      providerRef: { kind: 'ClusterVMProvider', name: 'shared' },
    });
    await stage.until('VMSnapshot', served, 'shared', 'told', (object) =>
      Boolean(ready(object)?.message.includes('no ClusterVMProviders; name a VMProvider')),
    );
    const alone = await stage.get('VMSnapshot', other, 'alone');
    expect(alone.metadata.finalizers).toBeUndefined();
    expect(alone.status?.conditions).toBeUndefined();
  });

  it('asks for nothing that it may not', async () => {
    expect(await forbidden(stage.cluster, own)).toEqual([]);
  });
});

/** The kustomize overlays of config/, applied to a real API server. */
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readFlags } from '../../../src/flags.ts';
import type { Cluster, KubernetesObject } from '../../controlplane/cluster.ts';
import { OperatorProcess } from '../../support/operator-process.ts';
import { fastFlags, operatorNamespace, Stage } from '../../support/stage.ts';
import { type Deployment, kubeconfigOf } from './release.ts';

const config = join(import.meta.dirname, '../../../config');
let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set({
    install: async (cluster) => {
      await apply(cluster, 'sharded');
      return kubeconfigOf(cluster, operatorNamespace, 'keyframe');
    },
  });
}, 600_000);
afterAll(() => stage?.[Symbol.asyncDispose]());

async function apply(cluster: Cluster, overlay: string, ...flags: string[]): Promise<string[]> {
  const args = ['apply', '--server-side', '-k', join(config, overlay), ...flags];
  const { stdout, stderr, code } = await cluster.kubectl(args);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return stdout.trim().split('\n');
}

async function objectsOf(overlay: string): Promise<KubernetesObject[]> {
  const { stdout } = await stage.cluster.kubectl(['kustomize', join(config, overlay)]);
  return loadAll(stdout) as KubernetesObject[];
}

const deploymentsOf = async (overlay: string) =>
  (await objectsOf(overlay)).filter(({ kind }) => kind === 'Deployment') as Deployment[];

it.each(['default', 'namespaced', 'sharded'])(
  '%s is accepted, and its Pods meet the restricted standard',
  async (overlay) => {
    const objects = await objectsOf(overlay);
    expect(await apply(stage.cluster, overlay, '--dry-run=server')).toHaveLength(objects.length);
    const deployments = objects.filter(({ kind }) => kind === 'Deployment') as Deployment[];
    expect(deployments).not.toEqual([]);
    for (const { metadata, spec } of deployments) {
      await stage.cluster.request('POST', `/api/v1/namespaces/${operatorNamespace}/pods?dryRun=All`, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: metadata.name, labels: spec.template.metadata.labels },
        spec: spec.template.spec,
      });
    }
  },
);

it('namespaced makes nothing outside its namespace, and does not start before the cluster has a name', async () => {
  const objects = await objectsOf('namespaced');
  expect(objects.filter(({ metadata }) => metadata.namespace !== operatorNamespace)).toEqual([]);
  const [deployment] = await deploymentsOf('namespaced');
  const args = deployment?.spec.template.spec.containers[0].args ?? [];
  expect(readFlags(args, {}, '')).toMatchObject({
    print: expect.stringContaining('"CHANGE-ME"'),
    exitCode: 2,
  });
  const named = args.map((arg) => arg.replace('CHANGE-ME', 'prod1').replace('$(POD_NAMESPACE)', 'team-a'));
  expect(readFlags(named, {}, '')).toMatchObject({ flags: { namespaces: ['team-a'], clusterID: 'prod1' } });
});

it('sharded has an operator for each label, with a Lease of its own', async () => {
  const namespace = await stage.cluster.createNamespace('shards');
  const flags = new Map(
    (await deploymentsOf('sharded')).map(({ metadata, spec }) => [
      metadata.name,
      spec.template.spec.containers[0].args,
    ]),
  );
  expect([...flags.keys()].sort()).toEqual(['keyframe', 'keyframe-shard-a']);
  const kubeconfig = await kubeconfigOf(stage.cluster, operatorNamespace, 'keyframe');
  const start = (name: string) =>
    OperatorProcess.start(kubeconfig, [...fastFlags, '--leader-elect=true', ...(flags.get(name) ?? [])]);

  await using shard = await start('keyframe-shard-a');
  await stage.provider(namespace, { name: 'plain' });
  await stage.provider(namespace, { name: 'labelled' });
  await stage.patch('VMProvider', namespace, 'labelled', {
    metadata: { labels: { 'keyframe.dev/shard': 'a' } },
  });
  await stage.reason('VMProvider', namespace, 'labelled', 'Available');
  expect((await stage.get('VMProvider', namespace, 'plain')).status?.conditions).toBeUndefined();
  await using rest = await start('keyframe');
  await stage.reason('VMProvider', namespace, 'plain', 'Available');
  expect([shard.running, rest.running]).toEqual([true, true]);
});

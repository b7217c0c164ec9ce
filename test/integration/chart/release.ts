/** A release of the chart on a real API server, and the operator that it would run. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster, KubernetesObject } from '../../controlplane/cluster.ts';
import { chartFolder, type HelmResult, helm } from '../../support/helm.ts';
import { OperatorProcess } from '../../support/operator-process.ts';
import { fastFlags } from '../../support/stage.ts';

export const release = 'keyframe';

/** The Deployment of a release, as far as tests look into it. */
export interface Deployment extends KubernetesObject {
  spec: {
    replicas: number;
    template: {
      metadata: { labels: Record<string, string> };
      spec: { containers: [{ args: string[] }]; terminationGracePeriodSeconds: number };
    };
  };
}

/** Runs helm against a cluster, as its administrator unless told otherwise. Throws with helm's words when it fails. */
export async function run(
  cluster: Cluster,
  args: string[],
  { values = {}, kubeconfig = cluster.kubeconfigPath }: { values?: object; kubeconfig?: string } = {},
): Promise<HelmResult> {
  const result = await helm([...args, '--values=-'], { input: JSON.stringify(values), kubeconfig });
  if (result.code !== 0) throw new Error(`helm ${args.join(' ')}: ${result.stderr}`);
  return result;
}

/** `helm install`, from the chart's folder unless told otherwise. */
export function install(
  cluster: Cluster,
  namespace: string,
  values: object,
  { chart = chartFolder, kubeconfig = cluster.kubeconfigPath }: { chart?: string; kubeconfig?: string } = {},
): Promise<HelmResult> {
  return run(cluster, ['install', release, chart, '-n', namespace], { values, kubeconfig });
}

export async function deploymentOf(cluster: Cluster, namespace: string): Promise<Deployment> {
  return cluster.request<Deployment>('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${release}`);
}

/** A kubeconfig with the rights of a ServiceAccount and nothing else. */
export async function kubeconfigOf(cluster: Cluster, namespace: string, account: string): Promise<string> {
  const path = join(cluster.handle.folder, `${namespace}-${account}.kubeconfig`);
  await writeFile(path, '', { mode: 0o600 });
  const token = await cluster.serviceAccountToken(namespace, account);
  await cluster.writeKubeconfig({ token, namespace, path });
  return path;
}

/**
 * Starts the operator with the flags of a release's Deployment, its namespace, and the rights of its ServiceAccount.
 *
 * @param flags over those; the addresses are the test's own
 */
export async function startOperator(
  cluster: Cluster,
  namespace: string,
  flags: string[] = [],
): Promise<OperatorProcess> {
  const { args } = (await deploymentOf(cluster, namespace)).spec.template.spec.containers[0];
  const own = args.filter((arg) => !/^--(metrics|health)-address=/.test(arg));
  // Time runs fast at the simulated vendor; who leads and which cluster this is are left as the chart has them.
  const fast = fastFlags.filter((flag) => !/^--(leader-elect|cluster-id)=/.test(flag));
  return OperatorProcess.start(await kubeconfigOf(cluster, namespace, release), [...own, ...fast, ...flags], {
    POD_NAMESPACE: namespace,
    POD_NAME: 'keyframe-test',
  });
}

/** Requests of the operator of a namespace that the API server refused for want of a right. */
export async function forbidden(cluster: Cluster, namespace: string): Promise<string[]> {
  const user = `system:serviceaccount:${namespace}:${release}`;
  const events = await cluster.auditEvents(
    (event) => event.user.username === user && event.responseStatus?.code === 403,
  );
  return events.map(({ verb, requestURI }) => `${verb} ${requestURI}`);
}

/** Whether the operator of a namespace has a right in that namespace; `resource` may have a subresource. */
export async function mayOperator(
  cluster: Cluster,
  namespace: string,
  verb: string,
  resource: string,
): Promise<boolean> {
  const [plural = '', subresource] = resource.split('/');
  const group = { secrets: '', namespaces: '', leases: 'coordination.k8s.io' }[plural] ?? 'keyframe.dev';
  const { status } = await cluster.request<{ status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${namespace}:${release}`,
        resourceAttributes: { namespace, verb, group, resource: plural, subresource, name: release },
      },
    },
  );
  return status.allowed;
}

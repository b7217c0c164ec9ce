/** A cluster that is there already, by KEYFRAME_TEST_CONTEXT: nothing is started, and only our own is deleted. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiError, Cluster, type ClusterHandle, type KubernetesObject, runLabel } from './cluster.ts';
import { Supervisor } from './supervisor.ts';

/**
 * Signs in as a kube context says, from KUBECONFIG or ~/.kube/config. `end` deletes the namespaces of this run and
 * waits for none of them; CustomResourceDefinitions that were applied stay. Throws, naming the contexts that
 * there are, for one that is not there, and when the cluster does not answer.
 */
export async function openExistingCluster(
  context: string,
): Promise<{ handle: ClusterHandle; end: () => Promise<void> }> {
  const config = new KubeConfig();
  config.loadFromDefault();
  config.setCurrentContext(context);
  const user = config.getCurrentUser();
  const cluster = config.getCurrentCluster();
  if (!user || !cluster) {
    const known = config.getContexts().map(({ name }) => name);
    throw new Error(
      `KEYFRAME_TEST_CONTEXT: no kube context ${context} with a cluster and a user; there are: ${known}`,
    );
  }
  // Follows files, exec plugins and the like down to a certificate or a header.
  const signIn: { ca?: unknown; cert?: unknown; key?: unknown; headers?: Record<string, unknown> } = {};
  await config.applyToHTTPSOptions(signIn as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  const { cert, key } = signIn;

  // For its folder: credentials lie in it, so it must go however this process ends.
  const supervisor = await Supervisor.begin();
  try {
    const file = (name: string) => join(supervisor.folder, name);
    const ca = signIn.ca ? String(signIn.ca) : rootCertificates.join('\n');
    await writeFile(file('ca.crt'), ca);
    config.loadFromClusterAndUser(cluster, user);
    await writeFile(file('admin.kubeconfig'), config.exportConfig(), { mode: 0o600 });
    const handle: ClusterHandle = {
      url: cluster.server.replace(/\/$/, ''),
      ca,
      caFile: file('ca.crt'),
      kubeconfigPath: file('admin.kubeconfig'),
      adminToken: String(signIn.headers?.Authorization ?? '').replace(/^Bearer /, ''),
      ...(cert && key ? { clientCertificate: { cert: String(cert), key: String(key) } } : {}),
      folder: supervisor.folder,
      run: randomBytes(4).toString('hex'),
    };
    const administrator = new Cluster(handle);
    await administrator.request('GET', '/version');
    const end = async () => {
      try {
        await deleteNamespaces(administrator);
      } finally {
        await administrator.disconnect();
        await supervisor.close();
      }
    };
    return { handle, end };
  } catch (error) {
    await supervisor.close();
    throw new Error(`the cluster of kube context ${context} cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function deleteNamespaces(cluster: Cluster): Promise<void> {
  const selector = encodeURIComponent(`${runLabel}=${cluster.handle.run}`);
  const path = '/api/v1/namespaces';
  const { items } = await cluster.request<{ items: KubernetesObject[] }>(
    'GET',
    `${path}?labelSelector=${selector}`,
  );
  for (const { metadata } of items) {
    await cluster.request('DELETE', `${path}/${metadata.name}`).catch((error) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    });
  }
}

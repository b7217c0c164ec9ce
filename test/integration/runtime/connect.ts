/** The runtime's own client of a test cluster, as administrator by kubeconfig, the way a person would start it. */
import {
  createKubeClient,
  type KubeClient,
  type KubeClientOptions,
} from '../../../src/runtime/kube/client.ts';
import { kubeconfigConnection } from '../../../src/runtime/kube/kubeconfig.ts';
import type { Cluster } from '../../controlplane/cluster.ts';
import { waitFor } from '../../controlplane/wait.ts';

export async function connect(cluster: Cluster, options: KubeClientOptions = {}): Promise<KubeClient> {
  return createKubeClient(await kubeconfigConnection({ path: cluster.kubeconfigPath }), options);
}

/** Waits until a fact about this process is true; fails after `deadline` milliseconds. */
export async function until(what: string, fact: () => boolean, deadline = 30_000): Promise<void> {
  await waitFor(what, async () => fact() || undefined, { deadline, interval: 20 });
}

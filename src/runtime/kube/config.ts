import type { KubeConnection } from './connection.ts';
import { inClusterConnection } from './in-cluster.ts';
import { kubeconfigConnection } from './kubeconfig.ts';

/** What the command line says about the API server. */
export interface ConnectionFlags {
  /** `--kubeconfig` */
  kubeconfig?: string | undefined;
  /** `--context` */
  context?: string | undefined;
}

/**
 * Finds the API server as kubectl and client-go do: by flag, then by KUBECONFIG, then by the pod's service
 * account, then by the kubeconfig in the home directory.
 */
export function findConnection(
  flags: ConnectionFlags = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<KubeConnection> {
  const { kubeconfig, context } = flags;
  const inCluster = Boolean(env.KUBERNETES_SERVICE_HOST && env.KUBERNETES_SERVICE_PORT);
  const named = Boolean(kubeconfig || context || env.KUBECONFIG);
  return inCluster && !named
    ? inClusterConnection({ env })
    : kubeconfigConnection({ path: kubeconfig || undefined, context: context || undefined });
}

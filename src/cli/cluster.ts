/** The way to the cluster, with the rights of the person's own kubeconfig. */
import { createKubeClient, type KubeClient } from '../runtime/kube/client.ts';
import { findConnection } from '../runtime/kube/config.ts';
import type { KubeConnection } from '../runtime/kube/connection.ts';
import { defaultTransportLimits } from '../runtime/kube/transport.ts';
import { Failure } from './failure.ts';

export interface Cluster extends AsyncDisposable {
  client: KubeClient;
  connection: KubeConnection;
  /** The one that was asked for, else that of the kubeconfig's context. */
  namespace: string;
}

/** The values of `connectionOptions` and, where a command has it, of `namespaceOption`. */
export interface ConnectionValues {
  context: string | undefined;
  kubeconfig: string | undefined;
  namespace?: string | undefined;
}

/**
 * Finds the cluster as kubectl does. Nothing is sent yet, but a credential plugin may be run.
 *
 * @throws Failure when the kubeconfig cannot be used
 */
export async function connect(values: ConnectionValues, version: string): Promise<Cluster> {
  let connection: KubeConnection;
  try {
    connection = await findConnection({ kubeconfig: values.kubeconfig, context: values.context });
  } catch (error) {
    throw new Failure(
      error instanceof Error ? error.message : String(error),
      'Check --kubeconfig, --context and KUBECONFIG: kubectl config get-contexts lists what there is.',
    );
  }
  const client = createKubeClient(connection, {
    userAgent: `kubectl-keyframe/${version}`,
    // A person waits: one that does not answer is told of sooner than the operator would.
    limits: { ...defaultTransportLimits, connectTimeoutMs: 5_000 },
  });
  return {
    client,
    connection,
    namespace: values.namespace ?? connection.namespace,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** The control plane that all integration tests share, as a test sees it. */
import { inject } from 'vitest';
import { Cluster, type ClusterHandle } from './cluster.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    controlPlane: ClusterHandle;
  }
}

/**
 * The shared control plane, with the project's CustomResourceDefinitions applied and an audit log. Keep to a
 * namespace of your own (`createNamespace`). A test that stops the API server starts its own: startControlPlane().
 */
export function useControlPlane(): Cluster {
  return new Cluster(inject('controlPlane'));
}

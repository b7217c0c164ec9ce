/** A kind for these tests alone, with a status of its own and no opinion on its content. */
import type { KubeObject, ResourceType } from '../../../src/runtime/kube/types.ts';
import type { KubernetesObject } from '../../controlplane/cluster.ts';

export interface Widget extends KubeObject {
  spec?: { colour?: string };
  status?: { phase?: string; count?: number; detail?: Record<string, string>; list?: number[] };
}

export const widgets: ResourceType = {
  group: 'runtime.test.keyframe.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

export const widgetDefinition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.runtime.test.keyframe.dev' },
  spec: {
    group: widgets.group,
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

import { group, type KindName, kinds, version } from '../api/kinds.ts';
import type { ResourceType } from '../runtime/kube/types.ts';

function resourceTypeOf(name: KindName): ResourceType {
  const { kind, plural, namespaced } = kinds[name];
  return { group, version, plural, kind, namespaced };
}

/** Keyframe's kinds, for the Kubernetes client. */
export const resourceTypes: Record<KindName, ResourceType> = {
  VMProvider: resourceTypeOf('VMProvider'),
  ClusterVMProvider: resourceTypeOf('ClusterVMProvider'),
  VMSnapshot: resourceTypeOf('VMSnapshot'),
  RestorePointCollection: resourceTypeOf('RestorePointCollection'),
  RestorePointCopy: resourceTypeOf('RestorePointCopy'),
  VMRestore: resourceTypeOf('VMRestore'),
  VMSnapshotInventory: resourceTypeOf('VMSnapshotInventory'),
};

export const secretType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
};
export const configMapType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
export const namespaceType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

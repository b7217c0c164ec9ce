import type { ResourceType } from '../kube/types.ts';

/** A kind that no API has, for tests of what any kind goes through. */
export const widgets: ResourceType = {
  group: 'example.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
};

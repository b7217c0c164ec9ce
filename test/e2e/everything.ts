import type { Cluster } from '../controlplane/cluster.ts';

interface Resource {
  name: string;
  verbs: string[];
}

/**
 * Every object of a cluster, as `<resource>.<group> <namespace>/<name>`, but for Events, and Leases that the control
 * plane and the node have for themselves.
 */
export async function everything(cluster: Cluster): Promise<Set<string>> {
  const { groups } = await cluster.request<{
    groups: { name: string; preferredVersion: { groupVersion: string } }[];
  }>('GET', '/apis');
  const found = new Set<string>();
  for (const { group, path } of [
    { group: '', path: '/api/v1' },
    ...groups.map(({ name, preferredVersion }) => ({
      group: `.${name}`,
      path: `/apis/${preferredVersion.groupVersion}`,
    })),
  ]) {
    const { resources } = await cluster.request<{ resources: Resource[] }>('GET', path);
    for (const { name, verbs } of resources) {
      if (!verbs.includes('list') || name === 'events' || name === 'componentstatuses') continue;
      const { items } = await cluster.request<{
        items: { metadata: { name: string; namespace?: string } }[];
      }>('GET', `${path}/${name}`);
      for (const { metadata } of items) {
        const own = ['kube-system', 'kube-node-lease'].includes(metadata.namespace ?? '');
        if (name === 'leases' && own) continue;
        found.add(`${name}${group} ${metadata.namespace ?? ''}/${metadata.name}`);
      }
    }
  }
  return found;
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Cluster } from '../controlplane/cluster.ts';

const rbac = fileURLToPath(new URL('../../config/rbac/', import.meta.url));

export const operatorNamespace = 'keyframe-system';

/**
 * Installs what the operator needs beside its process: the kinds, its namespace, its ServiceAccount and the rights
 * of config/rbac.
 *
 * @param folder where its kubeconfig is written
 * @returns the path of a kubeconfig with the rights of that ServiceAccount, good for two hours or `tokenSeconds`
 */
export async function installOperator(
  cluster: Cluster,
  folder: string,
  { tokenSeconds = 7200 }: { tokenSeconds?: number } = {},
): Promise<string> {
  await cluster.applyCustomResourceDefinitions();
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } });
  for (const file of await readdir(rbac)) {
    if (file.endsWith('.yaml') && file !== 'kustomization.yaml')
      await cluster.apply(await readFile(join(rbac, file), 'utf8'));
  }
  const path = join(folder, 'operator.kubeconfig');
  const token = await cluster.serviceAccountToken(operatorNamespace, 'keyframe', {
    expirationSeconds: tokenSeconds,
  });
  await cluster.writeKubeconfig({ token, namespace: operatorNamespace, path });
  return path;
}

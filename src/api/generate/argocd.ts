import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { group, type KindName, kinds } from '../kinds.ts';

/** What Argo CD is told of Keyframe's kinds, from the root of the project. */
const folder = 'config/argocd';
/** Argo CD's own layout: a folder for each group and kind, `_` standing for any. */
const layout = `${folder}/resource_customizations/${group}`;

/** The actions of each kind; discovery.lua says which of them an object has. */
const actionsOf: Record<KindName, string[]> = {
  VMProvider: ['reconcile'],
  ClusterVMProvider: ['reconcile'],
  VMSnapshot: ['reconcile', 'pause', 'resume'],
  RestorePointCollection: ['reconcile', 'pause', 'resume'],
  RestorePointCopy: ['reconcile', 'pause', 'resume'],
  VMRestore: ['reconcile', 'pause', 'resume'],
  VMSnapshotInventory: ['reconcile', 'pause', 'resume'],
};

/**
 * The actions of each kind in Argo CD's layout, which shares health scripts between kinds but not actions, and all
 * scripts as a patch of the ConfigMap argocd-cm.
 *
 * @param root of the project: config/argocd has the scripts
 * @returns content by path from the root
 */
export async function argocdFiles(root: string): Promise<Map<string, string>> {
  const read = (path: string) => readFile(join(root, path), 'utf8');
  const health = await read(`${layout}/_/health.lua`);
  const discovery = await read(`${folder}/actions/discovery.lua`);

  const files = new Map<string, string>();
  const data: Record<string, string> = {};
  for (const name of Object.keys(kinds) as KindName[]) {
    const definitions: { name: string; 'action.lua': string }[] = [];
    files.set(`${layout}/${name}/actions/discovery.lua`, discovery);
    for (const action of actionsOf[name]) {
      const script = await read(`${folder}/actions/${action}/action.lua`);
      files.set(`${layout}/${name}/actions/${action}/action.lua`, script);
      definitions.push({ name: action, 'action.lua': script });
    }
    data[`resource.customizations.health.${group}_${name}`] = health;
    data[`resource.customizations.actions.${group}_${name}`] = yaml({
      'discovery.lua': discovery,
      definitions,
    });
  }

  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', labels: { 'app.kubernetes.io/part-of': 'argocd' } },
    data,
  };
  files.set(
    `${folder}/argocd-cm.yaml`,
    `# Written by npm run generate from the Lua scripts beside it. Do not edit. Adds keys to the ConfigMap of Argo CD:
# kubectl patch configmap argocd-cm -n argocd --patch-file config/argocd/argocd-cm.yaml
${yaml(configMap)}`,
  );
  return files;
}

const yaml = (value: object): string => dump(value, { lineWidth: -1, noRefs: true });

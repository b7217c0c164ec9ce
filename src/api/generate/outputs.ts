import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { group, type KindName, kinds } from '../kinds.ts';
import { argocdFiles } from './argocd.ts';
import { type ChartValue, chartReadme, chartValues } from './chart.ts';
import { cliPage } from './cli.ts';
import { customResourceDefinition } from './crd.ts';
import { referencePage } from './reference.ts';
import { schemas } from './schemas.ts';
import { toStructural } from './structural.ts';
import { troubleshootingPage } from './troubleshooting.ts';

/** The folder of the samples, from the root of the project. */
const samples = 'config/samples';
/** The folder of the Helm chart. */
const chart = 'charts/keyframe';

/**
 * What `npm run generate` writes.
 *
 * @param root of the project: the reference pages show its samples, and the chart's schema has its values
 * @returns content by path from the root
 */
export async function outputs(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of Object.keys(kinds) as KindName[]) {
    const kind = kinds[name];
    const schema = toStructural(schemas[name], name);
    const example = await readFile(join(root, samples, exampleOf[name]), 'utf8');
    const definition = crdFile(customResourceDefinition(kind, schema));
    const file = `${kind.plural}.${group}.yaml`;
    files.set(`crds/${file}`, definition);
    // Helm reads no file outside the chart.
    files.set(`${chart}/files/crds/${file}`, definition);
    files.set(`docs/reference/${name.toLowerCase()}.md`, referencePage(kind, schema, example));
  }
  files.set('docs/troubleshooting.md', troubleshootingPage());
  files.set('docs/reference/kubectl-keyframe.md', cliPage());
  files.set('crds/Kustomization', crdKustomization([...files.keys()]));
  for (const [path, content] of await argocdFiles(root)) files.set(path, content);

  // Helm reads no file outside the chart.
  for (const path of ['prometheus/rules.yaml', 'grafana/keyframe.json'])
    files.set(`${chart}/files/${path}`, await readFile(join(root, 'config', path), 'utf8'));

  const read = (path: string) => readFile(join(root, chart, path), 'utf8');
  const values = JSON.parse(await read('values.schema.json')) as ChartValue;
  files.set(`${chart}/values.yaml`, chartValues(values));
  files.set(`${chart}/README.md`, chartReadme(await read('README.md'), values));
  return files;
}

/** The sample that the reference page of each kind shows. */
const exampleOf: Record<KindName, string> = {
  VMProvider: 'vmprovider-client-secret.yaml',
  ClusterVMProvider: 'clustervmprovider.yaml',
  VMSnapshot: 'vmsnapshot-by-name.yaml',
  RestorePointCollection: 'restorepointcollection.yaml',
  RestorePointCopy: 'restorepointcopy.yaml',
  VMRestore: 'vmrestore.yaml',
  VMSnapshotInventory: 'vmsnapshotinventory.yaml',
};

function crdFile(definition: object): string {
  const text = dump(definition, { lineWidth: 110, noRefs: true });
  return `# Written by npm run generate from src/api. Do not edit.\n${text}`;
}

/**
 * Lets kustomize take the folder as a base: it reads no single file outside its own folder. Under this one of its
 * names, kubectl apply -f crds/ passes over it.
 */
function crdKustomization(paths: string[]): string {
  const resources = paths
    .filter((path) => path.startsWith('crds/'))
    .map((path) => path.slice('crds/'.length));
  const text = dump({
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: resources.sort(),
  });
  return `# Written by npm run generate from src/api. Do not edit.\n${text}`;
}

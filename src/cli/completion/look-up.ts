/** Looks names up for the shell. A shell must not wait, and shows no errors: what does not answer has no names. */
import { namespaceType } from '../../controllers/resources.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import { connect } from '../cluster.ts';
import { gather } from '../gather.ts';
import { isOf, readyOf } from '../objects.ts';
import type { Suggestion } from '../options.ts';
import { nodesOf, pathOf, treeOf, unknownVM } from '../tree.ts';
import type { Word } from './what.ts';

/** The longest that a shell waits. */
const longestMs = 5_000;

/**
 * The names that there are.
 *
 * @param given the options that were given so far: which cluster, which namespace
 */
export async function lookUp(
  wanted: Suggestion,
  given: Map<string, string>,
  version: string,
): Promise<Word[]> {
  const late = new Promise<Word[]>((resolve) => setTimeout(resolve, longestMs, []).unref());
  return Promise.race([names(wanted, given, version).catch(() => []), late]);
}

async function names(wanted: Suggestion, given: Map<string, string>, version: string): Promise<Word[]> {
  const kubeconfig = given.get('kubeconfig');
  if (wanted === 'contexts') return contexts(kubeconfig);
  await using cluster = await connect(
    { kubeconfig, context: given.get('context'), namespace: given.get('namespace') },
    version,
  );
  const { client } = cluster;
  const namespace = given.has('all-namespaces') ? undefined : cluster.namespace;
  if (wanted === 'namespaces') {
    const { items } = await client.listAll<KubeObject>(namespaceType);
    return items.map(({ metadata }) => ({ value: metadata.name, description: '' }));
  }
  if (wanted === 'providers') {
    const { objects } = await gather(client, namespace, ['VMProvider', 'ClusterVMProvider']);
    return objects.map((object) => ({
      value: object.kind === 'VMProvider' ? object.metadata.name : pathOf(object),
      description: readyOf(object)?.reason ?? '',
    }));
  }
  if (wanted === 'snapshots') {
    const { objects } = await gather(client, namespace, ['VMSnapshot']);
    return objects
      .filter((object) => isOf(object, 'VMSnapshot'))
      .map((snapshot) => ({
        value: snapshot.metadata.name,
        description: [snapshot.status?.vm?.name, readyOf(snapshot)?.reason].filter(Boolean).join(' '),
      }));
  }
  const tree = treeOf((await gather(client, namespace)).objects);
  const vms = [...new Set(tree.vms.map(({ name }) => name).filter((name) => name !== unknownVM))];
  if (wanted === 'vms') return vms.map((value) => ({ value, description: 'VM' }));
  return [
    ...vms.map((name) => ({ value: `vm/${name}`, description: '' })),
    ...[...nodesOf(tree).map(({ object }) => object), ...tree.providers].map((object) => ({
      value: pathOf(object),
      description: readyOf(object)?.reason ?? '',
    })),
  ];
}

async function contexts(kubeconfig: string | undefined): Promise<Word[]> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  return config.getContexts().map(({ name, cluster }) => ({ value: name, description: cluster }));
}

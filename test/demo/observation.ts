import { apiVersion } from '../../src/api/kinds.ts';
import type { RestorePointCollection } from '../../src/api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../../src/api/v1alpha1/restore-point-copy.ts';
import type { ClusterVMProvider, VMProvider } from '../../src/api/v1alpha1/vm-provider.ts';
import type { VMRestore } from '../../src/api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../src/api/v1alpha1/vm-snapshot.ts';
import type { AnyObject } from '../../src/cli/objects.ts';
import type { SendRequest } from '../controlplane/cluster.ts';

/** An Event, as the demo shows it. */
export interface ShownEvent {
  metadata: { uid: string };
  eventTime: string;
  type: string;
  reason: string;
  note: string;
  regarding: { kind: string; name: string };
}

/** What the API server has: all that the demo knows. Nothing is taken from the operator or from Azure. */
export interface Observation {
  providers: (VMProvider | ClusterVMProvider)[];
  snapshots: VMSnapshot[];
  copies: RestorePointCopy[];
  restores: VMRestore[];
  collections: RestorePointCollection[];
  /** Oldest first. */
  events: ShownEvent[];
}

/** Reads the objects of a namespace, the cluster-wide providers, and the Events of both. */
export async function observe(request: SendRequest, namespace: string): Promise<Observation> {
  const list = async <T>(path: string): Promise<T[]> => (await request<{ items: T[] }>('GET', path)).items;
  const ours = <T>(plural: string) => list<T>(`/apis/${apiVersion}/namespaces/${namespace}/${plural}`);
  const events = (from: string) => list<ShownEvent>(`/apis/events.k8s.io/v1/namespaces/${from}/events`);
  const [own, shared, snapshots, copies, restores, collections, here, elsewhere] = await Promise.all([
    ours<VMProvider>('vmproviders'),
    list<ClusterVMProvider>(`/apis/${apiVersion}/clustervmproviders`),
    ours<VMSnapshot>('vmsnapshots'),
    ours<RestorePointCopy>('restorepointcopies'),
    ours<VMRestore>('vmrestores'),
    ours<RestorePointCollection>('restorepointcollections'),
    events(namespace),
    // Events about cluster-scoped objects lie in "default".
    events('default'),
  ]);
  return {
    providers: withKind([
      ['VMProvider', own],
      ['ClusterVMProvider', shared],
    ]),
    snapshots: withKind([['VMSnapshot', snapshots]]),
    copies: withKind([['RestorePointCopy', copies]]),
    restores: withKind([['VMRestore', restores]]),
    collections: withKind([['RestorePointCollection', collections]]),
    events: [...here, ...elsewhere].sort((a, b) => (a.eventTime < b.eventTime ? -1 : 1)),
  };
}

/** Every object of the observation. */
export function allOf({ providers, snapshots, copies, restores, collections }: Observation): AnyObject[] {
  return [...providers, ...collections, ...snapshots, ...copies, ...restores];
}

/** The items of a list bear no kind of their own. */
function withKind<T extends AnyObject>(lists: [string, T[]][]): T[] {
  return lists.flatMap(([kind, items]) => items.map((item) => ({ ...item, kind })));
}

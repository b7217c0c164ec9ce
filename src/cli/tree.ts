/** Which VM has which snapshots, copies and restores: a tree of what the API server has. Pure. */
import { type KindName, kinds } from '../api/kinds.ts';
import { labels } from '../api/names.ts';
import type { ProviderRef } from '../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../api/v1alpha1/restore-point-copy.ts';
import type { ClusterVMProvider, VMProvider } from '../api/v1alpha1/vm-provider.ts';
import type { VMRestore } from '../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';
import { Failure } from './failure.ts';
import { type AnyObject, isOf, stateOf } from './objects.ts';

/** An object, and what was made from it. */
export interface ObjectNode {
  object: AnyObject;
  children: ObjectNode[];
  /** What it was made from, where that is not its parent here: its object is gone, or it never had one. */
  madeFrom?: string;
}

export interface VMNode {
  namespace: string;
  /** Its name; its id where the name is not known. */
  name: string;
  id?: string;
  location?: string;
  providers: string[];
  children: ObjectNode[];
}

export interface Tree {
  providers: (VMProvider | ClusterVMProvider)[];
  /** By namespace, then by name. */
  vms: VMNode[];
}

/** The VM of what has none that is known. */
export const unknownVM = '(not known)';

/** Puts objects of any number of namespaces into their order. */
export function treeOf(objects: readonly AnyObject[]): Tree {
  const providers = objects.filter(
    (object) => isOf(object, 'VMProvider') || isOf(object, 'ClusterVMProvider'),
  );
  const namespaces = [...new Set(objects.map(({ metadata }) => metadata.namespace ?? ''))].sort();
  return {
    providers: providers.toSorted((a, b) => byText(pathOf(a), pathOf(b))),
    vms: namespaces.flatMap((namespace) =>
      vmsOf(
        namespace,
        objects.filter(({ metadata }) => (metadata.namespace ?? '') === namespace),
      ),
    ),
  };
}

function vmsOf(namespace: string, objects: AnyObject[]): VMNode[] {
  const snapshots = objects.filter((object) => isOf(object, 'VMSnapshot')).toSorted(newestFirst);
  const copies = objects.filter((object) => isOf(object, 'RestorePointCopy')).toSorted(newestFirst);
  const collections = objects.filter((object) => isOf(object, 'RestorePointCollection'));
  const vms = new VMs(namespace);

  const snapshotNodes = snapshots.map((object) => ({ object, children: [] as ObjectNode[] }));
  // Those whose id is known come first: one that is known by its name alone may be of the same VM.
  for (const node of snapshotNodes.toSorted((a, b) => Number(hasVMID(b.object)) - Number(hasVMID(a.object))))
    vms.of(node.object);
  for (const node of snapshotNodes) vms.of(node.object).children.push(node);

  for (const copy of copies) {
    const parent = snapshotNodes.find(({ object }) => isCopyOf(copy, object));
    if (parent !== undefined) parent.children.push({ object: copy, children: [] });
    else
      vms.ofCopy(copy, collections).children.push({ object: copy, children: [], madeFrom: sourceName(copy) });
  }
  for (const restore of objects.filter((object) => isOf(object, 'VMRestore')).toSorted(newestFirst)) {
    const wanted = restore.spec.source.snapshotRef.name;
    const parent = snapshotNodes.find(({ object }) => object.metadata.name === wanted);
    const node = { object: restore, children: [] };
    if (parent !== undefined) parent.children.push(node);
    else vms.ofRestore(restore).children.push({ ...node, madeFrom: `vmsnap/${wanted}, which is not there` });
  }
  // Collections are told of where something is wrong with them; else they are where the points are, and no more.
  for (const collection of collections) {
    const isOwn = collection.metadata.labels?.[labels.automatic] === undefined;
    const vm = vms.ofCollection(collection, collections);
    if (vm !== undefined && (stateOf(collection) === 'Failed' || (isOwn && stateOf(collection) !== 'Ready')))
      vm.children.push({ object: collection, children: [] });
  }
  const rank = ({ name }: VMNode) => Number(name === unknownVM);
  return vms.all
    .filter(({ children }) => children.length > 0)
    .toSorted((a, b) => rank(a) - rank(b) || byText(a.name, b.name));
}

/** The VMs of a namespace, as they are found. */
class VMs {
  readonly all: VMNode[] = [];
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** The VM of a snapshot. */
  of({ spec, status }: VMSnapshot): VMNode {
    const id = status?.vm?.id ?? spec.source.vm?.id;
    const name = status?.vm?.name ?? spec.source.vm?.name ?? lastSegment(id);
    return this.#find(id, name, spec.providerRef, status?.source?.location);
  }

  /** The VM of a copy whose snapshot has no object: known by the collection of its source. */
  ofCopy({ spec, status }: RestorePointCopy, collections: RestorePointCollection[]): VMNode {
    const point = status?.sourceRestorePointID ?? spec.source.restorePointID;
    const holder = point?.replace(/\/restorePoints\/[^/]*$/i, '');
    const collection = collections.find((each) => isSameID(each.status?.id, holder));
    const id = collection === undefined ? undefined : vmIDOf(collection, collections);
    const provider = (status?.providerRef ?? spec.source.providerRef) as ProviderRef | undefined;
    return this.#find(id, lastSegment(id), provider, undefined);
  }

  /** The VM of a restore whose snapshot has no object. */
  ofRestore({ spec, status }: VMRestore): VMNode {
    const id = status?.vm?.id ?? spec.target?.vmID;
    const provider = status?.providerRef as ProviderRef | undefined;
    return this.#find(id, status?.vm?.name ?? lastSegment(id), provider, undefined);
  }

  /** The VM of a collection, or of the collection that it holds copies of; undefined where neither is known. */
  ofCollection(collection: RestorePointCollection, all: RestorePointCollection[]): VMNode | undefined {
    const id = vmIDOf(collection, all);
    const name = collection.spec.source.vm?.name ?? lastSegment(id);
    return name === undefined ? undefined : this.#find(id, name, collection.spec.providerRef, undefined);
  }

  #find(
    id: string | undefined,
    name: string | undefined,
    provider: ProviderRef | undefined,
    location: string | undefined,
  ): VMNode {
    const via = provider === undefined ? undefined : providerPath(provider);
    const known = this.all.find((vm) =>
      id !== undefined && vm.id !== undefined
        ? isSameID(vm.id, id)
        : vm.name === (name ?? unknownVM) && (via === undefined || vm.providers.includes(via)),
    );
    const vm: VMNode = known ?? {
      namespace: this.#namespace,
      name: name ?? unknownVM,
      providers: [],
      children: [],
    };
    if (known === undefined) this.all.push(vm);
    if (id !== undefined) vm.id ??= id;
    if (location !== undefined) vm.location ??= location;
    if (via !== undefined && !vm.providers.includes(via)) vm.providers.push(via);
    return vm;
  }
}

/**
 * The part of a tree that a name stands for: a VM with all that is under it, or an object with its VM above it and
 * what was made from it below. A provider stands for all VMs that it was used for.
 *
 * @param wanted `db-1`, `vm/db-1`, or a kind as kubectl takes it: `vmsnap/nightly`, `RestorePointCopy/nightly`
 * @throws Failure when there is no such thing, with the names that there are
 */
export function focused(tree: Tree, wanted: string): Tree {
  const { kind, name } = parsePath(wanted);
  const isWanted = (object: AnyObject) =>
    object.metadata.name === name && (kind === undefined || object.kind === kind);
  const prune = (nodes: ObjectNode[]): ObjectNode[] =>
    nodes.flatMap((node) => {
      if (isWanted(node.object)) return [node];
      const children = prune(node.children);
      return children.length === 0 ? [] : [{ ...node, children }];
    });

  const providers = kind === 'VM' ? [] : tree.providers.filter(isWanted);
  const paths = providers.map((provider) => ({
    path: pathOf(provider),
    namespace: provider.metadata.namespace,
  }));
  const vms = tree.vms.flatMap((vm) => {
    const isVM = (kind === undefined || kind === 'VM') && (vm.name === name || isSameID(vm.id, name));
    const isServed = paths.some(
      ({ path, namespace }) => vm.providers.includes(path) && (namespace ?? vm.namespace) === vm.namespace,
    );
    if (isVM || isServed) return [vm];
    const children = kind === 'VM' ? [] : prune(vm.children);
    return children.length === 0 ? [] : [{ ...vm, children }];
  });
  if (providers.length > 0 || vms.length > 0) return { providers, vms };
  throw new Failure(`there is no ${wanted} here`, whatThereIs(tree, kind));
}

/** How many names an error tells. */
const mostNames = 10;

function whatThereIs(tree: Tree, kind: string | undefined): string {
  const names =
    kind === undefined || kind === 'VM'
      ? tree.vms.filter(({ name }) => name !== unknownVM).map(({ name }) => `vm/${name}`)
      : nodesOf(tree)
          .map(({ object }) => object)
          .concat(tree.providers)
          .filter((object) => object.kind === kind)
          .map(pathOf);
  const different = [...new Set(names)];
  if (different.length === 0)
    return 'There is none of its kind in this namespace; -n names another, -A takes all.';
  const more = different.length > mostNames ? `, and ${different.length - mostNames} more` : '';
  return `There is: ${different.slice(0, mostNames).join(', ')}${more}. -n names another namespace, -A takes all.`;
}

/** Every object below the VMs. */
export function nodesOf({ vms }: Tree): ObjectNode[] {
  const within = (nodes: ObjectNode[]): ObjectNode[] =>
    nodes.flatMap((node) => [node, ...within(node.children)]);
  return vms.flatMap(({ children }) => within(children));
}

/** A name as kubectl takes it, with its kind where one is given: `vm/x`, `vmsnap/x`, `vmsnapshots.keyframe.dev/x`. */
export function parsePath(path: string): { kind: KindName | 'VM' | undefined; name: string } {
  const slash = path.indexOf('/');
  // An Azure id begins with a slash.
  if (slash <= 0) return { kind: undefined, name: path };
  const given = path.slice(0, slash).toLowerCase();
  const name = path.slice(slash + 1);
  if (given === 'vm' || given === 'vms') return { kind: 'VM', name };
  const word = given.replace(/\.keyframe\.dev$/, '');
  const found = Object.values(kinds).find(({ kind, plural, shortName }) =>
    [kind.toLowerCase(), plural, shortName].includes(word),
  );
  if (found === undefined) {
    const known = ['vm', ...Object.values(kinds).map(({ shortName }) => shortName)].join(', ');
    throw new Failure(
      `${JSON.stringify(path.slice(0, slash))} is no kind that is known here`,
      `Known are: ${known}.`,
    );
  }
  return { kind: found.kind as KindName, name };
}

/** What an object is called, as kubectl takes it: `vmsnap/nightly`. */
export function pathOf({ kind, metadata }: AnyObject): string {
  return `${kinds[kind as KindName]?.shortName ?? kind}/${metadata.name}`;
}

function providerPath({ kind = 'VMProvider', name }: ProviderRef): string {
  return `${kinds[kind].shortName}/${name}`;
}

function isCopyOf(copy: RestorePointCopy, snapshot: VMSnapshot): boolean {
  const { snapshotRef } = copy.spec.source;
  return snapshotRef === undefined
    ? isSameID(
        copy.status?.sourceRestorePointID ?? copy.spec.source.restorePointID,
        snapshot.status?.snapshotID,
      )
    : snapshotRef.name === snapshot.metadata.name;
}

function sourceName({ spec, status }: RestorePointCopy): string {
  const { snapshotRef } = spec.source;
  if (snapshotRef !== undefined) return `vmsnap/${snapshotRef.name}, which is not there`;
  return `restore point ${lastSegment(status?.sourceRestorePointID ?? spec.source.restorePointID)}`;
}

/** The VM whose restore points a collection holds, or holds copies of. */
function vmIDOf(collection: RestorePointCollection, all: RestorePointCollection[]): string | undefined {
  const source = collection.status?.source?.id ?? collection.spec.source.vm?.id;
  if (source === undefined || /\/virtualMachines\/[^/]+$/i.test(source)) return source;
  const original = all.find((each) => isSameID(each.status?.id, source));
  return original === undefined || original === collection ? undefined : original.status?.source?.id;
}

function hasVMID({ spec, status }: VMSnapshot): boolean {
  return (status?.vm?.id ?? spec.source.vm?.id) !== undefined;
}

function isSameID(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one.toLowerCase() === other?.toLowerCase();
}

function lastSegment(id: string | undefined): string | undefined {
  return id?.split('/').at(-1);
}

/** By the moment that it holds, where it is known. */
function newestFirst(one: AnyObject, other: AnyObject): number {
  const [a, b] = [one, other].map((object) =>
    isOf(object, 'VMSnapshot') && object.status?.creationTime !== undefined
      ? object.status.creationTime
      : object.metadata.creationTimestamp,
  ) as [string, string];
  return byText(b, a) || byText(one.metadata.name, other.metadata.name);
}

/** The same with those first of which something failed, then those at which something is at work. */
export function byAttention(tree: Tree): Tree {
  const rank = (vm: VMNode) => {
    const states = nodesOf({ providers: [], vms: [vm] }).map(({ object }) => stateOf(object));
    return states.includes('Failed') ? 0 : states.includes('Working') ? 1 : 2;
  };
  return { ...tree, vms: tree.vms.toSorted((a, b) => byText(a.namespace, b.namespace) || rank(a) - rank(b)) };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

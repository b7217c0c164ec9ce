/**
 * What the caches hold of other objects that matter to one: the only place where objects look at each other.
 */
import { condition } from '../api/conditions.ts';
import type { KubernetesObject } from '../api/kubernetes-object.ts';
import { finalizer } from '../api/names.ts';
import type { Condition, Operation, ProviderRef } from '../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../api/v1alpha1/restore-point-copy.ts';
import type { VMRestore } from '../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../api/v1alpha1/vm-snapshot.ts';
import type { VMSnapshotInventory } from '../api/v1alpha1/vm-snapshot-inventory.ts';
import type { SnapshotTarget } from '../providers/provider.ts';
import type { Informer } from '../runtime/informer.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import type { KubeObject } from '../runtime/kube/types.ts';
import type { Indexers } from '../runtime/store.ts';
import { readIntent } from './intent.ts';
import type { LaneView } from './lane-view.ts';
import type { Lanes } from './lanes.ts';
import type { CommonNeighbours } from './lifecycle/facts.ts';
import { providerKey } from './provider-registry.ts';
import { resourceTypes } from './resources.ts';
import type { CollectionIntent, CollectionNeighbours, Users } from './restorepointcollection/facts.ts';
import {
  type CopyNeighbours,
  copyLane,
  isUnderWay as isCopyUnderWay,
  laneInto,
} from './restorepointcopy/policy.ts';
import type { RestoreNeighbours } from './vmrestore/facts.ts';
import { isUnderWay as isRestoreUnderWay } from './vmrestore/outcome.ts';
import { vmLimit } from './vmsnapshot/azure.ts';
import type { SnapshotNeighbours } from './vmsnapshot/facts.ts';
import { isUnderWay as isSnapshotUnderWay } from './vmsnapshot/policy.ts';
import type { InventoryNeighbours } from './vmsnapshotinventory/decide.ts';

export type Namespace = KubeObject;

const lower = (text: string | undefined): string[] =>
  text === undefined || text === '' ? [] : [text.toLowerCase()];

export const snapshotIndexers: Indexers<VMSnapshot> = {
  namespace: ({ metadata }) => [metadata.namespace ?? ''],
  uid: ({ metadata }) => [metadata.uid],
  provider: ({ spec, metadata }) => [providerKey(spec.providerRef, metadata.namespace ?? '')],
  vm: (object) => lower(object.status?.vm?.id ?? readIntent<SnapshotTarget>(object)?.target.vmID),
  snapshotID: ({ status, spec }) => lower(status?.snapshotID ?? spec.source.existing?.id),
  container: (object) => lower(readIntent<SnapshotTarget>(object)?.target.containerID),
  /** Endpoints at which something of it is under way. */
  busyEndpoint: (object) =>
    isSnapshotUnderWay(object) || object.metadata.deletionTimestamp !== undefined
      ? lower(readIntent<SnapshotTarget>(object)?.endpointID)
      : [],
  /** Those that will need the VM's collection, whether they say so or wait for their turn. */
  vmUID: ({ metadata, status }) =>
    lower(status?.vm?.uid === undefined ? undefined : `${metadata.namespace}/${status.vm.uid}`),
  collectionName: ({ metadata, spec }) =>
    spec.azure?.collectionRef === undefined ? [] : [`${metadata.namespace}/${spec.azure.collectionRef.name}`],
};

export const restoreIndexers: Indexers<VMRestore> = {
  namespace: ({ metadata }) => [metadata.namespace ?? ''],
  snapshotName: ({ metadata, spec }) => [`${metadata.namespace}/${spec.source.snapshotRef.name}`],
  vm: ({ spec, status }) => lower(status?.vm?.id ?? spec.target?.vmID),
  /** The endpoint at which something of it is under way. */
  busyEndpoint: (object) => (isRestoreUnderWay(object) ? lower(object.status?.endpointID) : []),
  /** Until it has begun, the provider is that of its VMSnapshot. */
  provider: ({ metadata, status }) => {
    const ref = status?.providerRef as ProviderRef | undefined;
    return ref === undefined ? [] : [providerKey(ref, metadata.namespace ?? '')];
  },
};

export const inventoryIndexers: Indexers<VMSnapshotInventory> = {
  namespace: ({ metadata }) => [metadata.namespace ?? ''],
  provider: ({ spec, metadata }) => [providerKey(spec.providerRef, metadata.namespace ?? '')],
};

export const copyIndexers: Indexers<RestorePointCopy> = {
  namespace: ({ metadata }) => [metadata.namespace ?? ''],
  uid: ({ metadata }) => [metadata.uid],
  snapshotName: ({ metadata, spec }) =>
    spec.source.snapshotRef === undefined ? [] : [`${metadata.namespace}/${spec.source.snapshotRef.name}`],
  source: (object) => lower(copySource(object)),
  snapshotID: ({ status }) => lower(status?.restorePointID),
  container: (object) => lower(readIntent<SnapshotTarget>(object)?.target.containerID),
  lane: (object) => {
    const source = copySource(object);
    const location = locationOf(object);
    return source === undefined || location === undefined ? [] : [copyLane(source, location)];
  },
  provider: ({ spec, status, metadata }) => {
    const ref =
      spec.source.providerRef ??
      (status?.providerRef as { kind?: 'VMProvider' | 'ClusterVMProvider'; name: string } | undefined);
    return ref === undefined ? [] : [providerKey(ref, metadata.namespace ?? '')];
  },
  collectionName: ({ metadata, spec }) =>
    spec.target.collectionRef === undefined
      ? []
      : [`${metadata.namespace}/${spec.target.collectionRef.name}`],
};

export const collectionIndexers: Indexers<RestorePointCollection> = {
  namespace: ({ metadata }) => [metadata.namespace ?? ''],
  provider: ({ spec, metadata }) => [providerKey(spec.providerRef, metadata.namespace ?? '')],
  id: (object) =>
    lower(
      object.status?.id ?? readIntent<CollectionIntent>(object)?.target.id ?? object.spec.source.adopt?.id,
    ),
  sourceName: ({ metadata, spec }) =>
    spec.source.collectionRef === undefined
      ? []
      : [`${metadata.namespace}/${spec.source.collectionRef.name}`],
};

/** Where a copy lies or is to lie; between intent and first status only the intent says. */
function locationOf(object: RestorePointCopy): string | undefined {
  return readIntent<SnapshotTarget>(object)?.target.location ?? object.status?.location;
}

function copySource(object: RestorePointCopy): string | undefined {
  return (
    object.status?.sourceRestorePointID ??
    readIntent<SnapshotTarget>(object)?.target.copyOf ??
    object.spec.source.restorePointID
  );
}

export interface Caches {
  snapshots: Informer<VMSnapshot>;
  copies: Informer<RestorePointCopy>;
  collections: Informer<RestorePointCollection>;
  restores: Informer<VMRestore>;
  /** Absent in namespaced mode, where no namespace can be read but by name. */
  namespaces: Informer<Namespace> | undefined;
}

/** `Kind namespace/name`, for messages. */
export function called(object: KubernetesObject, from: string | undefined): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined || namespace === from ? name : `${namespace}/${name}`}`;
}

/** The older of two, by creation and then by UID: whoever came first wins. */
function isOlder(one: KubernetesObject, other: KubernetesObject): boolean {
  const [a, b] = [one.metadata, other.metadata];
  return a.creationTimestamp === b.creationTimestamp
    ? a.uid < b.uid
    : a.creationTimestamp < b.creationTimestamp;
}

/**
 * Whether one has a claim before another to what only one object can stand for: who holds it already, else the
 * older. Creation times are whole seconds, so that age alone could prefer one that came later.
 */
function hasClaimBefore(one: KubernetesObject, other: KubernetesObject): boolean {
  const [holds, otherHolds] = [readIntent(one) !== undefined, readIntent(other) !== undefined];
  return holds === otherHolds ? isOlder(one, other) : holds;
}

export class Neighbourhood {
  readonly #caches: Caches;
  readonly #lanes: Lanes;
  readonly #client: KubeClient;

  constructor(caches: Caches, lanes: Lanes, client: KubeClient) {
    this.#caches = caches;
    this.#lanes = lanes;
    this.#client = client;
  }

  ofSnapshot = (object: VMSnapshot): SnapshotNeighbours & CommonNeighbours => {
    const { snapshots, copies, collections, restores } = this.#caches;
    const { namespace, name, uid } = object.metadata;
    const restoring = restores
      .byIndex('snapshotName', `${namespace}/${name}`)
      .filter(({ status }) => status?.completionTime === undefined);
    const copying = new Set([
      ...copies.byIndex('snapshotName', `${namespace}/${name}`),
      ...lower(object.status?.snapshotID).flatMap((id) => copies.byIndex('source', id)),
    ]);
    const names = (those: (copy: RestorePointCopy) => boolean) =>
      [...copying]
        .filter((copy) => weighs(copy, namespace) && those(copy))
        .map((copy) => called(copy, namespace));
    return {
      ...this.#common(namespace),
      dependents: [
        ...names(isCopyUnderWay),
        ...restoring.filter(isRestoreUnderWay).map((restore) => called(restore, namespace)),
      ],
      readers: [
        ...names((copy) => isCopyUnderWay(copy) || isWaiting(copy)),
        ...restoring.map((restore) => called(restore, namespace)),
      ],
      collection: (wanted) => collections.get(namespace, wanted),
      vmLane: (vmID, limit) => this.#vmLane(object, vmID, limit),
      adoptedBy: (snapshotID) => {
        const rivals: KubernetesObject[] = [
          ...snapshots.byIndex('snapshotID', snapshotID.toLowerCase()),
          ...copies.byIndex('snapshotID', snapshotID.toLowerCase()),
        ];
        const rival = rivals.find((other) => other.metadata.uid !== uid && hasClaimBefore(other, object));
        return rival === undefined ? undefined : called(rival, namespace);
      },
      objectWithUID: (wanted) => {
        const owner = snapshots.byIndex('uid', wanted)[0] ?? copies.byIndex('uid', wanted)[0];
        return owner === undefined ? undefined : called(owner, namespace);
      },
    };
  };

  ofCopy = (object: RestorePointCopy): CopyNeighbours & CommonNeighbours => {
    const { snapshots, copies, collections } = this.#caches;
    const { namespace, uid } = object.metadata;
    return {
      ...this.#common(namespace),
      dependents: [],
      readers: [],
      snapshot: (wanted) => snapshots.get(namespace, wanted),
      collection: (wanted) => collections.get(namespace, wanted),
      copyLane: (lane, createdAt) => this.#copyLane(object, lane, createdAt),
      copiedBy: (sourceID, location) => {
        const rival = copies
          .byIndex('source', sourceID.toLowerCase())
          .find(
            (other) =>
              other.metadata.uid !== uid &&
              weighs(other, namespace) &&
              locationOf(other) === location &&
              (holdsCopy(other) || (isLive(other) && isOlder(other, object))),
          );
        return rival === undefined ? undefined : called(rival, namespace);
      },
    };
  };

  ofRestore = (object: VMRestore): RestoreNeighbours => {
    const { snapshots } = this.#caches;
    const { namespace, uid } = object.metadata;
    return {
      ...this.#common(namespace),
      snapshot: (wanted) => snapshots.get(namespace, wanted),
      objectWithUID: (wanted) => {
        const [owner] = snapshots.byIndex('uid', wanted);
        return owner === undefined ? undefined : called(owner, namespace);
      },
      vmLane: (vmID) => {
        const busy =
          this.#snapshotsOf(vmID, namespace).find(isSnapshotUnderWay) ?? this.#restoring(vmID, uid);
        return { sends: [], ...(busy === undefined ? {} : { busy: called(busy, namespace) }) };
      },
    };
  };

  ofCollection = (object: RestorePointCollection): CollectionNeighbours => {
    const { snapshots, copies, collections } = this.#caches;
    const { namespace, uid } = object.metadata;
    const source = object.spec.source.collectionRef?.name;
    const id = object.status?.id ?? readIntent<CollectionIntent>(object)?.target.id;
    const { namespaceLabels, namespaceTerminating } = this.#common(namespace);
    return {
      namespaceLabels,
      namespaceTerminating,
      source: source === undefined ? undefined : collections.get(namespace, source),
      rival: (wanted) => {
        const rival = collections
          .byIndex('id', wanted.toLowerCase())
          .find((other) => other.metadata.uid !== uid && hasClaimBefore(other, object));
        return rival === undefined ? undefined : called(rival, namespace);
      },
      users: this.#users(object, id),
      managed: lower(id)
        .flatMap((key) => [...snapshots.byIndex('container', key), ...copies.byIndex('container', key)])
        .filter(({ status }) => status?.provisioningState === 'Succeeded').length,
      isManaged: (pointID) =>
        snapshots.byIndex('snapshotID', pointID.toLowerCase()).length +
          copies.byIndex('snapshotID', pointID.toLowerCase()).length >
        0,
    };
  };

  ofInventory = (object: VMSnapshotInventory): InventoryNeighbours => {
    const { snapshots, copies } = this.#caches;
    let parts: Map<string, VMSnapshot[]> | undefined;
    return {
      namespaceLabels: this.#common(object.metadata.namespace).namespaceLabels,
      withUID: (uid) => snapshots.byIndex('uid', uid)[0] ?? copies.byIndex('uid', uid)[0],
      withSnapshot: (id) => snapshots.byIndex('snapshotID', id.toLowerCase()),
      withDiskPart: (id) => {
        // Only inventories of storage domains ask for these, and seldom: no index is kept.
        parts ??= diskParts(snapshots.list());
        return parts.get(id.toLowerCase()) ?? [];
      },
    };
  };

  /** As `users`, asked of the API server itself: the cache may lag behind an intent that was just written. */
  liveUsers = async (object: RestorePointCollection, id: string, signal: AbortSignal): Promise<Users> => {
    const { namespace } = object.metadata;
    const [snapshots, copies] = await Promise.all([
      this.#client.listAll<VMSnapshot>(resourceTypes.VMSnapshot, { namespace, signal }),
      this.#client.listAll<RestorePointCopy>(resourceTypes.RestorePointCopy, { namespace, signal }),
    ]);
    const named = [
      ...snapshots.items.map((item) => ({ ...item, kind: 'VMSnapshot' })),
      ...copies.items.map((item) => ({ ...item, kind: 'RestorePointCopy' })),
    ];
    const inIt = named.filter(
      (user) => readIntent<SnapshotTarget>(user)?.target.containerID.toLowerCase() === id.toLowerCase(),
    );
    return sorted([], inIt, namespace);
  };

  #users(object: RestorePointCollection, id: string | undefined): Users {
    const { snapshots, copies, collections } = this.#caches;
    const { namespace, name } = object.metadata;
    const container = lower(id);
    const { source, location } = object.status ?? {};
    const naming: KubernetesObject[] = [
      ...snapshots.byIndex('collectionName', `${namespace}/${name}`),
      ...copies.byIndex('collectionName', `${namespace}/${name}`),
      ...collections.byIndex('sourceName', `${namespace}/${name}`),
    ];
    const others: Tenant[] = [
      ...container.flatMap((key) => [
        ...snapshots.byIndex('container', key),
        ...copies.byIndex('container', key),
      ]),
      // Those that wait for their turn have no intent yet, but know their VM, or what they copy and where to.
      ...(source?.vmUID === undefined
        ? []
        : snapshots
            .byIndex('vmUID', `${namespace}/${source.vmUID}`.toLowerCase())
            .filter((user) => readIntent(user) === undefined)),
      ...(source === undefined || location === undefined
        ? []
        : copies
            .byIndex('lane', laneInto(source.id, location))
            .filter((user) => user.metadata.namespace === namespace && readIntent(user) === undefined)),
    ];
    return sorted(naming, [...new Set(others)], namespace);
  }

  #common(namespace: string | undefined): {
    namespaceLabels: Record<string, string>;
    namespaceTerminating: boolean;
  } {
    const found = this.#caches.namespaces?.get(undefined, namespace ?? '');
    return {
      // The label that every namespace bears, should the namespace itself not be readable.
      namespaceLabels: found?.metadata.labels ?? { 'kubernetes.io/metadata.name': namespace ?? '' },
      namespaceTerminating: found?.metadata.deletionTimestamp !== undefined,
    };
  }

  #vmLane(object: VMSnapshot, vmID: string, limit: string): LaneView {
    const { uid, namespace } = object.metadata;
    const peers = this.#snapshotsOf(vmID, namespace).filter(({ metadata }) => metadata.uid !== uid);
    const busy = peers.find(isSnapshotUnderWay) ?? this.#restoring(vmID, uid);
    const sends = this.#lanes.sends(limit);
    for (const peer of peers) {
      const intent = readIntent<SnapshotTarget>(peer);
      const madeIt = intent?.step === 'Create' && (peer.status?.operation?.attempts ?? 0) < intent.attempt;
      if (madeIt && vmLimit(vmID, intent.target.consistency === 'Crash') === limit)
        sends.set(intent.target.name, sentAt(peer.status?.creationTime, intent.startedAt));
    }
    return { sends: [...sends.values()], ...(busy === undefined ? {} : { busy: called(busy, namespace) }) };
  }

  /** The snapshots of a VM; as `weighs`, of another namespace counts what the operator has resolved. */
  #snapshotsOf(vmID: string, namespace: string | undefined): VMSnapshot[] {
    return this.#caches.snapshots
      .byIndex('vm', vmID.toLowerCase())
      .filter(
        ({ metadata, status }) =>
          metadata.namespace === namespace || status?.vm?.id?.toLowerCase() === vmID.toLowerCase(),
      );
  }

  /** The restore that is at work on a VM, other than that of the UID. */
  #restoring(vmID: string, uid: string): VMRestore | undefined {
    return this.#caches.restores
      .byIndex('vm', vmID.toLowerCase())
      .find((restore) => restore.metadata.uid !== uid && isRestoreUnderWay(restore));
  }

  #copyLane(object: RestorePointCopy, lane: string, createdAt: string | undefined): LaneView {
    const { uid, namespace } = object.metadata;
    const peers = this.#caches.copies
      .byIndex('lane', lane)
      .filter((peer) => peer.metadata.uid !== uid && weighs(peer, namespace));
    const busy = peers.find(isCopyUnderWay);
    // Azure copies in order only: the oldest restore point goes first, or can never go.
    const ahead = peers.find((peer) => isWaiting(peer) && comesFirst(peer, object, createdAt));
    const sends = this.#lanes.sends(lane);
    for (const peer of peers) {
      const startedAt = peer.status?.copyStartedAt;
      const name = readIntent<SnapshotTarget>(peer)?.target.name;
      if (startedAt !== undefined && name !== undefined) sends.set(name, Date.parse(startedAt));
    }
    return {
      sends: [...sends.values()],
      ...(busy === undefined ? {} : { busy: called(busy, namespace) }),
      ...(ahead === undefined ? {} : { ahead: called(ahead, namespace) }),
    };
  }
}

/**
 * Whether a copy matters to objects of a namespace: its own do; of another namespace only what is at the vendor, as
 * the status says. Spec and annotations are what people write, and could hold up what is none of theirs.
 */
function weighs(copy: RestorePointCopy, namespace: string | undefined): boolean {
  return copy.metadata.namespace === namespace || copy.status?.restorePointID !== undefined;
}

/** Snapshots by the vendor's ids of their disks' parts, in lower case. */
function diskParts(snapshots: VMSnapshot[]): Map<string, VMSnapshot[]> {
  const parts = new Map<string, VMSnapshot[]>();
  for (const snapshot of snapshots) {
    for (const { snapshotID } of snapshot.status?.disks ?? []) {
      for (const id of lower(snapshotID)) parts.set(id, [...(parts.get(id) ?? []), snapshot]);
    }
  }
  return parts;
}

/** What was made tells when it was made; what is under way, when it began. */
function sentAt(creationTime: string | undefined, startedAt: string): number {
  return Date.parse(creationTime ?? startedAt);
}

/** A copy that is still to be made: nothing of it is under way, and nothing speaks against it for good. */
function isWaiting(copy: RestorePointCopy): boolean {
  if (copy.metadata.deletionTimestamp !== undefined || copy.status?.completionTime !== undefined)
    return false;
  return !isCopyUnderWay(copy) && condition(copy.status?.conditions, 'Stalled') === undefined;
}

function comesFirst(
  peer: RestorePointCopy,
  object: RestorePointCopy,
  createdAt: string | undefined,
): boolean {
  const theirs = peer.status?.sourceCreationTime;
  if (theirs === undefined) return false;
  if (createdAt === undefined) return true;
  const difference = Date.parse(theirs) - Date.parse(createdAt);
  return difference === 0 ? isOlder(peer, object) : difference < 0;
}

function holdsCopy(copy: RestorePointCopy): boolean {
  return readIntent(copy) !== undefined && condition(copy.status?.conditions, 'Stalled') === undefined;
}

function isLive(copy: RestorePointCopy): boolean {
  return (
    copy.metadata.deletionTimestamp === undefined &&
    condition(copy.status?.conditions, 'Stalled') === undefined
  );
}

/** What has, or may come to have, something in a collection. */
type Tenant = KubernetesObject & {
  status?: {
    snapshotID?: string;
    restorePointID?: string;
    conditions?: Condition[];
    operation?: Operation;
  };
};

/**
 * Sorts the users of a collection.
 *
 * @param naming those whose spec names it
 * @param tenants those whose intent names it, and those that will need it when it is their turn
 */
function sorted(naming: KubernetesObject[], tenants: Tenant[], namespace: string | undefined): Users {
  const users: Users = { staying: [], going: [], open: [], waiting: [] };
  const take = (user: KubernetesObject, use: keyof Users | undefined) => {
    if (use !== undefined) users[use].push(called(user, namespace));
  };
  for (const user of naming) take(user, isGoing(user) ? goingOrGone(user) : 'staying');
  const rest = tenants.filter((user) => !naming.includes(user));
  for (const user of rest) take(user, isGoing(user) ? goingOrGone(user) : useOf(user));
  return users;
}

const isGoing = ({ metadata }: KubernetesObject) => metadata.deletionTimestamp !== undefined;

/** What is let go needs no collection. */
function goingOrGone({ metadata }: KubernetesObject): 'going' | undefined {
  return metadata.finalizers?.includes(finalizer) ? 'going' : undefined;
}

function useOf(user: Tenant): keyof Users | undefined {
  const { snapshotID, restorePointID, conditions, operation } = user.status ?? {};
  if ((snapshotID ?? restorePointID) !== undefined) return 'staying';
  const intent = readIntent(user);
  if (intent !== undefined && (operation?.attempts ?? 0) < intent.attempt) return 'open';
  // What failed for good and left nothing needs no collection.
  return condition(conditions, 'Stalled') === undefined ? 'waiting' : undefined;
}

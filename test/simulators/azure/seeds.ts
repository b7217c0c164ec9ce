import { randomUUID } from 'node:crypto';
import { draftCopy, draftPoint, type RestorePointInput } from './new-restore-point.ts';
import { computeId, keyOf, namesInId, normalizeLocation } from './resource-ids.ts';
import type { Collection, ConsistencyMode, RestorePoint, World } from './state.ts';

/** A collection that is there before the test begins, such as one of Azure Backup's. */
export interface CollectionSeed {
  name: string;
  resourceGroup?: string;
  subscription?: string;
  /** The id of a VM or of another collection. */
  sourceId: string;
  /** Its source's region by default. */
  location?: string;
  tags?: Record<string, string>;
}

/** A restore point that is there before the test begins, made by someone else. */
export interface PointSeed {
  /** The id of its collection. */
  collectionId: string;
  name: string;
  /** Milliseconds since the epoch; now by default. */
  timeCreated?: number;
  provisioningState?: RestorePoint['provisioningState'];
  consistencyMode?: ConsistencyMode;
  /** Of a copy: its source's id. */
  sourceRestorePointId?: string;
}

/** Puts a collection there, complete. */
export function seedCollection(world: World, seed: CollectionSeed): Collection {
  const subscription = seed.subscription ?? world.defaultSubscription;
  const source = world.vms.get(keyOf(seed.sourceId)) ?? world.collections.get(keyOf(seed.sourceId));
  const sourceLocation = source?.location ?? seed.location ?? 'eastus';
  const location = normalizeLocation(seed.location ?? sourceLocation);
  const resourceGroup = world.addResourceGroup(seed.resourceGroup ?? 'rg', location, subscription).name;
  const now = world.clock.now();
  const collection: Collection = {
    id: computeId(subscription, resourceGroup, 'restorePointCollections', seed.name),
    name: seed.name,
    subscription,
    resourceGroup,
    location,
    tags: seed.tags,
    sourceId: seed.sourceId,
    sourceKind: namesInId(seed.sourceId, 'restorePointCollections') === undefined ? 'vm' : 'collection',
    sourceLocation,
    uniqueId: randomUUID(),
    instantAccess: undefined,
    provisioningState: 'Succeeded',
    points: new Map(),
    timeCreated: now,
    visibleAt: now,
    newestCopied: undefined,
    deletion: undefined,
  };
  world.collections.set(keyOf(collection.id), collection);
  return collection;
}

/** Puts a restore point there, complete; no request made it, so the audit log of what was created leaves it out. */
export function seedPoint(world: World, seed: PointSeed): RestorePoint {
  const collection = world.collections.get(keyOf(seed.collectionId));
  if (collection === undefined)
    throw new Error(`There is no collection ${seed.collectionId} to seed a point in.`);
  const sourceId = seed.sourceRestorePointId;
  const input: RestorePointInput = sourceId === undefined ? {} : { sourceRestorePoint: { id: sourceId } };
  const draft = sourceId === undefined ? draftPoint : draftCopy;
  const { point } = draft(world, collection, seed.name, input);
  const timeCreated = seed.timeCreated ?? point.timeCreated;
  const state = seed.provisioningState ?? 'Succeeded';
  Object.assign(point, {
    timeCreated,
    provisioningState: state,
    consistencyMode: seed.consistencyMode ?? point.consistencyMode,
    succeededAt: state === 'Succeeded' ? timeCreated : undefined,
  });
  if (point.kind !== 'local') {
    for (const disk of point.disks) {
      disk.replication = { startedAt: timeCreated, endsAt: timeCreated, failsAt: undefined };
    }
  }
  collection.points.set(keyOf(point.name), point);
  return point;
}

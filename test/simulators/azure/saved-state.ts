/** What a simulated Azure holds, as plain data: to be written to a file, and to go on from in another simulator. */
import { keyOf } from './resource-ids.ts';
import type { Collection, PointDisk, RestorePoint, Vm, World } from './state.ts';

/**
 * VMs, collections and restore points. Operations are not kept: what was being made or deleted stays so until it is
 * ended by hand, and its polling URL answers 404, as one does that Azure has forgotten.
 */
export interface SavedState {
  vms: Omit<Vm, 'creating'>[];
  collections: Omit<Collection, 'points'>[];
  points: SavedPoint[];
}

type SavedPoint = Omit<RestorePoint, 'collection' | 'vm' | 'sourceRestorePoint' | 'disks'> & {
  collectionId: string;
  vmId: string;
  disks: (Omit<PointDisk, 'disk'> & { diskId: string })[];
};

/** Takes down what a simulator holds. */
export function saveState(world: World): SavedState {
  return {
    vms: [...world.vms.values()].map(({ creating: _, ...vm }) => vm),
    collections: [...world.collections.values()].map(({ points: _, ...collection }) => collection),
    points: world.allPoints().map(({ collection, vm, sourceRestorePoint: _, disks, ...point }) => ({
      ...point,
      collectionId: collection.id,
      vmId: vm.id,
      disks: disks.map(({ disk, ...rest }) => ({ ...rest, diskId: disk.id })),
    })),
  };
}

/**
 * Puts it into a simulator of the same subscription that holds nothing yet. No request made it, so the audit log of
 * what was created leaves it out.
 *
 * @param laterMs how much later it is now: every instant is moved by so many milliseconds
 */
export function restoreState(world: World, saved: SavedState, laterMs = 0): void {
  const later = <T extends number | undefined>(instant: T): T =>
    (instant === undefined ? undefined : instant + laterMs) as T;
  for (const vm of saved.vms) {
    world.addResourceGroup(vm.resourceGroup, vm.location, vm.subscription);
    const timeCreated = later(vm.timeCreated);
    world.vms.set(keyOf(vm.id), { ...vm, timeCreated, creating: undefined });
  }
  for (const collection of saved.collections) {
    world.addResourceGroup(collection.resourceGroup, collection.location, collection.subscription);
    world.collections.set(keyOf(collection.id), {
      ...collection,
      timeCreated: later(collection.timeCreated),
      visibleAt: later(collection.visibleAt),
      newestCopied: later(collection.newestCopied),
      points: new Map(),
    });
  }
  for (const { collectionId, vmId, disks, ...point } of saved.points) {
    const collection = world.collections.get(keyOf(collectionId));
    const vm = world.vms.get(keyOf(vmId));
    if (collection === undefined || vm === undefined)
      throw new Error(`the saved state has no collection or no VM of ${point.id}`);
    const restored: RestorePoint = {
      ...point,
      timeCreated: later(point.timeCreated),
      visibleAt: later(point.visibleAt),
      succeededAt: later(point.succeededAt),
      collection,
      vm: { ...vm, creating: undefined },
      sourceRestorePoint: undefined,
      disks: disks.map(({ diskId, replication, ...rest }) => ({
        ...rest,
        disk: diskOf(vm, diskId),
        replication: replication && {
          startedAt: later(replication.startedAt),
          endsAt: later(replication.endsAt),
          failsAt: later(replication.failsAt),
        },
      })),
    };
    collection.points.set(keyOf(point.name), restored);
    if (point.provisioningState === 'Creating' && point.kind === 'local') vm.creating = restored;
  }
  for (const point of world.allPoints())
    point.sourceRestorePoint =
      point.sourceRestorePointId === undefined ? undefined : world.pointById(point.sourceRestorePointId);
}

function diskOf(vm: Vm, id: string): PointDisk['disk'] {
  const disk = [vm.osDisk, ...vm.dataDisks].find((candidate) => keyOf(candidate.id) === keyOf(id));
  if (disk === undefined) throw new Error(`the saved VM ${vm.name} has no disk ${id}`);
  return disk;
}

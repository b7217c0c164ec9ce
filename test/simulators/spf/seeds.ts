import { randomUUID } from 'node:crypto';
import type { Checkpoint, PowerState, World } from './state.ts';

/** A checkpoint that is there before the test begins, made by someone else. */
export interface CheckpointSeed {
  vmId: string;
  name?: string;
  description?: string;
  id?: string;
  /** Its parent's ID; the VM's latest checkpoint by default. */
  parentId?: string;
  enabled?: boolean;
  /** Milliseconds since the epoch; now by default. */
  addedTime?: number;
  power?: PowerState;
}

/** Puts a checkpoint there, complete; the audit log of what was created leaves it out. */
export function seedCheckpoint(world: World, seed: CheckpointSeed): Checkpoint {
  const vm = world.requireVm(seed.vmId);
  const addedTime = seed.addedTime ?? world.clock.now();
  const checkpoint: Checkpoint = {
    id: (seed.id ?? randomUUID()).toLowerCase(),
    stampId: vm.stampId,
    vm,
    name: seed.name ?? null,
    description: seed.description ?? null,
    checkpointId: randomUUID(),
    parent: seed.parentId === undefined ? vm.base : world.requireCheckpoint(seed.parentId),
    enabled: seed.enabled ?? true,
    addedTime,
    modifiedTime: addedTime,
    visibleAt: addedTime,
    power: seed.power ?? vm.power,
    production: vm.checkpointType !== 'Standard',
  };
  world.checkpoints.set(checkpoint.id, checkpoint);
  vm.base = checkpoint;
  return checkpoint;
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultOfKind } from '../common/faults.ts';
import { startedAction } from './actions.ts';
import { object } from './document.ts';
import { atLeast } from './engine-version.ts';
import { badRequest } from './errors.ts';
import {
  begin,
  finishLater,
  refusal,
  refuseByFault,
  requireFree,
  requireStatus,
  type Work,
} from './operations.ts';
import { removeEntry } from './remove-snapshot.ts';
import { bodyOf, type EngineAnswer, type EngineRequest, parameter } from './requests.ts';
import { snapshotHref } from './snapshot-answer.ts';
import { activeOf, configurationOf, type Snapshot, type SnapshotDisk, type Vm, type World } from './state.ts';
import { requirePermission } from './users.ts';

const disksShape = {
  item: 'disk',
  of: { fields: { id: 'text', image_id: 'text', snapshot: { fields: { id: 'text' } } } },
} as const;
const restoreShape = { fields: { restore_memory: 'boolean', disks: disksShape } } as const;
const previewShape = {
  fields: {
    ...restoreShape.fields,
    snapshot: { fields: { id: 'text' } },
    lease: { fields: { storage_domain: { fields: { id: 'text' } } } },
  },
} as const;

interface Choice {
  memory: boolean;
  /** undefined: all disks of the snapshot. */
  disks: { id?: string; image_id?: string; snapshot?: { id?: string } }[] | undefined;
}

/**
 * Restores a VM in place: a preview within the request, then a commit that may go on after the answer (oVirt sheet,
 * section 7).
 */
export async function restoreSnapshot(world: World, request: EngineRequest): Promise<EngineAnswer> {
  requirePermission(request.user, 'MANIPULATE_VM_SNAPSHOTS');
  const choice = choiceOf(request, bodyOf(request, 'action', restoreShape));
  const correlationId = request.correlationId ?? 'RestoreSnapshot';
  const refuse = refusal(world, 'restore Snapshot', correlationId);
  const { vm, snapshot } = target(world, request, parameter(request, 'snapshot'), refuse);
  requireRestorable(world, vm, snapshot, refuse);
  const chosen = chooseDisks(snapshot, choice, refuse);

  const subject = { vm, snapshot: snapshot.description };
  const previewWork = begin(world, request, subject, `Preview VM Snapshot of VM ${vm.name}`, correlationId);
  world.note({
    effect: 'restore-started',
    vmId: vm.id,
    snapshotId: snapshot.id,
    name: snapshot.description,
    correlationId,
  });
  previewWork.event(47);
  const locked = lockForPreview(vm, snapshot);
  const previewFails = faultOfKind(request.faults, 'preview-failed') !== undefined;
  const previewed = world.clock.now() + world.clock.scale(world.durations.previewSeconds);
  await until(world, previewed);
  locked();
  if (previewFails) {
    // The engine looks only at whether the preview was started, not at how it ended.
    previewWork.event(99);
    world.jobs.end(previewWork.job, 'failed', world.clock.now());
    world.unlock(vm, world.clock.now());
    return answer(request, snapshot, previewWork);
  }
  enterPreview(world, vm, snapshot, chosen, choice.memory);
  previewWork.event(71);
  world.jobs.end(previewWork.job, 'finished', world.clock.now());
  if (faultOfKind(request.faults, 'commit-refused')) {
    vm.lock = undefined;
    world.events.write(116, { vm, snapshot: snapshot.description, correlationId });
    throw refuse('OBJECT_LOCKED');
  }
  const commitWork = begin(world, request, subject, `Restoring VM ${vm.name} from Snapshot`, correlationId);
  const fails = faultOfKind(request.faults, 'commit-failed') !== undefined;
  vm.lock = 'restore';
  vm.status = 'image_locked';
  const fail = (at: number): void => {
    vm.status = 'down';
    commitWork.event(101, at);
    vm.lock = undefined;
  };
  finishLater(world, request, commitWork, world.durations.commitSeconds, {
    well: (at) => {
      if (fails) {
        fail(at);
        return;
      }
      leaveByCommit(world, vm, at, correlationId);
      commitWork.event(100, at);
      note(world, 'committed', vm, snapshot, correlationId);
    },
    badly: fail,
  });
  return answer(request, snapshot, commitWork);
}

/** `POST V/previewsnapshot` */
export function previewSnapshot(world: World, request: EngineRequest): EngineAnswer {
  requirePermission(request.user, 'MANIPULATE_VM_SNAPSHOTS');
  const body = bodyOf(request, 'action', previewShape);
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, 'preview Snapshot', correlationId);
  if (body.snapshot?.id === undefined) {
    throw badRequest(
      'Incomplete parameters',
      'Action [snapshot.id|name] required for previewSnapshot',
    ).asAction();
  }
  const choice = choiceOf(request, body);
  const { vm, snapshot } = target(world, request, body.snapshot.id, refuse);
  requireRestorable(world, vm, snapshot, refuse);
  const chosen = chooseDisks(snapshot, choice, refuse);
  const subject = { vm, snapshot: snapshot.description };
  const work = begin(world, request, subject, `Preview VM Snapshot of VM ${vm.name}`, correlationId);
  work.event(46);
  const unlock = lockForPreview(vm, snapshot);
  finishLater(world, request, work, world.durations.previewSeconds, {
    well: (at) => {
      unlock();
      enterPreview(world, vm, snapshot, chosen, choice.memory);
      work.event(71, at);
      note(world, 'previewed', vm, snapshot, correlationId);
      world.unlock(vm, at);
    },
    badly: (at) => {
      unlock();
      work.event(99, at);
      world.unlock(vm, at);
    },
  });
  return startedAction(request, work.job.id);
}

/** `POST V/commitsnapshot` and `POST V/undosnapshot` */
export function endPreview(world: World, request: EngineRequest, way: 'commit' | 'undo'): EngineAnswer {
  requirePermission(request.user, 'MANIPULATE_VM_SNAPSHOTS');
  bodyOf(request, 'action', { fields: {} });
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, `${way} Snapshot`, correlationId);
  const vm = world.vms.get(parameter(request, 'vm'));
  refuseByFault(request.faults, vm, refuse);
  if (vm === undefined) throw refuse('VM_NOT_FOUND');
  requireFree(world, vm, refuse, true);
  requireStatus(vm, ['down', 'suspended'], refuse, 'VM_IS_NOT_DOWN');
  const { preview } = vm;
  if (preview === undefined) throw refuse('VM_SNAPSHOT_NOT_IN_PREVIEW');
  const snapshot = vm.snapshots.find(({ id }) => id === preview.snapshotId);
  if (snapshot === undefined) throw new Error(`The previewed snapshot of ${vm.name} is gone.`);
  const subject = { vm, snapshot: snapshot.description };
  const codes = way === 'commit' ? ([94, 95, 96] as const) : ([650, 651, 652] as const);
  const work = begin(world, request, subject, `${way} of a preview of VM ${vm.name}`, correlationId);
  work.event(codes[0]);
  vm.lock = way;
  vm.status = 'image_locked';
  const { commitSeconds, undoSeconds } = world.durations;
  finishLater(world, request, work, way === 'commit' ? commitSeconds : undoSeconds, {
    well: (at) => {
      if (way === 'commit') leaveByCommit(world, vm, at, correlationId);
      else leaveByUndo(world, vm, at);
      work.event(codes[1], at);
      note(world, way === 'commit' ? 'committed' : 'undone', vm, snapshot, correlationId);
    },
    badly: (at) => {
      vm.status = 'down';
      work.event(codes[2], at);
      vm.lock = undefined;
    },
  });
  return startedAction(request, work.job.id);
}

function answer(request: EngineRequest, snapshot: Snapshot, work: Work): EngineAnswer {
  const shown = object('snapshot', { href: snapshotHref(request, snapshot), id: snapshot.id });
  return startedAction(request, work.job.id, [shown]);
}

function choiceOf(
  request: EngineRequest,
  body: { restore_memory?: boolean; disks?: Choice['disks'] },
): Choice {
  if (body.disks !== undefined && body.disks.length === 0) {
    request.violation('An empty list of disks is never safe to send.');
  }
  const subset = atLeast(request.version, '4.2') || request.operation === 'Vms_PreviewSnapshot';
  if (body.disks !== undefined && !subset) {
    request.violation('A restore takes no list of disks before 4.2; it would bring all of them back.');
  }
  const disks = subset && body.disks?.length !== 0 ? body.disks : undefined;
  return { memory: body.restore_memory ?? true, disks };
}

function target(
  world: World,
  request: EngineRequest,
  snapshotId: string,
  refuse: ReturnType<typeof refusal>,
): { vm: Vm; snapshot: Snapshot } {
  const vm = world.vms.get(parameter(request, 'vm'));
  refuseByFault(request.faults, vm, refuse);
  if (vm === undefined) throw refuse('VM_NOT_FOUND');
  const snapshot = world.snapshot(snapshotId);
  if (snapshot === undefined || snapshot.vmId !== vm.id) throw refuse('VM_SNAPSHOT_DOES_NOT_EXIST');
  return { vm, snapshot };
}

function requireRestorable(
  world: World,
  vm: Vm,
  snapshot: Snapshot,
  refuse: ReturnType<typeof refusal>,
): void {
  requireFree(world, vm, refuse);
  requireStatus(vm, ['down'], refuse, 'VM_IS_NOT_DOWN');
  if (snapshot.type !== 'regular') throw refuse('SNAPSHOT_TYPE_NOT_REGULAR');
  if (snapshot.configuration === undefined) throw refuse('SNAPSHOT_HAS_NO_CONFIGURATION');
  if (snapshot.disks.some(({ status }) => status === 'illegal')) throw refuse('DAMAGED_IMAGE_SNAPSHOT');
}

function chooseDisks(snapshot: Snapshot, choice: Choice, refuse: ReturnType<typeof refusal>): SnapshotDisk[] {
  if (choice.disks === undefined) return snapshot.disks;
  return choice.disks.map(({ id, image_id: imageId, snapshot: owner }) => {
    const found = snapshot.disks.find(({ diskId }) => diskId === id);
    const fits = found !== undefined && (imageId === undefined || imageId === found.imageId);
    if (!fits || (imageId === undefined && owner?.id !== snapshot.id)) {
      throw refuse('DISKS_NOT_ATTACHED_TO_VM', { disks: id ?? '' });
    }
    return found;
  });
}

/** Locks VM and snapshot, and gives what takes that back. */
function lockForPreview(vm: Vm, snapshot: Snapshot): () => void {
  vm.lock = 'preview';
  vm.status = 'image_locked';
  snapshot.status = 'locked';
  return () => {
    vm.status = 'down';
    snapshot.status = 'ok';
  };
}

/** The active entry turns into the one of type preview, a new active entry comes, and the disks go back. */
function enterPreview(
  world: World,
  vm: Vm,
  snapshot: Snapshot,
  chosen: readonly SnapshotDisk[],
  memory: boolean,
): void {
  const before = activeOf(vm);
  const configurationBefore = configurationOf(vm);
  vm.preview = {
    snapshotId: snapshot.id,
    previewId: before.id,
    restoresMemory: memory && snapshot.persistMemory,
    before: world.disksOf(vm).map(({ disk }) => ({
      diskId: disk.id,
      imageId: disk.imageId,
      content: disk.content,
    })),
    configurationBefore,
  };
  for (const { diskId, content } of chosen) {
    const disk = world.requireDisk(diskId);
    disk.imageId = randomUUID();
    disk.content = content;
  }
  // The name belongs to the VM; the settings come from the snapshot.
  const name = vm.name;
  Object.assign(vm, snapshot.configuration, { name });
  vm.snapshots.push({ ...before, id: randomUUID(), date: world.clock.now(), disks: [] });
  Object.assign(before, {
    type: 'preview',
    description: 'Active VM before the preview',
    configuration: configurationBefore,
  });
  snapshot.status = 'in_preview';
}

function leaveByCommit(world: World, vm: Vm, at: number, correlationId: string): void {
  const { preview } = vm;
  if (preview === undefined) return;
  const index = vm.snapshots.findIndex(({ id }) => id === preview.snapshotId);
  const chosen = vm.snapshots[index];
  const later = vm.snapshots.slice(index + 1).filter(({ type }) => type !== 'active');
  for (const entry of later) {
    // What was active before goes in any case, and with it all that was written since.
    if (world.behaviour.newerSnapshots === 'removed' || entry.type === 'preview') removeEntry(vm, entry);
    else Object.assign(entry, { configuration: undefined, disks: [] });
    if (entry.type === 'regular') note(world, 'lost-by-commit', vm, entry, correlationId);
  }
  if (chosen !== undefined) chosen.status = 'ok';
  vm.preview = undefined;
  const suspends = world.behaviour.suspendedAfterMemoryRestore ?? atLeast(world.version, '4.5');
  vm.status = preview.restoresMemory && suspends ? 'suspended' : 'down';
  world.unlock(vm, at);
}

function leaveByUndo(world: World, vm: Vm, at: number): void {
  const { preview } = vm;
  if (preview === undefined) return;
  const chosen = vm.snapshots.find(({ id }) => id === preview.snapshotId);
  const former = vm.snapshots.find(({ id }) => id === preview.previewId);
  removeEntry(vm, activeOf(vm));
  if (former !== undefined) {
    Object.assign(former, { type: 'active', description: 'Active VM', configuration: undefined });
  }
  if (chosen !== undefined) chosen.status = 'ok';
  for (const { diskId, imageId, content } of preview.before) {
    Object.assign(world.requireDisk(diskId), { imageId, content });
  }
  Object.assign(vm, preview.configurationBefore);
  vm.preview = undefined;
  vm.status = 'down';
  world.unlock(vm, at);
}

function note(
  world: World,
  effect: 'previewed' | 'committed' | 'undone' | 'lost-by-commit',
  vm: Vm,
  snapshot: Snapshot,
  correlationId: string,
): void {
  world.note({ effect, vmId: vm.id, snapshotId: snapshot.id, name: snapshot.description, correlationId });
}

/** Waits until the world's time has come, however it passes. */
async function until(world: World, at: number): Promise<void> {
  while (world.clock.now() < at) {
    await sleep(Math.min(20, Math.max(1, at - world.clock.now())), undefined, { ref: false });
  }
  world.clock.settle();
}

import { randomUUID } from 'node:crypto';
import { faultOfKind } from '../common/faults.ts';
import { readEntity } from './contract.ts';
import { checkpointMembers } from './entities.ts';
import { contractError, notFound, SpfError, vmmError } from './errors.ts';
import { entityResponse } from './formats.ts';
import { ended, type Phase } from './jobs.ts';
import { entityTypes, type Members } from './model.ts';
import { busyProblem, createProblem, restoreProblem, unknownVm } from './problems.ts';
import {
  type Accepted,
  accepted,
  begin,
  demandPermission,
  quotaProblem,
  type SpfRequest,
  sees,
} from './requests.ts';
import type { Checkpoint, Effect, Job, Vm, World } from './state.ts';
import type { Key } from './urls.ts';

const type = entityTypes.VMCheckPoints;
const noGuid = '00000000-0000-0000-0000-000000000000';

const createPhases: readonly Phase[] = [
  { state: 'InitializingCheckpointOperation', from: 0 },
  { state: 'CreatingCheckpoint', from: 0.1 },
  { state: 'FinishingCheckpointOperation', from: 0.9 },
];
const restorePhases: readonly Phase[] = [
  { state: 'InitializingCheckpointOperation', from: 0 },
  { state: 'RecoveringCheckpoint', from: 0.1 },
];
const deletePhases: readonly Phase[] = [{ state: 'DeletingCheckpoint', from: 0 }];

/** A checkpoint that a request sees and can read by now. @throws SpfError 404 */
export function findCheckpoint(world: World, request: SpfRequest, key: Key): Checkpoint {
  const checkpoint = world.checkpoints.get(key.id);
  if (
    checkpoint === undefined ||
    checkpoint.stampId !== key.stampId ||
    !readable(world, request, checkpoint)
  ) {
    throw notFound(type.set);
  }
  return checkpoint;
}

/** The checkpoints that a request sees and can list by now. */
export function listCheckpoints(world: World, request: SpfRequest): Members[] {
  return [...world.checkpoints.values()]
    .filter((checkpoint) => readable(world, request, checkpoint))
    .map((checkpoint) => checkpointMembers(world, checkpoint));
}

/** POST: 201 with the new row, whose job has only begun. */
export async function createCheckpoint(world: World, request: SpfRequest): Promise<Accepted> {
  const body = readEntity(request.wire, {
    type,
    writable: ['ID', 'StampId', 'VMId', 'Name', 'Description', 'Confirm', 'RunAsynchronously'],
    required: ['StampId', 'VMId'],
    whole: true,
    echo: false,
  });
  if (body.ID !== undefined && body.ID !== null && body.ID !== noGuid) {
    throw contractError(400, '', 'The server gives the ID of a checkpoint; send zeros, or leave it out.');
  }
  if (world.behaviour.confirm === 'demanded' && body.Confirm !== true) {
    // Nothing that a client could know: the documents contradict each other (SPF sheet, section 3).
    throw new SpfError(400, '', "The property 'Confirm' must be true to create a checkpoint.");
  }
  const vm = vmOf(world, request, String(body.VMId).toLowerCase(), String(body.StampId).toLowerCase());
  demandPermission(world, request, vm, 'Checkpoint');

  const now = world.clock.now();
  const lateEffect = faultOfKind(request.faults, 'late-effect');
  const checkpoint: Checkpoint = {
    id: randomUUID(),
    stampId: vm.stampId,
    vm,
    name: text(body.Name),
    description: text(body.Description),
    checkpointId: undefined,
    parent: undefined,
    enabled: true,
    addedTime: now,
    modifiedTime: now,
    visibleAt: now + (lateEffect?.milliseconds ?? 0),
    power: vm.power,
    production: vm.checkpointType !== 'Standard',
  };
  const problem = createProblem(world, vm) ?? quotaProblem(request, vm);
  const job = begin(world, request, problem, {
    kind: 'create',
    name: 'Create checkpoint',
    cmdlet: 'New-SCVMCheckpoint',
    vm,
    resultId: checkpoint.id,
    resultType: 'VMCheckPoint',
    seconds: vm.createSeconds ?? world.durations.createSeconds,
    phases: createPhases,
    onSuccess: (at) => {
      checkpoint.checkpointId = randomUUID();
      checkpoint.parent = vm.base;
      checkpoint.modifiedTime = at;
      checkpoint.enabled = faultOfKind(request.faults, 'disabled-checkpoint') === undefined;
      vm.base = checkpoint;
      note(world, 'checkpoint-made', checkpoint, job, at);
    },
    onFailure: () => {
      if (world.behaviour.failedCreateRow === 'removed') world.checkpoints.delete(checkpoint.id);
    },
  });
  world.checkpoints.set(checkpoint.id, checkpoint);
  note(world, 'checkpoint-created', checkpoint, job, now);
  // The recorded answer has no CheckpointID yet, however quick the job (SPF sheet, section 4).
  const members = { ...checkpointMembers(world, checkpoint, 'fresh'), CheckpointID: null };
  if (!request.query.asynchronous) await ended(world, job);
  return { job, response: entityResponse(201, request.format, request.root, type, members) };
}

/** MERGE, PATCH or PUT: a restore where the action says so, and a change of name or description. */
export async function updateCheckpoint(world: World, request: SpfRequest, key: Key): Promise<Accepted> {
  const isPut = request.verb === 'PUT';
  const body = readEntity(request.wire, {
    type,
    writable: ['ID', 'StampId', 'Name', 'Description', 'VMCheckPointAction', 'Confirm', 'RunAsynchronously'],
    required: [],
    whole: isPut,
    echo: isPut,
  });
  checkKey(body, key);
  const action = body.VMCheckPointAction ?? undefined;
  if (action !== undefined && action !== 'Restore') {
    throw contractError(400, '', `'${String(action)}' is no VMCheckPointAction; only 'Restore' is.`);
  }
  const checkpoint = findCheckpoint(world, request, key);
  const changes = changesOf(body, isPut && world.behaviour.put === 'resets');
  const job =
    action === undefined
      ? rename(world, request, checkpoint, changes)
      : restore(world, request, checkpoint, changes);
  return accepted(world, request, job);
}

/** DELETE: one checkpoint; its children stay, and the drives are merged after the job has ended. */
export async function deleteCheckpoint(world: World, request: SpfRequest, key: Key): Promise<Accepted> {
  const checkpoint = findCheckpoint(world, request, key);
  const { vm } = checkpoint;
  demandPermission(world, request, vm, 'Checkpoint');
  const { clock, durations } = world;
  const job = begin(world, request, busyProblem(vm), {
    kind: 'delete',
    name: 'Remove checkpoint',
    cmdlet: 'Remove-SCVMCheckpoint',
    vm,
    resultId: checkpoint.id,
    resultType: 'VMCheckPoint',
    seconds: durations.deleteSeconds,
    phases: deletePhases,
    onSuccess: (at) => {
      const wasMade = checkpoint.checkpointId !== undefined;
      world.removeCheckpoint(checkpoint);
      note(world, 'checkpoint-deleted', checkpoint, job, at);
      if (!wasMade || durations.mergeSeconds === 0) return;
      vm.transient = 'MergingDrives';
      clock.schedule(at + clock.scale(durations.mergeSeconds), () => {
        if (vm.transient === 'MergingDrives') vm.transient = undefined;
      });
    },
  });
  return accepted(world, request, job);
}

function restore(
  world: World,
  request: SpfRequest,
  checkpoint: Checkpoint,
  changes: Partial<Pick<Checkpoint, 'name' | 'description'>>,
): Job {
  const { vm } = checkpoint;
  demandPermission(world, request, vm, 'CheckpointRestoreOnly', 'Checkpoint');
  const unusable = !checkpoint.enabled || checkpoint.checkpointId === undefined;
  const problem = restoreProblem(world, vm) ?? (unusable ? unusableProblem(checkpoint) : undefined);
  const job = begin(world, request, problem, {
    kind: 'restore',
    name: 'Restore virtual machine from checkpoint',
    cmdlet: 'Restore-SCVMCheckpoint',
    vm,
    resultId: checkpoint.id,
    resultType: 'VMCheckPoint',
    seconds: world.durations.restoreSeconds,
    phases: restorePhases,
    onSuccess: (at) => {
      vm.base = checkpoint;
      vm.lastRestoredCheckpointId = checkpoint.checkpointId;
      vm.power = checkpoint.production ? 'PowerOff' : checkpoint.power;
      note(world, 'checkpoint-restored', checkpoint, job, at);
    },
  });
  Object.assign(checkpoint, changes);
  note(world, 'restore-begun', checkpoint, job, world.clock.now());
  return job;
}

function rename(
  world: World,
  request: SpfRequest,
  checkpoint: Checkpoint,
  changes: Partial<Pick<Checkpoint, 'name' | 'description'>>,
): Job {
  const { vm } = checkpoint;
  demandPermission(world, request, vm, 'Checkpoint');
  const job = begin(world, request, busyProblem(vm), {
    kind: 'update',
    name: 'Change properties of checkpoint',
    cmdlet: 'Set-SCVMCheckpoint',
    vm,
    resultId: checkpoint.id,
    resultType: 'VMCheckPoint',
    seconds: world.durations.updateSeconds,
    phases: [],
    onSuccess: (at) => {
      Object.assign(checkpoint, changes, { modifiedTime: at });
      note(world, 'checkpoint-updated', checkpoint, job, at);
    },
  });
  return job;
}

/** The VM that a body names: by its ID at VMM, never by the hypervisor's (SPF sheet, section 6). */
function vmOf(world: World, request: SpfRequest, id: string, stampId: string): Vm {
  const vm = world.vms.get(id);
  if (vm !== undefined && vm.stampId === stampId && sees(request, vm)) return vm;
  const isHypervisorId = [...world.vms.values()].some(({ hypervisorId }) => hypervisorId === id);
  const refusal = vmmError(400, unknownVm(id));
  throw isHypervisorId ? contractError(refusal.status, refusal.code, refusal.message) : refusal;
}

function readable(world: World, request: SpfRequest, checkpoint: Checkpoint): boolean {
  return checkpoint.visibleAt <= world.clock.now() && sees(request, checkpoint.vm);
}

function checkKey(body: Members, key: Key): void {
  const differs = (member: unknown, value: string): boolean =>
    typeof member === 'string' && member.toLowerCase() !== value;
  if (differs(body.ID, key.id) || differs(body.StampId, key.stampId)) {
    throw contractError(400, '', 'The key in the body is not that of the URL.');
  }
}

function changesOf(body: Members, resets: boolean): Partial<Pick<Checkpoint, 'name' | 'description'>> {
  return {
    ...(resets || body.Name !== undefined ? { name: text(body.Name) } : {}),
    ...(resets || body.Description !== undefined ? { description: text(body.Description) } : {}),
  };
}

function unusableProblem(checkpoint: Checkpoint) {
  return {
    code: 'CheckpointNotUsable',
    displayableErrorCode: '13206',
    problem: `The checkpoint ${checkpoint.name ?? checkpoint.id} cannot be used.`,
    recommendedAction: 'Choose another checkpoint, and then try the operation again.',
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function note(world: World, effect: Effect['effect'], checkpoint: Checkpoint, job: Job, time: number): void {
  const { id, name, description, vm } = checkpoint;
  world.effects.push({
    time,
    effect,
    id,
    vmId: vm.id,
    name,
    description,
    jobId: job.id,
    principal: job.owner,
  });
}

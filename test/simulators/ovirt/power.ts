import { randomUUID } from 'node:crypto';
import { faultOfKind } from '../common/faults.ts';
import { startedAction } from './actions.ts';
import { EngineError, notFoundEmpty } from './errors.ts';
import { begin, finishLater, refusal, refuseByFault, requireStatus } from './operations.ts';
import { bodyOf, type EngineAnswer, type EngineRequest, parameter } from './requests.ts';
import type { Vm, VmStatus, World } from './state.ts';
import { requirePermission } from './users.ts';

const actionShape = { fields: {} } as const;

/** `POST V/start`, `V/shutdown` and `V/stop`. Start is refused while an operation holds the VM. */
export function changePower(
  world: World,
  request: EngineRequest,
  action: 'start' | 'shutdown' | 'stop',
): EngineAnswer {
  bodyOf(request, 'action', actionShape);
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, action === 'start' ? 'run VM' : `${action} VM`, correlationId);
  const vm = requireVmOf(world, request);
  refuseByFault(request.faults, vm, refuse);
  if (action === 'start') {
    if (vm.lock !== undefined || vm.status === 'image_locked') throw refuse('VM_IS_LOCKED');
    requireStatus(vm, ['down', 'suspended', 'paused'], refuse, 'VM_IS_RUNNING');
  } else {
    requireStatus(
      vm,
      ['up', 'powering_up', 'powering_down', 'paused', 'reboot_in_progress', 'not_responding'],
      refuse,
      'VM_IS_NOT_RUNNING',
    );
  }
  const work = begin(world, request, { vm }, `${action} of VM ${vm.name}`, correlationId);
  world.note({ effect: `vm-${action}`, vmId: vm.id, name: vm.name, correlationId });
  const before = vm.status;
  const { startSeconds, shutdownSeconds, stopSeconds } = world.durations;
  if (action === 'start') {
    vm.status = before === 'suspended' ? 'restoring_state' : 'powering_up';
    const become = (status: VmStatus, code?: number) => (at: number) => {
      vm.status = status;
      if (code !== undefined) work.event(code, at);
    };
    finishLater(world, request, work, startSeconds, { well: become('up', 32), badly: become(before) });
    return startedAction(request, work.job.id);
  }
  if (action === 'shutdown') work.event(73);
  vm.status = 'powering_down';
  const end = (at: number): void => {
    goDown(vm, at);
    work.event(33, at);
  };
  const stay = (): void => {
    if (vm.status === 'powering_down') vm.status = 'up';
  };
  const ignored = action === 'shutdown' && vm.onShutdown === 'ignores';
  finishLater(world, request, work, action === 'shutdown' ? shutdownSeconds : stopSeconds, {
    well: ignored ? stay : end,
    badly: stay,
  });
  return startedAction(request, work.job.id);
}

function goDown(vm: Vm, at: number): void {
  if (vm.status === 'down') return;
  vm.status = 'down';
  vm.stopTime = at;
  // A guest that is gone holds nothing frozen.
  vm.frozenSince = undefined;
}

/** `POST V/freezefilesystems` and `V/thawfilesystems`, for a VM that is up (oVirt sheet, section 6). */
export function freezeOrThaw(world: World, request: EngineRequest, action: 'freeze' | 'thaw'): EngineAnswer {
  requirePermission(request.user, 'CONFIGURE_VM_STORAGE');
  bodyOf(request, 'action', actionShape);
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, `${action} VM`, correlationId);
  const vm = requireVmOf(world, request);
  refuseByFault(request.faults, vm, refuse);
  requireStatus(vm, ['up'], refuse, 'VM_IS_NOT_RUNNING');
  const work = begin(world, request, { vm }, `${action} of VM ${vm.name}`, correlationId);
  const fails =
    faultOfKind(request.faults, 'operation-failed') !== undefined || (action === 'freeze' && !vm.guestAgent);
  world.jobs.end(work.job, fails ? 'failed' : 'finished', world.clock.now());
  if (fails) {
    work.event(action === 'freeze' ? 10769 : 10770);
    throw new EngineError(500, 'Operation Failed', `[Failed to ${action} the guest's filesystems.]`);
  }
  vm.frozenSince = action === 'freeze' ? (vm.frozenSince ?? world.clock.now()) : undefined;
  work.event(action === 'freeze' ? 10767 : 10768);
  const effect = action === 'freeze' ? 'frozen' : 'thawed';
  world.note({ effect, vmId: vm.id, name: vm.name, correlationId });
  return startedAction(request, work.job.id);
}

/** The VM in the path; 404 without a body when there is none. */
export function requireVmOf(world: World, request: EngineRequest): Vm {
  const vm = world.vms.get(parameter(request, 'vm'));
  if (vm === undefined) throw notFoundEmpty();
  return vm;
}

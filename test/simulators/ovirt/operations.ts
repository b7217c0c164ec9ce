import { faultOfKind } from '../common/faults.ts';
import { atLeast } from './engine-version.ts';
import { EngineError, refused } from './errors.ts';
import type { OvirtFault } from './faults.ts';
import type { Job } from './jobs.ts';
import type { RefusalKey } from './refusals.ts';
import type { EngineRequest } from './requests.ts';
import type { Vm, VmStatus, World } from './state.ts';

/** Work that a request began on a VM: its job, and everything that ends it. */
export interface Work {
  job: Job;
  correlationId: string;
  /** Writes an event of this work. */
  event(code: number, at?: number): void;
}

/** Begins a job for the request, and says how its events are written. */
export function begin(
  world: World,
  request: EngineRequest,
  subject: { vm: { id: string; name: string }; snapshot?: string },
  description: string,
  correlationId: string,
): Work {
  const job = world.jobs.start(description, correlationId);
  const lost = faultOfKind(request.faults, 'events-lost') !== undefined;
  // The names are those of now: a restore changes the VM's name, a removal forgets the snapshot.
  const vm = { id: subject.vm.id, name: subject.vm.name };
  const { snapshot } = subject;
  const event = (code: number, at?: number): void => {
    world.events.write(
      code,
      { correlationId, vm, lost, ...(snapshot === undefined ? {} : { snapshot }) },
      at ?? world.clock.now(),
    );
  };
  return { job, correlationId, event };
}

/**
 * Lets the work take its time, and ends it well or badly as the request's faults want it.
 *
 * @returns when it will end; undefined when it never does
 */
export function finishLater(
  world: World,
  request: EngineRequest,
  work: Work,
  seconds: number,
  ends: { well(at: number): void; badly(at: number): void },
): number | undefined {
  if (faultOfKind(request.faults, 'operation-stuck')) return undefined;
  const fails = faultOfKind(request.faults, 'operation-failed') !== undefined;
  const taken = faultOfKind(request.faults, 'duration')?.seconds ?? seconds;
  const at = world.clock.now() + world.clock.scale(taken);
  world.clock.schedule(at, (moment) => {
    if (fails) ends.badly(moment);
    else ends.well(moment);
    world.jobs.end(work.job, fails ? 'failed' : 'finished', moment);
  });
  return at;
}

/**
 * Refuses what the VM's state does not allow, as the engine's validation does. A refused command leaves a failed job
 * under its correlation id (oVirt sheet, section 14).
 *
 * @param what such as `create Snapshot`
 */
export function refusal(
  world: World,
  what: string,
  correlationId: string,
): (key: RefusalKey, values?: Record<string, string>) => EngineError {
  return (key, values) => {
    const job = world.jobs.start(`Attempting to ${what}`, correlationId);
    world.jobs.end(job, 'failed', world.clock.now());
    const error = refused(what, key, values);
    // The status of each reason came with 3.3 (sources of engines 3.2.0 and 3.3.0: ErrorMessageHelper).
    if (atLeast(world.version, '3.3')) return error;
    return new EngineError(400, error.reason, error.message, { form: error.form });
  };
}

type Refuse = ReturnType<typeof refusal>;

/** The refusal that a fault wants, before any other. */
export function refuseByFault(faults: readonly OvirtFault[], vm: Vm | undefined, refuse: Refuse): void {
  const fault = faultOfKind(faults, 'refused');
  if (fault !== undefined) throw refuse(fault.key, { vm: vm?.name ?? '' });
}

/** What every operation on a VM's snapshots checks: nobody else works on it, and it is in a state for it. */
export function requireFree(world: World, vm: Vm, refuse: Refuse, allowsPreview = false): void {
  if (vm.lock === 'create') throw refuse('SNAPSHOT_IS_BEING_TAKEN_FOR_VM', { vm: vm.name });
  if (vm.lock === 'power') throw refuse('OBJECT_LOCKED');
  if (vm.lock !== undefined) throw refuse('VM_IS_DURING_SNAPSHOT');
  if (vm.snapshots.some(({ status }) => status === 'locked')) throw refuse('VM_IS_DURING_SNAPSHOT');
  if (vm.preview !== undefined && !allowsPreview) throw refuse('VM_IN_PREVIEW');
  if (vm.duringBackup) throw refuse('VM_IS_DURING_BACKUP', { vm: vm.name });
  if (vm.imageIllegal) throw refuse('VM_IMAGE_IS_ILLEGAL');
  if (vm.status === 'image_locked') throw refuse('VM_IS_LOCKED');
  if (vm.status === 'migrating') throw refuse('MIGRATION_IN_PROGRESS');
  if (vm.status === 'saving_state' || vm.status === 'restoring_state') throw refuse('VM_IS_SAVING_RESTORING');
  const disks = world.disksOf(vm).map(({ disk }) => disk);
  const names = (status: string): string =>
    disks
      .filter((disk) => disk.status === status)
      .map(({ alias }) => alias)
      .join(', ');
  if (names('locked') !== '') throw refuse('DISKS_LOCKED', { disks: names('locked') });
  if (names('illegal') !== '') throw refuse('DISKS_ILLEGAL', { disks: names('illegal') });
}

/** Refuses a VM that is in another state. */
export function requireStatus(vm: Vm, allowed: readonly VmStatus[], refuse: Refuse, key: RefusalKey): void {
  if (!allowed.includes(vm.status)) throw refuse(key);
}

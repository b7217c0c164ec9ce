import { randomUUID } from 'node:crypto';
import { faultOfKind } from '../common/faults.ts';
import { startedAction } from './actions.ts';
import { EngineError, snapshotNotFound } from './errors.ts';
import {
  begin,
  finishLater,
  refusal,
  refuseByFault,
  requireFree,
  requireStatus,
  type Work,
} from './operations.ts';
import { type EngineAnswer, type EngineRequest, parameter } from './requests.ts';
import type { Snapshot, Vm, World } from './state.ts';
import { requirePermission } from './users.ts';

/** Starts the merge that removes a snapshot: `DELETE S` (oVirt sheet, section 8). */
export function deleteSnapshot(world: World, request: EngineRequest): EngineAnswer {
  const snapshot = world.snapshot(parameter(request, 'snapshot'));
  if (snapshot === undefined) throw snapshotNotFound(parameter(request, 'snapshot'));
  requirePermission(request.user, 'MANIPULATE_VM_SNAPSHOTS');
  if (request.wire.body.length > 0) request.violation('A DELETE of a snapshot is sent without a body.');
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, 'remove Snapshot', correlationId);
  const vm = world.vms.get(parameter(request, 'vm'));
  refuseByFault(request.faults, vm, refuse);
  if (vm === undefined) throw refuse('VM_NOT_FOUND');
  if (snapshot.vmId !== vm.id) throw refuse('VM_SNAPSHOT_DOES_NOT_EXIST');
  requireFree(world, vm, refuse);
  requireStatus(
    vm,
    ['down', 'up', 'powering_up', 'paused', 'reboot_in_progress'],
    refuse,
    'VM_IS_NOT_DOWN_OR_UP',
  );
  if (snapshot.type !== 'regular') throw refuse('SNAPSHOT_TYPE_NOT_REGULAR');
  for (const { storageDomainId, status } of snapshot.disks) {
    const domain = world.storageDomains.get(storageDomainId);
    if (status === 'illegal') throw refuse('DAMAGED_IMAGE_SNAPSHOT');
    if (domain !== undefined && domain.availableBytes < 1024 ** 3) {
      throw refuse('DISK_SPACE_LOW_ON_STORAGE_DOMAIN', { domain: domain.name });
    }
  }
  const subject = { vm, snapshot: snapshot.description };
  const description = `Removing Snapshot ${snapshot.description} of VM ${vm.name}`;
  const work = begin(world, request, subject, description, correlationId);
  if (faultOfKind(request.faults, 'start-failed')) {
    work.event(343);
    world.jobs.end(work.job, 'failed', world.clock.now());
    throw new EngineError(500, 'Operation Failed', '[Internal Engine Error]');
  }
  snapshot.status = 'locked';
  vm.lock = 'remove';
  work.event(342);
  note(world, 'snapshot-removal-started', snapshot, correlationId);
  const atOnce = snapshot.disks.length === 0 && !snapshot.persistMemory;
  finishLater(world, request, work, atOnce ? 0 : world.durations.mergeSeconds, {
    well: (at) => {
      removeEntry(vm, snapshot);
      work.event(356, at);
      note(world, 'snapshot-removed', snapshot, correlationId);
      world.unlock(vm, at);
    },
    badly: (at) => failMerge(world, request, vm, snapshot, work, at),
  });
  return startedAction(request, work.job.id);
}

function failMerge(
  world: World,
  request: EngineRequest,
  vm: Vm,
  snapshot: Snapshot,
  work: Work,
  at: number,
): void {
  snapshot.status = 'ok';
  const illegal = faultOfKind(request.faults, 'operation-failed')?.leaves === 'illegal-disk';
  const first = snapshot.disks[0];
  if (illegal && first !== undefined) {
    first.status = 'illegal';
    work.event(359, at);
  }
  work.event(357, at);
  note(world, 'snapshot-removal-failed', snapshot, work.correlationId);
  world.unlock(vm, at);
}

/** Takes the entry out of the VM's list. */
export function removeEntry(vm: Vm, snapshot: Snapshot): void {
  const index = vm.snapshots.indexOf(snapshot);
  if (index >= 0) vm.snapshots.splice(index, 1);
}

function note(
  world: World,
  effect: 'snapshot-removal-started' | 'snapshot-removed' | 'snapshot-removal-failed',
  snapshot: Snapshot,
  correlationId: string,
): void {
  const { vmId, id: snapshotId, description: name } = snapshot;
  world.note({ effect, vmId, snapshotId, name, correlationId });
}

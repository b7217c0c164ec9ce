import { collection, followed, inOrder, listOfUnknownVm, one, visible } from './answers.ts';
import { leaf, list, type ObjectElement, object } from './document.ts';
import { atLeast } from './engine-version.ts';
import { snapshotNotFound } from './errors.ts';
import { type EngineAnswer, type EngineRequest, numberOption, parameter } from './requests.ts';
import { imageEntries } from './rhev30.ts';
import { snapshotDiskElement, snapshotElement } from './snapshot-answer.ts';
import type { Snapshot, World } from './state.ts';

/** `GET /vms/{vm}/snapshots` */
export function listSnapshots(world: World, request: EngineRequest): EngineAnswer {
  const vm = world.vms.get(parameter(request, 'vm'));
  if (vm === undefined || !visible(request, vm.id)) return listOfUnknownVm(world, request, 'snapshots');
  if (!atLeast(request.version, '3.1')) {
    return collection(request, 'snapshots', imageEntries(world, request, vm));
  }
  const withDisks = followed(request, ['disks']).includes('disks');
  const max = numberOption(request, 'max');
  const items = inOrder(request, vm)
    .slice(0, max)
    .map((snapshot) =>
      snapshotElement(world, request, snapshot, {
        expand: withDisks ? [list('disks', snapshotDisks(request, snapshot))] : [],
      }),
    );
  return collection(request, 'snapshots', items);
}

/** Finds the snapshot by its id alone, whatever VM the path names. */
function requireSnapshot(world: World, request: EngineRequest): Snapshot {
  const snapshot = world.snapshot(parameter(request, 'snapshot'));
  if (snapshot === undefined || !visible(request, snapshot.vmId)) {
    throw snapshotNotFound(parameter(request, 'snapshot'));
  }
  return snapshot;
}

/** `GET S`; it is not compared with the VM in the path. */
export function getSnapshot(world: World, request: EngineRequest): EngineAnswer {
  return one(snapshotElement(world, request, requireSnapshot(world, request)));
}

/** `GET S/disks` */
export function listSnapshotDisks(world: World, request: EngineRequest): EngineAnswer {
  return collection(request, 'disks', snapshotDisks(request, requireSnapshot(world, request)));
}

function snapshotDisks(request: EngineRequest, snapshot: Snapshot): ObjectElement[] {
  return snapshot.disks.map((disk) => snapshotDiskElement(request, snapshot, disk));
}

/** NICs and CD-ROMs of a snapshot: the simulator's VMs have none. */
export function listNothing(world: World, request: EngineRequest): EngineAnswer {
  requireSnapshot(world, request);
  return collection(request, request.wire.path.endsWith('nics') ? 'nics' : 'cdroms', []);
}

/** Tasks that the engine does not know any longer count as complete (oVirt sheet, section 6). */
export function getCreationStatus(world: World, request: EngineRequest): EngineAnswer {
  const asked = parameter(request, 'tasks').split(',');
  const snapshot = world.snapshot(parameter(request, 'snapshot'));
  const running = snapshot?.creationTasks.some((task) => asked.includes(task)) === true;
  const status = running ? 'in_progress' : 'complete';
  const href = `${request.base}/vms/${parameter(request, 'vm')}/snapshots/${parameter(request, 'snapshot')}/creation_status/${asked.join(',')}`;
  return one(
    object('creation', { href, id: asked.join(',') }, [
      request.api === 4 ? leaf('status', status) : object('status', {}, [leaf('state', status)]),
    ]),
  );
}

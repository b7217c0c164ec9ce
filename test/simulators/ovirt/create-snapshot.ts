import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultOfKind } from '../common/faults.ts';
import { atLeast } from './engine-version.ts';
import { badRequest, EngineError } from './errors.ts';
import {
  begin,
  finishLater,
  refusal,
  refuseByFault,
  requireFree,
  requireStatus,
  type Work,
} from './operations.ts';
import { bodyOf, type EngineAnswer, type EngineRequest, expectation, parameter } from './requests.ts';
import { createdElement, snapshotHref } from './snapshot-answer.ts';
import {
  type Attachment,
  activeOf,
  type Consistency,
  canBeSnapshot,
  configurationOf,
  type Disk,
  type Snapshot,
  type SnapshotDisk,
  type Vm,
  type World,
} from './state.ts';
import { requirePermission } from './users.ts';

const gibibyte = 1024 ** 3;
/** What an engine wants to be free for each disk that it snapshots. */
const spacePerDisk = gibibyte;

interface Wanted {
  description: string;
  memory: boolean;
  /** undefined: all disks. */
  disks: { id: string; imageId: string | undefined }[] | undefined;
}

/** Takes a snapshot: `POST /vms/{vm}/snapshots` (oVirt sheet, section 6). */
export async function createSnapshot(world: World, request: EngineRequest): Promise<EngineAnswer> {
  requirePermission(request.user, 'MANIPULATE_VM_SNAPSHOTS');
  const wanted = readWanted(request);
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, 'create Snapshot', correlationId);
  const vm = world.vms.get(parameter(request, 'vm'));
  refuseByFault(request.faults, vm, refuse);
  if (vm === undefined) throw refuse('VM_NOT_FOUND');
  requireFree(world, vm, refuse);
  requireStatus(vm, ['down', 'up', 'paused', 'suspended'], refuse, 'VM_IS_NOT_DOWN_OR_UP');
  const memory = wanted.memory && vm.status !== 'down';
  if (memory && vm.passthroughDevices) throw refuse('MEMORY_SNAPSHOT_NOT_SUPPORTED');
  const chosen = choose(world, vm, wanted, refuse);
  for (const { disk } of chosen) {
    const domain = world.storageDomains.get(disk.storageDomainId);
    if (domain !== undefined && domain.availableBytes < spacePerDisk) {
      throw refuse('DISK_SPACE_LOW_ON_STORAGE_DOMAIN', { domain: domain.name });
    }
  }
  const subject = { vm, snapshot: wanted.description };
  const work = begin(
    world,
    request,
    subject,
    `Creating VM Snapshot ${wanted.description} for VM ${vm.name}`,
    correlationId,
  );
  if (faultOfKind(request.faults, 'start-failed')) {
    work.event(117);
    world.jobs.end(work.job, 'failed', world.clock.now());
    throw new EngineError(500, 'Operation Failed', '[Internal Engine Error]');
  }
  if (vm.status === 'up' && hasForeign(chosen) && !atLeast(world.version, '4.4') && !freezes(request, vm)) {
    work.event(10764);
    work.event(117);
    world.jobs.end(work.job, 'failed', world.clock.now());
    throw new EngineError(500, 'Operation Failed', '[Internal Engine Error]');
  }

  const snapshot = insert(world, vm, wanted, chosen, memory);
  snapshot.consistency = makeConsistent(world, request, vm, chosen, memory, work);
  const { id, description } = snapshot;
  world.note({ effect: 'snapshot-created', vmId: vm.id, snapshotId: id, name: description, correlationId });
  work.event(45);
  const { createSeconds, memorySecondsPerGiB } = world.durations;
  const nothingToDo = snapshot.disks.length === 0 && !memory;
  const seconds = createSeconds + (memory ? (memorySecondsPerGiB * vm.memoryBytes) / gibibyte : 0);
  vm.lock = 'create';
  const end = finishLater(world, request, work, nothingToDo ? 0 : seconds, {
    well: (at) => succeed(world, request, vm, snapshot, work, at),
    badly: (at) => fail(world, request, vm, snapshot, work, at),
  });
  const waits = expectation(request) === '201-created' && end !== undefined;
  while (waits && world.clock.now() < end) {
    await sleep(Math.min(20, Math.max(1, end - world.clock.now())), undefined, { ref: false });
  }
  world.clock.settle();

  const headers = { Location: snapshotHref(request, snapshot) };
  return nothingToDo || waits
    ? { status: 201, headers, element: createdElement(request, snapshot, 'complete') }
    : { status: 202, element: createdElement(request, snapshot, 'in_progress') };
}

const reference = { fields: { id: 'text' } } as const;
const diskReference = { fields: { id: 'text', image_id: 'text' } } as const;

function readWanted(request: EngineRequest): Wanted {
  const common = { description: 'text', persist_memorystate: 'boolean' } as const;
  const body =
    request.api === 4
      ? bodyOf(request, 'snapshot', {
          fields: {
            ...common,
            disk_attachments: {
              item: 'disk_attachment',
              of: { fields: { id: 'text', disk: diskReference } },
            },
          },
        })
      : bodyOf(request, 'snapshot', {
          fields: { ...common, disks: { item: 'disk', of: diskReference }, vm: reference },
        });
  if (body.description === undefined || body.description === '') {
    throw badRequest('Incomplete parameters', 'Snapshot [description] required for add');
  }
  const listed =
    'disk_attachments' in body ? body.disk_attachments : 'disks' in body ? body.disks : undefined;
  const { persist_memorystate: memory = true } = body;
  if (!atLeast(request.version, '3.3') && body.persist_memorystate !== undefined) {
    request.violation('persist_memorystate is not known before 3.3.');
  }
  return {
    description: body.description,
    memory: atLeast(request.version, '3.3') && memory,
    disks: readDisks(request, listed),
  };
}

interface ListedDisk {
  id?: string;
  image_id?: string;
  disk?: { id?: string; image_id?: string };
}

function readDisks(request: EngineRequest, listed: readonly ListedDisk[] | undefined): Wanted['disks'] {
  if (listed === undefined) return undefined;
  if (!atLeast(request.version, '3.4')) {
    request.violation('Before 3.4 a snapshot takes no list of disks; all are in it.');
    return undefined;
  }
  if (listed.length === 0) {
    // Up to 4.1 it means all disks; from 4.2 on the engine stumbles (oVirt sheet, section 6).
    const message = 'An empty list of disks is never safe to send.';
    if (!atLeast(request.version, '4.2')) {
      request.violation(message);
      return undefined;
    }
    throw new EngineError(500, 'Operation Failed', '[Internal Engine Error]', { violation: message });
  }
  // v4 passes over an attachment that names no disk: a list of nothing else leaves all disks out (sources of engines
  // 4.0.7 to 4.5.7: mapDisks of BackendSnapshotsResource).
  const disks = request.api === 4 ? listed.flatMap(({ disk }) => disk ?? []) : listed;
  return disks.map(({ id, image_id: imageId }) => {
    if (id === undefined) throw badRequest('Incomplete parameters', 'Disk [id] required for add');
    if (imageId !== undefined && !atLeast(request.version, '4.2')) {
      request.violation('image_id is not known before 4.2.');
      return { id, imageId: undefined };
    }
    return { id, imageId };
  });
}

type Chosen = { disk: Disk; attachment: Attachment; imageId: string | undefined }[];

function choose(world: World, vm: Vm, wanted: Wanted, refuse: ReturnType<typeof refusal>): Chosen {
  const attached = world.disksOf(vm);
  if (wanted.disks === undefined) {
    return attached.filter(canBeSnapshot).map((one) => ({ ...one, imageId: undefined }));
  }
  const chosen = wanted.disks.map(({ id, imageId }) => {
    const found = attached.find(({ disk }) => disk.id === id);
    if (found === undefined) throw refuse('DISKS_NOT_ATTACHED_TO_VM', { disks: id });
    if (!canBeSnapshot(found)) throw refuse('DISK_SNAPSHOT_NOT_SUPPORTED', { disks: found.disk.alias });
    return { ...found, imageId };
  });
  const taken = new Set(
    [...world.vms.values()].flatMap(({ snapshots }) =>
      snapshots.flatMap(({ disks }) => disks.flatMap(({ imageId, nextImageId }) => [imageId, nextImageId])),
    ),
  );
  for (const disk of world.disks.values()) taken.add(disk.imageId);
  for (const { imageId } of chosen) {
    if (imageId !== undefined && taken.has(imageId)) throw refuse('DISK_IMAGE_ALREADY_EXISTS');
  }
  return chosen;
}

/** The new snapshot takes the id that the active entry had, and that gets a new one (oVirt sheet, section 6). */
function insert(world: World, vm: Vm, wanted: Wanted, chosen: Chosen, memory: boolean): Snapshot {
  const active = activeOf(vm);
  const snapshot: Snapshot = {
    id: active.id,
    vmId: vm.id,
    description: wanted.description,
    type: 'regular',
    status: 'locked',
    date: world.clock.now(),
    persistMemory: memory,
    configuration: configurationOf(vm),
    disks: chosen.map(({ disk, imageId }): SnapshotDisk => {
      const { id: diskId, alias, provisionedSize, actualSize, storageDomainId, status, content } = disk;
      const kept = disk.imageId;
      const nextImageId = imageId ?? randomUUID();
      disk.imageId = nextImageId;
      const image = { imageId: kept, nextImageId };
      return { diskId, ...image, alias, provisionedSize, actualSize, storageDomainId, status, content };
    }),
    consistency: undefined,
    creationTasks: chosen.map(() => randomUUID()),
  };
  active.id = randomUUID();
  vm.snapshots.splice(vm.snapshots.indexOf(active), 0, snapshot);
  return snapshot;
}

/** Disks that the host does not snapshot: Cinder's, and managed block storage. */
function hasForeign(chosen: Chosen): boolean {
  return chosen.some(({ disk }) => disk.storageType !== 'image');
}

/** Whether a freeze succeeds: with a guest agent, and unless the guest is frozen already. */
function freezes(request: EngineRequest, vm: Vm): boolean {
  return vm.frozenSince === undefined && vm.guestAgent && !faultOfKind(request.faults, 'freeze-failed');
}

/**
 * The host freezes the guest when it can; when it cannot it goes on, and only an event tells. With disks of Cinder the
 * engine does it: up to 4.3 the creation fails where that fails, and from 4.4.2 on it thaws as a part of the host's
 * snapshot only (sources of engines 3.6.0 to 4.5.7: freezeVm and thawVm of CreateAllSnapshotsFromVmCommand,
 * CreateSnapshotForVmCommand and CreateLiveSnapshotForVmCommand).
 */
function makeConsistent(
  world: World,
  request: EngineRequest,
  vm: Vm,
  chosen: Chosen,
  memory: boolean,
  work: Work,
): Consistency {
  if (vm.status !== 'up') return vm.status === 'down' ? 'offline' : 'not-frozen';
  if (memory) return 'memory';
  if (chosen.length === 0) return 'not-frozen';
  if (!freezes(request, vm)) {
    // A second freeze of the same guest fails.
    work.event(10764);
    return vm.frozenSince === undefined ? 'not-frozen' : 'frozen-by-hand';
  }
  const byHost = chosen.some(({ disk }) => disk.storageType === 'image');
  if (!byHost && atLeast(world.version, '4.4.2')) vm.frozenSince = world.clock.now();
  return 'frozen-by-host';
}

function succeed(
  world: World,
  request: EngineRequest,
  vm: Vm,
  snapshot: Snapshot,
  work: Work,
  at: number,
): void {
  if (snapshot.persistMemory && faultOfKind(request.faults, 'memory-not-saved')) {
    snapshot.persistMemory = false;
    snapshot.consistency = 'not-frozen';
    work.event(173, at);
  }
  snapshot.status = 'ok';
  snapshot.creationTasks = [];
  work.event(68, at);
  noteEnd(world, 'snapshot-ready', snapshot, work);
  world.unlock(vm, at);
}

/** The snapshot goes, and its id goes back to the active entry; or it stays, and an event says so. */
function fail(
  world: World,
  request: EngineRequest,
  vm: Vm,
  snapshot: Snapshot,
  work: Work,
  at: number,
): void {
  const fault = faultOfKind(request.faults, 'operation-failed');
  if (vm.status === 'up') work.event(170, at);
  if (fault?.leaves === 'snapshot') {
    snapshot.status = 'ok';
    work.event(10774, at);
  } else {
    vm.snapshots.splice(vm.snapshots.indexOf(snapshot), 1);
    activeOf(vm).id = snapshot.id;
    for (const { diskId, imageId } of snapshot.disks) world.requireDisk(diskId).imageId = imageId;
  }
  snapshot.creationTasks = [];
  work.event(fault?.finalEvent ?? 69, at);
  noteEnd(world, 'snapshot-failed', snapshot, work);
  world.unlock(vm, at);
}

function noteEnd(
  world: World,
  effect: 'snapshot-ready' | 'snapshot-failed',
  snapshot: Snapshot,
  work: Work,
): void {
  world.note({
    effect,
    vmId: snapshot.vmId,
    snapshotId: snapshot.id,
    name: snapshot.description,
    correlationId: work.correlationId,
    ...(snapshot.consistency === undefined ? {} : { consistency: snapshot.consistency }),
  });
}

import { randomUUID } from 'node:crypto';
import { badRequest } from './errors.ts';
import { begin, finishLater, refusal, refuseByFault, requireFree } from './operations.ts';
import { bodyOf, type EngineAnswer, type EngineRequest } from './requests.ts';
import type { Disk, Snapshot, Vm, World } from './state.ts';
import { requirePermission } from './users.ts';
import { vmElement } from './virtual-machines.ts';

const reference = { fields: { id: 'text' } } as const;
const namedReference = { fields: { id: 'text', name: 'text' } } as const;
const diskShape = {
  fields: {
    id: 'text',
    image_id: 'text',
    alias: 'text',
    storage_domains: { item: 'storage_domain', of: reference },
  },
} as const;
const vmShape = {
  fields: {
    name: 'text',
    description: 'text',
    cluster: namedReference,
    template: namedReference,
    snapshots: { item: 'snapshot', of: reference },
    disks: { item: 'disk', of: diskShape },
    disk_attachments: { item: 'disk_attachment', of: { fields: { disk: diskShape } } },
  },
} as const;

/** Makes a new VM from a snapshot: `POST /vms` with `snapshots/snapshot@id` (oVirt sheet, section 9). */
export function createVm(world: World, request: EngineRequest): EngineAnswer {
  requirePermission(request.user, 'CREATE_VM');
  const body = bodyOf(request, 'vm', vmShape);
  if (body.name === undefined) throw badRequest('Incomplete parameters', 'Vm [name] required for add');
  if (body.cluster?.id === undefined && body.cluster?.name === undefined) {
    throw badRequest('Incomplete parameters', 'Vm [cluster.id|name] required for add');
  }
  const snapshotId = body.snapshots?.[0]?.id;
  if (snapshotId === undefined) {
    throw badRequest(
      'Incomplete parameters',
      'The simulator makes VMs from snapshots only: [snapshots.snapshot.id]',
    );
  }
  const correlationId = request.correlationId ?? randomUUID();
  const refuse = refusal(world, 'add VM', correlationId);
  const snapshot = world.snapshot(snapshotId);
  const source = snapshot === undefined ? undefined : world.vms.get(snapshot.vmId);
  refuseByFault(request.faults, source, refuse);
  if (snapshot === undefined || source === undefined) throw refuse('VM_SNAPSHOT_DOES_NOT_EXIST');
  if ([...world.vms.values()].some(({ name }) => name === body.name)) throw refuse('NAME_ALREADY_USED');
  const cluster = [...world.clusters.values()].find(
    ({ id, name }) => id === body.cluster?.id || name === body.cluster?.name,
  );
  if (cluster === undefined) throw refuse('CLUSTER_DOES_NOT_EXIST');
  requireFree(world, source, refuse);
  if (snapshot.type !== 'regular') throw refuse('SNAPSHOT_TYPE_NOT_REGULAR');
  if (snapshot.configuration === undefined) throw refuse('SNAPSHOT_HAS_NO_CONFIGURATION');

  const placed = request.api === 4 ? body.disk_attachments?.map(({ disk }) => disk ?? {}) : body.disks;
  const domains = new Map(
    placed?.map(({ id, image_id, storage_domains }) => [image_id ?? id ?? '', storage_domains?.[0]?.id]),
  );
  const disks = snapshot.disks.map((disk): Disk => {
    const domain = domains.get(disk.imageId) ?? domains.get(disk.diskId);
    if (domain !== undefined && !world.storageDomains.has(domain)) throw refuse('NO_SUITABLE_DOMAIN_FOUND');
    return {
      id: randomUUID(),
      alias: disk.alias,
      description: '',
      provisionedSize: disk.provisionedSize,
      actualSize: disk.actualSize,
      storageType: 'image',
      storageDomainId: domain ?? disk.storageDomainId,
      status: 'locked',
      shareable: false,
      format: 'cow',
      imageId: randomUUID(),
      content: disk.content,
    };
  });
  const vm = insertVm(world, source, snapshot, body.name, body.description, cluster.id, disks);
  source.lock = 'clone';
  const work = begin(world, request, { vm }, `Creating VM ${vm.name} from Snapshot`, correlationId);
  work.event(34);
  const { id: vmId, name } = vm;
  world.note({ effect: 'vm-created', vmId, snapshotId, name, correlationId });
  finishLater(world, request, work, world.durations.cloneSeconds, {
    well: (at) => {
      vm.status = 'down';
      for (const disk of disks) disk.status = 'ok';
      work.event(53, at);
      world.note({ effect: 'vm-ready', vmId, snapshotId, name, correlationId });
      world.unlock(source, at);
    },
    badly: (at) => {
      world.vms.delete(vmId);
      for (const disk of disks) world.disks.delete(disk.id);
      work.event(60, at);
      world.note({ effect: 'vm-failed', vmId, snapshotId, name, correlationId });
      world.unlock(source, at);
    },
  });
  return { status: 202, element: vmElement(request, vm) };
}

function insertVm(
  world: World,
  source: Vm,
  snapshot: Snapshot,
  name: string,
  description: string | undefined,
  clusterId: string,
  disks: readonly Disk[],
): Vm {
  const id = randomUUID();
  const now = world.clock.now();
  const active: Snapshot = {
    id: randomUUID(),
    vmId: id,
    description: 'Active VM',
    type: 'active',
    status: 'ok',
    date: now,
    persistMemory: false,
    configuration: undefined,
    disks: [],
    consistency: undefined,
    creationTasks: [],
  };
  const vm: Vm = {
    ...source,
    ...snapshot.configuration,
    id,
    name,
    description: description ?? '',
    clusterId,
    createdAt: now,
    status: 'image_locked',
    attachments: disks.map((disk, index) => ({
      diskId: disk.id,
      bootable: index === 0,
      active: true,
      readOnly: false,
    })),
    snapshots: [active],
    lock: undefined,
    frozenSince: undefined,
    duringBackup: false,
    stopTime: undefined,
    preview: undefined,
  };
  for (const disk of disks) world.disks.set(disk.id, disk);
  world.vms.set(id, vm);
  return vm;
}

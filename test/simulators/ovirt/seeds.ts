import { randomUUID } from 'node:crypto';
import type {
  Disk,
  DiskStatus,
  Initialization,
  Snapshot,
  SnapshotDisk,
  StorageDomain,
  StorageType,
  Vm,
  VmStatus,
  World,
} from './state.ts';
import { configurationOf } from './state.ts';

const gibibyte = 1024 ** 3;

/** A disk as tests put it on a VM. */
export interface DiskSpec {
  id?: string;
  alias?: string;
  description?: string;
  provisionedSize?: number;
  actualSize?: number;
  storageType?: StorageType;
  storageDomainId?: string;
  status?: DiskStatus;
  shareable?: boolean;
  readOnly?: boolean;
  imageId?: string;
  content?: string;
}

/** A VM as tests put it into the engine. */
export interface VmSpec {
  id?: string;
  name: string;
  description?: string;
  status?: VmStatus;
  memoryBytes?: number;
  cores?: number;
  sockets?: number;
  clusterId?: string;
  createdAt?: number;
  stopTime?: number;
  initialization?: Initialization;
  guestAgent?: boolean;
  onShutdown?: 'obeys' | 'ignores';
  passthroughDevices?: boolean;
  /** One disk by default. */
  disks?: DiskSpec[];
  /** The id of its active entry. */
  activeId?: string;
}

/** What tests may change of a VM that is there. */
export type VmChanges = Partial<
  Pick<
    Vm,
    | 'name'
    | 'status'
    | 'guestAgent'
    | 'onShutdown'
    | 'passthroughDevices'
    | 'duringBackup'
    | 'imageIllegal'
    | 'memoryBytes'
  >
> & {
  /** The name of an operation that holds the VM; null gives it free. */
  lock?: string | null;
};

/** A snapshot that is there already, as if someone else had taken it. */
export interface SnapshotSeed {
  id?: string;
  vmId: string;
  description: string;
  date?: number;
  status?: Snapshot['status'];
  persistMemory?: boolean;
  /** false: an entry with a broken configuration. */
  hasConfiguration?: boolean;
  /** Ids of disks; all by default. */
  disks?: string[];
}

/** Adds a storage domain. */
export function addStorageDomain(world: World, spec: Partial<StorageDomain> = {}): StorageDomain {
  const domain: StorageDomain = {
    id: spec.id ?? randomUUID(),
    name: spec.name ?? `storage-${world.storageDomains.size + 1}`,
    availableBytes: spec.availableBytes ?? 1024 * gibibyte,
    usedBytes: spec.usedBytes ?? 64 * gibibyte,
    storageType: spec.storageType ?? 'nfs',
  };
  world.storageDomains.set(domain.id, domain);
  return domain;
}

/** Adds a VM with its disks and its active entry. */
export function addVm(world: World, spec: VmSpec): Vm {
  const id = spec.id ?? randomUUID();
  const now = world.clock.now();
  const clusterId = spec.clusterId ?? first(world.clusters).id;
  if (!world.clusters.has(clusterId))
    world.clusters.set(clusterId, { id: clusterId, name: `cluster-${clusterId}` });
  const specs = spec.disks ?? [{}];
  const disks = specs.map((disk, index) => addDisk(world, disk, `${spec.name}_Disk${index + 1}`));
  const createdAt = spec.createdAt ?? now;
  const vm: Vm = {
    id,
    name: spec.name,
    description: spec.description ?? '',
    status: spec.status ?? 'up',
    memoryBytes: spec.memoryBytes ?? gibibyte,
    cores: spec.cores ?? 1,
    sockets: spec.sockets ?? 1,
    clusterId,
    createdAt,
    initialization: spec.initialization,
    attachments: disks.map((disk, index) => ({
      diskId: disk.id,
      bootable: index === 0,
      active: true,
      readOnly: specs[index]?.readOnly ?? false,
    })),
    snapshots: [
      entry(id, {
        id: spec.activeId ?? randomUUID(),
        description: 'Active VM',
        type: 'active',
        date: createdAt,
      }),
    ],
    lock: undefined,
    frozenSince: undefined,
    guestAgent: spec.guestAgent ?? true,
    onShutdown: spec.onShutdown ?? 'obeys',
    passthroughDevices: spec.passthroughDevices ?? false,
    duringBackup: false,
    imageIllegal: false,
    stopTime: spec.stopTime,
    preview: undefined,
  };
  world.vms.set(id, vm);
  return vm;
}

function addDisk(world: World, spec: DiskSpec, alias: string): Disk {
  const storageDomainId = spec.storageDomainId ?? first(world.storageDomains).id;
  if (!world.storageDomains.has(storageDomainId)) addStorageDomain(world, { id: storageDomainId });
  const existing = spec.id === undefined ? undefined : world.disks.get(spec.id);
  if (existing?.shareable) return existing;
  const disk: Disk = {
    id: spec.id ?? randomUUID(),
    alias: spec.alias ?? alias,
    description: spec.description ?? '',
    provisionedSize: spec.provisionedSize ?? 10 * gibibyte,
    actualSize: spec.actualSize ?? 2 * gibibyte,
    storageType: spec.storageType ?? 'image',
    storageDomainId,
    status: spec.status ?? 'ok',
    shareable: spec.shareable ?? false,
    format: 'cow',
    imageId: spec.imageId ?? randomUUID(),
    content: spec.content ?? 'original',
  };
  world.disks.set(disk.id, disk);
  return disk;
}

/** Changes a VM as if someone else had. */
export function changeVm(vm: Vm, { lock, ...changes }: VmChanges): void {
  Object.assign(vm, changes);
  if (lock !== undefined) vm.lock = lock ?? undefined;
}

/** Puts a snapshot into a VM, just before its active entry. */
export function addSnapshot(world: World, seed: SnapshotSeed): Snapshot {
  const vm = world.requireVm(seed.vmId);
  const disks = world.disksOf(vm).filter(({ disk }) => seed.disks?.includes(disk.id) ?? true);
  const snapshot: Snapshot = {
    ...entry(vm.id, {
      id: seed.id ?? randomUUID(),
      description: seed.description,
      type: 'regular',
      date: seed.date ?? world.clock.now(),
    }),
    status: seed.status ?? 'ok',
    persistMemory: seed.persistMemory ?? false,
    configuration: seed.hasConfiguration === false ? undefined : configurationOf(vm),
    disks: disks.map(({ disk }): SnapshotDisk => {
      const {
        id: diskId,
        imageId,
        alias,
        provisionedSize,
        actualSize,
        storageDomainId,
        status,
        content,
      } = disk;
      disk.imageId = randomUUID();
      const sizes = { provisionedSize, actualSize };
      return {
        diskId,
        imageId,
        nextImageId: disk.imageId,
        alias,
        ...sizes,
        storageDomainId,
        status,
        content,
      };
    }),
  };
  vm.snapshots.splice(vm.snapshots.length - 1, 0, snapshot);
  return snapshot;
}

function entry(vmId: string, what: Pick<Snapshot, 'id' | 'description' | 'type' | 'date'>): Snapshot {
  return {
    ...what,
    vmId,
    status: 'ok',
    persistMemory: false,
    configuration: undefined,
    disks: [],
    consistency: undefined,
    creationTasks: [],
  };
}

function first<Value>(map: ReadonlyMap<string, Value>): Value {
  for (const value of map.values()) return value;
  throw new Error('The simulator has lost its first cluster or storage domain.');
}

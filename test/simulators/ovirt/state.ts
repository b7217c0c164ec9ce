import { randomUUID } from 'node:crypto';
import type { SimulatedClock } from '../common/clock.ts';
import type { EngineVersion } from './engine-version.ts';
import { EventLog } from './events.ts';
import { JobLog } from './jobs.ts';
import type { Behaviour, Durations } from './options.ts';

export type VmStatus =
  | 'down'
  | 'up'
  | 'powering_up'
  | 'powering_down'
  | 'paused'
  | 'suspended'
  | 'saving_state'
  | 'restoring_state'
  | 'migrating'
  | 'image_locked'
  | 'reboot_in_progress'
  | 'not_responding'
  | 'unknown';

export type DiskStatus = 'ok' | 'locked' | 'illegal';
export type StorageType = 'image' | 'lun' | 'cinder' | 'managed_block_storage';
export type SnapshotType = 'regular' | 'active' | 'preview' | 'stateless';
export type SnapshotStatus = 'ok' | 'locked' | 'in_preview';

/** A virtual disk. */
export interface Disk {
  id: string;
  alias: string;
  description: string;
  provisionedSize: number;
  actualSize: number;
  storageType: StorageType;
  storageDomainId: string;
  status: DiskStatus;
  shareable: boolean;
  format: 'raw' | 'cow';
  /** The image that is written to now. */
  imageId: string;
  /** What is on the disk, as a test names it; snapshots keep it and restores bring it back. */
  content: string;
}

/** How a disk hangs on a VM. */
export interface Attachment {
  diskId: string;
  bootable: boolean;
  active: boolean;
  readOnly: boolean;
}

/** The block of a VM that cloud-init works on; passwords and keys among it. */
export interface Initialization {
  hostName?: string;
  rootPassword?: string;
  authorizedKeys?: string;
  customScript?: string;
}

/** What a snapshot keeps of a VM's settings, and a restore brings back. */
export interface VmConfiguration {
  name: string;
  description: string;
  memoryBytes: number;
  cores: number;
  sockets: number;
  clusterId: string;
  createdAt: number;
  initialization: Initialization | undefined;
}

/** A disk as it was at a snapshot. */
export interface SnapshotDisk {
  diskId: string;
  imageId: string;
  /** The image that was written to next, which a failed creation takes back. */
  nextImageId: string;
  alias: string;
  provisionedSize: number;
  actualSize: number;
  storageDomainId: string;
  status: DiskStatus;
  content: string;
}

/** How a snapshot came to be consistent, or that it is not. */
export type Consistency = 'offline' | 'memory' | 'frozen-by-host' | 'frozen-by-hand' | 'not-frozen';

/** An entry in a VM's list of snapshots. */
export interface Snapshot {
  id: string;
  vmId: string;
  description: string;
  type: SnapshotType;
  status: SnapshotStatus;
  date: number;
  persistMemory: boolean;
  /** undefined for the active entry, and where it was lost. */
  configuration: VmConfiguration | undefined;
  disks: SnapshotDisk[];
  consistency: Consistency | undefined;
  /** The tasks of its creation, while the engine remembers them. */
  creationTasks: string[];
}

/** What a VM does on the way of an operation. */
export interface Vm extends VmConfiguration {
  id: string;
  status: VmStatus;
  attachments: Attachment[];
  /** Oldest first; always one active entry. */
  snapshots: Snapshot[];
  /** The operation that holds the VM. */
  lock: string | undefined;
  /** Since when the guest's filesystems are frozen by hand. */
  frozenSince: number | undefined;
  /** Whether a guest agent answers. */
  guestAgent: boolean;
  /** What a guest does when it is asked to shut down. */
  onShutdown: 'obeys' | 'ignores';
  passthroughDevices: boolean;
  duringBackup: boolean;
  imageIllegal: boolean;
  stopTime: number | undefined;
  /** The preview that waits for commit or undo. */
  preview: Preview | undefined;
}

/** What a preview chose, and what is needed to go back. */
export interface Preview {
  snapshotId: string;
  /** The entry that was active before, now of type preview. */
  previewId: string;
  restoresMemory: boolean;
  /** Image and content by disk, as they were before. */
  before: { diskId: string; imageId: string; content: string }[];
  configurationBefore: VmConfiguration;
}

/** Where disks lie. */
export interface StorageDomain {
  id: string;
  name: string;
  availableBytes: number;
  usedBytes: number;
  storageType: 'nfs' | 'iscsi' | 'cinder' | 'managed_block_storage';
}

/** What a request, or work begun by one, did. */
export interface Effect {
  time: number;
  effect:
    | 'snapshot-created'
    | 'snapshot-ready'
    | 'snapshot-failed'
    | 'snapshot-removal-started'
    | 'snapshot-removed'
    | 'snapshot-removal-failed'
    | 'previewed'
    | 'committed'
    | 'undone'
    /** A newer snapshot, removed or stripped of its configuration. */
    | 'lost-by-commit'
    | 'restore-started'
    | 'vm-created'
    | 'vm-ready'
    | 'vm-failed'
    | 'vm-start'
    | 'vm-shutdown'
    | 'vm-stop'
    | 'frozen'
    | 'thawed';
  vmId: string;
  snapshotId?: string;
  /** The description of the snapshot, or the name of the new VM. */
  name?: string;
  correlationId: string;
  consistency?: Consistency;
}

/** What the world is made of. */
export interface WorldParts {
  version: EngineVersion;
  clock: SimulatedClock;
  durations: Durations;
  behaviour: Behaviour;
}

/** Everything that exists behind the API. */
export class World {
  readonly version: EngineVersion;
  readonly clock: SimulatedClock;
  readonly durations: Durations;
  readonly behaviour: Behaviour;
  readonly events: EventLog;
  readonly jobs: JobLog;
  readonly vms = new Map<string, Vm>();
  readonly disks = new Map<string, Disk>();
  readonly storageDomains = new Map<string, StorageDomain>();
  readonly clusters = new Map<string, { id: string; name: string }>();
  readonly effects: Effect[] = [];
  readonly instanceId = randomUUID();

  constructor(parts: WorldParts) {
    this.version = parts.version;
    this.clock = parts.clock;
    this.durations = parts.durations;
    this.behaviour = parts.behaviour;
    this.events = new EventLog(() => this.clock.now());
    this.jobs = new JobLog(parts.clock, parts.durations);
  }

  /** Notes what was done, for tests to look at. */
  note(effect: Omit<Effect, 'time'>): void {
    this.effects.push({ time: this.clock.now(), ...effect });
  }

  /** The snapshot of that id, of whichever VM: an engine does not compare (oVirt sheet, section 9). */
  snapshot(id: string): Snapshot | undefined {
    for (const vm of this.vms.values()) {
      const found = vm.snapshots.find((snapshot) => snapshot.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** @throws when a test names a VM that is not there */
  requireVm(id: string): Vm {
    const vm = this.vms.get(id);
    if (vm === undefined) throw new Error(`There is no VM ${id}.`);
    return vm;
  }

  /** The disk of that id, which something else refers to. */
  requireDisk(id: string): Disk {
    const disk = this.disks.get(id);
    if (disk === undefined) throw new Error(`There is no disk ${id}.`);
    return disk;
  }

  /** The VM's disks, each with how it is attached. */
  disksOf(vm: Vm): { disk: Disk; attachment: Attachment }[] {
    return vm.attachments.map((attachment) => ({ disk: this.requireDisk(attachment.diskId), attachment }));
  }

  /** Gives the VM free a moment after the operation's end was to be seen. */
  unlock(vm: Vm, at: number): void {
    const held = vm.lock;
    this.clock.schedule(at + this.clock.scale(this.durations.lockLingersSeconds), () => {
      if (vm.lock === held) vm.lock = undefined;
    });
  }
}

/** The VM's one active entry. */
export function activeOf(vm: Vm): Snapshot {
  const active = vm.snapshots.find(({ type }) => type === 'active');
  if (active === undefined) throw new Error(`The VM ${vm.name} has lost its active entry.`);
  return active;
}

/** The settings alone, as a snapshot keeps them. */
export function configurationOf(vm: Vm): VmConfiguration {
  const { name, description, memoryBytes, cores, sockets, clusterId, createdAt, initialization } = vm;
  return { name, description, memoryBytes, cores, sockets, clusterId, createdAt, initialization };
}

/** Whether snapshots can hold the disk: no direct LUNs, nothing shared, nothing read-only. */
export function canBeSnapshot({ disk, attachment }: { disk: Disk; attachment: Attachment }): boolean {
  return disk.storageType !== 'lun' && !disk.shareable && !attachment.readOnly;
}

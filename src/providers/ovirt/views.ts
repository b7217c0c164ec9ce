import { createHash } from 'node:crypto';
import { markedNameIn } from '../marked-text.ts';
import type { PowerState, Snapshot, SnapshotDisk, VM, VMDisk } from '../provider.ts';
import type { EngineDisk, EngineSnapshot, EngineSnapshotDisk, EngineVM } from './model.ts';

/** What the words of an engine mean for the power of a VM. */
const powers: Record<string, PowerState> = {
  up: 'On',
  down: 'Off',
  suspended: 'Suspended',
  // Its guest stands still: nothing can be frozen, and nothing shut down.
  paused: 'Suspended',
  powering_up: 'Busy',
  powering_down: 'Busy',
  wait_for_launch: 'Busy',
  reboot_in_progress: 'Busy',
  saving_state: 'Busy',
  restoring_state: 'Busy',
  migrating: 'Busy',
  image_locked: 'Busy',
};

/** The power of a VM; `Unknown` for words such as `not_responding`. */
export function powerOf(status: string): PowerState {
  return Object.hasOwn(powers, status) ? (powers[status] ?? 'Unknown') : 'Unknown';
}

/** A VM as Keyframe sees it. Ids are never given again, so that the id tells one from another. */
export function vmView(vm: EngineVM, disks: readonly EngineDisk[]): VM {
  const size = sizeOf(vm);
  return {
    id: vm.id,
    name: vm.name,
    uid: vm.id,
    containerID: vm.id,
    location: '',
    resourceGroup: '',
    ...(size === undefined ? {} : { size }),
    ...(vm.osType === undefined ? {} : { osType: vm.osType }),
    power: powerOf(vm.status),
    vendorState: vm.status,
    disks: disks.map(diskView),
  };
}

function diskView(disk: EngineDisk): VMDisk {
  const excluded = excludedBecause(disk);
  return {
    id: disk.id,
    name: disk.name,
    osDisk: disk.bootable,
    ...(disk.provisionedBytes === undefined ? {} : { sizeBytes: disk.provisionedBytes }),
    ...(excluded === undefined ? {} : { excluded }),
    ...(isCinder(disk) ? { cinder: true } : {}),
  };
}

/** Why a disk is in no snapshot, whatever is asked for (oVirt sheet, section 6). */
function excludedBecause({ shareable, storageType, readOnly, snapshotID }: EngineDisk): string | undefined {
  if (storageType === 'lun') return 'it is a direct LUN';
  if (shareable) return 'it is shareable';
  if (readOnly || snapshotID !== undefined) return 'the VM has it read-only';
  return undefined;
}

/** What is seen of a snapshot of type regular; `disks` are undefined where they were not asked for. */
export function snapshotView(
  entry: EngineSnapshot,
  vmID: string,
  disks: readonly EngineSnapshotDisk[] | undefined,
): Snapshot {
  const { state, vendorState } = stateOf(entry, disks ?? []);
  const size = entry.vm === undefined ? undefined : sizeOf(entry.vm);
  return {
    id: entry.id,
    name: markedNameIn(entry.description) ?? entry.description,
    containerID: vmID,
    state,
    vendorState,
    ...(entry.createdAt === undefined ? {} : { createdAt: entry.createdAt }),
    vmID,
    vmUID: vmID,
    source: {
      ...(size === undefined ? {} : { size }),
      ...(entry.vm?.osType === undefined ? {} : { osType: entry.vm.osType }),
    },
    disks: (disks ?? []).map(snapshotDiskView),
    excludedDiskIDs: [],
    description: entry.description,
    ...(entry.memory === undefined ? {} : { memory: entry.memory }),
    ...(entry.previousID === undefined ? {} : { parentID: entry.previousID }),
    fingerprint: fingerprintOf(entry),
  };
}

/**
 * How a regular entry stands. One without a configuration, or with a disk that is damaged, cannot be restored from,
 * whatever its status says (oVirt sheet, sections 9 and 10).
 */
function stateOf(
  entry: EngineSnapshot,
  disks: readonly EngineSnapshotDisk[],
): Pick<Snapshot, 'state' | 'vendorState'> {
  const { status } = entry;
  if (status === 'locked') return { state: 'Locked', vendorState: status };
  if (status !== 'ok' && status !== 'in_preview') return { state: 'Unrecognised', vendorState: status };
  const illegal = disks.filter((disk) => disk.status === 'illegal').map(({ name }) => name);
  if (illegal.length > 0)
    return { state: 'Failed', vendorState: `${status}, with illegal disks: ${illegal.join(', ')}` };
  const unready = disks.find((disk) => disk.status !== 'ok');
  if (unready !== undefined)
    return { state: 'Locked', vendorState: `${status}, with ${unready.name} ${unready.status}` };
  // Not there at all is damaged; a link in its place is what no engine is known to answer to a read.
  if (entry.vm === undefined && entry.vmID !== undefined)
    return { state: 'Unrecognised', vendorState: `${status}, with a link in place of the configuration` };
  if (entry.vm === undefined) return { state: 'Failed', vendorState: `${status}, without a configuration` };
  return { state: 'Succeeded', vendorState: status };
}

function snapshotDiskView(disk: EngineSnapshotDisk): SnapshotDisk {
  // There is no size of a snapshot: the most that a restore of the disk takes is told (oVirt sheet, section 9).
  const sizeBytes = disk.provisionedBytes ?? disk.actualBytes;
  return {
    id: disk.id,
    name: disk.name,
    osDisk: disk.bootable ?? false,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    snapshotID: disk.imageID,
    ...(isCinder(disk) ? { cinder: true } : {}),
    state: disk.status,
  };
}

/** What Cinder holds, by itself or by its library. */
function isCinder({ storageType }: { storageType?: string }): boolean {
  return storageType === 'cinder' || storageType === 'managed_block_storage';
}

/**
 * Of what never changes. Not of the images: the removal of a snapshot merges its images with those of the next one,
 * which may get others by that.
 */
function fingerprintOf({ createdAt, description }: EngineSnapshot): string {
  return createHash('sha256')
    .update(JSON.stringify([createdAt ?? '', description]))
    .digest('hex')
    .slice(0, 16);
}

function sizeOf({ cpus, memoryBytes }: { cpus?: number; memoryBytes?: number }): string | undefined {
  const parts = [
    ...(cpus === undefined ? [] : [`${cpus} CPU${cpus === 1 ? '' : 's'}`]),
    ...(memoryBytes === undefined ? [] : [`${Math.round(memoryBytes / 1024 ** 2)} MiB`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

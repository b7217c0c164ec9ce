import { firstEnvelopeVersion } from './api-versions.ts';
import { diskRestorePointId } from './new-restore-point.ts';
import { azureTime } from './operations.ts';
import { replicationProgress } from './replication.ts';
import { normalizeLocation } from './resource-ids.ts';
import { firstExcerptVersion } from './schema.ts';
import type { PointDisk, RestorePoint, Vm, World } from './state.ts';

/** How an answer is to look. */
export interface AnswerForm {
  apiVersion: string;
  /** With the instance view. */
  expanded: boolean;
}

/** The first Compute version that tells the encryption of disk restore points. */
const firstEncryptionVersion = '2023-03-01';

/**
 * A restore point as Azure answers it: `{name, id, properties}` and no more (Azure sheet, section 4). While it is
 * being made there are no disk restore point ids, and no consistencyMode on a default create.
 */
export function restorePointAnswer(
  world: World,
  point: RestorePoint,
  form: AnswerForm,
): Record<string, unknown> {
  const { id, name } = point;
  const properties = propertiesOf(world, point, form);
  if (form.apiVersion >= firstEnvelopeVersion) return { name, id, properties };
  // 2021-03-01: no envelope, and the creation time under another name.
  const { timeCreated, provisioningState, ...rest } = properties;
  return { name, id, ...rest, provisioningState, provisioningDetails: { creationTime: timeCreated } };
}

function propertiesOf(world: World, point: RestorePoint, form: AnswerForm): Record<string, unknown> {
  const isDone = point.succeededAt !== undefined;
  const knowsMode = isDone || point.requestedMode !== undefined || point.kind === 'copy';
  const instantAccess =
    form.apiVersion >= firstExcerptVersion && point.instantAccessDurationMinutes !== undefined;
  return {
    ...(point.excludeDisks === undefined ? {} : { excludeDisks: point.excludeDisks.map((id) => ({ id })) }),
    sourceMetadata: sourceMetadata(point, isDone, form.apiVersion),
    provisioningState: point.provisioningState,
    ...(knowsMode ? { consistencyMode: point.consistencyMode } : {}),
    timeCreated: azureTime(point.timeCreated),
    ...(point.sourceRestorePointId === undefined
      ? {}
      : { sourceRestorePoint: { id: point.sourceRestorePointId } }),
    ...(instantAccess
      ? {
          instantAccessDurationMinutes: point.instantAccessDurationMinutes,
          ...(isDone ? { instantAccessStatus: instantAccessStatus(world, point) } : {}),
        }
      : {}),
    ...(form.expanded ? instanceView(world, point, instantAccess) : {}),
  };
}

function sourceMetadata(point: RestorePoint, withIds: boolean, apiVersion: string): Record<string, unknown> {
  const { vm } = point;
  const osDisk = point.disks.find(({ isOsDisk }) => isOsDisk);
  return {
    hardwareProfile: { vmSize: vm.size },
    storageProfile: {
      ...(osDisk === undefined
        ? {}
        : { osDisk: { osType: vm.osType, ...diskAnswer(point, osDisk, withIds, apiVersion) } }),
      dataDisks: point.disks
        .filter(({ isOsDisk }) => !isOsDisk)
        .map((disk) => ({ lun: disk.disk.lun, ...diskAnswer(point, disk, withIds, apiVersion) })),
      diskControllerType: 'SCSI',
    },
    ...(vm.agent === 'absent' ? {} : { osProfile: osProfile(vm) }),
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
    vmId: vm.vmId,
    location: normalizeLocation(vm.location),
    ...(vm.userData === undefined ? {} : { userData: vm.userData }),
    hyperVGeneration: 'V2',
  };
}

/** The osProfile that VM and restore point answers share. */
export function osProfile(vm: Vm): Record<string, unknown> {
  return {
    computerName: vm.name.slice(0, 15),
    adminUsername: 'azureuser',
    ...(vm.osType === 'Windows'
      ? { windowsConfiguration: { provisionVMAgent: true, enableAutomaticUpdates: true } }
      : { linuxConfiguration: { disablePasswordAuthentication: true, provisionVMAgent: true } }),
    secrets: [],
    allowExtensionOperations: true,
    requireGuestProvisionSignal: true,
  };
}

function diskAnswer(
  point: RestorePoint,
  disk: PointDisk,
  withIds: boolean,
  apiVersion: string,
): Record<string, unknown> {
  return {
    name: disk.disk.name,
    caching: disk.disk.caching,
    diskSizeGB: disk.disk.sizeGB,
    managedDisk: { id: disk.disk.id, storageAccountType: disk.disk.sku },
    ...(withIds ? { diskRestorePoint: diskRestorePointReference(point, disk, apiVersion) } : {}),
    writeAcceleratorEnabled: disk.disk.writeAccelerator === true,
  };
}

function diskRestorePointReference(
  point: RestorePoint,
  disk: PointDisk,
  apiVersion: string,
): Record<string, unknown> {
  const { type, diskEncryptionSetId } = disk.encryption;
  if (apiVersion < firstEncryptionVersion) return { id: diskRestorePointId(point, disk) };
  return {
    id: diskRestorePointId(point, disk),
    ...(disk.sourceDiskRestorePointId === undefined
      ? {}
      : { sourceDiskRestorePoint: { id: disk.sourceDiskRestorePointId } }),
    encryption: {
      ...(diskEncryptionSetId === undefined ? {} : { diskEncryptionSet: { id: diskEncryptionSetId } }),
      type,
    },
  };
}

function instanceView(world: World, point: RestorePoint, instantAccess: boolean): Record<string, unknown> {
  if (point.kind === 'local' && !instantAccess && world.behaviour.localInstanceView === 'absent') return {};
  if (point.succeededAt === undefined) return { instanceView: {} };
  const diskRestorePoints = point.disks.map((disk) => ({
    id: diskRestorePointId(point, disk),
    ...(instantAccess ? { snapshotAccessState: instantAccessStatus(world, point) } : {}),
    ...(disk.replication === undefined ? {} : { replicationStatus: replicationStatus(world, disk) }),
  }));
  return { instanceView: { diskRestorePoints } };
}

function replicationStatus(world: World, disk: PointDisk): Record<string, unknown> {
  if (disk.replication === undefined) return {};
  const { clock, durations, behaviour } = world;
  const refresh = clock.scale(durations.replicationRefreshSeconds);
  const { state, percent } = replicationProgress(disk.replication, clock.now(), refresh);
  const display = {
    replicating: 'Replicating',
    succeeded: behaviour.replicatedDisplayStatus,
    failed: 'Failed',
  };
  return {
    status: {
      code: `ReplicationState/${state}`,
      level: state === 'failed' ? 'Error' : 'Info',
      displayStatus: display[state],
    },
    ...(percent === undefined ? {} : { completionPercent: percent }),
  };
}

/** Instant access lasts for the time asked for, and the background copy runs meanwhile. */
function instantAccessStatus(world: World, point: RestorePoint): string {
  const { clock, durations } = world;
  const now = clock.now();
  const succeededAt = point.succeededAt ?? now;
  const ends = succeededAt + clock.scale((point.instantAccessDurationMinutes ?? 0) * 60);
  const copied = succeededAt + clock.scale(durations.replicationSeconds);
  if (now < copied) return now < ends ? 'InstantAccess' : 'Pending';
  return now < ends ? 'AvailableWithInstantAccess' : 'Available';
}

import { randomUUID } from 'node:crypto';
import { ArmError, invalidParameter, operationNotAllowed } from './errors.ts';
import { isReplicating } from './replication.ts';
import { computeId, equalNames, keyOf, normalizeLocation } from './resource-ids.ts';
import { disksToTake, refusalOf } from './snapshot-rules.ts';
import type { Collection, ConsistencyMode, PointDisk, RestorePoint, Vm, World } from './state.ts';
import type { Charge } from './throttle.ts';

interface DiskInput {
  managedDisk?: { id?: string };
  diskRestorePoint?: {
    sourceDiskRestorePoint?: { id?: string };
    encryption?: { type?: string; diskEncryptionSet?: { id?: string } };
  };
}

/** The `properties` that a client may send, after the contract was checked. */
export interface RestorePointInput {
  consistencyMode?: ConsistencyMode;
  excludeDisks?: { id?: string }[];
  sourceRestorePoint?: { id?: string };
  timeCreated?: string;
  sourceMetadata?: { storageProfile?: { osDisk?: DiskInput; dataDisks?: DiskInput[] } };
  instantAccessDurationMinutes?: number;
}

/** A point that is about to be made. */
export interface Draft {
  point: RestorePoint;
  /** The hourly quota that it draws from. */
  charges: Charge[];
  /** Why the platform will not do it now, where that may also be told by an operation that fails. */
  refusal: ArmError | undefined;
}

/**
 * Drafts a restore point of the collection's VM, in the VM's region or directly in another one.
 *
 * @throws ArmError for what is refused at once in any case
 */
export function draftPoint(
  world: World,
  collection: Collection,
  name: string,
  input: RestorePointInput,
): Draft {
  const vm = world.vms.get(keyOf(collection.sourceId));
  if (vm === undefined) {
    throw new ArmError(
      404,
      'NotFound',
      `The virtual machine '${collection.sourceId}' of the restore point collection was not found.`,
    );
  }
  if (input.sourceRestorePoint !== undefined) {
    throw invalidParameter(
      'A source restore point can be given only in a collection whose source is a restore point collection.',
      'sourceRestorePoint',
    );
  }
  const isDirect = normalizeLocation(vm.location) !== normalizeLocation(collection.location);
  if (isDirect && input.consistencyMode === 'CrashConsistent') {
    throw invalidParameter(
      'Crash consistent restore points cannot be created directly in another region.',
      'restorePoint.consistencyMode',
    );
  }
  checkInstantAccess(collection, input);
  const excluded = (input.excludeDisks ?? []).map(({ id }) => id ?? '');
  const disks = disksToTake(vm, excluded);
  const mode = input.consistencyMode === 'CrashConsistent' ? 'CrashConsistent' : undefined;
  const encryption = encryptionByDisk(
    world,
    collection,
    input,
    disks.map(({ disk }) => disk.id),
  );
  const point = pointOf(world, collection, name, isDirect ? 'direct' : 'local', vm, {
    requestedMode: mode,
    consistencyMode: mode ?? achievedMode(vm),
    excludeDisks: input.excludeDisks === undefined ? undefined : excluded,
    instantAccessDurationMinutes: input.instantAccessDurationMinutes,
  });
  point.disks = disks.map(({ disk, isOsDisk }) => ({
    disk,
    isOsDisk,
    name: `${disk.name}_${randomUUID()}`,
    encryption: encryption.get(keyOf(disk.id)) ?? {
      type:
        disk.encryptionSetId === undefined
          ? 'EncryptionAtRestWithPlatformKey'
          : 'EncryptionAtRestWithCustomerKey',
      diskEncryptionSetId: disk.encryptionSetId,
    },
    sourceDiskRestorePointId: undefined,
    replication: undefined,
    access: undefined,
    familyId: randomUUID(),
  }));
  const policy =
    mode === undefined ? 'CreateApplicationConsistentRestorePoint' : 'CreateCrashConsistentRestorePoint';
  return { point, charges: [{ policy, key: vm.id }], refusal: refusalOf(world, vm, disks, mode) };
}

/**
 * Drafts the copy of a restore point into another region.
 *
 * @throws ArmError for what the rules of copying forbid
 */
export function draftCopy(world: World, target: Collection, name: string, input: RestorePointInput): Draft {
  const sourceId = input.sourceRestorePoint?.id;
  if (sourceId === undefined) {
    throw invalidParameter(
      'A restore point in a collection whose source is a restore point collection needs a source restore point.',
      'sourceRestorePoint.id',
    );
  }
  for (const refused of ['consistencyMode', 'excludeDisks', 'instantAccessDurationMinutes'] as const) {
    if (input[refused] !== undefined) {
      throw invalidParameter(
        `The parameter '${refused}' cannot be given when a restore point is copied.`,
        refused,
      );
    }
  }
  const source = world.pointById(sourceId);
  if (source === undefined) {
    throw new ArmError(404, 'NotFound', `The source restore point '${sourceId}' was not found.`);
  }
  refuseUnlessCopiable(world, source, target);
  const encryption = encryptionByDisk(
    world,
    target,
    input,
    source.disks.map((disk) => diskRestorePointId(source, disk)),
  );
  const copy = pointOf(world, target, name, 'copy', source.vm, {
    requestedMode: undefined,
    consistencyMode: source.consistencyMode,
    excludeDisks: source.excludeDisks,
    instantAccessDurationMinutes: undefined,
  });
  copy.sourceRestorePoint = source;
  copy.sourceRestorePointId = source.id;
  copy.timeCreated = source.timeCreated;
  copy.disks = source.disks.map((disk) => ({
    disk: disk.disk,
    isOsDisk: disk.isOsDisk,
    name: `${disk.disk.name}_${randomUUID()}`,
    // Without a set for the target, a copy lands encrypted with the platform's key.
    encryption: encryption.get(keyOf(diskRestorePointId(source, disk))) ?? {
      type: 'EncryptionAtRestWithPlatformKey',
      diskEncryptionSetId: undefined,
    },
    sourceDiskRestorePointId: diskRestorePointId(source, disk),
    replication: undefined,
    access: undefined,
    familyId: disk.familyId,
  }));
  return { point: copy, charges: [{ policy: 'CopyRestorePoint', key: target.id }], refusal: undefined };
}

/** The id of a disk restore point. */
export function diskRestorePointId(point: RestorePoint, disk: PointDisk): string {
  return `${point.id}/diskRestorePoints/${disk.name}`;
}

/** The platform's rules for copies (Azure sheet, section 7); their exact errors are unconfirmed. */
function refuseUnlessCopiable(world: World, source: RestorePoint, target: Collection): void {
  const now = world.clock.now();
  if (source.kind === 'copy') {
    throw invalidParameter(
      'A restore point that is itself a copy cannot be copied.',
      'sourceRestorePoint.id',
    );
  }
  if (!equalNames(source.collection.id, target.sourceId)) {
    throw invalidParameter(
      `The source restore point is not in the restore point collection '${target.sourceId}', which is the source of ` +
        `'${target.name}'.`,
      'sourceRestorePoint.id',
    );
  }
  if (normalizeLocation(source.collection.location) === normalizeLocation(target.location)) {
    throw invalidParameter('A restore point cannot be copied within its region.', 'sourceRestorePoint.id');
  }
  if (source.provisioningState !== 'Succeeded' || isReplicating(source, now)) {
    throw operationNotAllowed(`The source restore point '${source.name}' is not complete.`);
  }
  const inRegion = world
    .allPoints()
    .filter((point) => normalizeLocation(point.collection.location) === normalizeLocation(target.location));
  const running = [...target.points.values()].find((point) => isReplicating(point, now));
  if (running !== undefined) {
    throw operationNotAllowed(
      `The copy '${running.name}' from the same source collection is in progress; wait until it has completed.`,
    );
  }
  if (inRegion.some((point) => point.sourceRestorePoint === source && point.provisioningState !== 'Failed')) {
    throw operationNotAllowed(
      `The restore point '${source.name}' has been copied to '${target.location}' already.`,
    );
  }
  if (target.newestCopied !== undefined && source.timeCreated < target.newestCopied) {
    throw operationNotAllowed(
      `The restore point '${source.name}' is older than one that has been copied to '${target.name}' already; ` +
        'restore points must be copied in the order of their creation.',
    );
  }
}

function checkInstantAccess(collection: Collection, input: RestorePointInput): void {
  const minutes = input.instantAccessDurationMinutes;
  if (minutes === undefined) return;
  if (collection.instantAccess !== true) {
    throw invalidParameter(
      'Instant access needs a restore point collection with instantAccess enabled.',
      'instantAccessDurationMinutes',
    );
  }
  if (minutes < 60 || minutes > 300) {
    throw invalidParameter(
      'The instant access duration must be 60 to 300 minutes.',
      'instantAccessDurationMinutes',
    );
  }
}

/** What a create without a mode achieves (Azure sheet, section 6). */
function achievedMode(vm: Vm): ConsistencyMode {
  if (vm.agent === 'absent' || vm.power !== 'running') return 'CrashConsistent';
  if (vm.osType === 'Linux') return 'FileSystemConsistent';
  return (vm.vssFallbacks ?? 0) > 0 ? 'FileSystemConsistent' : 'ApplicationConsistent';
}

function encryptionByDisk(
  world: World,
  collection: Collection,
  input: RestorePointInput,
  known: readonly string[],
): Map<string, PointDisk['encryption']> {
  const isCopy = collection.sourceKind === 'collection';
  const profile = input.sourceMetadata?.storageProfile;
  const encryption = new Map<string, PointDisk['encryption']>();
  for (const disk of [...(profile?.osDisk ? [profile.osDisk] : []), ...(profile?.dataDisks ?? [])]) {
    const target = isCopy
      ? 'diskRestorePoint.sourceDiskRestorePoint.id'
      : 'sourceMetadata.storageProfile.managedDisk.id';
    const id = isCopy ? disk.diskRestorePoint?.sourceDiskRestorePoint?.id : disk.managedDisk?.id;
    if (id === undefined || !known.some((candidate) => equalNames(candidate, id))) {
      throw invalidParameter(
        `The disk '${id ?? ''}' is not part of the source of the restore point.`,
        target,
      );
    }
    if (isCopy && disk.managedDisk !== undefined) {
      throw invalidParameter('A managed disk cannot be given when a restore point is copied.', target);
    }
    const wanted = disk.diskRestorePoint?.encryption;
    if (wanted === undefined) continue;
    const setId = wanted.diskEncryptionSet?.id;
    const type =
      wanted.type ??
      (setId === undefined ? 'EncryptionAtRestWithPlatformKey' : 'EncryptionAtRestWithCustomerKey');
    if ((type === 'EncryptionAtRestWithPlatformKey') !== (setId === undefined)) {
      throw invalidParameter(
        `The encryption type '${type}' ${setId === undefined ? 'needs' : 'takes no'} disk encryption set.`,
        'diskRestorePoint.encryption',
      );
    }
    if (setId !== undefined) {
      const location = world.encryptionSets.get(keyOf(setId));
      if (location === undefined) {
        throw new ArmError(404, 'NotFound', `The disk encryption set '${setId}' was not found.`);
      }
      if (normalizeLocation(location) !== normalizeLocation(collection.location)) {
        throw invalidParameter(
          `The disk encryption set '${setId}' is not in the region '${collection.location}'.`,
          'diskRestorePoint.encryption.diskEncryptionSet.id',
        );
      }
    }
    encryption.set(keyOf(id), { type, diskEncryptionSetId: setId });
  }
  return encryption;
}

function pointOf(
  world: World,
  collection: Collection,
  name: string,
  kind: RestorePoint['kind'],
  vm: Vm,
  fields: Pick<
    RestorePoint,
    'requestedMode' | 'consistencyMode' | 'excludeDisks' | 'instantAccessDurationMinutes'
  >,
): RestorePoint {
  return {
    id: `${computeId(collection.subscription, collection.resourceGroup, 'restorePointCollections', collection.name)}/restorePoints/${name}`,
    name,
    collection,
    kind,
    vm: { ...vm, creating: undefined },
    ...fields,
    sourceRestorePoint: undefined,
    sourceRestorePointId: undefined,
    timeCreated: world.clock.now(),
    provisioningState: 'Creating',
    disks: [],
    visibleAt: 0,
    succeededAt: undefined,
    deletion: undefined,
  };
}

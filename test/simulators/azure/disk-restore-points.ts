import { randomBytes } from 'node:crypto';
import type { WireResponse } from '../common/http-server.ts';
import { checkBody } from './contract.ts';
import { entityNotFound, invalidParameter, operationNotAllowed } from './errors.ts';
import { diskRestorePointId } from './new-restore-point.ts';
import { azureTime, json } from './operations.ts';
import { page } from './paging.ts';
import { replicationProgress } from './replication.ts';
import { type ArmRequest, parameter } from './requests.ts';
import { equalNames } from './resource-ids.ts';
import { accepted, outcomeOf, requirePoint } from './restore-points.ts';
import type { PointDisk, RestorePoint, World } from './state.ts';

/** GET of a disk restore point. */
export function getDiskRestorePoint(world: World, request: ArmRequest): WireResponse {
  const { point, disk } = requireDisk(world, request);
  return json(200, diskRestorePointAnswer(world, point, disk));
}

/** The disk restore points of a restore point. */
export function listDiskRestorePoints(world: World, request: ArmRequest): WireResponse {
  const point = requirePoint(world, request);
  const disks = point.succeededAt === undefined ? [] : point.disks;
  return page(world, request, disks, (disk) => diskRestorePointAnswer(world, point, disk));
}

/** POST beginGetAccess: a SAS on the disk restore point's data; one that lives is extended (Azure sheet, section 10). */
export function grantAccess(world: World, request: ArmRequest): WireResponse {
  const { point, disk } = requireDisk(world, request);
  checkBody(request.operation, request.apiVersion, request.body);
  const input = request.body as { access: string; durationInSeconds: number };
  if (input.access !== 'Read') throw invalidParameter("Only 'Read' access can be granted.", 'access');
  if (point.provisioningState !== 'Succeeded') {
    throw operationNotAllowed(`The restore point '${point.name}' is not complete.`);
  }
  return begin(world, request, point, (at) => {
    const live = disk.access !== undefined && disk.access.endsAt > at ? disk.access.sas : undefined;
    const sas =
      live ??
      `https://md-simulated.z1.blob.storage.azure.net/${randomBytes(6).toString('hex')}/abcd?sv=2018-03-28&sr=b&sig=${randomBytes(32).toString('hex')}`;
    disk.access = { sas, endsAt: at + world.clock.scale(input.durationInSeconds) };
    return { accessSAS: sas };
  });
}

/** POST endGetAccess. */
export function revokeAccess(world: World, request: ArmRequest): WireResponse {
  const { point, disk } = requireDisk(world, request);
  return begin(world, request, point, () => {
    disk.access = undefined;
    return undefined;
  });
}

function begin(
  world: World,
  request: ArmRequest,
  point: RestorePoint,
  effect: (at: number) => unknown,
): WireResponse {
  const { subscription, location } = point.collection;
  const operation = world.operations.begin('disk', subscription, location, request.apiVersion);
  const outcome = outcomeOf(request, world.durations.diskSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      if (outcome.error === undefined) operation.output = effect(at);
      world.operations.end(operation, at, outcome.error);
    });
  }
  return accepted(world, operation);
}

function requireDisk(world: World, request: ArmRequest): { point: RestorePoint; disk: PointDisk } {
  const point = requirePoint(world, request);
  const name = parameter(request, 'diskRestorePointName');
  const disk = point.disks.find((candidate) => equalNames(candidate.name, name));
  if (disk === undefined || point.succeededAt === undefined) throw entityNotFound();
  return { point, disk };
}

function diskRestorePointAnswer(world: World, point: RestorePoint, disk: PointDisk): Record<string, unknown> {
  const { type, diskEncryptionSetId } = disk.encryption;
  return {
    id: diskRestorePointId(point, disk),
    name: disk.name,
    properties: {
      timeCreated: azureTime(point.timeCreated),
      sourceResourceId: disk.sourceDiskRestorePointId ?? disk.disk.id,
      ...(disk.isOsDisk ? { osType: point.vm.osType, hyperVGeneration: 'V2' } : {}),
      familyId: disk.familyId,
      sourceUniqueId: disk.disk.uniqueId,
      encryption: {
        ...(diskEncryptionSetId === undefined ? {} : { diskEncryptionSetId }),
        type,
      },
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
      ...replication(world, point, disk),
    },
  };
}

function replication(world: World, point: RestorePoint, disk: PointDisk): Record<string, unknown> {
  if (disk.replication === undefined) return {};
  const refresh = world.clock.scale(world.durations.replicationRefreshSeconds);
  const { state, percent } = replicationProgress(disk.replication, world.clock.now(), refresh);
  const states = { replicating: 'Replicating', succeeded: 'Succeeded', failed: 'Failed' };
  return {
    replicationState: states[state],
    ...(percent === undefined ? {} : { completionPercent: percent }),
    sourceResourceLocation: point.sourceRestorePoint?.collection.location ?? point.vm.location,
  };
}

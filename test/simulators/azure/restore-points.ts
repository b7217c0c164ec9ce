import { faultOfKind } from '../common/faults.ts';
import type { WireResponse } from '../common/http-server.ts';
import { firstEnvelopeVersion } from './api-versions.ts';
import { checkBody } from './contract.ts';
import { ArmError, contractError, entityNotFound, operationNotAllowed, parentNotFound } from './errors.ts';
import { refuseIfLocked, refuseIfReadOnly } from './locks.ts';
import { type Draft, draftCopy, draftPoint, type RestorePointInput } from './new-restore-point.ts';
import { json, type LongRunningOperation } from './operations.ts';
import { isReplicating } from './replication.ts';
import { type ArmRequest, checkResourceName, parameter, scopeOf } from './requests.ts';
import { equalNames, keyOf, normalizeLocation } from './resource-ids.ts';
import { restorePointAnswer } from './restore-point-answer.ts';
import { guestFailure } from './snapshot-rules.ts';
import type { RestorePoint, World } from './state.ts';

/** What a fault or the state of guest and platform make of a create. */
interface Outcome {
  seconds: number;
  error: { code: string; message: string } | undefined;
  vanishes: boolean;
  stuck: boolean;
}

/** PUT of a restore point: a create, a direct create in another region, or a copy. */
export function createRestorePoint(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const name = parameter(request, 'restorePointName');
  checkResourceName(name, 'restorePointName');
  const collectionName = parameter(request, 'restorePointCollectionName');
  const collection = world.collection(subscription, resourceGroup, collectionName);
  if (collection === undefined) throw parentNotFound(collectionName, 'write');
  const input = readInput(request);
  const existing = collection.points.get(keyOf(name));
  if (existing !== undefined) return answerSecondPut(world, request, existing);
  if (collection.provisioningState === 'Deleting') {
    throw operationNotAllowed(`The restore point collection '${collection.name}' is being deleted.`);
  }
  refuseIfReadOnly(world, collection.id);
  const draft =
    collection.sourceKind === 'collection'
      ? draftCopy(world, collection, name, input)
      : draftPoint(world, collection, name, input);
  return begin(world, request, draft);
}

/** GET of a restore point. */
export function getRestorePoint(world: World, request: ArmRequest): WireResponse {
  const point = requirePoint(world, request);
  return json(200, pointBody(world, request, point, request.wire.query.get('$expand') === 'instanceView'));
}

/** DELETE of a restore point. */
export function deleteRestorePoint(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const collection = world.collection(
    subscription,
    resourceGroup,
    parameter(request, 'restorePointCollectionName'),
  );
  const name = parameter(request, 'restorePointName');
  // What cannot be seen yet is not known here either: it shows up later in spite of this deletion.
  const visible = collection === undefined ? [] : world.visiblePoints(collection);
  const point = visible.find((candidate) => equalNames(candidate.name, name));
  if (point === undefined) return { status: 204, headers: {} };
  refuseIfLocked(world, point.id);
  const running = point.deletion === undefined ? undefined : world.operations.get(point.deletion);
  if (running?.status === 'InProgress') return accepted(world, running);
  refuseIfBusy(world, [point]);

  const operation = world.operations.begin(
    'compute',
    subscription,
    point.collection.location,
    request.apiVersion,
  );
  const previous = point.provisioningState;
  point.deletion = operation.id;
  point.provisioningState = 'Deleting';
  const outcome = outcomeOf(request, world.durations.deletePointSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      world.operations.end(operation, at, outcome.error);
      if (outcome.error === undefined) removePoint(world, point, at, request.clientRequestId);
      else point.provisioningState = previous;
    });
  }
  return accepted(world, operation);
}

/** Removes a point for good and notes it. */
export function removePoint(world: World, point: RestorePoint, at: number, clientRequestId?: string): void {
  if (!point.collection.points.delete(keyOf(point.name))) return;
  const vm = world.vms.get(keyOf(point.vm.id));
  if (vm?.creating === point) vm.creating = undefined;
  world.record('point-deleted', point, at, clientRequestId);
}

/** Refuses a deletion while data moves from or to one of the points (Azure sheet, section 9: unconfirmed). */
export function refuseIfBusy(world: World, points: readonly RestorePoint[]): void {
  const now = world.clock.now();
  for (const point of points) {
    if (point.disks.some(({ access }) => access !== undefined && access.endsAt > now)) {
      throw new ArmError(
        409,
        'DiskRestorePointUsedByCustomer',
        `The restore point '${point.name}' cannot be deleted because there is an active SAS on a disk restore point. ` +
          'Call endGetAccess on each disk restore point and retry.',
      );
    }
    if (world.behaviour.deleteWhileBusy === 'accepted') continue;
    if (point.provisioningState === 'Creating') {
      throw operationNotAllowed(
        `The restore point '${point.name}' cannot be deleted while it is being created.`,
      );
    }
    if (isReplicating(point, now)) {
      throw operationNotAllowed(
        `The restore point '${point.name}' cannot be deleted while it is being replicated.`,
      );
    }
    const copy = world
      .allPoints()
      .find((other) => other.sourceRestorePoint === point && isReplicating(other, now));
    if (copy !== undefined) {
      throw operationNotAllowed(
        `The restore point '${point.name}' cannot be deleted while it is the source of the copy '${copy.id}', ` +
          'which is in progress.',
      );
    }
  }
}

/** The answer to an accepted deletion: 202, no body, both URLs. */
export function accepted(world: World, operation: LongRunningOperation): WireResponse {
  return {
    status: 202,
    headers: {
      'Azure-AsyncOperation': world.operations.statusUrl(operation),
      'Azure-AsyncNotification': 'Enabled',
      Location: world.operations.resultUrl(operation),
    },
  };
}

/** The point that a request names, or a 404 in the form that fits what is missing. */
export function requirePoint(world: World, request: ArmRequest): RestorePoint {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const collectionName = parameter(request, 'restorePointCollectionName');
  const collection = world.collection(subscription, resourceGroup, collectionName);
  if (collection === undefined) throw parentNotFound(collectionName, 'read');
  const name = request.parameters.restorePointName ?? parameter(request, 'vmRestorePointName');
  const point = world.visiblePoints(collection).find((candidate) => equalNames(candidate.name, name));
  if (point === undefined) throw entityNotFound();
  return point;
}

/** What a deletion or create with these faults comes to. */
export function outcomeOf(request: ArmRequest, seconds: number): Outcome {
  const failed = faultOfKind(request.faults, 'operation-failed');
  return {
    seconds: faultOfKind(request.faults, 'duration')?.seconds ?? seconds,
    error: failed === undefined ? undefined : { code: failed.code, message: failed.message },
    vanishes: failed?.leaves === 'vanished',
    stuck: faultOfKind(request.faults, 'operation-stuck') !== undefined,
  };
}

function readInput(request: ArmRequest): RestorePointInput {
  const flat = request.apiVersion < firstEnvelopeVersion;
  const body = flat ? { properties: request.body } : request.body;
  checkBody(request.operation, request.apiVersion, body);
  const input = ((body as { properties?: unknown }).properties ?? {}) as RestorePointInput;
  if (input.timeCreated !== undefined) {
    throw contractError(
      400,
      'InvalidParameter',
      "The property 'properties.timeCreated' is set by the service and must not be sent.",
      'properties.timeCreated',
    );
  }
  if (input.consistencyMode !== undefined && input.consistencyMode !== 'CrashConsistent') {
    throw contractError(
      400,
      'InvalidParameter',
      `The value '${input.consistencyMode}' of parameter 'restorePoint.consistencyMode' is not accepted. Only ` +
        "'CrashConsistent' can be asked for; omit the parameter for an application consistent restore point.",
      'restorePoint.consistencyMode',
    );
  }
  return input;
}

function answerSecondPut(world: World, request: ArmRequest, existing: RestorePoint): WireResponse {
  if (world.behaviour.secondPut === 'created') return json(201, pointBody(world, request, existing, false));
  const message =
    `The restore point '${existing.name}' already exists. Updating properties of an existing restore point is not ` +
    'allowed.';
  throw world.behaviour.secondPut === 'bad-request'
    ? new ArmError(400, 'InvalidParameter', message, { target: 'restorePointName' })
    : new ArmError(409, 'OperationNotAllowed', message);
}

function pointBody(world: World, request: ArmRequest, point: RestorePoint, expanded: boolean): unknown {
  return restorePointAnswer(world, point, { apiVersion: request.apiVersion, expanded });
}

/** Takes a draft into the collection and begins the work on it. */
function begin(world: World, request: ArmRequest, { point, charges, refusal }: Draft): WireResponse {
  if (refusal !== undefined && world.behaviour.refusals === 'synchronous') throw refusal;
  const left = world.throttle.take(charges);
  const now = world.clock.now();
  const late = faultOfKind(request.faults, 'late-effect');
  point.visibleAt = late === undefined ? now : now + late.milliseconds;
  point.collection.points.set(keyOf(point.name), point);
  world.record('point-created', point, now, request.clientRequestId);

  const { subscription, location } = point.collection;
  const operation = world.operations.begin('compute', subscription, location, request.apiVersion);
  const outcome = outcomeOf(request, secondsOf(world, point));
  const refused = refusal && { code: refusal.code, message: refusal.message };
  const unable = (outcome.error ?? refused) ? undefined : guest(world, point);
  const vm = world.vms.get(keyOf(point.vm.id));
  if (point.kind === 'copy') point.collection.newestCopied = point.timeCreated;
  else if (vm !== undefined && refusal === undefined) vm.creating = point;
  if (!outcome.stuck) {
    const seconds = unable?.seconds ?? outcome.seconds;
    const failure = outcome.error ?? refused ?? unable?.error;
    world.clock.schedule(now + world.clock.scale(seconds), (at) => {
      finish(world, request, point, operation, failure, outcome.vanishes, at);
    });
  }
  return {
    ...json(201, pointBody(world, request, point, false)),
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'Azure-AsyncOperation': world.operations.statusUrl(operation),
      'Azure-AsyncNotification': 'Enabled',
      ...(world.behaviour.createHeaders === 'with-location'
        ? { Location: world.operations.resultUrl(operation), 'Retry-After': '10' }
        : {}),
      ...world.throttle.remainingHeader(charges, left),
    },
  };
}

/** Ends the work on a point: Succeeded, or Failed and left behind or vanished. */
function finish(
  world: World,
  request: ArmRequest,
  point: RestorePoint,
  operation: LongRunningOperation,
  failure: { code: string; message: string } | undefined,
  vanishes: boolean,
  at: number,
): void {
  const vm = world.vms.get(keyOf(point.vm.id));
  if (vm?.creating === point) vm.creating = undefined;
  if (point.collection.points.get(keyOf(point.name)) !== point || point.provisioningState !== 'Creating') {
    world.operations.end(operation, at, {
      code: 'OperationPreempted',
      message: 'The operation has been preempted by a more recent operation.',
    });
    return;
  }
  world.operations.end(operation, at, failure);
  if (failure !== undefined) {
    point.provisioningState = 'Failed';
    world.record('point-failed', point, at);
    if (vanishes) removePoint(world, point, at);
    return;
  }
  if (vm?.vssFallbacks !== undefined && point.requestedMode === undefined && point.kind !== 'copy') {
    vm.vssFallbacks = Math.max(0, vm.vssFallbacks - 1);
  }
  point.provisioningState = 'Succeeded';
  point.succeededAt = at;
  world.record('point-succeeded', point, at);
  if (point.kind !== 'local') startReplication(world, request, point, at);
}

/** Lets the data of each disk move to the point's region from now on (Azure sheet, section 8). */
function startReplication(world: World, request: ArmRequest, point: RestorePoint, startedAt: number): void {
  const fault = faultOfKind(request.faults, 'replication-failed');
  const limit = world.durations.replicationLimitSeconds;
  for (const disk of point.disks) {
    const seconds = disk.disk.replicationSeconds ?? world.durations.replicationSeconds;
    const fails = fault !== undefined && (fault.disk === undefined || equalNames(fault.disk, disk.disk.name));
    const failsAfter = fails ? (fault.afterSeconds ?? seconds / 2) : seconds > limit ? limit : undefined;
    disk.replication = {
      startedAt,
      endsAt: startedAt + world.clock.scale(seconds),
      failsAt: failsAfter === undefined ? undefined : startedAt + world.clock.scale(failsAfter),
    };
    if (disk.replication.failsAt !== undefined && world.behaviour.failedReplication === 'point-failed') {
      world.clock.schedule(disk.replication.failsAt, (at) => {
        if (point.provisioningState !== 'Succeeded') return;
        point.provisioningState = 'Failed';
        world.record('point-failed', point, at);
      });
    }
  }
}

function secondsOf(world: World, point: RestorePoint): number {
  const { durations } = world;
  if (point.kind === 'copy') return durations.copyStartSeconds;
  const chosen =
    point.vm.createSeconds ?? durations.createSecondsByRegion[normalizeLocation(point.vm.location)];
  if (chosen !== undefined) return chosen;
  return point.requestedMode === undefined ? durations.createSeconds : durations.crashConsistentCreateSeconds;
}

/** What the guest makes of a create, after the time the service waits for it. */
function guest(
  world: World,
  point: RestorePoint,
): { error: { code: string; message: string }; seconds: number } | undefined {
  const error = point.kind === 'copy' ? undefined : guestFailure(point.vm, point.requestedMode);
  if (error === undefined) return undefined;
  const waits = error.code === 'VMAgentStatusCommunicationError';
  return { error, seconds: waits ? world.durations.agentTimeoutSeconds : world.durations.createSeconds };
}

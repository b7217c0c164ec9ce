import { randomUUID } from 'node:crypto';
import { type FaultInjector, faultOfKind } from '../common/faults.ts';
import type { WireHandler, WireHandling, WireRequest, WireResponse } from '../common/http-server.ts';
import { RequestLog } from '../common/request-log.ts';
import { firstEnvelopeVersion } from './api-versions.ts';
import { getMetadata, getResourceGroup, getSubscription } from './arm.ts';
import { type Authorization, linkedIds } from './authorization.ts';
import {
  deleteCollection,
  getCollection,
  listCollections,
  patchCollection,
  putCollection,
} from './collections.ts';
import { answerViolations, checkRequest, isPolling, type MatchedRequest, matchRequest } from './contract.ts';
import {
  getDiskRestorePoint,
  grantAccess,
  listDiskRestorePoints,
  revokeAccess,
} from './disk-restore-points.ts';
import { deleteDisk, getDisk, listDisks, putDisk } from './disks.ts';
import { ArmError, contractError, gatewayHeaders } from './errors.ts';
import type { AzureFault } from './faults.ts';
import type { Identity } from './identity.ts';
import { azureTime } from './operations.ts';
import { type ArmRequest, parameter } from './requests.ts';
import { createRestorePoint, deleteRestorePoint, getRestorePoint } from './restore-points.ts';
import type { World } from './state.ts';
import { armThrottled, computeThrottled } from './throttle.ts';
import { changePower, getVm, listVms } from './virtual-machines.ts';

/** What the log tells of each request, and of one that the contract does not allow. */
export interface ArmRecord {
  clientRequestId: string | undefined;
}
export interface ArmRefusal {
  status: number;
  code: string;
}

/** What the ARM server works with. */
export interface ArmServerParts {
  world: World;
  identity: Identity;
  authorization: Authorization;
  faults: FaultInjector<AzureFault>;
  verifyAnswers: boolean;
}

type Handler = (world: World, request: ArmRequest) => WireResponse;

const handlers: Record<string, Handler> = {
  RestorePointCollections_CreateOrUpdate: putCollection,
  RestorePointCollections_Update: patchCollection,
  RestorePointCollections_Get: getCollection,
  RestorePointCollections_List: listCollections,
  RestorePointCollections_ListAll: listCollections,
  RestorePointCollections_Delete: deleteCollection,
  RestorePoints_Create: createRestorePoint,
  RestorePoints_Get: getRestorePoint,
  RestorePoints_Delete: deleteRestorePoint,
  DiskRestorePoint_Get: getDiskRestorePoint,
  DiskRestorePoint_ListByRestorePoint: listDiskRestorePoints,
  DiskRestorePoint_GrantAccess: grantAccess,
  DiskRestorePoint_RevokeAccess: revokeAccess,
  VirtualMachines_Get: getVm,
  VirtualMachines_List: listVms,
  VirtualMachines_ListAll: listVms,
  VirtualMachines_Start: (world, request) => changePower(world, request, 'running'),
  VirtualMachines_Deallocate: (world, request) => changePower(world, request, 'deallocated'),
  Disks_Get: getDisk,
  Disks_ListByResourceGroup: listDisks,
  Disks_List: listDisks,
  Disks_CreateOrUpdate: putDisk,
  Disks_Delete: deleteDisk,
  Subscriptions_Get: getSubscription,
  ResourceGroups_Get: getResourceGroup,
  ComputeOperations_Get: poll,
  DiskOperations_Get: poll,
};

/** Azure Resource Manager and the Compute providers behind it. */
export class ArmServer {
  readonly log: RequestLog<AzureFault, ArmRecord, ArmRefusal>;
  /** Answers of the simulator that the contract does not allow: its own defects. */
  readonly answerViolations: string[] = [];
  readonly #parts: ArmServerParts;

  constructor(parts: ArmServerParts) {
    this.#parts = parts;
    this.log = new RequestLog(parts.world.clock, parts.faults);
  }

  /** Looks at a request; the server then asks for its answer, unless a fault keeps it from that. */
  handle(wire: WireRequest): WireHandling {
    const route = routeOf(wire);
    const operation = route instanceof ArmError ? 'Unknown' : route.operation.id;
    return this.#handling(operation, wire, (faults) => this.#answer(wire, route, operation, faults));
  }

  /** Handles requests to an identity endpoint, which are counted and hit by faults like any other. */
  identityHandler(operation: string, answer: (request: WireRequest) => WireResponse): WireHandler {
    return (wire) => this.#handling(operation, wire, () => answer(wire));
  }

  /** Forgets what came in. */
  reset(): void {
    this.log.reset();
    this.answerViolations.length = 0;
  }

  #handling(
    operation: string,
    wire: WireRequest,
    answer: (faults: readonly AzureFault[]) => WireResponse,
  ): WireHandling {
    const clientRequestId = wire.headers['x-ms-client-request-id'];
    return this.log.handle(operation, wire, { clientRequestId }, answer);
  }

  #answer(
    wire: WireRequest,
    route: MatchedRequest | ArmError,
    operation: string,
    faults: readonly AzureFault[],
  ): WireResponse {
    this.#parts.world.clock.settle();
    try {
      if (route instanceof ArmError) throw route;
      return withCommonHeaders(wire, this.#carryOut(wire, route, faults));
    } catch (error) {
      if (!(error instanceof ArmError)) throw error;
      if (error.options.contractViolation) {
        const { status, code } = error;
        this.log.violation(operation, wire, error.message, { status, code });
      }
      return withCommonHeaders(wire, error.toResponse());
    }
  }

  #carryOut(wire: WireRequest, route: MatchedRequest, faults: readonly AzureFault[]): WireResponse {
    const { world, identity, authorization } = this.#parts;
    const { operation, parameters } = route;
    if (operation.id === 'Metadata_Endpoints') {
      return getMetadata(identity, checkRequest(operation, wire, false).apiVersion);
    }
    const principal = identity.authenticate(wire.headers.authorization);
    if (faultOfKind(faults, 'token-expired')) {
      throw identity.unauthorized(
        'ExpiredAuthenticationToken',
        'The access token expiry UTC time is earlier than current UTC time.',
      );
    }
    if (faultOfKind(faults, 'gateway-not-found')) throw frontDoorNotFound(wire.path);
    const subscription = world.requireSubscription(parameters.subscriptionId ?? '');
    const { apiVersion, body } = isPolling(operation)
      ? { apiVersion: '', body: undefined }
      : checkRequest(operation, wire, world.behaviour.acceptVersionsWithoutEnvelope);
    authorization.check(operation.id, wire.path, linkedIds(body), principal);
    if (!subscription.registered && operation.resourceType !== '') throw notRegistered();
    this.#throttleByFault(faults, subscription.id);
    const left = world.throttle.charge(operation.id, wire.method, subscription.id, resourceKey(wire.path));

    const handler = handlers[operation.id];
    if (handler === undefined) {
      throw contractError(501, 'NotImplemented', `The simulator does not carry out '${operation.id}'.`);
    }
    const clientRequestId = wire.headers['x-ms-client-request-id'];
    const response = handler(world, {
      operation,
      wire,
      parameters,
      apiVersion,
      body,
      faults,
      clientRequestId,
    });
    if (this.#parts.verifyAnswers && !isPolling(operation) && apiVersion >= firstEnvelopeVersion) {
      this.answerViolations.push(
        ...answerViolations(operation, apiVersion, response.status, asJson(response.body)),
      );
    }
    return { ...response, headers: mergeHeaders(left, response.headers) };
  }

  #throttleByFault(faults: readonly AzureFault[], subscription: string): void {
    const fault = faultOfKind(faults, 'throttled');
    if (fault === undefined) return;
    const { world } = this.#parts;
    const now = world.clock.now();
    const { form = world.behaviour.throttleBody, retryAfterSeconds } = fault;
    if (form === 'arm') throw armThrottled('write', subscription, retryAfterSeconds);
    throw computeThrottled('PutRestorePointSubscriptionMaximum', retryAfterSeconds, form, {
      start: now,
      end: now + retryAfterSeconds * 1000,
      allowed: 150,
      measured: 151,
    });
  }
}

function poll(world: World, request: ArmRequest): WireResponse {
  return world.operations.poll(
    request.wire,
    parameter(request, 'operationId'),
    parameter(request, 'subscriptionId'),
  );
}

function routeOf(wire: WireRequest): MatchedRequest | ArmError {
  try {
    return matchRequest(wire.method, wire.path);
  } catch (error) {
    if (error instanceof ArmError) return error;
    throw error;
  }
}

/** What the per-resource policies count for: points draw from their collection's quota. */
function resourceKey(path: string): string {
  return path.replace(/\/restorePoints\/.*$/i, '');
}

function frontDoorNotFound(path: string): ArmError {
  const name = path.split('/').at(-1) ?? '';
  return new ArmError(404, 'ResourceNotFound', `The Resource '${name}' was not found.`, {
    headers: gatewayHeaders,
  });
}

function notRegistered(): ArmError {
  return new ArmError(
    409,
    'MissingSubscriptionRegistration',
    "The subscription is not registered to use namespace 'Microsoft.Compute'. See https://aka.ms/rps-not-found for " +
      'how to register subscriptions.',
    {
      details: [{ code: 'MissingSubscriptionRegistration', target: 'Microsoft.Compute' }],
      headers: gatewayHeaders,
    },
  );
}

function withCommonHeaders(wire: WireRequest, response: WireResponse): WireResponse {
  const requestId = randomUUID();
  const clientRequestId = wire.headers['x-ms-client-request-id'];
  const wantsIt = wire.headers['x-ms-return-client-request-id']?.toLowerCase() === 'true';
  return {
    ...response,
    headers: {
      'Cache-Control': 'no-cache',
      'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
      'x-ms-request-id': requestId,
      'x-ms-correlation-request-id': wire.headers['x-ms-correlation-request-id'] ?? requestId,
      'x-ms-routing-request-id': `EASTUS:${azureTime(Date.now()).slice(0, 19).replaceAll(/[-:]/g, '')}Z:${randomUUID()}`,
      ...(wantsIt && clientRequestId !== undefined ? { 'x-ms-client-request-id': clientRequestId } : {}),
      ...response.headers,
    },
  };
}

/** Joins headers that both have, such as those that tell what is left of two quotas. */
function mergeHeaders(
  one: Record<string, string | string[]>,
  other: Record<string, string | string[]>,
): Record<string, string | string[]> {
  const merged = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const before = merged[name];
    if (before === undefined) merged[name] = value;
    else if (typeof before === 'string' && typeof value === 'string') merged[name] = `${before},${value}`;
    else merged[name] = [before, value].flat();
  }
  return merged;
}

function asJson(body: unknown): unknown {
  return body === undefined ? undefined : JSON.parse(JSON.stringify(body));
}

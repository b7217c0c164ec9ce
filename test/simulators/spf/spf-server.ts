import { randomUUID } from 'node:crypto';
import { type FaultInjector, faultOfKind } from '../common/faults.ts';
import type { WireHandler, WireRequest, WireResponse } from '../common/http-server.ts';
import { RequestLog } from '../common/request-log.ts';
import { type Authentication, isHandshake, type Principal } from './authentication.ts';
import {
  createCheckpoint,
  deleteCheckpoint,
  findCheckpoint,
  listCheckpoints,
  updateCheckpoint,
} from './checkpoints.ts';
import { acceptedFormat, checkHeaders, parseBody, type Verb } from './contract.ts';
import { checkpointMembers, cloudMembers, jobMembers, vmMembers } from './entities.ts';
import { contractError, notFound, SpfError } from './errors.ts';
import type { SpfFault } from './faults.ts';
import { namesProperty, parseFilter } from './filter.ts';
import {
  entityResponse,
  errorResponse,
  type Format,
  feedResponse,
  metadataResponse,
  serviceDocument,
} from './formats.ts';
import { entityTypes, type Members, type SetName } from './model.ts';
import { type Accepted, type SpfRequest, sees } from './requests.ts';
import type { Tenant, World } from './state.ts';
import { type Door, type Key, parsePath, parseQuery, type Query, type Target } from './urls.ts';
import { findVm, listVms, operateVm } from './virtual-machines.ts';

/** What the log tells of each request, and of one that the contract does not allow. */
export interface SpfRecord {
  door: Door;
}
export interface SpfRefusal {
  status: number;
}

/** What the server works with. */
export interface SpfServerParts {
  world: World;
  authentication: Authentication;
  faults: FaultInjector<SpfFault>;
}

/** SPF behind its four doors. */
export class SpfServer {
  readonly log: RequestLog<SpfFault, SpfRecord, SpfRefusal>;
  readonly #parts: SpfServerParts;

  constructor(parts: SpfServerParts) {
    this.#parts = parts;
    this.log = new RequestLog(parts.world.clock, parts.faults);
  }

  /**
   * Handles what comes in by a door.
   *
   * @param origin scheme, host and port of the door, as its URLs bear them
   */
  handler(door: Door, origin: () => string): WireHandler {
    return (wire) => {
      const operation = operationOf(door, wire);
      return this.log.handle(operation, wire, { door }, (faults) =>
        this.#answer(door, origin(), wire, operation, faults),
      );
    };
  }

  async #answer(
    door: Door,
    origin: string,
    wire: WireRequest,
    operation: string,
    faults: readonly SpfFault[],
  ): Promise<WireResponse> {
    const { world } = this.#parts;
    world.clock.settle();
    let principal: Principal | undefined;
    try {
      if (faultOfKind(faults, 'unauthorized')) throw this.#unauthorizedByFault(door);
      principal = await this.#parts.authentication.authenticate(door, wire);
      const { response, job } = await this.#carryOut(door, origin, wire, principal, faults);
      const isJobId = world.behaviour.requestIdIsJob && !faultOfKind(faults, 'no-job-id');
      return withCommonHeaders(response, principal, isJobId ? job?.id : undefined);
    } catch (error) {
      if (!(error instanceof SpfError)) throw error;
      if (error.options.contractViolation) {
        this.log.violation(operation, wire, error.message, { status: error.status });
      }
      const isEmpty =
        error.status === 404 && error.options.form === undefined && world.behaviour.notFoundBody === 'empty';
      const response = errorResponse(error, formatOfError(wire));
      return withCommonHeaders(
        isEmpty ? { status: 404, headers: { DataServiceVersion: '1.0;' } } : response,
        principal,
        undefined,
      );
    }
  }

  async #carryOut(
    door: Door,
    origin: string,
    wire: WireRequest,
    principal: Principal,
    faults: readonly SpfFault[],
  ): Promise<{ response: WireResponse; job?: Accepted['job'] }> {
    const { world } = this.#parts;
    const target = parsePath(door, wire.path);
    const tenant = this.#tenantOf(door, target, principal);
    const verb = verbOf(world, wire);
    checkHeaders(wire, verb);
    const query = parseQuery(wire.rawQuery);
    const refused = faultOfKind(faults, 'refused');
    if (refused) throw new SpfError(refused.status, refused.code ?? '', refused.message);
    const request: SpfRequest = {
      wire,
      verb,
      root: rootOf(world, origin, target),
      tenant,
      principal: wire.headers['x-ms-principal-id'] ?? '',
      query,
      format: acceptedFormat(wire.headers),
      faults,
    };
    const { resource } = target;
    if (resource.kind === 'service' || resource.kind === 'metadata') {
      if (verb !== 'GET') throw methodNotAllowed(verb);
      return {
        response:
          resource.kind === 'metadata' ? metadataResponse() : serviceDocument(request.format, request.root),
      };
    }
    if (resource.kind === 'set') return this.#onSet(request, resource.set);
    return this.#onEntity(request, resource.set, resource.key);
  }

  async #onSet(
    request: SpfRequest,
    set: SetName,
  ): Promise<{ response: WireResponse; job?: Accepted['job'] }> {
    const { world } = this.#parts;
    if (request.verb === 'GET') return { response: this.#list(request, set) };
    if (request.verb === 'POST' && set === 'VMCheckPoints') return createCheckpoint(world, request);
    throw methodNotAllowed(request.verb);
  }

  async #onEntity(
    request: SpfRequest,
    set: SetName,
    key: Key,
  ): Promise<{ response: WireResponse; job?: Accepted['job'] }> {
    const { world } = this.#parts;
    const { verb, format, root } = request;
    if (verb === 'GET') {
      return {
        response: entityResponse(200, format, root, entityTypes[set], read(world, request, set, key)),
      };
    }
    const isUpdate = verb === 'MERGE' || verb === 'PUT' || verb === 'PATCH';
    if (set === 'VMCheckPoints' && isUpdate) return updateCheckpoint(world, request, key);
    if (set === 'VMCheckPoints' && verb === 'DELETE') return deleteCheckpoint(world, request, key);
    if (set === 'VirtualMachines' && isUpdate) return operateVm(world, request, key);
    throw methodNotAllowed(verb);
  }

  #list(request: SpfRequest, set: SetName): WireResponse {
    const { world } = this.#parts;
    const type = entityTypes[set];
    const { filter, top, skip, skipToken, count } = request.query;
    const mode = faultOfKind(request.faults, 'filter-ignored') ? 'ignored' : world.behaviour.filters[set];
    if (filter !== undefined && mode === 'refused') {
      throw new SpfError(400, '', `The set '${set}' cannot be filtered.`);
    }
    const namesStamp = filter !== undefined && namesProperty(filter, 'StampId');
    if (set === 'VMCheckPoints' && world.behaviour.checkpointsNeedStamp && !namesStamp) {
      throw new SpfError(400, '', "The mandatory property 'StampId' is missing in the filter.");
    }
    // A filter that is ignored is still read: what is no filter is a client's defect.
    const matches = filter === undefined ? () => true : parseFilter(type, filter);
    const rows = rowsOf(world, request, set)
      .filter((members) => mode === 'ignored' || matches(members))
      .toSorted((one, other) => order(one).localeCompare(order(other)));
    const rest = rows
      .filter((members) => skipToken === undefined || order(members) > skipToken)
      .slice(skip ?? 0);
    const size = Math.min(
      top ?? Number.POSITIVE_INFINITY,
      world.behaviour.pageSize ?? Number.POSITIVE_INFINITY,
    );
    const page = rest.slice(0, size);
    const last = page.at(-1);
    // The end that $top sets is no page's end.
    const continues = last !== undefined && page.length < rest.length && page.length !== top;
    return feedResponse(request.format, request.root, type, {
      rows: page,
      count: count ? rows.length : undefined,
      nextLink: continues ? nextLink(world, request, set, order(last), page.length) : undefined,
    });
  }

  #tenantOf(door: Door, target: Target, principal: Principal): Tenant | undefined {
    const { subscription } = target;
    if (subscription === undefined) return undefined;
    const form = door === 'spf' ? 'odata' : 'wap';
    if (principal.subscriptions !== undefined && !principal.subscriptions.has(subscription)) {
      throw new SpfError(403, 'UnauthorizedRequest', 'The caller has no access to the subscription.', {
        form,
      });
    }
    const tenant = this.#parts.world.tenants.get(subscription);
    if (tenant === undefined) {
      throw new SpfError(404, 'SubscriptionNotFound', 'The subscription was not found.', { form });
    }
    if (tenant.suspended) {
      throw new SpfError(403, 'SubscriptionSuspended', 'The subscription is suspended.', { form });
    }
    return tenant;
  }

  #unauthorizedByFault(door: Door): SpfError {
    this.#parts.authentication.forgetConnections();
    return this.#parts.authentication.unauthorized(door, 'any', 'A fault was asked for.');
  }
}

/** What a request is called in counts and faults, read without regard to whether it is allowed. */
function operationOf(door: Door, wire: WireRequest): string {
  if (isHandshake(wire)) return 'Handshake';
  try {
    const { resource } = parsePath(door, wire.path);
    if (resource.kind === 'service') return 'ServiceDocument';
    if (resource.kind === 'metadata') return 'Metadata';
    if (resource.kind === 'set') return `${resource.set}_${wire.method === 'POST' ? 'Create' : 'List'}`;
    if (wire.method === 'GET') return `${resource.set}_Get`;
    if (wire.method === 'DELETE') return `${resource.set}_Delete`;
    if (resource.set === 'VirtualMachines') return 'VirtualMachines_Operate';
    const restores = parseBody(wire)?.VMCheckPointAction === 'Restore';
    return `${resource.set}_${restores ? 'Restore' : 'Update'}`;
  } catch (error) {
    if (error instanceof SpfError) return 'Unknown';
    throw error;
  }
}

/** The method, or what the method of a POST stands for. */
function verbOf(world: World, wire: WireRequest): Verb {
  const { behaviour } = world;
  const tunnelled = wire.headers['x-http-method']?.toUpperCase();
  const verb = tunnelled !== undefined && wire.method === 'POST' ? tunnelled : wire.method;
  if (tunnelled !== undefined && behaviour.methodTunnel !== 'accepted') throw refusedMethod(405, verb);
  if (verb === 'MERGE') {
    if (behaviour.merge === 'method-not-allowed') throw refusedMethod(405, verb);
    if (behaviour.merge === 'not-implemented') throw refusedMethod(501, verb);
    return verb;
  }
  if (verb === 'PATCH' && behaviour.patch !== 'accepted') throw refusedMethod(405, verb);
  if (verb === 'GET' || verb === 'POST' || verb === 'PUT' || verb === 'PATCH' || verb === 'DELETE')
    return verb;
  throw contractError(501, '', `The method ${verb} is not implemented.`);
}

/** IIS, or a proxy, does not let the verb through: nothing that the client could have known. */
function refusedMethod(status: 405 | 501, verb: string): SpfError {
  const words = status === 405 ? 'Method Not Allowed' : 'Not Implemented';
  return new SpfError(status, '', `${words}: ${verb}`, { form: 'iis' });
}

function methodNotAllowed(verb: Verb): SpfError {
  return contractError(405, '', `The method ${verb} is not allowed here, or not simulated.`);
}

/** The absolute root: as the client wrote it, or SPF's own where the door does not rewrite what SPF says. */
function rootOf(world: World, origin: string, target: Target): string {
  const { internalHost } = world.behaviour;
  if (internalHost === undefined) return `${origin}${target.rootPath}`;
  const scope = target.subscription === undefined ? '' : `${target.subscription.toUpperCase()}/`;
  return `https://${internalHost}/SC2012R2/VMM/${scope}Microsoft.Management.Odata.svc/`;
}

function rowsOf(world: World, request: SpfRequest, set: SetName): Members[] {
  if (set === 'VMCheckPoints') return listCheckpoints(world, request);
  if (set === 'VirtualMachines') return listVms(world, request);
  if (set === 'Clouds') return [...world.clouds.values()].map(cloudMembers);
  return [...world.jobs.values()]
    .filter((job) => job.visibleAt <= world.clock.now() && sees(request, job.vm))
    .map((job) => jobMembers(world, job));
}

function read(world: World, request: SpfRequest, set: SetName, key: Key): Members {
  if (set === 'VMCheckPoints') return checkpointMembers(world, findCheckpoint(world, request, key));
  if (set === 'VirtualMachines') return vmMembers(world, findVm(world, request, key));
  const found = rowsOf(world, request, set).find(
    (members) => members.ID === key.id && members.StampId === key.stampId,
  );
  if (found === undefined) throw notFound(set);
  return found;
}

/** What lists are ordered by, and what a page goes on after: the key. */
function order(members: Members): string {
  return `${String(members.ID)},${String(members.StampId)}`;
}

function nextLink(world: World, request: SpfRequest, set: SetName, after: string, given: number): string {
  const { filter, top, count }: Query = request.query;
  const options = [
    ...(filter === undefined ? [] : [`$filter=${encodeURIComponent(filter)}`]),
    ...(top === undefined ? [] : [`$top=${top - given}`]),
    ...(count ? ['$inlinecount=allpages'] : []),
    `$skiptoken=${encodeURIComponent(after)}`,
  ];
  const relative = `${set}?${options.join('&')}`;
  return world.behaviour.nextLink === 'relative' ? relative : `${request.root}${relative}`;
}

function formatOfError(wire: WireRequest): Format {
  try {
    return acceptedFormat(wire.headers);
  } catch {
    return 'atom';
  }
}

function withCommonHeaders(
  response: WireResponse,
  principal: Principal | undefined,
  jobId: string | undefined,
): WireResponse {
  return {
    ...response,
    headers: {
      'Cache-Control': 'no-cache',
      Server: 'Microsoft-IIS/8.5',
      'x-ms-request-id': jobId ?? randomUUID(),
      'X-Content-Type-Options': 'nosniff',
      'request-id': randomUUID(),
      'X-AspNet-Version': '4.0.30319',
      'X-Powered-By': 'ASP.NET',
      ...principal?.headers,
      ...response.headers,
    },
  };
}

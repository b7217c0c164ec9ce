import type { WireRequest, WireResponse } from '../common/http-server.ts';
import type { Verb } from './contract.ts';
import { type VmmProblem, vmmError } from './errors.ts';
import type { SpfFault } from './faults.ts';
import type { Format } from './formats.ts';
import { beginJob, ended, type JobSpec } from './jobs.ts';
import { permissionMissing, quotaReached } from './problems.ts';
import type { Job, Tenant, Vm, World } from './state.ts';
import type { Query } from './urls.ts';

/** A request that has been let in, as the handlers see it. */
export interface SpfRequest {
  wire: WireRequest;
  verb: Verb;
  /** The absolute service root, with its slash. */
  root: string;
  /** Whom it acts as; undefined: an administrator. */
  tenant: Tenant | undefined;
  /** Of x-ms-principal-id. */
  principal: string;
  query: Query;
  format: Format;
  faults: readonly SpfFault[];
}

/** Whether a request may see what belongs to a VM. */
export function sees(request: SpfRequest, vm: Vm): boolean {
  return request.tenant === undefined || vm.ownerRole === request.tenant.subscriptionId;
}

/** @throws SpfError when the role has none of the permissions */
export function demandPermission(
  world: World,
  request: SpfRequest,
  vm: Vm,
  ...permissions: readonly [string, ...string[]]
): void {
  const { tenant } = request;
  if (tenant === undefined || permissions.some((permission) => tenant.permissions.has(permission))) return;
  throw vmmError(world.behaviour.permissionStatus, permissionMissing(permissions[0], vm));
}

/** VMM's refusal when the role's quota is used up. */
export function quotaProblem(request: SpfRequest, vm: Vm): VmmProblem | undefined {
  return request.tenant?.quotaReached === true ? quotaReached(vm) : undefined;
}

/**
 * Begins the job of a write, or refuses.
 *
 * @param problem what VMM has against it
 * @throws SpfError when refusals come at once
 */
export function begin(
  world: World,
  request: SpfRequest,
  problem: VmmProblem | undefined,
  spec: Omit<JobSpec, 'faults' | 'owner' | 'refusal'>,
): Job {
  if (problem !== undefined && world.behaviour.refusals === 'synchronous') {
    throw vmmError(world.behaviour.refusalStatus, problem);
  }
  return beginJob(world, { ...spec, faults: request.faults, owner: request.principal, refusal: problem });
}

/** What a write answers, once its job has begun; when the client wants to wait, once it has ended. */
export interface Accepted {
  job: Job;
  response: WireResponse;
}

/** The answer to an update or a delete. */
export async function accepted(world: World, request: SpfRequest, job: Job): Promise<Accepted> {
  if (!request.query.asynchronous) await ended(world, job);
  return { job, response: { status: 204, headers: { DataServiceVersion: '1.0;' } } };
}

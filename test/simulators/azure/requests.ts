import type { WireRequest } from '../common/http-server.ts';
import type { Operation } from './contract.ts';
import { contractError } from './errors.ts';
import type { AzureFault } from './faults.ts';

/** A request that passed the contract, as the operations see it. */
export interface ArmRequest {
  operation: Operation;
  wire: WireRequest;
  parameters: Record<string, string>;
  apiVersion: string;
  body: unknown;
  /** The faults that hit this request, for those that change its effect. */
  faults: readonly AzureFault[];
  clientRequestId: string | undefined;
}

/** A path parameter, which the route guarantees. */
export function parameter(request: ArmRequest, name: string): string {
  const value = request.parameters[name];
  if (value === undefined) throw new Error(`The route of ${request.operation.id} has no parameter ${name}.`);
  return value;
}

/** Subscription and resource group of a request. */
export function scopeOf(request: ArmRequest): { subscription: string; resourceGroup: string } {
  return {
    subscription: parameter(request, 'subscriptionId'),
    resourceGroup: parameter(request, 'resourceGroupName'),
  };
}

/** Checks a resource's name against Azure's rules for restore points and collections: 1 to 80 characters. */
export function checkResourceName(name: string, target: string): void {
  if (/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?$/.test(name)) return;
  throw contractError(
    400,
    'InvalidParameter',
    `The value '${name}' of parameter '${target}' is invalid: letters, digits, '_', '.' and '-', 1 to 80 of them, ` +
      `beginning with a letter or digit and ending with one or '_'.`,
    target,
  );
}

import { ArmError } from './errors.ts';
import { keyOf } from './resource-ids.ts';

/** A permission that was taken from the caller. */
export interface Denial {
  /** Such as Microsoft.Compute/restorePointCollections/write; without regard to case. */
  action: string;
  /** Only at and below this scope; absent: everywhere. */
  scope?: string;
}

/** Who asks. */
export interface Principal {
  clientId: string;
  objectId: string;
}

const prefix = 'Microsoft.Compute/';

/** The permission that each operation needs (Azure sheet, section 15). */
export const actions: Readonly<Record<string, string>> = {
  RestorePointCollections_CreateOrUpdate: `${prefix}restorePointCollections/write`,
  RestorePointCollections_Update: `${prefix}restorePointCollections/write`,
  RestorePointCollections_Get: `${prefix}restorePointCollections/read`,
  RestorePointCollections_List: `${prefix}restorePointCollections/read`,
  RestorePointCollections_ListAll: `${prefix}restorePointCollections/read`,
  RestorePointCollections_Delete: `${prefix}restorePointCollections/delete`,
  RestorePoints_Create: `${prefix}restorePointCollections/restorePoints/write`,
  RestorePoints_Get: `${prefix}restorePointCollections/restorePoints/read`,
  RestorePoints_Delete: `${prefix}restorePointCollections/restorePoints/delete`,
  DiskRestorePoint_Get: `${prefix}restorePointCollections/restorePoints/diskRestorePoints/read`,
  DiskRestorePoint_ListByRestorePoint: `${prefix}restorePointCollections/restorePoints/diskRestorePoints/read`,
  DiskRestorePoint_GrantAccess: `${prefix}restorePointCollections/restorePoints/diskRestorePoints/beginGetAccess/action`,
  DiskRestorePoint_RevokeAccess: `${prefix}restorePointCollections/restorePoints/diskRestorePoints/endGetAccess/action`,
  ComputeOperations_Get: `${prefix}locations/operations/read`,
  DiskOperations_Get: `${prefix}locations/diskOperations/read`,
  VirtualMachines_Get: `${prefix}virtualMachines/read`,
  VirtualMachines_List: `${prefix}virtualMachines/read`,
  VirtualMachines_ListAll: `${prefix}virtualMachines/read`,
  VirtualMachines_Start: `${prefix}virtualMachines/start/action`,
  VirtualMachines_Deallocate: `${prefix}virtualMachines/deallocate/action`,
  Disks_Get: `${prefix}disks/read`,
  Disks_List: `${prefix}disks/read`,
  Disks_ListByResourceGroup: `${prefix}disks/read`,
  Disks_CreateOrUpdate: `${prefix}disks/write`,
  Disks_Delete: `${prefix}disks/delete`,
  Subscriptions_Get: 'Microsoft.Resources/subscriptions/read',
  ResourceGroups_Get: 'Microsoft.Resources/subscriptions/resourceGroups/read',
};

/** The permission that reading the source of a collection or copy needs, by the source's type. */
const linkedActions: readonly { type: RegExp; action: string }[] = [
  { type: /\/restorePoints\/[^/]+$/i, action: `${prefix}restorePointCollections/restorePoints/read` },
  { type: /\/restorePointCollections\/[^/]+$/i, action: `${prefix}restorePointCollections/read` },
  { type: /\/virtualMachines\/[^/]+$/i, action: `${prefix}virtualMachines/read` },
  { type: /\/diskEncryptionSets\/[^/]+$/i, action: `${prefix}diskEncryptionSets/read` },
];

/** Which permissions the caller lacks. Everything is allowed until it is denied. */
export class Authorization {
  #denials: Denial[] = [];

  /** Takes a permission away. */
  deny(denial: Denial): void {
    this.#denials.push(denial);
  }

  /** Gives a permission back, at every scope. */
  allow(action: string): void {
    this.#denials = this.#denials.filter((denial) => keyOf(denial.action) !== keyOf(action));
  }

  /** Gives everything back. */
  clear(): void {
    this.#denials = [];
  }

  /**
   * Checks that the caller may carry out an operation.
   *
   * @param scope the path of the resource
   * @param linked ids that the request body refers to
   * @throws ArmError 403 in ARM's words
   */
  check(operationId: string, scope: string, linked: readonly string[], principal: Principal): void {
    const action = actions[operationId];
    if (action === undefined) return;
    const { clientId, objectId } = principal;
    if (this.#isDenied(action, scope)) {
      throw new ArmError(
        403,
        'AuthorizationFailed',
        `The client '${clientId}' with object id '${objectId}' does not have authorization to perform action ` +
          `'${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh ` +
          'your credentials.',
        { headers: { 'x-ms-failure-cause': 'gateway' } },
      );
    }
    for (const id of linked) {
      const needed = linkedActions.find(({ type }) => type.test(id))?.action;
      if (needed === undefined || !this.#isDenied(needed, id)) continue;
      throw new ArmError(
        403,
        'LinkedAuthorizationFailed',
        `The client '${clientId}' with object id '${objectId}' has permission to perform action '${action}' on scope ` +
          `'${scope}'; however, it does not have permission to perform action(s) '${needed}' on the linked scope(s) ` +
          `'${id}' (respectively) or the linked scope(s) are invalid.`,
        { headers: { 'x-ms-failure-cause': 'gateway' } },
      );
    }
  }

  #isDenied(action: string, scope: string): boolean {
    return this.#denials.some(
      (denial) =>
        keyOf(denial.action) === keyOf(action) &&
        (denial.scope === undefined || `${keyOf(scope)}/`.startsWith(`${keyOf(denial.scope)}/`)),
    );
  }
}

/** The ids that a request body refers to, at any depth. */
export function linkedIds(body: unknown): string[] {
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([name, value]) =>
    name === 'id' && typeof value === 'string' ? [value] : linkedIds(value),
  );
}

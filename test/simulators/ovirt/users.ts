import { EngineError } from './errors.ts';
import type { UserSpec } from './options.ts';

/** Someone who is logged in. */
export type User = Required<Omit<UserSpec, 'permissions'>> & { permissions: readonly string[] | 'all' };

/** A user from what a test says about it. */
export function userOf(spec: UserSpec): User {
  if (!spec.name.includes('@'))
    throw new RangeError(`The user ${spec.name} has no profile; give user@profile.`);
  const { name, password, admin = true, vms = [], permissions = 'all' } = spec;
  return { name, password, admin, vms, permissions };
}

/** @throws EngineError 403 when the user lacks the permission */
export function requirePermission(user: User, permission: string): void {
  if (user.permissions === 'all' || user.permissions.includes(permission)) return;
  throw new EngineError(403, 'Operation Failed', '[User is not authorized to perform this action.]');
}

/** Whether the user sees the VM. */
export function canSee(user: User, vmId: string): boolean {
  return user.admin || user.vms.includes(vmId);
}

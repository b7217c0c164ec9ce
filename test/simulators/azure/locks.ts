import { ArmError } from './errors.ts';
import { keyOf } from './resource-ids.ts';
import type { World } from './state.ts';

/** A management lock on a subscription, resource group or resource. */
export interface Lock {
  scope: string;
  level: 'CanNotDelete' | 'ReadOnly';
}

/** Refuses the deletion of something that is locked, itself or through what holds it. */
export function refuseIfLocked(world: World, id: string): void {
  refuse(world.locks, id, 'delete');
}

/** Refuses a write to something under a read-only lock. */
export function refuseIfReadOnly(world: World, id: string): void {
  refuse(
    world.locks.filter(({ level }) => level === 'ReadOnly'),
    id,
    'write',
  );
}

function refuse(locks: readonly Lock[], id: string, action: 'delete' | 'write'): void {
  const locked = locks
    .filter(({ scope }) => `${keyOf(id)}/`.startsWith(`${keyOf(scope)}/`))
    .map(({ scope }) => scope);
  if (locked.length === 0) return;
  throw new ArmError(
    409,
    'ScopeLocked',
    `The scope '${id}' cannot perform ${action} operation because following scope(s) are locked: ` +
      `'${locked.join(',')}'. Please remove the lock and try again.`,
  );
}

import { isDeepStrictEqual } from 'node:util';

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * The value as it looks after a trip through the API server: members that are undefined or null are left out,
 * at any depth outside of arrays, because a JSON merge patch can neither send nor keep them.
 */
export function normalise(value: unknown): Json | undefined {
  if (value === undefined || value === null) return undefined;
  // Through JSON, so that dates and the like compare as they are stored.
  return dropNulls(JSON.parse(JSON.stringify(value)) as Json);
}

function dropNulls(value: Json): Json {
  if (!isObject(value)) return value;
  const result = emptyObject();
  for (const [name, member] of Object.entries(value)) {
    if (member !== null) result[name] = dropNulls(member);
  }
  return result;
}

/**
 * The smallest JSON merge patch (RFC 7396) that turns `before` into `after`, both normalised; undefined when
 * they are equal, whatever the order of their members. Arrays are replaced as a whole.
 */
export function mergePatchOf(before: Json | undefined, after: Json | undefined): Json | undefined {
  if (isDeepStrictEqual(before, after)) return undefined;
  if (after === undefined) return null;
  if (before === undefined || !isObject(before) || !isObject(after)) return after;
  const patch = emptyObject();
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) patch[name] = null;
  }
  for (const [name, member] of Object.entries(after)) {
    const change = mergePatchOf(Object.hasOwn(before, name) ? before[name] : undefined, member);
    if (change !== undefined) patch[name] = change;
  }
  return patch;
}

/** Applies a JSON merge patch as RFC 7396 defines it. The arguments stay as they are. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result = emptyObject();
  if (target !== undefined && isObject(target)) Object.assign(result, target);
  for (const [name, member] of Object.entries(patch)) {
    if (member === null) delete result[name];
    else result[name] = applyMergePatch(Object.hasOwn(result, name) ? result[name] : undefined, member);
  }
  return result;
}

/** Without a prototype, so that a member named `__proto__` is a member like any other. */
function emptyObject(): { [name: string]: Json } {
  return Object.create(null) as { [name: string]: Json };
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

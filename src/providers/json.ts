/** An answer that lacks what it must have, or contradicts the question. */
export class MalformedAnswer extends Error {
  override name = 'MalformedAnswer';
}

export type JSONRecord = Record<string, unknown>;

export function isRecord(value: unknown): value is JSONRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value when it is an object, else undefined. */
export function recordOf(value: unknown): JSONRecord | undefined {
  return isRecord(value) ? value : undefined;
}

/** The value when it is a text that is not empty, else undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The value when it is a list, else undefined. */
export function listOf(value: unknown): unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

/** The value when it is a finite number that is not negative, else undefined. */
export function amountOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

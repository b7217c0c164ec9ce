/**
 * Compares two resourceVersions of one kind as the decimal numbers that every API server over etcd writes.
 * Negative, zero or positive as in a sort; undefined when either is not such a number.
 */
export function compareVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (!isVersion(a) || !isVersion(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when both are numbers and `a` comes before `b`. */
export function isOlder(a: string | undefined, b: string | undefined): boolean {
  const order = compareVersions(a, b);
  return order !== undefined && order < 0;
}

/** Digits without a leading zero, as the API server writes them. */
function isVersion(text: string | undefined): text is string {
  return text !== undefined && /^[1-9]\d{0,38}$/.test(text);
}

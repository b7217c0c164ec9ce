/** Bounds of an exponential back-off, in milliseconds. */
export interface BackoffOptions {
  /** Upper bound of the first delay. */
  baseMs: number;
  /** Upper bound of any delay. */
  maxMs: number;
  /** Growth per failure; 2 when left out. */
  factor?: number;
}

/** The upper bound of the delay after `failures` failures (1 for the first), without jitter. */
export function backoffCeiling(failures: number, options: BackoffOptions): number {
  const grown = options.baseMs * (options.factor ?? 2) ** Math.max(0, failures - 1);
  return Math.min(options.maxMs, grown);
}

/**
 * The delay after `failures` failures with full jitter: anywhere between zero and the ceiling, so that many
 * clients which failed together do not come back together.
 */
export function backoffDelay(
  failures: number,
  options: BackoffOptions,
  random: () => number = Math.random,
): number {
  return random() * backoffCeiling(failures, options);
}

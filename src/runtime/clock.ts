/** Time as the runtime sees it. Everything that waits takes a Clock, so that tests need no real waiting. */
export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. For timestamps that people read; it may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For deadlines and durations. */
  monotonic(): number;
  /** Calls `fire` once after `delayMs`; the answer cancels it. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** The longest delay that setTimeout takes; a longer one would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The machine's clock. Its timers keep the process alive: whoever waits must be stopped explicitly. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), longestTimeoutMs));
    return () => clearTimeout(timer);
  },
};

/**
 * Waits `delayMs`, or less when the signal is aborted. Answers true after the full wait and false when it was
 * cut short: a caller in a loop can then look at the signal, and has no exception to catch.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const cancel = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve(true);
    });
    const onAbort = () => {
      cancel();
      resolve(false);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

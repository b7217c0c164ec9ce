import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks `probe` until it gives something other than undefined, and gives that. What it throws counts as
 * "not yet" and is told if time runs out.
 *
 * @param what what is awaited, for the error: "the API server to be ready"
 * @param limits in milliseconds: how long in all (30 s), how long between two questions (50 ms)
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  { deadline = 30_000, interval = 50 }: { deadline?: number; interval?: number } = {},
): Promise<T> {
  const end = performance.now() + deadline;
  for (;;) {
    let last: unknown;
    try {
      const found = await probe();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      throw new Error(
        `waited ${deadline / 1000} s in vain for ${what}`,
        last === undefined ? {} : { cause: last },
      );
    }
    await delay(interval);
  }
}

/** Random numbers that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What random numbers are made into. */
export class Chance {
  readonly random: () => number;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.random = random;
  }

  happens(probability: number): boolean {
    return this.random() < probability;
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low);
  }

  /** As late as it can be, half of the time. */
  late(limitMs: number): number {
    return this.happens(0.5) ? limitMs : this.between(0, limitMs);
  }

  oneOf<T>(items: readonly [T, ...T[]]): T {
    return items[Math.floor(this.between(0, items.length))] as T;
  }
}

import type { Clock } from '../clock.ts';

interface Timer {
  at: number;
  order: number;
  fire: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #wallOffset: number;
  #elapsed = 0;
  #order = 0;
  #timers = new Set<Timer>();

  /** Starts at the given wall-clock time (milliseconds since the epoch). */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#wallOffset = startMs;
  }

  now(): number {
    return this.#wallOffset + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimer(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.#elapsed + Math.max(0, delayMs), order: this.#order++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined when none is armed. */
  get nextTimerIn(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#elapsed;
  }

  /** Moves the wall clock alone, as an administrator or NTP would. */
  jumpWallClock(byMs: number): void {
    this.#wallOffset += byMs;
  }

  /** Moves time on, firing what falls due in order; promises settle between two timers. */
  async advance(byMs: number): Promise<void> {
    const target = this.#elapsed + byMs;
    await settle();
    for (let next = this.#next(); next !== undefined && next.at <= target; next = this.#next()) {
      this.#elapsed = Math.max(this.#elapsed, next.at);
      this.#timers.delete(next);
      next.fire();
      await settle();
    }
    this.#elapsed = target;
    await settle();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.at < first.at ||
        (timer.at === first.at && timer.order < first.order)
      ) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets everything run that waits on settled promises only. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

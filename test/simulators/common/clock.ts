interface Scheduled {
  at: number;
  sequence: number;
  action: (at: number) => void;
}

/**
 * The time of a simulated vendor. Instants are real ones (milliseconds since the epoch), so that timestamps in
 * answers agree with the client's clock; durations are divided by `speed`, so that work of minutes takes
 * milliseconds.
 *
 * There are no timers: what fell due since the last look is carried out by `settle`, in order of time, before the
 * state is read or changed.
 */
export class SimulatedClock {
  readonly speed: number;
  #skippedMilliseconds = 0;
  #scheduled: Scheduled[] = [];
  #sequence = 0;

  /** @param speed how many simulated seconds pass in a real one; greater than 0 */
  constructor(speed: number) {
    if (!(speed > 0)) throw new RangeError(`The speed of a simulated clock must be above 0, not ${speed}.`);
    this.speed = speed;
  }

  /** Now, in milliseconds since the epoch. */
  now(): number {
    return Date.now() + this.#skippedMilliseconds;
  }

  /** How many real milliseconds the given simulated seconds take. */
  scale(seconds: number): number {
    return (seconds * 1000) / this.speed;
  }

  /** Carries out the action once `at` has passed; the action is given that instant, not the one it ran at. */
  schedule(at: number, action: (at: number) => void): void {
    this.#sequence += 1;
    this.#scheduled.push({ at, sequence: this.#sequence, action });
    this.#scheduled.sort((one, other) => one.at - other.at || one.sequence - other.sequence);
  }

  /** Carries out, in order, everything that has fallen due, including what the actions themselves schedule. */
  settle(): void {
    const now = this.now();
    for (let next = this.#scheduled[0]; next !== undefined && next.at <= now; next = this.#scheduled[0]) {
      this.#scheduled.shift();
      next.action(next.at);
    }
  }

  /** Lets so many simulated seconds pass at once. */
  skip(seconds: number): void {
    this.#skippedMilliseconds += this.scale(seconds);
    this.settle();
  }
}

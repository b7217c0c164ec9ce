import type { Failure, Outcome, WriteCall } from '../../../providers/outcome.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Chance } from './chance.ts';

/** How often what goes wrong with any call, from 0 (never) to 1. */
export interface CallFaults {
  /** A write is refused before it has an effect. */
  refuse: number;
  /** The answer to a write is lost, before or after its effect. */
  loseAnswer: number;
  /** What was accepted fails later. */
  fail: number;
  /** A read gets no answer, or a 404 that proves nothing. */
  loseRead: number;
  /** A call takes many seconds. */
  slow: number;
}

/** Waits as a call does that is under way; the process may be killed in it, and then it never returns. */
export type Gate = (ms: number) => Promise<void>;

/** The longest that a call to a model takes. */
export const requestTimeoutMs = 30_000;

/** What comes back of a write whose answer was lost. */
export const unknown: Failure = {
  kind: 'Unknown',
  error: { code: 'ECONNRESET', message: 'the answer was lost' },
};

/** How calls go that reach a model of any vendor. */
export class ModelCalls {
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #faults: CallFaults;
  /** How many reads there were. */
  reads = 0;

  constructor(clock: Clock, chance: Chance, faults: CallFaults) {
    this.#clock = clock;
    this.#chance = chance;
    this.#faults = faults;
  }

  latency(): number {
    return this.#chance.happens(this.#faults.slow)
      ? this.#chance.between(0, 20_000)
      : this.#chance.between(10, 500);
  }

  /** A read: its way there, what the vendor knows by then or nothing, and the way back. */
  async read<T>(gate: Gate, what: string, answer: () => Outcome<T>): Promise<Outcome<T>> {
    await gate(this.latency());
    this.reads++;
    const outcome = this.#lostRead(what) ?? answer();
    await gate(this.latency());
    return outcome;
  }

  /** The wait of a write for budget, token and connection; a failure when its window has passed meanwhile. */
  async beforeFirstByte(gate: Gate, { sendBefore = 0 }: WriteCall): Promise<Failure | undefined> {
    await gate(this.latency());
    if (this.#clock.monotonic() <= sendBefore) return undefined;
    return { kind: 'NotSent', error: { code: 'TooLate', message: 'the window has passed' } };
  }

  #lostRead(what: string): Failure | undefined {
    if (!this.#chance.happens(this.#faults.loseRead)) return undefined;
    const error = { code: 'ECONNRESET', message: `reading the ${what}` };
    return this.#chance.oneOf<Failure>([
      { kind: 'Unavailable', error },
      { kind: 'Throttled', afterMs: 20_000, error },
      { kind: 'NotFound', what: 'Unproven', error },
    ]);
  }
}

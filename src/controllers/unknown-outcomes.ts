import type { Clock } from '../runtime/clock.ts';
import { sendWindowMs } from './intent.ts';

/** What this process knows of an attempt whose outcome nobody recorded. */
export interface UnknownOutcome {
  /** When this process first saw it unknown, on the monotonic clock. */
  since: number;
  /** When complete look-ups that showed nothing were begun, on the monotonic clock: the first and the last of them. */
  firstEmptyLookUp?: number;
  lastEmptyLookUp?: number;
}

/** What the vendor needs: see `Provider.requestTimeoutMs` and `Provider.settleMs`. */
export interface Settling {
  requestTimeoutMs: number;
  settleMs: number;
}

/** No look-up follows another sooner than this. */
const leastLookUpMs = 1_000;

/**
 * When nothing of an unknown attempt can be on its way any more, on the monotonic clock: whoever wrote the intent
 * may send for as long as the window is open, the request may be under way until its time-out, and its effect may
 * be hidden for the settle time.
 */
function overAt(unknown: UnknownOutcome, { requestTimeoutMs, settleMs }: Settling): number {
  return unknown.since + sendWindowMs + requestTimeoutMs + settleMs;
}

/**
 * Whether an unknown attempt may be taken as not made: what could still have come of it would have shown since
 * this process saw it, and two complete look-ups apart in time, the last of them after that time, showed nothing.
 */
export function isSettledAsNotMade(unknown: UnknownOutcome, settling: Settling): boolean {
  const { firstEmptyLookUp, lastEmptyLookUp } = unknown;
  if (firstEmptyLookUp === undefined || lastEmptyLookUp === undefined) return false;
  return (
    lastEmptyLookUp >= overAt(unknown, settling) &&
    lastEmptyLookUp - firstEmptyLookUp >= settling.settleMs / 2
  );
}

/** Milliseconds until the next look-up can bring the answer nearer. */
export function nextLookUpMs(unknown: UnknownOutcome, settling: Settling, now: number): number {
  const apartAt = (unknown.firstEmptyLookUp ?? now) + settling.settleMs / 2;
  const leftMs = Math.max(overAt(unknown, settling), apartAt) - now;
  // Look often: what shows late is found soon. The last look must come after the time is over.
  return Math.max(Math.min(settling.settleMs / 3, leftMs), leastLookUpMs);
}

/**
 * The unknown outcomes that this process has seen. Kept in memory on purpose: another process's clock proves
 * nothing about how long *its* look-ups are apart. Bounded by what is unknown at a time: entries go when they
 * are settled or their object is gone.
 */
export class UnknownOutcomes {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { attempt: number; outcome: UnknownOutcome }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The entry of an attempt, begun now if this is the first sight of it. */
  see(uid: string, attempt: number): UnknownOutcome {
    const known = this.#entries.get(uid);
    if (known?.attempt === attempt) return known.outcome;
    const outcome: UnknownOutcome = { since: this.#clock.monotonic() };
    this.#entries.set(uid, { attempt, outcome });
    return outcome;
  }

  /** The entry of an attempt, if there is one. */
  peek(uid: string, attempt: number): UnknownOutcome | undefined {
    const known = this.#entries.get(uid);
    return known?.attempt === attempt ? known.outcome : undefined;
  }

  /**
   * Records that a complete look-up showed nothing.
   *
   * @param begunAt when it was begun, on the monotonic clock: what it showed is no younger than that
   */
  lookedUpEmpty(uid: string, attempt: number, begunAt: number): UnknownOutcome {
    const outcome = this.see(uid, attempt);
    outcome.firstEmptyLookUp ??= begunAt;
    outcome.lastEmptyLookUp = begunAt;
    return outcome;
  }

  /** The attempt, or the object, is settled. */
  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  /** Whether an object has an attempt whose outcome is not known, for metrics. */
  has(uid: string): boolean {
    return this.#entries.has(uid);
  }
}

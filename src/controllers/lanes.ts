import type { Clock } from '../runtime/clock.ts';

/**
 * A lane is what the vendor does one thing at a time on: a VM for creates, a target collection for copies
 * (Azure sheet, sections 7 and 12). Who is at work on a lane is read from the objects' intents, so that a
 * restart knows it; this class holds only what lies between a decision and the intent that records it, and the
 * times of what was sent.
 */
export class Lanes {
  readonly #clock: Clock;
  readonly #holders = new Map<string, string>();
  readonly #sent = new Map<string, { mark: string; at: number }[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the lane for the rest of this run; undefined when another run of this process holds it. */
  tryAcquire(lane: string, uid: string): (() => void) | undefined {
    if (this.#holders.has(lane)) return undefined;
    this.#holders.set(lane, uid);
    return () => this.#holders.delete(lane);
  }

  /** Records that a request left for the vendor. `mark` tells attempts apart. */
  recordSend(lane: string, mark: string): void {
    const now = this.#clock.now();
    const kept = (this.#sent.get(lane) ?? []).filter(({ at }) => now - at < hourMs);
    this.#sent.set(lane, [...kept, { mark, at: now }]);
    if (this.#sent.size > pruneAbove) this.#prune(now);
  }

  /** What was sent in the last hour, by mark. */
  sends(lane: string): Map<string, number> {
    const now = this.#clock.now();
    const recent = (this.#sent.get(lane) ?? []).filter(({ at }) => now - at < hourMs);
    return new Map(recent.map(({ mark, at }) => [mark, at]));
  }

  #prune(now: number): void {
    for (const [lane, sends] of this.#sent) {
      if (sends.every(({ at }) => now - at >= hourMs)) this.#sent.delete(lane);
    }
  }
}

/**
 * The lane of a VM at oVirt or SPF: creates and removals of its snapshots and restores take turns on it (oVirt sheet,
 * section 12).
 */
export function vmLane(endpointID: string, containerID: string): string {
  return `${endpointID} ${containerID}`.toLowerCase();
}

const hourMs = 3_600_000;
const pruneAbove = 10_000;

/** Azure takes three creates of a kind per VM and hour, and three copies per target collection and hour. */
const perHour = 3;

/**
 * When the vendor's hourly limit lets the next one through.
 *
 * @param times when the others were sent or made, milliseconds
 * @returns milliseconds to wait; 0 when there is room
 */
export function hourlyWaitMs(times: Iterable<number>, now: number): number {
  const recent = [...times].filter((at) => now - at < hourMs).sort((a, b) => b - a);
  const blocking = recent[perHour - 1];
  return blocking === undefined ? 0 : blocking + hourMs - now + 1_000;
}

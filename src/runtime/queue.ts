import { type BackoffOptions, backoffDelay } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { Fifo } from './fifo.ts';
import { TimerHeap } from './timer-heap.ts';

/** Urgency of a key: what a user changed, what has fallen due, and what is looked at for drift. */
export type Band = 'user' | 'due' | 'drift';

const bands: readonly Band[] = ['user', 'due', 'drift'];

/** How a queue is made. */
export interface WorkQueueOptions {
  clock?: Clock;
  random?: () => number;
  /** Back-off of `retry`; 1 s to 5 min. */
  backoff?: BackoffOptions;
}

interface Entry {
  key: string;
  band: Band;
  addedAt: number;
  /** False once the key was handed out or moved to another band: the entry is then skipped. */
  live: boolean;
}

/**
 * A queue of keys with the semantics of client-go's work queue: a key waits at most once, is never handed out
 * twice at the same time, and when it is added while it is being processed it is handed out once more
 * afterwards. Its size is therefore bounded by the number of keys, never by the number of events.
 *
 * More urgent bands go first; so that a flood of changes cannot starve the polls, each 4th key comes from
 * `due` before `user`, and each 16th from `drift` before both. Within a band the namespaces take turns.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: BackoffOptions;
  readonly #bands: Record<Band, FairQueue> = {
    user: new FairQueue(),
    due: new FairQueue(),
    drift: new FairQueue(),
  };
  readonly #waiting = new Map<string, Entry>();
  readonly #processing = new Set<string>();
  /** Added while being processed: to be run once more. */
  readonly #again = new Map<string, Band>();
  readonly #later: TimerHeap<Band>;
  readonly #failures = new Map<string, number>();
  #takers: ((key: string | undefined) => void)[] = [];
  #idle: (() => void)[] = [];
  #handedOut = 0;
  #retries = 0;
  #shutDown = false;

  constructor(options: WorkQueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#backoff = options.backoff ?? { baseMs: 1_000, maxMs: 300_000 };
    this.#later = new TimerHeap(this.#clock, (key, band) => this.add(key, band));
  }

  /** Keys that wait to be handed out. */
  get depth(): number {
    return this.#waiting.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#later.size;
  }

  /** Keys handed out and not yet done. */
  get inFlight(): number {
    return this.#processing.size;
  }

  /** Calls of `retry` so far. */
  get retries(): number {
    return this.#retries;
  }

  /** Keys whose last run failed. */
  get failing(): number {
    return this.#failures.size;
  }

  /** How long the oldest waiting key has waited, in milliseconds; 0 when none waits. */
  get oldestAgeMs(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const band of bands) oldest = Math.min(oldest, this.#bands[band].oldest());
    return oldest === Number.POSITIVE_INFINITY ? 0 : this.#clock.monotonic() - oldest;
  }

  /** Makes a key wait to be handed out. A key that waits already moves up to a more urgent band, never down. */
  add(key: string, band: Band = 'user'): void {
    if (this.#shutDown) return;
    if (this.#processing.has(key)) {
      const noted = this.#again.get(key);
      if (noted === undefined || moreUrgent(band, noted)) this.#again.set(key, band);
      return;
    }
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined && !moreUrgent(band, waiting.band)) return;
    if (waiting !== undefined) waiting.live = false;
    const entry = { key, band, addedAt: waiting?.addedAt ?? this.#clock.monotonic(), live: true };
    this.#waiting.set(key, entry);
    this.#bands[band].push(entry);
    this.#serve();
  }

  /**
   * Adds a key after a delay in milliseconds; of several delays for one key the earliest counts. The delay is
   * forgotten when the key is handed out for another reason: that run looks at everything and asks again.
   */
  addAfter(key: string, delayMs: number, band: Band = 'due'): void {
    if (this.#shutDown) return;
    if (delayMs > 0) this.#later.set(key, delayMs, band);
    else this.add(key, band);
  }

  /** Adds a key after its own back-off, which grows with each call until `forget`. Answers the delay in milliseconds. */
  retry(key: string, atLeastMs = 0): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    const delay = Math.max(atLeastMs, backoffDelay(failures, this.#backoff, this.#random));
    if (this.#shutDown) return delay;
    this.#failures.set(key, failures);
    this.#retries++;
    this.addAfter(key, delay, 'due');
    return delay;
  }

  /** Failures in a row as counted by `retry`. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Ends the back-off of a key, after a success or when its object is gone. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, as soon as there is one; undefined once the queue is shut down. Call `done` afterwards. */
  take(): Promise<string | undefined> {
    if (this.#shutDown) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#serve();
    });
  }

  /** Says that the work on a key has ended, well or badly. */
  done(key: string): void {
    if (!this.#processing.delete(key)) return;
    const again = this.#again.get(key);
    if (again !== undefined) {
      this.#again.delete(key);
      this.add(key, again);
    }
    if (this.#processing.size === 0) {
      for (const wake of this.#idle.splice(0)) wake();
    }
  }

  /**
   * Hands out nothing more and drops what waits: whoever leads next starts from the API server's state. Waiting
   * takers get undefined.
   */
  shutDown(): void {
    this.#shutDown = true;
    this.#later.clear();
    this.#waiting.clear();
    this.#again.clear();
    for (const band of bands) this.#bands[band] = new FairQueue();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** Resolves when nothing is being processed. */
  drained(): Promise<void> {
    return this.#processing.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => this.#idle.push(resolve));
  }

  #serve(): void {
    while (this.#takers.length > 0 && this.#waiting.size > 0) {
      const entry = this.#next();
      if (entry === undefined) return;
      entry.live = false;
      this.#waiting.delete(entry.key);
      this.#later.delete(entry.key);
      this.#processing.add(entry.key);
      this.#takers.shift()?.(entry.key);
    }
  }

  #next(): Entry | undefined {
    this.#handedOut++;
    for (const band of turn(this.#handedOut)) {
      const entry = this.#bands[band].shift();
      if (entry !== undefined) return entry;
    }
    return undefined;
  }
}

function turn(count: number): readonly Band[] {
  if (count % 16 === 0) return ['drift', 'due', 'user'];
  return count % 4 === 0 ? ['due', 'user', 'drift'] : bands;
}

function moreUrgent(a: Band, b: Band): boolean {
  return bands.indexOf(a) < bands.indexOf(b);
}

/** Entries of one band: each namespace has its own line, and the lines take turns. */
class FairQueue {
  readonly #lines = new Map<string, Fifo<Entry>>();
  readonly #turns = new Fifo<string>();

  push(entry: Entry): void {
    const namespace = entry.key.slice(0, Math.max(0, entry.key.indexOf('/')));
    let line = this.#lines.get(namespace);
    if (line === undefined) {
      line = new Fifo();
      this.#lines.set(namespace, line);
      this.#turns.push(namespace);
    }
    line.push(entry);
  }

  shift(): Entry | undefined {
    for (let namespace = this.#turns.shift(); namespace !== undefined; namespace = this.#turns.shift()) {
      const line = this.#lines.get(namespace);
      const entry = line?.shiftWhere(isLive);
      if (line?.peekWhere(isLive) === undefined) this.#lines.delete(namespace);
      else this.#turns.push(namespace);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** When its oldest entry was added, or infinity. */
  oldest(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const line of this.#lines.values()) {
      oldest = Math.min(oldest, line.peekWhere(isLive)?.addedAt ?? Number.POSITIVE_INFINITY);
    }
    return oldest;
  }
}

function isLive(entry: Entry): boolean {
  return entry.live;
}

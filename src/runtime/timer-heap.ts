import type { Clock } from './clock.ts';

interface Entry<V> {
  key: string;
  value: V;
  at: number;
  live: boolean;
}

/** Many delays by key on one timer. A binary heap; entries that were replaced stay in it until they surface. */
export class TimerHeap<V> {
  readonly #clock: Clock;
  readonly #fire: (key: string, value: V) => void;
  readonly #entries = new Map<string, Entry<V>>();
  #heap: Entry<V>[] = [];
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, fire: (key: string, value: V) => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Keys that wait. */
  get size(): number {
    return this.#entries.size;
  }

  /** Lets a key fire after a delay, unless it fires earlier already. */
  set(key: string, delayMs: number, value: V): void {
    const at = this.#clock.monotonic() + delayMs;
    const existing = this.#entries.get(key);
    if (existing !== undefined && existing.at <= at) return;
    if (existing !== undefined) existing.live = false;
    const entry = { key, value, at, live: true };
    this.#entries.set(key, entry);
    this.#push(entry);
    this.#compact();
    this.#arm();
  }

  /** Forgets a key. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.live = false;
    this.#entries.delete(key);
    this.#compact();
  }

  /** Forgets all keys and the timer. */
  clear(): void {
    this.#entries.clear();
    this.#heap = [];
    this.#disarm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.at >= this.#armedFor) return;
    this.#disarm();
    this.#armedFor = first.at;
    this.#cancel = this.#clock.setTimer(first.at - this.#clock.monotonic(), () => this.#onTimer());
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #onTimer(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      if (!first.live) continue;
      this.#entries.delete(first.key);
      this.#fire(first.key, first.value);
    }
    this.#arm();
  }

  /** Keeps the dead entries below the number of living ones. */
  #compact(): void {
    if (this.#heap.length <= 2 * this.#entries.size + 16) return;
    this.#heap = this.#heap.filter((entry) => entry.live).sort((a, b) => a.at - b.at);
  }

  #push(entry: Entry<V>): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((heap[parent] as Entry<V>).at <= entry.at) break;
      heap[index] = heap[parent] as Entry<V>;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry<V>;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Entry<V>).at < (heap[child] as Entry<V>).at) child++;
      if ((heap[child] as Entry<V>).at >= last.at) break;
      heap[index] = heap[child] as Entry<V>;
      index = child;
    }
    heap[index] = last;
  }
}

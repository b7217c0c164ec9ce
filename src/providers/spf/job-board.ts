import { type Call, type Outcome, succeeded } from '../outcome.ts';
import { type Key, sameGUID } from './odata/uri.ts';
import type { VMMClient } from './vmm-client.ts';
import type { Job } from './wire.ts';

/** A list this fresh is as good as a look of one's own, in milliseconds. */
const freshMs = 2_000;
/** Jobs asked for within this time count as watched, in milliseconds. */
const watchedMs = 30_000;
/** With fewer jobs to watch, a look at each is no more than the list. */
const worthAList = 3;
const maxWatched = 1_000;
/**
 * How long no list is asked for after one that could not be had, in milliseconds: of all the jobs there ever were it
 * may be too long to be read, and take its time each time.
 */
const noListMs = 300_000;
const maxStamps = 64;

/** Where jobs are looked at. */
type Jobs = Pick<VMMClient, 'getJob' | 'listUnfinishedJobs'>;

interface Stamp {
  /** When each job was last asked for. */
  watched: Map<string, number>;
  /** Until when no list is asked for, on the monotonic clock; for ever where the filter on jobs is not obeyed. */
  noListUntil: number;
  list?: { startedAt: number; jobs: Promise<Outcome<Job[]>> };
}

/**
 * The jobs that are watched: where there are several on a stamp, one list of those that have not ended tells of all
 * of them at once. Whichever is not in it is looked at by itself, so that nothing is concluded from its absence.
 */
export class JobBoard {
  readonly #client: Jobs;
  readonly #monotonic: () => number;
  readonly #stamps = new Map<string, Stamp>();

  constructor(client: Jobs, monotonic: () => number) {
    this.#client = client;
    this.#monotonic = monotonic;
  }

  /** How a job stands. */
  async get(key: Key, call: Call): Promise<Outcome<Job>> {
    const stamp = this.#stampOf(key);
    if (this.#monotonic() >= stamp.noListUntil && stamp.watched.size >= worthAList) {
      const list = await this.#list(key.stampID, stamp, call);
      // What is wrong with the list may be right with the job; whether filters work is told by these two.
      if (list.kind === 'Unsupported' || list.kind === 'Invalid')
        stamp.noListUntil = Number.POSITIVE_INFINITY;
      // Who had asked for it may have given it up, which says nothing of the list.
      else if (list.kind === 'Unavailable' && list.error.code !== 'Aborted')
        stamp.noListUntil = this.#monotonic() + noListMs;
      const job = succeeded(list) ? list.value.find((one) => sameGUID(one.id, key.id)) : undefined;
      if (job !== undefined) return { kind: 'Done', value: job };
    }
    const outcome = await this.#client.getJob(key, call);
    if (succeeded(outcome) && outcome.value.state !== 'Running') stamp.watched.delete(key.id);
    return outcome;
  }

  #list(stampID: string, stamp: Stamp, call: Call): Promise<Outcome<Job[]>> {
    const now = this.#monotonic();
    if (stamp.list === undefined || now - stamp.list.startedAt > freshMs) {
      stamp.list = { startedAt: now, jobs: this.#client.listUnfinishedJobs(stampID, call) };
    }
    return stamp.list.jobs;
  }

  #stampOf(key: Key): Stamp {
    const now = this.#monotonic();
    let stamp = this.#stamps.get(key.stampID);
    if (stamp === undefined) {
      const [oldest] = this.#stamps.keys();
      if (this.#stamps.size >= maxStamps && oldest !== undefined) this.#stamps.delete(oldest);
      stamp = { watched: new Map(), noListUntil: 0 };
      this.#stamps.set(key.stampID, stamp);
    }
    for (const [id, askedAt] of stamp.watched) {
      if (now - askedAt > watchedMs) stamp.watched.delete(id);
    }
    if (stamp.watched.size < maxWatched) stamp.watched.set(key.id, now);
    return stamp;
  }
}

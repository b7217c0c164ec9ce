import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import { ApiError, isConflict } from './kube/errors.ts';
import type { Logger } from './log.ts';
import type { Band, WorkQueue } from './queue.ts';
import { inTrace } from './tracing.ts';

/** What a run of `reconcile` asks for; nothing more is done until the next event when it asks for nothing. */
export interface ReconcileResult {
  /** Run again after this many milliseconds. */
  requeueAfterMs?: number | undefined;
  /** How urgent that next run is; `due` when left out. */
  band?: Band | undefined;
}

/** What a run gets beside its key. */
export interface ReconcileContext {
  /** Aborted at the deadline and when the process has to end: stop waiting, start no write. */
  signal: AbortSignal;
  /** Names this run to others; a GUID. */
  correlationID: string;
  /** Bears the controller's name, the object's key, the correlation id and what `about` says. */
  log: Logger;
}

/** Brings one object to its wanted state. Throwing means: try again with back-off. */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<ReconcileResult | undefined>;

/** How a run ended, for metrics. */
export type ReconcileOutcome = 'success' | 'requeue' | 'conflict' | 'error' | 'deadline' | 'aborted';

/** How a controller is made. */
export interface ControllerOptions {
  name: string;
  queue: WorkQueue;
  reconcile: Reconcile;
  log: Logger;
  /** What else logs and traces are to say of a key's object, such as its provider. */
  about?: (key: string) => Record<string, string>;
  /** Runs at the same time; 8. */
  workers?: number;
  /** Longest run in milliseconds; 60 s. */
  deadlineMs?: number;
  clock?: Clock;
  /** Called after each run. */
  onReconcile?: (outcome: ReconcileOutcome, seconds: number) => void;
}

/** What came of one run, and why it failed, where that is trouble. */
interface Run {
  outcome: ReconcileOutcome;
  error?: string;
}

/** Runs `reconcile` for the keys of a queue, several keys at once and each key once at a time. */
export class Controller {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #workers: Promise<void>[] = [];

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.queue = options.queue;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Starts the workers; a second call does nothing. When `leading` is aborted (leadership is lost), no more keys are
   * taken and the runs in flight are aborted at once, so that nothing more is written.
   */
  start(leading?: AbortSignal): void {
    if (this.#workers.length > 0) return;
    const end = () => {
      this.queue.shutDown();
      this.#abort.abort(leading?.reason);
    };
    leading?.addEventListener('abort', end, { once: true });
    if (leading?.aborted) end();
    for (let count = this.#options.workers ?? 8; count > 0; count--) this.#workers.push(this.#work());
  }

  /**
   * Takes no more keys, waits up to `graceMs` for the runs in flight, then aborts them and waits for their end,
   * at most `abortMs` more. Answers false when some run did not end even then.
   */
  async stop(graceMs: number, abortMs = 5_000): Promise<boolean> {
    this.queue.shutDown();
    const ended = Promise.all(this.#workers).then(() => true);
    if (await this.#within(ended, graceMs)) return true;
    this.#abort.abort(new Error('the process is stopping'));
    return this.#within(ended, abortMs);
  }

  async #within(ended: Promise<boolean>, limitMs: number): Promise<boolean> {
    let cancel = () => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#clock.setTimer(limitMs, () => resolve(false));
    });
    try {
      return await Promise.race([ended, late]);
    } finally {
      cancel();
    }
  }

  async #work(): Promise<void> {
    for (let key = await this.queue.take(); key !== undefined; key = await this.queue.take()) {
      await this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    const correlationID = randomUUID();
    const about = this.#options.about?.(key) ?? {};
    const attributes = {
      'keyframe.controller': this.name,
      'keyframe.object': key,
      'keyframe.correlation_id': correlationID,
      ...Object.fromEntries(Object.entries(about).map(([name, value]) => [`keyframe.${name}`, value])),
    };
    const run = () => {
      const log = this.#options.log.child({ controller: this.name, object: key, ...about, correlationID });
      return this.#reconcile(key, correlationID, log);
    };
    await inTrace({ name: `reconcile ${this.name}`, attributes }, run, ({ outcome, error }) => ({
      attributes: { 'keyframe.outcome': outcome },
      error,
    }));
  }

  async #reconcile(key: string, correlationID: string, log: Logger): Promise<Run> {
    const { deadlineMs = 60_000, onReconcile, reconcile } = this.#options;
    const deadline = new AbortController();
    const signal = AbortSignal.any([this.#abort.signal, deadline.signal]);
    const cancel = this.#clock.setTimer(deadlineMs, () => {
      log.warn('the run takes too long and is aborted', { deadlineMs });
      deadline.abort(new Error(`the run took longer than ${deadlineMs} ms`));
    });
    const started = this.#clock.monotonic();
    let run: Run = { outcome: 'success' };
    try {
      const result = await reconcile(key, { signal, correlationID, log });
      this.queue.forget(key);
      if (result?.requeueAfterMs !== undefined) {
        run = { outcome: 'requeue' };
        this.queue.addAfter(key, result.requeueAfterMs, result.band);
      }
    } catch (error) {
      const outcome = this.#failed(key, error, deadline.signal, log);
      run = outcome === 'conflict' ? { outcome } : { outcome, error: String(error) };
    } finally {
      cancel();
      this.queue.done(key);
      onReconcile?.(run.outcome, (this.#clock.monotonic() - started) / 1000);
    }
    return run;
  }

  #failed(key: string, error: unknown, deadline: AbortSignal, log: Logger): ReconcileOutcome {
    const askedMs = error instanceof ApiError ? Math.min(error.retryAfterMs ?? 0, 300_000) : 0;
    const delayMs = Math.round(this.queue.retry(key, askedMs));
    if (isConflict(error)) {
      // Someone else wrote first: everyday life, and the watch brings the new state.
      log.debug('the object changed meanwhile, trying again', { err: error, delayMs });
      return 'conflict';
    }
    if (this.#abort.signal.aborted) {
      log.info('run ended by shutdown', { err: error });
      return 'aborted';
    }
    const failures = this.queue.failures(key);
    log.error('reconcile failed, trying again', { err: error, failures, delayMs });
    return deadline.aborted ? 'deadline' : 'error';
  }
}

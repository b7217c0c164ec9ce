import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Clock, sleep, systemClock } from './clock.ts';
import type { KubeClient } from './kube/client.ts';
import { isAlreadyExists, isConflict, isForbidden, isNotFound } from './kube/errors.ts';
import type { KubeObject, ResourceType } from './kube/types.ts';
import { type Logger, silentLogger } from './log.ts';
import { microTime } from './micro-time.ts';

/** coordination.k8s.io/v1. */
export const leaseResource: ResourceType = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** The parts of a Lease that an election uses. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

/** How an election is held. */
export interface LeaderElectionOptions {
  client: KubeClient;
  namespace: string;
  /** Name of the Lease. */
  name: string;
  /** Unique for each process; made of host name, process id and random bytes when left out. */
  identity?: string;
  /** Others wait this long after the last renewal that they saw; 15 s. */
  leaseDurationMs?: number;
  /** The leader gives up this long after its last successful renewal; 10 s. */
  renewDeadlineMs?: number;
  /** Pause between attempts; 2 s. */
  retryPeriodMs?: number;
  /**
   * Called once the lease is held. The signal is aborted when it is lost or the election is stopped: every write
   * must end then.
   */
  onStartedLeading: (signal: AbortSignal) => void;
  /** Called when leading has ended; `lost` is false when it ended by the election's own stop. */
  onStoppedLeading: (lost: boolean) => void;
  log?: Logger;
  clock?: Clock;
  random?: () => number;
}

/** An identity that no other process has: host name (in a pod, the pod's name), process id, random bytes. */
export function uniqueIdentity(): string {
  return `${hostname()}_${process.pid}_${randomBytes(4).toString('hex')}`;
}

/**
 * Holds an election over a Lease as client-go does. Another holder's lease counts from the moment when *this*
 * process saw it change, on a monotonic clock, so that clocks which disagree do no harm. Once lost, the election
 * is over: the process is expected to end.
 */
export class LeaderElection {
  readonly identity: string;
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #stop = new AbortController();
  #leading: AbortController | undefined;
  /** The lease as it was last read or written, and when its content was first seen. */
  #observed: Lease | undefined;
  #observedAt = 0;
  #obstacle: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.identity = options.identity ?? uniqueIdentity();
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#log = (options.log ?? silentLogger).child({ lease: `${options.namespace}/${options.name}` });
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (
      this.#leaseDurationMs <= this.#renewDeadlineMs ||
      this.#renewDeadlineMs <= 1.2 * this.#retryPeriodMs
    ) {
      throw new Error(
        'leader election: the lease duration must be longer than the renew deadline, and that longer than 1.2 retry periods',
      );
    }
  }

  /** True while this process holds the lease. */
  get isLeader(): boolean {
    return this.#leading?.signal.aborted === false;
  }

  /** Why this process can never lead as things are: the right to the Lease is missing; undefined otherwise. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /** Identity of the holder as last seen; empty when there is none. */
  get leader(): string {
    return this.#observed?.spec?.holderIdentity ?? '';
  }

  /** Takes part until the lease was held and lost, or `stop` is called. Resolves then; never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Ends it: first aborts the signal of `onStartedLeading`, then gives the lease back, so that another process can
   * take over at once. Call it after all writes have ended.
   */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the election was stopped'));
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (await this.#attempt(this.#retryPeriodMs * 2)) {
        await this.#lead();
        return;
      }
      // Jitter, so that candidates which saw the lease expire together do not collide for ever.
      await sleep(this.#clock, this.#retryPeriodMs * (1 + 1.2 * this.#random()), this.#stop.signal);
    }
  }

  async #lead(): Promise<void> {
    const leading = new AbortController();
    this.#leading = leading;
    // Armed before anything is started, and by a timer of its own: a renewal that hangs must not delay it.
    let cancelDeadline = () => {};
    const extend = (renewedAt: number) => {
      cancelDeadline();
      const left = renewedAt + this.#renewDeadlineMs - this.#clock.monotonic();
      cancelDeadline = this.#clock.setTimer(left, () =>
        leading.abort(new Error(`the lease could not be renewed for ${this.#renewDeadlineMs} ms`)),
      );
    };
    extend(this.#observedAt);
    const onStop = () => leading.abort(this.#stop.signal.reason);
    this.#stop.signal.addEventListener('abort', onStop, { once: true });
    if (this.#stop.signal.aborted) onStop();
    this.#log.info('leading', { identity: this.identity });
    const started = !leading.signal.aborted;
    if (started) this.#options.onStartedLeading(leading.signal);
    while (!leading.signal.aborted) {
      await sleep(this.#clock, this.#retryPeriodMs, leading.signal);
      if (leading.signal.aborted) break;
      if (await this.#attempt(this.#renewDeadlineMs, leading.signal)) extend(this.#observedAt);
      else if (this.leader !== this.identity && !leading.signal.aborted) {
        leading.abort(new Error(`the lease is held by ${this.leader || 'nobody'}`));
      }
    }
    cancelDeadline();
    this.#stop.signal.removeEventListener('abort', onStop);
    this.#leading = undefined;
    const lost = !this.#stop.signal.aborted;
    if (lost) this.#log.error('leadership lost', { err: leading.signal.reason });
    else await this.#release();
    if (started) this.#options.onStoppedLeading(lost);
  }

  /** One look at the lease, and one write when it is free or ours. True when it is held afterwards. */
  async #attempt(limitMs: number, signal: AbortSignal = this.#stop.signal): Promise<boolean> {
    const limit = new AbortController();
    const cancel = this.#clock.setTimer(limitMs, () => limit.abort(new Error(`no answer for ${limitMs} ms`)));
    try {
      const holds = await this.#tryHold(AbortSignal.any([signal, limit.signal]));
      this.#obstacle = undefined;
      return holds;
    } catch (error) {
      this.#obstacle = isForbidden(error) ? error.message : undefined;
      if (isConflict(error) || isAlreadyExists(error))
        this.#log.debug('another process was quicker', { err: error });
      else if (!signal.aborted) this.#log.warn('the lease could not be read or written', { err: error });
      return false;
    } finally {
      cancel();
    }
  }

  async #tryHold(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name } = this.#options;
    // Counted from before the request: the time on the way is lost to us, not won.
    const asked = this.#clock.monotonic();
    let lease: Lease | undefined;
    try {
      lease = await client.get<Lease>(leaseResource, { namespace, name }, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const renewTime = microTime(this.#clock.now());
    const held = {
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      renewTime,
    };
    if (lease === undefined) {
      const spec = { ...held, acquireTime: renewTime, leaseTransitions: 0 };
      this.#observe(
        await client.create<Lease>(leaseResource, { metadata: { namespace, name }, spec }, { signal }),
        asked,
      );
      return true;
    }
    this.#observe(lease, this.#clock.monotonic());
    const holder = lease.spec?.holderIdentity ?? '';
    const ours = holder === this.identity;
    if (!ours && holder !== '' && this.#clock.monotonic() < this.#observedAt + this.#validForMs(lease)) {
      return false;
    }
    // A leader that finds the lease with somebody else has lost it, and must not take it back and go on.
    if (!ours && this.#leading !== undefined) return false;
    const transitions = lease.spec?.leaseTransitions ?? 0;
    const spec = ours ? held : { ...held, acquireTime: renewTime, leaseTransitions: transitions + 1 };
    const { resourceVersion } = lease.metadata;
    const written = await client.mergePatch<Lease>(
      leaseResource,
      { namespace, name },
      { metadata: { resourceVersion }, spec },
      { signal },
    );
    this.#observe(written, asked);
    this.#observedAt = asked;
    return true;
  }

  /** How long the holder said that its lease is good for; ours when it did not say. */
  #validForMs(lease: Lease): number {
    const seconds = lease.spec?.leaseDurationSeconds;
    return seconds === undefined || seconds <= 0 ? this.#leaseDurationMs : seconds * 1000;
  }

  #observe(lease: Lease, at: number): void {
    const before = this.#observed?.metadata;
    if (before?.uid === lease.metadata.uid && before?.resourceVersion === lease.metadata.resourceVersion)
      return;
    this.#observed = lease;
    this.#observedAt = at;
  }

  async #release(): Promise<void> {
    const { client, namespace, name } = this.#options;
    const resourceVersion = this.#observed?.metadata.resourceVersion;
    const now = microTime(this.#clock.now());
    // Good for one second only, in case that a candidate does not read an empty holder as free.
    const spec = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    try {
      const patch = { metadata: { resourceVersion }, spec };
      const signal = AbortSignal.timeout(this.#renewDeadlineMs);
      this.#observed = await client.mergePatch<Lease>(leaseResource, { namespace, name }, patch, { signal });
    } catch (error) {
      this.#log.warn('the lease could not be given back, others wait until it expires', { err: error });
    }
  }
}

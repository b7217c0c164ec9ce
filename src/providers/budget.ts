import { backoffCeiling } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Call } from './outcome.ts';

/** What one endpoint may be asked at most. */
export interface BudgetLimits {
  /** Requests at once. */
  maxConcurrent: number;
  requestsPerSecond: number;
}

/** One request that wants to be sent. */
export interface Ask {
  priority: Call['priority'];
  /** Class of requests that draw from the same policies of the vendor, for example `copyRestorePoint`. */
  operation: string;
  /** What a policy may count for on its own, for example a collection's id. */
  resource: string;
  signal: AbortSignal;
}

/** How a request that was admitted ended: with an answer, without one from the vendor, or unsent. */
export type Ending = 'Answered' | 'Outage' | 'Unsent';

/** Leave to send one request now, or why not. Whoever is admitted must call `done`, once. */
export type Admission =
  | { admitted: true; done(ending: Ending): void }
  | { admitted: false; why: 'Throttled' | 'Outage' | 'Aborted'; afterMs: number; message: string };

/** How an endpoint's budget stands, for metrics. */
export interface BudgetSnapshot {
  limits: BudgetLimits;
  inUse: number;
  waiting: Record<Call['priority'], number>;
  /** Milliseconds for which everything, or one policy, is still held back. */
  parkedForMs: Record<string, number>;
  /** What was left of each policy of the vendor, as it said last. */
  remaining: Record<string, number>;
  outage: boolean;
}

interface Waiter {
  ask: Ask;
  /** Monotonic instant at which it is turned away. */
  until: number;
  settle(admission: Admission): void;
}

const priorities: Call['priority'][] = ['Write', 'Poll', 'Drift'];

/** A worker waits here no longer than this; then the object goes back into the queue. */
const longestWaitMs = 3_000;
/** Vendors refill their buckets each minute (Azure sheet, section 12). */
const refillMs = 60_000;
const outageThreshold = 3;
const outageBackoff = { baseMs: 1_000, maxMs: 60_000 };
const maxWaiting = 1_000;
const maxPolicies = 64;
const maxParked = 2_000;
const wholeEndpoint = 'endpoint';

/**
 * The budget of one endpoint, shared by all who speak to it: requests at once, requests a second, priorities,
 * what the vendor's throttling holds back, and back-off in an outage. State lives in memory only: after a
 * restart the vendor tells again.
 */
export class Budget {
  readonly #clock: Clock;
  readonly #random: () => number;
  #limits: BudgetLimits;
  #tokens: number;
  #refilledAt: number;
  #inUse = 0;
  readonly #waiting: Record<Call['priority'], Waiter[]> = { Write: [], Poll: [], Drift: [] };
  #cancelTimer: (() => void) | undefined;
  /** Monotonic instants until which the endpoint or a policy is held back. */
  readonly #parked = new Map<string, number>();
  /** The policies that each operation was seen to draw from. */
  readonly #policies = new Map<string, Set<string>>();
  readonly #remaining = new Map<string, number>();
  #outages = 0;
  #outageUntil = 0;
  #trying = false;

  constructor(clock: Clock, limits: BudgetLimits, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
    this.#tokens = limits.requestsPerSecond;
    this.#refilledAt = clock.monotonic();
  }

  /** Sets new limits; what is under way goes on. */
  setLimits(limits: BudgetLimits): void {
    this.#refill();
    this.#limits = limits;
    this.#tokens = Math.min(this.#tokens, limits.requestsPerSecond);
    this.#pump();
  }

  /** Waits, a few seconds at most, until the request may be sent. Never throws. */
  acquire(ask: Ask): Promise<Admission> {
    if (ask.signal.aborted) return Promise.resolve(givenUp);
    const refusal = this.#refusal(ask, longestWaitMs);
    if (refusal !== undefined) return Promise.resolve(refusal);
    if (this.#waitingCount() >= maxWaiting) return Promise.resolve(this.#crowded());
    return new Promise((resolve) => {
      const waiter: Waiter = {
        ask,
        until: this.#clock.monotonic() + longestWaitMs,
        settle: (admission) => {
          ask.signal.removeEventListener('abort', onAbort);
          resolve(admission);
        },
      };
      const onAbort = () => {
        this.#remove(waiter);
        waiter.settle(givenUp);
      };
      ask.signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting[ask.priority].push(waiter);
      this.#pump();
    });
  }

  /**
   * Holds requests back for `ms`: those like `ask` that draw from `policy`, or everything where the vendor named
   * no policy. A policy for the whole subscription holds its operations back wherever they go; any other one
   * only for the same resource (Azure sheet, section 12).
   */
  park(ask: Ask, policy: string | undefined, ms: number): void {
    const key = policy === undefined ? wholeEndpoint : policyKey(policy, ask.resource);
    if (policy !== undefined) this.#learn(ask.operation, policy);
    this.#parkKey(key, ms);
    this.#pump();
  }

  /** Takes note of what the vendor says is left of a policy; one that is used up is held until it is refilled. */
  note(ask: Ask, policy: string, left: number): void {
    this.#learn(ask.operation, policy);
    if (this.#remaining.has(policy) || this.#remaining.size < maxPolicies) this.#remaining.set(policy, left);
    if (left <= 0) this.#parkKey(policyKey(policy, ask.resource), refillMs);
  }

  /** How things stand now. */
  snapshot(): BudgetSnapshot {
    const now = this.#clock.monotonic();
    const parkedForMs: Record<string, number> = {};
    for (const [key, until] of this.#parked) {
      // Resources are many and their ids are long: what is told is the policy.
      const name = key.split('@')[0] ?? key;
      if (until > now) parkedForMs[name] = Math.max(parkedForMs[name] ?? 0, until - now);
    }
    return {
      limits: { ...this.#limits },
      inUse: this.#inUse,
      waiting: {
        Write: this.#waiting.Write.length,
        Poll: this.#waiting.Poll.length,
        Drift: this.#waiting.Drift.length,
      },
      parkedForMs,
      remaining: Object.fromEntries(this.#remaining),
      outage: this.#outages >= outageThreshold,
    };
  }

  #pump(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#refill();
    const now = this.#clock.monotonic();
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const priority of priorities) {
      for (const waiter of [...this.#waiting[priority]]) {
        const refusal =
          this.#refusal(waiter.ask, waiter.until - now) ??
          (now >= waiter.until ? this.#crowded() : undefined);
        if (refusal !== undefined) {
          this.#remove(waiter);
          waiter.settle(refusal);
          continue;
        }
        const heldUntil = this.#heldUntil(waiter.ask);
        if (heldUntil <= now && this.#inUse < this.#limits.maxConcurrent && this.#tokens >= 1) {
          this.#remove(waiter);
          waiter.settle(this.#admit());
          continue;
        }
        wakeAt = Math.min(wakeAt, waiter.until, heldUntil > now ? heldUntil : this.#nextTokenAt());
      }
    }
    if (wakeAt !== Number.POSITIVE_INFINITY) {
      this.#cancelTimer = this.#clock.setTimer(Math.max(1, Math.ceil(wakeAt - now)), () => this.#pump());
    }
  }

  #admit(): Admission {
    this.#tokens -= 1;
    this.#inUse += 1;
    const trial = this.#outages >= outageThreshold;
    if (trial) this.#trying = true;
    let open = true;
    const done = (ending: Ending) => {
      if (!open) return;
      open = false;
      this.#inUse -= 1;
      if (trial) this.#trying = false;
      if (ending === 'Answered') this.#outages = 0;
      if (ending === 'Outage') this.#countOutage();
      this.#pump();
    };
    return { admitted: true, done };
  }

  #countOutage(): void {
    this.#outages += 1;
    if (this.#outages < outageThreshold) return;
    const ceiling = backoffCeiling(this.#outages - outageThreshold + 1, outageBackoff);
    // Half of it is jitter: never at once, never all together.
    this.#outageUntil = this.#clock.monotonic() + ceiling * (0.5 + this.#random() / 2);
  }

  /** Why a request should not even wait `forMs`; undefined when it may. */
  #refusal(ask: Ask, forMs: number): Admission | undefined {
    const now = this.#clock.monotonic();
    if (this.#outages >= outageThreshold && (now < this.#outageUntil || this.#trying)) {
      const afterMs = Math.max(1_000, this.#outageUntil - now);
      // No counts and no times: the words go into conditions, which must not change with each look.
      const message =
        'the endpoint failed several times in a row; it is tried again at intervals of up to a minute';
      return { admitted: false, why: 'Outage', afterMs, message };
    }
    const heldMs = this.#heldUntil(ask) - now;
    if (heldMs <= forMs) return undefined;
    const message = 'held back for a while, as the vendor asked for fewer requests of this kind';
    return { admitted: false, why: 'Throttled', afterMs: heldMs, message };
  }

  #crowded(): Admission {
    const { requestsPerSecond, maxConcurrent } = this.#limits;
    const ahead = this.#waitingCount() / requestsPerSecond;
    const afterMs = Math.min(refillMs, 1_000 * (1 + ahead) * (1 + this.#random()));
    const message = `too many requests to this endpoint are waiting; its limits are ${maxConcurrent} at once and ${requestsPerSecond} a second (spec.limits of its providers)`;
    return { admitted: false, why: 'Throttled', afterMs, message };
  }

  #heldUntil(ask: Ask): number {
    let until = this.#parked.get(wholeEndpoint) ?? 0;
    for (const policy of this.#policies.get(ask.operation) ?? []) {
      until = Math.max(until, this.#parked.get(policyKey(policy, ask.resource)) ?? 0);
    }
    return until;
  }

  #parkKey(key: string, ms: number): void {
    const now = this.#clock.monotonic();
    if (this.#parked.size >= maxParked) {
      for (const [other, until] of this.#parked) if (until <= now) this.#parked.delete(other);
    }
    if (!this.#parked.has(key) && this.#parked.size >= maxParked) return;
    this.#parked.set(key, Math.max(this.#parked.get(key) ?? 0, now + ms));
  }

  #learn(operation: string, policy: string): void {
    const known = this.#policies.get(operation) ?? new Set();
    if (known.size < maxPolicies) known.add(policy);
    this.#policies.set(operation, known);
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const { requestsPerSecond } = this.#limits;
    this.#tokens = Math.min(
      requestsPerSecond,
      this.#tokens + ((now - this.#refilledAt) / 1000) * requestsPerSecond,
    );
    this.#refilledAt = now;
  }

  #nextTokenAt(): number {
    // With tokens left it is a place that is wanting; whoever leaves one calls #pump.
    if (this.#tokens >= 1) return Number.POSITIVE_INFINITY;
    return this.#clock.monotonic() + ((1 - this.#tokens) / this.#limits.requestsPerSecond) * 1000;
  }

  #remove(waiter: Waiter): void {
    const queue = this.#waiting[waiter.ask.priority];
    const index = queue.indexOf(waiter);
    if (index >= 0) queue.splice(index, 1);
  }

  #waitingCount(): number {
    return priorities.reduce((sum, priority) => sum + this.#waiting[priority].length, 0);
  }
}

const givenUp: Admission = {
  admitted: false,
  why: 'Aborted',
  afterMs: 0,
  message: 'the call was given up here before it was sent',
};

function policyKey(policy: string, resource: string): string {
  return policy.endsWith('SubscriptionMaximum') ? policy : `${policy}@${resource}`;
}

/** A provider's hold on the budget of its endpoint. */
export interface BudgetLease {
  budget: Budget;
  /** Ends the hold; the limits are then those of the others. */
  end(): void;
}

const maxIdleBudgets = 1_000;

/**
 * The budgets of all endpoints. Where several providers name one endpoint, the smallest of each limit holds.
 * A budget outlives its last lease, so that a provider made anew is still held back.
 */
export class Budgets {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { budget: Budget; leases: Set<BudgetLimits> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a hold on the budget of an endpoint. */
  lease(endpointID: string, limits: BudgetLimits): BudgetLease {
    const entry = this.#entries.get(endpointID) ?? {
      budget: new Budget(this.#clock, limits),
      leases: new Set(),
    };
    this.#entries.set(endpointID, entry);
    const own = { ...limits };
    const apply = () => {
      if (entry.leases.size > 0) entry.budget.setLimits(smallest(entry.leases));
    };
    entry.leases.add(own);
    apply();
    this.#evict();
    return {
      budget: entry.budget,
      end: () => {
        entry.leases.delete(own);
        apply();
      },
    };
  }

  /** How every endpoint stands, by endpointID. */
  snapshots(): Map<string, BudgetSnapshot> {
    return new Map([...this.#entries].map(([id, { budget }]) => [id, budget.snapshot()]));
  }

  #evict(): void {
    for (const [id, { leases }] of this.#entries) {
      if (this.#entries.size <= maxIdleBudgets) return;
      if (leases.size === 0) this.#entries.delete(id);
    }
  }
}

function smallest(limits: Iterable<BudgetLimits>): BudgetLimits {
  const all = [...limits];
  return {
    maxConcurrent: Math.min(...all.map((one) => one.maxConcurrent)),
    requestsPerSecond: Math.min(...all.map((one) => one.requestsPerSecond)),
  };
}

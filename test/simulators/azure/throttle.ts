import type { SimulatedClock } from '../common/clock.ts';
import { ArmError } from './errors.ts';
import type { Behaviour } from './options.ts';

/** How much a policy allows. */
export interface Quota {
  requests: number;
  /** Simulated seconds after which the whole quota is there again. */
  windowSeconds: number;
  /** Counts the requests of the last window, in place of a quota that is refilled at once. */
  sliding?: boolean;
}

/** Quotas in place of the defaults, by policy name. */
export type QuotaOverrides = Record<string, Partial<Quota>>;

const minute = 60;
const hour = 3600;

/**
 * The policies seen in x-ms-ratelimit-remaining-resource (Azure sheet, section 12): the value recorded after the
 * first call, plus one. Compute refills them each minute, except for the hourly ones.
 */
const quotas: Record<string, Quota> = {
  PutRestorePointCollectionResource: { requests: 15, windowSeconds: minute },
  PutRestorePointCollectionSubscriptionMaximum: { requests: 150, windowSeconds: minute },
  UpdateRestorePointCollectionResource: { requests: 15, windowSeconds: minute },
  UpdateRestorePointCollectionSubscriptionMaximum: { requests: 150, windowSeconds: minute },
  PutRestorePointResource: { requests: 6, windowSeconds: minute },
  PutRestorePointSubscriptionMaximum: { requests: 150, windowSeconds: minute },
  LowCostGetRestorePointSubscriptionMaximum: { requests: 600, windowSeconds: minute },
  HighCostGetRestorePointSubscriptionMaximum: { requests: 150, windowSeconds: minute },
  DeleteRestorePointSubscriptionMaximum: { requests: 360, windowSeconds: minute },
  GetOperationResource: { requests: 45, windowSeconds: minute },
  GetOperationSubscriptionMaximum: { requests: 15_000, windowSeconds: minute },
  CreateApplicationConsistentRestorePoint: { requests: 3, windowSeconds: hour, sliding: true },
  CreateCrashConsistentRestorePoint: { requests: 3, windowSeconds: hour, sliding: true },
  CopyRestorePoint: { requests: 3, windowSeconds: hour, sliding: true },
  // ARM's own, by subscription and method.
  'subscription-reads': { requests: 12_000, windowSeconds: hour },
  'subscription-writes': { requests: 200, windowSeconds: minute },
  'subscription-deletes': { requests: 200, windowSeconds: minute },
  'subscription-global-reads': { requests: 180_000, windowSeconds: hour },
  'subscription-global-writes': { requests: 3000, windowSeconds: minute },
  'subscription-global-deletes': { requests: 3000, windowSeconds: minute },
};

const policiesByOperation: Record<string, readonly string[]> = {
  RestorePointCollections_CreateOrUpdate: [
    'PutRestorePointCollectionResource',
    'PutRestorePointCollectionSubscriptionMaximum',
  ],
  RestorePointCollections_Update: [
    'UpdateRestorePointCollectionResource',
    'UpdateRestorePointCollectionSubscriptionMaximum',
  ],
  RestorePointCollections_Get: ['LowCostGetRestorePointSubscriptionMaximum'],
  RestorePointCollections_List: ['HighCostGetRestorePointSubscriptionMaximum'],
  RestorePointCollections_ListAll: ['HighCostGetRestorePointSubscriptionMaximum'],
  RestorePointCollections_Delete: ['DeleteRestorePointSubscriptionMaximum'],
  RestorePoints_Create: ['PutRestorePointResource', 'PutRestorePointSubscriptionMaximum'],
  RestorePoints_Get: ['LowCostGetRestorePointSubscriptionMaximum'],
  RestorePoints_Delete: ['DeleteRestorePointSubscriptionMaximum'],
  ComputeOperations_Get: ['GetOperationResource', 'GetOperationSubscriptionMaximum'],
};

/** A policy together with what it is counted for: a resource, a subscription, a VM. */
export interface Charge {
  policy: string;
  key: string;
}

interface Usage {
  windowStart: number;
  used: number;
  /** Instants of the requests in the window, for sliding policies. */
  instants: number[];
}

/** Counts requests against Azure's quotas. */
export class Throttle {
  readonly #clock: SimulatedClock;
  readonly #behaviour: Behaviour;
  readonly #overrides: QuotaOverrides | false;
  readonly #usage = new Map<string, Usage>();

  constructor(clock: SimulatedClock, behaviour: Behaviour, overrides: QuotaOverrides | false) {
    this.#clock = clock;
    this.#behaviour = behaviour;
    this.#overrides = overrides;
  }

  /**
   * Charges ARM's and the provider's quotas for a request.
   *
   * @param resource what the per-resource policies count for
   * @returns the headers that tell what is left
   * @throws ArmError 429 with Retry-After in real seconds
   */
  charge(
    operationId: string,
    method: string,
    subscription: string,
    resource: string,
  ): Record<string, string | string[]> {
    const kind = method === 'GET' ? 'reads' : method === 'DELETE' ? 'deletes' : 'writes';
    const arm = [`subscription-${kind}`, `subscription-global-${kind}`].map((policy) => ({
      policy,
      key: subscription,
    }));
    const provider = (policiesByOperation[operationId] ?? []).map((policy) => ({
      policy,
      key: policy.endsWith('SubscriptionMaximum') ? subscription : resource,
    }));
    const left = this.take([...arm, ...provider]);
    const headers: Record<string, string | string[]> = {};
    for (const { policy } of arm)
      headers[`x-ms-ratelimit-remaining-${policy}`] = String(left.get(policy) ?? 0);
    return { ...headers, ...this.remainingHeader(provider, left) };
  }

  /**
   * Charges several policies, all or none.
   *
   * @returns what is left of each
   * @throws ArmError 429 for the first that is used up
   */
  take(charges: readonly Charge[]): Map<string, number> {
    const taken = charges.map((charge) => ({
      charge,
      quota: this.#quota(charge.policy),
      usage: this.#current(charge),
    }));
    for (const { charge, quota, usage } of taken) {
      if (this.#overrides !== false && usage.used >= quota.requests)
        throw this.#refusal(charge, quota, usage);
    }
    const left = new Map<string, number>();
    for (const { charge, quota, usage } of taken) {
      usage.used += 1;
      if (quota.sliding) usage.instants.push(this.#clock.now());
      left.set(charge.policy, Math.max(0, quota.requests - usage.used));
    }
    return left;
  }

  /** The header x-ms-ratelimit-remaining-resource for what was charged. */
  remainingHeader(
    charges: readonly Charge[],
    left: ReadonlyMap<string, number>,
  ): Record<string, string | string[]> {
    if (charges.length === 0) return {};
    const values = charges.map(({ policy }) => `Microsoft.Compute/${policy};${left.get(policy) ?? 0}`);
    const name = 'x-ms-ratelimit-remaining-resource';
    return { [name]: this.#behaviour.rateLimitHeader === 'repeated' ? values : values.join(',') };
  }

  #quota(policy: string): Quota {
    const quota = quotas[policy];
    if (quota === undefined) throw new Error(`There is no throttling policy named ${policy}.`);
    return this.#overrides === false ? quota : { ...quota, ...this.#overrides[policy] };
  }

  #current({ policy, key }: Charge): Usage {
    const quota = this.#quota(policy);
    const name = `${policy} ${key.toLowerCase()}`;
    const now = this.#clock.now();
    const window = this.#clock.scale(quota.windowSeconds);
    let usage = this.#usage.get(name);
    if (usage === undefined) {
      usage = { windowStart: now, used: 0, instants: [] };
      this.#usage.set(name, usage);
    }
    if (quota.sliding) {
      usage.instants = usage.instants.filter((instant) => instant > now - window);
      usage.used = usage.instants.length;
      usage.windowStart = usage.instants[0] ?? now;
    } else if (now >= usage.windowStart + window) {
      usage.windowStart = now;
      usage.used = 0;
    }
    return usage;
  }

  #refusal({ policy, key }: Charge, quota: Quota, usage: Usage): ArmError {
    const end = usage.windowStart + this.#clock.scale(quota.windowSeconds);
    const retryAfterSeconds = Math.max(1, Math.ceil((end - this.#clock.now()) / 1000));
    if (policy.startsWith('subscription-')) {
      return armThrottled(policy.split('-').at(-1)?.slice(0, -1) ?? 'read', key, retryAfterSeconds);
    }
    return computeThrottled(policy, retryAfterSeconds, this.#behaviour.throttleBody, {
      start: usage.windowStart,
      end,
      allowed: quota.requests,
      measured: usage.used + 1,
    });
  }
}

/** ARM's own 429. */
export function armThrottled(kind: string, subscription: string, retryAfterSeconds: number): ArmError {
  return new ArmError(
    429,
    'SubscriptionRequestsThrottled',
    `Number of '${kind}' requests for subscription '${subscription}' exceeded. Please try again after ` +
      `'${retryAfterSeconds}' seconds after additional tokens are available. Refer to ` +
      'https://aka.ms/arm-throttling for additional information.',
    { headers: { 'Retry-After': String(retryAfterSeconds) } },
  );
}

/** A 429 of the Compute provider (Azure sheet, section 12). */
export function computeThrottled(
  policy: string,
  retryAfterSeconds: number,
  form: Behaviour['throttleBody'],
  measured: { start: number; end: number; allowed: number; measured: number },
): ArmError {
  const detail = {
    operationGroup: policy,
    startTime: new Date(measured.start).toISOString(),
    endTime: new Date(measured.end).toISOString(),
    allowedRequestCount: measured.allowed,
    measuredRequestCount: measured.measured,
  };
  return new ArmError(
    429,
    'OperationNotAllowed',
    'The server rejected the request because too many requests have been received for this subscription.',
    {
      details: [{ code: 'TooManyRequests', target: policy, message: JSON.stringify(detail) }],
      headers: { 'Retry-After': String(retryAfterSeconds) },
      bare: form === 'bare',
    },
  );
}

import { graceLeft, settledWords, type Verdict } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import { finalizer } from '../../api/names.ts';
import type { AccessRule, VMProviderStatus } from '../../api/v1alpha1/vm-provider.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import type { BudgetLease, Budgets } from '../../providers/budget.ts';
import type { RequestReport } from '../../providers/exchange.ts';
import { backoffDelay } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/informer.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isForbidden, isNotFound } from '../../runtime/kube/errors.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ProviderRegistry, ProviderState } from '../provider-registry.ts';
import type { Recorder } from '../recorder.ts';
import { secretType } from '../resources.ts';
import type { Settings } from '../settings.ts';
import { planConnection } from './connect.ts';
import {
  type AnyProviderObject,
  ambientObstacle,
  type FoundSecret,
  judgeProbe,
  providerStatus,
  readSecrets,
  type Secrets,
  secretNeeds,
  vendorOf,
} from './decide.ts';

/** A connection that fails is tried again sooner than `probeInterval`. */
const retryBackoff = { baseMs: 2_000, maxMs: 300_000 };
/** A word that credentials were refused makes the Secret be read again, at most this often. */
const suspicionPauseMs = 5_000;

interface Secret extends KubeObject {
  data?: Record<string, string>;
}

/** A connection that is held, and what it was made from. */
interface Held {
  provider: AnyProvider;
  madeFrom: string;
  lease: BudgetLease;
}

export interface ProviderControllerOptions<O extends AnyProviderObject> {
  kind: 'VMProvider' | 'ClusterVMProvider';
  informer: Informer<O>;
  recorder: Recorder<O>;
  client: KubeClient;
  registry: ProviderRegistry;
  budgets: Budgets;
  /** Objects that still need the provider at the vendor, as `Kind namespace/name`. */
  users: (key: string) => string[];
  settings: Settings;
  /** How long the effect of a lost write may take to show; the vendor's own when left out. */
  settleMs: number | undefined;
  clock: Clock;
  log: Logger;
  /** Told of each request to the vendor, for metrics; `provider` as the registry has it. */
  onRequest?: (provider: string, vendor: string, report: RequestReport) => void;
}

/** Keeps the connections: builds them from providers and Secrets, tries them, and tells the others. */
export class ProviderController<O extends AnyProviderObject> {
  readonly #options: ProviderControllerOptions<O>;
  readonly #held = new Map<string, Held>();
  readonly #failures = new Map<string, number>();
  readonly #suspectedAt = new Map<string, number>();

  constructor(options: ProviderControllerOptions<O>) {
    this.#options = options;
  }

  /** The registry's key of an object's key in the cache. */
  registryKey(key: string): string {
    return `${this.#options.kind}/${key}`;
  }

  /** Whether a word of refused credentials is worth a look now. */
  mayLookAtSuspicion(key: string): boolean {
    const now = this.#options.clock.monotonic();
    const last = this.#suspectedAt.get(key);
    if (last !== undefined && now - last < suspicionPauseMs) return false;
    this.#suspectedAt.set(key, now);
    return true;
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const { informer, registry } = this.#options;
    const object = informer.getByKey(key);
    if (object === undefined) {
      await this.#drop(key);
      registry.set(this.registryKey(key), { state: 'Absent' });
      return undefined;
    }
    if (object.metadata.deletionTimestamp !== undefined) {
      const users = this.#options.users(this.registryKey(key));
      if (users.length === 0) return this.#release(object, context);
      await this.#connect(key, object, context, {
        reason: 'DeletionBlocked',
        message: `still needed by ${users.slice(0, 5).join(', ')}; it goes when they are gone`,
      });
      return { requeueAfterMs: 60_000 };
    }
    if (!object.metadata.finalizers?.includes(finalizer)) {
      if ((await this.#options.recorder.hold(object, undefined, context.signal)) === undefined)
        return { requeueAfterMs: 500 };
    }
    const verdict = await this.#connect(key, informer.getByKey(key) ?? object, context, undefined);
    return { requeueAfterMs: this.#nextTryMs(key, object, verdict), band: 'drift' };
  }

  /** Reads, builds, tries, tells. `overriding` is what the object says instead of what was found. */
  async #connect(
    key: string,
    object: O,
    context: ReconcileContext,
    overriding: Verdict | undefined,
  ): Promise<Verdict> {
    const { registry } = this.#options;
    const registryKey = this.registryKey(key);
    const access = accessOf(object);
    const found = await this.#try(key, object, context);
    const held = this.#held.get(key)?.provider;
    const ready = found.verdict.reason === 'Available';
    const state: ProviderState =
      ready && held !== undefined && overriding === undefined
        ? { state: 'Ready', provider: held, ...access }
        : {
            state: 'NotReady',
            reason: (overriding ?? found.verdict).reason,
            message: (overriding ?? found.verdict).message,
            ...(held === undefined ? {} : { provider: held }),
            ...access,
          };
    await this.#say(object, overriding ?? found.verdict, found.status, context);
    if (changed(registry.get(registryKey), state)) registry.set(registryKey, state);
    return found.verdict;
  }

  async #try(
    key: string,
    object: O,
    context: ReconcileContext,
  ): Promise<{ verdict: Verdict; status: VMProviderStatus }> {
    const obstacle = ambientObstacle(object, this.#options.settings);
    if (obstacle !== undefined) {
      await this.#drop(key);
      return { verdict: obstacle, status: {} };
    }
    const secrets = await this.#secrets(object, context);
    // Credentials in memory outlive a Secret that vanishes, until what depends on them is settled.
    if ('verdict' in secrets) return { verdict: secrets.verdict, status: {} };
    let provider: AnyProvider;
    try {
      provider = await this.#hold(key, object, secrets);
    } catch (error) {
      // What the schema cannot know: a certificate that cannot be read, addresses that make no sense.
      if (!(error instanceof TypeError)) throw error;
      return {
        verdict: {
          reason: 'InvalidSpec',
          message: `the connection cannot be made as spec says: ${error.message}`,
        },
        status: {},
      };
    }
    const probe = await provider.probe({
      signal: context.signal,
      priority: 'Poll',
      correlationID: context.correlationID,
    });
    const { verdict, product } = judgeProbe(probe, object.spec);
    return { verdict, status: providerStatus(provider.endpointID, product, secrets.resourceVersion) };
  }

  async #secrets(object: O, { signal }: ReconcileContext): Promise<Secrets> {
    const { client, settings } = this.#options;
    const namespace = object.metadata.namespace ?? settings.operatorNamespace;
    const needs = secretNeeds(object.spec);
    const found = new Map<string, FoundSecret>();
    for (const name of new Set(needs.map((need) => need.name))) {
      try {
        const secret = await client.get<Secret>(secretType, { namespace, name }, { signal });
        found.set(name, {
          resourceVersion: secret.metadata.resourceVersion ?? '',
          ...(secret.data === undefined ? {} : { data: secret.data }),
        });
      } catch (error) {
        if (isNotFound(error)) found.set(name, undefined);
        else if (isForbidden(error)) found.set(name, { refused: error.message });
        else throw error;
      }
    }
    return readSecrets(needs, found, namespace);
  }

  /** The connection for what the object and its Secrets say now; the one that is held, if they say the same. */
  async #hold(key: string, object: O, secrets: Extract<Secrets, { values: unknown }>): Promise<AnyProvider> {
    const { budgets, clock, log, onRequest, settleMs } = this.#options;
    const madeFrom = JSON.stringify([
      object.metadata.uid,
      object.spec.azure,
      object.spec.ovirt,
      object.spec.spf,
      object.spec.tls,
      object.spec.limits,
      secrets.values,
    ]);
    const held = this.#held.get(key);
    if (held?.madeFrom === madeFrom) return held.provider;
    const plan = planConnection(object.spec, secrets.values);
    const lease = budgets.lease(plan.endpointID, plan.limits);
    let provider: AnyProvider;
    try {
      provider = plan.connect({
        budget: lease.budget,
        monotonic: () => clock.monotonic(),
        log: log.child({ provider: this.registryKey(key) }),
        settleMs,
        onRequest:
          onRequest === undefined
            ? undefined
            : (report: RequestReport) => onRequest(this.registryKey(key), vendorOf(object.spec), report),
      });
    } catch (error) {
      lease.end();
      throw error;
    }
    this.#held.set(key, { provider, madeFrom, lease });
    if (held !== undefined) this.#close(held);
    return provider;
  }

  async #drop(key: string): Promise<void> {
    const held = this.#held.get(key);
    this.#held.delete(key);
    this.#failures.delete(key);
    if (held !== undefined) this.#close(held);
  }

  /** Runs that began with the old connection end with it: it is closed when they are surely done. */
  #close(held: Held): void {
    const { clock, log } = this.#options;
    held.lease.end();
    clock.setTimer(held.provider.requestTimeoutMs + 5_000, () => {
      held.provider
        .close()
        .catch((error: unknown) => log.warn('closing a connection failed', { err: error }));
    });
  }

  /** Another shard serves the provider now: nothing of it is held here any more. */
  async leave(key: string): Promise<void> {
    await this.#drop(key);
    this.#options.registry.set(this.registryKey(key), { state: 'Untried' });
  }

  /** Closes every connection, at the end of the process. */
  async close(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    await Promise.allSettled(all.map(({ provider }) => provider.close()));
  }

  async #release(object: O, context: ReconcileContext): Promise<ReconcileResult> {
    const written = await this.#options.recorder.release(object, undefined, context);
    return written === undefined ? { requeueAfterMs: 500 } : {};
  }

  async #say(
    object: O,
    verdict: Verdict,
    status: VMProviderStatus,
    context: ReconcileContext,
  ): Promise<void> {
    const saying = { verdict, looked: true, status: () => status as Partial<NonNullable<O['status']>> };
    await this.#options.recorder.say(object, saying, context.signal, () => true);
  }

  #nextTryMs(key: string, object: O, verdict: Verdict): number {
    const interval = parseDuration(object.spec.probeInterval ?? '5m');
    const jittered = interval * (0.9 + Math.random() / 5);
    if (verdict.reason === 'Available') {
      this.#failures.delete(key);
      return jittered;
    }
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const grace = graceLeft(
      verdict.reason,
      Date.parse(object.metadata.creationTimestamp),
      this.#options.clock.now(),
    );
    return Math.max(
      500,
      Math.min(jittered, backoffDelay(failures, retryBackoff) + 500, grace ?? Number.POSITIVE_INFINITY),
    );
  }
}

function accessOf(object: AnyProviderObject): { access?: AccessRule[] } {
  return 'access' in object.spec && object.spec.access !== undefined ? { access: object.spec.access } : {};
}

/** Whether those who depend on it have anything to look at. */
function changed(before: ProviderState, after: ProviderState): boolean {
  // The same trouble in other words, an id or an instant, is nothing to look at.
  const words = (state: ProviderState) => ('message' in state ? state.message : '');
  const message = settledWords(words(before), words(after));
  const told = (state: ProviderState) =>
    JSON.stringify({ ...state, provider: undefined, message: state === after ? message : words(state) });
  const connection = (state: ProviderState) => ('provider' in state ? state.provider : undefined);
  return told(before) !== told(after) || connection(before) !== connection(after);
}

import { graceLeft, reads } from '../../api/conditions.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { Call } from '../../providers/outcome.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/informer.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isNotFound } from '../../runtime/kube/errors.ts';
import { formatIntent, readIntent, sendWindowMs } from '../intent.ts';
import { type ProviderRegistry, providerKey } from '../provider-registry.ts';
import type { Recorder } from '../recorder.ts';
import { resourceTypes } from '../resources.ts';
import { type Settings, spread } from '../settings.ts';
import { decideCollection } from './decide.ts';
import {
  type CollectionFacts,
  type CollectionFinish,
  type CollectionNeighbours,
  type CollectionSeen,
  type CollectionStep,
  isUnused,
  type Users,
} from './facts.ts';

/** No decision takes more steps than this; one that does is a fault of ours. */
const maxSteps = 12;
const safetyLookMs = 300_000;

export interface CollectionControllerOptions {
  informer: Informer<RestorePointCollection>;
  recorder: Recorder<RestorePointCollection>;
  client: KubeClient;
  registry: ProviderRegistry;
  neighbours: (object: RestorePointCollection) => CollectionNeighbours;
  /** Who needs the collection, asked of the API server itself. */
  liveUsers: (object: RestorePointCollection, id: string, signal: AbortSignal) => Promise<Users>;
  settings: Settings;
  clock: Clock;
  random?: () => number;
  /** Told at each named step; tests stop the process there. */
  onStep?: (step: CollectionStep['do'], object: RestorePointCollection) => void;
}

/** Brings restore point collections to what their objects say. */
export class CollectionController {
  readonly #options: CollectionControllerOptions;
  readonly #startedAt: number;
  /** By UID, on the monotonic clock: the last look, and since when an automatic one has no users. */
  readonly #lastLook = new Map<string, number>();
  readonly #managedAtLook = new Map<string, number>();
  readonly #unusedSince = new Map<string, number>();

  constructor(options: CollectionControllerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    options.informer.on({
      deleted: ({ metadata }) => {
        this.#lastLook.delete(metadata.uid);
        this.#managedAtLook.delete(metadata.uid);
        this.#unusedSince.delete(metadata.uid);
      },
    });
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    let object = this.#options.informer.getByKey(key);
    if (object === undefined) return undefined;
    const random = (this.#options.random ?? Math.random)();
    let seen: CollectionSeen = {};
    let ackedAt = 0;
    for (let count = 0; count < maxSteps; count++) {
      const facts = this.#facts(object, seen, context.correlationID, random);
      const step = decideCollection(facts);
      this.#options.onStep?.(step.do, object);
      switch (step.do) {
        case 'Finish':
          return this.#record(facts, step, context);
        case 'Release':
          return this.#release(object, step, context);
        case 'DeleteObject':
          return this.#deleteObject(object, step.note, context);
        case 'Protect':
        case 'WriteIntent': {
          const written = await this.#options.recorder.hold(
            object,
            formatIntent(step.intent),
            context.signal,
          );
          if (written === undefined) return { requeueAfterMs: 500 };
          object = written;
          if (step.do === 'Protect') {
            context.log.warn('put back the finalizer and the intent, which someone took away');
            break;
          }
          ackedAt = this.#options.clock.monotonic();
          // The look before the write must be after the intent.
          const { collection: _stale, gone: _old, ...kept } = seen;
          seen = { ...kept, intentWritten: true };
          break;
        }
        default:
          seen = { ...seen, ...(await this.#ask(facts, step, ackedAt, context)) };
      }
    }
    throw new Error(`no end after ${maxSteps} steps; this is a fault of Keyframe, please report it`);
  }

  #facts(
    object: RestorePointCollection,
    seen: CollectionSeen,
    correlationID: string,
    random: number,
  ): CollectionFacts {
    const { clock, settings, registry } = this.#options;
    const neighbours = this.#options.neighbours(object);
    const { uid, namespace = '' } = object.metadata;
    const now = clock.monotonic();
    const last = this.#lastLook.get(uid);
    const due =
      last === undefined
        ? this.#startedAt + spread(uid, settings.driftIntervalMs)
        : last + settings.driftIntervalMs;
    if (!isUnused(neighbours.users)) this.#unusedSince.delete(uid);
    else if (!this.#unusedSince.has(uid)) this.#unusedSince.set(uid, now);
    return {
      object,
      now: clock.now(),
      monotonic: now,
      random,
      correlationID,
      settings,
      provider: registry.get(providerKey(object.spec.providerRef, namespace)),
      neighbours,
      driftDueMs: Math.max(0, due - now),
      unusedMs: now - (this.#unusedSince.get(uid) ?? now),
      sinceLookMs: last === undefined ? Number.POSITIVE_INFINITY : now - last,
      managedAtLook: this.#managedAtLook.get(uid),
      seen,
    };
  }

  /** One call to the vendor, or to the API server for what the cache may not have yet. */
  async #ask(
    facts: CollectionFacts,
    step: Exclude<CollectionStep, { do: 'Finish' | 'Release' | 'DeleteObject' | 'WriteIntent' | 'Protect' }>,
    ackedAt: number,
    context: ReconcileContext,
  ): Promise<CollectionSeen> {
    const { object, provider: state } = facts;
    if (step.do === 'ReadLiveUsers')
      return { liveUsers: await this.#options.liveUsers(object, step.id, context.signal) };
    const provider = 'provider' in state ? state.provider : undefined;
    if (provider?.vendor !== 'azure') throw new Error('decided to ask a provider that is not there');
    const call = (priority: Call['priority']): Call => ({
      signal: context.signal,
      priority,
      correlationID: readIntent(object)?.correlationID ?? facts.correlationID,
    });
    switch (step.do) {
      case 'ReadVM':
        return { vm: await provider.getVM(step.query, call('Poll')) };
      case 'ReadSourceCollection':
        return { sourceCollection: await provider.getCollection(step.id, { points: false }, call('Poll')) };
      case 'ReadCollection':
        return {
          collection: await provider.getCollection(
            step.id,
            { points: step.points },
            call(object.status?.completionTime === undefined ? 'Poll' : 'Drift'),
          ),
        };
      case 'ProveGone':
        return { gone: await provider.isContainerGone(step.id, call('Poll')) };
      case 'Create':
        return {
          created: await provider.createCollection(step.target, {
            ...call('Write'),
            sendBefore: ackedAt + sendWindowMs,
          }),
        };
      case 'UpdateTags':
        return {
          tagged: await provider.updateCollectionTags(step.id, step.tags, {
            ...call('Write'),
            sendBefore: ackedAt + sendWindowMs,
          }),
        };
      case 'Delete': {
        const deleted = await provider.deleteCollection(step.id, call('Write'));
        context.log.info('asked Azure to remove the collection', { id: step.id, outcome: deleted.kind });
        return { deleted };
      }
    }
  }

  async #record(
    facts: CollectionFacts,
    finish: CollectionFinish,
    context: ReconcileContext,
  ): Promise<ReconcileResult | undefined> {
    const { recorder, registry } = this.#options;
    const { object } = facts;
    const { uid, creationTimestamp, namespace = '' } = object.metadata;
    if (finish.looked) {
      // When it was decided on, not now: what it was not yet sure of then must not count as looked at.
      this.#lastLook.set(uid, facts.monotonic);
      if (facts.seen.collection !== undefined && finish.status?.restorePoints !== undefined)
        this.#managedAtLook.set(uid, facts.neighbours.managed);
    }
    const { verdict } = finish;
    if (verdict?.reason === 'AuthenticationFailed')
      registry.suspect(providerKey(object.spec.providerRef, namespace));
    const saying = {
      verdict,
      looked: finish.looked,
      current: finish.current,
      status: () => ({
        ...(verdict !== undefined && object.status?.provisioningState === undefined
          ? { provisioningState: 'Pending' }
          : {}),
        ...finish.status,
      }),
    };
    const result = await recorder.say(
      object,
      saying,
      context.signal,
      (fresh) => readIntent(fresh)?.correlationID === readIntent(object)?.correlationID,
    );
    if (result === 'conflict') return { requeueAfterMs: 500 };

    const createdAt = Date.parse(creationTimestamp);
    const waits = [finish.requeueAfterMs];
    if (verdict !== undefined) {
      waits.push(graceLeft(verdict.reason, createdAt, facts.now));
      if (finish.requeueAfterMs === undefined && reads(verdict.reason, createdAt, facts.now) === 'InProgress')
        waits.push(safetyLookMs);
    }
    const known = waits.filter((wait) => wait !== undefined && Number.isFinite(wait));
    return known.length === 0 ? {} : { requeueAfterMs: Math.min(...(known as number[])) };
  }

  async #release(
    object: RestorePointCollection,
    { event }: Extract<CollectionStep, { do: 'Release' }>,
    context: ReconcileContext,
  ): Promise<ReconcileResult> {
    const { recorder } = this.#options;
    const written = await recorder.release(object, event, context);
    return written === undefined ? { requeueAfterMs: 500 } : {};
  }

  async #deleteObject(
    object: RestorePointCollection,
    note: string,
    context: ReconcileContext,
  ): Promise<ReconcileResult> {
    const { uid, resourceVersion, namespace, name } = object.metadata;
    context.log.info('removing the object', { why: note });
    try {
      await this.#options.client.delete(
        resourceTypes.RestorePointCollection,
        { namespace, name },
        { uid, resourceVersion, signal: context.signal },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return {};
  }
}

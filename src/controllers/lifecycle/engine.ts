import { graceLeft, reads, type Verdict } from '../../api/conditions.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import { type Call, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/informer.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { isAlreadyExists, isNotFound } from '../../runtime/kube/errors.ts';
import type { KubeObject, ResourceType } from '../../runtime/kube/types.ts';
import { formatIntent, type Intent, readIntent, sendWindowMs } from '../intent.ts';
import { keepConfiguration } from '../kept-configuration.ts';
import type { Lanes } from '../lanes.ts';
import type { Listings } from '../listings.ts';
import { type ProviderRegistry, type ProviderState, providerKey } from '../provider-registry.ts';
import type { Recorder } from '../recorder.ts';
import { resourceTypes } from '../resources.ts';
import { type Settings, spread } from '../settings.ts';
import type { UnknownOutcomes } from '../unknown-outcomes.ts';
import { intentOf, ours } from './case.ts';
import { decide } from './decide.ts';
import type { CommonNeighbours, Facts, Finish, KindPolicy, ManagedObject, Seen, Step } from './facts.ts';
import { withoutSmallSteps } from './replication.ts';

/** No decision takes more steps than this; one that does is a fault of ours. */
const maxSteps = 16;
/** A wait shorter than this is not worth a write. */
const shortWaitMs = 3_000;
/** Where the endpoint tells what moves, an object is polled this many times as seldom. */
const followedPollFactor = 6;
/** What waits for something without a time of its own is looked at this often, should an event be lost. */
const safetyLookMs = 300_000;

export interface EngineOptions<O extends ManagedObject, N> {
  resource: ResourceType;
  policy: KindPolicy<O, N>;
  /** Reads, from the caches, what matters to an object. */
  neighbours: (object: O) => N & CommonNeighbours;
  informer: Informer<O & KubeObject>;
  client: KubeClient;
  registry: ProviderRegistry;
  unknownOutcomes: UnknownOutcomes;
  lanes: Lanes;
  listings: Listings;
  recorder: Recorder<O>;
  settings: Settings;
  /** Whether an endpoint tells what moves there: then each object is polled the less. */
  isFollowed?: (endpointID: string) => boolean;
  clock: Clock;
  random?: () => number;
  /** Told at each named step of the protocol (see intent.ts); tests stop the process there. */
  onStep?: (step: Step['do'], object: O) => void;
}

/** Carries out what `decide` says, one step after another, and records what came of it. */
export class Engine<O extends ManagedObject, N> {
  readonly #options: EngineOptions<O, N>;
  /** When each settled object was last held against the vendor, and when progress was last written; monotonic. */
  readonly #lastLook = new Map<string, number>();
  readonly #lastProgress = new Map<string, number>();
  readonly #startedAt: number;

  constructor(options: EngineOptions<O, N>) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    options.informer.on({ deleted: (object) => this.#forget(object.metadata.uid ?? '') });
  }

  /** Brings one object a step nearer to its end. */
  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const { informer } = this.#options;
    const object = informer.getByKey(key);
    if (object === undefined) return undefined;
    const run = new Run(this.#options, object, context, {
      driftDueMs: (uid) => this.#driftDueMs(uid),
      progressAgeMs: (uid) => this.#ageMs(this.#lastProgress.get(uid)),
    });
    const result = await run.toTheEnd();
    const { uid } = object.metadata;
    const now = this.#options.clock.monotonic();
    if (run.looked) this.#lastLook.set(uid, now);
    if (run.wroteProgress) this.#lastProgress.set(uid, now);
    return result;
  }

  /** A look at the vendor once in each interval, spread so that not all come at once, also after a restart. */
  #driftDueMs(uid: string): number {
    const { settings, clock } = this.#options;
    const interval = settings.driftIntervalMs;
    const last = this.#lastLook.get(uid);
    const due = last === undefined ? this.#startedAt + spread(uid, interval) : last + interval;
    return Math.max(0, due - clock.monotonic());
  }

  #ageMs(at: number | undefined): number | undefined {
    return at === undefined ? undefined : this.#options.clock.monotonic() - at;
  }

  #forget(uid: string): void {
    this.#lastLook.delete(uid);
    this.#lastProgress.delete(uid);
    this.#options.unknownOutcomes.forget(uid);
  }
}

interface Memory {
  driftDueMs(uid: string): number;
  progressAgeMs(uid: string): number | undefined;
}

/** One run for one object. */
class Run<O extends ManagedObject, N> {
  readonly #options: EngineOptions<O, N>;
  readonly #context: ReconcileContext;
  readonly #memory: Memory;
  readonly #random: number;
  #object: O;
  #seen: Seen = {};
  #intentBegunAt = 0;
  #lane: { limit: string; release: () => void } | undefined;
  looked = false;
  wroteProgress = false;

  constructor(options: EngineOptions<O, N>, object: O, context: ReconcileContext, memory: Memory) {
    this.#options = options;
    this.#object = object;
    this.#context = context;
    this.#memory = memory;
    this.#random = (options.random ?? Math.random)();
  }

  async toTheEnd(): Promise<ReconcileResult | undefined> {
    try {
      for (let count = 0; count < maxSteps; count++) {
        const facts = this.#facts();
        const step = decide(facts, this.#options.policy);
        this.#options.onStep?.(step.do, this.#object);
        if (step.do === 'Finish') return await this.#record(facts, step);
        const ended = await this.#act(facts, step);
        if (ended !== undefined) return ended;
      }
      throw new Error(`no end after ${maxSteps} steps; this is a fault of Keyframe, please report it`);
    } finally {
      this.#lane?.release();
    }
  }

  #facts(): Facts<O, N> {
    const { clock, settings, neighbours, policy, registry, unknownOutcomes } = this.#options;
    const around = neighbours(this.#object);
    const ref = policy.providerRef(this.#object, around);
    const provider: ProviderState =
      ref === undefined
        ? { state: 'Untried' }
        : registry.get(providerKey(ref, this.#object.metadata.namespace ?? ''));
    const endpointID = 'provider' in provider ? provider.provider?.endpointID : undefined;
    const followed = endpointID !== undefined && this.#options.isFollowed?.(endpointID) === true;
    const facts: Facts<O, N> = {
      object: this.#object,
      now: clock.now(),
      monotonic: clock.monotonic(),
      random: this.#random,
      correlationID: this.#context.correlationID,
      settings: followed
        ? { ...settings, pollIntervalMs: settings.pollIntervalMs * followedPollFactor }
        : settings,
      provider,
      neighbours: around,
      unknown: undefined,
      driftDueMs: this.#memory.driftDueMs(this.#object.metadata.uid),
      seen: this.#seen,
    };
    const intent = intentOf({ facts, policy, recorded: policy.recorded(this.#object) });
    if (intent !== undefined) facts.unknown = unknownOutcomes.peek(this.#object.metadata.uid, intent.attempt);
    return facts;
  }

  /** Carries out one step; answers something when the run ends with it. */
  async #act(facts: Facts<O, N>, step: Exclude<Step, Finish>): Promise<ReconcileResult | undefined> {
    switch (step.do) {
      case 'WriteIntent':
        return this.#writeIntent(facts, step);
      case 'Protect':
        return this.#protect(step.intent);
      case 'Release':
        return this.#release(step.event);
      case 'DeleteObject':
        return this.#deleteObject();
      case 'MakeCollection':
        return this.#makeCollection(facts, step.object);
      case 'KeepConfiguration':
        this.#seen = { ...this.#seen, configurationKept: await this.#keepConfiguration(facts, step) };
        return undefined;
      default: {
        const provider = providerOf(facts);
        if (provider === undefined) return { requeueAfterMs: safetyLookMs };
        if (step.do === 'Remove' && step.lane !== undefined && !this.#acquire(step.lane))
          return { requeueAfterMs: laneRetryMs };
        this.#seen = { ...this.#seen, ...(await this.#ask(facts, provider, step)) };
        return undefined;
      }
    }
  }

  /** One call to the vendor. */
  async #ask(facts: Facts<O, N>, provider: AnyProvider, step: VendorStep): Promise<Partial<Seen>> {
    const { listings, lanes, clock } = this.#options;
    const poll = this.#call('Poll');
    switch (step.do) {
      case 'ReadVM':
        return { vm: await provider.getVM(step.query, poll) };
      case 'ReadSource':
        return { source: await provider.getSnapshot(step.ref, {}, poll) };
      case 'ReadSourceCollection':
        if (provider.vendor !== 'azure') return {};
        return { sourceCollection: await provider.getCollection(step.id, { points: false }, poll) };
      case 'ReadSnapshot':
        return { snapshot: await provider.getSnapshot(step.ref, step.view, poll) };
      case 'ReadOperation':
        return { operation: await provider.getOperation(step.token, poll) };
      case 'LookUp': {
        const begunAt = clock.monotonic();
        const lookUp = await listings.get(
          provider,
          step.containerID,
          step.fresh,
          this.#call(step.fresh ? 'Write' : 'Drift'),
        );
        if (lookUp.fresh && succeeded(lookUp.outcome))
          this.#noteLookUp(facts, this.#ours(facts, lookUp.outcome.value).length === 0, begunAt);
        return { lookUp };
      }
      case 'ProveContainerGone': {
        const begunAt = clock.monotonic();
        const containerGone = await provider.isContainerGone(step.containerID, poll);
        if (succeeded(containerGone) && containerGone.value) this.#noteLookUp(facts, true, begunAt);
        return { containerGone };
      }
      case 'Create': {
        const objection = await this.#collectionIsGoing(facts);
        if (objection !== undefined) return { created: objection };
        const created = await provider.createSnapshot(step.intent.target, {
          ...this.#call('Write'),
          correlationID: step.intent.correlationID,
          sendBefore: this.#intentBegunAt + sendWindowMs,
        });
        if (this.#lane !== undefined && (succeeded(created) || created.kind === 'Unknown')) {
          lanes.recordSend(this.#lane.limit, step.intent.target.name);
        }
        if (created.kind === 'Unknown')
          this.#options.unknownOutcomes.see(this.#object.metadata.uid, step.intent.attempt);
        this.#context.log.info('asked the vendor to make it', {
          name: step.intent.target.name,
          attempt: step.intent.attempt,
          outcome: created.kind,
          sentMs: Math.round(clock.monotonic() - this.#intentBegunAt),
        });
        return { created };
      }
      case 'Remove': {
        const { id } = step.ref;
        const outcome = await provider.deleteSnapshot(step.ref, this.#call('Write'));
        this.#context.log.info('asked the vendor to remove it', { id, outcome: outcome.kind });
        return { removed: { id, outcome } };
      }
      case 'Describe': {
        if (provider.vendor === 'azure') return {};
        const described = await provider.describeSnapshot(step.ref, step.texts, this.#call('Write'));
        this.#context.log.info('asked the vendor to change its description', {
          id: step.ref.id,
          outcome: described.kind,
        });
        return { described };
      }
      case 'Freeze': {
        if (provider.vendor === 'azure') return {};
        const frozen = await provider.freezeGuest(step.vmID, {
          ...this.#call('Write'),
          sendBefore: this.#intentBegunAt + sendWindowMs,
        });
        this.#context.log.info('asked the vendor to freeze the guest', {
          vmID: step.vmID,
          outcome: frozen.kind,
        });
        return { frozen };
      }
      case 'Thaw': {
        if (provider.vendor === 'azure') return {};
        const thawed = await provider.thawGuest(step.vmID, this.#call('Write'));
        this.#context.log.info('asked the vendor to thaw the guest', {
          vmID: step.vmID,
          outcome: thawed.kind,
        });
        return { thawed };
      }
    }
  }

  #ours(facts: Facts<O, N>, present: Snapshot[]): Snapshot[] {
    const { policy } = this.#options;
    return ours({ facts, policy, recorded: policy.recorded(facts.object) }, present);
  }

  /** A complete look-up of an attempt that nobody recorded: what it showed is evidence. */
  #noteLookUp(facts: Facts<O, N>, empty: boolean, begunAt: number): void {
    const { unknownOutcomes, policy } = this.#options;
    const recorded = policy.recorded(facts.object);
    const intent = intentOf({ facts, policy, recorded });
    if (intent === undefined || intent.step !== 'Create' || recorded.completionTime !== undefined) return;
    if (facts.seen.intentWritten || (recorded.operation?.attempts ?? 0) >= intent.attempt) return;
    const { uid } = facts.object.metadata;
    if (empty) unknownOutcomes.lookedUpEmpty(uid, intent.attempt, begunAt);
    else unknownOutcomes.see(uid, intent.attempt);
  }

  /** (b) of the protocol: finalizer and intent in one patch under the resourceVersion. */
  async #writeIntent(
    facts: Facts<O, N>,
    { intent, lane, limit }: Extract<Step, { do: 'WriteIntent' }>,
  ): Promise<ReconcileResult | undefined> {
    const { recorder } = this.#options;
    if (lane !== undefined) {
      if (!this.#acquire(lane, limit)) return this.#record(facts, anotherRun);
    }
    // Once it is sent another process may see it, however long the answer takes.
    this.#intentBegunAt = this.#options.clock.monotonic();
    const written = await recorder.hold(this.#object, formatIntent(intent), this.#context.signal);
    if (written === undefined) return conflictResult;
    this.#object = written;
    const { lookUp: _stale, ...kept } = this.#seen;
    this.#seen = { ...kept, intentWritten: true };
    return undefined;
  }

  /** Holds a lane until the run ends; false where another run holds it. */
  #acquire(lane: string, limit = lane): boolean {
    const release = this.#options.lanes.tryAcquire(lane, this.#object.metadata.uid);
    if (release === undefined) return false;
    this.#lane?.release();
    this.#lane = { limit, release };
    return true;
  }

  async #keepConfiguration(
    facts: Facts<O, N>,
    { configMapName, ref }: Extract<Step, { do: 'KeepConfiguration' }>,
  ): Promise<Seen['configurationKept']> {
    const { client, policy, recorder } = this.#options;
    const provider = providerOf(facts);
    const snapshot = await provider?.getSnapshot(ref, { configuration: true }, this.#call('Poll'));
    if (snapshot !== undefined && !succeeded(snapshot)) return snapshot;
    const text = snapshot?.value.configuration;
    const withObject = policy.deletionPolicy(this.#object) === 'Delete';
    const kept =
      text === undefined
        ? 'the vendor gives no configuration of the VM for this snapshot'
        : await keepConfiguration(
            client,
            this.#object,
            { name: configMapName, text, withObject },
            this.#context.signal,
          );
    if (kept !== true)
      recorder.event(this.#object, { type: 'Warning', reason: 'ConfigurationNotKept', note: kept });
    return kept;
  }

  /** Puts back what a tool that replaces objects, or a hand, took away. */
  async #protect(intent: Intent<SnapshotTarget>): Promise<ReconcileResult | undefined> {
    const { recorder } = this.#options;
    const written = await recorder.hold(this.#object, formatIntent(intent), this.#context.signal);
    if (written === undefined) return conflictResult;
    this.#context.log.warn('put back the finalizer and the intent, which someone took away');
    this.#object = written;
    return undefined;
  }

  /**
   * A collection is removed with every point in it, so a point must not be on its way into one that is going. The
   * collection's controller, once its object is marked as going, lists the intents afresh before it removes
   * anything; here the object is read afresh after the intent is written: one of the two sees the other.
   */
  async #collectionIsGoing(facts: Facts<O, N>): Promise<Seen['created'] | undefined> {
    const { client, policy } = this.#options;
    const name = policy.collectionName(facts);
    if (name === undefined) return undefined;
    const held = (message: string): Seen['created'] => ({
      kind: 'NotSent',
      error: { code: 'CollectionGoing', message },
    });
    try {
      const collection = await client.get<RestorePointCollection>(
        resourceTypes.RestorePointCollection,
        { namespace: this.#object.metadata.namespace, name },
        { signal: this.#context.signal },
      );
      return collection.metadata.deletionTimestamp === undefined
        ? undefined
        : held(`RestorePointCollection ${name} is being deleted`);
    } catch (error) {
      if (isNotFound(error)) return held(`RestorePointCollection ${name} is gone`);
      throw error;
    }
  }

  async #makeCollection(
    facts: Facts<O, N>,
    object: Extract<Step, { do: 'MakeCollection' }>['object'],
  ): Promise<ReconcileResult | undefined> {
    const { client } = this.#options;
    try {
      await client.create(resourceTypes.RestorePointCollection, object, { signal: this.#context.signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const verdict: Verdict = {
      reason: 'Queued',
      message: `waiting for RestorePointCollection ${object.metadata.name}, which is being made`,
    };
    return this.#record(facts, { do: 'Finish', verdict });
  }

  async #release(event: Extract<Step, { do: 'Release' }>['event']): Promise<ReconcileResult | undefined> {
    const { recorder, unknownOutcomes } = this.#options;
    const written = await recorder.release(this.#object, event, this.#context);
    if (written === undefined) return conflictResult;
    unknownOutcomes.forget(this.#object.metadata.uid);
    return {};
  }

  async #deleteObject(): Promise<ReconcileResult | undefined> {
    const { client, resource, recorder } = this.#options;
    const { uid, resourceVersion, namespace, name } = this.#object.metadata;
    recorder.event(this.#object, { type: 'Normal', reason: 'Expired', note: 'spec.ttl has passed' });
    try {
      await client.delete(
        resource,
        { namespace, name },
        { uid, resourceVersion, signal: this.#context.signal },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return {};
  }

  /** (e): the status, when it says anything new. */
  async #record(facts: Facts<O, N>, finish: Finish): Promise<ReconcileResult | undefined> {
    const { recorder, unknownOutcomes, settings, registry, policy } = this.#options;
    const { object } = facts;
    const { uid, creationTimestamp } = object.metadata;
    if (finish.settled) unknownOutcomes.forget(uid);
    if (finish.looked) this.looked = true;
    for (const event of finish.events ?? []) recorder.event(object, event);
    if (finish.verdict?.reason === 'AuthenticationFailed') {
      const ref = policy.providerRef(object, facts.neighbours);
      if (ref !== undefined) registry.suspect(providerKey(ref, object.metadata.namespace ?? ''));
    }

    const createdAt = Date.parse(creationTimestamp);
    const requeue = this.#requeueAfterMs(facts, finish, createdAt);
    const silent = finish.verdict !== undefined && finish.record === undefined;
    if (silent && isShortWait(object, finish.verdict, facts.now - createdAt)) {
      return { requeueAfterMs: Math.min(requeue ?? shortWaitMs, shortWaitMs) };
    }
    // Of what nothing was said yet, nothing is said in part.
    if (
      finish.verdict === undefined &&
      finish.record === undefined &&
      object.status?.conditions === undefined
    )
      return requeue === undefined ? {} : { requeueAfterMs: requeue };
    const status = (current: O) => {
      const next = policy.status({ ...facts, object: current }, finish);
      if (!sameReason(current, finish)) return next;
      const before = current.status ?? {};
      const begunAt = Date.parse(policy.recorded(current).operation?.startedAt ?? '') || createdAt;
      const sinceLastMs = this.#memory.progressAgeMs(uid);
      return withoutSmallSteps(before, next, {
        sinceLastMs,
        sinceBegunMs: facts.now - begunAt,
        intervalMs: settings.progressIntervalMs,
      });
    };
    const mayRepeat = (fresh: O) =>
      readIntent<SnapshotTarget>(fresh)?.correlationID ===
        readIntent<SnapshotTarget>(object)?.correlationID &&
      JSON.stringify(policy.recorded(fresh)) === JSON.stringify(policy.recorded(object));
    const result = await recorder.say(
      object,
      { verdict: finish.verdict, status, looked: finish.looked, current: finish.current },
      this.#context.signal,
      mayRepeat,
    );
    if (result === 'conflict') return conflictResult;
    if (result === 'written' && tellsProgress(facts, finish)) this.wroteProgress = true;
    return requeue === undefined ? {} : { requeueAfterMs: requeue };
  }

  #requeueAfterMs(facts: Facts<O, N>, finish: Finish, createdAt: number): number | undefined {
    const reason = finish.verdict?.reason;
    const waits = [finish.requeueAfterMs, finish.endsInMs];
    const deleting = facts.object.metadata.deletionTimestamp !== undefined;
    let unsettled = deleting;
    if (reason !== undefined) {
      waits.push(graceLeft(reason, createdAt, facts.now));
      unsettled ||= reads(reason, createdAt, facts.now) === 'InProgress';
    }
    // What is not settled is looked at again, should an event be lost.
    if (finish.requeueAfterMs === undefined && unsettled) waits.push(safetyLookMs);
    const known = waits.filter((wait) => wait !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  #call(priority: Call['priority']): Call {
    return { signal: this.#context.signal, priority, correlationID: this.#context.correlationID };
  }
}

/** Someone wrote first: the watch brings what they wrote. */
const conflictResult: ReconcileResult = { requeueAfterMs: 500 };

const anotherRun: Finish = {
  do: 'Finish',
  verdict: { reason: 'Queued', message: 'another object is about to use the same VM or collection' },
  requeueAfterMs: 1_000,
};

/** Steps that are one call to the vendor. */
type VendorStep = Exclude<
  Step,
  | Finish
  | { do: 'WriteIntent' | 'Protect' | 'Release' | 'DeleteObject' | 'MakeCollection' | 'KeepConfiguration' }
>;

/** Another run is at work on the VM for a moment. */
const laneRetryMs = 1_000;

function providerOf<O extends ManagedObject, N>(facts: Facts<O, N>): AnyProvider | undefined {
  const { provider } = facts;
  return provider.state === 'Ready' || provider.state === 'NotReady' ? provider.provider : undefined;
}

/** A fresh object that waits a moment for what is about to come need not say so. */
function isShortWait(object: ManagedObject, verdict: Verdict | undefined, ageMs: number): boolean {
  const waiting = verdict?.reason === 'Queued' || verdict?.reason === 'WaitingForProvider';
  return waiting && object.status?.conditions === undefined && ageMs < shortWaitMs;
}

/** Whether the vendor was asked how far it is. */
function tellsProgress<O extends ManagedObject, N>({ seen }: Facts<O, N>, { snapshot }: Finish): boolean {
  const { operation } = seen;
  const percent = operation !== undefined && succeeded(operation) ? operation.value.percent : undefined;
  return percent !== undefined || snapshot?.replication !== undefined;
}

function sameReason(object: ManagedObject, finish: Finish): boolean {
  const ready = object.status?.conditions?.find((condition) => condition.type === 'Ready');
  return finish.verdict === undefined || ready?.reason === finish.verdict.reason;
}

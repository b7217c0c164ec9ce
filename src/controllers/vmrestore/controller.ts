import { graceLeft, reads } from '../../api/conditions.ts';
import type { VMRestore } from '../../api/v1alpha1/vm-restore.ts';
import type { Call, Outcome, WriteCall } from '../../providers/outcome.ts';
import type { NewVMTarget, OperationAccepted, RestoreTarget, VMOperator } from '../../providers/provider.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/informer.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import { sendWindowMs } from '../intent.ts';
import type { Lanes } from '../lanes.ts';
import { type ProviderRegistry, providerKey } from '../provider-registry.ts';
import type { Recorder } from '../recorder.ts';
import type { Settings } from '../settings.ts';
import type { UnknownOutcomes } from '../unknown-outcomes.ts';
import { providerRefOf } from './basics.ts';
import { decideRestore } from './decide.ts';
import type {
  RestoreFacts,
  RestoreFinish,
  RestoreIntent,
  RestoreNeighbours,
  RestoreSeen,
  RestoreStep,
} from './facts.ts';
import { evidenceOf } from './looks.ts';
import { furtherConditions, recordOf, statusOf } from './status.ts';

/** No decision takes more steps than this; one that does is a fault of ours. */
const maxSteps = 20;
/** What waits for something without a time of its own is looked at this often, should an event be lost. */
const safetyLookMs = 300_000;
/** Someone wrote first: the watch brings what they wrote. */
const conflictResult: ReconcileResult = { requeueAfterMs: 500 };

export interface RestoreControllerOptions {
  informer: Informer<VMRestore & KubeObject>;
  recorder: Recorder<VMRestore>;
  registry: ProviderRegistry;
  neighbours: (object: VMRestore) => RestoreNeighbours;
  unknownOutcomes: UnknownOutcomes;
  lanes: Lanes;
  settings: Settings;
  clock: Clock;
  random?: () => number;
  /** Told at each named step of the protocol (see facts.ts); tests stop the process there. */
  onStep?: (step: RestoreStep['do'], object: VMRestore) => void;
}

/** Carries out restores. */
export class RestoreController {
  readonly #options: RestoreControllerOptions;

  constructor(options: RestoreControllerOptions) {
    this.#options = options;
    options.informer.on({ deleted: ({ metadata }) => options.unknownOutcomes.forget(metadata.uid) });
  }

  /** Brings one restore a step nearer to its end. */
  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const object = this.#options.informer.getByKey(key);
    if (object === undefined) return undefined;
    return new Run(this.#options, object, context).toTheEnd();
  }
}

/** One run for one object. */
class Run {
  readonly #options: RestoreControllerOptions;
  readonly #context: ReconcileContext;
  readonly #random: number;
  readonly #begunAt: number;
  #object: VMRestore;
  #seen: RestoreSeen = {};
  #intentBegunAt = 0;
  #evident = false;
  #releaseLane: (() => void) | undefined;

  constructor(options: RestoreControllerOptions, object: VMRestore, context: ReconcileContext) {
    this.#options = options;
    this.#object = object;
    this.#context = context;
    this.#random = (options.random ?? Math.random)();
    this.#begunAt = options.clock.monotonic();
  }

  async toTheEnd(): Promise<ReconcileResult | undefined> {
    try {
      for (let count = 0; count < maxSteps; count++) {
        const facts = this.#facts();
        const step = decideRestore(facts);
        this.#options.onStep?.(step.do, this.#object);
        if (step.do === 'Finish') return await this.#record(facts, step);
        const ended = await this.#act(facts, step);
        if (ended !== undefined) return ended;
      }
      throw new Error(`no end after ${maxSteps} steps; this is a fault of Keyframe, please report it`);
    } finally {
      this.#releaseLane?.();
    }
  }

  #facts(): RestoreFacts {
    const { clock, settings, neighbours, registry, unknownOutcomes } = this.#options;
    const object = this.#object;
    const around = neighbours(object);
    const record = recordOf(object);
    const ref = providerRefOf({ object, record }, around);
    return {
      object,
      now: clock.now(),
      monotonic: clock.monotonic(),
      random: this.#random,
      correlationID: this.#context.correlationID,
      settings,
      provider:
        ref === undefined
          ? { state: 'Untried' }
          : registry.get(providerKey(ref, object.metadata.namespace ?? '')),
      neighbours: around,
      unknown: unknownOutcomes.peek(object.metadata.uid, attemptOf(object)),
      seen: this.#seen,
    };
  }

  /** Carries out one step; answers something when the run ends with it. */
  async #act(
    facts: RestoreFacts,
    step: Exclude<RestoreStep, RestoreFinish>,
  ): Promise<ReconcileResult | undefined> {
    switch (step.do) {
      case 'WriteIntent':
        return this.#writeIntent(facts, step);
      case 'Claim':
        return this.#claim(step);
      case 'Protect':
        return this.#protect();
      case 'Release':
        return this.#release(step.event);
      default: {
        const provider = operatorOf(facts);
        if (provider === undefined) return { requeueAfterMs: safetyLookMs };
        const answer = await this.#ask(provider, step);
        // A request changes what was seen before it.
        const { intent, claimed } = this.#seen;
        const kept = step.do === 'Send' ? { intent, claimed } : this.#seen;
        this.#seen = { ...(kept as RestoreSeen), ...answer };
        this.#noteEvidence();
        return undefined;
      }
    }
  }

  /** One call to the vendor. */
  async #ask(
    provider: VMOperator,
    step: Exclude<RestoreStep, RestoreFinish | { do: 'WriteIntent' | 'Claim' | 'Protect' | 'Release' }>,
  ): Promise<RestoreSeen> {
    const poll = this.#call('Poll');
    switch (step.do) {
      case 'ReadVM':
        return { vm: await provider.getVM(step.query, poll) };
      case 'ReadSource':
        return { source: await provider.getSnapshot(step.ref, {}, poll) };
      case 'Inspect':
        return { inspection: await provider.inspectVM(step.containerID, poll) };
      case 'ReadNamesake':
        return { namesake: await provider.getVM(step.query, poll) };
      case 'FindMarked': {
        const { uid } = this.#object.metadata;
        const prefix = `keyframe-${this.#options.settings.cluster}-${uid}-`;
        return { marked: await provider.findMarkedVMs(prefix, poll) };
      }
      case 'ReadOperation':
        return { operation: await provider.getOperation(step.token, poll) };
      case 'ProveGone':
        return { gone: await provider.isContainerGone(step.containerID, poll) };
      case 'Send':
        return this.#send(provider, step.intent);
    }
  }

  /** (e) of the protocol. */
  async #send(provider: VMOperator, intent: RestoreIntent): Promise<RestoreSeen> {
    const { clock, unknownOutcomes } = this.#options;
    const sent = await send(provider, intent, {
      ...this.#call('Write'),
      correlationID: intent.correlationID,
      sendBefore: this.#intentBegunAt + sendWindowMs,
    });
    if (sent.kind === 'Unknown' || sent.kind === 'Failed')
      unknownOutcomes.see(this.#object.metadata.uid, intent.attempt);
    this.#context.log.info('asked the vendor', {
      for: intent.step,
      vm: intent.target.containerID,
      snapshot: intent.target.snapshotID,
      attempt: intent.attempt,
      outcome: sent.kind,
      sentMs: Math.round(clock.monotonic() - this.#intentBegunAt),
    });
    return { sent };
  }

  /** A complete look for a write that nobody recorded: what it showed is evidence. */
  #noteEvidence(): void {
    const { unknownOutcomes } = this.#options;
    const evidence = evidenceOf(this.#facts(), recordOf(this.#object));
    if (this.#evident || evidence === undefined) return;
    this.#evident = true;
    const { uid } = this.#object.metadata;
    const attempt = attemptOf(this.#object);
    if (evidence === 'Nothing') unknownOutcomes.lookedUpEmpty(uid, attempt, this.#begunAt);
    else unknownOutcomes.see(uid, attempt);
  }

  /** (b) of the protocol: finalizer and intent in one patch under the resourceVersion. */
  async #writeIntent(
    facts: RestoreFacts,
    { intent, lane }: Extract<RestoreStep, { do: 'WriteIntent' }>,
  ): Promise<ReconcileResult | undefined> {
    const { recorder, lanes, clock } = this.#options;
    this.#releaseLane = lanes.tryAcquire(lane, this.#object.metadata.uid);
    if (this.#releaseLane === undefined) return this.#record(facts, anotherRun);
    // Counted from before it is written, as in `intent.ts`.
    this.#intentBegunAt = clock.monotonic();
    const written = await recorder.hold(this.#object, JSON.stringify(intent), this.#context.signal);
    if (written === undefined) return conflictResult;
    this.#object = written;
    // What is sent rests on looks that are younger than the intent.
    this.#seen = { intent };
    return undefined;
  }

  /** (d) of the protocol. */
  async #claim({
    verdict,
    record,
  }: Extract<RestoreStep, { do: 'Claim' }>): Promise<ReconcileResult | undefined> {
    const claimed = await this.#options.recorder.claim(
      this.#object,
      this.#saying({ do: 'Finish', verdict, record }),
      this.#context.signal,
    );
    if (claimed === undefined) return conflictResult;
    this.#object = claimed;
    this.#seen = { ...this.#seen, claimed: true };
    return undefined;
  }

  async #protect(): Promise<ReconcileResult | undefined> {
    const { recorder } = this.#options;
    const written = await recorder.hold(this.#object, undefined, this.#context.signal);
    if (written === undefined) return conflictResult;
    this.#context.log.warn('put back the finalizer, which someone took away');
    this.#object = written;
    return undefined;
  }

  async #release(event: Extract<RestoreStep, { do: 'Release' }>['event']): Promise<ReconcileResult> {
    const { recorder, unknownOutcomes } = this.#options;
    const written = await recorder.release(this.#object, event, this.#context);
    if (written === undefined) return conflictResult;
    unknownOutcomes.forget(this.#object.metadata.uid);
    return {};
  }

  #saying(finish: RestoreFinish) {
    const { verdict } = finish;
    const status = (current: VMRestore) => statusOf(current, finish);
    const after = { ...this.#object, status: { ...this.#object.status, ...status(this.#object) } };
    return {
      verdict: verdict === undefined ? undefined : { ...verdict, also: furtherConditions(after) },
      status,
      looked: finish.looked,
      current: finish.current,
    };
  }

  /** (f) of the protocol: the status, when it says anything new. */
  async #record(facts: RestoreFacts, finish: RestoreFinish): Promise<ReconcileResult | undefined> {
    const { recorder, unknownOutcomes, registry } = this.#options;
    const { object } = facts;
    const { uid, namespace = '' } = object.metadata;
    for (const event of finish.events ?? []) recorder.event(object, event);
    if (finish.verdict?.reason === 'AuthenticationFailed') {
      const ref = providerRefOf({ object, record: recordOf(object) }, facts.neighbours);
      if (ref !== undefined) registry.suspect(providerKey(ref, namespace));
    }
    const before = JSON.stringify(recordOf(object));
    const result = await recorder.say(
      object,
      this.#saying(finish),
      this.#context.signal,
      // What came of a request must not be lost to a changed label; what was decided from another record is.
      (fresh) => JSON.stringify(recordOf(fresh)) === before,
    );
    if (result === 'conflict') return conflictResult;
    if (finish.settled) unknownOutcomes.forget(uid);
    const requeueAfterMs = requeueOf(facts, finish);
    return requeueAfterMs === undefined ? {} : { requeueAfterMs };
  }

  #call(priority: Call['priority']): Call {
    return { signal: this.#context.signal, priority, correlationID: this.#context.correlationID };
  }
}

const anotherRun: RestoreFinish = {
  do: 'Finish',
  verdict: { reason: 'Queued', message: 'another object is about to use the same VM' },
  requeueAfterMs: 1_000,
};

/** The number of the write in hand. */
function attemptOf({ status }: VMRestore): number {
  return (status?.operation?.attempts ?? 0) + 1;
}

function operatorOf({ provider: state }: RestoreFacts): VMOperator | undefined {
  const provider = state.state === 'Ready' || state.state === 'NotReady' ? state.provider : undefined;
  return provider === undefined || provider.vendor === 'azure' ? undefined : provider;
}

/** The one write of an action. */
async function send(
  provider: VMOperator,
  { step, target }: RestoreIntent,
  call: WriteCall,
): Promise<Outcome<OperationAccepted>> {
  const { containerID } = target;
  switch (step) {
    case 'Shutdown':
    case 'PowerOff':
      return provider.stopVM(containerID, step, call);
    case 'Start':
      return provider.startVM(containerID, call);
    case 'Restore':
      return provider.restoreSnapshot(target as RestoreTarget, call);
    case 'Preview':
      return provider.previewSnapshot(target as RestoreTarget, call);
    case 'Commit':
      return provider.commitPreview(containerID, call);
    case 'Undo':
      return provider.undoPreview(containerID, call);
    case 'CreateVM':
      return provider.createVM(target as NewVMTarget, call);
  }
}

/** When to look again: what is asked for, a deadline, a grace that ends, and where nothing is known, now and then. */
function requeueOf({ object, now }: RestoreFacts, finish: RestoreFinish): number | undefined {
  const reason = finish.verdict?.reason;
  const createdAt = Date.parse(object.metadata.creationTimestamp);
  const waits = [finish.requeueAfterMs, finish.endsInMs];
  let unsettled = object.metadata.deletionTimestamp !== undefined;
  if (reason !== undefined) {
    waits.push(graceLeft(reason, createdAt, now));
    unsettled ||= reads(reason, createdAt, now) === 'InProgress';
  }
  if (finish.requeueAfterMs === undefined && unsettled) waits.push(safetyLookMs);
  const known = waits.filter((wait) => wait !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

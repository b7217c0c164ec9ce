import { nextConditions, reads, type Verdict } from '../api/conditions.ts';
import type { KubernetesObject } from '../api/kubernetes-object.ts';
import { annotations, finalizer } from '../api/names.ts';
import type { Reason } from '../api/reasons.ts';
import type { Condition } from '../api/v1alpha1/common.ts';
import type { Clock } from '../runtime/clock.ts';
import { type EventRecorder, referenceTo } from '../runtime/events.ts';
import type { Informer } from '../runtime/informer.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { isNotFound } from '../runtime/kube/errors.ts';
import type { KubeObject, ResourceType } from '../runtime/kube/types.ts';
import type { Logger } from '../runtime/log.ts';
import {
  type MetadataChange,
  patchMetadata,
  type WriteResult,
  writeStatus,
} from '../runtime/status-writer.ts';

/** An object whose status has what all kinds have in common. */
export type RecordedObject = KubernetesObject & {
  status?: { observedGeneration?: number; lastHandledReconcileAt?: string; conditions?: Condition[] };
};

export interface RecorderOptions<O extends RecordedObject> {
  resource: ResourceType;
  /** Whether the kind ends, and so carries Succeeded. */
  bounded: boolean;
  client: KubeClient;
  informer: Informer<O & KubeObject>;
  events: EventRecorder;
  clock: Clock;
  /** Told of each change of an object's reason, with the object as it was before, for metrics. */
  onReason?: ((before: O, reason: Reason) => void) | undefined;
  /** Told of each Event, likewise. */
  onEvent?: ((object: O, word: Word) => void) | undefined;
}

export interface Word {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

/** What is to be said of an object. */
export interface Saying<O extends RecordedObject> {
  /** Absent: the conditions stay. */
  verdict?: Verdict | undefined;
  /** The members of status that change; `undefined` takes one away. A function is asked again when the object changed. */
  status: (object: O) => Partial<NonNullable<O['status']>>;
  /** The object was held against the vendor, which answers keyframe.dev/reconcile-at. */
  looked?: boolean | undefined;
  /** What was said before holds for the spec as it is now. */
  current?: boolean | undefined;
}

/** These come and go in everyday work; the rest of what is not good news is a Warning. */
const everyday: ReadonlySet<string> = new Set<Reason>([
  'Queued',
  'WaitingForProvider',
  'Provisioning',
  'Replicating',
  'Restoring',
  'WaitingForQuiesce',
  'AwaitingDecision',
  'Deleting',
  'Paused',
]);

/** Writes what is to be said of the objects of one kind: metadata, status, Events. Nothing is sent that says nothing new. */
export class Recorder<O extends RecordedObject> {
  readonly #options: RecorderOptions<O>;

  constructor(options: RecorderOptions<O>) {
    this.#options = options;
  }

  /**
   * Writes the status.
   *
   * @param mayRepeat when someone changed the object meanwhile: whether what is to be said still holds of the
   *   object as it is now. What came of a request to a vendor must not be lost to a changed label.
   */
  async say(
    object: O,
    saying: Saying<O>,
    signal: AbortSignal,
    mayRepeat: (fresh: O) => boolean,
  ): Promise<WriteResult<O>['result']> {
    const { client, resource, informer } = this.#options;
    const { result: first } = await this.#write(object, saying, signal);
    if (first !== 'conflict') return first;
    const { namespace, name, uid } = object.metadata;
    let fresh: O & KubeObject;
    try {
      fresh = await client.get<O & KubeObject>(resource, { namespace, name }, { signal });
    } catch (error) {
      if (isNotFound(error)) return 'gone';
      throw error;
    }
    informer.put(fresh);
    if (fresh.metadata.uid !== uid || !mayRepeat(fresh)) return 'conflict';
    await this.#write(fresh, saying, signal);
    return 'conflict';
  }

  /**
   * Writes the status as `say` does, but never a second time: for what nobody else may have changed the object
   * meanwhile.
   *
   * @returns the object as it is now, or undefined when someone wrote first
   */
  async claim(object: O, saying: Saying<O>, signal: AbortSignal): Promise<O | undefined> {
    const written = await this.#write(object, saying, signal);
    return written.result === 'written' ? written.object : undefined;
  }

  /** Changes finalizers and annotations in one patch; answers the object as it is now, or undefined when someone wrote first. */
  async patch(object: O, change: MetadataChange, signal: AbortSignal): Promise<O | undefined> {
    const { client, resource, informer } = this.#options;
    const written = await patchMetadata(client, resource, object as O & KubeObject, change, { signal });
    if (written.result === 'unchanged') return object;
    if (written.result !== 'written') return undefined;
    // An object without finalizers that is being deleted is gone with this very write.
    const gone =
      written.object.metadata.deletionTimestamp !== undefined && !written.object.metadata.finalizers?.length;
    if (!gone) informer.put(written.object);
    return written.object;
  }

  /** Sets the finalizer, and the intent where there is one, in one patch; answers as `patch` does. */
  async hold(object: O, intent: string | undefined, signal: AbortSignal): Promise<O | undefined> {
    const { finalizers = [] } = object.metadata;
    const held = finalizers.includes(finalizer) ? finalizers : [...finalizers, finalizer];
    const noted = intent === undefined ? {} : { annotations: { [annotations.intent]: intent } };
    return this.patch(object, { finalizers: held, ...noted }, signal);
  }

  /** Takes the finalizer off, and tells of it where there is something to tell; answers as `patch` does. */
  async release(
    object: O,
    word: Word | undefined,
    { log, signal }: { log: Logger; signal: AbortSignal },
  ): Promise<O | undefined> {
    if (word !== undefined) {
      log[word.type === 'Warning' ? 'warn' : 'info'](word.note, { reason: word.reason });
      this.event(object, word);
    }
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    return this.patch(object, { finalizers }, signal);
  }

  event(object: O, word: Word): void {
    const { events, resource, onEvent } = this.#options;
    onEvent?.(object, word);
    events.record({
      regarding: referenceTo(resource, object as O & KubeObject),
      action: 'Reconcile',
      ...word,
    });
  }

  async #write(object: O, saying: Saying<O>, signal: AbortSignal): Promise<WriteResult<O>> {
    const { client, resource, informer } = this.#options;
    const next = this.#next(object, saying);
    const written = await writeStatus(client, resource, object as O & KubeObject, next, { signal });
    if (written.result === 'written') {
      informer.put(written.object);
      this.#tell(object, saying.verdict);
    }
    return written;
  }

  #next(object: O, { verdict, status, looked, current }: Saying<O>): NonNullable<O['status']> {
    const { clock, bounded } = this.#options;
    const { generation = 0, creationTimestamp } = object.metadata;
    const next = { ...object.status, ...status(object) } as NonNullable<O['status']>;
    const context = { generation, createdAt: Date.parse(creationTimestamp), now: clock.now(), bounded };
    if (verdict !== undefined) next.conditions = nextConditions(object.status?.conditions, verdict, context);
    if (next.conditions === undefined) return next;
    if (verdict !== undefined || looked || current) next.observedGeneration = generation;
    if (verdict !== undefined || looked) {
      const token = object.metadata.annotations?.[annotations.reconcileAt];
      if (token !== undefined) next.lastHandledReconcileAt = token.slice(0, 256);
    }
    return next;
  }

  /** One Event for each change of reason. */
  #tell(before: O, verdict: Verdict | undefined): void {
    if (verdict === undefined) return;
    const { clock, onReason } = this.#options;
    if (before.status?.conditions?.find(({ type }) => type === 'Ready')?.reason === verdict.reason) return;
    onReason?.(before, verdict.reason);
    const good =
      reads(verdict.reason, Date.parse(before.metadata.creationTimestamp), clock.now()) === 'Current';
    this.event(before, {
      type: good || everyday.has(verdict.reason) ? 'Normal' : 'Warning',
      reason: verdict.reason,
      note: verdict.message,
    });
  }
}

import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from './clock.ts';
import type { KubeClient } from './kube/client.ts';
import { apiVersionOf, type KubeObject, objectKey, type ResourceType } from './kube/types.ts';
import { type Logger, silentLogger } from './log.ts';
import { microTime } from './micro-time.ts';
import { redactText } from './redact.ts';
import { partOfThisTrace } from './tracing.ts';

/** events.k8s.io/v1. */
export const eventResource: ResourceType = {
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

/** The object that an Event is about, as it stands in the Event. */
export interface EventReference {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

/** What happened to one object. */
export interface EventRecord {
  regarding: EventReference;
  type: 'Normal' | 'Warning';
  /** CamelCase, as in the object's conditions. */
  reason: string;
  /** What the controller did, CamelCase, for example `CreateSnapshot`. */
  action: string;
  /** One sentence for people; cut at 1,000 characters. */
  note: string;
  related?: EventReference | undefined;
}

/** Writes Events in the background. Never throws, never waits: an Event may be lost, work may not. */
export interface EventRecorder {
  record(event: EventRecord): void;
  /** Events that were not written: rate limit, full queue, or refused by the server. */
  readonly dropped: number;
  /** Waits until everything accepted so far is written or given up, at most `limitMs`. */
  flush(limitMs: number): Promise<void>;
}

/** How a recorder is made. */
export interface EventRecorderOptions {
  client: KubeClient;
  /** Name of the controller, for example `keyframe.dev/operator`. */
  reportingController: string;
  /** Name of this process, for example the pod's. */
  reportingInstance: string;
  log?: Logger;
  clock?: Clock;
}

const maxNoteLength = 1_000;
const maxQueued = 1_000;
const maxRemembered = 4_096;
const repeatWindowMs = 10 * 60_000;
/** Repeats are written as a count on the first Event, at most this often. */
const seriesIntervalMs = 60_000;
/** Per object: so many at once, then one for each interval. */
const burst = 20;
const refillMs = 30_000;
const writeTimeoutMs = 15_000;

interface EventObject extends KubeObject {
  series?: { count: number; lastObservedTime: string };
}

interface Seen {
  namespace: string;
  name: string;
  count: number;
  since: number;
  lastWritten: number;
}

/** The reference of an object that was read from the server. */
export function referenceTo(resource: ResourceType, object: KubeObject): EventReference {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, name, namespace, uid, resourceVersion };
}

/** Makes a recorder. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new ApiEventRecorder(options);
}

class ApiEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #seen = new Map<string, Seen>();
  readonly #budgets = new Map<string, { tokens: number; at: number }>();
  #queue: (() => Promise<unknown>)[] = [];
  #writing: Promise<void> | undefined;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
  }

  get dropped(): number {
    return this.#dropped;
  }

  record(event: EventRecord): void {
    try {
      this.#record({ ...event, note: cut(redactText(event.note)) });
    } catch (error) {
      this.#dropped++;
      this.#log.warn('event not recorded', { err: error });
    }
  }

  async flush(limitMs: number): Promise<void> {
    if (this.#writing === undefined) return;
    let cancel = () => {};
    const limit = new Promise<void>((resolve) => {
      cancel = this.#clock.setTimer(limitMs, resolve);
    });
    await Promise.race([this.#writing, limit]);
    cancel();
  }

  #record(event: EventRecord): void {
    const now = this.#clock.monotonic();
    const { regarding } = event;
    const object = regarding.uid ?? `${regarding.kind}/${objectKey(regarding)}`;
    const identity = JSON.stringify([object, event.type, event.reason, event.note]);
    const seen = this.#seen.get(identity);
    if (seen !== undefined && now - seen.since < repeatWindowMs) {
      this.#repeat(seen, now);
      return;
    }
    if (!this.#allowed(object, now)) {
      this.#dropped++;
      return;
    }
    // Events of cluster-scoped objects live in `default`, as those of client-go do.
    const namespace = regarding.namespace ?? 'default';
    const name = `${regarding.name.slice(0, 220)}.${suffix(this.#clock.now())}`;
    remember(this.#seen, identity, { namespace, name, count: 1, since: now, lastWritten: now });
    const body = {
      apiVersion: apiVersionOf(eventResource),
      kind: eventResource.kind,
      metadata: { name, namespace },
      eventTime: microTime(this.#clock.now()),
      reportingController: this.#options.reportingController,
      reportingInstance: this.#options.reportingInstance.slice(0, 128),
      ...event,
    };
    this.#enqueue((signal) => this.#options.client.create(eventResource, body, { signal }));
  }

  #repeat(seen: Seen, now: number): void {
    seen.count++;
    if (now - seen.lastWritten < seriesIntervalMs) return;
    seen.lastWritten = now;
    const { namespace, name, count } = seen;
    const patch = { series: { count, lastObservedTime: microTime(this.#clock.now()) } };
    this.#enqueue((signal) =>
      this.#options.client.mergePatch<EventObject>(eventResource, { namespace, name }, patch, { signal }),
    );
  }

  #allowed(object: string, now: number): boolean {
    const known = this.#budgets.get(object) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, known.tokens + (now - known.at) / refillMs);
    remember(this.#budgets, object, { tokens: tokens < 1 ? tokens : tokens - 1, at: now });
    return tokens >= 1;
  }

  #enqueue(write: (signal: AbortSignal) => Promise<unknown>): void {
    if (this.#queue.length >= maxQueued) {
      this.#dropped++;
      return;
    }
    // One writes for all: each write belongs to the run that asked for it, not to the one that began to write.
    this.#queue.push(partOfThisTrace(() => write(AbortSignal.timeout(writeTimeoutMs))));
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // Yield once, so that the caller of `record` never runs a write.
    await Promise.resolve();
    for (let write = this.#queue.shift(); write !== undefined; write = this.#queue.shift()) {
      try {
        await write();
      } catch (error) {
        this.#dropped++;
        this.#log.warn('event not written', { err: error });
      }
    }
    this.#writing = undefined;
  }
}

/** Sets a member of a bounded map; the one that was set longest ago goes. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= maxRemembered) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}

/** kubectl describe shows the Events of an object by their names, so these go by time: 11 digits of it, 5 by chance. */
function suffix(epochMs: number): string {
  return `${epochMs.toString(16).padStart(11, '0')}${randomBytes(3).toString('hex').slice(0, 5)}`;
}

function cut(note: string): string {
  return note.length <= maxNoteLength
    ? note
    : `${note.slice(0, maxNoteLength - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

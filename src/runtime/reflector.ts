import { type BackoffOptions, backoffDelay } from './backoff.ts';
import { type Clock, sleep } from './clock.ts';
import type { KubeClient } from './kube/client.ts';
import { ApiError } from './kube/errors.ts';
import type { KubeObject, ResourceType } from './kube/types.ts';
import type { Logger } from './log.ts';
import { isOlder } from './resource-version.ts';
import type { Store } from './store.ts';

/** What a reflector works with. */
export interface ReflectorOptions<T extends KubeObject> {
  client: KubeClient;
  resource: ResourceType;
  /** One namespace, or the empty string for all. */
  scope: string;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  store: Store<T>;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** A connection without any event for this long is taken for dead. Bookmarks come about once a minute. */
  silenceMs: number;
  backoff: BackoffOptions;
  transform: (object: T) => T;
}

const pageSize = 500;
const initialEventsEnd = 'k8s.io/initial-events-end';

/** The server's version history no longer reaches what we hold, so everything must be listed anew. */
class RelistNeeded extends Error {}

/**
 * An open watch on which nothing came, not even a bookmark. API servers send none of a kind that nothing was written of
 * for long, so this is no trouble: the next watch goes on from the same version.
 */
class QuietWatch extends Error {}

/** Keeps the objects of one scope in a store like the server's: lists once, watches for ever, lists again only when it must. */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  /** Where the watch goes on; undefined when a listing is needed. */
  #version: string | undefined;
  /** The last version known before a new listing became necessary. */
  #versionBefore: string | undefined;
  #mark = 0;
  #streamingRefused = false;
  #synced = false;
  #lastContact: number;
  #failures = 0;
  #lastFailure: unknown;
  #listings = 0;
  #connections = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#lastContact = options.clock.monotonic();
  }

  /** True once the first listing is complete. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Why the first listing is not complete: what the last try met; undefined when it is, or is on its way. */
  get obstacle(): unknown {
    return this.#synced ? undefined : this.#lastFailure;
  }

  /** Milliseconds since the server was last heard. */
  get lastContactAgeMs(): number {
    return this.#options.clock.monotonic() - this.#lastContact;
  }

  /** Complete listings after the first. */
  get relists(): number {
    return Math.max(0, this.#listings - 1);
  }

  /** Watches opened so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Runs until the signal is aborted. Never rejects. */
  async run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    const { clock, log, random, backoff } = this.#options;
    while (!signal.aborted) {
      const started = clock.monotonic();
      let failure: unknown;
      try {
        await this.#once(signal, onSynced);
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) return;
      this.#lastFailure = failure;
      if (failure instanceof RelistNeeded || (failure instanceof ApiError && failure.status === 410)) {
        this.#versionBefore ??= this.#version;
        this.#version = undefined;
      }
      // A server that closes at once, or says 410 again and again, must not be hammered either.
      this.#failures = clock.monotonic() - started >= backoff.maxMs ? 0 : this.#failures + 1;
      const asked = failure instanceof ApiError ? failure.retryAfterMs : undefined;
      const delay = Math.max(
        Math.min(asked ?? 0, longestRetryAfterMs),
        backoffDelay(this.#failures, backoff, random),
      );
      if (failure instanceof QuietWatch) {
        log.debug('watch was quiet, opening it anew', { silenceMs: this.#options.silenceMs });
      } else if (failure instanceof ApiError && failure.status === 429) {
        // As after an installation, while the server prepares to serve new kinds.
        log.info('the API server is busy, trying again', {
          said: failure.message,
          delayMs: Math.round(delay),
        });
      } else if (failure !== undefined) {
        log.warn('watch failed, trying again', { err: failure, delayMs: Math.round(delay) });
      }
      await sleep(clock, delay, signal);
    }
  }

  /** One listing if need be, and one watch to its end. */
  async #once(signal: AbortSignal, onSynced: () => void): Promise<void> {
    if (this.#version === undefined && this.#streamingRefused) await this.#listPages(signal, onSynced);
    try {
      await this.#watch(signal, onSynced);
    } catch (error) {
      // Servers without WatchList answer 422 (switched off) or 400 (unknown parameter).
      const refused = error instanceof ApiError && (error.status === 400 || error.status === 422);
      if (this.#version !== undefined || this.#streamingRefused || !refused) throw error;
      this.#options.log.info('the server does not stream lists, reading pages instead');
      this.#streamingRefused = true;
      await this.#once(signal, onSynced);
    }
  }

  async #listPages(signal: AbortSignal, onSynced: () => void): Promise<void> {
    const { client, resource, scope, labelSelector, fieldSelector } = this.#options;
    const mark = ++this.#mark;
    let token: string | undefined;
    do {
      const page = await client.list<T>(resource, {
        namespace: scope || undefined,
        labelSelector,
        fieldSelector,
        limit: pageSize,
        continue: token,
        signal,
      });
      this.#heard();
      for (const object of page.items) this.#apply(object, mark);
      token = page.continue;
      if (token === undefined) this.#listed(page.resourceVersion, mark, onSynced);
    } while (token !== undefined);
  }

  async #watch(signal: AbortSignal, onSynced: () => void): Promise<void> {
    const { client, resource, scope, labelSelector, fieldSelector, clock, random, silenceMs } = this.#options;
    let initial = this.#version === undefined;
    const mark = initial ? ++this.#mark : this.#mark;
    let isOpen = false;
    const silence = new AbortController();
    const opened = clock.monotonic();
    // Looks at the time of the last event when it fires, so that an event need not touch the timer.
    const listen = () => {
      const left = Math.max(opened, this.#lastContact) + silenceMs - clock.monotonic();
      if (left > 0) disarm = clock.setTimer(left, listen);
      else {
        const Cause = isOpen && !initial ? QuietWatch : Error;
        silence.abort(new Cause(`nothing came for ${silenceMs} ms`));
      }
    };
    let disarm = clock.setTimer(silenceMs, listen);
    this.#connections++;
    try {
      const events = client.watch<T>(resource, {
        namespace: scope || undefined,
        labelSelector,
        fieldSelector,
        resourceVersion: this.#version,
        sendInitialEvents: initial,
        timeoutSeconds: 300 + Math.floor(random() * 300),
        signal: AbortSignal.any([signal, silence.signal]),
        onOpen: () => {
          isOpen = true;
          this.#heard();
        },
      });
      for await (const { type, object } of events) {
        this.#heard();
        const version = object.metadata.resourceVersion;
        if (type === 'BOOKMARK') {
          if (initial) {
            if (object.metadata.annotations?.[initialEventsEnd] !== 'true') continue;
            initial = false;
            this.#listed(version ?? '', mark, onSynced);
          } else if (isOlder(version, this.#version)) {
            this.#historyWentBack();
          }
        } else if (type === 'DELETED') {
          this.#options.store.remove(this.#options.transform(object));
        } else {
          this.#apply(object, mark);
        }
        if (!initial && !isOlder(version, this.#version)) this.#version = version;
      }
      if (silence.signal.aborted && !signal.aborted) throw silence.signal.reason;
      if (initial && !signal.aborted)
        throw new Error('the server ended the watch before its list was complete');
    } finally {
      disarm();
    }
  }

  #apply(object: T, mark: number): void {
    const { store, transform, scope, resource } = this.#options;
    object.kind ??= resource.kind;
    store.apply(transform(object), scope, mark);
  }

  #listed(version: string, mark: number, onSynced: () => void): void {
    const { store, scope } = this.#options;
    if (isOlder(version, this.#versionBefore)) this.#historyWentBack();
    this.#versionBefore = undefined;
    this.#listings++;
    store.sweep(scope, mark, version);
    this.#version = version;
    this.#synced = true;
    onSynced();
  }

  #heard(): void {
    this.#lastContact = this.#options.clock.monotonic();
  }

  /**
   * As after a restore of etcd from a backup: versions start again from an older one, and those in the cache would
   * look newest for ever. They are forgotten, and everything is listed (again).
   */
  #historyWentBack(): never {
    this.#options.store.forgetVersions(this.#options.scope);
    this.#version = undefined;
    this.#versionBefore = undefined;
    throw new RelistNeeded('resourceVersions went back on the server');
  }
}

const longestRetryAfterMs = 60_000;

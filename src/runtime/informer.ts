import type { BackoffOptions } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import type { KubeClient } from './kube/client.ts';
import { ApiError } from './kube/errors.ts';
import { type KubeObject, objectKey, type ResourceType } from './kube/types.ts';
import { type Logger, silentLogger } from './log.ts';
import { Reflector } from './reflector.ts';
import { type Indexers, Store, type StoreHandlers } from './store.ts';

/** How an informer is made. */
export interface InformerOptions<T extends KubeObject> {
  client: KubeClient;
  resource: ResourceType;
  /** One watch for each; a single one over all namespaces when left out. */
  namespaces?: readonly string[] | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  indexers?: Indexers<T>;
  /** Runs on every object before it is kept, after managedFields and the last-applied annotation were dropped. */
  transform?: (object: T) => T;
  log?: Logger;
  clock?: Clock;
  random?: () => number;
  /** A watch without any event or bookmark for this long is opened anew; 75 s. */
  silenceMs?: number;
  /** Back-off between connections; 0.8 s to 30 s. */
  backoff?: BackoffOptions;
}

/** Numbers for metrics. */
export interface InformerStats {
  objects: number;
  /** Full listings after the first. */
  relists: number;
  watches: number;
  handlerErrors: number;
  lastContactAgeMs: number;
}

/**
 * A cache of one kind that follows the API server, and tells of changes. The objects in it are shared: never
 * change one. Handlers are called in order and must be quick; what they throw is logged and counted.
 */
export class Informer<T extends KubeObject> {
  readonly resource: ResourceType;
  readonly #store: Store<T>;
  readonly #namespaces: readonly string[] | undefined;
  readonly #transform: (object: T) => T;
  readonly #reflectors: Reflector<T>[];
  readonly #stop = new AbortController();
  #running: Promise<unknown> | undefined;
  #waiters: (() => void)[] = [];
  #handlerErrors = 0;

  constructor(options: InformerOptions<T>) {
    const { client, resource, labelSelector, fieldSelector, transform } = options;
    const log = (options.log ?? silentLogger).child({ informer: resource.plural });
    this.resource = resource;
    this.#namespaces = options.namespaces;
    this.#transform = (object) => (transform === undefined ? slim(object) : transform(slim(object)));
    this.#store = new Store<T>(options.indexers ?? {}, (error, object) => {
      this.#handlerErrors++;
      log.error('an event handler failed', { err: error, object: objectKey(object.metadata) });
    });
    const scopes = options.namespaces === undefined ? [''] : [...new Set(options.namespaces)];
    if (scopes.length === 0)
      throw new Error(`informer of ${resource.plural}: the list of namespaces is empty`);
    this.#reflectors = scopes.map(
      (scope) =>
        new Reflector<T>({
          client,
          resource,
          scope,
          labelSelector,
          fieldSelector,
          store: this.#store,
          clock: options.clock ?? systemClock,
          random: options.random ?? Math.random,
          log: scope === '' ? log : log.child({ namespace: scope }),
          silenceMs: options.silenceMs ?? 75_000,
          backoff: options.backoff ?? { baseMs: 800, maxMs: 30_000 },
          transform: this.#transform,
        }),
    );
  }

  /** Begins to follow the server; a second call does nothing. */
  start(): void {
    this.#running ??= Promise.all(
      this.#reflectors.map((reflector) => reflector.run(this.#stop.signal, () => this.#onSynced())),
    );
  }

  /** Ends the watches; the cache stays readable as it is. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** One object, or undefined. The namespace is undefined for cluster-scoped kinds. */
  get(namespace: string | undefined, name: string): T | undefined {
    return this.#store.get(objectKey({ namespace, name }));
  }

  /** One object by its key, see `objectKey`. */
  getByKey(key: string): T | undefined {
    return this.#store.get(key);
  }

  /** All objects, in no order. */
  list(): T[] {
    return this.#store.list();
  }

  /** Objects filed under a value by one of the indexers. Throws for an index that was not declared. */
  byIndex(name: string, value: string): T[] {
    return this.#store.byIndex(name, value);
  }

  /**
   * Registers handlers, and shows them what is in the cache already. Answers a function that removes them. An
   * object that was deleted and made anew under its name comes as deleted, then added.
   */
  on(handlers: StoreHandlers<T>): () => void {
    return this.#store.on(handlers);
  }

  /** Folds the server's answer to our own write into the cache, so that the next run reads it; ignored unless newer. */
  put(object: T): void {
    const { namespace } = object.metadata;
    // Nothing would ever take an object out again that no watch is about.
    if (this.#namespaces !== undefined && !this.#namespaces.includes(namespace ?? '')) return;
    this.#store.put(this.#transform(object));
  }

  /** True once the cache holds everything that the server had at the start. */
  get hasSynced(): boolean {
    return this.#reflectors.every((reflector) => reflector.synced);
  }

  /** Why the cache is not complete, for people; undefined once it is. */
  get obstacle(): string | undefined {
    const missing = this.#reflectors.find((reflector) => !reflector.synced);
    if (missing === undefined) return undefined;
    const { obstacle } = missing;
    if (obstacle === undefined) return `${this.resource.plural} are still being listed`;
    const said = obstacle instanceof Error ? obstacle.message : String(obstacle);
    const isPath = obstacle instanceof ApiError && obstacle.status === 404;
    return isPath ? `${said}. Is the CustomResourceDefinition of ${this.resource.kind} installed?` : said;
  }

  /** Resolves when the cache is complete. Rejects with the signal's reason when it is aborted before. */
  async synced(signal?: AbortSignal): Promise<void> {
    if (this.hasSynced) return;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal?.reason);
      this.#waiters.push(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Milliseconds since the server was last heard, on the watch that has been silent longest. */
  lastContactAge(): number {
    return Math.max(...this.#reflectors.map((reflector) => reflector.lastContactAgeMs));
  }

  /** Numbers for metrics. */
  stats(): InformerStats {
    const sum = (pick: (reflector: Reflector<T>) => number) =>
      this.#reflectors.reduce((total, reflector) => total + pick(reflector), 0);
    return {
      objects: this.#store.size,
      relists: sum((reflector) => reflector.relists),
      watches: sum((reflector) => reflector.connections),
      handlerErrors: this.#handlerErrors,
      lastContactAgeMs: this.lastContactAge(),
    };
  }

  #onSynced(): void {
    if (!this.hasSynced) return;
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Drops what no controller reads and what makes up half of an object. */
function slim<T extends KubeObject>(object: T): T {
  const metadata = object.metadata as T['metadata'] & { managedFields?: unknown };
  // Setting to undefined keeps the object's fast layout; `delete` would turn it into a dictionary.
  if (metadata.managedFields !== undefined) metadata.managedFields = undefined;
  if (metadata.annotations?.[lastApplied] !== undefined) {
    const { [lastApplied]: _, ...rest } = metadata.annotations;
    metadata.annotations = rest;
  }
  return object;
}

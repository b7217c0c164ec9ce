import { type KubeObject, objectKey } from './kube/types.ts';
import { compareVersions, isOlder } from './resource-version.ts';

/** Values under which an object is found; see `byIndex`. */
export type Indexers<T> = Record<string, (object: T) => string[]>;

/** What is called when the cache changes. The cache already shows the new state. */
export interface StoreHandlers<T> {
  added?(object: T): void;
  updated?(before: T, after: T): void;
  deleted?(object: T): void;
}

interface Row<T> {
  object: T;
  /** Number of the full listing that last showed the object. */
  mark: number;
  /** The watch that it belongs to: a namespace, or the empty string for all. */
  scope: string;
}

/** Deletions remembered. Late news is late by seconds, so this is plenty. */
const maxBuried = 1_000;

/** Objects of one kind by key and by index. Only moves forward: an object never turns older. */
export class Store<T extends KubeObject> {
  readonly #rows = new Map<string, Row<T>>();
  readonly #indexers: Indexers<T>;
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #handlers = new Set<StoreHandlers<T>>();
  readonly #onHandlerError: (error: unknown, object: T) => void;
  /** UIDs of the objects deleted last, and the version at which each was gone: nothing older brings one back. */
  readonly #buried = new Map<string, string>();
  /** Version of the last full listing of each scope. */
  readonly #listed = new Map<string, string>();

  constructor(indexers: Indexers<T>, onHandlerError: (error: unknown, object: T) => void) {
    this.#indexers = indexers;
    this.#onHandlerError = onHandlerError;
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key)?.object;
  }

  list(): T[] {
    return Array.from(this.#rows.values(), (row) => row.object);
  }

  /** Objects that an indexer has filed under this value. Throws for an index that does not exist. */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`no index is named ${name}`);
    const found: T[] = [];
    for (const key of index.get(value) ?? []) {
      const row = this.#rows.get(key);
      if (row !== undefined) found.push(row.object);
    }
    return found;
  }

  /** Registers handlers; the answer removes them. What is in the cache already is shown to them as added. */
  on(handlers: StoreHandlers<T>): () => void {
    this.#handlers.add(handlers);
    for (const object of this.list()) this.#notify(object, () => handlers.added?.(object));
    return () => this.#handlers.delete(handlers);
  }

  /** Takes an object that a watch or a listing has shown. */
  apply(object: T, scope: string, mark: number): void {
    const key = objectKey(object.metadata);
    if (this.#isBuried(object)) return;
    const row = this.#rows.get(key);
    if (row !== undefined) {
      // Seen in the listing, whatever its version.
      row.mark = mark;
      row.scope = scope;
      if (!isNewer(object, row.object)) return;
    }
    this.#write(key, object, scope, mark);
  }

  /**
   * Takes the server's answer to a write of our own, so that the next run reads it. Left out when the cache
   * knows something newer or the object is known to be gone.
   */
  put(object: T): void {
    const key = objectKey(object.metadata);
    if (this.#isBuried(object)) return;
    const row = this.#rows.get(key);
    if (row !== undefined && !isNewer(object, row.object)) return;
    // Not in a listing that is as new: it has come and gone in between.
    if (row === undefined && this.#wasListed(object)) return;
    this.#write(key, object, row?.scope ?? '', row?.mark ?? 0);
  }

  /** Takes a deletion that a watch has shown. That of an earlier object of the same name changes nothing. */
  remove(object: T): void {
    const key = objectKey(object.metadata);
    this.#bury(object, object.metadata.resourceVersion);
    const row = this.#rows.get(key);
    if (row === undefined || row.object.metadata.uid !== object.metadata.uid) return;
    this.#drop(key, row, object);
  }

  /**
   * Ends a full listing: removes the objects of its scope that it has not shown, but for those that are newer
   * than it (our own writes, of which the watch has yet to tell).
   */
  sweep(scope: string, mark: number, listVersion: string): void {
    this.#listed.set(scope, listVersion);
    for (const [key, row] of this.#rows) {
      if (row.mark === mark || !inScope(row, scope)) continue;
      if (isOlder(listVersion, row.object.metadata.resourceVersion)) continue;
      this.#bury(row.object, listVersion);
      this.#drop(key, row, row.object);
    }
  }

  /** Lets the next listing replace every object of a scope, even by an older version: the server's history went back. */
  forgetVersions(scope: string): void {
    this.#buried.clear();
    this.#listed.delete(scope);
    for (const row of this.#rows.values()) {
      if (!inScope(row, scope)) continue;
      row.object = {
        ...row.object,
        metadata: { ...row.object.metadata, resourceVersion: '' },
      };
    }
  }

  #write(key: string, object: T, scope: string, mark: number): void {
    const row = this.#rows.get(key);
    if (row === undefined) {
      this.#rows.set(key, { object, mark, scope });
      this.#index(key, undefined, object);
      this.#notifyAll(object, (handlers) => handlers.added?.(object));
      return;
    }
    const before = row.object;
    if (before.metadata.uid !== object.metadata.uid) {
      // Deleted and made anew while nobody looked: two different objects.
      this.#bury(before, object.metadata.resourceVersion);
      this.#drop(key, row, before);
      this.#write(key, object, scope, mark);
      return;
    }
    row.object = object;
    this.#index(key, before, object);
    this.#notifyAll(object, (handlers) => handlers.updated?.(before, object));
  }

  #drop(key: string, row: Row<T>, last: T): void {
    this.#rows.delete(key);
    this.#index(key, row.object, undefined);
    this.#notifyAll(last, (handlers) => handlers.deleted?.(last));
  }

  #bury(object: T, goneAt: string | undefined): void {
    const { uid } = object.metadata;
    if (uid === undefined || goneAt === undefined) return;
    this.#buried.delete(uid);
    this.#buried.set(uid, goneAt);
    if (this.#buried.size <= maxBuried) return;
    for (const oldest of this.#buried.keys()) {
      this.#buried.delete(oldest);
      break;
    }
  }

  /** True for a state that the last listing of its scope would have shown, had the object still been there. */
  #wasListed(object: T): boolean {
    const listed = this.#listed.get('') ?? this.#listed.get(object.metadata.namespace ?? '');
    const order = compareVersions(object.metadata.resourceVersion, listed);
    return order !== undefined && order <= 0;
  }

  /** True for a state from before the object was gone. One that left the selection may come back, as a newer state. */
  #isBuried(object: T): boolean {
    const { uid, resourceVersion } = object.metadata;
    const order = uid === undefined ? undefined : compareVersions(resourceVersion, this.#buried.get(uid));
    return order !== undefined && order <= 0;
  }

  #index(key: string, before: T | undefined, after: T | undefined): void {
    for (const [name, indexer] of Object.entries(this.#indexers)) {
      const index = this.#indexes.get(name) as Map<string, Set<string>>;
      for (const value of before === undefined ? [] : this.#values(indexer, before)) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
      for (const value of after === undefined ? [] : this.#values(indexer, after)) {
        const keys = index.get(value);
        if (keys === undefined) index.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  }

  /** An indexer that throws finds nothing for that object; it must be pure, or the index could not be undone. */
  #values(indexer: (object: T) => string[], object: T): string[] {
    try {
      return indexer(object);
    } catch (error) {
      this.#onHandlerError(error, object);
      return [];
    }
  }

  #notifyAll(object: T, call: (handlers: StoreHandlers<T>) => void): void {
    for (const handlers of this.#handlers) this.#notify(object, () => call(handlers));
  }

  #notify(object: T, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#onHandlerError(error, object);
    }
  }
}

/** Newer, or not comparable: better to run once too often than to stay on an old state for ever. */
function isNewer(object: KubeObject, known: KubeObject): boolean {
  const order = compareVersions(object.metadata.resourceVersion, known.metadata.resourceVersion);
  return order === undefined || order > 0;
}

function inScope(row: { scope: string; object: KubeObject }, scope: string): boolean {
  return scope === '' || (row.object.metadata.namespace ?? '') === scope;
}

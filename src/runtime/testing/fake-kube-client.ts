import type { KubeClient, NewObject } from '../kube/client.ts';
import { ApiError } from '../kube/errors.ts';
import {
  apiVersionOf,
  type KubeObject,
  type ObjectRef,
  objectKey,
  type ResourceType,
} from '../kube/types.ts';
import { applyMergePatch, type Json } from '../merge-patch.ts';

/** One write as the fake saw it. */
export interface FakeWrite {
  verb: 'create' | 'patch' | 'delete';
  resource: string;
  subresource: string;
  key: string;
  body: unknown;
}

/**
 * An API server in memory with the rules that writers rely on: uid and resourceVersion locks, finalizers, a status
 * subresource of its own. It does not watch.
 */
export class FakeKubeClient implements KubeClient {
  readonly writes: FakeWrite[] = [];
  /** Called before each request; what it throws is the answer. */
  before: (verb: string, resource: string, key: string) => void | Promise<void> = () => undefined;
  /** Called after each write took effect; what it throws is an answer that was lost. */
  after: (verb: string, resource: string, key: string) => void = () => undefined;
  readonly #objects = new Map<string, KubeObject>();
  #version = 100;
  #uids = 0;

  async get<T extends KubeObject>(resource: ResourceType, ref: ObjectRef): Promise<T> {
    await this.before('get', resource.plural, objectKey(ref));
    return structuredClone(this.#find(resource, ref)) as T;
  }

  async list<T extends KubeObject>(resource: ResourceType) {
    await this.before('list', resource.plural, '');
    const prefix = `${resource.plural}|`;
    const found = [...this.#objects].filter(([id]) => id.startsWith(prefix)).map(([, object]) => object);
    return {
      items: structuredClone(found) as T[],
      resourceVersion: String(this.#version),
      continue: undefined,
    };
  }

  listAll<T extends KubeObject>(resource: ResourceType) {
    return this.list<T>(resource);
  }

  async create<T extends KubeObject>(resource: ResourceType, object: NewObject): Promise<T> {
    const key = objectKey(object.metadata);
    await this.before('create', resource.plural, key);
    this.writes.push({ verb: 'create', resource: resource.plural, subresource: '', key, body: object });
    if (this.#objects.has(idOf(resource, key))) throw apiError(409, 'AlreadyExists', key);
    const stored = structuredClone({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object });
    stored.metadata.uid ??= `uid-${++this.#uids}`;
    stored.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(idOf(resource, key), stored);
    this.after('create', resource.plural, key);
    return structuredClone(stored) as KubeObject as T;
  }

  mergePatch<T extends KubeObject>(resource: ResourceType, ref: ObjectRef, patch: object): Promise<T> {
    return this.#patch(resource, ref, '', patch);
  }

  mergePatchStatus<T extends KubeObject>(resource: ResourceType, ref: ObjectRef, patch: object): Promise<T> {
    return this.#patch(resource, ref, 'status', patch);
  }

  async delete(resource: ResourceType, ref: ObjectRef): Promise<void> {
    const key = objectKey(ref);
    await this.before('delete', resource.plural, key);
    this.writes.push({ verb: 'delete', resource: resource.plural, subresource: '', key, body: undefined });
    const object = this.#find(resource, ref);
    if ((object.metadata.finalizers ?? []).length === 0) this.#objects.delete(idOf(resource, key));
    else if (object.metadata.deletionTimestamp === undefined) {
      const deletionTimestamp = '2026-01-01T00:00:00Z';
      const resourceVersion = String(++this.#version);
      this.#objects.set(idOf(resource, key), {
        ...object,
        metadata: { ...object.metadata, deletionTimestamp, resourceVersion },
      });
    }
    this.after('delete', resource.plural, key);
  }

  // biome-ignore lint/correctness/useYield: no watch is ever opened on it
  async *watch(): AsyncGenerator<never, void, undefined> {
    throw new Error('the fake client does not watch');
  }

  async close(): Promise<void> {}

  async #patch<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    subresource: string,
    patch: object,
  ): Promise<T> {
    const key = objectKey(ref);
    await this.before('patch', resource.plural, key);
    this.writes.push({ verb: 'patch', resource: resource.plural, subresource, key, body: patch });
    const object = this.#find(resource, ref);
    const { metadata, ...rest } = patch as { metadata?: Record<string, unknown>; [name: string]: unknown };
    const { uid, resourceVersion, ...labels } = metadata ?? {};
    if (uid !== undefined && uid !== object.metadata.uid) throw apiError(409, 'Conflict', key);
    if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
      throw apiError(409, 'Conflict', key);
    }
    const change = subresource === 'status' ? { status: rest.status } : { ...rest, metadata: labels };
    const next = structuredClone(
      applyMergePatch(object as unknown as Json, change as Json),
    ) as unknown as KubeObject;
    next.metadata.resourceVersion = String(++this.#version);
    if (next.metadata.deletionTimestamp && (next.metadata.finalizers ?? []).length === 0) {
      this.#objects.delete(idOf(resource, key));
    } else {
      this.#objects.set(idOf(resource, key), next);
    }
    this.after('patch', resource.plural, key);
    return structuredClone(next) as T;
  }

  #find(resource: ResourceType, ref: ObjectRef): KubeObject {
    const object = this.#objects.get(idOf(resource, objectKey(ref)));
    if (object === undefined) throw apiError(404, 'NotFound', objectKey(ref));
    return object;
  }
}

function idOf(resource: ResourceType, key: string): string {
  return `${resource.plural}|${key}`;
}

function apiError(status: number, reason: string, key: string): ApiError {
  return new ApiError({ status, reason, message: `${key}: ${status} ${reason}` });
}

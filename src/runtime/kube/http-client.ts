import { type Clock, sleep, systemClock } from '../clock.ts';
import { inRequestSpan } from '../tracing.ts';
import { readBody, readLines } from './body.ts';
import type {
  CallOptions,
  CreateOptions,
  DeleteOptions,
  KubeClient,
  KubeClientOptions,
  ListOptions,
  NewObject,
  RequestRecord,
  WatchOptions,
} from './client.ts';
import type { KubeConnection } from './connection.ts';
import { ApiError, TransportError } from './errors.ts';
import { apiErrorOf, asFailure, messageOf, retryDelay } from './failures.ts';
import { collectionPath, objectPath, queryString, type Selection } from './paths.ts';
import { retryAfterMs } from './retry-after.ts';
import { type HttpRequest, type HttpResponse, Transport } from './transport.ts';
import {
  apiVersionOf,
  type KubeObject,
  type ObjectList,
  type ObjectRef,
  type ResourceType,
  type WatchEvent,
} from './types.ts';

/** Tries per call, the first included. */
const maxAttempts = 5;
const listPageSize = 500;
/** Bounds one attempt as a whole, the wait for a free connection included. */
const attemptTimeoutMs = 120_000;

interface Call {
  verb: RequestRecord['verb'];
  resource: ResourceType;
  /** For messages: kind, namespace and name. */
  what: string;
  subresource?: string;
  request: Pick<HttpRequest, 'method' | 'path' | 'body'> & { contentType?: string };
  maxBytes: number;
  signal: AbortSignal | undefined;
}

/** {@link KubeClient} over HTTP/1.1. */
export class HttpKubeClient implements KubeClient {
  readonly #connection: KubeConnection;
  readonly #transport: Transport;
  readonly #options: KubeClientOptions;
  readonly #clock: Clock;
  readonly #maxListBytes: number;
  readonly #maxObjectBytes: number;

  constructor(connection: KubeConnection, options: KubeClientOptions) {
    this.#connection = connection;
    this.#transport = new Transport(connection, options.limits);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#maxListBytes = options.maxListBytes ?? 64 * 1024 * 1024;
    this.#maxObjectBytes = options.maxObjectBytes ?? 4 * 1024 * 1024;
  }

  get<T extends KubeObject>(resource: ResourceType, ref: ObjectRef, options: CallOptions = {}): Promise<T> {
    return this.#call({
      verb: 'get',
      resource,
      what: describe(resource, ref),
      request: { method: 'GET', path: objectPath(resource, ref) },
      maxBytes: this.#maxObjectBytes,
      signal: options.signal,
    });
  }

  async list<T extends KubeObject>(
    resource: ResourceType,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    const query = queryString({
      limit: options.limit,
      continue: options.continue,
      resourceVersion: options.resourceVersion,
      resourceVersionMatch: options.resourceVersionMatch,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    });
    const page = await this.#call<{
      items?: T[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    }>({
      verb: 'list',
      resource,
      what: resource.plural,
      request: { method: 'GET', path: collectionPath(resource, options.namespace) + query },
      maxBytes: this.#maxListBytes,
      signal: options.signal,
    });
    const apiVersion = apiVersionOf(resource);
    const items = page.items ?? [];
    // Items of built-in kinds come without their type.
    for (const item of items) {
      item.apiVersion ??= apiVersion;
      item.kind ??= resource.kind;
    }
    return {
      items,
      resourceVersion: page.metadata?.resourceVersion ?? '',
      continue: page.metadata?.continue || undefined,
    };
  }

  async listAll<T extends KubeObject>(
    resource: ResourceType,
    options: CallOptions & Selection = {},
  ): Promise<ObjectList<T>> {
    for (let restarted = false; ; restarted = true) {
      try {
        const items: T[] = [];
        let page: ObjectList<T> | undefined;
        do {
          page = await this.list<T>(resource, { ...options, limit: listPageSize, continue: page?.continue });
          for (const item of page.items) items.push(item);
        } while (page.continue !== undefined);
        return { items, resourceVersion: page.resourceVersion, continue: undefined };
      } catch (error) {
        if (restarted || !(error instanceof ApiError && error.status === 410)) throw error;
      }
    }
  }

  create<T extends KubeObject>(
    resource: ResourceType,
    object: NewObject,
    options: CreateOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const query = queryString({
      dryRun: options.dryRun ? 'All' : undefined,
      fieldValidation: options.fieldValidation,
    });
    return this.#call({
      verb: 'create',
      resource,
      what: describe(resource, { namespace, name }),
      request: {
        method: 'POST',
        path: collectionPath(resource, namespace) + query,
        contentType: 'application/json',
        body: JSON.stringify({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }),
      },
      maxBytes: this.#maxObjectBytes,
      signal: options.signal,
    });
  }

  mergePatch<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#patch(resource, ref, undefined, patch, options);
  }

  mergePatchStatus<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#patch(resource, ref, 'status', patch, options);
  }

  async delete(resource: ResourceType, ref: ObjectRef, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagationPolicy, gracePeriodSeconds } = options;
    const preconditions =
      uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    await this.#call({
      verb: 'delete',
      resource,
      what: describe(resource, ref),
      request: {
        method: 'DELETE',
        path: objectPath(resource, ref),
        contentType: 'application/json',
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions,
          propagationPolicy,
          gracePeriodSeconds,
        }),
      },
      maxBytes: this.#maxObjectBytes,
      signal: options.signal,
    });
  }

  async *watch<T extends KubeObject>(
    resource: ResourceType,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const query = queryString({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: options.resourceVersion,
      sendInitialEvents: options.sendInitialEvents || undefined,
      resourceVersionMatch: options.sendInitialEvents ? 'NotOlderThan' : undefined,
      timeoutSeconds: options.timeoutSeconds,
      labelSelector: options.labelSelector,
      fieldSelector: options.fieldSelector,
    });
    const what = resource.plural;
    const request: HttpRequest = {
      method: 'GET',
      path: collectionPath(resource, options.namespace) + query,
      headers: {},
      signal: options.signal,
      stream: true,
    };
    try {
      const response = await this.#openWatch(resource, request);
      options.onOpen?.();
      for await (const line of readLines(response.body, this.#maxObjectBytes)) {
        const event = parseJson(line, `watch ${what}`) as {
          type: WatchEvent<T>['type'] | 'ERROR';
          object: T;
        };
        if (event.type === 'ERROR') throw apiErrorOf(`watch ${what}`, 0, event.object, undefined);
        yield { type: event.type, object: event.object };
      }
    } catch (error) {
      if (options.signal?.aborted) return;
      if (error instanceof ApiError || error instanceof TransportError) throw error;
      throw new TransportError(`watch ${what}: ${messageOf(error)}`, { sent: true, cause: error });
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #openWatch(resource: ResourceType, request: HttpRequest): Promise<HttpResponse> {
    for (let refreshed = false; ; refreshed = true) {
      const started = this.#clock.monotonic();
      let code = 0;
      try {
        request.headers = await this.#headers(undefined);
        const response = await this.#transport.send(request);
        code = response.statusCode;
        if (code === 200) return response;
        const error = await this.#failure(`watch ${resource.plural}`, response);
        if (code !== 401 || refreshed) throw error;
        await this.#connection.refresh();
      } finally {
        this.#record('watch', resource, '', code, started);
      }
    }
  }

  #patch<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    subresource: string | undefined,
    patch: object,
    options: CallOptions,
  ): Promise<T> {
    return this.#call({
      verb: 'patch',
      resource,
      what: describe(resource, ref) + (subresource === undefined ? '' : `/${subresource}`),
      ...(subresource === undefined ? {} : { subresource }),
      request: {
        method: 'PATCH',
        path: objectPath(resource, ref, subresource),
        contentType: 'application/merge-patch+json',
        body: JSON.stringify(patch),
      },
      maxBytes: this.#maxObjectBytes,
      signal: options.signal,
    });
  }

  /** One call with its retries, a span of the trace that is active. */
  #call<R>(call: Call): Promise<R> {
    const resource = call.subresource ? `${call.resource.plural}/${call.subresource}` : call.resource.plural;
    const attributes = {
      'http.request.method': call.request.method,
      'keyframe.kubernetes.object': call.what,
    };
    return inRequestSpan(
      { name: `${call.verb} ${resource}`, attributes },
      () => this.#attempts<R>(call),
      () => ({}),
    );
  }

  async #attempts<R>(call: Call): Promise<R> {
    const isRead = call.request.method === 'GET';
    let refreshed = false;
    for (let attempt = 1; ; attempt++) {
      const started = this.#clock.monotonic();
      let code = 0;
      let failure: ApiError | TransportError;
      try {
        const response = await this.#transport.send({
          method: call.request.method,
          path: call.request.path,
          body: call.request.body,
          headers: await this.#headers(call.request.contentType),
          signal: withTimeout(call.signal, attemptTimeoutMs),
        });
        code = response.statusCode;
        if (code >= 200 && code < 300) {
          return parseJson(await readBody(response.body, call.maxBytes), `${call.verb} ${call.what}`) as R;
        }
        failure = await this.#failure(`${call.verb} ${call.what}`, response);
      } catch (error) {
        failure = asFailure(error, `${call.verb} ${call.what}`, call.signal);
      } finally {
        this.#record(call.verb, call.resource, call.subresource ?? '', code, started);
      }

      if (failure instanceof ApiError && failure.status === 401 && !refreshed) {
        // A 401 is refused before anything is done, so this is safe for writes too.
        refreshed = true;
        await this.#connection.refresh();
        continue;
      }
      const delay = retryDelay(failure, isRead, attempt, this.#options.random);
      if (delay === undefined || attempt >= maxAttempts) throw failure;
      if (!(await sleep(this.#clock, delay, call.signal))) throw failure;
    }
  }

  async #headers(contentType: string | undefined): Promise<Record<string, string>> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': this.#options.userAgent ?? 'keyframe',
    };
    if (contentType !== undefined) headers['content-type'] = contentType;
    try {
      await this.#connection.authorize(headers);
    } catch (error) {
      throw new TransportError(`no credentials: ${messageOf(error)}`, { sent: false, cause: error });
    }
    return headers;
  }

  async #failure(what: string, response: HttpResponse): Promise<ApiError> {
    const header = response.headers['retry-after'];
    const wait = retryAfterMs(Array.isArray(header) ? header[0] : header, this.#clock.now());
    let body: unknown;
    try {
      const text = await readBody(response.body, this.#maxObjectBytes);
      body = text.startsWith('{') ? JSON.parse(text) : { message: text };
    } catch (error) {
      // The status alone says enough; a broken body must not turn an answer into a failed transport.
      body = { message: `the answer's body could not be read: ${messageOf(error)}` };
    }
    return apiErrorOf(what, response.statusCode, body, wait);
  }

  #record(
    verb: RequestRecord['verb'],
    resource: ResourceType,
    subresource: string,
    code: number,
    started: number,
  ): void {
    this.#options.onRequest?.({
      verb,
      resource: resource.plural,
      subresource,
      code,
      seconds: (this.#clock.monotonic() - started) / 1000,
    });
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransportError(`${what}: the answer is not JSON: ${messageOf(error)}`, {
      sent: true,
      cause: error,
    });
  }
}

function withTimeout(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
}

function describe(resource: ResourceType, ref: ObjectRef): string {
  return ref.namespace ? `${resource.plural} ${ref.namespace}/${ref.name}` : `${resource.plural} ${ref.name}`;
}

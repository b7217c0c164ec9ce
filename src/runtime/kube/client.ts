import type { Clock } from '../clock.ts';
import type { KubeConnection } from './connection.ts';
import { HttpKubeClient } from './http-client.ts';
import type { Selection } from './paths.ts';
import type { TransportLimits } from './transport.ts';
import type { KubeObject, ObjectList, ObjectRef, ResourceType, WatchEvent } from './types.ts';

/** An object to be made; apiVersion and kind are filled in from the resource. */
export interface NewObject extends KubeObject {
  spec?: unknown;
  data?: unknown;
}

/** One request to the API server as metrics and tests see it. */
export interface RequestRecord {
  verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';
  /** Plural name of the kind. */
  resource: string;
  subresource: string;
  /** HTTP status; 0 when no answer came. */
  code: number;
  /** Until the answer was read; for a watch until its headers came. */
  seconds: number;
}

/** Options of every call. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** What a LIST asks for. */
export interface ListOptions extends CallOptions, Selection {
  /** Page size; the server decides when left out. */
  limit?: number | undefined;
  /** Token of the page wanted. */
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

/** What a WATCH asks for. Bookmarks are always asked for. */
export interface WatchOptions extends CallOptions, Selection {
  /** Start after this version. */
  resourceVersion?: string | undefined;
  /** WatchList: begin with the present state, ended by an annotated bookmark. */
  sendInitialEvents?: boolean | undefined;
  /** The server ends the watch after this many seconds. */
  timeoutSeconds?: number | undefined;
  /** Called when the server has accepted the watch. */
  onOpen?: (() => void) | undefined;
}

/** What a POST asks for. */
export interface CreateOptions extends CallOptions {
  /** Everything is checked, and nothing is kept. */
  dryRun?: boolean | undefined;
  /** `Strict` refuses fields that the kind does not have; else they are dropped. */
  fieldValidation?: 'Strict' | undefined;
}

/** What a DELETE asks for. */
export interface DeleteOptions extends CallOptions {
  /** Preconditions: refused with 409 when the object is another one, or has changed. */
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  gracePeriodSeconds?: number | undefined;
}

/**
 * A client for the API server. Every call throws {@link ApiError} for an answer that is a failure and
 * {@link TransportError} when no answer came. Reads are tried again after resets and when the server asks for
 * patience; writes only when it is certain that the server did not carry them out.
 */
export interface KubeClient {
  get<T extends KubeObject>(resource: ResourceType, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** One page. */
  list<T extends KubeObject>(resource: ResourceType, options?: ListOptions): Promise<ObjectList<T>>;
  /** All pages, 500 objects each; a token that expires on the way starts it again, once. */
  listAll<T extends KubeObject>(
    resource: ResourceType,
    options?: CallOptions & Selection,
  ): Promise<ObjectList<T>>;
  create<T extends KubeObject>(
    resource: ResourceType,
    object: NewObject,
    options?: CreateOptions,
  ): Promise<T>;
  /** JSON merge patch of the object. Put metadata.resourceVersion into the patch to lock it. */
  mergePatch<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T>;
  /** JSON merge patch of the status subresource. */
  mergePatchStatus<T extends KubeObject>(
    resource: ResourceType,
    ref: ObjectRef,
    patch: object,
    options?: CallOptions,
  ): Promise<T>;
  delete(resource: ResourceType, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
  /**
   * Events until the server ends the watch or the signal is aborted: both end the iteration quietly. An ERROR
   * event is thrown as {@link ApiError}, a broken connection as {@link TransportError}. Never tried again here.
   */
  watch<T extends KubeObject>(
    resource: ResourceType,
    options?: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void, undefined>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** How a client is made. */
export interface KubeClientOptions {
  userAgent?: string;
  onRequest?: (record: RequestRecord) => void;
  limits?: TransportLimits;
  /** Largest answer of a LIST in bytes; 64 MiB. */
  maxListBytes?: number;
  /** Largest single object in bytes, also within a watch; 4 MiB. */
  maxObjectBytes?: number;
  clock?: Clock;
  random?: () => number;
}

/** Makes a client of one API server. Nothing is connected before the first call. */
export function createKubeClient(connection: KubeConnection, options: KubeClientOptions = {}): KubeClient {
  return new HttpKubeClient(connection, options);
}

import { type Dispatcher, Pool, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { KubeConnection, TlsOptions } from './connection.ts';
import { TransportError } from './errors.ts';

/** Limits of the connections to the API server. */
export interface TransportLimits {
  /** Connections for ordinary requests; watches have their own. */
  connections: number;
  connectTimeoutMs: number;
  headersTimeoutMs: number;
  /** Longest silence inside a body; watches have none. */
  bodyTimeoutMs: number;
}

/** Limits used when nothing else is asked for. */
export const defaultTransportLimits: TransportLimits = {
  connections: 8,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  bodyTimeoutMs: 60_000,
};

/** One HTTP exchange, without retries. */
export interface HttpRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
  /** A watch: own connection, and no limit on the silence of its body. */
  stream?: boolean;
}

/** What came back; the body must be read to its end or destroyed. */
export type HttpResponse = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

/** Set by the dispatcher at the moment when a request gets a connection, just before its first byte. */
interface Progress {
  sent: boolean;
}

/**
 * Connections to one API server: a pool for requests and one connection for each watch. HTTP/1.1 on purpose:
 * over HTTP/2 one stalled connection would silence all watches at once.
 */
export class Transport {
  readonly #connection: KubeConnection;
  readonly #limits: TransportLimits;
  #tls: TlsOptions | undefined;
  #requests: Dispatcher | undefined;
  #watches: Dispatcher | undefined;
  #closed = false;

  constructor(connection: KubeConnection, limits: TransportLimits = defaultTransportLimits) {
    this.#connection = connection;
    this.#limits = limits;
  }

  /** Sends one request. Throws {@link TransportError} when no answer came; any HTTP status is an answer. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const progress: Progress = { sent: false };
    try {
      if (this.#closed) throw new Error('the client is closed');
      request.signal?.throwIfAborted();
      const base = new URL(this.#connection.server);
      const response = this.#dispatcher(request.stream === true).request({
        origin: base.origin,
        path: base.pathname.replace(/\/$/, '') + request.path,
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        signal: request.signal ?? null,
        opaque: progress,
      });
      return await orGivenUp(response, request.signal, progress);
    } catch (error) {
      throw new TransportError(describe(error), {
        sent: progress.sent,
        aborted: request.signal?.aborted ?? false,
        cause: error,
      });
    }
  }

  /** Ends all connections at once; requests in flight fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#requests?.destroy(null), this.#watches?.destroy(null)]);
  }

  #dispatcher(stream: boolean): Dispatcher {
    const { tls } = this.#connection;
    if (this.#requests === undefined || this.#watches === undefined || this.#tls !== tls) {
      // Renewed certificates: the old connections finish what they carry and go.
      this.#requests?.close().catch(() => undefined);
      this.#watches?.close().catch(() => undefined);
      this.#tls = tls;
      this.#requests = this.#connect({
        connections: this.#limits.connections,
        bodyTimeout: this.#limits.bodyTimeoutMs,
      });
      this.#watches = this.#connect({ connections: null, bodyTimeout: 0 });
    }
    return stream ? this.#watches : this.#requests;
  }

  #connect(options: { connections: number | null; bodyTimeout: number }): Dispatcher {
    const { server, proxy, tls } = this.#connection;
    const shared = {
      ...options,
      pipelining: 1,
      allowH2: false,
      headersTimeout: this.#limits.headersTimeoutMs,
      keepAliveTimeout: 30_000,
    };
    const connect = {
      ...tls,
      timeout: this.#limits.connectTimeoutMs,
      keepAlive: true,
      // Below the idle limit of the usual load balancers (60 s).
      keepAliveInitialDelay: 30_000,
    };
    let dispatcher: Dispatcher;
    if (proxy === undefined) {
      dispatcher = new Pool(new URL(server).origin, { ...shared, connect });
    } else if (proxy.startsWith('socks')) {
      dispatcher = new Socks5ProxyAgent(proxy, { ...shared, requestTls: connect });
    } else {
      dispatcher = new ProxyAgent({ uri: proxy, ...shared, requestTls: connect });
    }
    return dispatcher.compose(noteSending);
  }
}

/**
 * Rejects as soon as a request is given up that still waits for its connection: undici would only notice once it
 * gets one. It writes nothing then, so `sent` stays false.
 */
async function orGivenUp<T>(
  response: Promise<T>,
  signal: AbortSignal | undefined,
  progress: Progress,
): Promise<T> {
  if (signal === undefined) return response;
  const settled = new AbortController();
  const givenUp = new Promise<never>((_, reject) => {
    const onAbort = () => {
      if (!progress.sent) reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true, signal: settled.signal });
  });
  try {
    return await Promise.race([response, givenUp]);
  } finally {
    settled.abort();
  }
}

/** Marks the moment after which a request may have reached the server. */
const noteSending: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const progress = (options as Dispatcher.RequestOptions<Progress>).opaque;
  return dispatch(options, {
    onRequestStart(controller, context) {
      if (progress) progress.sent = true;
      handler.onRequestStart?.(controller, context);
    },
    onRequestUpgrade(controller, statusCode, headers, socket) {
      handler.onRequestUpgrade?.(controller, statusCode, headers, socket);
    },
    onResponseStart(controller, statusCode, headers, statusMessage) {
      handler.onResponseStart?.(controller, statusCode, headers, statusMessage);
    },
    onResponseData(controller, chunk) {
      handler.onResponseData?.(controller, chunk);
    },
    onResponseEnd(controller, trailers) {
      handler.onResponseEnd?.(controller, trailers);
    },
    onResponseError(controller, error) {
      handler.onResponseError?.(controller, error);
    },
  });
};

/** Words for an error of the connection; Node hides the useful ones in `code` and in the parts of an AggregateError. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code === undefined || error.message.includes(code) ? error.message : `${error.message} (${code})`;
}

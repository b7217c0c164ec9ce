import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { Agent, buildConnector, Client, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { redactText } from '../runtime/redact.ts';
import { inRequestSpan, type SpanBeginning, type SpanEnd } from '../runtime/tracing.ts';
import type { VendorError } from './outcome.ts';

/** The largest answer that is read; a longer one is a failure. */
export const responseLimitBytes = 16 * 1024 * 1024;

/** The longest vendor message that is kept. */
const messageLimit = 1024;

/** Azure's polling URLs alone take 3 kB each, and an answer may bear two of them. */
const headerLimitBytes = 64 * 1024;

/** How an endpoint proves who it is. */
export interface TLSOptions {
  /** PEM certificates to trust beside those of the system. */
  caBundle?: string;
  insecureSkipVerify?: boolean;
}

/** With which a client proves who it is, in TLS. */
export interface ClientCertificate {
  /** PEM; the client's own certificate first, then those between it and its authority. */
  certificate: string;
  /** PEM, not encrypted. */
  key: string;
}

/** A connection of a pinned transport, for as long as it lives. */
export interface Connection {
  /** The server's own certificate, DER; absent without TLS. */
  readonly serverCertificate?: Buffer;
}

/** How a transport is made. */
export interface TransportOptions {
  tls?: TLSOptions;
  clientCertificate?: ClientCertificate;
  /** Connections at once to one host. */
  maxConnections: number;
  /**
   * Keeps to one connection, which `connection` tells: for what authenticates a connection rather than a request.
   * Speak to one host only.
   */
  pinned?: boolean;
  /** Milliseconds for TCP, proxy and TLS together. */
  connectTimeoutMs?: number;
  /** The clock of `sendBefore`, in milliseconds. */
  monotonic(): number;
  /** Leaves proxies aside, as link-local addresses must. */
  direct?: boolean;
}

/** One request. It is sent once, whatever happens. */
export interface HttpRequest {
  method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE' | 'MERGE';
  /** Absolute. Path and query are sent byte for byte. */
  url: string;
  headers: Record<string, string>;
  body?: string;
  /** For everything, from the wait for a connection to the last byte of the answer. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** For traces: what is asked for, one of few words, and the id by which the vendor's own logs know it. */
  operation?: string;
  correlationID?: string | undefined;
  /** The latest monotonic instant at which the first byte may leave. */
  sendBefore?: number;
  /** Of a pinned transport: the connection that it may go over, and no other. */
  connection?: Connection;
}

/** A complete answer, of whatever status. */
export interface HttpResponse {
  status: number;
  /** Names in lower case; a header that came more than once is a list. */
  headers: Record<string, string | string[] | undefined>;
  /** Without a byte order mark. */
  body: string;
}

/** No complete answer. */
export interface HttpFailure {
  /** Whether a byte of the request may have left. */
  sent: boolean;
  /** Why, where the caller is the cause: its signal, its send window that had passed, its connection that is gone. */
  cause?: 'Aborted' | 'TooLate' | 'ConnectionGone';
  error: VendorError;
}

export type HttpResult = { ok: true; response: HttpResponse } | { ok: false; failure: HttpFailure };

/** A host and what is sent to it, as they stand in a URL. */
export interface RawURL {
  /** `https://host[:port]`, lower case, without the default port. */
  origin: string;
  /** Path and query, untouched. */
  target: string;
}

const urlForm = /^(https?):\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(\/[\x21\x22\x24-\x7e]*)?$/;

/**
 * Splits a URL without touching a byte of its path and query; signed URLs would not survive the URL class.
 * Undefined for anything but a plain absolute http(s) URL: no user, no fragment, no blank, ASCII only.
 */
export function splitURL(url: string): RawURL | undefined {
  const match = urlForm.exec(url);
  if (match === null) return undefined;
  const [, scheme = '', host = '', port, target] = match;
  const usual = scheme === 'https' ? '443' : '80';
  const suffix = port === undefined || port === usual ? '' : `:${port}`;
  return { origin: `${scheme}://${host.toLowerCase()}${suffix}`, target: target ?? '/' };
}

/** The value of a header; the first one where it came more than once. */
export function headerOf(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The JSON of a body, whatever its content type says; undefined when it is empty or no JSON. */
export function parseJSON(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** A text fit for errors: one line, secrets taken out, bounded. */
export function vendorText(text: string, limit = messageLimit): string {
  // Cut before redaction, so that a huge text costs little; a secret cut in half is caught by its beginning.
  const line = redactText(text.slice(0, limit * 4).replace(/\s+/g, ' ')).trim();
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

/**
 * Sends requests to vendors over kept-alive HTTP/1.1 connections: one pool per host, TLS verified, proxies by
 * HTTPS_PROXY and NO_PROXY, no redirect followed, nothing retried.
 */
export class Transport {
  readonly #dispatcher: Dispatcher;
  readonly #monotonic: () => number;
  #connection: Connection | undefined;

  /**
   * Connects to nothing yet. Throws a TypeError when the CA bundle, or the client's certificate or key, cannot be
   * read.
   */
  constructor(options: TransportOptions) {
    const trust = {
      secureContext: secureContextOf(options.tls?.caBundle, options.clientCertificate),
      rejectUnauthorized: options.tls?.insecureSkipVerify !== true,
    };
    const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    const common = {
      allowH2: false,
      connections: options.pinned ? 1 : options.maxConnections,
      ...(options.pinned
        ? { factory: (origin: string | URL, given: object) => this.#pin(origin, given) }
        : {}),
      connect: { ...trust, timeout: connectTimeoutMs },
      connectTimeout: connectTimeoutMs,
      maxHeaderSize: headerLimitBytes,
      pipelining: 1,
      // The request's own timer is the only one.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#dispatcher = options.direct
      ? new Agent(common)
      : // HTTP_PROXY is not for https; without this it would stand in for an absent HTTPS_PROXY.
        new EnvHttpProxyAgent({
          ...common,
          httpProxy: '',
          requestTls: trust,
          // The client's certificate is for the vendor, not for a proxy on the way.
          proxyTls: options.clientCertificate
            ? { ...trust, secureContext: secureContextOf(options.tls?.caBundle) }
            : trust,
        });
    this.#monotonic = options.monotonic;
  }

  /** The connection of a pinned transport that is open now. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Sends one request, once. Never throws: what goes wrong is in the answer. */
  send(request: HttpRequest): Promise<HttpResult> {
    const address = splitURL(request.url);
    if (address === undefined) {
      return Promise.resolve(failed(false, 'InvalidURL', 'the URL is not a plain absolute http(s) URL'));
    }
    if (request.signal?.aborted) return Promise.resolve(aborted(false));
    return inRequestSpan(
      beginningOf(address, request),
      () => new Promise((resolve) => this.#dispatch(address, request, resolve)),
      endOf,
    );
  }

  /** Closes all connections; what is under way fails. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  /** A client of one connection that tells of each one that it opens, straight or through a proxy. */
  #pin(origin: string | URL, given: Client.Options): Dispatcher {
    const connect =
      typeof given.connect === 'function'
        ? given.connect
        : buildConnector({ ...given.connect, allowH2: false });
    return new Client(origin, {
      ...given,
      connect: (options, callback) =>
        connect(options, (...result) => {
          const [, socket] = result;
          if (socket !== undefined && socket !== null) this.#follow(socket);
          callback(...result);
        }),
    });
  }

  #follow(socket: Socket): void {
    const serverCertificate =
      socket instanceof tls.TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    const connection: Connection = serverCertificate === undefined ? {} : { serverCertificate };
    this.#connection = connection;
    socket.once('close', () => {
      if (this.#connection === connection) this.#connection = undefined;
    });
  }

  #dispatch(address: RawURL, request: HttpRequest, resolve: (result: HttpResult) => void): void {
    const host = address.origin.slice(address.origin.indexOf('//') + 2);
    let controller: Dispatcher.DispatchController | undefined;
    let sent = false;
    let settled = false;
    let status = 0;
    let headers: HttpResponse['headers'] = {};
    let size = 0;
    const chunks: Buffer[] = [];

    const finish = (result: HttpResult) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const giveUp = (result: HttpResult) => {
      finish(result);
      controller?.abort(new Error('given up'));
    };
    const onAbort = () => giveUp(aborted(sent));
    const timer = setTimeout(() => {
      const text = `${host} did not answer within ${request.timeoutMs / 1000} s`;
      giveUp(failed(sent, 'Timeout', text, status));
    }, request.timeoutMs);
    request.signal?.addEventListener('abort', onAbort, { once: true });

    const handler: Dispatcher.DispatchHandler = {
      // Called with a connection in hand, in the very step that writes the first byte: the last moment to say no.
      onRequestStart: (started) => {
        controller = started;
        if (settled) {
          started.abort(new Error('given up'));
        } else if (sent) {
          giveUp(
            failed(true, 'ConnectionLost', `the connection to ${host} was lost while the request was sent`),
          );
        } else if (request.sendBefore !== undefined && this.#monotonic() > request.sendBefore) {
          giveUp(tooLate(host));
        } else if (request.connection !== undefined && request.connection !== this.#connection) {
          giveUp(connectionGone(host));
        } else {
          sent = true;
        }
      },
      onResponseStart: (_controller, statusCode, received) => {
        if (statusCode < 200) return;
        status = statusCode;
        headers = received;
      },
      onResponseData: (_controller, chunk) => {
        size += chunk.length;
        if (size <= responseLimitBytes) chunks.push(chunk);
        else
          giveUp(
            failed(true, 'AnswerTooLarge', `${host} sent more than ${responseLimitBytes} bytes`, status),
          );
      },
      onResponseEnd: () => {
        const body = new TextDecoder().decode(Buffer.concat(chunks));
        finish({ ok: true, response: { status, headers, body } });
      },
      onResponseError: (_controller, error) => finish(connectionFailure(host, sent, status, error)),
    };
    try {
      this.#dispatcher.dispatch(
        {
          origin: address.origin,
          path: address.target,
          method: request.method,
          headers: request.headers,
          ...(request.body === undefined ? {} : { body: request.body }),
        },
        handler,
      );
    } catch (error) {
      finish(connectionFailure(host, sent, status, error));
    }
  }
}

/** Of the URL a trace has host and path: queries may be signatures. */
function beginningOf(
  { origin, target }: RawURL,
  { method, operation, correlationID }: HttpRequest,
): SpanBeginning {
  return {
    name: operation ?? method,
    attributes: {
      'http.request.method': method,
      'server.address': origin.slice(origin.indexOf('//') + 2),
      'url.path': target.split('?')[0] ?? '',
      ...(correlationID === undefined ? {} : { 'keyframe.correlation_id': correlationID }),
    },
  };
}

function endOf(result: HttpResult): SpanEnd {
  if (!result.ok) return { error: `${result.failure.error.code}: ${result.failure.error.message}` };
  const { status } = result.response;
  const attributes = { 'http.response.status_code': status };
  return status < 400 ? { attributes } : { attributes, error: `HTTP ${status}` };
}

/** One context for all connections: parsing the system's certificates for each would cost milliseconds. */
function secureContextOf(caBundle: string | undefined, client?: ClientCertificate): tls.SecureContext {
  const own = client === undefined ? {} : identityOf(client);
  if (caBundle === undefined) return tls.createSecureContext(own);
  const blocks = caBundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  // Node passes over what it cannot read, and trust that was meant to be there would just be missing.
  if (blocks.length === 0 || !blocks.every(isCertificate)) {
    throw new TypeError('the CA bundle (spec.tls) must hold certificates in PEM form, and nothing broken');
  }
  return tls.createSecureContext({ ...own, ca: [...tls.getCACertificates('default'), ...blocks] });
}

/** The words of OpenSSL say little, and might say too much: a key is among what it read. */
function identityOf({ certificate, key }: ClientCertificate): { cert: string; key: string } {
  try {
    const matches = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
    if (!matches) throw new TypeError('the key is that of another certificate');
  } catch {
    throw new TypeError(
      'the client certificate must be a PEM certificate with its own PEM key, and the key not encrypted',
    );
  }
  return { cert: certificate, key };
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}

function failed(sent: boolean, code: string, message: string, status = 0): HttpResult {
  return { ok: false, failure: { sent, error: { code, message, ...(status === 0 ? {} : { status }) } } };
}

function aborted(sent: boolean): HttpResult {
  const error = { code: 'Aborted', message: 'the request was given up here, before its answer had come' };
  return { ok: false, failure: { sent, cause: 'Aborted', error } };
}

function tooLate(host: string): HttpResult {
  const message = `the request to ${host} was held back: the time in which it might be sent had passed`;
  return {
    ok: false,
    failure: { sent: false, cause: 'TooLate', error: { code: 'SendWindowPassed', message } },
  };
}

function connectionGone(host: string): HttpResult {
  const message = `the connection to ${host} that the request was for is gone, and it was not sent over another one`;
  return {
    ok: false,
    failure: { sent: false, cause: 'ConnectionGone', error: { code: 'ConnectionGone', message } },
  };
}

/** Certificate trouble, and what to do about it. */
const certificateTrouble: [codes: RegExp, trouble: string, remedy: string][] = [
  [/^CERT_HAS_EXPIRED$/, 'has expired', 'Renew it on the server'],
  [
    /^CERT_NOT_YET_VALID$/,
    'is not valid yet',
    "Check the clock of this machine and the server's certificate",
  ],
  [
    /^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|UND_ERR_PRX_TLS)$/,
    'is for other names',
    'Use an address that the certificate names, or have it issued for this one',
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_.*|CERT_UNTRUSTED|CERT_REJECTED|INVALID_CA)$/,
    'comes from an authority that is not known here',
    "Set spec.tls.caBundle or spec.tls.caSecretRef of the provider to that authority's certificate (PEM)",
  ],
  [/^CERT_.*$/, 'is not accepted', "Check the server's certificate"],
];

function connectionFailure(host: string, sent: boolean, status: number, error: unknown): HttpResult {
  const { code, words } = describe(error);
  for (const [codes, trouble, remedy] of certificateTrouble) {
    if (codes.test(code)) {
      const message = `the TLS certificate of ${host} ${trouble} (${code}). ${remedy}. ${words}`;
      return failed(sent, code, vendorText(message), status);
    }
  }
  const what = sent
    ? `the connection to ${host} broke before the answer was complete`
    : `cannot connect to ${host}`;
  return failed(sent, code, vendorText(`${what}: ${words}`), status);
}

/** Code and words of an error, or of what caused it: undici wraps some, and Node puts several tries into one. */
function describe(error: unknown): { code: string; words: string } {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 4; cause = cause.cause, depth++) {
    const { code } = cause as { code?: unknown };
    if (typeof code !== 'string') continue;
    const first = cause instanceof AggregateError ? (cause.errors[0] as unknown) : undefined;
    const words = cause.message || (first instanceof Error ? first.message : '') || code;
    return { code, words };
  }
  return { code: 'ConnectionFailed', words: error instanceof Error ? error.message : String(error) };
}

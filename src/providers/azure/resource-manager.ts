import { randomUUID } from 'node:crypto';
import type { Ask } from '../budget.ts';
import {
  type AnyExchange,
  type Attempt,
  attemptWithin,
  type ConnectionOptions,
  readAnswer,
  reported,
  requestOf,
  transportFailure,
  waitOf,
} from '../exchange.ts';
import { type HttpRequest, type HttpResponse, headerOf, parseJSON, splitURL, Transport } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import { type Call, done, type Failure, type Outcome, succeeded, type WriteCall } from '../outcome.ts';
import {
  type CloudEndpoints,
  metadataPath,
  parseMetadata,
  resourceManagerOrigin,
  type TokenEndpoints,
} from './clouds.ts';
import { type AzureAuth, TokenSource } from './credentials.ts';
import { failureOf, quotaOf, requestIDOf, throttleOf } from './outcomes.ts';

/** What a connection to a Resource Manager is made of. */
export interface ResourceManagerOptions extends ConnectionOptions {
  endpoints: CloudEndpoints;
  auth: AzureAuth;
  tenantID: string;
  /** Whether the authority is none of Microsoft's. */
  customAuthority: boolean;
}

/** One exchange with the Resource Manager. */
export interface Exchange<T> extends AnyExchange {
  /** Path and query, byte for byte. */
  path: string;
  body?: object;
  /** The id of the resource itself, where it is one: decides what a 404 proves. */
  resourceID?: string;
  /** Reads a 2xx. May throw a MalformedAnswer. */
  read(response: HttpResponse): Outcome<T>;
}

/** Azure promises to take URLs of 4 kB; what is longer than this is none of its own (Azure sheet, section 5). */
const maxTokenLength = 8_192;

/** Speaks to a Resource Manager: tokens, budget, one request for each exchange, and what came of it. */
export class ResourceManager {
  /** `https://host[:port]`. */
  readonly origin: string;
  readonly #options: ResourceManagerOptions;
  readonly #transport: Transport;
  readonly #identityTransport: Transport;
  readonly #tokens: TokenSource;

  /** Sends nothing yet. Throws a TypeError when the address cannot be one. */
  constructor(options: ResourceManagerOptions) {
    const { auth, tenantID, customAuthority, tls, limits, monotonic } = options;
    this.#options = options;
    this.origin = resourceManagerOrigin(options.endpoints);
    const transport = {
      ...(tls === undefined ? {} : { tls }),
      maxConnections: limits.maxConcurrent,
      monotonic,
    };
    this.#transport = new Transport(transport);
    // The metadata service of a node is link-local: no proxy reaches it.
    this.#identityTransport =
      'managedIdentity' in auth ? new Transport({ ...transport, direct: true }) : this.#transport;
    this.#tokens = new TokenSource({
      auth,
      tenantID,
      customAuthority,
      endpoints: () => this.#tokenEndpoints(),
      send: (request) => this.#identityTransport.send(request),
      timeoutMs: limits.requestTimeoutMs,
      monotonic,
      now: Date.now,
    });
  }

  /** One exchange, and a second one when the token was refused. */
  send<T>(call: Call | WriteCall, exchange: Exchange<T>): Promise<Outcome<T>> {
    return reported(this.#options, exchange.operation, async () => {
      const first = await this.#attempt(call, exchange);
      // A refused token proves that nothing was done: one more try is no repetition, also of a write.
      const again = first.refusedToken !== undefined && this.#tokens.drop(first.refusedToken);
      return again ? this.#attempt(call, exchange) : first;
    });
  }

  /** Token, budget, request, and what it came to; with the token, when it was refused. */
  async #attempt<T>(
    call: Call | WriteCall,
    exchange: Exchange<T>,
  ): Promise<Attempt<T> & { refusedToken?: string }> {
    const fetched = await this.#tokens.get(call.signal);
    if (!fetched.ok) return { outcome: fetched.failure };
    const { token } = fetched;
    const attempt = await attemptWithin(
      this.#options.budget,
      call,
      exchange,
      () => this.#transport.send(this.#request(call, exchange, token)),
      (response, ask) => {
        this.#log(exchange, response);
        this.#obey(ask, response);
        return interpret(exchange, response);
      },
    );
    return attempt.status === 401 ? { ...attempt, refusedToken: token } : attempt;
  }

  #request<T>(call: Call | WriteCall, exchange: Exchange<T>, token: string): HttpRequest {
    const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      // Messages are translated otherwise.
      'accept-language': 'en-US',
      'user-agent': 'keyframe',
      'x-ms-client-request-id': randomUUID(),
      ...(call.correlationID === undefined ? {} : { 'x-ms-correlation-request-id': call.correlationID }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const { requestTimeoutMs } = this.#options.limits;
    return requestOf(call, exchange, requestTimeoutMs, {
      url: `${this.origin}${exchange.path}`,
      headers,
      body,
    });
  }

  /** Tells the budget what the vendor said about its own limits. */
  #obey(ask: Ask, response: HttpResponse): void {
    const { budget } = this.#options;
    for (const { policy, left } of quotaOf(response)) budget.note(ask, policy, left);
    if (response.status !== 429) return;
    const { afterMs, policy } = throttleOf(response, Date.now());
    budget.park(ask, policy, afterMs);
  }

  #log<T>(exchange: Exchange<T>, response: HttpResponse): void {
    this.#options.log.debug('Azure answered', {
      operation: exchange.operation,
      resource: exchange.resourceID,
      status: response.status,
      requestID: headerOf(response, 'x-ms-request-id'),
      correlationID: headerOf(response, 'x-ms-correlation-request-id'),
      routingID: headerOf(response, 'x-ms-routing-request-id'),
    });
  }

  /** What to poll; nothing when Azure names no URL of its own, and then the resource itself tells. */
  pollingToken(response: HttpResponse): { token?: string } {
    for (const [header, kind] of [
      ['azure-asyncoperation', 'status'],
      ['location', 'location'],
    ] as const) {
      const url = headerOf(response, header);
      const token = `${kind}:${url}`;
      if (url === undefined || token.length > maxTokenLength) continue;
      if (this.pathOf(url) !== undefined) return { token };
    }
    return {};
  }

  /**
   * What a token of `pollingToken` stands for; undefined when it is none. Tokens lie in a status that others may
   * write: whatever they say, the credentials go to this Resource Manager only.
   */
  readToken(token: string): { kind: 'status' | 'location'; path: string } | undefined {
    const [, kind, url] = /^(status|location):(.*)$/s.exec(token) ?? [];
    const path = token.length > maxTokenLength ? undefined : this.pathOf(url ?? '');
    if (path === undefined) return undefined;
    return { kind: kind === 'status' ? 'status' : 'location', path };
  }

  /** Path and query of a URL of this Resource Manager, byte for byte; undefined for any other URL. */
  pathOf(url: string): string | undefined {
    const address = splitURL(url);
    return address?.origin === this.origin ? address.target : undefined;
  }

  /** Where tokens come from; a Custom cloud may leave it to its Resource Manager to say. */
  async #tokenEndpoints(): Promise<TokenEndpoints | Failure> {
    const { endpoints } = this.#options;
    const authority = endpoints.authority?.replace(/\/+$/, '');
    const { audience } = endpoints;
    if (authority !== undefined && audience !== undefined) return { authority, audience };
    const result = await this.#transport.send({
      method: 'GET',
      url: `${this.origin}${metadataPath}`,
      operation: 'getMetadata',
      headers: { accept: 'application/json', 'user-agent': 'keyframe' },
      timeoutMs: this.#options.limits.requestTimeoutMs,
    });
    if (!result.ok) return transportFailure(result.failure, false);
    const { response } = result;
    if (response.status !== 200) {
      // What a 404 or 403 means here says nothing about the resource for which the token is wanted.
      const { error } = failureOf(response, { write: false, now: Date.now() });
      return { kind: 'Unavailable', error };
    }
    const told = readAnswer(response, false, requestIDOf(response), () =>
      done(parseMetadata(jsonOf(response))),
    );
    if (!succeeded(told)) return told;
    return { authority: authority ?? told.value.authority, audience: audience ?? told.value.audience };
  }

  /** Ends all connections; what is under way fails. */
  async close(): Promise<void> {
    await Promise.all([this.#transport.close(), this.#identityTransport.close()]);
  }
}

function interpret<T>(exchange: Exchange<T>, response: HttpResponse): Outcome<T> {
  const write = exchange.method !== 'GET';
  if (response.status < 200 || response.status >= 300) {
    const { resourceID } = exchange;
    const context = { write, creates: exchange.method === 'PUT', now: Date.now() };
    return failureOf(response, resourceID === undefined ? context : { ...context, resourceID });
  }
  return readAnswer(response, write, requestIDOf(response), () => exchange.read(response));
}

/** The JSON of an answer; undefined when the body is empty. Throws a MalformedAnswer when it is none. */
export function jsonOf(response: HttpResponse): unknown {
  if (response.body.trim() === '') return undefined;
  const json = parseJSON(response.body);
  if (json === undefined) throw new MalformedAnswer('the answer should be JSON, and is not');
  return json;
}

/** How long Azure asks to wait before the next look, where it does. */
export function afterOf(response: HttpResponse): { afterMs?: number } {
  const afterMs = waitOf(response, Date.now());
  return afterMs === undefined ? {} : { afterMs };
}

import { randomUUID } from 'node:crypto';
import {
  type AnyExchange,
  type Attempt,
  attemptWithin,
  type ConnectionOptions,
  readAnswer,
  reported,
  requestOf,
} from '../exchange.ts';
import { type HttpRequest, type HttpResponse, headerOf, Transport } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import { type Call, type Failure, type Outcome, succeeded, type WriteCall } from '../outcome.ts';
import { engineAddress } from './address.ts';
import { type Body, contentTypes, type MediaType, writeBody } from './body.ts';
import type { Dialect } from './capabilities.ts';
import { type APIVersion, atLeast, chooseAPIVersion, type WantedAPIVersion } from './engine-version.ts';
import { type EngineProduct, faultIn, productIn } from './model.ts';
import { failureOf, type RequestContext, requestIDOf, wordsOf } from './outcomes.ts';
import { type Login, type OvirtAuth, Session } from './session.ts';

/** What a connection to an engine is made of. */
export interface EngineOptions extends ConnectionOptions {
  /** `https://host/ovirt-engine`. */
  url: string;
  apiVersion: WantedAPIVersion;
  auth: OvirtAuth;
  /** The form of bodies and answers; left out: XML with v3, JSON with v4 (oVirt sheet, section 2). */
  mediaType?: MediaType;
}

/** One exchange with the API. */
export interface Exchange<T> extends AnyExchange {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below the base, such as `/vms/{id}`, with its query. Links of the engine are never followed. */
  path: string;
  /** The body and the name of its root. */
  body?: { root: string; content: Body };
  headers?: Record<string, string>;
  about: RequestContext['about'];
  creates?: boolean;
  /** Reads a 2xx. May throw a MalformedAnswer. */
  read(response: HttpResponse): Outcome<T>;
}

/** The engine as it told itself, and the shape that is spoken with it. */
export interface Probed {
  product: EngineProduct;
  dialect: Dialect;
}

/** Speaks to one engine: login, budget, one request for each exchange, and what came of it. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #url: string;
  readonly #transport: Transport;
  readonly #session: Session;
  #dialect: Dialect | undefined;

  /** Sends nothing yet. Throws a TypeError when address, user or CA bundle cannot be right. */
  constructor(options: EngineOptions) {
    const { auth, tls, limits, monotonic } = options;
    const { origin, path } = engineAddress(options.url);
    this.#options = options;
    this.#url = `${origin}${path}`;
    this.#transport = new Transport({
      ...(tls === undefined ? {} : { tls }),
      maxConnections: limits.maxConcurrent,
      monotonic,
    });
    this.#session = new Session({
      auth,
      url: this.#url,
      versionHeader: `${this.#firstVersion()}`,
      send: (request) => this.#transport.send(request),
      timeoutMs: limits.requestTimeoutMs,
      monotonic,
    });
  }

  /** Release and shape as the newest probe found them; undefined before the first. */
  get dialect(): Dialect | undefined {
    return this.#dialect;
  }

  /**
   * Reads the root of the API, and chooses the shape to speak. Engines 3.x ignore the header that asks for v4, and
   * say so by their release; those from 4.4 on do not have v3 (oVirt sheet, section 1).
   */
  async probe(call: Call): Promise<Outcome<Probed>> {
    const first = this.#firstVersion();
    let root = await this.#root(first, call);
    if (!succeeded(root) && first === 3 && (root.kind === 'NotFound' || root.kind === 'Unsupported')) {
      // Perhaps it is the shape that is not there.
      const other = await this.#root(4, call);
      if (succeeded(other)) root = other;
    }
    if (!succeeded(root)) return root.kind === 'NotFound' ? this.#notThere(root, call) : root;
    const product = root.value;
    const api = chooseAPIVersion(product.version, this.#options.apiVersion);
    if (typeof api === 'string') return unsupported(api);
    this.#dialect = { version: product.version, api };
    return { kind: 'Done', value: { product, dialect: this.#dialect } };
  }

  /** One exchange in the engine's dialect, and a second one when the login was refused. */
  async send<T>(
    call: Call | WriteCall,
    exchange: (dialect: Dialect) => Exchange<T> | Failure,
  ): Promise<Outcome<T>> {
    let dialect = this.#dialect;
    if (dialect === undefined) {
      const probed = await this.probe(call);
      if (!succeeded(probed)) return probed;
      dialect = probed.value.dialect;
    }
    const made = exchange(dialect);
    if ('kind' in made) return made;
    return this.#exchange(
      call,
      made,
      dialect.api,
      this.#options.mediaType ?? (dialect.api === 3 ? 'xml' : 'json'),
    );
  }

  /** Logs out and ends all connections; what is under way fails. */
  async close(): Promise<void> {
    await this.#session.close();
    await this.#transport.close();
  }

  #exchange<T>(
    call: Call | WriteCall,
    exchange: Exchange<T>,
    api: APIVersion,
    type: MediaType,
    base = `${this.#url}/api`,
  ): Promise<Outcome<T>> {
    const request = (login: Login) => this.#request(call, exchange, login, api, type, base);
    return reported(this.#options, exchange.operation, async () => {
      const { refused, ...first } = await this.#attempt(call, exchange, request);
      // A refused login proves that nothing was done: one more try is no repetition, also of a write.
      const again =
        refused !== undefined && 'error' in first.outcome && this.#session.refused(refused, first.outcome);
      return again ? this.#attempt(call, exchange, request) : first;
    });
  }

  /** Login, budget, request, and what it came to; with the login, when it was refused. */
  async #attempt<T>(
    call: Call | WriteCall,
    exchange: Exchange<T>,
    request: (login: Login) => HttpRequest,
  ): Promise<Attempt<T> & { refused?: Login }> {
    const session = await this.#session.get(call.signal);
    if (!session.ok) return { outcome: session.failure };
    const { login } = session;
    const { budget } = this.#options;
    const attempt = await attemptWithin(
      budget,
      call,
      exchange,
      () => this.#transport.send(request(login)),
      (response, ask) => {
        this.#log(exchange, response);
        const outcome = interpret(exchange, response, this.#dialect);
        if (response.status !== 401) this.#session.accepted(login);
        if (outcome.kind === 'Throttled') budget.park(ask, undefined, outcome.afterMs);
        return outcome;
      },
    );
    return attempt.status === 401 ? { ...attempt, refused: login } : attempt;
  }

  #request<T>(
    call: Call | WriteCall,
    exchange: Exchange<T>,
    login: Login,
    api: APIVersion,
    type: MediaType,
    base: string,
  ): HttpRequest {
    const { method, path, body } = exchange;
    const headers = {
      ...login.headers,
      accept: contentTypes[type],
      // Fault texts are translated otherwise.
      'accept-language': 'en-US',
      'user-agent': 'keyframe',
      version: String(api),
      // Ties the request to its job and its events; never the same for two writes (oVirt sheet, section 4).
      ...(method === 'GET' ? {} : { 'correlation-id': call.correlationID ?? randomUUID() }),
      ...(body === undefined ? {} : { 'content-type': contentTypes[type] }),
      ...exchange.headers,
    };
    return requestOf(call, exchange, this.#options.limits.requestTimeoutMs, {
      url: `${base}${path}`,
      headers,
      body: body === undefined ? undefined : writeBody(body.root, body.content, type),
    });
  }

  #root(api: APIVersion, call: Call, base?: string): Promise<Outcome<EngineProduct>> {
    const exchange: Exchange<EngineProduct> = {
      operation: 'getRoot',
      method: 'GET',
      path: '',
      about: 'Other',
      resource: '',
      read: ({ body }) => ({ kind: 'Done', value: productIn(body) }),
    };
    // Before anything is known of the engine: XML is what every release speaks.
    return this.#exchange(call, exchange, api, 'xml', base);
  }

  /** RHEV 3.0 has its API elsewhere, and is told apart from a wrong address (oVirt sheet, section 1). */
  async #notThere(failure: Extract<Failure, { kind: 'NotFound' }>, call: Call): Promise<Failure> {
    const { origin, path } = engineAddress(this.#url);
    if (path === '/ovirt-engine') {
      const old = await this.#root(3, call, `${origin}/api`);
      const why = succeeded(old) ? chooseAPIVersion(old.value.version, this.#options.apiVersion) : undefined;
      if (typeof why === 'string') return unsupported(why);
    }
    const message = `${failure.error.message}. Check spec.ovirt.url; an engine that is starting answers so, too`;
    return { kind: 'Unavailable', error: { ...failure.error, message } };
  }

  #firstVersion(): APIVersion {
    return this.#options.apiVersion === 'V3' ? 3 : 4;
  }

  #log<T>(exchange: Exchange<T>, response: HttpResponse): void {
    this.#options.log.debug('the engine answered', {
      operation: exchange.operation,
      resource: exchange.resource,
      status: response.status,
      correlationID: headerOf(response, 'correlation-id'),
    });
  }
}

function interpret<T>(
  exchange: Exchange<T>,
  response: HttpResponse,
  dialect: Dialect | undefined,
): Outcome<T> {
  const write = exchange.method !== 'GET';
  if (response.status < 200 || response.status >= 300) {
    const { about, creates } = exchange;
    const refusesBy400 = dialect !== undefined && !atLeast(dialect.version, '3.3');
    return failureOf(response, { write, about, creates: creates === true, refusesBy400, now: Date.now() });
  }
  return readAnswer(response, write, requestIDOf(response), () => {
    try {
      return exchange.read(response);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      const words = wordsOf(faultIn(response.body));
      throw words === undefined ? error : new MalformedAnswer(`${error.message}. It says: ${words}`);
    }
  });
}

function unsupported(message: string): Failure {
  return { kind: 'Unsupported', error: { code: 'UnsupportedRelease', message } };
}

import type { Logger } from '../../runtime/log.ts';
import type { Ask, Budget, Ending } from '../budget.ts';
import { heldBack, isOutage, type RequestReport, transportFailure } from '../exchange.ts';
import { type HttpRequest, type HttpResponse, headerOf, type TLSOptions } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import type { Call, Failure, Outcome, WriteCall } from '../outcome.ts';
import { createSender, type Sender, type SPFAuth } from './authentication/sender.ts';
import { isGUID } from './odata/uri.ts';
import { failureOf, malformedAnswer, type RequestContext, withAuthenticationHint } from './outcomes.ts';
import type { ServiceRoot } from './service-root.ts';

/** What a connection to a VMM service is made of. */
export interface VMMServiceOptions {
  root: ServiceRoot;
  auth: SPFAuth;
  /** Under whose name VMM records what is done; sent with every request, proves nothing (SPF sheet, section 2). */
  principalID: string;
  tls?: TLSOptions;
  maxConnections: number;
  requestTimeoutMs: number;
  budget: Budget;
  monotonic(): number;
  log: Logger;
  onRequest?(request: RequestReport): void;
}

/** One exchange with the service. */
export interface Exchange<T> {
  operation: string;
  method: HttpRequest['method'];
  /** Below the service root. */
  path: string;
  body?: object;
  /** What the request is about, for the budget: a stamp, a VM. */
  resource: string;
  /** Decides what a 404 proves. */
  target: RequestContext['target'];
  /** Reads a 2xx. May throw a MalformedAnswer. */
  read(response: HttpResponse): Outcome<T>;
}

/** What one request came to. */
interface Attempt<T> {
  outcome: Outcome<T>;
  /** HTTP status, where there was an answer. */
  status?: number;
}

const mediaType = 'application/json;odata=minimalmetadata';

/** Speaks OData 3 to a VMM service: who it is, budget, one request for each exchange, and what came of it. */
export class VMMService {
  readonly #options: VMMServiceOptions;
  readonly #sender: Sender;

  /** Sends nothing yet. Throws a TypeError when the options cannot be right. */
  constructor(options: VMMServiceOptions) {
    if (!/^[!-~]([ -~]{0,254}[!-~])?$/.test(options.principalID)) {
      throw new TypeError('principalID must be a name of printable ASCII characters');
    }
    this.#options = options;
    this.#sender = createSender(options);
  }

  /** One exchange. */
  async send<T>(call: Call | WriteCall, exchange: Exchange<T>): Promise<Outcome<T>> {
    const startedAt = this.#options.monotonic();
    const { outcome, status } = await this.#attempt(call, exchange);
    this.#options.onRequest?.({
      operation: exchange.operation,
      code: String(status ?? ('error' in outcome ? outcome.error.code : '')),
      outcome: outcome.kind,
      seconds: (this.#options.monotonic() - startedAt) / 1000,
    });
    return outcome;
  }

  async #attempt<T>(call: Call | WriteCall, exchange: Exchange<T>): Promise<Attempt<T>> {
    const write = exchange.method !== 'GET';
    const { budget } = this.#options;
    const ask: Ask = {
      priority: call.priority,
      operation: exchange.operation,
      resource: exchange.resource.toLowerCase(),
      signal: call.signal,
    };
    const admission = await budget.acquire(ask);
    if (!admission.admitted) return { outcome: heldBack(admission) };
    let ending: Ending = 'Unsent';
    try {
      const result = await this.#sender.send(this.#request(call, exchange));
      if (!result.ok) {
        if ('denied' in result) {
          return { outcome: { kind: 'Denied', cause: 'Authentication', error: result.denied } };
        }
        if (result.failure.cause === undefined) ending = 'Outage';
        return { outcome: transportFailure(result.failure, write) };
      }
      const { response } = result;
      const { status } = response;
      ending = isOutage(status) ? 'Outage' : 'Answered';
      this.#log(exchange, response);
      const outcome = this.#interpret(exchange, response, write);
      // No throttling is documented (SPF sheet, section 8): one that comes all the same holds back everything.
      if (outcome.kind === 'Throttled') budget.park(ask, undefined, outcome.afterMs);
      return { outcome, status };
    } finally {
      admission.done(ending);
    }
  }

  #request<T>(call: Call | WriteCall, exchange: Exchange<T>): HttpRequest {
    const { root, principalID, requestTimeoutMs } = this.#options;
    const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
    const sendBefore = 'sendBefore' in call ? call.sendBefore : undefined;
    return {
      method: exchange.method,
      url: `${root.url}${exchange.path}`,
      headers: {
        dataserviceversion: '3.0',
        maxdataserviceversion: '3.0',
        accept: mediaType,
        'user-agent': 'keyframe',
        'x-ms-principal-id': principalID,
        ...(body === undefined ? {} : { 'content-type': mediaType }),
      },
      ...(body === undefined ? {} : { body }),
      timeoutMs: requestTimeoutMs,
      signal: call.signal,
      operation: exchange.operation,
      correlationID: call.correlationID,
      ...(sendBefore === undefined ? {} : { sendBefore }),
    };
  }

  #interpret<T>(exchange: Exchange<T>, response: HttpResponse, write: boolean): Outcome<T> {
    if (response.status < 200 || response.status >= 300) {
      const failure = failureOf(response, { write, target: exchange.target, now: Date.now() });
      return withAuthenticationHint(failure, this.#options.root.door, this.#sender.authentication);
    }
    try {
      requireVersion(response);
      return exchange.read(response);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      return malformedAnswer(error.message, response, write);
    }
  }

  #log<T>(exchange: Exchange<T>, response: HttpResponse): void {
    this.#options.log.debug('SPF answered', {
      operation: exchange.operation,
      resource: exchange.resource,
      status: response.status,
      requestID: headerOf(response, 'x-ms-request-id'),
      serverID: headerOf(response, 'request-id'),
    });
  }

  /** Ends all connections; what is under way fails. */
  close(): Promise<void> {
    return this.#sender.close();
  }
}

/**
 * The job of a write, by `x-ms-request-id`: one sample alone says that it is (SPF sheet, section 5), so that it is
 * held against the jobs before anything is concluded from it.
 */
export function jobIDOf(response: HttpResponse): string | undefined {
  const id = headerOf(response, 'x-ms-request-id')?.trim() ?? '';
  return isGUID(id) ? id.toLowerCase() : undefined;
}

/** What a write was answered without an entity. */
export function acceptanceOf(response: HttpResponse): Failure | undefined {
  // 204 is what SPF answers; OData 3 allows 200 with the entity, and 202 for what is not done yet.
  return [200, 202, 204].includes(response.status)
    ? undefined
    : malformedAnswer(`the answer ${response.status} is none to such a request`, response, true);
}

/** `3.0;` and `1.0;` come with a semicolon; a version beyond 3 is another protocol. */
function requireVersion(response: HttpResponse): void {
  const version = headerOf(response, 'dataserviceversion') ?? headerOf(response, 'odata-version');
  const [, major] = /^\s*(\d{1,3})\.\d{1,3}\s*(?:;.*)?$/.exec(version ?? '3.0') ?? [];
  if (major !== undefined && Number(major) <= 3) return;
  throw new MalformedAnswer(`the service speaks OData ${version?.slice(0, 32)}; SPF speaks version 3`);
}

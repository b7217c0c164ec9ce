import {
  type AnyExchange,
  attemptWithin,
  type ConnectionOptions,
  readAnswer,
  reported,
  requestOf,
} from '../exchange.ts';
import { type HttpRequest, type HttpResponse, headerOf } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import type { Call, Outcome, WriteCall } from '../outcome.ts';
import { createSender, type Sender, type SPFAuth } from './authentication/sender.ts';
import { entityOf } from './odata/answer.ts';
import { isGUID } from './odata/uri.ts';
import { failureOf, type RequestContext, requestIDOf, withAuthenticationHint } from './outcomes.ts';
import type { ServiceRoot } from './service-root.ts';

/** What a connection to a VMM service is made of. */
export interface VMMServiceOptions extends ConnectionOptions {
  root: ServiceRoot;
  auth: SPFAuth;
  /** Under whose name VMM records what is done; sent with every request, proves nothing (SPF sheet, section 2). */
  principalID: string;
}

/** One exchange with the service. */
export interface Exchange<T> extends AnyExchange {
  /** Below the service root. */
  path: string;
  body?: object;
  /** Decides what a 404 proves. */
  target: RequestContext['target'];
  /** Reads a 2xx. May throw a MalformedAnswer. */
  read(response: HttpResponse): Outcome<T>;
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
    this.#sender = createSender({ ...options, maxConnections: options.limits.maxConcurrent });
  }

  /** One exchange. */
  send<T>(call: Call | WriteCall, exchange: Exchange<T>): Promise<Outcome<T>> {
    const { budget } = this.#options;
    const attempt = () =>
      attemptWithin(
        budget,
        call,
        exchange,
        () => this.#sender.send(this.#request(call, exchange)),
        (response, ask) => {
          this.#log(exchange, response);
          const outcome = this.#interpret(exchange, response);
          // No throttling is documented (SPF sheet, section 8): one that comes all the same holds back everything.
          if (outcome.kind === 'Throttled') budget.park(ask, undefined, outcome.afterMs);
          return outcome;
        },
      );
    return reported(this.#options, exchange.operation, attempt);
  }

  #request<T>(call: Call | WriteCall, exchange: Exchange<T>): HttpRequest {
    const { root, principalID, limits } = this.#options;
    const body = exchange.body === undefined ? undefined : JSON.stringify(exchange.body);
    const headers = {
      dataserviceversion: '3.0',
      maxdataserviceversion: '3.0',
      accept: mediaType,
      'user-agent': 'keyframe',
      'x-ms-principal-id': principalID,
      ...(body === undefined ? {} : { 'content-type': mediaType }),
    };
    return requestOf(call, exchange, limits.requestTimeoutMs, {
      url: `${root.url}${exchange.path}`,
      headers,
      body,
    });
  }

  #interpret<T>(exchange: Exchange<T>, response: HttpResponse): Outcome<T> {
    const write = exchange.method !== 'GET';
    if (response.status < 200 || response.status >= 300) {
      const failure = failureOf(response, { write, target: exchange.target, now: Date.now() });
      return withAuthenticationHint(failure, this.#options.root.door, this.#sender.authentication);
    }
    return readAnswer(response, write, requestIDOf(response), () => {
      requireVersion(response);
      return exchange.read(response);
    });
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

/** Throws a MalformedAnswer where a write without an entity was answered with something else than an acceptance. */
export function expectAcceptance(response: HttpResponse): void {
  const { status, body } = response;
  // 204 is what SPF answers; OData 3 allows 200 with the entity, and 202 for what is not done yet.
  if (![200, 202, 204].includes(status))
    throw new MalformedAnswer(`the answer ${status} is none to such a request`);
  // The sign-in page of something on the way is a 200, too.
  if (body.trim() !== '') entityOf(response);
}

/** `3.0;` and `1.0;` come with a semicolon; a version beyond 3 is another protocol. */
function requireVersion(response: HttpResponse): void {
  const version = headerOf(response, 'dataserviceversion') ?? headerOf(response, 'odata-version');
  const [, major] = /^\s*(\d{1,3})\.\d{1,3}\s*(?:;.*)?$/.exec(version ?? '3.0') ?? [];
  if (major !== undefined && Number(major) <= 3) return;
  throw new MalformedAnswer(`the service speaks OData ${version?.slice(0, 32)}; SPF speaks version 3`);
}

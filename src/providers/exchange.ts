/** What exchanges with any vendor have in common: budget, request, report, and what a bad answer or none means. */
import { retryAfterMs } from '../runtime/kube/retry-after.ts';
import type { Logger } from '../runtime/log.ts';
import type { Admission, Ask, Budget, BudgetLimits, Ending } from './budget.ts';
import {
  type HttpFailure,
  type HttpRequest,
  type HttpResponse,
  type HttpResult,
  headerOf,
  type TLSOptions,
  vendorText,
} from './http.ts';
import { MalformedAnswer } from './json.ts';
import type { Call, Failure, Outcome, WriteCall } from './outcome.ts';

/** For a 429 that does not say: Compute refills its buckets each minute (Azure sheet, section 12). */
export const defaultThrottleMs = 60_000;
/** No wait that is asked for is taken to be longer; the documented one for Compute is 20 minutes. */
const longestRetryAfterMs = 3_600_000;

/** What the connection to any vendor is made of, beside its address and credentials. */
export interface ConnectionOptions {
  tls?: TLSOptions;
  limits: BudgetLimits & { requestTimeoutMs: number };
  /** The endpoint's, from `Budgets.lease(endpointIDOf(options), limits)`. */
  budget: Budget;
  /** The clock of `sendBefore`, in milliseconds. */
  monotonic(): number;
  log: Logger;
  /** Told of each call to the vendor, for metrics. */
  onRequest?(request: RequestReport): void;
}

/** One request as metrics see it. */
export interface RequestReport {
  operation: string;
  /** HTTP status, or the code of what happened on the way. */
  code: string;
  outcome: Outcome<unknown>['kind'];
  seconds: number;
}

/** What is asked of a vendor, as budget and metrics see it. */
export interface AnyExchange {
  operation: string;
  method: HttpRequest['method'];
  /** What the request is about, such as a VM, for the vendor's policies. */
  resource: string;
}

/** What one attempt at an exchange came to. */
export interface Attempt<T> {
  outcome: Outcome<T>;
  /** HTTP status, where there was an answer. */
  status?: number;
}

/** An answer, none, or that this side has nothing to prove who it is with; then nothing was sent. */
export type SendResult = HttpResult | { ok: false; without: Failure };

/** The request of an exchange, with what the caller says about it. */
export function requestOf(
  call: Call | WriteCall,
  { operation, method }: AnyExchange,
  timeoutMs: number,
  wire: { url: string; headers: Record<string, string>; body: string | undefined },
): HttpRequest {
  const sendBefore = 'sendBefore' in call ? call.sendBefore : undefined;
  return {
    method,
    url: wire.url,
    headers: wire.headers,
    ...(wire.body === undefined ? {} : { body: wire.body }),
    timeoutMs,
    signal: call.signal,
    operation,
    correlationID: call.correlationID,
    ...(sendBefore === undefined ? {} : { sendBefore }),
  };
}

/**
 * One attempt: waits until the budget admits it, sends once, and reads the answer.
 *
 * @param read what the answer came to; it may tell the budget what the vendor said about its limits
 */
export async function attemptWithin<T>(
  budget: Budget,
  call: Call,
  { operation, method, resource }: AnyExchange,
  send: () => Promise<SendResult>,
  read: (response: HttpResponse, ask: Ask) => Outcome<T>,
): Promise<Attempt<T>> {
  const ask: Ask = {
    priority: call.priority,
    operation,
    resource: resource.toLowerCase(),
    signal: call.signal,
  };
  const admission = await budget.acquire(ask);
  if (!admission.admitted) return { outcome: heldBack(admission) };
  let ending: Ending = 'Unsent';
  try {
    const result = await send();
    if (!result.ok) {
      if ('without' in result) return { outcome: result.without };
      if (result.failure.cause === undefined) ending = 'Outage';
      return { outcome: transportFailure(result.failure, method !== 'GET') };
    }
    const { status } = result.response;
    ending = isOutage(status) ? 'Outage' : 'Answered';
    return { outcome: read(result.response, ask), status };
  } finally {
    admission.done(ending);
  }
}

/** Reports an exchange to metrics when it is over, however many attempts it took. */
export async function reported<T>(
  options: ConnectionOptions,
  operation: string,
  exchange: () => Promise<Attempt<T>>,
): Promise<Outcome<T>> {
  const startedAt = options.monotonic();
  const { outcome, status } = await exchange();
  options.onRequest?.({
    operation,
    code: String(status ?? ('error' in outcome ? outcome.error.code : '')),
    outcome: outcome.kind,
    seconds: (options.monotonic() - startedAt) / 1000,
  });
  return outcome;
}

/**
 * What is read out of a 2xx. Where that is not what it must be, a write had its effect or not, and a read said
 * nothing.
 *
 * @param identity the request id of the answer, in the vendor's form
 */
export function readAnswer<T>(
  response: HttpResponse,
  write: boolean,
  identity: { requestID?: string },
  read: () => Outcome<T>,
): Outcome<T> {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return {
      kind: write ? 'Unknown' : 'Unavailable',
      error: {
        code: 'MalformedAnswer',
        message: vendorText(error.message),
        status: response.status,
        ...identity,
      },
    };
  }
}

/** How long an answer asks to wait, in milliseconds, an hour at most; undefined when it does not say. */
export function waitOf(response: HttpResponse, now: number): number | undefined {
  const ms = retryAfterMs(headerOf(response, 'retry-after'), now);
  return ms === undefined ? undefined : Math.min(ms, longestRetryAfterMs);
}

/** The outcome of a request without a complete answer. */
export function transportFailure(failure: HttpFailure, write: boolean): Failure {
  if (failure.cause === 'TooLate') return { kind: 'NotSent', error: failure.error };
  return { kind: write && failure.sent ? 'Unknown' : 'Unavailable', error: failure.error };
}

/** The outcome of a request that the endpoint's budget did not admit: it was not sent. */
export function heldBack(admission: Exclude<Admission, { admitted: true }>): Failure {
  const { why, afterMs, message } = admission;
  if (why === 'Throttled') return { kind: 'Throttled', afterMs, error: { code: 'HeldBack', message } };
  if (why === 'Outage') return { kind: 'Unavailable', afterMs, error: { code: 'Outage', message } };
  return { kind: 'Unavailable', error: { code: 'Aborted', message } };
}

/** Answers of something in front of the vendor, or of a vendor that is down. A 500 may be about one resource. */
export function isOutage(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

/** What an answer says that is in no form of the vendor's, most often a proxy's or a gateway's page: its words. */
export function withoutForm(response: HttpResponse, vendor: string): string {
  const start = response.body
    .slice(0, 8192)
    .replace(/<(style|script)[\s\S]*?(<\/\1>|$)/gi, ' ')
    .replace(/<[^>]*>/g, ' ');
  const words = vendorText(start, 200);
  const said = words === '' ? 'with an empty body' : `and said: ${words}`;
  return `the endpoint answered ${response.status}, not in the form of ${vendor}, ${said}`;
}

/**
 * What a login that all wait for came to, or a failure for the caller who no longer waits; the others go on waiting.
 * Undefined: it succeeded.
 */
export async function untilAborted(
  fetching: Promise<Failure | undefined>,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const message = 'the call was given up here while it waited for a login';
  const gone: Failure = { kind: 'Unavailable', error: { code: 'Aborted', message } };
  if (signal.aborted) return gone;
  let onAbort: () => void = () => {};
  const aborted = new Promise<Failure>((resolve) => {
    onAbort = () => resolve(gone);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([fetching, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

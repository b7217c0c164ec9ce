/** What exchanges with any vendor have in common: reports for metrics, and what it means when no answer is had. */
import type { Admission } from './budget.ts';
import { type HttpFailure, type HttpResponse, vendorText } from './http.ts';
import type { Failure, Outcome } from './outcome.ts';

/** One request as metrics see it. */
export interface RequestReport {
  operation: string;
  /** HTTP status, or the code of what happened on the way. */
  code: string;
  outcome: Outcome<unknown>['kind'];
  seconds: number;
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

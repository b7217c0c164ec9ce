import { backoffDelay } from '../backoff.ts';
import { TooLargeError } from './body.ts';
import { ApiError, TransportError } from './errors.ts';

/** A longer Retry-After than this is left to the caller. */
const longestRetryAfterMs = 30_000;
const retryBackoff = { baseMs: 200, maxMs: 5_000 };

/** How long to wait before the next try of a failed call; undefined when it must not be tried again. */
export function retryDelay(
  failure: ApiError | TransportError,
  isRead: boolean,
  attempt: number,
  random: (() => number) | undefined,
): number | undefined {
  const ownDelay = backoffDelay(attempt, retryBackoff, random);
  if (failure instanceof TransportError) {
    // It would be as large the next time.
    if (failure.cause instanceof TooLargeError) return undefined;
    return failure.aborted || (failure.sent && !isRead) ? undefined : ownDelay;
  }
  const refusedForNow = failure.status === 429 || (isRead && [502, 503, 504].includes(failure.status));
  if (!refusedForNow) return undefined;
  if (failure.retryAfterMs === undefined) return ownDelay;
  // The jitter is added, since the server said "not before".
  return failure.retryAfterMs > longestRetryAfterMs ? undefined : failure.retryAfterMs + ownDelay;
}

/** Anything thrown on the way as one of the two errors that a call may throw; `what` names the call. */
export function asFailure(
  error: unknown,
  what: string,
  signal: AbortSignal | undefined,
): ApiError | TransportError {
  if (error instanceof ApiError) return error;
  const aborted = signal?.aborted ?? false;
  const sent = error instanceof TransportError ? error.sent : true;
  const cause = error instanceof TransportError ? error.cause : error;
  return new TransportError(`${what}: ${messageOf(error)}`, { sent, aborted, cause });
}

/** The ApiError of a metav1.Status, or of whatever a proxy on the way has sent instead. */
export function apiErrorOf(
  what: string,
  httpStatus: number,
  body: unknown,
  wait: number | undefined,
): ApiError {
  const status = (typeof body === 'object' && body !== null ? body : {}) as {
    code?: number;
    reason?: string;
    message?: string;
    details?: { retryAfterSeconds?: number };
  };
  const code = httpStatus || status.code || 500;
  const reason = typeof status.reason === 'string' ? status.reason : '';
  const said = typeof status.message === 'string' ? status.message.slice(0, 2_000) : 'no message';
  const seconds = status.details?.retryAfterSeconds;
  return new ApiError({
    status: code,
    reason,
    message: `${what}: ${code}${reason === '' ? '' : ` ${reason}`}: ${said}`,
    retryAfterMs: wait ?? (typeof seconds === 'number' ? seconds * 1000 : undefined),
    details: status.details,
  });
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

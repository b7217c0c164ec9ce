/** The API server answered with a failure. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** metav1.Status reason, for example `Conflict`; empty when the answer bore none. */
  readonly reason: string;
  /** How long the server asks to wait, in milliseconds; undefined when it does not say. */
  readonly retryAfterMs: number | undefined;
  /** metav1.Status details as sent, for messages and causes. */
  readonly details: unknown;

  constructor(fields: {
    status: number;
    reason: string;
    message: string;
    retryAfterMs?: number | undefined;
    details?: unknown;
  }) {
    super(fields.message);
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
    this.details = fields.details;
  }
}

/** No usable answer came: refused, reset, timed out, too large, or given up by the caller. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** False only when it is certain that no byte of the request left this process. */
  readonly sent: boolean;
  /** True when the caller's signal ended it. */
  readonly aborted: boolean;

  constructor(message: string, fields: { sent: boolean; aborted?: boolean; cause?: unknown }) {
    super(message, { cause: fields.cause });
    this.sent = fields.sent;
    this.aborted = fields.aborted ?? false;
  }
}

/**
 * True when the server says that the object is not there. A 404 without that reason is a wrong path, such as that
 * of a kind whose CustomResourceDefinition is missing, and tells nothing about the object.
 */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404 && error.reason === 'NotFound';
}

/** True when the server knows who asks, and does not grant it; the message names the right that is missing. */
export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

/** True for a failed lock or precondition; an object that exists already also answers 409, see {@link isAlreadyExists}. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** True when a create found the name taken. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409 && error.reason === 'AlreadyExists';
}

/** True when the version asked for has left the server's history. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}

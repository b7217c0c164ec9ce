/**
 * What a call to a vendor came to. Every provider maps its wire errors to these and to nothing else, in one
 * file, so that the controllers decide without knowing any vendor's codes.
 *
 * The line that matters most runs between `Unavailable` and `Unknown`: an `Unavailable` write certainly had
 * no effect, an `Unknown` one may have had. Only proof moves an outcome from the second to the first.
 */
export type Outcome<T> = Done<T> | Pending<T> | Failure;

/** The call did what it was asked, and `value` is what the vendor said. */
export interface Done<T> {
  kind: 'Done';
  value: T;
}

/** The vendor accepted the call and works on it. */
export interface Pending<T> {
  kind: 'Pending';
  value: T;
  /** How long the vendor asks to wait before the next look, in milliseconds (Retry-After). */
  afterMs?: number;
}

/** Everything that is neither done nor under way. */
export type Failure =
  /** Refused for being too frequent; nothing happened. Wait at least `afterMs`. */
  | { kind: 'Throttled'; afterMs: number; error: VendorError }
  /** The credentials are not accepted, or lack a permission; nothing happened. */
  | { kind: 'Denied'; cause: 'Authentication' | 'Permission'; error: VendorError }
  /**
   * The vendor says, in its own form for this very object, that it is absent (`Object`), or that what holds
   * it is (`Parent`: a VM, collection or resource group), or answered 404 in a form that proves nothing
   * (`Unproven`: a gateway, a wrong path, a lost permission).
   */
  | { kind: 'NotFound'; what: 'Object' | 'Parent' | 'Unproven'; error: VendorError }
  /** Something else is at work (`Later`), or the request contradicts what is there (`Never`); nothing happened. */
  | { kind: 'Conflict'; retry: 'Later' | 'Never'; error: VendorError }
  /** The vendor refuses the request as such; sending it again would be refused again. */
  | { kind: 'Invalid'; error: VendorError }
  /** The vendor, this version of it or this VM cannot do it. */
  | {
      kind: 'Unsupported';
      /** It is this installation of Keyframe that lacks what is needed; the vendor was not asked. */
      local?: true;
      error: VendorError;
    }
  /** A limit of the vendor is reached; room may come. */
  | { kind: 'LimitReached'; limit: 'Snapshots' | 'Quota'; error: VendorError }
  /** The vendor tried and failed. `transient`: the vendor's own fault, worth another attempt. */
  | { kind: 'Failed'; transient: boolean; error: VendorError }
  /** The vendor was not reached, or a read did not get a usable answer. A write certainly had no effect. */
  | { kind: 'Unavailable'; afterMs?: number; error: VendorError }
  /** A write whose answer was lost, broken or a server error: it may have had its effect. */
  | { kind: 'Unknown'; error: VendorError }
  /** Held back on our side before a byte was sent: the send window of the intent had passed. */
  | { kind: 'NotSent'; error: VendorError };

/** The vendor's own words, bounded and free of secrets and signed URLs. */
export interface VendorError {
  /** The vendor's code (`OperationNotAllowed`), or ours for what happened on the way (`ECONNREFUSED`). */
  code: string;
  /** The vendor's message, cut to 1,024 characters. */
  message: string;
  /** HTTP status, where there was an answer. */
  status?: number;
  /** The request id that the vendor's support asks for. */
  requestID?: string;
  /** The policy or field the vendor points at. */
  target?: string;
}

/** Whether the call got an answer to work with. */
export function succeeded<T>(outcome: Outcome<T>): outcome is Done<T> | Pending<T> {
  return outcome.kind === 'Done' || outcome.kind === 'Pending';
}

/** The outcome of a call that did what it was asked. */
export function done<T>(value: T): Done<T> {
  return { kind: 'Done', value };
}

/** The outcome with its value changed; a failure stays what it is. */
export function mapOutcome<T, R>(outcome: Outcome<T>, change: (value: T) => R): Outcome<R> {
  return succeeded(outcome) ? { ...outcome, value: change(outcome.value) } : outcome;
}

/** What a caller says about one call. */
export interface Call {
  signal: AbortSignal;
  /** `Write` (submit, delete) goes before `Poll`, and that before `Drift`, where the endpoint's budget is short. */
  priority: 'Write' | 'Poll' | 'Drift';
  /** Sent to the vendor with each request of one reconcile, so that its logs and ours meet. A GUID. */
  correlationID?: string;
}

/** A call that changes something. It is sent once: the transport never retries a write. */
export interface WriteCall extends Call {
  /**
   * The latest instant, on the monotonic clock, at which the first byte may leave. Checked just before the
   * write, after budget, token and connection were waited for; later than that, the outcome is `NotSent`.
   */
  sendBefore?: number;
}

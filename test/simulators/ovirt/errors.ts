import { leaf, type ObjectElement, object } from './document.ts';
import { type RefusalKey, refusals } from './refusals.ts';

/** How the body of an error looks: nothing but a fault, an action with the fault in it, HTML, or none at all. */
export type ErrorForm = 'fault' | 'action' | 'html' | 'empty';

/** A refusal. Thrown by the code that looks at a request, written by the server. */
export class EngineError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly form: ErrorForm;
  readonly headers: Record<string, string>;
  /** What the client did wrong, when the request itself is a defect of the client. */
  readonly violation: string | undefined;

  constructor(
    status: number,
    reason: string,
    detail: string,
    options: { form?: ErrorForm; headers?: Record<string, string>; violation?: string } = {},
  ) {
    super(detail);
    this.name = 'EngineError';
    this.status = status;
    this.reason = reason;
    this.form = options.form ?? 'fault';
    this.headers = options.headers ?? {};
    this.violation = options.violation;
  }

  /** The same refusal of an action: its fault stands inside the action. */
  asAction(): EngineError {
    if (this.form !== 'fault') return this;
    return new EngineError(this.status, this.reason, this.message, {
      form: 'action',
      headers: this.headers,
      ...(this.violation === undefined ? {} : { violation: this.violation }),
    });
  }

  /** The fault as an element of an answer. */
  toElement(): ObjectElement {
    return object('fault', {}, [leaf('detail', this.message), leaf('reason', this.reason)]);
  }
}

/**
 * A refusal by the engine's own validation.
 *
 * @param what what was to be done, such as `create Snapshot`
 */
export function refused(what: string, key: RefusalKey, values: Record<string, string> = {}): EngineError {
  const { status, text } = refusals[key];
  const filled = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name);
  return new EngineError(status, 'Operation Failed', `[Cannot ${what}. ${filled}]`);
}

/** A request that the API does not allow: 400, and a defect of the client. */
export function badRequest(reason: string, detail: string): EngineError {
  return new EngineError(400, reason, detail, { violation: `${reason}: ${detail}` });
}

/** 404 for a VM, a disk or a malformed id: no body. */
export function notFoundEmpty(): EngineError {
  return new EngineError(404, 'Not Found', '', { form: 'empty' });
}

/** 404 for a snapshot: a fault. */
export function snapshotNotFound(id: string): EngineError {
  return new EngineError(404, 'Operation Failed', `Entity not found: ${id}`);
}

/** 401: a page of HTML, whatever was accepted; the challenge says Basic for bad tokens too. */
export function unauthorized(): EngineError {
  return new EngineError(401, 'Unauthorized', 'This request requires HTTP authentication.', {
    form: 'html',
    headers: { 'WWW-Authenticate': 'Basic realm="RESTAPI"' },
  });
}

/** An error page, as the web server and the application server write them. */
export function htmlPage(status: number, title: string): string {
  return `<html><head><title>Error</title></head><body>${status} - ${title}</body></html>`;
}

import { defaultThrottleMs, waitOf, withoutForm } from '../exchange.ts';
import {
  absent,
  denied,
  failed,
  failedForNow,
  hinted,
  invalid,
  later,
  quota,
  snapshotLimit,
  type ToFailure,
  unsupported,
  withHint,
} from '../failures.ts';
import { type HttpResponse, headerOf, parseJSON, vendorText } from '../http.ts';
import { type JSONRecord, recordOf, textOf } from '../json.ts';
import type { Failure, VendorError } from '../outcome.ts';
import { childOf, parseXML } from '../xml.ts';
import { type Authentication, authenticationsOf, type Door, doorNames } from './service-root.ts';

/** What a request was about. */
export interface RequestContext {
  write: boolean;
  /** `Key`: one entity; `Set`: a list; `Create`: a new entity, so that a 404 is about something that it needs. */
  target: 'Key' | 'Set' | 'Create';
  /** Wall clock, for a Retry-After that is a date. */
  now: number;
}

/** Whose words an answer is in: the OData service's, Azure Pack's before it, or those of something else on the way. */
export type ErrorForm = 'OData' | 'AzurePack' | 'Other';

/** An error in one form, whatever it came in. */
export interface ErrorBody {
  form: ErrorForm;
  /** A name, such as VMInvalidState. */
  code?: string;
  /** VMM's numbers in it, such as 1730, which no language changes. */
  numbers: string[];
  message: string;
}

/** One row of the table: what it fits, and what that means. */
export interface OutcomeRow {
  /** Fits the code, or one of VMM's numbers. */
  code?: RegExp;
  /** Fits the message, names in quotes taken out. */
  words?: RegExp;
  to: ToFailure;
}

const permissionHint =
  'Give the user role of the subscription the permission Checkpoint (CheckpointRestoreOnly only restores), and for restores with power Start, Stop and Shutdown';

const gatewayHint =
  "It is not SPF that says so: look at what stands before it, such as IIS' own rules (addresses, client certificates) or a proxy";

/**
 * What the errors of SPF and VMM mean, of answers and of jobs. The first row that fits holds. No error body of
 * SPF's is public (SPF sheet, section 10): where VMM's numbers are published they decide, else codes and words as
 * VMM and Hyper-V word them, and what fits nothing goes by its status.
 */
export const outcomeTable: OutcomeRow[] = [
  {
    code: /^Subscription(NotFound|Suspended|Disabled|Expired)$|^(UnauthorizedRequest|Forbidden)$/i,
    to: withHint(
      'Check the subscription in spec.spf.url, and that it is active and these credentials may use it',
      denied,
    ),
  },
  // 1604 is VMM's own number for it.
  { code: /^1604$|NotAuthori[sz]ed|AccessDenied|PermissionDenied/i, to: withHint(permissionHint, denied) },
  {
    words:
      /\b(does|do) not have (\w+ ){0,4}permissions?\b|\bnot authori[sz]ed\b|\baccess (is|was) denied to the user role\b/i,
    to: withHint(permissionHint, denied),
  },
  { code: /quota/i, to: quota },
  { words: /\bquota\b.*\b(exceed|reach|limit)|\b(exceed|reach)\w*\b.*\bquota\b/i, to: quota },
  {
    words:
      /\b(limit|maximum|max)\b.*\b(checkpoint|snapshot)s?\b|\b(checkpoint|snapshot)s?\b.*\b(limit|maximum)\b/i,
    to: withHint('Delete checkpoints of this VM that are no longer needed', snapshotLimit),
  },
  {
    words: /\bpass-?through\b|\bphysical (hard )?disks?\b/i,
    to: withHint('Detach the pass-through disk; such disks can be in no checkpoint', unsupported),
  },
  {
    words: /\bcheckpoints? (have|has|are|is) (been )?disabled\b|\bdo(es)? not (allow|support) checkpoints\b/i,
    to: withHint('Allow checkpoints in the settings of the VM (CheckpointType)', unsupported),
  },
  // In the guest (VSS): it may pass.
  { words: /\bproduction checkpoints? (can ?not|could not)\b/i, to: failedForNow },
  // 2606: another job holds the object.
  { code: /^2606$|LockedBy/i, to: later },
  { words: /\blocked by another (job|task)\b|\banother (job|operation) is\b/i, to: later },
  { words: /\bmigrat(ion|ing|ed)\b/i, to: later },
  // 1730: the VM is not in a state for it.
  { code: /^1730$|InvalidState/i, to: later },
  { words: /\bnot in a (valid |suitable )?state\b|\binvalid state\b/i, to: later },
  { words: /\bConfirm\b.*\b(must|has to) be\b.*\btrue\b/i, to: later },
  { code: /^(VM)?ObjectNotFound$|^801$/i, to: absent('Parent') },
  // 12700: the host could not do it, and says why.
  { code: /^12700$|^HostOperationFailed$/i, to: failedForNow },
];

/** What a status means where no row of the table fits. */
function byStatus(response: HttpResponse, { form }: ErrorBody): ToFailure {
  const { status } = response;
  if (status === 403) {
    // IIS and proxies refuse addresses, clear text and certificates: no role of VMM's helps there.
    const isSPFs = form !== 'Other' || response.body.trim() === '';
    return withHint(isSPFs ? permissionHint : gatewayHint, denied);
  }
  if (status === 409 || status === 412 || status === 423) return later;
  if (status === 405) {
    return withHint('Something between Keyframe and SPF may stop the method', unsupported);
  }
  return invalid;
}

/**
 * The outcome of an answer that is not 2xx. After a 5xx a write may have had its effect, whatever it says; a read
 * has none, so that what VMM says counts.
 */
export function failureOf(response: HttpResponse, context: RequestContext): Failure {
  const { status } = response;
  const body = errorBodyOf(response);
  const error = vendorErrorOf(response, body);
  if (status === 401) return { kind: 'Denied', cause: 'Authentication', error };
  if (status === 429) {
    return { kind: 'Throttled', afterMs: waitOf(response, context.now) ?? defaultThrottleMs, error };
  }
  const isServerError = status < 400 || status >= 500 || status === 408;
  if (isServerError && context.write) return { kind: 'Unknown', error };
  const row = rowFor(body);
  if (isServerError) {
    const failure = row?.to(error);
    // Only what a repetition would not change; the rest is the server's trouble.
    if (failure?.kind === 'Denied') return failure;
    if (failure?.kind === 'NotFound') return { ...failure, what: 'Unproven' };
    const afterMs = waitOf(response, context.now);
    return { kind: 'Unavailable', ...(afterMs === undefined ? {} : { afterMs }), error };
  }
  if (row !== undefined) return provenFor(row.to(error), context);
  if (status === 404 || status === 410) {
    return { kind: 'NotFound', what: absentOf(response, body, context), error };
  }
  return byStatus(response, body)(error);
}

/** Only what was to be made says by such an answer that what it needs is absent; else it may speak of anything. */
function provenFor(failure: Failure, { target }: RequestContext): Failure {
  return failure.kind === 'NotFound' && target !== 'Create' ? { ...failure, what: 'Unproven' } : failure;
}

/** A 401 with what the door takes, and whom it lets in. */
export function withAuthenticationHint(failure: Failure, door: Door, used: Authentication): Failure {
  if (failure.kind !== 'Denied' || failure.cause !== 'Authentication') return failure;
  const taken = authenticationsOf[door];
  const hint = taken.includes(used)
    ? door === 'SPF'
      ? 'The account must be in the local group SPF_VMM of the server, and the site must offer this way of authentication in IIS'
      : 'It must be good for the subscription in spec.spf.url, and must not have run out'
    : `spec.spf.auth is ${used}, and ${doorNames[door]} takes ${taken.join(' or ')}`;
  return { ...failure, error: hinted(failure.error, hint) };
}

/** Why a job failed, by its ErrorInfo: VMM's problem and what VMM recommends. */
export function jobFailure(info: JSONRecord | undefined, status: string): Failure {
  const problem = textOf(info?.Problem);
  const action = textOf(info?.RecommendedAction);
  const code = textOf(info?.Code);
  const numbers = [textOf(info?.DisplayableErrorCode), textOf(info?.ErrorCodeString)].filter(
    (number): number is string => number !== undefined && number !== '0' && /^\d{1,9}$/.test(number),
  );
  const named = code === undefined || code === 'Success' ? undefined : code;
  const message = [problem, action].filter((part) => part !== undefined).join(' ');
  const error: VendorError = {
    code: vendorText(named ?? (status === '' ? 'JobFailed' : `Job${status}`), 128),
    message: vendorText(
      message === ''
        ? `the job ended as ${status || 'failed'}, and VMM does not say why`
        : withNumber(message, numbers),
    ),
  };
  const row = rowFor({
    form: 'OData',
    ...(named === undefined ? {} : { code: named }),
    numbers,
    message: `${problem ?? ''} ${textOf(info?.CloudProblem) ?? ''}`,
  });
  const failure = (row?.to ?? failed)(error);
  // A job that ran and failed is an attempt: what is in its way now is no answer to a request that was refused.
  return failure.kind === 'NotFound' ? failed(error) : failure;
}

/** The row that fits an error; undefined when none does. */
export function rowFor({ code, numbers, message }: ErrorBody): OutcomeRow | undefined {
  const codes = [...(code === undefined ? [] : [code]), ...numbers];
  // What stands in quotes are names, and a VM may be called 'quota'; but for that of the one property that matters.
  const words = message.replace(/'[^']*'|"[^"]*"/g, (quoted) => (/^.Confirm.$/.test(quoted) ? quoted : ' '));
  return outcomeTable.find(
    (row) =>
      (row.code === undefined || codes.some((one) => row.code?.test(one))) &&
      (row.words === undefined || row.words.test(words)),
  );
}

/**
 * What a 404 proves. The service's own says that it has no such entity, or that this role may not see it; an empty
 * one with the service's version header is its own, too (SPF sheet, section 10). IIS, Azure Pack and proxies speak
 * of paths.
 */
function absentOf(
  response: HttpResponse,
  body: ErrorBody,
  { target }: RequestContext,
): 'Object' | 'Parent' | 'Unproven' {
  const isServices =
    body.form === 'OData' ||
    (response.body.trim() === '' && headerOf(response, 'dataserviceversion') !== undefined);
  if (response.status !== 404 || !isServices || target === 'Set') return 'Unproven';
  return target === 'Create' ? 'Parent' : 'Object';
}

/** The error in an answer: JSON, else XML, else plain text. */
export function errorBodyOf(response: HttpResponse): ErrorBody {
  const text = response.body.trimStart();
  if (text.startsWith('<')) return xmlError(text) ?? otherError(response);
  return jsonError(recordOf(parseJSON(text))) ?? otherError(response);
}

function jsonError(json: JSONRecord | undefined): ErrorBody | undefined {
  const error = recordOf(json?.['odata.error']) ?? recordOf(json?.error);
  if (error !== undefined) {
    const message = textOf(recordOf(error.message)?.value) ?? textOf(error.message) ?? '';
    return errorBody('OData', textOf(error.code), [message, ...innerMessages(error.innererror)]);
  }
  // Azure Pack's own layer, where it answers in JSON.
  const [code, message] = [textOf(json?.Code), textOf(json?.Message)];
  return code === undefined && message === undefined
    ? undefined
    : errorBody('AzurePack', code, [message ?? '']);
}

/** What caused an error, and what caused that: the innermost one is VMM's. */
function innerMessages(error: unknown, depth = 0): string[] {
  const inner = recordOf(error);
  if (inner === undefined || depth >= maxCauses) return [];
  const message = textOf(recordOf(inner.message)?.value) ?? textOf(inner.message) ?? '';
  return [message, ...innerMessages(inner.internalexception ?? inner.innererror, depth + 1)];
}

function xmlError(text: string): ErrorBody | undefined {
  const root = parseXML(text);
  if (root?.name === 'error') {
    const messages: string[] = [];
    let cause = root;
    for (let depth = 0; depth <= maxCauses; depth += 1) {
      messages.push(childOf(cause, 'message')?.text ?? '');
      const next = childOf(cause, 'innererror') ?? childOf(cause, 'internalexception');
      if (next === undefined) break;
      cause = next;
    }
    return errorBody('OData', childOf(root, 'code')?.text, messages);
  }
  if (root?.name === 'Error') {
    return errorBody('AzurePack', childOf(root, 'Code')?.text, [childOf(root, 'Message')?.text ?? '']);
  }
  return undefined;
}

/** Of a chain of causes no more are read. */
const maxCauses = 8;

/** The outer message is often a general one, and the innermost VMM's: all that say something of their own. */
function errorBody(form: ErrorForm, code: string | undefined, messages: string[]): ErrorBody {
  const message = messages.reduce(
    (all, one) => (all.includes(one.trim()) ? all : `${all} ${one.trim()}`.trimStart()),
    '',
  );
  const name = code?.trim() ?? '';
  return { form, ...(name === '' ? {} : { code: name }), numbers: numbersIn(message), message };
}

/** `Error (2606)`, `(Error ID: 1730)`: the forms in which VMM prints its numbers. */
function numbersIn(message: string): string[] {
  const found = message.slice(0, 8_192).matchAll(/\bError\s?(?:ID:?\s?|\()(\d{1,9})\)?/gi);
  return [...found].slice(0, 8).map(([, number = '']) => number);
}

function otherError(response: HttpResponse): ErrorBody {
  return { form: 'Other', numbers: [], message: withoutForm(response, 'SPF') };
}

function vendorErrorOf(response: HttpResponse, { code, numbers, message }: ErrorBody): VendorError {
  return {
    code: vendorText(code ?? numbers[0] ?? `HTTP${response.status}`, 128),
    message:
      message.trim() === '' ? `the endpoint answered ${response.status} without a word` : vendorText(message),
    status: response.status,
    ...requestIDOf(response),
  };
}

function withNumber(message: string, [number]: string[]): string {
  return number === undefined || message.includes(number) ? message : `${message} (Error ID: ${number})`;
}

/** `request-id` is IIS' own, which its logs have; `x-ms-request-id` may be the job's (SPF sheet, section 5). */
export function requestIDOf(response: HttpResponse): { requestID?: string } {
  const requestID = headerOf(response, 'x-ms-request-id') ?? headerOf(response, 'request-id');
  return requestID === undefined || !/^[\w.:-]{1,128}$/.test(requestID) ? {} : { requestID };
}

import { retryAfterMs } from '../../runtime/kube/retry-after.ts';
import { defaultThrottleMs, waitOf, withoutForm } from '../exchange.ts';
import {
  denied,
  failed,
  failedForNow,
  invalid,
  later,
  never,
  quota,
  snapshotLimit,
  type ToFailure,
  unauthenticated,
  unsupported,
  withHint,
} from '../failures.ts';
import { type HttpResponse, headerOf, parseJSON, vendorText } from '../http.ts';
import { listOf, recordOf, textOf } from '../json.ts';
import type { Failure, VendorError } from '../outcome.ts';
import { parseID } from './ids.ts';

/** What a request was about. */
export interface RequestContext {
  write: boolean;
  /** Whether it was to make the resource, so that a 404 is about something that the resource needs. */
  creates?: boolean;
  /** The id of the resource that was asked for or changed, where it was one. */
  resourceID?: string;
  /** Wall clock, for a Retry-After that is a date. */
  now: number;
}

/** Azure's error envelope, unwrapped. */
export interface ErrorBody {
  code?: string;
  message?: string;
  target?: string;
  /** Codes, targets and words of the details. */
  details: { code?: string; target?: string; message?: string }[];
}

/** One row of the table: what it fits, and what that means. */
export interface OutcomeRow {
  code: RegExp;
  status?: number;
  words?: RegExp;
  to: ToFailure;
}

const limitWords = /\b(limit|maximum)\b.*\brestore ?points?\b|\brestore ?points?\b.*\b(limit|maximum)\b/i;
const concurrentWords = /\b(another|concurrent|conflicting|ongoing|in progress|being created)\b/i;
const diskWords =
  /\bshared\b|\b(un|not )allocated\b|\bephemeral\b|\bultra\b|\bpremium (ssd )?v2\b|\bwrite.?accelerat/i;
const unsupportedWords = /\b(is|are) not supported\b|\bdoes not support\b/i;

/**
 * What Azure's codes mean (Azure sheet, sections 9, 12, 13 and 15). The first row that fits holds. `status` is
 * the HTTP status for which a row holds, undefined for any and for operations that failed later. Words are
 * looked at only where Azure gives one code to several troubles; unknown words fall through to the code's row.
 */
export const outcomeTable: OutcomeRow[] = [
  {
    code: /^(Invalid|Expired)AuthenticationToken|^AuthenticationFailed|^InvalidAuthentication/,
    to: unauthenticated,
  },
  {
    code: /^(Linked)?AuthorizationFailed$|^LinkedAccessCheckFailed$/,
    to: withHint("Grant the provider's identity a role with this action on this scope.", denied),
  },
  {
    code: /^RequestDisallowedByPolicy$/,
    to: withHint('An Azure Policy of the subscription forbids it: change the request or exempt it.', invalid),
  },
  {
    code: /^SubscriptionNotFound$|^(ReadOnly)?DisabledSubscription$/,
    to: withHint(
      'Check spec.azure.subscriptionID and tenantID, and that the identity has a role in it.',
      denied,
    ),
  },
  { code: /^InvalidSubscriptionId$/, to: withHint('Check spec.azure.subscriptionID.', invalid) },
  {
    code: /^MissingSubscriptionRegistration$|^SubscriptionNotRegistered$/,
    to: withHint('Register the resource provider Microsoft.Compute in the subscription.', denied),
  },
  {
    code: /^(NoRegisteredProviderFound|InvalidApiVersionParameter|InvalidResourceType|UnsupportedApiVersion|MissingApiVersionParameter)$/,
    to: withHint('Set spec.azure.apiVersions to versions that this cloud has.', unsupported),
  },
  {
    code: /^BadRequest$/,
    words: /\bapi[- ]?version\b/i,
    to: withHint('Set spec.azure.apiVersions to versions that this cloud has.', unsupported),
  },
  {
    code: /^QuotaExceeded$|^OperationNotAllowed$|^ResourceQuotaExceeded$/,
    words: /\bquota\b/i,
    to: quota,
  },
  { code: /QuotaExceeded$/, to: quota },
  {
    code: /^(VMRestorePointClientError|OperationNotAllowed|Conflict|BadRequest|InvalidParameter|LimitExceeded)$/,
    words: limitWords,
    to: withHint('Delete restore points of this VM that are no longer needed.', snapshotLimit),
  },
  {
    code: /^(VMRestorePointClientError|OperationNotAllowed)$/,
    words: diskWords,
    to: withHint('Exclude the disks that cannot be part of it (spec.disks).', invalid),
  },
  { code: /^(VMRestorePointClientError|OperationNotAllowed)$/, words: concurrentWords, to: later },
  { code: /^(VMRestorePointClientError|OperationNotAllowed)$/, words: unsupportedWords, to: unsupported },
  // What is left of it is trouble in the guest (VSS, COM+, network, memory), which passes or falls back.
  { code: /^VMRestorePointClientError$/, to: failedForNow },
  {
    code: /^VMAgentStatusCommunicationError$/,
    to: withHint('Check that the VM runs and that its agent is healthy, or ask for level Crash.', failed),
  },
  {
    code: /^DiskRestorePointUsedByCustomer$/,
    to: withHint('A SAS on one of its disks is live: end the access, or wait until it ends.', later),
  },
  {
    code: /^ScopeLocked$/,
    to: withHint('Remove the lock from the resource or its group.', later),
  },
  {
    code: /^(VMRestorePointInternalError|Internal\w*Error|AllocationFailed|OperationPreempted)$/,
    to: failedForNow,
  },
  { code: /^(DiskRestorePointClientError|OSProvisioningClientError)$/, to: failed },
  { code: /^(PropertyChangeNotAllowed|InvalidResourceLocation|ConflictingUserInput)$/, to: never },
  { code: /^OperationNotAllowed$/, status: 400, to: invalid },
  // The VM changed meanwhile, or something else is at work on it.
  { code: /^OperationNotAllowed$/, to: later },
];

/** What a status means where no row of the table fits. */
function byStatus(status: number, isAzures: boolean): ToFailure {
  if (status === 401) return unauthenticated;
  if (status === 403) {
    const hint = isAzures
      ? "Grant the provider's identity a role with this action on this scope."
      : 'It is not Azure that says so: look at what stands before it, such as a proxy.';
    return withHint(hint, denied);
  }
  if (status === 409 || status === 412 || status === 423) return later;
  return invalid;
}

/**
 * The outcome of an answer that is not 2xx. Statuses go before codes where they tell more: 429 may bear
 * `OperationNotAllowed`, and after a 5xx a write may have had its effect.
 */
export function failureOf(response: HttpResponse, context: RequestContext): Failure {
  const { status } = response;
  const body = errorBodyOf(parseJSON(response.body));
  const error = vendorErrorOf(response, body);
  if (status === 429) {
    const { afterMs, policy } = throttleOf(response, context.now);
    return { kind: 'Throttled', afterMs, error: throttleError(error, response, policy, context.now) };
  }
  if (status < 400 || status >= 500 || status === 408) {
    const afterMs = waitOf(response, context.now);
    if (context.write) return { kind: 'Unknown', error };
    return { kind: 'Unavailable', ...(afterMs === undefined ? {} : { afterMs }), error };
  }
  const fromTable = lookUp(body, error, status);
  if (fromTable !== undefined) return fromTable;
  if (status === 404 || status === 410)
    return { kind: 'NotFound', what: absentOf(response, body, context), error };
  // Azure's own answers are JSON, or empty.
  return byStatus(status, !response.body.trimStart().startsWith('<'))(error);
}

/** Why an accepted operation failed, by the `error` of its status. */
export function operationFailure(json: unknown, status: string): Failure {
  const body = errorBodyOf(json);
  const code = vendorText(body.code ?? body.details[0]?.code ?? status, 128);
  const message = wordsOf(body);
  const error: VendorError = {
    code,
    message: vendorText(message ?? `the operation ended as ${status}, and Azure does not say why`),
    ...(body.target === undefined ? {} : { target: vendorText(body.target, 256) }),
  };
  return lookUp(body, error, undefined) ?? { kind: 'Failed', transient: false, error };
}

/** What a 429 holds back, and for how long: the policy that Compute names, or everything (ARM). */
export function throttleOf(response: HttpResponse, now: number): { afterMs: number; policy?: string } {
  const body = errorBodyOf(parseJSON(response.body));
  const detail = body.details.find((one) => one.code === 'TooManyRequests' && one.target !== undefined);
  const policy = detail?.target ?? (body.code === 'TooManyRequests' ? body.target : undefined);
  return {
    afterMs: waitOf(response, now) ?? defaultThrottleMs,
    ...(policy !== undefined && /^\w{1,128}$/.test(policy) ? { policy } : {}),
  };
}

/** What `x-ms-ratelimit-remaining-resource` says is left of each policy; the header may repeat. */
export function quotaOf(response: HttpResponse): { policy: string; left: number }[] {
  const header = response.headers['x-ms-ratelimit-remaining-resource'];
  const values = (Array.isArray(header) ? header : [header ?? '']).flatMap((value) => value.split(','));
  return values.slice(0, 32).flatMap((value) => {
    const [, policy, left] = /^\s*Microsoft\.Compute\/(\w{1,128})\s*;\s*(\d{1,9})\s*$/i.exec(value) ?? [];
    return policy === undefined ? [] : [{ policy, left: Number(left) }];
  });
}

function lookUp(body: ErrorBody, error: VendorError, status: number | undefined): Failure | undefined {
  return rowFor(body, status)?.to(error);
}

/** The row that fits the code of an error, or of one of its details; `status` is undefined for an operation's. */
export function rowFor(body: ErrorBody, status: number | undefined): OutcomeRow | undefined {
  const messages = [body.message, ...body.details.map((detail) => detail.message)].join(' ');
  // What stands in quotes are names, and a VM may be called 'shared'.
  const words = messages.replace(/'[^']*'|"[^"]*"/g, ' ');
  for (const code of [body.code, ...body.details.map((detail) => detail.code)]) {
    if (code === undefined) continue;
    const row = outcomeTable.find(
      (one) =>
        one.code.test(code) &&
        (one.status === undefined || one.status === status) &&
        (one.words === undefined || one.words.test(words)),
    );
    if (row !== undefined) return row;
  }
  return undefined;
}

/**
 * What a 404 proves. The provider's own form speaks of the very resource; ARM's front door answers for
 * resources that it does not know, which a wrong path or a region that is away looks like, too. Only its two
 * codes for what holds the resource cannot mean anything else (Azure sheet, section 13).
 */
function absentOf(
  response: HttpResponse,
  body: ErrorBody,
  context: RequestContext,
): 'Object' | 'Parent' | 'Unproven' {
  if (response.status !== 404 || body.code === undefined) return 'Unproven';
  if (body.code === 'ParentResourceNotFound' || body.code === 'ResourceGroupNotFound') return 'Parent';
  if (headerOf(response, 'x-ms-failure-cause') !== undefined) return 'Unproven';
  if (body.code !== 'ResourceNotFound' && body.code !== 'NotFound') return 'Unproven';
  if (context.creates === true) return 'Parent';
  const names = parseID(context.resourceID ?? '')?.names ?? [];
  const own = names.at(-1);
  if (own === undefined) return 'Unproven';
  const text = `${body.target ?? ''} ${body.message ?? ''}`;
  const namesParent = names.slice(0, -1).some((name) => mentions(text, name));
  return namesParent && !mentions(text, own) ? 'Parent' : 'Object';
}

/** Whether a text names something, as a word of its own. */
function mentions(text: string, name: string): boolean {
  const plain = text.toLowerCase();
  const word = name.toLowerCase();
  for (let at = plain.indexOf(word); at >= 0; at = plain.indexOf(word, at + 1)) {
    const around = `${plain[at - 1] ?? ' '}${plain[at + word.length] ?? ' '}`;
    if (!/[\w-]/.test(around)) return true;
  }
  return false;
}

/** The error envelope, wrapped or not (a Compute 429 is not); empty for anything else. */
export function errorBodyOf(json: unknown): ErrorBody {
  const outer = recordOf(json);
  const plain = textOf(json) ?? textOf(outer?.error);
  if (plain !== undefined) {
    const more = textOf(outer?.error_description) ?? textOf(outer?.message);
    return { message: more === undefined ? plain : `${plain}: ${more}`, details: [] };
  }
  const inner = recordOf(outer?.error) ?? outer;
  const details = (listOf(inner?.details) ?? []).slice(0, 16).map((item) => {
    const detail = recordOf(item);
    return partsOf(detail);
  });
  return { ...partsOf(inner), details };
}

/** What an error says; where its own words are general ones, its first detail has the cause. */
function wordsOf({ message, details }: ErrorBody): string | undefined {
  const detail = details.find((one) => one.message !== undefined && one.message !== message);
  if (message === undefined || detail === undefined) return message ?? detail?.message;
  const cause = detail.code === undefined ? detail.message : `${detail.code}: ${detail.message}`;
  return message.includes(detail.message ?? '') ? message : `${message} (${cause})`;
}

function partsOf(value: Record<string, unknown> | undefined): {
  code?: string;
  message?: string;
  target?: string;
} {
  const [code, message, target] = [textOf(value?.code), textOf(value?.message), textOf(value?.target)];
  return {
    ...(code === undefined ? {} : { code }),
    ...(message === undefined ? {} : { message }),
    ...(target === undefined ? {} : { target }),
  };
}

function vendorErrorOf(response: HttpResponse, body: ErrorBody): VendorError {
  const code = body.code ?? body.details[0]?.code;
  const message = wordsOf(body);
  return {
    code: code === undefined ? `HTTP${response.status}` : vendorText(code, 128),
    message: message === undefined ? withoutForm(response, 'Azure') : vendorText(message),
    status: response.status,
    ...requestIDOf(response),
    ...(body.target === undefined ? {} : { target: vendorText(body.target, 256) }),
  };
}

/** Words that stay the same from one 429 to the next; those of Compute hold times. */
function throttleError(
  error: VendorError,
  response: HttpResponse,
  policy: string | undefined,
  now: number,
): VendorError {
  const asked = retryAfterMs(headerOf(response, 'retry-after'), now);
  const wait =
    asked === undefined ? 'does not say for how long' : `asks to wait ${Math.ceil(asked / 1000)} s`;
  const what = policy === undefined ? 'requests' : `requests that count for ${policy}`;
  return {
    ...error,
    code: 'TooManyRequests',
    message: `Azure refuses further ${what} for now, and ${wait}`,
    ...(policy === undefined ? {} : { target: policy }),
  };
}

/** The id by which Azure's own logs know the request. */
export function requestIDOf(response: HttpResponse): { requestID?: string } {
  const requestID = headerOf(response, 'x-ms-request-id');
  return requestID === undefined || !/^[\w.:-]{1,128}$/.test(requestID) ? {} : { requestID };
}

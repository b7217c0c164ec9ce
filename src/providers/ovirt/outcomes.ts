import { defaultThrottleMs, waitOf, withoutForm } from '../exchange.ts';
import {
  absent,
  denied,
  failedForNow,
  invalid,
  later,
  never,
  quota,
  type ToFailure,
  unauthenticated,
  unsupported,
  withHint,
} from '../failures.ts';
import { type HttpResponse, headerOf, vendorText } from '../http.ts';
import type { Failure, VendorError } from '../outcome.ts';
import { type EngineFault, faultIn } from './model.ts';

/** What a request was about. */
export interface RequestContext {
  write: boolean;
  /** What stands at the path, which decides what a 404 proves. */
  about: 'VM' | 'Disk' | 'Snapshot' | 'Other';
  /** Whether it was to make something there, so that a 404 is about what holds it. */
  creates?: boolean;
  /** The engine is from before 3.3, and answers 400 to refusals of all kinds. */
  refusesBy400?: boolean;
  /** Wall clock, for a Retry-After that is a date. */
  now: number;
}

/** One row of the table: what it fits, and what that means. */
export interface OutcomeRow {
  status: number;
  /** In the reason or the detail of a fault; a row without words fits any body of its status. */
  words?: RegExp;
  to: ToFailure;
}

/**
 * What the statuses of an engine mean (oVirt sheet, section 10). The first row that fits holds. Message keys do not
 * come over the wire and texts are but hints, asked for in English: words only choose between refusals, and a 409
 * whose words say nothing is looked into by `conflicts.ts`.
 */
export const outcomeTable: OutcomeRow[] = [
  {
    status: 401,
    to: withHint("Check user name (user@profile) and password in the provider's Secret.", unauthenticated),
  },
  {
    status: 403,
    to: withHint(
      'Grant the user a role with MANIPULATE_VM_SNAPSHOTS and CONFIGURE_VM_STORAGE on the VM, such as UserVmManager.',
      denied,
    ),
  },
  // Of another VM's snapshot the engine says the same: it proves nothing.
  { status: 400, words: /\bsnapshot\b[^.]{0,20}\b(does not|doesn't) exist\b/i, to: absent('Unproven') },
  {
    status: 400,
    words: /\bVM\b[^.]{0,20}\b(does not exist|doesn't exist|is not found)\b/i,
    to: absent('Parent'),
  },
  {
    status: 400,
    words: /\bversion\b.*\b(isn't|is not) supported\b/i,
    to: withHint('Set spec.ovirt.apiVersion to one that the engine speaks.', unsupported),
  },
  {
    status: 400,
    words: /\bsnapshots?\b[^.]*\b(not allowed|not supported)\b/i,
    to: withHint('Leave these disks out (spec.disks).', invalid),
  },
  {
    status: 400,
    words: /\bnot authorized\b/i,
    to: withHint('Grant the user a role with this permission on the VM.', denied),
  },
  // Refusals by a check begin with this word. What an engine began and could not do comes as a 400, too: its keys have
  // no status of their own (sources of engines 3.1 to 4.5: backendFailure of BackendResource).
  { status: 400, words: /^Operation Failed(?! \W*Cannot\b)/i, to: failedForNow },
  { status: 400, to: invalid },
  { status: 405, to: unsupported },
  {
    status: 409,
    words: /\bquota\b[^.]*\b(insufficient|exceeded|limit)\b/i,
    to: withHint('Raise the quota, or delete what is no longer needed.', quota),
  },
  {
    status: 409,
    words:
      /\blow disk space\b|\bnot enough (disk )?space\b|\bwith enough storage\b|\bno suitable storage domain\b/i,
    to: withHint('Make room on the storage domain.', quota),
  },
  {
    status: 409,
    words: /\bmemory\b[^.]*\bpassed-through\b|\bVM (has|uses)\b[^.]*\b(PCI|SCSI|NVDIMM|TPM|mdev_type)\b/i,
    to: withHint('Take the snapshot without memory (spec.memory).', unsupported),
  },
  { status: 409, words: /\bimage ids?\b[^.]*\balready (in use|used)\b/i, to: never },
  { status: 409, words: /\bname is already in use\b/i, to: never },
  { status: 409, to: later },
];

/**
 * The outcome of an answer that is not 2xx. After a 5xx a write may have had its effect, whatever the body says: an
 * engine answers 500 to refusals as well as to what broke half-way.
 */
export function failureOf(response: HttpResponse, context: RequestContext): Failure {
  const { status } = response;
  const fault = faultIn(response.body);
  const error = errorOf(response, fault);
  if (status === 429) {
    const message = 'the endpoint refuses further requests for now';
    return {
      kind: 'Throttled',
      afterMs: waitOf(response, context.now) ?? defaultThrottleMs,
      error: { ...error, message },
    };
  }
  if (status < 400 || status >= 500 || status === 408) {
    const afterMs = waitOf(response, context.now);
    if (context.write) return { kind: 'Unknown', error };
    return { kind: 'Unavailable', ...(afterMs === undefined ? {} : { afterMs }), error };
  }
  if (status === 404 || status === 410) {
    return { kind: 'NotFound', what: absentOf(response, fault, context), error };
  }
  const failure = rowOf(status, fault, context)?.to(error) ?? invalid(error);
  if (failure.kind === 'Failed' && !context.write) return { kind: 'Unavailable', error };
  // By its words alone nothing is gone that was there.
  if (failure.kind === 'NotFound' && context.creates !== true) return { ...failure, what: 'Unproven' };
  return failure;
}

/** As `rowFor`; of an engine from before 3.3 a refusal that is not told apart by its words is read as a conflict. */
function rowOf(
  status: number,
  fault: EngineFault | undefined,
  { refusesBy400 }: RequestContext,
): OutcomeRow | undefined {
  const row = rowFor(status, fault);
  const checked = status === 400 && row?.words === undefined && fault?.reason === 'Operation Failed';
  return refusesBy400 === true && checked ? rowFor(409, fault) : row;
}

/** The row that fits a status and a fault. */
export function rowFor(status: number, fault: EngineFault | undefined): OutcomeRow | undefined {
  const words = `${fault?.reason ?? ''} ${fault?.detail ?? ''}`;
  return outcomeTable.find(
    (row) => row.status === status && (row.words === undefined || row.words.test(words)),
  );
}

/**
 * What a 404 proves. Engines have a form for each thing: nothing at all for a VM or a disk, a fault for a snapshot, a
 * page for a path that is not there, which a proxy's answer and an engine that is starting look like, too (oVirt
 * sheet, section 10). A list can fail with a fault while something is being removed (section 8).
 */
function absentOf(
  response: HttpResponse,
  fault: EngineFault | undefined,
  context: RequestContext,
): 'Object' | 'Parent' | 'Unproven' {
  if (response.status !== 404) return 'Unproven';
  const empty = response.body.trim() === '';
  if (context.creates === true) return empty ? 'Parent' : 'Unproven';
  if (context.about === 'Snapshot') return fault === undefined ? 'Unproven' : 'Object';
  if (context.about === 'VM' || context.about === 'Disk') return empty ? 'Object' : 'Unproven';
  return 'Unproven';
}

/** What an action says of itself when it failed although the status is 2xx. */
export function actionFailure(fault: EngineFault | undefined, response: HttpResponse): Failure {
  const error = errorOf(response, fault);
  const message = fault === undefined ? 'the engine says that the action failed, and not why' : error.message;
  return { kind: 'Failed', transient: true, error: { ...error, message } };
}

function errorOf(response: HttpResponse, fault: EngineFault | undefined): VendorError {
  return {
    code: `HTTP${response.status}`,
    message: wordsOf(fault) ?? withoutForm(response, 'an oVirt engine'),
    status: response.status,
    ...requestIDOf(response),
  };
}

/** The words of a fault; the reason is left out where it is the one that stands for all. */
export function wordsOf(fault: EngineFault | undefined): string | undefined {
  const { reason, detail } = fault ?? {};
  if (detail === undefined) return reason === undefined ? undefined : vendorText(reason);
  return vendorText(reason === undefined || reason === 'Operation Failed' ? detail : `${reason}: ${detail}`);
}

/** Engines from 4.1 on echo the correlation id, by which their log is searched (oVirt sheet, section 4). */
export function requestIDOf(response: HttpResponse): { requestID?: string } {
  const id = headerOf(response, 'correlation-id');
  return id === undefined || !/^[\w-]{1,64}$/.test(id) ? {} : { requestID: id };
}

import { graceMs, type Reason, reasons } from './reasons.ts';
import type { Condition } from './v1alpha1/common.ts';

/** What is said of an object: becomes Ready, Reconciling, Stalled and their like. */
export interface Verdict {
  reason: Reason;
  /** For people: what, since when, what comes next. It must not change with each look. */
  message: string;
  /** Further conditions. One that is not said, or said as `undefined`, is taken away; Paused leaves it. */
  also?: Record<
    string,
    { status: 'True' | 'False' | 'Unknown'; reason: string; message: string } | undefined
  >;
}

/** What the making of conditions needs to know of an object. */
export interface ConditionContext {
  generation: number;
  createdAt: number;
  now: number;
  /** Whether the kind ends (`RestorePointCopy`): such kinds carry Succeeded as well. */
  bounded: boolean;
}

/** How GitOps tools read the object: see `ReasonEntry.reads`, with the grace resolved. */
export function reads(
  reason: Reason,
  createdAt: number,
  now: number,
): 'InProgress' | 'Failed' | 'Current' | 'Keep' {
  const entry = reasons[reason];
  if (entry.reads !== 'FailedAfterGrace') return entry.reads;
  return now - createdAt < graceMs ? 'InProgress' : 'Failed';
}

/** Milliseconds until a reason with a grace turns from InProgress to Failed; undefined when it never will or has. */
export function graceLeft(reason: Reason, createdAt: number, now: number): number | undefined {
  if (reasons[reason].reads !== 'FailedAfterGrace') return undefined;
  const left = createdAt + graceMs - now;
  return left > 0 ? left : undefined;
}

/**
 * The next list of conditions. Times change only with the status that they belong to, so that saying the same
 * again is no change. A reason that keeps (Paused) ends Reconciling, and leaves Stalled and the further
 * conditions as they are. Succeeded, once True, stays; once settled, it is never Unknown again.
 */
export function nextConditions(
  previous: Condition[] | undefined,
  verdict: Verdict,
  context: ConditionContext,
): Condition[] {
  const before = new Map((previous ?? []).map((condition) => [condition.type, condition]));
  const reading = reads(verdict.reason, context.createdAt, context.now);
  const next: Condition[] = [];
  const set = (type: string, status: string, reason: string, message: string) => {
    const old = before.get(type);
    next.push({
      type,
      status,
      observedGeneration: context.generation,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : timestamp(context.now),
      reason,
      message: settledWords(old?.reason === reason ? old.message : undefined, message),
    });
  };
  const { reason, message } = verdict;

  const keep = (type: string) => {
    const old = before.get(type);
    if (old) next.push(old);
  };

  if (reading === 'Keep') set('Ready', before.get('Ready')?.status ?? 'Unknown', reason, message);
  else set('Ready', reading === 'Current' ? 'True' : 'False', reason, message);
  if (reading === 'InProgress') set('Reconciling', 'True', reason, message);
  if (reading === 'Failed') set('Stalled', 'True', reason, message);
  if (reading === 'Keep') keep('Stalled');
  if (context.bounded) {
    const settled = before.get('Succeeded')?.status;
    if (settled === 'True') keep('Succeeded');
    else if (reading === 'Current') set('Succeeded', 'True', reason, message);
    else if ('terminal' in reasons[reason]) set('Succeeded', 'False', reason, message);
    else if (settled === 'False') keep('Succeeded');
    else set('Succeeded', 'Unknown', reason, message);
  }
  const also = verdict.also ?? {};
  for (const [type, condition] of Object.entries(also)) {
    if (condition) set(type, condition.status, condition.reason, condition.message);
  }
  if (reading === 'Keep') {
    for (const type of before.keys()) {
      if (!ownTypes.has(type) && !(type in also)) keep(type);
    }
  }
  return next;
}

/** Longest message in characters; the CRDs take more, people do not. */
const maxMessageLength = 4096;

/** The conditions that follow from the reason alone. */
const ownTypes: ReadonlySet<string> = new Set(['Ready', 'Reconciling', 'Stalled', 'Succeeded']);

/** RFC 3339 to the second, as Kubernetes writes times. */
export function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** The condition of a type; undefined when there is none. */
export function condition(conditions: Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((candidate) => candidate.type === type);
}

/** What vendors put into their words anew each time: GUIDs, instants. */
const passing =
  /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}[.\d]*(?:Z|[+-]\d{2}:\d{2})?/gi;

/**
 * The words to show: those that are shown already where the new ones say the same but for an id or an instant, so
 * that the same trouble again is no news and no write.
 */
export function settledWords(shown: string | undefined, words: string): string {
  // The cut may split a character of two units, which the API server would store as another.
  const next = words.slice(0, maxMessageLength).toWellFormed();
  const same = shown !== undefined && shown.replaceAll(passing, '') === next.replaceAll(passing, '');
  return same ? shown : next;
}

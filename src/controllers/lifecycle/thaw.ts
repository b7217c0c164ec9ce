import { timestamp } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import { isTerminal } from '../../api/reasons.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import type { Intent } from '../intent.ts';
import { troubleOf } from '../trouble.ts';
import { type Case, finish } from './case.ts';
import type { Finish, ManagedObject, Step } from './facts.ts';

/** A guest stays frozen no longer than this for one snapshot, in milliseconds: what runs in it stands still. */
const longestFreezeMs = 120_000;
/** A thaw that did not succeed is tried again this soon, in milliseconds. */
const thawRetryMs = 5_000;

/**
 * Whatever else is next: a guest that an attempt may have frozen is thawed before the run ends, unless the snapshot
 * is being made at this moment. That it may have been frozen is told by the intent, which is written before the
 * freeze; a process that finds such an intent and does not know what came of it thaws at once. A thaw too many
 * does no harm, a guest left frozen hangs (oVirt sheet, section 6). Of a guest that only the engine may have frozen,
 * its own word that it cannot be thawed is the end of it: then it could not be frozen either.
 */
export function thawFirst<O extends ManagedObject, N>(
  it: Case<O, N>,
  intent: Intent<SnapshotTarget> | undefined,
  step: Step,
): Step {
  if (intent?.step !== 'Create' || (intent.target.freeze !== true && intent.target.thaw !== true))
    return step;
  const ends = step.do === 'Finish' || step.do === 'Release' || step.do === 'DeleteObject';
  if (!ends || !mayBeFrozen(it, intent, step)) return step;
  const { facts } = it;
  const { thawed } = facts.seen;
  const vmID = intent.target.vmID ?? '';
  if (thawed === undefined) {
    const leftMs = step.do === 'Finish' ? frozenForMs(it, step) : 0;
    if (step.do === 'Finish' && leftMs > 0) {
      const requeueAfterMs = Math.min(step.requeueAfterMs ?? leftMs, leftMs);
      return { ...note(it, intent, step, 'frozenAt'), requeueAfterMs };
    }
    const { provider } = facts;
    const connected = 'provider' in provider && provider.provider !== undefined;
    return connected ? { do: 'Thaw', vmID } : step;
  }
  if (isOver(thawed, intent.target)) return step.do === 'Finish' ? note(it, intent, step, 'thawedAt') : step;
  if (step.do !== 'Finish') {
    // Who lets it go by annotation has been told what is left, and is told this too.
    const abandoned = step.do === 'Release' && step.event?.reason === 'Abandoned';
    if (abandoned) return step;
  }
  const trouble = troubleOf(thawed as Failure, `thawing the guest of VM ${vmID}`);
  // What has ended stays ended in its words, whatever is still to be done for the guest.
  if (step.do === 'Finish' && it.recorded.reason !== undefined && isTerminal(it.recorded.reason))
    return { do: 'Finish', requeueAfterMs: Math.max(trouble.afterMs ?? 0, thawRetryMs) };
  return finish(
    {
      reason: 'WaitingForQuiesce',
      message: `the guest may still be frozen: ${trouble.message}; tried again until it is thawed`,
    },
    {
      ...(step.do === 'Finish' && step.record?.snapshotID
        ? { record: { snapshotID: step.record.snapshotID } }
        : {}),
      requeueAfterMs: Math.max(trouble.afterMs ?? 0, thawRetryMs),
    },
  );
}

/** Thawed, or there is nothing left that could be frozen. */
function isOver(thawed: Outcome<void>, { freeze }: SnapshotTarget): boolean {
  if (succeeded(thawed) || thawed.kind === 'NotFound') return true;
  return freeze !== true && !passedBy(thawed);
}

/** Whether a refusal says nothing of the guest, since it was not asked, or will be asked in vain for now only. */
function passedBy(failure: Failure): boolean {
  const { kind } = failure;
  if (kind === 'Throttled' || kind === 'Unavailable' || kind === 'NotSent' || kind === 'Denied') return true;
  if (kind === 'Conflict') return failure.retry === 'Later';
  return kind === 'Unknown' && failure.error.status === undefined;
}

/**
 * A thaw that is recorded holds while the attempt goes on. With the attempt's end it is repeated: another process,
 * which was still at work when this one took over, may have frozen the guest after it was thawed.
 */
function mayBeFrozen<O extends ManagedObject, N>(
  it: Case<O, N>,
  intent: Intent<SnapshotTarget>,
  step: Step,
): boolean {
  const { recorded, facts } = it;
  const { operation, completionTime } = recorded;
  if (completionTime !== undefined || (operation?.attempts ?? 0) >= intent.attempt) return false;
  if (operation?.thawedAt !== undefined && step.do === 'Finish' && !endsAttempt(it, intent, step))
    return false;
  if (facts.seen.intentWritten !== true) return true;
  // This very run wrote the intent, and did not come to freeze anything; nor did the engine, where it refused.
  const { frozen, created } = facts.seen;
  if (intent.target.freeze === true) return frozen !== undefined;
  return (
    created !== undefined && (succeeded(created) || created.kind === 'Unknown' || created.kind === 'Failed')
  );
}

/** Whether the attempt goes no further, by what is about to be recorded of it. */
function endsAttempt<O extends ManagedObject, N>(
  { recorded }: Case<O, N>,
  intent: Intent<SnapshotTarget>,
  { record, verdict }: Finish,
): boolean {
  const operation = record?.operation === undefined ? recorded.operation : record.operation;
  if (operation === null || record?.completedAt !== undefined) return true;
  if ((operation?.attempts ?? 0) >= intent.attempt) return true;
  const over = (reason: Reason | undefined) => reason !== undefined && isTerminal(reason);
  return over(verdict?.reason) && !over(recorded.reason);
}

/** How long the guest may stay frozen from now, in milliseconds: as long as the snapshot is seen being made. */
function frozenForMs<O extends ManagedObject, N>(it: Case<O, N>, step: Finish): number {
  const making =
    step.record?.provisioningState === 'Creating' &&
    (step.snapshot?.state === 'Creating' || step.snapshot?.state === 'Locked');
  if (!making) return 0;
  if (it.facts.seen.intentWritten === true) return longestFreezeMs;
  const { frozenAt } = it.recorded.operation ?? {};
  return frozenAt === undefined ? 0 : Date.parse(frozenAt) + longestFreezeMs - it.facts.now;
}

/**
 * While the attempt goes on, what was done to the guest is recorded: how long it is frozen, and that it is thawed.
 * With the attempt's end it is of no use any more, and would be taken for the next one's.
 */
function note<O extends ManagedObject, N>(
  it: Case<O, N>,
  intent: Intent<SnapshotTarget>,
  step: Finish,
  what: 'frozenAt' | 'thawedAt',
): Finish {
  const { recorded, facts } = it;
  const operation = step.record?.operation === undefined ? recorded.operation : step.record.operation;
  if (operation === null || step.record?.completedAt !== undefined) return step;
  const { frozenAt, thawedAt, ...rest } = operation ?? {
    kind: 'Create',
    startedAt: intent.startedAt,
    attempts: 0,
  };
  if ((rest.attempts ?? 0) >= intent.attempt)
    return operation === undefined ? step : { ...step, record: { ...step.record, operation: rest } };
  const known = {
    ...(frozenAt === undefined ? {} : { frozenAt }),
    ...(thawedAt === undefined ? {} : { thawedAt }),
  };
  const noted = { ...rest, ...known, [what]: known[what] ?? timestamp(facts.now) };
  return { ...step, record: { ...step.record, operation: noted } };
}

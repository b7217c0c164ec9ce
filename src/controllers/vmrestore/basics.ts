/** What the parts of the decision share. */
import { timestamp, type Verdict } from '../../api/conditions.ts';
import { formatDuration, parseDuration } from '../../api/duration.ts';
import type { Reason } from '../../api/reasons.ts';
import type { Operation, ProviderRef } from '../../api/v1alpha1/common.ts';
import type { VMRestore } from '../../api/v1alpha1/vm-restore.ts';
import type { VMOperator } from '../../providers/provider.ts';
import type { Deadlines } from '../census.ts';
import { waitingForProvider } from '../provider-registry.ts';
import type {
  Action,
  RecordChange,
  RecordedVM,
  RestoreFacts,
  RestoreFinish,
  RestoreNeighbours,
  RestoreRecord,
  StepRecord,
} from './facts.ts';
import { inHand, outcomeOf, stepOf } from './outcome.ts';

/** How long a restore that names no time may wait for its beginning. */
export const startWaitMs = 24 * 3_600_000;
/** What is past its deadline is looked at this slowly. */
const lateLookMs = 600_000;

/** Everything that one decision works with. */
export interface Case {
  facts: RestoreFacts;
  record: RestoreRecord;
}

/** As `Case`, once something was claimed and the connection is there. */
export interface UnderWay extends Case {
  provider: VMOperator;
  vm: RecordedVM;
  snapshotID: string;
}

/** The provider by which a restore goes: the one that it was begun through, else that of its VMSnapshot. */
export function providerRefOf(
  { object, record }: { object: RestoreFacts['object']; record: RestoreRecord },
  neighbours: Pick<RestoreNeighbours, 'snapshot'>,
): ProviderRef | undefined {
  return record.providerRef ?? neighbours.snapshot(object.spec.source.snapshotRef.name)?.spec.providerRef;
}

/** The connection of what was begun, whether the provider is Ready or not; else how the run ends. */
export function underWay(it: Case): UnderWay | RestoreFinish {
  const { facts, record } = it;
  const state = facts.provider;
  const provider = state.state === 'Ready' || state.state === 'NotReady' ? state.provider : undefined;
  if (provider === undefined) {
    if (state.state === 'Untried') return { do: 'Finish' };
    const ref = providerRefOf({ object: facts.object, record }, facts.neighbours);
    return finish(waitingForProvider(ref, state));
  }
  if (provider.vendor === 'azure' || provider.endpointID !== record.endpointID) {
    return finish({
      reason: 'ProviderChanged',
      message: `this was begun on ${record.endpointID}, and the provider now names ${provider.endpointID}. Point the provider at the former again; nothing is concluded from the latter`,
    });
  }
  const { vm, snapshotID } = record;
  if (vm === undefined || snapshotID === undefined)
    throw new Error(
      'a restore was begun without a record of its VM; this is a fault of Keyframe, please report it',
    );
  return { ...it, provider, vm, snapshotID };
}

export function finish(verdict: Verdict, rest: Omit<RestoreFinish, 'do' | 'verdict'> = {}): RestoreFinish {
  const { reason, message } = verdict;
  return { do: 'Finish', verdict: { reason, message }, ...rest };
}

/**
 * Ends a run of what is not at its end. One that is being deleted says so; past its deadline it says that, and is
 * looked at slowly.
 */
export function goOnLater(
  it: Case,
  verdict: Verdict,
  delayMs: number,
  rest: Omit<RestoreFinish, 'do' | 'verdict'> = {},
): RestoreFinish {
  const { facts } = it;
  if (facts.object.metadata.deletionTimestamp !== undefined)
    return finish({ reason: 'Deleting', message: verdict.message }, { requeueAfterMs: delayMs, ...rest });
  const over = overdue(it);
  if (over === undefined) {
    const leftMs = leftMsOf(it);
    return finish(verdict, {
      requeueAfterMs: delayMs,
      ...(leftMs === undefined ? {} : { endsInMs: leftMs + 1 }),
      ...rest,
    });
  }
  const outcome = outcomeOf(it.record);
  const reason: Reason =
    outcome === 'Failed' ? (it.record.error?.reason as Reason) : inDoubt(it) ? 'OutcomeUnknown' : over.reason;
  // With the power still to be put back, nobody is kept waiting for longer than need be.
  const slowMs =
    outcome === 'Open' ? Math.max(delayMs, Math.min(lateLookMs, facts.settings.driftIntervalMs)) : delayMs;
  return finish(
    { reason, message: `${over.message}: ${verdict.message}` },
    { requeueAfterMs: slowMs, ...rest },
  );
}

/** Whether a write was sent, perhaps, and nobody knows what came of it. */
function inDoubt({ record }: Case): boolean {
  return inHand(record)?.state === 'Requested';
}

/** When the deadline passes, milliseconds; undefined while someone's decision is waited for. */
function endsAt({ facts, record }: Case): number | undefined {
  const decided = stepOf(record, 'Commit') ?? stepOf(record, 'Undo');
  const held = stepOf(record, 'Preview')?.state === 'Done' && outcomeOf(record) === 'Open';
  const startedAt = decided?.startedAt ?? (held ? undefined : record.operation?.startedAt);
  return startedAt === undefined ? undefined : Date.parse(startedAt) + deadlineMsOf(facts);
}

function deadlineMsOf({ object }: Pick<RestoreFacts, 'object'>): number {
  return parseDuration(object.spec.deadline ?? '2h');
}

/** What bounds a restore, for whoever looks at it from outside. The time that people took to decide is none of its own. */
export function restoreDeadlines(object: VMRestore): Deadlines {
  const { metadata, spec, status } = object;
  const startBefore = Date.parse(spec.startBefore ?? '');
  const decided = status?.steps?.find(({ name }) => name === 'Commit' || name === 'Undo')?.startedAt;
  const heldMs = Date.parse(decided ?? '') - Date.parse(status?.operation?.startedAt ?? '');
  return {
    startDeadlineMs: Number.isNaN(startBefore)
      ? startWaitMs
      : startBefore - Date.parse(metadata.creationTimestamp),
    deadlineMs: deadlineMsOf({ object }) + (Number.isNaN(heldMs) ? 0 : heldMs),
  };
}

/** Milliseconds that are left until the deadline; undefined while none runs. */
export function leftMsOf(it: Case): number | undefined {
  const at = endsAt(it);
  return at === undefined ? undefined : Math.max(0, at - it.facts.now);
}

/** The verdict once the deadline has passed. What was said to be overdue stays so, though the wall clock be put back. */
export function overdue(it: Case): (Verdict & { reason: 'DeadlineExceeded' }) | undefined {
  const { facts, record } = it;
  const at = endsAt(it);
  const said = record.reason === 'DeadlineExceeded' || record.reason === 'OutcomeUnknown';
  if (at === undefined || (facts.now <= at && !said)) return undefined;
  return {
    reason: 'DeadlineExceeded',
    message: `not done within spec.deadline (${formatDuration(deadlineMsOf(facts))})`,
  };
}

/** The restore itself has failed for good; what was changed is put back next. */
export function fail(
  it: Case,
  reason: 'RestoreFailed' | 'OutcomeUnknown' | 'DeadlineExceeded',
  message: string,
  step?: StepRecord,
  vendorCode = '',
): RestoreFinish {
  const { facts } = it;
  const error = {
    reason,
    message,
    ...(vendorCode === '' ? {} : { vendorCode: vendorCode.slice(0, 256) }),
    time: timestamp(facts.now),
  };
  const ended: RecordChange =
    step === undefined
      ? {}
      : {
          step: { ...step, state: 'Failed', finishedAt: timestamp(facts.now), message },
          operation: settledOperation(it),
        };
  const verdict: Verdict = {
    reason: facts.object.metadata.deletionTimestamp === undefined ? 'Restoring' : 'Deleting',
    message: `${message}. What was changed is put back`,
  };
  return finish(verdict, { record: { ...ended, error }, settled: true, requeueAfterMs: 0 });
}

/** The operation once the write in hand is settled: its token stays, for what it may yet have to prove. */
export function settledOperation({ record }: Case): Operation {
  const { operation } = record;
  if (operation === undefined) throw new Error('something is in hand without a record of it');
  const { nextAttemptAt: _due, ...rest } = operation;
  return { ...rest, attempts: (operation.attempts ?? 0) + 1 };
}

/** An action has done what it was to do; or, `failed`, did not, and what comes next does without it. */
export function done(
  it: Case,
  { name, startedAt }: StepRecord,
  message: string,
  rest: Pick<RestoreFinish, 'events'> & { record?: RecordChange; failed?: boolean } = {},
): RestoreFinish {
  const { facts } = it;
  const reason = facts.object.metadata.deletionTimestamp === undefined ? 'Restoring' : 'Deleting';
  const finishedAt = timestamp(facts.now);
  const step: StepRecord = rest.failed
    ? { name, startedAt, finishedAt, state: 'Failed', message }
    : { name, startedAt, finishedAt, state: 'Done' };
  return finish(
    { reason, message },
    {
      settled: true,
      requeueAfterMs: 0,
      ...(rest.events === undefined ? {} : { events: rest.events }),
      record: { ...rest.record, step, operation: settledOperation(it) },
    },
  );
}

/** How actions are spoken of. */
export const inWords: Record<Action, string> = {
  Shutdown: 'shutting the VM down',
  PowerOff: 'powering the VM off',
  Restore: 'restoring the VM',
  Preview: 'putting the snapshot into preview',
  Commit: 'committing the preview',
  Undo: 'undoing the preview',
  CreateVM: 'making the new VM',
  Start: 'starting the VM',
};

/** One write at the vendor: (b) to (f) of the protocol that `facts.ts` draws. */
import { timestamp } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import { sameID } from '../../providers/ids.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { NewVMTarget, OperationAccepted, RestoreTarget, VMOperator } from '../../providers/provider.ts';
import { isAskedToLook } from '../annotations.ts';
import { markedName } from '../intent.ts';
import { vmLane } from '../lanes.ts';
import { pollDelayMs, retryDelayMs } from '../settings.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { nextLookUpMs } from '../unknown-outcomes.ts';
import { type Case, done, fail, goOnLater, inWords, settledOperation, type UnderWay } from './basics.ts';
import { atWork } from './check.ts';
import type { Action, ActionTarget, Beginning, RecordedVM, RestoreStep, StepRecord } from './facts.ts';
import { isPower, stepOf } from './outcome.ts';

/** What an action needs to know, whether something was begun or not. */
export interface Ground extends Case {
  provider: VMOperator;
  vm: RecordedVM;
  snapshotID: string;
  /** Recorded by the claim, when this is the first. */
  begun?: Beginning;
}

/** What is done to a VM itself, wherever it stands. */
export function targetOf({ vm, snapshotID }: Ground): Omit<RestoreTarget, 'name'> {
  return { containerID: vm.containerID, vmID: vm.id, snapshotID };
}

/**
 * The next step towards an action. What led here was read in this run; once the intent is written it is read again,
 * so that what is sent rests on looks that are younger than the intent.
 */
export function act(
  it: Ground,
  action: Action,
  target: Omit<RestoreTarget, 'name'> | Omit<NewVMTarget, 'name'>,
): RestoreStep {
  const { facts, record, provider, vm } = it;
  const { uid } = facts.object.metadata;
  const { operation } = record;
  const attempt = (operation?.attempts ?? 0) + 1;
  const startedAt = operation?.startedAt ?? timestamp(facts.now);
  const name = markedName({ cluster: facts.settings.cluster, uid, attempt });
  const named = { ...target, name } as ActionTarget;
  const written = facts.seen.intent;
  if (written === undefined) {
    const { endpointID } = provider;
    const intent = {
      uid,
      attempt,
      endpointID,
      correlationID: facts.correlationID,
      step: action,
      startedAt,
      target: named,
    };
    return { do: 'WriteIntent', intent, lane: vmLane(endpointID, vm.containerID) };
  }
  if (written.step !== action || JSON.stringify(written.target) !== JSON.stringify(named)) {
    const message = `the VM changed while ${inWords[written.step]} was prepared; looking again`;
    return goOnLater(it, { reason: 'ConcurrentOperation', message }, facts.settings.pollIntervalMs);
  }
  const tried = stepOf(record, action);
  const step: StepRecord = {
    name: action,
    state: 'Requested',
    startedAt: (tried?.state === 'Pending' ? tried.startedAt : undefined) ?? timestamp(facts.now),
  };
  const token = isPower(action) ? undefined : provider.restoreToken(named, written.correlationID);
  const kept = { kind: action, startedAt, attempts: attempt - 1 };
  const goes = facts.object.metadata.deletionTimestamp !== undefined;
  return {
    do: 'Claim',
    verdict: { reason: goes ? 'Deleting' : 'Restoring', message: inWords[action] },
    record: {
      ...(it.begun === undefined ? {} : { begun: it.begun }),
      step,
      operation: token === undefined ? kept : { ...kept, token },
    },
  };
}

/** What was refused is waited for here, without a word, until the next attempt is due. */
export function untilNextAttempt(it: Case): RestoreStep | undefined {
  const { facts, record } = it;
  const due = record.operation?.nextAttemptAt;
  const waitMs = due === undefined ? 0 : Date.parse(due) - facts.now;
  if (waitMs <= 0 || facts.seen.intent !== undefined || isAskedToLook(facts.object)) return undefined;
  // What stood in the way meanwhile is over: say again what is being waited for.
  const message = record.steps.find(({ state }) => state === 'Pending')?.message;
  if (message !== undefined && circumstances.has(record.reason ?? ''))
    return goOnLater(it, { reason: 'ProgressingWithRetry', message }, waitMs);
  return { do: 'Finish', requeueAfterMs: waitMs };
}

/** What is said of circumstances, and no longer holds when they have passed. */
const circumstances: ReadonlySet<string> = new Set<Reason>([
  'Paused',
  'WaitingForProvider',
  'ReferenceNotFound',
  'ProviderChanged',
]);

/** What the vendor said to the request. */
export function afterSend(it: UnderWay, step: StepRecord, sent: Outcome<OperationAccepted>): RestoreStep {
  const { facts, record, provider } = it;
  const { operation } = record;
  if (succeeded(sent)) {
    const token = sent.value.token ?? operation?.token;
    const askedMs = sent.kind === 'Pending' ? sent.afterMs : undefined;
    const startedAt = isPower(step.name) ? timestamp(facts.now) : step.startedAt;
    return goOnLater(
      it,
      { reason: 'Restoring', message: `${inWords[step.name]}: the vendor is at work on it` },
      askedMs ?? pollDelayMs(facts.settings, 0, 0, facts.random),
      {
        settled: true,
        record: {
          step: { name: step.name, state: 'Running', startedAt },
          ...(operation === undefined || token === undefined ? {} : { operation: { ...operation, token } }),
        },
      },
    );
  }
  const trouble = troubleOf(sent, inWords[step.name]);
  if (sent.kind === 'Unknown' || sent.kind === 'Failed') {
    const unknown = facts.unknown ?? { since: facts.monotonic };
    return goOnLater(
      it,
      { reason: 'Restoring', message: trouble.message },
      nextLookUpMs(unknown, provider, facts.monotonic),
      { record: { step: { ...step, message: trouble.message } } },
    );
  }
  // The guest cannot be asked at all: what comes next does without it.
  if (step.name === 'Shutdown' && sent.kind === 'Unsupported')
    return done(it, step, trouble.message, { failed: true });
  if (isPower(step.name) || step.name === 'Undo') return tryAgain(it, step, sent);
  if (neverReached(sent) || step.name === 'CreateVM') return refused(it, step, sent);
  return afterRefusal(it, step, sent);
}

/** Whether a refusal came before the vendor began anything. */
function neverReached({ kind }: Failure): boolean {
  return kind === 'Throttled' || kind === 'Denied' || kind === 'Unavailable' || kind === 'NotSent';
}

/**
 * A refusal may come of a part of the work: the engine previews within the request, and a commit that it refuses then
 * leaves the VM in preview (oVirt sheet, section 7). So it is looked at before the refusal is believed.
 */
function afterRefusal(it: UnderWay, step: StepRecord, refusal: Failure): RestoreStep {
  const { facts, record, vm, snapshotID } = it;
  const { inspection, operation } = facts.seen;
  const token = record.operation?.token;
  if (inspection === undefined) return { do: 'Inspect', containerID: vm.containerID };
  if (token !== undefined && operation === undefined) return { do: 'ReadOperation', token };
  const trouble = troubleOf(refusal, inWords[step.name]);
  const state = operation !== undefined && succeeded(operation) ? operation.value.state : undefined;
  const began = token !== undefined && state !== 'None';
  const readable = succeeded(inspection) && (token === undefined || state !== undefined);
  const inPreview =
    succeeded(inspection) &&
    inspection.value.previewOf !== undefined &&
    sameID(inspection.value.previewOf, snapshotID);
  if (step.name === 'Restore' && readable && inPreview && began && atWork(inspection.value) === undefined)
    return fail(
      it,
      'RestoreFailed',
      `${trouble.message}. The VM was left in preview`,
      step,
      refusal.error.code,
    );
  if (readable && (!began || state === 'Failed')) return refused(it, step, refusal);
  // It is not clear what it came to: looked up like an answer that was lost.
  return goOnLater(it, { reason: 'Restoring', message: trouble.message }, facts.settings.pollIntervalMs, {
    record: { step: { ...step, message: trouble.message } },
  });
}

/** The attempt certainly had no effect: another one where that may help, else the restore has failed. */
function refused(it: UnderWay, step: StepRecord, refusal: Failure): RestoreStep {
  const { kind } = refusal;
  const mayHelp =
    kind === 'Throttled' ||
    kind === 'Unavailable' ||
    kind === 'NotSent' ||
    (kind === 'Conflict' && refusal.retry === 'Later') ||
    (kind === 'Denied' && refusal.cause === 'Authentication');
  if (mayHelp) return tryAgain(it, step, refusal);
  const { message, vendorCode } = troubleOf(refusal, inWords[step.name]);
  return fail(it, 'RestoreFailed', `the vendor refused it: ${message}`, step, vendorCode);
}

/** The attempt is settled without the effect, and another one follows. */
export function tryAgain(it: UnderWay, step: StepRecord, why: Failure | string): RestoreStep {
  const { facts, record } = it;
  const attempt = (record.operation?.attempts ?? 0) + 1;
  const trouble: Trouble =
    typeof why === 'string'
      ? { reason: 'ProgressingWithRetry', message: why, vendorCode: '' }
      : troubleOf(why, inWords[step.name]);
  const delayMs = Math.max(trouble.afterMs ?? 0, retryDelayMs(facts.settings, attempt, facts.random));
  const { name, startedAt } = step;
  const { message } = trouble;
  return goOnLater(it, { reason: retried(trouble.reason), message }, delayMs, {
    settled: true,
    record: {
      step: { name, startedAt, state: 'Pending', message },
      operation: { ...settledOperation(it), nextAttemptAt: timestamp(facts.now + delayMs) },
    },
  });
}

/** The reason of what is tried again: none that says that nothing will be. */
function retried(reason: Reason): Reason {
  const passing: Reason[] = [
    'ProviderThrottled',
    'ProviderUnavailable',
    'ConcurrentOperation',
    'PermissionDenied',
    'AuthenticationFailed',
  ];
  return passing.includes(reason) ? reason : 'ProgressingWithRetry';
}

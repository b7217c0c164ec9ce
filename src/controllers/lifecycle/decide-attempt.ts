/** An attempt to have the snapshot made: before it is sent, what came of it, and the next one. */
import { timestamp } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import type { Reason } from '../../api/reasons.ts';
import { isTerminal } from '../../api/reasons.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import { type Failure, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { isAskedToLook, isPaused, paused } from '../annotations.ts';
import { markedName } from '../intent.ts';
import { pollDelayMs, retryDelayMs } from '../settings.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { isSettledAsNotMade, nextLookUpMs } from '../unknown-outcomes.ts';
import {
  attemptToken,
  best,
  type Case,
  errorOf,
  finish,
  isOver,
  lateLookMs,
  leftToDeadlineMs,
  operationOf,
  ours,
  readyConnection,
  requeue,
  type UnderWay,
} from './case.ts';
import { follow } from './decide-creation.ts';
import type { Facts, ManagedObject, Step } from './facts.ts';

/** A limit of the vendor is tried again this slowly: room comes by people's hands. */
const limitRetryMs = 3_600_000;

/** (c) and (d) of the protocol: look for the mark, first attempt or not, and send. */
export function beforeSend<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
  const { facts, policy, intent } = it;
  const { lookUp } = facts.seen;
  if (lookUp === undefined) return { do: 'LookUp', containerID: intent.target.containerID, fresh: true };
  if (!succeeded(lookUp.outcome))
    return refused(it, troubleOf(lookUp.outcome, 'looking for what is there already'));
  const marked = ours(it, lookUp.outcome.value);
  if (marked.length > 0) return follow(it, best(marked).id, best(marked));
  const objection = policy.objection(facts, intent.target, lookUp.outcome.value);
  if (objection !== undefined) {
    const { verdict, requeueAfterMs } = objection;
    const operation = operationOf(it, {
      attempts: intent.attempt,
      ...(requeueAfterMs === undefined ? {} : { nextAttemptAt: timestamp(facts.now + requeueAfterMs) }),
    });
    return finish(verdict, {
      record: { operation },
      settled: true,
      ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
    });
  }
  const { freeze, vmID = '' } = intent.target;
  if (freeze === true) {
    const { frozen } = facts.seen;
    if (frozen === undefined) return { do: 'Freeze', vmID };
    if (!succeeded(frozen)) return refused(it, troubleOf(frozen, 'freezing the guest'));
  }
  return { do: 'Create', intent };
}

/** What the vendor said to the request. */
export function afterCreate<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  created: NonNullable<Facts<O, N>['seen']['created']>,
): Step {
  const { facts, policy, intent } = it;
  switch (created.kind) {
    case 'Done':
    case 'Pending': {
      const { token, snapshot } = created.value;
      return finish(
        {
          reason: 'Provisioning',
          message: `the vendor is making the ${policy.noun(facts)} ${snapshot.name}`,
        },
        {
          snapshot,
          settled: true,
          record: {
            provisioningState: 'Creating',
            readyToUse: false,
            snapshotID: snapshot.id,
            acceptedAt: facts.now,
            operation: operationOf(it, {
              attempts: intent.attempt - 1,
              ...(token === undefined ? {} : { token }),
            }),
          },
          requeueAfterMs:
            (created.kind === 'Pending' ? created.afterMs : undefined) ??
            pollDelayMs(facts.settings, 0, 0, facts.random),
        },
      );
    }
    case 'Unknown':
    case 'Failed':
      return outcomeUnknown(it, created);
    case 'Conflict':
      return created.retry === 'Later'
        ? refused(it, troubleOf(created, `making the ${policy.noun(facts)}`))
        : outcomeUnknown(it, created);
    default:
      return refused(it, troubleOf(created, `making the ${policy.noun(facts)}`));
  }
}

/** The request may have had its effect, or left something behind that failed: look before anything else is done. */
function outcomeUnknown<O extends ManagedObject, N>(it: UnderWay<O, N>, failure: Failure): Step {
  const { facts, policy, intent, provider } = it;
  const trouble = troubleOf(failure, `making the ${policy.noun(facts)}`);
  const unknown = facts.unknown ?? { since: facts.monotonic };
  return finish(
    { reason: 'ProgressingWithRetry', message: trouble.message },
    {
      record: {
        provisioningState: 'Pending',
        operation: operationOf(it, { attempts: intent.attempt - 1 }),
        error: errorOf(it, trouble),
      },
      requeueAfterMs: nextLookUpMs(unknown, provider, facts.monotonic),
    },
  );
}

/** The attempt certainly made nothing. */
export function refused<O extends ManagedObject, N>(it: UnderWay<O, N>, cause: Trouble): Step {
  const { facts, intent } = it;
  const attempts = intent.attempt;
  const trouble = inTime(it, cause);
  const delayMs = retryAfterTrouble(it, trouble);
  const error = errorOf(it, trouble);
  return finish(trouble, {
    settled: true,
    record: {
      provisioningState: isTerminal(trouble.reason) ? 'Failed' : 'Pending',
      snapshotID: null,
      error,
      operation: operationOf(it, {
        attempts,
        ...(delayMs === undefined ? {} : { nextAttemptAt: timestamp(facts.now + delayMs) }),
      }),
    },
    ...(delayMs === undefined ? {} : { requeueAfterMs: delayMs }),
  });
}

/** The trouble, or where it comes after the deadline, that this was missed: nothing is tried again then. */
export function inTime<O extends ManagedObject, N>(it: UnderWay<O, N>, trouble: Trouble): Trouble {
  if (isTerminal(trouble.reason) || !isOver(it, it.intent)) return trouble;
  const { deadlineMs } = it.policy.deadlines(it.facts.object);
  return {
    reason: 'DeadlineExceeded',
    message: `not done within spec.deadline (${formatDuration(deadlineMs)}) of ${it.intent.startedAt}; the last trouble was: ${trouble.message}. Make a new object`,
    vendorCode: trouble.vendorCode,
  };
}

/** Milliseconds until another attempt; undefined when there is to be none. */
function retryAfterTrouble<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  trouble: Trouble,
): number | undefined {
  const { facts, intent } = it;
  if (isTerminal(trouble.reason)) return undefined;
  switch (trouble.reason) {
    case 'UnsupportedByProvider':
      return undefined;
    case 'SnapshotLimitReached':
    case 'QuotaExceeded':
      return limitRetryMs;
    default:
      return Math.max(trouble.afterMs ?? 0, retryDelayMs(facts.settings, intent.attempt, facts.random));
  }
}

/** What is said of circumstances, and no longer holds when they have passed. */
const circumstances: ReadonlySet<Reason> = new Set<Reason>([
  'Paused',
  'WaitingForProvider',
  'ReferenceNotFound',
  'ProviderChanged',
]);

/** The last attempt is settled as not made, and another one may follow. */
export function tryAgain<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
  const { facts, policy, recorded, intent } = it;
  if (isPaused(facts.object)) return finish(paused);
  const { error, operation } = recorded;
  if (isOver(it, intent)) {
    const trouble = inTime(it, {
      reason: 'ProgressingWithRetry',
      message: error?.message ?? 'it was not its turn',
      vendorCode: error?.vendorCode ?? '',
    });
    return finish(trouble, { record: { provisioningState: 'Failed', error: errorOf(it, trouble) } });
  }
  const next = operation?.nextAttemptAt ?? timestamp(facts.now);
  const waitMs = Date.parse(next) - facts.now;
  if (waitMs > 0 && !isAskedToLook(facts.object)) {
    const rest = { requeueAfterMs: Math.min(waitMs, leftToDeadlineMs(it, intent) + 1) };
    if (recorded.reason === undefined || !circumstances.has(recorded.reason))
      return { do: 'Finish', ...rest };
    // What stood in the way is over: say again what is being waited for.
    const reason = error === undefined ? 'Queued' : (error.reason as Reason);
    return finish({ reason, message: error?.message ?? `the next attempt is due at ${next}` }, rest);
  }
  const connected = readyConnection(it);
  if ('do' in connected) return connected;
  // Resolved and checked anew: the collection may be another by now, the access revoked, the annotation edited.
  const preparation = policy.prepare(facts);
  if ('next' in preparation) return preparation.next;
  const endsInMs = leftToDeadlineMs(it, intent) + 1;
  if ('wait' in preparation || 'refuse' in preparation) {
    const verdict = 'wait' in preparation ? preparation.wait : preparation.refuse;
    return finish(verdict, { ...requeue(preparation.requeueAfterMs), endsInMs });
  }
  const { step, target } = preparation.ready;
  const { attempt, startedAt } = intent;
  return nextAttempt(it, connected, { step, target, attempt: attempt + 1, startedAt });
}

/** (b) of the protocol, when it is this object's turn. */
export function nextAttempt<O extends ManagedObject, N>(
  it: Case<O, N>,
  provider: AnyProvider,
  attempt: { step: 'Create' | 'Adopt'; target: SnapshotTarget; attempt: number; startedAt: string },
): Step {
  const { facts, policy } = it;
  const { cluster } = facts.settings;
  const { uid } = facts.object.metadata;
  const base = { uid, endpointID: provider.endpointID, correlationID: facts.correlationID, ...attempt };
  if (attempt.step === 'Adopt') return { do: 'WriteIntent', intent: base };
  const target = { ...attempt.target, name: markedName({ cluster, uid, attempt: attempt.attempt }) };
  const turn = policy.turn(facts, target);
  if ('wait' in turn)
    return finish(
      turn.wait,
      turn.requeueAfterMs === undefined ? {} : { requeueAfterMs: turn.requeueAfterMs },
    );
  return { do: 'WriteIntent', intent: { ...base, target }, lane: turn.lane, limit: turn.limit };
}

/**
 * Nobody recorded what came of the attempt: look for its mark until it is found, or proved not to have been made.
 *
 * @param failed why it is known to have failed, where only what it left behind is looked for
 */
export function settle<O extends ManagedObject, N>(it: UnderWay<O, N>, failed?: Trouble): Step {
  const { facts, policy, recorded, intent, provider } = it;
  const { lookUp, containerGone } = facts.seen;
  const { containerID } = intent.target;
  if (lookUp === undefined) return { do: 'LookUp', containerID, fresh: true };
  let present: Snapshot[] = [];
  if (succeeded(lookUp.outcome)) {
    present = lookUp.outcome.value;
  } else {
    if (lookUp.outcome.kind === 'NotFound' && containerGone === undefined)
      return { do: 'ProveContainerGone', containerID };
    const gone = containerGone !== undefined && succeeded(containerGone) && containerGone.value;
    if (!gone)
      return stillUnknown(
        it,
        troubleOf(lookUp.outcome, `finding out whether the ${policy.noun(facts)} was made`),
      );
  }
  const marked = ours(it, present);
  if (marked.length > 0) return follow(it, best(marked).id, best(marked));

  // The vendor's own record of the attempt, where it keeps one, has its word too.
  const token = failed === undefined ? attemptToken(it) : undefined;
  if (token !== undefined) {
    const { operation } = facts.seen;
    if (operation === undefined) return { do: 'ReadOperation', token };
    const what = `what came of attempt ${intent.attempt}`;
    if (!succeeded(operation)) {
      // Without the right to read its records, the look-ups alone must do.
      if (operation.kind !== 'Denied') return stillUnknown(it, troubleOf(operation, `reading ${what}`));
    } else if (operation.value.state === 'Running') {
      const message = `the vendor is still at work on attempt ${intent.attempt}`;
      return stillUnknown(it, { reason: 'ProgressingWithRetry', message, vendorCode: '' });
    } else if (operation.value.state === 'Failed') {
      return settle(it, whyFailed(it, what));
    }
  }

  if (facts.unknown === undefined || !isSettledAsNotMade(facts.unknown, provider)) {
    const message =
      failed === undefined
        ? `the outcome of attempt ${intent.attempt} is not known yet; looking for ${intent.target.name} before anything is sent again`
        : `${failed.message}; looking for what it may have left`;
    return stillUnknown(it, { reason: 'ProgressingWithRetry', message, vendorCode: '' });
  }
  if (failed !== undefined) return refused(it, failed);
  const { error } = recorded;
  if (error !== undefined && isTerminal(error.reason)) {
    return finish(
      { reason: error.reason as Reason, message: error.message },
      {
        settled: true,
        record: {
          provisioningState: 'Failed',
          snapshotID: null,
          operation: operationOf(it, { attempts: intent.attempt }),
        },
      },
    );
  }
  if (isOver(it, intent)) {
    const message = `attempt ${intent.attempt} made nothing, which is proved now`;
    return refused(it, { reason: 'ProgressingWithRetry', message, vendorCode: '' });
  }
  return finish(
    {
      reason: 'ProgressingWithRetry',
      message: `attempt ${intent.attempt} made nothing, which is proved now; trying again`,
    },
    {
      settled: true,
      record: {
        provisioningState: 'Pending',
        snapshotID: null,
        operation: operationOf(it, { attempts: intent.attempt, nextAttemptAt: timestamp(facts.now) }),
      },
      requeueAfterMs: 0,
    },
  );
}

function stillUnknown<O extends ManagedObject, N>(it: UnderWay<O, N>, trouble: Trouble): Step {
  const { facts, intent, provider } = it;
  const soon =
    facts.unknown === undefined
      ? facts.settings.pollIntervalMs
      : nextLookUpMs(facts.unknown, provider, facts.monotonic);
  if (!isOver(it, intent)) return finish(trouble, { requeueAfterMs: Math.max(soon, trouble.afterMs ?? 0) });
  return finish(
    {
      reason: 'OutcomeUnknown',
      message: `whether ${intent.target.name} was made could not be found out in time: ${trouble.message}. Keyframe goes on looking slowly and makes nothing anew`,
    },
    { requeueAfterMs: Math.max(lateLookMs, trouble.afterMs ?? 0) },
  );
}

/** Why the vendor failed, by its record of the attempt where it keeps one. */
export function whyFailed<O extends ManagedObject, N>(it: UnderWay<O, N>, what: string): Trouble {
  const { operation } = it.facts.seen;
  const failure = operation !== undefined && succeeded(operation) ? operation.value.failure : undefined;
  if (failure !== undefined) return troubleOf(failure, what);
  return {
    reason: 'ProgressingWithRetry',
    message: `${what}: the vendor calls it failed and gives no cause`,
    vendorCode: '',
  };
}

import { settledWords, timestamp, type Verdict } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import type { KubernetesObject } from '../../api/kubernetes-object.ts';
import { annotations, finalizer } from '../../api/names.ts';
import { type Reason, reasons } from '../../api/reasons.ts';
import type { Operation } from '../../api/v1alpha1/common.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import { sameID } from '../../providers/ids.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotRef, SnapshotTarget } from '../../providers/provider.ts';
import { bearsMark, type Intent, markedName, readIntent } from '../intent.ts';
import { type ProviderState, waitingForProvider } from '../provider-registry.ts';
import { pollDelayMs, retryDelayMs } from '../settings.ts';
import { type Trouble, troubleOf, vendorWords } from '../trouble.ts';
import { isSettledAsNotMade, nextLookUpMs } from '../unknown-outcomes.ts';
import { decideDeletion } from './decide-deletion.ts';
import { decideWatch } from './decide-watch.ts';
import type { Facts, Finish, KindPolicy, ManagedObject, RecordChange, Recorded, Step } from './facts.ts';
import { thawFirst } from './thaw.ts';

/** A limit of the vendor is tried again this slowly: room comes by people's hands. */
const limitRetryMs = 3_600_000;
/** What is past its deadline is looked at this slowly. */
const lateLookMs = 600_000;
/** What cannot be read is tried at least this often. */
const longestTroublePollMs = 300_000;
/** An operation in flight is looked at least this often. */
const longestCreatePollMs = 60_000;

/** Everything that one decision works with. */
export interface Case<O extends ManagedObject, N> {
  facts: Facts<O, N>;
  policy: KindPolicy<O, N>;
  recorded: Recorded;
}

/** As `Case`, once an intent was written and the connection is there. */
export interface UnderWay<O extends ManagedObject, N> extends Case<O, N> {
  intent: Intent<SnapshotTarget>;
  provider: AnyProvider;
}

/**
 * The one next step for an object. The order of the questions is the order in which reasons take precedence.
 */
export function decide<O extends ManagedObject, N>(facts: Facts<O, N>, policy: KindPolicy<O, N>): Step {
  const it = { facts, policy, recorded: policy.recorded(facts.object) };
  return thawFirst(it, intentOf(it), withoutThaw(it));
}

function withoutThaw<O extends ManagedObject, N>(it: Case<O, N>): Step {
  const { facts, recorded } = it;
  if (facts.object.metadata.deletionTimestamp !== undefined) return decideDeletion(it);
  const intent = intentOf(it);
  if (intent === undefined) return begin(it);

  // What failed for good stays as it is, whatever becomes of the provider.
  if (isFinal(recorded, intent)) return { do: 'Finish', current: true };
  // A tool that replaces the object takes finalizer and intent along; without them its end would leave an orphan.
  const protectedNow = facts.object.metadata.finalizers?.includes(finalizer) === true;
  if (!protectedNow || readIntent(facts.object) === undefined) return { do: 'Protect', intent };
  const ended = recorded.reason !== undefined && isTerminal(recorded.reason);
  const settled = recorded.completionTime !== undefined || ended || isOver(it, intent);
  const provider = connection(it, settled);
  if ('do' in provider) return provider;
  if (provider.endpointID !== intent.endpointID) return providerChanged(intent, provider);
  const underWay = { ...it, intent, provider };
  return recorded.completionTime !== undefined ? decideWatch(underWay) : carryOn(underWay);
}

/**
 * The intent of the object. Where the annotation was taken away by hand or by a tool, what the status recorded
 * stands for it: what was made must neither be made again nor be forgotten.
 */
export function intentOf<O extends ManagedObject, N>({
  facts,
  recorded,
}: Case<O, N>): Intent<SnapshotTarget> | undefined {
  const { object, settings } = facts;
  const written = readIntent<SnapshotTarget>(object);
  const { snapshotID, endpointID, operation, location, vmLocation, vmUID, copyOf, containerID, name } =
    recorded;
  if (
    written !== undefined ||
    snapshotID === undefined ||
    endpointID === undefined ||
    containerID === undefined ||
    name === undefined
  )
    return written;
  const { uid, creationTimestamp } = object.metadata;
  const made = bearsMark(name, settings.cluster, uid);
  return {
    uid,
    endpointID,
    attempt: (operation?.attempts ?? 0) + 1,
    correlationID: facts.correlationID,
    step: made ? 'Create' : 'Adopt',
    startedAt: operation?.startedAt ?? creationTimestamp,
    target: {
      containerID,
      name,
      location: location ?? '',
      ...(vmLocation === undefined ? {} : { vmLocation }),
      ...(vmUID === undefined ? {} : { vmUID }),
      ...(copyOf === undefined ? {} : { copyOf }),
      ...(recorded.heldBy === undefined ? {} : { ...recorded.heldBy, exclusive: true }),
      ...(made ? {} : { existingID: snapshotID }),
    },
  };
}

/** No attempt was begun yet: resolve, check, wait for the turn, and write the intent. */
function begin<O extends ManagedObject, N>(it: Case<O, N>): Step {
  const { facts, policy, recorded } = it;
  if (recorded.reason !== undefined && isTerminal(recorded.reason)) return { do: 'Finish', current: true };
  if (isPaused(facts.object)) return finish(paused);

  const { startDeadlineMs } = policy.deadlines(facts.object);
  const leftMs = Date.parse(facts.object.metadata.creationTimestamp) + startDeadlineMs - facts.now;
  if (leftMs <= 0) {
    const why = recorded.reason === undefined ? '' : `; the last reason was ${recorded.reason}`;
    return finish({
      reason: 'DeadlineExceeded',
      message: `did not begin within spec.startDeadline (${formatDuration(startDeadlineMs)})${why}. Nothing was made. Make a new object`,
    });
  }
  const connected = readyConnection(it);
  // What was found to be wrong with the spec stays wrong while the provider is in trouble.
  if ('do' in connected && recorded.reason !== undefined && reasons[recorded.reason]?.reads === 'Failed')
    return { do: 'Finish', endsInMs: leftMs };
  // While it is not known which provider it goes by, the preparation says why.
  if ('do' in connected && policy.providerRef(facts.object, facts.neighbours) !== undefined)
    return { ...connected, endsInMs: leftMs };

  const preparation = policy.prepare(facts);
  if ('next' in preparation) return preparation.next;
  if ('wait' in preparation || 'refuse' in preparation) {
    const verdict = 'wait' in preparation ? preparation.wait : preparation.refuse;
    return finish(verdict, { ...requeue(preparation.requeueAfterMs), endsInMs: leftMs });
  }
  if ('do' in connected) return connected;
  const { target, step } = preparation.ready;
  // Where the annotation was taken away, what the status counted goes on.
  const { attempts = 0, startedAt = timestamp(facts.now) } = recorded.operation ?? {};
  return nextAttempt(it, connected, { step, target, attempt: attempts + 1, startedAt });
}

/** An intent was written: find out what came of it, and bring it to its end. */
function carryOn<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
  const { facts, recorded, intent } = it;
  const { seen } = facts;
  if (intent.step === 'Adopt') {
    const adopted = recorded.snapshotID ?? (seen.intentWritten ? intent.target.existingID : undefined);
    // An annotation can be written by whoever can edit the object: what it says counts only once the checks have
    // been passed in this very run, or what came of them is in the status, which only the operator writes.
    return adopted === undefined ? begin(it) : follow(it, adopted);
  }
  if (seen.created !== undefined) return afterCreate(it, seen.created);
  if (seen.intentWritten) return beforeSend(it);
  if (recorded.snapshotID !== undefined) return follow(it, recorded.snapshotID);
  if (attemptsSettled(recorded) >= intent.attempt) return tryAgain(it);
  return settle(it);
}

/** (c) and (d) of the protocol: look for the mark, first attempt or not, and send. */
function beforeSend<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
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
function afterCreate<O extends ManagedObject, N>(
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
function refused<O extends ManagedObject, N>(it: UnderWay<O, N>, cause: Trouble): Step {
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
function inTime<O extends ManagedObject, N>(it: UnderWay<O, N>, trouble: Trouble): Trouble {
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
function tryAgain<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
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
function nextAttempt<O extends ManagedObject, N>(
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
function settle<O extends ManagedObject, N>(it: UnderWay<O, N>, failed?: Trouble): Step {
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

/** The vendor took the request, or has it already: watch it to its end. */
function follow<O extends ManagedObject, N>(it: UnderWay<O, N>, id: string, known?: Snapshot): Step {
  const { facts, policy, intent } = it;
  const view = policy.view(facts, intent.target);
  // A list carries no costly view, and of an engine no disks: what needs them is read by itself.
  const costly = view.progress === true || view.configuration === true || intent.target.exclusive === true;
  const listed = known !== undefined && !(known.state === 'Succeeded' && costly) ? known : undefined;
  const outcome: Outcome<Snapshot> | undefined =
    facts.seen.snapshot ?? (listed && { kind: 'Done', value: listed });
  if (outcome === undefined) return { do: 'ReadSnapshot', ref: refOf(it, id), view };
  if (known !== undefined && outcome.kind === 'NotFound') {
    // A list has it, the read of it not, or not yet: what was seen is not given up for that.
    if (listed !== undefined) return byState(it, listed);
    const message = `${known.name} is listed, but cannot be read yet`;
    const delayMs = pollDelayMs(facts.settings, ageMs(it), longestCreatePollMs, facts.random);
    return waitOn(it, { reason: 'Provisioning', message }, known, delayMs);
  }
  if (succeeded(outcome)) {
    const another = anotherOne(it, outcome.value);
    return another === undefined ? byState(it, outcome.value) : vanished(it, another);
  }
  if (outcome.kind === 'NotFound') {
    const proof = outcome.what === 'Object' ? 'absent' : provedAbsent(it, id);
    if (typeof proof !== 'string') return proof;
    if (proof === 'absent') return vanished(it, outcome);
  }
  const trouble = troubleOf(outcome, `reading the ${policy.noun(facts)} ${intent.target.name}`);
  const delayMs = pollDelayMs(facts.settings, ageMs(it), longestTroublePollMs, facts.random);
  return waitOn(it, trouble, undefined, Math.max(trouble.afterMs ?? 0, delayMs));
}

/** A 404 that need not mean this very snapshot: a complete list of its container, or the proof that this is gone, does. */
function provedAbsent<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  id: string,
): Step | 'absent' | 'unproven' {
  const { lookUp, containerGone } = it.facts.seen;
  const { containerID } = it.intent.target;
  if (lookUp === undefined) return { do: 'LookUp', containerID, fresh: true };
  if (succeeded(lookUp.outcome))
    return lookUp.outcome.value.some((present) => sameID(present.id, id)) ? 'unproven' : 'absent';
  if (lookUp.outcome.kind !== 'NotFound') return 'unproven';
  if (containerGone === undefined) return { do: 'ProveContainerGone', containerID };
  return succeeded(containerGone) && containerGone.value ? 'absent' : 'unproven';
}

function byState<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
  const { facts } = it;
  switch (snapshot.state) {
    case 'Succeeded':
      return finishedAtVendor(it, snapshot);
    case 'Failed':
      return failedAtVendor(it, snapshot);
    case 'Deleting':
      return waitOn(
        it,
        { reason: 'ConcurrentOperation', message: `${snapshot.name} is being removed at the vendor` },
        snapshot,
        pollDelayMs(facts.settings, 0, 0, facts.random),
      );
    case 'Creating':
    case 'Locked':
    case 'Unrecognised':
      return unfinished(it, snapshot);
  }
}

/**
 * It is not made yet. SPF's checkpoints have no state of their own, so that only the record of the attempt tells
 * that it failed, and how far it is (SPF sheet, section 3); what is locked does not go before its lock.
 */
function unfinished<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
  const { facts, policy, recorded } = it;
  const token = snapshot.state === 'Locked' ? undefined : attemptToken(it);
  if (token !== undefined) {
    const { operation } = facts.seen;
    if (recorded.provisioningState === 'Failed' && recorded.error !== undefined)
      return failedAtVendor(it, snapshot);
    if (operation === undefined) return { do: 'ReadOperation', token: recorded.operation?.token ?? token };
    if (succeeded(operation) && operation.value.state === 'Failed') return failedAtVendor(it, snapshot);
  }
  return waitOn(
    it,
    {
      reason: 'Provisioning',
      message: `the vendor is making the ${policy.noun(facts)} ${snapshot.name}`,
    },
    snapshot,
    pollDelayMs(facts.settings, ageMs(it), longestCreatePollMs, facts.random),
  );
}

/** The vendor calls it finished, which need not mean that it can be used. */
function finishedAtVendor<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
  const { facts, policy, intent } = it;
  const stranger = intent.step === 'Create' ? strangeVM(intent.target, snapshot) : undefined;
  if (stranger !== undefined) return unfit(it, snapshot, stranger);
  const doubt = vendorsWord(it, snapshot);
  if (doubt !== undefined) return doubt;
  const assessment = policy.assess(facts, intent.target, snapshot);
  if (assessment.is === 'Ready')
    return policy.epilogue(facts, snapshot) ?? complete(it, snapshot, assessment.verdict);
  if (assessment.is === 'Unfit') return unfit(it, snapshot, assessment.verdict);
  const delayMs = pollDelayMs(facts.settings, ageMs(it), assessment.longestPollMs, facts.random);
  return waitOn(it, assessment.verdict, snapshot, delayMs);
}

/** Keeps watching, until the deadline with the reason given, and slowly after it. */
function waitOn<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  verdict: Verdict,
  snapshot: Snapshot | undefined,
  delayMs: number,
): Step {
  const { facts, recorded } = it;
  const over = overdue(it);
  const cleaning = recorded.provisioningState === 'Failed' && recorded.error !== undefined;
  const operation = recorded.operation;
  // The vendor's own operation is over, though the data may still be on its way: its handle is a signed URL. Where
  // success needs the word of the operation, the handle is kept until that is heard.
  const ended =
    snapshot?.state === 'Succeeded' && operation?.token !== undefined && attemptToken(it) === undefined;
  const record: RecordChange = {
    ...(snapshot === undefined ? {} : { snapshotID: snapshot.id }),
    ...(ended ? { operation: { ...operation, token: undefined } } : {}),
    ...(cleaning ? {} : { provisioningState: stateNow(recorded, snapshot) }),
  };
  if (cleaning) return { do: 'Finish', requeueAfterMs: Math.max(delayMs, cleaningDelayMs(it)), record };
  const shown = snapshot === undefined ? {} : { snapshot };
  if (over === undefined)
    return finish(verdict, { record, requeueAfterMs: delayMs, ...shown, settled: true });
  return finish(over, {
    record: { ...record, error: errorOf(it, { ...over, vendorCode: '' }) },
    requeueAfterMs: Math.max(Math.min(lateLookMs, facts.settings.driftIntervalMs), delayMs),
    ...shown,
    settled: true,
  });
}

/** A look that showed nothing takes nothing back of what was seen. */
function stateNow(recorded: Recorded, snapshot: Snapshot | undefined): 'Succeeded' | 'Creating' {
  if (snapshot === undefined) return recorded.provisioningState === 'Succeeded' ? 'Succeeded' : 'Creating';
  return snapshot.state === 'Succeeded' ? 'Succeeded' : 'Creating';
}

/** It is ready; first make sure that no other attempt of this object left a second one. */
function complete<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  snapshot: Snapshot,
  verdict: Verdict,
): Step {
  const { facts, policy, intent } = it;
  if (intent.step === 'Create' && intent.attempt > 1) {
    const { lookUp, removed } = facts.seen;
    if (lookUp === undefined) return { do: 'LookUp', containerID: intent.target.containerID, fresh: true };
    if (!succeeded(lookUp.outcome)) {
      const trouble = troubleOf(lookUp.outcome, `looking for a second ${policy.noun(facts)} of this object`);
      return waitOn(it, trouble, snapshot, Math.max(trouble.afterMs ?? 0, facts.settings.pollIntervalMs));
    }
    const [second] = ours(it, lookUp.outcome.value).filter(
      (other) => !sameID(other.id, snapshot.id) && other.state !== 'Deleting',
    );
    if (second !== undefined) {
      if (removed === undefined) return removal(it, second);
      if (!succeeded(removed.outcome) && removed.outcome.kind !== 'Unknown') {
        const trouble = troubleOf(removed.outcome, `removing ${second.name}, the second of this object`);
        return waitOn(it, trouble, snapshot, Math.max(trouble.afterMs ?? 0, longestCreatePollMs));
      }
      const message = `two attempts of this object left a ${policy.noun(facts)} each; ${snapshot.name} is kept, ${second.name} is removed`;
      return finish(
        { reason: 'ProgressingWithRetry', message },
        {
          snapshot,
          record: { snapshotID: snapshot.id },
          requeueAfterMs: facts.settings.pollIntervalMs,
          events: [{ type: 'Warning', reason: 'DuplicateRemoved', note: message }],
        },
      );
    }
  }
  return finish(verdict, {
    snapshot,
    settled: true,
    looked: true,
    record: {
      provisioningState: 'Succeeded',
      readyToUse: true,
      snapshotID: snapshot.id,
      completedAt: facts.now,
      operation: null,
      error: null,
    },
    requeueAfterMs: facts.settings.driftIntervalMs,
  });
}

/** What the vendor finished will not do: it is removed, unless it was not made by us. */
function unfit<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot, found: Verdict): Step {
  const { facts, intent } = it;
  if (intent.step === 'Create' && facts.seen.removed === undefined) return removal(it, snapshot);
  const verdict = { ...found, message: `${found.message}${removalTrouble(it)}` };
  return finish(verdict, {
    snapshot,
    settled: true,
    record: {
      provisioningState: 'Failed',
      readyToUse: false,
      snapshotID: snapshot.id,
      error: errorOf(it, { ...verdict, vendorCode: '' }),
    },
    ...(intent.step === 'Create' ? { requeueAfterMs: cleaningDelayMs(it) } : {}),
  });
}

/** The vendor says Failed: learn why, remove what it left, and judge whether another attempt is worth it. */
function failedAtVendor<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
  const { facts, policy, recorded, intent } = it;
  if (intent.step === 'Adopt') {
    const message = `the vendor calls ${snapshot.name} failed; a VM cannot be restored from it. It is left as it is`;
    return finish(
      { reason: 'CreationFailed', message },
      { snapshot, record: { provisioningState: 'Failed', readyToUse: false, snapshotID: snapshot.id } },
    );
  }
  const known = recorded.provisioningState === 'Failed' && recorded.error !== undefined;
  const torn = known ? undefined : tornReplication(it, snapshot);
  if (torn !== undefined) return unfit(it, snapshot, torn);
  const token = recorded.operation?.token ?? attemptToken(it);
  if (!known && token !== undefined && facts.seen.operation === undefined)
    return { do: 'ReadOperation', token };
  if (facts.seen.removed === undefined) return removal(it, snapshot);
  const delayMs = cleaningDelayMs(it);
  if (known) return { do: 'Finish', requeueAfterMs: delayMs };
  const why = inTime(it, whyFailed(it, `making the ${policy.noun(facts)} ${snapshot.name}`));
  const trouble = { ...why, message: `${why.message}${removalTrouble(it)}` };
  return finish(trouble, {
    snapshot,
    settled: true,
    record: {
      provisioningState: 'Failed',
      readyToUse: false,
      snapshotID: snapshot.id,
      error: errorOf(it, trouble),
    },
    requeueAfterMs: delayMs,
  });
}

/** Why the data cannot arrive in the other region, if that is what failed: a failed disk may fail the whole point. */
function tornReplication<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  snapshot: Snapshot,
): Verdict | undefined {
  const { facts, policy, recorded, intent } = it;
  if (policy.view(facts, intent.target).progress !== true) return undefined;
  const assessment = policy.assess(facts, intent.target, snapshot);
  if (assessment.is === 'Unfit' && assessment.verdict.reason === 'ReplicationFailed')
    return assessment.verdict;
  // Once it was made, all that is left to fail is the data on its way.
  if (recorded.provisioningState !== 'Succeeded') return undefined;
  return {
    reason: 'ReplicationFailed',
    message: `the data of ${snapshot.name} could not be copied, and the vendor does not say why; it is removed. Make a new object`,
  };
}

/** What the vendor said to the removal, where it refused it: the leftover stays until that is mended. */
function removalTrouble<O extends ManagedObject, N>(it: UnderWay<O, N>): string {
  const outcome = it.facts.seen.removed?.outcome;
  if (
    outcome === undefined ||
    succeeded(outcome) ||
    outcome.kind === 'Unknown' ||
    outcome.kind === 'NotFound'
  )
    return '';
  return `. Its removal was refused and is tried again (${vendorWords(outcome.error)})`;
}

/** Until the next look at what is being removed: the longer it takes, the longer. */
function cleaningDelayMs<O extends ManagedObject, N>(it: UnderWay<O, N>): number {
  const { facts, recorded } = it;
  const { removed } = facts.seen;
  const askedMs =
    removed?.outcome.kind === 'Pending' || removed?.outcome.kind === 'Throttled'
      ? removed.outcome.afterMs
      : 0;
  const cleaning = recorded.provisioningState === 'Failed' && recorded.error !== undefined;
  const sinceMs = cleaning ? facts.now - Date.parse(recorded.error?.time ?? '') : 0;
  return Math.max(askedMs ?? 0, pollDelayMs(facts.settings, sinceMs || 0, lateLookMs, facts.random));
}

function whyFailed<O extends ManagedObject, N>(it: UnderWay<O, N>, what: string): Trouble {
  const { operation } = it.facts.seen;
  const failure = operation !== undefined && succeeded(operation) ? operation.value.failure : undefined;
  if (failure !== undefined) return troubleOf(failure, what);
  return {
    reason: 'ProgressingWithRetry',
    message: `${what}: the vendor calls it failed and gives no cause`,
    vendorCode: '',
  };
}

/** It was accepted, or seen, and is not there. */
function vanished<O extends ManagedObject, N>(it: UnderWay<O, N>, absent: Failure): Step {
  const { facts, policy, recorded, intent } = it;
  if (intent.step === 'Adopt')
    return finish(troubleOf(absent, `adopting ${intent.target.name}`), {
      requeueAfterMs: facts.settings.driftIntervalMs,
    });

  const { error } = recorded;
  if (recorded.provisioningState === 'Failed' && error !== undefined) {
    // What had failed is removed: the attempt is settled.
    const trouble: Trouble = {
      reason: error.reason as Reason,
      message: error.message,
      vendorCode: error.vendorCode ?? '',
    };
    return refused(it, trouble);
  }
  const token = recorded.operation?.token ?? attemptToken(it);
  if (token !== undefined && facts.seen.operation === undefined) return { do: 'ReadOperation', token };
  const { operation } = facts.seen;
  if (operation !== undefined && succeeded(operation)) {
    // What a failed operation leaves behind may show late, and nobody would look for it any more.
    if (operation.value.state === 'Failed')
      return settle(it, whyFailed(it, `making the ${policy.noun(facts)} ${intent.target.name}`));
    if (operation.value.state === 'Running') {
      return waitOn(
        it,
        {
          reason: 'Provisioning',
          message: `the vendor is making the ${policy.noun(facts)} ${intent.target.name}, which does not show yet`,
        },
        undefined,
        pollDelayMs(facts.settings, ageMs(it), longestCreatePollMs, facts.random),
      );
    }
  }
  return settle(it);
}

// ---------------------------------------------------------------------------------------------------------------

/** The verdict on paused objects. */
export const paused: Verdict = {
  reason: 'Paused',
  message: 'new work is stopped by the annotation keyframe.dev/paused',
};

export function isPaused(object: KubernetesObject): boolean {
  return isSet(object, annotations.paused);
}

/** Whether a brake is on. Any value but "false" counts: who writes "yes" means it. */
export function isSet(object: KubernetesObject, annotation: string): boolean {
  const value = object.metadata.annotations?.[annotation];
  return value !== undefined && value.toLowerCase() !== 'false';
}

export function isTerminal(reason: string): boolean {
  return Object.hasOwn(reasons, reason) && 'terminal' in reasons[reason as Reason];
}

export function finish(verdict: Verdict, rest: Omit<Finish, 'do' | 'verdict'> = {}): Finish {
  const { reason, message, also } = verdict;
  return {
    do: 'Finish',
    verdict: also === undefined ? { reason, message } : { reason, message, also },
    ...rest,
  };
}

/** The connection through which what is under way goes on, whether the provider is Ready or not. */
export function connection<O extends ManagedObject, N>(
  it: Case<O, N>,
  settled: boolean,
): AnyProvider | Finish {
  const state = it.facts.provider;
  if ((state.state === 'Ready' || state.state === 'NotReady') && state.provider !== undefined)
    return state.provider;
  // Trouble of a provider never changes a settled object, and an untried one is no trouble at all.
  if (settled || state.state === 'Untried') return { do: 'Finish' };
  return finish(waitingFor(it, state));
}

/** The connection for new work, for which the provider must be Ready. */
function readyConnection<O extends ManagedObject, N>(it: Case<O, N>): AnyProvider | Finish {
  const state = it.facts.provider;
  if (state.state === 'Ready') return state.provider;
  if (state.state === 'Untried') return { do: 'Finish' };
  return finish(waitingFor(it, state));
}

function waitingFor<O extends ManagedObject, N>(
  { facts, policy }: Case<O, N>,
  state: Exclude<ProviderState, { state: 'Untried' }>,
): Verdict {
  return waitingForProvider(policy.providerRef(facts.object, facts.neighbours), state);
}

export function providerChanged(intent: Intent<SnapshotTarget>, provider: AnyProvider): Finish {
  return finish({
    reason: 'ProviderChanged',
    message: `this was begun on ${intent.endpointID}, and the provider now names ${provider.endpointID}. Point the provider at the former again; nothing is concluded from the latter`,
  });
}

/** Those of a list that bear this object's mark. */
export function ours<O extends ManagedObject, N>(it: Case<O, N>, present: Snapshot[]): Snapshot[] {
  const { cluster } = it.facts.settings;
  return present.filter((snapshot) => bearsMark(snapshot.name, cluster, it.facts.object.metadata.uid));
}

/** How a snapshot is addressed. */
export function refOf<O extends ManagedObject, N>({ intent }: UnderWay<O, N>, id: string): SnapshotRef {
  return { id, containerID: intent.target.containerID };
}

/** The token of the attempt of the intent, where the vendor keeps a record of it. */
function attemptToken<O extends ManagedObject, N>({ intent, provider }: UnderWay<O, N>): string | undefined {
  return intent.step === 'Create' ? provider.attemptToken(intent.target, intent.correlationID) : undefined;
}

/**
 * Why what stands under the id now is not this object's: ids are given again (oVirt sheet, section 6), so that
 * the mark counts, and of an adopted one the fingerprint.
 */
export function anotherOne<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  snapshot: Snapshot,
): Extract<Failure, { kind: 'NotFound' }> | undefined {
  const { intent, recorded } = it;
  const same =
    intent.step === 'Create'
      ? ours(it, [snapshot]).length > 0
      : recorded.fingerprint === undefined ||
        snapshot.fingerprint === undefined ||
        recorded.fingerprint === snapshot.fingerprint;
  if (same) return undefined;
  const message = `the vendor has another snapshot under the id ${snapshot.id} now`;
  return { kind: 'NotFound', what: 'Object', error: { code: 'AnotherSnapshot', message } };
}

/** What the vendor's own record of the attempt says against calling it finished; undefined when nothing. */
function vendorsWord<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step | undefined {
  const { facts, policy, recorded } = it;
  const token = attemptToken(it);
  if (token === undefined) return undefined;
  // It was found to have failed, and what it left is on its way out.
  if (recorded.provisioningState === 'Failed' && recorded.error !== undefined)
    return failedAtVendor(it, snapshot);
  const { operation } = facts.seen;
  if (operation === undefined) return { do: 'ReadOperation', token: recorded.operation?.token ?? token };
  const delayMs = pollDelayMs(facts.settings, ageMs(it), longestCreatePollMs, facts.random);
  if (!succeeded(operation)) {
    if (operation.kind === 'Denied') return undefined;
    const trouble = troubleOf(operation, `reading what came of the ${policy.noun(facts)} ${snapshot.name}`);
    return waitOn(it, trouble, snapshot, Math.max(trouble.afterMs ?? 0, delayMs));
  }
  if (operation.value.state === 'Failed') return failedAtVendor(it, snapshot);
  if (operation.value.state !== 'Running') return undefined;
  const message = `the vendor is making the ${policy.noun(facts)} ${snapshot.name}`;
  return waitOn(it, { reason: 'Provisioning', message }, snapshot, delayMs);
}

/** The removal of something of this object, when the VM is free for it. */
function removal<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
  const { facts, policy, intent } = it;
  const turn = policy.removalTurn(facts, intent.target);
  const ref = refOf(it, snapshot.id);
  if (turn === undefined) return { do: 'Remove', ref };
  if ('lane' in turn) return { do: 'Remove', ref, lane: turn.lane };
  return waitOn(it, turn.wait, snapshot, facts.settings.pollIntervalMs);
}

/** The one to keep: finished before unfinished before failed. */
function best(marked: Snapshot[]): Snapshot {
  const rank = { Succeeded: 0, Creating: 1, Locked: 1, Unrecognised: 2, Deleting: 3, Failed: 4 };
  return marked.reduce((kept, other) => (rank[other.state] < rank[kept.state] ? other : kept));
}

function strangeVM(target: SnapshotTarget, snapshot: Snapshot): Verdict | undefined {
  if (target.copyOf !== undefined || target.vmUID === undefined || snapshot.vmUID === undefined)
    return undefined;
  if (sameID(target.vmUID, snapshot.vmUID)) return undefined;
  return {
    reason: 'CreationFailed',
    message: `the VM was made anew under its name meanwhile (${target.vmUID} became ${snapshot.vmUID}), so this snapshot is not of the VM that was asked for. It is removed. Make a new object`,
  };
}

function attemptsSettled(recorded: Recorded): number {
  return recorded.operation?.attempts ?? 0;
}

/** Whether the last attempt made nothing, and there is to be no other. */
function isFinal(recorded: Recorded, intent: Intent<SnapshotTarget>): boolean {
  if (attemptsSettled(recorded) < intent.attempt) return false;
  const ended = recorded.reason !== undefined && isTerminal(recorded.reason);
  return ended || recorded.operation?.nextAttemptAt === undefined;
}

function operationOf<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  rest: Pick<Operation, 'attempts' | 'token' | 'nextAttemptAt'>,
): Operation {
  return {
    kind: it.intent.target.copyOf === undefined ? 'Create' : 'Copy',
    startedAt: it.intent.startedAt,
    ...rest,
  };
}

function errorOf<O extends ManagedObject, N>(
  it: Case<O, N>,
  trouble: { reason: Reason; message: string; vendorCode: string },
) {
  const { error } = it.recorded;
  const message = settledWords(error?.reason === trouble.reason ? error.message : undefined, trouble.message);
  const same = error !== undefined && error.reason === trouble.reason && error.message === message;
  return {
    reason: trouble.reason,
    message,
    ...(trouble.vendorCode === '' ? {} : { vendorCode: trouble.vendorCode }),
    time: same ? error.time : timestamp(it.facts.now),
  };
}

function leftToDeadlineMs<O extends ManagedObject, N>(
  it: Case<O, N>,
  intent: Intent<SnapshotTarget>,
): number {
  const { facts, policy } = it;
  return Math.max(0, Date.parse(intent.startedAt) + policy.deadlines(facts.object).deadlineMs - facts.now);
}

function requeue(afterMs: number | undefined): { requeueAfterMs?: number } {
  return afterMs === undefined ? {} : { requeueAfterMs: afterMs };
}

/** Whether someone asks, by a new value of the annotation, for a look at once. */
export function isAskedToLook(
  object: KubernetesObject & { status?: { lastHandledReconcileAt?: string } },
): boolean {
  const token = object.metadata.annotations?.[annotations.reconcileAt];
  return token !== undefined && token.slice(0, 256) !== object.status?.lastHandledReconcileAt;
}

function ageMs<O extends ManagedObject, N>(it: UnderWay<O, N>): number {
  return Math.max(0, it.facts.now - Date.parse(it.intent.startedAt));
}

/** Whether the deadline has passed. What was said to be overdue stays so, though the wall clock be put back. */
function isOver<O extends ManagedObject, N>(
  { facts, policy, recorded }: Case<O, N>,
  intent: Intent<SnapshotTarget>,
): boolean {
  if (recorded.reason === 'DeadlineExceeded' || recorded.reason === 'OutcomeUnknown') return true;
  return facts.now > Date.parse(intent.startedAt) + policy.deadlines(facts.object).deadlineMs;
}

/** The verdict once the deadline has passed. */
function overdue<O extends ManagedObject, N>(it: UnderWay<O, N>): (Verdict & { reason: Reason }) | undefined {
  const { policy, facts, intent } = it;
  if (!isOver(it, intent)) return undefined;
  const { deadlineMs } = policy.deadlines(facts.object);
  return {
    reason: 'DeadlineExceeded',
    message: `not done within spec.deadline (${formatDuration(deadlineMs)}) of ${intent.startedAt}. If the vendor still completes it, it becomes ready after all; else make a new object`,
  };
}

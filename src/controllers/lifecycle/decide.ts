import { timestamp } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import { finalizer } from '../../api/names.ts';
import { isTerminal, reasons } from '../../api/reasons.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import { isPaused, paused } from '../annotations.ts';
import { type Intent, readIntent } from '../intent.ts';
import {
  attemptsSettled,
  type Case,
  connection,
  finish,
  intentOf,
  isOver,
  providerChanged,
  readyConnection,
  requeue,
  type UnderWay,
} from './case.ts';
import { afterCreate, beforeSend, nextAttempt, settle, tryAgain } from './decide-attempt.ts';
import { follow } from './decide-creation.ts';
import { decideDeletion } from './decide-deletion.ts';
import { decideWatch } from './decide-watch.ts';
import type { Facts, KindPolicy, ManagedObject, Recorded, Step } from './facts.ts';
import { thawFirst } from './thaw.ts';

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

/** Whether the last attempt made nothing, and there is to be no other. */
function isFinal(recorded: Recorded, intent: Intent<SnapshotTarget>): boolean {
  if (attemptsSettled(recorded) < intent.attempt) return false;
  const ended = recorded.reason !== undefined && isTerminal(recorded.reason);
  return ended || recorded.operation?.nextAttemptAt === undefined;
}

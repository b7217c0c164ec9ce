import { timestamp, type Verdict } from '../../api/conditions.ts';
import { annotations, finalizer } from '../../api/names.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { isAskedToLook } from '../annotations.ts';
import { type Intent, readMark } from '../intent.ts';
import { pollDelayMs, type Settings } from '../settings.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { isSettledAsNotMade, nextLookUpMs } from '../unknown-outcomes.ts';
import {
  anotherOne,
  type Case,
  connection,
  finish,
  intentOf,
  ours,
  providerChanged,
  refOf,
  type UnderWay,
} from './case.ts';
import type { ManagedObject, Step } from './facts.ts';

/**
 * The object is to go: settle what is unknown, remove everything that bears its UID, and let it go when the
 * vendor has shown, in a complete list, that nothing of it is left.
 */
export function decideDeletion<O extends ManagedObject, N>(it: Case<O, N>): Step {
  const { facts, policy, recorded } = it;
  const { object, neighbours } = facts;
  if (!object.metadata.finalizers?.includes(finalizer)) return { do: 'Finish', settled: true };
  const intent = intentOf(it);
  const left = recorded.snapshotID ?? intent?.target.name ?? 'nothing';
  if (object.metadata.annotations?.[annotations.abandon] === object.metadata.uid) {
    return {
      do: 'Release',
      event: {
        type: 'Warning',
        reason: 'Abandoned',
        note: `let go by annotation; left at the vendor: ${left}`,
      },
    };
  }
  if (neighbours.dependents.length > 0) {
    return finish({
      reason: 'DeletionBlocked',
      message: `still read by ${neighbours.dependents.join(', ')}; it goes when they are done or deleted`,
    });
  }
  if (intent === undefined) return { do: 'Release' };
  if (policy.deletionPolicy(object) === 'Retain') {
    return {
      do: 'Release',
      event: {
        type: 'Normal',
        reason: 'Retained',
        note: `deletionPolicy is Retain; left at the vendor: ${left}`,
      },
    };
  }
  const provider = connection(it, false);
  if ('do' in provider) return withoutProvider(it, provider, left);
  if (provider.endpointID !== intent.endpointID) return providerChanged(intent, provider);
  return remove({ ...it, intent, provider });
}

/** No connection: wait for one, but not for ever where the namespace is going and took the credentials along. */
function withoutProvider<O extends ManagedObject, N>(
  it: Case<O, N>,
  waiting: Extract<Step, { do: 'Finish' }>,
  left: string,
): Step {
  const { facts } = it;
  const { state } = facts.provider;
  if (!facts.neighbours.namespaceTerminating || state === 'Untried') return waiting;
  const deletedAt = Date.parse(facts.object.metadata.deletionTimestamp ?? '');
  const leftMs = deletedAt + facts.settings.abandonAfterMs - facts.now;
  if (leftMs > 0) return { ...waiting, requeueAfterMs: Math.min(leftMs, 3_600_000) };
  return {
    do: 'Release',
    event: {
      type: 'Warning',
      reason: 'Abandoned',
      note: `the namespace is going and its credentials are gone (--abandon-after); left at the vendor: ${left}`,
    },
  };
}

function remove<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
  const { facts, policy, recorded, intent, provider } = it;
  const { lookUp, containerGone, removed } = facts.seen;
  const { containerID } = intent.target;
  const deleting = {
    reason: 'Deleting',
    message: `being removed at the vendor: ${recorded.snapshotID ?? intent.target.name}`,
  } as const;

  if (lookUp === undefined) return { do: 'LookUp', containerID, fresh: true };
  let present: Snapshot[] = [];
  if (succeeded(lookUp.outcome)) {
    present = lookUp.outcome.value;
  } else {
    if (lookUp.outcome.kind === 'NotFound' && containerGone === undefined)
      return { do: 'ProveContainerGone', containerID };
    if (containerGone === undefined)
      return blocked(it, troubleOf(lookUp.outcome, `looking for the ${policy.noun(facts)} to be removed`));
    if (!succeeded(containerGone))
      return blocked(it, troubleOf(containerGone, `proving that ${containerID} is gone`));
    if (!containerGone.value)
      return blocked(it, troubleOf(lookUp.outcome, `looking for the ${policy.noun(facts)} to be removed`));
  }

  const doomed = intent.step === 'Adopt' ? adopted(it, present) : ours(it, present);
  // What is locked is being made or removed: neither takes a removal now.
  const next = doomed.find((snapshot) => snapshot.state !== 'Deleting' && snapshot.state !== 'Locked');
  if (next !== undefined && removed === undefined) return removeNext(it, next, deleting);
  if (doomed.length > 0) {
    const own = doomed.find(({ name }) => sameName(name, intent.target.name));
    if (
      removed !== undefined &&
      !succeeded(removed.outcome) &&
      removed.outcome.kind !== 'NotFound' &&
      removed.outcome.kind !== 'Unknown'
    ) {
      return blocked(
        it,
        troubleOf(removed.outcome, `removing the ${policy.noun(facts)} ${removed.id.split('/').at(-1)}`),
      );
    }
    const token =
      removed !== undefined && succeeded(removed.outcome) ? removed.outcome.value.token : undefined;
    const afterMs =
      removed !== undefined && removed.outcome.kind === 'Pending' ? removed.outcome.afterMs : undefined;
    return finish(deleting, {
      record: {
        provisioningState: 'Deleting',
        readyToUse: false,
        ...(own === undefined ? {} : { snapshotID: own.id }),
        ...(token === undefined
          ? {}
          : {
              operation: {
                kind: 'Delete',
                token,
                startedAt: timestamp(facts.now),
                attempts: recorded.operation?.attempts ?? 0,
              },
            }),
      },
      requeueAfterMs: afterMs ?? pollDelayMs(facts.settings, 0, 0, facts.random),
    });
  }

  if (maySurface(it, intent)) {
    const unknown = facts.unknown;
    if (unknown === undefined || !isSettledAsNotMade(unknown, provider)) {
      return finish(
        {
          reason: 'Deleting',
          message: `whether ${intent.target.name} was made is not known yet; looking until it is`,
        },
        {
          requeueAfterMs:
            unknown === undefined
              ? facts.settings.pollIntervalMs
              : nextLookUpMs(unknown, provider, facts.monotonic),
        },
      );
    }
  }
  const kept = present.find((snapshot) => sameID(snapshot.id, intent.target.existingID ?? ''));
  if (kept === undefined) return { do: 'Release' };
  const note = `it is not, or not only, the one that was adopted, so it is not removed; left at the vendor: ${kept.id}`;
  return { do: 'Release', event: { type: 'Warning', reason: 'Retained', note } };
}

/** How long the vendor's record of a finished removal may run ahead of its list, in milliseconds. */
const listLagMs = 120_000;

/**
 * Asks for the removal, and after one that failed asks again with a pause, saying what the vendor said: a merge
 * that fails puts the snapshot back to what it was (oVirt sheet, section 8).
 */
function removeNext<O extends ManagedObject, N>(it: UnderWay<O, N>, next: Snapshot, deleting: Verdict): Step {
  const { facts, policy, recorded, intent } = it;
  const { operation } = recorded;
  const ref = refOf(it, next.id);
  if (operation?.kind === 'Delete' && operation.token !== undefined && operation.startedAt !== undefined) {
    const state = facts.seen.operation;
    if (state === undefined) return { do: 'ReadOperation', token: operation.token };
    const what = `removing the ${policy.noun(facts)} ${next.name}`;
    // Where the record cannot be read, the removal is asked for again: the vendor refuses what it is at work on.
    const ageMs = facts.now - Date.parse(operation.startedAt);
    const kind = succeeded(state) ? state.value.state : 'None';
    const wait = finish(deleting, {
      requeueAfterMs: pollDelayMs(facts.settings, ageMs, 60_000, facts.random),
    });
    if (kind === 'Running') return wait;
    if (kind !== 'Failed' && ageMs < listLagMs) return wait;
    const dueAt = Date.parse(operation.nextAttemptAt ?? '');
    if (kind === 'Failed' && !(dueAt <= facts.now) && !isAskedToLook(facts.object)) {
      const failure = succeeded(state) ? state.value.failure : undefined;
      const trouble = failure === undefined ? undefined : troubleOf(failure, what);
      const message = trouble?.message ?? `${what} failed at the vendor, which gives no cause`;
      const delayMs = Number.isNaN(dueAt) ? removalPauseMs(facts.settings, trouble) : dueAt - facts.now;
      return finish(
        { reason: 'DeletionBlocked', message: `${message}. It is tried again` },
        {
          record: {
            provisioningState: 'Deleting',
            operation: { ...operation, nextAttemptAt: timestamp(facts.now + delayMs) },
          },
          requeueAfterMs: delayMs,
        },
      );
    }
  }
  const turn = policy.removalTurn(facts, intent.target);
  if (turn === undefined) return { do: 'Remove', ref };
  if ('lane' in turn) return { do: 'Remove', ref, lane: turn.lane };
  return finish(
    { ...deleting, message: `${deleting.message}; ${turn.wait.message}` },
    {
      requeueAfterMs: pollDelayMs(facts.settings, 0, 0, facts.random),
    },
  );
}

/** The longest wait after a removal that the vendor did not carry out, in milliseconds. */
const removalRetryMs = 300_000;

/** A job that only found the VM held by another one is asked for again as soon as a refusal would be. */
function removalPauseMs(settings: Settings, trouble: Trouble | undefined): number {
  const passes = trouble?.reason === 'ConcurrentOperation' || trouble?.reason === 'ProgressingWithRetry';
  return passes ? Math.min(settings.retryIntervalMs * 2, removalRetryMs) : removalRetryMs;
}

/**
 * An adopted one goes only if it is still the one that was adopted (ids are reused; its date is its fingerprint),
 * and bears nobody else's mark: whose it is may come back for it.
 */
function adopted<O extends ManagedObject, N>(it: UnderWay<O, N>, present: Snapshot[]): Snapshot[] {
  const { snapshotID, creationTime } = it.recorded;
  if (snapshotID === undefined || creationTime === undefined) return [];
  const { uid } = it.facts.object.metadata;
  return present.filter(
    (snapshot) =>
      sameID(snapshot.id, snapshotID) &&
      (readMark(snapshot.name)?.uid ?? uid) === uid &&
      anotherOne(it, snapshot) === undefined &&
      snapshot.createdAt !== undefined &&
      Math.abs(Date.parse(snapshot.createdAt) - Date.parse(creationTime)) < 1_000,
  );
}

/** Whether something of the last attempt could still show up although a complete list has nothing of it. */
function maySurface<O extends ManagedObject, N>(it: UnderWay<O, N>, intent: Intent<SnapshotTarget>): boolean {
  const { recorded } = it;
  if (intent.step === 'Adopt' || recorded.completionTime !== undefined) return false;
  if ((recorded.operation?.attempts ?? 0) >= intent.attempt) return false;
  // Seen at the vendor in any state but the first answer's, it cannot surface late any more.
  const { provisioningState, snapshotID = '' } = recorded;
  const young =
    provisioningState !== 'Succeeded' && provisioningState !== 'Failed' && provisioningState !== 'Deleting';
  return young || !sameName(recorded.name ?? snapshotID, intent.target.name);
}

function blocked<O extends ManagedObject, N>(it: Case<O, N>, trouble: Trouble): Step {
  const { facts } = it;
  const vendorRefuses = trouble.reason === 'ConcurrentOperation' || trouble.reason === 'CreationFailed';
  const verdict = vendorRefuses ? { reason: 'DeletionBlocked' as const, message: trouble.message } : trouble;
  const delayMs = Math.max(
    trouble.afterMs ?? 0,
    Math.min(facts.settings.retryIntervalMs * 2, removalRetryMs),
  );
  return finish(verdict, { requeueAfterMs: delayMs });
}

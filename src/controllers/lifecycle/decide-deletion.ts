import { annotations, finalizer } from '../../api/names.ts';
import { nameOf, sameID, sameName } from '../../providers/azure/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { type Intent, readMark } from '../intent.ts';
import { pollDelayMs } from '../settings.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { isSettledAsNotMade, nextLookUpMs } from '../unknown-outcomes.ts';
import { type Case, connection, finish, intentOf, ours, providerChanged, type UnderWay } from './decide.ts';
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
      return blocked(it, troubleOf(lookUp.outcome, `looking for the ${policy.noun} to be removed`));
    if (!succeeded(containerGone))
      return blocked(it, troubleOf(containerGone, `proving that ${containerID} is gone`));
    if (!containerGone.value)
      return blocked(it, troubleOf(lookUp.outcome, `looking for the ${policy.noun} to be removed`));
  }

  const doomed = intent.step === 'Adopt' ? adopted(it, present) : ours(it, present);
  const next = doomed.find((snapshot) => snapshot.state !== 'Deleting');
  if (next !== undefined && removed === undefined) return { do: 'Remove', id: next.id };
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
        troubleOf(removed.outcome, `removing the ${policy.noun} ${removed.id.split('/').at(-1)}`),
      );
    }
    const afterMs =
      removed !== undefined && removed.outcome.kind === 'Pending' ? removed.outcome.afterMs : undefined;
    return finish(deleting, {
      record: {
        provisioningState: 'Deleting',
        readyToUse: false,
        ...(own === undefined ? {} : { snapshotID: own.id }),
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
  return young || !sameName(nameOf(snapshotID), intent.target.name);
}

function blocked<O extends ManagedObject, N>(it: Case<O, N>, trouble: Trouble): Step {
  const { facts } = it;
  const vendorRefuses = trouble.reason === 'ConcurrentOperation' || trouble.reason === 'CreationFailed';
  const verdict = vendorRefuses ? { reason: 'DeletionBlocked' as const, message: trouble.message } : trouble;
  const delayMs = Math.max(trouble.afterMs ?? 0, Math.min(facts.settings.retryIntervalMs * 2, 300_000));
  return finish(verdict, { requeueAfterMs: delayMs });
}

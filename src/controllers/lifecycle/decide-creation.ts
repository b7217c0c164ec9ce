/** What the vendor is making: followed to its end, and taken or given up. */
import type { Verdict } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import { sameID } from '../../providers/ids.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { pollDelayMs } from '../settings.ts';
import { type Trouble, troubleOf, vendorWords } from '../trouble.ts';
import {
  ageMs,
  anotherOne,
  attemptToken,
  errorOf,
  finish,
  lateLookMs,
  ours,
  overdue,
  refOf,
  type UnderWay,
} from './case.ts';
import { inTime, refused, settle, whyFailed } from './decide-attempt.ts';
import type { ManagedObject, RecordChange, Recorded, Step } from './facts.ts';

/** What cannot be read is tried at least this often. */
const longestTroublePollMs = 300_000;

/** An operation in flight is looked at least this often. */
const longestCreatePollMs = 60_000;

/** The vendor took the request, or has it already: watch it to its end. */
export function follow<O extends ManagedObject, N>(it: UnderWay<O, N>, id: string, known?: Snapshot): Step {
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
export function unfinished<O extends ManagedObject, N>(it: UnderWay<O, N>, snapshot: Snapshot): Step {
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
    { reason: 'Provisioning', message: doingOf(`${policy.noun(facts)} ${snapshot.name}`, snapshot) },
    snapshot,
    pollDelayMs(facts.settings, ageMs(it), longestCreatePollMs, facts.random),
  );
}

/** What the vendor is at with it; a state that is not known is told, as nobody else may see it for what it is. */
function doingOf(what: string, { state, vendorState }: Snapshot): string {
  if (state !== 'Unrecognised') return `the vendor is making the ${what}`;
  const called = vendorState === '' ? 'and does not say in which state' : `as ${vendorState}`;
  return `the vendor has the ${what}, ${called}: nothing can be restored from it yet`;
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
export function waitOn<O extends ManagedObject, N>(
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

function strangeVM(target: SnapshotTarget, snapshot: Snapshot): Verdict | undefined {
  if (target.copyOf !== undefined || target.vmUID === undefined || snapshot.vmUID === undefined)
    return undefined;
  if (sameID(target.vmUID, snapshot.vmUID)) return undefined;
  return {
    reason: 'CreationFailed',
    message: `the VM was made anew under its name meanwhile (${target.vmUID} became ${snapshot.vmUID}), so this snapshot is not of the VM that was asked for. It is removed. Make a new object`,
  };
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

import { annotations, finalizer } from '../../api/names.ts';
import { sameID } from '../../providers/ids.ts';
import type { VMOperator } from '../../providers/provider.ts';
import { isAskedToLook, isPaused, paused } from '../annotations.ts';
import { turnOn } from '../lane-view.ts';
import { waitingForProvider } from '../provider-registry.ts';
import { waitDelayMs } from '../settings.ts';
import { act, afterSend, type Ground, targetOf, untilNextAttempt } from './act.ts';
import {
  type Case,
  fail,
  finish,
  goOnLater,
  leftMsOf,
  overdue,
  providerRefOf,
  startWaitMs,
  type UnderWay,
  underWay,
} from './basics.ts';
import { atWork, check, denial, type Ready, unsupportedField } from './check.ts';
import type { RestoreFacts, RestoreFinish, RestoreStep } from './facts.ts';
import { follow } from './follow.ts';
import { inspected } from './looks.ts';
import { inHand, isStuck, outcomeOf, stepOf, stopOf } from './outcome.ts';
import { recordOf } from './status.ts';
import { windDown } from './wind-down.ts';

/** How often a VM in preview is looked at while people make up their minds. */
const heldLookMs = 300_000;

/** The one next step for a restore. The order of the questions is the order in which reasons take precedence. */
export function decideRestore(facts: RestoreFacts): RestoreStep {
  const record = recordOf(facts.object);
  const it = { facts, record };
  const { metadata } = facts.object;
  const isProtected = metadata.finalizers?.includes(finalizer) === true;
  if (metadata.deletionTimestamp !== undefined)
    return isProtected ? decideDeletion(it) : { do: 'Finish', settled: true };
  if (record.completionTime !== undefined) return over(it, isProtected);
  if (record.steps.length === 0) return begin(it);
  // A tool that replaces the object takes the finalizer along; without it, its end would leave the VM as it is.
  if (!isProtected) return { do: 'Protect' };
  const connected = underWay(it);
  return 'do' in connected ? connected : carryOn(connected);
}

/** It has run, and never runs again: it holds nothing, and its end touches nothing. */
function over({ facts }: Case, isProtected: boolean): RestoreStep {
  if (isProtected) return { do: 'Release' };
  return isAskedToLook(facts.object)
    ? { do: 'Finish', looked: true, current: true, settled: true }
    : { do: 'Finish', current: true, settled: true };
}

/** Nothing was claimed yet, and so nothing was sent: check everything, wait for the turn, and begin. */
function begin(it: Case): RestoreStep {
  const { facts, record } = it;
  const { object } = facts;
  const startBy = object.spec.startBefore;
  const endsAt =
    startBy === undefined ? Date.parse(object.metadata.creationTimestamp) + startWaitMs : Date.parse(startBy);
  const leftMs = endsAt - facts.now;
  if (leftMs <= 0) {
    const why = record.reason === undefined ? '' : `; the last reason was ${record.reason}`;
    const limit =
      startBy === undefined ? 'within 24 hours of being made' : `before spec.startBefore (${startBy})`;
    return finish(
      {
        reason: 'Expired',
        message: `it did not begin ${limit}${why}. Nothing was touched, and nothing will be. Make a new VMRestore if it is still wanted`,
      },
      { record: { completedAt: facts.now }, settled: true, requeueAfterMs: 0 },
    );
  }
  if (isPaused(object)) return finish(paused, { endsInMs: leftMs });
  const connected = readyConnection(it);
  if ('do' in connected) return { ...connected, endsInMs: leftMs };
  const checked = check(it, connected);
  if ('next' in checked) return checked.next;
  if ('wait' in checked || 'refuse' in checked) {
    const verdict = 'wait' in checked ? checked.wait : checked.refuse;
    return finish(verdict, {
      requeueAfterMs: checked.requeueAfterMs ?? waitDelayMs(facts),
      endsInMs: leftMs,
    });
  }
  const { ready } = checked;
  const lane = facts.neighbours.vmLane(ready.vm.id);
  const turn = turnOn(lane, facts.now, `VM ${ready.vm.name}`);
  if (turn !== undefined && facts.seen.intent === undefined) return finish(turn.wait, { endsInMs: leftMs });
  const { id, name } = ready.vm;
  const vm = { id, name, containerID: ready.containerID };
  const providerRef = providerRefOf({ object, record }, facts.neighbours) ?? { name: '' };
  const ground: Ground = {
    ...it,
    provider: connected,
    vm,
    snapshotID: ready.source.id,
    begun: {
      providerRef,
      endpointID: connected.endpointID,
      vm,
      source: ready.source,
      ...(ready.restore === undefined ? {} : { powerStateBefore: ready.restore.vm.power }),
    },
  };
  return restoreOrPrepare(ground, ready);
}

/** The connection for new work, for which the provider must be Ready, and able to act on VMs. */
function readyConnection(it: Case): VMOperator | RestoreFinish {
  const { facts, record } = it;
  const { object, neighbours, provider: state } = facts;
  const ref = providerRefOf({ object, record }, neighbours);
  if (ref === undefined) {
    const { name } = object.spec.source.snapshotRef;
    return finish({
      reason: 'ReferenceNotFound',
      message: `spec.source.snapshotRef names VMSnapshot ${name}, which is not in this namespace. Make it, or a new VMRestore with the right name`,
    });
  }
  if (state.state === 'Untried') return { do: 'Finish' };
  if (state.state !== 'Ready') return finish(waitingForProvider(ref, state));
  const { provider } = state;
  if (provider.vendor !== 'azure') return provider;
  const unsupported = unsupportedField(object.spec, provider.capabilities);
  if (unsupported === undefined)
    throw new Error(
      'a provider that cannot act on VMs says that it restores them; this is a fault of Keyframe, please report it',
    );
  return finish(unsupported);
}

/** What comes next on the way to the disks: the VM is stopped first where it may be. */
function restoreOrPrepare(ground: Ground, { restore, newVM }: Ready): RestoreStep {
  if (newVM !== undefined) return act(ground, 'CreateVM', newVM);
  if (restore === undefined)
    throw new Error('a check passed without a target; this is a fault of Keyframe, please report it');
  if (restore.vm.power !== 'Off') return act(ground, stopOf(ground.record), targetOf(ground));
  return act(ground, ground.facts.object.spec.preview === undefined ? 'Restore' : 'Preview', restore.target);
}

/** Something was claimed: bring what is in hand to its end, then go on or wind down. */
function carryOn(it: UnderWay): RestoreStep {
  const { facts, record } = it;
  const step = inHand(record);
  if (step !== undefined) {
    if (!facts.seen.claimed) return follow(it, step);
    const { sent, intent } = facts.seen;
    if (sent !== undefined) return afterSend(it, step, sent);
    if (intent === undefined)
      throw new Error(
        'something was claimed without an intent; this is a fault of Keyframe, please report it',
      );
    return { do: 'Send', intent };
  }
  const goes = facts.object.metadata.deletionTimestamp !== undefined;
  if (goes || outcomeOf(record) !== 'Open') return windDown(it);
  return stepOf(record, 'Preview')?.state === 'Done' ? held(it) : goOn(it);
}

/** The VM was not restored yet, and nothing is in hand: go on towards it, or give up. */
function goOn(it: UnderWay): RestoreStep {
  const { facts, provider, record } = it;
  const tooLate = overdue(it);
  if (tooLate !== undefined) {
    const last = record.steps.find(({ state }) => state === 'Pending')?.message;
    const why = last === undefined ? '' : `; the last trouble was: ${last}`;
    return fail(it, 'DeadlineExceeded', `${tooLate.message}${why}. The VM was not restored`);
  }
  const leftMs = leftMsOf(it);
  const endsIn = leftMs === undefined ? {} : { endsInMs: leftMs + 1 };
  if (isPaused(facts.object)) return finish(paused, endsIn);
  const waiting = untilNextAttempt(it);
  if (waiting !== undefined) return { ...waiting, ...endsIn };
  const checked = check(it, provider);
  if ('next' in checked) return checked.next;
  if ('refuse' in checked)
    return fail(it, 'RestoreFailed', `the VM cannot be restored any more: ${checked.refuse.message}`);
  if ('wait' in checked) {
    // With the VM off, nobody is waited for who has to permit it first.
    if (checked.wait.reason === 'AccessDenied' || checked.wait.reason === 'ReferenceNotFound')
      return fail(it, 'RestoreFailed', `the VM cannot be restored any more: ${checked.wait.message}`);
    return goOnLater(
      it,
      checked.wait,
      Math.min(checked.requeueAfterMs ?? Number.POSITIVE_INFINITY, facts.settings.retryIntervalMs),
    );
  }
  return restoreOrPrepare(it, checked.ready);
}

/** The VM is in preview: wait for the decision, and carry it out while the VM is off. */
function held(it: UnderWay): RestoreStep {
  const { facts, record, vm } = it;
  const action = facts.object.spec.preview?.action ?? 'Hold';
  if (overdue(it) !== undefined)
    return fail(
      it,
      'DeadlineExceeded',
      `${overdue(it)?.message}: the preview could not be ended as spec.preview.action says`,
    );
  if (action === 'Commit' && isPaused(facts.object)) return finish(paused);
  const waiting = untilNextAttempt(it);
  if (waiting !== undefined) return waiting;
  const inspection = inspected(it, undefined, (message) => fail(it, 'RestoreFailed', message));
  if ('step' in inspection) return inspection.step;
  const { pollIntervalMs } = facts.settings;
  if (isStuck(record, inspection.vm)) return act(it, 'PowerOff', targetOf(it));
  const busy = atWork(inspection);
  if (busy !== undefined)
    return goOnLater(
      it,
      { reason: 'Restoring', message: `waiting until VM ${vm.name} is free: ${busy}` },
      pollIntervalMs,
    );
  if (inspection.previewOf === undefined || !sameID(inspection.previewOf, it.snapshotID)) {
    return fail(
      it,
      'OutcomeUnknown',
      `the preview on VM ${vm.name} was ended by someone else, so whether the VM is as the snapshot has it is not known. Look at its disks`,
    );
  }
  if (action === 'Hold') {
    const message = `VM ${vm.name} is in preview of the snapshot. Start it and look around; then set spec.preview.action to Commit or Undo`;
    return finish({ reason: 'AwaitingDecision', message }, { requeueAfterMs: heldLookMs, looked: true });
  }
  const denied = action === 'Commit' ? denial(it, inspection.vm) : undefined;
  if (denied !== undefined) return finish(denied, { requeueAfterMs: waitDelayMs(facts) });
  if (inspection.vm.power === 'On') {
    if (facts.object.spec.power === 'StopAndStart') return act(it, stopOf(record), targetOf(it));
    const message = `the preview can be ended only while VM ${vm.name} is off. Shut it down`;
    return finish({ reason: 'AwaitingDecision', message }, { requeueAfterMs: pollIntervalMs * 3 });
  }
  return act(it, action, targetOf(it));
}

/** The object is to go: finish or undo what is in hand, put back what was changed, and let it go. */
function decideDeletion(it: Case): RestoreStep {
  const { facts, record } = it;
  const { metadata } = facts.object;
  if (record.steps.length === 0 || record.completionTime !== undefined) return { do: 'Release' };
  if (metadata.annotations?.[annotations.abandon] === metadata.uid)
    return { do: 'Release', event: abandoned(it, 'let go by annotation') };
  const connected = underWay(it);
  if (!('do' in connected)) return carryOn(connected);
  const { state } = facts.provider;
  if (!facts.neighbours.namespaceTerminating || state === 'Untried') return connected;
  const deletedAt = Date.parse(metadata.deletionTimestamp ?? '');
  const leftMs = deletedAt + facts.settings.abandonAfterMs - facts.now;
  if (leftMs > 0) return { ...connected, requeueAfterMs: Math.min(leftMs, 3_600_000) };
  return {
    do: 'Release',
    event: abandoned(it, 'the namespace is going and its credentials are gone (--abandon-after)'),
  };
}

function abandoned({ record }: Case, why: string) {
  const { vm, powerStateBefore } = record;
  const how = powerStateBefore === undefined ? '' : `, which was ${powerStateBefore} before`;
  const steps = record.steps.map(({ name, state }) => `${name} ${state}`).join(', ');
  const note = `${why}; left at the vendor as it is: VM ${vm?.name} (${vm?.id})${how}; ${steps}`;
  return { type: 'Warning' as const, reason: 'Abandoned', note };
}

/** Brings the write in hand to its end: what was sent, or may have been, is looked up and never sent again. */
import { parseDuration } from '../../api/duration.ts';
import { succeeded } from '../../providers/outcome.ts';
import { tryAgain } from './act.ts';
import { done, fail, inWords, type UnderWay } from './basics.ts';
import { atWork } from './check.ts';
import type { RestoreStep, StepRecord } from './facts.ts';
import { followDisks } from './follow-disks.ts';
import {
  ageMs,
  inspected,
  isSettled,
  isSilent,
  lookAgain,
  notCarriedOut,
  readOperation,
  stateOf,
  unreadable,
  wordsOf,
} from './looks.ts';

/** The next step for the write in hand. */
export function follow(it: UnderWay, step: StepRecord): RestoreStep {
  switch (step.name) {
    case 'Shutdown':
    case 'PowerOff':
    case 'Start':
      return followPower(it, step);
    case 'CreateVM':
      return followNewVM(it, step);
    default:
      return followDisks(it, step);
  }
}

/** Shutting down, powering off, starting: what counts is the state of the VM, and to ask again harms nothing. */
function followPower(it: UnderWay, step: StepRecord): RestoreStep {
  const inspection = inspected(it, step, (message) => fail(it, 'RestoreFailed', message, step));
  if ('step' in inspection) return inspection.step;
  const { vm } = inspection;
  const reached = vm.power === (step.name === 'Start' ? 'On' : 'Off');
  const what = inWords[step.name];
  const doing = `${what}: VM ${vm.name} is ${vm.vendorState}`;
  if (step.state === 'Requested') {
    // A stop that comes late could take down what is started again after it: it is waited for.
    if (reached && step.name === 'Start') return done(it, step, doing);
    if (!isSettled(it))
      return lookAgain(it, step, `${doing}; whether the request came through is being found out`);
    if (reached) return done(it, step, doing);
    // On its way, by whomever: that is followed as if it had been accepted.
    if (vm.power !== 'Busy') return tryAgain(it, step, `${what}: the request had no effect`);
  }
  if (reached) return done(it, step, doing);
  const read = readOperation(it, step);
  if (read !== undefined) return read;
  const { operation } = it.facts.seen;
  const failed = stateOf(operation) === 'Failed';
  if (step.name === 'Shutdown') {
    if (failed)
      return unheeded(it, step, `the guest of VM ${vm.name} could not be shut down${wordsOf(operation)}`);
    const timeout = it.facts.object.spec.shutdownTimeout ?? '5m';
    if (ageMs(it, step) < parseDuration(timeout)) return lookAgain(it, step, doing);
    return unheeded(it, step, `the guest of VM ${vm.name} did not shut down within ${timeout}`);
  }
  if (failed) return tryAgain(it, step, `${what} failed${wordsOf(operation)}`);
  const isAtWork = step.name === 'Start' && atWork(inspection) !== undefined;
  if (isAtWork || !isSilent(it, step)) return lookAgain(it, step, doing);
  return tryAgain(it, step, `${what}: the vendor accepted it, and VM ${vm.name} is still ${vm.vendorState}`);
}

/** The guest does not follow: what comes next does without it. */
function unheeded(it: UnderWay, step: StepRecord, message: string): RestoreStep {
  return done(it, step, message, { failed: true });
}

/** A new VM is known by its mark, and is done when it is down and its disks are free (oVirt sheet, section 9). */
function followNewVM(it: UnderWay, step: StepRecord): RestoreStep {
  const { facts } = it;
  const read = readOperation(it, step);
  if (read !== undefined) return read;
  const { operation, marked } = facts.seen;
  if (marked === undefined) return { do: 'FindMarked' };
  if (!succeeded(marked)) return unreadable(it, step, marked, 'looking for the new VM by its mark');
  const [made, ...others] = marked.value;
  const state = stateOf(operation);
  const what = inWords.CreateVM;
  if (made === undefined) {
    if (state === 'Running') return lookAgain(it, step, `${what}: the vendor is at work on it`);
    if (state === 'Failed') return fail(it, 'RestoreFailed', `${what} failed${wordsOf(operation)}`, step);
    if (step.state === 'Requested') {
      if (!isSettled(it))
        return lookAgain(it, step, `${what}: whether the request came through is being found out`);
      return fail(it, 'RestoreFailed', notCarriedOut(step, what), step);
    }
    if (!isSilent(it, step))
      return lookAgain(it, step, `${what}: the vendor accepted it, and the VM does not show yet`);
    const message = `${what}: the vendor accepted it, and no VM bears the mark of this object`;
    return fail(it, 'RestoreFailed', message, step);
  }
  const called = `VM ${made.name} (${made.id})`;
  if (state === 'Failed')
    return fail(
      it,
      'RestoreFailed',
      `${what} failed${wordsOf(operation)}. ${called} is left of it; remove it`,
      step,
    );
  if (state === 'Running' || made.power !== 'Off' || !made.disksReady)
    return lookAgain(it, step, `${what}: ${called} is ${made.vendorState}`);
  const more =
    others.length === 0
      ? ''
      : `; ${others.map(({ id }) => id).join(', ')} bear the mark too and are left as they are`;
  return done(it, step, `${called} was made${more}`, {
    record: { restored: { vmID: made.id, vmName: made.name } },
    ...(more === ''
      ? {}
      : { events: [{ type: 'Warning', reason: 'SeveralMarked', note: `${called} was made${more}` }] }),
  });
}

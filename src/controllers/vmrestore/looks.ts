/** What was read in this run, and when to read again. */
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { OperationState, VMInspection } from '../../providers/provider.ts';
import { pollDelayMs } from '../settings.ts';
import { troubleOf, vendorWords } from '../trouble.ts';
import { isSettledAsNotMade, nextLookUpMs } from '../unknown-outcomes.ts';
import { goOnLater, inWords, type UnderWay } from './basics.ts';
import { atWork } from './check.ts';
import type { RestoreFacts, RestoreRecord, RestoreStep, StepRecord } from './facts.ts';
import { inHand, isPower } from './outcome.ts';

/** How long the vendor may take until what it accepted shows, where it says nothing of it. */
const silenceMs = 180_000;
/** An operation in flight is looked at least this often. */
const longestPollMs = 60_000;
const longestTroublePollMs = 300_000;

/**
 * What the looks of this run showed of a write whose outcome nobody recorded: nothing of it, or something; undefined
 * while they are not complete, or where nothing is in doubt. The controller keeps it as evidence.
 */
export function evidenceOf(facts: RestoreFacts, record: RestoreRecord): 'Nothing' | 'Something' | undefined {
  const step = inHand(record);
  if (step?.state !== 'Requested' || facts.seen.claimed) return undefined;
  const { operation, inspection, marked } = facts.seen;
  if (record.operation?.token !== undefined && !isTold(operation)) return undefined;
  const state = stateOf(operation);
  if (state !== undefined && state !== 'None') return 'Something';
  if (step.name === 'CreateVM') {
    if (marked === undefined || !succeeded(marked)) return undefined;
    return marked.value.length === 0 ? 'Nothing' : 'Something';
  }
  if (inspection === undefined || !succeeded(inspection)) return undefined;
  // The power of a VM proves nothing of who changed it: only time does.
  if (isPower(step.name)) return 'Nothing';
  return atWork(inspection.value) === undefined ? 'Nothing' : 'Something';
}

/** The vendor's word on the operation; undefined where it keeps no record of it, or lets nobody read it. */
export function stateOf(operation: Outcome<OperationState> | undefined): OperationState['state'] | undefined {
  return operation !== undefined && succeeded(operation) ? operation.value.state : undefined;
}

/** Whether there may have been a record of the operation, so that its absence proves nothing. */
export function isOverwritten(operation: Outcome<OperationState> | undefined): boolean {
  return operation !== undefined && succeeded(operation) && operation.value.overwritten === true;
}

/** Whether the vendor has said all that it will of the operation: a record that nobody may read is none. */
function isTold(operation: Outcome<OperationState> | undefined): boolean {
  return operation !== undefined && (succeeded(operation) || operation.kind === 'Denied');
}

/** Why the operation failed, in the vendor's words: ` (words)`, or nothing. */
export function wordsOf(operation: Outcome<OperationState> | undefined): string {
  const failure = operation !== undefined && succeeded(operation) ? operation.value.failure : undefined;
  return failure === undefined ? '' : ` (${vendorWords(failure.error)})`;
}

/** Reads the vendor's record of the write in hand, where it keeps one; undefined when that is done. */
export function readOperation(it: UnderWay, step: StepRecord | undefined): RestoreStep | undefined {
  const { facts, record } = it;
  const token = record.operation?.token;
  if (token === undefined) return undefined;
  const { operation } = facts.seen;
  if (operation === undefined) return { do: 'ReadOperation', token };
  if (isTold(operation) || succeeded(operation)) return undefined;
  return unreadable(
    it,
    step,
    operation,
    `reading what came of ${step === undefined ? 'the restore' : inWords[step.name]}`,
  );
}

/**
 * The inspection of this run, or the step that stands in its place.
 *
 * @param onGone what to do when the VM is proved to be gone
 */
export function inspected(
  it: UnderWay,
  step: StepRecord | undefined,
  onGone: (message: string) => RestoreStep,
): VMInspection | { step: RestoreStep } {
  const { facts, vm } = it;
  const { inspection, gone } = facts.seen;
  if (inspection === undefined) return { step: { do: 'Inspect', containerID: vm.containerID } };
  if (succeeded(inspection)) return inspection.value;
  if (inspection.kind === 'NotFound') {
    if (gone === undefined) return { step: { do: 'ProveGone', containerID: vm.containerID } };
    if (succeeded(gone) && gone.value)
      return { step: onGone(`VM ${vm.name} (${vm.id}) is gone at the vendor`) };
  }
  return { step: unreadable(it, step, inspection, `inspecting VM ${vm.name}`) };
}

/** What cannot be read says nothing of what was sent. */
export function unreadable(
  it: UnderWay,
  step: StepRecord | undefined,
  failure: Failure,
  what: string,
): RestoreStep {
  const { reason, message, afterMs = 0 } = troubleOf(failure, what);
  const delayMs = pollDelayMs(it.facts.settings, ageMs(it, step), longestTroublePollMs, it.facts.random);
  const refused = failure.kind === 'Throttled' || failure.kind === 'Denied';
  return goOnLater(
    it,
    { reason: refused ? reason : 'ProviderUnavailable', message },
    Math.max(afterMs, delayMs),
  );
}

/** For how long a step has been under way, milliseconds. */
export function ageMs({ facts }: UnderWay, step: StepRecord | undefined): number {
  return Math.max(0, facts.now - (Date.parse(step?.startedAt ?? '') || facts.now));
}

/** Whether the vendor has been silent for long about what it accepted. */
export function isSilent(it: UnderWay, step: StepRecord): boolean {
  return ageMs(it, step) >= silenceMs;
}

/** The vendor is at work, or may be: look again. */
export function lookAgain(it: UnderWay, step: StepRecord, message: string): RestoreStep {
  const { facts, provider } = it;
  const pollMs = pollDelayMs(facts.settings, ageMs(it, step), longestPollMs, facts.random);
  const soon =
    step.state === 'Requested' && facts.unknown !== undefined
      ? nextLookUpMs(facts.unknown, provider, facts.monotonic)
      : pollMs;
  return goOnLater(it, { reason: 'Restoring', message }, soon);
}

/** Whether all that could have come of a write without an answer would have shown by now, and has not. */
export function isSettled({ facts, provider }: UnderWay): boolean {
  return facts.unknown !== undefined && isSettledAsNotMade(facts.unknown, provider);
}

/** What is said of a request that was proved to have had no effect. */
export function notCarriedOut({ message }: StepRecord, what: string): string {
  const said = message === undefined ? '' : `. The request had ended so: ${message}`;
  return `${what}: the request had no effect, which is proved now, and is not sent again${said}`;
}

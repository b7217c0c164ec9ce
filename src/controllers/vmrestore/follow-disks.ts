import { sameID, sameName } from '../../providers/ids.ts';
import type { OperationState, VMInspection } from '../../providers/provider.ts';
import { tryAgain } from './act.ts';
import { done, fail, inWords, overdue, type UnderWay } from './basics.ts';
import { atWork } from './check.ts';
import type { RecordChange, RestoreStep, StepRecord } from './facts.ts';
import {
  inspected,
  isOverwritten,
  isSettled,
  isSilent,
  lookAgain,
  notCarriedOut,
  readOperation,
  stateOf,
  wordsOf,
} from './looks.ts';

/** What was seen of a VM at which nobody is at work. */
interface View {
  what: string;
  /** The vendor's word on the operation; undefined where it keeps no record of it, or lets nobody read it. */
  state: OperationState['state'] | undefined;
  inPreview: boolean;
  inspection: VMInspection;
}

/**
 * A restore, and the parts of a preview. The vendor's word that it took the request is no word that it was done, and
 * `complete` comes even where it failed (oVirt sheet, section 7): the state of the VM and the record of the operation
 * must agree.
 */
export function followDisks(it: UnderWay, step: StepRecord): RestoreStep {
  const read = readOperation(it, step);
  if (read !== undefined) return read;
  const inspection = inspected(it, step, (message) => fail(it, 'RestoreFailed', message, step));
  if ('step' in inspection) return inspection.step;
  const what = inWords[step.name];
  const { previewOf } = inspection;
  const inPreview = previewOf !== undefined && sameID(previewOf, it.snapshotID);
  const state = stateOf(it.facts.seen.operation);
  const busy = atWork(inspection);
  if (busy !== undefined) return lookAgain(it, step, `${what}: ${busy}`);
  // An engine that was restarted between preview and commit has nobody at work any more, and says nothing of it.
  const stranded = inPreview && overdue(it) !== undefined;
  if (state === 'Running' && !stranded) return lookAgain(it, step, `${what}: the vendor is at work on it`);
  if (previewOf !== undefined && !inPreview) {
    const message = `${what}: VM ${it.vm.name} is in preview of snapshot ${previewOf} now, which is not of this restore. Commit or undo that at the vendor, and look at the state of the VM`;
    return fail(it, 'OutcomeUnknown', message, step);
  }
  const view = { what, state, inPreview, inspection };
  switch (step.name) {
    case 'Preview':
      return afterPreview(it, step, view);
    case 'Commit':
      return afterCommit(it, step, view);
    case 'Undo':
      return afterUndo(it, step, view);
    default:
      return afterRestore(it, step, view);
  }
}

function afterRestore(it: UnderWay, step: StepRecord, view: View): RestoreStep {
  const { what, state, inPreview } = view;
  if (!inPreview) {
    if (state === 'Succeeded') return restored(it, step, view);
    if (state === 'Failed') return fail(it, 'RestoreFailed', failed(it, view), step);
    if (state === undefined && step.state === 'Running') return restored(it, step, view);
    return withoutWord(it, step, view);
  }
  if (state === 'Succeeded' && overdue(it) === undefined)
    return lookAgain(it, step, `${what}: the vendor ends it`);
  const ours = state !== undefined && state !== 'None';
  if (!ours && (step.state === 'Requested' || !isSilent(it, step))) return withoutWord(it, step, view);
  const message = `${failed(it, view)}. It came as far as a preview of the snapshot, which is undone`;
  return fail(it, 'RestoreFailed', message, step);
}

function afterPreview(it: UnderWay, step: StepRecord, view: View): RestoreStep {
  const { what, state, inPreview } = view;
  if (state === 'Failed') return fail(it, 'RestoreFailed', failed(it, view), step);
  if (inPreview && (state === 'Succeeded' || step.state === 'Running'))
    return done(it, step, `VM ${it.vm.name} is in preview of the snapshot`);
  if (state === 'Succeeded') return fail(it, 'OutcomeUnknown', endedByOthers(it, what), step);
  return withoutWord(it, step, view);
}

function afterCommit(it: UnderWay, step: StepRecord, view: View): RestoreStep {
  const { what, state, inPreview } = view;
  if (inPreview) return onceMore(it, step, view);
  if (state === 'Succeeded' || (state === undefined && step.state === 'Running'))
    return restored(it, step, view);
  if (step.state === 'Requested' ? !isSettled(it) : !isSilent(it, step))
    return lookAgain(it, step, `${what}: what came of it is being found out`);
  return fail(it, 'OutcomeUnknown', endedByOthers(it, what), step);
}

function afterUndo(it: UnderWay, step: StepRecord, view: View): RestoreStep {
  return view.inPreview
    ? onceMore(it, step, view)
    : done(it, step, `the preview on VM ${it.vm.name} is undone`);
}

/** The VM is still in preview: to ask again for its end changes nothing of what that end is. */
function onceMore(it: UnderWay, step: StepRecord, view: View): RestoreStep {
  const { what, state } = view;
  if (state === 'Failed') return tryAgain(it, step, failed(it, view));
  const isOver = step.state === 'Requested' ? isSettled(it) : isSilent(it, step);
  if (!isOver) return lookAgain(it, step, `${what}: VM ${it.vm.name} is still in preview`);
  return tryAgain(it, step, `${what}: the VM is still in preview, and nobody is at work on it`);
}

/** The vendor has no word on it, though it keeps records: wait for one, and say in the end what that means. */
function withoutWord(it: UnderWay, step: StepRecord, { what, state, inPreview }: View): RestoreStep {
  const isOver = step.state === 'Requested' ? isSettled(it) : isSilent(it, step);
  if (!isOver) return lookAgain(it, step, `${what}: what came of it is being found out`);
  const { vm } = it;
  if (inPreview) {
    const message = `${what}: VM ${vm.name} is in preview of the snapshot, and nothing proves that this is of this restore. Look at it, and commit or undo the preview at the vendor`;
    return fail(it, 'OutcomeUnknown', message, step);
  }
  if (step.state === 'Requested' && state === 'None' && !isOverwritten(it.facts.seen.operation))
    return fail(it, 'RestoreFailed', notCarriedOut(step, what), step);
  const said = step.message === undefined ? '' : ` (${step.message})`;
  const message = `${what}: the vendor has no record of how it ended${said}. It is not sent again. Look at the disks of VM ${vm.name}: they are as the snapshot has them, or as they were`;
  return fail(it, 'OutcomeUnknown', message, step);
}

function failed({ facts }: UnderWay, { what }: View): string {
  return `${what} failed${wordsOf(facts.seen.operation)}`;
}

function endedByOthers({ vm }: UnderWay, what: string): string {
  return `${what}: the preview on VM ${vm.name} was ended by someone else, so whether the VM is as the snapshot has it is not known. Look at its disks`;
}

/**
 * Nobody is at work, nothing is in preview, and the vendor says that it was done. Its disks must be whole, and the VM in
 * a state that is known: it was off, and is off, or suspended with its memory, or was started again (oVirt sheet,
 * section 7).
 */
function restored(it: UnderWay, step: StepRecord, { what, inspection }: View): RestoreStep {
  const { spec } = it.facts.object;
  const { vm, damaged } = inspection;
  if (damaged !== undefined) {
    const message = `${what}: the vendor calls it done, but of VM ${vm.name} ${damaged}. An administrator of the vendor has to mend that`;
    return fail(it, 'RestoreFailed', message, step);
  }
  if (vm.power === 'Unknown' && overdue(it) === undefined)
    return lookAgain(it, step, `${what}: VM ${vm.name} is ${vm.vendorState}, which tells neither on nor off`);
  const wanted = spec.disks?.ids;
  const disks = vm.disks
    .filter(({ excluded }) => excluded === undefined)
    .filter(
      ({ id, name }) => wanted === undefined || wanted.some((one) => sameID(one, id) || sameName(one, name)),
    )
    .map(({ name }) => name);
  const record: RecordChange = {
    restored: { vmID: vm.id, vmName: vm.name, ...(disks.length === 0 ? {} : { disks }) },
  };
  return done(it, step, `the disks of VM ${vm.name} are as the snapshot has them`, { record });
}

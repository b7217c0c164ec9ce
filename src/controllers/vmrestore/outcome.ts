import { type Reason, reasons } from '../../api/reasons.ts';
import type { VMRestore } from '../../api/v1alpha1/vm-restore.ts';
import type { VM } from '../../providers/provider.ts';
import type { Action, RestoreRecord, StepRecord } from './facts.ts';

/** What has become of the restore itself, whatever is still to be done with the power. */
export type RestoreOutcome =
  /** Not decided yet. */
  | 'Open'
  /** The VM was put back, or the new one made. */
  | 'Done'
  /** The preview was undone because that was asked for. */
  | 'Undone'
  /** It will not be done any more; `error` says why. */
  | 'Failed';

export function outcomeOf(record: Pick<RestoreRecord, 'steps' | 'error'>): RestoreOutcome {
  const isDone = (name: Action) => stepOf(record, name)?.state === 'Done';
  if (isDone('Restore') || isDone('Commit') || isDone('CreateVM')) return 'Done';
  const reason = record.error?.reason;
  if (reason !== undefined && Object.hasOwn(reasons, reason) && 'terminal' in reasons[reason as Reason])
    return 'Failed';
  return isDone('Undo') ? 'Undone' : 'Open';
}

/** The entry of an action, if it was ever begun. */
export function stepOf(record: Pick<RestoreRecord, 'steps'>, name: Action): StepRecord | undefined {
  return record.steps.find((step) => step.name === name);
}

/** The write that is claimed and not settled; there is one at most. */
export function inHand(record: Pick<RestoreRecord, 'steps'>): StepRecord | undefined {
  return record.steps.find(({ state }) => state === 'Requested' || state === 'Running');
}

/** Whether an action changes the power alone: asked for twice, it harms nothing. */
export function isPower(action: Action): boolean {
  return action === 'Shutdown' || action === 'PowerOff' || action === 'Start';
}

/** A VM is shut down first, and powered off when the guest did not follow. */
export function stopOf(record: Pick<RestoreRecord, 'steps'>): 'Shutdown' | 'PowerOff' {
  const shutdown = stepOf(record, 'Shutdown');
  const powerOff = stepOf(record, 'PowerOff');
  const answered = powerOff?.state === 'Done' && (powerOff.finishedAt ?? '') >= (shutdown?.finishedAt ?? '');
  return shutdown?.state === 'Failed' && !answered ? 'PowerOff' : 'Shutdown';
}

/** Whether a VM has neither gone off nor stayed on since its guest was to shut down; only a power-off helps. */
export function isStuck(record: Pick<RestoreRecord, 'steps'>, { power }: Pick<VM, 'power'>): boolean {
  return power === 'Busy' && stopOf(record) === 'PowerOff';
}

/** Whether a restore has begun and not ended, and so holds its VM and reads its snapshot. */
export function isUnderWay({ status }: VMRestore): boolean {
  return (status?.steps ?? []).length > 0 && status?.completionTime === undefined;
}

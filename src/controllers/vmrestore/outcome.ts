import { type Reason, reasons } from '../../api/reasons.ts';
import type { VMRestore } from '../../api/v1alpha1/vm-restore.ts';
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

/** Whether a restore has begun and not ended, and so holds its VM and reads its snapshot. */
export function isUnderWay({ status }: VMRestore): boolean {
  return (status?.steps ?? []).length > 0 && status?.completionTime === undefined;
}

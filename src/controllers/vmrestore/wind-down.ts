/** Once it is settled what becomes of the disks: end a preview of our own, and put the power back. */
import type { Verdict } from '../../api/conditions.ts';
import { sameID } from '../../providers/ids.ts';
import type { VMInspection } from '../../providers/provider.ts';
import { act, targetOf, untilNextAttempt } from './act.ts';
import { finish, goOnLater, type UnderWay } from './basics.ts';
import { atWork } from './check.ts';
import type { Action, RestoreRecord, RestoreStep } from './facts.ts';
import { inspected, readOperation, stateOf } from './looks.ts';
import { isStuck, outcomeOf, stepOf, stopOf } from './outcome.ts';

/** The next step back to a VM that is neither in preview nor off without need; at the end of it, the end. */
export function windDown(it: UnderWay): RestoreStep {
  const { facts, record, vm } = it;
  if (!isTouched(record)) return end(it, undefined);
  const last = record.operation?.kind;
  const waiting = last === 'Start' || last === 'Undo' ? untilNextAttempt(it) : undefined;
  if (waiting !== undefined) return waiting;
  const inspection = inspected(it, undefined, () => end(it, undefined));
  if ('step' in inspection) return inspection.step;
  const { pollIntervalMs } = facts.settings;
  if (isStuck(record, inspection.vm)) return act(it, 'PowerOff', targetOf(it));
  const busy = atWork(inspection);
  if (busy !== undefined)
    return goOnLater(it, so(it, `waiting until VM ${vm.name} is free: ${busy}`), pollIntervalMs);

  const { previewOf } = inspection;
  if (previewOf !== undefined) {
    const ours = sameID(previewOf, it.snapshotID) ? isPreviewOurs(it) : false;
    if (typeof ours !== 'boolean') return ours;
    if (!ours) return end(it, inspection);
    if (inspection.vm.power !== 'On') return act(it, 'Undo', targetOf(it));
    if (facts.object.spec.power === 'StopAndStart') return act(it, stopOf(record), targetOf(it));
    const message = `VM ${vm.name} is on, and its preview can be undone only while it is off. Shut it down`;
    return goOnLater(it, so(it, message), pollIntervalMs * 3);
  }
  if (!isPowerOwed(it) || inspection.vm.power === 'On') return end(it, inspection);
  if (inspection.vm.power === 'Off' || inspection.vm.power === 'Suspended')
    return act(it, 'Start', targetOf(it));
  return goOnLater(it, so(it, `VM ${vm.name} is ${inspection.vm.vendorState}`), pollIntervalMs);
}

const touching: readonly Action[] = ['Shutdown', 'PowerOff', 'Restore', 'Preview', 'Commit', 'Undo'];

function isTouched(record: RestoreRecord): boolean {
  return touching.some((name) => stepOf(record, name) !== undefined);
}

function so({ record }: UnderWay, message: string): Verdict {
  const why = outcomeOf(record) === 'Failed' ? `${record.error?.message}. ` : '';
  return { reason: 'Restoring', message: `${why}${message}` };
}

/** Whether the preview of the snapshot is of this restore; someone may have begun one by hand. */
function isPreviewOurs(it: UnderWay): boolean | RestoreStep {
  const { record, facts } = it;
  if (stepOf(record, 'Preview')?.state === 'Done' || stepOf(record, 'Undo') !== undefined) return true;
  const last = record.operation?.kind;
  if (last !== 'Restore' && last !== 'Preview') return false;
  const read = readOperation(it, undefined);
  if (read !== undefined) return read;
  const state = stateOf(facts.seen.operation);
  return state !== undefined && state !== 'None';
}

/** Whether the VM was on, was stopped by us, and is to be on again. */
function isPowerOwed({ record, facts }: UnderWay): boolean {
  if (record.powerStateBefore !== 'On') return false;
  if ((stepOf(record, 'Shutdown') ?? stepOf(record, 'PowerOff')) === undefined) return false;
  return isWell(record, facts.object) || facts.object.spec.onFailure !== 'LeaveOff';
}

function isWell(record: RestoreRecord, object: UnderWay['facts']['object']): boolean {
  const outcome = outcomeOf(record);
  return outcome === 'Done' || (outcome === 'Undone' && object.metadata.deletionTimestamp === undefined);
}

/** Nothing more is done at the vendor. */
function end(it: UnderWay, inspection: VMInspection | undefined): RestoreStep {
  const { facts, record } = it;
  const outcome = outcomeOf(record);
  const left = leftBehind(it, inspection);
  if (facts.object.metadata.deletionTimestamp !== undefined) {
    const well = left === '' && outcome !== 'Failed';
    const note = `${resultInWords(it)}${left}`;
    return { do: 'Release', event: { type: well ? 'Normal' : 'Warning', reason: 'Released', note } };
  }
  const verdict: Verdict =
    outcome === 'Failed'
      ? {
          reason: (record.error?.reason ?? 'RestoreFailed') as Verdict['reason'],
          message: `${record.error?.message}${left}`,
        }
      : { reason: 'Completed', message: `${resultInWords(it)}${left}` };
  const stayedOn =
    isPowerOwed(it) && inspection?.vm.power === 'On' && stepOf(record, 'Start')?.state !== 'Done';
  return finish(verdict, {
    settled: true,
    looked: true,
    requeueAfterMs: 0,
    record: {
      completedAt: facts.now,
      operation: null,
      ...(outcome === 'Failed' ? {} : { error: null }),
      ...(stayedOn
        ? { step: { name: 'Start' as const, state: 'Done' as const, message: 'it was on already' } }
        : {}),
    },
  });
}

function resultInWords({ record, facts, vm }: UnderWay): string {
  const { restored } = facts.object.status ?? {};
  switch (outcomeOf(record)) {
    case 'Done':
      return facts.object.spec.strategy === 'NewVM'
        ? `VM ${restored?.vmName} (${restored?.vmID}) was made from the snapshot; it is off`
        : `VM ${vm.name} is as the snapshot has it`;
    case 'Undone':
      return `the preview on VM ${vm.name} was undone; the VM is as it was`;
    case 'Failed':
      return record.error?.message ?? 'the restore failed';
    default:
      return `VM ${vm.name} was not restored`;
  }
}

/** In what state the VM is left that people would not expect. */
function leftBehind(it: UnderWay, inspection: VMInspection | undefined): string {
  if (inspection === undefined) return '';
  const { vm, previewOf } = inspection;
  if (previewOf !== undefined)
    return `. VM ${vm.name} is left ${vm.power === 'On' ? 'on' : 'off'} and in preview of snapshot ${previewOf}, which is not of this restore`;
  const wasOn = it.record.powerStateBefore === 'On' && vm.power !== 'On';
  return wasOn ? `. VM ${vm.name} is left ${vm.vendorState}, as spec.onFailure says` : '';
}

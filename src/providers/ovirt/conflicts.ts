import { vendorText } from '../http.ts';
import type { Failure } from '../outcome.ts';
import type { EngineDisk, EngineSnapshot, EngineVM } from './model.ts';

/** Writes that an engine may refuse for the state of the VM. */
export type VMOperation =
  | 'Create'
  | 'Delete'
  | 'Restore'
  | 'Commit'
  | 'Undo'
  | 'Start'
  | 'Stop'
  | 'Freeze'
  | 'Clone';

/** How things stand after a refusal; what could not be read is undefined. */
export interface Evidence {
  operation: VMOperation;
  /** The snapshot that the operation was about. */
  snapshotID?: string;
  vm?: Pick<EngineVM, 'status'>;
  snapshots?: Pick<EngineSnapshot, 'id' | 'type' | 'status'>[];
  disks?: Pick<EngineDisk, 'name' | 'status'>[];
}

/** Whether to try again, and why the engine refused, as a sentence for people. */
export interface Verdict {
  retry: 'Later' | 'Never';
  why: string;
}

/** States on the way from one to another, which pass by themselves. */
const passing = [
  'image_locked',
  'migrating',
  'saving_state',
  'restoring_state',
  'powering_down',
  'powering_up',
  'reboot_in_progress',
  'wait_for_launch',
];

/**
 * What a 409 means, by how things stand and not by its words: an engine gives it to what passes and to what never
 * will, and its message keys do not come over the wire (oVirt sheet, section 10). Undefined when nothing that was
 * seen explains it: then it is space, quota, a backup, or a lock that outlives what it was for (section 12).
 */
export function judgeConflict(evidence: Evidence): Verdict | undefined {
  const { operation, vm, snapshots = [], disks = [] } = evidence;
  const previewed = snapshots.find(({ type, status }) => status === 'in_preview' || type === 'preview');
  const power = operation === 'Start' || operation === 'Stop';
  if (previewed !== undefined && !endsPreview(operation) && !power) {
    return never(`a snapshot of the VM (${previewed.id}) is in preview: commit or undo the preview first`);
  }
  const illegal = disks.filter(({ status }) => status === 'illegal');
  if (illegal.length > 0 && operation !== 'Stop') {
    return never(`disks of the VM are illegal, which an administrator has to mend: ${names(illegal)}`);
  }
  const locked = snapshots.find(({ status }) => status === 'locked');
  if (locked !== undefined) return later(`the engine is at work on a snapshot of the VM (${locked.id})`);
  if (vm !== undefined && passing.includes(vm.status)) return later(`the VM is ${vm.status}`);
  const busy = disks.filter(({ status }) => status === 'locked');
  if (busy.length > 0) return later(`disks of the VM are locked: ${names(busy)}`);
  if (endsPreview(operation) && evidence.snapshots !== undefined && previewed === undefined) {
    return never('no snapshot of the VM is in preview');
  }
  const about = snapshots.find(({ id }) => id === evidence.snapshotID);
  if (about !== undefined && about.type !== 'regular') {
    return never(`the entry ${about.id} is of type ${about.type}, not a snapshot that could be worked on`);
  }
  return vm === undefined ? undefined : byStatus(operation, vm.status);
}

function byStatus(operation: VMOperation, status: string): Verdict | undefined {
  const down = status === 'down' || (status === 'suspended' && endsPreview(operation));
  if ((operation === 'Restore' || endsPreview(operation)) && !down) {
    return never(`the VM is ${status}, and must be down`);
  }
  if (operation === 'Freeze' && status !== 'up') return never(`the VM is ${status}, and must be up`);
  if (operation === 'Start' && status === 'up') return never('the VM is up already');
  if (operation === 'Stop' && status === 'down') return never('the VM is down already');
  if (operation === 'Delete' && !['down', 'up', 'paused'].includes(status))
    return later(`the VM is ${status}`);
  if (operation === 'Create' && !['down', 'up', 'paused', 'suspended'].includes(status)) {
    return later(`the VM is ${status}`);
  }
  return undefined;
}

function endsPreview(operation: VMOperation): boolean {
  return operation === 'Commit' || operation === 'Undo';
}

/** The failure that a refusal turns out to be. */
export function explained(failure: Failure, verdict: Verdict | undefined): Failure {
  if (failure.kind !== 'Conflict' || verdict === undefined) return failure;
  const message = vendorText(`${failure.error.message.replace(/[.\s]*$/, '')}. As it stands, ${verdict.why}`);
  return { kind: 'Conflict', retry: verdict.retry, error: { ...failure.error, message } };
}

/**
 * Whether a 500 is the engine's way to refuse a VM with illegal disks (oVirt sheet, section 10). Its words alone
 * would not do, nor would the disks: a write that met a 500 may have had its effect.
 */
export function refusesIllegalDisks(failure: Failure, evidence: Evidence): boolean {
  if (failure.kind !== 'Unknown' || failure.error.status !== 500) return false;
  const said = /^Cannot\b.*\bILLEGAL\b/.test(failure.error.message);
  return said && (evidence.disks ?? []).some(({ status }) => status === 'illegal');
}

const later = (why: string): Verdict => ({ retry: 'Later', why });
const never = (why: string): Verdict => ({ retry: 'Never', why });

function names(disks: { name: string }[]): string {
  return disks
    .slice(0, 5)
    .map(({ name }) => name)
    .join(', ');
}

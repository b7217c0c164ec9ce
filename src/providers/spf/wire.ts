import { vendorText } from '../http.ts';
import { amountOf, MalformedAnswer, recordOf, textOf } from '../json.ts';
import type { Failure } from '../outcome.ts';
import type { PowerState } from '../provider.ts';
import type { Entity } from './odata/answer.ts';
import { isGUID, type Key, sameGUID } from './odata/uri.ts';
import { jobFailure } from './outcomes.ts';

/** A virtual machine, as far as Keyframe looks at it. */
export interface VirtualMachine extends Key {
  name: string;
  /** The hypervisor's id: never what a checkpoint's VMId is (SPF sheet, section 6). */
  hypervisorID?: string;
  /** VMM's name for the state: `Status`, else `VirtualMachineState`. */
  status: string;
  power: PowerState;
  mostRecentTaskID?: string;
  operatingSystem?: string;
  hasPassthroughDisk: boolean;
  /** False where VMM finds no integration services in the guest. */
  hasGuestServices: boolean;
  isMigrating: boolean;
  isTemplate: boolean;
  /** False where VMM has taken it out of use. */
  enabled: boolean;
}

/** A checkpoint of a virtual machine. */
export interface Checkpoint extends Key {
  vmID: string;
  name: string;
  description: string;
  /** The hypervisor's id, there as soon as it is made. */
  checkpointID?: string;
  /** The parent's, in hypervisor's ids. */
  parentCheckpointID?: string;
  /** ISO 8601. */
  addedAt?: string;
  enabled: boolean;
}

/** A job of VMM's. */
export interface Job extends Key {
  name: string;
  /** Such as New-SCVMCheckpoint; empty where it has none. */
  cmdlet: string;
  /** VMM's name for the state. */
  status: string;
  state: 'Running' | 'Succeeded' | 'Failed';
  percent?: number;
  /** Why it failed. */
  failure?: Failure;
}

/** The states in which a VM stands still, by VMM's names (SPF sheet, section 5, vm-states.json). */
const restingStates: Record<string, PowerState> = {
  Running: 'On',
  PowerOff: 'Off',
  Saved: 'Suspended',
  Paused: 'Suspended',
};

/** The states in which VMM is at work on the checkpoints of a VM. */
const checkpointStates = new Set([
  'InitializingCheckpointOperation',
  'CreatingCheckpoint',
  'FinishingCheckpointOperation',
  'RecoveringCheckpoint',
  'DeletingCheckpoint',
  'MergingDrives',
]);

/** The other states in which VMM is at work on a VM. */
const busyStates = new Set([
  'PoweringOff',
  'Saving',
  'Restoring',
  'DiscardSavedState',
  'Starting',
  'Deleting',
  'DiscardingDrives',
  'Pausing',
  'UnderCreation',
  'UnderTemplateCreation',
  'UnderUpdate',
  'UnderReplacement',
  'UnderMigration',
]);

/** The states in which drives are taken together after a checkpoint was removed, its job ended or not. */
const removalStates = new Set(['DeletingCheckpoint', 'MergingDrives', 'DiscardingDrives']);

/** Whether VMM is at work on a VM's checkpoints. */
export function isInCheckpointOperation({ status }: VirtualMachine): boolean {
  return checkpointStates.has(status);
}

/** Whether what a removed checkpoint held is still being merged, which the job of the removal need not wait for. */
export function isMerging({ status }: VirtualMachine): boolean {
  return removalStates.has(status);
}

/**
 * The power of a VM by the names of its states. After a failed operation (`CheckpointFailed`) the state that is
 * left of it tells nothing of the power, and the second one does.
 */
export function powerOf(status: string, machineState: string): PowerState {
  if (checkpointStates.has(status) || busyStates.has(status)) return 'Busy';
  if (Object.hasOwn(restingStates, status)) return restingStates[status] ?? 'Unknown';
  if (status.endsWith('Failed') && Object.hasOwn(restingStates, machineState)) {
    return restingStates[machineState] ?? 'Unknown';
  }
  return 'Unknown';
}

/** Reads a VM. Throws a MalformedAnswer when what is essential is not in it. */
export function virtualMachineOf(entity: Entity): VirtualMachine {
  const what = 'a virtual machine';
  const machineState = textOf(entity.VirtualMachineState) ?? '';
  const status = textOf(entity.Status) ?? machineState;
  const migrating = entity.IsUndergoingLiveMigration === true || status === 'UnderMigration';
  return {
    ...keyOf(entity, what),
    name: essential(textOf(entity.Name), what, 'Name'),
    status,
    power: migrating ? 'Busy' : powerOf(status, machineState),
    hasPassthroughDisk: entity.HasPassthroughDisk === true,
    hasGuestServices: entity.HasVMAdditions !== false,
    isMigrating: migrating,
    isTemplate: entity.MarkedAsTemplate === true,
    enabled: entity.Enabled !== false,
    ...present('hypervisorID', guidOf(entity.VMId)),
    ...present('mostRecentTaskID', guidOf(entity.MostRecentTaskId)),
    ...present('operatingSystem', textOf(entity.OperatingSystem)),
  };
}

/** Reads a checkpoint. Throws a MalformedAnswer when what is essential is not in it. */
export function checkpointOf(entity: Entity): Checkpoint {
  const what = 'a checkpoint';
  return {
    ...keyOf(entity, what),
    vmID: essential(guidOf(entity.VMId), what, 'VMId'),
    name: textOf(entity.Name) ?? '',
    description: textOf(entity.Description) ?? '',
    enabled: entity.Enabled === true,
    ...present('checkpointID', guidOf(entity.CheckpointID)),
    ...present('parentCheckpointID', guidOf(entity.ParentCheckpointID)),
    ...present('addedAt', timeOf(entity.AddedTime)),
  };
}

/**
 * Reads a job. It has ended when it says so, and failed when its error says so or its status is one of failure;
 * warnings among its messages are none (SPF sheet, section 5). Throws a MalformedAnswer when what is essential is
 * not in it.
 */
export function jobOf(entity: Entity): Job {
  const what = 'a job';
  const status = textOf(entity.Status) ?? '';
  const error = recordOf(entity.ErrorInfo);
  const completed = essential(
    typeof entity.IsCompleted === 'boolean' ? entity.IsCompleted : undefined,
    what,
    'IsCompleted',
  );
  const code = textOf(error?.Code);
  const saysFailed = error?.IsSuccess === false && code !== undefined && code !== 'Success';
  const failed = completed && (saysFailed || status === 'Failed' || status === 'Canceled');
  const percent = amountOf(entity.ProgressValue);
  return {
    ...keyOf(entity, what),
    name: textOf(entity.Name) ?? '',
    cmdlet: textOf(entity.CmdletName) ?? '',
    status,
    state: completed ? (failed ? 'Failed' : 'Succeeded') : 'Running',
    ...present('percent', percent === undefined ? undefined : Math.min(100, percent)),
    ...(failed ? { failure: jobFailure(error, status) } : {}),
  };
}

/** Throws a MalformedAnswer when an answer is about something else than was asked for. */
export function expectSame(found: Key, asked: Key, what: string): void {
  if (sameGUID(found.id, asked.id) && sameGUID(found.stampID, asked.stampID)) return;
  throw new MalformedAnswer(
    vendorText(
      `asked for the ${what} ${asked.id} on stamp ${asked.stampID}, but the answer is about ${found.id} on stamp ${found.stampID}`,
    ),
  );
}

function keyOf(entity: Entity, what: string): Key {
  return {
    id: essential(guidOf(entity.ID), what, 'ID'),
    stampID: essential(guidOf(entity.StampId), what, 'StampId'),
  };
}

/** A GUID in lower case; undefined for none, which may be written as all zeros. */
function guidOf(value: unknown): string | undefined {
  const text = textOf(value);
  if (text === undefined || !isGUID(text) || /^[0-]+$/.test(text)) return undefined;
  return text.toLowerCase();
}

/**
 * A time with an offset, as ISO 8601 in UTC; without one nobody knows when it is. Fractions have up to seven
 * digits, of which three are kept. Verbose JSON of older versions counts milliseconds.
 */
function timeOf(value: unknown): string | undefined {
  const [, milliseconds] = /^\/Date\((-?\d{1,15})(?:[+-]\d{1,4})?\)\/$/.exec(textOf(value) ?? '') ?? [];
  if (milliseconds !== undefined) return new Date(Number(milliseconds)).toISOString();
  const [, seconds, fraction = '', offset] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(textOf(value) ?? '') ?? [];
  if (seconds === undefined) return undefined;
  const date = new Date(`${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${offset}`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function essential<T>(value: T | undefined, what: string, part: string): T {
  if (value === undefined) {
    throw new MalformedAnswer(`the answer should be ${what}, but ${part} is not in it`);
  }
  return value;
}

/** The member, unless it is undefined. */
function present<K extends string, T>(name: K, value: T | undefined): { [name in K]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [name in K]?: T };
}

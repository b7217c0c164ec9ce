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
  const flag = (name: string) => flagOf(entity, what, name);
  const machineState = stateOf(entity.VirtualMachineState) ?? '';
  const status = stateOf(entity.Status) ?? (machineState === '' ? 'of no Status' : machineState);
  const migrating = flag('IsUndergoingLiveMigration') === true || status === 'UnderMigration';
  // Its id at the hypervisor, VMId, is no part of it: never what a checkpoint's VMId is (SPF sheet, section 6).
  return {
    ...keyOf(entity, what),
    name: essential(textOf(entity.Name), what, 'Name'),
    status,
    power: migrating ? 'Busy' : powerOf(status, machineState),
    hasPassthroughDisk: flag('HasPassthroughDisk') === true,
    hasGuestServices: flag('HasVMAdditions') !== false,
    isMigrating: migrating,
    isTemplate: flag('MarkedAsTemplate') === true,
    enabled: flag('Enabled') !== false,
    ...present('mostRecentTaskID', guidOf(entity, what, 'MostRecentTaskId')),
    ...present('operatingSystem', textOf(entity.OperatingSystem)),
  };
}

/** Reads a checkpoint. Throws a MalformedAnswer when what is essential is not in it. */
export function checkpointOf(entity: Entity): Checkpoint {
  const what = 'a checkpoint';
  return {
    ...keyOf(entity, what),
    vmID: essential(guidOf(entity, what, 'VMId'), what, 'VMId'),
    name: textOf(entity.Name) ?? '',
    description: textOf(entity.Description) ?? '',
    enabled: flagOf(entity, what, 'Enabled') === true,
    ...present('checkpointID', guidOf(entity, what, 'CheckpointID')),
    ...present('parentCheckpointID', guidOf(entity, what, 'ParentCheckpointID')),
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
  const completed = essential(flagOf(entity, what, 'IsCompleted'), what, 'IsCompleted');
  const code = textOf(error?.Code);
  const isSuccess = error === undefined ? undefined : flagOf(error, 'the error of a job', 'IsSuccess');
  const saysFailed = isSuccess === false && code !== undefined && code !== 'Success';
  const failed = completed && (saysFailed || status === 'Failed' || status === 'Canceled');
  const percent = amountOf(entity.ProgressValue) ?? percentIn(entity.Progress);
  return {
    ...keyOf(entity, what),
    name: textOf(entity.Name) ?? '',
    cmdlet: textOf(entity.CmdletName) ?? '',
    status,
    state: completed ? (failed ? 'Failed' : 'Succeeded') : 'Running',
    ...present('percent', percent === undefined ? undefined : Math.floor(Math.min(100, percent))),
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

/** The key in an entity. Throws a MalformedAnswer when it has none. */
export function keyOf(entity: Entity, what: string): Key {
  return {
    id: essential(guidOf(entity, what, 'ID'), what, 'ID'),
    stampID: essential(guidOf(entity, what, 'StampId'), what, 'StampId'),
  };
}

/**
 * A GUID in lower case, without the braces that .NET may put around it; undefined for none, which may be written as
 * all zeros. Throws a MalformedAnswer for anything else: a CheckpointID that is not understood is not one that is not
 * there yet.
 */
function guidOf(entity: Entity, what: string, name: string): string | undefined {
  const value = entity[name];
  if (value === undefined || value === null || value === '') return undefined;
  const text = typeof value === 'string' ? value.trim().replace(/^\{(.*)\}$/, '$1') : '';
  if (!isGUID(text)) throw notUnderstood(what, name, 'GUID', value);
  return /^[0-]+$/.test(text) ? undefined : text.toLowerCase();
}

/** A Boolean, as a text, too; undefined where nothing is said. Throws a MalformedAnswer for anything else. */
function flagOf(entity: Entity, what: string, name: string): boolean | undefined {
  const value = entity[name];
  if (value === undefined || value === null || value === '') return undefined;
  const text = String(value).toLowerCase();
  if (text !== 'true' && text !== 'false') throw notUnderstood(what, name, 'Boolean', value);
  return text === 'true';
}

/** The name of a state; one that comes as VMM's number for it is none of those that are known here. */
function stateOf(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : textOf(value);
}

/** The number in `42 %`, which is there where `ProgressValue` may not be. */
function percentIn(progress: unknown): number | undefined {
  const [, number] = /^(\d{1,3})(?:[.,]\d+)?\s*%$/.exec(textOf(progress)?.trim() ?? '') ?? [];
  return number === undefined ? undefined : Number(number);
}

function notUnderstood(what: string, name: string, type: string, value: unknown): MalformedAnswer {
  const found = vendorText(JSON.stringify(value) ?? '', 64);
  return new MalformedAnswer(`the answer should be ${what}, but its ${name} is no ${type}: ${found}`);
}

/**
 * A time with an offset, as ISO 8601 in UTC; without one nobody knows when it is. Fractions have up to seven
 * digits, of which three are kept. Verbose JSON of older versions counts milliseconds. The first and the last time
 * that .NET has are none: nothing was made then.
 */
function timeOf(value: unknown): string | undefined {
  const time = instantOf(textOf(value) ?? '');
  return time === undefined || !/^(19[7-9]|[2-8])\d/.test(time) ? undefined : time;
}

function instantOf(text: string): string | undefined {
  // Of what has an offset, the milliseconds count by the clock of that place.
  const [, milliseconds, minutes = '0'] = /^\/Date\((-?\d{1,15})([+-]\d{1,4})?\)\/$/.exec(text) ?? [];
  if (milliseconds !== undefined)
    return new Date(Number(milliseconds) - Number(minutes) * 60_000).toISOString();
  const [, seconds, fraction = '', offset] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
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

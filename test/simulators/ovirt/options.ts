import type { SimulatorOptions } from '../common/simulator.ts';

/** How long work takes, in simulated seconds. */
export interface Durations {
  /** Making a snapshot without memory. */
  createSeconds: number;
  /** What is added for memory, for each GiB of it. */
  memorySecondsPerGiB: number;
  /** Merging a snapshot away. */
  mergeSeconds: number;
  previewSeconds: number;
  commitSeconds: number;
  undoSeconds: number;
  /** Copying the disks of a new VM made from a snapshot. */
  cloneSeconds: number;
  startSeconds: number;
  shutdownSeconds: number;
  stopSeconds: number;
  /** How long the lock on a VM outlives the status `ok` (oVirt sheet, section 12). */
  lockLingersSeconds: number;
  /** How long the engine remembers jobs that finished, and jobs that failed (oVirt sheet, section 11). */
  finishedJobSeconds: number;
  failedJobSeconds: number;
}

/** How the engine behaves where releases and installations differ, or where the oVirt sheet is not sure. */
export interface Behaviour {
  /** The list below a VM that does not exist (unconfirmed). */
  listOfUnknownVm: 'empty' | 'not-found';
  /** What asking a 4.4+ engine for v3 gives (unconfirmed). */
  removedVersion: 'not-found' | 'bad-request';
  /** What becomes of newer snapshots when an older one is committed. */
  newerSnapshots: 'removed' | 'without-configuration';
  /** Answers of the token endpoint come as a list of one. */
  tokenAnswerInList: boolean;
  /** The status of errors of the token endpoint; by release when absent: 200 on 4.0 and 4.1, 400 later. */
  tokenErrorStatus: 200 | 400 | undefined;
  /** JSON holds numbers and booleans of its own in place of strings (unconfirmed for engines 3.x). */
  nativeJson: boolean;
  /** The server's distance from UTC, which dates in XML bear. */
  utcOffsetMinutes: number;
  /** Where hrefs point; by release when absent: 3.6 answers with `/api`, others with the path asked for. */
  hrefBase: string | undefined;
  /** Regular snapshots of v3 name the snapshot before them. */
  prevLinks: boolean;
  /** Whether a restore of memory leaves the VM suspended; by release when absent: from 4.5 on. */
  suspendedAfterMemoryRestore: boolean | undefined;
}

/** Someone who may log in. */
export interface UserSpec {
  /** `user@profile`; the profile is what follows the last `@`. */
  name: string;
  password: string;
  /** false: sees only the VMs of `vms`, unless told otherwise by `Filter`, which is refused. */
  admin?: boolean;
  /** Ids of the VMs that a user who is no admin may see. */
  vms?: string[];
  /** Permission groups; all when absent. */
  permissions?: string[];
}

/** How the simulator is started. Everything has a default. */
export interface OvirtSimulatorOptions extends SimulatorOptions {
  /** The engine's release, such as 4.5.4, 4.1.9 or 3.6. */
  version?: string;
  /** The shape that an engine 4.0 - 4.3 answers in when none is asked for. */
  defaultApi?: 3 | 4;
  /** 0 or absent: any free port. */
  port?: number;
  username?: string;
  password?: string;
  /** After how many real seconds without use a token or a session is dropped. */
  idleSeconds?: number;
  durations?: Partial<Durations>;
  behaviour?: Partial<Behaviour>;
}

export const defaultDurations: Durations = {
  createSeconds: 20,
  memorySecondsPerGiB: 10,
  mergeSeconds: 60,
  previewSeconds: 8,
  commitSeconds: 15,
  undoSeconds: 8,
  cloneSeconds: 60,
  startSeconds: 20,
  shutdownSeconds: 20,
  stopSeconds: 3,
  lockLingersSeconds: 1,
  finishedJobSeconds: 10 * 60,
  failedJobSeconds: 60 * 60,
};

export const defaultBehaviour: Behaviour = {
  listOfUnknownVm: 'empty',
  removedVersion: 'not-found',
  newerSnapshots: 'removed',
  tokenAnswerInList: false,
  tokenErrorStatus: undefined,
  nativeJson: false,
  utcOffsetMinutes: 60,
  hrefBase: undefined,
  prevLinks: true,
  suspendedAfterMemoryRestore: undefined,
};

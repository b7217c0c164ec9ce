/**
 * A restore runs once: it shuts the VM down where it may, puts it back to a snapshot (or makes a new VM of one),
 * verifies, and puts the power back, whatever came of it.
 *
 *   gather ──► decide ──► act ──► decide ──► act ──► ... ──► finish (record)
 *
 * Each write at the vendor follows the protocol of `intent.ts`, with one more step, since a restore that is sent
 * twice throws away work:
 *
 *   (b) one metadata patch, locked to the resourceVersion, sets the finalizer and the intent
 *   (c) look afresh: the VM, the snapshot and its mark, the VMs that bear our mark
 *   (d) claim: one patch of the status, locked likewise, says `Requested` and holds the vendor's token
 *   (e) send, within a few seconds after (b) was begun
 *   (f) status: `Running`, or what came of it
 *
 * Nothing is sent without its claim, and only the operator can write a status: who finds no claim knows that nothing
 * was sent, and who finds one looks up what came of it, though the annotation be lost or forged.
 */

import type { Verdict } from '../../api/conditions.ts';
import type { Operation, ProviderRef, StatusError } from '../../api/v1alpha1/common.ts';
import type { VMRestore } from '../../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { Outcome } from '../../providers/outcome.ts';
import type {
  MarkedVM,
  NewVMTarget,
  OperationAccepted,
  OperationState,
  PowerState,
  RestoreTarget,
  Snapshot,
  SnapshotRef,
  VM,
  VMInspection,
  VMQuery,
} from '../../providers/provider.ts';
import type { LaneView } from '../lane-view.ts';
import type { ProviderState } from '../provider-registry.ts';
import type { Settings } from '../settings.ts';
import type { UnknownOutcome } from '../unknown-outcomes.ts';

/** What is done at the vendor, each at its time; the names of `status.steps`. */
export type Action =
  | 'Shutdown'
  | 'PowerOff'
  | 'Restore'
  | 'Preview'
  | 'Commit'
  | 'Undo'
  | 'CreateVM'
  | 'Start';

/**
 * `Pending`: refused, and to be tried again. `Requested`: claimed, and perhaps sent. `Running`: the vendor accepted
 * it.
 */
export type StepState = 'Pending' | 'Requested' | 'Running' | 'Done' | 'Failed';

/** One entry of `status.steps`; the last time that the action was done counts. */
export interface StepRecord {
  name: Action;
  state: StepState;
  /** When it was first asked for; of a change of power, when the vendor accepted it. */
  startedAt?: string | undefined;
  finishedAt?: string | undefined;
  message?: string | undefined;
}

/** What an action works on: a new VM for CreateVM, else the VM that is put back. */
export type ActionTarget = RestoreTarget | NewVMTarget;

/** What is about to be done, as the annotation `keyframe.dev/intent` holds it. */
export interface RestoreIntent {
  uid: string;
  attempt: number;
  endpointID: string;
  correlationID: string;
  step: Action;
  startedAt: string;
  target: ActionTarget;
}

/** What the caches hold that matters to a VMRestore. */
export interface RestoreNeighbours {
  namespaceLabels: Record<string, string>;
  namespaceTerminating: boolean;
  snapshot(name: string): VMSnapshot | undefined;
  /** The VMSnapshot with a UID, as `Kind namespace/name`. */
  objectWithUID(uid: string): string | undefined;
  /** Who else is at work on the VM. */
  vmLane(vmID: string): LaneView;
}

export interface RestoreFacts {
  object: VMRestore;
  /** Wall clock, milliseconds. */
  now: number;
  /** Monotonic clock, milliseconds. */
  monotonic: number;
  /** A GUID for the attempt that this run may begin. */
  correlationID: string;
  /** 0 to 1; spreads waits. */
  random: number;
  settings: Settings;
  provider: ProviderState;
  neighbours: RestoreNeighbours;
  /** What this process knows of the write in hand, when nobody recorded what came of it. */
  unknown: UnknownOutcome | undefined;
  seen: RestoreSeen;
}

/** What this run has read and done so far. */
export interface RestoreSeen {
  vm?: Outcome<VM>;
  source?: Outcome<Snapshot>;
  inspection?: Outcome<VMInspection>;
  /** The VM of the name that the new one is to have. */
  namesake?: Outcome<VM>;
  marked?: Outcome<MarkedVM[]>;
  operation?: Outcome<OperationState>;
  /** The VM is proved to be gone. */
  gone?: Outcome<boolean>;
  /** The intent that this run wrote. */
  intent?: RestoreIntent;
  claimed?: boolean;
  sent?: Outcome<OperationAccepted>;
}

/** The one next thing to do. */
export type RestoreStep =
  | { do: 'ReadVM'; query: VMQuery }
  | { do: 'ReadSource'; ref: SnapshotRef }
  | { do: 'Inspect'; containerID: string }
  | { do: 'ReadNamesake'; query: VMQuery }
  | { do: 'FindMarked' }
  | { do: 'ReadOperation'; token: string }
  | { do: 'ProveGone'; containerID: string }
  /** Writes finalizer and intent in one patch, holding the lane; where another run holds it, this one is queued. */
  | { do: 'WriteIntent'; intent: RestoreIntent; lane: string }
  /** Writes the claim; the run ends where someone wrote first. */
  | { do: 'Claim'; verdict: Verdict; record: RecordChange }
  | { do: 'Send'; intent: RestoreIntent }
  /** Puts back the finalizer that was taken away. */
  | { do: 'Protect' }
  /** Takes the finalizer off. */
  | { do: 'Release'; event?: RestoreEvent }
  | RestoreFinish;

export interface RestoreEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

/** Ends the run. */
export interface RestoreFinish {
  do: 'Finish';
  /** What to say; absent leaves the status as it is. */
  verdict?: Verdict;
  /** What to change of the record; null clears. */
  record?: RecordChange;
  requeueAfterMs?: number;
  /** A deadline: look then at the latest, whatever else is waited for. */
  endsInMs?: number;
  /** Things worth an Event beyond the change of reason. */
  events?: RestoreEvent[];
  /** The write in hand is settled: what memory holds of it can go. */
  settled?: true;
  /** The object was held against the vendor. */
  looked?: true;
  /** Without a verdict: what was said before holds for the spec as it is now. */
  current?: true;
}

/** What the status holds that decisions are made from. */
export interface RestoreRecord {
  reason: string | undefined;
  /** The provider it was begun through. */
  providerRef: ProviderRef | undefined;
  endpointID: string | undefined;
  vm: RecordedVM | undefined;
  snapshotID: string | undefined;
  powerStateBefore: string | undefined;
  steps: StepRecord[];
  operation: Operation | undefined;
  error: StatusError | undefined;
  completionTime: string | undefined;
}

export interface RecordedVM {
  id: string;
  name: string;
  containerID: string;
}

/** What was resolved, recorded by the first claim and never changed. */
export interface Beginning {
  providerRef: ProviderRef;
  endpointID: string;
  vm: RecordedVM;
  source: Snapshot;
  /** In place: the VM's, before anything was changed. */
  powerStateBefore?: PowerState;
}

export interface RecordChange {
  begun?: Beginning;
  /** Takes the place of the entry of its name. */
  step?: StepRecord;
  operation?: Operation | null;
  error?: StatusError | null;
  restored?: { vmID: string; vmName?: string; disks?: string[] };
  completedAt?: number;
}

/**
 * What `VMSnapshot` and `RestorePointCopy` have in common: one thing at the vendor that is made once, watched
 * until it is ready, held against the vendor from then on, and removed or let go in the end.
 *
 *   gather ──► decide ──► act ──► decide ──► act ──► ... ──► finish (record)
 *
 * `decide` is pure. It is given what is known (`Facts`) and answers with the one next step; the engine carries
 * it out, adds what came of it to `Seen`, and asks again, a bounded number of times.
 */

import type { Verdict } from '../../api/conditions.ts';
import type { KubernetesObject } from '../../api/kubernetes-object.ts';
import type { Reason } from '../../api/reasons.ts';
import type {
  Condition,
  DeletionPolicy,
  Operation,
  ProviderRef,
  Replication,
  StatusError,
} from '../../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { Collection } from '../../providers/azure/azure-provider.ts';
import type { Failure, Outcome } from '../../providers/outcome.ts';
import type {
  CreateAccepted,
  OperationAccepted,
  OperationState,
  Snapshot,
  SnapshotRef,
  SnapshotTarget,
  SnapshotView,
  VM,
  VMQuery,
} from '../../providers/provider.ts';
import type { Intent } from '../intent.ts';
import type { ProviderState } from '../provider-registry.ts';
import type { Settings } from '../settings.ts';
import type { UnknownOutcome } from '../unknown-outcomes.ts';

/** An object of one of the two kinds. */
export type ManagedObject = KubernetesObject & {
  status?: {
    observedGeneration?: number;
    lastHandledReconcileAt?: string;
    conditions?: Condition[];
    replication?: Replication;
    progress?: { percent?: number };
  };
};

export interface Facts<O extends KubernetesObject, Neighbours> {
  object: O;
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
  /** What the cache holds of other objects that matter to this one. */
  neighbours: Neighbours & CommonNeighbours;
  /** What this process knows of the attempt whose outcome nobody recorded. */
  unknown: UnknownOutcome | undefined;
  /** Milliseconds until the next look at a settled object; 0 when one is due. */
  driftDueMs: number;
  seen: Seen;
}

export interface CommonNeighbours {
  namespaceLabels: Record<string, string>;
  namespaceTerminating: boolean;
  /** Objects that read from this one at the vendor now, as `Kind name`. */
  dependents: string[];
  /** Those and the ones that wait to. */
  readers: string[];
}

/** What this run has read and done so far. */
export interface Seen {
  vm?: Outcome<VM>;
  /** The snapshot that is to be copied, and the collection it lies in. */
  source?: Outcome<Snapshot>;
  sourceCollection?: Outcome<Collection>;
  /** The snapshot that this object stands for. */
  snapshot?: Outcome<Snapshot>;
  operation?: Outcome<OperationState>;
  /** Every snapshot of the container; `fresh` unless it may be some minutes old. */
  lookUp?: { outcome: Outcome<Snapshot[]>; fresh: boolean };
  /** The container is proved to be gone itself: absent from a complete list of what should hold it. */
  containerGone?: Outcome<boolean>;
  /** This run wrote the intent, and may send. */
  intentWritten?: boolean;
  created?: Outcome<CreateAccepted>;
  described?: Outcome<OperationAccepted>;
  removed?: { id: string; outcome: Outcome<OperationAccepted> };
  /** The guest's filesystems, frozen and thawed by calls of our own. */
  frozen?: Outcome<void>;
  thawed?: Outcome<void>;
  /** What came of keeping the configuration; a text says why it was not kept, a failure that it could not be read. */
  configurationKept?: true | string | Failure;
}

/** The one next thing to do. */
export type Step =
  | { do: 'ReadVM'; query: VMQuery }
  | { do: 'ReadSource'; ref: SnapshotRef }
  | { do: 'ReadSourceCollection'; id: string }
  | { do: 'ReadSnapshot'; ref: SnapshotRef; view: SnapshotView }
  | { do: 'ReadOperation'; token: string }
  | { do: 'LookUp'; containerID: string; fresh: boolean }
  | { do: 'ProveContainerGone'; containerID: string }
  /** Makes the automatic collection object that is missing; it is waited for. */
  | {
      do: 'MakeCollection';
      object: Omit<RestorePointCollection, 'metadata'> & {
        metadata: { name: string; namespace: string; labels: Record<string, string> };
      };
    }
  /** Writes finalizer and intent in one patch, holding the lane; where another run holds it, the engine queues this one. */
  | { do: 'WriteIntent'; intent: Intent<SnapshotTarget>; lane?: string; limit?: string }
  /** Puts back finalizer and intent that were taken away. */
  | { do: 'Protect'; intent: Intent<SnapshotTarget> }
  | { do: 'Create'; intent: Intent<SnapshotTarget> }
  /** Freezes the guest, within the send window; thawed again whatever comes of it. */
  | { do: 'Freeze'; vmID: string }
  | { do: 'Thaw'; vmID: string }
  /** Keeps the configuration of the VM in a ConfigMap of the namespace. */
  | { do: 'KeepConfiguration'; configMapName: string; ref: SnapshotRef }
  /** Changes people's words at the vendor; what is there bears its mark before and after. */
  | { do: 'Describe'; ref: SnapshotRef; texts: Description }
  /** Holds the lane of the VM, where one thing at a time is done on it. */
  | { do: 'Remove'; ref: SnapshotRef; lane?: string }
  /** Takes the finalizer off: the object goes. */
  | { do: 'Release'; event?: { type: 'Normal' | 'Warning'; reason: string; note: string } }
  /** Deletes the object itself (ttl). */
  | { do: 'DeleteObject' }
  | Finish;

/** What the vendor calls it: `name` bears the mark. */
export interface Description {
  name: string;
  displayName?: string;
  description?: string;
}

/** Ends the run. */
export interface Finish {
  do: 'Finish';
  /** What to say; absent leaves the status as it is. */
  verdict?: Verdict;
  /** What to change of the record; null clears. */
  record?: RecordChange;
  /** The vendor's latest view, to be shown in status. */
  snapshot?: Snapshot;
  requeueAfterMs?: number;
  /** A deadline: look then at the latest, whatever else is waited for. */
  endsInMs?: number;
  /** Things worth an Event beyond the change of reason. */
  events?: { type: 'Normal' | 'Warning'; reason: string; note: string }[];
  /** The attempt is settled: what memory holds of it can go. */
  settled?: true;
  /** The object was held against the vendor. */
  looked?: true;
  /** Without a verdict: what was said before holds for the spec as it is now. */
  current?: true;
}

/** The members of a status that the protocol needs, under one name for both kinds. */
export interface Recorded {
  reason: Reason | undefined;
  provisioningState: string | undefined;
  readyToUse: boolean;
  snapshotID: string | undefined;
  endpointID: string | undefined;
  /** What holds it at the vendor; its name there, which bears the mark; and what tells it from another of its id. */
  containerID: string | undefined;
  name: string | undefined;
  fingerprint: string | undefined;
  creationTime: string | undefined;
  completionTime: string | undefined;
  /** oVirt, SPF: the VM that holds it, on which one thing is done at a time. */
  heldBy?: { vmID: string; vmName: string; stampID?: string };
  /** Where it lies, and where the VM is, as far as the status says. */
  location: string | undefined;
  vmLocation: string | undefined;
  /** Tells the VM; and of a copy, what it is a copy of. */
  vmUID: string | undefined;
  copyOf: string | undefined;
  operation: Operation | undefined;
  error: StatusError | undefined;
}

export interface RecordChange {
  provisioningState?: 'Pending' | 'Creating' | 'Succeeded' | 'Failed' | 'Deleting';
  readyToUse?: boolean;
  snapshotID?: string | null;
  operation?: Operation | null;
  error?: StatusError | null;
  /** The words that the vendor has now; null for none. */
  description?: string | null;
  completedAt?: number;
  acceptedAt?: number;
}

/** What a look at a finished snapshot says about its use. */
export type Assessment =
  | { is: 'Ready'; verdict: Verdict }
  /** Not yet: `percent` where the vendor tells. */
  | { is: 'Pending'; verdict: Verdict; longestPollMs: number }
  /** It will never do: it is removed, and the object fails. */
  | { is: 'Unfit'; verdict: Verdict };

/** What must be known before the intent can be written. */
export type Preparation =
  | { next: Step }
  | { wait: Verdict; requeueAfterMs?: number }
  | { refuse: Verdict; requeueAfterMs?: number }
  | { ready: { target: SnapshotTarget; step: 'Create' | 'Adopt' } };

/** What differs between the kinds. All of it is pure. */
export interface KindPolicy<O extends ManagedObject, Neighbours> {
  /** The provider that the object goes by; undefined while that is not known. */
  providerRef(object: O, neighbours: Neighbours): ProviderRef | undefined;
  /** For messages: "restore point", "snapshot", "copy". */
  noun(facts: Facts<O, Neighbours>): string;
  recorded(object: O): Recorded;
  /** Before the intent: resolves and checks, by asking for reads, until the target is known. */
  prepare(facts: Facts<O, Neighbours>): Preparation;
  /**
   * Whether it is this object's turn to send; asked before each attempt. `lane` names what takes one at a time,
   * `limit` what the vendor counts by the hour.
   */
  turn(
    facts: Facts<O, Neighbours>,
    target: SnapshotTarget,
  ): { wait: Verdict; requeueAfterMs?: number } | { lane: string; limit: string };
  /** After the intent and the look-up that follows it: a reason not to send after all. */
  objection(
    facts: Facts<O, Neighbours>,
    target: SnapshotTarget,
    present: Snapshot[],
  ): { verdict: Verdict; requeueAfterMs?: number } | undefined;
  /** What must be read to assess it, beyond the cheap part. */
  view(facts: Facts<O, Neighbours>, target: SnapshotTarget): SnapshotView;
  assess(facts: Facts<O, Neighbours>, target: SnapshotTarget, snapshot: Snapshot): Assessment;
  /** What people want the vendor to call it, and whether the vendor can change that; undefined where they agree. */
  redescription(
    facts: Facts<O, Neighbours>,
    target: SnapshotTarget,
  ): { texts: Description } | { refuse: Verdict } | undefined;
  /** What is left to do once it is ready, before that is said; undefined when nothing is. */
  epilogue(facts: Facts<O, Neighbours>, snapshot: Snapshot): Step | undefined;
  /** As `turn`, for the removal; undefined where the vendor takes several at a time. */
  removalTurn(
    facts: Facts<O, Neighbours>,
    target: SnapshotTarget,
  ): { wait: Verdict } | { lane: string } | undefined;
  deletionPolicy(object: O): DeletionPolicy;
  /** The RestorePointCollection that is to hold what is made; it must not be going when the request is sent. */
  collectionName(facts: Facts<O, Neighbours>): string | undefined;
  /** The whole next status but for what all kinds have in common. */
  status(facts: Facts<O, Neighbours>, finish: Finish): Partial<NonNullable<O['status']>>;
  bounded: boolean;
  deadlines(object: O): { deadlineMs: number; startDeadlineMs: number; ttlMs: number | undefined };
}

/**
 * The reasons of conditions and Events: one closed table, against which the documentation, the health checks
 * of GitOps tools and the tests are checked.
 */
export interface ReasonEntry {
  /**
   * How GitOps tools (kstatus) read an object with this reason: `InProgress` sets Reconciling, `Failed` sets
   * Stalled, `FailedAfterGrace` is InProgress for ten minutes from the object's creation and then Failed,
   * `Current` is Ready, `Keep` leaves the last Ready as it was.
   */
  reads: 'InProgress' | 'Failed' | 'FailedAfterGrace' | 'Current' | 'Keep';
  /** Nothing will be tried again for this object. */
  terminal?: true;
  /** Nothing moves until a person acts: Argo CD shows it as Suspended, unless it is ready or failed. */
  awaitsPerson?: true;
  /** What it means. */
  meaning: string;
  /** What a person should do. */
  advice: string;
}

export const reasons = {
  Provisioning: {
    reads: 'InProgress',
    meaning: 'The vendor is making it.',
    advice: 'Wait. status.operation.startedAt says since when.',
  },
  Replicating: {
    reads: 'InProgress',
    meaning: 'Its data is on the way into the other region.',
    advice:
      'Wait. status.replication has the progress disk by disk; Azure refreshes it about every ten minutes.',
  },
  Restoring: {
    reads: 'InProgress',
    meaning: 'The VM is being put back, or a new one made.',
    advice: 'Wait. status.steps says how far it is.',
  },
  Deleting: {
    reads: 'InProgress',
    meaning: 'It is being removed at the vendor.',
    advice: 'Wait. The object goes when the vendor says that it is gone.',
  },
  WaitingForProvider: {
    reads: 'InProgress',
    meaning: 'The provider is not ready, or has not been tried yet.',
    advice: 'Look at the provider: kubectl describe vmp,cvmp.',
  },
  WaitingForQuiesce: {
    reads: 'InProgress',
    meaning: "The guest's filesystems are being frozen for the snapshot, or thawed after it.",
    advice:
      'Wait. If it lasts, look at the guest agent in the VM: a guest that is left frozen hangs, so Keyframe does not give up thawing it.',
  },
  Queued: {
    reads: 'InProgress',
    meaning:
      'Something else must come first: another snapshot of the same VM, an older copy, an hourly limit of the vendor, a collection that is being made.',
    advice: 'Wait. The message names what comes first.',
  },
  AwaitingDecision: {
    reads: 'InProgress',
    awaitsPerson: true,
    meaning: 'The snapshot is in preview on the VM, and stays so until someone decides.',
    advice:
      'Start the VM and look around, then set spec.preview.action to Commit or Undo. Until then nearly nothing else can be done with the VM.',
  },
  ProviderThrottled: {
    reads: 'InProgress',
    meaning: 'The vendor asked to slow down.',
    advice: 'Wait. If it lasts, lower spec.limits of the provider, or take fewer snapshots at once.',
  },
  ProviderUnavailable: {
    reads: 'InProgress',
    meaning: 'The vendor cannot be reached, or does not answer as it should.',
    advice:
      'Check the network, the address and the certificates of the provider; the message has what was seen. Nothing is lost: Keyframe goes on by itself.',
  },
  ConcurrentOperation: {
    reads: 'InProgress',
    meaning: 'Something else is at work on the VM or the collection.',
    advice: 'Wait. If it lasts, see at the vendor what runs.',
  },
  ProgressingWithRetry: {
    reads: 'InProgress',
    meaning: 'An attempt failed or its outcome is not known yet; Keyframe finds out and tries again.',
    advice:
      'Wait. The message has what the vendor said; status.operation.nextAttemptAt, where it is set, when the next attempt is due.',
  },
  DeletionBlocked: {
    reads: 'InProgress',
    meaning: 'It cannot be removed now: something is still using it.',
    advice:
      'The message names what does. Remove or finish that first. A snapshot, copy or collection can be let go without the vendor by the annotation keyframe.dev/abandon with its UID as value; a provider cannot, and goes when nothing uses it any more.',
  },
  ReferenceNotFound: {
    reads: 'FailedAfterGrace',
    meaning: 'An object that it refers to is absent: a provider, Secret, snapshot or collection.',
    advice: 'Make it, or correct the name. Keyframe goes on by itself when it appears.',
  },
  PermissionDenied: {
    reads: 'FailedAfterGrace',
    meaning:
      'The vendor accepts the credentials but does not permit the operation; or the operator may not read a Secret.',
    advice:
      'Grant the permission that the message names; docs/providers has the complete role for the vendors, the chart has those in the cluster.',
  },
  AccessDenied: {
    reads: 'FailedAfterGrace',
    meaning: 'The access rules of the ClusterVMProvider do not grant this to this namespace.',
    advice: 'Ask whoever keeps the ClusterVMProvider to add a rule; the message says for what.',
  },
  AuthenticationFailed: {
    reads: 'FailedAfterGrace',
    meaning: 'The vendor does not accept the credentials.',
    advice: 'Put valid credentials into the Secret that the provider names. No restart is needed.',
  },
  InvalidSpec: {
    reads: 'Failed',
    meaning: 'The spec cannot be carried out as it is written.',
    advice: 'Make a new object as the message says; most of a spec cannot be changed.',
  },
  UnsupportedByProvider: {
    reads: 'Failed',
    meaning: 'The vendor, its version or this VM cannot do what is asked.',
    advice: 'Leave away the field that the message names, or choose another provider.',
  },
  SourceNotFound: {
    reads: 'Failed',
    meaning: 'The VM, restore point or snapshot at the vendor is not there.',
    advice: 'Check the name or id, and that the provider is the right one.',
  },
  AmbiguousSource: {
    reads: 'Failed',
    meaning: 'Several VMs have the name.',
    advice: 'Name the VM by its id; the message has the ids of all that were found.',
  },
  AdoptionConflict: {
    reads: 'Failed',
    meaning: 'What is to be adopted belongs to another: another object, another cluster, another tool.',
    advice: 'The message names whose it is. Remove that object, or leave it to it.',
  },
  ProviderChanged: {
    reads: 'Failed',
    meaning: 'The provider now names another endpoint than the one on which this was made.',
    advice:
      'Point the provider at its old endpoint again. Nothing is concluded from what the new one answers.',
  },
  CopyOrderViolated: {
    reads: 'Failed',
    meaning: 'A newer restore point was already copied there; Azure copies in order only.',
    advice: 'Copy a newer snapshot.',
  },
  AlreadyCopied: {
    reads: 'Failed',
    meaning: 'This restore point has a copy in that region already; Azure allows one.',
    advice: 'Use the copy that the message names. When that copy goes, this one goes on by itself.',
  },
  PreconditionFailed: {
    reads: 'Failed',
    meaning:
      'The VM is in a state in which this cannot begin: it is on, in preview, or has newer snapshots that would be lost.',
    advice:
      'The message says which. Put the VM into the right state, and Keyframe goes on by itself; or make a new object that permits it (spec.power, spec.acceptDataLoss).',
  },
  QuotaExceeded: {
    reads: 'Failed',
    meaning: 'A quota of the subscription is used up.',
    advice: 'Raise the quota or make room. Keyframe tries again slowly.',
  },
  SnapshotLimitReached: {
    reads: 'Failed',
    meaning: 'The vendor keeps no more snapshots of this VM.',
    advice: 'Remove old ones. Keyframe tries again slowly.',
  },
  DeadlineExceeded: {
    reads: 'Failed',
    terminal: true,
    meaning: 'It was not done in time.',
    advice: 'Make a new object. If the vendor still completes it, it becomes ready after all.',
  },
  ConsistencyNotMet: {
    reads: 'Failed',
    terminal: true,
    meaning: 'What the vendor achieved falls short of consistency.policy: Require, so it was removed.',
    advice: 'Mend the guest agent or VSS in the VM, or ask for less, and make a new object.',
  },
  CreationFailed: {
    reads: 'Failed',
    terminal: true,
    meaning: 'The vendor could not make it.',
    advice: 'The message has the code and words of the vendor. Mend the cause and make a new object.',
  },
  ReplicationFailed: {
    reads: 'Failed',
    terminal: true,
    meaning: 'A disk could not be copied. Azure cannot resume a failed copy.',
    advice: 'Copy a newer snapshot by a new object.',
  },
  RestoreFailed: {
    reads: 'Failed',
    terminal: true,
    meaning: 'The vendor could not put the VM back, or make the new one.',
    advice:
      'The message has the code and words of the vendor, and how the VM was left; status.steps says how far it came. Mend the cause and make a new object.',
  },
  Expired: {
    reads: 'Failed',
    terminal: true,
    meaning: 'It had not begun by spec.startBefore, and never begins.',
    advice: 'Nothing was done. If it is still wanted, make a new object with a later time.',
  },
  OutcomeUnknown: {
    reads: 'Failed',
    terminal: true,
    meaning: 'Whether the vendor did it could not be found out within the deadline.',
    advice:
      'Look at the vendor for what the message names. Keyframe goes on looking slowly, and makes nothing anew.',
  },
  SnapshotMissing: {
    reads: 'Failed',
    meaning: 'It was there, and is gone at the vendor: removed by someone else.',
    advice: 'Find out who removed it. Nothing is made anew silently: make a new object.',
  },
  ModifiedOutside: {
    reads: 'Failed',
    meaning: 'It was changed at the vendor by someone else.',
    advice: 'The message says what was changed. Put it back, or delete the object.',
  },
  Available: { reads: 'Current', meaning: 'It can be used.', advice: 'Nothing.' },
  Replicated: {
    reads: 'Current',
    meaning: 'All its data has arrived; a VM can be restored from it in its region.',
    advice: 'Nothing.',
  },
  Completed: {
    reads: 'Current',
    meaning: 'The restore is done and was verified; it is never done again.',
    advice: 'Nothing.',
  },
  Paused: {
    reads: 'Keep',
    awaitsPerson: true,
    meaning: 'The annotation keyframe.dev/paused, with any value but "false", stops new work on it.',
    advice: 'Remove the annotation to go on, or set it to "false".',
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof reasons;

/** How long a missing or refused reference may still be on its way, as when a GitOps tool applies in any order. */
export const graceMs = 10 * 60 * 1000;

/** Whether an object of which this was said stays so for good. */
export function isTerminal(reason: string): boolean {
  return Object.hasOwn(reasons, reason) && 'terminal' in reasons[reason as Reason];
}

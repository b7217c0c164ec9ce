/** Annotations, labels and finalizers that Keyframe reads or writes. */

/** Holds the object until what it stands for at the vendor is removed or let go. */
export const finalizer = 'keyframe.dev/protect';

export const annotations = {
  /** What is about to be done at the vendor, written before it is done. See controllers/intent.ts. */
  intent: 'keyframe.dev/intent',
  /** `"true"` stops new work on the object. */
  paused: 'keyframe.dev/paused',
  /** Any new value forces a look; answered by status.lastHandledReconcileAt. */
  reconcileAt: 'keyframe.dev/reconcile-at',
  /** `"true"` keeps the object beyond its ttl. */
  hold: 'keyframe.dev/hold',
  /** The object's own UID: lets it go without the vendor. */
  abandon: 'keyframe.dev/abandon',
} as const;

export const labels = {
  /** On collections that Keyframe made of itself: they go when unused and empty. */
  automatic: 'keyframe.dev/automatic',
} as const;

/** The tag on Azure collections that Keyframe made: `<cluster>/<uid of the RestorePointCollection>`. */
export const ownerTag = 'keyframe-owner';

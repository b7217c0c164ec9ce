/**
 * How kstatus (sigs.k8s.io/cli-utils/pkg/kstatus), and with it Flux, reads a custom resource: written from its
 * documented rules, to hold Keyframe's conditions against. It looks at the object alone, in this order.
 */

/** What kstatus says of an object. */
export type Status = 'Terminating' | 'InProgress' | 'Failed' | 'Current';

/** What kstatus looks at. */
export interface Readable {
  metadata: { generation?: number; deletionTimestamp?: string };
  status?: {
    observedGeneration?: number;
    conditions?: { type: string; status: string }[];
  };
}

/** Gives the status that kstatus computes. */
export function kstatus({ metadata, status }: Readable): Status {
  if (metadata.deletionTimestamp) return 'Terminating';

  const { generation } = metadata;
  const observed = status?.observedGeneration;
  if (generation !== undefined && observed !== undefined && observed !== generation) return 'InProgress';

  const conditions = status?.conditions ?? [];
  // The standard conditions are "abnormal-true": absent means false. The first that is True decides.
  for (const { type, status } of conditions) {
    if (status !== 'True') continue;
    if (type === 'Reconciling') return 'InProgress';
    if (type === 'Stalled') return 'Failed';
  }

  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  if (ready === 'True') return 'Current';
  if (ready === 'False' || ready === 'Unknown') return 'InProgress';

  // Nothing known to look at: taken for done. This is why the CRDs default observedGeneration to -1.
  return 'Current';
}

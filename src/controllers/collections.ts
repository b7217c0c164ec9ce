import { createHash } from 'node:crypto';
import { condition, type Verdict } from '../api/conditions.ts';
import { apiVersion } from '../api/kinds.ts';
import { labels } from '../api/names.ts';
import { type Reason, reasons } from '../api/reasons.ts';
import type { ProviderRef } from '../api/v1alpha1/common.ts';
import type {
  RestorePointCollection,
  RestorePointCollectionSpec,
} from '../api/v1alpha1/restore-point-collection.ts';
import type { Step } from './lifecycle/facts.ts';
import { providerKey } from './provider-registry.ts';

/**
 * The name of the collection object that is shared by all who need the same: one for each namespace, provider,
 * source (the VM's uid, or the source collection) and place.
 */
export function automaticName(parts: {
  cluster: string;
  namespace: string;
  providerRef: ProviderRef;
  source: string;
  place: string[];
}): string {
  const { cluster, namespace, providerRef, source, place } = parts;
  const key = JSON.stringify([
    cluster,
    namespace,
    providerKey(providerRef, namespace),
    source.toLowerCase(),
    ...place.map((part) => part.toLowerCase()),
  ]);
  return `auto-${createHash('sha256').update(key).digest('hex').slice(0, 20)}`;
}

/** The object that is to be made. */
export function automaticCollection(
  namespace: string,
  name: string,
  spec: RestorePointCollectionSpec,
): Extract<Step, { do: 'MakeCollection' }>['object'] {
  return {
    apiVersion,
    kind: 'RestorePointCollection',
    metadata: { name, namespace, labels: { [labels.automatic]: 'true' } },
    spec: { deletionPolicy: 'Delete', ...spec },
  };
}

/** What holds a collection object back from being used. */
export type CollectionState =
  | { usable: { id: string; location: string; sourceID: string; vmUID: string | undefined } }
  | { wait: Verdict }
  | { refuse: Verdict };

/** Whether a collection object can take restore points of an object that names it. */
export function collectionState(
  collection: RestorePointCollection,
  namespace: string,
  providerRef: ProviderRef,
): CollectionState {
  const { name } = collection.metadata;
  const called = `RestorePointCollection ${name}`;
  if (providerKey(collection.spec.providerRef, namespace) !== providerKey(providerRef, namespace)) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `${called} goes by another provider (${collection.spec.providerRef.name}). Name a collection of ${providerRef.name}`,
      },
    };
  }
  if (collection.metadata.deletionTimestamp !== undefined) {
    return {
      wait: { reason: 'Queued', message: `waiting for ${called} to be gone, which is being deleted` },
    };
  }
  const { status } = collection;
  const ready = condition(status?.conditions, 'Ready');
  if (
    ready?.status !== 'True' ||
    status?.id === undefined ||
    status.location === undefined ||
    status.source === undefined
  ) {
    const stalled = condition(status?.conditions, 'Stalled')?.status === 'True';
    const why = ready === undefined ? '' : `: ${ready.reason}: ${ready.message}`;
    // Its reason is this object's too: what helps the one helps the other.
    const reason: Reason =
      stalled && ready !== undefined && Object.hasOwn(reasons, ready.reason)
        ? (ready.reason as Reason)
        : 'Queued';
    return { wait: { reason, message: `${stalled ? 'held up by' : 'waiting for'} ${called}${why}` } };
  }
  return {
    usable: {
      id: status.id,
      location: status.location,
      sourceID: status.source.id,
      vmUID: status.source.vmUID,
    },
  };
}

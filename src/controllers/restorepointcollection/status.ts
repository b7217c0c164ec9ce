/** What the status says of a collection as Azure has it. */
import type { RestorePointCollectionStatus } from '../../api/v1alpha1/restore-point-collection.ts';
import type { Collection } from '../../providers/azure/azure-provider.ts';
import { normalizeLocation } from '../../providers/azure/ids.ts';
import { type Intent, readMark } from '../intent.ts';
import { type CollectionFacts, type CollectionIntent, effectiveDeletionPolicy } from './facts.ts';

/** At most this many names of points that nobody here stands for. */
const unmanagedShown = 20;

/** The collection as Azure has it. */
export function shown(
  facts: CollectionFacts,
  intent: Intent<CollectionIntent>,
  collection: Collection,
): RestorePointCollectionStatus {
  const { object } = facts;
  const { target } = intent;
  const sourceLocation = target.sourceLocation ?? collection.source.location;
  return {
    id: target.id,
    endpointID: intent.endpointID,
    location: collection.location,
    deletionPolicy: effectiveDeletionPolicy(object),
    ...(collection.restorePointCollectionID === undefined
      ? {}
      : { restorePointCollectionID: collection.restorePointCollectionID }),
    source: {
      id: collection.source.id,
      ...(sourceLocation === undefined ? {} : { location: normalizeLocation(sourceLocation) }),
      ...(target.vmUID === undefined ? {} : { vmUID: target.vmUID }),
    },
    ...(intent.step === 'Adopt' ? {} : { tags: target.tags }),
  };
}

/** What is in it, ours and others'. */
export function counts(facts: CollectionFacts, collection: Collection): RestorePointCollectionStatus {
  const { neighbours } = facts;
  const points = collection.points ?? [];
  const unmanaged = points.filter((point) => !neighbours.isManaged(point.id));
  // Names that bear our own mark sort last: what strangers made is what people look for.
  const names = unmanaged
    .map((point) => point.name)
    .sort(
      (a, b) => Number(readMark(a) !== undefined) - Number(readMark(b) !== undefined) || a.localeCompare(b),
    );
  return {
    restorePoints: {
      total: points.length,
      managed: points.length - unmanaged.length,
      failed: points.filter((point) => point.state === 'Failed').length,
      ...(names.length === 0
        ? {}
        : { unmanaged: names.slice(0, unmanagedShown).map((name) => name.slice(0, 80)) }),
      ...(names.length > unmanagedShown ? { truncated: true } : {}),
    },
  };
}

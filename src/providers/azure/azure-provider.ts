import type { Call, Outcome, WriteCall } from '../outcome.ts';
import type { OperationAccepted, Provider, Snapshot } from '../provider.ts';

/** What only Azure has: restore point collections, which hold the points and are resources of their own. */
export interface AzureProvider extends Provider {
  readonly vendor: 'azure';
  readonly subscriptionID: string;
  /** The group for names given without one. */
  readonly defaultResourceGroup?: string;

  /** One collection; `points` asks for its restore points too (they come complete or not at all). */
  getCollection(id: string, options: { points: boolean }, call: Call): Promise<Outcome<Collection>>;
  /** Every collection of a resource group, or of the subscription; the only proof that one is gone. */
  listCollections(scope: { resourceGroup?: string }, call: Call): Promise<Outcome<Collection[]>>;
  /** Makes a collection. Never called for one that is there: a PUT would replace its tags. */
  createCollection(target: CollectionTarget, call: WriteCall): Promise<Outcome<Collection>>;
  /** Replaces the tags. */
  updateCollectionTags(
    id: string,
    tags: Record<string, string>,
    call: WriteCall,
  ): Promise<Outcome<Collection>>;
  /** Removes the collection and every point in it. */
  deleteCollection(id: string, call: WriteCall): Promise<Outcome<OperationAccepted>>;
}

export interface CollectionTarget {
  id: string;
  location: string;
  tags: Record<string, string>;
  /** A VM's id, or for copies another collection's. */
  sourceID: string;
}

export interface Collection {
  id: string;
  name: string;
  resourceGroup: string;
  /** Normalised: lower case, no spaces. */
  location: string;
  tags: Record<string, string>;
  provisioningState: string;
  /** Azure's GUID of the collection: tells one made anew under the same name. */
  restorePointCollectionID?: string;
  source: { id: string; location?: string };
  /** Present when asked for. */
  points?: Snapshot[];
}

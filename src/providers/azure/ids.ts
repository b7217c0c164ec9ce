import { sameName } from '../ids.ts';

/** A resource id of Azure Resource Manager, taken apart. */
export interface ResourceID {
  subscriptionID: string;
  resourceGroup: string;
  /** Provider and types in lower case: `microsoft.compute/restorepointcollections/restorepoints`. */
  type: string;
  /** One name for each type. */
  names: string[];
}

export const vmType = 'microsoft.compute/virtualmachines';
export const collectionType = 'microsoft.compute/restorepointcollections';
export const pointType = `${collectionType}/restorepoints`;
export const diskType = 'microsoft.compute/disks';

/** No blank, and nothing that would mean something in a URL: a name can never lead elsewhere. */
const segmentForm = /^[^\s/\\?#%&<>:;"'`|{}^\p{Cc}]{1,260}$/u;

/** Whether a text can be one segment of an id. */
export function isSegment(text: string): boolean {
  return segmentForm.test(text) && text !== '.' && text !== '..';
}

/** Reads the id of something in a resource group; undefined when it is none. */
export function parseID(id: string): ResourceID | undefined {
  const parts = id.replace(/\/$/, '').split('/');
  const [empty, subscriptions, subscriptionID, groups, resourceGroup, providers, provider, ...rest] = parts;
  if (empty !== '' || !parts.slice(1).every(isSegment)) return undefined;
  if (!sameName(subscriptions, 'subscriptions') || !sameName(groups, 'resourceGroups')) return undefined;
  if (!sameName(providers, 'providers') || rest.length < 2 || rest.length % 2 !== 0) return undefined;
  if (subscriptionID === undefined || resourceGroup === undefined || provider === undefined) return undefined;
  const types = [provider, ...rest.filter((_, index) => index % 2 === 0)];
  return {
    subscriptionID,
    resourceGroup,
    type: types.join('/').toLowerCase(),
    names: rest.filter((_, index) => index % 2 === 1),
  };
}

/** Reads an id of the given type; undefined when it is none. */
export function parseIDOf(type: string, id: string): ResourceID | undefined {
  const parsed = parseID(id);
  return parsed?.type === type ? parsed : undefined;
}

/** The last name of an id, or the whole text when it is none. */
export function nameOf(id: string): string {
  return parseID(id)?.names.at(-1) ?? id;
}

/** The id of a restore point collection. */
export function collectionID(subscriptionID: string, resourceGroup: string, name: string): string {
  return computeID(subscriptionID, resourceGroup, `restorePointCollections/${name}`);
}

/** The id of a restore point in a collection. */
export function pointID(collection: string, name: string): string {
  return `${collection.replace(/\/$/, '')}/restorePoints/${name}`;
}

/** The id of the collection that holds a restore point; undefined when the id is no restore point's. */
export function collectionOfPoint(id: string): string | undefined {
  if (parseIDOf(pointType, id) === undefined) return undefined;
  return id.replace(/\/$/, '').split('/').slice(0, -2).join('/');
}

/** The id of a VM. */
export function vmID(subscriptionID: string, resourceGroup: string, name: string): string {
  return computeID(subscriptionID, resourceGroup, `virtualMachines/${name}`);
}

function computeID(subscriptionID: string, resourceGroup: string, tail: string): string {
  return `/subscriptions/${subscriptionID}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/${tail}`;
}

/** A region in one spelling: `East US 2` and `eastus2` are the same. */
export function normalizeLocation(location: string): string {
  return location.toLowerCase().replace(/\s+/g, '');
}

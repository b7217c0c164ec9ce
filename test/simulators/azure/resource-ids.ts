/** The parts of the id of something in a resource group. */
export interface ResourceId {
  subscription: string;
  resourceGroup: string;
  /** Type and name in turn: `[['restorePointCollections', 'c'], ['restorePoints', 'p']]`. */
  segments: [type: string, name: string][];
}

/** Reads an id in the provider Microsoft.Compute; undefined when it is none. Case does not matter. */
export function parseComputeId(id: string): ResourceId | undefined {
  const match =
    /^\/?subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/((?:[^/]+\/[^/]+)(?:\/[^/]+\/[^/]+)*)\/?$/i.exec(
      id,
    );
  if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) return undefined;
  const parts = match[3].split('/');
  const segments: [string, string][] = [];
  for (let index = 0; index + 1 < parts.length; index += 2) {
    segments.push([parts[index] ?? '', parts[index + 1] ?? '']);
  }
  return { subscription: match[1], resourceGroup: match[2], segments };
}

/** The names along an id whose types are those given, in order; undefined when the id is of another type. */
export function namesInId(id: string, ...types: string[]): (ResourceId & { names: string[] }) | undefined {
  const parsed = parseComputeId(id);
  if (parsed === undefined || parsed.segments.length !== types.length) return undefined;
  const fits = parsed.segments.every(([type], index) => equalNames(type, types[index] ?? ''));
  return fits ? { ...parsed, names: parsed.segments.map(([, name]) => name) } : undefined;
}

/** The id of something of Microsoft.Compute: `segments` alternate type and name. */
export function computeId(subscription: string, resourceGroup: string, ...segments: string[]): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/${segments.join('/')}`;
}

/** The key under which the simulator keeps a name or id: Azure compares both without case. */
export function keyOf(nameOrId: string): string {
  return nameOrId.toLowerCase();
}

/** Whether two names or ids are the same to Azure. */
export function equalNames(one: string, other: string): boolean {
  return keyOf(one) === keyOf(other);
}

/** A region in the form Azure echoes it: lower case, no spaces (Azure sheet, section 3). */
export function normalizeLocation(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}

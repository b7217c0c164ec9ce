import type { ObjectRef, ResourceType } from './types.ts';

/** What narrows a LIST or a WATCH. */
export interface Selection {
  /** One namespace; all when left out. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** URL path of a collection, in one namespace or in all. */
export function collectionPath(resource: ResourceType, namespace?: string): string {
  const root = resource.group === '' ? '/api' : `/apis/${encodeURIComponent(resource.group)}`;
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}/${encodeURIComponent(resource.version)}${scope}/${encodeURIComponent(resource.plural)}`;
}

/**
 * URL path of one object or of its subresource. Throws when the name is empty or a namespaced kind comes
 * without a namespace: such a path would name the whole collection.
 */
export function objectPath(resource: ResourceType, ref: ObjectRef, subresource?: string): string {
  if (ref.name === '') throw new Error(`${resource.kind}: the object's name is empty`);
  if (resource.namespaced && !ref.namespace) {
    throw new Error(`${resource.kind} ${ref.name}: a namespaced kind needs a namespace`);
  }
  const path = `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** `?a=b&c=d` of the members that are set, or the empty string. */
export function queryString(parameters: Record<string, string | number | boolean | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

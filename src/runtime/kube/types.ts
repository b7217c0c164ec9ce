/** One kind as the API server serves it. */
export interface ResourceType {
  /** API group; empty for the core group. */
  group: string;
  version: string;
  /** Lower-case plural as in the URL, for example `vmsnapshots`. */
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** The part of metadata that the operator reads. What comes from the server always has uid and resourceVersion. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

/** metav1 OwnerReference. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Anything that the API server stores. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** One page of a LIST. */
export interface ObjectList<T> {
  items: T[];
  resourceVersion: string;
  /** Token of the next page; undefined on the last one. */
  continue: string | undefined;
}

/** Names one object. The namespace is left out for cluster-scoped kinds. */
export interface ObjectRef {
  namespace?: string | undefined;
  name: string;
}

/** One event of a watch. A BOOKMARK's object holds little more than its resourceVersion. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/** The key of an object in caches and queues: `namespace/name`, or the bare name for cluster-scoped ones. */
export function objectKey(ref: ObjectRef): string {
  return ref.namespace === undefined || ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** The reverse of {@link objectKey}. */
export function parseKey(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** `group/version`, or the bare version for the core group, as in `apiVersion`. */
export function apiVersionOf(resource: ResourceType): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

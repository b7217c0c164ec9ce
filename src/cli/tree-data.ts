/** The tree for machines. Pure. */
import type { DiskReplicationStatus } from '../api/v1alpha1/common.ts';
import { type AnyObject, percentOf, readyOf, replicationOf, type State, stateOf } from './objects.ts';
import type { ObjectNode, Tree } from './tree.ts';

/** One object of the tree: what it is, how it stands, and what was made from it. */
export interface ObjectData {
  kind: string;
  namespace: string | undefined;
  name: string;
  state: State;
  reason: string | undefined;
  message: string | undefined;
  /** The point in time that it holds. */
  creationTime: string | undefined;
  percent: number | undefined;
  disks: DiskReplicationStatus[] | undefined;
  snapshotID: string | undefined;
  children: ObjectData[];
}

export interface TreeData {
  providers: Omit<ObjectData, 'children' | 'creationTime' | 'percent' | 'disks' | 'snapshotID'>[];
  vms: {
    namespace: string;
    name: string;
    id: string | undefined;
    location: string | undefined;
    providers: string[];
    children: ObjectData[];
  }[];
}

/** The tree as plain data. Whole objects are to be had from kubectl get -o json. */
export function treeData({ providers, vms }: Tree): TreeData {
  return {
    providers: providers.map(standing),
    vms: vms.map(({ namespace, name, id, location, providers, children }) => ({
      namespace,
      name,
      id,
      location,
      providers,
      children: children.map(objectData),
    })),
  };
}

function standing(object: AnyObject) {
  const ready = readyOf(object);
  return {
    kind: object.kind,
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    state: stateOf(object),
    reason: ready?.reason,
    message: ready?.message,
  };
}

function objectData({ object, children }: ObjectNode): ObjectData {
  const status = (object.status ?? {}) as Partial<
    Record<'snapshotID' | 'restorePointID' | 'creationTime', string>
  >;
  return {
    ...standing(object),
    creationTime: status.creationTime,
    percent: percentOf(object),
    disks: replicationOf(object)?.disks,
    snapshotID: status.snapshotID ?? status.restorePointID,
    children: children.map(objectData),
  };
}

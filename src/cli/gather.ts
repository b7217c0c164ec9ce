/** Reads what a screen shows from the API server. */
import { type KindName, kinds } from '../api/kinds.ts';
import { resourceTypes } from '../controllers/resources.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { isForbidden } from '../runtime/kube/errors.ts';
import type { KubeObject } from '../runtime/kube/types.ts';
import { isNotServed } from './failure.ts';
import type { AnyObject } from './objects.ts';

/** The kinds that the tree is made of. Without VMSnapshots there is none. */
export const treeKinds = (Object.keys(kinds) as KindName[]).filter((kind) => kind !== 'VMSnapshotInventory');

export interface Gathered {
  objects: AnyObject[];
  /** What could not be read, for people. */
  missing: string[];
  /** The kinds that could be read. */
  kinds: KindName[];
}

/**
 * Lists objects of Keyframe's kinds.
 *
 * @param namespace undefined for all
 * @throws what the API server says of VMSnapshots; what it says of another kind is noted only
 */
export async function gather(
  client: KubeClient,
  namespace: string | undefined,
  wanted: readonly KindName[] = treeKinds,
): Promise<Gathered> {
  const lists = await Promise.all(
    wanted.map(async (kind) => {
      const resource = resourceTypes[kind];
      try {
        const { items } = await client.listAll<KubeObject>(resource, {
          namespace: resource.namespaced ? namespace : undefined,
        });
        // Items of a list may come without their type.
        return { kind, items: items.map((item) => ({ ...item, kind }) as unknown as AnyObject) };
      } catch (error) {
        if (kind === 'VMSnapshot') throw error;
        if (isForbidden(error)) return { kind, missing: `you may not list ${resource.plural}` };
        if (isNotServed(error)) return { kind, missing: `this cluster does not serve ${resource.plural}` };
        throw error;
      }
    }),
  );
  return {
    objects: lists.flatMap(({ items }) => items ?? []),
    missing: lists.map(({ missing }) => missing).filter((text) => text !== undefined),
    kinds: lists.filter(({ items }) => items !== undefined).map(({ kind }) => kind),
  };
}

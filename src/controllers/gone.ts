import type { AzureProvider } from '../providers/azure/azure-provider.ts';
import { parseID, sameID } from '../providers/azure/ids.ts';
import { type Call, type Outcome, succeeded } from '../providers/outcome.ts';

/**
 * A 404 may also come of a lost permission or a wrong path. A collection is gone when a complete list of its
 * resource group has it no more, or, where the group is gone too, that of the subscription.
 */
export async function proveGone(
  provider: AzureProvider,
  containerID: string,
  call: Call,
): Promise<Outcome<boolean>> {
  const resourceGroup = parseID(containerID)?.resourceGroup;
  const group =
    resourceGroup === undefined ? undefined : await provider.listCollections({ resourceGroup }, call);
  const list =
    group === undefined || group.kind === 'NotFound' ? await provider.listCollections({}, call) : group;
  if (!succeeded(list)) return list;
  return { kind: 'Done', value: !list.value.some((collection) => sameID(collection.id, containerID)) };
}

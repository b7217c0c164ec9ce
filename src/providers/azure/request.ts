import type { DiskEncryption, SnapshotTarget } from '../provider.ts';
import type { CollectionTarget } from './azure-provider.ts';
import { parseID } from './ids.ts';

/** The api-versions in use. Disk's own line (Azure sheet, section 1) comes with the operations that need it. */
export interface APIVersions {
  compute: string;
}

/** The default api-versions. */
export const defaultAPIVersions: APIVersions = { compute: '2024-07-01' };

/** Path and query of a resource. Throws a TypeError when the id is none. */
export function resourcePath(
  id: string,
  apiVersion: string,
  expand?: 'restorePoints' | 'instanceView',
): string {
  if (parseID(id) === undefined) throw new TypeError(`not the id of an Azure resource: ${id}`);
  const path = id.replace(/\/$/, '').split('/').map(encodeURIComponent).join('/');
  const expansion = expand === undefined ? '' : `$expand=${expand}&`;
  return `${path}?${expansion}api-version=${encodeURIComponent(apiVersion)}`;
}

/** Path and query of the list of collections in a resource group, or in the subscription. */
export function collectionsPath(
  subscriptionID: string,
  resourceGroup: string | undefined,
  apiVersion: string,
): string {
  const scope = resourceGroup === undefined ? '' : `/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  const list = 'providers/Microsoft.Compute/restorePointCollections';
  return `/subscriptions/${encodeURIComponent(subscriptionID)}${scope}/${list}?api-version=${encodeURIComponent(apiVersion)}`;
}

/** The body that makes a collection. */
export function collectionBody(target: CollectionTarget): object {
  return { location: target.location, tags: target.tags, properties: { source: { id: target.sourceID } } };
}

/**
 * The body that makes a restore point or a copy. `provisioningState` is never sent: a provider must refuse a
 * value that is not its own. Only crash consistency can be asked for; the default tries for the best. A copy
 * takes neither a mode nor exclusions (Azure sheet, sections 4, 6 and 7).
 */
export function pointBody(target: SnapshotTarget, apiVersion: string): object {
  const properties = pointProperties(target);
  // The first version had no envelope (Azure sheet, section 1).
  return apiVersion === '2021-03-01' ? properties : { properties };
}

function pointProperties(target: SnapshotTarget): object {
  const sourceMetadata = encryptionOf(target);
  if (target.copyOf !== undefined) return { sourceRestorePoint: { id: target.copyOf }, ...sourceMetadata };
  const excluded = target.excludeDiskIDs ?? [];
  return {
    ...(target.consistency === 'Crash' ? { consistencyMode: 'CrashConsistent' } : {}),
    ...(excluded.length > 0 ? { excludeDisks: excluded.map((id) => ({ id })) } : {}),
    ...sourceMetadata,
  };
}

function encryptionOf(target: SnapshotTarget): object {
  const disks = target.encryption ?? [];
  if (disks.length === 0) return {};
  const shape = (disk: DiskEncryption) => {
    const encryption = {
      diskEncryptionSet: { id: disk.encryptionSetID },
      ...(disk.type === undefined ? {} : { type: disk.type }),
    };
    return target.copyOf === undefined
      ? { managedDisk: { id: disk.diskID }, diskRestorePoint: { encryption } }
      : { diskRestorePoint: { sourceDiskRestorePoint: { id: disk.diskID }, encryption } };
  };
  const osDisk = disks.find((disk) => disk.osDisk);
  const dataDisks = disks.filter((disk) => !disk.osDisk);
  return {
    sourceMetadata: {
      storageProfile: {
        ...(osDisk === undefined ? {} : { osDisk: shape(osDisk) }),
        ...(dataDisks.length === 0 ? {} : { dataDisks: dataDisks.map(shape) }),
      },
    },
  };
}

/**
 * The class of a restore point request: each draws from policies of its own at Azure (Azure sheet, section 12).
 */
export function createOperation(target: SnapshotTarget): string {
  if (target.copyOf !== undefined) return 'copyRestorePoint';
  return target.consistency === 'Crash' ? 'createCrashConsistentRestorePoint' : 'createRestorePoint';
}

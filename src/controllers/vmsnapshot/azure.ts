import type { Verdict } from '../../api/conditions.ts';
import type { Encryption } from '../../api/v1alpha1/common.ts';
import type { VMSnapshot, VMSnapshotSpec } from '../../api/v1alpha1/vm-snapshot.ts';
import type { AzureProvider } from '../../providers/azure/azure-provider.ts';
import {
  collectionOfPoint,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointType,
  vmType,
} from '../../providers/azure/ids.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { DiskEncryption, Snapshot, SnapshotTarget, VM, VMQuery } from '../../providers/provider.ts';
import type { AccessRequest } from '../access.ts';
import { automaticCollection, automaticName, collectionState } from '../collections.ts';
import { hourly, turnOn } from '../lane-view.ts';
import type { Assessment, KindPolicy, Preparation, Recorded } from '../lifecycle/facts.ts';
import { isAway, replicationOf } from '../lifecycle/replication.ts';
import { fallsShort } from './achieved.ts';
import type { SnapshotFacts, SnapshotNeighbours } from './facts.ts';
import { adoptionObstacle, denial, sourceDenial, unreadable } from './prepare.ts';

type SnapshotPolicy = KindPolicy<VMSnapshot, SnapshotNeighbours>;

/** What must be known before a restore point can be asked for: the VM, its disks, the collection. */
export function prepareNew(facts: SnapshotFacts, provider: AzureProvider): Preparation {
  const { object, seen } = facts;
  const query = vmQuery(object.spec, provider);
  if ('reason' in query) return { refuse: query };
  const barred = sourceDenial(facts, 'Snapshot');
  if (barred !== undefined) return { wait: barred };
  if (seen.vm === undefined) return { next: { do: 'ReadVM', query } };
  if (!succeeded(seen.vm))
    return unreadable(facts, seen.vm, `reading VM ${'id' in query ? nameOf(query.id) : query.name}`);
  const vm = seen.vm.value;
  const notThis = sourceDenial(facts, 'Snapshot', vm);
  if (notThis !== undefined) return { wait: notThis };
  const placed = placement(object.spec, vm);
  if (typeof placed !== 'string') return { refuse: placed };
  const chosen = chosenDisks(object.spec, vm);
  if ('reason' in chosen) return { refuse: chosen };

  const ready = collectionFor(facts, vm, placed);
  if (!('id' in ready)) return ready;
  const denied = denial(facts, 'Snapshot', vm, {
    resourceGroup: parseID(ready.id)?.resourceGroup ?? '',
    location: placed,
  });
  if (denied !== undefined) return { wait: denied };
  const { level } = object.spec.consistency ?? {};
  return {
    ready: {
      step: 'Create',
      target: {
        containerID: ready.id,
        name: '',
        vmID: vm.id,
        vmUID: vm.uid,
        vmLocation: vm.location,
        location: placed,
        ...(level === undefined ? {} : { consistency: level }),
        ...(chosen.exclude.length === 0 ? {} : { excludeDiskIDs: chosen.exclude }),
        ...(chosen.encryption.length === 0 ? {} : { encryption: chosen.encryption }),
      },
    },
  };
}

function vmQuery(spec: VMSnapshotSpec, provider: AzureProvider): VMQuery | Verdict {
  const vm = spec.source.vm ?? {};
  if (vm.id !== undefined) {
    const parsed = parseIDOf(vmType, vm.id);
    if (parsed === undefined)
      return {
        reason: 'InvalidSpec',
        message:
          'spec.source.vm.id is not the id of an Azure VM. Make a new VMSnapshot with one, such as /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/name',
      };
    if (!sameName(parsed.subscriptionID, provider.subscriptionID))
      return {
        reason: 'InvalidSpec',
        message: `spec.source.vm.id lies in subscription ${parsed.subscriptionID}, the provider is for ${provider.subscriptionID}. Make a new VMSnapshot that names a provider of that subscription`,
      };
    return { id: vm.id };
  }
  const resourceGroup = vm.resourceGroup ?? provider.defaultResourceGroup;
  if (resourceGroup === undefined) {
    return {
      reason: 'InvalidSpec',
      message:
        'spec.source.vm.name is given without a resource group: set spec.source.vm.resourceGroup, or spec.azure.resourceGroup of the provider',
    };
  }
  return { name: vm.name ?? '', resourceGroup };
}

/** The region in which the restore point is to lie. */
function placement(spec: VMSnapshotSpec, vm: VM): string | Verdict {
  const wanted = spec.azure?.allowDirectCrossRegion?.location;
  if (wanted === undefined) return vm.location;
  const location = normalizeLocation(wanted);
  if (location === vm.location) {
    return {
      reason: 'InvalidSpec',
      message: `spec.azure.allowDirectCrossRegion names ${location}, where VM ${vm.name} is itself. Leave it away for a local restore point`,
    };
  }
  if (spec.consistency?.level === 'Crash') {
    return {
      reason: 'UnsupportedByProvider',
      message:
        'Azure takes no crash-consistent restore points directly in another region. Take it locally and copy it by a RestorePointCopy',
    };
  }
  return location;
}

/** The disks to leave away, and the encryption of those that are in. */
function chosenDisks(
  spec: VMSnapshotSpec,
  vm: VM,
): { exclude: string[]; encryption: DiskEncryption[] } | Verdict {
  const find = (wanted: string) =>
    vm.disks.find((disk) => sameID(disk.id, wanted) || sameName(disk.name, wanted));
  const unknown = (field: string, wanted: string): Verdict => ({
    reason: 'InvalidSpec',
    message: `${field} names ${wanted}, which is no disk of VM ${vm.name}; its disks are ${vm.disks.map((disk) => disk.name).join(', ')}`,
  });
  const { mode = 'All', ids = [] } = spec.disks ?? {};
  const named = new Set<string>();
  for (const wanted of ids) {
    const disk = find(wanted);
    if (disk === undefined) return unknown('spec.disks.ids', wanted);
    named.add(disk.id);
  }
  const exclude = vm.disks
    .filter((disk) => (mode === 'Include' ? !named.has(disk.id) : mode === 'Exclude' && named.has(disk.id)))
    .map((disk) => disk.id);
  if (exclude.length === vm.disks.length && exclude.length > 0) {
    return {
      reason: 'InvalidSpec',
      message: 'spec.disks leaves away every disk; a restore point holds at least one',
    };
  }
  const encryption = encryptionOf(spec.azure?.encryption ?? [], (wanted) => find(wanted));
  if ('missing' in encryption) return unknown('spec.azure.encryption', encryption.missing);
  const useless = encryption.disks.find(({ diskID }) => exclude.includes(diskID));
  if (useless !== undefined) {
    return {
      reason: 'InvalidSpec',
      message: `spec.azure.encryption names ${nameOf(useless.diskID)}, which spec.disks leaves away. Take it out of one of them`,
    };
  }
  return { exclude, encryption: encryption.disks };
}

/** Puts disks of the VM, or of the source of a copy, to what the spec says of their encryption. */
export function encryptionOf(
  wanted: Encryption,
  find: (disk: string) => { id: string; osDisk: boolean } | undefined,
): { disks: DiskEncryption[] } | { missing: string } {
  const disks: DiskEncryption[] = [];
  for (const { disk: name, diskEncryptionSetID, type } of wanted) {
    const disk = find(name);
    if (disk === undefined) return { missing: name };
    disks.push({
      diskID: disk.id,
      osDisk: disk.osDisk,
      encryptionSetID: diskEncryptionSetID,
      ...(type === undefined ? {} : { type }),
    });
  }
  return { disks };
}

/** The name of the collection object that all snapshots of a VM in a region share. */
export function automaticNameFor(facts: SnapshotFacts, vmUID: string, location: string): string {
  const { object, settings } = facts;
  const namespace = object.metadata.namespace ?? '';
  return automaticName({
    cluster: settings.cluster,
    namespace,
    providerRef: object.spec.providerRef,
    source: vmUID,
    place: [location],
  });
}

/** The collection that is to hold it: the one that is named, or the one that all snapshots of the VM share. */
function collectionFor(facts: SnapshotFacts, vm: VM, location: string): { id: string } | Preparation {
  const { object, neighbours } = facts;
  const { providerRef, azure } = object.spec;
  const namespace = object.metadata.namespace ?? '';
  const named = azure?.collectionRef?.name;
  const name = named ?? automaticNameFor(facts, vm.uid, location);
  const collection = neighbours.collection(name);
  if (collection === undefined) {
    if (named !== undefined) {
      return {
        wait: {
          reason: 'ReferenceNotFound',
          message: `spec.azure.collectionRef names RestorePointCollection ${named}, which is not in this namespace. Make it, or a new VMSnapshot with the right name`,
        },
      };
    }
    const denied = denial(facts, 'Snapshot', vm, { resourceGroup: vm.resourceGroup, location });
    if (denied !== undefined) return { wait: denied };
    const spec = { providerRef, source: { vm: { id: vm.id } }, location };
    return { next: { do: 'MakeCollection', object: automaticCollection(namespace, name, spec) } };
  }
  const state = collectionState(collection, namespace, providerRef);
  if (!('usable' in state)) return state;
  const { usable } = state;
  if (!sameID(usable.sourceID, vm.id) || (usable.vmUID !== undefined && !sameName(usable.vmUID, vm.uid))) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `RestorePointCollection ${name} is for ${usable.sourceID} (${usable.vmUID ?? 'uid unknown'}), not for VM ${vm.name} (${vm.uid})`,
      },
    };
  }
  if (usable.location !== location) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `RestorePointCollection ${name} lies in ${usable.location}, the restore point is to lie in ${location}. To take it directly in another region than the VM's, set spec.azure.allowDirectCrossRegion.location to that region`,
      },
    };
  }
  return { id: usable.id };
}

/** The VM of a collection, for access rules. Of a collection of copies it is not known here: only rules for all VMs grant it. */
export function sourceVM(sourceID: string): AccessRequest['vm'] {
  const parsed = parseIDOf(vmType, sourceID);
  return parsed === undefined
    ? { id: '', name: 'unknown', resourceGroup: '' }
    : { id: sourceID, name: parsed.names.at(-1) ?? '', resourceGroup: parsed.resourceGroup };
}

/** As `prepareNew`, for a restore point that is there. */
export function prepareAdoption(facts: SnapshotFacts, provider: AzureProvider, id: string): Preparation {
  const { seen, settings } = facts;
  const parsed = parseIDOf(pointType, id);
  const containerID = collectionOfPoint(id);
  if (parsed === undefined || containerID === undefined) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message:
          'spec.source.existing.id is not the id of a restore point: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/restorePointCollections/../restorePoints/..',
      },
    };
  }
  if (!sameName(parsed.subscriptionID, provider.subscriptionID)) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `spec.source.existing.id lies in subscription ${parsed.subscriptionID}, the provider is for ${provider.subscriptionID}. Make a new VMSnapshot that names a provider of that subscription`,
      },
    };
  }
  const [collectionName = '', pointName = ''] = parsed.names;
  if (collectionName.toLowerCase().startsWith('azurebackup_')) {
    return {
      refuse: {
        reason: 'AdoptionConflict',
        message: `${collectionName} belongs to Azure Backup, whose restore points are never adopted or touched`,
      },
      requeueAfterMs: settings.driftIntervalMs,
    };
  }
  const foreign = adoptionObstacle(facts, { id, name: pointName });
  if (foreign !== undefined) return { refuse: foreign, requeueAfterMs: settings.driftIntervalMs };
  const barred = sourceDenial(facts, 'Adopt');
  if (barred !== undefined) return { wait: barred };
  if (seen.source === undefined) return { next: { do: 'ReadSource', ref: { id, containerID } } };
  if (!succeeded(seen.source))
    return unreadable(facts, seen.source, `reading restore point ${parsed.names.at(-1)}`);
  if (seen.sourceCollection === undefined) return { next: { do: 'ReadSourceCollection', id: containerID } };
  if (!succeeded(seen.sourceCollection))
    return unreadable(facts, seen.sourceCollection, `reading collection ${parsed.names[0]}`);
  const point = seen.source.value;
  const collection = seen.sourceCollection.value;
  const vm = sourceVM(collection.source.id);
  const denied = denial(facts, 'Adopt', vm, {
    resourceGroup: collection.resourceGroup,
    location: collection.location,
  });
  if (denied !== undefined) return { wait: denied };
  const vmLocation = point.source.location ?? collection.source.location;
  return {
    ready: {
      step: 'Adopt',
      target: {
        containerID,
        name: point.name,
        existingID: id,
        location: collection.location,
        ...(parseIDOf(vmType, collection.source.id) === undefined ? {} : { vmID: collection.source.id }),
        ...(point.vmUID === undefined ? {} : { vmUID: point.vmUID }),
        ...(vmLocation === undefined ? {} : { vmLocation: normalizeLocation(vmLocation) }),
      },
    },
  };
}

/** What Azure counts by the hour: crash-consistent creates apart from all others (Azure sheet, section 12). */
export function vmLimit(vmID: string, crash: boolean): string {
  return `${vmID.toLowerCase()} ${crash ? 'crash' : 'default'}`;
}

/** Whether it is a snapshot's turn: one at a time on a VM, and no more an hour than Azure takes. */
export function turn(facts: SnapshotFacts, target: SnapshotTarget): ReturnType<SnapshotPolicy['turn']> {
  const vmID = target.vmID ?? '';
  const lane = vmID.toLowerCase();
  const limit = vmLimit(vmID, target.consistency === 'Crash');
  return turnOn(facts.neighbours.vmLane(vmID, limit), facts.now, `VM ${nameOf(vmID)}`) ?? { lane, limit };
}

/** What the collection shows of others' requests in the last hour counts as well. */
export function objection(
  facts: SnapshotFacts,
  target: SnapshotTarget,
  present: Snapshot[],
): ReturnType<SnapshotPolicy['objection']> {
  const crash = target.consistency === 'Crash';
  const sends = present
    .filter((point) => point.createdAt !== undefined && (point.consistency === 'Crash') === crash)
    .map((point) => Date.parse(point.createdAt ?? ''));
  const limit = hourly(sends, facts.now, `VM ${nameOf(target.vmID ?? '')}`);
  return limit === undefined ? undefined : { verdict: limit.wait, requeueAfterMs: limit.requeueAfterMs };
}

/** A replication is looked at least this often; it may take days (Azure sheet, section 8). */
export const longestReplicationPollMs = 1_800_000;

/** By the rules of the Azure sheet, sections 4, 6 and 8. */
export function assess(facts: SnapshotFacts, target: SnapshotTarget, point: Snapshot): Assessment {
  const { consistency } = facts.object.spec;
  const provisioning = (message: string): Assessment => ({
    is: 'Pending',
    verdict: { reason: 'Provisioning', message },
    longestPollMs: 60_000,
  });
  if (consistency?.policy === 'Require') {
    if (point.consistency === undefined)
      return provisioning(
        'waiting for Azure to say how consistent the restore point is, which spec.consistency requires',
      );
    if (fallsShort(point.consistency, consistency.level)) {
      return {
        is: 'Unfit',
        verdict: {
          reason: 'ConsistencyNotMet',
          message: `spec.consistency requires ${consistency.level}, Azure achieved ${point.consistency}; the restore point is removed. Mend the guest agent or VSS in the VM, or ask for less, and make a new object`,
        },
      };
    }
  }
  if (point.disks.length === 0 || point.disks.some((disk) => disk.snapshotID === undefined)) {
    return provisioning('Azure calls it finished but does not name the restore points of its disks yet');
  }
  const available: Verdict = { reason: 'Available', message: `restore point ${point.name} can be used` };
  if (!isAway(target) && point.copyOf === undefined) return { is: 'Ready', verdict: available };
  const replication = replicationOf(facts.object.status?.replication, point, facts.now, facts.now);
  if (replication.state === 'Succeeded') return { is: 'Ready', verdict: available };
  if (replication.state === 'Failed')
    return {
      is: 'Unfit',
      verdict: {
        reason: 'ReplicationFailed',
        message: failedDisks(replication.disks, target.existingID === undefined),
      },
    };
  return {
    is: 'Pending',
    verdict: {
      reason: 'Replicating',
      message: `the data is on the way to ${target.location}; see status.replication`,
    },
    longestPollMs: longestReplicationPollMs,
  };
}

/**
 * Names the disks that failed, and what Azure says of each.
 *
 * @param made by us, so that what arrived is removed
 */
export function failedDisks(disks: { name: string; state: string; message?: string }[], made = true): string {
  const failed = disks
    .filter((disk) => disk.state === 'Failed')
    .map((disk) => (disk.message === undefined ? disk.name : `${disk.name} (${disk.message})`));
  return `replication of ${failed.join(', ')} failed, and Azure cannot resume it; what arrived is ${made ? 'removed' : 'left as it is'}. Make a new object`;
}

/** What the id of a restore point tells: it is never given again, so that nothing else tells one from another. */
export function azureRecord(id: string | undefined): Pick<Recorded, 'containerID' | 'name' | 'fingerprint'> {
  const containerID = id === undefined ? undefined : collectionOfPoint(id);
  return { containerID, name: id === undefined ? undefined : nameOf(id), fingerprint: undefined };
}

import type { Verdict } from '../../api/conditions.ts';
import { condition } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import type { Reason } from '../../api/reasons.ts';
import type { Encryption } from '../../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { VMSnapshot, VMSnapshotSpec } from '../../api/v1alpha1/vm-snapshot.ts';
import type { AzureProvider } from '../../providers/azure/azure-provider.ts';
import {
  collectionOfPoint,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointType,
  sameID,
  sameName,
  vmType,
} from '../../providers/azure/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type {
  ConsistencyLevel,
  DiskEncryption,
  Snapshot,
  SnapshotTarget,
  VM,
  VMQuery,
} from '../../providers/provider.ts';
import { type AccessRequest, grants, grantsSource } from '../access.ts';
import { automaticCollection, automaticName, collectionState } from '../collections.ts';
import { readIntent, readMark } from '../intent.ts';
import { hourly, type LaneView, turnOn } from '../lane-view.ts';
import type { Assessment, Facts, KindPolicy, Preparation } from '../lifecycle/facts.ts';
import { isAway, replicationOf } from '../lifecycle/replication.ts';
import { waitDelayMs } from '../settings.ts';
import { sourceTrouble } from '../trouble.ts';
import { recordedOf, statusOf } from './status.ts';

/** What the caches hold that matters to a VMSnapshot. */
export interface SnapshotNeighbours {
  collection(name: string): RestorePointCollection | undefined;
  /** The lane of creates on a VM. */
  vmLane(vmID: string, limit: string): LaneView;
  /** An older object that stands for the same snapshot, as `Kind namespace/name`. */
  adoptedBy(snapshotID: string): string | undefined;
  /** The live object of this cluster with a UID. */
  objectWithUID(uid: string): string | undefined;
}

type SnapshotFacts = Facts<VMSnapshot, SnapshotNeighbours>;

/** A replication is looked at least this often; it may take days (Azure sheet, section 8). */
export const longestReplicationPollMs = 1_800_000;

export const snapshotPolicy: KindPolicy<VMSnapshot, SnapshotNeighbours> = {
  noun: 'restore point',
  bounded: false,
  providerRef: (object) => object.spec.providerRef,
  recorded: recordedOf,
  status: statusOf,
  deletionPolicy: ({ spec }) =>
    spec.deletionPolicy ?? (spec.source.existing === undefined ? 'Delete' : 'Retain'),
  deadlines: ({ spec }) => ({
    deadlineMs: parseDuration(spec.deadline ?? '2h'),
    startDeadlineMs: parseDuration(spec.startDeadline ?? '24h'),
    ttlMs: spec.ttl === undefined ? undefined : parseDuration(spec.ttl),
  }),

  prepare(facts) {
    if (facts.provider.state !== 'Ready')
      return { wait: { reason: 'WaitingForProvider', message: 'the provider is not ready' } };
    const { provider } = facts.provider;
    const unsupported = unsupportedField(facts.object.spec, provider);
    if (unsupported !== undefined) return { refuse: unsupported };
    const { source } = facts.object.spec;
    return source.existing === undefined
      ? prepareNew(facts, provider)
      : prepareAdoption(facts, provider, source.existing.id);
  },

  turn(facts, target) {
    const vmID = target.vmID ?? '';
    const lane = vmID.toLowerCase();
    const limit = vmLimit(vmID, target.consistency === 'Crash');
    return turnOn(facts.neighbours.vmLane(vmID, limit), facts.now, `VM ${nameOf(vmID)}`) ?? { lane, limit };
  },

  objection(facts, target, present) {
    const crash = target.consistency === 'Crash';
    const sends = present
      .filter((point) => point.createdAt !== undefined && (point.consistency === 'Crash') === crash)
      .map((point) => Date.parse(point.createdAt ?? ''));
    const limit = hourly(sends, facts.now, `VM ${nameOf(target.vmID ?? '')}`);
    return limit === undefined ? undefined : { verdict: limit.wait, requeueAfterMs: limit.requeueAfterMs };
  },

  collectionName: (facts) => {
    if (facts.object.spec.source.existing !== undefined) return undefined;
    const { object } = facts;
    const intent = readIntent<SnapshotTarget>(object);
    if (object.spec.azure?.collectionRef !== undefined) return object.spec.azure.collectionRef.name;
    return intent?.target.vmUID === undefined
      ? undefined
      : automaticNameFor(facts, intent.target.vmUID, intent.target.location);
  },

  needsProgress: (_facts, target) => isAway(target),

  assess,
};

/** What Azure counts by the hour: crash-consistent creates apart from all others (Azure sheet, section 12). */
export function vmLimit(vmID: string, crash: boolean): string {
  return `${vmID.toLowerCase()} ${crash ? 'crash' : 'default'}`;
}

/** The first field that asks for what the provider lacks: refused, never ignored. */
function unsupportedField(spec: VMSnapshotSpec, provider: AzureProvider): Verdict | undefined {
  const refuse = (field: string, why: string): Verdict => ({
    reason: 'UnsupportedByProvider',
    message: `spec.${field} is set, but ${why}. Make a new VMSnapshot without it`,
  });
  const { capabilities } = provider;
  if (spec.memory !== undefined && !capabilities.memory)
    return refuse('memory', 'Azure restore points hold no memory');
  if (spec.displayName !== undefined)
    return refuse('displayName', 'Azure restore points have no display name');
  if (spec.description !== undefined)
    return refuse('description', 'Azure restore points have no description');
  if (spec.disks?.mode === 'ConfigurationOnly' && !capabilities.disks.configurationOnly) {
    return refuse('disks.mode: ConfigurationOnly', 'Azure restore points hold at least one disk');
  }
  return undefined;
}

function prepareNew(facts: SnapshotFacts, provider: AzureProvider): Preparation {
  const { object, seen } = facts;
  const query = vmQuery(object.spec, provider);
  if ('reason' in query) return { refuse: query };
  const barred = sourceDenial(facts, 'Snapshot');
  if (barred !== undefined) return { wait: barred };
  if (seen.vm === undefined) return { next: { do: 'ReadVM', query } };
  if (!succeeded(seen.vm)) {
    const trouble = sourceTrouble(seen.vm, `reading VM ${'id' in query ? nameOf(query.id) : query.name}`);
    const requeueAfterMs = Math.max(
      trouble.afterMs ?? 0,
      trouble.reason === 'SourceNotFound' ? facts.settings.driftIntervalMs : waitDelayMs(facts),
    );
    return trouble.reason === 'SourceNotFound'
      ? { refuse: trouble, requeueAfterMs }
      : { wait: trouble, requeueAfterMs };
  }
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
          'spec.source.vm.id is not the id of an Azure VM: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/..',
      };
    if (!sameName(parsed.subscriptionID, provider.subscriptionID))
      return {
        reason: 'InvalidSpec',
        message: `spec.source.vm.id lies in subscription ${parsed.subscriptionID}, the provider is for ${provider.subscriptionID}`,
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

function automaticNameFor(facts: SnapshotFacts, vmUID: string, location: string): string {
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
          message: `spec.azure.collectionRef names RestorePointCollection ${named}, which is not there. Make it, or correct the name`,
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

/** What a ClusterVMProvider does not grant; undefined where all is granted. */
function denial(
  facts: SnapshotFacts,
  operation: AccessRequest['operation'],
  vm: AccessRequest['vm'],
  target: AccessRequest['target'],
): Verdict | undefined {
  const { object, neighbours, provider } = facts;
  if (object.spec.providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const namespace = object.metadata.namespace ?? '';
  return accessDenial(
    provider.access,
    { operation, namespace, namespaceLabels: neighbours.namespaceLabels, vm, target },
    object.spec.providerRef.name,
  );
}

/** As `denial`, before anything is told of the VM that was resolved, or is to be. */
function sourceDenial(
  facts: SnapshotFacts,
  operation: AccessRequest['operation'],
  vm?: AccessRequest['vm'],
): Verdict | undefined {
  const { object, neighbours, provider } = facts;
  const { providerRef } = object.spec;
  if (providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const { namespaceLabels } = neighbours;
  if (
    grantsSource(
      provider.access,
      vm === undefined ? { operation, namespaceLabels } : { operation, namespaceLabels, vm },
    )
  )
    return undefined;
  const what =
    vm === undefined
      ? `no ${operation} of any VM`
      : `no ${operation} of VM ${vm.name} (resource group ${vm.resourceGroup})`;
  return {
    reason: 'AccessDenied',
    message: `ClusterVMProvider ${providerRef.name} grants namespace ${object.metadata.namespace} ${what}. Add a rule to its spec.access`,
  };
}

/** The VM of a collection, for access rules. Of a collection of copies it is not known here: only rules for all VMs grant it. */
export function sourceVM(sourceID: string): AccessRequest['vm'] {
  const parsed = parseIDOf(vmType, sourceID);
  return parsed === undefined
    ? { id: '', name: 'unknown', resourceGroup: '' }
    : { id: sourceID, name: parsed.names.at(-1) ?? '', resourceGroup: parsed.resourceGroup };
}

/** The words of a denial: what was asked for, so that a rule can be written from it. */
export function accessDenial(
  rules: Parameters<typeof grants>[0],
  request: AccessRequest,
  provider: string,
): Verdict | undefined {
  if (grants(rules, request)) return undefined;
  const { operation, namespace, vm, target } = request;
  return {
    reason: 'AccessDenied',
    message: `ClusterVMProvider ${provider} grants namespace ${namespace} no ${operation} of VM ${vm.name} (resource group ${vm.resourceGroup}) into ${target.location} (resource group ${target.resourceGroup}). Add a rule to its spec.access`,
  };
}

function prepareAdoption(facts: SnapshotFacts, provider: AzureProvider, id: string): Preparation {
  const { object, seen, neighbours, settings } = facts;
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
        message: `spec.source.existing.id lies in subscription ${parsed.subscriptionID}, the provider is for ${provider.subscriptionID}`,
      },
    };
  }
  const foreign = adoptionObstacle(facts, id);
  if (foreign !== undefined) return { refuse: foreign, requeueAfterMs: settings.driftIntervalMs };
  const barred = sourceDenial(facts, 'Adopt');
  if (barred !== undefined) return { wait: barred };
  if (seen.source === undefined) return { next: { do: 'ReadSource', id } };
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

  function adoptionObstacle(it: SnapshotFacts, wanted: string): Verdict | undefined {
    const [collectionName = '', pointName = ''] = parsed?.names ?? [];
    if (collectionName.toLowerCase().startsWith('azurebackup_')) {
      return {
        reason: 'AdoptionConflict',
        message: `${collectionName} belongs to Azure Backup, whose restore points are never adopted or touched`,
      };
    }
    const holder = neighbours.adoptedBy(wanted);
    if (holder !== undefined)
      return {
        reason: 'AdoptionConflict',
        message: `${pointName} is that of ${holder} already. Use that object, or delete it first`,
      };
    const mark = readMark(pointName);
    if (mark === undefined || mark.uid === object.metadata.uid) return undefined;
    const owner = mark.cluster === it.settings.cluster ? neighbours.objectWithUID(mark.uid) : undefined;
    if (owner !== undefined)
      return {
        reason: 'AdoptionConflict',
        message: `${pointName} was made for ${owner}, which is still there. Use that object`,
      };
    if (object.spec.deletionPolicy !== 'Delete') return undefined;
    const maker = mark.cluster === it.settings.cluster ? 'an object that is gone' : `cluster ${mark.cluster}`;
    return {
      reason: 'AdoptionConflict',
      message: `${pointName} bears the mark of another object (UID ${mark.uid}, of ${maker}), so it can be adopted with deletionPolicy: Retain only`,
    };
  }
}

function unreadable(
  facts: SnapshotFacts,
  failure: Parameters<typeof sourceTrouble>[0],
  what: string,
): Preparation {
  const trouble = sourceTrouble(failure, what);
  const { driftIntervalMs } = facts.settings;
  if (trouble.reason === 'SourceNotFound') return { refuse: trouble, requeueAfterMs: driftIntervalMs };
  return { wait: trouble, requeueAfterMs: Math.max(trouble.afterMs ?? 0, waitDelayMs(facts)) };
}

const rank: Record<ConsistencyLevel, number> = { Crash: 0, FileSystem: 1, Application: 2 };

/** By the rules of the Azure sheet, sections 4, 6 and 8. */
function assess(facts: SnapshotFacts, target: SnapshotTarget, point: Snapshot): Assessment {
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
    if (rank[point.consistency] < rank[consistency.level]) {
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
        reason: 'ReplicationFailed' satisfies Reason,
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

/** Whether an object has something under way at the vendor, and so holds its lane. */
export function isUnderWay(object: VMSnapshot): boolean {
  const intent = readIntent<SnapshotTarget>(object);
  if (intent === undefined || intent.step !== 'Create') return false;
  const { status } = object;
  if (status?.completionTime !== undefined || (status?.operation?.attempts ?? 0) >= intent.attempt)
    return false;
  // Taken directly in another region it goes on replicating; the VM is free again. So it is when what was made is
  // being removed, however long a lock holds that up.
  if (['Succeeded', 'Failed', 'Deleting'].includes(status?.provisioningState ?? '')) return false;
  return condition(status?.conditions, 'Ready')?.reason !== 'OutcomeUnknown';
}

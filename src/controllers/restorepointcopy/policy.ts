import type { Verdict } from '../../api/conditions.ts';
import { condition } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import { isTerminal } from '../../api/reasons.ts';
import type { ProviderRef } from '../../api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../../api/v1alpha1/restore-point-copy.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { AzureProvider, Collection } from '../../providers/azure/azure-provider.ts';
import {
  collectionOfPoint,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointType,
} from '../../providers/azure/ids.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { type Failure, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { accessDenial } from '../access.ts';
import { automaticCollection, automaticName, collectionState } from '../collections.ts';
import { bearsMark, readIntent } from '../intent.ts';
import { type LaneView, turnOn } from '../lane-view.ts';
import type { Assessment, Facts, KindPolicy, Preparation } from '../lifecycle/facts.ts';
import { replicationOf } from '../lifecycle/replication.ts';
import { waitDelayMs } from '../settings.ts';
import { sourceTrouble } from '../trouble.ts';
import { encryptionOf, failedDisks, longestReplicationPollMs, sourceVM } from '../vmsnapshot/azure.ts';
import { recordedOf, statusOf } from './status.ts';

/** What the caches hold that matters to a RestorePointCopy. */
export interface CopyNeighbours {
  snapshot(name: string): VMSnapshot | undefined;
  collection(name: string): RestorePointCollection | undefined;
  /** The lane of `copyLane`; `createdAt` is that of the source, for the oldest comes first. */
  copyLane(lane: string, createdAt: string | undefined): LaneView;
  /** An older object that copies the same source into the same region, as `Kind namespace/name`. */
  copiedBy(sourceID: string, location: string): string | undefined;
}

type CopyFacts = Facts<RestorePointCopy, CopyNeighbours>;

export const copyPolicy: KindPolicy<RestorePointCopy, CopyNeighbours> = {
  noun: () => 'copy',
  bounded: true,
  providerRef,
  recorded: recordedOf,
  status: statusOf,
  deletionPolicy: ({ spec }) => spec.deletionPolicy ?? 'Delete',
  deadlines: ({ spec }) => ({
    deadlineMs: parseDuration(spec.deadline ?? '336h'),
    startDeadlineMs: parseDuration(spec.startDeadline ?? '336h'),
    ttlMs: undefined,
  }),
  prepare,

  turn(facts, target) {
    const createdAt = sourceOf(facts)?.createdAt ?? facts.object.status?.sourceCreationTime;
    const lane = copyLane(target.copyOf ?? '', target.location);
    const view = facts.neighbours.copyLane(lane, createdAt);
    return (
      turnOn(view, facts.now, `copies into collection ${nameOf(target.containerID)}`) ?? { lane, limit: lane }
    );
  },

  objection(facts, target, present) {
    const createdAt = facts.object.status?.sourceCreationTime ?? sourceOf(facts)?.createdAt;
    const name = facts.object.spec.source.snapshotRef?.name;
    if (name !== undefined && facts.neighbours.snapshot(name)?.metadata.deletionTimestamp !== undefined) {
      return { verdict: { reason: 'SourceNotFound', message: `VMSnapshot ${name} is being deleted` } };
    }
    const verdict = orderObjection(facts, target.copyOf ?? '', createdAt, present);
    return verdict === undefined ? undefined : { verdict };
  },

  collectionName: (facts) => {
    const { object } = facts;
    if (object.spec.target.collectionRef !== undefined) return object.spec.target.collectionRef.name;
    const source = readIntent<SnapshotTarget>(object)?.target.copyOf;
    const collection = source === undefined ? undefined : collectionOfPoint(source);
    return collection === undefined ? undefined : automaticNameFor(facts, collection);
  },

  removalTurn: () => undefined,
  epilogue: () => undefined,
  redescription: () => undefined,
  view: () => ({ progress: true }),
  assess,
};

/** Copies take turns by source collection and region (Azure sheet, section 7). */
export function copyLane(sourceID: string, location: string): string {
  return laneInto(collectionOfPoint(sourceID) ?? '', location);
}

/** The lane of the copies of what a collection holds. */
export function laneInto(sourceCollectionID: string, location: string): string {
  return `${sourceCollectionID.toLowerCase()} to ${location}`;
}

function providerRef(object: RestorePointCopy, neighbours: CopyNeighbours): ProviderRef | undefined {
  const { source } = object.spec;
  if (source.snapshotRef === undefined) return source.providerRef;
  // The snapshot may be gone long before its copy, or be another of the same name by then: the copy remembers
  // through whom it was made.
  return rememberedProvider(object) ?? neighbours.snapshot(source.snapshotRef.name)?.spec.providerRef;
}

function rememberedProvider(object: RestorePointCopy): ProviderRef | undefined {
  const remembered = object.status?.providerRef;
  if (remembered === undefined) return undefined;
  return {
    kind: remembered.kind === 'ClusterVMProvider' ? 'ClusterVMProvider' : 'VMProvider',
    name: remembered.name,
  };
}

function prepare(facts: CopyFacts): Preparation {
  const source = sourceID(facts);
  if (typeof source !== 'string') return source;
  if (facts.provider.state !== 'Ready')
    return { wait: { reason: 'WaitingForProvider', message: 'the provider is not ready' } };
  const { provider } = facts.provider;
  if (provider.vendor !== 'azure')
    return {
      refuse: {
        reason: 'UnsupportedByProvider',
        message: `copies are made of restore points of Azure, but ${provider.capabilities.collections}`,
      },
    };
  const refusal = wrongSource(source, provider);
  if (refusal !== undefined) return { refuse: refusal };
  const { seen, settings } = facts;

  if (seen.source === undefined)
    return { next: { do: 'ReadSource', ref: { id: source, containerID: collectionOfPoint(source) ?? '' } } };
  if (!succeeded(seen.source))
    return unreadable(facts, seen.source, `reading restore point ${nameOf(source)}`);
  const point = seen.source.value;
  if (point.copyOf !== undefined) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `${point.name} is itself a copy, and Azure makes no copies of copies. Copy the restore point that it was made from`,
      },
    };
  }
  if (point.state === 'Failed')
    return {
      refuse: {
        reason: 'SourceNotFound',
        message: `Azure calls the restore point ${point.name} failed; there is nothing to copy`,
      },
    };
  if (point.state !== 'Succeeded') {
    return {
      wait: {
        reason: 'Queued',
        message: `waiting for restore point ${point.name} to be finished (${point.vendorState})`,
      },
      requeueAfterMs: settings.pollIntervalMs,
    };
  }
  const containerID = collectionOfPoint(source) ?? '';
  if (seen.sourceCollection === undefined) return { next: { do: 'ReadSourceCollection', id: containerID } };
  if (!succeeded(seen.sourceCollection))
    return unreadable(facts, seen.sourceCollection, `reading collection ${nameOf(containerID)}`);
  return prepareTarget(facts, source, point, seen.sourceCollection.value);
}

/** The id of what is to be copied, or why that is not known. */
function sourceID(facts: CopyFacts): string | Preparation {
  const { source } = facts.object.spec;
  if (source.restorePointID !== undefined) return source.restorePointID;
  const name = source.snapshotRef?.name ?? '';
  const snapshot = facts.neighbours.snapshot(name);
  if (snapshot === undefined) {
    return {
      wait: {
        reason: 'ReferenceNotFound',
        message: `spec.source.snapshotRef names VMSnapshot ${name}, which is not in this namespace. Make it, or a new RestorePointCopy with the right name`,
      },
    };
  }
  const ready = condition(snapshot.status?.conditions, 'Ready');
  if (snapshot.metadata.deletionTimestamp !== undefined)
    return { refuse: { reason: 'SourceNotFound', message: `VMSnapshot ${name} is being deleted` } };
  if (snapshot.status?.readyToUse === true && snapshot.status.snapshotID !== undefined)
    return snapshot.status.snapshotID;
  // A spec that cannot be carried out cannot be mended either: what waits for it would wait in vain.
  const hopeless = ['SnapshotMissing', 'InvalidSpec', 'UnsupportedByProvider'];
  if (ready !== undefined && (isTerminal(ready.reason) || hopeless.includes(ready.reason))) {
    return {
      refuse: {
        reason: 'SourceNotFound',
        message: `VMSnapshot ${name} failed (${ready.reason}); there is nothing to copy. Copy another`,
      },
    };
  }
  const why = ready === undefined ? '' : ` (${ready.reason})`;
  return { wait: { reason: 'Queued', message: `waiting for VMSnapshot ${name} to be ready${why}` } };
}

function wrongSource(source: string, provider: AzureProvider): Verdict | undefined {
  const parsed = parseIDOf(pointType, source);
  if (parsed === undefined)
    return { reason: 'InvalidSpec', message: 'spec.source.restorePointID is not the id of a restore point' };
  if (sameName(parsed.subscriptionID, provider.subscriptionID)) return undefined;
  return {
    reason: 'InvalidSpec',
    message: `the source lies in subscription ${parsed.subscriptionID}, the provider is for ${provider.subscriptionID}. Make a new RestorePointCopy that names a provider of that subscription`,
  };
}

function prepareTarget(
  facts: CopyFacts,
  source: string,
  point: Snapshot,
  sourceCollection: Collection,
): Preparation {
  const { object, neighbours, seen, settings } = facts;
  const { target: wanted } = object.spec;
  const namespace = object.metadata.namespace ?? '';
  const ref = providerRef(object, neighbours);
  if (ref === undefined)
    return { wait: { reason: 'ReferenceNotFound', message: 'the provider of the source is not known' } };

  const name = wanted.collectionRef?.name ?? automaticNameFor(facts, sourceCollection.id);
  const collection = neighbours.collection(name);
  const asked = wanted.location ?? collection?.status?.location ?? collection?.spec.location;
  const location = asked === undefined ? undefined : normalizeLocation(asked);
  if (location === sourceCollection.location) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `the restore point lies in ${location} already; a copy goes into another region. ${
          wanted.location === undefined
            ? `Name another collection than ${name} in spec.target.collectionRef`
            : 'Set another spec.target.location'
        }`,
      },
    };
  }
  const resourceGroup =
    wanted.resourceGroup ??
    parseID(collection?.status?.id ?? '')?.resourceGroup ??
    sourceCollection.resourceGroup;
  const denied =
    location === undefined ? undefined : denial(facts, ref, sourceCollection, { resourceGroup, location });
  if (denied !== undefined) return { wait: denied };

  const earlier = location === undefined ? undefined : neighbours.copiedBy(source, location);
  if (earlier !== undefined) {
    return {
      refuse: {
        reason: 'AlreadyCopied',
        message: `${earlier} copies ${point.name} into ${location} already, and Azure allows one copy for each region. Use that one`,
      },
      requeueAfterMs: settings.driftIntervalMs,
    };
  }
  if (collection === undefined) {
    if (wanted.location === undefined) {
      return {
        wait: {
          reason: 'ReferenceNotFound',
          message: `spec.target.collectionRef names RestorePointCollection ${name}, which is not in this namespace. Make it, or a new RestorePointCopy with the right name`,
        },
      };
    }
    const spec = {
      providerRef: ref,
      source: { collectionID: sourceCollection.id },
      location: wanted.location,
      resourceGroup,
      ...(wanted.collectionName === undefined ? {} : { name: wanted.collectionName }),
      ...(wanted.tags === undefined ? {} : { tags: wanted.tags }),
    };
    return { next: { do: 'MakeCollection', object: automaticCollection(namespace, name, spec) } };
  }
  const state = collectionState(collection, namespace, ref);
  if (!('usable' in state)) return state;
  if (!sameID(state.usable.sourceID, sourceCollection.id)) {
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `RestorePointCollection ${name} is for ${nameOf(state.usable.sourceID)}, not for ${sourceCollection.name}, in which the source lies. Name a collection whose source is that one`,
      },
    };
  }
  const containerID = state.usable.id;
  if (seen.lookUp === undefined) return { next: { do: 'LookUp', containerID, fresh: true } };
  if (!succeeded(seen.lookUp.outcome))
    return unreadable(facts, seen.lookUp.outcome, `reading collection ${nameOf(containerID)}`);
  const objection = orderObjection(facts, source, point.createdAt, seen.lookUp.outcome.value);
  if (objection !== undefined) return { refuse: objection };

  const encryption = encryptionOf(object.spec.encryption ?? [], (disk) => {
    const found = point.disks.find(
      (candidate) =>
        sameName(candidate.name, disk) || (candidate.id !== undefined && sameID(candidate.id, disk)),
    );
    return found?.snapshotID === undefined ? undefined : { id: found.snapshotID, osDisk: found.osDisk };
  });
  if ('missing' in encryption) {
    const disks = point.disks.map((disk) => disk.name).join(', ');
    return {
      refuse: {
        reason: 'InvalidSpec',
        message: `spec.encryption names ${encryption.missing}, which is no disk of ${point.name}; its disks are ${disks}`,
      },
    };
  }
  return {
    ready: {
      step: 'Create',
      target: {
        containerID,
        name: '',
        location: state.usable.location,
        copyOf: source,
        ...(encryption.disks.length === 0 ? {} : { encryption: encryption.disks }),
      },
    },
  };
}

/** Azure copies in order only, and once (Azure sheet, section 7): what is in the target already decides. */
function orderObjection(
  facts: CopyFacts,
  source: string,
  createdAt: string | undefined,
  present: Snapshot[],
): Verdict | undefined {
  const { cluster } = facts.settings;
  const others = present.filter(
    (point) =>
      !bearsMark(point.name, cluster, facts.object.metadata.uid) &&
      point.copyOf !== undefined &&
      point.state !== 'Failed' &&
      point.state !== 'Deleting',
  );
  const same = others.find((point) => sameID(point.copyOf ?? '', source));
  if (same !== undefined) {
    return {
      reason: 'AlreadyCopied',
      message: `${nameOf(source)} has a copy there already: ${same.name}. Azure allows one copy of a restore point for each region`,
    };
  }
  if (createdAt === undefined) return undefined;
  // A copy bears the time of its source (Azure sheet, section 7).
  const newer = others.find(
    (point) => point.createdAt !== undefined && Date.parse(point.createdAt) > Date.parse(createdAt),
  );
  if (newer === undefined) return undefined;
  return {
    reason: 'CopyOrderViolated',
    message: `${newer.name} of ${newer.createdAt} was copied there already, and Azure copies no older restore points (this one is of ${createdAt}) after it. Copy a newer snapshot`,
  };
}

function automaticNameFor(facts: CopyFacts, sourceCollectionID: string): string {
  const { object, neighbours, settings } = facts;
  const { location = '', resourceGroup = '', collectionName = '' } = object.spec.target;
  return automaticName({
    cluster: settings.cluster,
    namespace: object.metadata.namespace ?? '',
    providerRef: providerRef(object, neighbours) ?? { name: '' },
    source: sourceCollectionID,
    place: [normalizeLocation(location), resourceGroup, collectionName],
  });
}

function sourceOf(facts: CopyFacts): Snapshot | undefined {
  const { source } = facts.seen;
  return source !== undefined && succeeded(source) ? source.value : undefined;
}

function denial(
  facts: CopyFacts,
  ref: ProviderRef,
  source: Collection,
  target: { resourceGroup: string; location: string },
): Verdict | undefined {
  if (ref.kind !== 'ClusterVMProvider' || facts.provider.state !== 'Ready') return undefined;
  const vm = sourceVM(source.source.id);
  const namespace = facts.object.metadata.namespace ?? '';
  return accessDenial(
    facts.provider.access,
    { operation: 'Copy', namespace, namespaceLabels: facts.neighbours.namespaceLabels, vm, target },
    ref.name,
  );
}

function unreadable(facts: CopyFacts, failure: Failure, what: string): Preparation {
  const trouble = sourceTrouble(failure, what);
  const { driftIntervalMs } = facts.settings;
  if (trouble.reason === 'SourceNotFound') return { refuse: trouble, requeueAfterMs: driftIntervalMs };
  return { wait: trouble, requeueAfterMs: Math.max(trouble.afterMs ?? 0, waitDelayMs(facts)) };
}

/** Succeeded means only that copying has begun: every disk must have arrived (Azure sheet, section 8). */
function assess(facts: CopyFacts, target: SnapshotTarget, point: Snapshot): Assessment {
  if (point.copyOf !== undefined && !sameID(point.copyOf, target.copyOf ?? '')) {
    return {
      is: 'Unfit',
      verdict: {
        reason: 'CreationFailed',
        message: `Azure made a copy of ${nameOf(point.copyOf)}, not of ${nameOf(target.copyOf ?? '')}; it is removed. Make a new object`,
      },
    };
  }
  const replication = replicationOf(facts.object.status?.replication, point, facts.now, facts.now);
  const also = (status: 'True' | 'False', reason: string, message: string) => ({
    Replicated: { status, reason, message },
  });
  if (replication.state === 'Succeeded' && point.disks.every((disk) => disk.snapshotID !== undefined)) {
    const message = `every disk has arrived in ${target.location}; a VM can be restored from it there`;
    return {
      is: 'Ready',
      verdict: { reason: 'Replicated', message, also: also('True', 'Replicated', message) },
    };
  }
  if (replication.state === 'Failed') {
    const message = failedDisks(replication.disks);
    return {
      is: 'Unfit',
      verdict: { reason: 'ReplicationFailed', message, also: also('False', 'ReplicationFailed', message) },
    };
  }
  const message = `the data is on the way to ${target.location}; see status.replication`;
  return {
    is: 'Pending',
    verdict: { reason: 'Replicating', message, also: also('False', 'Replicating', message) },
    longestPollMs: longestReplicationPollMs,
  };
}

/** Whether a copy is under way, and so holds its lane: until every disk has arrived. */
export function isUnderWay(object: RestorePointCopy): boolean {
  const intent = readIntent<SnapshotTarget>(object);
  const { status } = object;
  if (intent === undefined || status?.completionTime !== undefined) return false;
  if ((status?.operation?.attempts ?? 0) >= intent.attempt) return false;
  // By facts, not by what is said: a copy that is overdue, or cannot be read, may replicate all the same.
  return (
    status?.provisioningState !== 'Failed' &&
    condition(status?.conditions, 'Ready')?.reason !== 'OutcomeUnknown'
  );
}

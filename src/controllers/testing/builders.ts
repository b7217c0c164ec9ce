/** Objects, facts and vendor answers with sane defaults, for tests: each test names only what matters to it. */
import { annotations, finalizer } from '../../api/names.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../../api/v1alpha1/restore-point-copy.ts';
import type { VMSnapshot, VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { AzureProvider, Collection } from '../../providers/azure/azure-provider.ts';
import { collectionID, pointID, vmID } from '../../providers/azure/ids.ts';
import { azureCapabilities } from '../../providers/azure/provider.ts';
import type { Done, Failure, VendorError } from '../../providers/outcome.ts';
import type { Capabilities, Snapshot, SnapshotTarget, VM, VMOperator } from '../../providers/provider.ts';
import { formatIntent, type Intent, markedName } from '../intent.ts';
import type { CommonNeighbours, Facts } from '../lifecycle/facts.ts';
import type { CopyNeighbours } from '../restorepointcopy/policy.ts';
import { defaultSettings, type Settings } from '../settings.ts';
import type { SnapshotNeighbours } from '../vmsnapshot/facts.ts';

export const cluster = 'c1';
export const uid = '11111111-1111-4111-8111-111111111111';
export const otherUID = '22222222-2222-4222-8222-222222222222';
export const subscriptionID = 'aaaaaaaa-0000-4000-8000-000000000001';
export const endpointID = 'azure:management.azure.com/t/s';
export const namespace = 'team-a';
/** The instant at which the tests' time stands. */
export const now = Date.UTC(2026, 0, 1, 12);
export const minutes = 60_000;
export const hours = 60 * minutes;

export const vmA = vmID(subscriptionID, 'rg-a', 'vm-a');
export const containerID = collectionID(subscriptionID, 'rg-a', 'rpc-a');
export const farContainerID = collectionID(subscriptionID, 'rg-a', 'rpc-far');
export const correlationID = 'cccccccc-0000-4000-8000-000000000001';

/** An instant some milliseconds before `now`, as Kubernetes writes it. */
export function ago(ms: number): string {
  return new Date(now - ms).toISOString().replace('.000Z', 'Z');
}

export const settings: Settings = { ...defaultSettings, cluster, operatorNamespace: 'keyframe-system' };

export function done<T>(value: T): Done<T> {
  return { kind: 'Done', value };
}

export const vendorError: VendorError = { code: 'SomeCode', message: 'words of the vendor' };

export function notFound(what: 'Object' | 'Parent' | 'Unproven'): Failure {
  return { kind: 'NotFound', what, error: { code: 'ResourceNotFound', message: 'not there' } };
}

export const unavailable: Failure = { kind: 'Unavailable', error: { code: 'ECONNREFUSED', message: '' } };

/** What facts need of a provider: no call is ever made on it. */
export function aProvider(change: Partial<AzureProvider> = {}): AzureProvider {
  return {
    vendor: 'azure',
    endpointID,
    subscriptionID,
    requestTimeoutMs: 30_000,
    settleMs: 30_000,
    capabilities: azureCapabilities,
    attemptToken: () => undefined,
    ...change,
  } as AzureProvider;
}

export function aVM(change: Partial<VM> = {}): VM {
  return {
    id: vmA,
    name: 'vm-a',
    uid: 'vm-uid-a',
    location: 'westeurope',
    resourceGroup: 'rg-a',
    power: 'Unknown',
    vendorState: '',
    disks: [
      { id: `${vmA}/os`, name: 'os', osDisk: true, sizeBytes: 30 },
      { id: `${vmA}/data`, name: 'data', osDisk: false, sizeBytes: 70 },
    ],
    ...change,
  };
}

export const engineID = 'ovirt:engine.example/ovirt-engine';
export const engineVMID = 'aaaaaaaa-1111-4000-8000-000000000001';

/** All that an engine can. */
export const engineCapabilities: Capabilities = {
  ...azureCapabilities,
  noun: 'snapshot',
  memory: true,
  displayName: 'oVirt snapshots have no name beside their description',
  description: true,
  disks: { include: true, exclude: true, configurationOnly: true },
  namesVM: false,
  quiesces: true,
  freeze: true,
  thawsItself: true,
  imageIDs: true,
  configuration: true,
  collections: 'oVirt has no restore point collections',
};

/** As `aProvider`, of an oVirt engine. */
export function aVMOperator(change: Partial<VMOperator> = {}): VMOperator {
  return {
    vendor: 'ovirt',
    endpointID: engineID,
    requestTimeoutMs: 30_000,
    settleMs: 120_000,
    capabilities: engineCapabilities,
    attemptToken: (_target, id) => `events ${id}`,
    ...change,
  } as VMOperator;
}

/** A running VM of an engine with two ordinary disks. */
export function engineVM(change: Partial<VM> = {}): VM {
  return {
    id: engineVMID,
    name: 'vm-a',
    uid: engineVMID,
    containerID: engineVMID,
    location: '',
    resourceGroup: '',
    power: 'On',
    vendorState: 'up',
    disks: [
      { id: 'disk-os', name: 'os', osDisk: true, sizeBytes: 30 },
      { id: 'disk-data', name: 'data', osDisk: false, sizeBytes: 70 },
    ],
    ...change,
  };
}

/** A finished snapshot of that VM, of attempt 1. */
export function vmHeldSnapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    id: 'snapshot-1',
    name: markedName({ cluster, uid, attempt: 1 }),
    containerID: engineVMID,
    state: 'Succeeded',
    vendorState: 'ok',
    createdAt: ago(5 * minutes),
    vmID: engineVMID,
    source: {},
    disks: [{ name: 'os', osDisk: true, snapshotID: 'image-1' }],
    excludedDiskIDs: [],
    ...change,
  };
}

/** The target of attempt 1 for it. */
export function vmHeldTarget(change: Partial<SnapshotTarget> = {}): SnapshotTarget {
  return {
    containerID: engineVMID,
    name: markedName({ cluster, uid, attempt: 1 }),
    location: '',
    exclusive: true,
    quiesces: true,
    power: 'On',
    memory: false,
    vmID: engineVMID,
    vmName: 'vm-a',
    vmUID: engineVMID,
    ...change,
  };
}

/** A finished local restore point of attempt 1. */
export function aPoint(change: Partial<Snapshot> = {}): Snapshot {
  const name = change.name ?? markedName({ cluster, uid, attempt: 1 });
  const container = change.containerID ?? containerID;
  return {
    id: pointID(container, name),
    name,
    containerID: container,
    state: 'Succeeded',
    vendorState: change.state ?? 'Succeeded',
    createdAt: ago(5 * minutes),
    vmUID: 'vm-uid-a',
    source: { location: 'westeurope' },
    consistency: 'Application',
    disks: [
      { name: 'os', osDisk: true, sizeBytes: 30, snapshotID: `${name}/os` },
      { name: 'data', osDisk: false, sizeBytes: 70, snapshotID: `${name}/data` },
    ],
    excludedDiskIDs: [],
    ...change,
  };
}

export function aTarget(change: Partial<SnapshotTarget> = {}): SnapshotTarget {
  return {
    containerID,
    name: markedName({ cluster, uid, attempt: 1 }),
    vmID: vmA,
    vmUID: 'vm-uid-a',
    vmLocation: 'westeurope',
    location: 'westeurope',
    ...change,
  };
}

export function anIntent(change: Partial<Intent<SnapshotTarget>> = {}): Intent<SnapshotTarget> {
  const { attempt = 1 } = change;
  return {
    uid,
    attempt,
    endpointID,
    correlationID,
    step: 'Create',
    startedAt: ago(5 * minutes),
    target: aTarget({ name: markedName({ cluster, uid, attempt }) }),
    ...change,
  };
}

export interface ObjectChange<O extends { metadata: object; spec: object; status?: object }> {
  metadata?: Partial<O['metadata']>;
  spec?: Partial<O['spec']>;
  status?: O['status'];
  intent?: Intent<SnapshotTarget>;
  annotations?: Record<string, string>;
}

function metadataOf(name: string, change: ObjectChange<VMSnapshot>): VMSnapshot['metadata'] {
  const notes = {
    ...change.annotations,
    ...(change.intent === undefined ? {} : { [annotations.intent]: formatIntent(change.intent) }),
  };
  return {
    name,
    namespace,
    uid,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: ago(6 * minutes),
    annotations: notes,
    finalizers: change.intent === undefined ? [] : [finalizer],
    ...change.metadata,
  };
}

export function aSnapshot(change: ObjectChange<VMSnapshot> = {}): VMSnapshot {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'VMSnapshot',
    metadata: metadataOf('snap-1', change),
    spec: { providerRef: { name: 'azure' }, source: { vm: { id: vmA } }, ...change.spec },
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

export function aCopy(change: ObjectChange<RestorePointCopy> = {}): RestorePointCopy {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'RestorePointCopy',
    metadata: metadataOf('copy-1', change as ObjectChange<VMSnapshot>),
    spec: {
      source: { restorePointID: aPoint().id, providerRef: { name: 'azure' } },
      target: { collectionRef: { name: 'far' } },
      ...change.spec,
    },
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

/** A collection object that is ready, for the VM of `aVM`. */
export function aCollection(
  change: {
    metadata?: Partial<RestorePointCollection['metadata']>;
    spec?: Partial<RestorePointCollection['spec']>;
    status?: Partial<NonNullable<RestorePointCollection['status']>>;
  } = {},
): RestorePointCollection {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'RestorePointCollection',
    metadata: {
      name: 'rpc',
      namespace,
      uid: otherUID,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: ago(hours),
      finalizers: [finalizer],
      ...change.metadata,
    },
    spec: { providerRef: { name: 'azure' }, source: { vm: { id: vmA } }, ...change.spec },
    status: {
      observedGeneration: 1,
      provisioningState: 'Succeeded',
      id: containerID,
      endpointID,
      location: 'westeurope',
      source: { id: vmA, location: 'westeurope', vmUID: 'vm-uid-a' },
      completionTime: ago(30 * minutes),
      conditions: [ready('True', 'Available')],
      ...change.status,
    },
  };
}

/** A collection as Azure shows it. */
export function anAzureCollection(change: Partial<Collection> = {}): Collection {
  return {
    id: containerID,
    name: 'rpc-a',
    resourceGroup: 'rg-a',
    location: 'westeurope',
    tags: {},
    provisioningState: 'Succeeded',
    source: { id: vmA, location: 'westeurope' },
    ...change,
  };
}

export function ready(status: 'True' | 'False' | 'Unknown', reason: string, message = '') {
  return { type: 'Ready', status, reason, message, lastTransitionTime: ago(minutes), observedGeneration: 1 };
}

/** The status of a snapshot with this reason. */
export function snapshotStatus(reason: string, change: VMSnapshotStatus = {}): VMSnapshotStatus {
  return {
    observedGeneration: 1,
    endpointID,
    location: 'westeurope',
    conditions: [ready(reason === 'Available' ? 'True' : 'False', reason)],
    ...change,
  };
}

export const commonNeighbours: CommonNeighbours = {
  namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
  namespaceTerminating: false,
  dependents: [],
  readers: [],
};

export const snapshotNeighbours: SnapshotNeighbours & CommonNeighbours = {
  ...commonNeighbours,
  collection: () => aCollection(),
  vmLane: () => ({ sends: [] }),
  adoptedBy: () => undefined,
  objectWithUID: () => undefined,
};

export const copyNeighbours: CopyNeighbours & CommonNeighbours = {
  ...commonNeighbours,
  snapshot: () => undefined,
  collection: () => undefined,
  copyLane: () => ({ sends: [] }),
  copiedBy: () => undefined,
};

function factsOf<O extends VMSnapshot | RestorePointCopy, N>(
  object: O,
  neighbours: N & CommonNeighbours,
): Facts<O, N> {
  return {
    object,
    now,
    monotonic: 1_000_000,
    correlationID,
    random: 0.5,
    settings,
    provider: { state: 'Ready', provider: aProvider() },
    neighbours,
    unknown: undefined,
    driftDueMs: hours,
    seen: {},
  };
}

export type SnapshotFacts = Facts<VMSnapshot, SnapshotNeighbours>;
export type CopyFacts = Facts<RestorePointCopy, CopyNeighbours>;

export function snapshotFacts(change: Partial<SnapshotFacts> = {}): SnapshotFacts {
  return { ...factsOf(aSnapshot(), snapshotNeighbours), ...change };
}

export function copyFacts(change: Partial<CopyFacts> = {}): CopyFacts {
  return { ...factsOf(aCopy(), copyNeighbours), ...change };
}

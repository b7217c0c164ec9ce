/** Restores, and what matters to them, with sane defaults, for tests: each test names only what matters to it. */
import { finalizer } from '../../../api/names.ts';
import type { VMRestore, VMRestoreStatus } from '../../../api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../../api/v1alpha1/vm-snapshot.ts';
import type {
  Capabilities,
  MarkedVM,
  Snapshot,
  VM,
  VMInspection,
  VMOperator,
} from '../../../providers/provider.ts';
import { markedName } from '../../intent.ts';
import {
  ago,
  aSnapshot,
  cluster,
  correlationID,
  done,
  minutes,
  namespace,
  now,
  otherUID,
  ready,
  settings,
  uid,
} from '../../testing/builders.ts';
import type { Action, RestoreFacts, RestoreNeighbours, StepState } from '../facts.ts';

export const engineID = 'ovirt:engine.example/ovirt-engine';
export const vmID = 'vm-1';
export const snapshotID = 'snapshot-1';
export const newerID = 'snapshot-2';
/** The instant by which the restores of tests must have begun. */
export const startBefore = new Date(now + 60 * minutes).toISOString().replace('.000Z', 'Z');

const unsupported = 'this vendor cannot do it';

/** What an engine can, as far as restores go by it. */
export const restoring: Pick<Capabilities, 'restore'> = {
  restore: {
    inPlace: true,
    preview: true,
    newVM: true,
    newDisks: unsupported,
    memory: true,
    disks: true,
    losesNewer: true,
  },
};

/** What facts need of a provider: no call is ever made on it. */
export function anOperator(change: Partial<VMOperator> = {}): VMOperator {
  return {
    vendor: 'ovirt',
    endpointID: engineID,
    requestTimeoutMs: 30_000,
    settleMs: 120_000,
    capabilities: restoring,
    restoreToken: (_target, id) => `events of ${id}`,
    ...change,
  } as VMOperator;
}

/** A VM that is off, with two disks. */
export function aRestorableVM(change: Partial<VM> = {}): VM {
  return {
    id: vmID,
    name: 'app-1',
    uid: vmID,
    containerID: vmID,
    location: '',
    resourceGroup: '',
    power: 'Off',
    vendorState: change.power === 'On' ? 'up' : 'down',
    disks: [
      { id: 'disk-os', name: 'os', osDisk: true },
      { id: 'disk-data', name: 'data', osDisk: false },
    ],
    ...change,
  };
}

/** The snapshot at the vendor that the VMSnapshot of `aSourceObject` stands for. */
export function aSource(change: Partial<Snapshot> = {}): Snapshot {
  return {
    id: snapshotID,
    name: markedName({ cluster, uid: otherUID, attempt: 1 }),
    containerID: vmID,
    state: 'Succeeded',
    vendorState: 'ok',
    createdAt: ago(60 * minutes),
    vmID,
    source: {},
    fingerprint: 'f1',
    disks: [
      { id: 'disk-os', name: 'os', osDisk: true, snapshotID: 'image-os' },
      { id: 'disk-data', name: 'data', osDisk: false, snapshotID: 'image-data' },
    ],
    excludedDiskIDs: [],
    ...change,
  };
}

/** One that was taken after it, by hand. */
export function aNewerSnapshot(change: Partial<Snapshot> = {}): Snapshot {
  return aSource({
    id: newerID,
    name: 'by hand',
    createdAt: ago(30 * minutes),
    fingerprint: 'f2',
    ...change,
  });
}

export function anInspection(change: Partial<VMInspection> = {}): VMInspection {
  return { vm: aRestorableVM(), snapshots: [aSource()], ...change };
}

export function aMarkedVM(change: Partial<MarkedVM> = {}): MarkedVM {
  return {
    id: 'vm-9',
    name: 'app-1-copy',
    mark: markedName({ cluster, uid, attempt: 1 }),
    power: 'Off',
    vendorState: 'down',
    disksReady: true,
    ...change,
  };
}

/** The VMSnapshot that is restored from. */
export function aSourceObject(
  change: { spec?: Partial<VMSnapshot['spec']>; status?: VMSnapshot['status']; metadata?: object } = {},
): VMSnapshot {
  return aSnapshot({
    metadata: { name: 'nightly', uid: otherUID, finalizers: [finalizer], ...change.metadata },
    spec: { providerRef: { name: 'engine' }, source: { vm: { id: vmID } }, ...change.spec },
    status: {
      observedGeneration: 1,
      readyToUse: true,
      snapshotID,
      endpointID: engineID,
      fingerprint: 'f1',
      creationTime: ago(60 * minutes),
      vm: { id: vmID, name: 'app-1', uid: vmID },
      conditions: [ready('True', 'Available')],
      ...change.status,
    },
  });
}

export interface RestoreChange {
  metadata?: Partial<VMRestore['metadata']>;
  spec?: Partial<VMRestore['spec']>;
  status?: VMRestoreStatus;
  annotations?: Record<string, string>;
}

/** A restore in place that is not begun. */
export function aRestore(change: RestoreChange = {}): VMRestore {
  const begun = (change.status?.steps ?? []).length > 0;
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'VMRestore',
    metadata: {
      name: 'restore-1',
      namespace,
      uid,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: ago(6 * minutes),
      annotations: { ...change.annotations },
      finalizers: begun ? [finalizer] : [],
      ...change.metadata,
    },
    spec: {
      source: { snapshotRef: { name: 'nightly' } },
      strategy: 'InPlace',
      startBefore,
      target: { vmID },
      deadline: '2h',
      ...change.spec,
    },
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

/** A restore that makes a new VM. */
export function aRestoreToNewVM(change: RestoreChange = {}): VMRestore {
  const { target: _none, startBefore: _unset, ...rest } = aRestore().spec;
  const restore = aRestore(change);
  return {
    ...restore,
    spec: { ...rest, strategy: 'NewVM', newVM: { name: 'app-1-copy' }, ...change.spec },
  };
}

/** The status of a restore whose steps stand like this; the last of them is the one that was done last. */
export function begunStatus(
  steps: Partial<Record<Action, StepState>>,
  change: VMRestoreStatus & { age?: number } = {},
): VMRestoreStatus {
  const { age = minutes, ...rest } = change;
  const names = Object.keys(steps) as Action[];
  const kind = names.at(-1) ?? 'Restore';
  const isOpen = (state: StepState | undefined) => state === 'Requested' || state === 'Running';
  const settled = names.filter((name) => !isOpen(steps[name])).length;
  const power = kind === 'Shutdown' || kind === 'PowerOff' || kind === 'Start';
  return {
    observedGeneration: 1,
    provisioningState: 'Restoring',
    providerRef: { kind: 'VMProvider', name: 'engine' },
    endpointID: engineID,
    vm: { id: vmID, name: 'app-1', containerID: vmID },
    source: { snapshotID },
    powerStateBefore: names.includes('Shutdown') ? 'On' : 'Off',
    steps: names.map((name) => {
      const state = steps[name] ?? 'Done';
      const ended = state === 'Done' || state === 'Failed' ? { finishedAt: ago(age) } : {};
      return { name, state, startedAt: ago(age), ...ended };
    }),
    startedAt: ago(age),
    operation: {
      kind,
      startedAt: ago(age),
      attempts: settled,
      ...(power ? {} : { token: 'events of it' }),
    },
    conditions: [ready('False', 'Restoring')],
    ...rest,
  };
}

/** What ends a restore in failure. */
export function failure(reason = 'RestoreFailed', message = 'it failed'): Pick<VMRestoreStatus, 'error'> {
  return { error: { reason, message, time: ago(minutes) } };
}

export const restoreNeighbours: RestoreNeighbours = {
  namespaceLabels: { 'kubernetes.io/metadata.name': namespace },
  namespaceTerminating: false,
  snapshot: () => aSourceObject(),
  objectWithUID: () => undefined,
  vmLane: () => ({ sends: [] }),
};

export function restoreFacts(change: Partial<RestoreFacts> = {}): RestoreFacts {
  return {
    object: aRestore(),
    now,
    monotonic: 1_000_000,
    correlationID,
    random: 0.5,
    settings,
    provider: { state: 'Ready', provider: anOperator() },
    neighbours: restoreNeighbours,
    unknown: undefined,
    seen: {},
    ...change,
  };
}

/** All that is read before a restore in place begins. */
export const allRead = {
  vm: done(aRestorableVM()),
  source: done(aSource()),
  inspection: done(anInspection()),
};

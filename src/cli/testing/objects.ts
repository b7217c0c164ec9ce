import { type Reason, reasons } from '../../api/reasons.ts';
import type { RestorePointCopy } from '../../api/v1alpha1/restore-point-copy.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { ObjectOf } from '../objects.ts';

const metadata = (name: string) => ({
  name,
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

const condition = (type: string, status: string, reason: string, message: string) => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

/** A snapshot of which Ready has a status and a reason; without a status when no reason is given. */
export function snapshot(name: string, reason?: string, status: 'True' | 'False' = 'False'): VMSnapshot {
  const stalled = reason === 'SourceNotFound' ? [condition('Stalled', 'True', reason, 'no such VM')] : [];
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'VMSnapshot',
    metadata: metadata(name),
    spec: { providerRef: { kind: 'VMProvider', name: 'azure' }, source: { vm: { name: 'web' } } },
    ...(reason === undefined
      ? {}
      : { status: { conditions: [condition('Ready', status, reason, `${reason} it is`), ...stalled] } }),
  };
}

/** A copy of two disks that is so far. */
export function copy(name: string, percents: [number, number]): RestorePointCopy {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'RestorePointCopy',
    metadata: metadata(name),
    spec: { source: { snapshotRef: { name: 'first' } }, target: { location: 'northeurope' } },
    status: {
      location: 'northeurope',
      conditions: [condition('Ready', 'False', 'Replicating', 'on the way')],
      replication: {
        state: 'Replicating',
        percent: Math.floor((percents[0] + percents[1]) / 2),
        disks: percents.map((percent, index) => ({
          name: `disk-${index}`,
          percent,
          state: 'Replicating',
          sizeBytes: 30 * 2 ** 30,
        })),
        estimatedCompletionTime: '2026-01-01T00:01:30Z',
      },
    },
  };
}

/** An object of any kind in namespace `demo`, with a Ready condition; stalled where the reason reads so. */
export function object<K extends keyof ObjectOf>(
  kind: K,
  name: string,
  parts: {
    spec?: object;
    status?: object;
    reason?: string;
    message?: string;
    namespace?: string;
    metadata?: object;
  } = {},
): ObjectOf[K] {
  const { spec = {}, status, reason, message = `${reason} it is`, namespace = 'demo' } = parts;
  const reads = reasons[reason as Reason]?.reads;
  const conditions = [
    condition('Ready', reads === 'Current' ? 'True' : 'False', String(reason), message),
    ...(reads === 'Failed' ? [condition('Stalled', 'True', String(reason), message)] : []),
  ];
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind,
    metadata: {
      ...metadata(name),
      ...(kind === 'ClusterVMProvider' ? {} : { namespace }),
      ...parts.metadata,
    },
    spec,
    ...(reason === undefined ? {} : { status: { conditions, ...status } }),
  } as unknown as ObjectOf[K];
}

export const vmID = (name: string, group = 'rg') =>
  `/subscriptions/s/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}`;

/** A ready snapshot of a VM, through the provider `azure`. */
export function readySnapshot(name: string, vm: string, status: object = {}): VMSnapshot {
  return object('VMSnapshot', name, {
    spec: { providerRef: { kind: 'VMProvider', name: 'azure' }, source: { vm: { name: vm } } },
    reason: 'Available',
    status: {
      vm: { id: vmID(vm), name: vm },
      source: { location: 'westeurope' },
      snapshotID: `/points/${name}`,
      consistency: { level: 'FileSystem' },
      creationTime: '2026-01-01T00:00:00Z',
      ...status,
    },
  });
}

import { condition, timestamp } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import type { RestorePointCopy, RestorePointCopyStatus } from '../../api/v1alpha1/restore-point-copy.ts';
import { normalizeLocation } from '../../providers/azure/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import { readIntent } from '../intent.ts';
import type { Facts, Finish, Recorded } from '../lifecycle/facts.ts';
import { replicationOf } from '../lifecycle/replication.ts';
import { azureRecord } from '../vmsnapshot/azure.ts';
import type { CopyNeighbours } from './policy.ts';

/** The protocol's view of a status. */
export function recordedOf(object: RestorePointCopy): Recorded {
  const { status } = object;
  return {
    reason: condition(status?.conditions, 'Ready')?.reason as Reason | undefined,
    provisioningState: status?.provisioningState,
    readyToUse: status?.readyToUse ?? false,
    snapshotID: status?.restorePointID,
    ...azureRecord(status?.restorePointID),
    endpointID: status?.endpointID,
    creationTime: status?.sourceCreationTime,
    completionTime: status?.completionTime,
    location: status?.location,
    vmLocation: undefined,
    vmUID: undefined,
    copyOf: status?.sourceRestorePointID,
    operation: status?.operation,
    error: status?.error,
  };
}

/** What a run adds to the status; `undefined` takes a member away. */
export function statusOf(
  facts: Facts<RestorePointCopy, CopyNeighbours>,
  finish: Finish,
): RestorePointCopyStatus {
  const { object, seen, neighbours, now } = facts;
  const { spec, status = {} } = object;
  const intent = readIntent<SnapshotTarget>(object);
  const record = finish.record ?? {};
  const next: RestorePointCopyStatus = { deletionPolicy: spec.deletionPolicy ?? 'Delete' };
  if (finish.verdict !== undefined) {
    next.provisioningState = status.provisioningState ?? 'Pending';
    next.readyToUse = status.readyToUse ?? false;
  }
  if (record.provisioningState !== undefined) next.provisioningState = record.provisioningState;
  if (record.readyToUse !== undefined) next.readyToUse = record.readyToUse;
  if (record.snapshotID !== undefined) next.restorePointID = record.snapshotID ?? undefined;
  // The next attempt's data begins anew.
  if (record.snapshotID === null) next.replication = undefined;
  if (record.operation !== undefined) next.operation = record.operation ?? undefined;
  if (record.error !== undefined) next.error = record.error ?? undefined;

  const source = seen.source !== undefined && succeeded(seen.source) ? seen.source.value : undefined;
  if (source !== undefined) {
    next.sourceRestorePointID = status.sourceRestorePointID ?? source.id;
    const created = source.createdAt === undefined ? Number.NaN : Date.parse(source.createdAt);
    if (!Number.isNaN(created)) next.sourceCreationTime = status.sourceCreationTime ?? timestamp(created);
  }
  const providerRef =
    spec.source.snapshotRef === undefined
      ? undefined
      : neighbours.snapshot(spec.source.snapshotRef.name)?.spec.providerRef;
  if (providerRef !== undefined && intent !== undefined)
    next.providerRef = status.providerRef ?? {
      kind: providerRef.kind ?? 'VMProvider',
      name: providerRef.name,
    };
  if (intent !== undefined) {
    next.endpointID = status.endpointID ?? intent.endpointID;
    next.location = intent.target.location;
  } else {
    const wanted =
      spec.target.location ?? neighbours.collection(spec.target.collectionRef?.name ?? '')?.status?.location;
    if (wanted !== undefined) next.location = normalizeLocation(wanted);
  }
  if (record.acceptedAt !== undefined) next.copyStartedAt = timestamp(record.acceptedAt);
  const { snapshot } = finish;
  if (snapshot !== undefined) {
    if (snapshot.consistency !== undefined) next.consistency = snapshot.consistency;
    if (snapshot.state === 'Succeeded' || snapshot.replication !== undefined) {
      const startedAt = Date.parse(status.copyStartedAt ?? '') || now;
      next.replication = replicationOf(status.replication, snapshot, startedAt, now);
    }
  }
  if (record.completedAt !== undefined && status.completionTime === undefined)
    next.completionTime = timestamp(record.completedAt);
  return next;
}

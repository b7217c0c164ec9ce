import { condition, timestamp } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import type { Reason } from '../../api/reasons.ts';
import type { VMSnapshot, VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import { nameOf, normalizeLocation } from '../../providers/azure/ids.ts';
import { sameID } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { readIntent } from '../intent.ts';
import type { Facts, Finish, Recorded } from '../lifecycle/facts.ts';
import { isAway, replicationOf } from '../lifecycle/replication.ts';
import { cut } from '../words.ts';
import { achieved } from './achieved.ts';
import { azureRecord } from './azure.ts';

/** The protocol's view of a status. */
export function recordedOf(object: VMSnapshot): Recorded {
  const { status } = object;
  return {
    reason: condition(status?.conditions, 'Ready')?.reason as Reason | undefined,
    provisioningState: status?.provisioningState,
    readyToUse: status?.readyToUse ?? false,
    snapshotID: status?.snapshotID,
    endpointID: status?.endpointID,
    ...heldAs(object),
    creationTime: status?.creationTime,
    completionTime: status?.completionTime,
    location: status?.location,
    vmLocation:
      status?.source?.location === undefined ? undefined : normalizeLocation(status.source.location),
    vmUID: status?.vm?.uid,
    copyOf: undefined,
    operation: status?.operation,
    error: status?.error,
  };
}

/** What holds it and what it is called there: in the id of a restore point, else in the status beside it. */
function heldAs({ status }: VMSnapshot): Pick<Recorded, 'containerID' | 'name' | 'fingerprint' | 'heldBy'> {
  const { snapshotID, snapshotName, fingerprint, vm, stampID } = status ?? {};
  const azure = azureRecord(snapshotID);
  if (azure.containerID !== undefined) return azure;
  const { id: vmID, name: vmName } = vm ?? {};
  const name = snapshotName;
  if (vmID === undefined || vmName === undefined) return { containerID: undefined, name, fingerprint };
  const containerID = stampID === undefined ? vmID : `${stampID}/${vmID}`;
  const stamp = stampID === undefined ? {} : { stampID };
  return { containerID, name, fingerprint, heldBy: { vmID, vmName, ...stamp } };
}

/** What a run adds to the status; `undefined` takes a member away. */
export function statusOf(facts: Facts<VMSnapshot, unknown>, finish: Finish): VMSnapshotStatus {
  const { object, seen } = facts;
  const { spec, status = {} } = object;
  const intent = readIntent<SnapshotTarget>(object);
  const record = finish.record ?? {};
  const next: VMSnapshotStatus = {
    deletionPolicy: spec.deletionPolicy ?? (spec.source.existing === undefined ? 'Delete' : 'Retain'),
  };
  if (finish.verdict !== undefined)
    next.provisioningState = record.provisioningState ?? status.provisioningState ?? 'Pending';
  if (record.provisioningState !== undefined) next.provisioningState = record.provisioningState;
  if (finish.verdict !== undefined) next.readyToUse = record.readyToUse ?? status.readyToUse ?? false;
  if (record.readyToUse !== undefined) next.readyToUse = record.readyToUse;
  if (record.snapshotID !== undefined) next.snapshotID = record.snapshotID ?? undefined;
  // What an attempt had shown goes with it: the next one makes another snapshot.
  if (record.snapshotID === null)
    Object.assign(next, {
      creationTime: undefined,
      consistency: undefined,
      disks: undefined,
      vendor: undefined,
      snapshotName: undefined,
      fingerprint: undefined,
      parentID: undefined,
      progress: undefined,
    });
  // The next attempt's data begins anew.
  if (record.snapshotID === null) next.replication = undefined;
  if (record.operation !== undefined) next.operation = record.operation ?? undefined;
  if (record.error !== undefined) next.error = record.error ?? undefined;

  const vm = seen.vm !== undefined && succeeded(seen.vm) ? seen.vm.value : undefined;
  if (status.vm === undefined) {
    // Until it is resolved, the name that the spec gives: people look for it.
    const wanted = spec.source.vm;
    const name = wanted?.name ?? (wanted?.id === undefined ? undefined : nameOf(wanted.id));
    if (name !== undefined && finish.verdict !== undefined) next.vm = { name };
  }
  if (status.vm?.uid === undefined && vm !== undefined) next.vm = { id: vm.id, name: vm.name, uid: vm.uid };
  // Until something was made by it, an intent is only an annotation, which anyone who edits the object can write.
  const made = (record.snapshotID ?? status.snapshotID) !== undefined;
  if (intent !== undefined) {
    next.endpointID = status.endpointID ?? intent.endpointID;
    if (intent.target.location !== '') next.location = intent.target.location;
    if (intent.target.stampID !== undefined) next.stampID = intent.target.stampID;
    if (status.vm?.id === undefined && made && intent.target.vmID !== undefined) {
      const { vmID, vmUID, vmName = nameOf(vmID) } = intent.target;
      next.vm = { id: vmID, name: vmName, ...(vmUID === undefined ? {} : { uid: vmUID }) };
    }
  }
  if (finish.snapshot !== undefined) Object.assign(next, shown(facts, finish.snapshot, intent?.target));
  const { operation } = seen;
  const percent = operation !== undefined && succeeded(operation) ? operation.value.percent : undefined;
  const isMaking = status.completionTime === undefined && object.metadata.deletionTimestamp === undefined;
  // Of the making, not of what is done to it later. Percent only moves forward.
  if (percent !== undefined && isMaking)
    next.progress = { percent: Math.max(percent, status.progress?.percent ?? 0) };
  if (record.completedAt !== undefined && intent?.target.exclusive === true) next.progress = undefined;
  const configMapName = spec.ovirt?.saveConfigurationTo?.configMapName;
  if (seen.configurationKept === true && configMapName !== undefined)
    next.configuration = { type: 'ovf', configMapName };
  if (record.description !== undefined) next.description = record.description ?? undefined;
  if (record.completedAt !== undefined && status.completionTime === undefined) {
    next.description = intent?.target.description;
    next.completionTime = timestamp(record.completedAt);
  }
  const completion = next.completionTime ?? status.completionTime;
  next.expirationTime =
    spec.ttl === undefined || completion === undefined
      ? undefined
      : timestamp(Date.parse(completion) + parseDuration(spec.ttl));
  return next;
}

function sourceOf({ source: { size, osType, location } }: Snapshot): VMSnapshotStatus['source'] {
  return {
    ...(size === undefined ? {} : { size: cut(size, 128) }),
    ...(osType === undefined ? {} : { osType: cut(osType, 64) }),
    ...(location === undefined ? {} : { location: cut(location, 64) }),
  };
}

/** What the vendor shows of the snapshot, in the words of the status. */
function shown(
  facts: Facts<VMSnapshot, unknown>,
  snapshot: Snapshot,
  target: SnapshotTarget | undefined,
): VMSnapshotStatus {
  const { status = {} } = facts.object;
  const next: VMSnapshotStatus = { vendor: { provisioningState: cut(snapshot.vendorState, 1024) } };
  const { createdAt } = snapshot;
  // Identity and creation time only move forward: of one snapshot, the first word of the vendor stays.
  const another = status.snapshotID !== undefined && !sameID(status.snapshotID, snapshot.id);
  if (createdAt !== undefined && !Number.isNaN(Date.parse(createdAt)))
    next.creationTime = (another ? undefined : status.creationTime) ?? timestamp(Date.parse(createdAt));
  next.snapshotName = cut(snapshot.name, 1024);
  // The answer to the request and a look at what is being made differ; each difference would be a write.
  if (target?.exclusive === true && snapshot.state !== 'Succeeded') return next;
  next.source = sourceOf(snapshot);
  if (snapshot.fingerprint !== undefined && !another)
    next.fingerprint = status.fingerprint ?? cut(snapshot.fingerprint, 256);
  if (snapshot.parentID !== undefined) next.parentID = cut(snapshot.parentID, 2048);
  // How it came out is known once it has.
  if (snapshot.state === 'Succeeded' || target?.exclusive !== true) {
    const { level, indications } = achieved(snapshot, target, facts.seen, recordedOf(facts.object));
    const told = indications.slice(0, 16).map(({ type, message }) => ({ type, message: cut(message, 1024) }));
    if (level !== undefined || told.length > 0)
      next.consistency = {
        ...(level === undefined ? {} : { level }),
        ...(told.length === 0 ? {} : { indications: told }),
      };
  }
  if (snapshot.disks.length > 0) {
    next.disks = snapshot.disks.slice(0, 65).map((disk) => ({
      ...(disk.id === undefined ? {} : { id: disk.id }),
      name: cut(disk.name, 256),
      ...(disk.sizeBytes === undefined ? {} : { sizeBytes: disk.sizeBytes }),
      ...(disk.snapshotID === undefined ? {} : { snapshotID: disk.snapshotID }),
      ...(disk.state === undefined ? {} : { state: cut(disk.state, 64) }),
    }));
  }
  if (
    target !== undefined &&
    isAway(target) &&
    (snapshot.state === 'Succeeded' || snapshot.replication !== undefined)
  ) {
    const startedAt = Date.parse(status.creationTime ?? next.creationTime ?? '') || facts.now;
    next.replication = replicationOf(status.replication, snapshot, startedAt, facts.now);
  }
  return next;
}

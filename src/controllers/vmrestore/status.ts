import { condition, timestamp, type Verdict } from '../../api/conditions.ts';
import type { ProviderRef } from '../../api/v1alpha1/common.ts';
import type { VMRestore, VMRestoreStatus } from '../../api/v1alpha1/vm-restore.ts';
import type { Action, Beginning, RestoreFinish, RestoreRecord, StepRecord, StepState } from './facts.ts';
import { outcomeOf, stepOf } from './outcome.ts';

/** The decisions' view of a status. */
export function recordOf({ status = {} }: VMRestore): RestoreRecord {
  const { vm, providerRef } = status;
  return {
    reason: condition(status.conditions, 'Ready')?.reason,
    providerRef: providerRef === undefined ? undefined : refOf(providerRef),
    endpointID: status.endpointID,
    vm:
      vm?.id === undefined || vm.containerID === undefined
        ? undefined
        : { id: vm.id, name: vm.name, containerID: vm.containerID },
    snapshotID: status.source?.snapshotID,
    powerStateBefore: status.powerStateBefore,
    steps: (status.steps ?? []).map((step) => ({
      ...step,
      name: step.name as Action,
      state: step.state as StepState,
    })),
    operation: status.operation,
    error: status.error,
    completionTime: status.completionTime,
  };
}

function refOf({ kind, name }: { kind: string; name: string }): ProviderRef {
  return { kind: kind === 'ClusterVMProvider' ? 'ClusterVMProvider' : 'VMProvider', name };
}

/** What a run adds to the status; `undefined` takes a member away. */
export function statusOf(
  object: VMRestore,
  finish: Pick<RestoreFinish, 'verdict' | 'record'>,
): VMRestoreStatus {
  const { status = {} } = object;
  const { record = {}, verdict } = finish;
  const next: VMRestoreStatus = record.begun === undefined ? {} : begunStatus(status, record.begun);
  if (record.step !== undefined) next.steps = withStep(recordOf(object).steps, record.step);
  if (record.operation !== undefined) {
    next.operation = record.operation ?? undefined;
    if (record.operation?.startedAt !== undefined)
      next.startedAt = status.startedAt ?? record.operation.startedAt;
  }
  if (record.error !== undefined) next.error = record.error ?? undefined;
  if (record.restored !== undefined) {
    const { vmID, vmName, disks } = record.restored;
    next.restored = {
      vmID,
      ...(vmName === undefined ? {} : { vmName: cut(vmName, 256) }),
      ...(disks === undefined ? {} : { disks: disks.slice(0, 65).map((name) => cut(name, 256)) }),
    };
  }
  if (record.completedAt !== undefined)
    next.completionTime = status.completionTime ?? timestamp(record.completedAt);
  if (verdict !== undefined || finish.record !== undefined)
    next.provisioningState = provisioningStateOf({ ...object, status: { ...status, ...next } });
  return next;
}

function begunStatus(status: VMRestoreStatus, begun: Beginning): VMRestoreStatus {
  const { providerRef, endpointID, vm, source, powerStateBefore } = begun;
  const { createdAt, fingerprint } = source;
  const created = createdAt === undefined ? Number.NaN : Date.parse(createdAt);
  return {
    providerRef: status.providerRef ?? { kind: providerRef.kind ?? 'VMProvider', name: providerRef.name },
    endpointID: status.endpointID ?? endpointID,
    vm: { ...vm, name: cut(vm.name, 256) },
    source: status.source ?? {
      snapshotID: source.id,
      ...(Number.isNaN(created) ? {} : { creationTime: timestamp(created) }),
      ...(fingerprint === undefined ? {} : { fingerprint: cut(fingerprint, 256) }),
    },
    ...(powerStateBefore === undefined
      ? {}
      : { powerStateBefore: status.powerStateBefore ?? powerStateBefore }),
  };
}

/** The list with this entry in the place of that of its name, or after all others. */
function withStep(steps: StepRecord[], step: StepRecord): VMRestoreStatus['steps'] {
  const shown = step.message === undefined ? step : { ...step, message: cut(step.message, 1024) };
  const next = steps.some(({ name }) => name === step.name)
    ? steps.map((old) => (old.name === step.name ? shown : old))
    : [...steps, shown];
  return next.map(({ name, state, startedAt, finishedAt, message }) => ({
    name,
    state,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(message === undefined ? {} : { message }),
  }));
}

function provisioningStateOf(object: VMRestore): string {
  const record = recordOf(object);
  if (record.completionTime !== undefined)
    return outcomeOf(record) === 'Done' || outcomeOf(record) === 'Undone' ? 'Succeeded' : 'Failed';
  return record.steps.length === 0 ? 'Pending' : 'Restoring';
}

/** The further conditions of a restore that has begun; none before. */
export function furtherConditions(object: VMRestore): Verdict['also'] {
  const record = recordOf(object);
  if (record.steps.length === 0) return undefined;
  const outcome = outcomeOf(record);
  const ended = record.completionTime !== undefined;
  const main = stepOf(record, 'CreateVM') ?? stepOf(record, 'Restore') ?? stepOf(record, 'Preview');
  const say = (status: 'True' | 'False' | 'Unknown', reason: string, message: string) => ({
    status,
    reason,
    message,
  });

  const prepared =
    main === undefined || main.state === 'Pending'
      ? say('False', ended || outcome === 'Failed' ? 'GivenUp' : 'Preparing', 'see status.steps')
      : say('True', 'Prepared', 'nothing stood in the way of the restore');
  const DisksRestored =
    outcome === 'Done'
      ? say('True', 'Restored', 'the disks are as the snapshot has them')
      : outcome === 'Undone'
        ? say('False', 'Undone', 'the preview was undone, as spec.preview.action says')
        : outcome === 'Open'
          ? say('False', 'NotYet', 'see status.steps')
          : record.error?.reason === 'OutcomeUnknown'
            ? say('Unknown', 'OutcomeUnknown', record.error.message)
            : say('False', record.error?.reason ?? 'RestoreFailed', record.error?.message ?? '');
  return { TargetPrepared: prepared, DisksRestored, PowerRestored: powerCondition(record, ended) };
}

/** Whether the VM has its power back, where it was taken. */
function powerCondition(record: RestoreRecord, ended: boolean): NonNullable<Verdict['also']>[string] {
  const stopped = stepOf(record, 'Shutdown') ?? stepOf(record, 'PowerOff');
  if (record.powerStateBefore !== 'On' || stopped === undefined) return undefined;
  if (stepOf(record, 'Start')?.state === 'Done')
    return { status: 'True', reason: 'On', message: 'the VM is on, as it was before' };
  return ended
    ? { status: 'False', reason: 'LeftOff', message: 'see the message of Ready' }
    : { status: 'False', reason: 'NotYet', message: 'the VM is started again at the end' };
}

/** Vendors' words are data: too long for the schema, they would make the whole status refused. */
function cut(words: string, length: number): string {
  return words.slice(0, length).toWellFormed();
}

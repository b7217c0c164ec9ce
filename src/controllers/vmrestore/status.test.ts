import { describe, expect, it } from 'vitest';
import { ago, done, minutes, now } from '../testing/builders.ts';
import { fail, type UnderWay } from './basics.ts';
import type { Action, StepRecord, StepState } from './facts.ts';
import { furtherConditions, recordOf, statusOf } from './status.ts';
import {
  anOperator,
  aRestorableVM,
  aRestore,
  aSource,
  begunStatus,
  engineID,
  failure,
  restoreFacts,
  snapshotID,
  vmID,
} from './testing/builders.ts';

const step = (name: Action, state: StepState, rest: Partial<StepRecord> = {}): StepRecord => ({
  name,
  state,
  ...rest,
});

describe('the status of a restore', () => {
  const begun = {
    providerRef: { kind: 'ClusterVMProvider', name: 'shared' } as const,
    endpointID: engineID,
    vm: { id: vmID, name: 'app-1', containerID: vmID },
    source: aSource(),
    powerStateBefore: 'On' as const,
  };

  it('holds from the first claim on what was resolved, and reads back as it was written', () => {
    const operation = { kind: 'Shutdown', startedAt: ago(0), attempts: 0, token: 't' };
    const status = statusOf(aRestore(), {
      record: { begun, step: step('Shutdown', 'Requested'), operation },
    });
    expect(status).toMatchObject({
      provisioningState: 'Restoring',
      startedAt: ago(0),
      source: { snapshotID, fingerprint: 'f1' },
    });
    expect(recordOf(aRestore({ status }))).toEqual({
      reason: undefined,
      providerRef: begun.providerRef,
      endpointID: engineID,
      vm: begun.vm,
      snapshotID,
      powerStateBefore: 'On',
      steps: [step('Shutdown', 'Requested')],
      operation,
      error: undefined,
      completionTime: undefined,
    });
  });

  it('never changes what was resolved, nor the power that was found', () => {
    const first = aRestore({
      status: statusOf(aRestore(), { record: { begun, step: step('Shutdown', 'Requested') } }),
    });
    const again = {
      ...begun,
      powerStateBefore: 'Off' as const,
      endpointID: 'ovirt:other',
      source: aSource({ id: 'snapshot-9' }),
    };
    const { powerStateBefore, endpointID, source } = {
      ...first.status,
      ...statusOf(first, { record: { begun: again } }),
    };
    expect([powerStateBefore, endpointID, source?.snapshotID]).toEqual(['On', engineID, snapshotID]);
  });

  it('keeps its steps in the order in which they were begun first, each once', () => {
    const object = aRestore({
      status: begunStatus({ Shutdown: 'Failed', PowerOff: 'Done', Restore: 'Pending' }),
    });
    const { steps } = statusOf(object, {
      record: { step: step('Shutdown', 'Requested', { startedAt: ago(0) }) },
    });
    expect(steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'Shutdown Requested',
      'PowerOff Done',
      'Restore Pending',
    ]);
  });

  it('cuts the words of vendors to what the schema takes', () => {
    const object = aRestore({ status: begunStatus({ Restore: 'Requested' }) });
    const long = '\u{1F600}'.repeat(2_000);
    const { steps, restored } = statusOf(object, {
      record: {
        step: step('Restore', 'Failed', { message: `x${long}` }),
        restored: { vmID, vmName: long, disks: Array(99).fill(long) },
      },
    });
    expect(steps?.[0]?.message).toHaveLength(1024);
    expect([restored?.vmName?.length, restored?.disks?.length, restored?.disks?.[0]?.length]).toEqual([
      256, 65, 256,
    ]);
    expect(steps?.[0]?.message?.isWellFormed()).toBe(true);
  });

  it.each([
    ['nothing was claimed', {}, {}, 'Pending'],
    ['something is under way', { Restore: 'Running' }, {}, 'Restoring'],
    ['it was done', { Restore: 'Done' }, { completionTime: ago(0) }, 'Succeeded'],
    ['its preview was undone', { Preview: 'Done', Undo: 'Done' }, { completionTime: ago(0) }, 'Succeeded'],
    ['it failed', { Restore: 'Failed' }, { completionTime: ago(0), ...failure() }, 'Failed'],
    ['it never began', {}, { completionTime: ago(0) }, 'Failed'],
  ] as const)('has a provisioningState: %s', (_sentence, steps, change, expected) => {
    const object = aRestore({ status: begunStatus(steps, change) });
    expect(statusOf(object, { verdict: { reason: 'Restoring', message: '' } }).provisioningState).toBe(
      expected,
    );
  });

  it('says the first end for good', () => {
    const object = aRestore({ status: begunStatus({ Restore: 'Done' }, { completionTime: ago(minutes) }) });
    expect(statusOf(object, { record: { completedAt: now } }).completionTime).toBe(ago(minutes));
  });
});

describe('the further conditions', () => {
  const conditions = (
    steps: Parameters<typeof begunStatus>[0],
    change: Parameters<typeof begunStatus>[1] = {},
  ) =>
    Object.fromEntries(
      Object.entries(furtherConditions(aRestore({ status: begunStatus(steps, change) })) ?? {}).flatMap(
        ([type, said]) => (said === undefined ? [] : [[type, `${said.status} ${said.reason}`]]),
      ),
    );
  const ended = { completionTime: ago(0) };

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['before it begins there are none', conditions({}), {}],
    [
      'while the VM shuts down',
      conditions({ Shutdown: 'Running' }),
      { TargetPrepared: 'False Preparing', DisksRestored: 'False NotYet', PowerRestored: 'False NotYet' },
    ],
    [
      'while it restores',
      conditions({ Shutdown: 'Done', Restore: 'Running' }),
      { TargetPrepared: 'True Prepared', DisksRestored: 'False NotYet', PowerRestored: 'False NotYet' },
    ],
    [
      'while it starts',
      conditions({ Shutdown: 'Done', Restore: 'Done', Start: 'Running' }),
      { TargetPrepared: 'True Prepared', DisksRestored: 'True Restored', PowerRestored: 'False NotYet' },
    ],
    [
      'when all is done',
      conditions({ Shutdown: 'Done', Restore: 'Done', Start: 'Done' }, ended),
      { TargetPrepared: 'True Prepared', DisksRestored: 'True Restored', PowerRestored: 'True On' },
    ],
    [
      'of a VM that was off, without a word on power',
      conditions({ Restore: 'Done' }, ended),
      { TargetPrepared: 'True Prepared', DisksRestored: 'True Restored' },
    ],
    [
      'when it failed before the disks were touched',
      conditions({ Shutdown: 'Done', Start: 'Done' }, { ...ended, ...failure('DeadlineExceeded') }),
      { TargetPrepared: 'False GivenUp', DisksRestored: 'False DeadlineExceeded', PowerRestored: 'True On' },
    ],
    [
      'when it failed, and the VM is left off',
      conditions({ Shutdown: 'Done', Restore: 'Failed' }, { ...ended, ...failure() }),
      {
        TargetPrepared: 'True Prepared',
        DisksRestored: 'False RestoreFailed',
        PowerRestored: 'False LeftOff',
      },
    ],
    [
      'when nobody knows',
      conditions({ Restore: 'Failed' }, { ...ended, ...failure('OutcomeUnknown') }),
      { TargetPrepared: 'True Prepared', DisksRestored: 'Unknown OutcomeUnknown' },
    ],
    [
      'when its preview was undone',
      conditions({ Preview: 'Done', Undo: 'Done' }, ended),
      { TargetPrepared: 'True Prepared', DisksRestored: 'False Undone' },
    ],
  ])('%s', (_sentence, actual, expected) => expect(actual).toEqual(expected));
});

describe('a failure', () => {
  it('keeps the number of its request, and the token that may yet have to prove something', () => {
    const facts = restoreFacts({
      object: aRestore({ status: begunStatus({ Restore: 'Running' }) }),
      seen: { vm: done(aRestorableVM()) },
    });
    const record = recordOf(facts.object);
    const it: UnderWay = {
      facts,
      record,
      provider: anOperator(),
      vm: { id: vmID, name: 'app-1', containerID: vmID },
      snapshotID,
    };
    const [running] = record.steps;
    expect(fail(it, 'RestoreFailed', 'no', running, 'C'.repeat(300)).record).toMatchObject({
      operation: { attempts: 1, token: 'events of it' },
      error: { vendorCode: 'C'.repeat(256) },
    });
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import type { Entity } from './odata/answer.ts';
import {
  checkpointOf,
  expectSame,
  isInCheckpointOperation,
  isMerging,
  jobOf,
  powerOf,
  virtualMachineOf,
} from './wire.ts';

function sample(name: string): { response: { body: Entity }; states: Record<string, number> } {
  const url = new URL(`../../../test/simulators/spf/fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8'));
}

const id = '2fa28d03-8d6d-486b-ae61-9694a2db5d6f';
const stampID = 'ba4146fa-fb41-4f59-a193-ad00c52a138c';
const key = { ID: id.toUpperCase(), StampId: stampID };

describe('a virtual machine', () => {
  test('is read from the recorded answer, in which it is being made', () => {
    expect(virtualMachineOf(sample('virtualmachine-create-response').response.body)).toEqual({
      id,
      stampID,
      name: 'Temp Machine Name',
      status: 'UnderCreation',
      power: 'Busy',
      mostRecentTaskID: '1f8a3a06-03d7-4b5d-ac04-a9a167068f0a',
      operatingSystem: '64-bit edition of Windows Server 2008 R2 Enterprise',
      hasPassthroughDisk: false,
      hasGuestServices: false,
      isMigrating: false,
      isTemplate: false,
      enabled: true,
    });
  });

  test('has an id at VMM and another one at the hypervisor', () => {
    const vm = virtualMachineOf({ ...key, Name: 'web', Status: 'Running', VMId: stampID });
    expect([vm.id, vm.hypervisorID]).toEqual([id, stampID]);
  });

  test('that migrates is busy, whatever its state', () => {
    const vm = virtualMachineOf({ ...key, Name: 'web', Status: 'Running', IsUndergoingLiveMigration: true });
    expect(vm).toMatchObject({ power: 'Busy', isMigrating: true });
  });

  test.each([{ ID: '' }, { StampId: null }, { Name: 1 }, { ID: '00000000-0000-0000-0000-000000000000' }])(
    'is none with %j',
    (change) => {
      expect(() => virtualMachineOf({ ...key, Name: 'web', ...change })).toThrow(MalformedAnswer);
    },
  );

  test('has a power in each of the states that VMM knows', () => {
    const powers = Object.groupBy(Object.keys(sample('vm-states').states), (state) => powerOf(state, state));
    expect(powers.On).toEqual(['Running']);
    expect(powers.Off).toEqual(['PowerOff']);
    expect(powers.Suspended).toEqual(['Saved', 'Paused']);
    // What is no power: failures, and states in which VMM does not know, or nothing can be done.
    expect(powers.Unknown?.sort()).toEqual([
      'CheckpointFailed',
      'CreationFailed',
      'CustomizationFailed',
      'HostNotResponding',
      'IncompleteVMConfig',
      'MigrationFailed',
      'Missing',
      'P2VCreationFailed',
      'ReplacementFailed',
      'Stored',
      'TemplateCreationFailed',
      'Unsupported',
      'UnsupportedCluster',
      'UnsupportedSharedFiles',
      'UpdateFailed',
      'V2VCreationFailed',
    ]);
    expect(powers.Busy).toHaveLength(Object.keys(sample('vm-states').states).length - 4 - 16);
  });

  test('has the power of its second state after something failed, and only then', () => {
    expect(powerOf('CheckpointFailed', 'Running')).toBe('On');
    expect(powerOf('CheckpointFailed', 'PowerOff')).toBe('Off');
    expect(powerOf('HostNotResponding', 'Running')).toBe('Unknown');
    expect(powerOf('UnderCreation', 'PowerOff')).toBe('Busy');
    expect(powerOf('toString', 'valueOf')).toBe('Unknown');
  });

  test.each([
    ['CreatingCheckpoint', true, false],
    ['DeletingCheckpoint', true, true],
    ['MergingDrives', true, true],
    ['Running', false, false],
    ['UnderMigration', false, false],
  ])('in %s', (Status, inCheckpoint, merging) => {
    const vm = virtualMachineOf({ ...key, Name: 'web', Status });
    expect([isInCheckpointOperation(vm), isMerging(vm)]).toEqual([inCheckpoint, merging]);
  });
});

describe('a checkpoint', () => {
  test('is read from the recorded answer, in which it is being made', () => {
    expect(checkpointOf(sample('vmcheckpoint-create').response.body)).toEqual({
      id: 'a11cc636-5521-4f88-92b2-cad392911fe0',
      stampID,
      vmID: '3499b02c-8dc9-4c0d-aa83-097a1340cbda',
      name: 'Testing Checkpoint #1',
      description: 'This is a snapshot of the VM taken at 8/19/2013 3:02:33 PM',
      addedAt: '2013-08-19T22:02:36.591Z',
      enabled: true,
    });
  });

  test.each([
    ['2013-08-19T15:02:36.7-07:00', '2013-08-19T22:02:36.700Z'],
    ['2013-08-19T15:02:36.9999999-07:00', '2013-08-19T22:02:36.999Z'],
    ['2013-08-19T15:02:36Z', '2013-08-19T15:02:36.000Z'],
    ['/Date(1376949756591-420)/', '2013-08-19T22:02:36.591Z'],
    ['2013-08-19T15:02:36', undefined],
    ['yesterday', undefined],
    ['2013-99-19T15:02:36Z', undefined],
  ])('has the time %s', (AddedTime, expected) => {
    expect(checkpointOf({ ...key, VMId: id, AddedTime }).addedAt).toBe(expected);
  });

  test('without a word that it can be used, cannot', () => {
    expect(checkpointOf({ ...key, VMId: id }).enabled).toBe(false);
  });

  test('of no VM is none', () => {
    expect(() => checkpointOf({ ...key, VMId: null })).toThrow(MalformedAnswer);
  });
});

describe('a job', () => {
  const failed = { IsSuccess: false, Code: 'VMInvalidState', DisplayableErrorCode: '1730', Problem: 'No.' };
  const fine = { IsSuccess: true, Code: 'Success' };

  test('that ended with a warning succeeded, as the recorded one', () => {
    expect(jobOf(sample('job-get').response.body)).toEqual({
      id: 'b71b1001-f634-4253-a4fd-ee0ec4a95576',
      stampID: '4d140754-e603-447f-8982-e19495759aee',
      name: 'Update library',
      cmdlet: '(Refresh Library - System Job)',
      status: 'SucceedWithInfo',
      state: 'Succeeded',
      percent: 100,
    });
  });

  test.each([
    ['runs', { IsCompleted: false, Status: 'Running', ProgressValue: 42 }, 'Running'],
    ['is at 100 % and has not ended', { IsCompleted: false, ProgressValue: 100 }, 'Running'],
    ['has an error and has not ended', { IsCompleted: false, ErrorInfo: failed }, 'Running'],
    ['has ended with an error', { IsCompleted: true, Status: 'Completed', ErrorInfo: failed }, 'Failed'],
    ['has ended as failed', { IsCompleted: true, Status: 'Failed', ErrorInfo: fine }, 'Failed'],
    ['was cancelled', { IsCompleted: true, Status: 'Canceled' }, 'Failed'],
    [
      'ended in a word that is not known',
      { IsCompleted: true, Status: 'Done', ErrorInfo: fine },
      'Succeeded',
    ],
    [
      'ended with an error that is none',
      { IsCompleted: true, Status: 'Completed', ErrorInfo: { IsSuccess: false, Code: null } },
      'Succeeded',
    ],
  ])('that %s', (_name, members, state) => {
    const job = jobOf({ ...key, ...members });
    expect(job.state).toBe(state);
    expect(job.failure === undefined).toBe(state !== 'Failed');
  });

  test('says why it failed', () => {
    const { failure } = jobOf({ ...key, IsCompleted: true, Status: 'Failed', ErrorInfo: failed });
    expect(failure).toMatchObject({ kind: 'Conflict', error: { code: 'VMInvalidState' } });
  });

  test('that does not say whether it has ended is none', () => {
    expect(() => jobOf({ ...key, Status: 'Completed' })).toThrow(MalformedAnswer);
  });
});

test('an answer about something else is none', () => {
  expect(() => expectSame({ id, stampID }, { id: id.toUpperCase(), stampID }, 'job')).not.toThrow();
  expect(() => expectSame({ id, stampID: id }, { id, stampID }, 'job')).toThrow(/asked for the job/);
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
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

  test('is known by its id at VMM, never by the one at the hypervisor', () => {
    const vm = virtualMachineOf({ ...key, Name: 'web', Status: 'Running', VMId: stampID });
    expect(vm.id).toBe(id);
    expect(virtualMachineOf({ ...key, Name: 'web', VMId: 'not understood' }).id).toBe(id);
  });

  test('is the same with its GUIDs in braces, and its Booleans as texts', () => {
    const plain = { ...key, Name: 'web', Status: 'Running', MostRecentTaskId: stampID };
    const dressed = { ...plain, ID: `{${id.toUpperCase()}}`, MostRecentTaskId: `{${stampID}}` };
    expect(virtualMachineOf(dressed)).toEqual(virtualMachineOf(plain));
    expect(virtualMachineOf({ ...plain, HasPassthroughDisk: 'True', Enabled: 'false' })).toMatchObject({
      hasPassthroughDisk: true,
      enabled: false,
    });
  });

  test('of which VMM says nothing but id and name is in no state', () => {
    const nulls = { Status: null, VirtualMachineState: null, MostRecentTaskId: null, Enabled: null };
    expect(virtualMachineOf({ ...key, Name: 'web', ...nulls })).toMatchObject({
      status: 'of no Status',
      power: 'Unknown',
      enabled: true,
    });
  });

  test('in a state that is not known, or comes as a number, has no power', () => {
    for (const Status of ['Hibernated', 210]) {
      const vm = virtualMachineOf({ ...key, Name: 'web', Status, VirtualMachineState: 'Running' });
      expect(vm).toMatchObject({ status: String(Status), power: 'Unknown' });
    }
  });

  test('that migrates is busy, whatever its state', () => {
    const vm = virtualMachineOf({ ...key, Name: 'web', Status: 'Running', IsUndergoingLiveMigration: true });
    expect(vm).toMatchObject({ power: 'Busy', isMigrating: true });
  });

  test.each([
    { ID: '' },
    { StampId: null },
    { Name: 1 },
    { ID: '00000000-0000-0000-0000-000000000000' },
    { ID: 7 },
    { MostRecentTaskId: 'Restore-SCVMCheckpoint' },
    { HasPassthroughDisk: 2 },
    { Enabled: {} },
  ])('is none with %j', (change) => {
    expect(() => virtualMachineOf({ ...key, Name: 'web', ...change })).toThrow(MalformedAnswer);
  });

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
    ['/Date(1376949756591)/', '2013-08-19T22:02:36.591Z'],
    ['/Date(1376924556591-420)/', '2013-08-19T22:02:36.591Z'],
    ['/Date(1376953356591+0060)/', '2013-08-19T22:02:36.591Z'],
    ['0001-01-01T00:00:00Z', undefined],
    ['9999-12-31T23:59:59.9999999Z', undefined],
    ['/Date(-62135596800000)/', undefined],
    [null, undefined],
    ['2013-08-19T15:02:36', undefined],
    ['yesterday', undefined],
    ['2013-99-19T15:02:36Z', undefined],
  ])('has the time %s', (AddedTime, expected) => {
    expect(checkpointOf({ ...key, VMId: id, AddedTime }).addedAt).toBe(expected);
  });

  test('without a word that it can be used, cannot', () => {
    expect(checkpointOf({ ...key, VMId: id }).enabled).toBe(false);
  });

  test.each(['4F4D0C2B', 'checkpoint 1', 17, true])(
    'with the CheckpointID %j is not one that is still being made',
    (CheckpointID) => {
      expect(() => checkpointOf({ ...key, VMId: id, CheckpointID })).toThrow(/CheckpointID is no GUID/);
    },
  );

  test('is being made while its CheckpointID is null, absent, or all zeros', () => {
    const zeros = '00000000-0000-0000-0000-000000000000';
    for (const CheckpointID of [null, undefined, '', zeros, `{${zeros}}`]) {
      expect(checkpointOf({ ...key, VMId: id, CheckpointID }).checkpointID).toBeUndefined();
    }
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

  test.each([{}, { IsCompleted: null }, { IsCompleted: 'perhaps' }, { IsCompleted: 1 }])(
    'that does not say whether it has ended is none: %j',
    (members) => {
      expect(() => jobOf({ ...key, Status: 'Completed', EndTime: null, ...members })).toThrow(
        MalformedAnswer,
      );
    },
  );

  test.each([
    [{ ProgressValue: 42 }, 42],
    [{ ProgressValue: 42.9 }, 42],
    [{ ProgressValue: 250 }, 100],
    [{ ProgressValue: null, Progress: '42 %' }, 42],
    [{ ProgressValue: '42', Progress: '37,5%' }, 37],
    [{ ProgressValue: -1, Progress: 'soon' }, undefined],
    [{}, undefined],
  ])('with %j is at %s percent', (members, percent) => {
    expect(jobOf({ ...key, IsCompleted: false, ...members }).percent).toBe(percent);
  });
});

/** What a property may come as: of its own type, of another one, or not at all. */
const anything = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, '', 'true', 'False', 0, -1, 210, [], {}, 'Running', '42 %'),
  fc.constantFrom(id, id.toUpperCase(), `{${id}}`, `{${id}`, id.replaceAll('-', ''), `${id} `),
  fc.constantFrom('0001-01-01T00:00:00', '2013-08-19T15:02:36', '/Date(1376949756591)/', '/Date(x)/'),
  fc.boolean(),
  fc.integer(),
  fc.string(),
  fc.jsonValue(),
);
const entities = (names: string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, anything])), { requiredKeys: [] });

describe('whatever a property comes as', () => {
  /** What is read; undefined where it is refused. */
  function readBy<T>(read: (entity: Entity) => T, entity: Entity): T | undefined {
    try {
      return read(entity);
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedAnswer);
      return undefined;
    }
  }

  test('a checkpoint is made, or not yet, or refused', () => {
    fc.assert(
      fc.property(entities(['CheckpointID', 'ParentCheckpointID', 'AddedTime', 'Enabled']), (members) => {
        const read = readBy(checkpointOf, { ...key, VMId: id, ...members });
        if (read === undefined) return;
        const said = members.CheckpointID ?? '';
        expect(read.checkpointID !== undefined).toBe(said !== '' && !/^[{}0-]+$/.test(String(said)));
        if (read.enabled) expect(String(members.Enabled).toLowerCase()).toBe('true');
        if (read.addedAt !== undefined) expect(Date.parse(read.addedAt)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('a job has ended only where it says so, and has a percent of a hundred', () => {
    const names = ['IsCompleted', 'Status', 'ErrorInfo', 'ProgressValue', 'Progress', 'Name', 'CmdletName'];
    fc.assert(
      fc.property(entities(names), (members) => {
        const read = readBy(jobOf, { ...key, ...members });
        if (read === undefined) return;
        expect(read.state === 'Running').toBe(String(members.IsCompleted).toLowerCase() === 'false');
        expect(read.percent ?? 0).toBeGreaterThanOrEqual(0);
        expect(read.percent ?? 0).toBeLessThanOrEqual(100);
      }),
    );
  });

  test('a VM is on only in a state that is one of being on', () => {
    const names = [
      'Status',
      'VirtualMachineState',
      'IsUndergoingLiveMigration',
      'MostRecentTaskId',
      'Enabled',
    ];
    fc.assert(
      fc.property(entities(names), (members) => {
        const read = readBy(virtualMachineOf, { ...key, Name: 'web', ...members });
        if (read?.power === 'On') expect([members.Status, members.VirtualMachineState]).toContain('Running');
        if (read !== undefined) expect(read.status).not.toBe('');
      }),
    );
  });
});

test('an answer about something else is none', () => {
  expect(() => expectSame({ id, stampID }, { id: id.toUpperCase(), stampID }, 'job')).not.toThrow();
  expect(() => expectSame({ id, stampID: id }, { id, stampID }, 'job')).toThrow(/asked for the job/);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { snapshotDisksIn, snapshotIn } from './model.ts';
import { powerOf, snapshotView } from './views.ts';

const id = '11111111-2222-4333-8444-555555555555';
const vmID = '11111111-2222-4333-8444-666666666666';
const whole = {
  id,
  snapshot_type: 'regular',
  snapshot_status: 'ok',
  date: 1582126258143,
  vm: { id: vmID, name: 'web' },
};
const viewOf = (members: object, disks: object[] = []) =>
  snapshotView(
    snapshotIn(JSON.stringify({ ...whole, ...members }), id),
    vmID,
    snapshotDisksIn(JSON.stringify({ disk: disks.map((disk) => ({ id, image_id: id, ...disk })) })),
  );

describe('how a snapshot stands', () => {
  test.each([
    ['whole', viewOf({}), 'Succeeded', 'ok'],
    [
      'in preview it can be restored from',
      viewOf({ snapshot_status: 'in_preview' }),
      'Succeeded',
      'in_preview',
    ],
    ['locked', viewOf({ snapshot_status: 'LOCKED' }), 'Locked', 'locked'],
    ['a word that nobody knows', viewOf({ snapshot_status: 'thawing' }), 'Unrecognised', 'thawing'],
    ['without a configuration', viewOf({ vm: null }), 'Failed', 'ok, without a configuration'],
    [
      'with a link where its configuration should be',
      viewOf({ vm: { id: vmID, href: '/x' } }),
      'Unrecognised',
      'ok, with a link in place of the configuration',
    ],
    ['with a good disk', viewOf({}, [{ status: 'ok' }]), 'Succeeded', 'ok'],
    [
      'with an illegal disk',
      viewOf({}, [{ status: 'ok' }, { status: 'illegal', alias: 'data' }]),
      'Failed',
      'ok, with illegal disks: data',
    ],
    ['with a disk at work', viewOf({}, [{ status: 'locked', alias: 'os' }]), 'Locked', 'ok, with os locked'],
    [
      'with a disk in a state that nobody knows',
      viewOf({}, [{ status: 'thawing', alias: 'os' }]),
      'Locked',
      'ok, with os thawing',
    ],
  ])('%s', (_name, { state, vendorState }, ...expected) => {
    expect([state, vendorState]).toEqual(expected);
  });

  test('whatever the engine calls it, it is finished only where the engine says so', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('ok', 'OK', ' ok ', 'locked', 'in_preview', 'okay', 'null'),
    );
    fc.assert(
      fc.property(word, (status) => {
        const known = ['ok', 'in_preview'].includes(status.trim().toLowerCase());
        const read = () => viewOf({ snapshot_status: status }).state;
        if (status.trim() === '') expect(read).toThrow(/snapshot_status/);
        else expect(read() === 'Succeeded').toBe(known);
      }),
    );
  });
});

test.each([
  ['up', 'On'],
  ['down', 'Off'],
  ['suspended', 'Suspended'],
  ['paused', 'Suspended'],
  ['image_locked', 'Busy'],
  ['migrating', 'Busy'],
  ['reboot_in_progress', 'Busy'],
  ['not_responding', 'Unknown'],
  ['unknown', 'Unknown'],
  ['unassigned', 'Unknown'],
  ['constructor', 'Unknown'],
  ['in a state of later releases', 'Unknown'],
])('a VM that is %s is %s', (status, power) => {
  expect(powerOf(status)).toBe(power);
});

import { describe, expect, it } from 'vitest';
import { Failure, UsageError } from './failure.ts';
import { planRestore, type RestoreWish, type Surrounding } from './restores.ts';
import { object, readySnapshot } from './testing/objects.ts';

const now = Date.parse('2026-01-04T12:00:00Z');
const vmID = '0b9f2c1e-5d3a-4f6b-8c7d-1a2b3c4d5e6f';
const wish: RestoreWish = {
  name: undefined,
  inPlace: true,
  newVM: undefined,
  cluster: undefined,
  startWithin: undefined,
  power: undefined,
  shutdownTimeout: undefined,
  onFailure: undefined,
  memory: undefined,
  disks: undefined,
  acceptDataLoss: false,
  preview: false,
};
const taken = (name: string, creationTime: string, vm = vmID) =>
  readySnapshot(name, 'erp-1', { vm: { id: vm, name: 'erp-1' }, creationTime });
const snapshot = taken('nightly', '2026-01-01T12:00:00Z');
const around: Surrounding = { snapshot, snapshots: [snapshot], restores: [], inventories: [], vendor: 'spf' };
const plan = (change: Partial<RestoreWish> = {}, more: Partial<Surrounding> = {}) =>
  planRestore({ ...wish, ...change }, { ...around, ...more }, now);
const newer = taken('later', '2026-01-03T12:00:00Z');
const older = taken('before', '2025-12-31T12:00:00Z');
const elsewhere = taken('other', '2026-01-03T12:00:00Z', 'another');
const inventory = object('VMSnapshotInventory', 'all', {
  reason: 'Available',
  status: {
    items: [
      { id: '/points/later', vmID, createdAt: '2026-01-03T12:00:00Z', managedBy: 'VMSnapshot demo/later' },
      { id: 'x', name: 'by hand', vmID, createdAt: '2026-01-02T12:00:00Z', managedBy: 'Foreign' },
      { id: 'y', name: 'old', vmID, createdAt: '2025-12-02T12:00:00Z', managedBy: 'Foreign' },
      {
        id: 'z',
        name: 'of another',
        vmID: 'another',
        createdAt: '2026-01-02T12:00:00Z',
        managedBy: 'Foreign',
      },
    ],
  },
});

describe('a restore in place', () => {
  it('bears the id of the VM, and the time by which it has to begin', () => {
    expect(plan().manifest).toEqual({
      apiVersion: 'keyframe.dev/v1alpha1',
      kind: 'VMRestore',
      metadata: { name: 'erp-1-back-20260104-120000', namespace: 'demo' },
      spec: {
        source: { snapshotRef: { name: 'nightly' } },
        strategy: 'InPlace',
        startBefore: '2026-01-04T12:15:00Z',
        target: { vmID },
      },
    });
  });

  it('has all that was asked for', () => {
    const { spec, metadata } = plan({
      name: 'mine',
      startWithin: 3_600_000,
      power: 'StopAndStart',
      shutdownTimeout: '10m',
      onFailure: 'LeaveOff',
      memory: 'Exclude',
      disks: ['data'],
      acceptDataLoss: true,
      preview: true,
    }).manifest;
    expect(metadata.name).toBe('mine');
    expect(spec).toMatchObject({
      startBefore: '2026-01-04T13:00:00Z',
      power: 'StopAndStart',
      shutdownTimeout: '10m',
      onFailure: 'LeaveOff',
      memory: 'Exclude',
      disks: { ids: ['data'] },
      acceptDataLoss: ['NewerSnapshots'],
      preview: { action: 'Hold' },
    });
  });

  it('says what is lost, and asks for the name of the VM', () => {
    const { words, confirm } = plan();
    expect(words).toEqual([
      'VM erp-1 goes back to vmsnap/nightly, as it was 3d ago (2026-01-01T12:00:00Z).',
      `Its id is ${vmID}`,
      'LOST is what the VM wrote since then.',
      'It must be off; --power StopAndStart has it shut down and started again.',
      'Not begun by 2026-01-04T12:15:00Z, in 15m, it never begins.',
    ]);
    expect(confirm).toBe('erp-1');
  });

  const others = { snapshots: [snapshot, newer, older, elsewhere], inventories: [inventory] };
  const those = '"by hand" (Foreign), 2d ago; vmsnap/later, 24h ago';

  it.each<[string, Partial<Surrounding>, Partial<RestoreWish>, string]>([
    ['that newer snapshots stay', { ...others, vendor: 'spf' }, {}, `Newer snapshots stay: ${those}.`],
    [
      'which newer snapshots are lost',
      { ...others, vendor: 'ovirt' },
      { acceptDataLoss: true },
      `LOST are newer snapshots: ${those}.`,
    ],
    [
      'which newer snapshots may be lost, where the vendor is not known',
      { ...others, vendor: undefined },
      {},
      `LOST may be newer snapshots (oVirt removes them): ${those}.`,
    ],
    [
      'that another restore is under way',
      {
        restores: [
          object('VMRestore', 'other', { spec: { source: {}, target: { vmID } }, reason: 'Restoring' }),
        ],
      },
      {},
      'Another restore of it is under way: vmrst/other.',
    ],
    [
      'that the snapshot is not ready yet',
      {
        snapshot: object('VMSnapshot', 'nightly', {
          spec: { source: { vm: { name: 'erp-1' } } },
          status: { vm: { id: vmID, name: 'erp-1' } },
          reason: 'Provisioning',
        }),
      },
      {},
      'It waits for vmsnap/nightly to be ready (Provisioning).',
    ],
    [
      'that memory is lost, too',
      {},
      { memory: 'Include' },
      'LOST is what the VM wrote since then, and what it holds in memory.',
    ],
    ['on which disks', {}, { disks: ['a', 'b'] }, 'LOST is what the VM wrote since then on a, b.'],
    [
      'that a preview can be undone',
      {},
      { preview: true },
      'It is shown first (preview): what the VM wrote since then is lost when spec.preview.action becomes Commit, and kept with Undo.',
    ],
    [
      'what becomes of its power',
      {},
      { power: 'StopAndStart' },
      'It is shut down for it, and started after it, also when it fails.',
    ],
  ])('says %s', (_, more, change, sentence) => {
    expect(plan(change, more).words).toContain(sentence);
  });

  it.each([
    ['in place', {}],
    ['as a new VM', { inPlace: false, newVM: 'erp-1-copy' }],
  ])('of Azure is refused before anything is made: %s', (_sentence, change) => {
    expect(() => plan(change, { vendor: 'azure' })).toThrow(/does not restore from these/);
  });

  it('that would lose newer snapshots at oVirt has to accept that', () => {
    expect(() => plan({}, { ...others, vendor: 'ovirt' })).toThrow(
      new Failure(
        `oVirt would remove the newer snapshots of VM erp-1: ${those}`,
        'Remove them, or accept it by --accept-data-loss.',
      ),
    );
  });
});

describe('a new VM', () => {
  it('takes nothing away, so nothing is asked', () => {
    const { manifest, words, confirm } = plan({ inPlace: false, newVM: 'erp-1-copy', cluster: 'Default' });
    expect(manifest).toMatchObject({
      metadata: { name: 'erp-1-copy-20260104-120000' },
      spec: {
        source: { snapshotRef: { name: 'nightly' } },
        strategy: 'NewVM',
        newVM: { name: 'erp-1-copy', ovirt: { cluster: 'Default' } },
      },
    });
    expect(manifest.spec).not.toHaveProperty('startBefore');
    expect(words).toEqual([
      'A new VM erp-1-copy is made from vmsnap/nightly, as it was 3d ago (2026-01-01T12:00:00Z). VM erp-1 stays as it is.',
    ]);
    expect(confirm).toBeUndefined();
  });
});

describe('is refused:', () => {
  it.each<[string, Partial<RestoreWish>, string]>([
    ['neither of both', { inPlace: false }, 'say how'],
    ['both', { newVM: 'x' }, 'say how'],
    ['a cluster in place', { cluster: 'x' }, '--cluster goes with --new-vm'],
    [
      'power of a new VM',
      { inPlace: false, newVM: 'x', power: 'RequireOff' },
      '--power goes with --in-place',
    ],
    [
      '--shutdown-timeout alone',
      { shutdownTimeout: '1m' },
      '--shutdown-timeout goes with --power StopAndStart',
    ],
    ['--on-failure alone', { onFailure: 'LeaveOff' }, '--on-failure goes with --power StopAndStart'],
  ])('%s', (_, change, message) => {
    expect(() => plan(change)).toThrow(UsageError);
    expect(() => plan(change)).toThrow(message);
  });

  it.each<[string, Surrounding['snapshot'], string]>([
    [
      'a snapshot that failed',
      object('VMSnapshot', 'bad', {
        spec: { source: { vm: { name: 'a' } } },
        reason: 'CreationFailed',
        message: 'no room',
      }),
      'VMSnapshot bad failed: CreationFailed: no room',
    ],
    [
      'a snapshot that is being deleted',
      { ...snapshot, metadata: { ...snapshot.metadata, deletionTimestamp: '2026-01-04T11:00:00Z' } },
      'VMSnapshot nightly is being deleted',
    ],
    [
      'a snapshot whose VM is not known yet',
      object('VMSnapshot', 'new', { spec: { source: { vm: { name: 'a' } } }, reason: 'Queued' }),
      'it is not known yet which VM vmsnap/new is of',
    ],
  ])('%s', (_, from, message) => {
    expect(() => plan({}, { snapshot: from })).toThrow(message);
  });
});

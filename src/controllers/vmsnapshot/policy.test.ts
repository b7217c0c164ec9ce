import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../api/v1alpha1/vm-provider.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import { collectionID, pointID, vmID } from '../../providers/azure/ids.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import type { Seen } from '../lifecycle/facts.ts';
import {
  aCollection,
  ago,
  anAzureCollection,
  anIntent,
  aPoint,
  aProvider,
  aSnapshot,
  aTarget,
  aVM,
  cluster,
  containerID,
  done,
  minutes,
  namespace,
  notFound,
  otherUID,
  type SnapshotFacts,
  settings,
  snapshotFacts,
  snapshotNeighbours,
  snapshotStatus,
  subscriptionID,
  unavailable,
  vmA,
} from '../testing/builders.ts';
import { failedDisks, sourceVM, vmLimit } from './azure.ts';
import { isUnderWay, snapshotPolicy } from './policy.ts';

type Spec = Partial<VMSnapshot['spec']>;
type Row = [sentence: string, facts: SnapshotFacts, preparation: object];

function table(rows: Row[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    expect(snapshotPolicy.prepare(facts)).toMatchObject(expected);
  });
}

const vmSeen: Seen = { vm: done(aVM()) };
const wanting = (spec: Spec, seen: Seen = vmSeen, change: Partial<SnapshotFacts> = {}) =>
  snapshotFacts({ object: aSnapshot({ spec }), seen, ...change });
const refused = (reason: string, words = '') => ({
  refuse: { reason, message: expect.stringContaining(words) },
});
const waits = (reason: string, words = '') => ({ wait: { reason, message: expect.stringContaining(words) } });
const target = (change: Partial<SnapshotTarget>) => ({ ready: { step: 'Create', target: change } });

describe('what Azure lacks is refused, never ignored', () => {
  table([
    ['memory', wanting({ memory: 'Exclude' }), refused('UnsupportedByProvider', 'spec.memory')],
    ['a display name', wanting({ displayName: 'x' }), refused('UnsupportedByProvider', 'spec.displayName')],
    ['a description', wanting({ description: 'x' }), refused('UnsupportedByProvider', 'spec.description')],
    [
      'a snapshot of the configuration alone',
      wanting({ disks: { mode: 'ConfigurationOnly' } }),
      refused('UnsupportedByProvider', 'ConfigurationOnly'),
    ],
  ]);
});

describe('the VM', () => {
  table([
    ['is read by its id', wanting({}, {}), { next: { do: 'ReadVM', query: { id: vmA } } }],
    [
      'is read by name and resource group',
      wanting({ source: { vm: { name: 'vm-a', resourceGroup: 'rg-a' } } }, {}),
      { next: { do: 'ReadVM', query: { name: 'vm-a', resourceGroup: 'rg-a' } } },
    ],
    [
      'without a resource group is looked for in that of the provider',
      wanting(
        { source: { vm: { name: 'vm-a' } } },
        {},
        {
          provider: { state: 'Ready', provider: aProvider({ defaultResourceGroup: 'rg-d' }) },
        },
      ),
      { next: { do: 'ReadVM', query: { name: 'vm-a', resourceGroup: 'rg-d' } } },
    ],
    [
      'without any resource group is refused',
      wanting({ source: { vm: { name: 'vm-a' } } }, {}),
      refused('InvalidSpec', 'without a resource group'),
    ],
    [
      'by something that is no id of a VM is refused',
      wanting({ source: { vm: { id: containerID } } }, {}),
      refused('InvalidSpec', 'not the id of an Azure VM'),
    ],
    [
      'in another subscription is refused, and both are named',
      wanting({ source: { vm: { id: vmID('other-subscription', 'rg', 'vm') } } }, {}),
      refused('InvalidSpec', 'other-subscription'),
    ],
    [
      'in the same subscription in other letters is fine',
      wanting({ source: { vm: { id: vmA.toUpperCase() } } }, {}),
      { next: { do: 'ReadVM' } },
    ],
    [
      'that is not there is SourceNotFound, and looked for slowly',
      wanting({}, { vm: notFound('Object') }),
      { ...refused('SourceNotFound'), requeueAfterMs: settings.driftIntervalMs },
    ],
    [
      'that is not there in whatever form: nothing has been made yet',
      wanting({}, { vm: notFound('Unproven') }),
      refused('SourceNotFound'),
    ],
    ['that cannot be read is waited for', wanting({}, { vm: unavailable }), waits('ProviderUnavailable')],
    [
      'that may not be read is waited for: permissions are granted by hand',
      wanting(
        {},
        { vm: { kind: 'Denied', cause: 'Permission', error: { code: 'AuthorizationFailed', message: '' } } },
      ),
      waits('PermissionDenied', 'AuthorizationFailed'),
    ],
    [
      'of a throttled vendor is read when the vendor allows it',
      wanting(
        {},
        {
          vm: {
            kind: 'Throttled',
            afterMs: 20 * minutes,
            error: { code: 'c', message: '' },
          } satisfies Failure,
        },
      ),
      { ...waits('ProviderThrottled'), requeueAfterMs: 20 * minutes },
    ],
    [
      'is known by its uid, and its region with it',
      wanting({}),
      target({ containerID, vmID: vmA, vmUID: 'vm-uid-a', vmLocation: 'westeurope', location: 'westeurope' }),
    ],
  ]);
});

describe('the disks', () => {
  const exclude = (excludeDiskIDs: string[]) => target({ excludeDiskIDs });
  const set = `/subscriptions/${subscriptionID}/resourceGroups/rg-a/providers/Microsoft.Compute/diskEncryptionSets/des`;
  table([
    [
      'that are excluded are named by id',
      wanting({ disks: { mode: 'Exclude', ids: ['DATA'] } }),
      exclude([`${vmA}/data`]),
    ],
    [
      'that are not included are excluded',
      wanting({ disks: { mode: 'Include', ids: [`${vmA}/OS`] } }),
      exclude([`${vmA}/data`]),
    ],
    [
      'that the VM does not have are refused, and those that it has are named',
      wanting({ disks: { mode: 'Exclude', ids: ['data', 'gone'] } }),
      refused('InvalidSpec', 'names gone, which is no disk of VM vm-a; its disks are os, data'),
    ],
    [
      'cannot all be excluded',
      wanting({ disks: { mode: 'Exclude', ids: ['os', 'data'] } }),
      refused('InvalidSpec', 'every disk'),
    ],
    [
      'are encrypted as the spec says',
      wanting({ azure: { encryption: [{ disk: 'data', diskEncryptionSetID: set }] } }),
      target({ encryption: [{ diskID: `${vmA}/data`, osDisk: false, encryptionSetID: set }] }),
    ],
    [
      'to be encrypted must be disks of the VM',
      wanting({ azure: { encryption: [{ disk: 'gone', diskEncryptionSetID: set }] } }),
      refused('InvalidSpec', 'spec.azure.encryption names gone'),
    ],
    [
      'to be encrypted must not be excluded',
      wanting({
        disks: { mode: 'Exclude', ids: ['data'] },
        azure: { encryption: [{ disk: 'data', diskEncryptionSetID: set }] },
      }),
      refused('InvalidSpec', 'leaves away'),
    ],
  ]);

  it('are all in it where nothing is said of them', () => {
    expect(snapshotPolicy.prepare(wanting({}))).not.toHaveProperty('ready.target.excludeDiskIDs');
  });
});

describe('the place', () => {
  const far = { allowDirectCrossRegion: { location: 'North Europe' } };
  const farAway = {
    neighbours: {
      ...snapshotNeighbours,
      collection: () => aCollection({ status: { location: 'northeurope' } }),
    },
  };
  table([
    [
      'in another region is where the spec says, in Azure’s spelling',
      wanting({ azure: far }, vmSeen, farAway),
      target({ location: 'northeurope', vmLocation: 'westeurope' }),
    ],
    [
      'in the region of the VM needs no allowance',
      wanting({ azure: { allowDirectCrossRegion: { location: 'West Europe' } } }),
      refused('InvalidSpec', 'where VM vm-a is itself'),
    ],
    [
      'in another region takes no crash-consistent point',
      wanting({ azure: far, consistency: { level: 'Crash', policy: 'Prefer' } }),
      refused('UnsupportedByProvider', 'RestorePointCopy'),
    ],
    [
      'must be that of the collection',
      wanting({ azure: far }),
      refused('InvalidSpec', 'lies in westeurope, the restore point is to lie in northeurope'),
    ],
  ]);
});

describe('the collection', () => {
  const named: Spec = { azure: { collectionRef: { name: 'mine' } } };
  const withCollection = (collection: ReturnType<typeof aCollection> | undefined, spec: Spec = named) =>
    wanting(spec, vmSeen, { neighbours: { ...snapshotNeighbours, collection: () => collection } });
  table([
    ['that is named is used', withCollection(aCollection()), target({ containerID })],
    ['that is named must be there', withCollection(undefined), waits('ReferenceNotFound', 'mine')],
    [
      'that nobody names is made, for the VM in its region',
      withCollection(undefined, {}),
      {
        next: {
          do: 'MakeCollection',
          object: {
            metadata: { namespace, name: expect.stringMatching(/^auto-/) },
            spec: { source: { vm: { id: vmA } }, location: 'westeurope', deletionPolicy: 'Delete' },
          },
        },
      },
    ],
    [
      'of another VM is refused',
      withCollection(aCollection({ status: { source: { id: `${vmA}2`, vmUID: 'vm-uid-a' } } })),
      refused('InvalidSpec', 'not for VM vm-a'),
    ],
    [
      'of a VM that was made anew under its name is refused',
      withCollection(aCollection({ status: { source: { id: vmA, vmUID: 'vm-uid-old' } } })),
      refused('InvalidSpec', 'vm-uid-old'),
    ],
    [
      'that is being deleted is waited for',
      withCollection(aCollection({ metadata: { deletionTimestamp: ago(0) } })),
      waits('Queued'),
    ],
  ]);
});

describe('access', () => {
  const all: AccessRule = { namespaceSelector: {}, operations: ['Snapshot', 'Copy', 'Adopt', 'Restore'] };
  const through = (
    access: AccessRule[] | undefined,
    seen: Seen = vmSeen,
    change: Partial<SnapshotFacts> = {},
  ) =>
    wanting({ providerRef: { kind: 'ClusterVMProvider', name: 'azure' } }, seen, {
      neighbours: {
        ...snapshotNeighbours,
        collection: () =>
          aCollection({ spec: { providerRef: { kind: 'ClusterVMProvider', name: 'azure' } } }),
      },
      provider: { state: 'Ready', provider: aProvider(), ...(access === undefined ? {} : { access }) },
      ...change,
    });
  table([
    [
      'is denied by default, and nothing is read',
      through(undefined, {}),
      waits('AccessDenied', 'no Snapshot of any VM'),
    ],
    ['that is granted for all lets it pass', through([all]), target({ containerID })],
    [
      'is asked before anything is told of the VM that was read',
      through([{ ...all, vms: { names: ['other'] } }]),
      waits('AccessDenied', 'VM vm-a (resource group rg-a)'),
    ],
    [
      'is asked for where the result is to lie',
      through([{ ...all, targets: { locations: ['northeurope'] } }]),
      waits('AccessDenied', 'into westeurope (resource group rg-a)'),
    ],
    [
      'is asked before an automatic collection is made',
      through([{ ...all, targets: { resourceGroups: ['rg-backup'] } }], vmSeen, {
        neighbours: { ...snapshotNeighbours, collection: () => undefined },
      }),
      waits('AccessDenied'),
    ],
    ['is not asked of a VMProvider of the namespace', wanting({}), target({ containerID })],
  ]);

  it('to the VM of copies, which is not known, is granted by rules for all VMs alone', () => {
    expect(sourceVM(vmA)).toEqual({ id: vmA, name: 'vm-a', resourceGroup: 'rg-a' });
    expect(sourceVM(containerID)).toEqual({ id: '', name: 'unknown', resourceGroup: '' });
  });
});

describe('adoption', () => {
  const id = pointID(containerID, 'nightly');
  const adopting = (
    existing: string,
    seen: Seen = {},
    change: Partial<SnapshotFacts> & { spec?: Spec } = {},
  ) => {
    const { spec, ...rest } = change;
    return wanting({ source: { existing: { id: existing } }, ...spec }, seen, rest);
  };
  const both: Seen = {
    source: done(aPoint({ name: 'nightly' })),
    sourceCollection: done(anAzureCollection()),
  };
  const marked = (of: string, by = cluster) =>
    pointID(containerID, markedName({ cluster: by, uid: of, attempt: 1 }));
  table([
    ['reads the point', adopting(id), { next: { do: 'ReadSource', ref: { id } } }],
    [
      'reads its collection',
      adopting(id, { source: both.source as never }),
      { next: { do: 'ReadSourceCollection', id: containerID } },
    ],
    [
      'knows its place and its VM',
      adopting(id, both),
      {
        ready: {
          step: 'Adopt',
          target: {
            existingID: id,
            name: 'nightly',
            containerID,
            vmID: vmA,
            location: 'westeurope',
            vmLocation: 'westeurope',
          },
        },
      },
    ],
    [
      'of something that is no restore point is refused',
      adopting(containerID),
      refused('InvalidSpec', 'not the id of a restore point'),
    ],
    [
      'of another subscription is refused',
      adopting(pointID(collectionID('other', 'rg', 'c'), 'p')),
      refused('InvalidSpec', 'subscription other'),
    ],
    [
      'of a point of Azure Backup is refused, in any case',
      adopting(pointID(collectionID(subscriptionID, 'rg', 'azurebackup_x'), 'p')),
      refused('AdoptionConflict', 'Azure Backup'),
    ],
    [
      'of what an older object stands for is left to that one',
      adopting(id, {}, { neighbours: { ...snapshotNeighbours, adoptedBy: () => 'VMSnapshot older' } }),
      refused('AdoptionConflict', 'VMSnapshot older'),
    ],
    [
      'of what was made for an object that is there is refused',
      adopting(
        marked(otherUID),
        {},
        { neighbours: { ...snapshotNeighbours, objectWithUID: () => 'VMSnapshot maker' } },
      ),
      refused('AdoptionConflict', 'VMSnapshot maker'),
    ],
    [
      'of what was made for an object that is gone is granted with Retain',
      adopting(marked(otherUID)),
      { next: { do: 'ReadSource' } },
    ],
    [
      'of what was made for an object that is gone is refused with Delete',
      adopting(marked(otherUID), {}, { spec: { deletionPolicy: 'Delete' } }),
      refused('AdoptionConflict', 'Retain only'),
    ],
    [
      'of what another cluster made is refused with Delete, whoever has that UID here',
      adopting(
        marked(otherUID, 'c2'),
        {},
        {
          spec: { deletionPolicy: 'Delete' },
          neighbours: { ...snapshotNeighbours, objectWithUID: () => 'VMSnapshot maker' },
        },
      ),
      refused('AdoptionConflict', 'cluster c2'),
    ],
    [
      'of what is not there is SourceNotFound',
      adopting(id, { source: notFound('Object') }),
      refused('SourceNotFound', 'nightly'),
    ],
    [
      'waits for a vendor that does not answer',
      adopting(id, { source: unavailable }),
      waits('ProviderUnavailable'),
    ],
    [
      'takes the region of the VM from the collection where the point does not say it',
      adopting(id, { ...both, source: done(aPoint({ name: 'nightly', source: {} })) }),
      { ready: { target: { vmLocation: 'westeurope' } } },
    ],
  ]);

  it('does not make up the region of a VM of which nobody says it', () => {
    const facts = adopting(id, {
      source: done(aPoint({ name: 'nightly', source: {} })),
      sourceCollection: done(anAzureCollection({ source: { id: vmA } })),
    });
    const preparation = snapshotPolicy.prepare(facts);
    expect(preparation).toHaveProperty('ready.target');
    expect(preparation).not.toHaveProperty('ready.target.vmLocation');
  });
});

describe('readiness', () => {
  const away = aTarget({ location: 'northeurope' });
  const replication = (...states: ('Succeeded' | 'Replicating' | 'Failed')[]) =>
    aPoint({
      replication: states.map((state, index) => ({
        snapshotID: aPoint().disks[index]?.snapshotID ?? '',
        state,
        ...(state === 'Failed' ? { message: 'no room' } : {}),
      })),
    });
  it.each<[string, ReturnType<typeof aPoint>, SnapshotTarget, object]>([
    [
      'of a local point needs its disks alone',
      aPoint(),
      aTarget(),
      { is: 'Ready', verdict: { reason: 'Available' } },
    ],
    ['waits for the points of all disks', aPoint({ disks: [] }), aTarget(), { is: 'Pending' }],
    [
      'in another region waits for a view of the replication',
      aPoint(),
      away,
      { is: 'Pending', verdict: { reason: 'Replicating' } },
    ],
    [
      'in another region waits for every disk',
      replication('Succeeded', 'Replicating'),
      away,
      { is: 'Pending' },
    ],
    [
      'in another region is not told by a view of one disk',
      replication('Succeeded'),
      away,
      { is: 'Pending' },
    ],
    [
      'in another region comes with the last disk',
      replication('Succeeded', 'Succeeded'),
      away,
      { is: 'Ready' },
    ],
    [
      'in another region fails with one disk, which is named',
      replication('Succeeded', 'Failed'),
      away,
      {
        is: 'Unfit',
        verdict: { reason: 'ReplicationFailed', message: expect.stringContaining('data (no room)') },
      },
    ],
    [
      'of a point whose region is not known to be that of its VM needs a view of the replication',
      aPoint(),
      { containerID, name: 'p', location: 'westeurope' },
      { is: 'Pending', verdict: { reason: 'Replicating' } },
    ],
    [
      'of an adopted copy needs a view of its replication',
      aPoint({ copyOf: 'x' }),
      aTarget(),
      { is: 'Pending' },
    ],
  ])('%s', (_sentence, point, wanted, assessment) => {
    expect(snapshotPolicy.assess(snapshotFacts(), wanted, point)).toMatchObject(assessment);
  });

  it.each([
    ['Application', 'Application', true],
    ['Application', 'FileSystem', false],
    ['Application', 'Crash', false],
    ['FileSystem', 'Application', true],
    ['FileSystem', 'FileSystem', true],
    ['FileSystem', 'Crash', false],
    ['Crash', 'Crash', true],
    ['Crash', 'Application', true],
  ] as const)('of what requires %s when %s was achieved: %s', (level, consistency, fit) => {
    const facts = snapshotFacts({
      object: aSnapshot({ spec: { consistency: { level, policy: 'Require' } } }),
    });
    expect(snapshotPolicy.assess(facts, aTarget(), aPoint({ consistency })).is).toBe(fit ? 'Ready' : 'Unfit');
  });

  it('that failed tells what becomes of what arrived', () => {
    const disks = [
      { name: 'os', state: 'Succeeded' },
      { name: 'data', state: 'Failed' },
    ];
    expect(failedDisks(disks)).toBe(
      'replication of data failed, and Azure cannot resume it; what arrived is removed. Make a new object',
    );
    expect(failedDisks(disks, false)).toContain('left as it is');
  });
});

describe('the hourly limit', () => {
  const full = (consistency: 'Crash' | 'Application') =>
    [1, 2, 3].map((age) => aPoint({ name: `p${age}`, consistency, createdAt: ago(age * minutes) }));
  it.each([
    ['counts default points for a default point', full('Application'), aTarget(), true],
    ['does not count crash-consistent points for it', full('Crash'), aTarget(), false],
    [
      'counts crash-consistent points for one of these',
      full('Crash'),
      aTarget({ consistency: 'Crash' }),
      true,
    ],
    [
      'does not count default points for one of these',
      full('Application'),
      aTarget({ consistency: 'Crash' }),
      false,
    ],
  ])('%s', (_sentence, present, wanted, full) => {
    expect(snapshotPolicy.objection(snapshotFacts(), wanted, present) !== undefined).toBe(full);
  });

  it('is counted for each VM and kind, without case', () => {
    expect(vmLimit('/VM', true)).toBe('/vm crash');
    expect(vmLimit('/vm', false)).toBe('/vm default');
  });
});

describe('the lane of a VM', () => {
  const intent = anIntent();
  const status = (provisioningState: string, reason = 'Provisioning') =>
    snapshotStatus(reason, { provisioningState });
  it.each<[string, ReturnType<typeof aSnapshot>, boolean]>([
    ['is free of what has not begun', aSnapshot(), false],
    ['is taken by an intent alone: what came of it is not known', aSnapshot({ intent }), true],
    ['is taken by what is being made', aSnapshot({ intent, status: status('Creating') }), true],
    [
      'is taken by what cannot be read for now',
      aSnapshot({ intent, status: status('Creating', 'PermissionDenied') }),
      true,
    ],
    [
      'is taken by what is overdue but still being made',
      aSnapshot({ intent, status: status('Creating', 'DeadlineExceeded') }),
      true,
    ],
    [
      'is free of what replicates: the VM is free again',
      aSnapshot({ intent, status: status('Succeeded') }),
      false,
    ],
    ['is free of what failed', aSnapshot({ intent, status: status('Failed') }), false],
    ['is free of what is being removed', aSnapshot({ intent, status: status('Deleting') }), false],
    [
      'is free of what is settled as not made',
      aSnapshot({
        intent,
        status: snapshotStatus('ProviderThrottled', { operation: { kind: 'Create', attempts: 1 } }),
      }),
      false,
    ],
    [
      'is free of what could not be found out',
      aSnapshot({ intent, status: status('Pending', 'OutcomeUnknown') }),
      false,
    ],
    ['is free of an adopted one', aSnapshot({ intent: anIntent({ step: 'Adopt' }) }), false],
  ])('%s', (_sentence, object, taken) => {
    expect(isUnderWay(object)).toBe(taken);
  });
});

describe('what holds where the spec says nothing', () => {
  it.each<[string, Spec, 'Delete' | 'Retain']>([
    ['a made one is deleted', {}, 'Delete'],
    ['an adopted one is retained', { source: { existing: { id: 'x' } } }, 'Retain'],
    ['the spec decides', { source: { existing: { id: 'x' } }, deletionPolicy: 'Delete' }, 'Delete'],
  ])('%s', (_sentence, spec, policy) => {
    expect(snapshotPolicy.deletionPolicy(aSnapshot({ spec }))).toBe(policy);
  });

  it('two hours of work, a day of waiting, and no end', () => {
    expect(snapshotPolicy.deadlines(aSnapshot())).toEqual({
      deadlineMs: 120 * minutes,
      startDeadlineMs: 24 * 60 * minutes,
      ttlMs: undefined,
    });
  });
});

import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../api/v1alpha1/vm-provider.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import type { Seen } from '../lifecycle/facts.ts';
import {
  ago,
  anIntent,
  aProvider,
  aSnapshot,
  aVMOperator,
  commonNeighbours,
  done,
  engineCapabilities,
  engineID,
  engineVM,
  engineVMID,
  minutes,
  otherUID,
  type SnapshotFacts,
  settings,
  snapshotFacts,
  snapshotNeighbours,
  unavailable,
  vmHeldSnapshot,
  vmHeldTarget,
} from '../testing/builders.ts';
import { isUnderWay, snapshotPolicy } from './policy.ts';

type Spec = Partial<VMSnapshot['spec']>;
type Row = [sentence: string, facts: SnapshotFacts, preparation: object];

function table(rows: Row[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    expect(snapshotPolicy.prepare(facts)).toMatchObject(expected);
  });
}

const source = { vm: { name: 'vm-a' } };
const seenVM: Seen = { vm: done(engineVM()) };
function wanting(spec: Spec, seen: Seen = seenVM, change: Partial<SnapshotFacts> = {}): SnapshotFacts {
  return snapshotFacts({
    object: aSnapshot({ spec: { source, ...spec } }),
    provider: { state: 'Ready', provider: aVMOperator() },
    seen,
    ...change,
  });
}
const through = (change: Parameters<typeof aVMOperator>[0]): Partial<SnapshotFacts> => ({
  provider: { state: 'Ready', provider: aVMOperator(change) },
});
const lacking = (change: Partial<typeof engineCapabilities>): Partial<SnapshotFacts> =>
  through({ capabilities: { ...engineCapabilities, ...change } });

const refused = (reason: string, words = '') => ({
  refuse: { reason, message: expect.stringContaining(words) },
});
const waits = (reason: string, words = '') => ({ wait: { reason, message: expect.stringContaining(words) } });
const target = (change: Partial<SnapshotTarget>) => ({ ready: { step: 'Create', target: change } });
const withVM = (change: Parameters<typeof engineVM>[0]): Seen => ({ vm: done(engineVM(change)) });
const cinder = engineVM().disks.map((disk) => ({ ...disk, cinder: true }));

describe('what an engine lacks is refused, never ignored', () => {
  const no = 'engines before 4.2 cannot';
  table([
    [
      'memory',
      wanting({ memory: 'Include' }, seenVM, lacking({ memory: no })),
      refused('UnsupportedByProvider', `spec.memory is set, but ${no}`),
    ],
    [
      'a name beside the description',
      wanting({ displayName: 'x' }),
      refused('UnsupportedByProvider', 'spec.displayName'),
    ],
    [
      'a subset of the disks',
      wanting(
        { disks: { mode: 'Include', ids: ['os'] } },
        seenVM,
        lacking({ disks: { include: no, exclude: no, configurationOnly: no } }),
      ),
      refused('UnsupportedByProvider', 'spec.disks.mode: Include'),
    ],
    [
      'the configuration alone',
      wanting(
        { disks: { mode: 'ConfigurationOnly' } },
        seenVM,
        lacking({ disks: { include: true, exclude: true, configurationOnly: no } }),
      ),
      refused('UnsupportedByProvider', 'ConfigurationOnly'),
    ],
    [
      'what is Azure’s',
      wanting({ azure: { collectionRef: { name: 'c' } } }),
      refused('UnsupportedByProvider', 'spec.azure'),
    ],
    [
      'a resource group',
      wanting({ source: { vm: { name: 'vm-a', resourceGroup: 'rg' } } }),
      refused('UnsupportedByProvider', 'spec.source.vm.resourceGroup'),
    ],
    [
      'a stamp',
      wanting({ source: { vm: { name: 'vm-a', stampID: otherUID } } }),
      refused('UnsupportedByProvider', 'spec.source.vm.stampID'),
    ],
    [
      'a stamp of what is there',
      wanting({ source: { existing: { id: 'c', vm: { name: 'vm-a' }, stampID: otherUID } } }),
      refused('UnsupportedByProvider', 'spec.source.existing.stampID'),
    ],
  ]);
  it('and of Azure what is an engine’s', () => {
    const facts = wanting(
      { ovirt: { freeze: 'Auto' } },
      {},
      { provider: { state: 'Ready', provider: aProvider() } },
    );
    expect(snapshotPolicy.prepare(facts)).toMatchObject(
      refused('UnsupportedByProvider', 'spec.ovirt.freeze'),
    );
  });
});

describe('the VM', () => {
  table([
    ['is read by name', wanting({}, {}), { next: { do: 'ReadVM', query: { name: 'vm-a' } } }],
    [
      'is read by id',
      wanting({ source: { vm: { id: engineVMID } } }, {}),
      { next: { do: 'ReadVM', query: { id: engineVMID } } },
    ],
    [
      'of a name that several have is refused, and they are named',
      wanting(
        {},
        {
          vm: {
            kind: 'Invalid',
            error: { code: 'AmbiguousSource', message: 'vm-1 and vm-2 are called vm-a' },
          },
        },
      ),
      refused('AmbiguousSource', 'vm-1 and vm-2'),
    ],
    ['that cannot be read is waited for', wanting({}, { vm: unavailable }), waits('ProviderUnavailable')],
    [
      'is known by its id, with its power and what holds its snapshots',
      wanting({}),
      target({
        containerID: engineVMID,
        vmID: engineVMID,
        vmName: 'vm-a',
        power: 'On',
        exclusive: true,
        location: '',
      }),
    ],
    [
      'of SPF is known with its stamp and its last task',
      wanting({}, withVM({ containerID: 'stamp/vm', stampID: 'stamp', taskID: 'task-7' })),
      target({ containerID: 'stamp/vm', stampID: 'stamp', baseline: 'task-7' }),
    ],
  ]);
});

describe('the memory', () => {
  table([
    [
      'is left out unless it is asked for: the engine’s own default is to save it',
      wanting({}),
      target({ memory: false }),
    ],
    ['is in it where that is asked for', wanting({ memory: 'Include' }), target({ memory: true })],
  ]);
  it('is not spoken of to a vendor that has no choice', () => {
    const facts = wanting({}, seenVM, lacking({ memory: 'SPF has no choice' }));
    expect(snapshotPolicy.prepare(facts)).not.toHaveProperty('ready.target.memory');
  });
});

describe('the disks', () => {
  const lun = { id: 'disk-lun', name: 'lun', osDisk: false, excluded: 'a direct LUN' };
  const withLUN = withVM({ disks: [...engineVM().disks, lun] });
  const image = '33333333-3333-4333-8333-333333333333';
  table([
    [
      'that are included are named by id',
      wanting({ disks: { mode: 'Include', ids: ['data'] } }),
      target({ includeDiskIDs: ['disk-data'], leftAway: ['os'] }),
    ],
    [
      'that are not excluded are included',
      wanting({ disks: { mode: 'Exclude', ids: ['disk-data'] } }),
      target({ includeDiskIDs: ['disk-os'] }),
    ],
    [
      'that the VM does not have are refused, and those that it has are named',
      wanting({ disks: { mode: 'Include', ids: ['gone'] } }),
      refused('InvalidSpec', 'names gone, which is no disk of VM vm-a; its disks are os, data'),
    ],
    [
      'cannot all be excluded, for an empty list means something else to each engine',
      wanting({ disks: { mode: 'Exclude', ids: ['os', 'data'] } }),
      refused('InvalidSpec', 'every disk'),
    ],
    [
      'that can be in no snapshot are left away, and that is told',
      wanting({}, withLUN),
      target({ leftAway: ['lun'] }),
    ],
    [
      'that can be in no snapshot cannot be asked for',
      wanting({ disks: { mode: 'Include', ids: ['lun'] } }, withLUN),
      refused('InvalidSpec', 'a direct LUN'),
    ],
    [
      'are none where only the configuration is wanted',
      wanting({ disks: { mode: 'ConfigurationOnly' } }),
      target({ configurationOnly: true }),
    ],
    [
      'get the image ids that are given',
      wanting({ ovirt: { imageIDs: [{ disk: 'os', imageID: image }] } }),
      target({ imageIDs: [{ diskID: 'disk-os', imageID: image }], includeDiskIDs: ['disk-os', 'disk-data'] }),
    ],
    [
      'that get an image id must be part of it',
      wanting({
        disks: { mode: 'Exclude', ids: ['os'] },
        ovirt: { imageIDs: [{ disk: 'os', imageID: image }] },
      }),
      refused('InvalidSpec', 'spec.ovirt.imageIDs names os, which is not part'),
    ],
  ]);
  it('are all in it, and none is named, where nothing is said of them', () => {
    expect(snapshotPolicy.prepare(wanting({}))).not.toHaveProperty('ready.target.includeDiskIDs');
  });
});

describe('freezing the guest', () => {
  const always: Spec = { ovirt: { freeze: 'Always' } };
  const frozen = target({ freeze: true });
  table([
    [
      'for ordinary disks is refused: the host does it, and fails when it finds them frozen',
      wanting(always),
      refused('UnsupportedByProvider', 'the host freezes the guest itself'),
    ],
    ['for Cinder disks is done', wanting(always, withVM({ disks: cinder })), frozen],
    [
      'where one disk is ordinary is refused',
      wanting(always, withVM({ disks: [...cinder.slice(0, 1), ...engineVM().disks.slice(1)] })),
      refused('UnsupportedByProvider', 'data is an ordinary disk'),
    ],
    [
      'with its memory is refused',
      wanting({ ...always, memory: 'Include' }, withVM({ disks: cinder })),
      refused('UnsupportedByProvider', 'memory'),
    ],
    [
      'needs a running VM',
      wanting(always, withVM({ disks: cinder, power: 'Off', vendorState: 'down' })),
      refused('PreconditionFailed', 'is down'),
    ],
  ]);
  it.each<[string, SnapshotFacts]>([
    ['for ordinary disks', wanting({})],
    ['for Cinder disks: every engine that has them does it', wanting({}, withVM({ disks: cinder }))],
    [
      'for Cinder disks on an engine that does not thaw then',
      wanting({}, withVM({ disks: cinder }), lacking({ thawsItself: false })),
    ],
    ['of a VM that is off', wanting({}, withVM({ disks: cinder, power: 'Off' }))],
    ['with its memory', wanting({ memory: 'Include' }, withVM({ disks: cinder }))],
    [
      'on an engine that cannot',
      wanting({}, withVM({ disks: cinder }), lacking({ freeze: 'engines before 3.6 cannot' })),
    ],
  ])('is not done by itself %s', (_sentence, facts) => {
    expect(snapshotPolicy.prepare(facts)).toHaveProperty('ready');
    expect(snapshotPolicy.prepare(facts)).not.toHaveProperty('ready.target.freeze');
  });

  const forgetful = lacking({ thawsItself: false });
  it.each<[string, SnapshotFacts, true | undefined]>([
    ['of Cinder disks alone', wanting({}, withVM({ disks: cinder }), forgetful), true],
    [
      'of Cinder disks alone, on an engine that thaws',
      wanting({}, withVM({ disks: cinder }), lacking({ thawsItself: true })),
      undefined,
    ],
    [
      'with an ordinary disk, after whose part the engine thaws',
      wanting({}, withVM({ disks: [...cinder.slice(0, 1), ...engineVM().disks.slice(1)] }), forgetful),
      undefined,
    ],
    [
      'of Cinder disks alone, of several',
      wanting(
        { disks: { mode: 'Include', ids: ['os'] } },
        withVM({ disks: [...cinder.slice(0, 1), ...engineVM().disks.slice(1)] }),
        forgetful,
      ),
      true,
    ],
    [
      'of a VM that is off',
      wanting({}, withVM({ disks: cinder, power: 'Off', vendorState: 'down' }), forgetful),
      undefined,
    ],
    [
      'with its memory, for which nothing is frozen',
      wanting({ memory: 'Include' }, withVM({ disks: cinder }), forgetful),
      undefined,
    ],
  ])('is taken back after a snapshot where the engine leaves it: %s', (_sentence, facts, thaw) => {
    const preparation = snapshotPolicy.prepare(facts);
    expect('ready' in preparation && preparation.ready.target.thaw).toBe(thaw);
  });
});

describe('access', () => {
  const rule: AccessRule = { namespaceSelector: {}, operations: ['Snapshot'] };
  const shared = (access: AccessRule[] | undefined, seen: Seen = seenVM) =>
    wanting({ providerRef: { kind: 'ClusterVMProvider', name: 'engine' } }, seen, {
      provider: { state: 'Ready', provider: aVMOperator(), ...(access === undefined ? {} : { access }) },
    });
  table([
    [
      'is denied by default, and nothing is read',
      shared(undefined, {}),
      waits('AccessDenied', 'no Snapshot of any VM'),
    ],
    ['that is granted for all lets it pass', shared([rule]), target({ containerID: engineVMID })],
    [
      'to another VM is none to this one',
      shared([{ ...rule, vms: { names: ['vm-b'] } }]),
      waits('AccessDenied', 'no Snapshot of VM vm-a.'),
    ],
    [
      'into places only grants nothing where there are none',
      shared([{ ...rule, targets: { locations: ['westeurope'] } }]),
      waits('AccessDenied', 'VM vm-a.'),
    ],
  ]);
});

describe('adoption', () => {
  const existing = { id: 'snapshot-9', vm: { name: 'vm-a' } };
  const adopting = (seen: Seen, spec: Spec = {}, change: Partial<SnapshotFacts> = {}) =>
    wanting({ source: { existing }, ...spec }, seen, change);
  const theirs = vmHeldSnapshot({ id: 'snapshot-9', name: 'before the upgrade', fingerprint: 'f' });
  const both: Seen = { ...seenVM, source: done(theirs) };
  const marked = (by: string) =>
    done({ ...theirs, name: markedName({ cluster: by, uid: otherUID, attempt: 1 }) });
  table([
    [
      'needs the VM',
      wanting({ source: { existing: { id: 'snapshot-9' } } }, {}),
      refused('InvalidSpec', 'spec.source.existing.vm is not set'),
    ],
    ['reads the VM first', adopting({}), { next: { do: 'ReadVM', query: { name: 'vm-a' } } }],
    [
      'reads the VM on its stamp, where there are stamps',
      adopting({}, { source: { existing: { ...existing, stampID: otherUID } } }, lacking({ stamps: true })),
      { next: { do: 'ReadVM', query: { name: 'vm-a', stampID: otherUID } } },
    ],
    [
      'reads the snapshot of that VM',
      adopting(seenVM),
      { next: { do: 'ReadSource', ref: { id: 'snapshot-9', containerID: engineVMID } } },
    ],
    [
      'knows what it adopts',
      adopting(both),
      {
        ready: {
          step: 'Adopt',
          target: {
            existingID: 'snapshot-9',
            containerID: engineVMID,
            name: 'before the upgrade',
            vmID: engineVMID,
          },
        },
      },
    ],
    [
      'of a snapshot of another VM is refused: the engine does not look at whose it is',
      adopting({ ...seenVM, source: done({ ...theirs, vmID: 'other' }) }),
      refused('InvalidSpec', 'is of VM other, not of VM vm-a'),
    ],
    [
      'of what is not there is SourceNotFound',
      adopting({
        ...seenVM,
        source: { kind: 'NotFound', what: 'Object', error: { code: '404', message: '' } },
      }),
      refused('SourceNotFound', 'snapshot-9'),
    ],
    [
      'of what another object stands for is left to that one',
      adopting(both, {}, { neighbours: { ...snapshotNeighbours, adoptedBy: () => 'VMSnapshot older' } }),
      refused('AdoptionConflict', 'VMSnapshot older'),
    ],
    [
      'of what another cluster made is refused with Delete',
      adopting({ ...seenVM, source: marked('c2') }, { deletionPolicy: 'Delete' }),
      refused('AdoptionConflict', 'cluster c2'),
    ],
    [
      'of what another cluster made is granted with Retain',
      adopting({ ...seenVM, source: marked('c2') }),
      { ready: { step: 'Adopt' } },
    ],
  ]);
});

describe('adoption where a snapshot names its VM', () => {
  const adopting = (seen: Seen, existing: object = {}, change: Partial<SnapshotFacts> = {}) =>
    wanting({ source: { existing: { id: 'checkpoint-9', ...existing } } }, seen, {
      ...lacking({ namesVM: true, stamps: true }),
      ...change,
    });
  const checkpoint = done(
    vmHeldSnapshot({ id: 'checkpoint-9', name: 'by hand', vmID: engineVMID, stampID: otherUID }),
  );
  table([
    [
      'reads it first, wherever it lies',
      adopting({}),
      { next: { do: 'ReadSource', ref: { id: 'checkpoint-9', containerID: '' } } },
    ],
    [
      'reads it on the stamp that is said',
      adopting({}, { stampID: otherUID }),
      { next: { do: 'ReadSource', ref: { id: 'checkpoint-9', containerID: otherUID } } },
    ],
    [
      'then reads the VM that it names, on its stamp',
      adopting({ source: checkpoint }),
      { next: { do: 'ReadVM', query: { id: engineVMID, stampID: otherUID } } },
    ],
    [
      'knows what it adopts',
      adopting({ source: checkpoint, ...seenVM }),
      { ready: { step: 'Adopt', target: { existingID: 'checkpoint-9', vmID: engineVMID } } },
    ],
    [
      'reads the VM first where it is named all the same',
      adopting({}, { vm: { name: 'vm-a' } }),
      { next: { do: 'ReadVM', query: { name: 'vm-a' } } },
    ],
    [
      'of what is not there is SourceNotFound',
      adopting({ source: { kind: 'NotFound', what: 'Object', error: { code: '404', message: '' } } }),
      refused('SourceNotFound', 'checkpoint-9'),
    ],
    [
      'waits where it cannot be read',
      adopting({ source: unavailable }),
      waits('ProviderUnavailable', 'reading snapshot checkpoint-9'),
    ],
    [
      'of a snapshot that names no VM needs the VM',
      adopting({ source: done({ ...checkpoint.value, vmID: undefined } as never) }),
      refused('InvalidSpec', 'spec.source.existing.vm is not set'),
    ],
  ]);

  it('reads nothing, and tells nothing of a VM, where nothing may be adopted', () => {
    const { provider } = lacking({ namesVM: true });
    const facts = adopting({}, {}, { provider: { ...provider, access: [] } as SnapshotFacts['provider'] });
    facts.object.spec.providerRef = { kind: 'ClusterVMProvider', name: 'shared' };
    expect(snapshotPolicy.prepare(facts)).toMatchObject(waits('AccessDenied', 'no Adopt of any VM'));
  });

  it('is refused of a VM that is not granted', () => {
    const { provider } = lacking({ namesVM: true });
    const rule: AccessRule = {
      namespaceSelector: {},
      operations: ['Adopt'],
      vms: { names: ['another'] },
    };
    const facts = adopting(
      { source: checkpoint, ...seenVM },
      {},
      { provider: { ...provider, access: [rule] } as SnapshotFacts['provider'] },
    );
    facts.object.spec.providerRef = { kind: 'ClusterVMProvider', name: 'shared' };
    expect(snapshotPolicy.prepare(facts)).toMatchObject(waits('AccessDenied', 'no Adopt of VM vm-a'));
  });
});

describe('one thing at a time on a VM', () => {
  const facts = (busy?: string) =>
    wanting({}, seenVM, {
      neighbours: {
        ...snapshotNeighbours,
        ...commonNeighbours,
        vmLane: () => ({
          sends: [Date.now(), Date.now(), Date.now()],
          ...(busy === undefined ? {} : { busy }),
        }),
      },
    });
  it('lets a create and a removal pass when nobody is at work; the engine counts nothing by the hour', () => {
    const lane = `${engineID} ${engineVMID}`;
    expect(snapshotPolicy.turn(facts(), vmHeldTarget())).toEqual({ lane, limit: lane });
    expect(snapshotPolicy.removalTurn(facts(), vmHeldTarget())).toEqual({ lane });
  });
  it('lets both wait for who is at work', () => {
    const wait = { reason: 'Queued', message: expect.stringContaining('VMSnapshot other is at work') };
    expect(snapshotPolicy.turn(facts('VMSnapshot other'), vmHeldTarget())).toEqual({ wait });
    expect(snapshotPolicy.removalTurn(facts('VMSnapshot other'), vmHeldTarget())).toEqual({ wait });
  });

  const intent = anIntent({ endpointID: engineID, target: vmHeldTarget() });
  const removal = { kind: 'Delete', token: 't', startedAt: ago(minutes) };
  it.each<[string, VMSnapshot, boolean]>([
    ['that is being made holds it', aSnapshot({ intent, status: { provisioningState: 'Creating' } }), true],
    [
      'that is ready holds nothing',
      aSnapshot({ intent, status: { provisioningState: 'Succeeded', completionTime: ago(0) } }),
      false,
    ],
    [
      'that is being removed holds it',
      aSnapshot({
        intent,
        status: { provisioningState: 'Deleting', completionTime: ago(0), operation: removal },
      }),
      true,
    ],
    [
      'whose removal failed and waits holds nothing',
      aSnapshot({
        intent,
        status: {
          provisioningState: 'Deleting',
          completionTime: ago(0),
          operation: { ...removal, nextAttemptAt: ago(0) },
        },
      }),
      false,
    ],
    [
      'that was adopted holds it while it is being removed',
      aSnapshot({
        intent: { ...intent, step: 'Adopt' },
        status: { provisioningState: 'Deleting', operation: removal },
      }),
      true,
    ],
    [
      'that waits for its removal holds nothing',
      aSnapshot({
        intent,
        status: { provisioningState: 'Succeeded', completionTime: ago(0), operation: removal },
      }),
      false,
    ],
  ])('one %s', (_sentence, object, expected) => {
    expect(isUnderWay(object)).toBe(expected);
  });
});

describe('what the engine finished', () => {
  const assessing = (spec: Spec, change: Partial<SnapshotTarget> = {}, seen: Seen = {}) =>
    snapshotPolicy.assess(
      snapshotFacts({ object: aSnapshot({ spec: { source, ...spec } }), seen }),
      vmHeldTarget(change),
      vmHeldSnapshot({ memory: change.memory === true }),
    );
  const quiesceFailed: Seen = {
    operation: done({ state: 'Succeeded', indications: [{ type: 'QuiesceFailed', message: '10764' }] }),
  };
  const require = (level: 'Application' | 'FileSystem' | 'Crash'): Spec => ({
    consistency: { level, policy: 'Require' },
  });
  const unfit = { is: 'Unfit', verdict: { reason: 'ConsistencyNotMet' } };
  it.each<[string, ReturnType<typeof assessing>, object]>([
    ['can be used', assessing({}), { is: 'Ready' }],
    [
      'is good enough where the guest was frozen and FileSystem is required',
      assessing(require('FileSystem')),
      { is: 'Ready' },
    ],
    [
      'falls short where the freeze failed, which only an event tells',
      assessing(require('FileSystem'), {}, quiesceFailed),
      unfit,
    ],
    [
      'falls short of Application, which an engine does not achieve for a running VM',
      assessing(require('Application')),
      unfit,
    ],
    ['is enough where the VM was off', assessing(require('Application'), { power: 'Off' }), { is: 'Ready' }],
    [
      'falls short where the memory was saved: the guest is not frozen then',
      assessing(require('FileSystem'), { memory: true }),
      unfit,
    ],
    ['is enough where Crash is required', assessing(require('Crash'), {}, quiesceFailed), { is: 'Ready' }],
    [
      'is kept where it is only preferred',
      assessing({ consistency: { level: 'Application', policy: 'Prefer' } }),
      { is: 'Ready' },
    ],
  ])('%s', (_sentence, assessment, expected) => {
    expect(assessment).toMatchObject(expected);
  });
});

it('is called what its vendor calls it', () => {
  const object = aSnapshot({ spec: { source } });
  const facts = snapshotFacts({ object, provider: { state: 'Ready', provider: aVMOperator() } });
  expect(snapshotPolicy.assess(facts, vmHeldTarget(), vmHeldSnapshot())).toMatchObject({
    verdict: { message: `snapshot ${vmHeldSnapshot().name} can be used` },
  });
});

describe('the region', () => {
  it('is none: nothing of it replicates, and no costly view is read', () => {
    const object = aSnapshot({ spec: { source }, intent: anIntent({ target: vmHeldTarget() }) });
    const facts = snapshotFacts({ object });
    expect(snapshotPolicy.view(facts, vmHeldTarget())).toEqual({ progress: false });
    const finish = { do: 'Finish', snapshot: vmHeldSnapshot(), record: { completedAt: 0 } } as const;
    expect(snapshotPolicy.status(facts, finish)).not.toHaveProperty('replication');
  });
});

describe('the configuration of the VM', () => {
  const keeping = (seen: Seen, status: VMSnapshot['status'] = {}) =>
    snapshotPolicy.epilogue(
      snapshotFacts({
        object: aSnapshot({
          spec: { source, ovirt: { saveConfigurationTo: { configMapName: 'ovf' } } },
          status,
        }),
        seen,
        settings,
      }),
      vmHeldSnapshot(),
    );
  it('is kept before the snapshot is called ready', () => {
    expect(keeping({})).toEqual({
      do: 'KeepConfiguration',
      configMapName: 'ovf',
      ref: { id: 'snapshot-1', containerID: engineVMID },
    });
  });
  it('is read again where it could not be', () => {
    expect(keeping({ configurationKept: unavailable })).toMatchObject({
      do: 'Finish',
      verdict: { reason: 'ProviderUnavailable' },
    });
  });
  it.each<[string, Seen, VMSnapshot['status']]>([
    ['was kept', { configurationKept: true }, {}],
    ['cannot be kept, which an Event has told', { configurationKept: 'too long' }, {}],
    ['was kept before', {}, { configuration: { type: 'ovf', configMapName: 'ovf' } }],
  ])('holds nothing up once it %s', (_sentence, seen, status) => {
    expect(keeping(seen, status)).toBeUndefined();
  });
  it('is not kept where nobody asks for it', () => {
    expect(snapshotPolicy.epilogue(wanting({}), vmHeldSnapshot())).toBeUndefined();
  });
});

describe('the disks of what the engine finished', () => {
  const ready = { is: 'Ready' };
  const part = (id: string, more = {}) => ({ id, name: `name of ${id}`, osDisk: false, ...more });
  const assessing = (wanted: Partial<SnapshotTarget>, ...parts: ReturnType<typeof part>[]) =>
    snapshotPolicy.assess(
      snapshotFacts({ object: aSnapshot({ spec: { source } }) }),
      vmHeldTarget(wanted),
      vmHeldSnapshot({ disks: parts }),
    );
  const unfit = (words: string) => ({
    is: 'Unfit',
    verdict: { reason: 'CreationFailed', message: expect.stringContaining(words) },
  });
  it.each<[string, ReturnType<typeof assessing>, object]>([
    ['are none where the configuration alone was asked for', assessing({ configurationOnly: true }), ready],
    [
      'that came although the configuration alone was asked for are not what was asked for',
      assessing({ configurationOnly: true }, part('disk-os')),
      unfit('the configuration alone, and the vendor made the snapshot with name of disk-os besides'),
    ],
    [
      'are those that were named, however they are written',
      assessing({ includeDiskIDs: ['disk-os', 'disk-data'] }, part('DISK-DATA'), part('disk-os')),
      ready,
    ],
    [
      'lack one that was named',
      assessing({ includeDiskIDs: ['disk-os', 'disk-data'] }, part('disk-os')),
      unfit('without disk-data'),
    ],
    [
      'are more than those that were named',
      assessing({ includeDiskIDs: ['disk-os'] }, part('disk-os'), part('disk-data')),
      unfit('with name of disk-data besides'),
    ],
    [
      'of Cinder may have other ids in it',
      assessing({ includeDiskIDs: ['disk-os'] }, part('volume', { cinder: true })),
      ready,
    ],
    ['are as they are where all were asked for', assessing({}, part('disk-os')), ready],
    [
      'are as they are where it was adopted',
      assessing({ includeDiskIDs: ['disk-os'], existingID: 'snapshot-1' }),
      ready,
    ],
  ])('%s', (_sentence, assessment, expected) => {
    expect(assessment).toMatchObject(expected);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { automaticCollection, automaticName, collectionState } from './collections.ts';
import { aCollection, ago, containerID, namespace, ready, vmA } from './testing/builders.ts';

const parts = {
  cluster: 'c1',
  namespace,
  providerRef: { name: 'azure' },
  source: vmA,
  place: ['westeurope'],
};

describe('the name of an automatic collection', () => {
  it('is the same for all who need the same, whatever the case of ids', () => {
    expect(automaticName({ ...parts, source: vmA.toUpperCase(), place: ['WestEurope'] })).toBe(
      automaticName(parts),
    );
  });

  it('takes a provider without a kind for a VMProvider', () => {
    expect(automaticName({ ...parts, providerRef: { kind: 'VMProvider', name: 'azure' } })).toBe(
      automaticName(parts),
    );
  });

  it.each([
    ['cluster', { cluster: 'c2' }],
    ['namespace', { namespace: 'team-b' }],
    ['provider', { providerRef: { name: 'other' } }],
    ['kind of provider', { providerRef: { kind: 'ClusterVMProvider' as const, name: 'azure' } }],
    ['source', { source: `${vmA}2` }],
    ['place', { place: ['northeurope'] }],
    ['number of places', { place: ['westeurope', ''] }],
  ])('is another for another %s', (_what, change) => {
    expect(automaticName({ ...parts, ...change })).not.toBe(automaticName(parts));
  });

  it('never runs two parts together, and is a name that Kubernetes takes', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 2, maxLength: 3 }), (place) => {
        const name = automaticName({ ...parts, place });
        expect(name).toMatch(/^auto-[0-9a-f]{20}$/);
        expect(name).not.toBe(automaticName({ ...parts, place: [place.join('')] }));
      }),
    );
  });
});

describe('an automatic collection', () => {
  it('goes when it is unused, unless its spec says otherwise', () => {
    const spec = { providerRef: { name: 'azure' }, source: { vm: { id: vmA } } };
    const made = automaticCollection(namespace, 'auto-1', spec);
    expect(made).toMatchObject({
      metadata: { name: 'auto-1', namespace, labels: { 'keyframe.dev/automatic': 'true' } },
      spec: { ...spec, deletionPolicy: 'Delete' },
    });
  });
});

describe('a collection that is named', () => {
  const usable = {
    usable: { id: containerID, location: 'westeurope', sourceID: vmA, vmUID: 'vm-uid-a' },
  };
  const stalled = (reason: string) => ({
    status: {
      conditions: [ready('False', reason, 'why'), { ...ready('True', reason), type: 'Stalled' }],
    },
  });
  it.each<[string, Parameters<typeof aCollection>[0], object]>([
    ['that is ready can be used', {}, usable],
    [
      'that goes by another provider is refused',
      { spec: { providerRef: { name: 'other' } } },
      { refuse: { reason: 'InvalidSpec' } },
    ],
    [
      'that goes by a ClusterVMProvider of the same name is refused',
      { spec: { providerRef: { kind: 'ClusterVMProvider', name: 'azure' } } },
      { refuse: { reason: 'InvalidSpec' } },
    ],
    [
      'that is being deleted is waited for: another may be made under its name',
      { metadata: { deletionTimestamp: ago(0) } },
      { wait: { reason: 'Queued' } },
    ],
    [
      'that is being made is waited for',
      { status: { conditions: [ready('False', 'Provisioning', 'why')] } },
      { wait: { reason: 'Queued', message: 'waiting for RestorePointCollection rpc: Provisioning: why' } },
    ],
    [
      'that has said nothing yet is waited for',
      { status: { conditions: [] } },
      { wait: { reason: 'Queued' } },
    ],
    [
      'that is stalled holds up with its own reason: what helps the one helps the other',
      stalled('PermissionDenied'),
      { wait: { reason: 'PermissionDenied' } },
    ],
    [
      'that is stalled by a reason that nobody knows is waited for',
      stalled('SomethingNew'),
      { wait: { reason: 'Queued' } },
    ],
    [
      'that is ready but has no id yet is waited for',
      { status: { id: undefined as unknown as string } },
      { wait: { reason: 'Queued' } },
    ],
  ])('%s', (_sentence, change, expected) => {
    expect(collectionState(aCollection(change), namespace, { name: 'azure' })).toMatchObject(expected);
  });
});

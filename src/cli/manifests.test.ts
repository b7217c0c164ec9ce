import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure, UsageError } from './failure.ts';
import {
  isID,
  nameFor,
  onlyProvider,
  providerNamed,
  quoted,
  type SnapshotWish,
  snapshotManifest,
} from './manifests.ts';
import { object, vmID } from './testing/objects.ts';

const now = Date.parse('2026-11-22T16:41:07.500Z');
const wish: SnapshotWish = {
  vm: 'erp-1',
  provider: { kind: 'VMProvider', name: 'azure' },
  namespace: 'demo',
  resourceGroup: undefined,
  name: undefined,
  consistency: undefined,
  require: false,
  memory: undefined,
  description: undefined,
  ttl: undefined,
  deletionPolicy: undefined,
};

describe('the manifest of a snapshot', () => {
  it('has nothing that was not asked for', () => {
    expect(snapshotManifest(wish, now)).toEqual({
      apiVersion: 'keyframe.dev/v1alpha1',
      kind: 'VMSnapshot',
      metadata: { name: 'erp-1-20261122-164107', namespace: 'demo' },
      spec: { providerRef: { kind: 'VMProvider', name: 'azure' }, source: { vm: { name: 'erp-1' } } },
    });
  });

  it('has all that was asked for', () => {
    const { metadata, spec } = snapshotManifest(
      {
        ...wish,
        name: 'mine',
        resourceGroup: 'rg',
        consistency: 'Application',
        require: true,
        memory: 'Include',
        description: 'before the patch',
        ttl: '720h',
        deletionPolicy: 'Retain',
      },
      now,
    );
    expect(metadata.name).toBe('mine');
    expect(spec).toEqual({
      providerRef: { kind: 'VMProvider', name: 'azure' },
      source: { vm: { name: 'erp-1', resourceGroup: 'rg' } },
      consistency: { level: 'Application', policy: 'Require' },
      memory: 'Include',
      description: 'before the patch',
      ttl: '720h',
      deletionPolicy: 'Retain',
    });
  });

  it.each([
    ['an Azure id', vmID('erp-1')],
    ['a GUID', '0b9f2c1e-5d3a-4f6b-8c7d-1a2b3c4d5e6f'],
  ])('takes %s for an id', (_, id) => {
    expect(snapshotManifest({ ...wish, vm: id }, now).spec.source).toEqual({ vm: { id } });
  });

  it.each<[string, Partial<SnapshotWish>, string]>([
    ['--require alone', { require: true }, '--require goes with --consistency'],
    [
      'a resource group beside an id',
      { vm: vmID('a'), resourceGroup: 'rg' },
      '--resource-group goes with the name',
    ],
    [
      'a ttl that is no duration',
      { ttl: '3 weeks' },
      '--ttl takes a duration such as 90s, 2h30m, or 168h for 7 days, not "3 weeks"',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(() => snapshotManifest({ ...wish, ...change }, now)).toThrow(UsageError);
    expect(() => snapshotManifest({ ...wish, ...change }, now)).toThrow(message);
  });
});

describe('the name of a new object', () => {
  it.each([
    ['erp-1', 'erp-1-20261122-164107'],
    [vmID('Web_01'), 'web-01-20261122-164107'],
    ['Müller AG', 'muller-ag-20261122-164107'],
    ['備份', 'vm-20261122-164107'],
  ])('of %s is %s', (vm, name) => {
    expect(nameFor(vm, now)).toBe(name);
  });

  it('is one that Kubernetes takes, whatever the VM is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (vm) => {
        const name = nameFor(vm, now);
        expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
        expect(name.length).toBeLessThanOrEqual(253);
      }),
    );
  });
});

describe('the provider', () => {
  const own = (name: string) => object('VMProvider', name, { reason: 'Available' });
  const shared = (name: string) => object('ClusterVMProvider', name, { reason: 'Available' });

  it.each([
    ['azure', { kind: 'VMProvider', name: 'azure' }],
    ['vmp/azure', { kind: 'VMProvider', name: 'azure' }],
    ['cvmp/shared', { kind: 'ClusterVMProvider', name: 'shared' }],
    ['ClusterVMProvider/shared', { kind: 'ClusterVMProvider', name: 'shared' }],
  ])('%s is understood', (text, expected) => {
    expect(providerNamed(text)).toEqual(expected);
  });

  it.each(['', 'vmsnap/a', 'a/b/c', 'vmp/'])('%j is refused', (text) => {
    expect(() => providerNamed(text)).toThrow(UsageError);
  });

  it('is the only one of the namespace, else the only one of the cluster', () => {
    expect(onlyProvider([own('a')], [shared('b'), shared('c')], 'demo')).toEqual({
      kind: 'VMProvider',
      name: 'a',
    });
    expect(onlyProvider([], [shared('b')], 'demo')).toEqual({ kind: 'ClusterVMProvider', name: 'b' });
  });

  it('has to be named where there are several, or none', () => {
    expect(() => onlyProvider([own('a'), own('b')], [shared('c')], 'demo')).toThrow(
      new Failure('there are several providers: a, b, cvmp/c', 'Name one by --provider.'),
    );
    expect(() => onlyProvider([], [], 'demo')).toThrow('namespace demo has no VMProvider');
  });
});

it.each([
  ['720h', '720h'],
  ["it's", `'it'\\''s'`],
  ['', "''"],
])('writes %j for a shell as %s', (word, expected) => {
  expect(quoted(word)).toBe(expected);
});

it('knows a name from an id', () => {
  expect(isID('erp-1')).toBe(false);
});

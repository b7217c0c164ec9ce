import { describe, expect, it } from 'vitest';
import type { AnyObject } from './objects.ts';
import { object, readySnapshot, vmID } from './testing/objects.ts';
import { byAttention, focused, type ObjectNode, parsePath, type Tree, treeOf, unknownVM } from './tree.ts';

/** A tree in few words: `db-1 [nightly [copy]]`. */
function sketch({ providers, vms }: Tree): string {
  const node = ({ object, children }: ObjectNode): string =>
    children.length === 0
      ? object.metadata.name
      : `${object.metadata.name} [${children.map(node).join(' ')}]`;
  return [
    ...providers.map(({ metadata }) => metadata.name),
    ...vms.map(({ name, children }) => `${name} [${children.map(node).join(' ')}]`),
  ].join(', ');
}

const provider = { providerRef: { kind: 'VMProvider', name: 'azure' } };
const waiting = (name: string, vm: object, more: object = {}) =>
  object('VMSnapshot', name, { spec: { ...provider, source: { vm }, ...more }, reason: 'Queued' });
const copyOf = (name: string, source: object, status: object = {}) =>
  object('RestorePointCopy', name, { spec: { source, target: {} }, status, reason: 'Replicating' });
const collection = (name: string, status: object, reason = 'Available', metadata: object = {}) =>
  object('RestorePointCollection', name, { spec: { ...provider, source: {} }, status, reason, metadata });
const restoreOf = (name: string, snapshot: string, more: object = {}) =>
  object('VMRestore', name, {
    spec: { source: { snapshotRef: { name: snapshot } }, strategy: 'InPlace', ...more },
    reason: 'Restoring',
  });

const point =
  '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/restorePointCollections/c/restorePoints/p';
const holder = point.slice(0, point.indexOf('/restorePoints'));

describe('the tree', () => {
  it.each<[string, AnyObject[], string]>([
    ['is empty of nothing', [], ''],
    [
      'has VMs by name, and the snapshots of each from the newest on',
      [
        readySnapshot('b-1', 'b', { creationTime: '2026-01-01T00:00:00Z' }),
        readySnapshot('b-2', 'b', { creationTime: '2026-01-02T00:00:00Z' }),
        readySnapshot('a-1', 'a'),
      ],
      'a [a-1], b [b-2 b-1]',
    ],
    [
      'puts a snapshot whose VM is not resolved yet to the VM that its name and provider mean',
      [waiting('next', { name: 'a' }), readySnapshot('first', 'a')],
      'a [first next]',
    ],
    [
      'keeps VMs of one name in two resource groups apart',
      [readySnapshot('one', 'a'), readySnapshot('two', 'a', { vm: { id: vmID('a', 'other'), name: 'a' } })],
      'a [one], a [two]',
    ],
    [
      'takes ids of a VM for the same in any spelling',
      [readySnapshot('one', 'a'), waiting('two', { id: vmID('a').toUpperCase() })],
      'a [one two]',
    ],
    [
      'has copies under their snapshots',
      [
        readySnapshot('one', 'a'),
        copyOf('by-name', { snapshotRef: { name: 'one' } }),
        copyOf('by-id', { restorePointID: '/POINTS/one' }),
      ],
      'a [one [by-id by-name]]',
    ],
    [
      'has restores under their snapshots',
      [readySnapshot('one', 'a'), restoreOf('back', 'one')],
      'a [one [back]]',
    ],
    [
      'has a restore whose snapshot is gone under its VM',
      [readySnapshot('one', 'a'), restoreOf('back', 'gone', { target: { vmID: vmID('a') } })],
      'a [one back]',
    ],
    [
      'finds the VM of a copy whose snapshot is gone by the collection of its source',
      [
        collection('auto', { id: holder, source: { id: vmID('a') } }, 'Available', {
          labels: { 'keyframe.dev/automatic': 'true' },
        }),
        copyOf('left', { snapshotRef: { name: 'gone' } }, { sourceRestorePointID: point }),
      ],
      'a [left]',
    ],
    [
      'says that a VM is not known',
      [copyOf('left', { snapshotRef: { name: 'gone' } })],
      `${unknownVM} [left]`,
    ],
    [
      'shows no collection that is in order',
      [readySnapshot('one', 'a'), collection('mine', { source: { id: vmID('a') } })],
      'a [one]',
    ],
    [
      'shows a collection that failed',
      [readySnapshot('one', 'a'), collection('mine', { source: { id: vmID('a') } }, 'AdoptionConflict')],
      'a [one mine]',
    ],
    [
      'keeps namespaces apart',
      [
        readySnapshot('one', 'a'),
        {
          ...readySnapshot('two', 'a'),
          metadata: { ...readySnapshot('two', 'a').metadata, namespace: 'other' },
        },
      ],
      'a [one], a [two]',
    ],
  ])('%s', (_, objects, expected) => {
    expect(sketch(treeOf(objects))).toBe(expected);
  });

  it('says from what a copy was made whose snapshot is not there', () => {
    const tree = treeOf([
      copyOf('left', { snapshotRef: { name: 'gone' } }),
      copyOf('raw', { restorePointID: point }),
    ]);
    expect(tree.vms.flatMap(({ children }) => children.map(({ madeFrom }) => madeFrom))).toEqual([
      'vmsnap/gone, which is not there',
      'restore point p',
    ]);
  });

  it('has those first that need a person, where there is no room for all', () => {
    const failed = object('VMSnapshot', 'bad', {
      spec: { ...provider, source: { vm: { name: 'z' } } },
      reason: 'SourceNotFound',
    });
    const tree = treeOf([readySnapshot('one', 'a'), waiting('two', { name: 'b' }), failed]);
    expect(sketch(byAttention(tree))).toBe('z [bad], b [two], a [one]');
  });
});

describe('a part of the tree', () => {
  const tree = treeOf([
    object('VMProvider', 'azure', { reason: 'Available' }),
    object('VMProvider', 'a', { reason: 'Available' }),
    readySnapshot('one', 'a'),
    readySnapshot('two', 'a'),
    readySnapshot('other', 'b'),
    copyOf('copy', { snapshotRef: { name: 'one' } }),
    restoreOf('one', 'two'),
  ]);

  it.each([
    ['vm/a', 'a [one [copy] two [one]]'],
    [vmID('A'), 'a [one [copy] two [one]]'],
    ['b', 'b [other]'],
    ['vmsnap/one', 'a [one [copy]]'],
    ['vmsnapshots.keyframe.dev/one', 'a [one [copy]]'],
    ['VMRestore/one', 'a [two [one]]'],
    ['copy', 'a [one [copy]]'],
    ['one', 'a [one [copy] two [one]]'],
    ['vmp/azure', 'azure, a [one [copy] two [one]], b [other]'],
  ])('%s is %s', (wanted, expected) => {
    expect(sketch(focused(tree, wanted))).toBe(expected);
  });

  it.each([
    ['vm/c', 'there is no vm/c here', 'There is: vm/a, vm/b.'],
    ['rpcopy/one', 'there is no rpcopy/one here', 'There is: rpcopy/copy.'],
    ['pod/one', '"pod" is no kind that is known here', 'Known are: vm, vmp'],
  ])('%s is told not to be there, with what is', (wanted, message, advice) => {
    expect(() => focused(tree, wanted)).toThrow(
      expect.objectContaining({ message, advice: expect.stringContaining(advice) }),
    );
  });

  it('knows an id that begins with a slash from a kind', () => {
    expect(parsePath(vmID('a'))).toEqual({ kind: undefined, name: vmID('a') });
  });
});

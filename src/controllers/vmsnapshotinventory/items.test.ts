import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxInventoryItems } from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import type { InventoryItem } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import {
  aCopy,
  ago,
  anIntent,
  aSnapshot,
  aTarget,
  cluster,
  endpointID,
  minutes,
  otherUID,
  snapshotStatus,
  uid,
} from '../testing/builders.ts';
import { type Holder, type Holders, listed, managedBy, maxItemBytes, summary } from './items.ts';

const origin = { cluster, endpointID };
const marked = (change: Partial<Parameters<typeof markedName>[0]> = {}) =>
  markedName({ cluster, uid, attempt: 1, ...change });

function item(change: Partial<InventoryItem> = {}): InventoryItem {
  return { id: '/points/p1', name: 'p1', createdAt: ago(5 * minutes), ...change };
}

/** What the caches find among these objects. */
function holding(...holders: Holder[]): Holders {
  const snapshots = holders.filter((holder) => holder.kind === 'VMSnapshot') as ReturnType<
    typeof aSnapshot
  >[];
  const same = (one: string | undefined, other: string) => one?.toLowerCase() === other.toLowerCase();
  return {
    withUID: (wanted) => holders.find(({ metadata }) => metadata.uid === wanted),
    withSnapshot: (id) =>
      snapshots.filter(({ status, spec }) => same(status?.snapshotID ?? spec.source.existing?.id, id)),
    withDiskPart: (id) =>
      snapshots.filter(({ status }) => status?.disks?.some(({ snapshotID }) => same(snapshotID, id))),
  };
}

const made = (status = {}) => aSnapshot({ status: snapshotStatus('Available', status) });
const adopter = (status = {}) =>
  aSnapshot({
    metadata: { uid: otherUID, name: 'adopter' },
    spec: { source: { existing: { id: '/points/p1' } } },
    status: snapshotStatus('Available', {
      snapshotID: '/Points/P1',
      creationTime: ago(5 * minutes),
      ...status,
    }),
  });

describe('a snapshot is managed by', () => {
  const ours = item({ name: marked() });
  it.each<[string, InventoryItem, Holder[], string]>([
    ['the VMSnapshot whose mark it bears', ours, [made()], 'VMSnapshot team-a/snap-1'],
    [
      'the VMSnapshot that is just making it, as its intent says',
      ours,
      [aSnapshot({ intent: anIntent() })],
      'VMSnapshot team-a/snap-1',
    ],
    [
      'the RestorePointCopy whose mark it bears',
      ours,
      [aCopy({ status: { endpointID } })],
      'RestorePointCopy team-a/copy-1',
    ],
    ['the VMSnapshot that adopted it', item(), [adopter()], 'VMSnapshot team-a/adopter'],
    [
      'the VMSnapshot that adopted what an object made that is gone',
      ours,
      [adopter()],
      'VMSnapshot team-a/adopter',
    ],
    [
      'the VMSnapshot that adopted what another cluster made',
      item({ name: marked({ cluster: 'c2' }) }),
      [adopter()],
      'VMSnapshot team-a/adopter',
    ],
    [
      'the VMSnapshot that adopted it, where the vendor rounded its date',
      item({ createdAt: new Date(Date.parse(ago(5 * minutes)) + 999).toISOString() }),
      [adopter()],
      'VMSnapshot team-a/adopter',
    ],
    [
      'the VMSnapshot of which it is one disk',
      item({ id: 'image-1', name: '' }),
      [made({ disks: [{ name: 'os', snapshotID: 'IMAGE-1' }] })],
      'VMSnapshot team-a/snap-1',
    ],
    ['nobody, where none of it is known', item(), [made()], 'Foreign'],
    ['nobody, where its object is gone', ours, [], 'OrphanOfThisCluster'],
    ['another cluster', item({ name: marked({ cluster: 'c2' }) }), [made()], 'OtherCluster'],
    [
      'nobody, where the object of its mark is on another endpoint',
      ours,
      [made({ endpointID: 'azure:elsewhere' })],
      'OrphanOfThisCluster',
    ],
    [
      'nobody, where the object that adopted its id did so on another endpoint',
      item(),
      [adopter({ endpointID: 'azure:elsewhere' })],
      'Foreign',
    ],
    [
      'nobody, where its id was that of another when it was adopted',
      item({ createdAt: ago(minutes) }),
      [adopter()],
      'Foreign',
    ],
    [
      'nobody, where an object only wants to adopt it',
      item(),
      [
        aSnapshot({
          spec: { source: { existing: { id: '/points/p1' } } },
          status: snapshotStatus('AdoptionConflict'),
        }),
      ],
      'Foreign',
    ],
    [
      'nobody, where a status has its id but the object made another, since ids are given again',
      item(),
      [made({ snapshotID: '/points/p1' })],
      'Foreign',
    ],
    [
      'nobody, where an intent of another UID says so, as in a copied manifest',
      ours,
      [aSnapshot({ metadata: { uid: otherUID }, intent: anIntent({ target: aTarget({ name: marked() }) }) })],
      'OrphanOfThisCluster',
    ],
  ])('%s', (_, one, holders, expected) => {
    expect(managedBy(one, holding(...holders), origin)).toBe(expected);
  });
});

describe('the list', () => {
  const list = (items: InventoryItem[], limit = 10, truncated = false) =>
    listed({ items, truncated }, limit, holding(made()), origin);

  it('is newest first, whatever the order of the vendor, and counts whose they are', () => {
    const items = [
      item({ id: 'b', name: marked(), createdAt: ago(3 * minutes) }),
      item({ id: 'undated', createdAt: undefined as unknown as string }),
      item({ id: 'a', name: marked({ uid: otherUID }), createdAt: ago(3 * minutes) }),
      item({ id: 'c', name: marked({ cluster: 'c2' }), createdAt: ago(minutes) }),
    ];
    const result = list(items);
    expect(result.items.map(({ id }) => id)).toEqual(['c', 'a', 'b', 'undated']);
    expect(result.counts).toEqual({ total: 4, managed: 1, otherCluster: 1, orphans: 1, foreign: 1 });
    expect(list(items.toReversed())).toEqual(result);
    expect(summary(result, 'restore point')).toBe(
      '4 restore points: 1 managed here, 1 of other clusters, 1 orphan, 1 foreign',
    );
  });

  it('says that there is more, when the vendor says so and when it gives more than was asked for', () => {
    expect(list([item()], 1, true).truncated).toBe(true);
    const long = list([item({ id: 'a' }), item({ id: 'b' })], 1);
    expect(long).toMatchObject({ truncated: true, counts: { total: 1 } });
    expect(summary(long, 'checkpoint')).toMatch(/^1 checkpoint: .*There are more than are listed$/);
  });

  it('leaves out what has an id that cannot be one', () => {
    expect(list([item({ id: '' }), item({ id: 'x'.repeat(1025) })])).toMatchObject({
      items: [],
      truncated: true,
    });
  });

  it('cuts the words of the vendor, and drops dates that are none', () => {
    const result = list([
      item({
        name: 'n'.repeat(300),
        description: `${'d'.repeat(255)}\u{1F600}`,
        type: 't'.repeat(100),
        state: 's'.repeat(100),
        createdAt: '+275000-01-01T00:00:00Z',
        vmID: 'v'.repeat(1025),
      }),
    ]);
    expect(result.items).toEqual([
      {
        id: '/points/p1',
        name: 'n'.repeat(256),
        description: `${'d'.repeat(255)}\ufffd`,
        type: 't'.repeat(64),
        state: 's'.repeat(64),
        managedBy: 'Foreign',
      },
    ]);
  });

  it('stays below the size that a status may have, whatever the vendor says', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 1200 });
    const anyItem = fc.record({ id: word, name: word, vmID: word, description: word, createdAt: word });
    const anyList = fc.array(anyItem, { maxLength: 20 }).map((items) =>
      // The same again with other ids: many, without the cost of making them up.
      Array.from({ length: 40 }, (_, turn) =>
        items.map((one) => ({ ...one, id: `${turn}${one.id}` })),
      ).flat(),
    );
    fc.assert(
      fc.property(anyList, (items) => {
        const result = list(items, maxInventoryItems);
        expect(Buffer.byteLength(JSON.stringify(result.items))).toBeLessThanOrEqual(
          maxItemBytes + result.items.length + 2,
        );
        expect(result.items.length).toBeLessThanOrEqual(maxInventoryItems);
        expect(result.truncated).toBe(result.items.length < items.length);
        for (const { id } of result.items) expect(id.length).toBeLessThanOrEqual(1024);
      }),
      { numRuns: 30 },
    );
  });
});

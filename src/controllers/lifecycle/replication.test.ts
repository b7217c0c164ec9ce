import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Replication } from '../../api/v1alpha1/common.ts';
import type { DiskReplication, Snapshot } from '../../providers/provider.ts';
import { aPoint, hours, minutes, now } from '../testing/builders.ts';
import { isAway, replicationOf, withoutSmallSteps, worthWriting } from './replication.ts';

const point = aPoint();
const ids = point.disks.map(({ snapshotID = '' }) => snapshotID);
const [os = '', data = ''] = ids;

function view(...replication: DiskReplication[]) {
  return { ...point, replication };
}

const shown = (snapshot: Snapshot, previous?: Replication) =>
  replicationOf(previous, snapshot, now - hours, now);

const disk = (snapshotID: string): fc.Arbitrary<DiskReplication> =>
  fc.record(
    {
      snapshotID: fc.constantFrom(snapshotID, snapshotID.toUpperCase()),
      state: fc.constantFrom('Pending', 'Replicating', 'Succeeded', 'Failed'),
      percent: fc.oneof(fc.integer({ min: 0, max: 100 }), fc.double({ min: 0, max: 100, noNaN: true })),
    },
    { requiredKeys: ['snapshotID', 'state'] },
  );
/** What a vendor may show of two disks: all of them, some, one twice, strange ones, none. */
const views = fc
  .tuple(fc.option(disk(os)), fc.option(disk(data)), fc.option(disk('a strange disk')), fc.option(disk(data)))
  .map((disks) => disks.filter((one) => one !== null));

describe('replication', () => {
  it('never goes back, whatever the vendor shows, until every disk has arrived', () => {
    fc.assert(
      fc.property(fc.array(views, { minLength: 1, maxLength: 12 }), (looks) => {
        let previous: Replication | undefined;
        for (const look of looks) {
          const next = shown(view(...look), previous);
          expect(next.percent).toBeGreaterThanOrEqual(previous?.percent ?? 0);
          for (const one of next.disks) {
            const before = previous?.disks.find(({ name }) => name === one.name)?.percent ?? 0;
            expect(one.percent ?? before).toBeGreaterThanOrEqual(before);
          }
          if (next.state === 'Succeeded') return;
          previous = next;
        }
      }),
    );
  });

  it('is at 100 when, and only when, every disk of the snapshot is Succeeded', () => {
    fc.assert(
      fc.property(views, fc.option(views), (look, earlier) => {
        const previous = earlier === null ? undefined : shown(view(...earlier));
        const next = shown(view(...look), previous);
        const arrived = ids.every((id) => {
          const shownOf = look.filter((one) => one.snapshotID.toLowerCase() === id.toLowerCase());
          return shownOf.length > 0 && shownOf.every(({ state }) => state === 'Succeeded');
        });
        expect(next.state === 'Succeeded').toBe(arrived);
        expect(next.percent === 100).toBe(arrived);
        expect(Number.isInteger(next.percent) && next.percent >= 0).toBe(true);
      }),
    );
  });

  it.each<[string, Snapshot, object]>([
    ['without any view is pending', aPoint(), { state: 'Pending', percent: 0 }],
    [
      'with a view of one disk alone is not the end',
      view({ snapshotID: os, state: 'Succeeded', percent: 100 }),
      {
        state: 'Replicating',
        disks: [
          { state: 'Succeeded', percent: 100 },
          { state: 'Pending', percent: 0 },
        ],
      },
    ],
    [
      'without disks is not the end',
      { ...view({ snapshotID: os, state: 'Succeeded' }), disks: [] },
      { state: 'Pending', percent: 0 },
    ],
    [
      'is weighted by size',
      view({ snapshotID: os, state: 'Succeeded' }, { snapshotID: data, state: 'Replicating', percent: 50 }),
      { state: 'Replicating', percent: 65 },
    ],
    [
      'counts each disk alike where a size is not known',
      {
        ...view(
          { snapshotID: os, state: 'Succeeded' },
          { snapshotID: data, state: 'Replicating', percent: 50 },
        ),
        disks: point.disks.map(({ sizeBytes: _, ...rest }) => rest),
      },
      { percent: 75 },
    ],
    [
      'that stands at 100 percent but is not Succeeded is at 99',
      view(
        { snapshotID: os, state: 'Replicating', percent: 100 },
        { snapshotID: data, state: 'Replicating', percent: 100 },
      ),
      { state: 'Replicating', percent: 99 },
    ],
    [
      'fails with one disk',
      view({ snapshotID: os, state: 'Succeeded' }, { snapshotID: data, state: 'Failed', message: 'why' }),
      { state: 'Failed', disks: [{}, { state: 'Failed', message: 'why' }] },
    ],
    [
      'is matched without case',
      view({ snapshotID: os.toUpperCase(), state: 'Succeeded' }, { snapshotID: data, state: 'Succeeded' }),
      { state: 'Succeeded', percent: 100 },
    ],
  ])('%s', (_sentence, snapshot, expected) => {
    expect(shown(snapshot)).toMatchObject(expected);
  });

  it('tells when it should be done, at the pace so far', () => {
    const half = view(
      { snapshotID: os, state: 'Replicating', percent: 50 },
      { snapshotID: data, state: 'Replicating', percent: 50 },
    );
    expect(shown(half).estimatedCompletionTime).toBe('2026-01-01T13:00:00Z');
  });

  it('does not guess from a pace that says nothing yet', () => {
    const young = view({ snapshotID: os, state: 'Replicating', percent: 4 });
    expect(shown(young)).not.toHaveProperty('estimatedCompletionTime');
  });
});

describe('progress is worth a write', () => {
  const at = (percent: number, state = 'Replicating'): Replication => ({
    state,
    percent,
    disks: [{ name: 'os', state, percent }],
  });
  it.each<[string, Replication | undefined, Replication, number | undefined, boolean]>([
    ['the first time', undefined, at(0), undefined, true],
    ['when its state changes, at once', at(40), at(40, 'Failed'), 0, true],
    [
      'when the state of a disk changes, at once',
      at(40),
      { ...at(40), disks: [{ name: 'os', state: 'Succeeded' }] },
      0,
      true,
    ],
    ['after five points and a minute', at(40), at(45), minutes, true],
    ['after five points that this process has seen none of', at(40), at(45), undefined, true],
    ['not after five points in less than a minute', at(40), at(45), minutes - 1, false],
    ['not after four points, however long they took', at(40), at(44), hours, false],
    ['not when nothing moved', at(40), at(40), hours, false],
  ])('%s', (_sentence, previous, next, sinceMs, worth) => {
    expect(worthWriting(previous, next, sinceMs, minutes)).toBe(worth);
  });
});

describe('a percentage alone', () => {
  const next = (percent: number) => ({ progress: { percent } });
  it.each<[string, number | undefined, number, number | undefined, number, number | undefined]>([
    ['is not written before a minute has passed', undefined, 40, undefined, minutes - 1, undefined],
    ['is written after that', undefined, 40, undefined, minutes, 40],
    ['is written after five points and a minute', 40, 45, minutes, hours, 45],
    ['is not written after less than a minute', 40, 80, minutes - 1, hours, 40],
    ['is not written after less than five points', 40, 44, minutes, hours, 40],
  ])('%s', (_sentence, before, percent, sinceLastMs, sinceBegunMs, expected) => {
    const shown = withoutSmallSteps(before === undefined ? {} : next(before), next(percent), {
      sinceLastMs,
      sinceBegunMs,
      intervalMs: minutes,
    });
    expect(shown).toEqual(expected === undefined ? {} : next(expected));
  });

  it('is taken away with what it was of', () => {
    const gone = { progress: undefined };
    const times = { sinceLastMs: 0, sinceBegunMs: 0, intervalMs: minutes };
    expect(withoutSmallSteps(next(40), gone, times)).toEqual(gone);
  });
});

describe('a snapshot', () => {
  it.each([
    ['in the region of its VM is local', 'westeurope', false],
    ['in another region is away', 'northeurope', true],
    ['of a VM whose region is not known may be away', undefined, true],
  ])('%s', (_sentence, vmLocation, away) => {
    const target = { containerID: '', name: '', location: 'westeurope' };
    expect(isAway(vmLocation === undefined ? target : { ...target, vmLocation })).toBe(away);
  });
});

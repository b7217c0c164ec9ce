import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../providers/outcome.ts';
import type { Changes, VMOperator } from '../providers/provider.ts';
import { silentLogger } from '../runtime/log.ts';
import { FakeClock } from '../runtime/testing/fake-clock.ts';
import { aProvider, aVMOperator, done, engineID, unavailable } from './testing/builders.ts';
import { VendorChanges } from './vendor-changes.ts';

const interval = 10_000;
const other = 'ovirt:other.example/ovirt-engine';

describe('what moves at an endpoint', () => {
  const clock = new FakeClock();
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });

  /** Follows endpoints that answer from a list, one answer for each question. */
  function follow(answers: Record<string, Outcome<Changes>[]>, busy = new Set(Object.keys(answers))) {
    const asked: string[] = [];
    const told: [endpoint: string, vms: string[] | 'all'][] = [];
    const connections = Object.entries(answers).map(
      ([endpointID, list]): VMOperator =>
        aVMOperator({
          endpointID,
          changes: async (cursor) => {
            asked.push(`${endpointID} ${cursor ?? 'from now on'}`);
            return list.shift() ?? done({ cursor: 'last', vmIDs: [] });
          },
        }),
    );
    const changes = new VendorChanges({
      clock,
      log: silentLogger,
      intervalMs: interval,
      connections: () => [aProvider(), ...connections, ...connections],
      isBusy: (endpointID) => busy.has(endpointID),
      moved: (endpointID, vmIDs) => told.push([endpointID, vmIDs]),
    });
    changes.start();
    stops.push(() => changes.stop());
    return { asked, told, changes, busy };
  }

  it('is asked once in each interval, however many connections lead there, and each VM is told', async () => {
    const { asked, told, changes } = follow({
      [engineID]: [done({ cursor: '7', vmIDs: [] }), done({ cursor: '9', vmIDs: ['vm-1'] })],
    });
    expect(changes.isFollowed(engineID)).toBe(false);
    await clock.advance(3 * interval);
    expect(asked).toEqual([`${engineID} from now on`, `${engineID} 7`, `${engineID} 9`]);
    // What moved before the first answer is not in it.
    expect(told).toEqual([
      [engineID, 'all'],
      [engineID, ['vm-1']],
    ]);
    expect(changes.isFollowed(engineID)).toBe(true);
  });

  it('is not asked while nothing is under way there', async () => {
    const { asked, changes, busy } = follow({ [engineID]: [] });
    await clock.advance(interval);
    busy.clear();
    await clock.advance(5 * interval);
    expect(asked).toHaveLength(1);
    expect(changes.isFollowed(engineID)).toBe(false);
  });

  it('is taken for all VMs where the endpoint cannot tell which', async () => {
    const { told } = follow({
      [engineID]: [
        done({ cursor: '1', vmIDs: [] }),
        done({ cursor: '2', vmIDs: ['vm-1'], everything: true }),
      ],
    });
    await clock.advance(2 * interval);
    expect(told.at(-1)).toEqual([engineID, 'all']);
  });

  it('is not relied upon where the endpoint does not answer, and no other endpoint suffers', async () => {
    const { told, changes } = follow({
      [engineID]: [done({ cursor: '1', vmIDs: [] }), unavailable],
      [other]: [done({ cursor: '1', vmIDs: [] }), done({ cursor: '2', vmIDs: ['vm-2'] })],
    });
    await clock.advance(2 * interval);
    expect(changes.isFollowed(engineID)).toBe(false);
    expect(changes.isFollowed(other)).toBe(true);
    expect(told).toContainEqual([other, ['vm-2']]);
    expect(told.filter(([endpoint]) => endpoint === engineID)).toEqual([
      [engineID, 'all'],
      [engineID, 'all'],
    ]);
  });

  it('is asked no more at the end', async () => {
    const { asked, changes } = follow({ [engineID]: [] });
    changes.stop();
    await clock.advance(3 * interval);
    expect(asked).toEqual([]);
    expect(clock.armed).toBe(0);
  });
});

import { describe, expect, it } from 'vitest';
import type { VMSnapshotStatus } from '../../api/v1alpha1/vm-snapshot.ts';
import type { SnapshotTarget } from '../../providers/provider.ts';
import { markedName } from '../intent.ts';
import type { Finish } from '../lifecycle/facts.ts';
import {
  ago,
  anIntent,
  aPoint,
  aSnapshot,
  aTarget,
  aVM,
  cluster,
  done,
  endpointID,
  hours,
  minutes,
  now,
  type ObjectChange,
  snapshotFacts,
  snapshotStatus,
  uid,
  vmA,
  vmHeldSnapshot,
  vmHeldTarget,
} from '../testing/builders.ts';
import { recordedOf, statusOf } from './status.ts';

type Change = ObjectChange<ReturnType<typeof aSnapshot>>;

/** What one finish adds to the status of an object. */
function status(finish: Omit<Finish, 'do'>, change: Change = {}, seen = {}): VMSnapshotStatus {
  const object = aSnapshot({ intent: anIntent(), ...change });
  return statusOf(snapshotFacts({ object, seen }), { do: 'Finish', ...finish });
}

const provisioning = { reason: 'Provisioning', message: 'm' } as const;
const point = aPoint();

describe('the status of a snapshot', () => {
  it('shows what the vendor shows', () => {
    const next = status({
      verdict: provisioning,
      record: { snapshotID: point.id },
      snapshot: aPoint({ excludedDiskIDs: [`${vmA}/disks/scratch`] }),
    });
    expect(next).toMatchObject({
      provisioningState: 'Pending',
      readyToUse: false,
      endpointID,
      location: 'westeurope',
      vm: { id: vmA, name: 'vm-a', uid: 'vm-uid-a' },
      creationTime: ago(5 * minutes),
      vendor: { provisioningState: 'Succeeded' },
      consistency: { level: 'Application', indications: [{ type: 'Partial' }] },
      disks: [{ name: 'os', sizeBytes: 30, snapshotID: point.disks[0]?.snapshotID }, { name: 'data' }],
    });
  });

  it('keeps the first word of the vendor on when a snapshot was made', () => {
    const known = snapshotStatus('Provisioning', { snapshotID: point.id, creationTime: ago(6 * minutes) });
    expect(status({ snapshot: point }, { status: known }).creationTime).toBe(ago(6 * minutes));
  });

  it('takes the time of the next attempt for another snapshot', () => {
    const known = snapshotStatus('Provisioning', { snapshotID: point.id, creationTime: ago(6 * minutes) });
    const next = aPoint({ name: markedName({ cluster, uid, attempt: 2 }) });
    expect(status({ snapshot: next }, { status: known }).creationTime).toBe(ago(5 * minutes));
  });

  it('takes away what an attempt had shown when that turns out to have made nothing', () => {
    const next = status(
      { verdict: provisioning, record: { snapshotID: null, provisioningState: 'Pending' } },
      { status: snapshotStatus('Provisioning', { snapshotID: point.id, creationTime: ago(minutes) }) },
    );
    expect(next).toMatchObject({
      snapshotID: undefined,
      creationTime: undefined,
      disks: undefined,
      vendor: undefined,
    });
    expect(next.provisioningState).toBe('Pending');
  });

  it('does not believe a time that is none', () => {
    expect(status({ snapshot: aPoint({ createdAt: 'yesterday' }) })).not.toHaveProperty('creationTime');
  });

  it('says when it was complete, once, and when its time to live ends', () => {
    const first = status({ verdict: provisioning, record: { completedAt: now } }, { spec: { ttl: '1h' } });
    expect(first).toMatchObject({ completionTime: ago(0), expirationTime: ago(-hours) });
    const again = status(
      { record: { completedAt: now } },
      { spec: { ttl: '2h' }, status: snapshotStatus('Available', { completionTime: ago(hours) }) },
    );
    expect(again).not.toHaveProperty('completionTime');
    expect(again.expirationTime).toBe(ago(-hours));
  });

  describe('has the percent of the job', () => {
    const running = { operation: done({ state: 'Running' as const, percent: 40 }) };
    const shown = (change: Change = {}) => status({ verdict: provisioning }, change, running).progress;
    it('that makes it', () => expect(shown()).toEqual({ percent: 40 }));
    it('that never goes back', () =>
      expect(shown({ status: snapshotStatus('Provisioning', { progress: { percent: 60 } }) })).toEqual({
        percent: 60,
      }));
    it('not of one that changes it later', () =>
      expect(shown({ status: snapshotStatus('Available', { completionTime: ago(hours) }) })).toBeUndefined());
    it('not of one that removes it', () =>
      expect(shown({ metadata: { deletionTimestamp: ago(minutes) } })).toBeUndefined());
  });

  it('names the VM that the spec names until it is resolved', () => {
    const object = aSnapshot({ spec: { source: { vm: { name: 'app' } } } });
    expect(statusOf(snapshotFacts({ object }), { do: 'Finish', verdict: provisioning }).vm).toEqual({
      name: 'app',
    });
    const resolved = snapshotFacts({ object, seen: { vm: done(aVM()) } });
    expect(statusOf(resolved, { do: 'Finish', verdict: provisioning }).vm).toEqual({
      id: vmA,
      name: 'vm-a',
      uid: 'vm-uid-a',
    });
  });

  it('has no replication of a local snapshot', () => {
    expect(status({ snapshot: point })).not.toHaveProperty('replication');
  });

  it('has the replication of one that is away, once that has begun', () => {
    const away = { intent: anIntent({ target: aTarget({ location: 'northeurope' }) }) };
    expect(status({ snapshot: point }, away).replication).toMatchObject({ state: 'Pending', percent: 0 });
    expect(status({ snapshot: aPoint({ state: 'Creating' }) }, away)).not.toHaveProperty('replication');
  });

  it('says nothing where a run has nothing to say', () => {
    const known = snapshotStatus('Available', { provisioningState: 'Succeeded', readyToUse: true });
    const next = status({}, { status: known });
    expect(next).not.toHaveProperty('provisioningState');
    expect(next).not.toHaveProperty('readyToUse');
  });

  it('shows what deletion will do', () => {
    expect(status({}).deletionPolicy).toBe('Delete');
    expect(status({}, { spec: { source: { existing: { id: point.id } } } }).deletionPolicy).toBe('Retain');
  });
});

describe('how consistent a snapshot is that its VM holds', () => {
  const level = (target: Partial<SnapshotTarget>) => {
    const object = aSnapshot({ intent: anIntent({ target: vmHeldTarget(target) }) });
    return statusOf(snapshotFacts({ object }), { do: 'Finish', snapshot: vmHeldSnapshot() }).consistency
      ?.level;
  };
  it('is told where the vendor freezes the guest', () =>
    expect(level({ power: 'On', quiesces: true })).toBe('FileSystem'));
  it('is all there was of a VM that was off', () =>
    expect(level({ power: 'Off', quiesces: false })).toBe('Application'));
  it('is not known of a running one where nobody tells, as on SPF', () =>
    expect(level({ power: 'On', quiesces: false })).toBeUndefined());
});

describe('what the protocol reads of a status', () => {
  it('is the VM that holds it, and its stamp', () => {
    const vm = { id: 'v', name: 'web', uid: 'v' };
    const held = (status: VMSnapshotStatus) =>
      recordedOf(aSnapshot({ status: { snapshotID: 'x', vm, ...status } }));
    expect(held({ stampID: 's' })).toMatchObject({
      containerID: 's/v',
      heldBy: { vmID: 'v', vmName: 'web', stampID: 's' },
    });
    expect(held({})).toMatchObject({ containerID: 'v', heldBy: { vmID: 'v', vmName: 'web' } });
    expect(held({ snapshotID: point.id })).not.toHaveProperty('heldBy');
  });

  it('is nothing of an object without one', () => {
    expect(recordedOf(aSnapshot())).toMatchObject({
      reason: undefined,
      readyToUse: false,
      snapshotID: undefined,
    });
  });

  it('has the reason of Ready', () => {
    expect(recordedOf(aSnapshot({ status: snapshotStatus('Queued') })).reason).toBe('Queued');
  });
});

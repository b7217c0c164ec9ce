import { beforeEach, describe, expect, it } from 'vitest';
import { ApiError, TransportError } from './kube/errors.ts';
import { LeaderElection, type Lease, leaseResource, uniqueIdentity } from './leader-election.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { FakeKubeClient } from './testing/fake-kube-client.ts';

const ref = { namespace: 'system', name: 'keyframe' };

let client: FakeKubeClient;
let clock: FakeClock;
beforeEach(() => {
  client = new FakeKubeClient();
  clock = new FakeClock();
});

class Candidate {
  readonly election: LeaderElection;
  readonly log: string[] = [];
  /** Settles when it takes part no more. */
  readonly ended: Promise<void>;
  signal: AbortSignal | undefined;

  /** Takes part from now on. */
  constructor(identity: string, ownClock = clock) {
    this.election = new LeaderElection({
      client,
      ...ref,
      identity,
      clock: ownClock,
      random: () => 0,
      onStartedLeading: (signal) => {
        this.signal = signal;
        this.log.push('started');
      },
      onStoppedLeading: (lost) => this.log.push(lost ? 'lost' : 'stopped'),
    });
    this.ended = this.election.run();
  }
}

/** A candidate that has won. */
async function leader(): Promise<Candidate> {
  const candidate = new Candidate('a');
  await clock.advance(1);
  return candidate;
}

async function lease(): Promise<Lease['spec']> {
  return (await client.get<Lease>(leaseResource, ref)).spec;
}

describe('leader election', () => {
  it('is won by one of two candidates, and kept by renewal', async () => {
    const a = await leader();
    const b = new Candidate('b');
    await clock.advance(300_000);
    expect([a.log, b.log]).toEqual([['started'], []]);
    expect([a.election.isLeader, b.election.isLeader, b.election.leader]).toEqual([true, false, 'a']);
    expect(await lease()).toMatchObject({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
  });

  it('writes times with six digits after the point', async () => {
    await leader();
    expect(await lease()).toMatchObject({
      renewTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      acquireTime: expect.stringMatching(/\.\d{6}Z$/),
    });
  });

  it('passes on at once when the leader stops, and ends its signal first', async () => {
    const a = await leader();
    const b = new Candidate('b');
    await clock.advance(10_000);
    const stopped = a.election.stop();
    expect(a.signal?.aborted).toBe(true);
    await stopped;
    expect(a.log).toEqual(['started', 'stopped']);
    expect((await lease())?.holderIdentity).toBe('');
    await clock.advance(2_000);
    expect(b.log).toEqual(['started']);
    expect((await lease())?.leaseTransitions).toBe(1);
  });

  it('passes on after the lease duration when the leader dies, not before', async () => {
    await client.create(leaseResource, {
      metadata: ref,
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, leaseTransitions: 4 },
    });
    const b = new Candidate('b');
    await clock.advance(14_900);
    expect(b.log).toEqual([]);
    await clock.advance(2_100);
    expect(b.log).toEqual(['started']);
    expect((await lease())?.leaseTransitions).toBe(5);
  });

  it.each([-86_400_000, 86_400_000])('is not misled by clocks that differ by %i ms', async (skew) => {
    const a = await leader();
    // The other candidate shares the passing of time, but not the date.
    const skewed = new FakeClock(clock.now() + skew);
    const b = new Candidate('b', skewed);
    for (let second = 0; second < 120; second++) {
      await clock.advance(1_000);
      await skewed.advance(1_000);
    }
    expect([a.log, b.log]).toEqual([['started'], []]);
  });

  it('is not misled by a wall clock that jumps', async () => {
    const a = await leader();
    const b = new Candidate('b');
    await clock.advance(5_000);
    clock.jumpWallClock(3_600_000);
    await clock.advance(60_000);
    clock.jumpWallClock(-7_200_000);
    await clock.advance(60_000);
    expect([a.log, b.log]).toEqual([['started'], []]);
  });

  it('is lost at the renew deadline when the server does not answer, before anyone else may lead', async () => {
    const a = await leader();
    const heldAt = clock.monotonic();
    let hung = 0;
    client.before = () => {
      hung++;
      return new Promise(() => undefined);
    };
    let abortedAt: number | undefined;
    a.signal?.addEventListener('abort', () => {
      abortedAt = clock.monotonic();
    });
    await clock.advance(30_000);
    expect(hung).toBeGreaterThan(0);
    expect((abortedAt ?? Number.POSITIVE_INFINITY) - heldAt).toBeLessThanOrEqual(10_000);
  });

  it.each([
    ['before', 4_000, 10_000],
    ['after', 9_000, 15_000],
  ])(
    'counts the deadline from before a slow request: silent %s the first renewal',
    async (_, silentAt, deadline) => {
      // Won by requests that began at 0, renewed by requests that began at 5 s.
      client.before = () => new Promise((resolve) => clock.setTimer(1_500, resolve));
      const a = new Candidate('a');
      await clock.advance(silentAt);
      client.before = () => new Promise(() => undefined);
      await clock.advance(deadline - silentAt - 1);
      expect([a.signal?.aborted, a.election.isLeader]).toEqual([false, true]);
      await clock.advance(1);
      expect([a.signal?.aborted, a.election.isLeader]).toEqual([true, false]);
    },
  );

  it('survives failures shorter than the renew deadline', async () => {
    const a = await leader();
    client.before = () => {
      throw new TransportError('reset', { sent: true });
    };
    await clock.advance(7_000);
    client.before = () => undefined;
    await clock.advance(60_000);
    expect(a.log).toEqual(['started']);
    expect(a.signal?.aborted).toBe(false);
  });

  it('ends, and leads no more, when renewals fail for too long', async () => {
    const a = await leader();
    client.before = () => {
      throw new TransportError('reset', { sent: true });
    };
    await clock.advance(10_500);
    await a.ended;
    expect(a.log).toEqual(['started', 'lost']);
    client.before = () => undefined;
    await clock.advance(60_000);
    expect(a.log).toEqual(['started', 'lost']);
  });

  it.each([
    ['with another holder', 'thief'],
    ['free: somebody else has led meanwhile', ''],
  ])('is lost at once, and not taken back, when the lease is found %s', async (_, holderIdentity) => {
    const a = await leader();
    await client.mergePatch(leaseResource, ref, { spec: { holderIdentity } });
    await clock.advance(2_000);
    expect(a.log).toEqual(['started', 'lost']);
    await clock.advance(28_000);
    expect(a.log).toEqual(['started', 'lost']);
    expect((await lease())?.holderIdentity).toBe(holderIdentity);
  });

  it('holds a lease that was deleted under it', async () => {
    const a = await leader();
    await client.delete(leaseResource, ref);
    await clock.advance(60_000);
    expect(a.log).toEqual(['started']);
    expect((await lease())?.holderIdentity).toBe('a');
  });

  it('never has two leaders at once, whatever fails between them and the server', async () => {
    let seed = 7;
    const chance = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    let outage = false;
    client.before = () => {
      if (outage && chance() < 0.8) throw new TransportError('reset', { sent: true });
    };
    client.after = () => {
      if (outage && chance() < 0.8) throw new TransportError('reset after the effect', { sent: true });
    };
    const candidates: Candidate[] = [];
    let transitions = 0;
    for (let second = 0; second < 3_000; second++) {
      if (second % 60 === 0) outage = !outage;
      while (candidates.filter((each) => !each.log.includes('lost')).length < 2) {
        candidates.push(new Candidate(`c${candidates.length}`));
        transitions++;
      }
      await clock.advance(1_000);
      expect(
        candidates.filter((each) => each.signal !== undefined && !each.signal.aborted).length,
      ).toBeLessThan(2);
    }
    expect(transitions).toBeGreaterThan(5);
  }, 30_000);

  it('can be stopped before it is won, and says nothing then', async () => {
    await leader();
    const b = new Candidate('b');
    await clock.advance(5_000);
    await b.election.stop();
    await b.ended;
    expect(b.log).toEqual([]);
    expect((await lease())?.holderIdentity).toBe('a');
  });

  it('says so while the right to the Lease is missing, and leads once it is granted', async () => {
    client.before = () => {
      throw new ApiError({ status: 403, reason: 'Forbidden', message: 'cannot get leases' });
    };
    const a = new Candidate('a');
    await clock.advance(10_000);
    expect([a.election.obstacle, a.log]).toEqual(['cannot get leases', []]);
    client.before = () => undefined;
    await clock.advance(10_000);
    expect([a.election.obstacle, a.log]).toEqual([undefined, ['started']]);
  });

  it('refuses durations that cannot work, and makes unique identities', () => {
    const options = { client, ...ref, onStartedLeading() {}, onStoppedLeading() {} };
    expect(() => new LeaderElection({ ...options, renewDeadlineMs: 15_000 })).toThrow(/longer than/);
    expect(uniqueIdentity()).not.toBe(uniqueIdentity());
    expect(uniqueIdentity()).toMatch(/^.+_\d+_[0-9a-f]{8}$/);
  });
});

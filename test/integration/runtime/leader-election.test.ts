import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../src/runtime/kube/client.ts';
import { LeaderElection, type Lease, leaseResource } from '../../../src/runtime/leader-election.ts';
import { type ControlPlane, startControlPlane } from '../../controlplane/control-plane.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { connect, until } from './connect.ts';

/** Its own control plane, since its API server is stopped on the way. */
let controlPlane: ControlPlane;
let client: KubeClient;

beforeAll(async () => {
  controlPlane = await startControlPlane({ own: true });
  client = await connect(controlPlane);
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

class Candidate {
  readonly election: LeaderElection;
  signal: AbortSignal | undefined;
  ended: 'lost' | 'stopped' | undefined;

  constructor(namespace: string, identity: string) {
    this.election = new LeaderElection({
      client,
      namespace,
      name: 'keyframe',
      identity,
      leaseDurationMs: 3_000,
      renewDeadlineMs: 2_000,
      retryPeriodMs: 300,
      onStartedLeading: (signal) => {
        this.signal = signal;
      },
      onStoppedLeading: (lost) => {
        this.ended = lost ? 'lost' : 'stopped';
      },
    });
    void this.election.run();
  }

  get leads(): boolean {
    return this.signal !== undefined && !this.signal.aborted;
  }
}

describe('leader election with real Leases', () => {
  it('has one leader, and passes on at once when it stops', async () => {
    const namespace = await controlPlane.createNamespace('runtime-leader');
    const candidates = [new Candidate(namespace, 'a'), new Candidate(namespace, 'b')];
    const leaders = () => candidates.filter((each) => each.leads);
    await until('a leader', () => leaders().length === 1);
    const first = leaders()[0] as Candidate;
    const renewals = new Set<string | undefined>();
    await waitFor('three renewals', async () => {
      const lease = await client.get<Lease>(leaseResource, { namespace, name: 'keyframe' });
      expect(lease.spec?.holderIdentity).toBe(first.election.identity);
      expect(leaders().length).toBe(1);
      renewals.add(lease.spec?.renewTime);
      return renewals.size > 3 || undefined;
    });

    await first.election.stop();
    expect(first.ended).toBe('stopped');
    await until('the other one', () => leaders().length === 1, 2_500);
    const second = leaders()[0] as Candidate;
    expect(second).not.toBe(first);
    const lease = await client.get<Lease>(leaseResource, { namespace, name: 'keyframe' });
    expect(lease.spec).toMatchObject({ holderIdentity: second.election.identity, leaseTransitions: 1 });
    await second.election.stop();
    const free = await client.get<Lease>(leaseResource, { namespace, name: 'keyframe' });
    expect(free.spec?.holderIdentity ?? '').toBe('');
  });

  it('ends all leading while the API server is away, and has a leader again afterwards', async () => {
    const namespace = await controlPlane.createNamespace('runtime-leader');
    const first = new Candidate(namespace, 'a');
    await until('the leader', () => first.leads);
    const second = new Candidate(namespace, 'b');
    await controlPlane.stopApiServer();
    await until('the end of leading', () => first.ended === 'lost', 5_000);
    expect([first.leads, second.leads]).toEqual([false, false]);
    await controlPlane.restartApiServer();
    await until('the next leader', () => second.leads);
    expect(first.leads).toBe(false);
    await second.election.stop();
  });
});

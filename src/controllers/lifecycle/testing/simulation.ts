import { condition } from '../../../api/conditions.ts';
import { isTerminal } from '../../../api/reasons.ts';
import type { VMSnapshot } from '../../../api/v1alpha1/vm-snapshot.ts';
import type { AnyProvider } from '../../../providers/any-provider.ts';
import type { WriteCall } from '../../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../../providers/provider.ts';
import type { Reconcile } from '../../../runtime/controller.ts';
import type { KubeClient } from '../../../runtime/kube/client.ts';
import { markedName } from '../../intent.ts';
import { Listings } from '../../listings.ts';
import { resourceTypes } from '../../resources.ts';
import {
  aCollection,
  aPoint,
  aSnapshot,
  cluster,
  hours,
  minutes,
  now,
  otherUID,
  settings,
  snapshotNeighbours,
  vmHeldSnapshot,
} from '../../testing/builders.ts';
import { type Mishaps, noMishaps, type Process, Simulation } from '../../testing/life/simulation.ts';
import type { SnapshotNeighbours } from '../../vmsnapshot/facts.ts';
import { snapshotPolicy } from '../../vmsnapshot/policy.ts';
import { Engine } from '../engine.ts';
import { ModelEngine } from './model-engine.ts';
import { ModelVendor, type VendorFaults } from './model-vendor.ts';

/** What happens to one snapshot in one simulated life. Probabilities from 0 to 1. */
export interface Life extends Mishaps, VendorFaults {
  vendor: 'azure' | 'ovirt';
  /** oVirt: the guest is frozen and thawed by calls of our own. */
  freeze: boolean;
  /** Azure: the restore point is taken directly in another region, and replicates. */
  far: boolean;
  /** The achieved consistency must be Application. */
  require: boolean;
  /** The wall clock jumps by minutes, forth and back. */
  jumps: boolean;
}

export const noFaults: Omit<Life, 'seed'> = {
  ...noMishaps,
  vendor: 'azure',
  freeze: false,
  far: false,
  require: false,
  failForGood: 0,
  refuseRemoval: 0,
  fallShort: 0,
  jumps: false,
};

/** What is left at the end of a life. */
export interface Ending {
  /** undefined when the object is gone. */
  object: VMSnapshot | undefined;
  /** Ours at the vendor. */
  present: Snapshot[];
  /** Broken rules, in words. */
  wrongs: string[];
  /** Names under which something was asked to be made. */
  sent: string[];
  kubernetesWrites: number;
  vendorReads: number;
  history: string[];
}

const faultNames: readonly (keyof VendorFaults)[] = [
  'refuse',
  'loseAnswer',
  'fail',
  'failForGood',
  'loseRead',
  'refuseRemoval',
  'slow',
  'fallShort',
];

/** Plays one life to its end. The same `life` gives the same ending. */
export async function play(life: Life): Promise<Ending> {
  return new SnapshotSimulation(life).play();
}

class SnapshotSimulation extends Simulation<VMSnapshot> {
  readonly #life: Life;
  readonly #vendor: ModelVendor | ModelEngine;

  constructor(life: Life) {
    super(life, {
      resource: resourceTypes.VMSnapshot,
      name: 'snap-1',
      provider: 'VMProvider/team-a/azure',
    });
    this.#life = life;
    const stranger = aPoint({
      name: markedName({ cluster, uid: otherUID, attempt: 1 }),
      createdAt: '2025-01-01T00:00:00Z',
    });
    const faults = this.faultsOf<VendorFaults>(life, faultNames);
    this.#vendor =
      life.vendor === 'azure'
        ? new ModelVendor(this.clock, this.chance, faults, [stranger])
        : new ModelEngine(
            this.clock,
            this.chance,
            faults,
            [vmHeldSnapshot({ id: 'stranger', name: stranger.name, createdAt: '2025-01-01T00:00:00Z' })],
            life.freeze,
          );
  }

  async play(): Promise<Ending> {
    await this.kube.create(resourceTypes.RestorePointCollection, aCollection(this.#collection));
    await this.live(this.#object(), {
      stormMs: 2.5 * hours,
      calmMs: 4 * hours,
      rivalWithinMs: this.#life.rivals && this.chance.happens(0.5) ? 3_000 : 10 * minutes,
    });
    const leftFrozen = 'frozenAt' in this.#vendor && this.#vendor.frozenAt !== undefined;
    return {
      object: await this.stored(),
      present: this.#vendor.present(),
      wrongs: [...this.wrongs, ...this.#vendor.wrongs, ...(leftFrozen ? ['the guest was left frozen'] : [])],
      sent: this.#vendor.sent.map(({ name }) => name),
      kubernetesWrites: this.kube.writes.length - 2,
      vendorReads: this.#vendor.reads,
      history: this.history,
    };
  }

  protected override happenings(): void {
    if (!this.#life.jumps) return;
    this.nowAndThen(20 * minutes, () => this.clock.jumpWallClock(this.chance.between(-10, 10) * minutes));
  }

  get #collection() {
    return this.#life.far ? { spec: { location: 'northeurope' }, status: { location: 'northeurope' } } : {};
  }

  #object(): VMSnapshot {
    const { far, require, vendor, freeze } = this.#life;
    if (vendor === 'ovirt')
      return aSnapshot({
        metadata: { creationTimestamp: new Date(now).toISOString(), annotations: {} },
        spec: {
          source: { vm: { name: 'vm-a' } },
          deadline: '30m',
          startDeadline: '1h',
          ovirt: freeze ? { freeze: 'Always' } : {},
        },
      });
    return aSnapshot({
      metadata: { creationTimestamp: new Date(now).toISOString(), annotations: {} },
      spec: {
        deadline: '30m',
        startDeadline: '1h',
        azure: {
          collectionRef: { name: 'rpc' },
          ...(far ? { allowDirectCrossRegion: { location: 'northeurope' } } : {}),
        },
        ...(require ? { consistency: { level: 'Application', policy: 'Require' } } : {}),
      },
    });
  }

  protected override reconcilerOf(process: Process<VMSnapshot>, client: KubeClient): Reconcile {
    const engine = new Engine<VMSnapshot, SnapshotNeighbours>({
      ...this.partsOf(process, client, { bounded: false }),
      resource: resourceTypes.VMSnapshot,
      policy: snapshotPolicy,
      neighbours: () => ({ ...snapshotNeighbours, collection: () => aCollection(this.#collection) }),
      client,
      listings: new Listings(this.clock, settings.driftIntervalMs / 2),
    });
    return (key, context) => engine.reconcile(key, context);
  }

  protected override providerOf(process: Process<VMSnapshot>): AnyProvider {
    const vendor = this.#vendor.provider(process.gate);
    return {
      ...vendor,
      createSnapshot: (target: SnapshotTarget, call: WriteCall) =>
        vendor.createSnapshot(target, this.timed(process, call)),
    };
  }

  protected override judge(
    object: VMSnapshot,
    status: NonNullable<VMSnapshot['status']>,
    before: VMSnapshot['status'],
  ): void {
    const reason = reasonOf(status);
    const was = reasonOf(before);
    const late = was === 'DeadlineExceeded' || was === 'OutcomeUnknown';
    const goes = object.metadata.deletionTimestamp !== undefined;
    if (isTerminal(was) && !isTerminal(reason) && !(late && reason === 'Available') && !goes)
      this.wrongs.push(`what had ended (${was}) went on (${reason})`);
    this.note(`status: ${reason} ${status.provisioningState} attempts ${status.operation?.attempts ?? '-'}`);
    const percent = (of: typeof status | undefined) => of?.replication?.percent ?? 0;
    // A percentage belongs to what is being copied: another attempt begins anew, and only that.
    const another = status.replication === undefined && status.snapshotID !== before?.snapshotID;
    if (percent(status) < percent(before) && !another) this.wrongs.push('percent went back');
    if (before?.completionTime !== undefined) {
      if (before.completionTime !== status.completionTime) this.wrongs.push('completionTime changed');
      if (before.snapshotID !== status.snapshotID) this.wrongs.push('snapshotID changed after completion');
      if (before.creationTime !== status.creationTime)
        this.wrongs.push('creationTime changed after completion');
    }
    // One that is being deleted says so by its deletionTimestamp.
    if (status.readyToUse !== true || goes) return;
    const point = this.#vendor.present().find((candidate) => candidate.id === status.snapshotID);
    if (point?.state !== 'Succeeded') this.wrongs.push(`readyToUse, but the point is ${point?.state}`);
    if (point?.replication?.some((disk) => disk.state !== 'Succeeded'))
      this.wrongs.push('readyToUse before all data has arrived');
    if (this.#life.vendor === 'azure' && this.#life.require && point?.consistency !== 'Application')
      this.wrongs.push('readyToUse in spite of a consistency that falls short');
  }
}

function reasonOf(status: VMSnapshot['status']): string {
  return condition(status?.conditions, 'Ready')?.reason ?? '';
}

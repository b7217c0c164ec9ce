import type { AzureProvider } from '../../../providers/azure/azure-provider.ts';
import { pointID } from '../../../providers/azure/ids.ts';
import { sameID } from '../../../providers/ids.ts';
import type { Failure, Outcome, WriteCall } from '../../../providers/outcome.ts';
import type {
  CreateAccepted,
  OperationAccepted,
  OperationState,
  Snapshot,
  SnapshotTarget,
} from '../../../providers/provider.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { anAzureCollection, aProvider, aVM } from '../../testing/builders.ts';
import type { Chance } from '../../testing/life/chance.ts';
import {
  type CallFaults,
  type Gate,
  ModelCalls,
  requestTimeoutMs,
  unknown,
} from '../../testing/life/model-calls.ts';

/** How often what goes wrong, from 0 (never) to 1. */
export interface VendorFaults extends CallFaults {
  /** A failure of what was accepted is for good. */
  failForGood: number;
  /** A removal is refused for now. */
  refuseRemoval: number;
  /** What was achieved falls short of what was required. */
  fallShort: number;
}

interface Point {
  target: SnapshotTarget;
  id: string;
  correlationID: string;
  /** When it began to be, when anyone can see it, and when the vendor is done with it; monotonic. */
  madeAt: number;
  visibleAt: number;
  doneAt: number;
  arrivedAt: number;
  createdAt: string;
  failure: Failure | undefined;
  fallsShort: boolean;
  goneAt: number | undefined;
}

const settleMs = 30_000;

/**
 * One restore point collection at Azure, with one VM, as far as the protocol can tell: work takes time, answers
 * get lost, effects show late, though never later than the provider promises.
 */
export class ModelVendor {
  readonly #clock: Clock;
  readonly #calls: ModelCalls;
  readonly #chance: Chance;
  readonly #faults: VendorFaults;
  readonly #points: Point[] = [];
  readonly #foreign: Snapshot[];
  /** Every name and correlation id with which something was asked to be made. */
  readonly sent: { name: string; correlationID: string }[] = [];
  /** What no operator may ever bring about. */
  readonly wrongs: string[] = [];

  constructor(clock: Clock, chance: Chance, faults: VendorFaults, foreign: Snapshot[]) {
    this.#clock = clock;
    this.#chance = chance;
    this.#calls = new ModelCalls(clock, chance, faults);
    this.#faults = faults;
    this.#foreign = foreign;
  }

  /** Ours that exist at the vendor now, seen or unseen. */
  present(): Snapshot[] {
    return this.#points.filter((point) => this.#exists(point)).map((point) => this.#show(point));
  }

  get reads(): number {
    return this.#calls.reads;
  }

  /** What one process talks to the vendor through. */
  provider(gate: Gate): AzureProvider {
    const read = <T>(what: string, answer: () => Outcome<T>) => this.#calls.read(gate, what, answer);
    return aProvider({
      requestTimeoutMs,
      settleMs,
      getVM: () => read('VM', () => ({ kind: 'Done', value: aVM() })),
      createSnapshot: (target, call) => this.#create(target, call, gate),
      deleteSnapshot: ({ id }) => this.#remove(id, gate),
      getSnapshot: ({ id }, { progress = false }) => read('restore point', () => this.#get(id, progress)),
      listSnapshots: () => read('collection', () => ({ kind: 'Done', value: this.#list() })),
      listCollections: () => read('list', () => ({ kind: 'Done', value: [anAzureCollection()] })),
      isContainerGone: () => read('list', () => ({ kind: 'Done', value: false })),
      getOperation: (token) => read('operation', () => ({ kind: 'Done', value: this.#operation(token) })),
    });
  }

  async #create(target: SnapshotTarget, call: WriteCall, gate: Gate): Promise<Outcome<CreateAccepted>> {
    const late = await this.#calls.beforeFirstByte(gate, call);
    if (late !== undefined) return late;
    const correlationID = call.correlationID ?? '';
    if (this.sent.some((earlier) => earlier.name === target.name || earlier.correlationID === correlationID))
      this.wrongs.push(`attempt ${target.name} was sent twice, or under an old correlation id`);
    this.sent.push({ name: target.name, correlationID });

    if (this.#chance.happens(this.#faults.refuse)) {
      await gate(this.#calls.latency());
      return this.#refusal();
    }
    const sentAt = this.#clock.monotonic();
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    if (lost && this.#chance.happens(0.4)) {
      await gate(this.#chance.between(0, requestTimeoutMs));
      return unknown;
    }
    // A lost answer may come of a request that has its effect late, and of an effect that shows late.
    const madeAt = sentAt + (lost ? this.#chance.late(requestTimeoutMs - 100) : this.#calls.latency());
    const visibleAt = madeAt + (lost ? this.#chance.late(settleMs) : 0);
    const point = this.#make(target, correlationID, madeAt, visibleAt);
    // The request is on its way, whatever becomes of the process that sent it.
    this.#clock.setTimer(madeAt - sentAt, () => this.#takesEffect(point));
    await gate(lost ? this.#chance.between(0, requestTimeoutMs) : madeAt - sentAt + 10);
    if (lost) return unknown;
    return {
      kind: 'Pending',
      value: { snapshot: this.#show(point), token: point.id },
      ...(this.#chance.happens(0.5) ? {} : { afterMs: 15_000 }),
    } as const;
  }

  #make(target: SnapshotTarget, correlationID: string, madeAt: number, visibleAt: number): Point {
    const doneAt = madeAt + this.#chance.between(5_000, 180_000);
    const far = target.location !== target.vmLocation;
    return {
      target,
      id: pointID(target.containerID, target.name),
      correlationID,
      madeAt,
      visibleAt,
      doneAt,
      arrivedAt: far ? doneAt + this.#chance.between(0, 900_000) : doneAt,
      createdAt: new Date(this.#clock.now() + (madeAt - this.#clock.monotonic())).toISOString(),
      failure: this.#chance.happens(this.#faults.fail)
        ? {
            kind: 'Failed',
            transient: !this.#chance.happens(this.#faults.failForGood),
            error: { code: 'VMRestorePointInternalError', message: 'the vendor failed' },
          }
        : undefined,
      fallsShort: this.#chance.happens(this.#faults.fallShort),
      goneAt: undefined,
    };
  }

  #takesEffect(point: Point): void {
    const others = this.#points.filter((other) => this.#exists(other) && other.goneAt === undefined);
    if (others.length > 0)
      this.wrongs.push(
        `${point.target.name} was made while there was ${others.map((other) => `${other.target.name} (${this.#state(other)})`).join(', ')}`,
      );
    this.#points.push(point);
  }

  async #remove(id: string, gate: Gate): Promise<Outcome<OperationAccepted>> {
    await gate(this.#calls.latency());
    if (this.#foreign.some((stranger) => sameID(stranger.id, id)))
      this.wrongs.push(`${id}, which belongs to another, was asked to be removed`);
    const point = this.#visible().find((candidate) => sameID(candidate.id, id));
    if (this.#chance.happens(this.#faults.refuseRemoval)) {
      await gate(this.#calls.latency());
      const error = { code: 'OperationNotAllowed', message: 'something else is at work' };
      return { kind: 'Conflict', retry: 'Later', error } as const;
    }
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    if (point !== undefined && !(lost && this.#chance.happens(0.4)))
      point.goneAt ??= this.#clock.monotonic() + this.#chance.between(1_000, 30_000);
    await gate(lost ? this.#chance.between(0, requestTimeoutMs) : this.#calls.latency());
    if (lost) return unknown;
    if (point === undefined) return { kind: 'Done', value: {} } as const;
    return { kind: 'Pending', value: {} } as const;
  }

  #get(id: string, progress: boolean): Outcome<Snapshot> {
    const point = this.#visible().find((candidate) => sameID(candidate.id, id));
    if (point === undefined)
      return {
        kind: 'NotFound',
        what: this.#chance.happens(0.5) ? 'Object' : 'Unproven',
        error: { code: 'NotFound', message: '' },
      };
    const { replication, ...rest } = this.#show(point);
    return { kind: 'Done', value: progress && replication !== undefined ? { ...rest, replication } : rest };
  }

  #list(): Snapshot[] {
    const ours = this.#visible().map((point) => {
      const { replication: _costly, ...listed } = this.#show(point);
      return listed;
    });
    return [...this.#foreign, ...ours];
  }

  #operation(id: string): OperationState {
    const point = this.#points.find((candidate) => candidate.id === id);
    const state = point === undefined ? 'Failed' : this.#state(point);
    if (state === 'Creating') return { state: 'Running' };
    if (state === 'Succeeded') return { state: 'Succeeded' };
    return point?.failure === undefined ? { state: 'Failed' } : { state: 'Failed', failure: point.failure };
  }

  #refusal(): Failure {
    const error = { code: 'Refused', message: 'refused' };
    return this.#chance.oneOf<Failure>([
      { kind: 'Throttled', afterMs: 20_000, error },
      { kind: 'Denied', cause: 'Permission', error },
      { kind: 'Conflict', retry: 'Later', error },
      { kind: 'Unavailable', error },
      { kind: 'Failed', transient: true, error },
      { kind: 'LimitReached', limit: 'Snapshots', error },
      { kind: 'Invalid', error },
    ]);
  }

  #exists(point: Point): boolean {
    const now = this.#clock.monotonic();
    return point.madeAt <= now && (point.goneAt === undefined || point.goneAt > now);
  }

  #visible(): Point[] {
    const now = this.#clock.monotonic();
    return this.#points.filter((point) => this.#exists(point) && point.visibleAt <= now);
  }

  #state(point: Point): 'Creating' | 'Succeeded' | 'Failed' | 'Deleting' {
    if (point.goneAt !== undefined) return 'Deleting';
    if (this.#clock.monotonic() < point.doneAt) return 'Creating';
    return point.failure === undefined ? 'Succeeded' : 'Failed';
  }

  #show(point: Point): Snapshot {
    const state = this.#state(point);
    const { target } = point;
    const disks = ['os', 'data'].map((name, index) => ({
      name,
      osDisk: index === 0,
      sizeBytes: index === 0 ? 30 : 70,
      ...(state === 'Succeeded' ? { snapshotID: `${target.name}/${name}` } : {}),
    }));
    const now = this.#clock.monotonic();
    const arrived = now >= point.arrivedAt;
    const percent = Math.floor((100 * (now - point.doneAt)) / Math.max(1, point.arrivedAt - point.doneAt));
    const far = target.location !== target.vmLocation;
    return {
      id: point.id,
      name: target.name,
      containerID: target.containerID,
      state,
      vendorState: state,
      createdAt: point.createdAt,
      vmUID: 'vm-uid-a',
      source: { location: target.vmLocation ?? '' },
      ...(state === 'Succeeded' ? { consistency: point.fallsShort ? 'Crash' : 'Application' } : {}),
      disks,
      excludedDiskIDs: [],
      ...(far && state === 'Succeeded'
        ? {
            replication: disks.map(({ name }) => ({
              snapshotID: `${target.name}/${name}`,
              // The first disk arrives before the second.
              state: arrived || (name === 'os' && percent > 50) ? 'Succeeded' : 'Replicating',
              // Azure shows no steady progress: it jumps, and now and then goes back.
              percent: arrived ? 100 : Math.floor(percent * this.#chance.random()),
            })),
          }
        : {}),
    } as Snapshot;
  }
}

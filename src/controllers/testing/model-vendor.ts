import type { AzureProvider, Collection } from '../../providers/azure/azure-provider.ts';
import { pointID } from '../../providers/azure/ids.ts';
import { sameID } from '../../providers/ids.ts';
import type { Failure, Outcome, WriteCall } from '../../providers/outcome.ts';
import type {
  CreateAccepted,
  OperationAccepted,
  OperationState,
  Snapshot,
  SnapshotTarget,
} from '../../providers/provider.ts';
import type { Clock } from '../../runtime/clock.ts';
import { anAzureCollection, aProvider, aVM } from './builders.ts';

/** How often what goes wrong, from 0 (never) to 1. */
export interface VendorFaults {
  /** A create is refused before it has an effect. */
  refuse: number;
  /** The answer to a write is lost, before or after its effect. */
  loseAnswer: number;
  /** What was accepted fails later. */
  fail: number;
  /** A failure of that kind is for good. */
  failForGood: number;
  /** A read gets no answer, or a 404 that proves nothing. */
  loseRead: number;
  /** A removal is refused for now. */
  refuseRemoval: number;
  /** A call takes many seconds. */
  slow: number;
  /** What was achieved falls short of what was required. */
  fallShort: number;
}

/** Waits as a call does that is under way; the process may be killed in it, and then it never returns. */
export type Gate = (ms: number) => Promise<void>;

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

export const requestTimeoutMs = 30_000;
export const settleMs = 30_000;

/**
 * One restore point collection at Azure, with one VM, as far as the protocol can tell: work takes time, answers
 * get lost, effects show late, though never later than the provider promises.
 */
export class ModelVendor {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #faults: VendorFaults;
  readonly #points: Point[] = [];
  readonly #foreign: Snapshot[];
  /** Every name and correlation id with which something was asked to be made. */
  readonly sent: { name: string; correlationID: string }[] = [];
  /** What no operator may ever bring about. */
  readonly wrongs: string[] = [];
  reads = 0;

  constructor(clock: Clock, random: () => number, faults: VendorFaults, foreign: Snapshot[]) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = faults;
    this.#foreign = foreign;
  }

  /** Ours that exist at the vendor now, seen or unseen. */
  present(): Snapshot[] {
    return this.#points.filter((point) => this.#exists(point)).map((point) => this.#show(point));
  }

  /** What the vendor could still bring to light: an effect that has yet to come. */
  get pending(): boolean {
    const now = this.#clock.monotonic();
    return this.#points.some((point) => point.goneAt === undefined && point.visibleAt > now);
  }

  /** What one process talks to the vendor through. */
  provider(gate: Gate): AzureProvider {
    return aProvider({
      requestTimeoutMs,
      settleMs,
      getVM: async () => {
        await gate(this.#latency());
        return this.#read('VM') ?? { kind: 'Done', value: aVM() };
      },
      createSnapshot: (target, call) => this.#create(target, call, gate),
      deleteSnapshot: ({ id }) => this.#remove(id, gate),
      getSnapshot: async ({ id }, { progress = false }) => {
        await gate(this.#latency());
        const outcome = this.#get(id, progress);
        await gate(this.#latency());
        return outcome;
      },
      listSnapshots: async () => {
        await gate(this.#latency());
        const outcome = this.#read<Snapshot[]>('collection') ?? {
          kind: 'Done' as const,
          value: [
            ...this.#foreign,
            ...this.#visible().map((point) => {
              const { replication: _costly, ...listed } = this.#show(point);
              return listed;
            }),
          ],
        };
        await gate(this.#latency());
        return outcome;
      },
      listCollections: async () => {
        await gate(this.#latency());
        return this.#read<Collection[]>('list') ?? { kind: 'Done', value: [anAzureCollection()] };
      },
      isContainerGone: async () => {
        await gate(this.#latency());
        return this.#read<boolean>('list') ?? { kind: 'Done', value: false };
      },
      getOperation: async (token) => {
        await gate(this.#latency());
        const lost = this.#read<OperationState>('operation');
        return lost ?? { kind: 'Done', value: this.#operation(token) };
      },
    });
  }

  async #create(target: SnapshotTarget, call: WriteCall, gate: Gate): Promise<Outcome<CreateAccepted>> {
    // Budget, token and connection: the wait before the first byte.
    await gate(this.#latency());
    if (this.#clock.monotonic() > (call.sendBefore ?? 0))
      return { kind: 'NotSent', error: { code: 'TooLate', message: 'the window has passed' } } as const;
    const correlationID = call.correlationID ?? '';
    if (this.sent.some((earlier) => earlier.name === target.name || earlier.correlationID === correlationID))
      this.wrongs.push(`attempt ${target.name} was sent twice, or under an old correlation id`);
    this.sent.push({ name: target.name, correlationID });

    if (this.#chance(this.#faults.refuse)) {
      await gate(this.#latency());
      return this.#refusal();
    }
    const sentAt = this.#clock.monotonic();
    const lost = this.#chance(this.#faults.loseAnswer);
    if (lost && this.#chance(0.4)) {
      await gate(this.#between(0, requestTimeoutMs));
      return unknown;
    }
    // A lost answer may come of a request that has its effect late, and of an effect that shows late.
    const madeAt = sentAt + (lost ? this.#late(requestTimeoutMs - 100) : this.#latency());
    const visibleAt = madeAt + (lost ? this.#late(settleMs) : 0);
    const point = this.#make(target, correlationID, madeAt, visibleAt);
    // The request is on its way, whatever becomes of the process that sent it.
    this.#clock.setTimer(madeAt - sentAt, () => this.#takesEffect(point));
    await gate(lost ? this.#between(0, requestTimeoutMs) : madeAt - sentAt + 10);
    if (lost) return unknown;
    return {
      kind: 'Pending',
      value: { snapshot: this.#show(point), token: point.id },
      ...(this.#chance(0.5) ? {} : { afterMs: 15_000 }),
    } as const;
  }

  #make(target: SnapshotTarget, correlationID: string, madeAt: number, visibleAt: number): Point {
    const doneAt = madeAt + this.#between(5_000, 180_000);
    const far = target.location !== target.vmLocation;
    return {
      target,
      id: pointID(target.containerID, target.name),
      correlationID,
      madeAt,
      visibleAt,
      doneAt,
      arrivedAt: far ? doneAt + this.#between(0, 900_000) : doneAt,
      createdAt: new Date(this.#clock.now() + (madeAt - this.#clock.monotonic())).toISOString(),
      failure: this.#chance(this.#faults.fail)
        ? {
            kind: 'Failed',
            transient: !this.#chance(this.#faults.failForGood),
            error: { code: 'VMRestorePointInternalError', message: 'the vendor failed' },
          }
        : undefined,
      fallsShort: this.#chance(this.#faults.fallShort),
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
    await gate(this.#latency());
    if (this.#foreign.some((stranger) => sameID(stranger.id, id)))
      this.wrongs.push(`${id}, which belongs to another, was asked to be removed`);
    const point = this.#visible().find((candidate) => sameID(candidate.id, id));
    if (this.#chance(this.#faults.refuseRemoval)) {
      await gate(this.#latency());
      const error = { code: 'OperationNotAllowed', message: 'something else is at work' };
      return { kind: 'Conflict', retry: 'Later', error } as const;
    }
    const lost = this.#chance(this.#faults.loseAnswer);
    if (point !== undefined && !(lost && this.#chance(0.4)))
      point.goneAt ??= this.#clock.monotonic() + this.#between(1_000, 30_000);
    await gate(lost ? this.#between(0, requestTimeoutMs) : this.#latency());
    if (lost) return unknown;
    if (point === undefined) return { kind: 'Done', value: {} } as const;
    return { kind: 'Pending', value: {} } as const;
  }

  #get(id: string, progress: boolean): Outcome<Snapshot> {
    const lost = this.#read<Snapshot>('restore point');
    if (lost !== undefined) return lost;
    const point = this.#visible().find((candidate) => sameID(candidate.id, id));
    if (point === undefined)
      return {
        kind: 'NotFound',
        what: this.#chance(0.5) ? 'Object' : 'Unproven',
        error: { code: 'NotFound', message: '' },
      };
    const { replication, ...rest } = this.#show(point);
    return { kind: 'Done', value: progress && replication !== undefined ? { ...rest, replication } : rest };
  }

  #operation(id: string): OperationState {
    const point = this.#points.find((candidate) => candidate.id === id);
    const state = point === undefined ? 'Failed' : this.#state(point);
    if (state === 'Creating') return { state: 'Running' };
    if (state === 'Succeeded') return { state: 'Succeeded' };
    return point?.failure === undefined ? { state: 'Failed' } : { state: 'Failed', failure: point.failure };
  }

  /** A read that came to nothing, if chance says so. */
  #read<T>(what: string): Outcome<T> | undefined {
    this.reads++;
    if (!this.#chance(this.#faults.loseRead)) return undefined;
    const error = { code: 'ECONNRESET', message: `reading the ${what}` };
    const kinds: Failure[] = [
      { kind: 'Unavailable', error },
      { kind: 'Throttled', afterMs: 20_000, error },
      { kind: 'NotFound', what: 'Unproven', error },
    ];
    return kinds[Math.floor(this.#between(0, kinds.length))];
  }

  #refusal(): Failure {
    const error = { code: 'Refused', message: 'refused' };
    const kinds: Failure[] = [
      { kind: 'Throttled', afterMs: 20_000, error },
      { kind: 'Denied', cause: 'Permission', error },
      { kind: 'Conflict', retry: 'Later', error },
      { kind: 'Unavailable', error },
      { kind: 'Failed', transient: true, error },
      { kind: 'LimitReached', limit: 'Snapshots', error },
      { kind: 'Invalid', error },
    ];
    return kinds[Math.floor(this.#between(0, kinds.length))] as Failure;
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
              percent: arrived ? 100 : Math.floor(percent * this.#random()),
            })),
          }
        : {}),
    } as Snapshot;
  }

  #latency(): number {
    return this.#chance(this.#faults.slow) ? this.#between(0, 20_000) : this.#between(10, 500);
  }

  /** As late as it can be, half of the time. */
  #late(limitMs: number): number {
    return this.#chance(0.5) ? limitMs : this.#between(0, limitMs);
  }

  #between(low: number, high: number): number {
    return low + this.#random() * (high - low);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }
}

const unknown: Failure = { kind: 'Unknown', error: { code: 'ECONNRESET', message: 'the answer was lost' } };

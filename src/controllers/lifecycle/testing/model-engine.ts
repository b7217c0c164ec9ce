import type { Failure, Outcome, WriteCall } from '../../../providers/outcome.ts';
import type {
  CreateAccepted,
  OperationAccepted,
  OperationState,
  Snapshot,
  SnapshotTarget,
  VMOperator,
} from '../../../providers/provider.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { aVMOperator, engineVM, vmHeldSnapshot } from '../../testing/builders.ts';
import type { Chance } from '../../testing/life/chance.ts';
import { type Gate, ModelCalls, requestTimeoutMs, unknown } from '../../testing/life/model-calls.ts';
import type { VendorFaults } from './model-vendor.ts';

interface Entry {
  id: string;
  target: SnapshotTarget;
  correlationID: string;
  madeAt: number;
  doneAt: number;
  createdAt: string;
  /** It fails, and the engine gives its id back to the active entry; or leaves it behind, which only events tell. */
  fails: 'no' | 'vanishes' | 'leftover';
  /** A removal at work: locked until then; it may fail, and then the entry is as before. */
  removal: { endsAt: number; fails: boolean } | undefined;
}

const settleMs = 120_000;

/**
 * One VM of an oVirt engine, as far as the protocol can tell (oVirt sheet, sections 6, 8 and 12): ids that are given
 * again, `locked` for whatever is at work, one operation at a time, a merge that fails quietly, a guest that stays
 * frozen until it is thawed.
 */
export class ModelEngine {
  readonly #clock: Clock;
  readonly #calls: ModelCalls;
  readonly #chance: Chance;
  readonly #faults: VendorFaults;
  readonly #foreign: Snapshot[];
  readonly #cinder: boolean;
  #entries: Entry[] = [];
  #activeID = 'id-0';
  #ids = 0;
  /** What the events say, by correlation id; monotonic instants. */
  readonly #events = new Map<string, { startedAt: number; endedAt: number; failed: boolean }>();
  readonly sent: { name: string; correlationID: string }[] = [];
  readonly wrongs: string[] = [];
  /** Since when the guest is frozen. */
  frozenAt: number | undefined;

  /** @param cinder whether its disks are Cinder's, for which the guest may be frozen by a call */
  constructor(clock: Clock, chance: Chance, faults: VendorFaults, foreign: Snapshot[], cinder: boolean) {
    this.#cinder = cinder;
    this.#clock = clock;
    this.#chance = chance;
    this.#calls = new ModelCalls(clock, chance, faults);
    this.#faults = faults;
    this.#foreign = foreign;
  }

  /** Ours that exist now; what a failed creation left behind is called failed, though the engine does not. */
  present(): Snapshot[] {
    this.#settle();
    return this.#entries.map((entry) => {
      const shown = this.#show(entry);
      return entry.fails === 'leftover' && shown.state === 'Succeeded'
        ? { ...shown, state: 'Failed' }
        : shown;
    });
  }

  get reads(): number {
    return this.#calls.reads;
  }

  provider(gate: Gate): VMOperator {
    const read = <T>(what: string, answer: () => Outcome<T>) => this.#calls.read(gate, what, answer);
    return aVMOperator({
      requestTimeoutMs,
      settleMs,
      attemptToken: (_target, correlationID) => `events ${correlationID}`,
      getVM: () => read('VM', () => ({ kind: 'Done', value: this.#cinder ? cinderVM : vm })),
      createSnapshot: (target, call) => this.#create(target, call, gate),
      deleteSnapshot: ({ id }, call) => this.#remove(id, call, gate),
      getSnapshot: ({ id }) => read('snapshot', () => this.#get(id)),
      listSnapshots: () => read('snapshots', () => ({ kind: 'Done', value: this.#list() })),
      isContainerGone: () => read('VMs', () => ({ kind: 'Done', value: false })),
      getOperation: (token) =>
        read('events', () => ({ kind: 'Done', value: this.#operation(token.slice('events '.length)) })),
      freezeGuest: (_vmID, call) => this.#freeze(call, gate),
      thawGuest: (_vmID) => this.#thaw(gate),
    });
  }

  async #create(target: SnapshotTarget, call: WriteCall, gate: Gate): Promise<Outcome<CreateAccepted>> {
    const late = await this.#calls.beforeFirstByte(gate, call);
    if (late !== undefined) return late;
    const correlationID = call.correlationID ?? '';
    if (this.sent.some((earlier) => earlier.name === target.name || earlier.correlationID === correlationID))
      this.wrongs.push(`attempt ${target.name} was sent twice, or under an old correlation id`);
    this.sent.push({ name: target.name, correlationID });
    if (this.#chance.happens(this.#faults.refuse) || this.#busy()) {
      await gate(this.#calls.latency());
      return conflict;
    }
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    if (lost && this.#chance.happens(0.4)) {
      await gate(this.#chance.between(0, requestTimeoutMs));
      return unknown;
    }
    const sentAt = this.#clock.monotonic();
    const madeAt = sentAt + (lost ? this.#chance.between(0, requestTimeoutMs - 100) : this.#calls.latency());
    let entry: Entry | undefined;
    this.#clock.setTimer(madeAt - sentAt, () => {
      entry = this.#takesEffect(target, correlationID);
    });
    await gate(lost ? this.#chance.between(0, requestTimeoutMs) : madeAt - sentAt + 10);
    if (lost) return unknown;
    if (entry === undefined) return conflict;
    return {
      kind: 'Pending',
      value: { snapshot: this.#show(entry), token: `events ${correlationID}` },
    };
  }

  #takesEffect(target: SnapshotTarget, correlationID: string): Entry | undefined {
    this.#settle();
    if (this.#busy()) return undefined;
    if (this.#entries.length > 0)
      this.wrongs.push(
        `${target.name} was made while there was ${this.#entries.map((other) => other.target.name).join(', ')}`,
      );
    const now = this.#clock.monotonic();
    const failing = this.#chance.happens(this.#faults.fail);
    const entry: Entry = {
      id: this.#activeID,
      target,
      correlationID,
      madeAt: now,
      doneAt: now + this.#chance.between(5_000, 180_000),
      createdAt: new Date(this.#clock.now()).toISOString(),
      fails: !failing ? 'no' : this.#chance.happens(0.5) ? 'vanishes' : 'leftover',
      removal: undefined,
    };
    this.#activeID = `id-${++this.#ids}`;
    this.#entries.push(entry);
    this.#events.set(correlationID, { startedAt: now, endedAt: entry.doneAt, failed: failing });
    return entry;
  }

  /** Lets what has come to its end end. */
  #settle(): void {
    const now = this.#clock.monotonic();
    for (const entry of [...this.#entries]) {
      if (entry.fails === 'vanishes' && now >= entry.doneAt) {
        this.#entries = this.#entries.filter((other) => other !== entry);
        // The id goes back to the active entry (oVirt sheet, section 6).
        this.#activeID = entry.id;
      } else if (entry.removal !== undefined && now >= entry.removal.endsAt) {
        if (entry.removal.fails) entry.removal = undefined;
        else this.#entries = this.#entries.filter((other) => other !== entry);
      }
    }
  }

  #busy(): boolean {
    this.#settle();
    return this.#entries.some((entry) => this.#show(entry).state === 'Locked');
  }

  async #remove(id: string, call: WriteCall, gate: Gate): Promise<Outcome<OperationAccepted>> {
    await gate(this.#calls.latency());
    this.#settle();
    if (this.#foreign.some((stranger) => stranger.id === id) || id === this.#activeID)
      this.wrongs.push(`${id}, which is not ours, was asked to be removed`);
    if (this.#chance.happens(this.#faults.refuseRemoval) || this.#busy()) {
      await gate(this.#calls.latency());
      return conflict;
    }
    const entry = this.#entries.find((candidate) => candidate.id === id);
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    const correlationID = `${call.correlationID}-${this.#clock.monotonic()}`;
    if (entry !== undefined && !(lost && this.#chance.happens(0.4))) {
      const now = this.#clock.monotonic();
      const fails = this.#chance.happens(this.#faults.refuseRemoval);
      entry.removal = { endsAt: now + this.#chance.between(1_000, 60_000), fails };
      this.#events.set(correlationID, { startedAt: now, endedAt: entry.removal.endsAt, failed: fails });
    }
    await gate(lost ? this.#chance.between(0, requestTimeoutMs) : this.#calls.latency());
    if (lost) return unknown;
    if (entry === undefined) return { kind: 'Done', value: {} };
    return { kind: 'Pending', value: { token: `events ${correlationID}` } };
  }

  async #freeze(call: WriteCall, gate: Gate): Promise<Outcome<void>> {
    const late = await this.#calls.beforeFirstByte(gate, call);
    if (late !== undefined) return late;
    if (this.#chance.happens(this.#faults.refuse)) return conflict;
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    if (!(lost && this.#chance.happens(0.4))) this.frozenAt ??= this.#clock.monotonic();
    await gate(this.#calls.latency());
    return lost ? unknown : { kind: 'Done', value: undefined };
  }

  async #thaw(gate: Gate): Promise<Outcome<void>> {
    await gate(this.#calls.latency());
    if (this.#chance.happens(this.#faults.refuse)) return conflict;
    this.frozenAt = undefined;
    await gate(this.#calls.latency());
    return this.#chance.happens(this.#faults.loseAnswer) ? unknown : { kind: 'Done', value: undefined };
  }

  #get(id: string): Outcome<Snapshot> {
    const found = this.#list().find((candidate) => candidate.id === id);
    if (found !== undefined) return { kind: 'Done', value: found };
    const code = id === this.#activeID ? 'ActiveEntry' : 'NotFound';
    return { kind: 'NotFound', what: 'Object', error: { code, message: '' } };
  }

  #list(): Snapshot[] {
    this.#settle();
    return [...this.#foreign, ...this.#entries.map((entry) => this.#show(entry))];
  }

  #operation(correlationID: string): OperationState {
    const event = this.#events.get(correlationID);
    if (event === undefined) return { state: this.#busy() ? 'Running' : 'None' };
    if (this.#clock.monotonic() < event.endedAt) return { state: 'Running' };
    if (!event.failed) return { state: 'Succeeded' };
    const error = { code: '69', message: 'the engine failed' };
    return {
      state: 'Failed',
      failure: { kind: 'Failed', transient: !this.#chance.happens(this.#faults.failForGood), error },
    };
  }

  #show(entry: Entry): Snapshot {
    const locked = this.#clock.monotonic() < entry.doneAt || entry.removal !== undefined;
    return vmHeldSnapshot({
      id: entry.id,
      name: entry.target.name,
      state: locked ? 'Locked' : 'Succeeded',
      vendorState: locked ? 'locked' : 'ok',
      createdAt: entry.createdAt,
    });
  }
}

/** For whose disks the guest may be frozen by a call. */
const vm = engineVM();
const cinderVM = { ...vm, disks: vm.disks.map((disk) => ({ ...disk, cinder: true })) };

const conflict: Failure = {
  kind: 'Conflict',
  retry: 'Later',
  error: { code: '409', message: 'something else is at work on the VM' },
};

import type { Failure, Outcome, WriteCall } from '../../../providers/outcome.ts';
import type {
  MarkedVM,
  NewVMTarget,
  OperationAccepted,
  OperationState,
  PowerState,
  RestoreTarget,
  Snapshot,
  VM,
  VMOperator,
} from '../../../providers/provider.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Chance } from '../../testing/life/chance.ts';
import {
  type CallFaults,
  type Gate,
  ModelCalls,
  requestTimeoutMs,
  unknown,
} from '../../testing/life/model-calls.ts';
import {
  aMarkedVM,
  aNewerSnapshot,
  anInspection,
  anOperator,
  aRestorableVM,
  aSource,
  restoring,
} from './builders.ts';

/** How often what goes wrong, from 0 (never) to 1. */
export interface RestoreFaults extends CallFaults {
  /** A restore that fails leaves the VM in preview. */
  halfWay: number;
  /** The guest takes no notice of a shutdown. */
  deaf: number;
  /** The vendor keeps no record of an operation that anyone could find. */
  forget: number;
  /** Someone else is at work on the VM when it is free. */
  others: number;
}

/** What the VM is like, and what may be done to it. */
export interface Situation {
  vendor: 'ovirt' | 'spf';
  wasOn: boolean;
  mayStop: boolean;
  /** A snapshot was taken after the one that is restored, and may be lost. */
  newer: 'none' | 'accepted' | 'kept';
}

export type WriteKind =
  | 'Shutdown'
  | 'PowerOff'
  | 'Start'
  | 'Restore'
  | 'Preview'
  | 'Commit'
  | 'Undo'
  | 'CreateVM';

/** One request as the vendor saw it, and what came back to whoever sent it. */
export interface SentWrite {
  kind: WriteKind;
  correlationID: string;
  answer: 'none' | 'refused' | 'accepted';
}

interface Operation {
  state: 'Running' | 'Succeeded' | 'Failed';
  failure?: Failure;
  visibleAt: number;
}

interface NewVM {
  target: NewVMTarget;
  readyAt: number;
  goneAt: number;
}

const settleMs = 60_000;

const never = Number.POSITIVE_INFINITY;
/** Those that throw work away, or make something, when they are done twice. */
const once: readonly WriteKind[] = ['Restore', 'Preview', 'CreateVM'];

/**
 * One VM at a vendor, as far as a restore can tell (oVirt sheet, section 7; SPF sheet, sections 4 to 6): power that
 * takes time, one operation at a time, a restore that may come half way and stay in preview, answers that get lost,
 * requests that have their effect late, though never later than the provider promises.
 */
export class ModelVM {
  readonly #clock: Clock;
  readonly #calls: ModelCalls;
  readonly #chance: Chance;
  readonly #faults: RestoreFaults;
  readonly #situation: Situation;
  readonly #operations = new Map<string, Operation>();
  readonly #newVMs: NewVM[] = [];
  #snapshots: Snapshot[];
  #lock: { what: string; id: number } | undefined;
  #locks = 0;
  #taskID = 'task-0';
  /** The guest was asked to shut down, and has not come to an end of it. */
  #goingDown = false;
  #contentBefore = 'its own';
  power: PowerState;
  /** What is on its disks: its own, or the id of the snapshot that it was put back to. */
  content = 'its own';
  previewOf: string | undefined;
  readonly sent: SentWrite[] = [];
  /** What no operator may ever bring about. */
  readonly wrongs: string[] = [];
  /** Told of each request that leaves in time. */
  onSend: (kind: WriteKind, call: WriteCall) => Promise<void> = async () => undefined;
  onEffect: (what: string) => void = () => undefined;

  constructor(clock: Clock, chance: Chance, faults: RestoreFaults, situation: Situation) {
    this.#clock = clock;
    this.#chance = chance;
    this.#calls = new ModelCalls(clock, chance, faults);
    this.#faults = faults;
    this.#situation = situation;
    this.power = situation.wasOn ? 'On' : 'Off';
    this.#snapshots =
      situation.newer === 'none'
        ? [aSource({ memory: true })]
        : [aSource({ memory: true }), aNewerSnapshot()];
    this.#meddle();
  }

  get snapshotIDs(): string[] {
    return this.#snapshots.map(({ id }) => id);
  }

  /** The new VMs that are there, finished or not. */
  get newVMs(): MarkedVM[] {
    const now = this.#clock.monotonic();
    return this.#newVMs.filter(({ goneAt }) => goneAt > now).map((one) => this.#shown(one));
  }

  /** What one process talks to the vendor through. */
  operator(gate: Gate): VMOperator {
    const read = <T>(what: string, answer: () => Outcome<T>) => this.#calls.read(gate, what, answer);
    const { vendor } = this.#situation;
    const isSpf = vendor === 'spf';
    const { restore } = restoring;
    const none = 'SPF has no such thing';
    return anOperator({
      vendor,
      requestTimeoutMs,
      settleMs,
      capabilities: {
        restore: isSpf
          ? { ...restore, preview: none, newVM: none, memory: none, disks: none, losesNewer: false }
          : restore,
      } as VMOperator['capabilities'],
      restoreToken: (_target, correlationID) => correlationID,
      getVM: (query) =>
        read('VM', () => {
          if (!('name' in query)) return { kind: 'Done', value: this.#vm() };
          const namesake = this.newVMs.find(({ name }) => name === query.name);
          return namesake === undefined
            ? { kind: 'NotFound', what: 'Object', error: { code: 'NotFound', message: '' } }
            : { kind: 'Done', value: aRestorableVM({ id: namesake.id, name: namesake.name }) };
        }),
      getSnapshot: ({ id }) =>
        read('snapshot', () => {
          const found = this.#snapshots.find((snapshot) => snapshot.id === id);
          if (found === undefined)
            return { kind: 'NotFound', what: 'Object', error: { code: 'NotFound', message: '' } };
          return { kind: 'Done', value: this.#show(found) };
        }),
      inspectVM: () =>
        read('VM', () => ({
          kind: 'Done',
          value: anInspection({
            vm: this.#vm(),
            snapshots: this.#snapshots.map((snapshot) => this.#show(snapshot)),
            ...(this.previewOf === undefined ? {} : { previewOf: this.previewOf }),
            ...(this.#lock === undefined ? {} : { busy: this.#lock.what }),
          }),
        })),
      getOperation: (token) => read('events', () => ({ kind: 'Done', value: this.#operation(token) })),
      findMarkedVMs: () => read('VMs', () => ({ kind: 'Done', value: this.newVMs })),
      isContainerGone: () => read('VMs', () => ({ kind: 'Done', value: false })),
      stopVM: (_id, how, call) => this.#write(how, call, gate, () => this.#stop(how)),
      startVM: (_id, call) => this.#write('Start', call, gate, () => this.#start()),
      restoreSnapshot: (target, call) =>
        this.#write('Restore', call, gate, (late) => this.#restore(target, call, late)),
      previewSnapshot: (target, call) =>
        this.#write('Preview', call, gate, (late) => this.#preview(target, call, late)),
      commitPreview: (_id, call) =>
        this.#write('Commit', call, gate, (late) => this.#endPreview('Commit', call, late)),
      undoPreview: (_id, call) =>
        this.#write('Undo', call, gate, (late) => this.#endPreview('Undo', call, late)),
      createVM: async (target, call) => {
        const made = await this.#write('CreateVM', call, gate, (late) => this.#create(target, call, late));
        return made as Outcome<OperationAccepted & { vmID: string }>;
      },
    });
  }

  /** Someone, not the operator, starts the VM, as people do while it is in preview, and stops it again. */
  startByHand(): void {
    if (this.power === 'Off' && this.#lock === undefined) this.power = 'On';
  }

  stopByHand(): void {
    if (this.power === 'On' && this.#lock === undefined) this.power = 'Off';
  }

  async #write(
    kind: WriteKind,
    call: WriteCall,
    gate: Gate,
    effect: (lateMs: number) => Outcome<OperationAccepted>,
  ): Promise<Outcome<OperationAccepted>> {
    const late = await this.#calls.beforeFirstByte(gate, call);
    if (late !== undefined) return late;
    await this.onSend(kind, call);
    const { correlationID = '' } = call;
    if (this.sent.some((earlier) => earlier.correlationID === correlationID))
      this.wrongs.push(`${kind} was sent under an old correlation id`);
    const earlier = this.sent.find(
      (one) => once.includes(kind) && once.includes(one.kind) && one.answer !== 'refused',
    );
    if (earlier !== undefined)
      this.wrongs.push(`${kind} was sent after ${earlier.kind}, whose answer was ${earlier.answer}`);
    const entry: SentWrite = { kind, correlationID, answer: 'none' };
    this.sent.push(entry);

    if (this.#chance.happens(this.#faults.refuse)) {
      await gate(this.#calls.latency());
      entry.answer = 'refused';
      return this.#refusal();
    }
    const lost = this.#chance.happens(this.#faults.loseAnswer);
    if (lost && this.#chance.happens(0.4)) {
      await gate(this.#chance.between(0, requestTimeoutMs));
      return unknown;
    }
    const inMs = lost ? this.#chance.late(requestTimeoutMs - 100) : this.#calls.latency();
    const lateMs = lost ? this.#chance.late(settleMs - 1_000) : 0;
    let answer = unknown as Outcome<OperationAccepted>;
    // The request is on its way, whatever becomes of the process that sent it.
    this.#clock.setTimer(inMs, () => {
      answer = effect(lateMs);
      this.onEffect(`${kind} ${answer.kind}`);
    });
    await gate(lost ? this.#chance.between(0, requestTimeoutMs) : inMs + 10);
    if (lost) return unknown;
    entry.answer = answer.kind === 'Done' || answer.kind === 'Pending' ? 'accepted' : 'refused';
    return answer;
  }

  #stop(how: 'Shutdown' | 'PowerOff'): Outcome<OperationAccepted> {
    if (!this.#situation.mayStop) this.wrongs.push('a VM was stopped that was not to be');
    const running = this.power === 'On' || (how === 'PowerOff' && this.#goingDown);
    if (this.#lock !== undefined || !running) return conflict('Later', 'VM is not running');
    const ignored = how === 'Shutdown' && this.#chance.happens(this.#faults.deaf);
    this.power = 'Busy';
    this.#goingDown = true;
    // Some guests take no notice, others never come to an end.
    if (ignored && this.#chance.happens(0.5)) return { kind: 'Done', value: {} };
    this.#after(this.#chance.between(2_000, 60_000), () => {
      if (!this.#goingDown) return;
      this.#goingDown = false;
      this.power = ignored ? 'On' : 'Off';
    });
    return { kind: 'Done', value: {} };
  }

  #start(): Outcome<OperationAccepted> {
    if (this.previewOf !== undefined) this.wrongs.push('a VM was started in preview');
    if (this.#lock !== undefined) return conflict('Later', 'VM is locked');
    if (this.power !== 'Off' && this.power !== 'Suspended') return conflict('Never', 'VM is running');
    const before = this.power;
    const fails = this.#chance.happens(this.#faults.fail);
    this.power = 'Busy';
    this.#after(this.#chance.between(2_000, 60_000), () => {
      this.power = fails ? before : 'On';
    });
    return { kind: 'Done', value: {} };
  }

  /** Why nothing can be done to the disks now. */
  #obstacle(): Failure | undefined {
    if (this.#lock !== undefined) return conflict('Later', 'VM is locked');
    if (this.power !== 'Off' && this.power !== 'Suspended') return conflict('Later', 'VM is not down');
    return undefined;
  }

  #restore(target: RestoreTarget, call: WriteCall, lateMs: number): Outcome<OperationAccepted> {
    this.#judgeTarget(target);
    if (this.previewOf !== undefined) return conflict('Never', 'VM is in preview');
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return obstacle;
    const end = this.#begin(call, lateMs, 'a restore');
    const fails = this.#chance.happens(this.#faults.fail);
    const halfWay = fails && this.#situation.vendor === 'ovirt' && this.#chance.happens(this.#faults.halfWay);
    if (halfWay && this.#chance.happens(0.3)) {
      // The commit is refused within the request: the refusal is the answer, and the preview stays.
      this.#enterPreview(target);
      end(failedAtVendor);
      return conflict('Later', 'the commit was refused');
    }
    this.#after(this.#chance.between(5_000, 180_000), () => {
      if (halfWay) this.#enterPreview(target);
      else if (!fails) this.#becomes(target);
      end(fails ? failedAtVendor : undefined);
    });
    return { kind: 'Done', value: {} };
  }

  #preview(target: RestoreTarget, call: WriteCall, lateMs: number): Outcome<OperationAccepted> {
    this.#judgeTarget(target);
    if (this.previewOf !== undefined) return conflict('Never', 'VM is in preview');
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return obstacle;
    const end = this.#begin(call, lateMs, 'a preview');
    const fails = this.#chance.happens(this.#faults.fail);
    this.#after(this.#chance.between(5_000, 60_000), () => {
      if (!fails) this.#enterPreview(target);
      end(fails ? failedAtVendor : undefined);
    });
    return { kind: 'Done', value: {} };
  }

  #endPreview(how: 'Commit' | 'Undo', call: WriteCall, lateMs: number): Outcome<OperationAccepted> {
    const { previewOf } = this;
    if (previewOf === undefined) return conflict('Never', 'VM is not in preview');
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return obstacle;
    const end = this.#begin(call, lateMs, how);
    const fails = this.#chance.happens(this.#faults.fail);
    this.#after(this.#chance.between(5_000, 60_000), () => {
      if (!fails) {
        this.previewOf = undefined;
        if (how === 'Commit') this.#losesNewer();
        else this.content = this.#contentBefore;
      }
      end(fails ? failedAtVendor : undefined);
    });
    return { kind: 'Done', value: {} };
  }

  #create(target: NewVMTarget, call: WriteCall, lateMs: number): Outcome<OperationAccepted> {
    if (this.newVMs.length > 0) {
      this.wrongs.push('a second VM was asked for');
      return { kind: 'Invalid', error: { code: 'NameInUse', message: 'the name is in use' } };
    }
    const now = this.#clock.monotonic();
    const fails = this.#chance.happens(this.#faults.fail);
    const doneAt = now + this.#chance.between(5_000, 300_000);
    const end = this.#record(call, lateMs);
    this.#newVMs.push({ target, readyAt: fails ? never : doneAt, goneAt: fails ? doneAt : never });
    this.#after(doneAt - now, () => end(fails ? failedAtVendor : undefined));
    return { kind: 'Done', value: { vmID: 'vm-9' } as OperationAccepted };
  }

  #judgeTarget(target: RestoreTarget): void {
    const [source, newer] = this.#snapshots;
    if (target.snapshotID !== source?.id) this.wrongs.push(`restored from ${target.snapshotID}`);
    if (newer !== undefined && this.#situation.vendor === 'ovirt' && this.#situation.newer !== 'accepted')
      this.wrongs.push('newer snapshots were put at risk');
    if (this.#situation.vendor === 'ovirt' && target.memory === undefined)
      this.wrongs.push('left to the vendor whether memory is put back');
  }

  #enterPreview({ snapshotID }: RestoreTarget): void {
    this.#contentBefore = this.content;
    this.content = snapshotID;
    this.previewOf = snapshotID;
  }

  #becomes({ snapshotID, memory }: RestoreTarget): void {
    this.content = snapshotID;
    this.power = memory === true ? 'Suspended' : 'Off';
    this.#losesNewer();
  }

  #losesNewer(): void {
    if (this.#situation.vendor === 'ovirt') this.#snapshots = this.#snapshots.slice(0, 1);
  }

  /** Locks the VM for an operation, and gives what ends it. */
  #begin(call: WriteCall, lateMs: number, what: string): (failure: Failure | undefined) => void {
    const unlock = this.#lockFor(what);
    const end = this.#record(call, lateMs);
    return (failure) => {
      unlock();
      end(failure);
    };
  }

  #lockFor(what: string): () => void {
    const id = ++this.#locks;
    this.#lock = { what, id };
    this.#taskID = `task-${id}`;
    return () => {
      if (this.#lock?.id === id) this.#lock = undefined;
    };
  }

  #record({ correlationID = '' }: WriteCall, lateMs: number): (failure: Failure | undefined) => void {
    const forgotten = this.#chance.happens(this.#faults.forget);
    const operation: Operation = {
      state: 'Running',
      visibleAt: forgotten ? never : this.#clock.monotonic() + lateMs,
    };
    this.#operations.set(correlationID, operation);
    return (failure) => {
      operation.state = failure === undefined ? 'Succeeded' : 'Failed';
      if (failure !== undefined) operation.failure = failure;
    };
  }

  /** Others take snapshots of the VM, or move it, whenever it is free. */
  #meddle(): void {
    this.#clock.setTimer(this.#chance.between(0, 600_000), () => {
      if (this.#chance.happens(this.#faults.others) && this.#lock === undefined && this.power !== 'Busy')
        this.#after(this.#chance.between(1_000, 60_000), this.#lockFor('a snapshot of others'));
      this.#meddle();
    });
  }

  #operation(token: string): OperationState {
    const operation = this.#operations.get(token);
    if (operation !== undefined && operation.visibleAt <= this.#clock.monotonic()) {
      const { state, failure } = operation;
      return failure === undefined ? { state } : { state, failure };
    }
    return { state: this.#lock === undefined ? 'None' : 'Running' };
  }

  #vm(): VM {
    const { power } = this;
    const vendorState = { On: 'up', Off: 'down', Suspended: 'suspended', Busy: 'on its way', Unknown: '?' }[
      power
    ];
    return aRestorableVM({
      power,
      vendorState,
      ...(this.#situation.vendor === 'spf' ? { taskID: this.#taskID } : {}),
    });
  }

  #show(snapshot: Snapshot): Snapshot {
    return snapshot.id === this.previewOf ? { ...snapshot, vendorState: 'in_preview' } : snapshot;
  }

  #shown({ target, readyAt }: NewVM): MarkedVM {
    const ready = this.#clock.monotonic() >= readyAt;
    return aMarkedVM({
      name: target.vmName,
      mark: target.name,
      power: ready ? 'Off' : 'Busy',
      vendorState: ready ? 'down' : 'image_locked',
      disksReady: ready,
    });
  }

  #refusal(): Failure {
    const error = { code: 'Refused', message: 'refused' };
    return this.#chance.oneOf<Failure>([
      { kind: 'Throttled', afterMs: 20_000, error },
      { kind: 'Denied', cause: 'Permission', error },
      { kind: 'Conflict', retry: 'Later', error },
      { kind: 'Conflict', retry: 'Never', error },
      { kind: 'Unavailable', error },
      { kind: 'LimitReached', limit: 'Quota', error },
      { kind: 'Invalid', error },
    ]);
  }

  #after(ms: number, then: () => void): void {
    this.#clock.setTimer(ms, then);
  }
}

const failedAtVendor: Failure = {
  kind: 'Failed',
  transient: false,
  error: { code: '101', message: 'the vendor failed' },
};

function conflict(retry: 'Later' | 'Never', message: string): Failure {
  return { kind: 'Conflict', retry, error: { code: '409', message } };
}

import { randomUUID } from 'node:crypto';
import { condition } from '../../../api/conditions.ts';
import { annotations } from '../../../api/names.ts';
import type { VMRestore } from '../../../api/v1alpha1/vm-restore.ts';
import { Informer } from '../../../runtime/informer.ts';
import type { KubeClient } from '../../../runtime/kube/client.ts';
import { ApiError, isNotFound, TransportError } from '../../../runtime/kube/errors.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { FakeClock } from '../../../runtime/testing/fake-clock.ts';
import { FakeKubeClient } from '../../../runtime/testing/fake-kube-client.ts';
import { sendWindowMs } from '../../intent.ts';
import { Lanes } from '../../lanes.ts';
import { ProviderRegistry, type ProviderState } from '../../provider-registry.ts';
import { Recorder } from '../../recorder.ts';
import { resourceTypes } from '../../resources.ts';
import { hours, minutes, namespace, now, settings } from '../../testing/builders.ts';
import type { Gate } from '../../testing/model-vendor.ts';
import { UnknownOutcomes } from '../../unknown-outcomes.ts';
import { RestoreController } from '../controller.ts';
import { aRestore, aRestoreToNewVM, restoreNeighbours } from './builders.ts';
import { ModelVM, type RestoreFaults, type SentWrite, type Situation } from './model-vm.ts';

/** What happens to one restore in one simulated life. Probabilities from 0 to 1. */
export interface Life extends RestoreFaults, Situation {
  seed: number;
  /** A new VM is made, rather than the old one put back. */
  newVM: boolean;
  preview: 'Hold' | 'Commit' | 'Undo' | undefined;
  /** When it is decided on a preview that holds, milliseconds, and how; someone may look around before. */
  decideAt: number | undefined;
  decision: 'Commit' | 'Undo';
  lookAround: boolean;
  leaveOff: boolean;
  memory: boolean;
  /** Of a process at each call that it makes. */
  crash: number;
  /** Two processes believe that they lead. */
  rivals: boolean;
  /** Calls to the API server fail, or their answers are lost. */
  loseKube: number;
  /** Watch events come late. */
  lag: number;
  /** The provider object comes and goes. */
  flap: boolean;
  /** Events without a reason. */
  pokes: boolean;
  /** Milliseconds after which the object is deleted, paused (and let go on), or replaced by a tool. */
  deleteAt: number | undefined;
  pauseAt: number | undefined;
  replaceAt: number | undefined;
}

export const noFaults: Omit<Life, 'seed'> = {
  vendor: 'ovirt',
  wasOn: true,
  mayStop: true,
  newer: 'none',
  newVM: false,
  preview: undefined,
  decideAt: undefined,
  decision: 'Commit',
  lookAround: false,
  leaveOff: false,
  memory: false,
  refuse: 0,
  loseAnswer: 0,
  fail: 0,
  halfWay: 0,
  deaf: 0,
  forget: 0,
  others: 0,
  loseRead: 0,
  slow: 0,
  crash: 0,
  rivals: false,
  loseKube: 0,
  lag: 0,
  flap: false,
  pokes: false,
  deleteAt: undefined,
  pauseAt: undefined,
  replaceAt: undefined,
};

/** What is left at the end of a life. */
export interface Ending {
  /** undefined when the object is gone. */
  object: VMRestore | undefined;
  vm: ModelVM;
  /** Broken rules, in words. */
  wrongs: string[];
  sent: SentWrite[];
  kubernetesWrites: number;
  history: string[];
}

const key = `${namespace}/restore-1`;
const type = resourceTypes.VMRestore;
/** Long enough for every deadline of the object, with faults; then a quiet time in which all must end. */
const stormMs = 2 * hours;
const calmMs = 5 * hours;
const faultNames: readonly (keyof RestoreFaults)[] = [
  'refuse',
  'loseAnswer',
  'fail',
  'halfWay',
  'deaf',
  'forget',
  'others',
  'loseRead',
  'slow',
];

/** Plays one life to its end. The same `life` gives the same ending. */
export async function play(life: Life): Promise<Ending> {
  return new Simulation(life).play();
}

interface Process {
  name: string;
  dead: boolean;
  wake: () => void;
  informer: Informer<VMRestore>;
  registry: ProviderRegistry;
  gate: Gate;
  /** When it last began to write to the object's metadata, and so, perhaps, an intent. */
  wroteAt: number;
}

class Simulation {
  readonly #life: Life;
  readonly #clock = new FakeClock(now);
  readonly #random: () => number;
  readonly #kube = new FakeKubeClient();
  readonly #vm: ModelVM;
  readonly #wrongs: string[] = [];
  readonly #history: string[] = [];
  #processes: Process[] = [];
  #started = 0;
  #calm = false;
  #gone = false;
  #providerReady = true;
  #last: VMRestore['status'];

  constructor(life: Life) {
    this.#life = life;
    this.#random = seeded(life.seed);
    const faults = {} as RestoreFaults;
    for (const name of faultNames)
      Object.defineProperty(faults, name, { get: () => (this.#calm ? 0 : life[name]) });
    this.#vm = new ModelVM(this.#clock, this.#random, faults, life);
    this.#vm.onSend = (kind, call) => this.#judgeSend(kind, call.correlationID ?? '');
    this.#vm.onEffect = (what) => this.#note(`at the vendor: ${what}`);
  }

  async play(): Promise<Ending> {
    const life = this.#life;
    await this.#kube.create(type, this.#object());
    this.#start();
    if (life.rivals) this.#clock.setTimer(this.#between(0, 10 * minutes), () => this.#start());
    if (life.deleteAt !== undefined) this.#clock.setTimer(life.deleteAt, () => void this.#userDeletes());
    if (life.pauseAt !== undefined) {
      this.#clock.setTimer(life.pauseAt, () => void this.#userPauses(true));
      this.#clock.setTimer(life.pauseAt + this.#between(0, hours), () => void this.#userPauses(false));
    }
    if (life.replaceAt !== undefined) this.#clock.setTimer(life.replaceAt, () => void this.#toolReplaces());
    if (life.decideAt !== undefined) this.#clock.setTimer(life.decideAt, () => void this.#userDecides());
    if (life.flap) this.#flap();
    if (life.pokes) this.#poke();
    await this.#clock.advance(stormMs);
    this.#calm = true;
    this.#setProvider(true);
    if (this.#processes.every((process) => process.dead)) this.#start();
    // Informers relist now and then, and leaders lose their lease in the end.
    for (const process of this.#processes.slice(0, -1)) process.dead = true;
    await this.#clock.advance(calmMs);
    return {
      object: await this.#stored(),
      vm: this.#vm,
      wrongs: [...this.#wrongs, ...this.#vm.wrongs],
      sent: this.#vm.sent,
      kubernetesWrites: this.#kube.writes.length - 1,
      history: this.#history,
    };
  }

  #object(): VMRestore {
    const { newVM, preview, newer, mayStop, leaveOff, memory, vendor } = this.#life;
    const metadata = { creationTimestamp: new Date(now).toISOString(), annotations: {} };
    if (newVM) return aRestoreToNewVM({ metadata, spec: { deadline: '40m' } });
    return aRestore({
      metadata,
      spec: {
        deadline: '40m',
        ...(preview === undefined ? {} : { preview: { action: preview } }),
        ...(newer === 'accepted' ? { acceptDataLoss: ['NewerSnapshots'] } : {}),
        ...(mayStop ? { power: 'StopAndStart' } : {}),
        ...(leaveOff ? { onFailure: 'LeaveOff' } : {}),
        ...(memory && vendor === 'ovirt' ? { memory: 'Include' } : {}),
      },
    });
  }

  /** A process with nothing in memory, and what the API server holds in its cache. */
  #start(): void {
    const name = `process ${++this.#started}`;
    const process: Process = {
      name,
      dead: false,
      wroteAt: 0,
      wake: () => undefined,
      registry: new ProviderRegistry(() => ({ state: 'Absent' })),
      informer: undefined as unknown as Informer<VMRestore>,
      gate: async (ms) => {
        await new Promise<void>((resolve) => this.#clock.setTimer(ms, resolve));
        if (!process.dead && !this.#calm && this.#random() < this.#life.crash) this.#kill(process);
        if (process.dead) await new Promise(() => undefined);
      },
    };
    const client = this.#client(process);
    process.informer = new Informer<VMRestore>({ client, resource: type, clock: this.#clock });
    this.#processes = [...this.#processes.filter((other) => !other.dead), process];
    this.#note(`${name} starts`);
    void this.#run(process, client);
  }

  #kill(process: Process): void {
    process.dead = true;
    this.#note(`${process.name} is killed`);
    this.#clock.setTimer(this.#between(0, 40_000), () => this.#start());
  }

  async #run(process: Process, client: KubeClient): Promise<void> {
    const clock = this.#clock;
    process.registry.set('VMProvider/team-a/engine', this.#state(process));
    const controller = new RestoreController({
      neighbours: () => restoreNeighbours,
      informer: process.informer,
      registry: process.registry,
      unknownOutcomes: new UnknownOutcomes(clock),
      lanes: new Lanes(clock),
      recorder: new Recorder<VMRestore>({
        resource: type,
        bounded: true,
        client,
        informer: process.informer,
        events: { record: () => undefined, dropped: 0, flush: async () => undefined },
        clock,
      }),
      settings,
      clock,
      random: this.#random,
      onStep: (step) => this.#note(`${process.name}: ${step}`),
    });
    const first = await this.#stored();
    if (first !== undefined) process.informer.put(first);
    while (!process.dead && !this.#gone) {
      let waitMs: number | undefined;
      try {
        const context = {
          signal: new AbortController().signal,
          correlationID: randomUUID(),
          log: silentLogger,
        };
        const result = await controller.reconcile(key, context);
        waitMs = result?.requeueAfterMs;
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof TransportError))
          this.#wrongs.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
        waitMs = this.#between(500, 5_000);
      }
      await new Promise<void>((resolve) => {
        process.wake = resolve;
        if (waitMs !== undefined) clock.setTimer(waitMs, resolve);
      });
    }
  }

  /** The API server as one process sees it. */
  #client(process: Process): KubeClient {
    const call = async <T>(what: () => Promise<T>): Promise<T> => {
      await process.gate(this.#latency());
      const early = this.#random();
      if (!this.#calm && early < this.#life.loseKube / 2)
        throw new TransportError('not sent', { sent: false });
      let result: T;
      try {
        result = await what();
      } finally {
        await this.#changed();
      }
      await process.gate(this.#latency());
      if (!this.#calm && early < this.#life.loseKube) throw new TransportError('answer lost', { sent: true });
      return result;
    };
    const kube = this.#kube;
    return {
      get: (resource, ref) => call(() => kube.get(resource, ref)),
      list: (resource) => call(() => kube.list(resource)),
      listAll: (resource) => call(() => kube.listAll(resource)),
      create: (resource, object) => call(() => kube.create(resource, object)),
      mergePatch: (resource, ref, patch) => {
        process.wroteAt = this.#clock.monotonic();
        return call(() => kube.mergePatch(resource, ref, patch));
      },
      mergePatchStatus: (resource, ref, patch) => call(() => kube.mergePatchStatus(resource, ref, patch)),
      delete: (resource, ref) => call(() => kube.delete(resource, ref)),
      watch: () => kube.watch(),
      close: () => kube.close(),
    };
  }

  /** Looks at what the API server holds now, and lets the watches tell of it, sooner or later. */
  async #changed(): Promise<void> {
    const object = await this.#stored();
    if (object === undefined) {
      if (!this.#gone) this.#note('the object is gone');
      this.#clock.setTimer(this.#between(0, 20_000), () => {
        this.#gone = true;
      });
      return;
    }
    this.#judge(object);
    for (const process of this.#processes) {
      const lagMs = this.#random() < this.#life.lag ? this.#between(0, 120_000) : this.#between(0, 100);
      this.#clock.setTimer(lagMs, () => {
        if (!process.dead) process.informer.put(structuredClone(object));
      });
    }
  }

  /** Nothing leaves without its claim, and nothing when all is over. */
  async #judgeSend(kind: string, correlationID: string): Promise<void> {
    this.#note(`sends ${kind}`);
    const object = await this.#stored();
    if (object === undefined) return void this.#wrongs.push(`${kind} was sent for an object that is gone`);
    const step = object.status?.steps?.find(({ name }) => name === kind);
    if (step?.state !== 'Requested') this.#wrongs.push(`${kind} was sent, but its step is ${step?.state}`);
    if (object.status?.completionTime !== undefined) this.#wrongs.push(`${kind} was sent after the end`);
    const intent = object.metadata.annotations?.[annotations.intent];
    if (this.#life.replaceAt === undefined && !intent?.includes(correlationID))
      this.#wrongs.push(`${kind} was sent without its intent`);
    if (kind !== 'CreateVM' && object.status?.powerStateBefore !== (this.#life.wasOn ? 'On' : 'Off'))
      this.#wrongs.push(`${kind} was sent, and powerStateBefore is ${object.status?.powerStateBefore}`);
  }

  /** The rules that must hold of every state that anyone can see. */
  #judge(object: VMRestore): void {
    const { status } = object;
    const before = this.#last;
    this.#last = status;
    if (status === undefined || JSON.stringify(before) === JSON.stringify(status)) return;
    const steps = (status.steps ?? []).map(({ name, state }) => `${name} ${state}`).join(', ');
    this.#note(`status: ${reasonOf(status)}; ${steps}; attempts ${status.operation?.attempts ?? '-'}`);
    if (before?.completionTime !== undefined && reasonOf(before) !== reasonOf(status))
      this.#wrongs.push(`what had ended (${reasonOf(before)}) went on (${reasonOf(status)})`);
    if (before?.powerStateBefore !== undefined && before.powerStateBefore !== status.powerStateBefore)
      this.#wrongs.push('powerStateBefore changed');
  }

  async #stored(): Promise<VMRestore | undefined> {
    try {
      return await this.#kube.get<VMRestore>(type, { namespace, name: 'restore-1' });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #userDeletes(): Promise<void> {
    this.#note('the user deletes it');
    if ((await this.#stored()) === undefined) return;
    await this.#kube.delete(type, { namespace, name: 'restore-1' });
    await this.#told();
  }

  async #userPauses(paused: boolean): Promise<void> {
    this.#note(paused ? 'the user pauses it' : 'the user lets it go on');
    await this.#patch({ metadata: { annotations: { [annotations.paused]: paused ? 'true' : null } } });
  }

  /** Takes away what a tool takes that knows only its own manifest. */
  async #toolReplaces(): Promise<void> {
    const object = await this.#stored();
    // Without its finalizer an object that is going is gone: nobody could go on with it.
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    this.#note('a tool replaces it');
    await this.#patch({ metadata: { finalizers: [], annotations: { [annotations.intent]: null } } });
  }

  async #userDecides(): Promise<void> {
    const object = await this.#stored();
    if (object?.spec.preview?.action !== 'Hold') return;
    this.#note(`the user decides: ${this.#life.decision}`);
    if (this.#life.lookAround && this.#vm.previewOf !== undefined) {
      this.#vm.startByHand();
      if (!this.#life.mayStop) this.#clock.setTimer(20 * minutes, () => this.#vm.stopByHand());
    }
    await this.#patch({ spec: { preview: { action: this.#life.decision } } });
  }

  async #patch(patch: object): Promise<void> {
    if ((await this.#stored()) === undefined) return;
    await this.#kube.mergePatch(type, { namespace, name: 'restore-1' }, patch);
    await this.#told();
  }

  /** A change that the controllers look at: they wake when the watch has told them. */
  async #told(): Promise<void> {
    await this.#changed();
    this.#clock.setTimer(130_000, () => this.#wakeAll());
    this.#clock.setTimer(200, () => this.#wakeAll());
  }

  #wakeAll(): void {
    for (const process of this.#processes) process.wake();
  }

  /** Often while the work is young: that is when processes meet. */
  #poke(): void {
    const longestMs = this.#clock.monotonic() < 5 * minutes ? 10_000 : 10 * minutes;
    this.#clock.setTimer(this.#between(0, longestMs), () => {
      this.#wakeAll();
      if (!this.#calm) this.#poke();
    });
  }

  #flap(): void {
    this.#clock.setTimer(this.#between(0, 20 * minutes), () => {
      if (this.#calm) return;
      this.#setProvider(!this.#providerReady);
      this.#flap();
    });
  }

  #setProvider(isReady: boolean): void {
    this.#providerReady = isReady;
    this.#note(isReady ? 'the provider is ready' : 'the provider is not ready');
    for (const process of this.#processes)
      process.registry.set('VMProvider/team-a/engine', this.#state(process));
    this.#wakeAll();
  }

  #state(process: Process): ProviderState {
    const operator = this.#vm.operator(process.gate);
    const timed = <C extends { sendBefore?: number }>(call: C) => {
      if (call.sendBefore === undefined || call.sendBefore > process.wroteAt + sendWindowMs)
        this.#wrongs.push('the window of a request is open for too long');
      return call;
    };
    const provider = {
      ...operator,
      restoreSnapshot: (...[target, call]: Parameters<typeof operator.restoreSnapshot>) =>
        operator.restoreSnapshot(target, timed(call)),
      createVM: (...[target, call]: Parameters<typeof operator.createVM>) =>
        operator.createVM(target, timed(call)),
    };
    if (this.#providerReady) return { state: 'Ready', provider };
    const notReady = { state: 'NotReady', reason: 'ProviderUnavailable', message: 'away' } as const;
    const states: ProviderState[] = [
      notReady,
      { ...notReady, provider },
      { state: 'Absent' },
      { state: 'Untried' },
    ];
    return states[Math.floor(this.#between(0, states.length))] as ProviderState;
  }

  #note(what: string): void {
    this.#history.push(`${(this.#clock.monotonic() / 1000).toFixed(1)} s ${what}`);
  }

  #latency(): number {
    return !this.#calm && this.#random() < this.#life.slow ? this.#between(0, 20_000) : this.#between(1, 50);
  }

  #between(low: number, high: number): number {
    return low + this.#random() * (high - low);
  }
}

function reasonOf(status: VMRestore['status']): string {
  return condition(status?.conditions, 'Ready')?.reason ?? '';
}

/** Random numbers that a seed repeats (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

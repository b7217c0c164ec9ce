import { randomUUID } from 'node:crypto';
import { annotations } from '../../../api/names.ts';
import type { AnyProvider } from '../../../providers/any-provider.ts';
import type { WriteCall } from '../../../providers/outcome.ts';
import type { Reconcile } from '../../../runtime/controller.ts';
import { Informer } from '../../../runtime/informer.ts';
import type { KubeClient } from '../../../runtime/kube/client.ts';
import { ApiError, isNotFound, TransportError } from '../../../runtime/kube/errors.ts';
import type { KubeObject, ResourceType } from '../../../runtime/kube/types.ts';
import { silentLogger } from '../../../runtime/log.ts';
import { FakeClock } from '../../../runtime/testing/fake-clock.ts';
import { FakeKubeClient } from '../../../runtime/testing/fake-kube-client.ts';
import { sendWindowMs } from '../../intent.ts';
import { Lanes } from '../../lanes.ts';
import { ProviderRegistry, type ProviderState } from '../../provider-registry.ts';
import { type RecordedObject, Recorder } from '../../recorder.ts';
import { UnknownOutcomes } from '../../unknown-outcomes.ts';
import { hours, minutes, namespace, now, settings } from '../builders.ts';
import { Chance, seeded } from './chance.ts';
import type { CallFaults, Gate } from './model-calls.ts';

/** What happens to any object in one simulated life. Probabilities from 0 to 1. */
export interface Mishaps extends CallFaults {
  seed: number;
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
  /** Milliseconds after which the object is deleted, paused (and let go on). */
  deleteAt: number | undefined;
  pauseAt: number | undefined;
}

export const noMishaps: Omit<Mishaps, 'seed'> = {
  refuse: 0,
  loseAnswer: 0,
  fail: 0,
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
};

/** How long a life is. */
export interface LifeSpan {
  /** Long enough for every deadline of the object, with faults. */
  stormMs: number;
  /** The quiet time after it, in which all must end. */
  calmMs: number;
  /** Within which a rival starts, where there is one. */
  rivalWithinMs: number;
}

/** Whose life it is. */
export interface Subject {
  resource: ResourceType;
  name: string;
  /** Key of its provider in the registry. */
  provider: string;
}

/** One operator process. */
export interface Process<K extends KubeObject> {
  name: string;
  dead: boolean;
  wake: () => void;
  informer: Informer<K>;
  registry: ProviderRegistry;
  gate: Gate;
  /** When it last began to write to the object's metadata, and so, perhaps, an intent. */
  wroteAt: number;
}

/**
 * One object, the operator processes at work on it, and all that gets in their way, on a clock of its own: the same
 * seed gives the same life. What the object is, who works on it and what must hold is the subclass's.
 */
export abstract class Simulation<K extends KubeObject & RecordedObject> {
  protected readonly clock = new FakeClock(now);
  protected readonly kube = new FakeKubeClient();
  protected readonly chance: Chance;
  /** Broken rules, in words. */
  protected readonly wrongs: string[] = [];
  protected readonly history: string[] = [];
  readonly #mishaps: Mishaps;
  readonly #subject: Subject;
  #processes: Process<K>[] = [];
  #started = 0;
  #calm = false;
  #gone = false;
  #providerReady = true;
  #last: K['status'] | undefined;

  constructor(mishaps: Mishaps, subject: Subject) {
    this.#mishaps = mishaps;
    this.#subject = subject;
    this.chance = new Chance(seeded(mishaps.seed));
  }

  /** What works on the object in one process. */
  protected abstract reconcilerOf(process: Process<K>, client: KubeClient): Reconcile;

  /** The provider as one process reaches it. */
  protected abstract providerOf(process: Process<K>): AnyProvider;

  /** Notes what it sees, and judges by the rules that must hold of every state that anyone can see. */
  protected abstract judge(
    object: K,
    status: NonNullable<K['status']>,
    before: K['status'] | undefined,
  ): void;

  /** What else happens in the storm. */
  protected happenings(): void {}

  /** The faults that this life has of the named kinds; there are none when it is calm. */
  protected faultsOf<F extends object>(life: F, names: readonly (keyof F)[]): F {
    const faults = {} as F;
    for (const name of names)
      Object.defineProperty(faults, name, { get: () => (this.#calm ? 0 : life[name]) });
    return faults;
  }

  /** Lets the object go through its storm, and then come to its end. */
  protected async live(object: K, { stormMs, calmMs, rivalWithinMs }: LifeSpan): Promise<void> {
    const { rivals, deleteAt, pauseAt, flap, pokes } = this.#mishaps;
    await this.kube.create(this.#subject.resource, object);
    this.#start();
    if (rivals) this.clock.setTimer(this.chance.between(0, rivalWithinMs), () => this.#start());
    if (deleteAt !== undefined) this.clock.setTimer(deleteAt, () => void this.#userDeletes());
    if (pauseAt !== undefined) {
      this.clock.setTimer(pauseAt, () => void this.#userPauses(true));
      this.clock.setTimer(pauseAt + this.chance.between(0, hours), () => void this.#userPauses(false));
    }
    if (flap) this.nowAndThen(20 * minutes, () => this.#setProvider(!this.#providerReady));
    if (pokes) this.#poke();
    this.happenings();
    await this.clock.advance(stormMs);
    this.#calm = true;
    this.#setProvider(true);
    if (this.#processes.every((process) => process.dead)) this.#start();
    // Informers relist now and then, and leaders lose their lease in the end.
    for (const process of this.#processes.slice(0, -1)) process.dead = true;
    await this.clock.advance(calmMs);
  }

  /** Does something now and then, within at most `longestMs`, until it is calm. */
  protected nowAndThen(longestMs: number, what: () => void): void {
    this.clock.setTimer(this.chance.between(0, longestMs), () => {
      if (this.#calm) return;
      what();
      this.nowAndThen(longestMs, what);
    });
  }

  /** The object as the API server has it. */
  protected async stored(): Promise<K | undefined> {
    try {
      return await this.kube.get<K>(this.#subject.resource, this.#ref);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** A change by someone else, if the object is there. */
  protected async patch(patch: object): Promise<void> {
    if ((await this.stored()) === undefined) return;
    await this.kube.mergePatch(this.#subject.resource, this.#ref, patch);
    await this.#told();
  }

  /** What any controller works with in one process. */
  protected partsOf(process: Process<K>, client: KubeClient, { bounded }: { bounded: boolean }) {
    const { clock } = this;
    const { informer, registry } = process;
    return {
      informer,
      registry,
      unknownOutcomes: new UnknownOutcomes(clock),
      lanes: new Lanes(clock),
      recorder: new Recorder<K>({
        resource: this.#subject.resource,
        bounded,
        client,
        informer,
        events: { record: () => undefined, dropped: 0, flush: async () => undefined },
        clock,
      }),
      settings,
      clock,
      random: this.chance.random,
      onStep: (step: string) => this.note(`${process.name}: ${step}`),
    };
  }

  /** Passes a write on, and judges how long it may be under way before it is sent. */
  protected timed<C extends WriteCall>(process: Process<K>, call: C): C {
    if (call.sendBefore === undefined || call.sendBefore > process.wroteAt + sendWindowMs)
      this.wrongs.push('the window of a request is open for too long');
    return call;
  }

  protected note(what: string): void {
    this.history.push(`${(this.clock.monotonic() / 1000).toFixed(1)} s ${what}`);
  }

  get #ref() {
    return { namespace, name: this.#subject.name };
  }

  /** A process with nothing in memory, and what the API server holds in its cache. */
  #start(): void {
    const name = `process ${++this.#started}`;
    const process: Process<K> = {
      name,
      dead: false,
      wroteAt: 0,
      wake: () => undefined,
      registry: new ProviderRegistry(() => ({ state: 'Absent' })),
      informer: undefined as unknown as Informer<K>,
      gate: async (ms) => {
        await new Promise<void>((resolve) => this.clock.setTimer(ms, resolve));
        if (!process.dead && !this.#calm && this.chance.happens(this.#mishaps.crash)) this.#kill(process);
        if (process.dead) await new Promise(() => undefined);
      },
    };
    const client = this.#client(process);
    process.informer = new Informer<K>({ client, resource: this.#subject.resource, clock: this.clock });
    this.#processes = [...this.#processes.filter((other) => !other.dead), process];
    this.note(`${name} starts`);
    void this.#run(process, client);
  }

  #kill(process: Process<K>): void {
    process.dead = true;
    this.note(`${process.name} is killed`);
    this.clock.setTimer(this.chance.between(0, 40_000), () => this.#start());
  }

  async #run(process: Process<K>, client: KubeClient): Promise<void> {
    process.registry.set(this.#subject.provider, this.#state(process));
    const reconcile = this.reconcilerOf(process, client);
    const first = await this.stored();
    if (first !== undefined) process.informer.put(first);
    while (!process.dead && !this.#gone) {
      let waitMs: number | undefined;
      try {
        const result = await reconcile(`${namespace}/${this.#subject.name}`, {
          signal: new AbortController().signal,
          correlationID: randomUUID(),
          log: silentLogger,
        });
        waitMs = result?.requeueAfterMs;
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof TransportError))
          this.wrongs.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
        waitMs = this.chance.between(500, 5_000);
      }
      await new Promise<void>((resolve) => {
        process.wake = resolve;
        if (waitMs !== undefined) this.clock.setTimer(waitMs, resolve);
      });
    }
  }

  /** The API server as one process sees it. */
  #client(process: Process<K>): KubeClient {
    const { loseKube } = this.#mishaps;
    const call = async <T>(what: () => Promise<T>): Promise<T> => {
      await process.gate(this.#latency());
      const early = this.chance.random();
      if (!this.#calm && early < loseKube / 2) throw new TransportError('not sent', { sent: false });
      let result: T;
      try {
        result = await what();
      } finally {
        await this.#changed();
      }
      await process.gate(this.#latency());
      if (!this.#calm && early < loseKube) throw new TransportError('answer lost', { sent: true });
      return result;
    };
    const { kube } = this;
    return {
      get: (resource, ref) => call(() => kube.get(resource, ref)),
      list: (resource) => call(() => kube.list(resource)),
      listAll: (resource) => call(() => kube.listAll(resource)),
      create: (resource, object) => call(() => kube.create(resource, object)),
      mergePatch: (resource, ref, patch) => {
        process.wroteAt = this.clock.monotonic();
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
    const object = await this.stored();
    if (object === undefined) {
      if (!this.#gone) this.note('the object is gone');
      this.clock.setTimer(this.chance.between(0, 20_000), () => {
        this.#gone = true;
      });
      return;
    }
    const { status } = object;
    const before = this.#last;
    this.#last = status;
    if (status !== undefined && JSON.stringify(before) !== JSON.stringify(status))
      this.judge(object, status, before);
    for (const process of this.#processes) {
      const isLate = this.chance.happens(this.#mishaps.lag);
      this.clock.setTimer(this.chance.between(0, isLate ? 120_000 : 100), () => {
        if (!process.dead) process.informer.put(structuredClone(object));
      });
    }
  }

  async #userDeletes(): Promise<void> {
    this.note('the user deletes it');
    if ((await this.stored()) === undefined) return;
    await this.kube.delete(this.#subject.resource, this.#ref);
    await this.#told();
  }

  async #userPauses(paused: boolean): Promise<void> {
    this.note(paused ? 'the user pauses it' : 'the user lets it go on');
    await this.patch({ metadata: { annotations: { [annotations.paused]: paused ? 'true' : null } } });
  }

  /** A change that the controllers look at: they wake when the watch has told them. */
  async #told(): Promise<void> {
    await this.#changed();
    this.clock.setTimer(130_000, () => this.#wakeAll());
    this.clock.setTimer(200, () => this.#wakeAll());
  }

  #wakeAll(): void {
    for (const process of this.#processes) process.wake();
  }

  /** Often while the work is young: that is when processes meet. */
  #poke(): void {
    const longestMs = this.clock.monotonic() < 5 * minutes ? 10_000 : 10 * minutes;
    this.clock.setTimer(this.chance.between(0, longestMs), () => {
      this.#wakeAll();
      if (!this.#calm) this.#poke();
    });
  }

  #setProvider(isReady: boolean): void {
    this.#providerReady = isReady;
    this.note(isReady ? 'the provider is ready' : 'the provider is not ready');
    for (const process of this.#processes) process.registry.set(this.#subject.provider, this.#state(process));
    this.#wakeAll();
  }

  #state(process: Process<K>): ProviderState {
    const provider = this.providerOf(process);
    if (this.#providerReady) return { state: 'Ready', provider };
    const notReady = { state: 'NotReady', reason: 'ProviderUnavailable', message: 'away' } as const;
    return this.chance.oneOf<ProviderState>([
      notReady,
      { ...notReady, provider },
      { state: 'Absent' },
      { state: 'Untried' },
    ]);
  }

  #latency(): number {
    const isSlow = !this.#calm && this.chance.happens(this.#mishaps.slow);
    return isSlow ? this.chance.between(0, 20_000) : this.chance.between(1, 50);
  }
}

import { randomUUID } from 'node:crypto';
import { condition } from '../../api/conditions.ts';
import { annotations } from '../../api/names.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import type { WriteCall } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import { Informer } from '../../runtime/informer.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { ApiError, isNotFound, TransportError } from '../../runtime/kube/errors.ts';
import { silentLogger } from '../../runtime/log.ts';
import { FakeClock } from '../../runtime/testing/fake-clock.ts';
import { FakeKubeClient } from '../../runtime/testing/fake-kube-client.ts';
import { markedName, sendWindowMs } from '../intent.ts';
import { Lanes } from '../lanes.ts';
import { isTerminal } from '../lifecycle/decide.ts';
import { Engine } from '../lifecycle/engine.ts';
import { Listings } from '../listings.ts';
import { ProviderRegistry, type ProviderState } from '../provider-registry.ts';
import { Recorder } from '../recorder.ts';
import { resourceTypes } from '../resources.ts';
import { UnknownOutcomes } from '../unknown-outcomes.ts';
import type { SnapshotNeighbours } from '../vmsnapshot/facts.ts';
import { snapshotPolicy } from '../vmsnapshot/policy.ts';
import {
  aCollection,
  aPoint,
  aSnapshot,
  cluster,
  hours,
  minutes,
  namespace,
  now,
  otherUID,
  settings,
  snapshotNeighbours,
  vmHeldSnapshot,
} from './builders.ts';
import { ModelEngine } from './model-engine.ts';
import { type Gate, ModelVendor, type VendorFaults } from './model-vendor.ts';

/** What happens to one object in one simulated life. Probabilities from 0 to 1. */
export interface Life extends VendorFaults {
  seed: number;
  vendor: 'azure' | 'ovirt';
  /** oVirt: the guest is frozen and thawed by calls of our own. */
  freeze: boolean;
  /** Azure: the restore point is taken directly in another region, and replicates. */
  far: boolean;
  /** The achieved consistency must be Application. */
  require: boolean;
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
  /** The wall clock jumps by minutes, forth and back. */
  jumps: boolean;
  /** Milliseconds after which the object is deleted, paused (and let go on). */
  deleteAt: number | undefined;
  pauseAt: number | undefined;
}

export const noFaults: Omit<Life, 'seed'> = {
  vendor: 'azure',
  freeze: false,
  far: false,
  require: false,
  refuse: 0,
  loseAnswer: 0,
  fail: 0,
  failForGood: 0,
  loseRead: 0,
  refuseRemoval: 0,
  slow: 0,
  fallShort: 0,
  crash: 0,
  rivals: false,
  loseKube: 0,
  lag: 0,
  flap: false,
  pokes: false,
  jumps: false,
  deleteAt: undefined,
  pauseAt: undefined,
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

const key = `${namespace}/snap-1`;
const type = resourceTypes.VMSnapshot;
/** Long enough for every deadline of the object, with faults; then a quiet time in which all must end. */
const stormMs = 2.5 * hours;
const calmMs = 4 * hours;

/** Plays one life to its end. The same `life` gives the same ending. */
export async function play(life: Life): Promise<Ending> {
  return new Simulation(life).play();
}

interface Process {
  name: string;
  dead: boolean;
  wake: () => void;
  informer: Informer<VMSnapshot>;
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
  readonly #vendor: ModelVendor | ModelEngine;
  readonly #wrongs: string[] = [];
  readonly #history: string[] = [];
  #processes: Process[] = [];
  #started = 0;
  #calm = false;
  #gone = false;
  #providerReady = true;
  #last: VMSnapshot['status'];

  constructor(life: Life) {
    this.#life = life;
    this.#random = seeded(life.seed);
    const stranger = aPoint({
      name: markedName({ cluster, uid: otherUID, attempt: 1 }),
      createdAt: '2025-01-01T00:00:00Z',
    });
    const faults: VendorFaults = Object.fromEntries(
      Object.keys(noFaults).map((name) => [name, 0]),
    ) as unknown as VendorFaults;
    for (const name of Object.keys(faults) as (keyof VendorFaults)[]) {
      Object.defineProperty(faults, name, { get: () => (this.#calm ? 0 : life[name]) });
    }
    this.#vendor =
      life.vendor === 'azure'
        ? new ModelVendor(this.#clock, this.#random, faults, [stranger])
        : new ModelEngine(
            this.#clock,
            this.#random,
            faults,
            [vmHeldSnapshot({ id: 'stranger', name: stranger.name, createdAt: '2025-01-01T00:00:00Z' })],
            life.freeze,
          );
  }

  async play(): Promise<Ending> {
    const life = this.#life;
    await this.#kube.create(resourceTypes.RestorePointCollection, aCollection(this.#collection));
    await this.#kube.create(type, this.#object());
    this.#start();
    if (life.rivals) {
      const lateMs = this.#random() < 0.5 ? 3_000 : 10 * minutes;
      this.#clock.setTimer(this.#between(0, lateMs), () => this.#start());
    }
    if (life.deleteAt !== undefined) this.#clock.setTimer(life.deleteAt, () => void this.#userDeletes());
    if (life.pauseAt !== undefined) {
      this.#clock.setTimer(life.pauseAt, () => void this.#userPauses(true));
      this.#clock.setTimer(life.pauseAt + this.#between(0, hours), () => void this.#userPauses(false));
    }
    if (life.flap) this.#flap();
    if (life.pokes) this.#poke();
    if (life.jumps) this.#jump();
    await this.#clock.advance(stormMs);
    this.#calm = true;
    this.#setProvider(true);
    if (this.#processes.every((process) => process.dead)) this.#start();
    // Informers relist now and then, and leaders lose their lease in the end.
    for (const process of this.#processes.slice(0, -1)) process.dead = true;
    await this.#clock.advance(calmMs);
    return {
      object: await this.#stored(),
      present: this.#vendor.present(),
      wrongs: [
        ...this.#wrongs,
        ...this.#vendor.wrongs,
        ...('frozenAt' in this.#vendor && this.#vendor.frozenAt !== undefined
          ? ['the guest was left frozen']
          : []),
      ],
      sent: this.#vendor.sent.map(({ name }) => name),
      kubernetesWrites: this.#kube.writes.length - 2,
      vendorReads: this.#vendor.reads,
      history: this.#history,
    };
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

  /** A process with nothing in memory, and what the API server holds in its cache. */
  #start(): void {
    const name = `process ${++this.#started}`;
    const process: Process = {
      name,
      dead: false,
      wroteAt: 0,
      wake: () => undefined,
      registry: new ProviderRegistry(() => ({ state: 'Absent' })),
      informer: undefined as unknown as Informer<VMSnapshot>,
      gate: async (ms) => {
        await new Promise<void>((resolve) => this.#clock.setTimer(ms, resolve));
        if (!process.dead && !this.#calm && this.#random() < this.#life.crash) this.#kill(process);
        if (process.dead) await new Promise(() => undefined);
      },
    };
    const client = this.#client(process);
    process.informer = new Informer<VMSnapshot>({ client, resource: type, clock: this.#clock });
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
    const random = this.#random;
    process.registry.set('VMProvider/team-a/azure', this.#state(process));
    const engine = new Engine<VMSnapshot, SnapshotNeighbours>({
      resource: type,
      policy: snapshotPolicy,
      neighbours: () => ({ ...snapshotNeighbours, collection: () => aCollection(this.#collection) }),
      informer: process.informer,
      client,
      registry: process.registry,
      unknownOutcomes: new UnknownOutcomes(clock),
      lanes: new Lanes(clock),
      listings: new Listings(clock, settings.driftIntervalMs / 2),
      recorder: new Recorder<VMSnapshot>({
        resource: type,
        bounded: false,
        client,
        informer: process.informer,
        events: { record: () => undefined, dropped: 0, flush: async () => undefined },
        clock,
      }),
      settings,
      clock,
      random,
      onStep: (step) => this.#note(`${process.name}: ${step}`),
    });
    const first = await this.#stored();
    if (first !== undefined) process.informer.put(first);
    while (!process.dead && !this.#gone) {
      let waitMs: number | undefined;
      try {
        const result = await engine.reconcile(key, {
          signal: new AbortController().signal,
          correlationID: randomUUID(),
          log: silentLogger,
        });
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

  /** The rules that must hold of every state that anyone can see. */
  #judge(object: VMSnapshot): void {
    const { status } = object;
    const before = this.#last;
    this.#last = status;
    if (status === undefined || JSON.stringify(before) === JSON.stringify(status)) return;
    const reason = reasonOf(status);
    const was = reasonOf(before);
    const late = was === 'DeadlineExceeded' || was === 'OutcomeUnknown';
    const goes = object.metadata.deletionTimestamp !== undefined;
    if (isTerminal(was) && !isTerminal(reason) && !(late && reason === 'Available') && !goes)
      this.#wrongs.push(`what had ended (${was}) went on (${reason})`);
    this.#note(`status: ${reason} ${status.provisioningState} attempts ${status.operation?.attempts ?? '-'}`);
    const percent = (of: typeof status | undefined) => of?.replication?.percent ?? 0;
    // A percentage belongs to what is being copied: another attempt begins anew, and only that.
    const another = status.replication === undefined && status.snapshotID !== before?.snapshotID;
    if (percent(status) < percent(before) && !another) this.#wrongs.push('percent went back');
    if (before?.completionTime !== undefined) {
      if (before.completionTime !== status.completionTime) this.#wrongs.push('completionTime changed');
      if (before.snapshotID !== status.snapshotID) this.#wrongs.push('snapshotID changed after completion');
      if (before.creationTime !== status.creationTime)
        this.#wrongs.push('creationTime changed after completion');
    }
    // One that is being deleted says so by its deletionTimestamp.
    if (status.readyToUse !== true || goes) return;
    const point = this.#vendor.present().find((candidate) => candidate.id === status.snapshotID);
    if (point?.state !== 'Succeeded') this.#wrongs.push(`readyToUse, but the point is ${point?.state}`);
    if (point?.replication?.some((disk) => disk.state !== 'Succeeded'))
      this.#wrongs.push('readyToUse before all data has arrived');
    if (this.#life.vendor === 'azure' && this.#life.require && point?.consistency !== 'Application')
      this.#wrongs.push('readyToUse in spite of a consistency that falls short');
  }

  async #stored(): Promise<VMSnapshot | undefined> {
    try {
      return await this.#kube.get<VMSnapshot>(type, { namespace, name: 'snap-1' });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #userDeletes(): Promise<void> {
    this.#note('the user deletes it');
    if ((await this.#stored()) === undefined) return;
    await this.#kube.delete(type, { namespace, name: 'snap-1' });
    await this.#told();
  }

  async #userPauses(paused: boolean): Promise<void> {
    this.#note(paused ? 'the user pauses it' : 'the user lets it go on');
    if ((await this.#stored()) === undefined) return;
    const value = paused ? 'true' : null;
    await this.#kube.mergePatch(
      type,
      { namespace, name: 'snap-1' },
      { metadata: { annotations: { [annotations.paused]: value } } },
    );
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

  #jump(): void {
    this.#clock.setTimer(this.#between(0, 20 * minutes), () => {
      if (this.#calm) return;
      this.#clock.jumpWallClock(this.#between(-10, 10) * minutes);
      this.#jump();
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
      process.registry.set('VMProvider/team-a/azure', this.#state(process));
    this.#wakeAll();
  }

  #state(process: Process): ProviderState {
    const vendor = this.#vendor.provider(process.gate);
    const provider: AnyProvider = {
      ...vendor,
      createSnapshot: (target: SnapshotTarget, call: WriteCall) => {
        if (call.sendBefore === undefined || call.sendBefore > process.wroteAt + sendWindowMs)
          this.#wrongs.push('the window of a request is open for too long');
        return vendor.createSnapshot(target, call);
      },
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

function reasonOf(status: VMSnapshot['status']): string {
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

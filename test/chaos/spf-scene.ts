import { expect } from 'vitest';
import type { SpfSimulatorOptions } from '../simulators/spf/options.ts';
import type { SpfSimulator } from '../simulators/spf/simulator.ts';
import type { Vm } from '../simulators/spf/state.ts';
import { checkpointsOf, restoreOf, rowsMadeFor, spfProvider, startSpf } from '../support/spf.ts';
import { type AnyObject, ready, type Stage } from '../support/stage.ts';
import { areReady, objectLine, Scene } from './scene.ts';

const deadlineMs = 90_000;

/** As `Scene`, on an SPF of its own, since a request that makes a checkpoint does not name its VM in the URL. */
export class SpfScene extends Scene {
  readonly spf: SpfSimulator;
  readonly vms: Vm[];

  private constructor(stage: Stage, spf: SpfSimulator, namespace: string, vms: Vm[]) {
    super(stage, namespace);
    this.spf = spf;
    this.vms = vms;
  }

  static async set(stage: Stage, options: SpfSimulatorOptions = {}): Promise<SpfScene> {
    const [spf, namespace] = await Promise.all([
      startSpf(options),
      stage.cluster.createNamespace('spf-chaos'),
    ]);
    const vms = ['web', 'db'].map((name) => spf.addVm({ name, ownerRole: spf.subscriptionId }));
    await spfProvider(stage, spf, namespace, { door: 'tenantRoot' });
    return new SpfScene(stage, spf, namespace, vms);
  }

  /** Makes two snapshots of one VM, and one of the other. */
  async makeSnapshots(): Promise<AnyObject[]> {
    const [web, db] = this.vms;
    return Promise.all([
      this.#snapshot('first', web),
      this.#snapshot('second', web),
      this.#snapshot('third', db),
    ]);
  }

  #snapshot(name: string, vm: Vm | undefined): Promise<AnyObject> {
    return this.make('VMSnapshot', name, {
      providerRef: { name: 'spf' },
      source: { vm: { id: vm?.id } },
    });
  }

  /** Makes a snapshot of a running VM, and a restore to it for which the VM is shut down and started again. */
  async makeRestore(): Promise<void> {
    const [web] = this.vms;
    await this.#snapshot('before', web);
    const spec = { ...restoreOf('before', web?.id ?? ''), power: 'StopAndStart' };
    await this.make('VMRestore', 'back', spec);
  }

  /** Waits until every snapshot is Ready, or gone where it was deleted; gives them. */
  async allReady(): Promise<AnyObject[]> {
    return this.until('all ready', ['VMSnapshot'], areReady, deadlineMs);
  }

  async allGone(): Promise<void> {
    await this.until('all gone', ['VMSnapshot'], (objects) => objects.length === 0, deadlineMs);
  }

  /** Waits until the restore has ended, in whatever way, and gives its reason. */
  async restoreEnded(): Promise<string | undefined> {
    const ended = ([object]: AnyObject[]) => Boolean(object?.status?.completionTime);
    const [restore] = await this.until('ended', ['VMRestore'], ended, deadlineMs);
    return restore && ready(restore)?.reason;
  }

  protected override account(objects: AnyObject[]): string[] {
    const known = [...this.spf.effects(), ...this.spf.vms()];
    return [...objects.map(objectLine), ...known.map((one) => JSON.stringify(one))];
  }

  /** One checkpoint for each object, of which no more rows were ever made than may be, and nothing else. */
  expectOneEach(objects: AnyObject[], mostMade = 1): void {
    for (const object of objects) {
      const uid = object.metadata.uid ?? '';
      expect(checkpointsOf(this.spf, uid), object.metadata.name).toMatchObject([
        { id: object.status?.snapshotID, checkpointId: expect.any(String), enabled: true },
      ]);
      expect(rowsMadeFor(this.spf, uid), object.metadata.name).toBeLessThanOrEqual(mostMade);
    }
    expect(this.spf.checkpoints()).toHaveLength(objects.length);
  }

  /** The VM was put back exactly so many times, and runs again. */
  expectRestored(times: number): void {
    expect(this.spf.everRestored()).toHaveLength(times);
    const restored = this.spf.effects().filter(({ effect }) => effect === 'checkpoint-restored');
    expect(restored).toHaveLength(times);
    expect(this.spf.vms().map(({ name, power }) => [name, power])).toEqual([
      ['web', 'Running'],
      ['db', 'Running'],
    ]);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    expect(this.spf.contractViolations).toEqual([]);
    await this.spf.close();
  }
}

import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { KindName } from '../../src/api/kinds.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { SpfSimulatorOptions } from '../simulators/spf/options.ts';
import type { SpfSimulator } from '../simulators/spf/simulator.ts';
import type { Vm } from '../simulators/spf/state.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { checkpointsOf, restoreOf, rowsMadeFor, spfProvider, startSpf } from '../support/spf.ts';
import { type AnyObject, ready, type Stage } from '../support/stage.ts';
import { type StopAt, stopVariable } from './stop-at.ts';

const stoppableOperator = fileURLToPath(new URL('stoppable-operator.ts', import.meta.url));

/** As `Scene`, on an SPF of its own, since a request that makes a checkpoint does not name its VM in the URL. */
export class SpfScene implements AsyncDisposable {
  readonly #stage: Stage;
  readonly spf: SpfSimulator;
  readonly namespace: string;
  readonly vms: Vm[];
  readonly #operators: OperatorProcess[] = [];

  private constructor(stage: Stage, spf: SpfSimulator, namespace: string, vms: Vm[]) {
    this.#stage = stage;
    this.spf = spf;
    this.namespace = namespace;
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
    return this.#stage.make('VMSnapshot', this.namespace, name, {
      providerRef: { name: 'spf' },
      source: { vm: { id: vm?.id } },
    });
  }

  /** Makes a snapshot of a running VM, and a restore to it for which the VM is shut down and started again. */
  async makeRestore(): Promise<void> {
    const [web] = this.vms;
    await this.#snapshot('before', web);
    const spec = { ...restoreOf('before', web?.id ?? ''), power: 'StopAndStart' };
    await this.#stage.make('VMRestore', this.namespace, 'back', spec);
  }

  async removeAll(objects: AnyObject[]): Promise<void> {
    for (const { kind, metadata } of objects)
      await this.#stage.remove(kind as KindName, this.namespace, metadata.name);
  }

  /** Starts an operator for this namespace. */
  async operator(): Promise<OperatorProcess> {
    return this.#start();
  }

  /** Starts an operator for this namespace that stops itself. */
  async stoppable(stopAt: StopAt): Promise<OperatorProcess> {
    return this.#start({ [stopVariable]: JSON.stringify(stopAt) }, stoppableOperator);
  }

  async #start(env?: NodeJS.ProcessEnv, program?: string): Promise<OperatorProcess> {
    const operator = await this.#stage.operator([`--namespaces=${this.namespace}`], env, program);
    this.#operators.push(operator);
    return operator;
  }

  /** Waits until every snapshot is Ready, or gone where it was deleted; gives them. */
  async allReady(): Promise<AnyObject[]> {
    return this.#until('VMSnapshot', 'all ready', (objects) =>
      objects.every(
        (object) => object.metadata.deletionTimestamp === undefined && ready(object)?.status === 'True',
      ),
    );
  }

  async allGone(): Promise<void> {
    await this.#until('VMSnapshot', 'all gone', (objects) => objects.length === 0);
  }

  /** Waits until the restore has ended, in whatever way, and gives its reason. */
  async restoreEnded(): Promise<string | undefined> {
    const [restore] = await this.#until('VMRestore', 'ended', ([object]) =>
      Boolean(object?.status?.completionTime),
    );
    return restore && ready(restore)?.reason;
  }

  async #until(kind: KindName, what: string, holds: (objects: AnyObject[]) => boolean): Promise<AnyObject[]> {
    let last: AnyObject[] = [];
    try {
      return await waitFor(
        `${kind}s of ${this.namespace}: ${what}`,
        async () => {
          last = await this.#stage.list(kind, this.namespace);
          return holds(last) ? last : undefined;
        },
        { deadline: 90_000, interval: 150 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#account(last)}`);
    }
  }

  /** How things stand, for error messages. */
  #account(objects: AnyObject[]): string {
    return [
      ...objects.map(({ metadata, status }) =>
        JSON.stringify({ name: metadata.name, annotations: metadata.annotations, status }),
      ),
      ...[...this.spf.effects(), ...this.spf.vms()].map((one) => JSON.stringify(one)),
      ...this.#operators.map((operator, index) => `operator ${index}:\n${operator.tail(25)}`),
    ].join('\n');
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

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator[Symbol.asyncDispose]()));
    expect(this.spf.contractViolations).toEqual([]);
    await this.spf.close();
  }
}

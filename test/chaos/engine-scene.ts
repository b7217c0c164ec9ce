import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { KindName } from '../../src/api/kinds.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { OvirtSimulator } from '../simulators/ovirt/simulator.ts';
import type { Vm } from '../simulators/ovirt/state.ts';
import { createdFor, engineProvider, snapshotsOf } from '../support/engine.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { type AnyObject, ready, type Stage } from '../support/stage.ts';
import { type StopAt, stopVariable } from './stop-at.ts';

const stoppableOperator = fileURLToPath(new URL('stoppable-operator.ts', import.meta.url));

let scenes = 0;

/**
 * As `Scene`, on an oVirt engine: a VM with ordinary disks, one of Cinder's whose guest Keyframe freezes, and one that
 * is off, of which a creation that fails is tried again (of a running one it is not: event 170).
 */
export class EngineScene implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #engine: OvirtSimulator;
  readonly namespace: string;
  readonly vms: Vm[];
  readonly #operators: OperatorProcess[] = [];

  private constructor(stage: Stage, engine: OvirtSimulator, namespace: string, vms: Vm[]) {
    this.#stage = stage;
    this.#engine = engine;
    this.namespace = namespace;
    this.vms = vms;
  }

  static async set(stage: Stage, engine: OvirtSimulator): Promise<EngineScene> {
    scenes += 1;
    const namespace = await stage.cluster.createNamespace('engine-chaos');
    await engineProvider(stage, engine, namespace);
    const vms = [
      engine.addVm({ name: `ordinary-${scenes}`, disks: [{}, {}] }),
      engine.addVm({ name: `cinder-${scenes}`, disks: [{ storageType: 'cinder' }] }),
      engine.addVm({ name: `off-${scenes}`, status: 'down' }),
    ];
    return new EngineScene(stage, engine, namespace, vms);
  }

  /** Makes two snapshots of the ordinary VM, and one of each other, with its guest frozen where it is Cinder's. */
  async makeSnapshots(): Promise<AnyObject[]> {
    const [ordinary, cinder, off] = this.vms;
    return Promise.all([
      this.#make('first', ordinary),
      this.#make('second', ordinary),
      this.#make('frozen', cinder, { ovirt: { freeze: 'Always' } }),
      this.#make('off', off),
    ]);
  }

  #make(name: string, vm: Vm | undefined, spec: object = {}): Promise<AnyObject> {
    return this.#stage.make('VMSnapshot', this.namespace, name, {
      providerRef: { name: 'engine' },
      source: { vm: { id: vm?.id } },
      ...spec,
    });
  }

  /** Makes an object of another kind. */
  async make(kind: KindName, name: string, spec: object): Promise<AnyObject> {
    return this.#stage.make(kind, this.namespace, name, spec);
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

  /** Waits until every object of a kind is Ready, or gone where it was deleted; gives them. */
  async allReady(kind: KindName = 'VMSnapshot', deadlineMs = 60_000): Promise<AnyObject[]> {
    return this.#until(kind, 'all ready', deadlineMs, (objects) =>
      objects.every(
        (object) => object.metadata.deletionTimestamp === undefined && ready(object)?.status === 'True',
      ),
    );
  }

  async allGone(kind: KindName = 'VMSnapshot', deadlineMs = 60_000): Promise<void> {
    await this.#until(kind, 'all gone', deadlineMs, (objects) => objects.length === 0);
  }

  async #until(
    kind: KindName,
    what: string,
    deadline: number,
    holds: (objects: AnyObject[]) => boolean,
  ): Promise<AnyObject[]> {
    let last: AnyObject[] = [];
    try {
      return await waitFor(
        `${kind}s of ${this.namespace}: ${what}`,
        async () => {
          last = await this.#stage.list(kind, this.namespace);
          return holds(last) ? last : undefined;
        },
        { deadline, interval: 150 },
      );
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#account(last)}`);
    }
  }

  /** How things stand, for error messages. */
  #account(objects: AnyObject[]): string {
    const ids = new Set(this.vms.map(({ id }) => id));
    return [
      ...objects.map(({ metadata, status }) =>
        JSON.stringify({ name: metadata.name, annotations: metadata.annotations, status }),
      ),
      ...this.#engine
        .effects()
        .filter(({ vmId }) => ids.has(vmId))
        .map((effect) => JSON.stringify(effect)),
      ...this.#engine
        .vms()
        .filter(({ id }) => ids.has(id))
        .map((vm) => JSON.stringify(vm)),
      ...this.#operators.map((operator, index) => `operator ${index}:\n${operator.tail(25)}`),
    ].join('\n');
  }

  /** One snapshot at the engine for each object, of which at most so many were ever made; and no guest frozen. */
  expectOneEach(objects: AnyObject[], mostMade = 1): void {
    for (const object of objects) {
      const uid = object.metadata.uid ?? '';
      expect(snapshotsOf(this.#engine, uid), object.metadata.name).toMatchObject([
        { id: object.status?.snapshotID, type: 'regular', status: 'ok' },
      ]);
      expect(createdFor(this.#engine, uid), object.metadata.name).toBeLessThanOrEqual(mostMade);
    }
    this.expectVMsFree();
  }

  expectNothingLeft(objects: AnyObject[]): void {
    for (const { metadata } of objects)
      expect(snapshotsOf(this.#engine, metadata.uid ?? ''), metadata.name).toEqual([]);
    this.expectVMsFree();
  }

  /** No guest is frozen, no VM in preview. */
  expectVMsFree(): void {
    const ids = new Set(this.vms.map(({ id }) => id));
    const held = this.#engine
      .vms()
      .filter(({ id, frozen, inPreview }) => ids.has(id) && (frozen || inPreview));
    expect(held).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator[Symbol.asyncDispose]()));
  }
}

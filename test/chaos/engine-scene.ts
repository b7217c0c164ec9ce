import { expect } from 'vitest';
import type { KindName } from '../../src/api/kinds.ts';
import type { OvirtSimulator } from '../simulators/ovirt/simulator.ts';
import type { Vm } from '../simulators/ovirt/state.ts';
import { createdFor, engineProvider, snapshotsOf } from '../support/engine.ts';
import type { AnyObject, Stage } from '../support/stage.ts';
import { areReady, objectLine, Scene } from './scene.ts';

let scenes = 0;

/**
 * As `Scene`, on an oVirt engine: a VM with ordinary disks, one of Cinder's whose guest Keyframe freezes, and one that
 * is off, of which a creation that fails is tried again (of a running one it is not: event 170).
 */
export class EngineScene extends Scene {
  readonly #engine: OvirtSimulator;
  readonly vms: Vm[];

  private constructor(stage: Stage, engine: OvirtSimulator, namespace: string, vms: Vm[]) {
    super(stage, namespace);
    this.#engine = engine;
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
      this.#take('first', ordinary),
      this.#take('second', ordinary),
      this.#take('frozen', cinder, { ovirt: { freeze: 'Always' } }),
      this.#take('off', off),
    ]);
  }

  #take(name: string, vm: Vm | undefined, spec: object = {}): Promise<AnyObject> {
    return this.make('VMSnapshot', name, {
      providerRef: { name: 'engine' },
      source: { vm: { id: vm?.id } },
      ...spec,
    });
  }

  /** Waits until every object of a kind is Ready, or gone where it was deleted; gives them. */
  async allReady(kind: KindName = 'VMSnapshot', deadlineMs = 60_000): Promise<AnyObject[]> {
    return this.until('all ready', [kind], areReady, deadlineMs);
  }

  async allGone(kind: KindName = 'VMSnapshot', deadlineMs = 60_000): Promise<void> {
    await this.until('all gone', [kind], (objects) => objects.length === 0, deadlineMs);
  }

  protected override account(objects: AnyObject[]): string[] {
    const ids = new Set(this.vms.map(({ id }) => id));
    const effects = this.#engine.effects().filter(({ vmId }) => ids.has(vmId));
    const vms = this.#engine.vms().filter(({ id }) => ids.has(id));
    return [...objects.map(objectLine), ...[...effects, ...vms].map((one) => JSON.stringify(one))];
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
}

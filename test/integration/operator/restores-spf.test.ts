import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import type { SpfFaultRule } from '../../simulators/spf/faults.ts';
import type { SpfSimulatorOptions } from '../../simulators/spf/options.ts';
import type { SpfSimulator } from '../../simulators/spf/simulator.ts';
import type { Vm, VmSpec } from '../../simulators/spf/state.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { effectsOn, restoreOf, spfProvider, startSpf } from '../../support/spf.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let shared: Site;

/** An SPF, and the namespace whose provider it is. */
interface Site {
  spf: SpfSimulator;
  namespace: string;
}

async function siteOf(options: SpfSimulatorOptions = {}): Promise<Site> {
  const [spf, namespace] = await Promise.all([
    startSpf(options),
    stage.cluster.createNamespace('spf-restores'),
  ]);
  await spfProvider(stage, spf, namespace, { door: 'tenantRoot' });
  return { spf, namespace };
}

beforeAll(async () => {
  stage = await Stage.set();
  await stage.operator();
  shared = await siteOf();
});
afterAll(async () => {
  expect(await leaks(stage, [shared.spf.account.password])).toEqual([]);
  expect(shared.spf.contractViolations).toEqual([]);
  await stage?.[Symbol.asyncDispose]();
  await shared?.spf.close();
});

let scenes = 0;

/** A VM that has a checkpoint, and the VMSnapshot that stands for it; both bear the name of the VM. */
class Scene implements AsyncDisposable {
  readonly spf: SpfSimulator;
  readonly namespace: string;
  readonly vm: Vm;
  readonly name: string;
  checkpointID = '';

  private constructor({ spf, namespace }: Site, vm: Partial<VmSpec>) {
    scenes += 1;
    this.name = `vm-${scenes}`;
    this.spf = spf;
    this.namespace = namespace;
    this.vm = spf.addVm({ name: this.name, ownerRole: spf.subscriptionId, ...vm });
  }

  /** @param own of an SPF of its own, for what would touch the others */
  static async set(vm: Partial<VmSpec> = {}, own?: SpfSimulatorOptions): Promise<Scene> {
    const scene = new Scene(own === undefined ? shared : await siteOf(own), vm);
    scene.checkpointID = await scene.take(scene.name);
    return scene;
  }

  /** Makes a VMSnapshot of the VM, and gives the id of its checkpoint. */
  async take(name: string): Promise<string> {
    await stage.make('VMSnapshot', this.namespace, name, {
      providerRef: { name: 'spf' },
      source: { vm: { id: this.vm.id } },
      displayName: name,
      description: 'words that stay',
    });
    const { status } = await stage.reason('VMSnapshot', this.namespace, name, 'Available');
    return status?.snapshotID;
  }

  restore(spec: object = {}, name = this.name): Promise<AnyObject> {
    return stage.make('VMRestore', this.namespace, name, { ...restoreOf(this.name, this.vm.id), ...spec });
  }

  becomes(reason: string, name = this.name): Promise<AnyObject> {
    return stage.reason('VMRestore', this.namespace, name, reason);
  }

  /** Lets a fault hit the next restore of the checkpoint. */
  onRestore(fault: SpfFaultRule): void {
    const operation = 'VMCheckPoints_Restore';
    this.spf.faults.add({ ...fault, operation, path: this.checkpointID, times: 1 } as SpfFaultRule);
  }

  /** The methods with which SPF was asked for the restore. */
  asked(): string[] {
    return this.spf.requests
      .filter(
        ({ operation, url }) => operation === 'VMCheckPoints_Restore' && url.includes(this.checkpointID),
      )
      .map(({ method }) => method);
  }

  /** How often the VM was put back, whatever became of it. */
  restores(): number {
    return this.spf.everRestored().filter(({ vmId }) => vmId === this.vm.id).length;
  }

  /** What was done to the VM since its first checkpoint was made, in order. */
  done(): string[] {
    return effectsOn(this.spf, this.vm.id)
      .map(({ effect, name }) => (effect === 'power-changed' ? `${name}` : effect))
      .filter((what) => what !== 'checkpoint-created' && what !== 'checkpoint-made');
  }

  now() {
    return this.spf.vms().find(({ id }) => id === this.vm.id);
  }

  expectRestoredOnce(): void {
    expect(this.restores()).toBe(1);
    const { checkpointId } = this.spf.checkpoints().find(({ id }) => id === this.checkpointID) ?? {};
    expect(this.now()).toMatchObject({ lastRestoredCheckpointId: checkpointId });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.spf === shared.spf) return;
    expect(this.spf.contractViolations).toEqual([]);
    await this.spf.close();
  }
}

const stopAndStart = { power: 'StopAndStart' };
const steps = ({ status }: AnyObject) => {
  const told: { name: string; state: string }[] = status?.steps ?? [];
  return told.map(({ name, state }) => `${name} ${state}`);
};
const messageOf = (object: AnyObject) => ready(object)?.message ?? '';

describe('a VMRestore on SPF', () => {
  // What waits for longest comes first, so that the others go on beside it.
  it.concurrent.for([
    { title: 'that is never looked at', fault: { kind: 'hang' } },
    { title: 'that is reset', fault: { kind: 'reset' } },
  ] as const)('by a request $title is not sent again; the VM is started', async ({ fault }) => {
    await using scene = await Scene.set();
    scene.onRestore(fault);
    await scene.restore(stopAndStart);
    const object = await scene.becomes('RestoreFailed');
    expect(messageOf(object)).toMatch(
      /the request had no effect, which is proved now, and is not sent again/,
    );
    expect(scene.asked()).toHaveLength(1);
    expect(scene.done()).toEqual(['Shutdown', 'Start']);
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent('whose outcome another’s task hides is called unknown, and not sent again; the VM is started', async () => {
    await using scene = await Scene.set({}, {});
    const { spf } = scene;
    // Nothing but the last task of the VM tells of it, and by the time anyone looks it is another's.
    scene.onRestore({ kind: 'lost-answer' });
    await scene.restore(stopAndStart);
    const until = (what: string, happened: () => boolean) =>
      waitFor(what, async () => happened() || undefined, { interval: 5 });
    await until('the restore to be asked for', () => scene.restores() > 0);
    const outage = spf.faults.add({ kind: 'respond', status: 503 });
    await until('the restore to end', () => scene.done().includes('checkpoint-restored'));
    spf.skip(5);
    spf.addForeignTask(scene.vm.id);
    spf.faults.remove(outage);
    const object = await scene.becomes('OutcomeUnknown');
    expect(messageOf(object)).toMatch(/not sent again/);
    expect(scene.restores()).toBe(1);
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent.for([
    { title: 'is lost', fault: { kind: 'lost-answer' } },
    { title: 'never comes', fault: { kind: 'hang', when: 'after-effect' } },
    { title: 'is an error after the effect', fault: { kind: 'respond', status: 500, when: 'after-effect' } },
    { title: 'names no job', fault: { kind: 'no-job-id' } },
    { title: 'names a job that takes longer than anyone waits', fault: { kind: 'duration', seconds: 400 } },
  ] as const)('whose answer $title puts the VM back once', async ({ fault }) => {
    await using scene = await Scene.set();
    scene.onRestore(fault as SpfFaultRule);
    await scene.restore(stopAndStart);
    const object = await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.asked()).toHaveLength(1);
    expect(steps(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent('puts a VM that is off back, once, and leaves later checkpoints', async () => {
    await using scene = await Scene.set({ power: 'PowerOff' });
    const later = await scene.take(`${scene.name}-later`);
    await scene.restore();
    const object = await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.done()).toEqual(['restore-begun', 'checkpoint-restored']);
    expect(scene.now()?.power).toBe('PowerOff');
    expect(scene.spf.checkpoints().map(({ id }) => id)).toContain(later);
    expect(object.status).toMatchObject({
      provisioningState: 'Succeeded',
      powerStateBefore: 'Off',
      restored: { vmID: scene.vm.id, vmName: scene.name },
    });
    expect(steps(object)).toEqual(['Restore Done']);
    expect(kstatus(object)).toBe('Current');
    // It has run: it never runs again, and its end touches nothing.
    await stage.removed('VMRestore', scene.namespace, scene.name);
    scene.expectRestoredOnce();
  });

  it.concurrent('refuses a VM that is on, unless it may be stopped', async () => {
    await using scene = await Scene.set();
    await scene.restore({ power: 'RequireOff' });
    const object = await scene.becomes('PreconditionFailed');
    expect(messageOf(object)).toContain(`VM ${scene.name} is on (Running)`);
    expect(messageOf(object)).toContain('power: StopAndStart');
    expect(scene.done()).toEqual([]);
  });

  it.concurrent('shuts a running VM down, puts it back, and starts it', async () => {
    await using scene = await Scene.set();
    await scene.restore(stopAndStart);
    const object = await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.done()).toEqual(['Shutdown', 'restore-begun', 'checkpoint-restored', 'Start']);
    expect(steps(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect(scene.now()?.power).toBe('Running');
    expect(object.status?.powerStateBefore).toBe('On');
  });

  it.concurrent('powers off a VM whose guest cannot be shut down', async () => {
    await using scene = await Scene.set({ hasVmAdditions: false });
    await scene.restore(stopAndStart);
    const object = await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.done()).toEqual(['Stop', 'restore-begun', 'checkpoint-restored', 'Start']);
    expect(steps(object)).toEqual(['Shutdown Failed', 'PowerOff Done', 'Restore Done', 'Start Done']);
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent('starts no VM that the checkpoint brought back running', async () => {
    await using scene = await Scene.set({ checkpointType: 'Standard' });
    await scene.restore(stopAndStart);
    const object = await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.done()).toEqual(['Shutdown', 'restore-begun', 'checkpoint-restored']);
    expect(steps(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent.for([
    { title: 'stopped by a proxy', merge: 'method-not-allowed' },
    { title: 'not known to the service', merge: 'not-implemented' },
  ] as const)('where MERGE is $title sends the whole as PUT, once', async ({ merge }) => {
    await using scene = await Scene.set({}, { behaviour: { merge, put: 'resets' } });
    await scene.restore(stopAndStart);
    await scene.becomes('Completed');
    scene.expectRestoredOnce();
    expect(scene.asked().filter((method) => method === 'PUT')).toHaveLength(1);
    const [before] = scene.spf.checkpoints();
    expect(before).toMatchObject({
      name: expect.stringMatching(new RegExp(`^${scene.name} \\[keyframe-`)),
      description: expect.stringMatching(/^words that stay \[keyframe-/),
    });
    expect(scene.now()?.power).toBe('Running');
  });

  it.concurrent.for([
    { onFailure: undefined, power: 'Running' },
    { onFailure: 'LeaveOff', power: 'PowerOff' },
  ])('that fails says what VMM said, and leaves the VM $power', async ({ onFailure, power }) => {
    await using scene = await Scene.set();
    scene.onRestore({
      kind: 'job-failed',
      problem: 'VMM cannot complete the host operation because the checkpoint file is missing.',
      recommendedAction: 'Restore the file, and then try the operation again.',
    });
    await scene.restore({ ...stopAndStart, ...(onFailure === undefined ? {} : { onFailure }) });
    const object = await scene.becomes('RestoreFailed');
    expect(messageOf(object)).toMatch(/the checkpoint file is missing.*Restore the file/);
    expect(scene.restores()).toBe(1);
    await waitFor('the end', async () => {
      const { status } = await stage.get('VMRestore', scene.namespace, scene.name);
      return status?.completionTime;
    });
    expect(scene.now()?.power).toBe(power);
    expect(scene.now()?.lastRestoredCheckpointId).toBeUndefined();
    expect(kstatus(object)).toBe('Failed');
  });

  it.concurrent('needs no more than CheckpointRestoreOnly for the checkpoint, and says what it lacks', async () => {
    await using scene = await Scene.set({ power: 'PowerOff' }, {});
    const { spf } = scene;
    spf.updateTenant(spf.subscriptionId, { permissions: [] });
    await scene.restore();
    const refused = await scene.becomes('RestoreFailed');
    expect(messageOf(refused)).toMatch(/does not have the CheckpointRestoreOnly permission/);
    spf.updateTenant(spf.subscriptionId, { permissions: ['CheckpointRestoreOnly'] });
    await scene.restore({}, 'again');
    await scene.becomes('Completed', 'again');
    scene.expectRestoredOnce();
  });

  it.concurrent('waits while VMM is at work on the VM', async () => {
    await using scene = await Scene.set({ power: 'PowerOff' });
    scene.spf.updateVm(scene.vm.id, { migrating: true });
    await scene.restore();
    expect(messageOf(await scene.becomes('ConcurrentOperation'))).toMatch(/migrat/);
    expect(scene.done()).toEqual([]);
    scene.spf.updateVm(scene.vm.id, { migrating: false });
    await scene.becomes('Completed');
    scene.expectRestoredOnce();
  });

  it.concurrent('is done after a task of another’s, of which there is no job any more', async () => {
    await using scene = await Scene.set({ power: 'PowerOff' });
    scene.spf.addForeignTask(scene.vm.id);
    await scene.restore();
    await scene.becomes('Completed');
    scene.expectRestoredOnce();
  });

  it.concurrent('refuses a VM with a saved state, which would be lost', async () => {
    await using scene = await Scene.set();
    scene.spf.updateVm(scene.vm.id, { power: 'Saved' });
    await scene.restore(stopAndStart);
    expect(messageOf(await scene.becomes('PreconditionFailed'))).toMatch(/suspended \(Saved\)/);
    expect(scene.done()).toEqual([]);
  });

  it.concurrent('refuses what SPF cannot do, and names the field', async () => {
    await using scene = await Scene.set({ power: 'PowerOff' });
    const newVM = { strategy: 'NewVM', newVM: { name: 'copy' }, target: undefined, startBefore: undefined };
    const fields = {
      'strategy: NewVM': newVM,
      memory: { memory: 'Include' },
      disks: { disks: { ids: ['os'] } },
      preview: { preview: { action: 'Hold' } },
    };
    const refusals = Object.entries(fields).map(async ([field, spec], index) => {
      await scene.restore(spec, `refused-${index}`);
      const object = await scene.becomes('UnsupportedByProvider', `refused-${index}`);
      expect(messageOf(object)).toContain(`spec.${field} is set, but `);
    });
    await Promise.all(refusals);
    expect(scene.done()).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import type { OvirtFaultRule } from '../../simulators/ovirt/faults.ts';
import type { VmSpec } from '../../simulators/ovirt/seeds.ts';
import type { OvirtSimulator } from '../../simulators/ovirt/simulator.ts';
import type { Vm } from '../../simulators/ovirt/state.ts';
import { engineProvider, startEngine } from '../../support/engine.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('restores');
  await stage.operator();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const soon = () => new Date(Date.now() + 3_600_000).toISOString();
const becomes = (name: string, reason: string) => stage.reason('VMRestore', namespace, name, reason);
const stepsOf = ({ status }: AnyObject) =>
  (status?.steps ?? []).map((step: { name: string; state: string }) => `${step.name} ${step.state}`);
const conditionsOf = ({ status }: AnyObject) =>
  Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]));

/** A VM of an engine with a snapshot, and work done since. */
class Subject {
  readonly #engine: OvirtSimulator;
  readonly #provider: string;
  readonly vm: Vm;
  readonly name: string;

  constructor(engine: OvirtSimulator, provider: string, spec: Partial<VmSpec> & { name: string }) {
    this.#engine = engine;
    this.#provider = provider;
    this.name = spec.name;
    this.vm = engine.addVm({ disks: [{ alias: 'os' }, { alias: 'data' }], ...spec });
  }

  async snapshot(name = this.name, spec: object = {}): Promise<AnyObject> {
    const { id } = this.vm;
    await stage.make('VMSnapshot', namespace, name, {
      providerRef: { name: this.#provider },
      source: { vm: { id } },
      ...spec,
    });
    return stage.reason('VMSnapshot', namespace, name, 'Available');
  }

  /** Changes what is on the disks. */
  work(content = 'changed'): void {
    for (const { diskId } of this.vm.attachments) this.#engine.updateDisk(diskId, { content });
  }

  async restore(spec: object = {}): Promise<AnyObject> {
    return stage.make('VMRestore', namespace, this.name, {
      source: { snapshotRef: { name: this.name } },
      strategy: 'InPlace',
      startBefore: soon(),
      target: { vmID: this.vm.id },
      ...spec,
    });
  }

  get now() {
    const found = this.#engine.vms().find(({ id }) => id === this.vm.id);
    return { ...found, contents: Object.values(found?.contents ?? {}) };
  }

  /** What was done to it, in order. */
  get effects(): string[] {
    return this.#engine
      .effects()
      .filter(({ vmId }) => vmId === this.vm.id)
      .map(({ effect }) => effect)
      .filter((effect) => !effect.startsWith('snapshot-'));
  }

  /** Lets a fault hit the next request of an operation on this VM. */
  fault(operation: string, fault: OvirtFaultRule): void {
    this.#engine.faults.add({ ...fault, operation, path: this.vm.id, times: 1 } as OvirtFaultRule);
  }
}

const stopAndStart = { power: 'StopAndStart' };

describe('a VMRestore on an engine of today', () => {
  let engine: OvirtSimulator;
  const subject = (name: string, spec: Partial<VmSpec> = {}) =>
    new Subject(engine, 'engine', { name, ...spec });
  /** One with a snapshot, on which was worked since. */
  const worked = async (name: string, spec: Partial<VmSpec> = {}) => {
    const it = subject(name, spec);
    await it.snapshot();
    it.work();
    return it;
  };

  beforeAll(async () => {
    engine = await startEngine({ durations: { lockLingersSeconds: 20 } });
    await engineProvider(stage, engine, namespace);
    await stage.reason('VMProvider', namespace, 'engine', 'Available');
  });
  afterAll(async () => {
    expect(await leaks(stage, [engine.password])).toEqual([]);
    expect(engine.contractViolations).toEqual([]);
    expect(engine.vms().filter(({ inPreview }) => inPreview)).toEqual([]);
    await engine.close();
  });

  it('shuts a VM down, puts it back, and starts it again', async () => {
    const web = await worked('whole');
    await web.restore(stopAndStart);
    const object = await becomes('whole', 'Completed');
    expect(kstatus(object)).toBe('Current');
    expect(stepsOf(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect(conditionsOf(object)).toEqual({
      Ready: 'True',
      Succeeded: 'True',
      TargetPrepared: 'True',
      DisksRestored: 'True',
      PowerRestored: 'True',
    });
    expect(object.status).toMatchObject({
      provisioningState: 'Succeeded',
      powerStateBefore: 'On',
      vm: { id: web.vm.id, name: 'whole' },
      restored: { vmID: web.vm.id, vmName: 'whole', disks: ['os', 'data'] },
    });
    expect(object.status).not.toHaveProperty('operation');
    expect(web.now).toMatchObject({ status: 'up', contents: ['original', 'original'] });
    expect(web.effects).toEqual(['vm-shutdown', 'restore-started', 'committed', 'vm-start']);
    await stage.until(
      'VMRestore',
      namespace,
      'whole',
      'to hold nothing',
      ({ metadata }) => !metadata.finalizers?.length,
    );
    await stage.removed('VMRestore', namespace, 'whole');
    expect(web.effects).toHaveLength(4);
  });

  it('is refused of a VM that is on, and goes on when that is off', async () => {
    const web = await worked('on');
    await web.restore();
    const refused = await becomes('on', 'PreconditionFailed');
    expect(ready(refused)?.message).toContain('VM on is on (up)');
    expect(kstatus(refused)).toBe('Failed');
    expect(web.effects).toEqual([]);
    engine.updateVm(web.vm.id, { status: 'down' });
    expect(stepsOf(await becomes('on', 'Completed'))).toEqual(['Restore Done']);
    expect(web.now).toMatchObject({ status: 'down', contents: ['original', 'original'] });
  });

  it('names the snapshots that would be lost, and takes them only where that is accepted', async () => {
    const web = await worked('newer', { status: 'down' });
    await web.snapshot('newer-2');
    await web.restore();
    const refused = await becomes('newer', 'PreconditionFailed');
    expect(ready(refused)?.message).toMatch(/would be lost: VMSnapshot newer-2 \([0-9a-f-]+, of /);
    expect(web.effects).toEqual([]);
    await stage.removed('VMRestore', namespace, 'newer');
    await web.restore({ acceptDataLoss: ['NewerSnapshots'] });
    await becomes('newer', 'Completed');
    expect(web.effects).toEqual(['restore-started', 'lost-by-commit', 'committed']);
    await stage.annotate('VMSnapshot', namespace, 'newer-2', { 'keyframe.dev/reconcile-at': 'now' });
    await stage.reason('VMSnapshot', namespace, 'newer-2', 'SnapshotMissing');
  });

  it('puts back one disk of two', async () => {
    const web = await worked('part', { status: 'down' });
    await web.restore({ disks: { ids: ['data'] } });
    const object = await becomes('part', 'Completed');
    expect(object.status?.restored.disks).toEqual(['data']);
    expect(web.now.contents).toEqual(['changed', 'original']);
  });

  it('goes on where the memory was', async () => {
    const web = subject('memory');
    await web.snapshot('memory', { memory: 'Include' });
    web.work();
    await web.restore({ ...stopAndStart, memory: 'Include' });
    await becomes('memory', 'Completed');
    expect(web.now).toMatchObject({ status: 'up', contents: ['original', 'original'] });
  });

  it('powers off a guest that takes no notice', async () => {
    const web = await worked('deaf', { onShutdown: 'ignores' });
    await web.restore({ ...stopAndStart, shutdownTimeout: '1s' });
    const object = await becomes('deaf', 'Completed');
    expect(stepsOf(object)).toEqual(['Shutdown Failed', 'PowerOff Done', 'Restore Done', 'Start Done']);
    expect(web.now.status).toBe('up');
  });

  it.each(['Commit', 'Undo'])('holds a preview until someone decides: %s', async (action) => {
    const name = `preview-${action.toLowerCase()}`;
    const web = await worked(name);
    await web.restore({ ...stopAndStart, preview: { action: 'Hold' } });
    const held = await becomes(name, 'AwaitingDecision');
    expect(kstatus(held)).toBe('InProgress');
    expect(web.now).toMatchObject({ status: 'down', inPreview: true, contents: ['original', 'original'] });
    await stage.patch('VMRestore', namespace, name, { spec: { preview: { action } } });
    const object = await becomes(name, 'Completed');
    expect(stepsOf(object)).toEqual(['Shutdown Done', 'Preview Done', `${action} Done`, 'Start Done']);
    expect(conditionsOf(object).DisksRestored).toBe(action === 'Commit' ? 'True' : 'False');
    const content = action === 'Commit' ? 'original' : 'changed';
    expect(web.now).toMatchObject({ status: 'up', inPreview: false, contents: [content, content] });
  });

  it('undoes a preview, and starts the VM again, when it is deleted', async () => {
    const web = await worked('dropped');
    await web.restore({ ...stopAndStart, preview: { action: 'Hold' } });
    await becomes('dropped', 'AwaitingDecision');
    await stage.removed('VMRestore', namespace, 'dropped');
    expect(web.now).toMatchObject({ status: 'up', inPreview: false, contents: ['changed', 'changed'] });
  });

  it('keeps its snapshot from being deleted while it needs it, and the VM from being snapshotted', async () => {
    const web = await worked('reader');
    await web.restore({ ...stopAndStart, preview: { action: 'Hold' } });
    await becomes('reader', 'AwaitingDecision');
    await stage.remove('VMSnapshot', namespace, 'reader');
    const blocked = await stage.reason('VMSnapshot', namespace, 'reader', 'DeletionBlocked');
    expect(ready(blocked)?.message).toContain('VMRestore reader');
    await stage.make('VMSnapshot', namespace, 'reader-2', {
      providerRef: { name: 'engine' },
      source: { vm: { id: web.vm.id } },
    });
    const queued = await stage.reason('VMSnapshot', namespace, 'reader-2', 'Queued');
    expect(ready(queued)?.message).toContain('VMRestore reader is at work');
    await stage.patch('VMRestore', namespace, 'reader', { spec: { preview: { action: 'Undo' } } });
    await becomes('reader', 'Completed');
    await stage.gone('VMSnapshot', namespace, 'reader');
    await stage.reason('VMSnapshot', namespace, 'reader-2', 'Available');
  });

  it.each<[sentence: string, fault: OvirtFaultRule]>([
    ['the commit is refused', { kind: 'commit-refused' }],
    ['the commit fails', { kind: 'commit-failed' }],
    ['the preview fails, and the engine answers complete', { kind: 'preview-failed' }],
    ['it is not permitted', { kind: 'error-body', status: 403, form: 'fault', detail: '[not authorized]' }],
    ['the engine never gets it', { kind: 'hang' }],
  ])('fails and leaves the VM as it was: %s', async (_sentence, fault) => {
    const name = `fails-${fault.kind}`;
    const web = await worked(name);
    web.fault('Snapshots_Restore', fault);
    await web.restore(stopAndStart);
    const object = await becomes(name, 'RestoreFailed');
    expect(kstatus(object)).toBe('Failed');
    expect(conditionsOf(object)).toMatchObject({
      Succeeded: 'False',
      DisksRestored: 'False',
      PowerRestored: 'True',
    });
    expect(web.now).toMatchObject({ status: 'up', inPreview: false, contents: ['changed', 'changed'] });
    expect(
      engine.requests.filter(
        ({ operation, url }) => operation === 'Snapshots_Restore' && url.includes(web.vm.id),
      ),
    ).toHaveLength(1);
  });

  it.each<[sentence: string, fault: OvirtFaultRule]>([
    ['its answer is lost', { kind: 'lost-answer' }],
    ['its answer hangs', { kind: 'hang', when: 'after-effect' }],
    ['the engine answers 500 and does it', { kind: 'respond', status: 500, when: 'after-effect' }],
    ['it takes longer than anyone waits', { kind: 'duration', seconds: 400 }],
    ['it is carried out late', { kind: 'late-effect', milliseconds: 900 }],
  ])('is done once although %s', async (_sentence, fault) => {
    const name = `once-${fault.kind}`;
    const web = await worked(name);
    web.fault('Snapshots_Restore', fault);
    await web.restore(stopAndStart);
    await becomes(name, 'Completed');
    expect(web.effects).toEqual(['vm-shutdown', 'restore-started', 'committed', 'vm-start']);
    expect(web.now).toMatchObject({ status: 'up', contents: ['original', 'original'] });
  });

  it('puts up with a busy engine and with lost power requests', async () => {
    const web = await worked('busy');
    web.fault('Vms_Shutdown', { kind: 'lost-answer' });
    web.fault('Snapshots_Restore', { kind: 'refused', key: 'VM_IS_DURING_SNAPSHOT' });
    web.fault('Vms_Start', { kind: 'refused', key: 'VM_IS_LOCKED' });
    await web.restore(stopAndStart);
    await becomes('busy', 'Completed');
    expect(web.effects).toEqual(['vm-shutdown', 'restore-started', 'committed', 'vm-start']);
  });

  it('does not begin in preview, and says the way out', async () => {
    const web = subject('previewed', { status: 'down' });
    const { status } = await web.snapshot();
    await web.restore({ preview: { action: 'Hold' } });
    await becomes('previewed', 'AwaitingDecision');
    await stage.make('VMRestore', namespace, 'second', {
      source: { snapshotRef: { name: 'previewed' } },
      strategy: 'InPlace',
      startBefore: soon(),
      target: { vmID: web.vm.id },
    });
    const refused = await becomes('second', 'PreconditionFailed');
    expect(ready(refused)?.message).toContain(`in preview of snapshot ${status?.snapshotID}`);
    await stage.patch('VMRestore', namespace, 'previewed', { spec: { preview: { action: 'Undo' } } });
    await becomes('second', 'Completed');
    expect(web.effects).toEqual(['previewed', 'undone', 'restore-started', 'committed']);
  });

  it('never begins after its time', async () => {
    const web = await worked('late', { status: 'down' });
    await web.restore({ startBefore: new Date(Date.now() - 1_000).toISOString() });
    await becomes('late', 'Expired');
    expect(web.effects).toEqual([]);
  });

  it('touches no VM but the one that is named', async () => {
    const web = await worked('named', { status: 'down' });
    const other = subject('other', { status: 'down' });
    await web.restore({ target: { vmID: other.vm.id } });
    expect(ready(await becomes('named', 'InvalidSpec'))?.message).toContain(`is of VM ${web.vm.id}`);
    expect([web.effects, other.effects]).toEqual([[], []]);
  });

  describe('to a new VM', () => {
    const copy = (name: string, spec: object = {}) =>
      stage.make('VMRestore', namespace, name, {
        source: { snapshotRef: { name: 'cloned' } },
        strategy: 'NewVM',
        newVM: { name },
        ...spec,
      });
    const made = (name: string) => engine.vms().filter((vm) => vm.name === name);
    let source: Subject;
    beforeAll(async () => {
      source = await worked('cloned');
    });

    it('makes one beside the old, which runs on', async () => {
      const { metadata } = await copy('clone');
      const object = await becomes('clone', 'Completed');
      expect(made('clone')).toMatchObject([{ status: 'down' }]);
      expect(object.status?.restored).toEqual({ vmID: made('clone')[0]?.id, vmName: 'clone' });
      const found = [...engine.world.vms.values()].find(({ name }) => name === 'clone');
      // On a busy machine the first attempt may not be sent in time, and give way to a second.
      expect(found?.description).toMatch(new RegExp(`${metadata.uid}-\\d\\]$`));
      expect(source.now).toMatchObject({ status: 'up', contents: ['changed', 'changed'] });
    });

    it('makes one although the answer was lost', async () => {
      engine.faults.add({ kind: 'lost-answer', operation: 'Vms_Create', times: 1 });
      await copy('clone-lost');
      await becomes('clone-lost', 'Completed');
      expect(made('clone-lost')).toHaveLength(1);
    });

    it('is refused where the name is taken', async () => {
      await copy('taken', { newVM: { name: 'cloned' } });
      expect(ready(await becomes('taken', 'PreconditionFailed'))?.message).toContain('there is a VM cloned');
    });

    it('fails with the words of the engine, and leaves none', async () => {
      engine.faults.add({ kind: 'operation-failed', operation: 'Vms_Create', times: 1 });
      await copy('clone-fails');
      await becomes('clone-fails', 'RestoreFailed');
      expect(made('clone-fails')).toEqual([]);
    });
  });
});

describe.each([
  ['3.6.13', 'session'],
  ['4.2.8', 'basic'],
] as const)('a VMRestore on engine %s', (version, auth) => {
  let engine: OvirtSimulator;
  const provider = `engine-${version.replaceAll('.', '-')}`;
  beforeAll(async () => {
    engine = await startEngine({ version });
    await engineProvider(stage, engine, namespace, { name: provider, auth });
  });
  afterAll(async () => {
    expect(engine.contractViolations).toEqual([]);
    await engine.close();
  });

  it('puts a VM back', async () => {
    const web = new Subject(engine, provider, { name: `web-${provider}` });
    await web.snapshot();
    web.work();
    await web.restore(stopAndStart);
    await becomes(web.name, 'Completed');
    expect(web.now).toMatchObject({ status: 'up', contents: ['original', 'original'] });
  });

  it('undoes a preview', async () => {
    const web = new Subject(engine, provider, { name: `look-${provider}`, status: 'down' });
    await web.snapshot();
    web.work();
    await web.restore({ preview: { action: 'Hold' } });
    await becomes(web.name, 'AwaitingDecision');
    await stage.patch('VMRestore', namespace, web.name, { spec: { preview: { action: 'Undo' } } });
    await becomes(web.name, 'Completed');
    expect(web.now).toMatchObject({ status: 'down', inPreview: false, contents: ['changed', 'changed'] });
    const rest = await waitFor('no work', async () =>
      engine.vms().every(({ inPreview }) => !inPreview) ? true : undefined,
    );
    expect(rest).toBe(true);
  });
});

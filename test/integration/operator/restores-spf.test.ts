import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SpfFaultRule } from '../../simulators/spf/faults.ts';
import type { SpfSimulator } from '../../simulators/spf/simulator.ts';
import type { Vm, VmSpec } from '../../simulators/spf/state.ts';
import { kstatus } from '../../support/kstatus.ts';
import { leaks } from '../../support/leaks.ts';
import { effectsOn, spfProvider, startSpf } from '../../support/spf.ts';
import { type AnyObject, ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;
let spf: SpfSimulator;

beforeAll(async () => {
  [stage, spf] = await Promise.all([Stage.set(), startSpf()]);
  namespace = await stage.cluster.createNamespace('spf-restores');
  await spfProvider(stage, spf, namespace);
  await stage.operator();
  await stage.reason('VMProvider', namespace, 'spf', 'Available');
});
afterAll(async () => {
  expect(await leaks(stage, [spf.account.password])).toEqual([]);
  expect(spf.contractViolations).toEqual([]);
  await stage?.[Symbol.asyncDispose]();
  await spf?.close();
});

const becomes = (name: string, reason: string) => stage.reason('VMRestore', namespace, name, reason);
const stepsOf = ({ status }: AnyObject) =>
  (status?.steps ?? []).map((step: { name: string; state: string }) => `${step.name} ${step.state}`);
const stopAndStart = { power: 'StopAndStart' };

/** A VM with a checkpoint, and what was done to it since. */
class Subject {
  readonly vm: Vm;
  readonly name: string;

  constructor(name: string, spec: Partial<VmSpec> = {}) {
    this.name = name;
    this.vm = spf.addVm({ name, ...spec });
  }

  async checkpoint(name = this.name): Promise<AnyObject> {
    await stage.make('VMSnapshot', namespace, name, {
      providerRef: { name: 'spf' },
      source: { vm: { id: this.vm.id } },
    });
    return stage.reason('VMSnapshot', namespace, name, 'Available');
  }

  restore(spec: object = {}): Promise<AnyObject> {
    return stage.make('VMRestore', namespace, this.name, {
      source: { snapshotRef: { name: this.name } },
      strategy: 'InPlace',
      startBefore: new Date(Date.now() + 3_600_000).toISOString(),
      target: { vmID: this.vm.id },
      ...spec,
    });
  }

  get now() {
    return spf.vms().find(({ id }) => id === this.vm.id);
  }

  /** How often it was put back, whatever became of it, and what was done with its power. */
  get restores(): number {
    return spf.everRestored().filter(({ vmId }) => vmId === this.vm.id).length;
  }

  get powerChanges(): (string | null)[] {
    return effectsOn(spf, this.vm.id)
      .filter(({ effect }) => effect === 'power-changed')
      .map(({ name }) => name);
  }
}

/** Lets a fault hit the next restore of a checkpoint. */
const onRestore = (fault: SpfFaultRule, checkpointID: string) =>
  spf.faults.add({
    ...fault,
    operation: 'VMCheckPoints_Restore',
    path: checkpointID,
    times: 1,
  } as SpfFaultRule);

describe('a VMRestore of SPF', () => {
  it('shuts a VM down, puts it back, and starts it again', async () => {
    const web = new Subject('whole');
    await web.checkpoint();
    await web.restore(stopAndStart);
    const object = await becomes('whole', 'Completed');
    expect(kstatus(object)).toBe('Current');
    expect(stepsOf(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect(web.now).toMatchObject({ power: 'Running', lastRestoredCheckpointId: expect.any(String) });
    expect([web.restores, web.powerChanges]).toEqual([1, ['Shutdown', 'Start']]);
  });

  it('leaves a VM on that its checkpoint puts back as running', async () => {
    const web = new Subject('running', { checkpointType: 'Standard' });
    await web.checkpoint();
    await web.restore(stopAndStart);
    const object = await becomes('running', 'Completed');
    expect(stepsOf(object)).toEqual(['Shutdown Done', 'Restore Done', 'Start Done']);
    expect([web.now?.power, web.powerChanges]).toEqual(['Running', ['Shutdown']]);
  });

  it('is refused of a VM that is on, where it may not be stopped', async () => {
    const web = new Subject('on');
    await web.checkpoint();
    await web.restore();
    expect(ready(await becomes('on', 'PreconditionFailed'))?.message).toContain('VM on is on');
    expect(web.restores).toBe(0);
  });

  it('powers a VM off whose guest cannot be asked', async () => {
    const web = new Subject('mute', { hasVmAdditions: false });
    await web.checkpoint();
    await web.restore(stopAndStart);
    const object = await becomes('mute', 'Completed');
    expect(stepsOf(object)).toEqual(['Shutdown Failed', 'PowerOff Done', 'Restore Done', 'Start Done']);
    expect(web.now?.power).toBe('Running');
  });

  it('loses no newer checkpoint, and needs no leave for it', async () => {
    const web = new Subject('tree', { power: 'PowerOff' });
    await web.checkpoint();
    await web.checkpoint('tree-2');
    await web.restore();
    await becomes('tree', 'Completed');
    expect(spf.checkpoints().filter(({ vmId }) => vmId === web.vm.id)).toHaveLength(2);
  });

  it.each<[field: string, spec: object]>([
    ['memory', { memory: 'Include' }],
    ['disks', { disks: { ids: ['x'] } }],
    ['preview', { preview: { action: 'Hold' } }],
  ])('cannot choose %s', async (field, spec) => {
    const web = new Subject(`no-${field}`, { power: 'PowerOff' });
    await web.checkpoint();
    await web.restore(spec);
    const refused = await becomes(web.name, 'UnsupportedByProvider');
    expect(ready(refused)?.message).toContain(`spec.${field} is set, but`);
    expect(web.restores).toBe(0);
  });

  it('fails with the words of VMM, and starts the VM again', async () => {
    const web = new Subject('fails');
    const { status } = await web.checkpoint();
    const words = { problem: 'The disk is gone.', recommendedAction: 'Find the disk.' };
    onRestore({ kind: 'job-failed', ...words }, status?.snapshotID);
    await web.restore(stopAndStart);
    const object = await becomes('fails', 'RestoreFailed');
    expect(ready(object)?.message).toMatch(/The disk is gone\..*Find the disk/);
    expect([web.restores, web.now?.power, web.now?.lastRestoredCheckpointId]).toEqual([
      1,
      'Running',
      undefined,
    ]);
  });

  it.each<[sentence: string, fault: SpfFaultRule, reason: string]>([
    ['its answer is lost', { kind: 'lost-answer' }, 'Completed'],
    ['its answer hangs', { kind: 'hang', when: 'after-effect' }, 'Completed'],
    ['SPF answers 500 and does it', { kind: 'respond', status: 500, when: 'after-effect' }, 'Completed'],
    ['its answer names no job', { kind: 'no-job-id' }, 'Completed'],
    ['it takes longer than anyone waits', { kind: 'duration', seconds: 400 }, 'Completed'],
    ['SPF never gets it', { kind: 'hang' }, 'RestoreFailed'],
  ])('is sent once although %s', async (_sentence, fault, reason) => {
    const web = new Subject(
      `once-${fault.kind}-${reason.toLowerCase()}-${'when' in fault ? 'after' : 'any'}`,
    );
    const { status } = await web.checkpoint();
    onRestore(fault, status?.snapshotID);
    await web.restore(stopAndStart);
    await becomes(web.name, reason);
    const asked = spf.requests.filter(
      ({ operation, url }) => operation === 'VMCheckPoints_Restore' && url.includes(status?.snapshotID),
    );
    expect(asked).toHaveLength(1);
    expect(web.restores).toBe(reason === 'Completed' ? 1 : 0);
    expect(web.now?.power).toBe('Running');
  });

  it('waits until VMM is done with the VM', async () => {
    const web = new Subject('shared', { power: 'PowerOff' });
    await web.checkpoint();
    spf.addForeignTask(web.vm.id);
    await web.restore();
    await becomes('shared', 'Completed');
    expect(web.restores).toBe(1);
  });
});

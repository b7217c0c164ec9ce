/** Restores, and what an engine has, by the plugin: with an oVirt engine whose VMs are really put back. */
import { load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OvirtSimulator } from '../../simulators/ovirt/simulator.ts';
import type { Vm } from '../../simulators/ovirt/state.ts';
import { engineProvider, startEngine } from '../../support/engine.ts';
import { Stage } from '../../support/stage.ts';
import { Plugin, person } from './plugin.ts';

let stage: Stage;
let engine: OvirtSimulator;
let namespace: string;
let plugin: Plugin;
let vm: Vm;

beforeAll(async () => {
  stage = await Stage.set();
  namespace = await stage.cluster.createNamespace('plugin-restores');
  plugin = new Plugin(stage.cluster.kubeconfigPath, namespace);
  engine = await startEngine();
  vm = engine.addVm({ name: 'erp-1', disks: [{ alias: 'os' }, { alias: 'data' }] });
  await stage.operator();
  await engineProvider(stage, engine, namespace);
  await stage.reason('VMProvider', namespace, 'engine', 'Available');
});
afterAll(async () => {
  expect(engine.contractViolations).toEqual([]);
  await engine.close();
  await stage[Symbol.asyncDispose]();
});

/** What is on the disks of the VM. */
const contents = () => Object.values(engine.vms().find(({ id }) => id === vm.id)?.contents ?? {});
const write = (content: string) => {
  for (const { diskId } of vm.attachments) engine.updateDisk(diskId, { content });
};

it('takes a snapshot of a VM that an engine has', async () => {
  const { code, stdout } = await plugin.run(
    'snapshot',
    'erp-1',
    '--name=first',
    '--description=before',
    '--wait',
  );
  expect(stdout).toMatch(/^● vmsnap\/first {2}Available {2}FileSystem, /m);
  expect(code).toBe(0);
});

it('asks before it takes anything away, and does nothing where nobody can answer', async () => {
  const { code, stderr } = await plugin.run('restore', 'first', '--in-place');
  expect(stderr).toContain('LOST is what the VM wrote since then.');
  expect(stderr).toContain('give --yes');
  expect(code).toBe(1);
  expect(await stage.list('VMRestore', namespace)).toEqual([]);
});

it('has its manifest checked by the API server', async () => {
  const { code, stdout } = await plugin.run(
    ...['restore', 'first', '--in-place', '--dry-run=server', '-o', 'yaml'],
  );
  expect(code).toBe(0);
  expect(load(stdout)).toMatchObject({
    kind: 'VMRestore',
    spec: { strategy: 'InPlace', target: { vmID: vm.id }, startBefore: expect.any(String) },
  });
});

it('is not for who may only edit', async () => {
  const editor = await person(stage.cluster, namespace, 'keyframe-view', 'keyframe-edit');
  const { code, stderr } = await editor.run('restore', 'first', '--in-place', '--yes');
  expect(stderr).toContain('vmrestores.keyframe.dev is forbidden');
  expect(code).toBe(1);
});

it('puts the VM back as it was, and says so in the tree', async () => {
  const before = contents();
  write('changed');
  const restored = await plugin.run(
    ...['restore', 'first', '--in-place', '--power=StopAndStart', '--name=back', '--yes', '--wait'],
  );
  expect(restored.stderr).toContain(`VM erp-1 goes back to vmsnap/first`);
  expect(restored.stdout).toMatch(/^● vmrst\/back {2}Completed {2}InPlace, \d+s ago$/m);
  expect([restored.code, contents()]).toEqual([0, before]);
  const { stdout } = await plugin.run('status', 'vm/erp-1');
  expect(stdout).toMatch(/^└─ ● vmsnap\/first .*\n {3}└─ ● vmrst\/back +Completed +InPlace, /m);
});

it('does not take newer snapshots away unless that is accepted', async () => {
  await plugin.run('snapshot', 'erp-1', '--name=second', '--wait');
  const refused = await plugin.run('restore', 'first', '--in-place', '--yes');
  expect(refused.stderr).toMatch(
    /oVirt would remove the newer snapshots of VM erp-1: vmsnap\/second, \d+s ago/,
  );
  expect(refused.code).toBe(1);
  const shown = await plugin.run(
    ...['restore', 'first', '--in-place', '--accept-data-loss', '--dry-run=server', '-o', 'yaml'],
  );
  expect(shown.stderr).toMatch(/LOST are newer snapshots: vmsnap\/second/);
  expect(load(shown.stdout)).toMatchObject({ spec: { acceptDataLoss: ['NewerSnapshots'] } });
  expect(await stage.list('VMRestore', namespace)).toHaveLength(1);
});

it('stops at a preview, which awaits a decision', async () => {
  const { code, stdout } = await plugin.run(
    ...[
      'restore',
      'second',
      '--in-place',
      '--power=StopAndStart',
      '--preview',
      '--name=look',
      '--yes',
      '--wait',
    ],
  );
  expect(stdout).toMatch(/^◐ vmrst\/look {2}AwaitingDecision/m);
  expect(stdout).toContain('set spec.preview.action to Commit or Undo');
  expect(code).toBe(0);
  await stage.patch('VMRestore', namespace, 'look', { spec: { preview: { action: 'Undo' } } });
  await stage.reason('VMRestore', namespace, 'look', 'Completed');
});

it('makes a new VM beside it, and asks nothing for that', async () => {
  const { code } = await plugin.run('restore', 'second', '--new-vm=erp-1-copy', '--wait');
  expect(code).toBe(0);
  expect(engine.vms().map(({ name }) => name)).toContain('erp-1-copy');
});

it('shows what the engine has beside it, and adopts it', async () => {
  engine.addSnapshot({ vmId: vm.id, description: 'before the audit' });
  const { stdout } = await plugin.run('discover', '--vm=erp-1');
  expect(stdout).toMatch(/^ {2}foreign .*before the audit$/m);
  expect(stdout).toContain('and 2 that objects of this cluster manage');
  const manifests = await plugin.run('discover', '--vm=erp-1', '-o', 'yaml');
  const [manifest, ...more] = loadAll(manifests.stdout) as { metadata: { name: string }; spec: object }[];
  expect([manifest?.spec, more]).toMatchObject([{ source: { existing: { vm: { id: vm.id } } } }, []]);
  expect((await stage.cluster.kubectl(['apply', '-f', '-'], { input: manifests.stdout })).code).toBe(0);
  await stage.reason('VMSnapshot', namespace, manifest?.metadata.name ?? '', 'Available');
});

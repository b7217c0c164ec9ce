import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { control as controlAzure } from '../azure/control.ts';
import { control as controlOvirt } from '../ovirt/control.ts';
import { control as controlSpf } from '../spf/control.ts';

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

/** Starts a simulator, and gives what its first line says. */
async function start(
  vendor: string,
  options: object,
): Promise<Record<string, string> & { controlUrl: string }> {
  const main = fileURLToPath(new URL(`../${vendor}/main.ts`, import.meta.url));
  child = spawn(process.execPath, [main, '--options', JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const signal = AbortSignal.timeout(30_000);
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('The simulator ended before it listened.');
  });
  const [line] = (await Promise.race([once(lines, 'line', { signal }), ended])) as [string];
  const told = JSON.parse(line) as Record<string, string> & { controlUrl: string };
  expect(told.caPem).toMatch(/^-----BEGIN CERTIFICATE-----/);
  return told;
}

/** Tells the simulator to end, and waits until it has. */
async function stop(): Promise<void> {
  const exit = once(child as ChildProcess, 'exit', { signal: AbortSignal.timeout(10_000) });
  child?.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
}

describe('a simulator in a process of its own is seeded, made to fail and looked at over its control API', () => {
  it('Azure', async () => {
    const { controlUrl, ...told } = await start('azure', { speed: 50, subscriptionId: 'a-subscription' });
    expect(told.subscriptionId).toBe('a-subscription');
    expect(await controlAzure(controlUrl, 'addVm', { name: 'web', dataDisks: [{}] })).toMatchObject({
      id: '/subscriptions/a-subscription/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web',
    });
    const operation = 'ManagedIdentity_Token';
    const id = await controlAzure(controlUrl, 'faults.add', {
      kind: 'respond',
      status: 404,
      operation,
      times: 2,
    });
    const token = `${told.managedIdentityUrl}/metadata/identity/oauth2/token`;
    expect((await fetch(token)).status).toBe(404);
    expect(await controlAzure(controlUrl, 'faults.list')).toMatchObject([{ id, hits: 1 }]);
    await controlAzure(controlUrl, 'faults.clear');
    expect((await fetch(token)).status).toBe(400);
    expect(await controlAzure(controlUrl, 'counts')).toEqual({ ManagedIdentity_Token: 2 });
    expect(await controlAzure(controlUrl, 'requests')).toMatchObject([
      { operation, method: 'GET' },
      { operation, method: 'GET', status: 400 },
    ]);
    expect(await controlAzure(controlUrl, 'points')).toEqual([]);
    const unknown = controlAzure(controlUrl, 'updateVm', { id: 'none', changes: {} });
    await expect(unknown).rejects.toThrow(/There is no VM none/);
    await stop();
    await expect(controlAzure(controlUrl, 'counts')).rejects.toThrow();
  });

  it('oVirt', async () => {
    const { controlUrl, ...told } = await start('ovirt', { version: '4.3.10', speed: 50, username: 'a@b@c' });
    expect(told).toMatchObject({
      username: 'a@b@c',
      url: expect.stringMatching(/^https:.*\/ovirt-engine$/),
    });
    const vm = (await controlOvirt(controlUrl, 'addVm', { name: 'web', disks: [{}, {}] })) as {
      id: string;
      diskIds: string[];
    };
    expect(vm.diskIds).toHaveLength(2);
    const id = await controlOvirt(controlUrl, 'faults.add', {
      kind: 'refused',
      key: 'VM_IS_LOCKED',
      operation: 'Snapshots_Create',
    });
    expect(await controlOvirt(controlUrl, 'faults.list')).toMatchObject([{ id, hits: 0 }]);
    const seeded = await controlOvirt(controlUrl, 'addSnapshot', { vmId: vm.id, description: 'seeded' });
    expect(seeded).toEqual({ id: expect.any(String) });
    expect(await controlOvirt(controlUrl, 'snapshots')).toHaveLength(2);
    expect(await controlOvirt(controlUrl, 'snapshots', { vmId: 'another' })).toEqual([]);
    expect(await controlOvirt(controlUrl, 'everCreated')).toEqual([]);
    await stop();
  });

  it('SPF', async () => {
    const stampId = '00000000-0000-0000-0000-00000000000a';
    const { controlUrl, ...told } = await start('spf', { speed: 50, stampId });
    expect(told.tenantRoot).toContain(told.subscriptionId);
    const vm = (await controlSpf(controlUrl, 'addVm', { name: 'web' })) as { id: string; stampId: string };
    expect(vm.stampId).toBe(stampId);
    await controlSpf(controlUrl, 'addCheckpoint', { vmId: vm.id, name: 'one' });
    expect(await controlSpf(controlUrl, 'checkpoints')).toMatchObject([{ name: 'one', vmId: vm.id }]);
    const id = await controlSpf(controlUrl, 'faults.add', {
      kind: 'job-stuck',
      percent: 7,
      operation: 'VMCheckPoints_Create',
    });
    expect(await controlSpf(controlUrl, 'faults.list')).toMatchObject([{ id, hits: 0 }]);
    await controlSpf(controlUrl, 'updateVm', { id: vm.id, changes: { transient: 'UnderMigration' } });
    expect(await controlSpf(controlUrl, 'vms')).toMatchObject([{ status: 'UnderMigration' }]);
    await controlSpf(controlUrl, 'updateVm', { id: vm.id, changes: { transient: null } });
    expect(await controlSpf(controlUrl, 'vms')).toMatchObject([{ status: 'Running' }]);
    expect(await controlSpf(controlUrl, 'everCreated')).toEqual([]);
    expect(await controlSpf(controlUrl, 'issueToken', {})).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    await stop();
  });
});

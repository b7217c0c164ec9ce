import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { listProcesses, sweepOrphans } from './supervisor.ts';
import { waitFor } from './wait.ts';

const module = fileURLToPath(new URL('control-plane.ts', import.meta.url));

/** Runs a program that starts a control plane and then does something; gives it and its control plane's folder. */
async function startParent(then: string): Promise<{ parent: ChildProcess; folder: string }> {
  const program = `
    const { startControlPlane } = await import(${JSON.stringify(module)});
    const controlPlane = await startControlPlane({ own: true });
    console.log(controlPlane.handle.folder);
    process.stdin.once('data', () => { ${then} });
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: parent.stdout });
  const folder = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => reject(new Error('the parent ended before its control plane was ready')));
  });
  return { parent, folder };
}

const processesOf = (folder: string) => listProcesses().filter(({ command }) => command.includes(folder));

const supervisorOf = (folder: string): number => {
  const supervisor = processesOf(folder).find(({ command }) => command.includes('supervisor-process.ts'));
  if (!supervisor) throw new Error(`no supervisor of ${folder}`);
  return supervisor.pid;
};

const allGone = (folder: string) =>
  waitFor(`all of ${folder} to be gone`, async () =>
    processesOf(folder).length === 0 && !existsSync(folder) ? true : undefined,
  );

// A first build may come before, where an existing cluster serves the other tests.
describe('nothing is left running', { timeout: 900_000 }, () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const)(
    'when its user is ended by %s',
    async (signal) => {
      const { parent, folder } = await startParent('');
      expect(processesOf(folder)).toHaveLength(3); // etcd, kube-apiserver, the supervisor
      parent.kill(signal);
      await allGone(folder);
    },
  );

  it.each([
    ['throws what nobody catches', 'throw new Error("expected by the test")'],
    ['exits without stopping it', 'process.exit(0)'],
    ['has nothing left to do', 'process.stdin.destroy()'],
  ])('when its user %s', async (_, then) => {
    const { parent, folder } = await startParent(then);
    parent.stdin?.write('now\n');
    await allGone(folder);
    expect(parent.killed).toBe(false);
  });

  it('when the supervisor is killed: its user sweeps up', async () => {
    const { parent, folder } = await startParent('');
    process.kill(supervisorOf(folder), 'SIGKILL');
    await allGone(folder);
    parent.kill('SIGKILL');
  });

  it('when supervisor and user are killed: the next run sweeps up', async () => {
    const { parent, folder } = await startParent('');
    const supervisor = supervisorOf(folder);
    // Stopped first, so that neither can clean up after the other.
    parent.kill('SIGSTOP');
    process.kill(supervisor, 'SIGKILL');
    parent.kill('SIGKILL');
    await waitFor('the supervisor to be gone', async () =>
      listProcesses().some(({ pid, command }) => pid === supervisor && command !== '') ? undefined : true,
    );
    sweepOrphans();
    await allGone(folder);
  });
});

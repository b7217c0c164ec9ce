/**
 * The process between a control plane's user and its servers, started by supervisor.ts. It owns the run's
 * folder and its child processes. When the channel to its parent closes, for whatever reason (an orderly
 * stop, Ctrl-C, a crash, SIGKILL), it kills the children, removes the folder and ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Order, Report } from './supervisor.ts';

const folder = process.argv[2];
if (folder === undefined || !process.connected) throw new Error('started by supervisor.ts only');
mkdirSync(folder, { mode: 0o700 });

const children = new Map<string, ChildProcess>();
let ending = false;

process.on('disconnect', end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
process.on('message', (order: Order) => ('start' in order ? start(order) : kill(order.kill)));
report({ ready: true });

function start({
  start: name,
  command,
  args,
  directory,
  environment,
}: Extract<Order, { start: string }>): void {
  if (ending) return;
  const log = openSync(join(String(folder), `${name}.log`), 'a', 0o600);
  // A process group of its own, so that a kill reaches what the program itself has started.
  const child = spawn(command, args, {
    cwd: directory,
    env: environment,
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  children.set(name, child);
  const ended = (how: string) => {
    if (children.get(name) === child) children.delete(name);
    report({ ended: name, how });
    if (ending && children.size === 0) finish();
  };
  child.once('error', (error) => ended(`could not be started: ${error.message}`));
  child.once('exit', (code, signal) =>
    ended(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
  );
}

function kill(name: string): void {
  const pid = children.get(name)?.pid;
  if (pid === undefined) return;
  try {
    // Throwaway servers: a graceful stop of a busy kube-apiserver takes 5 to 9 seconds.
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function end(): void {
  ending = true;
  if (children.size === 0) finish();
  for (const name of children.keys()) kill(name);
}

function finish(): void {
  rmSync(String(folder), { recursive: true, force: true, maxRetries: 10 });
  process.exit(0);
}

function report(message: Report): void {
  // The parent may be gone at any instant; then there is nobody to tell.
  if (process.connected) process.send?.(message, () => {});
}

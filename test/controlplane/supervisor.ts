/**
 * Runs the servers of a control plane so that none outlives its user, and sweeps up after runs whose
 * supervisor itself was killed.
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the supervisor process is told. */
export type Order =
  | {
      start: string;
      command: string;
      args: string[];
      directory: string;
      environment: Record<string, string | undefined>;
    }
  | { kill: string };

/** What the supervisor process tells. */
export type Report = { ready: true } | { ended: string; how: string };

/** A program that was started. */
export interface Running {
  /** How it ended ("ended with exit code 1"); unset while it runs. */
  ended?: string;
  /** Resolves with the same once it has ended. Never rejects. */
  exit: Promise<string>;
}

const script = fileURLToPath(new URL('supervisor-process.ts', import.meta.url));
const serverCommand = /^(?:.*\/)?(?:etcd|kube-apiserver|kube-controller-manager) --/;
const folderName = /^keyframe-controlplane-[0-9a-f]{12}$/;

export class Supervisor {
  /** A private temporary folder that lives as long as the supervisor. Logs are at `<folder>/<name>.log`. */
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #running = new Map<string, Running & { end: (how: string) => void }>();
  #closing = false;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#process = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    child.on('message', (report: Report) => {
      if ('ended' in report) this.#running.get(report.ended)?.end(report.how);
    });
    child.once('exit', () => {
      for (const running of this.#running.values()) running.end('was ended with its supervisor');
      if (!this.#closing) sweepOrphans();
    });
    // A script that is done may end; the closing channel then tells the supervisor.
    child.unref();
    child.channel?.unref();
  }

  /** Starts a supervisor with an empty folder, after sweeping up what killed ones have left. */
  static async begin(): Promise<Supervisor> {
    sweepOrphans();
    const folder = join(tmpdir(), `keyframe-controlplane-${randomBytes(6).toString('hex')}`);
    const child = fork(script, [folder], {
      // Out of the terminal's process group: Ctrl-C ends the parent, and by that us, in order.
      detached: true,
      execArgv: [],
      env: { PATH: process.env.PATH },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ready = new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`the supervisor of ${folder} ended with exit code ${code}`)),
      );
    });
    await within(ready, `the supervisor of ${folder} to start`);
    return new Supervisor(folder, child);
  }

  /**
   * Starts a program under a name. Of this process's environment it gets PATH and HOME only, unless one is
   * given: etcd and others take flags from variables. That it could not be started shows as its end.
   */
  start(
    name: string,
    command: string,
    args: string[],
    more: { directory?: string; environment?: Record<string, string | undefined> } = {},
  ): Running {
    const { promise, resolve } = Promise.withResolvers<string>();
    const running = {
      exit: promise,
      end: (how: string) => {
        running.ended ??= how;
        resolve(how);
      },
    } as Running & { end: (how: string) => void };
    this.#running.set(name, running);
    this.#send({
      start: name,
      command,
      args,
      directory: more.directory ?? this.folder,
      environment: more.environment ?? { PATH: process.env.PATH, HOME: process.env.HOME },
    });
    return running;
  }

  /** Kills a program and waits until it is gone. One that is not running is fine. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (!running || running.ended !== undefined) return;
    this.#send({ kill: name });
    await within(running.exit, `${name} to end`);
  }

  /** The last lines of a program's output, for error messages. */
  async logTail(name: string, lines = 15): Promise<string> {
    const text = await readFile(join(this.folder, `${name}.log`), 'utf8').catch(() => '');
    return text.trimEnd().split('\n').slice(-lines).join('\n') || '(none)';
  }

  /** Kills everything, removes the folder, and waits until that is done. May be called again. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#process.connected) this.#process.disconnect();
    await within(this.#exited, `the supervisor of ${this.folder} to end`);
  }

  #send(order: Order): void {
    if (!this.#process.connected) throw new Error(`the supervisor of ${this.folder} is gone`);
    this.#process.send(order);
  }
}

/** Waits for a promise, for 30 seconds at most, and keeps this process alive meanwhile. */
async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`waited 30 s in vain for ${what}`)), 30_000);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Ends the servers and removes the folders of runs whose supervisor is gone, as findOrphans() proves them. */
export function sweepOrphans(): void {
  const folders = readdirSync(tmpdir())
    .filter((name) => folderName.test(name))
    .map((name) => join(tmpdir(), name))
    .filter(isOurs);
  if (folders.length === 0) return;
  const orphans = findOrphans(folders, listProcesses());
  for (const pid of orphans.pids) killQuietly(pid);
  for (const folder of orphans.folders) rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/**
 * Tells which of the folders of runs have lost their supervisor, and which processes are servers of those. A
 * server is one of our programs whose command line names the folder: nobody else has a reason to be that.
 */
export function findOrphans(folders: string[], processes: Process[]): { folders: string[]; pids: number[] } {
  // The supervisor makes the folder and is named with it; one of another clone of this project counts as well.
  const lost = folders.filter(
    (folder) =>
      !processes.some(({ command }) => command.trimEnd().endsWith(`/supervisor-process.ts ${folder}`)),
  );
  const isServer = ({ command }: Process) =>
    serverCommand.test(command) && lost.some((folder) => command.includes(`=${folder}/`));
  return { folders: lost, pids: processes.filter(isServer).map(({ pid }) => pid) };
}

function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.getuid?.();
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone meanwhile, which is all that was wanted.
  }
}

export interface Process {
  pid: number;
  /** The command line, its arguments set apart by blanks. */
  command: string;
}

/** All processes with their command lines, from /proc where there is one, else from ps. */
export function listProcesses(): Process[] {
  if (process.platform !== 'linux') {
    const options = { encoding: 'utf8', maxBuffer: 2 ** 26 } as const;
    const lines = execFileSync('ps', ['-axww', '-o', 'pid=,command='], options).split('\n');
    return lines.map((line) => {
      const [, pid, command = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
      return { pid: Number(pid), command };
    });
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return { pid: Number(pid), command };
    } catch {
      return { pid: Number(pid), command: '' }; // ended while we looked
    }
  });
}

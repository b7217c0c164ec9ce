import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ControlCommands, control } from './control.ts';
import type { OvirtSimulatorOptions } from './options.ts';

/** A simulator in a process of its own. */
export interface OvirtSimulatorProcess extends AsyncDisposable {
  controlUrl: string;
  /** Such as `https://127.0.0.1:40000/ovirt-engine`. */
  url: string;
  username: string;
  password: string;
  caPem: string;
  /** Sends a command to the simulator and gives its result. */
  control<Name extends keyof ControlCommands>(
    command: Name,
    ...argument: undefined extends ControlCommands[Name] ? [ControlCommands[Name]?] : [ControlCommands[Name]]
  ): Promise<unknown>;
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>;
}

const startDeadlineMilliseconds = 30_000;
const stopDeadlineMilliseconds = 5_000;

/**
 * Starts the simulator as a process and waits until it listens.
 *
 * @throws when it ends, or does not listen within 30 s
 */
export async function spawnOvirtSimulator(
  options: OvirtSimulatorOptions = {},
): Promise<OvirtSimulatorProcess> {
  const { port = 0, ...rest } = options;
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--options', JSON.stringify(rest), '--port', String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const line = await firstLine(child);
    const listening = JSON.parse(line) as Omit<
      OvirtSimulatorProcess,
      'control' | 'stop' | typeof Symbol.asyncDispose
    >;
    return {
      ...listening,
      control: (command, ...argument) => control(listening.controlUrl, command, ...argument),
      stop: () => stop(child),
      [Symbol.asyncDispose]: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('The simulator was started without a pipe for its output.');
  const lines = createInterface({ input: child.stdout });
  try {
    const signal = AbortSignal.timeout(startDeadlineMilliseconds);
    const [line] = (await Promise.race([
      once(lines, 'line', { signal }),
      once(child, 'exit', { signal }).then(() => {
        throw new Error('The simulator ended before it listened.');
      }),
    ])) as [string];
    return line;
  } finally {
    lines.close();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMilliseconds);
  await gone;
  clearTimeout(timer);
}

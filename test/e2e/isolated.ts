/** Commands of which nothing stays: what they start and mount goes with them, and they go with this process. */
import { type SpawnOptions, spawn } from 'node:child_process';

/**
 * The command line that runs a command as the first process of namespaces of its own. When this process ends, in
 * whatever way, so does that one, and with it every process and every mount in the namespaces.
 *
 * @param namespaces beside those of processes and mounts; `net` takes all network away but an unused loopback
 */
export function isolated(command: string[], namespaces: ('net' | 'uts' | 'ipc')[] = []): string[] {
  return [
    'setpriv',
    '--pdeathsig=KILL',
    'unshare',
    '--mount',
    '--pid',
    ...namespaces.map((name) => `--${name}`),
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    // A shell as the first process: it reaps what others leave behind. The exit keeps it from giving way to the command.
    'sh',
    '-c',
    '"$@"; exit $?',
    'sh',
    ...command,
  ];
}

/**
 * Runs a command to its end and gives what it wrote to its standard output. Throws with the last lines that it
 * wrote when it fails, or takes longer than `minutes`.
 */
export async function run(
  command: string[],
  { minutes = 15, ...options }: SpawnOptions & { minutes?: number } = {},
): Promise<string> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const told = { stdout: '', all: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    told.stdout += chunk;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      told.all = (told.all + chunk).slice(-16_384);
    });
  }
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    resolve(`did not end within ${minutes} minutes`);
  }, minutes * 60_000);
  child.once('error', (error) => resolve(`could not be started: ${error.message}`));
  child.once('close', (code, signal) => resolve(code === 0 ? undefined : `ended with ${signal ?? code}`));
  const failure = await promise;
  clearTimeout(timer);
  if (failure === undefined) return told.stdout;
  const lines = told.all.trimEnd().split('\n').slice(-25).join('\n');
  throw new Error(`${command.join(' ')} ${failure}:\n${lines}`);
}

/** A process of the plugin: signals, streams, exit code. Nothing is imported here that an old Node.js would not take. */
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; engines: { node: string } };

/** Runs the plugin in this process, as the arguments say. */
export async function runProcess(args: string[]): Promise<void> {
  if (isOlder(process.versions.node, engines.node.replace(/^>=/, ''))) {
    process.stderr.write(
      `error: kubectl-keyframe needs Node.js ${engines.node}; the node on this PATH is ${process.versions.node}\n`,
    );
    process.exitCode = 1;
    return;
  }
  // A shell that completes waits for this: what Node compiled once is kept. Where it cannot be, it is compiled anew.
  nodeModule.enableCompileCache(
    join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'keyframe', 'compiled'),
  );
  const { runProgram } = await import('./program.ts');

  // Ctrl-C ends a command in order, a second one at once.
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(130);
      interrupted.abort();
      // A request that hangs must not hold the shell.
      setTimeout(() => process.exit(130), 1_000).unref();
    });
  }
  // Whoever reads has enough, as `head` does.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });

  const { stdout, stderr, stdin, env } = process;
  process.exitCode = await runProgram(args, {
    stdout,
    stderr,
    stdin,
    env,
    version,
    interrupted: interrupted.signal,
  });
}

function isOlder(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

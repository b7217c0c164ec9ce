#!/usr/bin/env node
/** The plugin: `kubectl keyframe` runs it, as `kubectl-keyframe` on the PATH. */
import { readFileSync } from 'node:fs';
import { runProgram } from './program.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Ctrl-C ends a command in order, a second one at once. */
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
process.exitCode = await runProgram(process.argv.slice(2), {
  stdout,
  stderr,
  stdin,
  env,
  version,
  interrupted: interrupted.signal,
});

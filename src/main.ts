#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { readFlags } from './flags.ts';
import { runOperator } from './run.ts';
import { createLogger } from './runtime/log.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const result = readFlags(process.argv.slice(2), process.env, version);
if ('print' in result) {
  (result.exitCode === 0 ? process.stdout : process.stderr).write(result.print);
  process.exitCode = result.exitCode;
} else {
  const { flags } = result;
  const log = createLogger({ level: flags.logLevel, format: flags.logFormat });
  try {
    await runOperator({ flags, version, log });
  } catch (error) {
    log.error('cannot start', { err: error });
    process.exitCode = 1;
  }
}

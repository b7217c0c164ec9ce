/**
 * The operator as src/main.ts starts it, but it stops itself at a step of the protocol: KEYFRAME_TEST_STOP holds
 * a StopAt as JSON.
 */
import { flushCompileCache } from 'node:module';
import type { KubernetesObject } from '../../src/api/kubernetes-object.ts';
import { readFlags } from '../../src/flags.ts';
import { runOperator } from '../../src/run.ts';
import { createLogger } from '../../src/runtime/log.ts';
import { parseStopAt, stopVariable } from './stop-at.ts';

const stopAt = parseStopAt(process.env[stopVariable]);
const result = readFlags(process.argv.slice(2), process.env, 'chaos');
if ('print' in result) throw new Error(result.print);
const { flags } = result;
const log = createLogger({ level: flags.logLevel, format: flags.logFormat });

let seen = 0;
/** The object whose next step is the one to stop at: the step that was asked for has been carried out then. */
let stopAtNextOf: string | undefined;

function stop(step: string, { kind, metadata }: KubernetesObject): void {
  log.info('stops here', { kind, name: metadata.name, step });
  // It is written at the end of a process only, which this one does not live to see.
  flushCompileCache();
  process.kill(process.pid, stopAt.signal ?? 'SIGKILL');
}

function onStep(step: string, object: KubernetesObject): void {
  const { uid, deletionTimestamp } = object.metadata;
  if (stopAtNextOf === uid) {
    stopAtNextOf = undefined;
    stop(`after ${stopAt.step}, before ${step}`, object);
  }
  const matches =
    object.kind === stopAt.kind &&
    step === stopAt.step &&
    (stopAt.deleting ?? false) === (deletionTimestamp !== undefined);
  if (!matches) return;
  seen += 1;
  if (seen !== (stopAt.nth ?? 1)) return;
  if (stopAt.after) stopAtNextOf = uid;
  else stop(`before ${step}`, object);
}

await runOperator({ flags, version: 'chaos', log, onStep });

/** Waits for the end of an object's work. */
import { type Reason, reasons } from '../api/reasons.ts';
import type { KubeClient } from '../runtime/kube/client.ts';
import { isNotFound } from '../runtime/kube/errors.ts';
import type { KubeObject, ObjectRef, ResourceType } from '../runtime/kube/types.ts';
import type { Surroundings } from './command.ts';
import { exitCodes, Failure } from './failure.ts';
import { type AnyObject, percentOf, readyOf, stateOf } from './objects.ts';
import { lookOf, say, tell } from './output.ts';
import { clock, cut, harmless } from './text.ts';
import { pathOf } from './tree.ts';
import { objectLines } from './tree-view.ts';

/** An operator that runs has looked at a new object by then. */
const soonMs = 10_000;
/** How often the object is looked at. */
const lookEveryMs = 1_000;

/**
 * Follows an object until it is ready or has failed, and says so: a line that is redrawn on a terminal, a line for
 * each change elsewhere; its end on standard output, with what to do when it failed.
 *
 * @param timeoutMs how long at most; undefined for as long as its own deadlines let it
 * @param hasOutput whether standard output belongs to something else: its end is told beside it then
 * @returns the exit code
 */
export async function followToEnd(
  surroundings: Surroundings,
  client: KubeClient,
  resource: ResourceType,
  ref: ObjectRef,
  timeoutMs: number | undefined,
  hasOutput: boolean,
): Promise<number> {
  const { stderr, stdout, env, interrupted } = surroundings;
  const begun = performance.now();
  const look = lookOf(stderr, env);
  let told = '';
  const clear = () => {
    if (stderr.isTTY) stderr.write('\r\u001b[2K');
  };
  for (;;) {
    const object = await read(client, resource, ref);
    const state = stateOf(object);
    // One that awaits a person moves no further by itself.
    const awaits = reasons[readyOf(object)?.reason as Reason];
    if (state !== 'Working' || (awaits !== undefined && 'awaitsPerson' in awaits)) {
      clear();
      const stream = hasOutput ? stderr : stdout;
      say({ stdout: stream }, objectLines(object, { ...lookOf(stream, env), now: Date.now() }));
      return state === 'Failed' ? exitCodes.failed : exitCodes.done;
    }
    const now = wordsFor(object, performance.now() - begun);
    if (stderr.isTTY) {
      clear();
      stderr.write(
        cut(`${look.glyphs.working} ${pathOf(object)}  ${now}`, look.columns - 1, look.glyphs.ellipsis),
      );
    } else if (now !== told) {
      tell(surroundings, `${clock(Date.now())}  ${pathOf(object)}  ${now}`);
    }
    told = now;
    if (timeoutMs !== undefined && performance.now() - begun >= timeoutMs) {
      clear();
      tell(surroundings, `Not at its end in time: ${now}`);
      tell(
        surroundings,
        `It goes on by itself: kubectl keyframe status ${pathOf(object)} -w -n ${ref.namespace}`,
      );
      return exitCodes.timeout;
    }
    const left = timeoutMs === undefined ? lookEveryMs : timeoutMs - (performance.now() - begun);
    await pause(Math.max(0, Math.min(lookEveryMs, left)), interrupted);
    if (interrupted.aborted) {
      clear();
      tell(
        surroundings,
        `It goes on by itself: kubectl keyframe status ${pathOf(object)} -w -n ${ref.namespace}`,
      );
      return exitCodes.interrupted;
    }
  }
}

async function read(client: KubeClient, resource: ResourceType, ref: ObjectRef): Promise<AnyObject> {
  try {
    return (await client.get<KubeObject>(resource, ref)) as unknown as AnyObject;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new Failure(`${resource.kind} ${ref.name} is gone: it was deleted while it was followed`);
  }
}

/** How it stands, in one line. */
function wordsFor(object: AnyObject, waitedMs: number): string {
  const ready = readyOf(object);
  if (ready === undefined)
    return waitedMs < soonMs
      ? 'waiting for the operator'
      : 'no operator has looked at it yet; kubectl keyframe doctor says why';
  const percent = percentOf(object);
  return harmless(`${ready.reason}${percent === undefined ? '' : ` ${percent} %`}: ${ready.message}`);
}

/** Waits, or less when the signal is aborted. */
export async function pause(milliseconds: number, interrupted: AbortSignal): Promise<void> {
  if (interrupted.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const timer = setTimeout(done, milliseconds);
  interrupted.addEventListener('abort', done, { once: true });
  await promise;
  clearTimeout(timer);
  interrupted.removeEventListener('abort', done);
}

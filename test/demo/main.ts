/** `npm run demo`: snapshots, restores and a cross-region copy on a real API server, seen in the status of the objects. */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { apiVersion, kinds } from '../../src/api/kinds.ts';
import { ChangeLog } from '../../src/cli/lines.ts';
import { type AnyObject, isStalled, readyOf } from '../../src/cli/objects.ts';
import { Screen } from '../../src/cli/screen.ts';
import { clock, glyphsFor, painter } from '../../src/cli/text.ts';
import { Backstage, ProgramEnded } from './backstage.ts';
import { frame } from './frame.ts';
import { guide } from './guide.ts';
import { allOf, type Observation, observe } from './observation.ts';
import { type Act, actDue, acts, copyName, manifests, namespace } from './scene.ts';

const usage = `Usage: npm run demo -- [options]

Starts a real control plane (etcd, kube-apiserver), a simulated Azure, oVirt
engine and SPF, and the operator on this machine, applies providers, snapshots,
restores and a copy to another region, and shows how their status moves until
all are done. Then it tells how to go on by hand, and stays until Ctrl-C.
Nothing is left behind.

The first start on a machine downloads or builds kube-apiserver, which takes
some minutes; see docs/development.md.

  --exit            end when all is ready: code 0, or 1 when something failed or
                    was not ready in time
  --timeout <n>     seconds until "in time" is over, from when the manifests are
                    applied (300)
  --plain           a line for each change, as where the output is no terminal,
                    in place of the live screen
  --help            this text
`;

const { values } = parseArgs({
  options: {
    exit: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '300' },
    plain: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const lookEveryMs = 250;
/** For so long may the API server not answer: a kind just defined takes a moment to be served. */
const longestSilenceMs = 15_000;
const { stdout } = process;
const say = (line: string): void => void stdout.write(`${line}\n`);

/** Ctrl-C ends the demo in order, a second one at once; what runs backstage ends with this process. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130);
    interrupted.abort();
  });
}

async function main(): Promise<number> {
  const timeoutMs = Number(values.timeout) * 1000;
  if (!(timeoutMs > 0)) {
    process.stderr.write(`--timeout takes a number of seconds, not ${JSON.stringify(values.timeout)}\n`);
    return 2;
  }
  const starting = Backstage.start(say);
  const backstage = await Promise.race([starting, whenInterrupted()]);
  // Not started yet: what is under way ends with this process.
  if (backstage === undefined) return 130;
  try {
    return await play(backstage, timeoutMs);
  } finally {
    say('stopping');
    await backstage.stop();
  }
}

async function play(backstage: Backstage, timeoutMs: number): Promise<number> {
  let notice: string | undefined;
  const look = looker(backstage, (line) => {
    notice = `${clock(Date.now())}  ${line}`;
    if (screen === undefined || !isShowing) say(notice);
  });
  const begin = Date.now();
  const wanted = manifests(backstage.vendors);
  const counts = (kind: string) => wanted.filter((one) => one.kind.endsWith(kind)).length;
  say(
    `applying ${counts('Provider')} providers, ${counts('VMSnapshot')} snapshots, ${counts('VMRestore')} restores and a copy (test/demo/scene.ts)`,
  );
  const open: Act[] = [...acts];
  await backstage.cluster.apply(wanted);
  const isOurs = ({ kind, metadata }: AnyObject) =>
    wanted.some((one) => one.kind === kind && one.metadata.name === metadata.name);

  let isShowing = false;
  const isLive = stdout.isTTY && !values.plain;
  const changes = new ChangeLog();
  const screen = isLive ? new Screen(stdout) : undefined;
  const draw = (observation: Observation, rows = stdout.rows) =>
    frame(observation, {
      columns: stdout.columns,
      rows,
      now: Date.now(),
      elapsedMs: Date.now() - begin,
      paint: painter(stdout),
      glyphs: glyphsFor(process.env),
      notice,
    });
  const tell = (observation: Observation) => {
    for (const line of changes.next(allOf(observation), Date.now())) say(line);
  };
  const resized = () => screen?.clear();
  const close = () => screen?.close();
  stdout.on('resize', resized);
  process.on('exit', close);

  let last: Observation | undefined;
  let end: 'done' | 'failed' | 'late' | 'interrupted';
  try {
    screen?.open();
    isShowing = true;
    for (;;) {
      last = await look();
      if (screen === undefined) tell(last);
      else screen.draw(draw(last));
      const act = actDue(allOf(last), open);
      if (act !== undefined) {
        await perform(backstage, act);
        open.splice(open.indexOf(act), 1);
        notice = `${clock(Date.now())}  ${act.told}`;
        if (screen === undefined) say(notice);
      }
      const outcome = outcomeOf(allOf(last).filter(isOurs), open.length > 0, Date.now() - begin > timeoutMs);
      if (outcome !== undefined) {
        end = outcome;
        break;
      }
      if (!(await pause())) {
        end = 'interrupted';
        break;
      }
    }
  } finally {
    close();
    isShowing = false;
    stdout.off('resize', resized);
    process.off('exit', close);
  }
  if (isLive) {
    // What was seen last stays in the terminal's history.
    for (const line of draw(last, Number.POSITIVE_INFINITY)) say(line);
    changes.next(allOf(last), Date.now());
  }
  const seconds = ((Date.now() - begin) / 1000).toFixed(0);
  if (end === 'interrupted') return 130;
  say('');
  if (end === 'done') say(`All done after ${seconds} s: every disk of ${copyName} has arrived.`);
  if (end === 'failed') say('Something failed, see above.');
  if (end === 'late') say(`Not ready after ${seconds} s, see above.`);
  if (values.exit) return end === 'done' ? 0 : 1;

  const { kubeconfig, operatorLog } = backstage;
  say(guide({ kubeconfig, operatorLog, operatorPid: backstage.operatorPid() }));
  while (await pause()) {
    tell(await look());
  }
  return end === 'done' ? 0 : 1;
}

/**
 * Gives a function that looks at the API server, and gives what it saw last where that does not answer at once.
 *
 * @param tell takes a line about what happened backstage
 */
function looker(backstage: Backstage, tell: (line: string) => void): () => Promise<Observation> {
  let last: Observation = {
    providers: [],
    snapshots: [],
    copies: [],
    restores: [],
    collections: [],
    events: [],
  };
  let answeredAt = performance.now();
  return async () => {
    const hasWorked = allOf(last).some((object) => readyOf(object) !== undefined);
    const news = await backstage.check(hasWorked);
    if (news !== undefined) tell(news);
    try {
      last = await observe(backstage.cluster.request, namespace);
      answeredAt = performance.now();
    } catch (error) {
      if (performance.now() - answeredAt > longestSilenceMs) throw error;
    }
    return last;
  };
}

/**
 * How the demo ends: all ready, something failed, or the time is over; undefined while it goes on.
 *
 * @param ours what the demo itself applied; what people add by hand meanwhile is theirs
 * @param isOpen something is still to be done by hand
 */
function outcomeOf(
  ours: AnyObject[],
  isOpen: boolean,
  isLate: boolean,
): 'done' | 'failed' | 'late' | undefined {
  if (ours.some(isStalled)) return 'failed';
  const copied = ours.some(({ kind }) => kind === 'RestorePointCopy');
  if (copied && !isOpen && ours.every((object) => readyOf(object)?.status === 'True')) return 'done';
  return isLate ? 'late' : undefined;
}

/** Does by the API what somebody would do by kubectl. */
async function perform({ cluster }: Backstage, { kind, name, patch }: Act): Promise<void> {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/${kinds[kind].plural}/${name}`;
  if (patch === undefined) await cluster.request('DELETE', path);
  else await cluster.request('PATCH', path, patch);
}

/** Waits until the next look is due; false when the demo is to end. */
async function pause(): Promise<boolean> {
  await delay(lookEveryMs, undefined, { signal: interrupted.signal }).catch(() => {});
  return !interrupted.signal.aborted;
}

async function whenInterrupted(): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<void>();
  interrupted.signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  return undefined;
}

if (values.help) {
  stdout.write(usage);
} else {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (error instanceof ProgramEnded)
      process.stderr.write(`The last words of the ${error.program}:\n${error.lastWords}\n\n`);
    process.stderr.write(
      `the demo cannot go on: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
  process.exit();
}

import type { KindName } from '../../api/kinds.ts';
import { resourceTypes } from '../../controllers/resources.ts';
import { Informer } from '../../runtime/informer.ts';
import type { KubeObject } from '../../runtime/kube/types.ts';
import { type Cluster, connect } from '../cluster.ts';
import { type Call, command, connectionOptions, namespaceOption, type Surroundings } from '../command.ts';
import { exitCodes, UsageError } from '../failure.ts';
import { pause } from '../follow.ts';
import { type Gathered, gather } from '../gather.ts';
import { ChangeLog } from '../lines.ts';
import { type AnyObject, stateOf } from '../objects.ts';
import { lookOf, say, structured, tell } from '../output.ts';
import { Screen } from '../screen.ts';
import { clock, counted, cut, type Paint } from '../text.ts';
import { byAttention, focused, nodesOf, type Tree, treeOf } from '../tree.ts';
import { treeData } from '../tree-data.ts';
import { treeLines } from '../tree-view.ts';

const options = {
  ...namespaceOption,
  'all-namespaces': { short: 'A', help: 'All namespaces.' },
  watch: {
    short: 'w',
    help: 'Stay, and show what changes: a live screen on a terminal, a line for each change elsewhere.',
  },
  output: {
    value: 'FORMAT',
    short: 'o',
    words: ['wide', 'json', 'yaml'],
    help: 'wide adds ids and what is in order; json and yaml are for machines.',
  },
  ...connectionOptions,
} as const;

export const status = command({
  name: 'status',
  arguments: '[NAME]',
  argumentCount: [0, 1],
  summary: 'Shows VMs with their snapshots and copies, and what is wrong',
  description: [
    'Shows for every VM which snapshots there are, the copies of each, how far they are, and the reason and message of what is not right, with what to do about it.',
    'NAME is that of a VM or of an object; vm/NAME, vmsnap/NAME, rpcopy/NAME and the like say which. Providers are shown where something is wrong with them.',
  ],
  examples: [
    { text: 'Everything in the namespace.', command: 'status' },
    { text: 'One VM, or one snapshot with its copies and the whole message.', command: 'status vm/db-1' },
    { text: 'Follow a copy until it is there.', command: 'status rpcopy/db-1-northeurope -w' },
    {
      text: 'All that failed, in all namespaces.',
      command: `status -A -o json | jq '..|objects|select(.state=="Failed")'`,
    },
  ],
  options,
  suggests: 'anything',
  run,
});

interface Question {
  /** Undefined: all. */
  namespace: string | undefined;
  /** Undefined: everything. */
  name: string | undefined;
  wide: boolean;
}

async function run(call: Call<typeof options>): Promise<number> {
  const { values, args } = call;
  const format = values.output;
  if (values.watch && (format === 'json' || format === 'yaml'))
    throw new UsageError('-w goes without -o json and -o yaml');
  if (values.namespace !== undefined && values['all-namespaces'])
    throw new UsageError('set --namespace or --all-namespaces, not both');
  await using cluster = await connect(values, call.version);
  const question = {
    namespace: values['all-namespaces'] ? undefined : cluster.namespace,
    name: args[0],
    wide: format === 'wide',
  };
  const gathered = await gather(cluster.client, question.namespace);
  // The cluster is let go when this function ends: hence awaited.
  if (values.watch) return await follow(call, cluster, question, gathered);
  for (const missing of gathered.missing) tell(call, `Not shown: ${missing}.`);
  const tree = treeFor(gathered.objects, question);
  if (format === 'json' || format === 'yaml') {
    call.stdout.write(structured(treeData(tree), format));
  } else {
    const lines = linesOf(tree, question, call);
    if (tree.vms.length === 0) tell(call, nothingHere(question));
    say(call, lines);
  }
  return exitCodes.done;
}

function nothingHere({ namespace }: Question): string {
  const where = namespace === undefined ? 'the cluster' : `namespace ${namespace}`;
  return `No snapshots in ${where}. Take one: kubectl keyframe snapshot VM`;
}

function treeFor(objects: AnyObject[], { name }: Question): Tree {
  const tree = treeOf(objects);
  return name === undefined ? tree : focused(tree, name);
}

function linesOf(tree: Tree, { namespace, name, wide }: Question, { stdout, env }: Surroundings): string[] {
  return treeLines(tree, {
    ...lookOf(stdout, env),
    now: Date.now(),
    wide: wide || false,
    namespaces: namespace === undefined,
    // Of one thing people want to know all.
    messageLines: name === undefined && !wide ? 3 : Number.POSITIVE_INFINITY,
  });
}

/** How long the first full answer may take, and how often the screen is drawn. */
const syncMs = 30_000;
const drawEveryMs = 500;

/** Shows what changes until Ctrl-C. */
async function follow(
  call: Call<typeof options>,
  { client }: Cluster,
  question: Question,
  first: Gathered,
): Promise<number> {
  // A name that is not there now is told at once, and not waited for.
  treeFor(first.objects, question);
  const informers = first.kinds.map((kind) => ({
    kind,
    informer: new Informer<KubeObject>({
      client,
      resource: resourceTypes[kind],
      namespaces:
        question.namespace === undefined || !resourceTypes[kind].namespaced
          ? undefined
          : [question.namespace],
    }),
  }));
  const objects = () =>
    informers.flatMap(({ kind, informer }) => informer.list().map((object) => typed(object, kind)));
  const obstacle = () =>
    informers.map(({ informer }) => informer.obstacle).find((text) => text !== undefined);
  for (const { informer } of informers) informer.start();
  try {
    const signal = AbortSignal.any([call.interrupted, AbortSignal.timeout(syncMs)]);
    await Promise.all(informers.map(({ informer }) => informer.synced(signal)));
    const shown = () => {
      try {
        return treeFor(objects(), question);
      } catch {
        // It was there, and is gone.
        return { providers: [], vms: [] };
      }
    };
    await (call.stdout.isTTY ? onScreen(call, question, shown, obstacle) : inLines(call, shown));
  } finally {
    await Promise.all(informers.map(({ informer }) => informer.stop()));
  }
  return exitCodes.interrupted;
}

/** Redraws a terminal; what was seen last stays there. */
async function onScreen(
  call: Surroundings,
  question: Question,
  shown: () => Tree,
  obstacle: () => string | undefined,
): Promise<void> {
  const { stdout, interrupted } = call;
  const screen = new Screen(stdout);
  const resized = () => screen.clear();
  const close = () => screen.close();
  stdout.on('resize', resized);
  process.on('exit', close);
  try {
    screen.open();
    do {
      const { columns, rows } = stdout;
      const { paint, glyphs } = lookOf(stdout, call.env);
      const head = headOf(shown(), question, { columns, paint, now: Date.now(), obstacle: obstacle() });
      const all = [...head, '', ...linesOf(shown(), question, call)];
      // Where there is no room for all, what needs a person comes first.
      const lines =
        all.length <= rows ? all : [...head, '', ...linesOf(byAttention(shown()), question, call)];
      const more = `${glyphs.ellipsis} ${counted(lines.length - rows + 1, 'more line')}; name a VM to see less`;
      screen.draw(lines.length <= rows ? lines : [...lines.slice(0, rows - 1), paint('dim', more)]);
    } while (await goOn(interrupted));
  } finally {
    close();
    stdout.off('resize', resized);
    process.off('exit', close);
  }
  say(call, linesOf(shown(), question, call));
}

/** The first lines of the live screen: where, when, and how many of what. */
export function headOf(
  tree: Tree,
  { namespace, name }: Pick<Question, 'namespace' | 'name'>,
  look: { columns: number; paint: Paint; now: number; obstacle: string | undefined },
): string[] {
  const { columns, paint, now, obstacle } = look;
  const where = name ?? (namespace === undefined ? 'all namespaces' : `namespace ${namespace}`);
  const states = nodesOf(tree).map(({ object }) => stateOf(object));
  const count = (state: string) => states.filter((each) => each === state).length;
  const numbers = [
    counted(tree.vms.length, 'VM'),
    `${count('Ready')} ready`,
    `${count('Working')} at work`,
    `${count('Failed')} failed`,
  ].join(', ');
  const left = cut(`Keyframe: ${where}: ${numbers}`, columns - 10);
  return [
    `${paint('bold', left)}${' '.repeat(Math.max(1, columns - left.length - 8))}${paint('dim', clock(now))}`,
    ...(obstacle === undefined
      ? []
      : [paint('yellow', cut(`The API server was not heard: ${obstacle}`, columns))]),
  ];
}

/** A line for each change. */
async function inLines(call: Surroundings, shown: () => Tree): Promise<void> {
  const changes = new ChangeLog();
  do {
    const tree = shown();
    const objects = [...tree.providers, ...nodesOf(tree).map(({ object }) => object)];
    say(call, changes.next(objects, Date.now()));
  } while (await goOn(call.interrupted));
}

/** Waits until the next drawing is due; false when it is to end. */
async function goOn(interrupted: AbortSignal): Promise<boolean> {
  await pause(drawEveryMs, interrupted);
  return !interrupted.aborted;
}

/** Objects of a list come without their type. */
function typed(object: KubeObject, kind: KindName): AnyObject {
  return { ...object, kind } as unknown as AnyObject;
}

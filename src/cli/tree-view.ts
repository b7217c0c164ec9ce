/** The tree as lines of text. Pure. */
import { type Reason, reasons } from '../api/reasons.ts';
import type { DiskReplicationStatus } from '../api/v1alpha1/common.ts';
import type { ClusterVMProvider, VMProvider } from '../api/v1alpha1/vm-provider.ts';
import {
  type AnyObject,
  isOf,
  operationOf,
  percentOf,
  readyOf,
  replicationOf,
  type State,
  stateOf,
} from './objects.ts';
import {
  age,
  bar,
  counted,
  cut,
  type Glyphs,
  gibibytes,
  harmless,
  type Paint,
  padded,
  type Style,
  widthOf,
  wrapped,
} from './text.ts';
import { type ObjectNode, pathOf, type Tree, type VMNode } from './tree.ts';

/** What lines are made for. */
export interface Look {
  /** Of the terminal; Infinity where there is none, so that nothing is cut. */
  columns: number;
  paint: Paint;
  glyphs: Glyphs;
  /** Whether progress is drawn; else it is written. */
  bars: boolean;
}

export interface TreeLook extends Look {
  /** Milliseconds. */
  now: number;
  /** With ids, and with what is in order as well. */
  wide: boolean;
  /** Whether each namespace is named. */
  namespaces: boolean;
  /** Lines of a message that are shown at most. */
  messageLines: number;
}

/** One line, and what stands below it. */
interface Row {
  /** The branches before it, and what stands before the lines below it. */
  branch: string;
  below: string;
  sign: { text: string; style: Style } | undefined;
  title: string;
  /** The reason of Ready. */
  reason: string;
  percent: number | undefined;
  details: string;
  notes: Note[];
}

type Note = { text: string; style?: Style; lead?: string; whole?: true } | { disk: DiskReplicationStatus };

const styleOf: Record<State, Style> = { Ready: 'green', Working: 'yellow', Failed: 'red' };

/** Draws a tree. */
export function treeLines(tree: Tree, look: TreeLook): string[] {
  const sections: { title: string | undefined; rows: Row[] }[] = [];
  const providers = tree.providers.filter((provider) => look.wide || stateOf(provider) !== 'Ready');
  if (providers.length > 0)
    sections.push({ title: undefined, rows: providers.map((provider) => providerRow(provider, look)) });
  let namespace: string | undefined;
  for (const vm of tree.vms) {
    const title = look.namespaces && vm.namespace !== namespace ? `Namespace ${vm.namespace}` : undefined;
    namespace = vm.namespace;
    sections.push({ title, rows: vmRows(vm, look) });
  }
  const widths = widthsOf(
    sections.flatMap(({ rows }) => rows),
    look.columns,
  );
  return sections.flatMap(({ title, rows }, index) => [
    ...(index > 0 ? [''] : []),
    ...(title === undefined ? [] : [look.paint('bold', cut(title, look.columns, look.glyphs.ellipsis)), '']),
    ...rows.flatMap((row) => rowLines(row, widths, look)),
  ]);
}

/** Draws one object alone, with all of its message. */
export function objectLines(object: AnyObject, look: Look & { now: number }): string[] {
  const whole = { ...look, wide: false, namespaces: false, messageLines: Number.POSITIVE_INFINITY };
  const row: Row = {
    ...standing(object, look),
    branch: '',
    below: '  ',
    percent: undefined,
    details: detailsOf({ object, children: [] }, look.now)
      .filter((part) => part !== undefined)
      .join(', '),
    notes: messageNotes(object, whole),
  };
  return rowLines(row, widthsOf([row], look.columns), whole);
}

function vmRows(vm: VMNode, look: TreeLook): Row[] {
  const told = [vm.providers.length === 0 ? '' : `by ${vm.providers.join(', ')}`, vm.location ?? ''];
  const head: Row = {
    branch: '',
    below: look.glyphs.branches.past,
    sign: undefined,
    title: `VM ${vm.name}`,
    reason: '',
    percent: undefined,
    details: told.filter((part) => part !== '').join(', '),
    notes: look.wide && vm.id !== undefined ? [{ text: vm.id, style: 'dim', whole: true }] : [],
  };
  return [head, ...objectRows(vm.children, '', look)];
}

function objectRows(nodes: ObjectNode[], before: string, look: TreeLook): Row[] {
  const { branches } = look.glyphs;
  return nodes.flatMap((node, index) => {
    const isLast = index === nodes.length - 1;
    const past = before + (isLast ? branches.none : branches.past);
    const { object } = node;
    const row: Row = {
      ...standing(object, look),
      branch: before + (isLast ? branches.last : branches.further),
      // Below the sign, so that words stand under the name.
      below: past + (node.children.length > 0 ? branches.past : branches.none).slice(0, 2),
      percent: stateOf(object) === 'Ready' ? undefined : percentOf(object),
      details: detailsOf(node, look.now)
        .filter((part) => part !== undefined)
        .join(', '),
      notes: [...messageNotes(object, look), ...diskNotes(object, look), ...idNotes(object, look)],
    };
    return [row, ...objectRows(node.children, past, look)];
  });
}

function providerRow(provider: VMProvider | ClusterVMProvider, look: TreeLook): Row {
  const product = stateOf(provider) === 'Ready' ? provider.status?.product : undefined;
  return {
    ...standing(provider, look),
    branch: '',
    below: '  ',
    percent: undefined,
    details: [product?.name, product?.version].filter((part) => part !== undefined).join(' '),
    notes: [...messageNotes(provider, look), ...idNotes(provider, look)],
  };
}

function standing(object: AnyObject, { glyphs }: Look): Pick<Row, 'sign' | 'title' | 'reason'> {
  const state = stateOf(object);
  const text = state === 'Ready' ? glyphs.done : state === 'Failed' ? glyphs.failed : glyphs.working;
  return {
    sign: { text, style: styleOf[state] },
    title: pathOf(object),
    reason: readyOf(object)?.reason ?? 'not seen yet',
  };
}

interface Widths {
  /** Branches, sign and name. */
  name: number;
  reason: number;
}

/** A name that is longer than others may be stands alone in its line, and does not count. */
function widthsOf(rows: Row[], columns: number): Widths {
  const longest = columns === Number.POSITIVE_INFINITY ? columns : Math.max(24, Math.floor(columns * 0.45));
  const names = rows.map(({ branch, sign, title }) => widthOf(branch) + (sign ? 2 : 0) + widthOf(title));
  const beside = rows.filter(({ details, percent }) => details !== '' || percent !== undefined);
  return {
    name: Math.max(0, ...names.filter((width) => width <= longest)),
    reason: Math.max(0, ...beside.map(({ reason }) => widthOf(reason))),
  };
}

function rowLines(row: Row, widths: Widths, look: TreeLook): string[] {
  const { paint } = look;
  const sign = row.sign === undefined ? '' : `${paint(row.sign.style, row.sign.text)} `;
  const taken = widthOf(row.branch) + (row.sign === undefined ? 0 : 2);
  const title = harmless(row.title);
  const head = `${paint('dim', row.branch)}${sign}${row.sign === undefined ? paint('bold', title) : title}`;
  const beside = besideName(row, widths, look);
  const notes = row.notes.flatMap((note) => noteLines(note, row, widths, look));
  if (beside === '') return [head, ...notes];
  const gap = ' '.repeat(Math.max(0, widths.name - taken - widthOf(title)) + 2);
  if (taken + widthOf(title) <= widths.name) return [`${head}${gap}${beside}`, ...notes];
  // A name is never cut: people copy it. What does not fit beside it goes below.
  const indent = ' '.repeat(Math.max(0, widths.name - widthOf(row.below)) + 2);
  return [head, `${paint('dim', row.below)}${indent}${beside}`, ...notes];
}

/** What stands right of the name. */
function besideName(row: Row, widths: Widths, look: TreeLook): string {
  const { columns, paint, glyphs } = look;
  if (row.sign === undefined)
    return paint('dim', cut(row.details, Math.max(0, columns - widths.name - 2), glyphs.ellipsis));
  const room = Math.max(0, columns - widths.name - widths.reason - 4);
  const tail =
    row.percent === undefined
      ? cut(row.details, room, glyphs.ellipsis)
      : withProgress(row.percent, row.details, room, 'cyan', look);
  return tail === ''
    ? paint(row.sign.style, row.reason)
    : `${paint(row.sign.style, padded(row.reason, widths.reason))}  ${tail}`;
}

/** Columns of a bar, at least and at most, and those that are left beside it for words. */
const [narrowestBar, widestBar, wordsBeside] = [8, 20, 16];

/** `████░░ 45 %  12m left` where there is a terminal, else without the bar. */
function withProgress(percent: number, details: string, room: number, style: Style, look: Look): string {
  const { bars, paint, glyphs } = look;
  if (!bars) return cut(details === '' ? `${percent} %` : `${percent} %  ${details}`, room, glyphs.ellipsis);
  const number = ` ${`${percent} %`.padStart(5)}`;
  const cells = Math.max(narrowestBar, Math.min(widestBar, room - number.length - wordsBeside));
  const left = room - cells - number.length - 2;
  const told = left < 4 ? '' : cut(details, left, glyphs.ellipsis);
  return `${paint(style, bar(percent, cells, glyphs))}${number}${told === '' ? '' : `  ${told}`}`;
}

function noteLines(note: Note, row: Row, widths: Widths, look: TreeLook): string[] {
  const { columns, paint, glyphs } = look;
  const indent = paint('dim', row.below);
  const taken = widthOf(row.below);
  if ('disk' in note) {
    const { name, percent = 0, state, sizeBytes } = note.disk;
    const style = state === 'Failed' ? 'red' : percent === 100 ? 'green' : 'cyan';
    const told = [state === 'Failed' ? state : '', sizeBytes === undefined ? '' : gibibytes(sizeBytes)];
    const details = told.filter((part) => part !== '').join(', ');
    // Its bar stands under that of all disks.
    const before = Math.max(taken + 10, widths.name + widths.reason + 4);
    const progress = withProgress(percent, details, Math.max(0, columns - before), style, look);
    return [`${indent}  ${padded(name, before - taken - 4, glyphs.ellipsis)}  ${progress}`];
  }
  const { style, lead = '' } = note;
  const painted = (line: string, index: number) => {
    const led = `${index === 0 ? lead : ' '.repeat(lead.length)}${line}`;
    return `${indent}${style === undefined ? led : paint(style, led)}`;
  };
  if (note.whole) return [painted(harmless(note.text), 0)];
  const lines = wrapped(note.text, Math.max(20, columns - taken - lead.length));
  if (lines.length <= look.messageLines) return lines.map(painted);
  const kept = lines.slice(0, look.messageLines);
  return [...kept.slice(0, -1), `${kept.at(-1)} ${glyphs.ellipsis}`].map(painted);
}

/** Reasons of work that goes as it should: the message would say nothing that the reason does not. */
const ordinary: ReadonlySet<string> = new Set<Reason>([
  'Provisioning',
  'Replicating',
  'Restoring',
  'Deleting',
]);

function messageNotes(object: AnyObject, look: TreeLook): Note[] {
  const ready = readyOf(object);
  const state = stateOf(object);
  if (ready === undefined) return [];
  if ((state === 'Ready' || ordinary.has(ready.reason)) && !look.wide) return [];
  const entry = reasons[ready.reason as Reason];
  const isForPeople = state === 'Failed' || (entry !== undefined && 'awaitsPerson' in entry);
  if (!isForPeople) return [{ text: ready.message }];
  const { said, advice } = apart(ready.reason, ready.message);
  return advice === undefined
    ? [{ text: said }]
    : [{ text: said }, { text: advice, lead: `${look.glyphs.hint} `, style: 'cyan' }];
}

/**
 * What was said of a failure, and what to do about it by the table of reasons. Messages often end with that advice;
 * one that speaks of it in the middle needs no more.
 */
export function apart(reason: string, message: string): { said: string; advice: string | undefined } {
  const advice = reasons[reason as Reason]?.advice;
  if (advice === undefined) return { said: message, advice };
  const bare = (text: string) => text.replace(/[.\s]+$/, '');
  const said = bare(message);
  if (said.toLowerCase().endsWith(bare(advice).toLowerCase()))
    return { said: bare(said.slice(0, -bare(advice).length)), advice };
  const firstWords = advice.split(/[.;:]/)[0]?.toLowerCase() ?? advice;
  return { said: message, advice: said.toLowerCase().includes(firstWords) ? undefined : advice };
}

function diskNotes(object: AnyObject, look: TreeLook): Note[] {
  const replication = replicationOf(object);
  if (replication === undefined || (stateOf(object) === 'Ready' && !look.wide)) return [];
  return replication.disks.map((disk) => ({ disk }));
}

/** The vendor's ids, whole, for people who look there. */
function idNotes(object: AnyObject, look: TreeLook): Note[] {
  if (!look.wide) return [];
  const status = (object.status ?? {}) as Record<string, unknown>;
  return ['snapshotID', 'restorePointID', 'id', 'endpointID']
    .map((name) => status[name])
    .filter((id) => typeof id === 'string')
    .map((text) => ({ text, style: 'dim', whole: true }) as const);
}

/** What is to say of an object in few words. */
function detailsOf({ object, madeFrom }: ObjectNode, now: number): (string | undefined)[] {
  const told = (text: string, time: string | undefined) =>
    time === undefined ? undefined : text.replace('@', age(now - Date.parse(time)));
  const going = object.metadata.deletionTimestamp === undefined ? undefined : 'being deleted';
  const state = stateOf(object);
  const replication = replicationOf(object);
  const onItsWay =
    state !== 'Working'
      ? undefined
      : replication === undefined
        ? told('for @', operationOf(object)?.startedAt)
        : until('@ left', replication.estimatedCompletionTime, now);
  if (isOf(object, 'VMSnapshot')) {
    const { status } = object;
    return [
      state === 'Ready' ? status?.consistency?.level : undefined,
      state === 'Ready' ? told('@ ago', status?.creationTime) : onItsWay,
      until('expires in @', status?.expirationTime, now),
      going,
    ];
  }
  if (isOf(object, 'RestorePointCopy')) {
    const { status } = object;
    return [
      state === 'Ready' ? told('@ ago', status?.completionTime) : onItsWay,
      status?.location,
      madeFrom === undefined ? undefined : `of ${madeFrom}`,
      going,
    ];
  }
  if (isOf(object, 'VMRestore')) {
    const { spec, status } = object;
    const steps = status?.steps ?? [];
    const at = steps.findIndex(({ state: stepState }) => stepState !== 'Done');
    return [
      spec.strategy,
      state === 'Ready' ? told('@ ago', status?.completionTime) : onItsWay,
      state === 'Ready' || at < 0 ? undefined : `${steps[at]?.name} (${at + 1} of ${steps.length})`,
      status?.restored?.vmName === undefined || spec.strategy === 'InPlace'
        ? undefined
        : `VM ${status.restored.vmName}`,
      madeFrom === undefined ? undefined : `of ${madeFrom}`,
      going,
    ];
  }
  if (isOf(object, 'RestorePointCollection')) {
    const { status } = object;
    const points = status?.restorePoints?.total;
    return [status?.location, points === undefined ? undefined : counted(points, 'restore point'), going];
  }
  return [going];
}

function until(text: string, time: string | undefined, now: number): string | undefined {
  if (time === undefined) return undefined;
  const left = Date.parse(time) - now;
  return left > 0 ? text.replace('@', age(left)) : undefined;
}

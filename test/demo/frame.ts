/** The live screen as lines of text: a pure function of what the API server has. */
import { kinds } from '../../src/api/kinds.ts';
import type { DiskReplicationStatus } from '../../src/api/v1alpha1/common.ts';
import type { RestorePointCollection } from '../../src/api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from '../../src/api/v1alpha1/restore-point-copy.ts';
import type { VMRestore } from '../../src/api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from '../../src/api/v1alpha1/vm-snapshot.ts';
import { type AnyObject, isStalled, readyOf } from '../../src/cli/objects.ts';
import {
  bar,
  clock,
  counted,
  cut,
  type Glyphs,
  gibibytes,
  type Paint,
  padded,
  span,
} from '../../src/cli/text.ts';
import type { Observation, ShownEvent } from './observation.ts';

export interface FrameOptions {
  columns: number;
  /** Lines that there is room for: events give way first, then what is ready, then the disks of a copy. */
  rows: number;
  /** Milliseconds. */
  now: number;
  /** Since the manifests were applied. */
  elapsedMs: number;
  paint: Paint;
  glyphs: Glyphs;
  /** What happened backstage last, if anything did. */
  notice?: string | undefined;
}

/** A part of the screen: a title, and rows that give way by and by where there is no room for all. */
interface Section {
  title: string;
  rows: Row[];
}

interface Row {
  line: string;
  /** What becomes of it where there is no room: what is ready is counted only, what hangs below a row goes. */
  role: 'ready' | 'open' | 'below';
}

/** Draws everything, at most `rows` lines of at most `columns` characters. */
export function frame(observation: Observation, options: FrameOptions): string[] {
  const { columns, rows, paint, elapsedMs } = options;
  const { events } = observation;
  const time = span(elapsedMs);
  const head = [
    `${paint('bold', padded('Keyframe demo', columns - time.length))}${time}`,
    paint('dim', cut('What the objects in a real API server say. The vendors are simulated.', columns)),
  ];
  if (options.notice !== undefined) head.push(paint('yellow', cut(options.notice, columns)));
  const sections = sectionsOf(observation, options).filter((section) => section.rows.length > 0);
  // The first of these that leaves nothing out which still moves.
  const fits = [spacious, dense, counting, terse].map((draw) => [...head, ...draw(sections, paint)]);
  const lines = fits.find(({ length }) => length <= rows) ?? fits.at(-1) ?? head;
  const room = Math.min(rows - lines.length - 2, 10);
  if (room > 0)
    lines.push('', paint('bold', 'EVENTS'), ...events.slice(-room).map((event) => eventLine(event, options)));
  return lines.slice(0, rows);
}

function sectionsOf(observation: Observation, options: FrameOptions): Section[] {
  const { providers, snapshots, copies, restores, collections } = observation;
  const { columns, now } = options;
  const shown = [...providers, ...collections, ...snapshots, ...copies, ...restores];
  const names = shown.map(titleOf);
  const reasons = shown.map(reasonOf);
  const shared = {
    ...options,
    nameWidth: Math.min(Math.max(20, ...names.map(({ length }) => length)), 44, Math.floor(columns * 0.4)),
    reasonWidth: Math.min(Math.max(12, ...reasons.map(({ length }) => length)), Math.floor(columns / 4)),
  };
  const listed = <T extends AnyObject>(objects: T[], details: (object: T) => (string | undefined)[]) =>
    objects.map(
      (object): Row => ({
        line: row(object, details(object), shared),
        role: readyOf(object)?.status === 'True' ? 'ready' : 'open',
      }),
    );
  return [
    { title: 'PROVIDERS', rows: listed(providers, providerDetails) },
    { title: 'SNAPSHOTS', rows: listed(snapshots, snapshotDetails) },
    {
      title: 'COPIES',
      rows: copies.flatMap((copy) => [
        ...listed([copy], (one) => copyDetails(one, now)),
        ...diskLines(copy, shared).map((line): Row => ({ line, role: 'below' })),
      ]),
    },
    { title: 'RESTORES', rows: listed(restores, restoreDetails) },
    { title: 'COLLECTIONS, made for them', rows: listed(collections, collectionDetails) },
  ];
}

type Drawn = (sections: Section[], paint: Paint) => string[];

const spacious: Drawn = (sections, paint) =>
  sections.flatMap(({ title, rows }) => ['', paint('bold', title), ...rows.map(({ line }) => line)]);

/** Without empty lines. */
const dense: Drawn = (sections, paint) => spacious(sections, paint).filter((line) => line !== '');

/** What is ready is counted beside the title. */
const counting: Drawn = (sections, paint) => withCounts(sections, paint, ['open', 'below']);

/** Without the disks, too. */
const terse: Drawn = (sections, paint) => withCounts(sections, paint, ['open']);

function withCounts(sections: Section[], paint: Paint, shown: Row['role'][]): string[] {
  return sections.flatMap(({ title, rows }) => {
    const ready = rows.filter(({ role }) => role === 'ready').length;
    const all = rows.filter(({ role }) => role !== 'below').length;
    const open = rows.filter(({ role }) => shown.includes(role));
    const head = `${paint('bold', title)}  ${paint(ready === all ? 'green' : 'dim', `${ready} of ${all} ready`)}`;
    return [head, ...(ready === all ? [] : open.map(({ line }) => line))];
  });
}

type RowOptions = FrameOptions & { nameWidth: number; reasonWidth: number };

/** What an object is called on the screen: providers are of two kinds, hence with kubectl's short name. */
function titleOf({ kind, metadata }: AnyObject): string {
  if (kind !== 'VMProvider' && kind !== 'ClusterVMProvider') return metadata.name;
  return `${kinds[kind].shortName}/${metadata.name}`;
}

function reasonOf(object: AnyObject): string {
  return readyOf(object)?.reason ?? 'not seen yet';
}

/** One object: a sign, its name, the reason of Ready, and what else is to say of it; its message unless it is ready. */
function row(object: AnyObject, details: (string | undefined)[], options: RowOptions): string {
  const { columns, paint, glyphs, nameWidth, reasonWidth } = options;
  const ready = readyOf(object);
  const [glyph, style] =
    ready?.status === 'True'
      ? ([glyphs.done, 'green'] as const)
      : isStalled(object)
        ? ([glyphs.failed, 'red'] as const)
        : ([glyphs.working, 'yellow'] as const);
  const told = details.filter((detail) => detail !== undefined);
  const text = ready?.status === 'True' || told.length > 0 ? told.join(', ') : (ready?.message ?? '');
  const head = `  ${padded(titleOf(object), nameWidth)}  `;
  const reason = padded(reasonOf(object), reasonWidth);
  const rest = columns - head.length - reason.length - 2;
  return `${paint(style, glyph)} ${head.slice(2)}${paint(style, reason)}  ${cut(text, Math.max(0, rest))}`;
}

function providerDetails({ status }: Observation['providers'][number]): (string | undefined)[] {
  return [status?.product?.name, status?.product?.apiVersion];
}

function collectionDetails({ status }: RestorePointCollection): (string | undefined)[] {
  const { location, restorePoints } = status ?? {};
  return [location, restorePoints === undefined ? undefined : counted(restorePoints.total, 'restore point')];
}

function snapshotDetails(snapshot: VMSnapshot): (string | undefined)[] {
  const { status } = snapshot;
  const percent = status?.progress?.percent;
  if (readyOf(snapshot)?.status !== 'True') return percent === undefined ? [] : [`${percent} %`];
  const disks = status?.disks?.length;
  const level = status?.consistency?.level;
  return [
    status?.vm?.name,
    disks === undefined ? undefined : counted(disks, 'disk'),
    level === undefined ? undefined : `${level} consistent`,
    status?.creationTime === undefined ? undefined : `taken ${clock(Date.parse(status.creationTime))}`,
  ];
}

/** What is being done to the VM, or what came of it. */
function restoreDetails({ status }: VMRestore): (string | undefined)[] {
  const { vm, steps = [], restored, powerStateBefore } = status ?? {};
  if (vm === undefined || steps.length === 0) return [];
  const at = steps.findLast(({ state }) => state !== 'Done');
  const done = steps.map(({ name }) => name).join(', ');
  return [
    restored?.vmName ?? vm.name,
    powerStateBefore === undefined ? undefined : `was ${powerStateBefore}`,
    at === undefined ? done : `step ${steps.length}: ${at.name}`,
  ];
}

function copyDetails(copy: RestorePointCopy, now: number): (string | undefined)[] {
  const { replication, location, completionTime } = copy.status ?? {};
  if (replication === undefined) return [];
  const { estimatedCompletionTime } = replication;
  const left = estimatedCompletionTime === undefined ? undefined : Date.parse(estimatedCompletionTime) - now;
  return [
    `to ${location}`,
    completionTime === undefined ? undefined : `done ${clock(Date.parse(completionTime))}`,
    left === undefined ? undefined : `about ${span(Math.max(0, left))} left`,
  ];
}

function diskLines({ status }: RestorePointCopy, options: RowOptions): string[] {
  const { replication } = status ?? {};
  if (replication === undefined) return [];
  const { columns, paint, glyphs, nameWidth } = options;
  const line = (name: string, percent: number, state: string, size: string) => {
    const head = `  ${padded(name, nameWidth)}  `;
    const numbers = ` ${String(percent).padStart(3)} %`;
    const tail = columns >= 90 ? `  ${size.padStart(8)}  ${padded(state, 12)}` : '';
    const width = Math.max(4, Math.min(columns - head.length - numbers.length - tail.length, 60));
    const style = state === 'Failed' ? 'red' : percent === 100 ? 'green' : 'cyan';
    return `${head}${paint(style, bar(percent, width, glyphs))}${numbers}${paint('dim', tail)}`;
  };
  const whole = replication.disks.reduce((sum, disk) => sum + (disk.sizeBytes ?? 0), 0);
  return [
    line('all disks', replication.percent, replication.state, gibibytes(whole)),
    ...replication.disks.map((disk: DiskReplicationStatus) =>
      line(`  ${disk.name}`, disk.percent ?? 0, disk.state, gibibytes(disk.sizeBytes ?? 0)),
    ),
  ];
}

function eventLine(event: ShownEvent, { columns, paint }: FrameOptions): string {
  const time = clock(Date.parse(event.eventTime));
  const object = `${event.regarding.kind}/${event.regarding.name}`;
  const text = cut(`${object}: ${event.reason}: ${event.note}`, Math.max(0, columns - time.length - 2));
  return `${paint('dim', time)}  ${event.type === 'Warning' ? paint('yellow', text) : text}`;
}

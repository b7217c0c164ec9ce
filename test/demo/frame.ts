/** The live screen as lines of text: a pure function of what the API server has. */
import { kinds } from '../../src/api/kinds.ts';
import type { DiskReplicationStatus } from '../../src/api/v1alpha1/common.ts';
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
  /** Lines that there is room for; events give way first. */
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

/** Draws everything, at most `rows` lines of at most `columns` characters. */
export function frame(observation: Observation, options: FrameOptions): string[] {
  const { columns, rows, paint, elapsedMs } = options;
  const { providers, snapshots, copies, restores, collections, events } = observation;
  const time = span(elapsedMs);
  const lines = [
    `${paint('bold', padded('Keyframe demo', columns - time.length))}${time}`,
    paint(
      'dim',
      cut(
        'All below is .status of objects in a real kube-apiserver, and Events. The vendors are simulated.',
        columns,
      ),
    ),
  ];
  if (options.notice !== undefined) lines.push(paint('yellow', cut(options.notice, columns)));
  const names = [...providers, ...collections, ...snapshots, ...copies, ...restores].map(titleOf);
  const shared = {
    ...options,
    nameWidth: Math.min(Math.max(20, ...names.map(({ length }) => length)), 44, Math.floor(columns * 0.4)),
  };
  const section = (title: string, body: string[]) => {
    if (body.length > 0) lines.push('', paint('bold', title), ...body);
  };
  section(
    'PROVIDERS',
    providers.map((provider) =>
      row(provider, [provider.status?.product?.name, provider.status?.product?.apiVersion], shared),
    ),
  );
  section(
    'SNAPSHOTS',
    snapshots.map((snapshot) => row(snapshot, snapshotDetails(snapshot), shared)),
  );
  section(
    'COPIES',
    copies.flatMap((copy) => [row(copy, copyDetails(copy, options.now), shared), ...diskLines(copy, shared)]),
  );
  section(
    'RESTORES',
    restores.map((restore) => row(restore, restoreDetails(restore), shared)),
  );
  section(
    'COLLECTIONS, made for them',
    collections.map((collection) => {
      const { location, restorePoints } = collection.status ?? {};
      const points = restorePoints === undefined ? undefined : counted(restorePoints.total, 'restore point');
      return row(collection, [location, points], shared);
    }),
  );
  const room = Math.min(rows - lines.length - 2, 10);
  if (room > 0)
    section(
      'EVENTS',
      events.slice(-room).map((event) => eventLine(event, shared)),
    );
  return lines.slice(0, rows);
}

type RowOptions = FrameOptions & { nameWidth: number };

/** What an object is called on the screen: providers are of two kinds, hence with kubectl's short name. */
function titleOf({ kind, metadata }: AnyObject): string {
  if (kind !== 'VMProvider' && kind !== 'ClusterVMProvider') return metadata.name;
  return `${kinds[kind].shortName}/${metadata.name}`;
}

/** One object: a sign, its name, the reason of Ready, and what else is to say of it; its message unless it is ready. */
function row(object: AnyObject, details: (string | undefined)[], options: RowOptions): string {
  const { columns, paint, glyphs, nameWidth } = options;
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
  const reason = padded(ready?.reason ?? 'not seen yet', Math.min(20, Math.floor(columns / 4)));
  const rest = columns - head.length - reason.length - 2;
  return `${paint(style, glyph)} ${head.slice(2)}${paint(style, reason)}  ${cut(text, Math.max(0, rest))}`;
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

function eventLine(event: ShownEvent, { columns, paint }: RowOptions): string {
  const time = clock(Date.parse(event.eventTime));
  const object = `${event.regarding.kind}/${event.regarding.name}`;
  const text = cut(`${object}: ${event.reason}: ${event.note}`, Math.max(0, columns - time.length - 2));
  return `${paint('dim', time)}  ${event.type === 'Warning' ? paint('yellow', text) : text}`;
}

import { timestamp } from '../../api/conditions.ts';
import type { DiskReplicationStatus, Replication } from '../../api/v1alpha1/common.ts';
import type { DiskReplication, Snapshot, SnapshotTarget } from '../../providers/provider.ts';

/** The least step of progress that is worth a write, in percent. */
const leastStep = 5;
/** Below this, the pace says nothing about the end yet. */
const leastForEstimate = 5;

/**
 * Whether it lies, or may lie, in another region than the VM: then only a view of its replication shows that all
 * of it has arrived (Azure sheet, section 8).
 */
export function isAway({ vmLocation, location, exclusive }: SnapshotTarget): boolean {
  // What its VM holds has no region to be away from.
  return exclusive !== true && vmLocation !== location;
}

/**
 * How far the data of a snapshot in another region is. Every disk of the snapshot counts, whether or not the
 * vendor's view names it: an unnamed one is Pending, so that a view that is not whole is never taken for the end
 * (Azure sheet, section 8). Percentages never go back.
 *
 * @param startedAt when the copying began, milliseconds
 */
export function replicationOf(
  previous: Replication | undefined,
  snapshot: Snapshot,
  startedAt: number,
  now: number,
): Replication {
  const views = viewsOf(snapshot);
  const before = new Map((previous?.disks ?? []).map((disk) => [disk.name, disk]));
  const disks = snapshot.disks.map((disk): DiskReplicationStatus => {
    const view = disk.snapshotID === undefined ? undefined : views.get(disk.snapshotID.toLowerCase());
    const known = before.get(disk.name.slice(0, 256));
    const state = view?.state ?? 'Pending';
    const seen = state === 'Succeeded' ? 100 : Math.min(Math.floor(view?.percent ?? 0), 99);
    const percent = state === 'Failed' ? known?.percent : Math.max(seen, known?.percent ?? 0);
    return {
      name: disk.name.slice(0, 256),
      ...(disk.snapshotID === undefined ? {} : { diskRestorePointID: disk.snapshotID }),
      ...(disk.sizeBytes === undefined ? {} : { sizeBytes: disk.sizeBytes }),
      ...(percent === undefined ? {} : { percent }),
      state,
      ...(view?.message === undefined ? {} : { message: view.message.slice(0, 1024) }),
    };
  });
  const state = overall(disks);
  const percent =
    state === 'Succeeded' ? 100 : Math.min(99, Math.max(weighted(disks), previous?.percent ?? 0));
  const next: Replication = { state, percent, disks: disks.slice(0, 65) };
  const estimate =
    state === 'Replicating' && percent >= leastForEstimate
      ? startedAt + ((now - startedAt) * 100) / percent
      : undefined;
  return estimate !== undefined && Number.isFinite(estimate)
    ? { ...next, estimatedCompletionTime: timestamp(estimate) }
    : next;
}

/** How far a state is; what failed counts before all else. */
const rank: Record<DiskReplication['state'], number> = {
  Failed: 0,
  Pending: 1,
  Replicating: 2,
  Succeeded: 3,
};

/** What the vendor shows of each disk. Where it shows one twice, and not alike, the lesser counts. */
function viewsOf({ replication = [] }: Snapshot): Map<string, DiskReplication> {
  const views = new Map<string, DiskReplication>();
  for (const view of replication) {
    const id = view.snapshotID.toLowerCase();
    const other = views.get(id);
    if (other === undefined || rank[view.state] < rank[other.state]) views.set(id, view);
  }
  return views;
}

function overall(disks: DiskReplicationStatus[]): string {
  if (disks.some((disk) => disk.state === 'Failed')) return 'Failed';
  if (disks.length > 0 && disks.every((disk) => disk.state === 'Succeeded')) return 'Succeeded';
  return disks.some((disk) => disk.state !== 'Pending') ? 'Replicating' : 'Pending';
}

/** By size where every size is known, else each disk alike. */
function weighted(disks: DiskReplicationStatus[]): number {
  if (disks.length === 0) return 0;
  const sized = disks.every((disk) => disk.sizeBytes !== undefined && disk.sizeBytes > 0);
  let done = 0;
  let whole = 0;
  for (const disk of disks) {
    const weight = sized ? (disk.sizeBytes ?? 1) : 1;
    done += weight * (disk.percent ?? 0);
    whole += weight;
  }
  return Math.floor(done / whole);
}

/**
 * Whether progress is worth a write of its own: a state that changed, or a step that is large enough and not too
 * soon after the last write.
 *
 * @param sinceLastMs milliseconds since progress was last written; undefined when this process did not write any
 */
export function worthWriting(
  previous: Replication | undefined,
  next: Replication,
  sinceLastMs: number | undefined,
  intervalMs: number,
): boolean {
  if (previous === undefined || previous.state !== next.state) return true;
  const states = (replication: Replication) =>
    replication.disks.map((disk) => `${disk.name} ${disk.state}`).join('\n');
  if (states(previous) !== states(next)) return true;
  return (
    next.percent - previous.percent >= leastStep && (sinceLastMs === undefined || sinceLastMs >= intervalMs)
  );
}

/** What of a status moves while the vendor is at work. */
interface Progress {
  replication?: Replication | undefined;
  progress?: { percent?: number } | undefined;
}

/**
 * The next status, with progress as it was where it moved too little, or too soon after the last write, to be worth
 * a write of its own. A percentage alone is not written before the interval has passed since the work began: what is
 * done sooner takes no write for it.
 */
export function withoutSmallSteps<S extends Progress>(
  before: Progress,
  next: S,
  {
    sinceLastMs,
    sinceBegunMs,
    intervalMs,
  }: { sinceLastMs: number | undefined; sinceBegunMs: number; intervalMs: number },
): S {
  const shown = { ...next };
  const { replication, progress } = before;
  if (
    replication !== undefined &&
    next.replication !== undefined &&
    !worthWriting(replication, next.replication, sinceLastMs, intervalMs)
  )
    shown.replication = replication;
  const step = (next.progress?.percent ?? 0) - (progress?.percent ?? 0);
  const isDue = (sinceLastMs ?? sinceBegunMs) >= intervalMs;
  if (next.progress !== undefined && (step < leastStep || !isDue)) {
    if (progress === undefined) delete shown.progress;
    else shown.progress = progress;
  }
  return shown;
}

import type { DiskReplication, RestorePoint } from './state.ts';

/** How far one disk is. A failed one shows no percentage (Azure sheet, section 8). */
export interface ReplicationProgress {
  state: 'replicating' | 'succeeded' | 'failed';
  percent: number | undefined;
}

/**
 * How far a disk's data has come, as Azure shows it: the percentage is refreshed in steps and stands still between
 * them, so that 0 followed by 100 is nothing unusual.
 *
 * @param refreshMilliseconds the time between two refreshes
 */
export function replicationProgress(
  replication: DiskReplication,
  now: number,
  refreshMilliseconds: number,
): ReplicationProgress {
  if (replication.failsAt !== undefined && now >= replication.failsAt)
    return { state: 'failed', percent: undefined };
  if (now >= replication.endsAt) return { state: 'succeeded', percent: 100 };
  const steps = Math.floor(Math.max(0, now - replication.startedAt) / refreshMilliseconds);
  const shown = (steps * refreshMilliseconds) / Math.max(1, replication.endsAt - replication.startedAt);
  return { state: 'replicating', percent: Math.min(99, Math.floor(shown * 100)) };
}

/** Whether data of this point is still on its way to another region. */
export function isReplicating(point: RestorePoint, now: number): boolean {
  if (point.kind === 'local' || point.provisioningState === 'Failed') return false;
  if (point.provisioningState === 'Creating') return true;
  return point.disks.some(
    ({ replication }) =>
      replication !== undefined &&
      now < replication.endsAt &&
      (replication.failsAt === undefined || now < replication.failsAt),
  );
}

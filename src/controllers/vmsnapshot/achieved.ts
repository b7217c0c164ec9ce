import { succeeded } from '../../providers/outcome.ts';
import type { ConsistencyLevel, Indication, Snapshot, SnapshotTarget } from '../../providers/provider.ts';
import type { Recorded, Seen } from '../lifecycle/facts.ts';

const rank: Record<ConsistencyLevel, number> = { Crash: 0, FileSystem: 1, Application: 2 };

/** Whether what was achieved is less than what is wanted. */
export function fallsShort(achieved: ConsistencyLevel, wanted: ConsistencyLevel): boolean {
  return rank[achieved] < rank[wanted];
}

/** How a snapshot came out. */
export interface Achieved {
  /** Undefined where nothing tells. */
  level?: ConsistencyLevel;
  indications: Indication[];
}

/**
 * How consistent a snapshot is, from what the vendor shows of it, what its record of the attempt says, and the power
 * of the VM when it was asked for. A VM that was off had nothing open: what lay on its disks is all there was. The
 * engine freezes the guest of a running VM unless memory is saved, goes on without where that fails, and tells it
 * in an event only (oVirt sheet, section 6).
 */
export function achieved(
  snapshot: Snapshot,
  target: SnapshotTarget | undefined,
  { operation }: Seen,
  recorded: Pick<Recorded, 'operation'>,
): Achieved {
  const indications = [...partial(snapshot, target)];
  if (target?.exclusive !== true || target.existingID !== undefined)
    return { ...levelOf(snapshot.consistency), indications };
  const told = operation !== undefined && succeeded(operation) ? (operation.value.indications ?? []) : [];
  // That the engine could not freeze what we had frozen takes nothing away from it.
  indications.push(...told.filter(({ type }) => type !== 'QuiesceFailed' || target.freeze !== true));
  const online = target.power === 'On' || target.power === 'Suspended' || target.power === 'Busy';
  if (online) indications.push({ type: 'Online', message: 'the VM was running' });
  if (snapshot.memory === true)
    indications.push({ type: 'MemoryIncluded', message: 'the memory of the VM is part of it' });
  else if (target.memory === true && online)
    indications.push({ type: 'Partial', message: 'the memory was asked for, and could not be saved' });
  if (target.configurationOnly === true)
    indications.push({ type: 'ConfigurationOnly', message: 'the configuration of the VM, and no disk' });
  if (snapshot.consistency !== undefined) return { level: snapshot.consistency, indications };
  // A freeze that failed was of a VM that had been started meanwhile.
  const unfrozen = indications.some(({ type }) => type === 'QuiesceFailed');
  if (target.power === 'Off') return { level: unfrozen ? 'Crash' : 'Application', indications };
  // SPF: the kind of a checkpoint (Production or Standard) cannot be read (SPF sheet, section 6).
  if (target.quiesces !== true) return { indications };
  if (!quiesces(target) || target.power !== 'On') return { level: 'Crash', indications };
  // Thawed by us before the vendor was done: what was written since is in it in part.
  const ours = target.freeze === true || target.thaw === true;
  const early = ours && recorded.operation?.thawedAt !== undefined;
  if (early)
    indications.push({ type: 'QuiesceFailed', message: 'the guest was thawed before the snapshot was done' });
  if (indications.some(({ type }) => type === 'QuiesceFailed')) return { level: 'Crash', indications };
  indications.push({ type: 'GuestQuiesced', message: 'the file systems of the guest were frozen for it' });
  return { level: 'FileSystem', indications };
}

/** Saving the memory leaves the guest unfrozen: its page cache is in the image of the memory. */
function quiesces(target: SnapshotTarget): boolean {
  return target.quiesces === true && target.memory !== true && target.configurationOnly !== true;
}

function levelOf(level: ConsistencyLevel | undefined): { level?: ConsistencyLevel } {
  return level === undefined ? {} : { level };
}

function partial(snapshot: Snapshot, target: SnapshotTarget | undefined): Indication[] {
  const excluded = snapshot.excludedDiskIDs.map((id) => id.split('/').at(-1) ?? id);
  const leftAway = excluded.length > 0 ? excluded : (target?.leftAway ?? []);
  return leftAway.length === 0
    ? []
    : [{ type: 'Partial', message: `left away: ${leftAway.join(', ')}`.slice(0, 1024) }];
}

/** What the vendor listed, as the status shows it: whose each is, bounded in size, newest first. */
import { timestamp } from '../../api/conditions.ts';
import type { RestorePointCopy } from '../../api/v1alpha1/restore-point-copy.ts';
import type { VMSnapshot } from '../../api/v1alpha1/vm-snapshot.ts';
import type {
  InventoryItemStatus,
  VMSnapshotInventoryStatus,
} from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import type { InventoryItem } from '../../providers/provider.ts';
import { readIntent, readMark } from '../intent.ts';
import { cut } from '../words.ts';

/** An object that stands for a snapshot at the vendor. */
export type Holder = VMSnapshot | RestorePointCopy;

/** What the caches know of who holds what. */
export interface Holders {
  /** The object of a UID. */
  withUID(uid: string): Holder | undefined;
  /** Objects whose status, or for want of one whose spec, has the vendor's id of a snapshot. */
  withSnapshot(id: string): Holder[];
  /** Objects whose status has the vendor's id of one disk's part. */
  withDiskPart(id: string): Holder[];
}

/** Where the list comes from. */
export interface Origin {
  /** Tells this cluster's marks from another's. */
  cluster: string;
  endpointID: string;
}

/** The words of `managedBy` for what is no object's. */
export type Unmanaged = 'OtherCluster' | 'OrphanOfThisCluster' | 'Foreign';

/** All items together take no more than this in the status; etcd takes 1.5 MiB of a whole object. */
export const maxItemBytes = 512 * 1024;
/** The schema's bound of an id: one that is cut would be another. */
const maxIDLength = 1024;
/** RFC 3339 has years of four digits. */
const endOfTime = Date.UTC(10_000, 0);
/** Vendors round what they store: SPF keeps milliseconds of what it first tells with more (SPF sheet, section 9). */
const sameInstantMs = 2_000;

/**
 * Whose a snapshot is: `Kind namespace/name`, or why it is nobody's here. The mark goes first, since it proves who
 * made it; then who adopted it.
 */
export function managedBy(item: InventoryItem, holders: Holders, origin: Origin): string {
  const mark = readMark(item.name);
  const ours = mark?.cluster === origin.cluster;
  const maker = ours ? holders.withUID(mark.uid) : undefined;
  if (maker !== undefined && endpointOf(maker) === origin.endpointID) return whole(maker);
  const adopter = holders
    .withSnapshot(item.id)
    .find((holder) => endpointOf(holder) === origin.endpointID && adopted(holder, item));
  if (adopter !== undefined) return whole(adopter);
  const ofDisk = holders.withDiskPart(item.id).find((holder) => endpointOf(holder) === origin.endpointID);
  if (ofDisk !== undefined) return whole(ofDisk);
  const nobody: Unmanaged = mark === undefined ? 'Foreign' : ours ? 'OrphanOfThisCluster' : 'OtherCluster';
  return nobody;
}

function whole({ kind, metadata }: Holder): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

function endpointOf(holder: Holder): string | undefined {
  return holder.status?.endpointID ?? readIntent(holder)?.endpointID;
}

/** Whether an object adopted just this one: vendors give ids again (oVirt sheet, section 6), and dates stay. */
function adopted(holder: Holder, item: InventoryItem): boolean {
  if (!('existing' in holder.spec.source) || holder.status?.endpointID === undefined) return false;
  const { snapshotID, creationTime } = (holder as VMSnapshot).status ?? {};
  if (snapshotID?.toLowerCase() !== item.id.toLowerCase()) return false;
  const difference = Date.parse(creationTime ?? '') - Date.parse(item.createdAt ?? '');
  return Number.isNaN(difference) || Math.abs(difference) <= sameInstantMs;
}

/** What the status says of a list. */
export type Listed = Required<Pick<VMSnapshotInventoryStatus, 'items' | 'counts' | 'truncated'>>;

/**
 * The list as the status holds it.
 *
 * @param found what the vendor has; nothing of it is believed to be of a bearable length
 * @param limit how many are shown at most
 */
export function listed(
  found: { items: InventoryItem[]; truncated: boolean },
  limit: number,
  holders: Holders,
  origin: Origin,
): Listed {
  const usable = found.items.filter(({ id }) => id !== '' && id.length <= maxIDLength);
  const all = usable
    .map((item) => shown(item, managedBy(item, holders, origin)))
    .sort(newestFirst)
    .slice(0, limit);
  const items: InventoryItemStatus[] = [];
  let bytes = 0;
  for (const item of all) {
    bytes += Buffer.byteLength(JSON.stringify(item));
    if (bytes > maxItemBytes) break;
    items.push(item);
  }
  const count = (whose: Unmanaged) => items.filter((item) => item.managedBy === whose).length;
  const [otherCluster, orphans, foreign] = [
    count('OtherCluster'),
    count('OrphanOfThisCluster'),
    count('Foreign'),
  ];
  const total = items.length;
  return {
    items,
    counts: { total, managed: total - otherCluster - orphans - foreign, otherCluster, orphans, foreign },
    truncated: found.truncated || found.items.length > total,
  };
}

function shown(item: InventoryItem, whose: string): InventoryItemStatus {
  const { id, name, vmID, description, createdAt, type, state } = item;
  const at = Date.parse(createdAt ?? '');
  return {
    id,
    ...(name === '' ? {} : { name: cut(name, 256) }),
    ...(vmID === undefined || vmID.length > maxIDLength ? {} : { vmID }),
    ...(description === undefined ? {} : { description: cut(description, 256) }),
    ...(at >= 0 && at < endOfTime ? { createdAt: timestamp(at) } : {}),
    ...(type === undefined ? {} : { type: cut(type, 64) }),
    ...(state === undefined ? {} : { state: cut(state, 64) }),
    managedBy: whose,
  };
}

/** The order does not hang on that of the vendor, which may be another each time. */
function newestFirst(one: InventoryItemStatus, other: InventoryItemStatus): number {
  const [a, b] = [one.createdAt ?? '', other.createdAt ?? ''];
  if (a !== b) return a < b ? 1 : -1;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

/** A list in one sentence. */
export function summary({ counts, truncated }: Listed, noun: string): string {
  const { total, managed, otherCluster, orphans, foreign } = counts;
  const parts = [
    `${managed} managed here`,
    `${otherCluster} of other clusters`,
    `${orphans} ${orphans === 1 ? 'orphan' : 'orphans'}`,
    `${foreign} foreign`,
  ];
  const more = truncated ? '. There are more than are listed' : '';
  return `${total} ${noun}${total === 1 ? '' : 's'}: ${parts.join(', ')}${more}`;
}

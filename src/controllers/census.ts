/** How an object stands, in the few words that metrics count by. Pure. */
import { condition } from '../api/conditions.ts';
import { type Reason, reasons } from '../api/reasons.ts';
import type { Operation, ProviderRef, Replication } from '../api/v1alpha1/common.ts';
import { readIntent } from './intent.ts';
import { type ProviderKey, providerKey } from './provider-registry.ts';
import type { RecordedObject } from './recorder.ts';

/** An object of any kind, as far as metrics look at it. */
export type CountedObject = RecordedObject & {
  status?: {
    endpointID?: string;
    startedAt?: string;
    completionTime?: string;
    /** The point in time that it holds; of a copy, its source's. */
    creationTime?: string;
    sourceCreationTime?: string;
    operation?: Operation;
    replication?: Replication;
  };
};

/** What bounds the work on an object, in milliseconds: the wait before it, and the work once begun. */
export interface Deadlines {
  startDeadlineMs: number;
  deadlineMs: number;
}

/** Work that is not at its end: to begin, to finish what has begun, or to delete. */
export type Work = 'Start' | 'Finish' | 'Delete';

export interface Standing {
  /** `Paused`: stopped by its annotation before it was ready. */
  state: 'Ready' | 'InProgress' | 'Failed' | 'Paused';
  /** That of the Ready condition; `None` before the first, `Other` for one that this version does not know. */
  reason: Reason | 'None' | 'Other';
  unfinished?: { work: Work; ageMs: number; overdue: boolean };
  /** Of what is on its way into another region: how much has arrived, and how old what it holds is. */
  replication?: { percent: number; lagMs?: number };
}

/** A deletion that nothing blocks should not take longer. */
export const longestDeletionMs = 3_600_000;

/** What waits for a person, or for other objects that may take days, is never overdue. */
const waitsForOthers: ReadonlySet<string> = new Set<Reason>(['DeletionBlocked', 'AwaitingDecision']);

/**
 * How an object stands.
 *
 * @param deadlines of kinds that have them
 * @param now wall clock, milliseconds
 */
export function standingOf(object: CountedObject, deadlines: Deadlines | undefined, now: number): Standing {
  const { conditions, replication } = object.status ?? {};
  const ready = condition(conditions, 'Ready');
  const reason = wordOf(ready?.reason);
  const standing: Standing = { state: stateOf(object), reason };
  const unfinished = unfinishedOf(object, standing, deadlines, now);
  if (unfinished !== undefined) standing.unfinished = unfinished;
  const isOnItsWay = replication?.state === 'Pending' || replication?.state === 'Replicating';
  if (replication !== undefined && isOnItsWay && unfinished?.work === 'Finish') {
    const { sourceCreationTime, creationTime } = object.status ?? {};
    const heldAt = Date.parse(sourceCreationTime ?? creationTime ?? '');
    standing.replication = {
      percent: replication.percent,
      ...(Number.isFinite(heldAt) ? { lagMs: Math.max(0, now - heldAt) } : {}),
    };
  }
  return standing;
}

function wordOf(reason: string | undefined): Standing['reason'] {
  if (reason === undefined) return 'None';
  return Object.hasOwn(reasons, reason) ? (reason as Reason) : 'Other';
}

function stateOf({ status }: CountedObject): Standing['state'] {
  const ready = condition(status?.conditions, 'Ready');
  if (condition(status?.conditions, 'Stalled')?.status === 'True') return 'Failed';
  if (ready?.status === 'True') return 'Ready';
  return ready?.reason === ('Paused' satisfies Reason) ? 'Paused' : 'InProgress';
}

function unfinishedOf(
  object: CountedObject,
  { state, reason }: Standing,
  deadlines: Deadlines | undefined,
  now: number,
): Standing['unfinished'] {
  const { creationTimestamp, deletionTimestamp } = object.metadata;
  const since = (begun: string) => Math.max(0, now - Date.parse(begun));
  const overdue = (ageMs: number, limitMs: number | undefined) =>
    limitMs !== undefined && ageMs > limitMs && !waitsForOthers.has(reason);
  if (deletionTimestamp !== undefined) {
    const ageMs = since(deletionTimestamp);
    return { work: 'Delete', ageMs, overdue: overdue(ageMs, longestDeletionMs) };
  }
  if (state !== 'InProgress') return undefined;
  const begun =
    readIntent(object)?.startedAt ?? object.status?.operation?.startedAt ?? object.status?.startedAt;
  const ageMs = since(begun ?? creationTimestamp);
  return begun === undefined
    ? { work: 'Start', ageMs, overdue: overdue(ageMs, deadlines?.startDeadlineMs) }
    : { work: 'Finish', ageMs, overdue: overdue(ageMs, deadlines?.deadlineMs) };
}

/** Where an object may name its provider. */
interface Referring {
  metadata: CountedObject['metadata'];
  spec?: {
    providerRef?: ProviderRef;
    source?: { providerRef?: ProviderRef; snapshotRef?: { name: string } };
  };
  status?: { providerRef?: ProviderRef };
}

/**
 * The provider that an object goes by: the one that it names, or that its status keeps, or else that of the
 * VMSnapshot that it is about.
 *
 * @param snapshot a VMSnapshot by its key in the cache
 */
export function providerNamedBy(
  object: CountedObject,
  snapshot: (key: string) => CountedObject | undefined,
): ProviderKey | undefined {
  const { metadata, spec, status } = object as Referring;
  const { namespace = '' } = metadata;
  const ref = spec?.providerRef ?? spec?.source?.providerRef ?? status?.providerRef;
  if (ref !== undefined) return providerKey(ref, namespace);
  const name = spec?.source?.snapshotRef?.name;
  const source = name === undefined ? undefined : snapshot(`${namespace}/${name}`);
  return source === undefined ? undefined : providerNamedBy(source, () => undefined);
}

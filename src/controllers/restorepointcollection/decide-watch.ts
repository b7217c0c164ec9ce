/** A collection that is there: held against Azure now and then, retagged, and removed when nothing uses it. */

import { condition, type Verdict } from '../../api/conditions.ts';
import { labels, ownerTag } from '../../api/names.ts';
import type { RestorePointCollection } from '../../api/v1alpha1/restore-point-collection.ts';
import type { AzureProvider, Collection } from '../../providers/azure/azure-provider.ts';
import { nameOf } from '../../providers/azure/ids.ts';
import { sameName } from '../../providers/ids.ts';
import { type Failure, succeeded } from '../../providers/outcome.ts';
import { isAskedToLook, isPaused } from '../annotations.ts';
import { type Intent, sendWindowMs } from '../intent.ts';
import {
  type CollectionFacts,
  type CollectionFinish,
  type CollectionIntent,
  type CollectionStep,
  effectiveDeletionPolicy,
  isUnused,
  ownerOf,
  trouble,
  unusedGraceMs,
  writeIntent,
} from './facts.ts';
import { tagsWanted } from './resolve.ts';
import { counts, shown } from './status.ts';

/** What was ready once: its tags, its restore points, and whether it is there at all. */
export function watch(
  facts: CollectionFacts,
  provider: AzureProvider,
  intent: Intent<CollectionIntent>,
): CollectionStep {
  const { object, seen, settings, neighbours } = facts;
  const { target } = intent;
  const ready = condition(object.status?.conditions, 'Ready');
  const wanted = intent.step === 'Adopt' ? undefined : tagsWanted(facts);
  const retag = wanted !== undefined && !sameTags(wanted, object.status?.tags ?? {});
  const automatic = object.metadata.labels?.[labels.automatic] === 'true';
  const unused = automatic && isUnused(neighbours.users);
  const unusedLeftMs = unused ? leftToUnusedLookMs(facts) : Number.POSITIVE_INFINITY;
  const asked = isAskedToLook(object);

  if (retag && !seen.intentWritten && !isPaused(object)) {
    if (seen.collection === undefined) return { do: 'ReadCollection', id: target.id, points: true };
    if (!succeeded(seen.collection)) return gone(facts, provider, intent, seen.collection);
    const another = replaced(facts, seen.collection.value);
    if (another !== undefined) return another;
    return writeIntent(facts, provider, { ...target, tags: wanted }, 'Create', intent.attempt + 1);
  }
  // What is in it is counted anew some time after objects of ours came or went.
  const miscounted = neighbours.managed !== (facts.managedAtLook ?? object.status?.restorePoints?.managed);
  const countLeftMs = miscounted
    ? Math.max(0, unusedGraceMs(settings) - facts.sinceLookMs)
    : Number.POSITIVE_INFINITY;
  const due =
    isDoubted(object) ||
    facts.driftDueMs === 0 ||
    asked ||
    unusedLeftMs === 0 ||
    countLeftMs === 0 ||
    seen.intentWritten;
  const waitMs = Math.min(facts.driftDueMs || settings.driftIntervalMs, unusedLeftMs, countLeftMs);
  if (!due) {
    const status = { deletionPolicy: effectiveDeletionPolicy(object) };
    return { do: 'Finish', status, requeueAfterMs: waitMs, ...(retag ? {} : { current: true }) };
  }

  if (seen.collection === undefined) return { do: 'ReadCollection', id: target.id, points: true };
  const { collection } = seen;
  if (!succeeded(collection)) {
    // What waits for this look does not wait for the next round.
    const awaited = unusedLeftMs === 0 || countLeftMs === 0;
    return gone(facts, provider, intent, collection, awaited);
  }
  const { value } = collection;
  const another = intent.step === 'Adopt' ? undefined : replaced(facts, value);
  if (another !== undefined) return another;
  if (seen.intentWritten && seen.tagged === undefined) {
    return { do: 'UpdateTags', id: target.id, tags: mergedTags(facts, value.tags, target.tags) };
  }
  if (seen.tagged !== undefined && !succeeded(seen.tagged))
    return trouble(facts, seen.tagged, `writing the tags of collection ${value.name}`);
  if (
    unusedLeftMs === 0 &&
    (value.points ?? []).length === 0 &&
    sameName(value.tags[ownerTag], ownerOf(facts))
  ) {
    // The cache may lag behind an intent that was just written, and what is deleted cannot be taken back.
    if (seen.liveUsers === undefined) return { do: 'ReadLiveUsers', id: target.id };
    if (isUnused(seen.liveUsers))
      return { do: 'DeleteObject', note: 'an automatic collection that nothing uses and that is empty' };
  }

  const now = seen.tagged === undefined ? value : { ...seen.tagged.value, points: value.points };
  const changed = intent.step === 'Adopt' ? undefined : changedOutside(target, now);
  const verdict: Verdict = changed ?? { reason: 'Available', message: `collection ${value.name} is ready` };
  // Trouble that is over, or a change that was put back, is said; the same again is no news.
  const silent =
    changed === undefined &&
    ready?.reason === 'Available' &&
    object.status?.observedGeneration === object.metadata.generation;
  return {
    do: 'Finish',
    ...(silent ? {} : { verdict }),
    looked: true,
    status: { ...shown(facts, intent, now), ...counts(facts, now) },
    requeueAfterMs: Math.min(
      settings.driftIntervalMs,
      unused ? Math.max(unusedLeftMs, unusedGraceMs(settings)) : Number.POSITIVE_INFINITY,
    ),
  };
}

/** Milliseconds until an automatic collection without users is looked into: once it is surely unused, then for drift. */
function leftToUnusedLookMs({ settings, unusedMs, sinceLookMs }: CollectionFacts): number {
  const grace = unusedGraceMs(settings);
  if (unusedMs < grace) return grace - unusedMs;
  // Looked into since it is surely unused, and not found empty: somebody else's points, or retained ones, keep it.
  const looked = sinceLookMs <= Math.min(unusedMs - grace, settings.driftIntervalMs);
  return looked ? settings.driftIntervalMs - sinceLookMs : 0;
}

/** Another collection under the name of ours: neither our tag nor Azure's own number of it. It is not touched. */
function replaced(facts: CollectionFacts, found: Collection): CollectionFinish | undefined {
  const { object, settings } = facts;
  const known = object.status?.restorePointCollectionID;
  const same =
    sameName(found.tags[ownerTag], ownerOf(facts)) ||
    (known !== undefined && sameName(found.restorePointCollectionID, known));
  if (same) return undefined;
  const owner = found.tags[ownerTag];
  const message = `${found.name} is another collection than the one that Keyframe made${owner === undefined ? '' : ` (${ownerTag} is ${owner})`}: someone removed that and made this. It is not touched. Delete this object to have a new one made where it is needed`;
  return {
    do: 'Finish',
    looked: true,
    verdict: {
      reason: 'ModifiedOutside',
      message,
      also: { Drifted: { status: 'True', reason: 'ChangedAtVendor', message } },
    },
    requeueAfterMs: settings.driftIntervalMs,
  };
}

/**
 * A failed look at what was ready: only the proof that it is gone changes anything.
 *
 * @param awaited something is to be decided by this look, so that it is tried again soon
 */
export function gone(
  facts: CollectionFacts,
  provider: AzureProvider,
  intent: Intent<CollectionIntent>,
  failure: Failure,
  awaited = false,
): CollectionStep {
  const { object, seen, settings, neighbours } = facts;
  const { target } = intent;
  const soon = awaited || isDoubted(object);
  const later: CollectionFinish = {
    do: 'Finish',
    ...(awaited ? {} : { looked: true }),
    requeueAfterMs: soon ? settings.retryIntervalMs : settings.driftIntervalMs,
  };
  if (failure.kind !== 'NotFound') return later;
  if (seen.gone === undefined) return { do: 'ProveGone', id: target.id };
  if (!succeeded(seen.gone) || !seen.gone.value) return later;
  const hiddenMs = untilNothingCanCome(facts, intent, provider);
  if (hiddenMs > 0) return { do: 'Finish', requeueAfterMs: hiddenMs };
  if (object.metadata.labels?.[labels.automatic] === 'true' && neighbours.users.staying.length === 0) {
    return {
      do: 'DeleteObject',
      note: 'an automatic collection that is gone at Azure and that nothing uses',
    };
  }
  const message = `${nameOf(target.id)} was there and is gone at Azure: someone else removed it, with what was in it. Nothing is made anew; delete this object to have a new one made where it is needed`;
  return {
    ...later,
    verdict: {
      reason: 'SnapshotMissing',
      message,
      also: { Drifted: { status: 'True', reason: 'ChangedAtVendor', message } },
    },
  };
}

/**
 * Milliseconds until a collection that cannot be seen can come no more: one that Azure took may not show yet, and a
 * request whose outcome nobody recorded may still have its effect. None is sent after the deletion was asked for,
 * but for one whose intent was written just before.
 */
export function untilNothingCanCome(
  { object, now }: CollectionFacts,
  { attempt, step }: Intent<CollectionIntent>,
  { requestTimeoutMs, settleMs }: AzureProvider,
): number {
  const { completionTime, operation, error } = object.status ?? {};
  if (step === 'Adopt') return 0;
  // The time is that of another process, perhaps, and without the fraction of its second.
  if (completionTime !== undefined) return Date.parse(completionTime) + 1_000 + settleMs - now;
  const recorded = (operation?.attempts ?? 0) >= attempt && error?.reason !== 'ProgressingWithRetry';
  if (recorded) return 0;
  const deletedAt = Date.parse(object.metadata.deletionTimestamp ?? '');
  return deletedAt + sendWindowMs + requestTimeoutMs + settleMs - now;
}

// ---------------------------------------------------------------------------------------------------------------

function sameTags(one: Record<string, string>, other: Record<string, string>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

/** What others have put there stays; what an earlier intent of ours put there and this one does not, goes. */
function mergedTags(
  facts: CollectionFacts,
  actual: Record<string, string>,
  wanted: Record<string, string>,
): Record<string, string> {
  const before = facts.object.status?.tags ?? {};
  const foreign = Object.entries(actual).filter(
    ([key]) =>
      !Object.keys(before).some((ours) => sameName(ours, key)) &&
      !Object.keys(wanted).some((ours) => sameName(ours, key)),
  );
  return { ...Object.fromEntries(foreign), ...wanted };
}

/** Tags of ours that someone changed or took away. */
function changedOutside(target: CollectionIntent, found: Collection): Verdict | undefined {
  const lost = Object.entries(target.tags).filter(
    ([key, value]) => found.tags[key] !== value && !sameName(found.tags[key], value),
  );
  if (lost.length === 0) return undefined;
  const words = lost
    .map(([key, value]) => `${key} should be ${value}, is ${found.tags[key] ?? 'absent'}`)
    .join('; ');
  const message = `tags of ${found.name} were changed at Azure: ${words}. Put them back, or change spec.tags`;
  return {
    reason: 'ModifiedOutside',
    message,
    also: { Drifted: { status: 'True', reason: 'ChangedAtVendor', message } },
  };
}

/** The provider names the right endpoint again: what was said of the wrong one has to be taken back. */
function isDoubted({ status }: RestorePointCollection): boolean {
  return condition(status?.conditions, 'Ready')?.reason === 'ProviderChanged';
}

/**
 * A collection is a tracked Azure resource with tags and a name of its own, and its PUT is create-or-update: sent
 * twice it has one effect. What must not happen is that it lands on somebody else's collection and replaces the
 * tags there, or that a collection is removed with restore points in it. So: a GET comes before each PUT, the tag
 * `keyframe-owner` says whose it is, and a removal needs a fresh look into it.
 */
import { condition, timestamp, type Verdict } from '../../api/conditions.ts';
import { annotations, finalizer, labels, ownerTag } from '../../api/names.ts';
import { type Reason, reasons } from '../../api/reasons.ts';
import type {
  RestorePointCollection,
  RestorePointCollectionStatus,
} from '../../api/v1alpha1/restore-point-collection.ts';
import type { AzureProvider, Collection, CollectionTarget } from '../../providers/azure/azure-provider.ts';
import {
  collectionID,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  vmType,
} from '../../providers/azure/ids.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { OperationAccepted, VM, VMQuery } from '../../providers/provider.ts';
import { accessDenial } from '../access.ts';
import { isPaused, paused } from '../annotations.ts';
import { type Intent, readIntent, readMark, sendWindowMs } from '../intent.ts';
import { type ProviderState, waitingForProvider } from '../provider-registry.ts';
import { pollDelayMs, retryDelayMs, type Settings } from '../settings.ts';
import { sourceTrouble, type Trouble, troubleOf } from '../trouble.ts';
import { sourceVM } from '../vmsnapshot/azure.ts';

/** What the intent of a collection holds: the target, and what resolving it found. */
export interface CollectionIntent extends CollectionTarget {
  sourceLocation?: string;
  vmUID?: string;
}

export interface CollectionFacts {
  object: RestorePointCollection;
  now: number;
  /** Monotonic clock, milliseconds. */
  monotonic: number;
  random: number;
  correlationID: string;
  settings: Settings;
  provider: ProviderState;
  neighbours: CollectionNeighbours;
  /** Milliseconds until the next look at a settled collection; 0 when one is due. */
  driftDueMs: number;
  /** Milliseconds since this process first saw an automatic collection without users. */
  unusedMs: number;
  /** Milliseconds since this process last looked into it; infinite if it did not. */
  sinceLookMs: number;
  /** How many live objects had something in it at that look; undefined if there was none. */
  managedAtLook: number | undefined;
  seen: CollectionSeen;
}

export interface CollectionNeighbours {
  namespaceLabels: Record<string, string>;
  namespaceTerminating: boolean;
  /** The collection object that this one's source names. */
  source: RestorePointCollection | undefined;
  /** An older object for the same collection at Azure, as `Kind namespace/name`. */
  rival(id: string): string | undefined;
  users: Users;
  /** How many live objects have something in it. */
  managed: number;
  /** Whether a restore point of this name, in this collection, is that of a live object. */
  isManaged(pointID: string): boolean;
}

/** Objects that need the collection, as `Kind name`. */
export interface Users {
  /** Have something in it, or name it in their spec. */
  staying: string[];
  /** Being deleted themselves; they go soon. */
  going: string[];
  /** Are about to ask for something in it, or have asked, and what came of it is not recorded yet. */
  open: string[];
  /** Have nothing in it, and will need it when it is their turn. */
  waiting: string[];
}

/** Whether nothing and nobody needs the collection, now or soon. */
export function isUnused({ staying, going, open, waiting }: Users): boolean {
  return staying.length + going.length + open.length + waiting.length === 0;
}

export interface CollectionSeen {
  vm?: Outcome<VM>;
  sourceCollection?: Outcome<Collection>;
  collection?: Outcome<Collection>;
  gone?: Outcome<boolean>;
  /** Read from the API server itself, not from the cache. */
  liveUsers?: Users;
  intentWritten?: boolean;
  created?: Outcome<Collection>;
  tagged?: Outcome<Collection>;
  deleted?: Outcome<OperationAccepted>;
}

export type CollectionStep =
  | { do: 'ReadVM'; query: VMQuery }
  | { do: 'ReadSourceCollection'; id: string }
  | { do: 'ReadCollection'; id: string; points: boolean }
  | { do: 'ProveGone'; id: string }
  | { do: 'ReadLiveUsers'; id: string }
  | { do: 'WriteIntent'; intent: Intent<CollectionIntent> }
  /** Puts back finalizer and intent that were taken away. */
  | { do: 'Protect'; intent: Intent<CollectionIntent> }
  | { do: 'Create'; target: CollectionTarget }
  | { do: 'UpdateTags'; id: string; tags: Record<string, string> }
  | { do: 'Delete'; id: string }
  | { do: 'DeleteObject'; note: string }
  | { do: 'Release'; event?: { type: 'Normal' | 'Warning'; reason: string; note: string } }
  | CollectionFinish;

export interface CollectionFinish {
  do: 'Finish';
  verdict?: Verdict;
  status?: RestorePointCollectionStatus;
  requeueAfterMs?: number;
  looked?: true;
  /** Without a verdict: what was said before holds for the spec as it is now. */
  current?: true;
}

/** At most this many names of points that nobody here stands for. */
const unmanagedShown = 20;

/** What the tag of a collection that this object made says. */
export function ownerOf(facts: CollectionFacts): string {
  return `${facts.settings.cluster}/${facts.object.metadata.uid}`;
}

/** How long an automatic collection is kept without users, so that a snapshot that follows soon finds it. */
export function unusedGraceMs(settings: Settings): number {
  return settings.pollIntervalMs * 6;
}

export function effectiveDeletionPolicy({ spec }: RestorePointCollection): 'Delete' | 'Retain' {
  return spec.deletionPolicy ?? (spec.source.adopt === undefined ? 'Delete' : 'Retain');
}

/** The one next step for a collection. */
export function decideCollection(facts: CollectionFacts): CollectionStep {
  const { object, seen } = facts;
  if (object.metadata.deletionTimestamp !== undefined) return decideDeletion(facts);
  const intent = intentOf(facts);
  const settled = object.status?.completionTime !== undefined;
  const provider = connection(facts, settled);
  if ('do' in provider) return provider;
  if (intent === undefined) return begin(facts, provider, undefined);
  if (intent.endpointID !== provider.endpointID) {
    return say(
      'ProviderChanged',
      `this was begun on ${intent.endpointID}, and the provider now names ${provider.endpointID}. Point the provider at the former again; nothing is concluded from the latter`,
    );
  }
  if (settled) {
    const protectedNow = object.metadata.finalizers?.includes(finalizer) === true;
    // A tool that replaces the object takes finalizer and intent along; without them its end would leave an orphan.
    if (!protectedNow || readIntent(object) === undefined) return { do: 'Protect', intent };
    return watch(facts, provider, intent);
  }
  return seen.intentWritten ? establish(facts, intent) : begin(facts, provider, intent);
}

/**
 * The intent of the object. An annotation can be written by whoever can edit the object, or be taken away: once the
 * status says what was made, that holds; and whether it was adopted is what the spec says.
 */
function intentOf({ object, correlationID }: CollectionFacts): Intent<CollectionIntent> | undefined {
  const { spec, status, metadata } = object;
  const step = spec.source.adopt === undefined ? 'Create' : 'Adopt';
  const written = readIntent<CollectionIntent>(object);
  if (
    status?.id === undefined ||
    status.endpointID === undefined ||
    status.source === undefined ||
    status.location === undefined
  ) {
    return written === undefined ? undefined : { ...written, step };
  }
  return {
    uid: metadata.uid,
    attempt: written?.attempt ?? 1,
    endpointID: status.endpointID,
    correlationID: written?.correlationID ?? correlationID,
    step,
    startedAt: written?.startedAt ?? metadata.creationTimestamp,
    target: {
      id: status.id,
      location: status.location,
      tags: written?.target.tags ?? status.tags ?? {},
      sourceID: status.source.id,
      ...(status.source.location === undefined ? {} : { sourceLocation: status.source.location }),
      ...(status.source.vmUID === undefined ? {} : { vmUID: status.source.vmUID }),
    },
  };
}

/** Resolve by reads only and check, before each attempt; then take what is there already, or write the intent. */
function begin(
  facts: CollectionFacts,
  provider: AzureProvider,
  intent: Intent<CollectionIntent> | undefined,
): CollectionStep {
  const { object, seen, neighbours, settings } = facts;
  const automatic = object.metadata.labels?.[labels.automatic] === 'true';
  if (automatic && isUnused(neighbours.users) && facts.unusedMs >= unusedGraceMs(settings)) {
    return {
      do: 'DeleteObject',
      note: 'an automatic collection that was never ready and that nothing waits for',
    };
  }
  const { attempts = 0, nextAttemptAt } = object.status?.operation ?? {};
  if (intent !== undefined && attempts >= intent.attempt) {
    if (nextAttemptAt === undefined) return { do: 'Finish' };
    const waitMs = Date.parse(nextAttemptAt) - facts.now;
    if (waitMs > 0 && !isAskedToLook(object)) return { do: 'Finish', requeueAfterMs: waitMs };
  }
  if (isPaused(object)) return { do: 'Finish', verdict: paused };
  if (facts.provider.state !== 'Ready') {
    // What was found to be wrong with the spec stays wrong while the provider is in trouble.
    const said = condition(object.status?.conditions, 'Ready')?.reason as Reason | undefined;
    return said !== undefined && reasons[said]?.reads === 'Failed'
      ? { do: 'Finish' }
      : connectionVerdict(facts);
  }
  const resolved = resolve(facts, provider);
  if ('do' in resolved) return resolved;
  const denied = denial(facts, resolved);
  if (denied !== undefined) return { do: 'Finish', verdict: denied };
  const rival = neighbours.rival(resolved.target.id);
  if (rival !== undefined) {
    return say(
      'AdoptionConflict',
      `${resolved.target.id} is that of ${rival} already. Use that object, or choose another name`,
      settings.driftIntervalMs,
    );
  }
  if (seen.collection === undefined) return { do: 'ReadCollection', id: resolved.target.id, points: false };
  const { collection } = seen;
  const adopting = object.spec.source.adopt !== undefined;
  if (succeeded(collection)) {
    const obstacle = adopting ? undefined : mismatch(facts, resolved.target, collection.value);
    if (obstacle !== undefined)
      return { do: 'Finish', verdict: obstacle, requeueAfterMs: settings.driftIntervalMs };
    const made = intent !== undefined && sameID(intent.target.id, resolved.target.id);
    if (made) return established(facts, { ...intent, target: resolved.target }, collection.value);
  } else if (collection.kind !== 'NotFound' || adopting) {
    return trouble(facts, collection, `reading collection ${nameOf(resolved.target.id)}`);
  }
  return writeIntent(
    facts,
    provider,
    resolved.target,
    adopting ? 'Adopt' : 'Create',
    (intent?.attempt ?? attempts) + 1,
  );
}

/** The intent was written in this very run: make it, if it is still not there. */
function establish(facts: CollectionFacts, intent: Intent<CollectionIntent>): CollectionStep {
  const { object, seen, settings } = facts;
  const { target } = intent;
  if (seen.created !== undefined) return afterCreate(facts, intent, seen.created);
  if (seen.collection === undefined) return { do: 'ReadCollection', id: target.id, points: false };
  const { collection } = seen;
  if (succeeded(collection)) {
    const obstacle = intent.step === 'Adopt' ? undefined : mismatch(facts, target, collection.value);
    if (obstacle !== undefined)
      return { do: 'Finish', verdict: obstacle, requeueAfterMs: settings.driftIntervalMs };
    return established(facts, intent, collection.value);
  }
  if (collection.kind !== 'NotFound' || intent.step === 'Adopt')
    return trouble(facts, collection, `reading collection ${nameOf(target.id)}`);
  // ARM's front door answers for an absent collection in the words of a wrong path. A name with our UID in it can
  // be nobody else's; one that was chosen could, and a PUT would replace the tags there: a list has to confirm it.
  if (object.spec.name !== undefined) {
    if (seen.gone === undefined) return { do: 'ProveGone', id: target.id };
    if (!succeeded(seen.gone))
      return trouble(facts, seen.gone, `proving that ${nameOf(target.id)} is not there yet`);
    if (!seen.gone.value)
      return trouble(facts, collection, `reading collection ${nameOf(target.id)}, which a list shows`);
  }
  return {
    do: 'Create',
    target: { id: target.id, location: target.location, tags: target.tags, sourceID: target.sourceID },
  };
}

function afterCreate(
  facts: CollectionFacts,
  intent: Intent<CollectionIntent>,
  created: Outcome<Collection>,
): CollectionStep {
  if (succeeded(created)) return established(facts, intent, created.value);
  const step = trouble(facts, created, `making collection ${nameOf(intent.target.id)}`);
  if (step.do !== 'Finish' || step.verdict === undefined) return step;
  const { reason, message } = step.verdict;
  const final = reason === 'CreationFailed' || reason === 'UnsupportedByProvider';
  const delayMs = step.requeueAfterMs ?? retryDelayMs(facts.settings, intent.attempt, facts.random);
  return {
    do: 'Finish',
    verdict: step.verdict,
    ...(final ? {} : { requeueAfterMs: delayMs }),
    status: {
      provisioningState: final ? 'Failed' : 'Creating',
      operation: {
        kind: 'Create',
        startedAt: intent.startedAt,
        attempts: intent.attempt,
        ...(final ? {} : { nextAttemptAt: timestamp(facts.now + delayMs) }),
      },
      error: { reason, message, vendorCode: created.error.code, time: timestamp(facts.now) },
    },
  };
}

/** It is there and it is ours, or adopted. */
function established(
  facts: CollectionFacts,
  intent: Intent<CollectionIntent>,
  collection: Collection,
): CollectionStep {
  const { object, now, settings, random } = facts;
  const state = collection.provisioningState.toLowerCase();
  if (state === 'failed' || state === 'canceled' || state === 'cancelled') {
    return say('CreationFailed', `Azure calls collection ${collection.name} ${collection.provisioningState}`);
  }
  if (state !== 'succeeded') {
    const verdict: Verdict = {
      reason: 'Provisioning',
      message: `Azure is making collection ${collection.name}`,
    };
    return {
      do: 'Finish',
      verdict,
      requeueAfterMs: pollDelayMs(settings, 0, 0, random),
      status: { provisioningState: 'Creating' },
    };
  }
  return {
    do: 'Finish',
    verdict: { reason: 'Available', message: `collection ${collection.name} is ready` },
    looked: true,
    status: {
      ...shown(facts, intent, collection),
      provisioningState: 'Succeeded',
      operation: undefined,
      error: undefined,
      completionTime: object.status?.completionTime ?? timestamp(now),
    },
    // What is in it is counted a little later, when those that waited for it have used it.
    requeueAfterMs: Math.min(unusedGraceMs(settings), settings.driftIntervalMs),
  };
}

/** What was ready once: its tags, its restore points, and whether it is there at all. */
function watch(
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
  if (!succeeded(collection)) return gone(facts, provider, intent, collection);
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

/** A failed look at what was ready: only the proof that it is gone changes anything. */
function gone(
  facts: CollectionFacts,
  provider: AzureProvider,
  intent: Intent<CollectionIntent>,
  failure: Failure,
): CollectionStep {
  const { object, seen, settings, neighbours } = facts;
  const { target } = intent;
  const requeueAfterMs = isDoubted(object) ? settings.retryIntervalMs : settings.driftIntervalMs;
  const later: CollectionFinish = { do: 'Finish', looked: true, requeueAfterMs };
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

/** Delete means: if Keyframe made it, nothing refers to it, and a fresh look shows it empty. Else it stays. */
function decideDeletion(facts: CollectionFacts): CollectionStep {
  const { object, seen, neighbours, settings, random } = facts;
  if (!object.metadata.finalizers?.includes(finalizer)) return { do: 'Finish' };
  const intent = intentOf(facts);
  if (intent === undefined) return { do: 'Release' };
  const { id } = intent.target;
  if (object.metadata.annotations?.[annotations.abandon] === object.metadata.uid) {
    return {
      do: 'Release',
      event: { type: 'Warning', reason: 'Abandoned', note: `let go by annotation; left at Azure: ${id}` },
    };
  }
  const retain = (why: string): CollectionStep => ({
    do: 'Release',
    event: { type: 'Normal', reason: 'Retained', note: `${why}; left at Azure: ${id}` },
  });
  if (intent.step === 'Adopt') return retain('it was adopted, and only what Keyframe made is removed');
  if (effectiveDeletionPolicy(object) === 'Retain') return retain('deletionPolicy is Retain');
  const { staying, going, open } = seen.liveUsers ?? neighbours.users;
  if (staying.length > 0) {
    // Where all goes at once, a namespace or a folder of manifests, the collection may only be first in line.
    const sinceMs = facts.now - Date.parse(object.metadata.deletionTimestamp ?? '');
    const first = `still referred to by ${staying.slice(0, 3).join(', ')}; the collection stays at Azure unless these go as well`;
    if (neighbours.namespaceTerminating || sinceMs < settings.pollIntervalMs)
      return say('DeletionBlocked', first, settings.pollIntervalMs);
    return retain(`still referred to by ${staying.slice(0, 3).join(', ')}`);
  }
  // Both settle by themselves. Those that are going take along what would keep the collection from being empty.
  if (going.length + open.length > 0) {
    const why = going.length > 0 ? 'which are being deleted' : 'until it is known what they made in it';
    return say(
      'DeletionBlocked',
      `waiting for ${[...going, ...open].slice(0, 3).join(', ')}, ${why}`,
      settings.pollIntervalMs * 3,
    );
  }
  const provider = connection(facts, false);
  if ('do' in provider) return withoutProvider(facts, provider, id);
  if (provider.endpointID !== intent.endpointID) {
    return say(
      'ProviderChanged',
      `this was made on ${intent.endpointID}, and the provider now names ${provider.endpointID}. Point the provider at the former again`,
    );
  }
  if (seen.liveUsers === undefined) return { do: 'ReadLiveUsers', id };
  if (seen.collection === undefined) return { do: 'ReadCollection', id, points: true };
  const { collection, deleted } = seen;
  if (!succeeded(collection)) {
    if (collection.kind !== 'NotFound')
      return blocked(facts, troubleOf(collection, `reading collection ${nameOf(id)}`));
    if (seen.gone === undefined) return { do: 'ProveGone', id };
    if (!succeeded(seen.gone))
      return blocked(facts, troubleOf(seen.gone, `proving that ${nameOf(id)} is gone`));
    if (!seen.gone.value) return blocked(facts, troubleOf(collection, `reading collection ${nameOf(id)}`));
    const leftMs = untilNothingCanCome(facts, intent, provider);
    if (leftMs <= 0) return { do: 'Release' };
    return say('Deleting', `whether ${nameOf(id)} was made is not known yet; looking until it is`, leftMs);
  }
  const { value } = collection;
  if (!sameName(value.tags[ownerTag], ownerOf(facts)))
    return retain(`its tag ${ownerTag} is not ${ownerOf(facts)}, so it is not proved ours`);
  const points = value.points ?? [];
  const deleting: Verdict = { reason: 'Deleting', message: `being removed at Azure: ${nameOf(id)}` };
  const soon = {
    do: 'Finish',
    verdict: deleting,
    requeueAfterMs: pollDelayMs(settings, 0, 0, random),
    status: { provisioningState: 'Deleting' },
  } as const;
  if (value.provisioningState.toLowerCase() === 'deleting') return soon;
  if (points.some((point) => point.state !== 'Deleting'))
    return retain(
      `it holds ${points.length} restore point${points.length === 1 ? '' : 's'} (${points
        .slice(0, 3)
        .map((point) => point.name)
        .join(', ')})`,
    );
  if (points.length > 0) return soon;
  if (deleted === undefined) return { do: 'Delete', id };
  if (!succeeded(deleted) && deleted.kind !== 'NotFound' && deleted.kind !== 'Unknown')
    return blocked(facts, troubleOf(deleted, `removing collection ${nameOf(id)}`));
  return soon;
}

/**
 * Milliseconds until a collection that cannot be seen can come no more: one that Azure took may not show yet, and a
 * request whose outcome nobody recorded may still have its effect. None is sent after the deletion was asked for,
 * but for one whose intent was written just before.
 */
function untilNothingCanCome(
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

interface Resolved {
  target: CollectionIntent;
  access: {
    operation: 'Snapshot' | 'Copy' | 'Adopt';
    vm: { id: string; name: string; resourceGroup: string };
  };
}

/** The source, and from it the place and the name. */
function resolve(facts: CollectionFacts, provider: AzureProvider): Resolved | CollectionStep {
  const { source } = facts.object.spec;
  if (source.vm !== undefined) return resolveVM(facts, provider, source.vm);
  if (source.adopt !== undefined) return resolveAdopted(facts, provider, source.adopt.id);
  return resolveCopies(facts, provider);
}

function resolveVM(
  facts: CollectionFacts,
  provider: AzureProvider,
  wanted: { id?: string; name?: string; resourceGroup?: string },
): Resolved | CollectionStep {
  const { object, seen } = facts;
  let query: VMQuery;
  if (wanted.id !== undefined) {
    const parsed = parseIDOf(vmType, wanted.id);
    if (parsed === undefined)
      return say(
        'InvalidSpec',
        'spec.source.vm.id is not the id of an Azure VM: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/..',
      );
    const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.vm.id');
    if (stranger !== undefined) return stranger;
    query = { id: wanted.id };
  } else {
    const group = wanted.resourceGroup ?? provider.defaultResourceGroup;
    if (group === undefined)
      return say(
        'InvalidSpec',
        'spec.source.vm.name is given without a resource group: set spec.source.vm.resourceGroup, or spec.azure.resourceGroup of the provider',
      );
    query = { name: wanted.name ?? '', resourceGroup: group };
  }
  if (seen.vm === undefined) return { do: 'ReadVM', query };
  if (!succeeded(seen.vm))
    return trouble(facts, seen.vm, `reading VM ${wanted.name ?? nameOf(wanted.id ?? '')}`);
  const vm = seen.vm.value;
  const { resourceGroup = vm.resourceGroup, location } = object.spec;
  return {
    target: {
      ...place(facts, provider, resourceGroup),
      location: location === undefined ? vm.location : normalizeLocation(location),
      sourceID: vm.id,
      sourceLocation: vm.location,
      vmUID: vm.uid,
    },
    access: { operation: 'Snapshot', vm },
  };
}

function resolveCopies(facts: CollectionFacts, provider: AzureProvider): Resolved | CollectionStep {
  const { object, seen, neighbours } = facts;
  const { source, location = '' } = object.spec;
  let id = source.collectionID;
  if (source.collectionRef !== undefined) {
    const { name } = source.collectionRef;
    if (neighbours.source === undefined)
      return say(
        'ReferenceNotFound',
        `spec.source.collectionRef names RestorePointCollection ${name}, which is not in this namespace. Make it, or a new RestorePointCollection with the right name`,
      );
    id = neighbours.source.status?.id;
    if (id === undefined) return say('Queued', `waiting for RestorePointCollection ${name} to be ready`);
  }
  const parsed = parseID(id ?? '');
  if (id === undefined || parsed === undefined)
    return say('InvalidSpec', 'spec.source.collectionID is not the id of a restore point collection');
  const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.collectionID');
  if (stranger !== undefined) return stranger;
  if (seen.sourceCollection === undefined) return { do: 'ReadSourceCollection', id };
  if (!succeeded(seen.sourceCollection))
    return trouble(facts, seen.sourceCollection, `reading the source collection ${nameOf(id)}`);
  const from = seen.sourceCollection.value;
  if (parseIDOf(vmType, from.source.id) === undefined) {
    return say(
      'InvalidSpec',
      `${from.name} holds copies itself, and Azure makes no copies of copies. Name the collection of the VM`,
    );
  }
  if (normalizeLocation(location) === from.location) {
    return say(
      'InvalidSpec',
      `spec.location is ${from.location}, where the source collection lies itself; copies go into another region`,
    );
  }
  return {
    target: {
      ...place(facts, provider, object.spec.resourceGroup ?? from.resourceGroup),
      location: normalizeLocation(location),
      sourceID: from.id,
      sourceLocation: from.location,
    },
    access: { operation: 'Copy', vm: sourceVM(from.source.id) },
  };
}

function resolveAdopted(
  facts: CollectionFacts,
  provider: AzureProvider,
  id: string,
): Resolved | CollectionStep {
  const { seen } = facts;
  const parsed = parseID(id);
  if (parsed === undefined)
    return say('InvalidSpec', 'spec.source.adopt.id is not the id of a restore point collection');
  const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.adopt.id');
  if (stranger !== undefined) return stranger;
  if ((parsed.names[0] ?? '').toLowerCase().startsWith('azurebackup_')) {
    return say(
      'AdoptionConflict',
      `${parsed.names[0]} belongs to Azure Backup, whose collections are never adopted or touched`,
    );
  }
  if (seen.collection === undefined) return { do: 'ReadCollection', id, points: false };
  if (!succeeded(seen.collection)) return trouble(facts, seen.collection, `reading collection ${nameOf(id)}`);
  const found = seen.collection.value;
  return {
    target: {
      id,
      location: found.location,
      tags: {},
      sourceID: found.source.id,
      ...(found.source.location === undefined
        ? {}
        : { sourceLocation: normalizeLocation(found.source.location) }),
    },
    access: { operation: 'Adopt', vm: sourceVM(found.source.id) },
  };
}

/** Id and tags: a name of its own for each object, unless one is asked for. */
function place(
  facts: CollectionFacts,
  provider: AzureProvider,
  resourceGroup: string,
): { id: string; tags: Record<string, string> } {
  const { object, settings } = facts;
  const name = object.spec.name ?? `keyframe-${settings.cluster}-${object.metadata.uid}`;
  return { id: collectionID(provider.subscriptionID, resourceGroup, name), tags: tagsWanted(facts) };
}

function tagsWanted(facts: CollectionFacts): Record<string, string> {
  return { ...facts.object.spec.tags, [ownerTag]: ownerOf(facts) };
}

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

/** A collection under our name that is not the one we would make. */
function mismatch(facts: CollectionFacts, target: CollectionIntent, found: Collection): Verdict | undefined {
  const owner = found.tags[ownerTag];
  if (!sameName(owner, ownerOf(facts))) {
    const whose =
      owner === undefined
        ? `bears no tag ${ownerTag}`
        : `is tagged ${ownerTag}=${owner}, so it belongs to another`;
    return {
      reason: 'AdoptionConflict',
      message: `${found.id} is there already and ${whose}. Choose another spec.name, or adopt it by spec.source.adopt`,
    };
  }
  if (!sameID(found.source.id, target.sourceID))
    return {
      reason: 'AdoptionConflict',
      message: `${found.id} is for ${found.source.id}, not for ${target.sourceID}`,
    };
  if (found.location !== target.location)
    return {
      reason: 'AdoptionConflict',
      message: `${found.id} lies in ${found.location}, not in ${target.location}`,
    };
  return undefined;
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

function shown(
  facts: CollectionFacts,
  intent: Intent<CollectionIntent>,
  collection: Collection,
): RestorePointCollectionStatus {
  const { object } = facts;
  const { target } = intent;
  const sourceLocation = target.sourceLocation ?? collection.source.location;
  return {
    id: target.id,
    endpointID: intent.endpointID,
    location: collection.location,
    deletionPolicy: effectiveDeletionPolicy(object),
    ...(collection.restorePointCollectionID === undefined
      ? {}
      : { restorePointCollectionID: collection.restorePointCollectionID }),
    source: {
      id: collection.source.id,
      ...(sourceLocation === undefined ? {} : { location: normalizeLocation(sourceLocation) }),
      ...(target.vmUID === undefined ? {} : { vmUID: target.vmUID }),
    },
    ...(intent.step === 'Adopt' ? {} : { tags: target.tags }),
  };
}

function counts(facts: CollectionFacts, collection: Collection): RestorePointCollectionStatus {
  const { neighbours } = facts;
  const points = collection.points ?? [];
  const unmanaged = points.filter((point) => !neighbours.isManaged(point.id));
  // Names that bear our own mark sort last: what strangers made is what people look for.
  const names = unmanaged
    .map((point) => point.name)
    .sort(
      (a, b) => Number(readMark(a) !== undefined) - Number(readMark(b) !== undefined) || a.localeCompare(b),
    );
  return {
    restorePoints: {
      total: points.length,
      managed: points.length - unmanaged.length,
      failed: points.filter((point) => point.state === 'Failed').length,
      ...(names.length === 0
        ? {}
        : { unmanaged: names.slice(0, unmanagedShown).map((name) => name.slice(0, 80)) }),
      ...(names.length > unmanagedShown ? { truncated: true } : {}),
    },
  };
}

function writeIntent(
  facts: CollectionFacts,
  provider: AzureProvider,
  target: CollectionIntent,
  step: 'Create' | 'Adopt',
  attempt: number,
): CollectionStep {
  const { object, now, correlationID } = facts;
  const before = readIntent<CollectionIntent>(object);
  const startedAt = before?.startedAt ?? timestamp(now);
  return {
    do: 'WriteIntent',
    intent: {
      uid: object.metadata.uid,
      attempt,
      endpointID: provider.endpointID,
      correlationID,
      step,
      startedAt,
      target,
    },
  };
}

function denial(facts: CollectionFacts, { access, target }: Resolved): Verdict | undefined {
  const { object, provider, neighbours } = facts;
  if (object.spec.providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const place = { resourceGroup: parseID(target.id)?.resourceGroup ?? '', location: target.location };
  const namespace = object.metadata.namespace ?? '';
  return accessDenial(
    provider.access,
    { ...access, namespace, namespaceLabels: neighbours.namespaceLabels, target: place },
    object.spec.providerRef.name,
  );
}

function strangeSubscription(
  subscriptionID: string,
  provider: AzureProvider,
  field: string,
): CollectionFinish | undefined {
  if (sameName(subscriptionID, provider.subscriptionID)) return undefined;
  return say(
    'InvalidSpec',
    `${field} lies in subscription ${subscriptionID}, the provider is for ${provider.subscriptionID}`,
  );
}

function say(reason: Reason, message: string, requeueAfterMs?: number): CollectionFinish {
  return {
    do: 'Finish',
    verdict: { reason, message },
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
  };
}

/** A failed call on the way to being ready. */
function trouble(facts: CollectionFacts, failure: Failure, what: string): CollectionFinish {
  const { settings, random, object } = facts;
  const found: Trouble = sourceTrouble(failure, what);
  const attempt =
    Math.max(object.status?.operation?.attempts ?? 0, (readIntent(object)?.attempt ?? 1) - 1) + 1;
  const delayMs =
    found.reason === 'SourceNotFound' || found.reason === 'QuotaExceeded'
      ? settings.driftIntervalMs
      : retryDelayMs(settings, attempt, random);
  return { do: 'Finish', verdict: found, requeueAfterMs: Math.max(found.afterMs ?? 0, delayMs) };
}

function blocked(facts: CollectionFacts, found: Trouble): CollectionFinish {
  const refused = found.reason === 'ConcurrentOperation' || found.reason === 'CreationFailed';
  return {
    do: 'Finish',
    verdict: refused ? { reason: 'DeletionBlocked', message: found.message } : found,
    requeueAfterMs: Math.max(found.afterMs ?? 0, Math.min(facts.settings.retryIntervalMs * 2, 300_000)),
  };
}

function connection(facts: CollectionFacts, settled: boolean): AzureProvider | CollectionFinish {
  const state = facts.provider;
  if ('provider' in state && state.provider !== undefined) {
    if (state.provider.vendor === 'azure') return state.provider;
    const { kind = 'VMProvider', name } = facts.object.spec.providerRef;
    const message = `spec.providerRef names ${kind} ${name}, which has no restore point collections: ${state.provider.capabilities.collections}. Name one of Azure`;
    return { do: 'Finish', verdict: { reason: 'UnsupportedByProvider', message } };
  }
  return settled ? { do: 'Finish' } : connectionVerdict(facts);
}

function connectionVerdict({ object, provider }: CollectionFacts): CollectionFinish {
  if (provider.state === 'Untried' || provider.state === 'Ready') return { do: 'Finish' };
  return { do: 'Finish', verdict: waitingForProvider(object.spec.providerRef, provider) };
}

function withoutProvider(facts: CollectionFacts, waiting: CollectionFinish, id: string): CollectionStep {
  if (!facts.neighbours.namespaceTerminating || facts.provider.state === 'Untried') return waiting;
  const leftMs =
    Date.parse(facts.object.metadata.deletionTimestamp ?? '') + facts.settings.abandonAfterMs - facts.now;
  if (leftMs > 0) return { ...waiting, requeueAfterMs: Math.min(leftMs, 3_600_000) };
  const note = `the namespace is going and its credentials are gone (--abandon-after); left at Azure: ${id}`;
  return { do: 'Release', event: { type: 'Warning', reason: 'Abandoned', note } };
}

/** The provider names the right endpoint again: what was said of the wrong one has to be taken back. */
function isDoubted({ status }: RestorePointCollection): boolean {
  return condition(status?.conditions, 'Ready')?.reason === 'ProviderChanged';
}

function isAskedToLook(object: RestorePointCollection): boolean {
  const token = object.metadata.annotations?.[annotations.reconcileAt];
  return token !== undefined && token !== object.status?.lastHandledReconcileAt;
}

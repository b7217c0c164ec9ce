/** What the decision about a collection is made from, and the steps and words that it has. */
import { timestamp, type Verdict } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import type {
  RestorePointCollection,
  RestorePointCollectionStatus,
} from '../../api/v1alpha1/restore-point-collection.ts';
import type { AzureProvider, Collection, CollectionTarget } from '../../providers/azure/azure-provider.ts';
import type { Failure, Outcome } from '../../providers/outcome.ts';
import type { OperationAccepted, VM, VMQuery } from '../../providers/provider.ts';
import { type Intent, readIntent } from '../intent.ts';
import { type ProviderState, waitingForProvider } from '../provider-registry.ts';
import { retryDelayMs, type Settings } from '../settings.ts';
import { sourceTrouble, type Trouble } from '../trouble.ts';

/** What the intent of a collection holds: the target, and what resolving it found. */
export interface CollectionIntent extends CollectionTarget {
  sourceLocation?: string;
  vmUID?: string;
}

/** All that the decision is made from. */
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

/** What other objects want of it. */
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

/** What Azure answered in this run. */
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

/** What is to be done next. */
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

/** The end of a run, and what is to be said. */
export interface CollectionFinish {
  do: 'Finish';
  verdict?: Verdict;
  status?: RestorePointCollectionStatus;
  requeueAfterMs?: number;
  looked?: true;
  /** Without a verdict: what was said before holds for the spec as it is now. */
  current?: true;
}

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

/**
 * The intent of the object. An annotation can be written by whoever can edit the object, or be taken away: once the
 * status says what was made, that holds; and whether it was adopted is what the spec says.
 */
export function intentOf({ object, correlationID }: CollectionFacts): Intent<CollectionIntent> | undefined {
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

/** The intent of an attempt, written before anything is sent. */
export function writeIntent(
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

/** The end of a run that says this. */
export function say(reason: Reason, message: string, requeueAfterMs?: number): CollectionFinish {
  return {
    do: 'Finish',
    verdict: { reason, message },
    ...(requeueAfterMs === undefined ? {} : { requeueAfterMs }),
  };
}

/** A failed call on the way to being ready. */
export function trouble(facts: CollectionFacts, failure: Failure, what: string): CollectionFinish {
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

/** The connection through which what is under way goes on, whether the provider is Ready or not. */
export function connection(facts: CollectionFacts, settled: boolean): AzureProvider | CollectionFinish {
  const state = facts.provider;
  if ('provider' in state && state.provider !== undefined) {
    if (state.provider.vendor === 'azure') return state.provider;
    const { kind = 'VMProvider', name } = facts.object.spec.providerRef;
    const message = `spec.providerRef names ${kind} ${name}, which has no restore point collections: ${state.provider.capabilities.collections}. Name one of Azure`;
    return { do: 'Finish', verdict: { reason: 'UnsupportedByProvider', message } };
  }
  return settled ? { do: 'Finish' } : connectionVerdict(facts);
}

/** What is said while there is no connection. */
export function connectionVerdict({ object, provider }: CollectionFacts): CollectionFinish {
  if (provider.state === 'Untried' || provider.state === 'Ready') return { do: 'Finish' };
  return { do: 'Finish', verdict: waitingForProvider(object.spec.providerRef, provider) };
}

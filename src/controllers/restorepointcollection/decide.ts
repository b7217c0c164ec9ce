/**
 * A collection is a tracked Azure resource with tags and a name of its own, and its PUT is create-or-update: sent
 * twice it has one effect. What must not happen is that it lands on somebody else's collection and replaces the
 * tags there, or that a collection is removed with restore points in it. So: a GET comes before each PUT, the tag
 * `keyframe-owner` says whose it is, and a removal needs a fresh look into it.
 */
import { condition, timestamp, type Verdict } from '../../api/conditions.ts';
import { finalizer, labels, ownerTag } from '../../api/names.ts';
import { type Reason, reasons } from '../../api/reasons.ts';
import type { AzureProvider, Collection } from '../../providers/azure/azure-provider.ts';
import { nameOf } from '../../providers/azure/ids.ts';
import { sameID, sameName } from '../../providers/ids.ts';
import { type Outcome, succeeded } from '../../providers/outcome.ts';
import { isAskedToLook, isPaused, paused } from '../annotations.ts';
import { type Intent, readIntent } from '../intent.ts';
import { pollDelayMs, retryDelayMs } from '../settings.ts';
import { decideDeletion } from './decide-deletion.ts';
import { watch } from './decide-watch.ts';
import {
  type CollectionFacts,
  type CollectionIntent,
  type CollectionStep,
  connection,
  connectionVerdict,
  intentOf,
  isUnused,
  ownerOf,
  say,
  trouble,
  unusedGraceMs,
  writeIntent,
} from './facts.ts';
import { denial, resolve } from './resolve.ts';
import { shown } from './status.ts';

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

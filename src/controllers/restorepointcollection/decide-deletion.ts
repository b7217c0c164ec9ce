/** The end of a collection: never with restore points in it. */
import type { Verdict } from '../../api/conditions.ts';
import { annotations, finalizer, ownerTag } from '../../api/names.ts';
import { nameOf } from '../../providers/azure/ids.ts';
import { sameName } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import { pollDelayMs } from '../settings.ts';
import { type Trouble, troubleOf } from '../trouble.ts';
import { untilNothingCanCome } from './decide-watch.ts';
import {
  type CollectionFacts,
  type CollectionFinish,
  type CollectionStep,
  connection,
  effectiveDeletionPolicy,
  intentOf,
  ownerOf,
  say,
} from './facts.ts';

/** Delete means: if Keyframe made it, nothing refers to it, and a fresh look shows it empty. Else it stays. */
export function decideDeletion(facts: CollectionFacts): CollectionStep {
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

function blocked(facts: CollectionFacts, found: Trouble): CollectionFinish {
  const refused = found.reason === 'ConcurrentOperation' || found.reason === 'CreationFailed';
  return {
    do: 'Finish',
    verdict: refused ? { reason: 'DeletionBlocked', message: found.message } : found,
    requeueAfterMs: Math.max(found.afterMs ?? 0, Math.min(facts.settings.retryIntervalMs * 2, 300_000)),
  };
}

function withoutProvider(facts: CollectionFacts, waiting: CollectionFinish, id: string): CollectionStep {
  if (!facts.neighbours.namespaceTerminating || facts.provider.state === 'Untried') return waiting;
  const leftMs =
    Date.parse(facts.object.metadata.deletionTimestamp ?? '') + facts.settings.abandonAfterMs - facts.now;
  if (leftMs > 0) return { ...waiting, requeueAfterMs: Math.min(leftMs, 3_600_000) };
  const note = `the namespace is going and its credentials are gone (--abandon-after); left at Azure: ${id}`;
  return { do: 'Release', event: { type: 'Warning', reason: 'Abandoned', note } };
}

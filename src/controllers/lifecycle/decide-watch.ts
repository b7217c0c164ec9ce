import { timestamp } from '../../api/conditions.ts';
import type { KubernetesObject } from '../../api/kubernetes-object.ts';
import { annotations } from '../../api/names.ts';
import { sameID } from '../../providers/ids.ts';
import { type Failure, succeeded } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotView } from '../../providers/provider.ts';
import { isAskedToLook, isPaused, isSet } from '../annotations.ts';
import { vendorWords } from '../trouble.ts';
import { anotherOne, finish, refOf, type UnderWay } from './case.ts';
import type { Description, Finish, ManagedObject, Recorded, Step } from './facts.ts';

/** The longest wait until the next look at what cannot be called ready for now. */
const longestDoubtMs = 300_000;

/**
 * What was ready once is held against the vendor now and then, and ends with its ttl. Trouble of the provider
 * changes nothing here: only the vendor's own word that it is gone does.
 */
export function decideWatch<O extends ManagedObject, N>(it: UnderWay<O, N>): Step {
  const { facts, recorded, intent } = it;
  const expiry = expire(it);
  if (expiry !== undefined && expiry.do === 'DeleteObject') return expiry;
  const events = expiry?.events;
  // The provider names the right endpoint again: what was said of the wrong one has to be taken back.
  const doubted = recorded.reason === 'ProviderChanged';
  const rest = {
    requeueAfterMs: Math.min(
      facts.driftDueMs || facts.settings.driftIntervalMs,
      expiry?.requeueAfterMs ?? Number.POSITIVE_INFINITY,
      doubted ? longestDoubtMs : Number.POSITIVE_INFINITY,
    ),
    ...(events === undefined ? {} : { events }),
  };
  const described = describe(it, rest);
  if (described !== undefined) return described;
  if (facts.driftDueMs > 0 && !isAskedToLook(facts.object) && !doubted)
    return { do: 'Finish', current: true, ...rest };

  const id = recorded.snapshotID ?? '';
  const { lookUp, snapshot, containerGone } = facts.seen;
  if (lookUp === undefined)
    return { do: 'LookUp', containerID: intent.target.containerID, fresh: isAskedToLook(facts.object) };
  if (succeeded(lookUp.outcome)) {
    const listed = lookUp.outcome.value.find((candidate) => sameID(candidate.id, id));
    if (listed !== undefined) return held(it, listed, rest);
    // Missing from a list is not gone yet: the list may be some minutes old, or lag.
    if (snapshot === undefined) return { do: 'ReadSnapshot', ref: refOf(it, id), view: watchView(it) };
    if (succeeded(snapshot)) return held(it, snapshot.value, rest);
    if (!lookUp.fresh) return { do: 'LookUp', containerID: intent.target.containerID, fresh: true };
    if (snapshot.kind === 'NotFound' && snapshot.what === 'Object') return missing(it, rest);
    return { do: 'Finish', looked: true, ...rest };
  }
  if (lookUp.outcome.kind === 'NotFound') {
    if (containerGone === undefined)
      return { do: 'ProveContainerGone', containerID: intent.target.containerID };
    if (succeeded(containerGone) && containerGone.value) return missing(it, rest);
  }
  return { do: 'Finish', looked: true, ...rest };
}

/** How soon a description that could not be changed is tried again, in milliseconds. */
const describeRetryMs = 300_000;

/**
 * Tells the vendor the words that people have changed, and follows that to its end. The words are all that is at
 * stake: what is there is held against the list before, by its mark, and stays ready whatever comes of it.
 */
function describe<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Step | undefined {
  const { facts, policy, recorded, intent } = it;
  if (!recorded.readyToUse || isPaused(facts.object)) return undefined;
  const wanted = policy.redescription(facts, intent.target);
  if (wanted === undefined)
    // It was refused, and has been put back.
    return recorded.reason === 'UnsupportedByProvider'
      ? describedAs(it, recorded, undefined, rest)
      : undefined;
  if ('refuse' in wanted) {
    const said = recorded.reason === wanted.refuse.reason && facts.driftDueMs === 0;
    return said ? undefined : finish(wanted.refuse, { ...rest });
  }
  const { operation } = recorded;
  const { texts } = wanted;
  if (operation?.kind === 'Describe') {
    const dueAt = Date.parse(operation.nextAttemptAt ?? '');
    if (dueAt > facts.now && !isAskedToLook(facts.object))
      return { do: 'Finish', ...rest, requeueAfterMs: dueAt - facts.now };
    if (operation.token !== undefined && Number.isNaN(dueAt)) return followDescription(it, texts, rest);
  }
  const { described, lookUp } = facts.seen;
  if (described === undefined) {
    if (lookUp === undefined) return { do: 'LookUp', containerID: intent.target.containerID, fresh: true };
    const there = succeeded(lookUp.outcome)
      ? lookUp.outcome.value.find((candidate) => sameID(candidate.id, recorded.snapshotID ?? ''))
      : undefined;
    if (there === undefined || there.state !== 'Succeeded' || anotherOne(it, there) !== undefined)
      // Not now: what is wrong with it is found out by the watch itself.
      return facts.driftDueMs > 0
        ? { do: 'Finish', ...rest, requeueAfterMs: facts.settings.pollIntervalMs }
        : undefined;
    return { do: 'Describe', ref: refOf(it, there.id), texts };
  }
  if (described.kind === 'Done') return describedAs(it, recorded, texts.description ?? null, rest);
  if (described.kind === 'Pending' && described.value.token !== undefined)
    return {
      do: 'Finish',
      record: {
        operation: { kind: 'Describe', token: described.value.token, startedAt: timestamp(facts.now) },
      },
      ...rest,
      requeueAfterMs: facts.settings.pollIntervalMs,
    };
  // Without a handle to follow it, and where it may have been lost, it is asked for again: it changes nothing twice.
  const failure = succeeded(described) ? undefined : described;
  return undescribed(it, failure, rest);
}

function followDescription<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  texts: Description,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Step {
  const { facts, recorded } = it;
  const { operation } = facts.seen;
  if (operation === undefined) return { do: 'ReadOperation', token: recorded.operation?.token ?? '' };
  if (!succeeded(operation) || operation.value.state === 'Running')
    return { do: 'Finish', ...rest, requeueAfterMs: facts.settings.pollIntervalMs };
  if (operation.value.state === 'Succeeded')
    return describedAs(it, recorded, texts.description ?? null, rest);
  return undescribed(it, operation.value.failure, rest);
}

function describedAs<O extends ManagedObject, N>(
  { facts, policy, intent }: UnderWay<O, N>,
  recorded: Recorded,
  description: string | null | undefined,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Finish {
  const operation = recorded.operation?.kind === 'Describe' ? { operation: null } : {};
  return finish(
    { reason: 'Available', message: `${policy.noun(facts)} ${intent.target.name} can be used` },
    { record: { ...operation, ...(description === undefined ? {} : { description }) }, ...rest },
  );
}

function undescribed<O extends ManagedObject, N>(
  { facts }: UnderWay<O, N>,
  failure: Failure | undefined,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Finish {
  const words = failure === undefined ? 'the vendor gives no cause' : vendorWords(failure.error);
  const note = `its description could not be changed (${words}); that is tried again`;
  return {
    do: 'Finish',
    record: {
      operation: {
        kind: 'Describe',
        startedAt: timestamp(facts.now),
        nextAttemptAt: timestamp(facts.now + describeRetryMs),
      },
    },
    ...rest,
    events: [...(rest.events ?? []), { type: 'Warning', reason: 'DescriptionNotChanged', note }],
    requeueAfterMs: describeRetryMs,
  };
}

/** The vendor has it: is it still what it was? */
function held<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  snapshot: Snapshot,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Step {
  const { facts, policy, recorded, intent } = it;
  const settled = { looked: true, settled: true, ...rest } as const;
  const differenceMs = Math.abs(
    Date.parse(snapshot.createdAt ?? '') - Date.parse(recorded.creationTime ?? ''),
  );
  const another = anotherOne(it, snapshot);
  if (another !== undefined) {
    const { message } = another.error;
    return finish(
      { reason: 'SnapshotMissing', message, also: drifted(message) },
      { record: { readyToUse: false }, ...settled },
    );
  }
  // The first answer's time may differ a little from that of the finished one; another one's differs by far.
  if (differenceMs > 60_000) {
    const message = `the vendor has another snapshot under this id: made ${snapshot.createdAt}, not ${recorded.creationTime}`;
    return finish(
      { reason: 'SnapshotMissing', message, also: drifted(message) },
      { record: { readyToUse: false }, ...settled },
    );
  }
  if (
    snapshot.state === 'Succeeded' &&
    recorded.readyToUse &&
    recorded.reason !== 'ProviderChanged' &&
    recorded.reason !== 'Paused'
  ) {
    return { do: 'Finish', ...settled };
  }
  if (snapshot.state === 'Succeeded') {
    // It had been given up for missing, or not been looked at: the evidence must be whole again, and a list that
    // was remembered is not.
    const { seen } = facts;
    if (seen.snapshot === undefined)
      return { do: 'ReadSnapshot', ref: refOf(it, snapshot.id), view: watchView(it) };
    if (!succeeded(seen.snapshot)) return { do: 'Finish', looked: true, ...rest };
    const assessment = policy.assess(facts, intent.target, seen.snapshot.value);
    if (assessment.is === 'Ready')
      return finish(assessment.verdict, { record: { readyToUse: true }, ...settled });
    return { do: 'Finish', ...settled };
  }
  // An update of Azure's own, or a word that is not known, is no proof of anything.
  if (snapshot.state === 'Creating' || snapshot.state === 'Locked' || snapshot.state === 'Unrecognised')
    return { do: 'Finish', ...settled };
  const message = `the vendor calls it ${snapshot.vendorState} now`;
  return finish(
    { reason: 'ModifiedOutside', message, also: drifted(message) },
    { record: { readyToUse: false }, ...settled },
  );
}

/** The configuration was kept when it was made; to hold it against the vendor the rest is enough. */
function watchView<O extends ManagedObject, N>({ facts, policy, intent }: UnderWay<O, N>): SnapshotView {
  return { progress: policy.view(facts, intent.target).progress === true };
}

function missing<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  rest: Pick<Finish, 'requeueAfterMs' | 'events'>,
): Finish {
  const message = `${it.intent.target.name} was there and is gone at the vendor: someone else removed it. Nothing is made anew; make a new object`;
  return finish(
    { reason: 'SnapshotMissing', message, also: drifted(message) },
    { record: { readyToUse: false }, looked: true, settled: true, ...rest },
  );
}

function drifted(message: string) {
  return { Drifted: { status: 'True' as const, reason: 'ChangedAtVendor', message } };
}

/** What the ttl asks for: nothing, a look later, a word to people, or the end. */
function expire<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
): { do: 'DeleteObject' } | (Pick<Finish, 'events'> & { do: 'Wait'; requeueAfterMs: number }) | undefined {
  const { facts, policy, recorded } = it;
  const { ttlMs } = policy.deadlines(facts.object);
  if (ttlMs === undefined || recorded.completionTime === undefined) return undefined;
  const leftMs = Date.parse(recorded.completionTime) + ttlMs - facts.now;
  if (leftMs > 0) return { do: 'Wait', requeueAfterMs: leftMs };
  const retryMs = Math.min(facts.settings.driftIntervalMs, 300_000);
  if (isSet(facts.object, annotations.hold) || isPaused(facts.object))
    return { do: 'Wait', requeueAfterMs: retryMs };
  if (facts.neighbours.readers.length > 0) return { do: 'Wait', requeueAfterMs: retryMs };
  const tracker = trackedBy(facts.object);
  if (tracker === undefined) return { do: 'DeleteObject' };
  const note = `spec.ttl has passed, but ${tracker} tracks this object and would make it anew; remove it from there`;
  return {
    do: 'Wait',
    requeueAfterMs: facts.settings.driftIntervalMs,
    events: [{ type: 'Warning', reason: 'ExpiryNotCarriedOut', note }],
  };
}

/** The GitOps tool that would make an object anew if it were deleted. */
export function trackedBy(object: KubernetesObject): string | undefined {
  const { annotations: notes = {}, labels = {} } = object.metadata;
  if ('argocd.argoproj.io/tracking-id' in notes || 'argocd.argoproj.io/instance' in labels) return 'Argo CD';
  // Argo CD's other way to track is a label that Helm's charts bear too. Where it may be Argo CD's, an object that
  // stays too long does less harm than one that is made anew for ever.
  const instance = 'app.kubernetes.io/instance' in labels;
  if (instance && labels['app.kubernetes.io/managed-by'] !== 'Helm') return 'Argo CD';
  if ('kustomize.toolkit.fluxcd.io/name' in labels || 'helm.toolkit.fluxcd.io/name' in labels) return 'Flux';
  return undefined;
}

/** What every part of the decision reads of a case, and says of it. */
import { settledWords, timestamp, type Verdict } from '../../api/conditions.ts';
import { formatDuration } from '../../api/duration.ts';
import type { Reason } from '../../api/reasons.ts';
import type { Operation } from '../../api/v1alpha1/common.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { Snapshot, SnapshotRef, SnapshotTarget } from '../../providers/provider.ts';
import { bearsMark, type Intent, readIntent } from '../intent.ts';
import { type ProviderState, waitingForProvider } from '../provider-registry.ts';
import type { Facts, Finish, KindPolicy, ManagedObject, Recorded } from './facts.ts';

/** What is past its deadline is looked at this slowly. */
export const lateLookMs = 600_000;

/** Everything that one decision works with. */
export interface Case<O extends ManagedObject, N> {
  facts: Facts<O, N>;
  policy: KindPolicy<O, N>;
  recorded: Recorded;
}

/** As `Case`, once an intent was written and the connection is there. */
export interface UnderWay<O extends ManagedObject, N> extends Case<O, N> {
  intent: Intent<SnapshotTarget>;
  provider: AnyProvider;
}

/**
 * The intent of the object. Where the annotation was taken away by hand or by a tool, what the status recorded
 * stands for it: what was made must neither be made again nor be forgotten.
 */
export function intentOf<O extends ManagedObject, N>({
  facts,
  recorded,
}: Case<O, N>): Intent<SnapshotTarget> | undefined {
  const { object, settings } = facts;
  const written = readIntent<SnapshotTarget>(object);
  const { snapshotID, endpointID, operation, location, vmLocation, vmUID, copyOf, containerID, name } =
    recorded;
  if (
    written !== undefined ||
    snapshotID === undefined ||
    endpointID === undefined ||
    containerID === undefined ||
    name === undefined
  )
    return written;
  const { uid, creationTimestamp } = object.metadata;
  const made = bearsMark(name, settings.cluster, uid);
  return {
    uid,
    endpointID,
    attempt: (operation?.attempts ?? 0) + 1,
    correlationID: facts.correlationID,
    step: made ? 'Create' : 'Adopt',
    startedAt: operation?.startedAt ?? creationTimestamp,
    target: {
      containerID,
      name,
      location: location ?? '',
      ...(vmLocation === undefined ? {} : { vmLocation }),
      ...(vmUID === undefined ? {} : { vmUID }),
      ...(copyOf === undefined ? {} : { copyOf }),
      ...(recorded.heldBy === undefined ? {} : { ...recorded.heldBy, exclusive: true }),
      ...(made ? {} : { existingID: snapshotID }),
    },
  };
}

/** The end of a run that says this. */
export function finish(verdict: Verdict, rest: Omit<Finish, 'do' | 'verdict'> = {}): Finish {
  const { reason, message, also } = verdict;
  return {
    do: 'Finish',
    verdict: also === undefined ? { reason, message } : { reason, message, also },
    ...rest,
  };
}

/** The connection through which what is under way goes on, whether the provider is Ready or not. */
export function connection<O extends ManagedObject, N>(
  it: Case<O, N>,
  settled: boolean,
): AnyProvider | Finish {
  const state = it.facts.provider;
  if ((state.state === 'Ready' || state.state === 'NotReady') && state.provider !== undefined)
    return state.provider;
  // Trouble of a provider never changes a settled object, and an untried one is no trouble at all.
  if (settled || state.state === 'Untried') return { do: 'Finish' };
  return finish(waitingFor(it, state));
}

/** The connection for new work, for which the provider must be Ready. */
export function readyConnection<O extends ManagedObject, N>(it: Case<O, N>): AnyProvider | Finish {
  const state = it.facts.provider;
  if (state.state === 'Ready') return state.provider;
  if (state.state === 'Untried') return { do: 'Finish' };
  return finish(waitingFor(it, state));
}

function waitingFor<O extends ManagedObject, N>(
  { facts, policy }: Case<O, N>,
  state: Exclude<ProviderState, { state: 'Untried' }>,
): Verdict {
  return waitingForProvider(policy.providerRef(facts.object, facts.neighbours), state);
}

/** What is said of an object whose provider names another endpoint than the one it was begun at. */
export function providerChanged(intent: Intent<SnapshotTarget>, provider: AnyProvider): Finish {
  return finish({
    reason: 'ProviderChanged',
    message: `this was begun on ${intent.endpointID}, and the provider now names ${provider.endpointID}. Point the provider at the former again; nothing is concluded from the latter`,
  });
}

/** Those of a list that bear this object's mark. */
export function ours<O extends ManagedObject, N>(it: Case<O, N>, present: Snapshot[]): Snapshot[] {
  const { cluster } = it.facts.settings;
  return present.filter((snapshot) => bearsMark(snapshot.name, cluster, it.facts.object.metadata.uid));
}

/** How a snapshot is addressed. */
export function refOf<O extends ManagedObject, N>({ intent }: UnderWay<O, N>, id: string): SnapshotRef {
  return { id, containerID: intent.target.containerID };
}

/** The token of the attempt of the intent, where the vendor keeps a record of it. */
export function attemptToken<O extends ManagedObject, N>({
  intent,
  provider,
}: UnderWay<O, N>): string | undefined {
  return intent.step === 'Create' ? provider.attemptToken(intent.target, intent.correlationID) : undefined;
}

/**
 * Why what stands under the id now is not this object's: ids are given again (oVirt sheet, section 6), so that
 * the mark counts, and of an adopted one the fingerprint.
 */
export function anotherOne<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  snapshot: Snapshot,
): Extract<Failure, { kind: 'NotFound' }> | undefined {
  const { intent, recorded } = it;
  const same =
    intent.step === 'Create'
      ? ours(it, [snapshot]).length > 0
      : recorded.fingerprint === undefined ||
        snapshot.fingerprint === undefined ||
        recorded.fingerprint === snapshot.fingerprint;
  if (same) return undefined;
  const message = `the vendor has another snapshot under the id ${snapshot.id} now`;
  return { kind: 'NotFound', what: 'Object', error: { code: 'AnotherSnapshot', message } };
}

/** The one to keep: finished before unfinished before failed. */
export function best(marked: Snapshot[]): Snapshot {
  const rank = { Succeeded: 0, Creating: 1, Locked: 1, Unrecognised: 2, Deleting: 3, Failed: 4 };
  return marked.reduce((kept, other) => (rank[other.state] < rank[kept.state] ? other : kept));
}

/** How many attempts are known to have made nothing. */
export function attemptsSettled(recorded: Recorded): number {
  return recorded.operation?.attempts ?? 0;
}

/** The operation as it is to be recorded: what is known of it, with this change. */
export function operationOf<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
  rest: Pick<Operation, 'attempts' | 'token' | 'nextAttemptAt'>,
): Operation {
  return {
    kind: it.intent.target.copyOf === undefined ? 'Create' : 'Copy',
    startedAt: it.intent.startedAt,
    ...rest,
  };
}

/** The trouble as it is recorded; its time is that at which it began. */
export function errorOf<O extends ManagedObject, N>(
  it: Case<O, N>,
  trouble: { reason: Reason; message: string; vendorCode: string },
) {
  const { error } = it.recorded;
  const message = settledWords(error?.reason === trouble.reason ? error.message : undefined, trouble.message);
  const same = error !== undefined && error.reason === trouble.reason && error.message === message;
  return {
    reason: trouble.reason,
    message,
    ...(trouble.vendorCode === '' ? {} : { vendorCode: trouble.vendorCode }),
    time: same ? error.time : timestamp(it.facts.now),
  };
}

/** What is left until the deadline, in milliseconds. */
export function leftToDeadlineMs<O extends ManagedObject, N>(
  it: Case<O, N>,
  intent: Intent<SnapshotTarget>,
): number {
  const { facts, policy } = it;
  return Math.max(0, Date.parse(intent.startedAt) + policy.deadlines(facts.object).deadlineMs - facts.now);
}

/** The member of a step that says when to come back; none for undefined. */
export function requeue(afterMs: number | undefined): { requeueAfterMs?: number } {
  return afterMs === undefined ? {} : { requeueAfterMs: afterMs };
}

/** How long ago the attempt was begun, in milliseconds. */
export function ageMs<O extends ManagedObject, N>(it: UnderWay<O, N>): number {
  return Math.max(0, it.facts.now - Date.parse(it.intent.startedAt));
}

/** Whether the deadline has passed. What was said to be overdue stays so, though the wall clock be put back. */
export function isOver<O extends ManagedObject, N>(
  { facts, policy, recorded }: Case<O, N>,
  intent: Intent<SnapshotTarget>,
): boolean {
  if (recorded.reason === 'DeadlineExceeded' || recorded.reason === 'OutcomeUnknown') return true;
  return facts.now > Date.parse(intent.startedAt) + policy.deadlines(facts.object).deadlineMs;
}

/** The verdict once the deadline has passed. */
export function overdue<O extends ManagedObject, N>(
  it: UnderWay<O, N>,
): (Verdict & { reason: Reason }) | undefined {
  const { policy, facts, intent } = it;
  if (!isOver(it, intent)) return undefined;
  const { deadlineMs } = policy.deadlines(facts.object);
  return {
    reason: 'DeadlineExceeded',
    message: `not done within spec.deadline (${formatDuration(deadlineMs)}) of ${intent.startedAt}. If the vendor still completes it, it becomes ready after all; else make a new object`,
  };
}

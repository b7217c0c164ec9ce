/**
 * Once: one object has at most one live effect at the vendor, whatever crashes and whoever else is at work.
 *
 *   (a) resolve the target by reads only
 *   (b) one metadata patch, locked to the resourceVersion, sets the finalizer and the intent
 *   (c) look up the mark at the vendor, first attempt or not
 *   (d) send, within a few seconds after (b) was acknowledged; the transport never retries a write
 *   (e) status
 *
 *            (b) intent n          (d) sent           (e) status
 *   ────────────┼──────────────────────┼──────────────────┼──────────
 *        A      │          B           │        C         │      D
 *
 * Killed in A: nothing was promised, nothing was done. Killed in B or C: the next process finds intent n with no
 * word in status of what came of it, which is *unknown*: it looks for the mark, and makes attempt n + 1 only
 * when `unknown-outcomes.ts` says that n was not made. Killed in D: status knows.
 *
 * Two leaders that both believe: (b) is locked, so that attempt n belongs to one of them; the other finds an
 * intent that is not its own, and is in the same place as after a crash. Should the first wake late from a pause
 * between (b) and (d), the send window has passed and it must begin at (b) again. The other counts that window in
 * when it waits for what may still come of attempt n, and so it is counted from before (b) was sent: the other may
 * have seen n long before the first got its answer.
 */
import { annotations } from '../api/names.ts';
import type { KubeObject } from '../runtime/kube/types.ts';

/** How long after (b) was begun the write may still leave, in milliseconds: (b) and (c) take their time, too. */
export const sendWindowMs = 10_000;

/** What is about to be done at the vendor, as the annotation `keyframe.dev/intent` holds it. */
export interface Intent<Target> {
  /** The object's UID; an intent that bears another's (a copied or restored manifest) is ignored. */
  uid: string;
  /** Counts from 1. Each attempt has its own mark and its own correlation id. */
  attempt: number;
  endpointID: string;
  /** A GUID, new for each attempt; sent to the vendor. */
  correlationID: string;
  step: 'Create' | 'Adopt';
  /** ISO 8601; when the first attempt began. Deadlines count from here. */
  startedAt: string;
  target: Target;
}

/** Reads the intent of an object; undefined where there is none, or one that is not its own. */
export function readIntent<Target>(object: KubeObject): Intent<Target> | undefined {
  const text = object.metadata.annotations?.[annotations.intent];
  if (text === undefined) return undefined;
  let intent: Partial<Intent<Target>>;
  try {
    intent = JSON.parse(text) as Partial<Intent<Target>>;
  } catch {
    return undefined;
  }
  if (intent === null || typeof intent !== 'object' || intent.uid !== object.metadata.uid) return undefined;
  // Whoever can edit the object can write the annotation: nothing of it is believed that could not have been ours.
  const whole =
    Number.isSafeInteger(intent.attempt) &&
    (intent.attempt ?? 0) >= 1 &&
    (intent.attempt ?? 0) < 10_000_000 &&
    (intent.step === 'Create' || intent.step === 'Adopt') &&
    typeof intent.endpointID === 'string' &&
    typeof intent.correlationID === 'string' &&
    typeof intent.startedAt === 'string' &&
    Number.isFinite(Date.parse(intent.startedAt)) &&
    isTarget(intent.target);
  return whole ? (intent as Intent<Target>) : undefined;
}

/** Members of a target that everything reads as text, where they are there at all. */
const texts = [
  'containerID',
  'name',
  'existingID',
  'vmID',
  'vmUID',
  'vmLocation',
  'location',
  'copyOf',
  'id',
  'sourceID',
  'sourceLocation',
];

function isTarget(target: unknown): boolean {
  if (target === null || typeof target !== 'object' || Array.isArray(target)) return false;
  const members = target as Record<string, unknown>;
  return (
    texts.every((member) => members[member] === undefined || typeof members[member] === 'string') &&
    // A snapshot's target has a container, a collection's an id.
    (typeof members.containerID === 'string' || typeof members.id === 'string')
  );
}

/** The annotation's value. */
export function formatIntent<Target>(intent: Intent<Target>): string {
  return JSON.stringify(intent);
}

/** Who made a snapshot at the vendor, and at which attempt. */
export interface Mark {
  /** Tells this cluster's snapshots from another's: see `--cluster-id`. */
  cluster: string;
  uid: string;
  attempt: number;
}

const uidForm = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const markForm = new RegExp(`^keyframe-([a-z0-9]{1,20})-(${uidForm})-([1-9][0-9]{0,6})$`);

/** What a cluster id must look like to fit into names at the vendors. */
export const clusterIDForm = /^[a-z0-9]{1,20}$/;

/**
 * The name that bears a mark. Azure restore points carry no tags (Azure sheet, section 4), so the name is where
 * the mark has to be; 80 characters are allowed, this takes at most 74.
 */
export function markedName(mark: Mark): string {
  return `keyframe-${mark.cluster}-${mark.uid}-${mark.attempt}`;
}

/** Reads the mark out of a name; undefined where it bears none. */
export function readMark(name: string): Mark | undefined {
  const [, cluster, uid, attempt] = markForm.exec(name.toLowerCase()) ?? [];
  return cluster === undefined || uid === undefined ? undefined : { cluster, uid, attempt: Number(attempt) };
}

/** Whether a name bears the mark of this object of this cluster. */
export function bearsMark(name: string, cluster: string, uid: string): boolean {
  const mark = readMark(name);
  return mark?.cluster === cluster && mark.uid === uid;
}

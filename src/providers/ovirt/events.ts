import { vendorText } from '../http.ts';
import type { Indication, OperationState } from '../provider.ts';
import type { EngineEvent } from './model.ts';

/**
 * What the events of one correlation id say of the operation that it began (oVirt sheet, section 11): a pure word on
 * what happened, beside what the snapshot itself shows. `None`: nothing that tells.
 */
export interface Told {
  state: OperationState['state'];
  failure?: OperationState['failure'];
  indications?: Indication[];
}

/** Codes that begin an operation, end it well, or end it badly. */
interface Codes {
  begins: readonly number[];
  ends: readonly number[];
  /** Failures after which another attempt may succeed. */
  fails: readonly number[];
  /** Failures that say that another attempt would fare no better. */
  failsForGood: readonly number[];
}

/**
 * 170: the running VM goes on writing to what should be the snapshot; 10774: a failed creation left a snapshot behind.
 * With either the snapshot is there, with status ok, and may not be trusted.
 */
const creation: Codes = { begins: [45], ends: [68], fails: [69, 117], failsForGood: [170, 10774] };
/** 359 leaves some of the disks merged and some not, 343 could not begin. */
const removal: Codes = { begins: [342], ends: [356], fails: [343, 357, 359, 362], failsForGood: [] };
const newVM: Codes = { begins: [34, 37], ends: [53], fails: [], failsForGood: [57, 60] };
const preview: Codes = { begins: [46], ends: [71], fails: [], failsForGood: [99, 115] };
const commit: Codes = { begins: [94], ends: [95], fails: [], failsForGood: [96] };
const undo: Codes = { begins: [650], ends: [651], fails: [], failsForGood: [652] };
/**
 * Engines tell of a restore by these, or by the events of its parts: a preview and then a commit. Up to 4.1 these stand
 * for a commit, which begins with 1190 (sources: RestoreAllSnapshotsCommand). That one has ended is told however it
 * ended: only with what the VM shows does it count.
 */
const restore: Codes = { begins: [47, 1190], ends: [100], fails: [], failsForGood: [101, 116] };

const memoryNotSaved = 173;
/** By the host or the engine, and by a call of ours. */
const freezeFailed = [10764, 10769];

/** The creation of a snapshot. */
export function creationTold(events: readonly EngineEvent[]): Told {
  const told = toldBy(events, creation);
  const indications = events.flatMap(({ code, description }): Indication[] => {
    if (freezeFailed.includes(code)) return [{ type: 'QuiesceFailed', message: description }];
    if (code === memoryNotSaved) return [{ type: 'Partial', message: description }];
    return [];
  });
  return indications.length === 0 ? told : { ...told, indications };
}

/** The removal of a snapshot. */
export function removalTold(events: readonly EngineEvent[]): Told {
  return toldBy(events, removal);
}

/** The making of a VM. */
export function newVMTold(events: readonly EngineEvent[]): Told {
  return toldBy(events, newVM);
}

/**
 * A restore, or a preview, or the commit or undo of one.
 *
 * @param inPreview whether the snapshot that the VM was to be put back to is in preview now: a preview that has come
 *   to its end is one that succeeded, or the first half of a restore
 */
export function restoreTold(events: readonly EngineEvent[], inPreview: boolean): Told {
  const parts = [restore, commit, undo, preview].map((codes) => toldBy(events, codes));
  const [whole, committed, undone, previewed] = parts;
  const failed = parts.find(({ state }) => state === 'Failed');
  if (failed !== undefined) return failed;
  for (const end of [whole, committed, undone]) if (end?.state === 'Succeeded') return end;
  for (const end of [whole, committed, undone]) if (end?.state === 'Running') return end;
  if (previewed?.state === 'Succeeded' && !inPreview) return { state: 'None' };
  return previewed ?? { state: 'None' };
}

function toldBy(events: readonly EngineEvent[], { begins, ends, fails, failsForGood }: Codes): Told {
  const bad = events.filter(({ code }) => fails.includes(code) || failsForGood.includes(code));
  const [first] = bad;
  if (first !== undefined) {
    const transient = !bad.some(({ code }) => failsForGood.includes(code));
    const words = [...new Set(bad.map(({ description }) => description))].join(' ');
    const error = { code: `Event${first.code}`, message: vendorText(words) };
    return { state: 'Failed', failure: { kind: 'Failed', transient, error } };
  }
  if (events.some(({ code }) => ends.includes(code))) return { state: 'Succeeded' };
  return { state: events.some(({ code }) => begins.includes(code)) ? 'Running' : 'None' };
}

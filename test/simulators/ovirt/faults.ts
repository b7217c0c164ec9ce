import type { FaultRule, WireFault } from '../common/faults.ts';
import type { RefusalKey } from './refusals.ts';

/** Faults of an engine, beside those of the wire. */
export type EngineFault =
  /** The engine refuses the request for this reason, with the status and body that belong to it. */
  | { kind: 'refused'; key: RefusalKey }
  /** An answer in one of the shapes that errors have; before any effect unless told otherwise. */
  | {
      kind: 'error-body';
      status: number;
      form: 'fault' | 'action' | 'html' | 'empty';
      reason?: string;
      detail?: string;
      when?: 'before-effect' | 'after-effect';
    }
  /** The command cannot be started: an internal error and, for a creation, event 117; no effect. */
  | { kind: 'start-failed' }
  /**
   * What this request begins fails when its time is over. A creation leaves nothing (the id goes back to the active
   * entry), or the snapshot with status ok and event 10774; a merge leaves the snapshot ok, or a disk illegal.
   * `finalEvent` replaces the code of the event that ends a creation which leaves the snapshot.
   */
  | { kind: 'operation-failed'; leaves?: 'nothing' | 'snapshot' | 'illegal-disk'; finalEvent?: number }
  /** What this request begins never ends; of a restore: its commit. */
  | { kind: 'operation-stuck' }
  /** What this request begins takes so many simulated seconds; of a restore: its commit. */
  | { kind: 'duration'; seconds: number }
  /** Apache gives up with 504 and HTML; the engine carries the request out so many real milliseconds later. */
  | { kind: 'late-effect'; milliseconds: number }
  /** The token or session of the request is dropped before it is looked at; Basic is not touched. */
  | { kind: 'session-lost' }
  /** The host cannot freeze the guest's filesystems: event 10764, and the snapshot goes on without. */
  | { kind: 'freeze-failed' }
  /** Memory cannot be saved: event 173, and a snapshot without memory. */
  | { kind: 'memory-not-saved' }
  /** A restore: the preview's job fails, and the request is answered as complete all the same. */
  | { kind: 'preview-failed' }
  /** A restore: the commit is refused after the preview, or fails; the VM stays in preview. */
  | { kind: 'commit-refused' }
  | { kind: 'commit-failed' }
  /** A list lacks its last entries, as during a removal. */
  | { kind: 'list-incomplete'; omit: number }
  /** A list fails as a whole with 404, as during a removal before 4.2.1. */
  | { kind: 'list-not-found' }
  /** Events written for what this request begins are not to be found. */
  | { kind: 'events-lost' };

/** Everything that can be made to go wrong. */
export type OvirtFault = WireFault | EngineFault;

/** A fault with the requests it hits. */
export type OvirtFaultRule = FaultRule<OvirtFault>;

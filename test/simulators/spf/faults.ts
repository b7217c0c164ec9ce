import type { FaultRule, WireFault } from '../common/faults.ts';

/** Faults of SPF's own, beside those of the wire. */
export type EffectFault =
  /** A refusal before any effect, in the form that the client accepts. */
  | { kind: 'refused'; status: number; message: string; code?: string }
  /** 401 although the credentials are good; a connection that had authenticated has to do so again. */
  | { kind: 'unauthorized' }
  /** The job begun by this request never ends; its percent stays where it is said, 42 by default. */
  | { kind: 'job-stuck'; percent?: number }
  /** The job begun by this request fails when it is half done, or at the percent that is said. */
  | {
      kind: 'job-failed';
      problem: string;
      recommendedAction?: string;
      code?: string;
      displayableErrorCode?: string;
      status?: 'Failed' | 'Canceled';
      percent?: number;
    }
  /** The job begun by this request ends as SucceedWithInfo, with a warning among its messages. */
  | { kind: 'job-with-info'; problem: string }
  /** The job begun by this request takes so many simulated seconds. */
  | { kind: 'duration'; seconds: number }
  /** x-ms-request-id of the answer is that of no job. */
  | { kind: 'no-job-id' }
  /** What this POST makes can be neither read nor listed for so many real milliseconds. */
  | { kind: 'late-effect'; milliseconds: number }
  /** The checkpoint made by this request cannot be used when it is done. */
  | { kind: 'disabled-checkpoint' }
  /** The filter of this request is ignored. */
  | { kind: 'filter-ignored' };

/** Everything that can be made to go wrong. */
export type SpfFault = WireFault | EffectFault;

/** A fault with the requests it hits. */
export type SpfFaultRule = FaultRule<SpfFault>;

import type { Verdict } from '../api/conditions.ts';
import { hourlyWaitMs } from './lanes.ts';

/** What the caches and memory say of a lane, as seen by one object. */
export interface LaneView {
  /** Who is at work on it, as `Kind namespace/name`. */
  busy?: string;
  /** Who waits for it and comes first. */
  ahead?: string;
  /** When requests of the same kind left for the vendor, milliseconds. */
  sends: number[];
}

/** Whether it is an object's turn on a lane. */
export function turnOn(
  view: LaneView,
  now: number,
  subject: string,
): { wait: Verdict; requeueAfterMs?: number } | undefined {
  if (view.busy !== undefined) {
    return { wait: { reason: 'Queued', message: `one at a time on ${subject}: ${view.busy} is at work` } };
  }
  if (view.ahead !== undefined) {
    return { wait: { reason: 'Queued', message: `one at a time on ${subject}: ${view.ahead} comes first` } };
  }
  return hourly(view.sends, now, subject);
}

/** The vendor's hourly limit, honoured before the vendor refuses (Azure sheet, section 12). */
export function hourly(
  sends: number[],
  now: number,
  subject: string,
): { wait: Verdict; requeueAfterMs: number } | undefined {
  const waitMs = hourlyWaitMs(sends, now);
  if (waitMs === 0) return undefined;
  const until = new Date(now + waitMs).toISOString().slice(0, 16);
  return {
    wait: {
      reason: 'Queued',
      message: `Azure takes three an hour on ${subject}; the next can go at ${until}Z`,
    },
    requeueAfterMs: waitMs,
  };
}

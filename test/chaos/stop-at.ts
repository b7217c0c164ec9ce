import type { KindName } from '../../src/api/kinds.ts';

/** Where an operator is to stop itself. */
export interface StopAt {
  kind: KindName;
  /** A step of that kind's controller: `Step['do']` or `CollectionStep['do']`. */
  step: string;
  /** At the nth time; 1 when left out. */
  nth?: number;
  /** Steps of objects that are being deleted, in place of those that are not. */
  deleting?: boolean;
  /** Stop when the step has been carried out, in place of just before. */
  after?: boolean;
  /** SIGKILL when left out; SIGSTOP is a machine that hangs for a while. */
  signal?: 'SIGKILL' | 'SIGSTOP';
}

/** The environment variable in which a stoppable operator finds its StopAt, as JSON. */
export const stopVariable = 'KEYFRAME_TEST_STOP';

/** Reads the variable. */
export function parseStopAt(text: string | undefined): StopAt {
  if (text === undefined) throw new Error(`${stopVariable} is not set: it must hold a StopAt as JSON`);
  return JSON.parse(text) as StopAt;
}

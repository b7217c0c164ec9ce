import { expect, it } from 'vitest';
import { decide } from '../lifecycle/decide.ts';
import { snapshotPolicy } from '../vmsnapshot/policy.ts';
import type { SnapshotFacts } from './builders.ts';

/** A sentence, what is known, and the members that the step has then. */
export type DecisionRow = [sentence: string, facts: SnapshotFacts, step: ExpectedStep];

export interface ExpectedStep {
  do: string;
  [member: string]: unknown;
}

/** One test for each row. A step that ends the run says nothing unless the row expects a verdict. */
export function decisionTable(rows: DecisionRow[]): void {
  it.each(rows)('%s', (_sentence, facts, expected) => {
    const step = decide(facts, snapshotPolicy);
    expect(step).toMatchObject(expected);
    if (expected.do === 'Finish' && expected.verdict === undefined)
      expect(step).not.toHaveProperty('verdict');
  });
}

/** A run that ends by saying this. */
export function says(reason: string, rest: object = {}): ExpectedStep {
  return { do: 'Finish', verdict: { reason }, ...rest };
}

/** A run that ends without a word. */
export const nothing: ExpectedStep = { do: 'Finish' };

import { describe, expect, it } from 'vitest';
import { nextConditions } from '../../../src/api/conditions.ts';
import { graceMs, type Reason, type ReasonEntry, reasons } from '../../../src/api/reasons.ts';
import type { Condition } from '../../../src/api/v1alpha1/common.ts';
import { kstatus, type Status } from '../../support/kstatus.ts';

const createdAt = Date.parse('2026-03-01T12:00:00Z');
const entries: [Reason, ReasonEntry][] = Object.entries(reasons) as [Reason, ReasonEntry][];

/** The status of an object of generation 2 after a verdict with this reason. */
function statusAfter(
  reason: Reason,
  {
    now = createdAt,
    bounded = false,
    previous,
  }: { now?: number; bounded?: boolean; previous?: Condition[] } = {},
) {
  const context = { generation: 2, createdAt, now, bounded };
  return {
    observedGeneration: 2,
    conditions: nextConditions(previous, { reason, message: 'words' }, context),
  };
}

const read = (status: ReturnType<typeof statusAfter>): Status =>
  kstatus({ metadata: { generation: 2 }, status });

describe.each([false, true])('kstatus reads each reason as the table says (bounded kind: %s)', (bounded) => {
  const always = entries.filter(([, { reads }]) => reads !== 'Keep' && reads !== 'FailedAfterGrace');
  it.each(always)('%s', (reason, { reads }) => {
    expect(read(statusAfter(reason, { bounded }))).toBe(reads);
  });

  const afterGrace = entries.filter(([, { reads }]) => reads === 'FailedAfterGrace');
  it.each(afterGrace)('%s: in progress for ten minutes from creation, then failed', (reason) => {
    expect(read(statusAfter(reason, { bounded, now: createdAt + graceMs - 1 }))).toBe('InProgress');
    expect(read(statusAfter(reason, { bounded, now: createdAt + graceMs }))).toBe('Failed');
  });

  const keeping = entries.filter(([, { reads }]) => reads === 'Keep');
  it.each(keeping)('%s: as it was before', (reason) => {
    const before: [Reason, Status][] = [
      ['Available', 'Current'],
      ['CreationFailed', 'Failed'],
      ['Provisioning', 'InProgress'],
    ];
    for (const [earlier, status] of before) {
      const previous = statusAfter(earlier, { bounded }).conditions;
      expect(read(statusAfter(reason, { bounded, previous })), `after ${earlier}`).toBe(status);
    }
  });
});

describe('kstatus reads, whatever the conditions say,', () => {
  it.each(entries)('an object that is being deleted as Terminating: %s', (reason) => {
    const metadata = { generation: 2, deletionTimestamp: '2026-03-01T12:00:00Z' };
    expect(kstatus({ metadata, status: statusAfter(reason) })).toBe('Terminating');
  });

  it.each(entries)('a spec newer than the status as InProgress: %s', (reason) => {
    expect(kstatus({ metadata: { generation: 3 }, status: statusAfter(reason) })).toBe('InProgress');
  });

  it('a fresh object as InProgress, thanks to the default of observedGeneration', () => {
    expect(kstatus({ metadata: { generation: 1 }, status: { observedGeneration: -1 } })).toBe('InProgress');
    expect(kstatus({ metadata: { generation: 1 } })).toBe('Current');
  });
});

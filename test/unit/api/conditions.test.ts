import { describe, expect, it } from 'vitest';
import {
  type ConditionContext,
  condition,
  graceLeft,
  nextConditions,
  reads,
  timestamp,
  type Verdict,
} from '../../../src/api/conditions.ts';
import { graceMs, type Reason, reasons } from '../../../src/api/reasons.ts';
import type { Condition } from '../../../src/api/v1alpha1/common.ts';

const createdAt = Date.parse('2026-03-01T12:00:00Z');
const minute = 60_000;
const names = Object.keys(reasons) as Reason[];

/** Conditions after one verdict after the other, a minute apart; the first at the time of creation. */
function conditionsAfter(
  verdicts: (Reason | Verdict)[],
  context: Partial<ConditionContext> = {},
): Condition[] {
  let conditions: Condition[] | undefined;
  for (const [index, verdict] of verdicts.entries()) {
    conditions = nextConditions(
      conditions,
      typeof verdict === 'string' ? { reason: verdict, message: `${verdict} it is` } : verdict,
      { generation: 1, createdAt, now: createdAt + index * minute, bounded: false, ...context },
    );
  }
  return conditions ?? [];
}

/** `{type: status}` */
const statuses = (conditions: Condition[]) =>
  Object.fromEntries(conditions.map(({ type, status }) => [type, status]));

describe('Ready, Reconciling and Stalled', () => {
  it.each<[string, (Reason | Verdict)[], Record<string, string>]>([
    ['work under way is Reconciling', ['Provisioning'], { Ready: 'False', Reconciling: 'True' }],
    ['a failure is Stalled', ['CreationFailed'], { Ready: 'False', Stalled: 'True' }],
    ['what is available is Ready alone', ['Provisioning', 'Available'], { Ready: 'True' }],
    [
      'a failure that passes is Reconciling again',
      ['QuotaExceeded', 'Provisioning'],
      { Ready: 'False', Reconciling: 'True' },
    ],
    ['what is paused before all else is Ready Unknown', ['Paused'], { Ready: 'Unknown' }],
    ['what is paused at work is no longer Reconciling', ['Provisioning', 'Paused'], { Ready: 'False' }],
    ['what is paused when it was ready stays Ready', ['Available', 'Paused'], { Ready: 'True' }],
    [
      'what is paused when it had failed stays Stalled',
      ['CreationFailed', 'Paused'],
      { Ready: 'False', Stalled: 'True' },
    ],
    ['a late success after the deadline is Ready', ['DeadlineExceeded', 'Available'], { Ready: 'True' }],
  ])('%s', (_, verdicts, expected) => {
    expect(statuses(conditionsAfter(verdicts))).toEqual(expected);
  });

  it('are never both Reconciling and Stalled, whatever follows whatever', () => {
    for (const first of names) {
      for (const second of names) {
        for (const bounded of [false, true]) {
          const { Ready, Reconciling, Stalled } = statuses(conditionsAfter([first, second], { bounded }));
          const told = `${first}, then ${second}`;
          expect(Ready, told).toMatch(/^(True|False|Unknown)$/);
          expect(Reconciling === 'True' && Stalled === 'True', told).toBe(false);
          expect([Reconciling, Stalled], told).not.toContain('False');
        }
      }
    }
  });

  it('Ready bears the reason and the message, and each condition the generation that it speaks of', () => {
    expect(conditionsAfter(['Queued'], { generation: 7 })).toEqual([
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 7,
        lastTransitionTime: '2026-03-01T12:00:00Z',
        reason: 'Queued',
        message: 'Queued it is',
      },
      {
        type: 'Reconciling',
        status: 'True',
        observedGeneration: 7,
        lastTransitionTime: '2026-03-01T12:00:00Z',
        reason: 'Queued',
        message: 'Queued it is',
      },
    ]);
  });

  it('a Stalled that Paused leaves still speaks of the generation that failed', () => {
    const failed = conditionsAfter(['InvalidSpec'], { generation: 1 });
    const context = { generation: 2, createdAt, now: createdAt + minute, bounded: false };
    const paused = nextConditions(failed, { reason: 'Paused', message: 'by annotation' }, context);
    expect(condition(paused, 'Stalled')).toEqual(condition(failed, 'Stalled'));
    expect(condition(paused, 'Ready')).toMatchObject({ reason: 'Paused', observedGeneration: 2 });
  });
});

describe('transition times', () => {
  it('stay while the status stays, though reason and message change', () => {
    const [ready] = conditionsAfter(['Queued', 'Provisioning', 'ProviderThrottled']);
    expect(ready).toMatchObject({ reason: 'ProviderThrottled', lastTransitionTime: timestamp(createdAt) });
  });

  it('move with the status', () => {
    const [ready] = conditionsAfter(['Queued', 'Provisioning', 'Available']);
    expect(ready).toMatchObject({
      status: 'True',
      lastTransitionTime: timestamp(createdAt + 2 * minute),
    });
  });

  it('saying the same again is no change, whatever is said', () => {
    for (const reason of names) {
      for (const bounded of [false, true]) {
        const also = { Drifted: { status: 'True', reason: 'ModifiedOutside', message: 'tags' } } as const;
        const verdict: Verdict = { reason, message: 'the same', also };
        const settled = { bounded, createdAt: createdAt - graceMs };
        expect(conditionsAfter([verdict, verdict], settled), reason).toEqual(
          conditionsAfter([verdict], settled),
        );
      }
    }
  });
});

describe('the grace of ten minutes', () => {
  it.each<[Reason, number, 'InProgress' | 'Failed' | 'Current' | 'Keep']>([
    ['ReferenceNotFound', 0, 'InProgress'],
    ['ReferenceNotFound', graceMs - 1, 'InProgress'],
    ['ReferenceNotFound', graceMs, 'Failed'],
    ['PermissionDenied', graceMs, 'Failed'],
    ['SourceNotFound', 0, 'Failed'],
    ['Provisioning', 10 * graceMs, 'InProgress'],
    ['Available', 0, 'Current'],
    ['Paused', 0, 'Keep'],
  ])('%s is read, %d ms after creation, as %s', (reason, age, expected) => {
    expect(reads(reason, createdAt, createdAt + age)).toBe(expected);
  });

  it('counts from creation, not from when the reason came', () => {
    const late = { createdAt: createdAt - graceMs };
    expect(statuses(conditionsAfter(['Provisioning', 'ReferenceNotFound'], late))).toEqual({
      Ready: 'False',
      Stalled: 'True',
    });
  });

  it.each<[Reason, number, number | undefined]>([
    ['AccessDenied', 0, graceMs],
    ['AccessDenied', graceMs - 1, 1],
    ['AccessDenied', graceMs, undefined],
    ['Provisioning', 0, undefined],
  ])('of %s, %d ms after creation, has %s ms left', (reason, age, expected) => {
    expect(graceLeft(reason, createdAt, createdAt + age)).toBe(expected);
  });
});

describe('Succeeded', () => {
  it('is not said of kinds that do not end', () => {
    expect(condition(conditionsAfter(['Available']), 'Succeeded')).toBeUndefined();
  });

  it.each<[string, Reason[], string, Reason]>([
    ['is Unknown while at work', ['Queued', 'Replicating'], 'Unknown', 'Replicating'],
    ['is Unknown of a failure that may pass', ['QuotaExceeded'], 'Unknown', 'QuotaExceeded'],
    ['is Unknown of what was paused at work', ['Replicating', 'Paused'], 'Unknown', 'Paused'],
    ['is True at the end', ['Replicating', 'Replicated'], 'True', 'Replicated'],
    ['is False of a terminal failure', ['Replicating', 'ReplicationFailed'], 'False', 'ReplicationFailed'],
    ['is True of a late success', ['DeadlineExceeded', 'Replicated'], 'True', 'Replicated'],
    ['stays True while it is deleted', ['Replicated', 'Deleting'], 'True', 'Replicated'],
    ['stays True when it is lost later', ['Replicated', 'SnapshotMissing'], 'True', 'Replicated'],
    [
      'stays True when a later operation cannot be settled',
      ['Replicated', 'OutcomeUnknown'],
      'True',
      'Replicated',
    ],
    ['stays True when it is paused', ['Replicated', 'Paused'], 'True', 'Replicated'],
    ['stays False while it is deleted', ['ReplicationFailed', 'Deleting'], 'False', 'ReplicationFailed'],
    ['stays False when it is paused', ['ReplicationFailed', 'Paused'], 'False', 'ReplicationFailed'],
  ])('%s', (_, verdicts, status, reason) => {
    expect(condition(conditionsAfter(verdicts, { bounded: true }), 'Succeeded')).toMatchObject({
      status,
      reason,
    });
  });
});

describe('further conditions', () => {
  const drifted = { status: 'True', reason: 'ModifiedOutside', message: 'tags' } as const;
  const first: Verdict = { reason: 'ModifiedOutside', message: 'tags', also: { Drifted: drifted } };

  it('are set beside the others, with times of their own', () => {
    expect(condition(conditionsAfter(['Available', first, first]), 'Drifted')).toEqual({
      ...drifted,
      type: 'Drifted',
      observedGeneration: 1,
      lastTransitionTime: timestamp(createdAt + minute),
    });
  });

  it.each<[string, Verdict]>([
    ['not said', { reason: 'Available', message: 'back' }],
    ['said as undefined', { reason: 'Available', message: 'back', also: { Drifted: undefined } }],
  ])('go when they are %s', (_, verdict) => {
    expect(statuses(conditionsAfter([first, verdict]))).toEqual({ Ready: 'True' });
  });

  it('stay when the object is paused', () => {
    const conditions = conditionsAfter([first, 'Paused', 'Paused']);
    expect(statuses(conditions)).toEqual({ Ready: 'False', Stalled: 'True', Drifted: 'True' });
  });
});

describe('messages', () => {
  it('are cut to 4096, never in the middle of a character', () => {
    const [ready] = conditionsAfter([{ reason: 'CreationFailed', message: `${'x'.repeat(4095)}\u{1F600}` }]);
    expect(ready?.message).toHaveLength(4096);
    expect(ready?.message.isWellFormed()).toBe(true);
  });
});

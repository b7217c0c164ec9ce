import type { AzureFaultRule } from '../simulators/azure/faults.ts';

/** Numbers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/** A whole number from `from` to `to`, both of them included. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

/** One of several. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}

const makes = ['RestorePoints_Create', 'RestorePointCollections_CreateOrUpdate'];
const writes = [...makes, 'RestorePoints_Delete', 'RestorePointCollections_Delete'];
const reads = ['RestorePoints_Get', 'RestorePointCollections_Get', 'ComputeOperations_Get'];

/**
 * Faults of every sort from which Keyframe has to recover, with bounds that keep to what it is told to reckon with:
 * effects show within the settle time of one second.
 */
const sorts: ((random: Random) => AzureFaultRule)[] = [
  (random) => ({ kind: 'latency', milliseconds: between(random, 20, 1_500), probability: 0.3, times: 20 }),
  (random) => ({ kind: 'lost-answer', operation: writes, times: between(random, 1, 3) }),
  (random) => ({ kind: 'hang', when: 'after-effect', operation: pick(random, writes), times: 1 }),
  (random) => ({ kind: 'hang', when: 'before-effect', operation: pick(random, writes), times: 1 }),
  (random) => ({ kind: 'reset', probability: 0.1, times: between(random, 1, 6) }),
  (random) => ({ kind: 'respond', status: pick(random, [500, 502, 503, 504]), probability: 0.2, times: 4 }),
  (random) => ({
    kind: 'respond',
    status: pick(random, [500, 504]),
    when: 'after-effect',
    operation: pick(random, writes),
    times: between(random, 1, 2),
  }),
  (random) => ({ kind: 'throttled', retryAfterSeconds: 1, probability: 0.3, times: between(random, 1, 3) }),
  (random) => ({ kind: 'truncated-body', probability: 0.2, times: between(random, 1, 6) }),
  (random) => ({ kind: 'malformed-body', operation: makes, times: between(random, 1, 2) }),
  (random) => ({
    kind: 'late-effect',
    milliseconds: between(random, 50, 900),
    operation: makes,
    times: between(random, 1, 3),
  }),
  (random) => ({
    kind: 'operation-failed',
    code: 'VMRestorePointInternalError',
    message: 'an internal error occurred',
    leaves: pick(random, ['failed', 'vanished']),
    operation: 'RestorePoints_Create',
    times: 1,
  }),
  (random) => ({
    kind: 'gateway-not-found',
    operation: reads,
    probability: 0.3,
    times: between(random, 1, 4),
  }),
];

/** A fault of one sort or another. */
export function randomFault(random: Random): AzureFaultRule {
  return pick(random, sorts)(random);
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { condition } from '../../api/conditions.ts';
import { minutes } from '../testing/builders.ts';
import { type Ending, type Life, noFaults, play } from './testing/simulation.ts';

const some = (...values: number[]) => fc.constantFrom(0, ...values);
/** Early, when most is under way, or at any time. */
const sometime = fc.option(
  fc.oneof(fc.integer({ min: 0, max: 2 * minutes }), fc.integer({ min: 0, max: 60 * minutes })),
  { nil: undefined },
);

const lives: fc.Arbitrary<Life> = fc.record({
  seed: fc.integer(),
  vendor: fc.constantFrom('azure' as const, 'ovirt' as const),
  freeze: fc.boolean(),
  far: fc.boolean(),
  require: fc.boolean(),
  refuse: some(0.2, 0.5),
  loseAnswer: some(0.2, 0.7),
  fail: some(0.2, 0.7),
  failForGood: some(0.3),
  loseRead: some(0.1, 0.4),
  refuseRemoval: some(0.5),
  slow: some(0.03, 0.3),
  fallShort: some(0.3),
  crash: some(0.005, 0.03),
  rivals: fc.boolean(),
  loseKube: some(0.05, 0.2),
  lag: some(0.3),
  flap: fc.boolean(),
  pokes: fc.boolean(),
  jumps: fc.boolean(),
  deleteAt: sometime,
  pauseAt: sometime,
});

const endings = ['Available', 'DeadlineExceeded', 'CreationFailed', 'ReplicationFailed', 'ConsistencyNotMet'];

function judge({ object, present, wrongs, history }: Ending): void {
  const found = [...wrongs];
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
    if (object !== undefined) found.push('the deleted object is still there');
    if (present.length > 0) found.push(`left at the vendor: ${present.map(({ name }) => name).join(', ')}`);
  } else {
    const reason = condition(object.status?.conditions, 'Ready')?.reason ?? 'none';
    if (!endings.includes(reason)) found.push(`it does not end: ${reason}`);
    const wanted = reason === 'Available' ? [object.status?.snapshotID] : [];
    const ids = present.map(({ id }) => id);
    if (JSON.stringify(ids) !== JSON.stringify(wanted))
      found.push(
        `${reason}, but at the vendor there is ${JSON.stringify(ids)}, not ${JSON.stringify(wanted)}`,
      );
  }
  if (found.length > 0) throw new Error(`${found.join('\n')}\n\n${history.slice(-150).join('\n')}`);
}

describe('the life of a snapshot', () => {
  it('is whole, whatever fails, and whoever else is at work', async () => {
    await fc.assert(
      fc.asyncProperty(lives, async (life) => judge(await play(life))),
      {
        numRuns: Number(process.env.LIVES ?? 400),
        ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
      },
    );
  }, 600_000);

  it('takes three writes to Kubernetes where nothing fails', async () => {
    const ending = await play({ ...noFaults, seed: 1 });
    judge(ending);
    expect(ending.kubernetesWrites).toBe(3);
  });
});

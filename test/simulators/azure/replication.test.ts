import { describe, expect, it } from 'vitest';
import { replicationProgress } from './replication.ts';

const replication = { startedAt: 1000, endsAt: 11_000, failsAt: undefined };

describe('the progress of a disk', () => {
  it.each([
    ['is 0 at the start', 1000, { state: 'replicating', percent: 0 }],
    ['is still 0 before the first refresh', 4999, { state: 'replicating', percent: 0 }],
    ['moves at a refresh', 5000, { state: 'replicating', percent: 40 }],
    ['stands still between refreshes', 8999, { state: 'replicating', percent: 40 }],
    ['is 100 at the end', 11_000, { state: 'succeeded', percent: 100 }],
  ])('%s', (_what, now, expected) => {
    expect(replicationProgress(replication, now, 4000)).toEqual(expected);
  });

  it('is not shown after a failure', () => {
    expect(replicationProgress({ ...replication, failsAt: 6000 }, 6000, 4000)).toEqual({
      state: 'failed',
      percent: undefined,
    });
  });

  it('goes from 0 to 100 when it is done before the first refresh', () => {
    expect(replicationProgress(replication, 10_999, 600_000).percent).toBe(0);
    expect(replicationProgress(replication, 11_000, 600_000).percent).toBe(100);
  });
});

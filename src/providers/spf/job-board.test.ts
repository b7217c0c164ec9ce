import { expect, test } from 'vitest';
import type { Failure, Outcome } from '../outcome.ts';
import { JobBoard } from './job-board.ts';
import type { Job } from './wire.ts';

const stampID = 'ba4146fa-fb41-4f59-a193-ad00c52a138c';
const ids = [1, 2, 3, 4, 5].map((number) => `2fa28d03-8d6d-486b-ae61-9694a2db5d6${number}`);
const call = { signal: new AbortController().signal, priority: 'Poll' } as const;

function running(id: string): Job {
  return { id, stampID, name: 'Create checkpoint', cmdlet: '', status: 'Running', state: 'Running' };
}

/** A board that has enough jobs to watch, and how often each was asked for since. */
async function busyBoard(list: () => Outcome<Job[]>) {
  const asked = { lists: 0, jobs: 0 };
  let now = 0;
  const board = new JobBoard(
    {
      getJob: async ({ id }) => {
        asked.jobs += 1;
        return { kind: 'Done', value: running(id) };
      },
      listUnfinishedJobs: async () => {
        asked.lists += 1;
        return list();
      },
    },
    () => now,
  );
  const round = async () => {
    for (const id of ids) await board.get({ id, stampID }, call);
  };
  await round();
  return { asked, round, pass: (ms: number) => (now += ms) };
}

test('jobs that are in the list are not looked at one by one', async () => {
  const { asked, round, pass } = await busyBoard(() => ({ kind: 'Done', value: ids.map(running) }));
  const { jobs } = asked;
  pass(10_000);
  await round();
  expect(asked).toEqual({ lists: 2, jobs });
});

const unavailable = (code: string): Failure => ({ kind: 'Unavailable', error: { code, message: '' } });

test.each<[sentence: string, failure: Failure, listsWithinMinutes: number]>([
  ['is too long to be read', unavailable('AnswerTooLarge'), 1],
  ['never comes', unavailable('Timeout'), 1],
  ['is not obeyed in its filter', { ...unavailable('FilterIgnored'), kind: 'Unsupported' }, 1],
  ['was given up by who asked for it', unavailable('Aborted'), 5],
])('a list that %s', async (_sentence, failure, lists) => {
  const { asked, round, pass } = await busyBoard(() => failure);
  for (let count = 0; count < 4; count += 1) {
    pass(10_000);
    await round();
  }
  expect(asked.lists).toBe(lists);
  // Whatever becomes of the list, each job is looked at.
  expect(asked.jobs).toBe(25);
});

test('a list that could not be had is asked for again after some minutes', async () => {
  const { asked, round, pass } = await busyBoard(() => unavailable('HTTP500'));
  pass(300_000);
  await round();
  expect(asked.lists).toBe(2);
});

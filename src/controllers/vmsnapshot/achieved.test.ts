import { expect, it } from 'vitest';
import { done, vmHeldSnapshot, vmHeldTarget } from '../testing/builders.ts';
import { achieved } from './achieved.ts';

const recorded = { operation: undefined };
const freezeFailed = {
  operation: done({
    state: 'Succeeded' as const,
    indications: [{ type: 'QuiesceFailed' as const, message: '10764' }],
  }),
};

it('of a VM that was off is all there was on its disks', () => {
  expect(achieved(vmHeldSnapshot(), vmHeldTarget({ power: 'Off' }), {}, recorded)).toEqual({
    level: 'Application',
    indications: [],
  });
});

it('of a VM that was off and had been started meanwhile, by what the events tell of its guest, is no more than a crash', () => {
  expect(achieved(vmHeldSnapshot(), vmHeldTarget({ power: 'Off' }), freezeFailed, recorded).level).toBe(
    'Crash',
  );
});

it.each<[string, Parameters<typeof vmHeldTarget>[0], string | undefined, string]>([
  ['by the host is told by the event alone when it failed', {}, undefined, 'Crash'],
  ['by us does not depend on what the engine says of its own', { freeze: true }, undefined, 'FileSystem'],
  ['by us is worth nothing once it is thawed early', { freeze: true }, '2026-11-22T10:00:00Z', 'Crash'],
  ['by the engine is worth nothing once we thawed it early', { thaw: true }, '2026-11-22T10:00:00Z', 'Crash'],
])('a freeze %s', (_sentence, change, thawedAt, level) => {
  const operation = { kind: 'Create', ...(thawedAt === undefined ? {} : { thawedAt }) };
  const seen = change?.thaw === true ? {} : freezeFailed;
  const result = achieved(vmHeldSnapshot(), vmHeldTarget(change), seen, { operation });
  expect(result.level).toBe(level);
  const told = result.indications.some(({ type }) => type === 'QuiesceFailed');
  expect(told).toBe(level === 'Crash');
});

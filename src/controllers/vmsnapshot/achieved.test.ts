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

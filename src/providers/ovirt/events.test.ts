import { describe, expect, test } from 'vitest';
import { creationTold, newVMTold, removalTold, restoreTold } from './events.ts';
import type { EngineEvent } from './model.ts';

const events = (...codes: number[]): EngineEvent[] =>
  codes.map((code, id) => ({ id, code, description: `words of ${code}`, correlationID: 'c' }));
const failed = (transient: boolean, code: number) => ({
  state: 'Failed',
  failure: { kind: 'Failed', transient, error: { code: `Event${code}` } },
});

describe('a creation', () => {
  test.each([
    ['nothing', [], { state: 'None' }],
    ['events of something else', [30, 1], { state: 'None' }],
    ['it began', [45], { state: 'Running' }],
    ['it ended well', [68, 45], { state: 'Succeeded' }],
    ['it ended badly', [69, 45], failed(true, 69)],
    ['it could not begin', [117], failed(true, 117)],
    ['a snapshot was left behind, which ended "well"', [68, 10774, 45], failed(false, 10774)],
    ['the VM does not write where it should, though it ended "well"', [68, 170, 45], failed(false, 170)],
    ['it ended badly, as the live part failed', [69, 170, 45], failed(false, 69)],
  ])('%s', (_name, codes, told) => {
    expect(creationTold(events(...codes))).toMatchObject(told);
  });

  test('what is worth knowing comes with it, whatever became of it', () => {
    expect(creationTold(events(68, 173, 10764, 45))).toEqual({
      state: 'Succeeded',
      indications: [
        { type: 'Partial', message: 'words of 173' },
        { type: 'QuiesceFailed', message: 'words of 10764' },
      ],
    });
    expect(creationTold(events(69, 10764, 45))).toMatchObject({
      state: 'Failed',
      indications: [{ type: 'QuiesceFailed' }],
    });
  });

  test('a failure is told in the words of all its events', () => {
    expect(creationTold(events(69, 170)).failure?.error.message).toBe('words of 69 words of 170');
  });
});

test.each([
  ['nothing', [], { state: 'None' }],
  ['it began', [342], { state: 'Running' }],
  ['it ended well', [356, 342], { state: 'Succeeded' }],
  ['it ended badly', [357, 342], failed(true, 357)],
  ['it could not begin', [343], failed(true, 343)],
  ['it left a part', [359, 357, 342], failed(true, 359)],
  ['a base image lacks', [362, 342], failed(true, 362)],
])('a removal: %s', (_name, codes, told) => {
  expect(removalTold(events(...codes))).toMatchObject(told);
});

test.each([
  ['it began', [34], { state: 'Running' }],
  ['it began, in the words of later releases', [37], { state: 'Running' }],
  ['it ended well', [53, 34], { state: 'Succeeded' }],
  ['it ended badly', [60, 34], failed(false, 60)],
])('a new VM: %s', (_name, codes, told) => {
  expect(newVMTold(events(...codes))).toMatchObject(told);
});

describe('a restore and its parts', () => {
  test.each([
    ['nothing', [], false, { state: 'None' }],
    ['a preview began', [46], false, { state: 'Running' }],
    ['a preview has ended', [71, 46], true, { state: 'Succeeded' }],
    ['a preview has ended, and is no more', [71, 46], false, { state: 'None' }],
    ['a preview failed', [99, 46], false, failed(false, 99)],
    ['a preview could not begin', [115], false, failed(false, 115)],
    ['a commit began', [94], true, { state: 'Running' }],
    ['a commit has ended', [95, 94], false, { state: 'Succeeded' }],
    ['a commit failed', [96, 94], true, failed(false, 96)],
    ['an undo has ended', [651, 650], false, { state: 'Succeeded' }],
    ['an undo failed', [652, 650], true, failed(false, 652)],
    ['a restore at its preview', [47], false, { state: 'Running' }],
    ['a restore between preview and commit', [71, 47], true, { state: 'Running' }],
    ['a restore has ended', [100, 71, 47], false, { state: 'Succeeded' }],
    ['a restore of engines up to 4.1, at its commit', [1190, 71, 46], false, { state: 'Running' }],
    ['a restore of engines up to 4.1 has ended', [100, 1190, 71, 46], false, { state: 'Succeeded' }],
    ['a restore whose commit was refused by engines up to 4.1', [116, 71, 46], true, failed(false, 116)],
    ['events that are not known', [99999, 13500, 72], false, { state: 'None' }],
    ['a restore whose preview failed', [99, 47], false, failed(false, 99)],
    ['a restore whose commit failed', [101, 71, 47], true, failed(false, 101)],
    ['a restore that was refused its commit', [116, 71, 47], true, failed(false, 116)],
    ['a restore told by its parts, at its commit', [94, 71, 46], false, { state: 'Running' }],
    ['a restore told by its parts has ended', [95, 94, 71, 46], false, { state: 'Succeeded' }],
  ])('%s', (_name, codes, inPreview, told) => {
    expect(restoreTold(events(...codes), inPreview)).toMatchObject(told);
  });
});

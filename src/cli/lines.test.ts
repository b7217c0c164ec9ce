import { expect, it } from 'vitest';
import { ChangeLog } from './lines.ts';
import type { AnyObject } from './objects.ts';
import { copy, snapshot } from './testing/objects.ts';

const tell = (log: ChangeLog, objects: AnyObject[]) =>
  log.next(objects, 0).map((line) => line.slice('00:00:00'.length).replaceAll(/ +/g, ' ').trim());

it('tells each change once', () => {
  const log = new ChangeLog();
  expect(tell(log, [snapshot('first')])).toEqual([]);
  const waiting = [snapshot('first', 'Queued')];
  expect(tell(log, waiting)).toEqual(['VMSnapshot/first Queued: Queued it is']);
  expect(tell(log, waiting)).toEqual([]);
  expect(tell(log, [snapshot('first', 'Available', 'True')])).toEqual([
    'VMSnapshot/first Available: Available it is',
  ]);
});

it('tells the progress of a copy disk by disk', () => {
  const log = new ChangeLog();
  expect(tell(log, [copy('first', [0, 0])])).toHaveLength(1);
  expect(tell(log, [copy('first', [20, 10])])).toEqual([
    'RestorePointCopy/first Replicating 15 % (disk-0 20 %, disk-1 10 %)',
  ]);
});

it('tells of an object that is gone, and forgets it', () => {
  const log = new ChangeLog();
  tell(log, [snapshot('first', 'Available', 'True')]);
  expect(tell(log, [])).toEqual(['VMSnapshot/first is gone']);
  expect(tell(log, [])).toEqual([]);
});

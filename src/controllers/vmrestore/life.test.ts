import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { condition } from '../../api/conditions.ts';
import { finalizer } from '../../api/names.ts';
import { minutes } from '../testing/builders.ts';
import { snapshotID } from './testing/builders.ts';
import { type Ending, type Life, noFaults, play } from './testing/simulation.ts';

const some = (...values: number[]) => fc.constantFrom(0, ...values);
/** Early, when most is under way, or at any time. */
const sometime = fc.option(
  fc.oneof(fc.integer({ min: 0, max: 3 * minutes }), fc.integer({ min: 0, max: 60 * minutes })),
  { nil: undefined },
);

const lives: fc.Arbitrary<Life> = fc.record({
  seed: fc.integer(),
  vendor: fc.constantFrom('ovirt', 'ovirt', 'spf'),
  wasOn: fc.boolean(),
  mayStop: fc.constantFrom(true, true, true, false),
  newer: fc.constantFrom('none', 'accepted', 'accepted', 'kept'),
  newVM: fc.constantFrom(false, false, false, true),
  preview: fc.constantFrom(undefined, undefined, 'Hold', 'Commit', 'Undo'),
  decideAt: sometime,
  decision: fc.constantFrom('Commit', 'Undo'),
  lookAround: fc.boolean(),
  leaveOff: fc.boolean(),
  memory: fc.boolean(),
  refuse: some(0.1, 0.4),
  loseAnswer: some(0.2, 0.6),
  fail: some(0.2, 0.6),
  halfWay: some(0.5),
  deaf: some(0.5),
  forget: some(0, 0, 0.3),
  others: some(0.3),
  loseRead: some(0.1, 0.4),
  slow: some(0.03, 0.3),
  crash: some(0.005, 0.03),
  rivals: fc.boolean(),
  loseKube: some(0.05, 0.2),
  lag: some(0.3),
  flap: fc.boolean(),
  pokes: fc.boolean(),
  deleteAt: fc.oneof(fc.constant(undefined), sometime),
  pauseAt: sometime,
  replaceAt: fc.oneof(fc.constant(undefined), sometime),
});

/** Lives that can be: SPF puts VMs back, and no more. */
const possible = lives.map((life) =>
  life.vendor === 'spf' ? { ...life, newVM: false, preview: undefined, memory: false } : life,
);

function judge(life: Life, { object, vm, wrongs, history }: Ending): void {
  const found = [...wrongs];
  const wrong = (what: string) => found.push(what);
  const reason = condition(object?.status?.conditions, 'Ready')?.reason ?? 'gone';
  const isRestored = vm.content === snapshotID;
  const action = object?.spec.preview?.action;
  const held = reason === 'AwaitingDecision' && action === 'Hold';
  const touched = vm.sent.some(({ kind }) => kind === 'Shutdown' || kind === 'PowerOff');
  const well = reason === 'Completed';

  if (object?.metadata.deletionTimestamp !== undefined) wrong('the deleted object is still there');
  // What nothing proves to be ours is not undone.
  if (vm.previewOf !== undefined && !held && life.forget === 0) wrong('the VM is left in preview');
  if (held && vm.previewOf === undefined) wrong('it waits for a decision on nothing');
  if (object !== undefined && !held && object.metadata.finalizers?.includes(finalizer))
    wrong('what is over holds on');
  if (object !== undefined && !held && object.status?.completionTime === undefined)
    wrong(`it does not end: ${reason}`);

  switch (reason) {
    case 'Completed':
      if (life.newVM) {
        if (vm.newVMs.length !== 1 || vm.newVMs[0]?.disksReady !== true) wrong('the new VM is not there');
      } else if (isRestored !== (action !== 'Undo')) wrong(`completed, and the disks hold ${vm.content}`);
      break;
    case 'RestoreFailed':
    case 'DeadlineExceeded':
      // A vendor that hides what it did cannot be told from one that did nothing.
      if (isRestored && life.forget === 0) wrong(`${reason}, and the VM is restored`);
      break;
    case 'Expired':
      if (vm.sent.length > 0) wrong('expired, and something was sent');
      break;
    case 'OutcomeUnknown':
      if (life.forget === 0) wrong('unknown, though the vendor keeps its records');
      break;
    case 'gone':
    case 'AwaitingDecision':
      break;
    default:
      wrong(`it ends in ${reason}`);
  }
  if (life.newer === 'kept' && life.vendor === 'ovirt' && vm.snapshotIDs.length !== 2)
    wrong('a newer snapshot is lost');
  // Without being touched, or where nobody wants it, the power is as it was.
  const memory = !life.wasOn && life.memory && isRestored && vm.power === 'Suspended';
  const expected = life.wasOn ? 'On' : 'Off';
  const mayBeOff = touched && life.leaveOff && !well;
  const inDoubt = vm.previewOf !== undefined;
  if (vm.power !== expected && !mayBeOff && !held && !memory && !inDoubt)
    wrong(`the power is ${vm.power}, and was ${expected}`);

  if (found.length > 0)
    throw new Error(
      `${found.join('\n')}\n\n${JSON.stringify(object?.status, undefined, 1)}\n${history.slice(-150).join('\n')}`,
    );
}

describe('the life of a restore', () => {
  it('is whole, whatever fails, and whoever else is at work', async () => {
    await fc.assert(
      fc.asyncProperty(possible, async (life) => judge(life, await play(life))),
      {
        numRuns: Number(process.env.LIVES ?? 400),
        ...(process.env.SEED ? { seed: Number(process.env.SEED) } : {}),
      },
    );
  }, 600_000);

  it('shuts down, restores once and starts again where nothing fails', async () => {
    const life = { ...noFaults, seed: 1 };
    const ending = await play(life);
    judge(life, ending);
    expect(ending.sent.map(({ kind }) => kind)).toEqual(['Shutdown', 'Restore', 'Start']);
    expect(ending.object?.status?.steps?.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'Shutdown Done',
      'Restore Done',
      'Start Done',
    ]);
    expect(condition(ending.object?.status?.conditions, 'Ready')?.reason).toBe('Completed');
  });
});

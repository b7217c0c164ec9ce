import { describe, expect, test } from 'vitest';
import type { Failure } from '../outcome.ts';
import { type Evidence, explained, judgeConflict, refusesIllegalDisks } from './conflicts.ts';

const regular = { id: 's1', type: 'regular', status: 'ok' };
const active = { id: 'a1', type: 'active', status: 'ok' };
const snapshots = [regular, active];
const disks = [{ name: 'root', status: 'ok' }];

const cases: [string, Evidence, 'Later' | 'Never' | undefined, RegExp?][] = [
  [
    'a snapshot that is being made or merged',
    { operation: 'Create', vm: { status: 'up' }, snapshots: [{ ...regular, status: 'locked' }, active] },
    'Later',
    /s1/,
  ],
  [
    'a snapshot in preview',
    {
      operation: 'Create',
      vm: { status: 'down' },
      snapshots: [{ ...regular, status: 'in_preview' }, active],
    },
    'Never',
    /commit or undo/,
  ],
  [
    'an entry of type preview',
    { operation: 'Delete', snapshots: [{ ...regular, type: 'preview' }, active] },
    'Never',
    /commit or undo/,
  ],
  [
    'a snapshot in preview and another that is locked',
    {
      operation: 'Create',
      snapshots: [
        { ...regular, status: 'in_preview' },
        { ...regular, id: 's2', status: 'locked' },
      ],
    },
    'Never',
  ],
  [
    'a VM that is being copied',
    { operation: 'Create', vm: { status: 'image_locked' }, snapshots, disks },
    'Later',
    /image_locked/,
  ],
  ['a migration', { operation: 'Create', vm: { status: 'migrating' }, snapshots, disks }, 'Later'],
  [
    'memory that is being saved',
    { operation: 'Delete', vm: { status: 'saving_state' }, snapshots, disks },
    'Later',
  ],
  [
    'disks that are locked',
    { operation: 'Create', vm: { status: 'up' }, snapshots, disks: [{ name: 'data', status: 'locked' }] },
    'Later',
    /data/,
  ],
  [
    'disks that are illegal',
    { operation: 'Create', vm: { status: 'up' }, snapshots, disks: [{ name: 'data', status: 'illegal' }] },
    'Never',
    /administrator.*data/,
  ],
  [
    'an illegal disk beside a locked one',
    {
      operation: 'Create',
      disks: [
        { name: 'a', status: 'locked' },
        { name: 'b', status: 'illegal' },
      ],
    },
    'Never',
  ],
  [
    'a restore of a VM that is up',
    { operation: 'Restore', vm: { status: 'up' }, snapshots, disks },
    'Never',
    /must be down/,
  ],
  [
    'a restore of a VM that is suspended',
    { operation: 'Restore', vm: { status: 'suspended' }, snapshots, disks },
    'Never',
  ],
  [
    'a restore of a VM that shuts down',
    { operation: 'Restore', vm: { status: 'powering_down' }, snapshots, disks },
    'Later',
  ],
  [
    'a commit of a VM that is up',
    { operation: 'Commit', vm: { status: 'up' }, snapshots: [{ ...regular, status: 'in_preview' }], disks },
    'Never',
    /must be down/,
  ],
  [
    'a commit of a VM that memory made suspended',
    {
      operation: 'Commit',
      vm: { status: 'suspended' },
      snapshots: [{ ...regular, status: 'in_preview' }],
      disks,
    },
    undefined,
  ],
  [
    'a commit without a preview',
    { operation: 'Commit', vm: { status: 'down' }, snapshots, disks },
    'Never',
    /in preview/,
  ],
  [
    'an undo while the preview is locked',
    { operation: 'Undo', vm: { status: 'image_locked' }, snapshots: [{ ...regular, status: 'in_preview' }] },
    'Later',
  ],
  [
    'a removal of the active entry',
    { operation: 'Delete', snapshotID: 'a1', vm: { status: 'up' }, snapshots, disks },
    'Never',
    /type active/,
  ],
  [
    'a removal from a VM that does not answer',
    { operation: 'Delete', snapshotID: 's1', vm: { status: 'not_responding' }, snapshots, disks },
    'Later',
  ],
  [
    'a removal from a suspended VM',
    { operation: 'Delete', snapshotID: 's1', vm: { status: 'suspended' }, snapshots, disks },
    'Later',
  ],
  [
    'a freeze of a VM that is down',
    { operation: 'Freeze', vm: { status: 'down' }, snapshots, disks },
    'Never',
    /must be up/,
  ],
  ['a start of a VM that is up', { operation: 'Start', vm: { status: 'up' }, snapshots, disks }, 'Never'],
  [
    'a start in preview, to look around',
    { operation: 'Start', vm: { status: 'down' }, snapshots: [{ ...regular, status: 'in_preview' }] },
    undefined,
  ],
  ['a stop of a VM that is down', { operation: 'Stop', vm: { status: 'down' }, snapshots, disks }, 'Never'],
  [
    'a stop of a VM with an illegal disk',
    { operation: 'Stop', vm: { status: 'up' }, disks: [{ name: 'a', status: 'illegal' }] },
    undefined,
  ],
  [
    'a clone while the source is at rest',
    { operation: 'Clone', vm: { status: 'up' }, snapshots, disks },
    undefined,
  ],
  [
    'nothing that explains it: space, a backup, a lock that lingers',
    { operation: 'Create', vm: { status: 'up' }, snapshots, disks },
    undefined,
  ],
  ['nothing that could be read', { operation: 'Create' }, undefined],
  ['a commit when the list could not be read', { operation: 'Commit' }, undefined],
];

describe('a 409, by how things stand', () => {
  test.each(cases)('%s', (_name, evidence, retry, why) => {
    const verdict = judgeConflict(evidence);
    expect(verdict?.retry).toBe(retry);
    if (why !== undefined) expect(verdict?.why).toMatch(why);
  });
});

describe('what a refusal turns out to be', () => {
  const error = { code: 'HTTP409', message: 'Cannot create Snapshot. VM is in preview mode.', status: 409 };
  const conflict: Failure = { kind: 'Conflict', retry: 'Later', error };

  test('the verdict goes behind the words of the engine', () => {
    expect(explained(conflict, { retry: 'Never', why: 'x is in preview' })).toEqual({
      kind: 'Conflict',
      retry: 'Never',
      error: {
        ...error,
        message: 'Cannot create Snapshot. VM is in preview mode. As it stands, x is in preview',
      },
    });
  });

  test('without a verdict it stays as it was, and so does what is no conflict', () => {
    expect(explained(conflict, undefined)).toBe(conflict);
    const limit: Failure = { kind: 'LimitReached', limit: 'Quota', error };
    expect(explained(limit, { retry: 'Later', why: 'x' })).toBe(limit);
  });
});

describe('a 500 on a write', () => {
  const unknown = (message: string, status = 500): Failure => ({
    kind: 'Unknown',
    error: { code: 'x', message, status },
  });
  const illegal: Evidence = { operation: 'Create', disks: [{ name: 'a', status: 'illegal' }] };
  const words = 'Cannot create Snapshot. The following attached disks are in ILLEGAL status: a.';
  test.each([
    ['its words and an illegal disk show a refusal', unknown(words), illegal, true],
    ['the words alone do not', unknown(words), { operation: 'Create', disks } as Evidence, false],
    ['the disk alone does not', unknown('Internal Engine Error'), illegal, false],
    ['a gateway does not', unknown(words, 502), illegal, false],
  ])('%s', (_name, failure, evidence, expected) => {
    expect(refusesIllegalDisks(failure, evidence)).toBe(expected);
  });
});

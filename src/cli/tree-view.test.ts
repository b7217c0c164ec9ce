import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { object, readySnapshot } from './testing/objects.ts';
import { plainGlyphs, unpainted, widthOf } from './text.ts';
import { treeOf } from './tree.ts';
import { apart, type TreeLook, treeLines } from './tree-view.ts';

const look: TreeLook = {
  columns: 80,
  paint: unpainted,
  glyphs: plainGlyphs,
  bars: true,
  now: Date.parse('2026-01-01T00:18:00Z'),
  wide: false,
  namespaces: false,
  messageLines: 3,
};
const azure = { kind: 'VMProvider', name: 'azure' };
const failed = (name: string, vm: string, reason: string, message: string) =>
  object('VMSnapshot', name, {
    spec: { providerRef: azure, source: { vm: { name: vm } } },
    reason,
    message,
  });
const copying = object('RestorePointCopy', 'db-1-northeurope', {
  spec: { source: { snapshotRef: { name: 'db-1-nightly' } }, target: {} },
  reason: 'Replicating',
  message: 'the data is on the way',
  status: {
    location: 'northeurope',
    replication: {
      state: 'Replicating',
      percent: 45,
      estimatedCompletionTime: '2026-01-01T00:30:00Z',
      disks: [
        { name: 'db-1-os', percent: 100, state: 'Succeeded', sizeBytes: 30 * 2 ** 30 },
        { name: 'db-1-archive-of-all-years', percent: 36, state: 'Replicating', sizeBytes: 256 * 2 ** 30 },
        { name: 'db-1-log', percent: 0, state: 'Failed', sizeBytes: 64 * 2 ** 30 },
      ],
    },
  },
});
const restoring = object('VMRestore', 'db-1-back', {
  spec: { source: { snapshotRef: { name: 'db-1-nightly' } }, strategy: 'InPlace' },
  reason: 'Restoring',
  status: {
    steps: [
      { name: 'PowerOff', state: 'Done' },
      { name: 'Restore', state: 'Running' },
      { name: 'PowerOn', state: 'Pending' },
    ],
  },
});
const webMissing =
  "reading VM web-11: The Resource 'Microsoft.Compute/virtualMachines/web-11' under resource group 'rg-demo' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix. Check the name or id, and that the provider is the right one";

const draw = (objects: Parameters<typeof treeOf>[0], change: Partial<TreeLook> = {}) =>
  treeLines(treeOf(objects), { ...look, ...change }).map((line) => line.trimEnd());

describe('the drawing of the tree', () => {
  it('fits into 80 columns, with a bar for each disk', () => {
    expect(draw([readySnapshot('db-1-nightly', 'db-1'), copying, restoring])).toEqual([
      'VM db-1                          by vmp/azure, westeurope',
      '`- + vmsnap/db-1-nightly         Available    FileSystem, 18m ago',
      '   |- ~ rpcopy/db-1-northeurope  Replicating  #####.......  45 %  12m left, nor>',
      '   |      db-1-os                             ############ 100 %  30 GiB',
      '   |      db-1-archive-of-all-years           ####........  36 %  256 GiB',
      '   |      db-1-log                            ............   0 %  Failed, 64 GiB',
      '   `- ~ vmrst/db-1-back          Restoring    InPlace, Restore (2 of 3)',
    ]);
  });

  it('says what is wrong, and what to do', () => {
    expect(
      draw([
        object('VMProvider', 'old', {
          reason: 'AuthenticationFailed',
          message: 'Invalid client secret provided.',
        }),
        object('VMProvider', 'azure', { reason: 'Available' }),
        failed('typo', 'web-11', 'SourceNotFound', webMissing),
      ]),
    ).toEqual([
      '~ vmp/old         AuthenticationFailed',
      '  Invalid client secret provided.',
      '',
      'VM web-11         by vmp/azure',
      '`- x vmsnap/typo  SourceNotFound',
      "     reading VM web-11: The Resource 'Microsoft.Compute/virtualMachines/web-11'",
      "     under resource group 'rg-demo' was not found. For more details please go to",
      '     https://aka.ms/ARMResourceNotFoundFix',
      '     > Check the name or id, and that the provider is the right one.',
    ]);
  });

  it('cuts a message that is too long for a list, and no advice', () => {
    const lines = draw([failed('typo', 'web-11', 'SourceNotFound', webMissing)], { messageLines: 1 });
    expect(lines.slice(2)).toEqual([
      "     reading VM web-11: The Resource 'Microsoft.Compute/virtualMachines/web-11' >",
      '     > Check the name or id, and that the provider is the right one.',
    ]);
  });

  it('never cuts a name: what does not fit beside it goes below', () => {
    const name = 'before-the-migration-of-the-accounting-database-in-2026';
    expect(draw([readySnapshot(name, 'erp-1'), readySnapshot('short', 'erp-1')])).toEqual([
      'VM erp-1           by vmp/azure, westeurope',
      `|- + vmsnap/${name}`,
      '|                  Available  FileSystem, 18m ago',
      '`- + vmsnap/short  Available  FileSystem, 18m ago',
    ]);
  });

  it('has no bars and cuts nothing where there is no terminal', () => {
    const lines = draw([readySnapshot('db-1-nightly', 'db-1'), copying], {
      columns: Number.POSITIVE_INFINITY,
      bars: false,
    });
    expect(lines[2]).toBe('   `- ~ rpcopy/db-1-northeurope  Replicating  45 %  12m left, northeurope');
    expect(lines[4]).toMatch(/db-1-archive-of-all-years +36 % {2}256 GiB$/);
  });

  it('shows ids, ready providers and all messages when it is wide', () => {
    const provider = object('VMProvider', 'azure', {
      reason: 'Available',
      status: { product: { name: 'Azure Resource Manager' } },
    });
    const text = draw([provider, readySnapshot('one', 'db-1')], { wide: true }).join('\n');
    expect(text).toMatch(/^\+ vmp\/azure +Available +Azure Resource Manager$/m);
    expect(text).toContain('/virtualMachines/db-1');
    expect(text).toContain('/points/one');
    expect(text).toContain('Available it is');
  });

  it('says of an object that nobody has looked at that it was not seen yet', () => {
    const fresh = object('VMSnapshot', 'fresh', {
      spec: { providerRef: azure, source: { vm: { name: 'a' } } },
    });
    expect(draw([fresh])[1]).toBe('`- ~ vmsnap/fresh  not seen yet');
  });

  it('names the namespaces where there are several', () => {
    expect(draw([readySnapshot('one', 'a')], { namespaces: true })[0]).toBe('Namespace demo');
  });

  it('lets no control character of a vendor through', () => {
    const evil = failed('x', 'a\u001b[2J', 'CreationFailed', 'a\u001b[31mb\nc\u0007');
    expect(draw([evil]).join('\n')).not.toMatch(/(?!\n)\p{C}/u);
  });

  it('keeps within the terminal, however wide it is', () => {
    const objects = [
      readySnapshot('db-1-nightly', 'db-1'),
      copying,
      restoring,
      failed('typo', 'b', 'Queued', 'a b c'),
    ];
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 250 }), fc.boolean(), (columns, bars) => {
        for (const line of draw(objects, { columns, bars }))
          expect(widthOf(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

it.each([
  [
    'at the end of the message',
    'it is not there. Check the name or id, and that the provider is the right one',
    { said: 'it is not there', advice: 'Check the name or id, and that the provider is the right one.' },
  ],
  [
    'in the message already',
    'check the name or id, and that the provider is the right one, and more',
    { said: 'check the name or id, and that the provider is the right one, and more', advice: undefined },
  ],
  [
    'not in the message',
    'it is not there.',
    { said: 'it is not there.', advice: 'Check the name or id, and that the provider is the right one.' },
  ],
])('tells an advice once that is %s', (_, message, expected) => {
  expect(apart('SourceNotFound', message)).toEqual(expected);
});

it('takes a reason that a newer operator knows for what it is', () => {
  expect(apart('Teleported', 'it is elsewhere')).toEqual({ said: 'it is elsewhere', advice: undefined });
});

import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { adoptions, adoptionText, adviceOn, discoveryLines, isAnswered } from './discoveries.ts';
import { object } from './testing/objects.ts';
import { plainGlyphs, unpainted } from './text.ts';

const now = Date.parse('2026-01-04T12:00:00Z');
const azureID = (point: string) =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/restorePointCollections/web-1/restorePoints/${point}`;
const items = [
  { id: azureID('ours'), name: 'ours', createdAt: '2026-01-04T11:00:00Z', managedBy: 'VMSnapshot demo/ours' },
  {
    id: azureID('lost'),
    name: 'keyframe-test-1',
    createdAt: '2026-01-03T12:00:00Z',
    managedBy: 'OrphanOfThisCluster',
  },
  {
    id: azureID('theirs'),
    name: 'keyframe-other-1',
    createdAt: '2026-01-02T12:00:00Z',
    managedBy: 'OtherCluster',
  },
  {
    id: azureID('manual'),
    name: 'by hand\u001b[2J',
    description: 'before\nthe move',
    createdAt: '2026-01-03T12:00:00Z',
    managedBy: 'Foreign',
  },
];
const web = object('VMSnapshotInventory', 'web-1-points', {
  spec: {
    providerRef: { kind: 'VMProvider', name: 'azure' },
    scope: { collection: '/a/restorePointCollections/web-1' },
  },
  reason: 'Available',
  status: { endpointID: 'azure:x', items, truncated: true },
});
const erp = object('VMSnapshotInventory', 'erp-1', {
  spec: { providerRef: { kind: 'ClusterVMProvider', name: 'ovirt' }, scope: { vm: { name: 'erp-1' } } },
  reason: 'Available',
  status: {
    endpointID: 'ovirt:y',
    vm: { id: 'vm-id', name: 'erp-1' },
    items: [{ id: 'snap-id', vmID: 'vm-id', createdAt: '2026-01-03T12:00:00Z', managedBy: 'Foreign' }],
  },
});
const failed = object('VMSnapshotInventory', 'gone', {
  spec: { providerRef: { name: 'ovirt' }, scope: { storageDomain: 'sd' } },
  reason: 'SourceNotFound',
  message: 'there is no such storage domain',
});
const some = { managed: false, otherClusters: false };
const look = {
  columns: 80,
  paint: unpainted,
  glyphs: plainGlyphs,
  bars: true,
  now,
  wide: false,
  namespaces: false,
};

describe('what was found', () => {
  it('is told without what objects of this cluster manage', () => {
    expect(discoveryLines([web], some, look)).toEqual([
      'vmsinv/web-1-points  collection web-1, by azure',
      '  orphan         24h ago  keyframe-test-1',
      '  other cluster  2d ago   keyframe-other-1',
      '  foreign        24h ago  by hand [2J: before the move',
      '  and 1 that objects of this cluster manage; there is more than spec.limit shows',
    ]);
  });

  it('is told with it when asked for, and with ids when wide', () => {
    const lines = discoveryLines([web], { ...some, managed: true }, { ...look, wide: true, columns: 200 });
    expect(lines[1]).toBe('  managed        60m ago  VMSnapshot demo/ours: ours');
    expect(lines[2]).toBe(`    ${azureID('ours')}`);
  });

  it('says why an inventory has no answer', () => {
    expect(discoveryLines([failed], some, look)).toEqual([
      'vmsinv/gone  storage domain sd, by ovirt',
      'x vmsinv/gone  SourceNotFound',
      '  there is no such storage domain',
      '  > Check the name or id, and that the provider is the right one.',
    ]);
  });

  it('says that there is nothing', () => {
    const empty = { ...erp, status: { ...erp.status, items: [] } };
    expect(discoveryLines([empty], some, look)).toEqual([
      'vmsinv/erp-1  VM erp-1, by ovirt',
      '  nothing is there',
    ]);
  });
});

describe('the manifests', () => {
  it('adopt what nobody manages, and retain it', () => {
    expect(adoptions([web, erp], some).map(({ manifest }) => manifest)).toEqual([
      {
        apiVersion: 'keyframe.dev/v1alpha1',
        kind: 'VMSnapshot',
        metadata: { name: 'web-1-20260103-120000', namespace: 'demo' },
        spec: {
          providerRef: { kind: 'VMProvider', name: 'azure' },
          source: { existing: { id: azureID('lost') } },
          deletionPolicy: 'Retain',
        },
      },
      {
        apiVersion: 'keyframe.dev/v1alpha1',
        kind: 'VMSnapshot',
        metadata: { name: 'web-1-20260103-120000-2', namespace: 'demo' },
        spec: {
          providerRef: { kind: 'VMProvider', name: 'azure' },
          source: { existing: { id: azureID('manual') } },
          deletionPolicy: 'Retain',
        },
      },
      {
        apiVersion: 'keyframe.dev/v1alpha1',
        kind: 'VMSnapshot',
        metadata: { name: 'erp-1-20260103-120000', namespace: 'demo' },
        spec: {
          providerRef: { kind: 'ClusterVMProvider', name: 'ovirt' },
          source: { existing: { id: 'snap-id', vm: { id: 'vm-id' } } },
          deletionPolicy: 'Retain',
        },
      },
    ]);
  });

  it('adopt what other clusters made only when asked to', () => {
    const ids = adoptions([web], { ...some, otherClusters: true }).map(({ item }) => item.name);
    expect(ids).toContain('keyframe-other-1');
  });

  it('adopt once what several inventories have', () => {
    const again = { ...web, metadata: { ...web.metadata, name: 'again' } };
    expect(adoptions([web, again], some)).toHaveLength(2);
  });

  it('are YAML, each below what it is, and no word of a vendor can leave its comment', () => {
    const text = adoptionText(adoptions([web], some));
    expect(text).toContain('# foreign, 2026-01-03T12:00:00Z, by hand [2J, before the move\n');
    expect(loadAll(text)).toEqual(adoptions([web], some).map(({ manifest }) => manifest));
  });

  it('are spoken of where there are any', () => {
    expect(adviceOn([web], some, 'kubectl keyframe discover')).toBe(
      'kubectl keyframe discover -o yaml prints 2 manifests to adopt what nobody manages.',
    );
    expect(adviceOn([failed], some, '')).toBeUndefined();
  });
});

it.each([
  ['ready', web, true],
  ['failed', failed, true],
  ['waiting', object('VMSnapshotInventory', 'x', { reason: 'WaitingForProvider' }), false],
  ['not seen yet', object('VMSnapshotInventory', 'x'), false],
])('an inventory that is %s is answered or not', (_, inventory, answered) => {
  expect(isAnswered(inventory)).toBe(answered);
});

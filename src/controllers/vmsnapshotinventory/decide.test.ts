import { describe, expect, it } from 'vitest';
import { annotations } from '../../api/names.ts';
import type { AccessRule } from '../../api/v1alpha1/vm-provider.ts';
import type { VMSnapshotInventory } from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import type { Failure } from '../../providers/outcome.ts';
import type { InventoryItem } from '../../providers/provider.ts';
import {
  ago,
  anAzureCollection,
  aProvider,
  aVM,
  containerID,
  done,
  endpointID,
  hours,
  minutes,
  namespace,
  notFound,
  now,
  ready,
  settings,
  subscriptionID,
  uid,
  unavailable,
  vmA,
} from '../testing/builders.ts';
import { decideInventory, type InventoryFacts, type InventoryFinish } from './decide.ts';

const points: InventoryItem[] = [
  { id: `${containerID}/restorePoints/p1`, name: 'p1', createdAt: ago(hours), type: 'restorePoint' },
];
const shown = {
  items: [
    {
      id: points[0]?.id ?? '',
      name: 'p1',
      createdAt: ago(hours),
      type: 'restorePoint',
      managedBy: 'Foreign',
    },
  ],
  counts: { total: 1, managed: 0, otherCluster: 0, orphans: 0, foreign: 1 },
  truncated: false,
};
/** As the status is after a look that found `points`. */
const listedStatus = { observedGeneration: 1, endpointID, changedAt: ago(2 * hours), ...shown };

function anInventory(
  change: {
    metadata?: Partial<VMSnapshotInventory['metadata']>;
    spec?: Partial<VMSnapshotInventory['spec']>;
    status?: VMSnapshotInventory['status'];
  } = {},
): VMSnapshotInventory {
  return {
    apiVersion: 'keyframe.dev/v1alpha1',
    kind: 'VMSnapshotInventory',
    metadata: {
      name: 'points',
      namespace,
      uid,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: ago(3 * hours),
      ...change.metadata,
    },
    spec: { providerRef: { name: 'azure' }, scope: { collection: containerID }, ...change.spec },
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

function facts(change: Partial<InventoryFacts> = {}): InventoryFacts {
  return {
    object: anInventory(),
    now,
    random: 0,
    settings,
    provider: { state: 'Ready', provider: aProvider() },
    neighbours: {
      namespaceLabels: { team: 'a' },
      withUID: () => undefined,
      withSnapshot: () => [],
      withDiskPart: () => [],
    },
    dueMs: 0,
    seen: {},
    ...change,
  };
}

/** A provider that keeps snapshots with their VM, as oVirt and SPF do. */
const vmProvider = (stamps: true | string = true) => {
  const { capabilities } = aProvider();
  return aProvider({
    vendor: 'spf' as 'azure',
    capabilities: {
      ...capabilities,
      noun: 'checkpoint',
      stamps,
      inventory: { vm: true, storageDomain: true, collection: 'SPF has no collections' },
    },
  });
};

const throughCluster = (access: AccessRule[], provider = aProvider()) => ({
  provider: { state: 'Ready' as const, provider, access },
});
const clusterRef = { kind: 'ClusterVMProvider' as const, name: 'shared' };
const rule = (change: Partial<AccessRule> = {}): AccessRule => ({
  namespaceSelector: { matchLabels: { team: 'a' } },
  operations: ['Adopt'],
  ...change,
});

describe('asks the vendor', () => {
  const list = { do: 'List', scope: { collection: containerID }, limit: 100 };
  const current = anInventory({ status: listedStatus });
  it.each<[string, Partial<InventoryFacts>, object]>([
    ['for what was never listed', {}, list],
    ['when it is due', { object: current }, list],
    ['not before it is due', { object: current, dueMs: minutes }, { do: 'Finish', requeueAfterMs: minutes }],
    [
      'before it is due for a token that is new',
      {
        object: anInventory({
          status: listedStatus,
          metadata: { annotations: { [annotations.reconcileAt]: 'now' } },
        }),
        dueMs: minutes,
      },
      list,
    ],
    [
      'not for a token that was answered',
      {
        object: anInventory({
          status: { ...listedStatus, lastHandledReconcileAt: 'now' },
          metadata: { annotations: { [annotations.reconcileAt]: 'now' } },
        }),
        dueMs: minutes,
      },
      { do: 'Finish', requeueAfterMs: minutes },
    ],
    [
      'before it is due for another spec',
      { object: anInventory({ status: listedStatus, metadata: { generation: 2 } }), dueMs: minutes },
      list,
    ],
    [
      'before it is due where the provider now names another endpoint',
      {
        object: anInventory({ status: { ...listedStatus, endpointID: 'azure:elsewhere' } }),
        dueMs: minutes,
      },
      list,
    ],
    [
      'for as many as the spec says',
      { object: anInventory({ spec: { limit: 7 } }) },
      { do: 'List', limit: 7 },
    ],
    [
      'for a VM first, where the scope is one',
      {
        object: anInventory({ spec: { scope: { vm: { name: 'vm-a' } } } }),
        provider: { state: 'Ready', provider: vmProvider() },
      },
      { do: 'ReadVM', query: { name: 'vm-a' } },
    ],
    [
      'for a VM on its stamp',
      {
        object: anInventory({ spec: { scope: { vm: { id: 'v', stampID: 's' } } } }),
        provider: { state: 'Ready', provider: vmProvider() },
      },
      { do: 'ReadVM', query: { id: 'v', stampID: 's' } },
    ],
    [
      'for what the VM that was found holds',
      {
        object: anInventory({ spec: { scope: { vm: { name: 'vm-a' } } } }),
        provider: { state: 'Ready', provider: vmProvider() },
        seen: { vm: done(aVM({ containerID: 's/v' })) },
      },
      { do: 'List', scope: { vm: vmA, containerID: 's/v' } },
    ],
    [
      'for a storage domain',
      {
        object: anInventory({ spec: { scope: { storageDomain: 'nfs' } } }),
        provider: { state: 'Ready', provider: vmProvider() },
      },
      { do: 'List', scope: { storageDomain: 'nfs' } },
    ],
    [
      'not while it is paused',
      { object: anInventory({ metadata: { annotations: { [annotations.paused]: 'true' } } }) },
      { do: 'Finish', verdict: { reason: 'Paused' } },
    ],
    [
      'not when it is being deleted',
      { object: anInventory({ metadata: { deletionTimestamp: ago(0) } }) },
      { do: 'Finish' },
    ],
  ])('%s', (_, change, expected) => {
    expect(decideInventory(facts(change))).toMatchObject(expected);
  });

  it('says nothing while the provider was not tried', () => {
    expect(decideInventory(facts({ provider: { state: 'Untried' } }))).toEqual({ do: 'Finish' });
  });
});

describe('what was found', () => {
  const look = (object: VMSnapshotInventory, items = points, change: Partial<InventoryFacts> = {}) =>
    decideInventory(
      facts({ object, seen: { inventory: done({ items, truncated: false }) }, ...change }),
    ) as InventoryFinish;

  it('is shown, and asked for again after the interval', () => {
    expect(look(anInventory({ spec: { refreshInterval: '6h' } }))).toEqual({
      do: 'Finish',
      verdict: {
        reason: 'Available',
        message: '1 restore point: 0 managed here, 0 of other clusters, 0 orphans, 1 foreign',
      },
      status: { ...shown, vm: undefined, endpointID, changedAt: ago(0) },
      looked: true,
      nextLookMs: 6 * hours,
      requeueAfterMs: 6 * hours,
    });
  });

  it('changes nothing in the status when it is as before', () => {
    const { status } = look(anInventory({ status: listedStatus }));
    expect({ ...listedStatus, ...status }).toEqual({ ...listedStatus, vm: undefined });
  });

  it('says when it changed', () => {
    expect(look(anInventory({ status: listedStatus }), []).status).toMatchObject({
      changedAt: ago(0),
      items: [],
    });
  });

  it('bears the name of the VM', () => {
    const finish = look(anInventory({ spec: { scope: { vm: { id: vmA } } } }), points, {
      provider: { state: 'Ready', provider: vmProvider() },
      seen: { vm: done(aVM()), inventory: done({ items: [], truncated: true }) },
    });
    expect(finish.status?.vm).toEqual({ id: vmA, name: 'vm-a' });
    expect(finish.verdict?.message).toMatch(/^0 checkpoints: .*There are more than are listed$/);
  });
});

describe('is told', () => {
  const scoped = (scope: VMSnapshotInventory['spec']['scope']) => anInventory({ spec: { scope } });
  const denied: Failure = {
    kind: 'Denied',
    cause: 'Permission',
    error: { code: 'Forbidden', message: 'no' },
  };
  const ambiguous: Failure = { kind: 'Invalid', error: { code: 'AmbiguousSource', message: 'v1, v2' } };
  it.each<[string, Partial<InventoryFacts>, string, RegExp]>([
    [
      'that the scope is none of this vendor',
      { object: scoped({ vm: { name: 'vm-a' } }) },
      'UnsupportedByProvider',
      /spec\.scope\.vm is set, but .*scope\.collection.*Give another spec\.scope/,
    ],
    [
      'that the vendor has no storage domains',
      { object: scoped({ storageDomain: 'nfs' }) },
      'UnsupportedByProvider',
      /spec\.scope\.storageDomain is set, but/,
    ],
    [
      'that the vendor has no collections',
      { provider: { state: 'Ready', provider: vmProvider() } },
      'UnsupportedByProvider',
      /spec\.scope\.collection is set, but SPF has no collections/,
    ],
    [
      'that the vendor has no stamps',
      {
        object: scoped({ vm: { id: 'v', stampID: 's' } }),
        provider: { state: 'Ready', provider: vmProvider('oVirt has no stamps') },
      },
      'UnsupportedByProvider',
      /spec\.scope\.vm\.stampID is set, but oVirt has no stamps/,
    ],
    [
      'that the collection is of another subscription',
      { object: scoped({ collection: containerID.replace(subscriptionID, 'other') }) },
      'InvalidSpec',
      /lies in subscription other, the provider is for/,
    ],
    [
      'that there is no such provider',
      { provider: { state: 'Absent' } },
      'ReferenceNotFound',
      /VMProvider azure/,
    ],
    [
      'that the provider is not ready',
      { provider: { state: 'NotReady', reason: 'AuthenticationFailed', message: 'wrong' } },
      'WaitingForProvider',
      /AuthenticationFailed: wrong/,
    ],
    [
      'that the collection is not there',
      { seen: { inventory: notFound('Object') } },
      'SourceNotFound',
      /listing the snapshots of collection rpc-a: .*Check the name or id/,
    ],
    [
      'that the vendor is not to be reached',
      { seen: { inventory: unavailable } },
      'ProviderUnavailable',
      /ECONNREFUSED/,
    ],
    [
      'that the vendor does not permit it',
      { seen: { inventory: denied } },
      'PermissionDenied',
      /Forbidden: no/,
    ],
    [
      'that several VMs have the name',
      {
        object: scoped({ vm: { name: 'vm-a' } }),
        provider: { state: 'Ready', provider: vmProvider() },
        seen: { vm: ambiguous },
      },
      'AmbiguousSource',
      /reading VM vm-a: .*v1, v2/,
    ],
    [
      'that the vendor refuses the request',
      { seen: { inventory: { kind: 'Invalid', error: { code: 'BadRequest', message: 'no' } } } },
      'InvalidSpec',
      /BadRequest: no/,
    ],
    [
      'that the vendor tried and failed, which ends nothing here',
      { seen: { inventory: { kind: 'Failed', transient: false, error: { code: 'Boom', message: 'no' } } } },
      'ProgressingWithRetry',
      /Boom: no/,
    ],
    [
      'that no rule grants any VM',
      {
        ...throughCluster([rule({ operations: ['Snapshot'] })]),
        object: anInventory({ spec: { providerRef: clusterRef } }),
      },
      'AccessDenied',
      /ClusterVMProvider shared grants namespace team-a no Adopt of any VM/,
    ],
    [
      'that no rule grants the VM of the collection',
      {
        ...throughCluster([rule({ vms: { names: ['vm-b'] } })]),
        object: anInventory({ spec: { providerRef: clusterRef } }),
        seen: { collection: done(anAzureCollection()) },
      },
      'AccessDenied',
      /no Adopt of VM vm-a \(resource group rg-a\)/i,
    ],
    [
      'that no rule grants the region of the collection',
      {
        ...throughCluster([rule({ targets: { locations: ['northeurope'] } })]),
        object: anInventory({ spec: { providerRef: clusterRef } }),
        seen: { collection: done(anAzureCollection()) },
      },
      'AccessDenied',
      /into westeurope/,
    ],
    [
      'that no rule grants the VM',
      {
        ...throughCluster([rule({ vms: { ids: ['another'] } })], vmProvider()),
        object: anInventory({ spec: { providerRef: clusterRef, scope: { vm: { name: 'vm-a' } } } }),
        seen: { vm: done(aVM()) },
      },
      'AccessDenied',
      /no Adopt of VM vm-a/,
    ],
    [
      'that a storage domain needs a rule for all VMs',
      {
        ...throughCluster([rule({ vms: { ids: [vmA] } })], vmProvider()),
        object: anInventory({ spec: { providerRef: clusterRef, scope: { storageDomain: 'nfs' } } }),
      },
      'AccessDenied',
      /no Adopt of all VMs.*rule without vms/,
    ],
  ])('%s', (_, change, reason, message) => {
    expect(decideInventory(facts(change))).toMatchObject({
      do: 'Finish',
      verdict: { reason, message: expect.stringMatching(message) },
    });
  });
});

describe('access rules that grant', () => {
  it.each<[string, AccessRule, VMSnapshotInventory['spec']['scope'], InventoryFacts['seen'], object]>([
    [
      'ask whose the collection is',
      rule(),
      { collection: containerID },
      {},
      { do: 'ReadCollection', id: containerID },
    ],
    [
      'the VM of the collection',
      rule({ vms: { names: ['vm-a'] }, targets: { locations: ['westeurope'], resourceGroups: ['rg-a'] } }),
      { collection: containerID },
      { collection: done(anAzureCollection()) },
      { do: 'List' },
    ],
    ['the VM', rule({ vms: { ids: [vmA] } }), { vm: { id: vmA } }, { vm: done(aVM()) }, { do: 'List' }],
    ['all VMs, and so a storage domain', rule(), { storageDomain: 'nfs' }, {}, { do: 'List' }],
  ])('%s', (_, granted, scope, seen, expected) => {
    const provider = scope.collection === undefined ? vmProvider() : aProvider();
    const object = anInventory({ spec: { providerRef: clusterRef, scope } });
    expect(decideInventory(facts({ ...throughCluster([granted], provider), object, seen }))).toMatchObject(
      expected,
    );
  });
});

describe('what was listed before', () => {
  const nothing = { vm: undefined, items: undefined, counts: undefined, truncated: undefined };
  const trouble = (object: VMSnapshotInventory, change: Partial<InventoryFacts> = {}) =>
    decideInventory(facts({ object, seen: { inventory: unavailable }, ...change })) as InventoryFinish;

  it('stays while the vendor is away, and the vendor is not pestered', () => {
    const finish = trouble(anInventory({ status: listedStatus }));
    expect(finish.status).toBeUndefined();
    expect(finish.nextLookMs).toBe(finish.requeueAfterMs);
    expect(finish.nextLookMs).toBeGreaterThanOrEqual(settings.retryIntervalMs);
  });

  it('waits as long as the vendor asks', () => {
    const inventory: Failure = {
      kind: 'Throttled',
      afterMs: 2 * hours,
      error: { code: 'Slow', message: '' },
    };
    expect(trouble(anInventory({ status: listedStatus }), { seen: { inventory } })).toMatchObject({
      verdict: { reason: 'ProviderThrottled' },
      nextLookMs: 2 * hours,
    });
  });

  it('is asked for again as soon as the provider is back, where that was what stood in the way', () => {
    const provider = { state: 'NotReady', reason: 'ProviderUnavailable', message: 'away' } as const;
    expect(trouble(anInventory({ status: listedStatus }), { provider })).toMatchObject({
      verdict: { reason: 'WaitingForProvider' },
      nextLookMs: 0,
    });
  });

  it('says nothing of the trouble of a provider before the vendor is to be asked again', () => {
    const conditions = [ready('True', 'Available')];
    const object = anInventory({ status: { ...listedStatus, conditions } });
    const provider = { state: 'NotReady', reason: 'ProviderUnavailable', message: 'away' } as const;
    expect(decideInventory(facts({ object, provider, dueMs: minutes }))).toEqual({
      do: 'Finish',
      requeueAfterMs: minutes,
    });
  });

  it('goes when it was of another scope', () => {
    const object = anInventory({ status: listedStatus, metadata: { generation: 2 } });
    expect(trouble(object).status).toEqual({ ...nothing, endpointID });
  });

  it('goes when it was of another endpoint, which is asked no more often for that', () => {
    const object = anInventory({ status: { ...listedStatus, endpointID: 'azure:elsewhere' } });
    const { status } = trouble(object);
    expect(status).toEqual({ ...nothing, endpointID });
    const after = anInventory({
      status: { observedGeneration: 1, ...status } as VMSnapshotInventory['status'],
    });
    expect(decideInventory(facts({ object: after, dueMs: minutes }))).toEqual({
      do: 'Finish',
      requeueAfterMs: minutes,
    });
  });

  it('goes when it may no longer be seen', () => {
    const object = anInventory({ spec: { providerRef: clusterRef }, status: listedStatus });
    const finish = decideInventory(
      facts({ ...throughCluster([]), object, dueMs: minutes }),
    ) as InventoryFinish;
    expect(finish).toMatchObject({ verdict: { reason: 'AccessDenied' }, status: nothing, nextLookMs: 0 });
  });
});

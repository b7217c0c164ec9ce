/**
 * An inventory makes nothing at the vendor and removes nothing: it asks, at its interval or when it is told to, and
 * shows the answer. What it showed last stays while the vendor cannot be asked, unless it was of another scope or
 * endpoint, or may no longer be seen.
 */
import { isDeepStrictEqual } from 'node:util';
import { timestamp, type Verdict } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import type {
  VMSnapshotInventory,
  VMSnapshotInventoryStatus,
} from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import type { AnyProvider } from '../../providers/any-provider.ts';
import type { Collection } from '../../providers/azure/azure-provider.ts';
import { collectionType, nameOf, parseIDOf } from '../../providers/azure/ids.ts';
import { type Failure, type Outcome, succeeded } from '../../providers/outcome.ts';
import type { Inventory, InventoryScope, Support, VM, VMQuery } from '../../providers/provider.ts';
import { type AccessRequest, accessDenial, grants, sourceAccessDenial } from '../access.ts';
import { isAskedToLook, isPaused, paused } from '../annotations.ts';
import { type ProviderState, waitingForProvider } from '../provider-registry.ts';
import { type Settings, waitDelayMs } from '../settings.ts';
import { sourceTrouble } from '../trouble.ts';
import { sourceVM } from '../vmsnapshot/azure.ts';
import { cut } from '../words.ts';
import { type Holders, type Listed, listed, summary } from './items.ts';

export interface InventoryFacts {
  object: VMSnapshotInventory;
  now: number;
  random: number;
  settings: Settings;
  provider: ProviderState;
  neighbours: InventoryNeighbours;
  /** Milliseconds until the vendor is to be asked again; 0 when it is due. */
  dueMs: number;
  seen: InventorySeen;
}

export interface InventoryNeighbours extends Holders {
  namespaceLabels: Record<string, string>;
}

export interface InventorySeen {
  vm?: Outcome<VM>;
  collection?: Outcome<Collection>;
  inventory?: Outcome<Inventory>;
}

export type InventoryStep =
  | { do: 'ReadVM'; query: VMQuery }
  | { do: 'ReadCollection'; id: string }
  | { do: 'List'; scope: InventoryScope; limit: number }
  | InventoryFinish;

export interface InventoryFinish {
  do: 'Finish';
  /** What to say; absent leaves the status as it is. */
  verdict?: Verdict;
  status?: VMSnapshotInventoryStatus;
  requeueAfterMs?: number;
  /** The vendor was asked: not to be asked again before this. 0: as soon as there is a reason. */
  nextLookMs?: number;
  /** The vendor answered. */
  looked?: true;
}

/** What is shown of the vendor; taken away where it may no longer be seen, or is of something else. */
const nothing: VMSnapshotInventoryStatus = {
  vm: undefined,
  items: undefined,
  counts: undefined,
  truncated: undefined,
};
const defaultLimit = 100;

/** The one next step for an inventory. */
export function decideInventory(facts: InventoryFacts): InventoryStep {
  const { object, dueMs, provider: state } = facts;
  const { spec, status, metadata } = object;
  if (metadata.deletionTimestamp !== undefined) return { do: 'Finish' };
  if (isPaused(object)) return { do: 'Finish', verdict: paused };
  // Not tried yet: a change will be told.
  if (state.state === 'Untried') return { do: 'Finish' };
  // Asked each time: what a rule that was taken away had granted is not shown for long.
  const barred = sourceDenial(facts);
  if (barred !== undefined) return denied(facts, barred);
  const connected = state.state === 'Ready' ? state.provider.endpointID : undefined;
  const current =
    status?.observedGeneration === metadata.generation &&
    (connected === undefined || status?.endpointID === connected);
  if (dueMs > 0 && current && !isAskedToLook(object)) return { do: 'Finish', requeueAfterMs: dueMs };
  if (state.state !== 'Ready')
    return trouble(facts, waitingForProvider(spec.providerRef, state), {
      nextLookMs: 0,
      requeueAfterMs: waitDelayMs(facts),
    });

  const { provider } = state;
  const scope = resolved(facts, provider);
  if ('do' in scope) return scope;
  const { inventory } = facts.seen;
  const limit = spec.limit ?? defaultLimit;
  if (inventory === undefined) return { do: 'List', scope: scope.of, limit };
  if (!succeeded(inventory)) return unread(facts, inventory, `listing the snapshots of ${scope.called}`);
  const next = listed(inventory.value, limit, facts.neighbours, {
    cluster: facts.settings.cluster,
    endpointID: provider.endpointID,
  });
  return found(facts, provider, scope, next);
}

/** The scope as the provider takes it, granted; or what is to be done or said first. */
interface ResolvedScope {
  of: InventoryScope;
  /** For people. */
  called: string;
  /** Of one thing in the list, for people. */
  noun: string;
  vm?: { id: string; name: string };
}

function resolved(facts: InventoryFacts, provider: AnyProvider): ResolvedScope | InventoryStep {
  const { vm, storageDomain, collection } = facts.object.spec.scope;
  const { inventory: can, stamps, noun } = provider.capabilities;
  const lacking =
    refusal('scope.vm', vm, can.vm) ??
    refusal('scope.storageDomain', storageDomain, can.storageDomain) ??
    refusal('scope.collection', collection, can.collection) ??
    refusal('scope.vm.stampID', vm?.stampID, stamps);
  if (lacking !== undefined) return trouble(facts, lacking);
  if (storageDomain !== undefined) return storageDomainScope(facts, storageDomain);
  if (collection !== undefined) return collectionScope(facts, provider, collection, noun);
  return vmScope(facts, vm ?? {}, noun);
}

function refusal(field: string, value: unknown, support: Support): Verdict | undefined {
  if (value === undefined || support === true) return undefined;
  return {
    reason: 'UnsupportedByProvider',
    message: `spec.${field} is set, but ${support}. Give another spec.scope`,
  };
}

function vmScope(
  facts: InventoryFacts,
  { id, name = '', stampID }: { id?: string; name?: string; stampID?: string },
  noun: string,
): ResolvedScope | InventoryStep {
  const stamp = stampID === undefined ? {} : { stampID };
  const { vm: read } = facts.seen;
  if (read === undefined)
    return { do: 'ReadVM', query: id === undefined ? { name, ...stamp } : { id, ...stamp } };
  if (!succeeded(read)) return unread(facts, read, `reading VM ${id ?? name}`);
  const vm = read.value;
  const notThis = sourceDenial(facts, vm) ?? denial(facts, vm, { resourceGroup: '', location: '' });
  if (notThis !== undefined) return denied(facts, notThis);
  return {
    of: { vm: vm.id, containerID: vm.containerID ?? vm.id },
    called: `VM ${vm.name}`,
    noun,
    vm: { id: vm.id, name: cut(vm.name, 256) },
  };
}

/** A storage domain holds what is of any VM, and so is granted by a rule for all VMs only. */
function storageDomainScope(facts: InventoryFacts, storageDomain: string): ResolvedScope | InventoryStep {
  const request = requestOf(facts);
  const anyVM = { id: '', name: '', resourceGroup: '' };
  const target = { resourceGroup: '', location: '' };
  if (request !== undefined && !grants(request.rules, { ...request.asked, vm: anyVM, target }))
    return denied(facts, {
      reason: 'AccessDenied',
      message: `ClusterVMProvider ${request.provider} grants namespace ${request.asked.namespace} no Adopt of all VMs, and a storage domain holds snapshots of any. Name a VM in spec.scope, or add a rule without vms to its spec.access`,
    });
  return {
    of: { storageDomain },
    called: `storage domain ${storageDomain}`,
    noun: 'disk snapshot',
  };
}

function collectionScope(
  facts: InventoryFacts,
  provider: AnyProvider,
  id: string,
  noun: string,
): ResolvedScope | InventoryStep {
  const called = `collection ${nameOf(id)}`;
  const scope = { of: { collection: id }, called, noun };
  const subscription = parseIDOf(collectionType, id)?.subscriptionID;
  if (provider.vendor === 'azure' && subscription?.toLowerCase() !== provider.subscriptionID.toLowerCase())
    return trouble(facts, {
      reason: 'InvalidSpec',
      message: `spec.scope.collection lies in subscription ${subscription}, the provider is for ${provider.subscriptionID}`,
    });
  // Only access rules need to know whose restore points are in it.
  if (requestOf(facts) === undefined) return scope;
  const { collection: read } = facts.seen;
  if (read === undefined) return { do: 'ReadCollection', id };
  if (!succeeded(read)) return unread(facts, read, `reading ${called}`);
  const { source, resourceGroup, location } = read.value;
  const notThis = denial(facts, sourceVM(source.id), { resourceGroup, location });
  return notThis === undefined ? scope : denied(facts, notThis);
}

/** What access rules are asked; undefined where there are none to ask. To list what is there is as to adopt it. */
function requestOf({ object, provider, neighbours }: InventoryFacts) {
  const { providerRef } = object.spec;
  if (providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  return {
    rules: provider.access,
    provider: providerRef.name,
    asked: {
      operation: 'Adopt' as const,
      namespace: object.metadata.namespace ?? '',
      namespaceLabels: neighbours.namespaceLabels,
    },
  };
}

function denial(
  facts: InventoryFacts,
  vm: AccessRequest['vm'],
  target: AccessRequest['target'],
): Verdict | undefined {
  const request = requestOf(facts);
  return request && accessDenial(request.rules, { ...request.asked, vm, target }, request.provider);
}

/** As `denial`, before anything is told of the VM. */
function sourceDenial(facts: InventoryFacts, vm?: AccessRequest['vm']): Verdict | undefined {
  const request = requestOf(facts);
  return request && sourceAccessDenial(request.rules, { ...request.asked, vm }, request.provider);
}

function found(
  facts: InventoryFacts,
  { endpointID }: AnyProvider,
  { noun, vm }: ResolvedScope,
  next: Listed,
): InventoryFinish {
  const { object, now, random } = facts;
  const { status = {}, spec } = object;
  const before = { items: status.items, counts: status.counts, truncated: status.truncated };
  const changed = !isDeepStrictEqual(before, next) || status.endpointID !== endpointID;
  const intervalMs = parseDuration(spec.refreshInterval ?? '1h');
  // Spread, so that inventories made together do not ask together for ever.
  const nextLookMs = Math.round(intervalMs * (1 + random / 10));
  return {
    do: 'Finish',
    verdict: { reason: 'Available', message: summary(next, noun) },
    status: {
      ...next,
      vm,
      endpointID,
      ...(changed || status.changedAt === undefined ? { changedAt: timestamp(now) } : {}),
    },
    looked: true,
    nextLookMs,
    requeueAfterMs: nextLookMs,
  };
}

/** The vendor could not be asked, or did not answer as it should. */
function unread(facts: InventoryFacts, failure: Failure, what: string): InventoryFinish {
  const { reason, message, afterMs } = sourceTrouble(failure, what);
  const final = ['SourceNotFound', 'AmbiguousSource', 'UnsupportedByProvider'].includes(reason);
  const delayMs = Math.max(afterMs ?? 0, final ? facts.settings.driftIntervalMs : waitDelayMs(facts));
  const wait = { nextLookMs: delayMs, requeueAfterMs: delayMs };
  // Nothing is made here: what would end a creation is the spec's fault, or another try's.
  if (reason !== 'CreationFailed') return trouble(facts, { reason, message }, wait);
  const instead = failure.kind === 'Invalid' ? 'InvalidSpec' : 'ProgressingWithRetry';
  return trouble(facts, { reason: instead, message }, wait);
}

/** What was listed of another scope or endpoint goes; the rest stays as it was found. */
function trouble(
  { object, provider }: InventoryFacts,
  verdict: Verdict,
  rest: Partial<InventoryFinish> = {},
): InventoryFinish {
  const { status, metadata } = object;
  const endpointID = provider.state === 'Ready' ? provider.provider.endpointID : status?.endpointID;
  const stale = status?.observedGeneration !== metadata.generation || status?.endpointID !== endpointID;
  return { do: 'Finish', verdict, ...(stale ? { status: { ...nothing, endpointID } } : {}), ...rest };
}

function denied(facts: InventoryFacts, verdict: Verdict): InventoryFinish {
  return { do: 'Finish', verdict, status: nothing, nextLookMs: 0, requeueAfterMs: waitDelayMs(facts) };
}

/** Which collection the spec means, and what it is to bear. */
import type { Verdict } from '../../api/conditions.ts';
import { ownerTag } from '../../api/names.ts';
import type { AzureProvider } from '../../providers/azure/azure-provider.ts';
import {
  collectionID,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  vmType,
} from '../../providers/azure/ids.ts';
import { sameName } from '../../providers/ids.ts';
import { succeeded } from '../../providers/outcome.ts';
import type { VMQuery } from '../../providers/provider.ts';
import { accessDenial } from '../access.ts';
import { sourceVM } from '../vmsnapshot/azure.ts';
import {
  type CollectionFacts,
  type CollectionFinish,
  type CollectionIntent,
  type CollectionStep,
  ownerOf,
  say,
  trouble,
} from './facts.ts';

interface Resolved {
  target: CollectionIntent;
  access: {
    operation: 'Snapshot' | 'Copy' | 'Adopt';
    vm: { id: string; name: string; resourceGroup: string };
  };
}

/** The source, and from it the place and the name. */
export function resolve(facts: CollectionFacts, provider: AzureProvider): Resolved | CollectionStep {
  const { source } = facts.object.spec;
  if (source.vm !== undefined) return resolveVM(facts, provider, source.vm);
  if (source.adopt !== undefined) return resolveAdopted(facts, provider, source.adopt.id);
  return resolveCopies(facts, provider);
}

function resolveVM(
  facts: CollectionFacts,
  provider: AzureProvider,
  wanted: { id?: string; name?: string; resourceGroup?: string },
): Resolved | CollectionStep {
  const { object, seen } = facts;
  let query: VMQuery;
  if (wanted.id !== undefined) {
    const parsed = parseIDOf(vmType, wanted.id);
    if (parsed === undefined)
      return say(
        'InvalidSpec',
        'spec.source.vm.id is not the id of an Azure VM: /subscriptions/../resourceGroups/../providers/Microsoft.Compute/virtualMachines/..',
      );
    const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.vm.id');
    if (stranger !== undefined) return stranger;
    query = { id: wanted.id };
  } else {
    const group = wanted.resourceGroup ?? provider.defaultResourceGroup;
    if (group === undefined)
      return say(
        'InvalidSpec',
        'spec.source.vm.name is given without a resource group: set spec.source.vm.resourceGroup, or spec.azure.resourceGroup of the provider',
      );
    query = { name: wanted.name ?? '', resourceGroup: group };
  }
  if (seen.vm === undefined) return { do: 'ReadVM', query };
  if (!succeeded(seen.vm))
    return trouble(facts, seen.vm, `reading VM ${wanted.name ?? nameOf(wanted.id ?? '')}`);
  const vm = seen.vm.value;
  const { resourceGroup = vm.resourceGroup, location } = object.spec;
  return {
    target: {
      ...place(facts, provider, resourceGroup),
      location: location === undefined ? vm.location : normalizeLocation(location),
      sourceID: vm.id,
      sourceLocation: vm.location,
      vmUID: vm.uid,
    },
    access: { operation: 'Snapshot', vm },
  };
}

function resolveCopies(facts: CollectionFacts, provider: AzureProvider): Resolved | CollectionStep {
  const { object, seen, neighbours } = facts;
  const { source, location = '' } = object.spec;
  let id = source.collectionID;
  if (source.collectionRef !== undefined) {
    const { name } = source.collectionRef;
    if (neighbours.source === undefined)
      return say(
        'ReferenceNotFound',
        `spec.source.collectionRef names RestorePointCollection ${name}, which is not in this namespace. Make it, or a new RestorePointCollection with the right name`,
      );
    id = neighbours.source.status?.id;
    if (id === undefined) return say('Queued', `waiting for RestorePointCollection ${name} to be ready`);
  }
  const parsed = parseID(id ?? '');
  if (id === undefined || parsed === undefined)
    return say('InvalidSpec', 'spec.source.collectionID is not the id of a restore point collection');
  const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.collectionID');
  if (stranger !== undefined) return stranger;
  if (seen.sourceCollection === undefined) return { do: 'ReadSourceCollection', id };
  if (!succeeded(seen.sourceCollection))
    return trouble(facts, seen.sourceCollection, `reading the source collection ${nameOf(id)}`);
  const from = seen.sourceCollection.value;
  if (parseIDOf(vmType, from.source.id) === undefined) {
    return say(
      'InvalidSpec',
      `${from.name} holds copies itself, and Azure makes no copies of copies. Name the collection of the VM`,
    );
  }
  if (normalizeLocation(location) === from.location) {
    return say(
      'InvalidSpec',
      `spec.location is ${from.location}, where the source collection lies itself; copies go into another region`,
    );
  }
  return {
    target: {
      ...place(facts, provider, object.spec.resourceGroup ?? from.resourceGroup),
      location: normalizeLocation(location),
      sourceID: from.id,
      sourceLocation: from.location,
    },
    access: { operation: 'Copy', vm: sourceVM(from.source.id) },
  };
}

function resolveAdopted(
  facts: CollectionFacts,
  provider: AzureProvider,
  id: string,
): Resolved | CollectionStep {
  const { seen } = facts;
  const parsed = parseID(id);
  if (parsed === undefined)
    return say('InvalidSpec', 'spec.source.adopt.id is not the id of a restore point collection');
  const stranger = strangeSubscription(parsed.subscriptionID, provider, 'spec.source.adopt.id');
  if (stranger !== undefined) return stranger;
  if ((parsed.names[0] ?? '').toLowerCase().startsWith('azurebackup_')) {
    return say(
      'AdoptionConflict',
      `${parsed.names[0]} belongs to Azure Backup, whose collections are never adopted or touched`,
    );
  }
  if (seen.collection === undefined) return { do: 'ReadCollection', id, points: false };
  if (!succeeded(seen.collection)) return trouble(facts, seen.collection, `reading collection ${nameOf(id)}`);
  const found = seen.collection.value;
  return {
    target: {
      id,
      location: found.location,
      tags: {},
      sourceID: found.source.id,
      ...(found.source.location === undefined
        ? {}
        : { sourceLocation: normalizeLocation(found.source.location) }),
    },
    access: { operation: 'Adopt', vm: sourceVM(found.source.id) },
  };
}

/** Id and tags: a name of its own for each object, unless one is asked for. */
function place(
  facts: CollectionFacts,
  provider: AzureProvider,
  resourceGroup: string,
): { id: string; tags: Record<string, string> } {
  const { object, settings } = facts;
  const name = object.spec.name ?? `keyframe-${settings.cluster}-${object.metadata.uid}`;
  return { id: collectionID(provider.subscriptionID, resourceGroup, name), tags: tagsWanted(facts) };
}

/** The tags that it is to bear: those of the spec, and whose it is. */
export function tagsWanted(facts: CollectionFacts): Record<string, string> {
  return { ...facts.object.spec.tags, [ownerTag]: ownerOf(facts) };
}

/** Why the access rules of the provider do not let it be there. */
export function denial(facts: CollectionFacts, { access, target }: Resolved): Verdict | undefined {
  const { object, provider, neighbours } = facts;
  if (object.spec.providerRef.kind !== 'ClusterVMProvider' || provider.state !== 'Ready') return undefined;
  const place = { resourceGroup: parseID(target.id)?.resourceGroup ?? '', location: target.location };
  const namespace = object.metadata.namespace ?? '';
  return accessDenial(
    provider.access,
    { ...access, namespace, namespaceLabels: neighbours.namespaceLabels, target: place },
    object.spec.providerRef.name,
  );
}

function strangeSubscription(
  subscriptionID: string,
  provider: AzureProvider,
  field: string,
): CollectionFinish | undefined {
  if (sameName(subscriptionID, provider.subscriptionID)) return undefined;
  return say(
    'InvalidSpec',
    `${field} lies in subscription ${subscriptionID}, the provider is for ${provider.subscriptionID}`,
  );
}

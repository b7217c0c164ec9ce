import { randomUUID } from 'node:crypto';
import { faultOfKind } from '../common/faults.ts';
import type { WireResponse } from '../common/http-server.ts';
import { checkBody } from './contract.ts';
import { ArmError, contractError, invalidParameter, operationNotAllowed } from './errors.ts';
import { refuseIfLocked, refuseIfReadOnly } from './locks.ts';
import { json } from './operations.ts';
import { page } from './paging.ts';
import { type ArmRequest, checkResourceName, parameter, scopeOf } from './requests.ts';
import { computeId, equalNames, keyOf, namesInId, normalizeLocation } from './resource-ids.ts';
import { restorePointAnswer } from './restore-point-answer.ts';
import { accepted, outcomeOf, refuseIfBusy, removePoint } from './restore-points.ts';
import { firstExcerptVersion } from './schema.ts';
import type { Collection, World } from './state.ts';

interface CollectionInput {
  location?: string;
  tags?: Record<string, string>;
  properties?: { source?: { id?: string }; instantAccess?: boolean };
}

const collectionType = 'Microsoft.Compute/restorePointCollections';

/** PUT of a collection: made, or its tags changed. */
export function putCollection(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  const group = world.requireResourceGroup(subscription, resourceGroup);
  checkBody(request.operation, request.apiVersion, request.body);
  const input = request.body as CollectionInput;
  const name = parameter(request, 'restorePointCollectionName');
  checkResourceName(name, 'restorePointCollectionName');
  const id = computeId(subscription, group.name, 'restorePointCollections', name);
  refuseIfReadOnly(world, id);
  const existing = world.collections.get(keyOf(id));
  if (existing !== undefined) return replaceTags(world, request, existing, input);

  const location = normalizeLocation(input.location ?? '');
  const source = sourceOf(world, input.properties?.source?.id);
  if (source.kind === 'collection' && normalizeLocation(source.location) === location) {
    throw invalidParameter(
      'A restore point collection whose source is a restore point collection must be in another region than its source.',
      'location',
    );
  }
  if (
    source.kind === 'vm' &&
    normalizeLocation(source.location) !== location &&
    !world.behaviour.directCrossRegion
  ) {
    throw invalidParameter(
      `The restore point collection must be in the region of its source, '${source.location}'.`,
      'location',
    );
  }
  const now = world.clock.now();
  const late = faultOfKind(request.faults, 'late-effect');
  const collection: Collection = {
    id,
    name,
    subscription,
    resourceGroup: group.name,
    location,
    tags: input.tags,
    sourceId: source.id,
    sourceKind: source.kind,
    sourceLocation: source.location,
    uniqueId: randomUUID(),
    instantAccess: input.properties?.instantAccess,
    provisioningState: 'Succeeded',
    points: new Map(),
    timeCreated: now,
    visibleAt: late === undefined ? now : now + late.milliseconds,
    newestCopied: undefined,
    deletion: undefined,
  };
  world.collections.set(keyOf(id), collection);
  world.record('collection-created', collection, now, request.clientRequestId);
  return json(201, collectionAnswer(collection, request.apiVersion));
}

/** PATCH of a collection: tags, and instant access. */
export function patchCollection(world: World, request: ArmRequest): WireResponse {
  const collection = requireCollection(world, request);
  checkBody(request.operation, request.apiVersion, request.body);
  refuseIfReadOnly(world, collection.id);
  const input = request.body as CollectionInput;
  refuseOtherSource(collection, input);
  if (input.tags !== undefined) collection.tags = input.tags;
  if (input.properties?.instantAccess !== undefined)
    collection.instantAccess = input.properties.instantAccess;
  return json(200, collectionAnswer(collection, request.apiVersion));
}

/** GET of a collection, with its restore points when they are asked for. */
export function getCollection(world: World, request: ArmRequest): WireResponse {
  const collection = requireCollection(world, request);
  const answer = collectionAnswer(collection, request.apiVersion);
  if (request.wire.query.get('$expand') !== 'restorePoints') return json(200, answer);
  const restorePoints = world
    .visiblePoints(collection)
    .map((point) => restorePointAnswer(world, point, { apiVersion: request.apiVersion, expanded: false }));
  return json(200, { ...answer, properties: { ...answer.properties, restorePoints } });
}

/** The collections of a resource group, or of a subscription with upper-cased group names in their ids. */
export function listCollections(world: World, request: ArmRequest): WireResponse {
  const subscription = parameter(request, 'subscriptionId');
  const resourceGroup = request.parameters.resourceGroupName;
  if (resourceGroup === undefined) world.requireSubscription(subscription);
  else world.requireResourceGroup(subscription, resourceGroup);
  const now = world.clock.now();
  const found = [...world.collections.values()].filter(
    (collection) =>
      equalNames(collection.subscription, subscription) &&
      (resourceGroup === undefined || equalNames(collection.resourceGroup, resourceGroup)) &&
      collection.visibleAt <= now,
  );
  return page(world, request, found, (collection) => {
    const answer = collectionAnswer(collection, request.apiVersion);
    if (resourceGroup !== undefined) return answer;
    const upper = collection.resourceGroup.toUpperCase();
    return {
      ...answer,
      id: computeId(collection.subscription, upper, 'restorePointCollections', collection.name),
    };
  });
}

/** DELETE of a collection and of every restore point in it. */
export function deleteCollection(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const collection = world.collection(
    subscription,
    resourceGroup,
    parameter(request, 'restorePointCollectionName'),
  );
  if (collection === undefined) return { status: 204, headers: {} };
  refuseIfLocked(world, collection.id);
  const running = collection.deletion === undefined ? undefined : world.operations.get(collection.deletion);
  if (running?.status === 'InProgress') return accepted(world, running);
  const points = [...collection.points.values()];
  refuseIfBusy(world, points);

  const operation = world.operations.begin('compute', subscription, collection.location, request.apiVersion);
  collection.deletion = operation.id;
  collection.provisioningState = 'Deleting';
  const { deleteCollectionSeconds, deletePointSeconds } = world.durations;
  const outcome = outcomeOf(request, points.length === 0 ? deleteCollectionSeconds : deletePointSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      world.operations.end(operation, at, outcome.error);
      if (outcome.error !== undefined) {
        collection.provisioningState = 'Succeeded';
        return;
      }
      for (const point of [...collection.points.values()])
        removePoint(world, point, at, request.clientRequestId);
      world.collections.delete(keyOf(collection.id));
      world.record('collection-deleted', collection, at, request.clientRequestId);
    });
  }
  return accepted(world, operation);
}

function requireCollection(world: World, request: ArmRequest): Collection {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  return world.requireCollection(
    subscription,
    resourceGroup,
    parameter(request, 'restorePointCollectionName'),
  );
}

function replaceTags(
  world: World,
  request: ArmRequest,
  collection: Collection,
  input: CollectionInput,
): WireResponse {
  if (collection.provisioningState === 'Deleting') {
    throw operationNotAllowed(`The restore point collection '${collection.name}' is being deleted.`);
  }
  const location = normalizeLocation(input.location ?? '');
  if (location !== collection.location) {
    throw new ArmError(
      409,
      'InvalidResourceLocation',
      `The resource '${collection.name}' already exists in location '${collection.location}' in resource group ` +
        `'${collection.resourceGroup}'. A resource with the same name cannot be created in location '${location}'. ` +
        'Please select a new resource name.',
      { headers: { 'x-ms-failure-cause': 'gateway' } },
    );
  }
  refuseOtherSource(collection, input);
  collection.tags = input.tags;
  collection.visibleAt = Math.min(collection.visibleAt, world.clock.now());
  return json(200, collectionAnswer(collection, request.apiVersion));
}

function refuseOtherSource(collection: Collection, input: CollectionInput): void {
  const source = input.properties?.source?.id;
  if (source === undefined || equalNames(source, collection.sourceId)) return;
  throw new ArmError(
    409,
    'PropertyChangeNotAllowed',
    "Changing property 'restorePointCollection.properties.source.id' is not allowed.",
    { target: 'restorePointCollection.properties.source.id' },
  );
}

function sourceOf(
  world: World,
  id: string | undefined,
): { id: string; kind: Collection['sourceKind']; location: string } {
  if (id === undefined) {
    throw contractError(
      400,
      'InvalidParameter',
      "Required parameter 'restorePointCollection.properties.source.id' is missing (null).",
      'restorePointCollection.properties.source.id',
    );
  }
  const vm = world.vms.get(keyOf(id));
  if (vm !== undefined) return { id: vm.id, kind: 'vm', location: vm.location };
  const parsed = namesInId(id, 'restorePointCollections');
  const collection = parsed && world.collections.get(keyOf(id));
  if (collection !== undefined) {
    if (collection.sourceKind === 'collection') {
      throw invalidParameter(
        'A restore point collection that holds copies cannot be the source of another one.',
        'restorePointCollection.properties.source.id',
      );
    }
    return { id: collection.id, kind: 'collection', location: collection.location };
  }
  if (parsed === undefined && namesInId(id, 'virtualMachines') === undefined) {
    throw contractError(
      400,
      'InvalidParameter',
      `The source '${id}' is neither the id of a virtual machine nor of a restore point collection.`,
      'restorePointCollection.properties.source.id',
    );
  }
  throw new ArmError(404, 'NotFound', `The source '${id}' of the restore point collection was not found.`);
}

interface CollectionAnswer {
  properties: Record<string, unknown>;
  [member: string]: unknown;
}

function collectionAnswer(collection: Collection, apiVersion: string): CollectionAnswer {
  const { instantAccess } = collection;
  return {
    name: collection.name,
    id: collection.id,
    type: collectionType,
    location: collection.location,
    ...(collection.tags === undefined ? {} : { tags: collection.tags }),
    properties: {
      source: { id: collection.sourceId, location: spellLocation(collection.sourceLocation) },
      provisioningState: collection.provisioningState,
      restorePointCollectionId: collection.uniqueId,
      ...(apiVersion >= firstExcerptVersion && instantAccess !== undefined ? { instantAccess } : {}),
    },
  };
}

/** A region as it comes back in `source.location`: in another spelling than elsewhere (Azure sheet, section 3). */
function spellLocation(location: string): string {
  return normalizeLocation(location)
    .replace(/euap|us(?=$|\d|[ce])|uk|uae/g, (word) => word.toUpperCase())
    .replace(
      /east|west|north|south|central|europe|asia|china|japan|korea|norway|france|canada|brazil|india|australia|sweden/g,
      (word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`,
    );
}

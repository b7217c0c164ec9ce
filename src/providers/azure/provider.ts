import type { ConnectionOptions } from '../exchange.ts';
import type { HttpResponse } from '../http.ts';
import { sameID, sameName } from '../ids.ts';
import { MalformedAnswer } from '../json.ts';
import { type Call, done, type Failure, type Outcome, succeeded, type WriteCall } from '../outcome.ts';
import type {
  Capabilities,
  CreateAccepted,
  Inventory,
  InventoryScope,
  OperationAccepted,
  OperationState,
  Product,
  Snapshot,
  SnapshotRef,
  SnapshotTarget,
  SnapshotView,
  VM,
  VMQuery,
} from '../provider.ts';
import type { AzureProvider, Collection, CollectionTarget } from './azure-provider.ts';
import { type Cloud, type CloudEndpoints, endpointsOf, resourceManagerOrigin } from './clouds.ts';
import type { AzureAuth } from './credentials.ts';
import {
  collectionOfPoint,
  collectionType,
  isSegment,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointID,
  pointType,
  vmID,
  vmType,
} from './ids.ts';
import {
  type APIVersions,
  collectionBody,
  collectionsPath,
  createOperation,
  defaultAPIVersions,
  pointBody,
  resourcePath,
} from './request.ts';
import { afterOf, jsonOf, ResourceManager } from './resource-manager.ts';
import { collectionOf, expectRemoval, locationOf, operationOf, pageOf, snapshotOf, vmOf } from './wire.ts';

/** What names an endpoint. */
export interface AzureEndpoint {
  cloud: Cloud;
  /** For Custom. */
  endpoints?: CloudEndpoints;
  subscriptionID: string;
  tenantID: string;
}

/** All that an Azure provider is made of. */
export interface AzureProviderOptions extends AzureEndpoint, ConnectionOptions {
  auth: AzureAuth;
  apiVersions?: Partial<APIVersions>;
  defaultResourceGroup?: string;
  /** How long the effect of a write whose answer was lost may take to show; 30 s when left out. */
  settleMs?: number;
}

/** The vendor's limit is 500 points for a VM and 10,000 collections for a region (Azure sheet, section 12). */
const maxPages = 200;
const defaultSettleMs = 30_000;
const none = 'Keyframe does not restore from Azure restore points; make disks of them at Azure';
export const azureCapabilities: Capabilities = {
  noun: 'restore point',
  memory: 'Azure restore points hold no memory',
  displayName: 'Azure restore points have no display name',
  description: 'Azure restore points have no description',
  rename: 'Azure restore points have no description',
  stamps: 'Azure has no stamps',
  namesVM: true,
  // Application and FileSystem are the default's: it tries for the best, and says what it achieved.
  consistency: { Application: true, FileSystem: true, Crash: true },
  disks: {
    include: true,
    exclude: true,
    configurationOnly: 'Azure restore points hold at least one disk',
  },
  quiesces: true,
  freeze: 'Azure freezes guests itself',
  thawsItself: true,
  imageIDs: 'Azure has no image ids',
  configuration: 'Azure does not give the configuration of a VM as OVF',
  collections: true,
  restore: {
    inPlace: none,
    preview: none,
    newVM: none,
    newDisks: none,
    memory: none,
    disks: none,
    losesNewer: false,
  },
  inventory: {
    vm: 'Azure keeps restore points by collection: give spec.scope.collection',
    storageDomain: 'Azure has no storage domains',
    collection: true,
  },
};

/**
 * The id of an endpoint: `azure:<resource manager's host>/<tenant>/<subscription>`, lower case.
 * Throws a TypeError when the endpoint's address cannot be one.
 */
export function endpointIDOf(endpoint: AzureEndpoint): string {
  const origin = resourceManagerOrigin(endpointsOf(endpoint.cloud, endpoint.endpoints));
  const host = origin.slice('https://'.length);
  return `azure:${host}/${endpoint.tenantID}/${endpoint.subscriptionID}`.toLowerCase();
}

/**
 * Makes the provider of one Azure subscription. Nothing is sent yet.
 * Throws a TypeError when the options cannot be right.
 */
export function createAzureProvider(options: AzureProviderOptions): AzureProvider {
  return new SubscriptionProvider(options);
}

class SubscriptionProvider implements AzureProvider {
  readonly vendor = 'azure';
  readonly capabilities = azureCapabilities;
  readonly endpointID: string;
  readonly requestTimeoutMs: number;
  readonly settleMs: number;
  readonly subscriptionID: string;
  readonly defaultResourceGroup?: string;
  readonly #versions: APIVersions;
  readonly #manager: ResourceManager;

  constructor(options: AzureProviderOptions) {
    const { defaultResourceGroup } = options;
    this.#versions = { ...defaultAPIVersions, ...options.apiVersions };
    this.endpointID = endpointIDOf(options);
    this.requestTimeoutMs = options.limits.requestTimeoutMs;
    this.settleMs = options.settleMs ?? defaultSettleMs;
    this.subscriptionID = options.subscriptionID;
    if (defaultResourceGroup !== undefined) this.defaultResourceGroup = defaultResourceGroup;
    this.#manager = new ResourceManager({
      ...options,
      endpoints: endpointsOf(options.cloud, options.endpoints),
      customAuthority: options.cloud === 'Custom',
    });
  }

  async probe(call: Call): Promise<Outcome<Product>> {
    const path = collectionsPath(this.subscriptionID, this.defaultResourceGroup, this.#versions.compute);
    return this.#manager.send(call, {
      operation: 'probe',
      method: 'GET',
      path,
      resource: this.defaultResourceGroup ?? '',
      read: (response) => {
        pageOf(jsonOf(response));
        return done({ name: 'Azure Resource Manager', apiVersion: this.#versions.compute });
      },
    });
  }

  async getVM(query: VMQuery, call: Call): Promise<Outcome<VM>> {
    const group = 'id' in query ? undefined : (query.resourceGroup ?? this.defaultResourceGroup ?? '');
    if (!('id' in query) && !(isSegment(query.name) && isSegment(group ?? ''))) {
      return invalid('InvalidName', `'${query.name}' in '${group}' cannot be the name of a VM`);
    }
    const id = 'id' in query ? query.id : vmID(this.subscriptionID, group ?? '', query.name);
    return this.#resource(vmType, id, call, 'getVM', undefined, (response) =>
      done(vmOf(jsonOf(response), id)),
    );
  }

  async getSnapshot({ id }: SnapshotRef, options: SnapshotView, call: Call): Promise<Outcome<Snapshot>> {
    const expand = options.progress === true ? 'instanceView' : undefined;
    return this.#resource(pointType, id, call, 'getRestorePoint', expand, (response) =>
      done(snapshotOf(jsonOf(response), id)),
    );
  }

  async createSnapshot(target: SnapshotTarget, call: WriteCall): Promise<Outcome<CreateAccepted>> {
    const refusal = isSegment(target.name)
      ? this.#misplaced(collectionType, target.containerID)
      : invalid('InvalidName', `'${target.name}' cannot be the name of a restore point`);
    if (refusal !== undefined) return refusal;
    const id = pointID(target.containerID, target.name);
    return this.#manager.send(call, {
      operation: createOperation(target),
      method: 'PUT',
      path: resourcePath(id, this.#versions.compute),
      body: pointBody(target, this.#versions.compute),
      resource: target.containerID,
      resourceID: id,
      // Even a body that says Succeeded is but an acceptance; what holds is the next GET (Azure sheet, section 4).
      read: (response) => ({
        kind: 'Pending',
        value: { snapshot: snapshotOf(jsonOf(response), id), ...this.#manager.pollingToken(response) },
        ...afterOf(response),
      }),
    });
  }

  async deleteSnapshot({ id }: SnapshotRef, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return this.#remove(pointType, id, 'deleteRestorePoint', call);
  }

  async listSnapshots(containerID: string, call: Call): Promise<Outcome<Snapshot[]>> {
    const outcome = await this.getCollection(containerID, { points: true }, call);
    return succeeded(outcome) ? done(outcome.value.points ?? []) : outcome;
  }

  /**
   * A 404 may also come of a lost permission or a wrong path. A collection is gone when a complete list of its
   * resource group has it no more, or, where the group is gone too, that of the subscription.
   */
  async isContainerGone(containerID: string, call: Call): Promise<Outcome<boolean>> {
    const resourceGroup = parseID(containerID)?.resourceGroup;
    const group =
      resourceGroup === undefined ? undefined : await this.listCollections({ resourceGroup }, call);
    const list =
      group === undefined || group.kind === 'NotFound' ? await this.listCollections({}, call) : group;
    if (!succeeded(list)) return list;
    return done(!list.value.some((collection) => sameID(collection.id, containerID)));
  }

  /** What an attempt made bears its mark in its name, and Azure keeps no other record of it. */
  attemptToken(): undefined {
    return undefined;
  }

  async listInventory(scope: InventoryScope, limit: number, call: Call): Promise<Outcome<Inventory>> {
    if (!('collection' in scope))
      return {
        kind: 'Unsupported',
        error: { code: 'NoCollection', message: String(azureCapabilities.inventory.vm) },
      };
    const outcome = await this.listSnapshots(scope.collection, call);
    if (!succeeded(outcome)) return outcome;
    // Azure lists by name; of what does not fit, the oldest is left out.
    const at = ({ createdAt = '' }: Snapshot) => Date.parse(createdAt) || 0;
    const newest = outcome.value.toSorted((one, other) => at(other) - at(one));
    const items = newest.map(({ id, name, vmID: vm, createdAt, copyOf, vendorState }) => ({
      id,
      name,
      type: copyOf === undefined ? 'restorePoint' : 'copy',
      state: vendorState,
      ...(vm === undefined ? {} : { vmID: vm }),
      ...(createdAt === undefined ? {} : { createdAt }),
    }));
    return done({ items: items.slice(0, limit), truncated: items.length > limit });
  }

  async getOperation(token: string, call: Call): Promise<Outcome<OperationState>> {
    const operation = this.#manager.readToken(token);
    if (operation === undefined) {
      return invalid(
        'InvalidOperation',
        'the operation token is no URL of this Resource Manager; read the resource itself',
      );
    }
    return this.#manager.send(call, {
      operation: 'getOperation',
      method: 'GET',
      path: operation.path,
      // The query is a signature, and as long as one.
      resource: operation.path.split('?')[0] ?? '',
      read: (response) => {
        const json = jsonOf(response);
        const state = operation.kind === 'status' ? operationOf(json) : locationOf(response.status, json);
        return done({ ...state, ...afterOf(response) });
      },
    });
  }

  async getCollection(id: string, options: { points: boolean }, call: Call): Promise<Outcome<Collection>> {
    const operation = options.points ? 'listRestorePoints' : 'getCollection';
    const expand = options.points ? 'restorePoints' : undefined;
    return this.#resource(collectionType, id, call, operation, expand, (response) =>
      done(collectionOf(jsonOf(response), id, options.points)),
    );
  }

  async listCollections(scope: { resourceGroup?: string }, call: Call): Promise<Outcome<Collection[]>> {
    if (scope.resourceGroup !== undefined && !isSegment(scope.resourceGroup)) {
      return invalid('InvalidName', `'${scope.resourceGroup}' cannot be the name of a resource group`);
    }
    const found: Collection[] = [];
    const seen = new Set<string>();
    let path = collectionsPath(this.subscriptionID, scope.resourceGroup, this.#versions.compute);
    for (;;) {
      if (seen.has(path) || seen.size >= maxPages) {
        const message = `the list of collections does not end: ${seen.size} pages, and a link to one more`;
        return { kind: 'Unavailable', error: { code: 'EndlessList', message } };
      }
      seen.add(path);
      const page = await this.#manager.send(call, {
        operation: 'listCollections',
        method: 'GET',
        path,
        resource: scope.resourceGroup ?? '',
        read: (response) => {
          const { items, nextLink } = pageOf(jsonOf(response));
          const collections = items.map((item) => collectionOf(item, undefined, false));
          const next = nextLink === undefined ? undefined : this.#manager.pathOf(nextLink);
          if (nextLink !== undefined && next === undefined) {
            throw new MalformedAnswer(
              'the link to the next page of the list leads away from the Resource Manager',
            );
          }
          return done({ collections, next });
        },
      });
      if (!succeeded(page)) return page;
      found.push(...page.value.collections);
      if (page.value.next === undefined) return done(found);
      path = page.value.next;
    }
  }

  async createCollection(target: CollectionTarget, call: WriteCall): Promise<Outcome<Collection>> {
    const refusal = this.#misplaced(collectionType, target.id);
    if (refusal !== undefined) return refusal;
    return this.#manager.send(call, {
      operation: 'createCollection',
      method: 'PUT',
      path: resourcePath(target.id, this.#versions.compute),
      body: collectionBody(target),
      resource: target.id,
      resourceID: target.id,
      read: (response) => {
        const collection = collectionOf(jsonOf(response), target.id, false);
        // One made elsewhere meanwhile is not what was asked for.
        if (collection.location !== normalizeLocation(target.location)) {
          throw new MalformedAnswer(
            `asked for a collection in ${target.location}, but the answer says ${collection.location}`,
          );
        }
        return done(collection);
      },
    });
  }

  async updateCollectionTags(
    id: string,
    tags: Record<string, string>,
    call: WriteCall,
  ): Promise<Outcome<Collection>> {
    const refusal = this.#misplaced(collectionType, id);
    if (refusal !== undefined) return refusal;
    return this.#manager.send(call, {
      operation: 'updateCollection',
      method: 'PATCH',
      path: resourcePath(id, this.#versions.compute),
      body: { tags },
      resource: id,
      resourceID: id,
      read: (response) => done(collectionOf(jsonOf(response), id, false)),
    });
  }

  async deleteCollection(id: string, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return this.#remove(collectionType, id, 'deleteCollection', call);
  }

  async close(): Promise<void> {
    await this.#manager.close();
  }

  /** A read of one resource. */
  async #resource<T>(
    type: string,
    id: string,
    call: Call,
    operation: string,
    expand: 'restorePoints' | 'instanceView' | undefined,
    read: (response: HttpResponse) => Outcome<T>,
  ): Promise<Outcome<T>> {
    const refusal = this.#misplaced(type, id);
    if (refusal !== undefined) return refusal;
    const path = resourcePath(id, this.#versions.compute, expand);
    return this.#manager.send(call, {
      operation,
      method: 'GET',
      path,
      resource: lane(id),
      resourceID: id,
      read,
    });
  }

  async #remove(
    type: string,
    id: string,
    operation: string,
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>> {
    const refusal = this.#misplaced(type, id);
    if (refusal !== undefined) return refusal;
    return this.#manager.send(call, {
      operation,
      method: 'DELETE',
      path: resourcePath(id, this.#versions.compute),
      resource: lane(id),
      resourceID: id,
      read: (response) => {
        expectRemoval(response.status, jsonOf(response));
        return response.status === 202
          ? { kind: 'Pending', value: this.#manager.pollingToken(response), ...afterOf(response) }
          : done({});
      },
    });
  }

  /** Refuses what is no id of this kind in this subscription; undefined when it is. */
  #misplaced(type: string, id: string): Failure | undefined {
    const parsed = parseIDOf(type, id);
    if (parsed === undefined) return invalid('InvalidID', `'${id}' is not an id of the type ${type}`);
    if (sameName(parsed.subscriptionID, this.subscriptionID)) return undefined;
    const message = `${id} is in another subscription than the provider's, ${this.subscriptionID}; use a provider for that one`;
    return invalid('OtherSubscription', message);
  }
}

/** What the policies of the vendor count for: a collection, or else the resource itself. */
function lane(id: string): string {
  return collectionOfPoint(id) ?? id;
}

function invalid(code: string, message: string): Failure {
  return { kind: 'Invalid', error: { code, message } };
}

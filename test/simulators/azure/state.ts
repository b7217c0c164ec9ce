import { randomUUID } from 'node:crypto';
import type { SimulatedClock } from '../common/clock.ts';
import { ArmError, resourceNotFound } from './errors.ts';
import type { Lock } from './locks.ts';
import type { Operations } from './operations.ts';
import type { Behaviour, Durations } from './options.ts';
import { computeId, equalNames, keyOf, namesInId, normalizeLocation } from './resource-ids.ts';
import type { Throttle } from './throttle.ts';

export type ConsistencyMode = 'CrashConsistent' | 'FileSystemConsistent' | 'ApplicationConsistent';

export interface ResourceGroup {
  name: string;
  location: string;
}

export interface Subscription {
  id: string;
  displayName: string;
  /** Whether Microsoft.Compute is registered. */
  registered: boolean;
  resourceGroups: Map<string, ResourceGroup>;
}

/** A disk of a VM, as a test describes it. */
export interface DiskSpec {
  name?: string;
  resourceGroup?: string;
  sizeGB?: number;
  sku?: 'Standard_LRS' | 'StandardSSD_LRS' | 'Premium_LRS' | 'UltraSSD_LRS' | 'PremiumV2_LRS';
  lun?: number;
  caching?: 'None' | 'ReadOnly' | 'ReadWrite';
  shared?: boolean;
  ephemeral?: boolean;
  writeAccelerator?: boolean;
  /** Known to the VM's model and not allocated: no restore point can be taken of it. */
  unallocated?: boolean;
  /** The disk encryption set of a customer's key. */
  encryptionSetId?: string;
  /** How long this disk takes to replicate, in simulated seconds. */
  replicationSeconds?: number;
}

/** A VM, as a test describes it. */
export interface VmSpec {
  name: string;
  resourceGroup?: string;
  subscription?: string;
  location?: string;
  vmId?: string;
  size?: string;
  osType?: 'Linux' | 'Windows';
  power?: 'running' | 'stopped' | 'deallocated';
  /** Absent: the VM was built on attached disks, without osProfile and agent. */
  agent?: 'healthy' | 'unhealthy' | 'absent';
  extensions?: { name: string; provisioningState: string }[];
  /** So many of the next creates fall back to file system consistency, as after a failed VSS writer. */
  vssFallbacks?: number;
  /** Whether the VM's size supports Premium storage. */
  premiumStorage?: boolean;
  unmanagedDisks?: boolean;
  uniformScaleSet?: boolean;
  osDisk?: DiskSpec;
  dataDisks?: DiskSpec[];
  tags?: Record<string, string>;
  zones?: string[];
  userData?: string;
  /** How long a create takes, in simulated seconds. */
  createSeconds?: number;
}

export interface VmDisk extends DiskSpec {
  id: string;
  name: string;
  sizeGB: number;
  sku: NonNullable<DiskSpec['sku']>;
  caching: NonNullable<DiskSpec['caching']>;
  uniqueId: string;
}

export interface Vm extends VmSpec {
  id: string;
  subscription: string;
  resourceGroup: string;
  location: string;
  vmId: string;
  size: string;
  osType: 'Linux' | 'Windows';
  power: NonNullable<VmSpec['power']>;
  agent: NonNullable<VmSpec['agent']>;
  osDisk: VmDisk;
  dataDisks: VmDisk[];
  timeCreated: number;
  /** The create in flight, of which there is one at most. */
  creating: RestorePoint | undefined;
}

/** A managed disk that stands by itself: made from a disk restore point. */
export interface ManagedDisk {
  id: string;
  name: string;
  resourceGroup: string;
  subscription: string;
  location: string;
  sku: string;
  sizeGB: number;
  osType: 'Linux' | 'Windows' | undefined;
  zones: string[] | undefined;
  tags: Record<string, string> | undefined;
  createOption: string;
  sourceResourceId: string | undefined;
  timeCreated: number;
  uniqueId: string;
  provisioningState: string;
}

export interface Collection {
  id: string;
  name: string;
  subscription: string;
  resourceGroup: string;
  location: string;
  tags: Record<string, string> | undefined;
  sourceId: string;
  /** A collection as source makes this the target of copies. */
  sourceKind: 'vm' | 'collection';
  sourceLocation: string;
  uniqueId: string;
  instantAccess: boolean | undefined;
  provisioningState: 'Succeeded' | 'Deleting';
  points: Map<string, RestorePoint>;
  timeCreated: number;
  visibleAt: number;
  /** The newest source that was ever copied here: older ones are refused from then on. */
  newestCopied: number | undefined;
  deletion: string | undefined;
}

/** How far the data of one disk has moved to another region. Instants in milliseconds. */
export interface DiskReplication {
  startedAt: number;
  endsAt: number;
  /** When it ends in failure. */
  failsAt: number | undefined;
}

export interface PointDisk {
  /** The source disk. */
  disk: VmDisk;
  isOsDisk: boolean;
  /** `<disk>_<guid>`: the service's choice, another one for each copy. */
  name: string;
  encryption: { type: string; diskEncryptionSetId: string | undefined };
  /** Of a copy: the disk restore point it was made from. */
  sourceDiskRestorePointId: string | undefined;
  replication: DiskReplication | undefined;
  /** When the SAS on it ends, while there is one. */
  access: { sas: string; endsAt: number } | undefined;
  familyId: string;
}

export interface RestorePoint {
  id: string;
  name: string;
  collection: Collection;
  kind: 'local' | 'direct' | 'copy';
  /** The VM as it was when the point, or the source of the copy, was taken. */
  vm: Vm;
  requestedMode: 'CrashConsistent' | undefined;
  consistencyMode: ConsistencyMode;
  excludeDisks: string[] | undefined;
  sourceRestorePoint: RestorePoint | undefined;
  sourceRestorePointId: string | undefined;
  /** Of a copy: its source's. */
  timeCreated: number;
  provisioningState: 'Creating' | 'Succeeded' | 'Failed' | 'Deleting';
  disks: PointDisk[];
  visibleAt: number;
  instantAccessDurationMinutes: number | undefined;
  /** When the create succeeded. */
  succeededAt: number | undefined;
  deletion: string | undefined;
}

/** An entry of the audit log: something that Azure did, whoever learnt of it. */
export interface Effect {
  time: number;
  effect:
    | 'collection-created'
    | 'collection-deleted'
    | 'point-created'
    | 'point-succeeded'
    | 'point-failed'
    | 'point-deleted'
    | 'disk-created'
    | 'disk-deleted';
  id: string;
  name: string;
  /** The collection's id, for points. */
  collection: string | undefined;
  kind: RestorePoint['kind'] | undefined;
  /** The client's request id, where the effect came from a request. */
  clientRequestId: string | undefined;
}

/** Everything that the simulated cloud holds. */
export class World {
  readonly clock: SimulatedClock;
  readonly durations: Durations;
  readonly behaviour: Behaviour;
  readonly throttle: Throttle;
  readonly operations: Operations;
  readonly defaultSubscription: string;
  readonly subscriptions = new Map<string, Subscription>();
  readonly vms = new Map<string, Vm>();
  readonly disks = new Map<string, ManagedDisk>();
  readonly collections = new Map<string, Collection>();
  /** Region by id of each disk encryption set. */
  readonly encryptionSets = new Map<string, string>();
  readonly locks: Lock[] = [];
  readonly effects: Effect[] = [];

  constructor(parts: {
    clock: SimulatedClock;
    durations: Durations;
    behaviour: Behaviour;
    throttle: Throttle;
    operations: Operations;
    defaultSubscription: string;
  }) {
    this.clock = parts.clock;
    this.durations = parts.durations;
    this.behaviour = parts.behaviour;
    this.throttle = parts.throttle;
    this.operations = parts.operations;
    this.defaultSubscription = parts.defaultSubscription;
  }

  addSubscription(id: string, displayName = 'Simulated subscription'): Subscription {
    const subscription = {
      id,
      displayName,
      registered: true,
      resourceGroups: new Map<string, ResourceGroup>(),
    };
    this.subscriptions.set(keyOf(id), subscription);
    return subscription;
  }

  /** Adds a resource group, or gives the one of that name. */
  addResourceGroup(
    name: string,
    location = 'eastus',
    subscription = this.defaultSubscription,
  ): ResourceGroup {
    const groups = (this.subscriptions.get(keyOf(subscription)) ?? this.addSubscription(subscription))
      .resourceGroups;
    const existing = groups.get(keyOf(name));
    if (existing !== undefined) return existing;
    const group = { name, location: normalizeLocation(location) };
    groups.set(keyOf(name), group);
    return group;
  }

  /** Adds a VM with its disks, and its resource group where that is missing. A VM of the same name is replaced. */
  addVm(spec: VmSpec): Vm {
    const subscription = spec.subscription ?? this.defaultSubscription;
    const location = spec.location ?? 'eastus';
    const resourceGroup = this.addResourceGroup(spec.resourceGroup ?? 'rg', location, subscription).name;
    const id = computeId(subscription, resourceGroup, 'virtualMachines', spec.name);
    const disk = (diskSpec: DiskSpec, name: string): VmDisk => ({
      ...diskSpec,
      name: diskSpec.name ?? name,
      id: computeId(subscription, diskSpec.resourceGroup ?? resourceGroup, 'disks', diskSpec.name ?? name),
      sizeGB: diskSpec.sizeGB ?? 30,
      sku: diskSpec.sku ?? 'Premium_LRS',
      caching: diskSpec.caching ?? 'None',
      uniqueId: randomUUID(),
    });
    const vm: Vm = {
      ...spec,
      id,
      subscription,
      resourceGroup,
      location,
      vmId: spec.vmId ?? randomUUID(),
      size: spec.size ?? 'Standard_D2s_v3',
      osType: spec.osType ?? 'Linux',
      power: spec.power ?? 'running',
      agent: spec.agent ?? 'healthy',
      osDisk: disk(
        { caching: 'ReadWrite', ...spec.osDisk },
        `${spec.name}_OsDisk_1_${randomUUID().replaceAll('-', '')}`,
      ),
      dataDisks: (spec.dataDisks ?? []).map((dataDisk, index) => ({
        ...disk(dataDisk, `${spec.name}_DataDisk_${index}`),
        lun: dataDisk.lun ?? index,
      })),
      timeCreated: this.clock.now(),
      creating: undefined,
    };
    this.vms.set(keyOf(id), vm);
    return vm;
  }

  /** Changes fields of a VM. */
  updateVm(id: string, changes: Partial<VmSpec>): void {
    const vm = this.vms.get(keyOf(id));
    if (vm === undefined) throw new Error(`There is no VM ${id} to change.`);
    const { osDisk: _osDisk, dataDisks: _dataDisks, ...rest } = changes;
    Object.assign(vm, rest);
  }

  /** Takes away the locks on exactly this scope. */
  removeLock(scope: string): void {
    for (let index = this.locks.length - 1; index >= 0; index -= 1) {
      if (equalNames(this.locks[index]?.scope ?? '', scope)) this.locks.splice(index, 1);
    }
  }

  /** The group, or ARM's 404 for subscription or group. */
  requireResourceGroup(subscription: string, resourceGroup: string): ResourceGroup {
    const group = this.requireSubscription(subscription).resourceGroups.get(keyOf(resourceGroup));
    if (group === undefined) {
      throw new ArmError(
        404,
        'ResourceGroupNotFound',
        `Resource group '${resourceGroup}' could not be found.`,
        {
          headers: { 'x-ms-failure-cause': 'gateway' },
        },
      );
    }
    return group;
  }

  /** The subscription, or ARM's 404. */
  requireSubscription(id: string): Subscription {
    const subscription = this.subscriptions.get(keyOf(id));
    if (subscription === undefined) {
      throw new ArmError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`, {
        headers: { 'x-ms-failure-cause': 'gateway' },
      });
    }
    return subscription;
  }

  /** The collection if it can be seen by now. */
  collection(subscription: string, resourceGroup: string, name: string): Collection | undefined {
    const found = this.collections.get(
      keyOf(computeId(subscription, resourceGroup, 'restorePointCollections', name)),
    );
    return found !== undefined && found.visibleAt <= this.clock.now() ? found : undefined;
  }

  /** The collection, or the front door's 404. */
  requireCollection(subscription: string, resourceGroup: string, name: string): Collection {
    const found = this.collection(subscription, resourceGroup, name);
    if (found === undefined)
      throw resourceNotFound('Microsoft.Compute/restorePointCollections', name, resourceGroup);
    return found;
  }

  /** The VM, or the front door's 404. */
  requireVm(subscription: string, resourceGroup: string, name: string): Vm {
    const vm = this.vms.get(keyOf(computeId(subscription, resourceGroup, 'virtualMachines', name)));
    if (vm === undefined) throw resourceNotFound('Microsoft.Compute/virtualMachines', name, resourceGroup);
    return vm;
  }

  /** The restore point of that id, whether it can be seen or not. */
  pointById(id: string): RestorePoint | undefined {
    const parsed = namesInId(id, 'restorePointCollections', 'restorePoints');
    if (parsed === undefined) return undefined;
    const [collection = '', point = ''] = parsed.names;
    return this.collections
      .get(keyOf(computeId(parsed.subscription, parsed.resourceGroup, 'restorePointCollections', collection)))
      ?.points.get(keyOf(point));
  }

  /** Every restore point there is, over all collections. */
  allPoints(): RestorePoint[] {
    return [...this.collections.values()].flatMap((collection) => [...collection.points.values()]);
  }

  /** The points of a collection that can be seen by now. */
  visiblePoints(collection: Collection): RestorePoint[] {
    const now = this.clock.now();
    return [...collection.points.values()].filter((point) => point.visibleAt <= now);
  }

  /** Points of a VM, over all its collections and copies of them left out: what the limit counts. */
  pointsOfVm(vmId: string): RestorePoint[] {
    return this.allPoints().filter((point) => point.kind !== 'copy' && equalNames(point.vm.id, vmId));
  }

  /** Notes something that happened. */
  record(
    effect: Effect['effect'],
    subject: Collection | RestorePoint | ManagedDisk,
    at: number,
    clientRequestId?: string,
  ): void {
    const point = 'kind' in subject ? subject : undefined;
    this.effects.push({
      time: at,
      effect,
      id: subject.id,
      name: subject.name,
      collection: point?.collection.id,
      kind: point?.kind,
      clientRequestId,
    });
  }
}

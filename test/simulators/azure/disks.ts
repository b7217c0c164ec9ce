import { randomUUID } from 'node:crypto';
import type { WireResponse } from '../common/http-server.ts';
import { checkBody } from './contract.ts';
import { ArmError, contractError, invalidParameter, resourceNotFound } from './errors.ts';
import { refuseIfLocked, refuseIfReadOnly } from './locks.ts';
import { azureTime, json } from './operations.ts';
import { page } from './paging.ts';
import { type ArmRequest, checkResourceName, parameter, scopeOf } from './requests.ts';
import { computeId, equalNames, keyOf, namesInId, normalizeLocation } from './resource-ids.ts';
import { accepted, outcomeOf } from './restore-points.ts';
import type { ManagedDisk, PointDisk, RestorePoint, Vm, VmDisk, World } from './state.ts';

interface DiskInput {
  location: string;
  sku?: { name?: string };
  zones?: string[];
  tags?: Record<string, string>;
  properties?: { creationData?: { createOption: string; sourceResourceId?: string }; diskSizeGB?: number };
}

/** GET of a managed disk: one of a VM's, or one made from a disk restore point. */
export function getDisk(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const name = parameter(request, 'diskName');
  const id = computeId(subscription, resourceGroup, 'disks', name);
  const found = answers(world, subscription, resourceGroup).find((answer) =>
    equalNames(String(answer.id), id),
  );
  if (found === undefined) throw resourceNotFound('Microsoft.Compute/disks', name, resourceGroup);
  return json(200, found);
}

/** The managed disks of a resource group or of a subscription. */
export function listDisks(world: World, request: ArmRequest): WireResponse {
  const subscription = parameter(request, 'subscriptionId');
  const resourceGroup = request.parameters.resourceGroupName;
  if (resourceGroup === undefined) world.requireSubscription(subscription);
  else world.requireResourceGroup(subscription, resourceGroup);
  return page(world, request, answers(world, subscription, resourceGroup), (answer) => answer);
}

/** PUT of a disk made from a disk restore point (Azure sheet, section 11). Other ways to make a disk are not simulated. */
export function putDisk(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  const group = world.requireResourceGroup(subscription, resourceGroup);
  checkBody(request.operation, request.apiVersion, request.body);
  const input = request.body as DiskInput;
  const name = parameter(request, 'diskName');
  checkResourceName(name, 'diskName');
  const id = computeId(subscription, group.name, 'disks', name);
  refuseIfReadOnly(world, id);
  const creation = input.properties?.creationData;
  if (creation?.createOption !== 'Restore' || creation.sourceResourceId === undefined) {
    throw contractError(
      400,
      'InvalidParameter',
      "The simulator makes disks with createOption 'Restore' and a sourceResourceId only.",
      'disk.properties.creationData',
    );
  }
  if (world.disks.has(keyOf(id)) || answers(world, subscription, group.name).some((disk) => disk.id === id)) {
    throw new ArmError(
      409,
      'PropertyChangeNotAllowed',
      "Changing property 'properties.creationData' is not allowed for existing disk.",
    );
  }
  const { point, disk: source } = sourceOf(world, creation.sourceResourceId);
  const location = normalizeLocation(input.location);
  if (location !== point.collection.location) {
    throw invalidParameter(
      `The disk must be in the region of its disk restore point, '${point.collection.location}'.`,
      'disk.location',
    );
  }
  const sizeGB = input.properties?.diskSizeGB ?? source.disk.sizeGB;
  if (sizeGB < source.disk.sizeGB) {
    throw invalidParameter(
      `The disk cannot be smaller than its source, ${source.disk.sizeGB} GB.`,
      'disk.diskSizeGB',
    );
  }
  const disk: ManagedDisk = {
    id,
    name,
    subscription,
    resourceGroup: group.name,
    location,
    sku: input.sku?.name ?? source.disk.sku,
    sizeGB,
    osType: source.isOsDisk ? point.vm.osType : undefined,
    zones: input.zones,
    tags: input.tags,
    createOption: 'Restore',
    sourceResourceId: creation.sourceResourceId,
    timeCreated: world.clock.now(),
    uniqueId: randomUUID(),
    provisioningState: 'Updating',
  };
  world.disks.set(keyOf(id), disk);
  world.record('disk-created', disk, disk.timeCreated, request.clientRequestId);
  const operation = world.operations.begin('disk', subscription, location, request.apiVersion);
  const outcome = outcomeOf(request, world.durations.diskSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      disk.provisioningState = outcome.error === undefined ? 'Succeeded' : 'Failed';
      if (outcome.error === undefined) operation.output = managedDiskAnswer(disk);
      else if (outcome.vanishes) world.disks.delete(keyOf(id));
      world.operations.end(operation, at, outcome.error);
    });
  }
  const { headers } = accepted(world, operation);
  const answer = { name, location, properties: { creationData: creation, provisioningState: 'Updating' } };
  return {
    status: 202,
    headers: { ...headers, 'Content-Type': 'application/json; charset=utf-8' },
    body: answer,
  };
}

/** DELETE of a disk that stands by itself; a VM's disks are attached and stay. */
export function deleteDisk(world: World, request: ArmRequest): WireResponse {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  const id = computeId(subscription, resourceGroup, 'disks', parameter(request, 'diskName'));
  const disk = world.disks.get(keyOf(id));
  if (disk === undefined) {
    const attached = [...world.vms.values()].find((vm) =>
      [vm.osDisk, ...vm.dataDisks].some((candidate) => equalNames(candidate.id, id)),
    );
    if (attached === undefined) return { status: 204, headers: {} };
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `The disk is attached to the virtual machine '${attached.id}'.`,
    );
  }
  refuseIfLocked(world, id);
  const operation = world.operations.begin('disk', subscription, disk.location, request.apiVersion);
  const outcome = outcomeOf(request, world.durations.diskSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      world.operations.end(operation, at, outcome.error);
      if (outcome.error !== undefined) return;
      world.disks.delete(keyOf(id));
      world.record('disk-deleted', disk, at, request.clientRequestId);
    });
  }
  return accepted(world, operation);
}

function sourceOf(world: World, id: string): { point: RestorePoint; disk: PointDisk } {
  const parsed = namesInId(id, 'restorePointCollections', 'restorePoints', 'diskRestorePoints');
  const [collection = '', pointName = '', diskName = ''] = parsed?.names ?? [];
  const point =
    parsed &&
    world.pointById(
      computeId(
        parsed.subscription,
        parsed.resourceGroup,
        'restorePointCollections',
        collection,
        'restorePoints',
        pointName,
      ),
    );
  const disk = point?.disks.find((candidate) => equalNames(candidate.name, diskName));
  // That the data has arrived is not checked: a disk of an unfinished copy is the caller's fault (section 8).
  if (point === undefined || disk === undefined || point.provisioningState !== 'Succeeded') {
    throw new ArmError(404, 'NotFound', `The disk restore point '${id}' was not found.`);
  }
  return { point, disk };
}

function answers(
  world: World,
  subscription: string,
  resourceGroup: string | undefined,
): Record<string, unknown>[] {
  const attached = [...world.vms.values()].flatMap((vm) =>
    vm.unmanagedDisks === true
      ? []
      : [vm.osDisk, ...vm.dataDisks].map((disk) => attachedDiskAnswer(vm, disk, disk === vm.osDisk)),
  );
  const all = [...attached, ...[...world.disks.values()].map(managedDiskAnswer)];
  const prefix = keyOf(
    resourceGroup === undefined
      ? `/subscriptions/${subscription}/`
      : `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/`,
  );
  return all.filter((answer) => keyOf(String(answer.id)).startsWith(prefix));
}

function attachedDiskAnswer(vm: Vm, disk: VmDisk, isOsDisk: boolean): Record<string, unknown> {
  return {
    name: disk.name,
    id: disk.id,
    type: 'Microsoft.Compute/disks',
    location: normalizeLocation(vm.location),
    sku: { name: disk.sku },
    managedBy: vm.id,
    properties: {
      ...(isOsDisk ? { osType: vm.osType, hyperVGeneration: 'V2' } : {}),
      creationData: { createOption: isOsDisk ? 'FromImage' : 'Empty' },
      diskSizeGB: disk.sizeGB,
      diskSizeBytes: disk.sizeGB * 1024 ** 3,
      ...(disk.shared === true ? { maxShares: 2 } : {}),
      encryption: {
        type:
          disk.encryptionSetId === undefined
            ? 'EncryptionAtRestWithPlatformKey'
            : 'EncryptionAtRestWithCustomerKey',
        ...(disk.encryptionSetId === undefined ? {} : { diskEncryptionSetId: disk.encryptionSetId }),
      },
      timeCreated: azureTime(vm.timeCreated),
      provisioningState: 'Succeeded',
      diskState: vm.power === 'running' ? 'Attached' : 'Reserved',
      uniqueId: disk.uniqueId,
    },
  };
}

function managedDiskAnswer(disk: ManagedDisk): Record<string, unknown> {
  return {
    name: disk.name,
    id: disk.id,
    type: 'Microsoft.Compute/disks',
    location: disk.location,
    ...(disk.tags === undefined ? {} : { tags: disk.tags }),
    ...(disk.zones === undefined ? {} : { zones: disk.zones }),
    sku: { name: disk.sku },
    properties: {
      ...(disk.osType === undefined ? {} : { osType: disk.osType, hyperVGeneration: 'V2' }),
      creationData: { createOption: disk.createOption, sourceResourceId: disk.sourceResourceId },
      diskSizeGB: disk.sizeGB,
      diskSizeBytes: disk.sizeGB * 1024 ** 3,
      encryption: { type: 'EncryptionAtRestWithPlatformKey' },
      timeCreated: azureTime(disk.timeCreated),
      provisioningState: disk.provisioningState,
      diskState: 'Unattached',
      uniqueId: disk.uniqueId,
    },
  };
}

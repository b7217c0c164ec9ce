import type { WireResponse } from '../common/http-server.ts';
import { refuseIfReadOnly } from './locks.ts';
import { azureTime, json } from './operations.ts';
import { page } from './paging.ts';
import { type ArmRequest, parameter, scopeOf } from './requests.ts';
import { equalNames, normalizeLocation } from './resource-ids.ts';
import { osProfile } from './restore-point-answer.ts';
import { accepted, outcomeOf } from './restore-points.ts';
import type { Vm, VmDisk, World } from './state.ts';

/** GET of a VM, with its instance view when it is asked for. */
export function getVm(world: World, request: ArmRequest): WireResponse {
  const vm = requireVm(world, request);
  return json(200, vmAnswer(vm, request.wire.query.get('$expand') === 'instanceView'));
}

/** The VMs of a resource group or of a subscription. */
export function listVms(world: World, request: ArmRequest): WireResponse {
  const subscription = parameter(request, 'subscriptionId');
  const resourceGroup = request.parameters.resourceGroupName;
  if (resourceGroup === undefined) world.requireSubscription(subscription);
  else world.requireResourceGroup(subscription, resourceGroup);
  const found = [...world.vms.values()].filter(
    (vm) =>
      equalNames(vm.subscription, subscription) &&
      (resourceGroup === undefined || equalNames(vm.resourceGroup, resourceGroup)),
  );
  return page(world, request, found, (vm) => vmAnswer(vm, false));
}

/** POST start or deallocate. */
export function changePower(world: World, request: ArmRequest, power: Vm['power']): WireResponse {
  const vm = requireVm(world, request);
  refuseIfReadOnly(world, vm.id);
  const operation = world.operations.begin(
    'compute',
    vm.subscription,
    normalizeLocation(vm.location),
    request.apiVersion,
  );
  const outcome = outcomeOf(request, world.durations.powerSeconds);
  if (!outcome.stuck) {
    world.clock.schedule(world.clock.now() + world.clock.scale(outcome.seconds), (at) => {
      world.operations.end(operation, at, outcome.error);
      if (outcome.error === undefined) vm.power = power;
    });
  }
  return accepted(world, operation);
}

function requireVm(world: World, request: ArmRequest): Vm {
  const { subscription, resourceGroup } = scopeOf(request);
  world.requireResourceGroup(subscription, resourceGroup);
  return world.requireVm(subscription, resourceGroup, parameter(request, 'vmName'));
}

function vmAnswer(vm: Vm, expanded: boolean): Record<string, unknown> {
  return {
    name: vm.name,
    id: vm.id,
    type: 'Microsoft.Compute/virtualMachines',
    location: normalizeLocation(vm.location),
    ...(vm.tags === undefined ? {} : { tags: vm.tags }),
    ...(vm.zones === undefined ? {} : { zones: vm.zones }),
    properties: {
      vmId: vm.vmId,
      hardwareProfile: { vmSize: vm.size },
      provisioningState: 'Succeeded',
      storageProfile: {
        osDisk: {
          osType: vm.osType,
          ...vmDisk(vm, vm.osDisk, vm.agent === 'absent' ? 'Attach' : 'FromImage'),
          ...(vm.osDisk.ephemeral ? { diffDiskSettings: { option: 'Local' } } : {}),
        },
        dataDisks: vm.dataDisks.map((disk) => ({
          lun: disk.lun,
          ...vmDisk(vm, disk, vm.agent === 'absent' ? 'Attach' : 'Empty'),
          toBeDetached: false,
        })),
        diskControllerType: 'SCSI',
      },
      ...(vm.agent === 'absent' ? {} : { osProfile: osProfile(vm) }),
      networkProfile: {
        networkInterfaces: [
          {
            id: `/subscriptions/${vm.subscription}/resourceGroups/${vm.resourceGroup}/providers/Microsoft.Network/networkInterfaces/${vm.name}-nic`,
          },
        ],
      },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      timeCreated: azureTime(vm.timeCreated),
      ...(expanded ? { instanceView: instanceView(vm) } : {}),
    },
  };
}

function vmDisk(vm: Vm, disk: VmDisk, createOption: string): Record<string, unknown> {
  const source =
    vm.unmanagedDisks === true
      ? { vhd: { uri: `https://account.blob.core.windows.net/vhds/${disk.name}.vhd` } }
      : {
          managedDisk: {
            id: disk.id,
            storageAccountType: disk.sku,
            ...(disk.encryptionSetId === undefined
              ? {}
              : { diskEncryptionSet: { id: disk.encryptionSetId } }),
          },
        };
  return {
    name: disk.name,
    createOption,
    caching: disk.caching,
    writeAcceleratorEnabled: disk.writeAccelerator === true,
    ...source,
    diskSizeGB: disk.sizeGB,
    deleteOption: 'Detach',
  };
}

function instanceView(vm: Vm): Record<string, unknown> {
  const ok = (code: string, displayStatus: string): Record<string, unknown> => ({
    code,
    level: 'Info',
    displayStatus,
  });
  const display = { running: 'VM running', stopped: 'VM stopped', deallocated: 'VM deallocated' };
  const agent =
    vm.agent === 'healthy'
      ? ok('ProvisioningState/succeeded', 'Ready')
      : { code: 'ProvisioningState/Unavailable', level: 'Warning', displayStatus: 'Not Ready' };
  return {
    computerName: vm.name,
    hyperVGeneration: 'V2',
    ...(vm.agent === 'absent' || vm.power !== 'running'
      ? {}
      : { vmAgent: { vmAgentVersion: '2.9.1.1', extensionHandlers: [], statuses: [agent] } }),
    disks: [vm.osDisk, ...vm.dataDisks].map(({ name }) => ({
      name,
      statuses: [ok('ProvisioningState/succeeded', 'Provisioning succeeded')],
    })),
    extensions: (vm.extensions ?? []).map(({ name, provisioningState }) => ({
      name,
      type: name,
      statuses: [ok(`ProvisioningState/${provisioningState.toLowerCase()}`, provisioningState)],
    })),
    statuses: [
      ok('ProvisioningState/succeeded', 'Provisioning succeeded'),
      ok(`PowerState/${vm.power}`, display[vm.power]),
    ],
  };
}

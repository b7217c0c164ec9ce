import { ArmError, invalidParameter } from './errors.ts';
import { equalNames } from './resource-ids.ts';
import type { Vm, VmDisk, World } from './state.ts';

/** A disk of a VM that goes into a restore point. */
export interface DiskToTake {
  disk: VmDisk;
  isOsDisk: boolean;
}

/**
 * The disks of a VM less the excluded ones.
 *
 * @throws ArmError 400 when an excluded disk is none of the VM's, or nothing is left
 */
export function disksToTake(vm: Vm, excluded: readonly string[]): DiskToTake[] {
  const all = [
    { disk: vm.osDisk, isOsDisk: true },
    ...vm.dataDisks.map((disk) => ({ disk, isOsDisk: false })),
  ];
  for (const id of excluded) {
    if (!all.some(({ disk }) => equalNames(disk.id, id))) {
      throw invalidParameter(
        `The disk '${id}' is not attached to the virtual machine '${vm.name}'.`,
        'excludeDisks',
      );
    }
  }
  const left = all.filter(({ disk }) => !excluded.some((id) => equalNames(id, disk.id)));
  if (left.length === 0)
    throw invalidParameter('All disks of the virtual machine are excluded.', 'excludeDisks');
  return left;
}

/**
 * Why the platform will not take a restore point of this VM now, or undefined (Azure sheet, sections 6, 12 and 13).
 * Whether that is told at once or by an operation that fails is unconfirmed, and an option of the simulator.
 */
export function refusalOf(
  world: World,
  vm: Vm,
  disks: readonly DiskToTake[],
  mode: 'CrashConsistent' | undefined,
): ArmError | undefined {
  if (vm.creating !== undefined) {
    return clientError(
      `A restore point of the virtual machine '${vm.name}' is being created already. Retry when it has completed.`,
    );
  }
  const limit = world.behaviour.restorePointsPerVm;
  if (world.pointsOfVm(vm.id).length >= limit) {
    return new ArmError(
      409,
      'OperationNotAllowed',
      `The virtual machine '${vm.name}' has reached the limit of ${limit} restore points. Delete restore points and ` +
        'retry.',
    );
  }
  if (vm.unmanagedDisks === true || vm.uniformScaleSet === true) {
    return new ArmError(
      409,
      'OperationNotAllowed',
      'Restore points are not supported for virtual machines with unmanaged disks or in a Uniform scale set.',
    );
  }
  const unfit = disks.find(({ disk }) => unfitness(disk, mode) !== undefined);
  if (unfit !== undefined) {
    const allocated = unfit.disk.unallocated !== true;
    const message =
      `The disk '${unfit.disk.name}' is ${unfitness(unfit.disk, mode)} and cannot be part of ` +
      `${mode === undefined ? 'a' : 'a crash consistent'} restore point. Exclude it.`;
    return allocated ? clientError(message) : new ArmError(409, 'OperationNotAllowed', message);
  }
  if (mode !== undefined && vm.premiumStorage === false) {
    return clientError(
      `The size '${vm.size}' does not support Premium storage, which crash consistent restore points need.`,
    );
  }
  if (mode === undefined && vm.power !== 'running' && world.behaviour.stoppedVm === 'refused') {
    return new ArmError(409, 'OperationNotAllowed', `The virtual machine '${vm.name}' is not running.`);
  }
  return undefined;
}

/** Why the guest lets a default create fail after it was accepted, or undefined (Azure sheet, section 13). */
export function guestFailure(
  vm: Vm,
  mode: 'CrashConsistent' | undefined,
): { code: string; message: string } | undefined {
  if (mode !== undefined || vm.power !== 'running' || vm.agent === 'absent') return undefined;
  if (vm.agent === 'unhealthy') {
    return {
      code: 'VMAgentStatusCommunicationError',
      message:
        `VM '${vm.name}' has not reported status for VM agent or extensions. Please verify that the VM has a running ` +
        'VM agent and can establish outbound connections to Azure storage.',
    };
  }
  const unready = (vm.extensions ?? []).find(({ provisioningState }) => provisioningState !== 'Succeeded');
  if (unready === undefined) return undefined;
  return {
    code: 'VMRestorePointClientError',
    message: `The extension '${unready.name}' of VM '${vm.name}' is in the state '${unready.provisioningState}'.`,
  };
}

function clientError(message: string): ArmError {
  return new ArmError(409, 'VMRestorePointClientError', message);
}

function unfitness(disk: VmDisk, mode: 'CrashConsistent' | undefined): string | undefined {
  if (disk.unallocated === true) return 'not allocated';
  if (disk.shared === true) return 'shared';
  if (disk.ephemeral === true) return 'ephemeral';
  if (mode === undefined) return undefined;
  if (disk.sku === 'UltraSSD_LRS') return 'an Ultra disk';
  if (disk.sku === 'PremiumV2_LRS') return 'a Premium SSD v2 disk';
  return disk.writeAccelerator === true ? 'write accelerated' : undefined;
}

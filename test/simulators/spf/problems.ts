import type { VmmProblem } from './errors.ts';
import { depthOf, statusOf, type Vm, type World } from './state.ts';

/** What VMM says when another job is at work. */
function locked(): VmmProblem {
  return {
    code: 'ObjectsLockedByOtherTask',
    displayableErrorCode: '2606',
    problem:
      'Unable to perform the job because one or more of the selected objects are locked by another job.',
    recommendedAction:
      'To find out which job is locking the object, in the Jobs view, group by Status, and find the running or ' +
      'canceling job for the object. When the job is complete, try again.',
  };
}

/** What VMM says when the VM is in a state in which an action makes no sense. */
export function invalidState(vm: Vm): VmmProblem {
  return {
    code: 'VMInvalidState',
    displayableErrorCode: '1730',
    problem:
      'The selected action could not be completed because the virtual machine is not in a state in which the action ' +
      `is valid. ${vm.name} is in the state ${statusOf(vm)}.`,
    recommendedAction: 'Change the state of the virtual machine, and then try the operation again.',
  };
}

/** What VMM says when a user role may not do something. */
export function permissionMissing(permission: string, vm: Vm): VmmProblem {
  return {
    code: 'UserNotAuthorizedForAction',
    displayableErrorCode: '1604',
    problem: `The user role does not have the ${permission} permission for the virtual machine ${vm.name}.`,
    recommendedAction: 'Contact the administrator of the user role, and then try the operation again.',
  };
}

/** What VMM says when a user role has used up its quota. */
export function quotaReached(vm: Vm): VmmProblem {
  return {
    code: 'UserRoleQuotaExceeded',
    displayableErrorCode: '12024',
    problem: `The storage quota of the user role has been exceeded by the operation on the virtual machine ${vm.name}.`,
    recommendedAction:
      'Remove what is no longer needed, or have the quota raised, and then try the operation again.',
  };
}

/** What VMM says of an object that it does not know. */
export function unknownVm(id: string): VmmProblem {
  return {
    code: 'ObjectNotFound',
    displayableErrorCode: '801',
    problem: `VMM cannot find VM object ${id}.`,
    recommendedAction: 'Ensure the library object is valid, and then try the operation again.',
  };
}

/** Why no job can begin on a VM now; undefined when one can. */
export function busyProblem(vm: Vm): VmmProblem | undefined {
  if (vm.job !== undefined) return locked();
  if (vm.migrating || vm.transient !== undefined || vm.power === 'Stored' || !vm.enabled || vm.template) {
    return invalidState(vm);
  }
  return undefined;
}

/** Why no checkpoint can be made of a VM now; undefined when one can. */
export function createProblem(world: World, vm: Vm): VmmProblem | undefined {
  const busy = busyProblem(vm);
  if (busy !== undefined) return busy;
  if (vm.hasPassthroughDisk) {
    return hyperVProblem(
      `A checkpoint of '${vm.name}' cannot be created because a physical (pass-through) disk is attached to it.`,
    );
  }
  if (vm.checkpointType === 'Disabled') {
    return hyperVProblem(`Checkpoints have been disabled for the virtual machine '${vm.name}'.`);
  }
  if (vm.checkpointType === 'ProductionOnly' && vm.power === 'Running' && !vm.hasVmAdditions) {
    return hyperVProblem(`Production checkpoints cannot be created for '${vm.name}'.`);
  }
  const { checkpointsPerVm, checkpointDepth } = world.behaviour;
  if (world.checkpointsOf(vm).length >= checkpointsPerVm) {
    return hyperVProblem(
      `'${vm.name}' has reached the maximum number of checkpoints (${checkpointsPerVm}) that is supported for a ` +
        'virtual machine.',
    );
  }
  if (depthOf(vm.base) >= checkpointDepth) {
    return hyperVProblem(
      `The chain of checkpoints of '${vm.name}' has reached the maximum depth (${checkpointDepth}) that is supported.`,
    );
  }
  return undefined;
}

/** Why a VM cannot be restored now; undefined when it can. */
export function restoreProblem(world: World, vm: Vm): VmmProblem | undefined {
  const needsRest = world.behaviour.restoreNeeds === 'stopped-or-saved';
  const busy = busyProblem(vm);
  if (busy !== undefined) return busy;
  return needsRest && vm.power !== 'PowerOff' && vm.power !== 'Saved' ? invalidState(vm) : undefined;
}

function hyperVProblem(words: string): VmmProblem {
  return {
    code: 'HostOperationFailed',
    displayableErrorCode: '12700',
    problem: `VMM cannot complete the host operation on the host01.contoso.example server because of the error: ${words}`,
    recommendedAction: 'Resolve the host issue and then try the operation again.',
  };
}

import { readEntity } from './contract.ts';
import { vmMembers } from './entities.ts';
import { contractError, notFound } from './errors.ts';
import { entityTypes, type Members } from './model.ts';
import { busyProblem, invalidState } from './problems.ts';
import { type Accepted, accepted, begin, demandPermission, type SpfRequest, sees } from './requests.ts';
import type { PowerState, Vm, World } from './state.ts';
import type { Key } from './urls.ts';

const type = entityTypes.VirtualMachines;

/** What an operation needs and does. */
interface Operation {
  permission: string;
  cmdlet: string;
  /** The states it is valid in. */
  from: readonly PowerState[];
  /** The state the VM passes through. */
  through: string;
  to: PowerState;
}

const operations: Readonly<Record<string, Operation>> = {
  Start: {
    permission: 'Start',
    cmdlet: 'Start-SCVirtualMachine',
    from: ['PowerOff', 'Saved'],
    through: 'Starting',
    to: 'Running',
  },
  Stop: {
    permission: 'Stop',
    cmdlet: 'Stop-SCVirtualMachine',
    from: ['Running', 'Paused'],
    through: 'PoweringOff',
    to: 'PowerOff',
  },
  Shutdown: {
    permission: 'Shutdown',
    cmdlet: 'Stop-SCVirtualMachine',
    from: ['Running'],
    through: 'PoweringOff',
    to: 'PowerOff',
  },
  Reset: {
    permission: 'Stop',
    cmdlet: 'Reset-SCVirtualMachine',
    from: ['Running', 'Paused'],
    through: 'Starting',
    to: 'Running',
  },
  Suspend: {
    permission: 'PauseAndResume',
    cmdlet: 'Suspend-SCVirtualMachine',
    from: ['Running'],
    through: 'Pausing',
    to: 'Paused',
  },
  Resume: {
    permission: 'PauseAndResume',
    cmdlet: 'Resume-SCVirtualMachine',
    from: ['Paused'],
    through: 'Starting',
    to: 'Running',
  },
  SaveState: {
    permission: 'Save',
    cmdlet: 'Save-SCVirtualMachine',
    from: ['Running', 'Paused'],
    through: 'Saving',
    to: 'Saved',
  },
  DiscardSavedState: {
    permission: 'Save',
    cmdlet: 'DiscardSavedState-SCVirtualMachine',
    from: ['Saved'],
    through: 'DiscardSavedState',
    to: 'PowerOff',
  },
};

/** Operations that leave the power state alone. */
const harmless: Readonly<Record<string, string>> = {
  Refresh: 'Read-SCVirtualMachine',
  Repair: 'Repair-SCVirtualMachine',
};

/** A VM that a request sees. @throws SpfError 404 */
export function findVm(world: World, request: SpfRequest, key: Key): Vm {
  const vm = world.vms.get(key.id);
  if (vm === undefined || vm.stampId !== key.stampId || !sees(request, vm)) throw notFound(type.set);
  return vm;
}

/** The VMs that a request sees. */
export function listVms(world: World, request: SpfRequest): Members[] {
  return [...world.vms.values()].filter((vm) => sees(request, vm)).map((vm) => vmMembers(world, vm));
}

/** MERGE, PATCH or PUT with an Operation. A PUT resets nothing here: working clients send the Operation alone. */
export async function operateVm(world: World, request: SpfRequest, key: Key): Promise<Accepted> {
  const body = readEntity(request.wire, {
    type,
    writable: ['ID', 'StampId', 'Operation'],
    required: ['Operation'],
    whole: request.verb === 'PUT',
    echo: request.verb === 'PUT',
  });
  const vm = findVm(world, request, key);
  const name = String(body.Operation);
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  const cmdlet = operation?.cmdlet ?? (Object.hasOwn(harmless, name) ? harmless[name] : undefined);
  if (cmdlet === undefined) {
    throw contractError(400, '', `'${name}' is no Operation of a virtual machine, or not simulated.`);
  }
  if (operation !== undefined) demandPermission(world, request, vm, operation.permission);
  const wrongState = operation !== undefined && !operation.from.includes(vm.power);
  const needsGuest = name === 'Shutdown' && !vm.hasVmAdditions;
  const problem = busyProblem(vm) ?? (wrongState || needsGuest ? invalidState(vm) : undefined);
  const job = begin(world, request, problem, {
    kind: 'power',
    name: `${name} virtual machine`,
    cmdlet,
    vm,
    resultId: vm.id,
    resultType: 'VM',
    seconds: world.durations.powerSeconds,
    phases: operation === undefined ? [] : [{ state: operation.through, from: 0 }],
    onSuccess: (at) => {
      if (operation !== undefined) vm.power = operation.to;
      world.effects.push({
        time: at,
        effect: 'power-changed',
        id: vm.id,
        vmId: vm.id,
        name,
        description: null,
        jobId: job.id,
        principal: job.owner,
      });
    },
  });
  return accepted(world, request, job);
}

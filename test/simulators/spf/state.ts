import { randomUUID } from 'node:crypto';
import type { SimulatedClock } from '../common/clock.ts';
import type { VmmProblem } from './errors.ts';
import type { Behaviour, Durations } from './options.ts';

/** What a VM is when no job is at work on it. */
export type PowerState = 'Running' | 'PowerOff' | 'Paused' | 'Saved' | 'Stored';

/** A virtual machine. Fields that tests may set are in `VmSpec`. */
export interface Vm {
  readonly id: string;
  readonly stampId: string;
  /** The hypervisor's id: another GUID than `id`, and not what a checkpoint's VMId is. */
  readonly hypervisorId: string;
  name: string;
  power: PowerState;
  /** The state that a job has put it in. */
  transient: string | undefined;
  /** The state that a failed job has left it in, until Repair or the next job. */
  failure: string | undefined;
  /** The user role that owns it; undefined: none but administrators see it. */
  ownerRole: string | undefined;
  ownerName: string;
  checkpointType: 'Standard' | 'Production' | 'ProductionOnly' | 'Disabled';
  hasPassthroughDisk: boolean;
  migrating: boolean;
  enabled: boolean;
  template: boolean;
  hasVmAdditions: boolean;
  /** How long a checkpoint of it takes, in simulated seconds; undefined: as the durations say. */
  createSeconds: number | undefined;
  mostRecentTaskId: string | undefined;
  failedJobId: string | undefined;
  lastRestoredCheckpointId: string | undefined;
  /** The checkpoint that the VM has run on from: the parent of the next. */
  base: Checkpoint | undefined;
  /** The job that holds it. */
  job: Job | undefined;
  addedTime: number;
  modifiedTime: number;
}

/** A virtual machine as a test adds it. */
export interface VmSpec {
  name: string;
  id?: string;
  stampId?: string;
  hypervisorId?: string;
  power?: PowerState;
  ownerRole?: string;
  ownerName?: string;
  checkpointType?: Vm['checkpointType'];
  hasPassthroughDisk?: boolean;
  migrating?: boolean;
  enabled?: boolean;
  template?: boolean;
  hasVmAdditions?: boolean;
  createSeconds?: number;
  /** A state that holds the VM, such as UnderMigration. */
  transient?: string;
}

/** A checkpoint. */
export interface Checkpoint {
  readonly id: string;
  readonly stampId: string;
  readonly vm: Vm;
  name: string | null;
  description: string | null;
  /** The hypervisor's id; undefined until it is made. */
  checkpointId: string | undefined;
  parent: Checkpoint | undefined;
  enabled: boolean;
  addedTime: number;
  modifiedTime: number;
  /** From when on it can be read and listed; a real instant. */
  visibleAt: number;
  /** What the VM was when it was taken, and will be when it is restored. */
  power: PowerState;
  /** Whether it holds no memory, so that the VM is off after a restore. */
  production: boolean;
}

/** A job of VMM. */
export interface Job {
  readonly id: string;
  readonly stampId: string;
  readonly kind: 'create' | 'restore' | 'delete' | 'update' | 'power';
  readonly name: string;
  readonly cmdlet: string;
  readonly owner: string;
  readonly vm: Vm;
  readonly resultId: string;
  readonly resultType: 'VMCheckPoint' | 'VM';
  readonly startTime: number;
  readonly endsAt: number;
  /** Beyond which its percent does not go while it runs. */
  readonly percentLimit: number;
  visibleAt: number;
  status: 'Running' | 'Completed' | 'SucceedWithInfo' | 'Failed' | 'Canceled';
  endTime: number | undefined;
  error: VmmProblem | undefined;
  warning: VmmProblem | undefined;
  /** Where it stopped when it failed. */
  percentAtEnd: number;
}

/** A tenant's user role in VMM: what a subscription in the URL acts as. */
export interface Tenant {
  readonly subscriptionId: string;
  name: string;
  permissions: Set<string>;
  /** Whether the role's storage quota is used up, so that it can make nothing that grows. */
  quotaReached: boolean;
  suspended: boolean;
}

/** A cloud, of which there is nothing but what is listed. */
export interface Cloud {
  id: string;
  stampId: string;
  name: string;
  description: string;
}

/** What a request did: an entry of the audit log. */
export interface Effect {
  time: number;
  effect:
    | 'checkpoint-created'
    | 'checkpoint-made'
    | 'checkpoint-updated'
    | 'checkpoint-deleted'
    | 'restore-begun'
    | 'checkpoint-restored'
    | 'power-changed'
    | 'job-failed';
  /** Of the checkpoint, or of the VM where there is none. */
  id: string;
  vmId: string;
  name: string | null;
  description: string | null;
  jobId: string;
  /** Of x-ms-principal-id. */
  principal: string;
}

/** What tenants may do unless a test says otherwise. */
export const defaultPermissions = [
  'Checkpoint',
  'Start',
  'Stop',
  'Shutdown',
  'PauseAndResume',
  'Save',
] as const;

/** What the world is made of. */
export interface WorldParts {
  clock: SimulatedClock;
  durations: Durations;
  behaviour: Behaviour;
  defaultStamp: string;
}

/** Everything there is behind SPF. Keys of the maps are GUIDs in lower case. */
export class World {
  readonly clock: SimulatedClock;
  readonly durations: Durations;
  readonly behaviour: Behaviour;
  readonly defaultStamp: string;
  readonly vms = new Map<string, Vm>();
  readonly checkpoints = new Map<string, Checkpoint>();
  readonly jobs = new Map<string, Job>();
  readonly clouds = new Map<string, Cloud>();
  readonly tenants = new Map<string, Tenant>();
  readonly effects: Effect[] = [];

  constructor(parts: WorldParts) {
    this.clock = parts.clock;
    this.durations = parts.durations;
    this.behaviour = parts.behaviour;
    this.defaultStamp = parts.defaultStamp;
  }

  /** Adds a tenant with every permission there is a use for. */
  addTenant(subscriptionId: string, name = 'tenant@contoso.example'): Tenant {
    const tenant: Tenant = {
      subscriptionId: subscriptionId.toLowerCase(),
      name,
      permissions: new Set(defaultPermissions),
      quotaReached: false,
      suspended: false,
    };
    this.tenants.set(tenant.subscriptionId, tenant);
    return tenant;
  }

  /** Adds a VM that nobody has done anything to. */
  addVm(spec: VmSpec): Vm {
    const now = this.clock.now();
    const { id, stampId, hypervisorId, ownerRole, ...rest } = spec;
    const vm: Vm = {
      id: (id ?? randomUUID()).toLowerCase(),
      stampId: (stampId ?? this.defaultStamp).toLowerCase(),
      hypervisorId: (hypervisorId ?? randomUUID()).toLowerCase(),
      power: 'Running',
      transient: undefined,
      failure: undefined,
      ownerRole: ownerRole?.toLowerCase(),
      ownerName: 'CONTOSO\\administrator',
      checkpointType: 'Production',
      hasPassthroughDisk: false,
      migrating: false,
      enabled: true,
      template: false,
      hasVmAdditions: true,
      createSeconds: undefined,
      mostRecentTaskId: randomUUID(),
      failedJobId: undefined,
      lastRestoredCheckpointId: undefined,
      base: undefined,
      job: undefined,
      addedTime: now,
      modifiedTime: now,
      ...rest,
    };
    this.vms.set(vm.id, vm);
    return vm;
  }

  /** Removes a VM; its checkpoints are lost with it. */
  removeVm(id: string): void {
    const vm = this.requireVm(id);
    this.vms.delete(vm.id);
    for (const checkpoint of this.checkpointsOf(vm)) this.checkpoints.delete(checkpoint.id);
  }

  /** @throws Error when there is none: a mistake of the test */
  requireVm(id: string): Vm {
    this.clock.settle();
    const vm = this.vms.get(id.toLowerCase());
    if (vm === undefined) throw new Error(`There is no VM ${id}.`);
    return vm;
  }

  /** @throws Error when there is none: a mistake of the test */
  requireCheckpoint(id: string): Checkpoint {
    this.clock.settle();
    const checkpoint = this.checkpoints.get(id.toLowerCase());
    if (checkpoint === undefined) throw new Error(`There is no checkpoint ${id}.`);
    return checkpoint;
  }

  /** @throws Error when there is none: a mistake of the test */
  requireTenant(subscriptionId: string): Tenant {
    const tenant = this.tenants.get(subscriptionId.toLowerCase());
    if (tenant === undefined) throw new Error(`There is no subscription ${subscriptionId}.`);
    return tenant;
  }

  /** Every row of a VM, also those that failed. */
  checkpointsOf(vm: Vm): Checkpoint[] {
    return [...this.checkpoints.values()].filter((checkpoint) => checkpoint.vm === vm);
  }

  /** Takes a row out of the tree; its children move up to its parent. */
  removeCheckpoint(checkpoint: Checkpoint): void {
    this.checkpoints.delete(checkpoint.id);
    for (const child of this.checkpointsOf(checkpoint.vm)) {
      if (child.parent === checkpoint) child.parent = checkpoint.parent;
    }
    if (checkpoint.vm.base === checkpoint) checkpoint.vm.base = checkpoint.parent;
  }
}

/** How many checkpoints lie between a checkpoint and the root of its tree, itself counted. */
export function depthOf(checkpoint: Checkpoint | undefined): number {
  let depth = 0;
  for (let at = checkpoint; at !== undefined; at = at.parent) depth += 1;
  return depth;
}

/** The name of a VM's state, as `Status` has it. */
export function statusOf(vm: Vm): string {
  return vm.transient ?? vm.failure ?? vm.power;
}

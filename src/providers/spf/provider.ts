import { createHash } from 'node:crypto';
import type { ConnectionOptions } from '../exchange.ts';
import { hinted } from '../failures.ts';
import { vendorText } from '../http.ts';
import { markedNameIn, markText } from '../marked-text.ts';
import {
  type Call,
  done,
  type Failure,
  mapOutcome,
  type Outcome,
  succeeded,
  type WriteCall,
} from '../outcome.ts';
import type {
  Capabilities,
  CreateAccepted,
  Inventory,
  InventoryScope,
  MarkedVM,
  NewVMAccepted,
  NewVMTarget,
  OperationAccepted,
  OperationState,
  Product,
  RestoreTarget,
  Snapshot,
  SnapshotRef,
  SnapshotTarget,
  SnapshotView,
  VM,
  VMInspection,
  VMOperator,
  VMQuery,
} from '../provider.ts';
import type { SPFAuth } from './authentication/sender.ts';
import { JobBoard } from './job-board.ts';
import { isFilterable, isGUID, type Key, sameGUID } from './odata/uri.ts';
import {
  containerOf,
  type Operation,
  operationToken,
  parseContainer,
  parseToken,
} from './operation-token.ts';
import { doorNames, parseServiceRoot, type ServiceRoot } from './service-root.ts';
import { type Accepted, VMMClient, type VMOperation } from './vmm-client.ts';
import { VMMService } from './vmm-service.ts';
import {
  type Checkpoint,
  isInCheckpointOperation,
  isMerging,
  type Job,
  type VirtualMachine,
} from './wire.ts';

/** What names an endpoint. */
export interface SPFEndpoint {
  /** The service root. */
  url: string;
}

/** All that an SPF provider is made of. */
export interface SPFProviderOptions extends SPFEndpoint, ConnectionOptions {
  /** Under whose name VMM records what is done (`x-ms-principal-id`). */
  principalID: string;
  auth: SPFAuth;
  /** How long the effect of a write whose answer was lost may take to show; 5 min when left out. */
  settleMs?: number;
}

const defaultSettleMs = 300_000;
/** No limit is documented. Hyper-V's own names are not longer, and both texts bear the mark. */
const longestName = 100;
const longestDescription = 1_024;
/** A row without a CheckpointID this old, on a VM at which nobody is at work, is what a failed job left. */
const leftoverAgeMs = 600_000;

const noChoice = 'SPF cannot choose it: the checkpoint type of the VM decides (Production or Standard)';
const wholeVM = 'an SPF checkpoint holds all disks of the VM';
const capabilities: Capabilities = {
  noun: 'checkpoint',
  memory: noChoice,
  displayName: true,
  description: true,
  rename: true,
  stamps: true,
  namesVM: true,
  consistency: { Application: noChoice, FileSystem: noChoice, Crash: noChoice },
  disks: { include: wholeVM, exclude: wholeVM, configurationOnly: wholeVM },
  quiesces: false,
  freeze: 'SPF cannot freeze a guest',
  thawsItself: true,
  imageIDs: 'SPF has no image ids',
  configuration: 'SPF does not show the configuration of a checkpoint',
  collections: 'SPF has no collections',
  restore: {
    inPlace: true,
    preview: 'SPF has no preview',
    newVM: 'SPF makes no VM from a checkpoint',
    newDisks: 'SPF makes no disks from a checkpoint',
    memory: 'SPF cannot choose it: a restore brings back what the checkpoint holds',
    disks: 'an SPF restore puts back all disks of the VM',
    // Later checkpoints stay: the VM goes on from another place in their tree (SPF sheet, section 11).
    losesNewer: false,
  },
  inventory: {
    vm: true,
    storageDomain: 'SPF has no storage domains',
    collection: 'SPF has no collections',
  },
};

/**
 * The id of an endpoint: `spf:host[:port]/path`, lower case. Throws a TypeError when the URL is no service root.
 */
export function endpointIDOf({ url }: SPFEndpoint): string {
  return parseServiceRoot(url).endpointID;
}

/**
 * Makes the provider of one service root of SPF's. Nothing is sent yet. Throws a TypeError when the options cannot
 * be right.
 */
export function createSpfProvider(options: SPFProviderOptions): VMOperator {
  return new ServiceRootProvider(options);
}

class ServiceRootProvider implements VMOperator {
  readonly vendor = 'spf';
  readonly capabilities = capabilities;
  readonly endpointID: string;
  readonly requestTimeoutMs: number;
  readonly settleMs: number;
  readonly #root: ServiceRoot;
  readonly #service: VMMService;
  readonly #client: VMMClient;
  readonly #jobs: JobBoard;
  /** What is sent as `Confirm`: nothing, until this SPF is seen to demand it. */
  #confirm: true | null = null;

  constructor(options: SPFProviderOptions) {
    this.#root = parseServiceRoot(options.url);
    this.endpointID = this.#root.endpointID;
    this.requestTimeoutMs = options.limits.requestTimeoutMs;
    this.settleMs = options.settleMs ?? defaultSettleMs;
    this.#service = new VMMService({ ...options, root: this.#root });
    this.#client = new VMMClient(this.#service);
    this.#jobs = new JobBoard(this.#client, options.monotonic);
  }

  async probe(call: Call): Promise<Outcome<Product>> {
    const { door, apiVersion } = this.#root;
    const name =
      door === 'SPF' ? 'Service Provider Foundation' : `Service Provider Foundation, by ${doorNames[door]}`;
    const outcome = await this.#client.probe(call);
    // Azure Pack's doors to the tenants name no version; they came with 2012 R2 (SPF sheet, section 1).
    return mapOutcome(outcome, () => ({ name, apiVersion: apiVersion ?? 'SC2012R2' }));
  }

  async getVM(query: VMQuery, call: Call): Promise<Outcome<VM>> {
    const { stampID } = query;
    const stamp = stampID === undefined ? {} : { stampID };
    if (stampID !== undefined && !isGUID(stampID)) return notAGUID('stamp', stampID);
    if ('id' in query) {
      if (!isGUID(query.id)) return notAGUID('VM', query.id);
      if (stampID !== undefined) {
        return mapOutcome(await this.#client.getVirtualMachine({ id: query.id, stampID }, call), vmOf);
      }
    } else if (!isFilterable(query.name)) {
      return invalid('InvalidName', `${JSON.stringify(query.name.slice(0, 256))} cannot be the name of a VM`);
    }
    const wanted = 'id' in query ? { id: query.id, ...stamp } : { name: query.name, ...stamp };
    const found = await this.#client.findVirtualMachines(wanted, call);
    if (!succeeded(found)) return found;
    const [vm, ...others] = found.value;
    const called = 'id' in query ? query.id : JSON.stringify(query.name);
    if (vm === undefined) {
      const where = stampID === undefined ? '' : ` on stamp ${stampID}`;
      return absent(
        'VMNotFound',
        `SPF shows no VM ${called}${where} to these credentials; names are compared exactly`,
      );
    }
    if (others.length > 0) return ambiguous(called, found.value);
    return done(vmOf(vm));
  }

  async getSnapshot(ref: SnapshotRef, _view: SnapshotView, call: Call): Promise<Outcome<Snapshot>> {
    const found = await this.#findCheckpoint(ref, call);
    if (!succeeded(found)) return found;
    const checkpoint = found.value;
    if (checkpoint.parentCheckpointID === undefined) return done(snapshotOf(checkpoint, []));
    // The parent is named by the hypervisor's id; its own is found among the VM's (SPF sheet, section 3).
    const family = await this.#client.listCheckpoints(vmKeyOf(checkpoint), call);
    return mapOutcome(family, (all) => snapshotOf(checkpoint, all));
  }

  async createSnapshot(target: SnapshotTarget, call: WriteCall): Promise<Outcome<CreateAccepted>> {
    const key = parseContainer(target.containerID);
    if (key === undefined) return notAContainer(target.containerID);
    const vm = await this.#client.getVirtualMachine(key, call);
    if (!succeeded(vm))
      return vm.kind === 'NotFound' && vm.what === 'Object' ? { ...vm, what: 'Parent' } : vm;
    const obstacle = obstacleTo(vm.value, target.baseline);
    if (obstacle !== undefined) return obstacle;
    const { name, displayName, description, baseline } = target;
    const created = await this.#client.createCheckpoint(
      { vm: key, ...markedTexts(name, displayName, description), confirm: this.#confirm },
      call,
    );
    if (!succeeded(created)) {
      // Some versions demand it (SPF sheet, section 3): the next attempt has it.
      if (created.kind === 'Conflict' && /\bConfirm\b/.test(created.error.message)) this.#confirm = true;
      return created;
    }
    const { checkpoint, jobID } = created.value;
    const token = operationToken({
      kind: 'create',
      vm: key,
      subject: name,
      ...(jobID === undefined ? {} : { jobID }),
      ...(baseline === undefined ? {} : { baseline }),
    });
    return { kind: 'Pending', value: { snapshot: snapshotOf(checkpoint, []), token } };
  }

  async deleteSnapshot(ref: SnapshotRef, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    const keys = keysOf(ref);
    if ('kind' in keys) return keys;
    return this.#accepted(
      { kind: 'delete', vm: keys.vm, subject: ref.id },
      () => this.#client.deleteCheckpoint(keys.checkpoint, call),
      call,
    );
  }

  async listSnapshots(containerID: string, call: Call): Promise<Outcome<Snapshot[]>> {
    const vm = parseContainer(containerID);
    if (vm === undefined) return notAContainer(containerID);
    return mapOutcome(await this.#client.listCheckpoints(vm, call), (all) =>
      all.map((one) => snapshotOf(one, all)),
    );
  }

  async isContainerGone(containerID: string, call: Call): Promise<Outcome<boolean>> {
    const key = parseContainer(containerID);
    if (key === undefined) return notAContainer(containerID);
    const vm = await this.#client.getVirtualMachine(key, call);
    if (succeeded(vm)) return done(false);
    if (vm.kind !== 'NotFound' || vm.what !== 'Object') return vm;
    return mapOutcome(
      await this.#client.findVirtualMachines({ id: key.id }, call),
      (found) => found.length === 0,
    );
  }

  async getOperation(token: string, call: Call): Promise<Outcome<OperationState>> {
    const operation = parseToken(token);
    if (operation === undefined) return invalid('InvalidOperation', 'the operation token is none of SPF');
    const { vm, jobID } = operation;
    if (jobID !== undefined) {
      const job = await this.#jobs.get({ id: jobID, stampID: vm.stampID }, call);
      if (succeeded(job)) return this.#endOf(operation, job.value, call);
      // A request id need not be a job's, and a job may take a while to show.
      if (!isNoJob(job) && !mayBeNoJob(job, operation)) return job;
    }
    return this.#stateByVM(operation, call);
  }

  attemptToken(target: SnapshotTarget, _correlationID: string): string | undefined {
    const vm = parseContainer(target.containerID);
    if (vm === undefined) return undefined;
    const { name, baseline } = target;
    return operationToken({
      kind: 'create',
      vm,
      subject: name,
      ...(baseline === undefined ? {} : { baseline }),
    });
  }

  async listInventory(scope: InventoryScope, limit: number, call: Call): Promise<Outcome<Inventory>> {
    if (!('vm' in scope)) {
      return unsupported('NoSuchScope', 'SPF lists the checkpoints of a VM; set spec.scope.vm');
    }
    const listed = await this.listSnapshots(scope.containerID, call);
    return mapOutcome(listed, (snapshots) => {
      const newestFirst = snapshots.toSorted((one, other) => ageOf(other) - ageOf(one));
      return {
        items: newestFirst.slice(0, limit).map((snapshot) => ({
          id: snapshot.id,
          name: snapshot.name,
          ...(snapshot.vmID === undefined ? {} : { vmID: snapshot.vmID }),
          ...(snapshot.description === undefined ? {} : { description: snapshot.description }),
          ...(snapshot.createdAt === undefined ? {} : { createdAt: snapshot.createdAt }),
          state: snapshot.vendorState,
        })),
        truncated: snapshots.length > limit,
      };
    });
  }

  async inspectVM(containerID: string, call: Call): Promise<Outcome<VMInspection>> {
    const key = parseContainer(containerID);
    if (key === undefined) return notAContainer(containerID);
    const vm = await this.#client.getVirtualMachine(key, call);
    if (!succeeded(vm)) return vm;
    const checkpoints = await this.#client.listCheckpoints(key, call);
    if (!succeeded(checkpoints)) return checkpoints;
    const { mostRecentTaskID } = vm.value;
    let busy = vm.value.power === 'Busy' ? `VMM has it in the state ${stateWords(vm.value)}` : undefined;
    if (busy === undefined && mostRecentTaskID !== undefined) {
      const job = await this.#client.getJob({ id: mostRecentTaskID, stampID: key.stampID }, call);
      // Tasks that are not jobs, or are kept no longer, hold up nobody; and of those that this role may not see, which
      // are others', the state of the VM tells.
      if (!succeeded(job) && !isNoJob(job) && !isRefused(job)) return job;
      if (succeeded(job) && job.value.state === 'Running')
        busy = `VMM is at work on it: ${jobWords(job.value)}`;
    }
    const isFree = busy === undefined;
    const snapshots = checkpoints.value.map((checkpoint) => {
      const snapshot = snapshotOf(checkpoint, checkpoints.value);
      return isFree && isLeftover(checkpoint)
        ? { ...snapshot, state: 'Failed' as const, vendorState: neverMade }
        : snapshot;
    });
    return done({ vm: vmOf(vm.value), snapshots, ...(busy === undefined ? {} : { busy }) });
  }

  startVM(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return this.#operate(containerID, 'Start', call);
  }

  async stopVM(
    containerID: string,
    how: 'Shutdown' | 'PowerOff',
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>> {
    const sent = await this.#operate(containerID, how === 'Shutdown' ? 'Shutdown' : 'Stop', call);
    const key = parseContainer(containerID);
    if (how === 'PowerOff' || sent.kind !== 'Conflict' || key === undefined) return sent;
    // Of a guest that nothing can be asked of VMM says the same as of a VM that is at work (1730).
    const vm = await this.#client.getVirtualMachine(key, call);
    if (!succeeded(vm) || vm.value.hasGuestServices || vm.value.power !== 'On') return sent;
    const why = 'It has no integration services (HasVMAdditions is false), by which a guest is shut down';
    return { kind: 'Unsupported', error: hinted(sent.error, why) };
  }

  async restoreSnapshot(target: RestoreTarget, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    const keys = keysOf({ id: target.snapshotID, containerID: target.containerID });
    if ('kind' in keys) return keys;
    const { baseline } = target;
    const accepted = await this.#client.restoreCheckpoint(keys.checkpoint, call);
    return mapOutcome(accepted, ({ jobID }) => ({
      token: operationToken({
        kind: 'restore',
        vm: keys.vm,
        subject: target.snapshotID,
        ...(jobID === undefined ? {} : { jobID }),
        ...(baseline === undefined ? {} : { baseline }),
      }),
    }));
  }

  restoreToken(target: RestoreTarget | NewVMTarget, _correlationID: string): string | undefined {
    const keys = keysOf({ id: target.snapshotID, containerID: target.containerID });
    if ('kind' in keys || 'vmName' in target) return undefined;
    const { baseline } = target;
    return operationToken({
      kind: 'restore',
      vm: keys.vm,
      subject: target.snapshotID,
      ...(baseline === undefined ? {} : { baseline }),
    });
  }

  async describeSnapshot(
    ref: SnapshotRef,
    texts: { name: string; displayName?: string; description?: string },
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>> {
    const keys = keysOf(ref);
    if ('kind' in keys) return keys;
    const written = markedTexts(texts.name, texts.displayName, texts.description);
    const isWritten = async (): Promise<boolean> => {
      const row = await this.#client.getCheckpoint(keys.checkpoint, call);
      return (
        succeeded(row) && row.value.name === written.name && row.value.description === written.description
      );
    };
    // Nothing tells whether VMM makes a job of it; where it makes none, the row is all that tells of its end.
    if (await isWritten()) return done({});
    const accepted = await this.#accepted(
      { kind: 'describe', vm: keys.vm, subject: ref.id },
      () => this.#client.describeCheckpoint(keys.checkpoint, written, call),
      call,
    );
    return succeeded(accepted) && (await isWritten()) ? done(accepted.value) : accepted;
  }

  async previewSnapshot(): Promise<Outcome<OperationAccepted>> {
    return unsupported('NoPreview', 'SPF has no preview');
  }

  async commitPreview(): Promise<Outcome<OperationAccepted>> {
    return this.previewSnapshot();
  }

  async undoPreview(): Promise<Outcome<OperationAccepted>> {
    return this.previewSnapshot();
  }

  async createVM(): Promise<Outcome<NewVMAccepted>> {
    return unsupported('NoNewVM', 'SPF makes no VM from a checkpoint');
  }

  async findMarkedVMs(): Promise<Outcome<MarkedVM[]>> {
    return unsupported('NoNewVM', 'SPF makes no VM from a checkpoint');
  }

  async freezeGuest(): Promise<Outcome<void>> {
    return unsupported('NoFreeze', 'SPF cannot freeze a guest');
  }

  async thawGuest(): Promise<Outcome<void>> {
    return this.freezeGuest();
  }

  async close(): Promise<void> {
    await this.#service.close();
  }

  /** One checkpoint; without its stamp, it is looked for on all of them. */
  async #findCheckpoint({ id, containerID }: SnapshotRef, call: Call): Promise<Outcome<Checkpoint>> {
    if (!isGUID(id)) return notAGUID('checkpoint', id);
    const [stampID = '', vmID] = containerID.split('/');
    if (stampID !== '' && !isGUID(stampID)) return notAContainer(containerID);
    const expectVM = (checkpoint: Checkpoint): Outcome<Checkpoint> =>
      vmID === undefined || vmID === '' || sameGUID(checkpoint.vmID, vmID)
        ? done(checkpoint)
        : absent('OtherVM', `checkpoint ${id} is of VM ${checkpoint.vmID}, not of VM ${vmID}`);
    if (stampID !== '') {
      const found = await this.#client.getCheckpoint({ id, stampID }, call);
      return succeeded(found) ? expectVM(found.value) : found;
    }
    const found = await this.#client.findCheckpoints(id, undefined, call);
    if (!succeeded(found)) return found;
    const [checkpoint, ...others] = found.value;
    if (checkpoint === undefined)
      return absent('CheckpointNotFound', `SPF shows no checkpoint ${id} to these credentials`);
    return others.length === 0 ? expectVM(checkpoint) : ambiguous(id, found.value);
  }

  async #operate(
    containerID: string,
    operation: VMOperation,
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>> {
    const vm = parseContainer(containerID);
    if (vm === undefined) return notAContainer(containerID);
    return this.#accepted({ kind: 'power', vm }, () => this.#client.operate(vm, operation, call), call);
  }

  /** A write, with the token of its operation: the VM's last task before it tells its job from others. */
  async #accepted(
    operation: Operation,
    write: () => Promise<Outcome<Accepted>>,
    call: Call,
  ): Promise<Outcome<OperationAccepted>> {
    const vm = await this.#client.getVirtualMachine(operation.vm, call);
    // Whether the write can do without it, its own answer tells.
    const baseline = succeeded(vm) ? vm.value.mostRecentTaskID : undefined;
    return mapOutcome(await write(), ({ jobID }) => ({
      token: operationToken({
        ...operation,
        ...(jobID === undefined ? {} : { jobID }),
        ...(baseline === undefined ? {} : { baseline }),
      }),
    }));
  }

  /** How an operation stands whose own job is known. */
  async #endOf({ kind, vm }: Operation, job: Job, call: Call): Promise<Outcome<OperationState>> {
    const percent = job.percent === undefined ? {} : { percent: job.percent };
    if (job.state === 'Failed') {
      return done({
        state: 'Failed',
        ...percent,
        ...(job.failure === undefined ? {} : { failure: job.failure }),
      });
    }
    if (job.state === 'Running') return done({ state: 'Running', ...percent });
    if (kind === 'delete') {
      // The job may end before the drives are merged (SPF sheet, section 11).
      const machine = await this.#client.getVirtualMachine(vm, call);
      if (!succeeded(machine) && machine.kind !== 'NotFound') return machine;
      if (succeeded(machine) && isMerging(machine.value)) return done({ state: 'Running', ...percent });
    }
    return done({ state: 'Succeeded', ...percent });
  }

  /**
   * How an operation stands that no job is known of: a create by what it made, for anybody's later job may look like
   * its own; then by the VM's last task, where it is not the one before, and a job of this kind; then by what VMM has
   * the VM in.
   */
  async #stateByVM(operation: Operation, call: Call): Promise<Outcome<OperationState>> {
    const { kind, vm, baseline, subject } = operation;
    const machine = await this.#client.getVirtualMachine(vm, call);
    if (!succeeded(machine)) return machine;
    const { power, mostRecentTaskID: task } = machine.value;
    let someoneIsAtWork = kind === 'power' ? power === 'Busy' : isInCheckpointOperation(machine.value);
    if (kind === 'create' && subject !== undefined) {
      const checkpoints = await this.#client.listCheckpoints(vm, call);
      if (!succeeded(checkpoints)) return checkpoints;
      const own = checkpoints.value.find((one) => sameMark(markIn(one), subject));
      if (own?.checkpointID !== undefined) return done({ state: someoneIsAtWork ? 'Running' : 'Succeeded' });
    }
    const changed = task === undefined ? baseline !== undefined : !sameGUID(task, baseline);
    if (task !== undefined && changed) {
      const job = await this.#jobs.get({ id: task, stampID: vm.stampID }, call);
      // Denied, a restore would pass for one of which the vendor keeps no record; another's task is in its place.
      const isOthers = kind === 'restore' && !succeeded(job) && isRefused(job);
      if (!succeeded(job) && !isNoJob(job) && !isOthers) return job;
      if (succeeded(job)) {
        if (cmdlets[kind].test(job.value.cmdlet)) return this.#endOf(operation, job.value, call);
        someoneIsAtWork ||= job.value.state === 'Running';
      }
    }
    if (someoneIsAtWork) return done({ state: 'Running' });
    // Another's task may have come after its own. What was to be made is known by its mark; a restore leaves none.
    return done(changed && kind === 'restore' ? { state: 'None', overwritten: true } : { state: 'None' });
  }
}

/** The cmdlets that SPF has VMM run for each kind of operation; jobs of others have nothing to say of it. */
const cmdlets: Record<Operation['kind'], RegExp> = {
  create: /^New-(SC)?VMCheckpoint$/i,
  restore: /^Restore-(SC)?VMCheckpoint$/i,
  delete: /^Remove-(SC)?VMCheckpoint$/i,
  describe: /^Set-(SC)?VMCheckpoint$/i,
  power: /^(Start|Stop)-(SC)?(VirtualMachine|VM)$/i,
};

/** Whether SPF says, in whichever way, that there is no job of an id: nothing tells of the status for that. */
function isNoJob({ kind }: Failure): boolean {
  return kind === 'NotFound' || kind === 'Invalid' || kind === 'Unsupported' || kind === 'Failed';
}

/** Whether the role may not read a job; its own ones it may. */
function isRefused(failure: Failure): boolean {
  return failure.kind === 'Denied' && failure.cause === 'Permission';
}

/**
 * Whether what was read in place of a job may say the same: that the role may not read it, or an internal error. What
 * the VM shows then tells of everything but a restore, which leaves nothing that could be seen: an error may pass.
 */
function mayBeNoJob(failure: Failure, { kind }: Operation): boolean {
  if (isRefused(failure)) return true;
  return kind !== 'restore' && failure.kind === 'Unavailable' && failure.error.status === 500;
}

const neverMade = 'never made';

/** Why no checkpoint can be taken of a VM now; undefined when one can, as far as SPF tells. */
function obstacleTo(vm: VirtualMachine, baseline: string | undefined): Failure | undefined {
  const who = `VM ${vm.name} (${vm.id})`;
  if (vm.hasPassthroughDisk) {
    const message = `${who} has a pass-through disk (HasPassthroughDisk), which can be in no checkpoint. Detach it`;
    return unsupported('PassthroughDisk', message);
  }
  if (vm.isTemplate) return unsupported('VMTemplate', `${who} is marked as a template (MarkedAsTemplate)`);
  if (!vm.enabled) return later('VMDisabled', `${who} is not enabled in VMM (Enabled is false)`);
  if (vm.isMigrating) return later('VMMigrating', `${who} is being migrated`);
  if (vm.power === 'Busy') return later('VMBusy', `VMM has ${who} in the state ${vm.status}`);
  const sameTask =
    vm.mostRecentTaskID === undefined ? baseline === undefined : sameGUID(vm.mostRecentTaskID, baseline);
  if (!sameTask) {
    // What came of a lost answer is told by this task; it must be the last one before.
    return later(
      'VMTaskChanged',
      `another task was begun on ${who} since the attempt was prepared, so that it is prepared anew`,
    );
  }
  return undefined;
}

function vmOf(vm: VirtualMachine): VM {
  return {
    id: vm.id,
    // VMM's ids are never used again.
    uid: vm.id,
    name: vm.name,
    containerID: containerOf(vm),
    location: '',
    resourceGroup: '',
    stampID: vm.stampID,
    power: vm.power,
    vendorState: stateWords(vm),
    disks: [],
    ...(vm.operatingSystem === undefined ? {} : { osType: vm.operatingSystem }),
    ...(vm.mostRecentTaskID === undefined ? {} : { taskID: vm.mostRecentTaskID }),
  };
}

function stateWords({ status, isMigrating }: VirtualMachine): string {
  return isMigrating && status !== 'UnderMigration' ? `${status}, migrating` : status;
}

/**
 * A checkpoint as a snapshot. It has no state of its own (SPF sheet, section 3): it is made when it has a
 * CheckpointID, and can be used when it is enabled.
 */
function snapshotOf(checkpoint: Checkpoint, family: Checkpoint[]): Snapshot {
  const { checkpointID, parentCheckpointID, enabled, addedAt } = checkpoint;
  const parent =
    parentCheckpointID === undefined
      ? undefined
      : family.find((other) => sameGUID(other.checkpointID, parentCheckpointID));
  const isMade = checkpointID !== undefined;
  return {
    id: checkpoint.id,
    name: markIn(checkpoint) ?? checkpoint.name,
    containerID: containerOf(vmKeyOf(checkpoint)),
    state: isMade ? (enabled ? 'Succeeded' : 'Unrecognised') : 'Creating',
    vendorState: isMade ? (enabled ? 'Enabled' : 'not Enabled') : 'no CheckpointID yet',
    vmID: checkpoint.vmID,
    vmUID: checkpoint.vmID,
    source: {},
    disks: [],
    excludedDiskIDs: [],
    description: checkpoint.description,
    stampID: checkpoint.stampID,
    ...(parent === undefined ? {} : { parentID: parent.id }),
    // The instant that it holds is settled when it is made; AddedTime is rounded after the first answer.
    ...(isMade && addedAt !== undefined ? { createdAt: addedAt } : {}),
    ...(isMade ? { fingerprint: createHash('sha256').update(checkpointID).digest('hex').slice(0, 16) } : {}),
  };
}

function vmKeyOf({ vmID, stampID }: Checkpoint): Key {
  return { id: vmID, stampID };
}

/** The marked name in either of the texts: someone may have changed the other. */
function markIn({ name, description }: Pick<Checkpoint, 'name' | 'description'>): string | undefined {
  return markedNameIn(description) ?? markedNameIn(name);
}

function sameMark(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

/** Name and description with the mark. Without a name of people's, the mark alone is the name. */
function markedTexts(
  mark: string,
  displayName: string | undefined,
  description: string | undefined,
): { name: string; description: string } {
  return {
    name: displayName === undefined ? mark : markText(displayName, mark, longestName),
    description: markText(description, mark, longestDescription),
  };
}

function isLeftover({ checkpointID, addedAt }: Checkpoint): boolean {
  return (
    checkpointID === undefined && addedAt !== undefined && Date.now() - Date.parse(addedAt) > leftoverAgeMs
  );
}

function ageOf({ createdAt }: Snapshot): number {
  return createdAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(createdAt);
}

function jobWords({ name, cmdlet, percent, status }: Job): string {
  const what = vendorText(name === '' ? cmdlet : name, 128);
  return `${what === '' ? 'a job' : what} (${status}${percent === undefined ? '' : `, ${percent} %`})`;
}

/** The keys of a checkpoint and its VM, or why there are none. */
function keysOf({ id, containerID }: SnapshotRef): { checkpoint: Key; vm: Key } | Failure {
  if (!isGUID(id)) return notAGUID('checkpoint', id);
  const vm = parseContainer(containerID);
  return vm === undefined ? notAContainer(containerID) : { checkpoint: { id, stampID: vm.stampID }, vm };
}

function invalid(code: string, message: string): Failure {
  return { kind: 'Invalid', error: { code, message } };
}

function unsupported(code: string, message: string): Failure {
  return { kind: 'Unsupported', error: { code, message: vendorText(message) } };
}

function later(code: string, message: string): Failure {
  return { kind: 'Conflict', retry: 'Later', error: { code, message: vendorText(message) } };
}

function absent(code: string, message: string): Failure {
  return { kind: 'NotFound', what: 'Object', error: { code, message } };
}

function notAGUID(what: string, id: string): Failure {
  return invalid('InvalidID', `${JSON.stringify(id.slice(0, 256))} is no id of a ${what}: VMM's are GUIDs`);
}

function notAContainer(containerID: string): Failure {
  return invalid('InvalidID', `${JSON.stringify(containerID.slice(0, 256))} is no stamp and VM`);
}

function ambiguous(called: string, found: (Key & { name?: string })[]): Failure {
  const ids = found.slice(0, 10).map(({ id, stampID }) => `${id} on stamp ${stampID}`);
  const more = found.length > ids.length ? ` and ${found.length - ids.length} more` : '';
  return invalid(
    'AmbiguousSource',
    `${found.length} bear the name or id ${called}: ${ids.join(', ')}${more}`,
  );
}

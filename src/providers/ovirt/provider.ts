import { randomUUID } from 'node:crypto';
import type { ConnectionOptions } from '../exchange.ts';
import { vendorText } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
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
  Changes,
  CreateAccepted,
  Inventory,
  InventoryItem,
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
  Support,
  VM,
  VMInspection,
  VMOperator,
  VMQuery,
} from '../provider.ts';
import { endpointIDOf } from './address.ts';
import type { MediaType } from './body.ts';
import { capabilitiesOf } from './capabilities.ts';
import { EngineClient, type NewSnapshot, type Restoration } from './client.ts';
import { Engine } from './engine.ts';
import type { WantedAPIVersion } from './engine-version.ts';
import { creationTold, newVMTold, removalTold, restoreTold, type Told } from './events.ts';
import { type EngineAction, type EngineDisk, type EngineSnapshot, type EngineVM, isUUID } from './model.ts';
import { type Operation, operationToken, parseToken } from './operation-token.ts';
import { withoutSecrets } from './ovf.ts';
import type { OvirtAuth } from './session.ts';
import { powerOf, snapshotView, vmView } from './views.ts';

export { endpointIDOf } from './address.ts';
export type { OvirtAuth } from './session.ts';

/** All that an oVirt provider is made of. */
export interface OvirtProviderOptions extends ConnectionOptions {
  /** `https://host/ovirt-engine`. */
  url: string;
  apiVersion: WantedAPIVersion;
  auth: OvirtAuth;
  /** How long the effect of a write whose answer was lost may take to show; 2 min when left out. */
  settleMs?: number;
  /** The form of bodies and answers; left out: XML with v3, JSON with v4. */
  mediaType?: MediaType;
}

const defaultSettleMs = 120_000;
/** What a description may hold, of a snapshot and of a VM. */
const longestDescription = 4_000;
const longestVMDescription = 255;
/** More events than these since the last look say that anything may have moved. */
const maxNewEvents = 500;
/** The snapshots of so many VMs are looked up to tell whose the images of a storage domain are. */
const maxVMsOfInventory = 50;

/**
 * Makes the provider of one engine. Nothing is sent yet. Throws a TypeError when the options cannot be right.
 */
export function createOvirtProvider(options: OvirtProviderOptions): VMOperator {
  return new EngineProvider(options);
}

class EngineProvider implements VMOperator {
  readonly vendor = 'ovirt';
  readonly endpointID: string;
  readonly requestTimeoutMs: number;
  readonly settleMs: number;
  readonly #engine: Engine;
  readonly #client: EngineClient;

  constructor(options: OvirtProviderOptions) {
    this.endpointID = endpointIDOf(options);
    this.requestTimeoutMs = options.limits.requestTimeoutMs;
    this.settleMs = options.settleMs ?? defaultSettleMs;
    this.#engine = new Engine(options);
    this.#client = new EngineClient(this.#engine);
  }

  get capabilities(): Capabilities {
    return capabilitiesOf(this.#engine.dialect);
  }

  async probe(call: Call): Promise<Outcome<Product>> {
    return mapOutcome(await this.#engine.probe(call), ({ product, dialect }) => ({
      name: product.name,
      version: product.version.full,
      apiVersion: `V${dialect.api}`,
    }));
  }

  async getVM(query: VMQuery, call: Call): Promise<Outcome<VM>> {
    const found =
      'id' in query ? await this.#client.getVM(query.id, call) : await this.#byName(query.name, call);
    if (!succeeded(found)) return found;
    return mapOutcome(await this.#client.listDisks(found.value.id, call), (disks) =>
      vmView(found.value, disks),
    );
  }

  async getSnapshot(ref: SnapshotRef, view: SnapshotView, call: Call): Promise<Outcome<Snapshot>> {
    const configuration = view.configuration === true;
    const read = await this.#client.getSnapshot(ref.containerID, ref.id, { configuration }, call);
    if (read.kind === 'NotFound' && read.what === 'Object') return this.#absent(ref, read, call);
    if (!succeeded(read)) return read;
    const entry = read.value;
    if (entry.type !== 'regular') return notASnapshot(entry);
    const stranger = await this.#stranger(ref, entry, call);
    if (stranger !== undefined) return stranger;
    // While the engine is at work on it, its disks are not what they will be.
    const disks =
      entry.status === 'locked'
        ? undefined
        : await this.#client.listSnapshotDisks(ref.containerID, ref.id, call);
    if (disks !== undefined && !succeeded(disks)) {
      return disks.kind === 'NotFound' ? { kind: 'Unavailable', error: disks.error } : disks;
    }
    const snapshot = snapshotView(entry, ref.containerID.toLowerCase(), disks?.value);
    if (!configuration || entry.configuration === undefined) return done(snapshot);
    return readSafely(() => ({
      ...snapshot,
      configuration: withoutSecrets(entry.configuration?.data ?? ''),
    }));
  }

  async createSnapshot(target: SnapshotTarget, call: WriteCall): Promise<Outcome<CreateAccepted>> {
    const ready = await this.#ready(call);
    if (ready !== undefined) return ready;
    const wanted = await this.#wanted(target, call);
    if ('kind' in wanted) return wanted;
    const correlationID = call.correlationID ?? randomUUID();
    const made = await this.#client.createSnapshot(target.containerID, wanted, { ...call, correlationID });
    return mapOutcome(made, (entry) => ({
      // Whatever it says, it is but an acceptance, and holds less than the entry will.
      snapshot: {
        ...snapshotView(entry, target.containerID.toLowerCase(), undefined),
        state: 'Locked' as const,
        vendorState: entry.status,
      },
      token: operationToken({ kind: 'create', vmID: target.containerID, correlationID }),
    }));
  }

  async deleteSnapshot(ref: SnapshotRef, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    const correlationID = call.correlationID ?? randomUUID();
    const removed = await this.#client.deleteSnapshot(ref.containerID, ref.id, { ...call, correlationID });
    const token = operationToken({ kind: 'delete', vmID: ref.containerID, correlationID });
    return mapOutcome(removed, () => ({ token }));
  }

  async listSnapshots(containerID: string, call: Call): Promise<Outcome<Snapshot[]>> {
    const listed = await this.#client.listSnapshots(containerID, call);
    if (!succeeded(listed)) return listed;
    // What bears a mark is a snapshot of ours, whatever this answer fails to say of it.
    const odd = listed.value.find(({ type, description }) => !types.has(type) && markedNameIn(description));
    return odd === undefined ? done(regular(listed.value, containerID)) : notASnapshot(odd);
  }

  async isContainerGone(containerID: string, call: Call): Promise<Outcome<boolean>> {
    const vm = await this.#client.getVM(containerID, call, { all: true });
    if (succeeded(vm)) return done(false);
    if (vm.kind !== 'NotFound') return vm;
    if (vm.what !== 'Object') return { kind: 'Unavailable', error: vm.error };
    const all = await this.#client.listVMs(call);
    return mapOutcome(all, (vms) => !vms.some(({ id }) => id === containerID.toLowerCase()));
  }

  attemptToken(target: SnapshotTarget, correlationID: string): string {
    return operationToken({ kind: 'create', vmID: target.containerID, correlationID });
  }

  restoreToken(target: RestoreTarget | NewVMTarget, correlationID: string): string | undefined {
    // Where no event bears a correlation id, the VM tells alone: a restore that was accepted has begun its commit.
    if (this.#client.hasBareEvents) return undefined;
    const { containerID: vmID, snapshotID } = target;
    return 'vmName' in target
      ? operationToken({ kind: 'new-vm', vmID, correlationID })
      : operationToken({ kind: 'restore', vmID, correlationID, snapshotID });
  }

  async getOperation(token: string, call: Call): Promise<Outcome<OperationState>> {
    const operation = parseToken(token);
    if (operation === undefined) {
      return invalid(
        'InvalidOperation',
        'the operation token is none of an engine; look at the snapshot itself',
      );
    }
    const events = await this.#client.listEvents(operation.correlationID, call);
    if (!succeeded(events)) return events;
    if (operation.kind === 'create') return this.#orAtWork(creationTold(events.value), operation, call);
    if (operation.kind === 'delete') return this.#orAtWork(removalTold(events.value), operation, call);
    if (operation.kind === 'new-vm') return this.#orAtWork(newVMTold(events.value), operation, call);
    const entries = await this.#client.listSnapshots(operation.vmID, call);
    if (!succeeded(entries)) return entries;
    const previewed = entries.value.find(({ status }) => status === 'in_preview');
    const inPreview = previewed !== undefined && previewed.id === (operation.snapshotID ?? previewed.id);
    return this.#orAtWork(restoreTold(events.value, inPreview), operation, call);
  }

  async listInventory(scope: InventoryScope, limit: number, call: Call): Promise<Outcome<Inventory>> {
    if ('storageDomain' in scope) return this.#inventoryOfDomain(scope.storageDomain, limit, call);
    if ('collection' in scope) return unsupported(capabilitiesOf().inventory.collection);
    const listed = await this.#client.listSnapshots(scope.containerID, call);
    return mapOutcome(listed, (entries) => {
      // The active entry is the VM itself.
      const found = entries.filter(({ type }) => type !== 'active').toSorted(newestFirst);
      const items = found.slice(0, limit).map(
        (entry): InventoryItem => ({
          id: entry.id,
          name: markedNameIn(entry.description) ?? entry.description,
          vmID: scope.containerID.toLowerCase(),
          description: entry.description,
          ...(entry.createdAt === undefined ? {} : { createdAt: entry.createdAt }),
          type: entry.type,
          state: entry.status,
        }),
      );
      return { items, truncated: found.length > limit };
    });
  }

  async changes(cursor: string | undefined, call: Call): Promise<Outcome<Changes>> {
    const last = cursor === undefined || !/^\d{1,15}$/.test(cursor) ? undefined : Number(cursor);
    if (last === undefined) {
      return mapOutcome(await this.#client.newestEvent(call), (event) => ({
        cursor: String(event?.id ?? 0),
        vmIDs: [],
        ...(cursor === undefined ? {} : { everything: true }),
      }));
    }
    // The last event again, which shows that the engine still counts from there.
    const found = await this.#client.listEventsSince(Math.max(0, last - 1), maxNewEvents, call);
    if (!succeeded(found)) return found;
    const ids = found.value.map(({ id }) => id);
    if ((last > 0 && !ids.includes(last)) || ids.length >= maxNewEvents) {
      const newest = await this.#client.newestEvent(call);
      return mapOutcome(newest, (event) => ({ cursor: String(event?.id ?? 0), vmIDs: [], everything: true }));
    }
    const fresh = found.value.filter(({ id }) => id > last);
    const vmIDs = [...new Set(fresh.flatMap(({ vmID }) => vmID ?? []))];
    return done({ cursor: String(Math.max(last, ...ids)), vmIDs });
  }

  async inspectVM(containerID: string, call: Call): Promise<Outcome<VMInspection>> {
    const vm = await this.#client.getVM(containerID, call);
    if (!succeeded(vm)) return vm;
    const disks = await this.#client.listDisks(containerID, call);
    if (!succeeded(disks)) return disks;
    const entries = await this.#client.listSnapshots(containerID, call, vm.value);
    return mapOutcome(entries, (all) => {
      const view = vmView(vm.value, disks.value);
      const previewed =
        all.find(({ status }) => status === 'in_preview') ?? all.find(({ type }) => type === 'preview');
      const busy = busyBecause(view, all, disks.value);
      const illegal = disks.value.filter(({ status }) => status === 'illegal').map(({ name }) => name);
      return {
        vm: view,
        snapshots: regular(all, containerID),
        ...(previewed === undefined ? {} : { previewOf: previewed.id }),
        ...(busy === undefined ? {} : { busy }),
        ...(illegal.length === 0 ? {} : { damaged: `disks are illegal: ${illegal.join(', ')}` }),
      };
    });
  }

  async startVM(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return accepted(await this.#client.startVM(containerID, call));
  }

  async stopVM(
    containerID: string,
    how: 'Shutdown' | 'PowerOff',
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>> {
    return accepted(
      how === 'Shutdown'
        ? await this.#client.shutDownVM(containerID, call)
        : await this.#client.powerOffVM(containerID, call),
    );
  }

  async restoreSnapshot(target: RestoreTarget, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    const refusal = await this.#refusesRestore(target, call);
    if (refusal !== undefined) return refusal;
    const { containerID, snapshotID } = target;
    return this.#restored(target, call, (write) =>
      this.#client.restoreSnapshot(containerID, snapshotID, restorationOf(target), write),
    );
  }

  async previewSnapshot(target: RestoreTarget, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    const refusal = (await this.#refusesRestore(target, call)) ?? lacking(this.capabilities.restore.preview);
    if (refusal !== undefined) return refusal;
    const { containerID, snapshotID } = target;
    return this.#restored(target, call, (write) =>
      this.#client.previewSnapshot(containerID, snapshotID, restorationOf(target), write),
    );
  }

  async commitPreview(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return accepted(await this.#client.commitSnapshot(containerID, call));
  }

  async undoPreview(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>> {
    return accepted(await this.#client.undoSnapshot(containerID, call));
  }

  async createVM(target: NewVMTarget, call: WriteCall): Promise<Outcome<NewVMAccepted>> {
    const cluster = await this.#clusterOf(target, call);
    if (!succeeded(cluster)) return cluster;
    const correlationID = call.correlationID ?? randomUUID();
    const wanted = {
      name: target.vmName,
      description: markText(undefined, target.name, longestVMDescription),
      snapshotID: target.snapshotID,
      cluster: cluster.value,
    };
    const made = await this.#client.createVM(target.containerID, wanted, { ...call, correlationID });
    return mapOutcome(made, ({ id }) => ({ vmID: id, token: this.restoreToken(target, correlationID) }));
  }

  async findMarkedVMs(markPrefix: string, call: Call): Promise<Outcome<MarkedVM[]>> {
    const all = await this.#client.listVMs(call);
    if (!succeeded(all)) return all;
    const found: MarkedVM[] = [];
    for (const vm of all.value) {
      const mark = markedNameIn(vm.description);
      if (mark === undefined || !mark.toLowerCase().startsWith(markPrefix.toLowerCase())) continue;
      const disks = await this.#client.listDisks(vm.id, call);
      if (!succeeded(disks)) return disks;
      const unready = disks.value.find(({ status }) => status !== undefined && status !== 'ok');
      found.push({
        id: vm.id,
        name: vm.name,
        mark,
        power: powerOf(vm.status),
        vendorState:
          unready === undefined ? vm.status : `${vm.status}, with ${unready.name} ${unready.status}`,
        disksReady: unready === undefined && vm.status !== 'image_locked',
      });
    }
    return done(found);
  }

  async freezeGuest(vmID: string, call: WriteCall): Promise<Outcome<void>> {
    const refusal = (await this.#ready(call)) ?? lacking(this.capabilities.freeze);
    if (refusal !== undefined) return refusal;
    return nothing(await this.#client.freezeFilesystems(vmID, call));
  }

  async thawGuest(vmID: string, call: WriteCall): Promise<Outcome<void>> {
    const thawed = nothing(await this.#client.thawFilesystems(vmID, call));
    if (thawed.kind !== 'Conflict') return thawed;
    // A guest that is gone holds nothing frozen.
    const vm = await this.#client.getVM(vmID, { signal: call.signal, priority: 'Poll' });
    return succeeded(vm) && vm.value.status === 'down' ? done(undefined) : thawed;
  }

  async describeSnapshot(): Promise<Outcome<OperationAccepted>> {
    return unsupported(this.capabilities.rename);
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  async #byName(name: string, call: Call): Promise<Outcome<EngineVM>> {
    const found = await this.#client.findVMs(name, call);
    if (!succeeded(found)) return found;
    const [vm, another] = found.value;
    if (vm === undefined) {
      const message = `the engine shows no VM named ${name} to this user`;
      return { kind: 'NotFound', what: 'Object', error: { code: 'NoSuchVM', message } };
    }
    if (another === undefined) return done(vm);
    const ids = found.value.map(({ id }) => id).join(', ');
    return invalid(
      'AmbiguousSource',
      `${found.value.length} VMs are named ${name}: ${ids}. Name one by its id`,
    );
  }

  /** A 404 in the engine's own form, held against the list: one that is not complete can tell less, never more. */
  async #absent(ref: SnapshotRef, failure: Failure, call: Call): Promise<Failure> {
    const entries = await this.#client.listSnapshots(ref.containerID, call);
    if (!succeeded(entries)) return entries;
    if (!entries.value.some(({ id, type }) => id === ref.id.toLowerCase() && type === 'regular'))
      return failure;
    const message = `the engine lists the snapshot ${ref.id}, and says that it is not there`;
    return { kind: 'Unavailable', error: { code: 'Contradiction', message } };
  }

  /** An entry of another VM: the engine does not compare it with the path that was asked for (oVirt sheet, section 9). */
  async #stranger(ref: SnapshotRef, entry: EngineSnapshot, call: Call): Promise<Failure | undefined> {
    const vmID = ref.containerID.toLowerCase();
    if (entry.vmID === vmID) return undefined;
    if (entry.vmID === undefined) {
      const entries = await this.#client.listSnapshots(ref.containerID, call);
      if (!succeeded(entries)) return entries;
      if (entries.value.some(({ id }) => id === entry.id)) return undefined;
    }
    const message = `the snapshot ${ref.id} is not of the VM ${ref.containerID}`;
    return { kind: 'NotFound', what: 'Unproven', error: { code: 'OtherVM', message } };
  }

  /** What the release rules out is known only when the engine has told it. */
  async #ready(call: Call): Promise<Failure | undefined> {
    if (this.#engine.dialect !== undefined) return undefined;
    const probed = await this.#engine.probe({ signal: call.signal, priority: 'Poll' });
    return succeeded(probed) ? undefined : probed;
  }

  async #wanted(target: SnapshotTarget, call: Call): Promise<NewSnapshot | Failure> {
    const { memory, disks: can, imageIDs: canName } = this.capabilities;
    const { includeDiskIDs = [], excludeDiskIDs = [], imageIDs = [] } = target;
    const configurationOnly = target.configurationOnly === true;
    const refusal =
      (target.memory === true ? lacking(memory) : undefined) ??
      (includeDiskIDs.length > 0 ? lacking(can.include) : undefined) ??
      (configurationOnly ? lacking(can.configurationOnly) : undefined) ??
      (imageIDs.length > 0 ? lacking(canName) : undefined);
    if (refusal !== undefined) return refusal;
    if (excludeDiskIDs.length > 0 || (configurationOnly && includeDiskIDs.length > 0)) {
      return invalid(
        'InvalidTarget',
        'the disks of a snapshot are named one by one, or all are taken, or none',
      );
    }
    const description = markText(plain(target.description), target.name, longestDescription);
    const common = { description, memory: target.memory === true, configurationOnly };
    if (configurationOnly) return common;
    // An image id needs the disk in the list, and what is not in the list is left out.
    const ids =
      includeDiskIDs.length > 0 ? includeDiskIDs : imageIDs.length > 0 ? await this.#all(target, call) : [];
    if ('kind' in ids) return ids;
    if (ids.length === 0) return common;
    const imageOf = new Map(imageIDs.map(({ diskID, imageID }) => [diskID.toLowerCase(), imageID]));
    return {
      ...common,
      disks: ids.map((id) => {
        const imageID = imageOf.get(id.toLowerCase());
        return { id, ...(imageID === undefined ? {} : { imageID }) };
      }),
    };
  }

  /** The disks of the VM that can be in a snapshot. */
  async #all(target: SnapshotTarget, call: Call): Promise<string[] | Failure> {
    const vm = await this.getVM({ id: target.containerID }, { signal: call.signal, priority: 'Poll' });
    if (!succeeded(vm)) return vm;
    return vm.value.disks.filter(({ excluded }) => excluded === undefined).map(({ id }) => id);
  }

  /**
   * Where the events tell nothing, a snapshot that is locked or a job that is under way do. Of a removal that has begun
   * they have the last word: an engine that was stopped in the middle of it may never tell how it ended.
   */
  async #orAtWork(told: Told, operation: Operation, call: Call): Promise<Outcome<OperationState>> {
    const begun = operation.kind === 'delete' && told.state === 'Running';
    if (told.state !== 'None' && !begun) return done(told);
    const jobs = await this.#client.listJobs(operation.correlationID, call);
    if (!succeeded(jobs)) return jobs;
    if (jobs.value.some(({ status }) => status === 'started')) return done({ ...told, state: 'Running' });
    const entries = await this.#client.listSnapshots(operation.vmID, call);
    if (!succeeded(entries)) return entries.kind === 'NotFound' ? done(told) : entries;
    const locked = entries.value.some(({ status }) => status === 'locked');
    return done({ ...told, state: locked ? 'Running' : 'None' });
  }

  async #refusesRestore(target: RestoreTarget, call: Call): Promise<Failure | undefined> {
    const unready = await this.#ready(call);
    if (unready !== undefined) return unready;
    const { memory, disks } = this.capabilities.restore;
    return (
      (target.memory === true ? lacking(memory) : undefined) ??
      ((target.disks ?? []).length > 0 ? lacking(disks) : undefined)
    );
  }

  async #restored(
    target: RestoreTarget,
    call: WriteCall,
    send: (call: WriteCall) => Promise<Outcome<EngineAction>>,
  ): Promise<Outcome<OperationAccepted>> {
    const correlationID = call.correlationID ?? randomUUID();
    const sent = await send({ ...call, correlationID });
    return mapOutcome(sent, () => ({ token: this.restoreToken(target, correlationID) }));
  }

  async #clusterOf(target: NewVMTarget, call: Call): Promise<Outcome<{ id: string } | { name: string }>> {
    const { cluster, containerID } = target;
    if (cluster !== undefined) return done(isUUID(cluster) ? { id: cluster } : { name: cluster });
    const source = await this.#client.getVM(containerID, { signal: call.signal, priority: 'Poll' });
    if (!succeeded(source)) return source;
    const { clusterID } = source.value;
    if (clusterID === undefined) {
      return invalid('NoCluster', `the VM ${containerID} names no cluster; set spec.newVM.ovirt.cluster`);
    }
    return done({ id: clusterID });
  }

  /**
   * The images of snapshots in a storage domain. Entries name neither their VM nor a description: both are found by the
   * disks, one list of snapshots for each VM.
   */
  async #inventoryOfDomain(id: string, limit: number, call: Call): Promise<Outcome<Inventory>> {
    const can = (await this.#ready(call)) ?? lacking(this.capabilities.inventory.storageDomain);
    if (can !== undefined) return can;
    const disks = await this.#client.listDisksOfDomain(id, call);
    if (!succeeded(disks)) return disks;
    const images = await this.#client.listDiskSnapshots(id, call);
    if (!succeeded(images)) return images;
    const vmOf = new Map(disks.value.map((disk) => [disk.id, disk.vmIDs[0]]));
    const entries = new Map<string, EngineSnapshot>();
    const seen = new Set<string>();
    const items: InventoryItem[] = [];
    for (const image of images.value) {
      if (items.length >= limit) break;
      const vmID = image.diskID === undefined ? undefined : vmOf.get(image.diskID);
      if (vmID !== undefined && !seen.has(vmID)) {
        if (seen.size >= maxVMsOfInventory) continue;
        seen.add(vmID);
        const listed = await this.#client.listSnapshots(vmID, call);
        if (!succeeded(listed)) return listed;
        for (const entry of listed.value) entries.set(entry.id, entry);
      }
      const entry = image.snapshotID === undefined ? undefined : entries.get(image.snapshotID);
      items.push({
        id: image.id,
        name: entry === undefined ? image.name : (markedNameIn(entry.description) ?? entry.description),
        ...(vmID === undefined ? {} : { vmID }),
        ...(entry === undefined ? {} : { description: entry.description }),
        ...(entry?.createdAt === undefined ? {} : { createdAt: entry.createdAt }),
        ...(entry === undefined ? {} : { type: entry.type }),
        ...(image.status === undefined ? {} : { state: image.status }),
      });
    }
    return done({ items, truncated: items.length < images.value.length });
  }
}

/** What the engine is at work on; a state that nobody knows is taken for work, and never for an end. */
function busyBecause(
  { power, vendorState }: VM,
  entries: readonly EngineSnapshot[],
  disks: readonly EngineDisk[],
): string | undefined {
  const locked = entries.find(({ status }) => status === 'locked');
  if (locked !== undefined) return `the engine is at work on the snapshot ${locked.id}`;
  const odd = entries.find(({ status }) => !statuses.has(status));
  if (odd !== undefined)
    return `the engine calls the snapshot ${odd.id} '${vendorText(odd.status, 64)}', which is not known`;
  if (power === 'Busy') return `the VM is ${vendorState}`;
  const lockedDisks = disks.filter(({ status }) => status === 'locked').map(({ name }) => name);
  return lockedDisks.length === 0 ? undefined : `disks are locked: ${lockedDisks.join(', ')}`;
}

/** Entries of type regular are snapshots; the others are the VM itself, before and in a preview. */
function regular(entries: readonly EngineSnapshot[], vmID: string): Snapshot[] {
  return entries
    .filter(({ type }) => type === 'regular')
    .map((entry) => snapshotView(entry, vmID.toLowerCase(), undefined));
}

const types = new Set(['regular', 'active', 'preview', 'stateless']);
const statuses = new Set(['ok', 'locked', 'in_preview']);

/** The id of a snapshot whose creation failed goes back to the active entry (oVirt sheet, section 6). */
function notASnapshot({ id, type }: EngineSnapshot): Failure {
  if (!types.has(type)) {
    const message = `the engine shows the snapshot ${id} as of type '${vendorText(type, 64)}', which is not known`;
    return { kind: 'Unavailable', error: { code: 'MalformedAnswer', message } };
  }
  const message = `the snapshot ${id} is not there: its id stands for the VM's entry of type ${type} now`;
  return { kind: 'NotFound', what: 'Object', error: { code: 'NotASnapshot', message } };
}

function restorationOf({ memory, disks }: RestoreTarget): Restoration {
  return {
    memory: memory === true,
    ...(disks === undefined || disks.length === 0
      ? {}
      : { disks: disks.map(({ diskID, snapshotID }) => ({ id: diskID, imageID: snapshotID })) }),
  };
}

/** Engines take letters and ASCII in descriptions, and refuse a text with anything else. */
function plain(words: string | undefined): string | undefined {
  return words?.normalize('NFC').replace(/[^\x20-\x7e\s\p{L}]/gu, '?');
}

function newestFirst(one: EngineSnapshot, other: EngineSnapshot): number {
  const [first, second] = [one.createdAt ?? '', other.createdAt ?? ''];
  if (first !== second) return first < second ? 1 : -1;
  return one.id < other.id ? -1 : 1;
}

function readSafely<T>(read: () => T): Outcome<T> {
  try {
    return done(read());
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    return { kind: 'Unavailable', error: { code: 'MalformedAnswer', message: error.message } };
  }
}

function accepted(outcome: Outcome<EngineAction>): Outcome<OperationAccepted> {
  return mapOutcome(outcome, () => ({}));
}

/** Freezing and thawing are over when they are answered. */
function nothing(outcome: Outcome<EngineAction>): Outcome<void> {
  return succeeded(outcome) ? done(undefined) : outcome;
}

/** The refusal of what the engine cannot do; undefined when it can. */
function lacking(support: Support): Failure | undefined {
  return support === true ? undefined : unsupported(support);
}

function unsupported(why: Support): Failure {
  const message = why === true ? 'the engine cannot do it' : why;
  return { kind: 'Unsupported', error: { code: 'UnsupportedByProvider', message } };
}

function invalid(code: string, message: string): Failure {
  return { kind: 'Invalid', error: { code, message } };
}

import type { HttpResponse } from '../http.ts';
import { type Call, type Failure, type Outcome, succeeded, type WriteCall } from '../outcome.ts';
import type { Body } from './body.ts';
import type { Dialect } from './capabilities.ts';
import {
  type Evidence,
  explained,
  judgeConflict,
  refusesIllegalDisks,
  type VMOperation,
} from './conflicts.ts';
import type { Engine, Exchange } from './engine.ts';
import { atLeast } from './engine-version.ts';
import {
  actionIn,
  attachmentsIn,
  type DiskAttachment,
  type DomainDisk,
  diskIn,
  diskSnapshotsIn,
  disksIn,
  domainDisksIn,
  type EngineAction,
  type EngineDisk,
  type EngineDiskSnapshot,
  type EngineEvent,
  type EngineJob,
  type EngineSnapshot,
  type EngineSnapshotDisk,
  type EngineVM,
  eventsIn,
  faultIn,
  isUUID,
  jobsIn,
  newSnapshotIn,
  newVMIn,
  snapshotDisksIn,
  snapshotIn,
  snapshotsIn,
  storageDomainIn,
  vmIn,
  vmsIn,
} from './model.ts';
import { actionFailure } from './outcomes.ts';

/** A VM takes a few dozen disks; what has more than this is not read disk by disk. */
const maxDisks = 256;
/** Pages of a hundred VMs each. */
const maxPages = 200;
/** What a VM may be named that is made here. */
const newNameForm = /^[\p{L}\p{N}._+-]{1,255}$/u;
/** No quotes, no wildcards: a name never means more than itself in a search. */
const searchedNameForm = /^[^"'*%?\\\p{Cc}]{1,255}$/u;
const correlationForm = /^[\w-]{1,36}$/;

/** A snapshot to be made. */
export interface NewSnapshot {
  description: string;
  /** Left out where the release does not know the field: it saves no memory then. */
  memory: boolean;
  /** Only these disks, never none; absent: all. */
  disks?: { id: string; imageID?: string }[];
  /** No disk at all; v4 only. */
  configurationOnly: boolean;
}

/** What of a snapshot is brought back. */
export interface Restoration {
  memory: boolean;
  /** Only these disks, by the images that the snapshot has of them; absent: all. */
  disks?: { id: string; imageID: string }[];
}

/** A VM to be made from a snapshot. */
export interface NewVM {
  name: string;
  description: string;
  snapshotID: string;
  cluster: { id: string } | { name: string };
}

/**
 * The operations of an engine that Keyframe uses, by their names in the API and as the model of both its shapes. Reads
 * are single requests unless they say otherwise; every write is one request, and never asynchronous: refusals would
 * not be told (oVirt sheet, section 8).
 */
export class EngineClient {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * One VM by its id. `all` asks to look beyond what the user has permissions on, which only an administrator may: of
   * a VM that is hidden an engine says that it is absent (oVirt sheet, section 3.5).
   */
  getVM(id: string, call: Call, options: { all: boolean } = { all: false }): Promise<Outcome<EngineVM>> {
    const headers = options.all ? { filter: 'false' } : undefined;
    const read = (body: string) => vmIn(body, id);
    return this.#get(call, { operation: 'getVM', id, about: 'VM', path: vmPath(id), read, headers });
  }

  /**
   * The VMs of exactly this name; an engine has one in each data center at most. The search is but a filter: what it
   * finds is compared here.
   */
  async findVMs(name: string, call: Call): Promise<Outcome<EngineVM[]>> {
    if (!searchedNameForm.test(name))
      return invalid('InvalidName', `'${name}' cannot be the name of a VM of an engine`);
    const search = encodeURIComponent(`name="${name}"`);
    const found = await this.#list(call, 'findVMs', name, () => `/vms?search=${search}`, vmsIn);
    if (!succeeded(found)) return found;
    return done(found.value.filter((vm) => vm.name === name));
  }

  /** Every VM that the user sees, page by page. Several requests. */
  async listVMs(call: Call): Promise<Outcome<EngineVM[]>> {
    const seen = new Map<string, EngineVM>();
    for (let page = 1; page <= maxPages; page++) {
      const search = encodeURIComponent(`sortby name asc page ${page}`);
      const found = await this.#list(call, 'listVMs', '', () => `/vms?search=${search}`, vmsIn);
      if (!succeeded(found)) return found;
      const before = seen.size;
      for (const vm of found.value) seen.set(vm.id, vm);
      // Past the end it is empty. For users without permissions on all, engines ignore the search: one page has all.
      if (seen.size === before) return done([...seen.values()]);
    }
    const message = `the list of VMs does not end: ${maxPages} pages, and one more`;
    return { kind: 'Unavailable', error: { code: 'EndlessList', message } };
  }

  /** The disks of a VM that is there: of one that is not, engines give none. Several requests on engines 4.0 and 4.1. */
  async listDisks(vmID: string, call: Call): Promise<Outcome<EngineDisk[]>> {
    const dialect = await this.#dialect(call);
    if (!succeeded(dialect)) return dialect;
    if (dialect.value.api === 3) {
      return this.#list(call, 'listDisks', vmID, () => `${vmPath(vmID)}/disks`, disksIn, misnamed(vmID));
    }
    const follow = atLeast(dialect.value.version, '4.2') ? '?follow=disk' : '';
    const path = `${vmPath(vmID)}/diskattachments${follow}`;
    const attachments = await this.#list(call, 'listDisks', vmID, () => path, attachmentsIn, misnamed(vmID));
    if (!succeeded(attachments)) return attachments;
    if (attachments.value.length > maxDisks) {
      const message = `the VM ${vmID} has ${attachments.value.length} disks, more than ${maxDisks}`;
      return { kind: 'Unsupported', error: { code: 'TooManyDisks', message } };
    }
    const disks: EngineDisk[] = [];
    for (const attachment of attachments.value) {
      const disk = await this.#diskOf(attachment, call);
      if (!succeeded(disk)) return disk;
      const { bootable, readOnly } = attachment;
      disks.push({ ...disk.value, bootable, readOnly });
    }
    return done(disks);
  }

  /**
   * All entries of a VM's list of snapshots. The VM is looked at first, since of one that is not there engines give an
   * empty list. A list can fail or lack entries while something is being removed (oVirt sheet, section 8): it is read
   * once more where it failed, or has no active entry, and where the engine is at work on one, and then what either
   * reading has is there. Several requests.
   */
  async listSnapshots(vmID: string, call: Call, known?: EngineVM): Promise<Outcome<EngineSnapshot[]>> {
    const vm = known === undefined ? await this.getVM(vmID, call) : done(known);
    if (!succeeded(vm))
      return vm.kind === 'NotFound' && vm.what === 'Object' ? { ...vm, what: 'Parent' } : vm;
    const first = await this.#snapshots(vmID, call);
    if (succeeded(first) && isWhole(first.value) && !isMoving(vm.value, first.value)) return first;
    if (!succeeded(first) && first.kind !== 'NotFound') return first;
    const second = await this.#snapshots(vmID, call);
    if (!succeeded(second))
      return second.kind === 'NotFound' ? { kind: 'Unavailable', error: second.error } : second;
    if (!isWhole(second.value)) {
      const message = `the list of snapshots of the VM ${vmID} has no active entry, so that others may lack as well`;
      return { kind: 'Unavailable', error: { code: 'IncompleteList', message } };
    }
    const gone = (succeeded(first) ? first.value : []).filter(
      (one) => one.type === 'regular' && !second.value.some(({ id }) => id === one.id),
    );
    return done([...second.value, ...gone]);
  }

  /** One entry by its id. The engine does not compare it with the VM (oVirt sheet, section 9). */
  getSnapshot(
    vmID: string,
    id: string,
    options: { configuration: boolean },
    call: Call,
  ): Promise<Outcome<EngineSnapshot>> {
    return this.#engine.send(call, ({ version, api }) => {
      const misplaced = misnamed(vmID, id);
      if (misplaced !== undefined) return misplaced;
      const byParameter = options.configuration && api === 4 && atLeast(version, '4.2');
      const byHeader = options.configuration && !byParameter;
      return {
        operation: options.configuration ? 'getConfiguration' : 'getSnapshot',
        method: 'GET',
        path: `${snapshotPath(vmID, id)}${byParameter ? '?all_content=true' : ''}`,
        ...(byHeader ? { headers: { 'all-content': 'true' } } : {}),
        about: 'Snapshot',
        resource: vmID,
        read: ({ body }) => done(snapshotIn(body, id)),
      };
    });
  }

  /** The disks of a snapshot. */
  listSnapshotDisks(vmID: string, id: string, call: Call): Promise<Outcome<EngineSnapshotDisk[]>> {
    const path = () => `${snapshotPath(vmID, id)}/disks`;
    return this.#list(call, 'listSnapshotDisks', vmID, path, snapshotDisksIn, misnamed(vmID, id));
  }

  /** The disks of a storage domain that is there, with the VMs that they hang on. Two requests. */
  async listDisksOfDomain(storageDomainID: string, call: Call): Promise<Outcome<DomainDisk[]>> {
    const path = domainPath(storageDomainID);
    const read = (body: string) => storageDomainIn(body, storageDomainID);
    const domain = await this.#get(call, {
      operation: 'getStorageDomain',
      id: storageDomainID,
      about: 'Disk',
      path,
      read,
    });
    if (!succeeded(domain)) return domain;
    return this.#list(call, 'listDisksOfDomain', storageDomainID, () => `${path}/disks`, domainDisksIn);
  }

  /** The images of a storage domain that belong to snapshots. */
  listDiskSnapshots(storageDomainID: string, call: Call): Promise<Outcome<EngineDiskSnapshot[]>> {
    const path = () => `${domainPath(storageDomainID)}/disksnapshots`;
    return this.#list(
      call,
      'listDiskSnapshots',
      storageDomainID,
      path,
      diskSnapshotsIn,
      misnamed(storageDomainID),
    );
  }

  /**
   * Everything that the engine told of what a correlation id began. Engine 3.1 has no such ids in its events, and
   * refuses to search for them: there it is nothing.
   */
  async listEvents(correlationID: string, call: Call): Promise<Outcome<EngineEvent[]>> {
    if (!correlationForm.test(correlationID))
      return invalid('InvalidCorrelationID', 'it is no correlation id');
    const search = encodeURIComponent(`correlation_id=${correlationID}`);
    const found = await this.#list(call, 'listEvents', '', () => `/events?search=${search}`, eventsIn);
    if (!succeeded(found)) return found.error.status === 400 && this.hasBareEvents ? done([]) : found;
    return done(found.value.filter((event) => event.correlationID === correlationID));
  }

  /** The newest events after that of an id, at most so many: where there are more, the older ones lack. */
  listEventsSince(id: number, max: number, call: Call): Promise<Outcome<EngineEvent[]>> {
    return this.#list(
      call,
      'listNewEvents',
      '',
      (dialect) => limited(dialect, '/events', max, `from=${id}`),
      eventsIn,
    );
  }

  /** The newest event of all; none where there is none. */
  async newestEvent(call: Call): Promise<Outcome<EngineEvent | undefined>> {
    const found = await this.#list(
      call,
      'listNewEvents',
      '',
      (dialect) => limited(dialect, '/events', 1),
      eventsIn,
    );
    if (!succeeded(found)) return found;
    return done(found.value.reduce<EngineEvent | undefined>(later, undefined));
  }

  /** The jobs of a correlation id; none before 4.2, where they cannot be searched. They are forgotten after minutes. */
  async listJobs(correlationID: string, call: Call): Promise<Outcome<EngineJob[]>> {
    const dialect = await this.#dialect(call);
    if (!succeeded(dialect)) return dialect;
    if (!atLeast(dialect.value.version, '4.2') || !correlationForm.test(correlationID)) return done([]);
    const search = encodeURIComponent(`correlation_id=${correlationID}`);
    return this.#list(call, 'listJobs', '', () => `/jobs?search=${search}`, jobsIn);
  }

  /** Asks for a snapshot, once. */
  createSnapshot(vmID: string, wanted: NewSnapshot, call: WriteCall): Promise<Outcome<EngineSnapshot>> {
    const sent = this.#engine.send(call, (dialect) => {
      const refusal = misnamed(
        vmID,
        ...(wanted.disks ?? []).flatMap(({ id, imageID }) => (imageID === undefined ? id : [id, imageID])),
      );
      if (refusal !== undefined) return refusal;
      return {
        operation: 'createSnapshot',
        method: 'POST',
        path: `${vmPath(vmID)}/snapshots`,
        body: { root: 'snapshot', content: snapshotBody(wanted, dialect) },
        about: 'VM',
        creates: true,
        resource: vmID,
        // 202 while storage is at work, 201 where nothing is left to do; either is but an acceptance (section 6).
        read: ({ body }) => pending(newSnapshotIn(body, vmID)),
      };
    });
    return this.#explain(sent, { operation: 'Create', vmID }, call);
  }

  /** Asks for the removal of a snapshot, once. The merge goes on behind the answer. */
  deleteSnapshot(vmID: string, id: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    const sent = this.#engine.send<EngineAction>(call, () => {
      const refusal = misnamed(vmID, id);
      if (refusal !== undefined) return refusal;
      return {
        operation: 'deleteSnapshot',
        method: 'DELETE',
        path: snapshotPath(vmID, id),
        about: 'Snapshot',
        resource: vmID,
        // The acceptance is in the status; some releases say no more.
        read: (response) =>
          response.body.trim() === '' ? pending({ status: 'pending' }) : started(response),
      };
    });
    return this.#explain(sent, { operation: 'Delete', vmID, snapshotID: id }, call);
  }

  /** Puts the VM back to a snapshot, once. The engine answers after the preview, and then goes on to commit it. */
  restoreSnapshot(
    vmID: string,
    id: string,
    what: Restoration,
    call: WriteCall,
  ): Promise<Outcome<EngineAction>> {
    const path = () => `${snapshotPath(vmID, id)}/restore`;
    const body = (dialect: Dialect) => restorationBody(what, dialect);
    const aim: Aim = { operation: 'Restore', vmID, snapshotID: id };
    return this.#act(call, 'restoreSnapshot', aim, path, body, 'Snapshot');
  }

  /** Puts a snapshot in preview. */
  previewSnapshot(
    vmID: string,
    id: string,
    what: Restoration,
    call: WriteCall,
  ): Promise<Outcome<EngineAction>> {
    const path = (dialect: Dialect) => previewPath(vmID, 'preview', dialect);
    const body = (dialect: Dialect) => ({ snapshot: { id }, ...restorationBody(what, dialect) });
    return this.#act(call, 'previewSnapshot', { operation: 'Restore', vmID, snapshotID: id }, path, body);
  }

  /** Keeps what is in preview, and gives up what was before. */
  commitSnapshot(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    const path = (dialect: Dialect) => previewPath(vmID, 'commit', dialect);
    return this.#act(call, 'commitSnapshot', { operation: 'Commit', vmID }, path);
  }

  /** Takes a preview back. */
  undoSnapshot(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    const path = (dialect: Dialect) => previewPath(vmID, 'undo', dialect);
    return this.#act(call, 'undoSnapshot', { operation: 'Undo', vmID }, path);
  }

  startVM(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    return this.#act(call, 'startVM', { operation: 'Start', vmID }, () => `${vmPath(vmID)}/start`);
  }

  /** Asks the guest to shut down. */
  shutDownVM(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    return this.#act(call, 'shutDownVM', { operation: 'Stop', vmID }, () => `${vmPath(vmID)}/shutdown`);
  }

  /** Powers off, whatever the guest is at. */
  powerOffVM(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    return this.#act(call, 'powerOffVM', { operation: 'Stop', vmID }, () => `${vmPath(vmID)}/stop`);
  }

  freezeFilesystems(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    return this.#act(
      call,
      'freezeVM',
      { operation: 'Freeze', vmID },
      () => `${vmPath(vmID)}/freezefilesystems`,
    );
  }

  thawFilesystems(vmID: string, call: WriteCall): Promise<Outcome<EngineAction>> {
    return this.#act(call, 'thawVM', { operation: 'Freeze', vmID }, () => `${vmPath(vmID)}/thawfilesystems`);
  }

  /** Makes a VM from a snapshot of another one, once. */
  createVM(sourceID: string, wanted: NewVM, call: WriteCall): Promise<Outcome<EngineVM>> {
    const sent = this.#engine.send(call, () => {
      const refusal = misnamed(sourceID, wanted.snapshotID) ?? misnamedVM(wanted.name);
      if (refusal !== undefined) return refusal;
      const { name, description, snapshotID, cluster } = wanted;
      return {
        operation: 'createVM',
        method: 'POST',
        path: '/vms',
        body: {
          root: 'vm',
          content: {
            name,
            description,
            cluster: { ...cluster },
            snapshots: { snapshot: [{ id: snapshotID }] },
          },
        },
        about: 'Other',
        creates: true,
        resource: sourceID,
        read: ({ body }: HttpResponse) => pending(newVMIn(body)),
      };
    });
    return this.#explain(sent, { operation: 'Clone', vmID: sourceID, snapshotID: wanted.snapshotID }, call);
  }

  /** Whether the engine is known to keep no correlation ids in its events. */
  get hasBareEvents(): boolean {
    const { dialect } = this.#engine;
    return dialect !== undefined && !atLeast(dialect.version, '3.2');
  }

  /** The dialect, found out where it is not known yet. */
  async #dialect(call: Call): Promise<Outcome<Dialect>> {
    if (this.#engine.dialect !== undefined) return done(this.#engine.dialect);
    const probed = await this.#engine.probe(call);
    return succeeded(probed) ? done(probed.value.dialect) : probed;
  }

  #snapshots(vmID: string, call: Call): Promise<Outcome<EngineSnapshot[]>> {
    return this.#list(
      call,
      'listSnapshots',
      vmID,
      () => `${vmPath(vmID)}/snapshots`,
      snapshotsIn,
      misnamed(vmID),
    );
  }

  async #diskOf(attachment: DiskAttachment, call: Call): Promise<Outcome<EngineDisk>> {
    if (attachment.disk !== undefined) return done(attachment.disk);
    const { diskID } = attachment;
    const read = (body: string) => diskIn(body, diskID);
    return this.#get(call, {
      operation: 'getDisk',
      id: diskID,
      about: 'Disk',
      path: `/disks/${diskID}`,
      read,
    });
  }

  #get<T>(
    call: Call,
    one: {
      operation: string;
      id: string;
      about: Exchange<T>['about'];
      path: string;
      read(body: string): T;
      headers?: Record<string, string> | undefined;
    },
  ): Promise<Outcome<T>> {
    const { operation, id, about, path, read, headers } = one;
    return this.#engine.send(
      call,
      () =>
        misnamed(id) ?? {
          operation,
          method: 'GET',
          path,
          ...(headers === undefined ? {} : { headers }),
          about,
          resource: id,
          read: ({ body }) => done(read(body)),
        },
    );
  }

  #list<T>(
    call: Call,
    operation: string,
    resource: string,
    path: (dialect: Dialect) => string,
    read: (body: string) => T[],
    refusal?: Failure,
  ): Promise<Outcome<T[]>> {
    return this.#engine.send(call, (dialect) => {
      if (refusal !== undefined) return refusal;
      return {
        operation,
        method: 'GET',
        path: path(dialect),
        about: 'Other',
        resource,
        read: ({ body }) => done(read(body)),
      };
    });
  }

  #act(
    call: WriteCall,
    name: string,
    aim: Aim,
    path: (dialect: Dialect) => string,
    body: (dialect: Dialect) => Body = () => ({}),
    about: Exchange<EngineAction>['about'] = 'VM',
  ): Promise<Outcome<EngineAction>> {
    const { vmID, snapshotID } = aim;
    const sent = this.#engine.send(call, (dialect) => {
      const refusal = misnamed(vmID, ...(snapshotID === undefined ? [] : [snapshotID]));
      if (refusal !== undefined) return refusal;
      return {
        operation: name,
        method: 'POST',
        path: path(dialect),
        // Every action needs a body, were it an empty one (oVirt sheet, section 5).
        body: { root: 'action', content: body(dialect) },
        about,
        resource: vmID,
        read: started,
      };
    });
    return this.#explain(sent, aim, call);
  }

  /** A 409 says little: how things stand says more. What cannot be read leaves the refusal as it was. */
  async #explain<T>(sent: Promise<Outcome<T>>, aim: Aim, call: WriteCall): Promise<Outcome<T>> {
    const outcome = await sent;
    const inQuestion = outcome.kind === 'Conflict' && outcome.retry === 'Later';
    const illegal =
      outcome.kind === 'Unknown' && outcome.error.status === 500 && /\bILLEGAL\b/.test(outcome.error.message);
    if (!inQuestion && !illegal) return outcome;
    const look: Call = { signal: call.signal, priority: 'Poll' };
    const evidence = await this.#evidence(aim, look);
    const verdict = judgeConflict(evidence);
    if (inQuestion) return explained(outcome, verdict);
    if (!refusesIllegalDisks(outcome, evidence)) return outcome;
    return explained({ kind: 'Conflict', retry: 'Never', error: outcome.error }, verdict);
  }

  async #evidence({ operation, vmID, snapshotID }: Aim, call: Call): Promise<Evidence> {
    const vm = await this.getVM(vmID, call);
    const snapshots = await this.#snapshots(vmID, call);
    const disks = await this.listDisks(vmID, call);
    return {
      operation,
      ...(snapshotID === undefined ? {} : { snapshotID: snapshotID.toLowerCase() }),
      ...(succeeded(vm) ? { vm: vm.value } : {}),
      ...(succeeded(snapshots) ? { snapshots: snapshots.value } : {}),
      ...(succeeded(disks) ? { disks: disks.value } : {}),
    };
  }
}

/** What a write is about, for the look at why it was refused. */
interface Aim {
  operation: VMOperation;
  vmID: string;
  snapshotID?: string;
}

/** Every VM from 3.1 on has exactly one active entry (oVirt sheet, section 9). */
function isWhole(snapshots: EngineSnapshot[]): boolean {
  return snapshots.filter(({ type }) => type === 'active').length === 1;
}

function isMoving(vm: EngineVM, snapshots: EngineSnapshot[]): boolean {
  return vm.status === 'image_locked' || snapshots.some(({ status }) => status === 'locked');
}

function snapshotBody(
  { description, memory, disks, configurationOnly }: NewSnapshot,
  dialect: Dialect,
): Body {
  const { api, version } = dialect;
  const body: Body = {
    description,
    persist_memorystate: atLeast(version, '3.3') ? memory : undefined,
  };
  if (disks === undefined || disks.length === 0) {
    // One attachment that names no disk: a choice without members. Never an empty list; see capabilities.ts.
    return configurationOnly && api === 4 ? { ...body, disk_attachments: { disk_attachment: [{}] } } : body;
  }
  const items = disks.map(({ id, imageID }): Body => ({ id, image_id: imageID }));
  return api === 3
    ? { ...body, disks: { disk: items } }
    : { ...body, disk_attachments: { disk_attachment: items.map((disk) => ({ disk })) } };
}

/** What an action brings back: `disks` in both shapes, by their images from 4.2 on (oVirt sheet, section 7). */
function restorationBody({ memory, disks }: Restoration, { version }: Dialect): Body {
  return {
    restore_memory: atLeast(version, '3.3') ? memory : undefined,
    disks:
      disks === undefined || disks.length === 0
        ? undefined
        : { disk: disks.map(({ id, imageID }) => ({ id, image_id: imageID })) },
  };
}

function previewPath(vmID: string, verb: 'preview' | 'commit' | 'undo', { api }: Dialect): string {
  return `${vmPath(vmID)}/${verb}${api === 3 ? '_' : ''}snapshot`;
}

/** Engines 3.x take `max` as a matrix parameter only (oVirt sheet, section 4), and 3.1 `from`, too. */
function limited({ api }: Dialect, path: string, max: number, more?: string): string {
  const [before, between] = api === 3 ? [';', ';'] : ['?', '&'];
  return `${path}${before}max=${max}${more === undefined ? '' : `${between}${more}`}`;
}

/** Whatever the order, and however many an engine gives that passes over `max`. */
function later(newest: EngineEvent | undefined, event: EngineEvent): EngineEvent {
  return newest === undefined || event.id > newest.id ? event : newest;
}

function vmPath(id: string): string {
  return `/vms/${id.toLowerCase()}`;
}

function snapshotPath(vmID: string, id: string): string {
  return `${vmPath(vmID)}/snapshots/${id.toLowerCase()}`;
}

function domainPath(id: string): string {
  return `/storagedomains/${id.toLowerCase()}`;
}

/** Nothing but ids goes into a path. */
function misnamed(...ids: string[]): Failure | undefined {
  const wrong = ids.find((id) => !isUUID(id));
  return wrong === undefined ? undefined : invalid('InvalidID', `'${wrong}' is not an id of an engine`);
}

function misnamedVM(name: string): Failure | undefined {
  return newNameForm.test(name) ? undefined : invalid('InvalidName', `'${name}' cannot be the name of a VM`);
}

/** A fault is a refusal, whatever stands beside it and whatever the status is. */
function started(response: HttpResponse): Outcome<EngineAction> {
  const fault = faultIn(response.body);
  if (fault !== undefined) return actionFailure(fault, response);
  const action = actionIn(response.body);
  return action.status === 'failed' ? actionFailure(undefined, response) : pending(action);
}

function pending<T>(value: T): { kind: 'Pending'; value: T } {
  return { kind: 'Pending', value };
}

function done<T>(value: T): { kind: 'Done'; value: T } {
  return { kind: 'Done', value };
}

function invalid(code: string, message: string): Failure {
  return { kind: 'Invalid', error: { code, message } };
}

import { vendorText } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import { collectionIn, objectIn, type Part, readDocument } from './document.ts';
import type { EngineVersion } from './engine-version.ts';

/** The engine, as the root of its API tells it. */
export interface EngineProduct {
  name: string;
  version: EngineVersion;
}

/** A VM as the engine shows it. */
export interface EngineVM {
  id: string;
  name: string;
  description: string;
  /** The engine's word: `up`, `down`, `image_locked`, .. */
  status: string;
  clusterID?: string;
  osType?: string;
  memoryBytes?: number;
  cpus?: number;
}

/** A disk of a VM. */
export interface EngineDisk {
  id: string;
  name: string;
  /** The engine's word: `ok`, `locked`, `illegal`. Absent for direct LUNs. */
  status?: string;
  /** `image`, `lun`, `cinder`, `managed_block_storage`; absent where an old engine does not tell. */
  storageType?: string;
  bootable: boolean;
  shareable: boolean;
  readOnly: boolean;
  imageID?: string;
  /** Its storage is the image of a snapshot, on loan to a backup. */
  snapshotID?: string;
  provisionedBytes?: number;
}

/** How a disk hangs on a VM, in v4. */
export interface DiskAttachment {
  diskID: string;
  bootable: boolean;
  readOnly: boolean;
  /** When it was asked for with the attachment. */
  disk?: EngineDisk;
}

/** An entry of a VM's list of snapshots. */
export interface EngineSnapshot {
  id: string;
  description: string;
  /** The engine's word: `regular`, `active`, `preview`, `stateless`; `untyped` where it has none. */
  type: string;
  /** The engine's word: `ok`, `locked`, `in_preview`. */
  status: string;
  createdAt?: string;
  memory?: boolean;
  /** The VM, where the entry names it. */
  vmID?: string;
  /** The VM's configuration at the time, where it is embedded; a broken one is not. */
  vm?: { osType?: string; memoryBytes?: number; cpus?: number };
  /** The entry before, in v3. */
  previousID?: string;
  /** OVF, as the engine has it: with everything secret in it. */
  configuration?: { type: string; data: string };
}

/** A disk's part of a snapshot. */
export interface EngineSnapshotDisk {
  id: string;
  name: string;
  imageID: string;
  status: string;
  actualBytes?: number;
  provisionedBytes?: number;
  bootable?: boolean;
  snapshotID?: string;
  /** As of a disk. */
  storageType?: string;
}

/** One image of a disk in a storage domain that belongs to a snapshot. */
export interface EngineDiskSnapshot {
  id: string;
  name: string;
  status?: string;
  diskID?: string;
  snapshotID?: string;
}

/** A disk of a storage domain. */
export interface DomainDisk {
  id: string;
  /** The VMs that it hangs on. */
  vmIDs: string[];
}

/** Something that the engine tells about what happened. */
export interface EngineEvent {
  id: number;
  code: number;
  description: string;
  time?: string;
  correlationID?: string;
  vmID?: string;
}

/** A task of the engine. */
export interface EngineJob {
  id: string;
  /** `started`, `finished`, `failed`, `aborted`, `unknown`. */
  status: string;
  description: string;
}

/** The answer to an action. */
export interface EngineAction {
  /** `pending`, `in_progress`, `complete`, `failed`. */
  status: string;
  jobID?: string;
  fault?: EngineFault;
}

/** Why an engine refuses. */
export interface EngineFault {
  reason?: string;
  /** Without the brackets around it. */
  detail?: string;
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text is an id of an engine. Nothing else is ever put into a path. */
export function isUUID(text: string): boolean {
  return uuidForm.test(text);
}

/** Reads the root of the API. In v3 the numbers are attributes, in v4 elements. */
export function productIn(body: string): EngineProduct {
  const info = objectIn(body, 'api').one('product_info');
  const version = info?.one('version');
  const [major, minor] = [version?.amount('major'), version?.amount('minor')];
  if (info === undefined || version === undefined || major === undefined || minor === undefined) {
    throw new MalformedAnswer("the root of the engine's API does not tell its version");
  }
  const build = version.amount('build') ?? 0;
  const full = version.text('full_version') ?? info.text('full_version') ?? `${major}.${minor}.${build}`;
  const name = vendorText(info.text('name') ?? 'oVirt Engine', 128);
  return { name, version: { major, minor, build, full: vendorText(full, 64) } };
}

/** One VM. Throws a MalformedAnswer when it is another one than was asked for, or essentials are not there. */
export function vmIn(body: string, askedID: string): EngineVM {
  const vm = vmOf(objectIn(body, 'vm'));
  expectSame('VM', vm.id, askedID);
  return vm;
}

/** The VM that a request made. */
export function newVMIn(body: string): EngineVM {
  return vmOf(objectIn(body, 'vm'));
}

/** A list of VMs. */
export function vmsIn(body: string): EngineVM[] {
  return collectionIn(body, 'vms', 'vm').map(vmOf);
}

function vmOf(part: Part): EngineVM {
  return {
    id: idOf(part, 'VM'),
    name: essential(part.text('name'), 'a VM', 'name'),
    description: part.text('description') ?? '',
    status: essential(stateOf(part), 'a VM', 'status'),
    ...defined({ clusterID: part.one('cluster')?.text('id') }),
    ...configurationOf(part),
  };
}

function configurationOf(part: Part): { osType?: string; memoryBytes?: number; cpus?: number } {
  const topology = part.one('cpu')?.one('topology');
  const counts = ['sockets', 'cores', 'threads'].map((name) => topology?.amount(name) ?? 1);
  return defined({
    osType: part.one('os')?.text('type'),
    memoryBytes: part.amount('memory'),
    cpus: topology === undefined ? undefined : counts.reduce((product, count) => product * count, 1),
  });
}

/** The disks of a VM in v3. */
export function disksIn(body: string): EngineDisk[] {
  return collectionIn(body, 'disks', 'disk').map(diskOf);
}

/** One disk. Throws a MalformedAnswer when it is another one than was asked for. */
export function diskIn(body: string, askedID: string): EngineDisk {
  const disk = diskOf(objectIn(body, 'disk'));
  expectSame('disk', disk.id, askedID);
  return disk;
}

function diskOf(part: Part): EngineDisk {
  const id = idOf(part, 'disk');
  // Engine 3.1 writes it in its own way.
  const lun = [...part.all('lun_storage'), ...part.all('lunStorage')].length > 0 ? 'lun' : undefined;
  return {
    id,
    name: part.text('alias') ?? part.text('name') ?? id,
    bootable: part.flag('bootable') ?? false,
    shareable: part.flag('shareable') ?? false,
    readOnly: part.flag('read_only') ?? false,
    ...defined({
      status: stateOf(part),
      storageType: part.text('storage_type')?.toLowerCase() ?? lun,
      imageID: part.text('image_id'),
      snapshotID: part.one('snapshot')?.text('id'),
      provisionedBytes: part.amount('provisioned_size') ?? part.amount('size'),
    }),
  };
}

/** The disk attachments of a VM, in v4. */
export function attachmentsIn(body: string): DiskAttachment[] {
  return collectionIn(body, 'disk_attachments', 'disk_attachment').map((part) => {
    const disk = essential(part.one('disk'), 'a disk attachment', 'disk');
    // A link has an id and where it leads; a disk that was followed has more.
    const whole = disk.names.some((name) => name !== 'id' && name !== 'href' && name !== 'rel');
    return {
      diskID: idOf(disk, 'disk'),
      bootable: part.flag('bootable') ?? false,
      readOnly: part.flag('read_only') ?? false,
      ...(whole ? { disk: diskOf(disk) } : {}),
    };
  });
}

/**
 * One entry of a VM's list of snapshots. Throws a MalformedAnswer when it is another one than was asked for, or has no
 * status.
 */
export function snapshotIn(body: string, askedID: string): EngineSnapshot {
  const snapshot = snapshotOf(objectIn(body, 'snapshot'));
  expectSame('snapshot', snapshot.id, askedID);
  return snapshot;
}

/** The entry that a request made for a VM. Throws a MalformedAnswer when it is for another one. */
export function newSnapshotIn(body: string, vmID: string): EngineSnapshot {
  const snapshot = snapshotOf(objectIn(body, 'snapshot'));
  if (snapshot.vmID !== undefined) expectSame('VM', snapshot.vmID.toLowerCase(), vmID);
  return snapshot;
}

/** All entries of a VM's list of snapshots, the active one too. */
export function snapshotsIn(body: string): EngineSnapshot[] {
  return collectionIn(body, 'snapshots', 'snapshot').map(snapshotOf);
}

function snapshotOf(part: Part): EngineSnapshot {
  const vm = part.one('vm');
  const configuration = part.one('initialization')?.one('configuration');
  const data = configuration?.one('data')?.content;
  const embedded = vm?.names.some((name) => name !== 'id' && name !== 'href' && name !== 'rel') === true;
  return {
    id: idOf(part, 'snapshot'),
    description: part.text('description') ?? '',
    // Engines 3.5 to 4.4 list a pending change of the VM among its snapshots, and have no word for it.
    type: (part.text('snapshot_type') ?? part.text('type') ?? 'untyped').toLowerCase(),
    status: essential(part.text('snapshot_status'), 'a snapshot', 'snapshot_status').toLowerCase(),
    ...defined({
      createdAt: dateOf(part),
      memory: part.flag('persist_memorystate'),
      vmID: vm?.text('id')?.toLowerCase(),
      vm: vm !== undefined && embedded ? configurationOf(vm) : undefined,
      previousID: previousOf(part),
      configuration:
        data === undefined || data.trim() === ''
          ? undefined
          : { type: configuration?.text('type') ?? 'ovf', data },
    }),
  };
}

/** The epoch itself is no date of a snapshot: nothing would be said to be older. */
function dateOf(part: Part): string | undefined {
  const date = part.instant('date');
  return date === undefined || Date.parse(date) === 0 ? undefined : date;
}

/** Of the link only the id at its end is taken: links may point elsewhere (oVirt sheet, section 1). */
function previousOf(part: Part): string | undefined {
  const link = part.all('link').find((one) => one.text('rel') === 'prev');
  const id = link?.text('href')?.split('/').at(-1);
  return id !== undefined && isUUID(id) ? id.toLowerCase() : undefined;
}

/** The disks of a snapshot. */
export function snapshotDisksIn(body: string): EngineSnapshotDisk[] {
  return collectionIn(body, 'disks', 'disk').map((part) => {
    const id = idOf(part, 'disk');
    return {
      id,
      name: part.text('alias') ?? part.text('name') ?? id,
      imageID: essential(part.text('image_id'), 'a disk of a snapshot', 'image_id').toLowerCase(),
      status: essential(stateOf(part), 'a disk of a snapshot', 'status'),
      ...defined({
        actualBytes: part.amount('actual_size'),
        provisionedBytes: part.amount('provisioned_size') ?? part.amount('size'),
        bootable: part.flag('bootable'),
        snapshotID: part.one('snapshot')?.text('id'),
        storageType: part.text('storage_type')?.toLowerCase(),
      }),
    };
  });
}

/** A storage domain, of which nothing matters but that it is there. Throws a MalformedAnswer for another one. */
export function storageDomainIn(body: string, askedID: string): { id: string } {
  const id = idOf(objectIn(body, 'storage_domain'), 'storage domain');
  expectSame('storage domain', id, askedID);
  return { id };
}

/** The disks of a storage domain. */
export function domainDisksIn(body: string): DomainDisk[] {
  return collectionIn(body, 'disks', 'disk').map((part) => ({
    id: idOf(part, 'disk'),
    vmIDs: part.items('vms', 'vm').flatMap((vm) => vm.text('id')?.toLowerCase() ?? []),
  }));
}

/** The disk snapshots of a storage domain. */
export function diskSnapshotsIn(body: string): EngineDiskSnapshot[] {
  return collectionIn(body, 'disk_snapshots', 'disk_snapshot').map((part) => {
    const id = idOf(part, 'disk snapshot');
    return {
      id,
      name: part.text('alias') ?? part.text('name') ?? id,
      ...defined({
        status: stateOf(part),
        diskID: part.one('disk')?.text('id')?.toLowerCase(),
        snapshotID: part.one('snapshot')?.text('id')?.toLowerCase(),
      }),
    };
  });
}

/** A list of events, as the engine orders them. */
export function eventsIn(body: string): EngineEvent[] {
  return collectionIn(body, 'events', 'event').map((part) => ({
    id: essential(part.amount('id'), 'an event', 'id'),
    code: essential(part.amount('code'), 'an event', 'code'),
    description: vendorText(part.text('description') ?? ''),
    ...defined({
      time: part.instant('time'),
      correlationID: part.text('correlation_id'),
      vmID: part.one('vm')?.text('id')?.toLowerCase(),
    }),
  }));
}

/** A list of jobs. */
export function jobsIn(body: string): EngineJob[] {
  return collectionIn(body, 'jobs', 'job').map((part) => ({
    id: idOf(part, 'job'),
    status: essential(stateOf(part), 'a job', 'status'),
    description: vendorText(part.text('description') ?? ''),
  }));
}

/** The answer to an action. Throws a MalformedAnswer when it has no status. */
export function actionIn(body: string): EngineAction {
  const part = objectIn(body, 'action');
  const fault = part.one('fault');
  const status = essential(stateOf(part), 'an action', 'status');
  if (!actionStatuses.includes(status)) {
    throw new MalformedAnswer(`'${vendorText(status, 64)}' is not the status of an action`);
  }
  return {
    status,
    ...defined({
      jobID: part.one('job')?.text('id'),
      fault: fault === undefined ? undefined : faultOf(fault),
    }),
  };
}

const actionStatuses = ['pending', 'in_progress', 'complete', 'failed'];

/** What a body says of a refusal: a fault, or an action with a fault in it. Undefined for any other body. */
export function faultIn(body: string): EngineFault | undefined {
  const document = readDocument(body);
  if (document === undefined) return undefined;
  const { root, part } = document;
  try {
    const has = (name: string) => part.names.includes(name);
    // An action may have a reason of its own: why someone wants it.
    if (root === 'fault' || (root === undefined && !has('status') && (has('detail') || has('reason')))) {
      return faultOf(part);
    }
    const inner = root === undefined || root === 'action' ? part.one('fault') : undefined;
    return inner === undefined ? undefined : faultOf(inner);
  } catch (error) {
    if (error instanceof MalformedAnswer) return undefined;
    throw error;
  }
}

function faultOf(part: Part): EngineFault {
  const details = part.all('detail').map(({ content }) => content.trim());
  const detail = details.join(' ').replace(/^\[([\s\S]*)\]$/, '$1');
  return defined({ reason: part.text('reason'), detail: detail === '' ? undefined : detail });
}

/** A state: in v4 the text itself, in v3 an element within. */
function stateOf(part: Part): string | undefined {
  return (part.text('status') ?? part.one('status')?.text('state'))?.toLowerCase();
}

function idOf(part: Part, what: string): string {
  const id = essential(part.text('id'), `a ${what}`, 'id');
  if (!isUUID(id)) throw new MalformedAnswer(`'${vendorText(id, 64)}' is not the id of a ${what}`);
  return id.toLowerCase();
}

function expectSame(what: string, id: string, askedID: string): void {
  if (id === askedID.toLowerCase()) return;
  throw new MalformedAnswer(`asked for the ${what} ${askedID}, but the answer is about ${id}`);
}

function essential<T>(value: T | undefined, what: string, part: string): T {
  if (value === undefined) throw new MalformedAnswer(`the answer should be ${what}, but has no ${part}`);
  return value;
}

/** Leaves out what is undefined. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

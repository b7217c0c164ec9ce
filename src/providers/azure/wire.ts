import { vendorText } from '../http.ts';
import { sameID } from '../ids.ts';
import { amountOf, isRecord, type JSONRecord, listOf, MalformedAnswer, recordOf, textOf } from '../json.ts';
import type {
  ConsistencyLevel,
  DiskReplication,
  OperationState,
  Snapshot,
  SnapshotDisk,
  VM,
} from '../provider.ts';
import type { Collection } from './azure-provider.ts';
import {
  collectionOfPoint,
  collectionType,
  nameOf,
  normalizeLocation,
  parseID,
  parseIDOf,
  pointID,
  pointType,
  vmType,
} from './ids.ts';
import { errorBodyOf, operationFailure } from './outcomes.ts';

/** Azure's disk sizes are in GiB, though it calls them GB. */
const bytesPerGB = 1024 ** 3;

/**
 * One VM from its GET. Throws a MalformedAnswer when id, location or vmId are not there, or when it is another
 * one than was asked for.
 */
export function vmOf(json: unknown, askedID: string): VM {
  const answer = objectOf(json, 'a virtual machine');
  const id = essential(textOf(answer.id), 'a virtual machine', 'id');
  const parsed = essential(parseIDOf(vmType, id), 'a virtual machine', "a virtual machine's id");
  expectSame(id, askedID, 'virtual machine');
  const properties = essential(recordOf(answer.properties), 'a virtual machine', 'properties');
  const hardware = recordOf(properties.hardwareProfile);
  const storage = recordOf(properties.storageProfile);
  return {
    id: askedID,
    name: parsed.names.at(-1) ?? askedID,
    uid: essential(textOf(properties.vmId), 'a virtual machine', 'properties.vmId').toLowerCase(),
    location: normalizeLocation(essential(textOf(answer.location), 'a virtual machine', 'location')),
    resourceGroup: parsed.resourceGroup,
    power: 'Unknown',
    vendorState: '',
    ...defined({ size: textOf(hardware?.vmSize), osType: textOf(recordOf(storage?.osDisk)?.osType) }),
    // Unmanaged disks have no id, and are never part of a restore point (Azure sheet, section 6).
    disks: disksIn(storage).flatMap(({ disk, osDisk }) => {
      const id = referenceOf(disk.managedDisk);
      const size = defined({ sizeBytes: sizeOf(disk) });
      return id === undefined ? [] : [{ id, name: textOf(disk.name) ?? nameOf(id), osDisk, ...size }];
    }),
  };
}

/**
 * One collection. `askedID` is what was asked for, undefined in lists; `points` says whether its restore points
 * were. Throws a MalformedAnswer when what is essential is not there, or is another collection's.
 */
export function collectionOf(json: unknown, askedID: string | undefined, points: boolean): Collection {
  const answer = objectOf(json, 'a collection');
  const ownID = essential(textOf(answer.id), 'a collection', 'id');
  const parsed = essential(parseIDOf(collectionType, ownID), 'a collection', "a collection's id");
  if (askedID !== undefined) expectSame(ownID, askedID, 'collection');
  // The spelling that was asked for, so that what is recorded does not change with the operation that read it.
  const id = askedID ?? ownID;
  const properties = essential(recordOf(answer.properties), 'a collection', 'properties');
  const source = essential(recordOf(properties.source), 'a collection', 'properties.source');
  const sourceID = essential(textOf(source.id), 'a collection', 'properties.source.id');
  const sourceLocation = textOf(source.location);
  const collection: Collection = {
    id,
    name: textOf(answer.name) ?? parsed.names.at(-1) ?? '',
    resourceGroup: parsed.resourceGroup,
    location: normalizeLocation(essential(textOf(answer.location), 'a collection', 'location')),
    tags: tagsOf(answer.tags),
    // ARM: an absent state means Succeeded (Azure sheet, section 4). A collection is made in one step.
    provisioningState: stateWordOf(properties, 'a collection') || 'Succeeded',
    ...defined({ restorePointCollectionID: textOf(properties.restorePointCollectionId) }),
    source: {
      id: sourceID,
      ...defined({ location: sourceLocation === undefined ? undefined : normalizeLocation(sourceLocation) }),
    },
  };
  if (points) collection.points = pointsOf(properties, id, sourceID);
  return collection;
}

/** All points or none: one that cannot be read makes the list useless as proof of absence. */
function pointsOf(properties: JSONRecord, collection: string, sourceID: string): Snapshot[] {
  const found = properties.restorePoints ?? [];
  const list = essential(listOf(found), 'a collection', 'a list in properties.restorePoints');
  const source = parseIDOf(vmType, sourceID) === undefined ? {} : { vmID: sourceID };
  return list.map((item) => {
    const id = essential(textOf(recordOf(item)?.id), 'a restore point', 'id');
    return { ...snapshotOf(item, pointID(collection, nameOf(id))), ...source };
  });
}

const states: Record<string, Snapshot['state']> = {
  creating: 'Creating',
  succeeded: 'Succeeded',
  failed: 'Failed',
  canceled: 'Failed',
  cancelled: 'Failed',
  deleting: 'Deleting',
};

const levels: Record<string, ConsistencyLevel> = {
  crashconsistent: 'Crash',
  filesystemconsistent: 'FileSystem',
  applicationconsistent: 'Application',
};

/**
 * One restore point, in either wire form: 2021-03-01 has no `properties` around it (Azure sheet, section 1).
 * Throws a MalformedAnswer when it has no id, or the id of another point or collection than was asked for.
 */
export function snapshotOf(json: unknown, askedID: string): Snapshot {
  const answer = objectOf(json, 'a restore point');
  const id = essential(textOf(answer.id), 'a restore point', 'id');
  essential(parseIDOf(pointType, id), 'a restore point', "a restore point's id");
  expectSame(id, askedID, 'restore point');
  const containerID = essential(collectionOfPoint(askedID), 'a restore point', "a restore point's id");
  const properties = recordOf(answer.properties) ?? answer;
  const metadata = recordOf(properties.sourceMetadata);
  const storage = recordOf(metadata?.storageProfile);
  const osDisk = recordOf(storage?.osDisk);
  const disks = disksOf(storage);
  const vendorState = stateWordOf(properties, 'a restore point');
  const state = stateOf(vendorState, disks);
  const location = textOf(metadata?.location);
  return {
    id: askedID,
    name: nameOf(id),
    containerID,
    state,
    vendorState,
    ...defined({
      createdAt: timeOf(properties.timeCreated ?? recordOf(properties.provisioningDetails)?.creationTime),
      vmUID: textOf(metadata?.vmId)?.toLowerCase(),
    }),
    source: defined({
      size: textOf(recordOf(metadata?.hardwareProfile)?.vmSize),
      osType: textOf(osDisk?.osType),
      location: location === undefined ? undefined : normalizeLocation(location),
    }),
    // Before it has succeeded, the mode is what was asked for and not what was achieved.
    ...defined({
      consistency: state === 'Succeeded' ? member(levels, properties.consistencyMode) : undefined,
    }),
    disks,
    excludedDiskIDs: (listOf(properties.excludeDisks) ?? []).flatMap((disk) => referenceOf(disk) ?? []),
    ...defined({
      copyOf: referenceOf(properties.sourceRestorePoint),
      replication: replicationOf(properties.instanceView),
    }),
  };
}

/**
 * An absent state counts as Succeeded by ARM's contract (Azure sheet, section 4). That alone is too little to
 * call a point finished: it must also show what only a finished one has, the restore point of every disk.
 */
function stateOf(vendorState: string, disks: SnapshotDisk[]): Snapshot['state'] {
  if (vendorState !== '') return member(states, vendorState) ?? 'Unrecognised';
  const finished = disks.length > 0 && disks.every((disk) => disk.snapshotID !== undefined);
  return finished ? 'Succeeded' : 'Unrecognised';
}

function disksOf(storage: JSONRecord | undefined): SnapshotDisk[] {
  return disksIn(storage).map(({ disk, osDisk }) => {
    const id = referenceOf(disk.managedDisk);
    const encryption = recordOf(recordOf(disk.diskRestorePoint)?.encryption);
    return {
      name: textOf(disk.name) ?? (id === undefined ? '' : nameOf(id)),
      osDisk,
      ...defined({
        id,
        sizeBytes: sizeOf(disk),
        snapshotID: referenceOf(disk.diskRestorePoint),
        encryptionType: textOf(encryption?.type),
      }),
    };
  });
}

/** The disks of a storage profile. One that cannot be read may not just be missing: it would count as done. */
function disksIn(storage: JSONRecord | undefined): { disk: JSONRecord; osDisk: boolean }[] {
  const osDisk = storage?.osDisk ?? undefined;
  const dataDisks = essential(listOf(storage?.dataDisks ?? []), 'a storage profile', 'a list in dataDisks');
  const read = (disk: unknown) => essential(recordOf(disk), 'a disk', 'an object');
  return [
    ...(osDisk === undefined ? [] : [{ disk: read(osDisk), osDisk: true }]),
    ...dataDisks.map((disk) => ({ disk: read(disk), osDisk: false })),
  ];
}

/**
 * How far each disk is, by the instance view; undefined when there is none. An entry without an id is left out,
 * so that its disk has no status and cannot count as replicated.
 */
function replicationOf(instanceView: unknown): DiskReplication[] | undefined {
  const disks = listOf(recordOf(instanceView)?.diskRestorePoints);
  if (disks === undefined || disks.length === 0) return undefined;
  return disks.flatMap((item) => {
    const disk = recordOf(item);
    const snapshotID = textOf(disk?.id);
    if (disk === undefined || snapshotID === undefined) return [];
    const replication = recordOf(disk.replicationStatus);
    const status = recordOf(replication?.status);
    const percent = amountOf(replication?.completionPercent);
    const message = textOf(status?.message) ?? textOf(status?.displayStatus);
    return [
      {
        snapshotID,
        state: replicationState(status, textOf(disk.snapshotAccessState)),
        ...defined({
          percent: percent === undefined ? undefined : Math.min(100, percent),
          code: textOf(status?.code),
          message: message === undefined ? undefined : vendorText(message),
        }),
      },
    ];
  });
}

/** No failed code was ever seen: whatever looks like one counts, and what is unknown is pending (Azure sheet, section 8). */
function replicationState(
  status: JSONRecord | undefined,
  accessState: string | undefined,
): DiskReplication['state'] {
  const code = (textOf(status?.code) ?? '').toLowerCase();
  if (code.endsWith('/failed') || textOf(status?.level)?.toLowerCase() === 'error') return 'Failed';
  if (code === 'replicationstate/replicating') return 'Replicating';
  // Pending here means that nothing can be restored yet, whatever the replication says.
  if (accessState?.toLowerCase() === 'pending') return 'Pending';
  return code === 'replicationstate/succeeded' ? 'Succeeded' : 'Pending';
}

/**
 * The answer of an Azure-AsyncOperation URL. Canceled, in both spellings, is a failure; whatever is no terminal
 * state is still running. Throws a MalformedAnswer when it bears no state.
 */
export function operationOf(json: unknown): OperationState {
  const answer = essential(recordOf(json), 'an operation', 'an object');
  const status = essential(textOf(answer.status), 'an operation', 'status');
  switch (member(states, status)) {
    case 'Succeeded':
      return { state: 'Succeeded' };
    case 'Failed':
      return { state: 'Failed', failure: operationFailure(answer.error, status) };
    default:
      return { state: 'Running' };
  }
}

/**
 * The answer of a Location URL: 202 while it runs, then 200 or 204, with or without the resource. `json` is
 * undefined for an empty body. The HTTP status decides; a body can only make less of it.
 */
export function locationOf(status: number, json: unknown): OperationState {
  if (status === 202) return { state: 'Running' };
  if (json === undefined) return { state: 'Succeeded' };
  const answer = essential(recordOf(json), 'an operation', 'an object');
  if (textOf(answer.status) !== undefined) return operationOf(answer);
  refuseError(answer, 'what came of an operation');
  const provisioningState = textOf(recordOf(answer.properties)?.provisioningState);
  return provisioningState === undefined
    ? { state: 'Succeeded' }
    : operationOf({ status: provisioningState, error: answer.error });
}

/** Throws a MalformedAnswer for what is no answer to a DELETE. `json` is undefined for an empty body. */
export function expectRemoval(status: number, json: unknown): void {
  const what = 'the acceptance of a removal';
  if (![200, 202, 204].includes(status))
    throw new MalformedAnswer(`the answer should be ${what}, and its status is ${status}`);
  if (json !== undefined && json !== null) objectOf(json, what);
}

/** One page of a list. Throws a MalformedAnswer when it is none. */
export function pageOf(json: unknown): { items: unknown[]; nextLink?: string } {
  const answer = objectOf(json, 'a list');
  const items = essential(listOf(answer.value), 'a list', 'value');
  const { nextLink } = answer;
  if (nextLink === undefined || nextLink === null || nextLink === '') return { items };
  return { items, nextLink: essential(textOf(nextLink), 'a list', 'a text in nextLink') };
}

/** A resource or a list. A server that fails in the middle of its work may say so under a 200. */
function objectOf(json: unknown, what: string): JSONRecord {
  const answer = essential(recordOf(json), what, 'an object');
  refuseError(answer, what);
  return answer;
}

function refuseError(answer: JSONRecord, what: string): void {
  if (answer.error === undefined || answer.error === null) return;
  const { code = '', message = '' } = errorBodyOf(answer);
  const words = [code, message].filter((part) => part !== '').join(': ');
  const said = vendorText(words === '' ? JSON.stringify(answer.error) : words, 256);
  throw new MalformedAnswer(`the answer should be ${what}, and bears an error: ${said}`);
}

/** The provisioning state; empty where there is none, which counts as Succeeded (Azure sheet, section 4). */
function stateWordOf({ provisioningState: word }: JSONRecord, what: string): string {
  if (word === undefined || word === null) return '';
  return essential(textOf(word), what, 'a text in provisioningState');
}

function essential<T>(value: T | undefined, what: string, part: string): T {
  if (value === undefined)
    throw new MalformedAnswer(`the answer should be ${what}, but ${part} is not in it`);
  return value;
}

function expectSame(id: string, asked: string, what: string): void {
  if (parseID(asked) !== undefined && sameID(id, asked)) return;
  throw new MalformedAnswer(vendorText(`asked for the ${what} ${asked}, but the answer is about ${id}`));
}

/** The id in a reference, which is an object or, in old versions, the id itself. */
function referenceOf(value: unknown): string | undefined {
  return textOf(value) ?? textOf(recordOf(value)?.id);
}

function sizeOf(disk: JSONRecord): number | undefined {
  const size = amountOf(disk.diskSizeGB);
  return size === undefined || size === 0 ? undefined : size * bytesPerGB;
}

/** Azure's times are UTC, also where they do not say so. The first year is what .NET writes for none. */
function timeOf(value: unknown): string | undefined {
  const [, time, zone = 'Z'] =
    /^((?:19[7-9]\d|[2-8]\d{3})-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:\d\d)?$/i.exec(
      textOf(value) ?? '',
    ) ?? [];
  if (time === undefined) return undefined;
  const date = new Date(`${time}${zone}`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function tagsOf(value: unknown): Record<string, string> {
  const tags = Object.entries(isRecord(value) ? value : {});
  return Object.fromEntries(tags.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** A member of a table by a vendor's word, whatever its case. */
function member<T>(table: Record<string, T>, word: unknown): T | undefined {
  const key = textOf(word)?.toLowerCase();
  return key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Leaves out what is undefined. */
function defined<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

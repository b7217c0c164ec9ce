import type { Call, Failure, Outcome, WriteCall } from './outcome.ts';

export type Vendor = 'azure';

/**
 * One connection to one vendor endpoint. The three vendors implement this; what only one of them has (Azure's
 * collections and copies) is an interface of its own beside it.
 *
 * No method keeps state that matters: what a restart needs is in the Kubernetes object or at the vendor.
 */
export interface Provider {
  readonly vendor: Vendor;
  /** Names the endpoint, not the object that configured it: two providers of one endpoint share it and its budget. */
  readonly endpointID: string;
  readonly capabilities: Capabilities;
  /** The longest that one request may take, in milliseconds (`limits.requestTimeout`). */
  readonly requestTimeoutMs: number;
  /** How long the effect of a write whose answer was lost may take to show, in milliseconds. */
  readonly settleMs: number;

  /** Asks the endpoint for something cheap that needs the credentials. */
  probe(call: Call): Promise<Outcome<Product>>;
  /** Resolves a VM by reads only. */
  getVM(query: VMQuery, call: Call): Promise<Outcome<VM>>;
  /** One snapshot by its id. `progress` asks for the costly view that holds replication, where there is one. */
  getSnapshot(id: string, options: { progress: boolean }, call: Call): Promise<Outcome<Snapshot>>;
  /** Asks for one snapshot to be made, once. */
  createSnapshot(target: SnapshotTarget, call: WriteCall): Promise<Outcome<CreateAccepted>>;
  /** Asks for one snapshot to be removed. */
  deleteSnapshot(id: string, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  /** Every snapshot of the container (an Azure collection): a complete list or a failure, never a part. */
  listSnapshots(containerID: string, call: Call): Promise<Outcome<Snapshot[]>>;
  /** How an accepted operation stands, by the token that its acceptance gave. */
  getOperation(token: string, call: Call): Promise<Outcome<OperationState>>;
  /** Releases connections and tokens. */
  close(): Promise<void>;
}

/** What the vendor can do. What it lacks is refused with `UnsupportedByProvider`, never ignored. */
export interface Capabilities {
  memory: boolean;
  /** Levels that may be asked for explicitly. */
  consistency: ConsistencyLevel[];
  disks: { include: boolean; exclude: boolean; configurationOnly: boolean };
  collections: boolean;
  copies: boolean;
  stamps: boolean;
}

export type ConsistencyLevel = 'Application' | 'FileSystem' | 'Crash';

export interface Product {
  name: string;
  version?: string;
  apiVersion: string;
}

/** A VM named by its id, or by name within a container of names (Azure: a resource group). */
export type VMQuery = { id: string } | { name: string; resourceGroup: string };

export interface VM {
  /** The id to address it by. */
  id: string;
  name: string;
  /** Tells a VM made anew under the same name (Azure: `vmId`). */
  uid: string;
  location: string;
  resourceGroup: string;
  size?: string;
  osType?: string;
  disks: { id: string; name: string; osDisk: boolean; sizeBytes?: number }[];
}

/** All that the making of one snapshot needs; written into the intent before anything is sent. */
export interface SnapshotTarget {
  /** Azure: the collection's id. */
  containerID: string;
  /** The name that bears the mark. */
  name: string;
  /** Adoption: the id of the one that is there. */
  existingID?: string;
  vmID?: string;
  vmUID?: string;
  /** The VM's region, normalised. */
  vmLocation?: string;
  /** Where it will lie, normalised. */
  location: string;
  /** Asked for explicitly; absent means the vendor's default. */
  consistency?: ConsistencyLevel;
  excludeDiskIDs?: string[];
  /** Copy of this snapshot. */
  copyOf?: string;
  encryption?: DiskEncryption[];
}

/** How one disk's part of a snapshot is to be encrypted. */
export interface DiskEncryption {
  /** The managed disk; on a copy, the disk restore point of the source. */
  diskID: string;
  osDisk: boolean;
  /** Azure disk encryption set. */
  encryptionSetID: string;
  type?: string;
}

/** The vendor took the request: what to watch. */
export interface CreateAccepted {
  snapshot: Snapshot;
  /** Opaque; for `getOperation`. May be a signed URL: status only, never logs or events. */
  token?: string;
}

export interface OperationAccepted {
  token?: string;
}

export interface OperationState {
  state: 'Running' | 'Succeeded' | 'Failed';
  /** Why it failed, in the vendor's words. */
  failure?: Failure;
  afterMs?: number;
}

/** What the vendor shows of one snapshot. */
export interface Snapshot {
  id: string;
  name: string;
  containerID: string;
  /** `Unrecognised` counts as unfinished. */
  state: 'Creating' | 'Succeeded' | 'Failed' | 'Deleting' | 'Unrecognised';
  /** The vendor's own word. */
  vendorState: string;
  /** ISO 8601; of a copy, its source's. */
  createdAt?: string;
  vmID?: string;
  vmUID?: string;
  /** Of the VM when the snapshot was taken; `location` is the VM's, also on a copy. */
  source: { size?: string; osType?: string; location?: string };
  /** What was achieved, where the vendor says. */
  consistency?: ConsistencyLevel;
  disks: SnapshotDisk[];
  excludedDiskIDs: string[];
  copyOf?: string;
  /** Present when the vendor gave a view of it. */
  replication?: DiskReplication[];
}

export interface SnapshotDisk {
  /** The VM's disk. */
  id?: string;
  name: string;
  osDisk: boolean;
  sizeBytes?: number;
  /** The vendor's id of this disk's part. */
  snapshotID?: string;
  encryptionType?: string;
}

export interface DiskReplication {
  /** The vendor's id of this disk's part, as in `SnapshotDisk.snapshotID`. */
  snapshotID: string;
  state: 'Pending' | 'Replicating' | 'Succeeded' | 'Failed';
  percent?: number;
  /** The vendor's own code and words. */
  code?: string;
  message?: string;
}

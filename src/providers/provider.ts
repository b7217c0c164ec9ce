import type { Call, Failure, Outcome, WriteCall } from './outcome.ts';

export type Vendor = 'azure' | 'ovirt' | 'spf';

/**
 * One connection to one vendor endpoint. The three vendors implement this; what only Azure has (collections and
 * copies) is an interface of its own beside it, as are the restores and the power of a VM (`VMOperator`), which
 * oVirt and SPF have.
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
  /** Resolves a VM by reads only. Several of one name are `Invalid` with the code `AmbiguousSource`. */
  getVM(query: VMQuery, call: Call): Promise<Outcome<VM>>;
  /** One snapshot. What its id stands for now may be another than it was: the caller compares the mark. */
  getSnapshot(ref: SnapshotRef, options: SnapshotView, call: Call): Promise<Outcome<Snapshot>>;
  /** Asks for one snapshot to be made, once. */
  createSnapshot(target: SnapshotTarget, call: WriteCall): Promise<Outcome<CreateAccepted>>;
  /** Asks for one snapshot to be removed. */
  deleteSnapshot(ref: SnapshotRef, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  /** Every snapshot of the container: a complete list or a failure, never a part. */
  listSnapshots(containerID: string, call: Call): Promise<Outcome<Snapshot[]>>;
  /** Whether the container is proved to be gone itself: absent from a complete list of what should hold it. */
  isContainerGone(containerID: string, call: Call): Promise<Outcome<boolean>>;
  /** How an operation stands, by the token that its acceptance or `attemptToken` gave. */
  getOperation(token: string, call: Call): Promise<Outcome<OperationState>>;
  /**
   * The token of an attempt whose answer may have been lost, made from what its intent holds; undefined where the
   * vendor keeps no record by which an attempt could be told (Azure). Where there is one, success needs its word.
   */
  attemptToken(target: SnapshotTarget, correlationID: string): string | undefined;
  /** Everything there is, managed or not, at most `limit` of it. */
  listInventory(scope: InventoryScope, limit: number, call: Call): Promise<Outcome<Inventory>>;
  /** Releases connections and tokens; ends sessions. */
  close(): Promise<void>;
}

/** Whether the vendor can do something; a text says why not, as the end of a sentence ("Azure restore points hold no memory"). */
export type Support = true | string;

/** What the vendor can do. What it lacks is refused with `UnsupportedByProvider`, never ignored. */
export interface Capabilities {
  /** For messages: "restore point", "snapshot", "checkpoint". */
  noun: string;
  memory: Support;
  displayName: Support;
  description: Support;
  /** Whether the description of what is there can be changed. */
  rename: Support;
  stamps: Support;
  /** Whether a snapshot is found by its id alone, and names its VM. */
  namesVM: boolean;
  /** Levels that may be asked for explicitly. */
  consistency: Record<ConsistencyLevel, Support>;
  disks: { include: Support; exclude: Support; configurationOnly: Support };
  /** The vendor freezes the guest's file systems for a snapshot of a running VM, as far as the guest can. */
  quiesces: boolean;
  /** oVirt's own: whether a guest can be frozen by a call, and whether each freeze of the engine's own has its thaw. */
  freeze: Support;
  thawsItself: boolean;
  imageIDs: Support;
  configuration: Support;
  /** Azure's own: collections, copies, and all of `spec.azure`. */
  collections: Support;
  restore: {
    inPlace: Support;
    preview: Support;
    newVM: Support;
    newDisks: Support;
    memory: Support;
    disks: Support;
    /** Restoring in place takes newer snapshots away. */
    losesNewer: boolean;
  };
  inventory: { vm: Support; storageDomain: Support; collection: Support };
}

export type ConsistencyLevel = 'Application' | 'FileSystem' | 'Crash';

export interface Product {
  name: string;
  version?: string;
  apiVersion: string;
}

/** A VM named by its id, or by name within a container of names (Azure: a resource group). */
export type VMQuery =
  | { id: string; stampID?: string }
  | { name: string; resourceGroup?: string; stampID?: string };

export interface VM {
  /** The id to address it by. */
  id: string;
  name: string;
  /** Tells a VM made anew under the same name (Azure: `vmId`). Where ids are never used again, the id. */
  uid: string;
  /** oVirt, SPF: what holds its snapshots, for `listSnapshots` and the operations on the VM. */
  containerID?: string;
  /** Its region, normalised, and its resource group; empty where the vendor has none. */
  location: string;
  resourceGroup: string;
  /** SPF. */
  stampID?: string;
  size?: string;
  osType?: string;
  /** Azure is not asked for it: `Unknown`. */
  power: PowerState;
  /** The vendor's own word for the state. */
  vendorState: string;
  /** SPF: the VM's last task, against which a lost answer is held. */
  taskID?: string;
  disks: VMDisk[];
}

export interface VMDisk {
  id: string;
  name: string;
  osDisk: boolean;
  sizeBytes?: number;
  /** Why it can be in no snapshot (shareable, direct LUN, read-only from a snapshot), where that is so. */
  excluded?: string;
  /** oVirt: a Cinder disk, for whose snapshots older engines do not freeze the guest themselves. */
  cinder?: boolean;
}

/** `Busy` is on the way from one to another, or at work on something; `Unknown` is told by no word we know. */
export type PowerState = 'On' | 'Off' | 'Suspended' | 'Busy' | 'Unknown';

/** One snapshot, addressed. */
export interface SnapshotRef {
  id: string;
  /** Azure: the collection's id; oVirt: the VM's; SPF: the stamp's and the VM's. */
  containerID: string;
}

/** What of a snapshot is to be read beyond the cheap part. */
export interface SnapshotView {
  /** The costly view that holds replication (Azure). */
  progress?: boolean;
  /** The configuration of the VM, with everything secret taken out (oVirt). */
  configuration?: boolean;
}

/** All that the making of one snapshot needs; written into the intent before anything is sent. */
export interface SnapshotTarget {
  /** As in `SnapshotRef`. */
  containerID: string;
  /** The name that bears the mark. Where names are people's own, the provider puts it into the description. */
  name: string;
  /** Adoption: the id of the one that is there. */
  existingID?: string;
  vmID?: string;
  vmName?: string;
  vmUID?: string;
  /** The VM's region, normalised. */
  vmLocation?: string;
  /** Where it will lie, normalised; empty where the vendor has no places. */
  location: string;
  /** Asked for explicitly; absent means the vendor's default. */
  consistency?: ConsistencyLevel;
  excludeDiskIDs?: string[];
  /** Copy of this snapshot. */
  copyOf?: string;
  encryption?: DiskEncryption[];

  /** People's own words for it. */
  displayName?: string;
  description?: string;
  memory?: boolean;
  /** Only these disks (oVirt); none at all is `configurationOnly`. */
  includeDiskIDs?: string[];
  configurationOnly?: boolean;
  imageIDs?: { diskID: string; imageID: string }[];
  /** The guest is frozen before and thawed after it by calls of our own. */
  freeze?: boolean;
  /** The vendor freezes the guest and may leave it so: it is thawed by a call of our own. */
  thaw?: boolean;
  /** The VM's power when the attempt was prepared. */
  power?: PowerState;
  stampID?: string;
  /** SPF: the VM's last task before the attempt. */
  baseline?: string;
  /** The vendor does one thing at a time on the VM (oVirt, SPF). */
  exclusive?: boolean;
  /** The vendor freezes the guest of a running VM itself, or we do. */
  quiesces?: boolean;
  /** Names of disks that are not in it. */
  leftAway?: string[];
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
  /** `None`: the vendor has no record of it (any more). */
  state: 'Running' | 'Succeeded' | 'Failed' | 'None';
  /** Why it failed, in the vendor's words. */
  failure?: Failure;
  /** With `None`: there may have been a record of it, in whose place there is another's now (SPF's last task). */
  overwritten?: true;
  percent?: number;
  /** What the record says of the outcome beyond success: a freeze that failed, memory that was not saved. */
  indications?: Indication[];
  afterMs?: number;
}

/** What is worth knowing of how a snapshot came out. */
export interface Indication {
  type: 'Online' | 'MemoryIncluded' | 'GuestQuiesced' | 'QuiesceFailed' | 'Partial' | 'ConfigurationOnly';
  message: string;
}

/** What the vendor shows of one snapshot. */
export interface Snapshot {
  id: string;
  /** What bears the mark: Azure's name; on oVirt and SPF the mark itself where its texts bear one, else people's name. */
  name: string;
  containerID: string;
  /**
   * `Locked`: the vendor is at work on it and does not say at what (oVirt: being made, or merged away).
   * `Unrecognised` counts as unfinished.
   */
  state: 'Creating' | 'Succeeded' | 'Failed' | 'Deleting' | 'Locked' | 'Unrecognised';
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

  /** All of the description, mark included. */
  description?: string;
  memory?: boolean;
  parentID?: string;
  stampID?: string;
  /**
   * Tells one from another that got its id later: made of what never changes of it (date, description, images).
   * Absent where the id is never given again.
   */
  fingerprint?: string;
  /** OVF, free of passwords and keys; present when asked for. */
  configuration?: string;
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
  /** oVirt: a volume of Cinder, as in `VMDisk`. */
  cinder?: boolean;
  /** The vendor's word, where it tells one for each disk. */
  state?: string;
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

/** Where an inventory looks. */
export type InventoryScope =
  | { vm: string; containerID: string }
  | { storageDomain: string }
  | { collection: string };

export interface Inventory {
  items: InventoryItem[];
  /** There is more than was asked for. */
  truncated: boolean;
}

export interface InventoryItem {
  id: string;
  /** As in `Snapshot`: reads as a mark where it bears one. */
  name: string;
  vmID?: string;
  description?: string;
  createdAt?: string;
  /** The vendor's words. */
  type?: string;
  state?: string;
}

/** What acts on a VM rather than on a snapshot: for `VMRestore`, and for freezing the guest. oVirt and SPF have it. */
export interface VMOperator extends Provider {
  readonly vendor: 'ovirt' | 'spf';

  /** The VM with all that stands in the way of an operation on it; fresh. */
  inspectVM(containerID: string, call: Call): Promise<Outcome<VMInspection>>;
  startVM(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  /** `Shutdown` asks the guest; `PowerOff` does not. */
  stopVM(
    containerID: string,
    how: 'Shutdown' | 'PowerOff',
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>>;
  /**
   * What moved at the endpoint since the cursor, one cheap request for all VMs. Without a cursor: where to begin.
   * Left out where the vendor has nothing of the kind.
   */
  changes?(cursor: string | undefined, call: Call): Promise<Outcome<Changes>>;
  /** Puts the VM back to a snapshot, once. */
  restoreSnapshot(target: RestoreTarget, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  previewSnapshot(target: RestoreTarget, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  commitPreview(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  undoPreview(containerID: string, call: WriteCall): Promise<Outcome<OperationAccepted>>;
  /** Makes a VM from a snapshot, once; its description bears the mark. */
  createVM(target: NewVMTarget, call: WriteCall): Promise<Outcome<NewVMAccepted>>;
  /** The VMs that bear a mark of an object (`keyframe-<cluster>-<uid>-`): a complete list or a failure. */
  findMarkedVMs(markPrefix: string, call: Call): Promise<Outcome<MarkedVM[]>>;
  /** As `Provider.attemptToken`, for a restore, a preview, its commit or undo, or a new VM. */
  restoreToken(target: RestoreTarget | NewVMTarget, correlationID: string): string | undefined;
  /** Only where `capabilities.freeze`. Idempotent at the vendor or made so here. */
  freezeGuest(vmID: string, call: WriteCall): Promise<Outcome<void>>;
  thawGuest(vmID: string, call: WriteCall): Promise<Outcome<void>>;
  /** Only where `capabilities.rename`; `name` bears the mark, which stays. */
  describeSnapshot(
    ref: SnapshotRef,
    texts: { name: string; displayName?: string; description?: string },
    call: WriteCall,
  ): Promise<Outcome<OperationAccepted>>;
}

export interface Changes {
  /** For the next call. */
  cursor: string;
  /** VMs of which something was said since the last one. */
  vmIDs: string[];
  /** More has happened than could be told: every VM may have moved. */
  everything?: boolean;
}

export interface VMInspection {
  vm: VM;
  /** All of its snapshots. */
  snapshots: Snapshot[];
  /** The snapshot that is in preview (oVirt). */
  previewOf?: string;
  /** What the vendor is at work on, in words; absent where the VM is free. */
  busy?: string;
  /** What of the VM's disks cannot be used, in words (oVirt: illegal images); absent where all can. */
  damaged?: string;
}

export interface RestoreTarget {
  containerID: string;
  vmID: string;
  snapshotID: string;
  /** Bears the mark of the VMRestore. */
  name: string;
  memory?: boolean;
  /** Only these disks; the vendor's ids of their parts in the snapshot. */
  disks?: { diskID: string; snapshotID: string }[];
  /** SPF: the VM's last task before the attempt. */
  baseline?: string;
}

export interface NewVMTarget {
  containerID: string;
  snapshotID: string;
  /** Bears the mark of the VMRestore. */
  name: string;
  vmName: string;
  /** oVirt: a cluster's name or id. */
  cluster?: string;
}

export interface NewVMAccepted extends OperationAccepted {
  vmID: string;
}

export interface MarkedVM {
  id: string;
  name: string;
  /** The mark. */
  mark: string;
  power: PowerState;
  vendorState: string;
  /** Its disks are all there and free. */
  disksReady: boolean;
}

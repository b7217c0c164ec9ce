interface Refusal {
  status: number;
  text: string;
}

/** Why an engine refuses work on snapshots, with the status of each reason (oVirt sheet, section 10). */
export const refusals = {
  SNAPSHOT_IS_BEING_TAKEN_FOR_VM: {
    status: 409,
    text: 'Snapshot is currently being created for VM {vm}.',
  },
  VM_IS_DURING_SNAPSHOT: {
    status: 409,
    text: 'The VM is performing an operation on a Snapshot. Please wait for the operation to finish, and try again.',
  },
  OBJECT_LOCKED: { status: 409, text: 'Related operation is currently in progress. Please try again later.' },
  VM_IS_LOCKED: { status: 409, text: 'VM is locked. Please try again in a few minutes.' },
  DISKS_LOCKED: { status: 409, text: 'Disks {disks} are locked. Please try again in a few minutes.' },
  VM_IS_DURING_BACKUP: { status: 409, text: 'VM {vm} is during a backup operation.' },
  MIGRATION_IN_PROGRESS: { status: 409, text: 'Migration of VM is in progress.' },
  VM_IS_SAVING_RESTORING: { status: 409, text: 'VM is being saved or restored.' },
  VM_IN_PREVIEW: { status: 409, text: 'VM is in preview mode.' },
  VM_IMAGE_IS_ILLEGAL: { status: 409, text: 'The VM disks are illegal.' },
  DISKS_ILLEGAL: { status: 500, text: 'The following disks are in ILLEGAL state: {disks}.' },
  DISK_SPACE_LOW_ON_STORAGE_DOMAIN: { status: 409, text: 'Low disk space on Storage Domain {domain}.' },
  NO_SUITABLE_DOMAIN_FOUND: { status: 409, text: 'No suitable Storage Domain was found.' },
  QUOTA_STORAGE_LIMIT_EXCEEDED: { status: 409, text: 'Quota storage limit was exceeded.' },
  VM_IS_NOT_DOWN: { status: 409, text: 'VM is not down.' },
  VM_IS_NOT_DOWN_OR_UP: { status: 409, text: 'VM must be in Down or Up state.' },
  SNAPSHOT_TYPE_NOT_REGULAR: { status: 409, text: "The snapshot's type is not regular." },
  VM_SNAPSHOT_NOT_IN_PREVIEW: { status: 409, text: 'VM Snapshot is not in preview.' },
  DAMAGED_IMAGE_SNAPSHOT: { status: 409, text: 'The snapshot has damaged images.' },
  VM_SNAPSHOT_DOES_NOT_EXIST: { status: 400, text: "Snapshot doesn't exist." },
  VM_NOT_FOUND: { status: 400, text: "VM doesn't exist." },
  SNAPSHOT_HAS_NO_CONFIGURATION: { status: 400, text: 'The snapshot has no configuration.' },
  DISK_SNAPSHOT_NOT_SUPPORTED: { status: 400, text: 'Snapshots of disks {disks} are not supported.' },
  DISKS_NOT_ATTACHED_TO_VM: { status: 400, text: 'The following disks are not attached to VM: {disks}.' },
  DISK_IMAGE_ALREADY_EXISTS: { status: 400, text: 'The image id is already in use.' },
  MEMORY_SNAPSHOT_NOT_SUPPORTED: {
    status: 409,
    text: 'Cannot save the memory of a VM with passed-through devices.',
  },
  USER_NOT_AUTHORIZED: { status: 403, text: 'User is not authorized to perform this action.' },
  NAME_ALREADY_USED: {
    status: 400,
    text: 'The VM name is already in use, please choose a unique name and try again.',
  },
  CLUSTER_DOES_NOT_EXIST: { status: 400, text: "Cluster doesn't exist." },
  VM_IS_NOT_RUNNING: { status: 409, text: 'VM is not running.' },
  VM_IS_RUNNING: { status: 409, text: 'VM is running.' },
} satisfies Record<string, Refusal>;

/** A message key of the engine, without its prefix. Keys never go over the wire. */
export type RefusalKey = keyof typeof refusals;

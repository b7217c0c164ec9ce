import { isGUID, type Key } from './odata/uri.ts';

/** What an operation is, and what its outcome is known by. */
export interface Operation {
  kind: 'create' | 'restore' | 'delete' | 'describe' | 'power';
  vm: Key;
  /** The job that the answer to the write named. */
  jobID?: string;
  /** The VM's last task before the write. */
  baseline?: string;
  /** The marked name of what was to be made; the id of the checkpoint of the others. */
  subject?: string;
}

const kinds: readonly string[] = [
  'create',
  'restore',
  'delete',
  'describe',
  'power',
] satisfies Operation['kind'][];

/** An operation as a text for a status: `kind/stamp/VM/job/baseline/subject`, with `-` for what is absent. */
export function operationToken({ kind, vm, jobID, baseline, subject }: Operation): string {
  return [kind, vm.stampID, vm.id, jobID ?? '-', baseline ?? '-', subject ?? '-'].join('/').toLowerCase();
}

/** Reads such a text; undefined when it is none. It lies in a status that others may write. */
export function parseToken(token: string): Operation | undefined {
  const [kind = '', stampID = '', vmID = '', jobID = '', baseline = '', subject = '', ...rest] =
    token.split('/');
  const isFine =
    rest.length === 0 &&
    kinds.includes(kind) &&
    [stampID, vmID].every(isGUID) &&
    [jobID, baseline].every((part) => part === '-' || isGUID(part)) &&
    /^[a-z0-9-]{1,128}$/.test(subject) &&
    (kind === 'create' || subject === '-' || isGUID(subject));
  if (!isFine) return undefined;
  return {
    kind: kind as Operation['kind'],
    vm: { stampID, id: vmID },
    ...(jobID === '-' ? {} : { jobID }),
    ...(baseline === '-' ? {} : { baseline }),
    ...(subject === '-' ? {} : { subject }),
  };
}

/** What holds the checkpoints of a VM: `stamp/VM`, lower case. */
export function containerOf(vm: Key): string {
  return `${vm.stampID}/${vm.id}`.toLowerCase();
}

/** The VM of such a container; undefined when it is none. */
export function parseContainer(containerID: string): Key | undefined {
  const [stampID = '', id = '', ...rest] = containerID.split('/');
  return rest.length === 0 && isGUID(stampID) && isGUID(id) ? { stampID, id } : undefined;
}

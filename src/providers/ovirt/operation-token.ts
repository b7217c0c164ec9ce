import { isUUID } from './model.ts';

/** What an operation was, and by which events it is known. */
export interface Operation {
  kind: 'create' | 'delete' | 'restore' | 'new-vm';
  vmID: string;
  correlationID: string;
  /** Of a restore: the snapshot that the VM is put back to. */
  snapshotID?: string;
}

const kinds: readonly string[] = ['create', 'delete', 'restore', 'new-vm'] satisfies Operation['kind'][];

/** An operation as a text for a status: `kind/VM/correlation/snapshot`, with `-` for what is absent. */
export function operationToken({ kind, vmID, correlationID, snapshotID }: Operation): string {
  return [kind, vmID.toLowerCase(), correlationID, snapshotID?.toLowerCase() ?? '-'].join('/');
}

/** Reads such a text; undefined when it is none. It lies in a status that others may write. */
export function parseToken(token: string): Operation | undefined {
  const [kind = '', vmID = '', correlationID = '', snapshotID = '', ...rest] = token.split('/');
  const isFine =
    rest.length === 0 &&
    kinds.includes(kind) &&
    isUUID(vmID) &&
    /^[\w-]{1,36}$/.test(correlationID) &&
    (snapshotID === '-' || isUUID(snapshotID));
  if (!isFine) return undefined;
  return {
    kind: kind as Operation['kind'],
    vmID,
    correlationID,
    ...(snapshotID === '-' ? {} : { snapshotID }),
  };
}

import type { SimulatorOptions } from '../common/simulator.ts';
import type { SetName } from './model.ts';

/** How long work takes, in simulated seconds. None of it is documented. */
export interface Durations {
  createSeconds: number;
  restoreSeconds: number;
  deleteSeconds: number;
  /** How long the drives are merged after a delete whose job has ended. */
  mergeSeconds: number;
  /** A change of name or description. */
  updateSeconds: number;
  /** Start, stop and the like. */
  powerSeconds: number;
  /** After how long `VirtualMachine.MostRecentTaskId` names a job that has begun (SPF sheet, section 5). */
  taskLagSeconds: number;
  /** After how long a job can be read and listed. */
  jobLagSeconds: number;
}

/** How SPF behaves where it has several ways, or where the SPF sheet marks a fact as unconfirmed. */
export interface Behaviour {
  /** How MERGE is answered; 405 comes from IIS or a proxy, 501 from the service. */
  merge: 'accepted' | 'method-not-allowed' | 'not-implemented';
  /** PATCH, and POST with X-HTTP-Method. */
  patch: 'accepted' | 'method-not-allowed';
  methodTunnel: 'accepted' | 'method-not-allowed';
  /** What becomes of optional members that a PUT leaves out; the documents contradict each other. */
  put: 'resets' | 'keeps';
  /** `$filter` by set. */
  filters: Partial<Record<SetName, 'applied' | 'ignored' | 'refused'>>;
  /** Whether checkpoints can only be listed with a StampId in the filter. */
  checkpointsNeedStamp: boolean;
  /** Items on a page; undefined: no paging. */
  pageSize: number | undefined;
  nextLink: 'absolute' | 'relative';
  /** host:port that SPF puts into its URLs in place of the door's, as behind a front door that does not rewrite. */
  internalHost: string | undefined;
  /** Whether x-ms-request-id of a write is its job. */
  requestIdIsJob: boolean;
  /** What VMM forbids: refused at once, or accepted and failed by the job. */
  refusals: 'synchronous' | 'by-job';
  /** The status of such a refusal. */
  refusalStatus: number;
  /** The status when the role lacks a permission. */
  permissionStatus: number;
  /** Whether the row of a checkpoint that could not be made stays. */
  failedCreateRow: 'left' | 'removed';
  /** The VM after a failed checkpoint job: its former state, or CheckpointFailed. */
  afterFailure: 'former-state' | 'CheckpointFailed';
  /** Whether a running VM can be restored. */
  restoreNeeds: 'any-state' | 'stopped-or-saved';
  /** `Confirm` of a create: of no account, or demanded to be true. */
  confirm: 'ignored' | 'demanded';
  /** The body of a 404. */
  notFoundBody: 'error' | 'empty';
  /** Checkpoints of one VM. */
  checkpointsPerVm: number;
  /** Checkpoints in one chain from the root of the tree. */
  checkpointDepth: number;
  /** The offset that times are written with. */
  utcOffsetMinutes: number;
}

/** How a Windows account may come in at SPF's own door. */
export interface WindowsAuthentication {
  /** What the 401 of SPF's own site offers, and takes. */
  schemes: readonly ('Negotiate' | 'NTLM' | 'Basic')[];
  /** Of the NTLM challenge. */
  domain: string;
  computer: string;
  dnsDomain: string;
  /** Whether the challenge bears the server's time, as Windows' does since 2008 R2. */
  sendsTime: boolean;
  /** Whether a message without a MIC is refused; Windows takes it, but a client of today bears one. */
  demandsMic: boolean;
  /** IIS' extended protection: whether a channel binding is looked at, and demanded. */
  extendedProtection: 'off' | 'allow' | 'require';
}

/** A Windows account. */
export interface Account {
  user: string;
  password: string;
  /** Its NetBIOS domain; the server's own by default. */
  domain?: string;
  /** false: not in the group SPF_VMM. */
  mayUseSpf?: boolean;
}

/** Takes a Kerberos or SPNEGO token and names its user; undefined: refused. */
export type KerberosAcceptor = (token: Buffer) => Promise<{ user: string; answer?: Buffer } | undefined>;

/** How the simulator is started. Everything has a default. */
export interface SpfSimulatorOptions extends SimulatorOptions {
  /** Ports of the doors; 0 or absent: any free one. */
  ports?: Partial<Record<'spf' | 'wapAdmin' | 'wapTenant' | 'wapPublic', number>>;
  stampId?: string;
  subscriptionId?: string;
  /** The first account; others are added later. */
  account?: Account;
  windows?: Partial<WindowsAuthentication>;
  durations?: Partial<Durations>;
  behaviour?: Partial<Behaviour>;
}

export const defaultDurations: Durations = {
  createSeconds: 20,
  restoreSeconds: 30,
  deleteSeconds: 10,
  mergeSeconds: 60,
  updateSeconds: 1,
  powerSeconds: 10,
  taskLagSeconds: 2,
  jobLagSeconds: 0,
};

export const defaultBehaviour: Behaviour = {
  merge: 'accepted',
  patch: 'method-not-allowed',
  methodTunnel: 'method-not-allowed',
  put: 'resets',
  filters: {},
  checkpointsNeedStamp: false,
  pageSize: undefined,
  nextLink: 'absolute',
  internalHost: undefined,
  requestIdIsJob: true,
  refusals: 'synchronous',
  refusalStatus: 400,
  permissionStatus: 403,
  failedCreateRow: 'left',
  afterFailure: 'CheckpointFailed',
  restoreNeeds: 'any-state',
  confirm: 'ignored',
  notFoundBody: 'error',
  checkpointsPerVm: 50,
  checkpointDepth: Number.POSITIVE_INFINITY,
  utcOffsetMinutes: -7 * 60,
};

export const defaultWindows: WindowsAuthentication = {
  schemes: ['Negotiate', 'NTLM', 'Basic'],
  domain: 'CONTOSO',
  computer: 'SPF',
  dnsDomain: 'contoso.example',
  sendsTime: true,
  demandsMic: true,
  extendedProtection: 'allow',
};

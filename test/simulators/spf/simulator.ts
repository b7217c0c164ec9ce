import { randomUUID, X509Certificate } from 'node:crypto';
import { SimulatedClock } from '../common/clock.ts';
import { FaultInjector, seededRandom } from '../common/faults.ts';
import { type ListeningServer, listen } from '../common/http-server.ts';
import type { ContractViolation, RequestRecord } from '../common/request-log.ts';
import type { Simulator } from '../common/simulator.ts';
import { simulatorCertificate } from '../common/tls.ts';
import { Authentication, type AuthenticationFailure } from './authentication.ts';
import { type ClientCertificate, createClientCertificate } from './client-certificates.ts';
import { Connections } from './connections.ts';
import type { SpfFault } from './faults.ts';
import { percentOf } from './jobs.ts';
import { NtlmAcceptor } from './ntlm-acceptor.ts';
import {
  type Account,
  type Behaviour,
  defaultBehaviour,
  defaultDurations,
  defaultWindows,
  type KerberosAcceptor,
  type SpfSimulatorOptions,
} from './options.ts';
import { type CheckpointSeed, seedCheckpoint } from './seeds.ts';
import { type SpfRecord, type SpfRefusal, SpfServer } from './spf-server.ts';
import {
  type Checkpoint,
  type Effect,
  type Job,
  statusOf,
  type Tenant,
  type Vm,
  type VmSpec,
  World,
} from './state.ts';
import type { Door } from './urls.ts';

/** A checkpoint as tests look at it from behind. */
export interface CheckpointSummary {
  id: string;
  stampId: string;
  vmId: string;
  name: string | null;
  description: string | null;
  checkpointId: string | undefined;
  /** The ID of its parent, not its CheckpointID. */
  parentId: string | undefined;
  enabled: boolean;
}

/** A VM as tests look at it from behind. */
export interface VmSummary {
  id: string;
  stampId: string;
  hypervisorId: string;
  name: string;
  status: string;
  power: string;
  lastRestoredCheckpointId: string | undefined;
}

/** A job as tests look at it from behind. */
export interface JobSummary {
  id: string;
  kind: Job['kind'];
  vmId: string;
  resultId: string;
  status: Job['status'];
  percent: number;
}

/** What of a checkpoint can be changed behind SPF's back. */
export type CheckpointChanges = Partial<Pick<Checkpoint, 'name' | 'description' | 'enabled'>>;

/** What of a VM can be changed behind SPF's back; null takes a field back, as JSON can say it. */
export type VmChanges = {
  [Name in keyof Omit<VmSpec, 'id' | 'stampId' | 'hypervisorId'>]?: VmSpec[Name] | null;
};

/** What of a tenant can be changed. */
export interface TenantChanges {
  permissions?: readonly string[];
  quotaReached?: boolean;
  suspended?: boolean;
}

/** A simulated SPF that runs in this process. */
export interface SpfSimulator extends Simulator<SpfFault> {
  /** `https://host:8090/SC2012R2/VMM/`: what the two roots of SPF itself have in common. */
  readonly spfUrl: string;
  /** SPF's own root without a subscription: an administrator's scope. */
  readonly adminRoot: string;
  /** SPF's own root in the scope of the subscription. */
  readonly tenantRoot: string;
  /** The roots of Azure Pack's three doors (30004, 30005, 30006 at a real one). */
  readonly wapAdminRoot: string;
  readonly wapTenantRoot: string;
  readonly wapPublicRoot: string;
  readonly subscriptionId: string;
  readonly stampId: string;
  /** A Windows account that may come in at SPF's own door. */
  readonly account: Account & { domain: string };
  /** A token for Azure Pack's doors, and a certificate for the public one. */
  readonly bearerToken: string;
  readonly clientCertificate: ClientCertificate;

  readonly authentication: Authentication;
  /** Everything there is, for what the methods below do not show. */
  readonly world: World;
  readonly contractViolations: readonly (ContractViolation & SpfRefusal)[];
  readonly requests: readonly (RequestRecord & SpfRecord)[];
  readonly authenticationFailures: readonly AuthenticationFailure[];

  checkpoints(): CheckpointSummary[];
  vms(): VmSummary[];
  jobs(): JobSummary[];
  /** Every checkpoint that a request ever made a row of, in order, whatever became of it. */
  everCreated(): Effect[];
  /** Every restore that ever began, in order, whatever became of it. */
  everRestored(): Effect[];
  effects(): readonly Effect[];

  addVm(spec: VmSpec): Vm;
  updateVm(id: string, changes: VmChanges): void;
  removeVm(id: string): void;
  /** Puts a complete checkpoint there that no request made. */
  addCheckpoint(seed: CheckpointSeed): Checkpoint;
  updateCheckpoint(id: string, changes: CheckpointChanges): void;
  /** Removes a checkpoint as if someone else had deleted it. */
  removeCheckpoint(id: string): void;
  /** A job of someone else's begins on a VM, which VM and `MostRecentTaskId` show at once. */
  addForeignTask(vmId: string): string;
  addTenant(subscriptionId: string, name?: string): Tenant;
  updateTenant(subscriptionId: string, changes: TenantChanges): void;
  addCloud(name: string, description?: string): void;
  addAccount(account: Account): void;
  /** Changes how SPF behaves from now on. */
  behave(changes: Partial<Behaviour>): void;
  /** Takes Kerberos tokens; without it they are refused. */
  acceptKerberos(acceptor: KerberosAcceptor): void;
  /** Lets so many simulated seconds pass at once. */
  skip(seconds: number): void;
  close(): Promise<void>;
}

const doors: readonly Door[] = ['spf', 'wapAdmin', 'wapTenant', 'wapPublic'];

/**
 * Starts a simulated SPF on the loopback address, over TLS: its own site and Azure Pack's three doors.
 *
 * @throws when a port that was asked for is taken
 */
export async function startSpfSimulator(options: SpfSimulatorOptions = {}): Promise<SpfSimulator> {
  const clock = new SimulatedClock(options.speed ?? 1);
  const world = new World({
    clock,
    durations: { ...defaultDurations, ...options.durations },
    behaviour: { ...defaultBehaviour, ...options.behaviour },
    defaultStamp: (options.stampId ?? randomUUID()).toLowerCase(),
  });
  const subscriptionId = (options.subscriptionId ?? randomUUID()).toLowerCase();
  world.addTenant(subscriptionId);

  const host = options.hostname ?? '127.0.0.1';
  const { certificate, caPem } = await simulatorCertificate(
    'Simulated SPF CA',
    host,
    options.foreignCertificate ?? false,
  );
  const clientCertificate = await createClientCertificate('Simulated subscription');

  const windows = { ...defaultWindows, ...options.windows };
  const connections = new Connections();
  const acceptor = new NtlmAcceptor(windows, new X509Certificate(certificate.cert).raw);
  const authentication = new Authentication(windows, acceptor, connections);
  const given = options.account ?? { user: 'spf-operator', password: `P@ss-${randomUUID()}` };
  const account = { ...given, domain: given.domain ?? windows.domain };
  authentication.accounts.push(given);
  authentication.trustCertificate(new X509Certificate(clientCertificate.cert).raw, subscriptionId);

  const faults = new FaultInjector<SpfFault>(seededRandom(options.seed ?? 1));
  const server = new SpfServer({ world, authentication, faults });
  const origins = new Map<Door, string>();
  const servers: ListeningServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((listening) => listening.close()));
  };
  const urlHost = host.includes(':') ? `[${host}]` : host;
  try {
    for (const door of doors) {
      const listening = await listen(
        server.handler(door, () => origins.get(door) ?? ''),
        {
          certificate,
          // TLS takes any, as IIS does; whether it stands for a subscription is looked at later.
          asksForCertificates: door === 'wapPublic',
          host: options.listenHost ?? '127.0.0.1',
          port: options.ports?.[door] ?? 0,
        },
      );
      servers.push(listening);
      origins.set(door, `https://${urlHost}:${listening.port}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const at = (door: Door): string => origins.get(door) ?? '';
  const settled = (): World => {
    clock.settle();
    return world;
  };
  const spfUrl = `${at('spf')}/SC2012R2/VMM/`;

  return {
    spfUrl,
    adminRoot: `${spfUrl}Microsoft.Management.Odata.svc/`,
    tenantRoot: `${spfUrl}${subscriptionId}/Microsoft.Management.Odata.svc/`,
    wapAdminRoot: `${at('wapAdmin')}/services/systemcenter/SC2012R2/VMM/Microsoft.Management.Odata.svc/`,
    wapTenantRoot: `${at('wapTenant')}/${subscriptionId}/services/systemcenter/vmm/`,
    wapPublicRoot: `${at('wapPublic')}/${subscriptionId}/services/systemcenter/vmm/`,
    caPem,
    subscriptionId,
    stampId: world.defaultStamp,
    account,
    bearerToken: authentication.issueToken(),
    clientCertificate,
    faults,
    authentication,
    world,
    contractViolations: server.log.violations,
    requests: server.log.requests,
    authenticationFailures: authentication.failures,
    counts: () => server.log.counts(),
    resetCounts: () => server.log.reset(),
    checkpoints: () => [...settled().checkpoints.values()].map(checkpointSummary),
    vms: () => [...settled().vms.values()].map(vmSummary),
    jobs: () => [...settled().jobs.values()].map((job) => jobSummary(world, job)),
    everCreated: () => settled().effects.filter(({ effect }) => effect === 'checkpoint-created'),
    everRestored: () => settled().effects.filter(({ effect }) => effect === 'restore-begun'),
    effects: () => settled().effects,
    addVm: (spec) => world.addVm(spec),
    updateVm: (id, changes) => {
      const given = Object.entries(changes).map(([name, value]) => [name, value ?? undefined]);
      Object.assign(world.requireVm(id), Object.fromEntries(given));
    },
    removeVm: (id) => world.removeVm(id),
    addCheckpoint: (seed) => seedCheckpoint(world, seed),
    updateCheckpoint: (id, changes) => {
      Object.assign(world.requireCheckpoint(id), changes);
    },
    removeCheckpoint: (id) => world.removeCheckpoint(world.requireCheckpoint(id)),
    addForeignTask: (vmId) => {
      const taskId = randomUUID();
      world.requireVm(vmId).mostRecentTaskId = taskId;
      return taskId;
    },
    addTenant: (id, name) => world.addTenant(id, name),
    updateTenant: (id, { permissions, ...changes }) => {
      const tenant = world.requireTenant(id);
      Object.assign(tenant, changes);
      if (permissions !== undefined) tenant.permissions = new Set(permissions);
    },
    addCloud: (name, description = '') => {
      const id = randomUUID();
      world.clouds.set(id, { id, stampId: world.defaultStamp, name, description });
    },
    addAccount: (added) => {
      authentication.accounts.push(added);
    },
    behave: (changes) => {
      Object.assign(world.behaviour, changes);
    },
    acceptKerberos: (taken) => {
      authentication.kerberos = taken;
    },
    skip: (seconds) => clock.skip(seconds),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkpointSummary(checkpoint: Checkpoint): CheckpointSummary {
  const { id, stampId, vm, name, description, checkpointId, parent, enabled } = checkpoint;
  return { id, stampId, vmId: vm.id, name, description, checkpointId, parentId: parent?.id, enabled };
}

function vmSummary(vm: Vm): VmSummary {
  const { id, stampId, hypervisorId, name, power, lastRestoredCheckpointId } = vm;
  return { id, stampId, hypervisorId, name, status: statusOf(vm), power, lastRestoredCheckpointId };
}

function jobSummary(world: World, job: Job): JobSummary {
  const { id, kind, vm, resultId, status } = job;
  return { id, kind, vmId: vm.id, resultId, status, percent: percentOf(world, job) };
}

import { randomUUID } from 'node:crypto';
import { SimulatedClock } from '../common/clock.ts';
import { FaultInjector, seededRandom } from '../common/faults.ts';
import { listen } from '../common/http-server.ts';
import type { RequestRecord } from '../common/request-log.ts';
import type { Simulator } from '../common/simulator.ts';
import { simulatorCertificate } from '../common/tls.ts';
import { type EngineRecord, EngineServer } from './engine-server.ts';
import { parseVersion } from './engine-version.ts';
import type { EngineEvent } from './events.ts';
import type { OvirtFault } from './faults.ts';
import type { Job } from './jobs.ts';
import { Logins } from './logins.ts';
import { defaultBehaviour, defaultDurations, type OvirtSimulatorOptions, type UserSpec } from './options.ts';
import { removeEntry } from './remove-snapshot.ts';
import {
  addSnapshot,
  addStorageDomain,
  addVm,
  changeVm,
  type SnapshotSeed,
  type VmChanges,
  type VmSpec,
} from './seeds.ts';
import { type Disk, type Effect, type Snapshot, type StorageDomain, type Vm, World } from './state.ts';
import { userOf } from './users.ts';

/** A snapshot as tests look at it from behind. */
export type SnapshotSummary = Pick<
  Snapshot,
  'id' | 'vmId' | 'description' | 'type' | 'status' | 'date' | 'persistMemory' | 'consistency'
> & { diskIds: string[]; hasConfiguration: boolean };

/** A VM as tests look at it from behind. */
export type VmSummary = Pick<Vm, 'id' | 'name' | 'status' | 'lock'> & {
  frozen: boolean;
  inPreview: boolean;
  /** What is on each disk, by disk id. */
  contents: Record<string, string>;
};

/** A simulated engine that runs in this process. */
export interface OvirtSimulator extends Simulator<OvirtFault> {
  /** Such as `https://127.0.0.1:40000/ovirt-engine`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;

  readonly logins: Logins;
  /** Everything there is, for what the methods below do not show. */
  readonly world: World;
  readonly requests: readonly (RequestRecord & EngineRecord)[];

  /** The entries that exist now, of one VM or of all. */
  snapshots(vmId?: string): SnapshotSummary[];
  vms(): VmSummary[];
  events(): readonly EngineEvent[];
  jobs(): Job[];
  /** Every snapshot that a request ever made, in order, whatever became of it. */
  everCreated(): Effect[];
  effects(): readonly Effect[];

  addVm(spec: VmSpec): Vm;
  /** Changes a VM as if someone else had: its power, its lock, its guest. */
  updateVm(id: string, changes: VmChanges): void;
  removeVm(id: string): void;
  addSnapshot(seed: SnapshotSeed): Snapshot;
  /** Removes a snapshot as if someone else had deleted it. */
  removeSnapshot(id: string): void;
  /** Changes a disk: its status, or what is on it. */
  updateDisk(id: string, changes: Partial<Pick<Disk, 'status' | 'content' | 'actualSize'>>): void;
  addStorageDomain(spec?: Partial<StorageDomain>): StorageDomain;
  updateStorageDomain(id: string, changes: Partial<Omit<StorageDomain, 'id'>>): void;
  addCluster(name: string): { id: string; name: string };
  /** Adds a user, or changes one: the password, the permissions. */
  putUser(spec: UserSpec): void;
  /** Ends every token and session, as a restart of the engine does. */
  dropLogins(): void;
  /** Lets so many simulated seconds pass at once. */
  skip(seconds: number): void;
  close(): Promise<void>;
}

/**
 * Starts a simulated engine on the loopback address, over TLS.
 *
 * @throws when the port that was asked for is taken, or the version is not one that is simulated
 */
export async function startOvirtSimulator(options: OvirtSimulatorOptions = {}): Promise<OvirtSimulator> {
  const version = parseVersion(options.version ?? '4.5.4');
  const clock = new SimulatedClock(options.speed ?? 1);
  const durations = { ...defaultDurations, ...options.durations };
  const behaviour = { ...defaultBehaviour, ...options.behaviour };
  const world = new World({ version, clock, durations, behaviour });
  const cluster = { id: randomUUID(), name: 'Default' };
  world.clusters.set(cluster.id, cluster);
  addStorageDomain(world, { name: 'data' });

  const logins = new Logins(version, behaviour, options.idleSeconds ?? 30 * 60, ({ name }) =>
    world.events.write(30, { user: name }),
  );
  const username = options.username ?? 'admin@internal';
  const password = options.password ?? `password-${randomUUID()}`;
  logins.put(userOf({ name: username, password }));
  const faults = new FaultInjector<OvirtFault>(seededRandom(options.seed ?? 1));

  const host = options.hostname ?? '127.0.0.1';
  const { certificate, caPem } = await simulatorCertificate(
    'Simulated oVirt CA',
    host,
    options.foreignCertificate ?? false,
  );
  const engine = new EngineServer({ world, logins, faults, caPem, defaultApi: options.defaultApi ?? 4 });
  const server = await listen((request) => engine.handle(request), {
    certificate,
    host: options.listenHost ?? '127.0.0.1',
    port: options.port ?? 0,
  });
  const now = (): World => {
    clock.settle();
    return world;
  };
  const allSnapshots = (): Snapshot[] => [...now().vms.values()].flatMap(({ snapshots }) => snapshots);
  const close = (): Promise<void> => server.close();

  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${server.port}/ovirt-engine`,
    caPem,
    username,
    password,
    faults,
    logins,
    world,
    contractViolations: engine.log.violations,
    requests: engine.log.requests,
    counts: () => engine.log.counts(),
    resetCounts: () => engine.log.reset(),
    snapshots: (vmId) =>
      allSnapshots()
        .filter((snapshot) => vmId === undefined || snapshot.vmId === vmId)
        .map(snapshotSummary),
    vms: () => [...now().vms.values()].map((vm) => vmSummary(world, vm)),
    events: () => now().events.all,
    jobs: () => now().jobs.all(),
    everCreated: () => now().effects.filter(({ effect }) => effect === 'snapshot-created'),
    effects: () => now().effects,
    addVm: (spec) => addVm(world, spec),
    updateVm: (id, changes) => changeVm(now().requireVm(id), changes),
    removeVm: (id) => {
      now().vms.delete(id);
    },
    addSnapshot: (seed) => addSnapshot(now(), seed),
    removeSnapshot: (id) => {
      const snapshot = now().snapshot(id);
      if (snapshot !== undefined) removeEntry(world.requireVm(snapshot.vmId), snapshot);
    },
    updateDisk: (id, changes) => {
      Object.assign(now().requireDisk(id), changes);
    },
    addStorageDomain: (spec) => addStorageDomain(world, spec),
    updateStorageDomain: (id, changes) => {
      const domain = world.storageDomains.get(id);
      if (domain === undefined) throw new Error(`There is no storage domain ${id}.`);
      Object.assign(domain, changes);
    },
    addCluster: (name) => {
      const added = { id: randomUUID(), name };
      world.clusters.set(added.id, added);
      return added;
    },
    putUser: (spec) => logins.put(userOf(spec)),
    dropLogins: () => logins.dropAll(),
    skip: (seconds) => clock.skip(seconds),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function snapshotSummary(snapshot: Snapshot): SnapshotSummary {
  const { id, vmId, description, type, status, date, persistMemory, consistency } = snapshot;
  const diskIds = snapshot.disks.map(({ diskId }) => diskId);
  const hasConfiguration = snapshot.configuration !== undefined;
  return {
    id,
    vmId,
    description,
    type,
    status,
    date,
    persistMemory,
    consistency,
    diskIds,
    hasConfiguration,
  };
}

function vmSummary(world: World, vm: Vm): VmSummary {
  const { id, name, status, lock } = vm;
  const contents = Object.fromEntries(world.disksOf(vm).map(({ disk }) => [disk.id, disk.content]));
  return {
    id,
    name,
    status,
    lock,
    frozen: vm.frozenSince !== undefined,
    inPreview: vm.preview !== undefined,
    contents,
  };
}

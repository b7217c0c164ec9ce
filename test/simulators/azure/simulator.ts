import { randomUUID } from 'node:crypto';
import { SimulatedClock } from '../common/clock.ts';
import { FaultInjector, seededRandom } from '../common/faults.ts';
import { type ListeningServer, listen } from '../common/http-server.ts';
import type { ContractViolation, RequestRecord } from '../common/request-log.ts';
import type { Simulator } from '../common/simulator.ts';
import { simulatorCertificate } from '../common/tls.ts';
import { type ArmRecord, type ArmRefusal, ArmServer } from './arm-server.ts';
import { Authorization } from './authorization.ts';
import type { AzureFault } from './faults.ts';
import { Identity } from './identity.ts';
import type { Lock } from './locks.ts';
import { Operations } from './operations.ts';
import { type AzureSimulatorOptions, defaultBehaviour, defaultDurations } from './options.ts';
import { keyOf } from './resource-ids.ts';
import { type CollectionSeed, type PointSeed, seedCollection, seedPoint } from './seeds.ts';
import { type Collection, type Effect, type RestorePoint, type Vm, type VmSpec, World } from './state.ts';
import { Throttle } from './throttle.ts';

/** A restore point as tests look at it from behind. */
export interface PointSummary {
  id: string;
  name: string;
  collectionId: string;
  kind: RestorePoint['kind'];
  vmId: string;
  provisioningState: RestorePoint['provisioningState'];
  consistencyMode: string;
  timeCreated: number;
  sourceRestorePointId: string | undefined;
}

/** A collection as tests look at it from behind. */
export interface CollectionSummary {
  id: string;
  name: string;
  location: string;
  sourceId: string;
  tags: Record<string, string> | undefined;
  points: string[];
}

/** A simulated Azure that runs in this process. */
export interface AzureSimulator extends Simulator<AzureFault> {
  readonly resourceManagerUrl: string;
  readonly authorityUrl: string;
  /** The managed identity endpoint, plain HTTP. */
  readonly managedIdentityUrl: string;
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly clientId: string;
  readonly clientSecret: string;

  readonly identity: Identity;
  readonly authorization: Authorization;
  /** Everything there is, for what the methods below do not show. */
  readonly world: World;
  readonly contractViolations: readonly (ContractViolation & ArmRefusal)[];
  /** The simulator's own answers that the contract does not allow; filled with `verifyAnswers` only. */
  readonly answerViolations: readonly string[];
  readonly requests: readonly (RequestRecord & ArmRecord)[];

  /** The restore points that exist now. */
  points(): PointSummary[];
  /** The collections that exist now. */
  collections(): CollectionSummary[];
  /** Every restore point that a request ever made, in order, whatever became of it. */
  everCreated(): Effect[];
  effects(): readonly Effect[];

  addVm(spec: VmSpec): Vm;
  /** Changes fields of a VM: its power, its agent, how long a create takes. */
  updateVm(id: string, changes: Partial<VmSpec>): void;
  removeVm(id: string): void;
  addCollection(seed: CollectionSeed): Collection;
  addPoint(seed: PointSeed): RestorePoint;
  /** Removes a restore point as if someone else had deleted it. */
  removePoint(id: string): void;
  addResourceGroup(name: string, location?: string, subscription?: string): void;
  addEncryptionSet(id: string, location: string): void;
  addLock(lock: Lock): void;
  removeLock(scope: string): void;
  /** Registers Microsoft.Compute with a subscription, or takes that back. */
  setRegistered(registered: boolean, subscription?: string): void;
  /** Lets so many simulated seconds pass at once. */
  skip(seconds: number): void;
  close(): Promise<void>;
}

/**
 * Starts a simulated Azure on the loopback address: ARM and an authority over TLS, managed identity over HTTP.
 *
 * @throws when a port that was asked for is taken
 */
export async function startAzureSimulator(options: AzureSimulatorOptions = {}): Promise<AzureSimulator> {
  const clock = new SimulatedClock(options.speed ?? 1);
  const durations = { ...defaultDurations, ...options.durations };
  const behaviour = { ...defaultBehaviour, ...options.behaviour };
  const operations = new Operations(clock, durations.operationRetentionSeconds);
  const subscriptionId = options.subscriptionId ?? randomUUID();
  const throttle = new Throttle(clock, behaviour, options.throttling ?? {});
  const world = new World({
    clock,
    durations,
    behaviour,
    throttle,
    operations,
    defaultSubscription: subscriptionId,
  });
  world.addSubscription(subscriptionId);

  const tenantId = options.tenantId ?? randomUUID();
  const identity = new Identity(tenantId, options.tokenLifetimeSeconds ?? 3599);
  const clientId = options.clientId ?? randomUUID();
  const clientSecret = options.clientSecret ?? `secret-${randomUUID()}`;
  identity.addClient(clientId, clientSecret);

  const authorization = new Authorization();
  const faults = new FaultInjector<AzureFault>(seededRandom(options.seed ?? 1));
  const arm = new ArmServer({
    world,
    identity,
    authorization,
    faults,
    verifyAnswers: options.verifyAnswers ?? false,
  });

  const host = options.hostname ?? '127.0.0.1';
  const listenHost = options.listenHost ?? '127.0.0.1';
  const { certificate, caPem } = await simulatorCertificate(
    'Simulated Azure CA',
    host,
    options.foreignCertificate ?? false,
  );
  const ports = options.ports ?? {};
  const servers: ListeningServer[] = [];
  const start = async (...parameters: Parameters<typeof listen>): Promise<ListeningServer> => {
    const server = await listen(...parameters);
    servers.push(server);
    return server;
  };
  const close = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.close()));
  };
  const authorityHandler = arm.identityHandler('Authority_Token', (request) =>
    identity.answerAuthority(request),
  );
  const managedHandler = arm.identityHandler('ManagedIdentity_Token', (request) =>
    identity.answerManagedIdentity(request),
  );
  try {
    const armServer = await start((request) => arm.handle(request), {
      certificate,
      host: listenHost,
      port: ports.resourceManager ?? 0,
    });
    const authorityServer = await start(authorityHandler, {
      certificate,
      host: listenHost,
      port: ports.authority ?? 0,
    });
    const managedServer = await start(managedHandler, { host: listenHost, port: ports.managedIdentity ?? 0 });
    const urlHost = host.includes(':') ? `[${host}]` : host;
    identity.resourceManagerUrl = `https://${urlHost}:${armServer.port}`;
    identity.authorityUrl = `https://${urlHost}:${authorityServer.port}`;
    operations.baseUrl = identity.resourceManagerUrl;

    return {
      resourceManagerUrl: identity.resourceManagerUrl,
      authorityUrl: identity.authorityUrl,
      managedIdentityUrl: `http://${urlHost}:${managedServer.port}`,
      caPem,
      tenantId,
      subscriptionId,
      clientId,
      clientSecret,
      faults,
      identity,
      authorization,
      world,
      contractViolations: arm.log.violations,
      answerViolations: arm.answerViolations,
      requests: arm.log.requests,
      counts: () => arm.log.counts(),
      resetCounts: () => arm.reset(),
      points: () => settled(world).allPoints().map(pointSummary),
      collections: () => [...settled(world).collections.values()].map(collectionSummary),
      everCreated: () => settled(world).effects.filter(({ effect }) => effect === 'point-created'),
      effects: () => settled(world).effects,
      addVm: (spec) => world.addVm(spec),
      updateVm: (id, changes) => world.updateVm(id, changes),
      removeVm: (id) => {
        settled(world).vms.delete(keyOf(id));
      },
      addCollection: (seed) => seedCollection(world, seed),
      addPoint: (seed) => seedPoint(world, seed),
      removePoint: (id) => {
        const point = settled(world).pointById(id);
        point?.collection.points.delete(keyOf(point.name));
      },
      addResourceGroup: (name, location, subscription) => {
        world.addResourceGroup(name, location, subscription);
      },
      addEncryptionSet: (id, location) => {
        world.encryptionSets.set(keyOf(id), location);
      },
      addLock: (lock) => {
        world.locks.push(lock);
      },
      removeLock: (scope) => {
        world.removeLock(scope);
      },
      setRegistered: (registered, subscription = subscriptionId) => {
        world.requireSubscription(subscription).registered = registered;
      },
      skip: (seconds) => clock.skip(seconds),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function settled(world: World): World {
  world.clock.settle();
  return world;
}

function pointSummary(point: RestorePoint): PointSummary {
  const { id, name, kind, provisioningState, consistencyMode, timeCreated, sourceRestorePointId } = point;
  const collectionId = point.collection.id;
  const vmId = point.vm.vmId;
  return {
    id,
    name,
    collectionId,
    kind,
    vmId,
    provisioningState,
    consistencyMode,
    timeCreated,
    sourceRestorePointId,
  };
}

function collectionSummary({ id, name, location, sourceId, tags, points }: Collection): CollectionSummary {
  return { id, name, location, sourceId, tags, points: [...points.values()].map((point) => point.name) };
}

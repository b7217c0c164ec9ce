/** The wiring: caches, queues and controllers, and who is to look again when what changes. */
import { condition } from './api/conditions.ts';
import type { KubernetesObject } from './api/kubernetes-object.ts';
import { annotations, finalizer } from './api/names.ts';
import type { RestorePointCollection } from './api/v1alpha1/restore-point-collection.ts';
import type { RestorePointCopy } from './api/v1alpha1/restore-point-copy.ts';
import type { ClusterVMProvider, VMProvider } from './api/v1alpha1/vm-provider.ts';
import type { VMRestore } from './api/v1alpha1/vm-restore.ts';
import type { VMSnapshot } from './api/v1alpha1/vm-snapshot.ts';
import type { VMSnapshotInventory } from './api/v1alpha1/vm-snapshot-inventory.ts';
import { type CountedObject, type Deadlines, providerNamedBy } from './controllers/census.ts';
import { readIntent } from './controllers/intent.ts';
import { Lanes } from './controllers/lanes.ts';
import { Engine } from './controllers/lifecycle/engine.ts';
import { Listings } from './controllers/listings.ts';
import {
  called,
  collectionIndexers,
  copyIndexers,
  inventoryIndexers,
  type Namespace,
  Neighbourhood,
  restoreIndexers,
  snapshotIndexers,
} from './controllers/neighbours.ts';
import { type ProviderKey, ProviderRegistry, type ProviderState } from './controllers/provider-registry.ts';
import { type RecordedObject, Recorder } from './controllers/recorder.ts';
import { namespaceType, resourceTypes } from './controllers/resources.ts';
import { CollectionController } from './controllers/restorepointcollection/controller.ts';
import { copyPolicy, isUnderWay as isCopyUnderWay } from './controllers/restorepointcopy/policy.ts';
import type { Settings } from './controllers/settings.ts';
import { UnknownOutcomes } from './controllers/unknown-outcomes.ts';
import { VendorChanges } from './controllers/vendor-changes.ts';
import { ProviderController } from './controllers/vmprovider/controller.ts';
import type { AnyProviderObject } from './controllers/vmprovider/decide.ts';
import { restoreDeadlines } from './controllers/vmrestore/basics.ts';
import { RestoreController } from './controllers/vmrestore/controller.ts';
import { isUnderWay as isRestoreUnderWay } from './controllers/vmrestore/outcome.ts';
import { isUnderWay as isSnapshotUnderWay, snapshotPolicy } from './controllers/vmsnapshot/policy.ts';
import { InventoryController } from './controllers/vmsnapshotinventory/controller.ts';
import { type CountedKind, type MetricsSources, noProvider, operatorMetrics } from './metrics.ts';
import { Budgets } from './providers/budget.ts';
import type { Clock } from './runtime/clock.ts';
import { Controller, type Reconcile } from './runtime/controller.ts';
import type { EventRecorder } from './runtime/events.ts';
import { Informer } from './runtime/informer.ts';
import type { KubeClient } from './runtime/kube/client.ts';
import { type KubeObject, objectKey, type ResourceType } from './runtime/kube/types.ts';
import type { Logger } from './runtime/log.ts';
import type { RuntimeMetrics } from './runtime/metrics.ts';
import { type Band, WorkQueue } from './runtime/queue.ts';
import type { Indexers } from './runtime/store.ts';

export interface OperatorOptions {
  /** For the caches. */
  client: KubeClient;
  settings: Settings;
  /** Unset: all namespaces. */
  namespaces: string[] | undefined;
  watchLabelSelector: string | undefined;
  workers: number;
  settleMs: number | undefined;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  events: EventRecorder;
  /** Told at each step of the protocol; tests end the process there. */
  onStep?: (step: string, object: KubernetesObject) => void;
}

/** One operator in one process. */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #informers: Informer<KubeObject>[] = [];
  readonly #snapshots: Informer<VMSnapshot>;
  readonly #copies: Informer<RestorePointCopy>;
  readonly #collections: Informer<RestorePointCollection>;
  readonly #restores: Informer<VMRestore>;
  readonly #inventories: Informer<VMSnapshotInventory>;
  readonly #providers: Informer<VMProvider>;
  readonly #clusterProviders: Informer<ClusterVMProvider> | undefined;
  readonly #namespaces: Informer<Namespace> | undefined;
  /** With a label selector: the providers of this shard. */
  readonly #shard: Map<string, Informer<KubeObject>> | undefined;
  #controllers: Controller[] = [];
  #closers: (() => Promise<void>)[] = [];

  constructor(options: OperatorOptions) {
    this.#options = options;
    const clusterWide = options.namespaces === undefined;
    this.#snapshots = this.#informer<VMSnapshot>(resourceTypes.VMSnapshot, snapshotIndexers);
    this.#copies = this.#informer<RestorePointCopy>(resourceTypes.RestorePointCopy, copyIndexers);
    this.#collections = this.#informer<RestorePointCollection>(
      resourceTypes.RestorePointCollection,
      collectionIndexers,
    );
    this.#restores = this.#informer<VMRestore>(resourceTypes.VMRestore, restoreIndexers);
    this.#inventories = this.#informer<VMSnapshotInventory>(
      resourceTypes.VMSnapshotInventory,
      inventoryIndexers,
    );
    this.#providers = this.#informer<VMProvider>(resourceTypes.VMProvider, {});
    this.#clusterProviders = clusterWide
      ? this.#informer<ClusterVMProvider>(resourceTypes.ClusterVMProvider, {})
      : undefined;
    this.#namespaces = clusterWide ? this.#informer<Namespace>(namespaceType, {}) : undefined;
    if (options.watchLabelSelector !== undefined) {
      const labelSelector = options.watchLabelSelector;
      this.#shard = new Map([['VMProvider', this.#informer(resourceTypes.VMProvider, {}, labelSelector)]]);
      if (clusterWide)
        this.#shard.set(
          'ClusterVMProvider',
          this.#informer(resourceTypes.ClusterVMProvider, {}, labelSelector),
        );
    }
  }

  /** Begins to follow the API server. Standbys do this too, so that a new leader starts warm. */
  async sync(signal: AbortSignal): Promise<void> {
    for (const informer of this.#informers) informer.start();
    await Promise.all(this.#informers.map((informer) => informer.synced(signal)));
  }

  /** Whether every cache is complete, for readiness. */
  get synced(): boolean {
    return this.#informers.every((informer) => informer.hasSynced);
  }

  /** Why some cache is not complete, for people; undefined when all are. */
  get obstacle(): string | undefined {
    return this.#informers.map((informer) => informer.obstacle).find((obstacle) => obstacle !== undefined);
  }

  /** Milliseconds since the API server was last heard on the watch that has been silent longest. */
  lastContactAgeMs(): number {
    return Math.max(0, ...this.#informers.map((informer) => informer.lastContactAge()));
  }

  /**
   * Starts to work.
   *
   * @param client must refuse to write once this process is no longer the leader
   * @param leading aborted when it is no longer the leader
   */
  start(client: KubeClient, leading?: AbortSignal): void {
    const { settings, clock, log, metrics, events, settleMs } = this.#options;
    const unknownOutcomes = new UnknownOutcomes(clock);
    const lanes = new Lanes(clock);
    const listings = new Listings(clock, settings.driftIntervalMs / 2);
    const budgets = new Budgets(clock);
    const registry = new ProviderRegistry((key) => this.#unregistered(key));
    const caches = {
      snapshots: this.#snapshots,
      copies: this.#copies,
      collections: this.#collections,
      restores: this.#restores,
      namespaces: this.#namespaces,
    };
    const neighbourhood = new Neighbourhood(caches, lanes, client);
    const operator = operatorMetrics(metrics.registry, this.#metricsSources(budgets, unknownOutcomes));
    const recorder = <O extends RecordedObject>(
      resource: ResourceType,
      informer: Informer<O & KubeObject>,
      bounded = false,
    ) =>
      new Recorder<O>({
        resource,
        bounded,
        client,
        informer,
        events,
        clock,
        onReason: (before, reason) => operator.onReason(resource.kind, before, reason),
        onEvent: (object, word) => operator.onEvent(resource.kind, object, word),
      });
    const vendorChanges = new VendorChanges({
      clock,
      log,
      intervalMs: settings.pollIntervalMs,
      connections: () => registry.connections(),
      isBusy: (endpointID) =>
        [this.#snapshots, this.#restores].some(
          (informer) => informer.byIndex('busyEndpoint', endpointID.toLowerCase()).length > 0,
        ),
      moved: (endpointID, vmIDs) => this.#movedAt(endpointID, vmIDs, snapshots, restores),
    });
    const isFollowed = (endpointID: string) => vendorChanges.isFollowed(endpointID);
    const shared = { client, registry, unknownOutcomes, lanes, listings, settings, clock };
    const onStep = this.#options.onStep === undefined ? {} : { onStep: this.#options.onStep };

    const snapshotEngine = new Engine({
      ...shared,
      ...onStep,
      isFollowed,
      resource: resourceTypes.VMSnapshot,
      policy: snapshotPolicy,
      neighbours: neighbourhood.ofSnapshot,
      informer: this.#snapshots,
      recorder: recorder<VMSnapshot>(resourceTypes.VMSnapshot, this.#snapshots),
    });
    const copyEngine = new Engine({
      ...shared,
      ...onStep,
      resource: resourceTypes.RestorePointCopy,
      policy: copyPolicy,
      neighbours: neighbourhood.ofCopy,
      informer: this.#copies,
      recorder: recorder<RestorePointCopy>(resourceTypes.RestorePointCopy, this.#copies, true),
    });
    const collectionController = new CollectionController({
      ...shared,
      ...onStep,
      neighbours: neighbourhood.ofCollection,
      liveUsers: neighbourhood.liveUsers,
      informer: this.#collections,
      recorder: recorder<RestorePointCollection>(resourceTypes.RestorePointCollection, this.#collections),
    });
    const restoreController = new RestoreController({
      ...shared,
      ...onStep,
      neighbours: neighbourhood.ofRestore,
      informer: this.#restores,
      recorder: recorder<VMRestore>(resourceTypes.VMRestore, this.#restores, true),
    });
    const restores = this.#controller(
      'vmrestore',
      (key, context) => restoreController.reconcile(key, context),
      this.#restores,
    );
    const inventoryController = new InventoryController({
      registry,
      settings,
      clock,
      neighbours: neighbourhood.ofInventory,
      informer: this.#inventories,
      recorder: recorder<VMSnapshotInventory>(resourceTypes.VMSnapshotInventory, this.#inventories),
    });
    const inventories = this.#controller(
      'vmsnapshotinventory',
      (key, context) => inventoryController.reconcile(key, context),
      this.#inventories,
    );
    const snapshots = this.#controller(
      'vmsnapshot',
      (key, context) => snapshotEngine.reconcile(key, context),
      this.#snapshots,
    );
    const copies = this.#controller(
      'restorepointcopy',
      (key, context) => copyEngine.reconcile(key, context),
      this.#copies,
    );
    const collections = this.#controller(
      'restorepointcollection',
      (key, context) => collectionController.reconcile(key, context),
      this.#collections,
    );

    const serveProviders = <O extends AnyProviderObject>(
      kind: 'VMProvider' | 'ClusterVMProvider',
      informer: Informer<O & KubeObject>,
    ) => {
      const controller = new ProviderController<O>({
        kind,
        client,
        registry,
        budgets,
        settings,
        settleMs,
        clock,
        log,
        informer: informer as unknown as Informer<O>,
        recorder: recorder<O>(resourceTypes[kind], informer),
        users: (key) => this.#usersOf(key),
        onRequest: operator.onVendorRequest,
      });
      const queue = this.#controller(
        kind.toLowerCase(),
        async (key, context) =>
          this.#serves(kind, key) ? controller.reconcile(key, context) : void (await controller.leave(key)),
        informer,
      );
      this.#closers.push(() => controller.close());
      registry.onSuspicion((suspect) => {
        const key = suspect.slice(kind.length + 1);
        if (suspect.startsWith(`${kind}/`) && controller.mayLookAtSuspicion(key)) queue.add(key, 'due');
      });
      informer.on({
        added: ({ metadata }) => queue.add(objectKey(metadata), 'due'),
        updated: (before, after) => isForReconcile(before, after) && queue.add(objectKey(after.metadata)),
        deleted: ({ metadata }) => {
          void operator.forgetProvider(`${kind}/${objectKey(metadata)}`);
          queue.add(objectKey(metadata));
        },
      });
      this.#shard?.get(kind)?.on({
        added: ({ metadata }) => queue.add(objectKey(metadata), 'due'),
        deleted: ({ metadata }) => queue.add(objectKey(metadata), 'due'),
      });
      return queue;
    };
    const providers = serveProviders<VMProvider>('VMProvider', this.#providers);
    const clusterProviders =
      this.#clusterProviders &&
      serveProviders<ClusterVMProvider>('ClusterVMProvider', this.#clusterProviders);

    this.#route(
      { snapshots, copies, collections, restores, inventories, providers, clusterProviders },
      registry,
    );
    for (const controller of this.#controllers) controller.start(leading);
    vendorChanges.start();
    this.#closers.push(async () => vendorChanges.stop());
  }

  /** The vendor said something of VMs: what is under way there is looked at now. */
  #movedAt(endpointID: string, vmIDs: string[] | 'all', snapshots: WorkQueue, restores: WorkQueue): void {
    const vms = vmIDs === 'all' ? undefined : new Set(vmIDs.map((id) => id.toLowerCase()));
    const at = endpointID.toLowerCase();
    for (const object of this.#snapshots.byIndex('busyEndpoint', at)) {
      const [vm = ''] = snapshotIndexers.vm?.(object) ?? [];
      if (vms === undefined || vms.has(vm)) snapshots.add(objectKey(object.metadata), 'due');
    }
    for (const object of this.#restores.byIndex('busyEndpoint', at)) {
      const [vm = ''] = restoreIndexers.vm?.(object) ?? [];
      if (vms === undefined || vms.has(vm)) restores.add(objectKey(object.metadata), 'due');
    }
  }

  /** Ends the work: what is in flight is finished within `graceMs`, or left resumable. */
  async stop(graceMs: number): Promise<void> {
    const finished = await Promise.all(this.#controllers.map((controller) => controller.stop(graceMs)));
    if (finished.includes(false))
      this.#options.log.warn('some work did not end in time; the next start goes on with it', { graceMs });
    await Promise.all(this.#closers.map((close) => close()));
  }

  /** Ends the caches. */
  async close(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  #informer<T extends KubeObject>(
    resource: ResourceType,
    indexers: Indexers<T>,
    labelSelector?: string,
  ): Informer<T> {
    const { client, clock, log, namespaces, metrics } = this.#options;
    const informer = new Informer<T>({
      client,
      resource,
      indexers,
      clock,
      log,
      namespaces: resource.namespaced ? namespaces : undefined,
      labelSelector,
    });
    this.#informers.push(informer as unknown as Informer<KubeObject>);
    metrics.watchInformer(labelSelector === undefined ? resource.plural : `${resource.plural}/shard`, () =>
      informer.stats(),
    );
    return informer;
  }

  #controller<O extends CountedObject>(
    name: string,
    reconcile: Reconcile,
    informer: Informer<O & KubeObject>,
  ): WorkQueue {
    const { clock, log, metrics, workers } = this.#options;
    const queue = new WorkQueue({ clock });
    metrics.watchQueue(name, queue);
    this.#controllers.push(
      new Controller({
        name,
        queue,
        reconcile,
        log,
        workers,
        clock,
        deadlineMs: 120_000,
        onReconcile: metrics.onReconcile(name),
        about: (key): Record<string, string> => {
          const object: CountedObject | undefined = informer.getByKey(key);
          const provider = object && this.#providerOf(informer.resource.kind, object);
          return provider === undefined || provider === noProvider ? {} : { provider };
        },
      }),
    );
    return queue;
  }

  #metricsSources(budgets: Budgets, unknownOutcomes: UnknownOutcomes): MetricsSources {
    const counted = <O extends CountedObject>(
      informer: Informer<O & KubeObject>,
      deadlines?: (object: O) => Deadlines,
    ): CountedKind => ({
      kind: informer.resource.kind,
      list: () => informer.list(),
      ...(deadlines === undefined ? {} : { deadlines: (object) => deadlines(object as O) }),
    });
    return {
      kinds: [
        counted(this.#snapshots, snapshotPolicy.deadlines),
        counted(this.#copies, copyPolicy.deadlines),
        counted(this.#collections),
        counted(this.#restores, restoreDeadlines),
        counted(this.#inventories),
      ],
      providers: [
        counted(this.#providers),
        ...(this.#clusterProviders === undefined ? [] : [counted(this.#clusterProviders)]),
      ],
      providerOf: (kind, object) => this.#providerOf(kind, object),
      budgets,
      unknownOutcomes,
      now: () => this.#options.clock.now(),
    };
  }

  /** The provider that an object goes by, for logs and metrics; undefined where another shard serves it. */
  #providerOf(kind: string, object: CountedObject): ProviderKey | undefined {
    const isProvider = kind === 'VMProvider' || kind === 'ClusterVMProvider';
    const key = isProvider
      ? `${kind}/${objectKey(object.metadata)}`
      : providerNamedBy(object, (snapshot) => this.#snapshots.getByKey(snapshot));
    const [of = '', ...rest] = (key ?? '').split('/');
    const isThere = this.#providerCache(of)?.getByKey(rest.join('/')) !== undefined;
    if (this.#shard !== undefined)
      return isThere && this.#serves(of as 'VMProvider', rest.join('/')) ? key : undefined;
    return isThere ? key : noProvider;
  }

  #providerCache(kind: string): Informer<KubeObject> | undefined {
    const cache = kind === 'ClusterVMProvider' ? this.#clusterProviders : this.#providers;
    return cache as unknown as Informer<KubeObject> | undefined;
  }

  /** What is known of a provider that no controller has spoken of yet. */
  #unregistered(key: ProviderKey): ProviderState {
    const [kind = '', ...rest] = key.split('/');
    if (kind === 'ClusterVMProvider' && this.#clusterProviders === undefined) {
      return {
        state: 'NotReady',
        reason: 'AccessDenied',
        message:
          'this operator serves single namespaces (--namespaces) and no ClusterVMProviders; name a VMProvider',
      };
    }
    return this.#providerCache(kind)?.getByKey(rest.join('/')) === undefined
      ? { state: 'Absent' }
      : { state: 'Untried' };
  }

  #serves(kind: 'VMProvider' | 'ClusterVMProvider', key: string): boolean {
    return this.#shard === undefined || this.#shard.get(kind)?.getByKey(key) !== undefined;
  }

  /** Objects that still have something at the vendor, or on its way there. */
  #usersOf(key: ProviderKey): string[] {
    const users: KubernetesObject[] = [
      this.#snapshots.byIndex('provider', key),
      this.#copies.byIndex('provider', key),
      this.#collections.byIndex('provider', key),
      this.#restores.byIndex('provider', key),
    ].flat();
    return users
      .filter((user) => user.metadata.finalizers?.includes(finalizer))
      .map((user) => called(user, undefined));
  }

  /** Who is to look again when what changes. Level-triggered: each of these only moves a look forward. */
  #route(queues: Queues, registry: ProviderRegistry): void {
    const { snapshots, copies, collections, restores, inventories, providers, clusterProviders } = queues;
    const add = (queue: WorkQueue, objects: KubernetesObject[], band?: Band) => {
      for (const object of objects) queue.add(objectKey(object.metadata), band ?? bandOf(object));
    };
    const inNamespace = <O extends KubernetesObject>(
      informer: Informer<O & KubeObject>,
      namespace: string | undefined,
    ): O[] => informer.byIndex('namespace', namespace ?? '');
    /** Those that have not begun, or wait for their turn to go on. */
    const waiting = (object: KubernetesObject & RecordedObject) =>
      readIntent(object) === undefined || condition(object.status?.conditions, 'Ready')?.reason === 'Queued';
    const providerGoes = (key: ProviderKey) => {
      const [kind, ...rest] = key.split('/');
      (kind === 'ClusterVMProvider' ? clusterProviders : providers)?.add(rest.join('/'), 'due');
    };

    /** The restores from a snapshot that are not over. */
    const restoresOf = (snapshotKey: string) =>
      this.#restores
        .byIndex('snapshotName', snapshotKey)
        .filter(({ status }) => status?.completionTime === undefined);
    const isToBegin = (restore: VMRestore) =>
      restore.status?.completionTime === undefined && !isRestoreUnderWay(restore);
    /** One thing at a time is done on a VM: who waits for its turn. */
    const vmMoved = (id: string) => {
      add(snapshots, this.#snapshots.byIndex('vm', id).filter(waiting), 'due');
      add(restores, this.#restores.byIndex('vm', id).filter(isToBegin), 'due');
    };

    registry.onChange((key) => {
      add(snapshots, this.#snapshots.byIndex('provider', key));
      add(collections, this.#collections.byIndex('provider', key));
      add(copies, this.#copies.byIndex('provider', key));
      add(inventories, this.#inventories.byIndex('provider', key), 'drift');
      add(restores, this.#restores.byIndex('provider', key));
      // A copy of a VMSnapshot goes by that one's provider, and so does a restore.
      for (const snapshot of this.#snapshots.byIndex('provider', key)) {
        add(copies, this.#copies.byIndex('snapshotName', objectKey(snapshot.metadata)));
        add(restores, restoresOf(objectKey(snapshot.metadata)));
      }
    });

    const collectionsOf = (object: KubernetesObject, containers: string[]) => {
      for (const id of containers) add(collections, this.#collections.byIndex('id', id), 'due');
      const named = inNamespace(this.#collections, object.metadata.namespace).filter(
        (collection) => collection.metadata.deletionTimestamp !== undefined,
      );
      add(collections, named, 'due');
    };
    const snapshotMoved = (object: VMSnapshot) => {
      add(copies, this.#copies.byIndex('snapshotName', objectKey(object.metadata)));
      add(restores, restoresOf(objectKey(object.metadata)), 'due');
      for (const id of snapshotIndexers.vm?.(object) ?? []) vmMoved(id);
      collectionsOf(object, snapshotIndexers.container?.(object) ?? []);
    };
    this.#snapshots.on({
      added: (object) => add(snapshots, [object]),
      updated: (before, after) => {
        if (isForReconcile(before, after)) add(snapshots, [after], 'user');
        if (isSnapshotUnderWay(before) !== isSnapshotUnderWay(after) || readyOf(before) !== readyOf(after))
          snapshotMoved(after);
      },
      deleted: (object) => {
        snapshotMoved(object);
        for (const key of snapshotIndexers.provider?.(object) ?? []) providerGoes(key);
        for (const id of snapshotIndexers.snapshotID?.(object) ?? [])
          add(snapshots, this.#snapshots.byIndex('snapshotID', id), 'due');
      },
    });
    const copyMoved = (object: RestorePointCopy) => {
      for (const lane of copyIndexers.lane?.(object) ?? [])
        add(copies, this.#copies.byIndex('lane', lane).filter(waiting), 'due');
      for (const key of copyIndexers.snapshotName?.(object) ?? []) snapshots.add(key, 'due');
      collectionsOf(object, copyIndexers.container?.(object) ?? []);
    };
    this.#copies.on({
      added: (object) => add(copies, [object]),
      updated: (before, after) => {
        if (isForReconcile(before, after)) add(copies, [after], 'user');
        if (isCopyUnderWay(before) !== isCopyUnderWay(after) || readyOf(before) !== readyOf(after))
          copyMoved(after);
      },
      deleted: (object) => {
        copyMoved(object);
        for (const key of copyIndexers.provider?.(object) ?? []) providerGoes(key);
      },
    });
    const collectionMoved = (object: RestorePointCollection) => {
      const { namespace } = object.metadata;
      add(snapshots, inNamespace(this.#snapshots, namespace).filter(waiting));
      add(copies, inNamespace(this.#copies, namespace).filter(waiting));
      add(collections, this.#collections.byIndex('sourceName', objectKey(object.metadata)).filter(waiting));
    };
    this.#collections.on({
      added: (object) => add(collections, [object]),
      updated: (before, after) => {
        if (isForReconcile(before, after)) add(collections, [after], 'user');
        if (readyOf(before) !== readyOf(after) || before.status?.id !== after.status?.id)
          collectionMoved(after);
      },
      deleted: (object) => {
        collectionMoved(object);
        // The last that needed its source may be gone with it.
        for (const key of collectionIndexers.sourceName?.(object) ?? []) collections.add(key, 'due');
        for (const key of collectionIndexers.provider?.(object) ?? []) providerGoes(key);
      },
    });
    const restoreMoved = (object: VMRestore) => {
      for (const id of restoreIndexers.vm?.(object) ?? []) vmMoved(id);
      for (const key of restoreIndexers.snapshotName?.(object) ?? []) snapshots.add(key, 'due');
    };
    this.#restores.on({
      added: (object) => add(restores, [object]),
      updated: (before, after) => {
        if (isForReconcile(before, after)) add(restores, [after], 'user');
        if (isRestoreUnderWay(before) !== isRestoreUnderWay(after)) restoreMoved(after);
      },
      deleted: (object) => {
        restoreMoved(object);
        for (const key of restoreIndexers.provider?.(object) ?? []) providerGoes(key);
      },
    });
    this.#inventories.on({
      added: (object) => add(inventories, [object]),
      updated: (before, after) => {
        if (isForReconcile(before, after)) add(inventories, [after], 'user');
      },
    });
    this.#namespaces?.on({
      updated: (before, after) => {
        const { name } = after.metadata;
        if (before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp) {
          // What waits for credentials that went along with the namespace does not wait for ever.
          const going = ({ metadata }: KubernetesObject) => metadata.deletionTimestamp !== undefined;
          add(snapshots, inNamespace(this.#snapshots, name).filter(going));
          add(copies, inNamespace(this.#copies, name).filter(going));
          add(collections, inNamespace(this.#collections, name).filter(going));
          add(restores, inNamespace(this.#restores, name).filter(going));
        }
        // Access rules select by labels.
        if (JSON.stringify(before.metadata.labels) === JSON.stringify(after.metadata.labels)) return;
        add(snapshots, inNamespace(this.#snapshots, name).filter(waiting));
        add(copies, inNamespace(this.#copies, name).filter(waiting));
        add(collections, inNamespace(this.#collections, name).filter(waiting));
        add(restores, inNamespace(this.#restores, name).filter(isToBegin));
        add(inventories, inNamespace(this.#inventories, name), 'drift');
      },
    });
  }
}

interface Queues {
  snapshots: WorkQueue;
  copies: WorkQueue;
  collections: WorkQueue;
  restores: WorkQueue;
  inventories: WorkQueue;
  providers: WorkQueue;
  clusterProviders: WorkQueue | undefined;
}

/** What is settled can wait behind what is due. */
function bandOf(object: KubernetesObject): Band {
  if (object.metadata.deletionTimestamp !== undefined) return 'due';
  const { conditions } = (object as RecordedObject).status ?? {};
  return condition(conditions, 'Ready')?.status === 'True' ? 'drift' : 'due';
}

/** Ready's status and reason: what others may wait for. */
function readyOf(object: RecordedObject): string {
  const ready = condition(object.status?.conditions, 'Ready');
  return `${ready?.status} ${ready?.reason}`;
}

/**
 * Whether a change is one that the object's own controller must look at. Its own writes (status, intent,
 * finalizer) are none: they would make it look at the vendor again for nothing.
 */
function isForReconcile(
  before: KubernetesObject | KubeObject,
  after: KubernetesObject | KubeObject,
): boolean {
  const told = ({ metadata }: KubernetesObject | KubeObject) =>
    JSON.stringify([
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.annotations?.[annotations.paused],
      metadata.annotations?.[annotations.reconcileAt],
      metadata.annotations?.[annotations.hold],
      metadata.annotations?.[annotations.abandon],
      metadata.labels,
    ]);
  return told(before) !== told(after);
}

import { randomUUID } from 'node:crypto';
import { graceLeft } from '../../api/conditions.ts';
import { parseDuration } from '../../api/duration.ts';
import type { VMSnapshotInventory } from '../../api/v1alpha1/vm-snapshot-inventory.ts';
import type { Call } from '../../providers/outcome.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ReconcileContext, ReconcileResult } from '../../runtime/controller.ts';
import type { Informer } from '../../runtime/informer.ts';
import { type ProviderRegistry, providerKey } from '../provider-registry.ts';
import type { Recorder } from '../recorder.ts';
import { type Settings, spread } from '../settings.ts';
import {
  decideInventory,
  type InventoryFacts,
  type InventoryFinish,
  type InventoryNeighbours,
  type InventorySeen,
  type InventoryStep,
} from './decide.ts';

/** No decision takes more steps than this; one that does is a fault of ours. */
const maxSteps = 6;
/** What was listed before this process began is looked at again within this time, however long its interval. */
const catchUpMs = 15 * 60_000;

export interface InventoryControllerOptions {
  informer: Informer<VMSnapshotInventory>;
  recorder: Recorder<VMSnapshotInventory>;
  registry: ProviderRegistry;
  neighbours: (object: VMSnapshotInventory) => InventoryNeighbours;
  settings: Settings;
  clock: Clock;
  random?: () => number;
}

/** Shows what vendors have. */
export class InventoryController {
  readonly #options: InventoryControllerOptions;
  readonly #startedAt: number;
  /** By UID, on the monotonic clock: when the vendor is to be asked again. */
  readonly #nextLook = new Map<string, number>();

  constructor(options: InventoryControllerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    options.informer.on({ deleted: ({ metadata }) => this.#nextLook.delete(metadata.uid) });
  }

  async reconcile(key: string, context: ReconcileContext): Promise<ReconcileResult | undefined> {
    const object = this.#options.informer.getByKey(key);
    if (object === undefined) return undefined;
    const correlationID = randomUUID();
    const random = (this.#options.random ?? Math.random)();
    let seen: InventorySeen = {};
    for (let count = 0; count < maxSteps; count++) {
      const facts = this.#facts(object, seen, random);
      const step = decideInventory(facts);
      if (step.do === 'Finish') return this.#record(facts, step, context);
      seen = { ...seen, ...(await this.#ask(facts, step, correlationID, context)) };
    }
    throw new Error(`no end after ${maxSteps} steps; this is a fault of Keyframe, please report it`);
  }

  #facts(object: VMSnapshotInventory, seen: InventorySeen, random: number): InventoryFacts {
    const { clock, settings, registry, neighbours } = this.#options;
    const { uid, namespace = '' } = object.metadata;
    const intervalMs = parseDuration(object.spec.refreshInterval ?? '1h');
    const due =
      this.#nextLook.get(uid) ??
      (object.status?.items === undefined
        ? 0
        : this.#startedAt + spread(uid, Math.min(intervalMs, catchUpMs)));
    return {
      object,
      now: clock.now(),
      random,
      settings,
      provider: registry.get(providerKey(object.spec.providerRef, namespace)),
      neighbours: neighbours(object),
      dueMs: Math.max(0, due - clock.monotonic()),
      seen,
    };
  }

  async #ask(
    { provider: state }: InventoryFacts,
    step: Exclude<InventoryStep, InventoryFinish>,
    correlationID: string,
    { signal }: ReconcileContext,
  ): Promise<InventorySeen> {
    if (state.state !== 'Ready') throw new Error('decided to ask a provider that is not there');
    const { provider } = state;
    // Nothing waits for it: what is under way goes first.
    const call: Call = { signal, priority: 'Drift', correlationID };
    switch (step.do) {
      case 'ReadVM':
        return { vm: await provider.getVM(step.query, call) };
      case 'ReadCollection':
        if (provider.vendor !== 'azure') throw new Error('decided to ask Azure, which this is not');
        return { collection: await provider.getCollection(step.id, { points: false }, call) };
      case 'List':
        return { inventory: await provider.listInventory(step.scope, step.limit, call) };
    }
  }

  async #record(
    { object, now }: InventoryFacts,
    finish: InventoryFinish,
    { signal }: ReconcileContext,
  ): Promise<ReconcileResult> {
    const { recorder, registry, clock } = this.#options;
    const { uid, creationTimestamp, generation, namespace = '' } = object.metadata;
    const { verdict, status = {}, nextLookMs, requeueAfterMs } = finish;
    if (verdict?.reason === 'AuthenticationFailed')
      registry.suspect(providerKey(object.spec.providerRef, namespace));
    if (nextLookMs !== undefined) this.#nextLook.set(uid, clock.monotonic() + nextLookMs);
    const result = await recorder.say(
      object,
      { verdict, status: () => status, looked: finish.looked },
      signal,
      (fresh) => fresh.metadata.generation === generation,
    );
    if (result === 'conflict') return { requeueAfterMs: 500 };
    const waits = [
      requeueAfterMs,
      verdict === undefined ? undefined : graceLeft(verdict.reason, Date.parse(creationTimestamp), now),
    ].filter((wait) => wait !== undefined);
    return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits), band: 'drift' };
  }
}

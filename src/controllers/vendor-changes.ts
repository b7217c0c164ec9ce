import type { AnyProvider } from '../providers/any-provider.ts';
import { succeeded } from '../providers/outcome.ts';
import type { VMOperator } from '../providers/provider.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';

export interface VendorChangesOptions {
  clock: Clock;
  log: Logger;
  /** Milliseconds between two questions to an endpoint. */
  intervalMs: number;
  /** The connections of this process, several of which may lead to one endpoint. */
  connections: () => AnyProvider[];
  /** Whether something is under way at an endpoint; where nothing is, nothing is asked. */
  isBusy: (endpointID: string) => boolean;
  /** Something was said of these VMs; of all of the endpoint's where that is not told. */
  moved: (endpointID: string, vmIDs: string[] | 'all') => void;
}

/**
 * Asks each endpoint that tells it, once in each interval, what moved there: one request for all that is under way,
 * and then only what moved is looked at. What the endpoint forgets to tell is found by the slower polling of each
 * object.
 */
export class VendorChanges {
  readonly #options: VendorChangesOptions;
  /** Where to go on, for endpoints that are followed; kept while something is under way. */
  readonly #cursors = new Map<string, string>();
  #cancel: (() => void) | undefined;
  #stopped: AbortController | undefined;

  constructor(options: VendorChangesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = new AbortController();
    this.#wait();
  }

  stop(): void {
    this.#stopped?.abort();
    this.#cancel?.();
    this.#cursors.clear();
  }

  /** Whether what moves at an endpoint is told at once, so that each object need be looked at but seldom. */
  isFollowed(endpointID: string): boolean {
    return this.#cursors.has(endpointID);
  }

  #wait(): void {
    if (this.#stopped?.signal.aborted !== false) return;
    this.#cancel = this.#options.clock.setTimer(this.#options.intervalMs, () => {
      void this.#askAll().finally(() => this.#wait());
    });
  }

  async #askAll(): Promise<void> {
    const { connections, isBusy } = this.#options;
    const talkative = new Map<string, VMOperator>();
    for (const provider of connections())
      if (provider.vendor !== 'azure' && provider.changes !== undefined)
        talkative.set(provider.endpointID, provider);
    for (const endpointID of this.#cursors.keys())
      if (!talkative.has(endpointID) || !isBusy(endpointID)) this.#cursors.delete(endpointID);
    const busy = [...talkative.values()].filter(({ endpointID }) => isBusy(endpointID));
    // One sick endpoint never slows another.
    await Promise.all(busy.map((provider) => this.#ask(provider)));
  }

  async #ask(provider: VMOperator): Promise<void> {
    const { log, moved } = this.#options;
    const { endpointID } = provider;
    const signal = this.#stopped?.signal ?? AbortSignal.abort();
    const cursor = this.#cursors.get(endpointID);
    const outcome = await provider.changes?.(cursor, { signal, priority: 'Poll' });
    if (outcome === undefined || signal.aborted) return;
    if (!succeeded(outcome)) {
      // Not to be followed for now: each object is looked at by itself again.
      if (this.#cursors.delete(endpointID))
        log.warn('what moves at an endpoint is not told any more; each object is polled', {
          endpointID,
          code: outcome.error.code,
        });
      moved(endpointID, 'all');
      return;
    }
    const { vmIDs, everything } = outcome.value;
    this.#cursors.set(endpointID, outcome.value.cursor);
    // What moved before the first answer is not told by it.
    if (everything === true || cursor === undefined) moved(endpointID, 'all');
    else if (vmIDs.length > 0) moved(endpointID, vmIDs);
  }
}

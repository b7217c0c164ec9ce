import { type Call, type Outcome, succeeded } from '../providers/outcome.ts';
import type { Provider, Snapshot } from '../providers/provider.ts';
import type { Clock } from '../runtime/clock.ts';

/** The longest list that is remembered; Azure keeps at most 500 points of a VM. */
const remembered = 2_000;

/**
 * The lists of what collections hold, read once for all objects that are held against them: drift costs one
 * request for each collection, not one for each snapshot.
 */
export class Listings {
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  readonly #cache = new Map<string, { at: number; snapshots: Snapshot[] }>();
  readonly #inFlight = new Map<string, Promise<Outcome<Snapshot[]>>>();

  /** @param maxAgeMs how old a list may be for whom an old one will do */
  constructor(clock: Clock, maxAgeMs: number) {
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs;
  }

  /**
   * The snapshots of a container: complete, or a failure.
   *
   * @param fresh ask the vendor now; else a remembered list, or one that is being read, will do
   */
  async get(
    provider: Provider,
    containerID: string,
    fresh: boolean,
    call: Call,
  ): Promise<{ outcome: Outcome<Snapshot[]>; fresh: boolean }> {
    const key = `${provider.endpointID} ${containerID.toLowerCase()}`;
    if (!fresh) {
      const known = this.#cache.get(key);
      if (known !== undefined && this.#clock.monotonic() - known.at < this.#maxAgeMs) {
        return { outcome: { kind: 'Done', value: known.snapshots }, fresh: false };
      }
      const reading = this.#inFlight.get(key);
      if (reading !== undefined) return { outcome: await reading, fresh: false };
    }
    const reading = this.#read(key, provider, containerID, call);
    if (!fresh) this.#inFlight.set(key, reading);
    try {
      return { outcome: await reading, fresh: true };
    } finally {
      if (!fresh) this.#inFlight.delete(key);
    }
  }

  async #read(
    key: string,
    provider: Provider,
    containerID: string,
    call: Call,
  ): Promise<Outcome<Snapshot[]>> {
    const at = this.#clock.monotonic();
    const outcome = await provider.listSnapshots(containerID, call);
    this.#cache.delete(key);
    if (succeeded(outcome)) {
      if (this.#cache.size >= remembered) this.#cache.delete(this.#cache.keys().next().value ?? '');
      this.#cache.set(key, { at, snapshots: outcome.value.map(slim) });
    }
    return outcome;
  }
}

/** What drift is judged by; disks and the like would fill the memory. */
function slim(snapshot: Snapshot): Snapshot {
  const { id, name, containerID, state, vendorState, createdAt, fingerprint } = snapshot;
  const kept = { id, name, containerID, state, vendorState, source: {}, disks: [], excludedDiskIDs: [] };
  return {
    ...kept,
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

/** What the flags say to the controllers. Times in milliseconds. */
export interface Settings {
  /** Tells this cluster's marks from another's. */
  cluster: string;
  /** Where the Secrets of ClusterVMProviders lie. */
  operatorNamespace: string;
  /** How soon an operation in flight is looked at; the intervals of older ones are derived from it. */
  pollIntervalMs: number;
  /** The least time between two writes of progress alone. */
  progressIntervalMs: number;
  /** How often what is settled is held against the vendor. */
  driftIntervalMs: number;
  /** The first wait after a refused attempt; doubled for each further one. */
  retryIntervalMs: number;
  /** How long an object of a terminating namespace waits for credentials that are gone. */
  abandonAfterMs: number;
  /** Whether providers of a namespace may use the operator's own identity. */
  namespacedAmbientCredentials: boolean;
  /** Hosts of Custom clouds that may see a token of the operator's own identity. */
  ambientHosts: string[];
}

export const defaultSettings: Omit<Settings, 'cluster' | 'operatorNamespace'> = {
  pollIntervalMs: 10_000,
  progressIntervalMs: 60_000,
  driftIntervalMs: 3_600_000,
  retryIntervalMs: 30_000,
  abandonAfterMs: 24 * 3_600_000,
  namespacedAmbientCredentials: false,
  ambientHosts: [],
};

/** The longest wait after a refused attempt. */
const longestRetryMs = 15 * 60_000;

/** The wait after the nth attempt in a row was refused: doubling, bounded, and spread by `random` (0 to 1). */
export function retryDelayMs(settings: Settings, attempt: number, random: number): number {
  const ceiling = Math.min(settings.retryIntervalMs * 2 ** Math.min(attempt - 1, 20), longestRetryMs);
  return Math.round(ceiling * (0.75 + random / 2));
}

/**
 * When to look next at something that has been under way for `ageMs`: a tenth of its age, so that what is quick
 * is seen soon and what is slow costs little, between the poll interval and `longestMs`.
 */
export function pollDelayMs(settings: Settings, ageMs: number, longestMs: number, random: number): number {
  const delay = Math.min(
    Math.max(ageMs / 10, settings.pollIntervalMs),
    Math.max(longestMs, settings.pollIntervalMs),
  );
  return Math.round(delay * (0.9 + random / 5));
}

/** A whole number made from a text: the same in every process, spread evenly. */
export function spread(text: string, below: number): number {
  let hash = 2166136261;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 16777619) >>> 0;
  }
  return Math.floor((hash / 2 ** 32) * below);
}

/**
 * When to try again what an object waits for and what could not be read: the longer it has waited, the later, from
 * the retry interval to a quarter of an hour.
 */
export function waitDelayMs({
  settings,
  object,
  now,
  random,
}: {
  settings: Settings;
  object: { metadata: { creationTimestamp: string } };
  now: number;
  random: number;
}): number {
  const ageMs = Math.max(0, now - Date.parse(object.metadata.creationTimestamp));
  const delay = Math.min(Math.max(ageMs / 10, settings.retryIntervalMs), longestRetryMs);
  return Math.round(delay * (0.75 + random / 2));
}

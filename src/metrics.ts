import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { condition } from './api/conditions.ts';
import { type Reason, reasons } from './api/reasons.ts';
import { type CountedObject, type Deadlines, type Standing, standingOf } from './controllers/census.ts';
import type { RecordedObject, Word } from './controllers/recorder.ts';
import type { UnknownOutcomes } from './controllers/unknown-outcomes.ts';
import { type AnyProviderObject, vendorOf } from './controllers/vmprovider/decide.ts';
import type { BudgetSnapshot, Budgets } from './providers/budget.ts';
import type { RequestReport } from './providers/exchange.ts';

/** Objects of one kind, as metrics count them. */
export interface CountedKind {
  kind: string;
  list(): CountedObject[];
  /** Of kinds whose work has them. */
  deadlines?(object: CountedObject): Deadlines;
}

/** Where the metrics come from. */
export interface MetricsSources {
  /** The kinds that go by a provider. */
  kinds: CountedKind[];
  /** `VMProvider` and `ClusterVMProvider`. */
  providers: CountedKind[];
  /**
   * The provider that an object goes by, as `VMProvider/<namespace>/<name>` or `ClusterVMProvider/<name>`. Undefined
   * for an object that another shard serves.
   */
  providerOf(kind: string, object: CountedObject): string | undefined;
  budgets: Budgets;
  unknownOutcomes: UnknownOutcomes;
  /** Wall clock, milliseconds. */
  now(): number;
}

export interface OperatorMetrics {
  /** Of each request to a vendor. */
  onVendorRequest(provider: string, vendor: string, report: RequestReport): void;
  /** Of each Event of an object. */
  onEvent(kind: string, object: RecordedObject, word: Word): void;
  /** Of each change of an object's reason. */
  onReason(kind: string, before: RecordedObject, reason: Reason): void;
  /** Drops what is counted of a provider that is gone, lest those of all times pile up. */
  forgetProvider(provider: string): Promise<void>;
}

/** The provider of an object that names none that is there: what people write must not make series. */
export const noProvider = 'none';

/** The kinds whose way to being ready is worth a measure. */
const measured: ReadonlySet<string> = new Set(['VMSnapshot', 'RestorePointCopy', 'VMRestore']);

/** Seconds: a snapshot takes some, a copy into another region up to two weeks. */
const readyBuckets = [10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800];

/**
 * The metrics of what Keyframe is for; docs/operations.md has them in a table. No label bears the name of an object
 * but for providers, and none is called as those that Prometheus gives to a target (`endpoint`, `namespace`, ..).
 */
export function operatorMetrics(registry: Registry, sources: MetricsSources): OperatorMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'keyframe_vendor_requests_total',
    help: 'Requests to vendors, by what they came to.',
    labelNames: ['provider', 'vendor', 'operation', 'outcome', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'keyframe_vendor_request_duration_seconds',
    help: 'Duration of requests to vendors, with the wait for a token and for the budget.',
    labelNames: ['provider', 'vendor', 'operation'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const events = new Counter({
    name: 'keyframe_object_events_total',
    help: 'What happened to objects: each change of reason, and what else their Events tell, such as Abandoned.',
    labelNames: ['kind', 'provider', 'type', 'reason'],
    registers,
  });
  const readySeconds = new Histogram({
    name: 'keyframe_time_to_ready_seconds',
    help: 'From the creation of a VMSnapshot, RestorePointCopy or VMRestore until it is ready for the first time.',
    labelNames: ['kind', 'provider'],
    buckets: readyBuckets,
    registers,
  });
  const census = withinOneScrape(() => countAll(sources));
  const perProvider = <R extends { kind: string; provider: string }>(
    name: string,
    help: string,
    more: string[],
    rows: () => R[],
    add: (gauge: Gauge, row: R) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['kind', 'provider', ...more],
      registers,
      collect() {
        this.reset();
        for (const row of rows()) add(this, row);
      },
    });

  perProvider(
    'keyframe_objects',
    'Objects by how they stand: Ready, InProgress, Failed or Paused, and the reason of their Ready condition.',
    ['state', 'reason'],
    () => census().all,
    (gauge, { kind, provider, standing: { state, reason } }) => gauge.inc({ kind, provider, state, reason }),
  );
  perProvider(
    'keyframe_unfinished_objects',
    'Objects with work to Start, to Finish once begun (operations in flight), or to Delete.',
    ['work'],
    () => census().unfinished,
    (gauge, { kind, provider, work }) => gauge.inc({ kind, provider, work }),
  );
  perProvider(
    'keyframe_unfinished_oldest_age_seconds',
    'For how long the oldest unfinished object waits to start, has been worked on, or is being deleted.',
    ['work'],
    () =>
      highest(
        census().unfinished,
        ({ ageMs }) => ageMs,
        ({ kind, provider, work }) => [kind, provider, work],
      ),
    (gauge, { kind, provider, work, ageMs }) => gauge.set({ kind, provider, work }, ageMs / 1000),
  );
  perProvider(
    'keyframe_unfinished_overdue_objects',
    'Unfinished objects beyond their startDeadline or deadline, or in deletion for an hour with nothing that blocks it.',
    ['work'],
    () => census().unfinished,
    (gauge, { kind, provider, work, overdue }) => gauge.inc({ kind, provider, work }, overdue ? 1 : 0),
  );
  perProvider(
    'keyframe_replications_in_flight',
    'Snapshots and copies whose data is on its way into another region.',
    [],
    () => census().replications,
    (gauge, { kind, provider }) => gauge.inc({ kind, provider }),
  );
  perProvider(
    'keyframe_replication_percent',
    'How much has arrived in the other region, of the snapshot or copy that is least far.',
    [],
    () =>
      highest(
        census().replications,
        ({ percent }) => -percent,
        ({ kind, provider }) => [kind, provider],
      ),
    (gauge, { kind, provider, percent }) => gauge.set({ kind, provider }, percent),
  );
  perProvider(
    'keyframe_replication_lag_seconds',
    'Age of the oldest point in time that is on its way into another region and has not arrived.',
    [],
    () =>
      highest(
        census().replications,
        ({ lagMs }) => lagMs ?? 0,
        ({ kind, provider }) => [kind, provider],
      ),
    (gauge, { kind, provider, lagMs }) => gauge.set({ kind, provider }, (lagMs ?? 0) / 1000),
  );
  perProvider(
    'keyframe_unknown_outcomes',
    'Objects with an attempt whose outcome at the vendor is being found out.',
    [],
    () => census().unknown,
    (gauge, { kind, provider }) => gauge.inc({ kind, provider }),
  );
  new Gauge({
    name: 'keyframe_provider_ready',
    help: '1 while the provider answers and takes the credentials, else 0, with the reason of its Ready condition.',
    labelNames: ['provider', 'vendor', 'endpoint_id', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const { provider, object, standing } of census().providers) {
        const labels = {
          provider,
          vendor: vendorOf((object as AnyProviderObject).spec),
          reason: standing.reason,
        };
        const ready = condition(object.status?.conditions, 'Ready')?.status === 'True';
        this.set({ ...labels, endpoint_id: object.status?.endpointID ?? '' }, ready ? 1 : 0);
      }
    },
  });

  const budget = (name: string, help: string, read: (one: BudgetSnapshot) => number) =>
    new Gauge({
      name: `keyframe_vendor_${name}`,
      help,
      labelNames: ['endpoint_id'],
      registers,
      collect() {
        this.reset();
        for (const [endpoint_id, snapshot] of sources.budgets.snapshots())
          this.set({ endpoint_id }, read(snapshot));
      },
    });
  budget('requests_in_flight', 'Requests under way.', (one) => one.inUse);
  budget(
    'requests_in_flight_limit',
    'Requests that may be under way at once.',
    (one) => one.limits.maxConcurrent,
  );
  budget(
    'requests_waiting',
    'Requests that wait for the budget of the endpoint.',
    (one) => one.waiting.Write + one.waiting.Poll + one.waiting.Drift,
  );
  budget(
    'parked_seconds',
    'How long the longest of what the vendor throttled is still held back.',
    (one) => Math.max(0, ...Object.values(one.parkedForMs)) / 1000,
  );
  budget('outage', '1 while the endpoint does not answer.', (one) => (one.outage ? 1 : 0));

  const labelOf = (kind: string, object: RecordedObject): string =>
    sources.providerOf(kind, object as CountedObject) ?? noProvider;
  return {
    onVendorRequest(provider, vendor, { operation, outcome, code, seconds }) {
      // Codes are the vendor's words; an HTTP status is one of few.
      const status = /^[1-5]\d\d$/.test(code) ? code : 'none';
      requests.inc({ provider, vendor, operation, outcome, code: status });
      requestSeconds.observe({ provider, vendor, operation }, seconds);
    },
    onEvent: (kind, object, { type, reason }) =>
      events.inc({ kind, provider: labelOf(kind, object), type, reason }),
    onReason(kind, before, reason) {
      const { completionTime } = (before as CountedObject).status ?? {};
      if (reasons[reason].reads !== 'Current' || completionTime !== undefined || !measured.has(kind)) return;
      const ageMs = sources.now() - Date.parse(before.metadata.creationTimestamp);
      readySeconds.observe({ kind, provider: labelOf(kind, before) }, Math.max(0, ageMs) / 1000);
    },
    async forgetProvider(provider) {
      for (const metric of [requests, requestSeconds, events, readySeconds]) await forget(metric, provider);
    },
  };
}

interface Row {
  kind: string;
  provider: string;
  object: CountedObject;
  standing: Standing;
}

interface Census {
  all: Row[];
  providers: Row[];
  unfinished: (Row & NonNullable<Standing['unfinished']>)[];
  replications: (Row & NonNullable<Standing['replication']>)[];
  unknown: Row[];
}

/** One look at every object that this process serves. */
function countAll(sources: MetricsSources): Census {
  const now = sources.now();
  const rowsOf = ({ kind, list, deadlines }: CountedKind): Row[] =>
    list().flatMap((object) => {
      const provider = sources.providerOf(kind, object);
      return provider === undefined
        ? []
        : [{ kind, provider, object, standing: standingOf(object, deadlines?.(object), now) }];
    });
  const served = sources.kinds.flatMap(rowsOf);
  const providers = sources.providers.flatMap(rowsOf);
  return {
    all: [...served, ...providers],
    providers,
    unfinished: served.flatMap((row) =>
      row.standing.unfinished ? [{ ...row, ...row.standing.unfinished }] : [],
    ),
    replications: served.flatMap((row) =>
      row.standing.replication ? [{ ...row, ...row.standing.replication }] : [],
    ),
    unknown: served.filter(({ object }) => sources.unknownOutcomes.has(object.metadata.uid)),
  };
}

/** The one with the highest value of each group. */
function highest<R>(rows: R[], rank: (row: R) => number, groupOf: (row: R) => string[]): R[] {
  const found = new Map<string, R>();
  for (const row of rows) {
    const group = groupOf(row).join('\n');
    const known = found.get(group);
    if (known === undefined || rank(row) > rank(known)) found.set(group, row);
  }
  return [...found.values()];
}

/** Computes a value once for all metrics of a scrape, which are read one after the other in one go. */
function withinOneScrape<T>(compute: () => T): () => T {
  let held: { value: T } | undefined;
  return () => {
    if (held === undefined) {
      held = { value: compute() };
      queueMicrotask(() => {
        held = undefined;
      });
    }
    return held.value;
  };
}

/** Removes the series of a provider. */
async function forget(metric: Counter | Histogram, provider: string): Promise<void> {
  const { values } = await metric.get();
  for (const { labels } of values) {
    if (labels.provider !== provider) continue;
    const { le: _bucket, ...own } = labels as Record<string, string | number>;
    metric.remove(own);
  }
}

import { beforeEach, describe, expect, it } from 'vitest';
import type { CountedObject } from './controllers/census.ts';
import { ago, hours, minutes, now } from './controllers/testing/builders.ts';
import { UnknownOutcomes } from './controllers/unknown-outcomes.ts';
import { type MetricsSources, noProvider, operatorMetrics } from './metrics.ts';
import { Budgets } from './providers/budget.ts';
import { createMetrics } from './runtime/metrics.ts';
import { FakeClock } from './runtime/testing/fake-clock.ts';

const azure = 'VMProvider/team/azure';
const other = 'ClusterVMProvider/other';

let objects: [provider: string | undefined, object: CountedObject][] = [];
let providers: CountedObject[] = [];
let counted = 0;

function set() {
  const clock = new FakeClock(now);
  const budgets = new Budgets(clock);
  const unknownOutcomes = new UnknownOutcomes(clock);
  const { registry } = createMetrics({ version: '0' });
  const sources: MetricsSources = {
    kinds: [
      {
        kind: 'RestorePointCopy',
        list: () => {
          counted++;
          return objects.map(([, object]) => object);
        },
        deadlines: () => ({ startDeadlineMs: hours, deadlineMs: hours }),
      },
    ],
    providers: [{ kind: 'VMProvider', list: () => providers }],
    providerOf: (kind, object) =>
      kind === 'VMProvider'
        ? azure
        : objects.find(([, one]) => one.metadata.uid === object.metadata.uid)?.[0],
    budgets,
    unknownOutcomes,
    now: () => clock.now(),
  };
  const metrics = operatorMetrics(registry, sources);
  /** The series of a metric as they are shown, without its name. */
  const series = async (name: string): Promise<string[]> =>
    (await registry.getSingleMetricAsString(name))
      .split('\n')
      .filter((line) => line.startsWith(name))
      .map((line) => line.slice(name.length));
  return { metrics, registry, series, budgets, unknownOutcomes };
}

beforeEach(() => {
  objects = [];
  providers = [];
  counted = 0;
});

const condition = (type: string, status: string, reason: string) => ({
  type,
  status,
  reason,
  message: '',
  lastTransitionTime: ago(0),
});

let uids = 0;
function object(status: NonNullable<CountedObject['status']>, ageMs = 5 * minutes): CountedObject {
  const uid = `uid-${++uids}`;
  const metadata = { name: uid, namespace: 'team', uid, resourceVersion: '1', creationTimestamp: ago(ageMs) };
  return { apiVersion: 'keyframe.dev/v1alpha1', kind: 'RestorePointCopy', metadata, status };
}

const replicating = (percent: number, lagMs: number): CountedObject =>
  object({
    conditions: [condition('Ready', 'False', 'Replicating'), condition('Reconciling', 'True', 'Replicating')],
    startedAt: ago(2 * hours),
    sourceCreationTime: ago(lagMs),
    replication: { state: 'Replicating', percent, disks: [] },
  });

describe('objects', () => {
  it('are counted by kind, provider, state and reason; those of other shards are not', async () => {
    const ready = { conditions: [condition('Ready', 'True', 'Replicated')] };
    const failed = {
      conditions: [
        condition('Ready', 'False', 'ReplicationFailed'),
        condition('Stalled', 'True', 'ReplicationFailed'),
      ],
    };
    objects = [
      [azure, object(ready)],
      [azure, object(ready)],
      [other, object(failed)],
      [noProvider, object({})],
      [undefined, object(ready)],
    ];
    expect(await set().series('keyframe_objects')).toEqual([
      `{kind="RestorePointCopy",provider="${azure}",state="Ready",reason="Replicated"} 2`,
      `{kind="RestorePointCopy",provider="${other}",state="Failed",reason="ReplicationFailed"} 1`,
      '{kind="RestorePointCopy",provider="none",state="InProgress",reason="None"} 1',
    ]);
  });

  it('that are unfinished are counted by what is to be done, with the age of the oldest, and those overdue', async () => {
    objects = [
      [azure, object({}, 20 * minutes)],
      [azure, object({}, 10 * minutes)],
      [azure, replicating(1, 0)],
    ];
    const { series } = set();
    const labels = (work: string) => `{kind="RestorePointCopy",provider="${azure}",work="${work}"}`;
    expect(await series('keyframe_unfinished_objects')).toEqual([
      `${labels('Start')} 2`,
      `${labels('Finish')} 1`,
    ]);
    expect(await series('keyframe_unfinished_oldest_age_seconds')).toEqual([
      `${labels('Start')} 1200`,
      `${labels('Finish')} 7200`,
    ]);
    expect(await series('keyframe_unfinished_overdue_objects')).toEqual([
      `${labels('Start')} 0`,
      `${labels('Finish')} 1`,
    ]);
  });

  it('on their way into another region show the one that is least far, and the longest lag', async () => {
    objects = [
      [azure, replicating(80, hours)],
      [azure, replicating(30, 3 * hours)],
      [azure, replicating(50, 5 * hours)],
    ];
    const { series } = set();
    const labels = `{kind="RestorePointCopy",provider="${azure}"}`;
    expect(await series('keyframe_replications_in_flight')).toEqual([`${labels} 3`]);
    expect(await series('keyframe_replication_percent')).toEqual([`${labels} 30`]);
    expect(await series('keyframe_replication_lag_seconds')).toEqual([`${labels} 18000`]);
    objects = [];
    expect(await series('keyframe_replication_lag_seconds')).toEqual([]);
  });

  it('with an attempt whose outcome is not known are counted until it is', async () => {
    const one = object({});
    objects = [[azure, one]];
    const { series, unknownOutcomes } = set();
    unknownOutcomes.see(one.metadata.uid, 1);
    expect(await series('keyframe_unknown_outcomes')).toEqual([
      `{kind="RestorePointCopy",provider="${azure}"} 1`,
    ]);
    unknownOutcomes.forget(one.metadata.uid);
    expect(await series('keyframe_unknown_outcomes')).toEqual([]);
  });

  it('are looked at once for a whole scrape, and anew for the next', async () => {
    const { registry } = set();
    await registry.metrics();
    await registry.metrics();
    expect(counted).toBe(2);
  });

  it('that become ready for the first time tell how long it took, and later ones nothing', async () => {
    const { metrics, series } = set();
    const first = object({}, 5 * minutes);
    objects = [[azure, first]];
    metrics.onReason('RestorePointCopy', first, 'Replicating');
    metrics.onReason('RestorePointCopy', first, 'Replicated');
    metrics.onReason('RestorePointCopy', object({ completionTime: ago(0) }), 'Replicated');
    metrics.onReason('VMProvider', first, 'Available');
    const labels = `kind="RestorePointCopy",provider="${azure}"`;
    const shown = await series('keyframe_time_to_ready_seconds');
    expect(shown).toContain(`_sum{${labels}} 300`);
    expect(shown).toContain(`_count{${labels}} 1`);
  });
});

describe('providers', () => {
  it('are ready or not, with vendor, endpoint and reason', async () => {
    const provider = (ready: string, reason: string) => ({
      ...object({ conditions: [condition('Ready', ready, reason)], endpointID: 'azure:host/t/s' }),
      spec: { azure: {} },
    });
    const { series } = set();
    providers = [provider('True', 'Available')];
    const labels = `provider="${azure}",vendor="azure"`;
    expect(await series('keyframe_provider_ready')).toEqual([
      `{${labels},reason="Available",endpoint_id="azure:host/t/s"} 1`,
    ]);
    providers = [provider('False', 'AuthenticationFailed')];
    expect(await series('keyframe_provider_ready')).toEqual([
      `{${labels},reason="AuthenticationFailed",endpoint_id="azure:host/t/s"} 0`,
    ]);
  });

  it('that are gone leave no series behind', async () => {
    const { metrics, series } = set();
    const one = object({});
    objects = [[azure, one]];
    const report = { operation: 'probe', code: '200', outcome: 'Done' as const, seconds: 0.1 };
    for (const provider of [azure, other]) metrics.onVendorRequest(provider, 'azure', report);
    metrics.onEvent('RestorePointCopy', one, { type: 'Normal', reason: 'Replicated', note: '' });
    metrics.onReason('RestorePointCopy', one, 'Replicated');
    await metrics.forgetProvider(azure);
    const left = async (name: string) => (await series(name)).filter((line) => line.includes(azure));
    for (const name of [
      'keyframe_vendor_requests_total',
      'keyframe_vendor_request_duration_seconds',
      'keyframe_object_events_total',
      'keyframe_time_to_ready_seconds',
    ])
      expect(await left(name)).toEqual([]);
    expect(await series('keyframe_vendor_requests_total')).toHaveLength(1);
  });
});

it('a code that is no HTTP status makes no series of its own, whoever wrote it', async () => {
  const { metrics, series } = set();
  for (const code of ['429', 'AADSTS7000215', 'ECONNREFUSED', '']) {
    metrics.onVendorRequest(azure, 'azure', { operation: 'getVM', code, outcome: 'Throttled', seconds: 1 });
  }
  const labels = `provider="${azure}",vendor="azure",operation="getVM",outcome="Throttled"`;
  expect(await series('keyframe_vendor_requests_total')).toEqual([
    `{${labels},code="429"} 1`,
    `{${labels},code="none"} 3`,
  ]);
});

it('the budget of an endpoint shows how much of it is used', async () => {
  const { series, budgets } = set();
  const { budget } = budgets.lease('azure:host/t/s', { maxConcurrent: 4, requestsPerSecond: 100 });
  const ask = { operation: 'getVM', resource: '', signal: new AbortController().signal };
  await budget.acquire({ priority: 'Poll', ...ask });
  expect(await series('keyframe_vendor_requests_in_flight_limit')).toEqual([
    '{endpoint_id="azure:host/t/s"} 4',
  ]);
  expect(await series('keyframe_vendor_requests_in_flight')).toContain('{endpoint_id="azure:host/t/s"} 1');
});

it('no label is called as one that Prometheus gives to a target, which would hide it', () => {
  const ofTargets = ['container', 'endpoint', 'instance', 'job', 'namespace', 'node', 'pod', 'service'];
  const all = set().registry.getMetricsAsArray() as unknown as { labelNames: string[] }[];
  expect(all.flatMap(({ labelNames }) => labelNames).filter((label) => ofTargets.includes(label))).toEqual(
    [],
  );
});

/** What an operator shows of itself while it works: metrics, traces and logs, as the process gives them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../controlplane/wait.ts';
import { leaks } from '../../support/leaks.ts';
import type { OperatorProcess } from '../../support/operator-process.ts';
import { namedBy, readAlerts, readDashboard } from '../../support/promql.ts';
import { type RecordedSpan, recordedTraces, recordingInto } from '../../support/recorded-spans.ts';
import { spanTree } from '../../support/span-tree.ts';
import { ready, Stage } from '../../support/stage.ts';

let stage: Stage;
let namespace: string;
let operator: OperatorProcess;
let folder: string;
let spans: string;
/** The labels of each metric, from all that was scraped while it worked. */
const shown = new Map<string, Set<string>>();

async function scrape(): Promise<void> {
  for (const line of (await operator.metrics()).split('\n')) {
    const [, name, labels = ''] = /^([a-z_]\w*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const known = shown.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(?:^|,)(\w+)="/g)) known.add(label);
    shown.set(name, known);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyframe-observation-'));
  spans = join(folder, 'spans');
  stage = await Stage.set({
    azure: { durations: { replicationSeconds: 600, replicationRefreshSeconds: 60 } },
  });
  namespace = await stage.cluster.createNamespace('observed');
  for (const name of ['web-1', 'web-2']) stage.vm(name);
  operator = await stage.operator([], recordingInto(spans));
  await stage.provider(namespace);
  await stage.snapshot(namespace, 'first', 'web-1');
  await stage.reason('VMSnapshot', namespace, 'first', 'Available');
  await stage.snapshot(namespace, 'of-nothing', 'no-such-vm');
  await stage.reason('VMSnapshot', namespace, 'of-nothing', 'SourceNotFound');
  stage.azure.faults.add({ kind: 'lost-answer', operation: 'RestorePoints_Create', times: 1 });
  await stage.snapshot(namespace, 'unanswered', 'web-2');
  await stage.make('RestorePointCopy', namespace, 'copy', {
    source: { snapshotRef: { name: 'first' } },
    target: { location: 'North Europe' },
  });
  await waitFor('both to be ready', async () => {
    await scrape();
    const [copy, unanswered] = await Promise.all([
      stage.get('RestorePointCopy', namespace, 'copy'),
      stage.get('VMSnapshot', namespace, 'unanswered'),
    ]);
    return ready(copy)?.status === 'True' && ready(unanswered)?.status === 'True' ? true : undefined;
  });
}, 180_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('the metrics', () => {
  /** What Prometheus itself, and the monitors of the chart, give to each series. */
  const ofTargets = ['namespace', 'pod', 'job'];
  const base = (metric: string) => (shown.has(metric) ? metric : metric.replace(/_bucket$/, ''));

  it.each([
    ...readAlerts().map(
      ({ alert, expr, annotations }) => [`alert ${alert}`, expr, annotations.summary] as const,
    ),
    ...readDashboard().map(({ panel, expr, legend }) => [`panel ${panel}`, expr, legend] as const),
  ])('that the %s names are there, with their labels', (_, expr, text) => {
    const { series, grouping } = namedBy(expr);
    expect(series).not.toEqual([]);
    const all = new Set(ofTargets);
    for (const { metric, labels } of series) {
      const known = shown.get(base(metric));
      expect(known, metric).toBeDefined();
      for (const label of known ?? []) all.add(label);
      expect([...(known ?? []), ...ofTargets], metric).toEqual(expect.arrayContaining(labels));
    }
    expect([...all]).toEqual(expect.arrayContaining(grouping));
    const told = [...text.matchAll(/\{\{\s*(?:\$labels\.)?([a-z]\w*)\s*\}\}/g)].map(([, label]) => label);
    expect(grouping).toEqual(expect.arrayContaining(told));
  });

  it('tell what came of the work, by provider', async () => {
    await scrape();
    const text = await operator.metrics();
    const provider = `provider="VMProvider/${namespace}/azure"`;
    for (const line of [
      `keyframe_objects{kind="VMSnapshot",${provider},state="Ready",reason="Available"} 2`,
      `keyframe_objects{kind="VMSnapshot",${provider},state="Failed",reason="SourceNotFound"} 1`,
      `keyframe_objects{kind="RestorePointCopy",${provider},state="Ready",reason="Replicated"} 1`,
      `keyframe_time_to_ready_seconds_count{kind="VMSnapshot",${provider}} 2`,
      `keyframe_time_to_ready_seconds_count{kind="RestorePointCopy",${provider}} 1`,
      `keyframe_object_events_total{kind="RestorePointCopy",${provider},type="Normal",reason="Replicated"} 1`,
    ])
      expect(text).toContain(`${line}\n`);
    expect(text).toMatch(
      new RegExp(
        `keyframe_vendor_requests_total\\{${provider},vendor="azure",operation="createRestorePoint",`,
      ),
    );
  });

  it('no longer bear a provider that is gone', async () => {
    await stage.provider(namespace, { name: 'short-lived' });
    await stage.reason('VMProvider', namespace, 'short-lived', 'Available');
    expect(await operator.metrics()).toContain('/short-lived"');
    await stage.remove('VMProvider', namespace, 'short-lived');
    await waitFor('its series to go', async () =>
      (await operator.metrics()).includes('/short-lived"') ? undefined : true,
    );
  });
});

describe('the traces', () => {
  /** The traces of runs for one object. */
  const runsOf = (name: string): RecordedSpan[][] =>
    recordedTraces(spans).filter((trace) =>
      trace.some(({ attributes }) => attributes['keyframe.object'] === `${namespace}/${name}`),
    );

  it('have a tree for each run, with its requests to Azure and its writes to Kubernetes', () => {
    const runs = runsOf('first').filter((trace) =>
      trace.some(({ attributes }) => attributes['keyframe.controller'] === 'vmsnapshot'),
    );
    const creating = runs.find((trace) => trace.some(({ name }) => name === 'createRestorePoint')) ?? [];
    expect(spanTree(creating)).toEqual([
      'reconcile vmsnapshot',
      '  getVM',
      '  patch vmsnapshots',
      '  listRestorePoints',
      '  get restorepointcollections',
      '  createRestorePoint',
      '  patch vmsnapshots/status',
      '  create events',
    ]);
  });

  it('bear the correlation id of the run, as the logs do and Azure was told', () => {
    const [trace = []] = runsOf('first').filter((spans) =>
      spans.some(({ name }) => name === 'createRestorePoint'),
    );
    const run = trace.find(({ parent }) => parent === undefined);
    const create = trace.find(({ name }) => name === 'createRestorePoint');
    const correlationID = run?.attributes['keyframe.correlation_id'];
    expect(create?.attributes['keyframe.correlation_id']).toBe(correlationID);
    expect(run?.attributes).toMatchObject({
      'keyframe.provider': `VMProvider/${namespace}/azure`,
      'keyframe.object': `${namespace}/first`,
    });
    expect(operator.log).toContainEqual(
      expect.objectContaining({
        message: 'asked the vendor to make it',
        controller: 'vmsnapshot',
        object: `${namespace}/first`,
        provider: `VMProvider/${namespace}/azure`,
        correlationID,
        traceID: trace[0]?.traceID,
      }),
    );
    // Azure answers with the id that it was given.
    expect(operator.log).toContainEqual(
      expect.objectContaining({ message: 'Azure answered', operation: 'createRestorePoint', correlationID }),
    );
  });

  it('say of an answer that was lost that it was', () => {
    const lost = runsOf('unanswered')
      .flat()
      .find(({ name, error }) => name === 'createRestorePoint' && error !== undefined);
    expect(lost?.error).toMatch(/connection|broke|reset/i);
  });
});

it('nothing of all this has a secret in it', async () => {
  expect(await leaks(stage)).toEqual([]);
  const said = JSON.stringify(recordedTraces(spans));
  expect(said).toContain('getToken');
  expect(said).not.toContain(stage.azure.clientSecret);
  expect(said).not.toMatch(/eyJ[\w-]{8,}|[?&](sig|c|s|h)=/);
});

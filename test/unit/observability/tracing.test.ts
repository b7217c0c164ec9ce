/** What a run of reconcile leaves behind in traces and logs, with an SDK as the environment would bring it. */
import { SpanStatusCode } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type HttpRequest, Transport } from '../../../src/providers/http.ts';
import { Controller, type Reconcile } from '../../../src/runtime/controller.ts';
import { createEventRecorder } from '../../../src/runtime/events.ts';
import { createKubeClient, type KubeClient } from '../../../src/runtime/kube/client.ts';
import { staticConnection } from '../../../src/runtime/kube/connection.ts';
import { createLogger } from '../../../src/runtime/log.ts';
import { WorkQueue } from '../../../src/runtime/queue.ts';
import { eventually } from '../../../src/runtime/testing/eventually.ts';
import { type ScriptedServer, scriptedServer } from '../../../src/runtime/testing/scripted-server.ts';
import { widgets } from '../../../src/runtime/testing/widgets.ts';
import { spanTree } from '../../support/span-tree.ts';

const one = { namespace: 'team', name: 'one' };
const correlation = '01234567-89ab-cdef-0123-456789abcdef';
const secret = 'SECRETSIGNATURE0123456789';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
let server: ScriptedServer;
let client: KubeClient;
let transport: Transport;

beforeAll(async () => {
  provider.register();
  server = await scriptedServer((exchange) => exchange.json(exchange.path.includes('gone') ? 404 : 200, {}));
  client = createKubeClient(staticConnection({ server: server.url, token: 't' }));
  transport = new Transport({ maxConnections: 2, monotonic: () => performance.now(), direct: true });
});
afterEach(() => exporter.reset());
afterAll(async () => {
  await Promise.all([client.close(), transport.close(), provider.shutdown()]);
  await server.close();
});

const vendor = (path: string, more: Partial<HttpRequest> = {}) =>
  transport.send({ method: 'GET', url: `${server.url}${path}`, headers: {}, timeoutMs: 5_000, ...more });

/** Runs reconcile once for `team/one`. Answers its spans and the lines of its log. */
async function run(reconcile: Reconcile, about: Record<string, string> = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'debug',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const queue = new WorkQueue();
  let ended = false;
  const controller = new Controller({
    name: 'widget',
    queue,
    reconcile,
    log,
    about: () => about,
    onReconcile: () => {
      ended = true;
    },
  });
  controller.start();
  queue.add('team/one');
  await eventually('the run ends', () => ended && named('reconcile widget') !== undefined);
  await controller.stop(1_000);
  return { lines, spans: exporter.getFinishedSpans() };
}

const named = (name: string): ReadableSpan | undefined =>
  exporter.getFinishedSpans().find((span) => span.name === name);

const tree = (spans: ReadableSpan[]): string[] =>
  spanTree(
    spans.map((span) => ({
      name: span.name,
      id: span.spanContext().spanId,
      parent: span.parentSpanContext?.spanId,
      startedAt: span.startTime[0] * 1e3 + span.startTime[1] / 1e6,
    })),
  );

describe('a run of reconcile', () => {
  it('is a trace, with each request to the API server and to the vendor below it', async () => {
    const { spans } = await run(async (_, { signal }) => {
      await client.mergePatch(widgets, one, {}, { signal });
      await vendor('/things/1', { method: 'PUT', operation: 'createThing', correlationID: correlation });
      await vendor('/things/1');
      await client.mergePatchStatus(widgets, one, {}, { signal });
      return undefined;
    });
    expect(tree(spans)).toEqual([
      'reconcile widget',
      '  patch widgets',
      '  createThing',
      '  GET',
      '  patch widgets/status',
    ]);
  });

  it('says what it was about, and what came of it', async () => {
    const about = { provider: 'VMProvider/team/azure' };
    const { spans, lines } = await run(async (_, { log }) => {
      log.info('at work');
      await vendor('/things/gone', { operation: 'getThing', correlationID: correlation });
      return { requeueAfterMs: 60_000 };
    }, about);
    const [request, whole] = spans;
    expect(whole?.attributes).toEqual({
      'keyframe.controller': 'widget',
      'keyframe.object': 'team/one',
      'keyframe.provider': 'VMProvider/team/azure',
      'keyframe.correlation_id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'keyframe.outcome': 'requeue',
    });
    expect(request?.attributes).toEqual({
      'http.request.method': 'GET',
      'server.address': server.url.slice('http://'.length),
      'url.path': '/things/gone',
      'keyframe.correlation_id': correlation,
      'http.response.status_code': 404,
    });
    expect(request?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'HTTP 404' });
    expect(whole?.status.code).toBe(SpanStatusCode.UNSET);
    expect(lines).toEqual([
      expect.objectContaining({
        controller: 'widget',
        object: 'team/one',
        provider: 'VMProvider/team/azure',
        correlationID: whole?.attributes['keyframe.correlation_id'],
        traceID: whole?.spanContext().traceId,
        spanID: whole?.spanContext().spanId,
      }),
    ]);
  });

  it('that fails says why, in trace and log, without the secrets in the words', async () => {
    const { spans, lines } = await run(async () => {
      await vendor(`/things/1?api-version=1&sig=${secret}`);
      throw new Error(`cannot read https://vendor.example/operations/1?sig=${secret}`);
    });
    const whole = spans.find(({ name }) => name === 'reconcile widget');
    expect(whole?.status).toEqual({
      code: SpanStatusCode.ERROR,
      message: 'Error: cannot read https://vendor.example/operations/1?[redacted]',
    });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'error', traceID: whole?.spanContext().traceId }),
    ]);
    const shown = JSON.stringify([spans.map(({ attributes, status }) => ({ attributes, status })), lines]);
    expect(shown).not.toContain(secret);
  });

  it('that finds the object changed meanwhile is no failure', async () => {
    const { spans } = await run(async () => {
      server.script = (exchange) => exchange.json(409, { kind: 'Status', reason: 'Conflict', code: 409 });
      await client.mergePatch(widgets, one, {});
      return undefined;
    });
    server.script = (exchange) => exchange.json(200, {});
    const whole = spans.find(({ name }) => name === 'reconcile widget');
    expect(whole?.attributes['keyframe.outcome']).toBe('conflict');
    expect(whole?.status.code).toBe(SpanStatusCode.UNSET);
  });

  it('has the Events that it recorded below it, though another run began to write', async () => {
    const events = createEventRecorder({
      client,
      reportingController: 'example.dev/test',
      reportingInstance: 'test',
    });
    const record = (name: string) =>
      events.record({
        regarding: { apiVersion: 'example.dev/v1', kind: 'Widget', namespace: 'team', name, uid: name },
        action: 'Reconcile',
        type: 'Normal',
        reason: 'Done',
        note: 'done',
      });
    const traceOf = async (name: string) => {
      await run(async () => {
        record(name);
        return undefined;
      });
      await events.flush(5_000);
      const spans = exporter.getFinishedSpans().slice();
      exporter.reset();
      return tree(spans);
    };
    expect(await traceOf('one')).toEqual(['reconcile widget', '  create events']);
    record('from no run');
    expect(await traceOf('two')).toEqual(['reconcile widget', '  create events']);
  });
});

it('requests outside of a run leave no spans, and logs no ids', async () => {
  const lines: string[] = [];
  createLogger({ destination: { write: (line) => lines.push(line) } }).info('leading');
  await client.get(widgets, one);
  await vendor('/things/1');
  expect(exporter.getFinishedSpans()).toEqual([]);
  expect(lines.join()).not.toContain('traceID');
});

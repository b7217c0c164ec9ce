import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../testing/eventually.ts';
import { failure, type ScriptedServer, scriptedServer } from '../testing/scripted-server.ts';
import { widgets } from '../testing/widgets.ts';
import { createKubeClient, type KubeClient, type KubeClientOptions, type RequestRecord } from './client.ts';
import { type KubeConnection, staticConnection } from './connection.ts';
import { ApiError, isNotFound, TransportError } from './errors.ts';
import { fencedClient } from './fence.ts';
import { defaultTransportLimits } from './transport.ts';
import type { KubeObject, WatchEvent } from './types.ts';

const one = { namespace: 'team', name: 'one' };

let server: ScriptedServer | undefined;
let client: KubeClient | undefined;

afterEach(async () => {
  await client?.close();
  await server?.close();
});

async function start(
  script: ScriptedServer['script'],
  options: KubeClientOptions & { connection?: (url: string) => KubeConnection } = {},
): Promise<{ server: ScriptedServer; client: KubeClient }> {
  server = await scriptedServer(script);
  const connection =
    options.connection?.(server.url) ?? staticConnection({ server: server.url, token: 't0p' });
  client = createKubeClient(connection, { random: () => 0.01, ...options });
  return { server, client };
}

function widget(name: string, resourceVersion = '1'): KubeObject {
  return { metadata: { namespace: 'team', name, uid: `uid-${name}`, resourceVersion } };
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('expected a failure');
}

describe('requests', () => {
  it('asks for the object with the token and answers it', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, widget('one')));
    expect(await client.get(widgets, one)).toEqual(widget('one'));
    const [request] = server.requests;
    expect(request?.method).toBe('GET');
    expect(request?.path).toBe('/apis/example.dev/v1/namespaces/team/widgets/one');
    expect(request?.headers.authorization).toBe('Bearer t0p');
  });

  it('sends patches as merge patches, to the status when asked', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, widget('one')));
    await client.mergePatch(widgets, one, { metadata: { labels: { a: null } } });
    await client.mergePatchStatus(widgets, one, { status: { phase: 'Up' } });
    expect(server.requests.map((request) => request.path)).toEqual([
      '/apis/example.dev/v1/namespaces/team/widgets/one',
      '/apis/example.dev/v1/namespaces/team/widgets/one/status',
    ]);
    expect(server.requests[0]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({ metadata: { labels: { a: null } } });
  });

  it('has a new object checked only, and strictly, when asked', async () => {
    const { server, client } = await start((exchange) => exchange.json(201, widget('one')));
    const metadata = { namespace: 'team', name: 'one' };
    await client.create(widgets, { metadata }, { dryRun: true, fieldValidation: 'Strict' });
    await client.create(widgets, { metadata });
    expect(server.requests.map(({ query }) => String(query))).toEqual([
      'dryRun=All&fieldValidation=Strict',
      '',
    ]);
  });

  it('deletes with preconditions', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, { kind: 'Status' }));
    await client.delete(widgets, one, { uid: 'u', resourceVersion: '7', propagationPolicy: 'Background' });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { uid: 'u', resourceVersion: '7' },
      propagationPolicy: 'Background',
    });
  });

  it('escapes what goes into the path, and refuses names that would change it', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, widget('one')));
    await client.get(widgets, { namespace: 'team', name: '../secrets/x' });
    expect(server.requests[0]?.path).toBe('/apis/example.dev/v1/namespaces/team/widgets/..%2Fsecrets%2Fx');
    expect(() => client.get(widgets, { namespace: 'team', name: '' })).toThrow(/name is empty/);
    expect(() => client.get(widgets, { name: 'one' })).toThrow(/needs a namespace/);
  });

  it('reads all pages of a list', async () => {
    const { server, client } = await start((exchange) => {
      const page = Number(exchange.query.get('continue') ?? '0');
      exchange.json(200, {
        metadata: { resourceVersion: '9', continue: page < 2 ? String(page + 1) : '' },
        items: [widget(`w${page}`)],
      });
    });
    const all = await client.listAll(widgets, { namespace: 'team', labelSelector: 'a=b' });
    expect(all.items.map((item) => item.metadata.name)).toEqual(['w0', 'w1', 'w2']);
    expect(all.items[0]).toMatchObject({ apiVersion: 'example.dev/v1', kind: 'Widget' });
    expect(server.requests.every((request) => request.query.get('limit') === '500')).toBe(true);
    expect(server.requests.every((request) => request.query.get('labelSelector') === 'a=b')).toBe(true);
  });

  it('starts a paged list again, once, when its token has expired', async () => {
    let expired = 0;
    const { client } = await start((exchange) => {
      if (exchange.query.get('continue') === null) {
        exchange.json(200, { metadata: { resourceVersion: '9', continue: 'next' }, items: [widget('a')] });
      } else if (expired++ === 0) {
        exchange.json(410, failure(410, 'Expired'));
      } else {
        exchange.json(200, { metadata: { resourceVersion: '9' }, items: [widget('b')] });
      }
    });
    const all = await client.listAll(widgets);
    expect(all.items.map((item) => item.metadata.name)).toEqual(['a', 'b']);
  });

  it('opens no more connections than the pool has', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, widget('one')));
    await Promise.all(Array.from({ length: 200 }, () => client.get(widgets, one)));
    expect(server.requests.length).toBe(200);
    expect(server.connections).toBeLessThanOrEqual(8);
  });

  it('tells the hook of every request, also of those without an answer', async () => {
    const records: RequestRecord[] = [];
    const { client } = await start(
      (exchange, index) => (index === 0 ? exchange.reset() : exchange.json(200, widget('one'))),
      { onRequest: (record) => records.push(record) },
    );
    await client.get(widgets, one);
    await client.mergePatchStatus(widgets, one, {});
    expect(
      records.map(({ verb, resource, subresource, code }) => [verb, resource, subresource, code]),
    ).toEqual([
      ['get', 'widgets', '', 0],
      ['get', 'widgets', '', 200],
      ['patch', 'widgets', 'status', 200],
    ]);
  });
});

describe('failures', () => {
  it('carries status, reason and the words of the server', async () => {
    const { client } = await start((exchange) =>
      exchange.json(404, failure(404, 'NotFound', 'widgets "one" not found')),
    );
    const error = (await failureOf(client.get(widgets, one))) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect(error.status).toBe(404);
    expect(error.reason).toBe('NotFound');
    expect(error.message).toBe('get widgets team/one: 404 NotFound: widgets "one" not found');
  });

  it('survives an answer from a proxy that is not a Status', async () => {
    const { client } = await start((exchange) => {
      exchange.response.writeHead(403, { 'content-type': 'text/html' });
      exchange.response.end('<html>no</html>');
    });
    const error = (await failureOf(client.get(widgets, one))) as ApiError;
    expect([error.status, error.reason, error.message.includes('<html>no</html>')]).toEqual([403, '', true]);
  });

  it('never shows the token', async () => {
    const { client } = await start((exchange) => exchange.reset());
    const error = (await failureOf(client.mergePatch(widgets, one, {}))) as TransportError;
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('t0p');
  });

  it('tries a read again after a reset', async () => {
    const { server, client } = await start((exchange, index) =>
      index < 2 ? exchange.reset() : exchange.json(200, widget('one')),
    );
    await client.get(widgets, one);
    expect(server.requests.length).toBe(3);
  });

  it('gives a read up after five tries', async () => {
    const { server, client } = await start((exchange) => exchange.reset());
    expect(await failureOf(client.get(widgets, one))).toBeInstanceOf(TransportError);
    expect(server.requests.length).toBe(5);
  });

  it('never sends a write again after a reset, and says that it was sent', async () => {
    const { server, client } = await start((exchange) => exchange.reset());
    const error = (await failureOf(client.mergePatch(widgets, one, {}))) as TransportError;
    expect(error).toBeInstanceOf(TransportError);
    expect(error.sent).toBe(true);
    expect(server.requests.length).toBe(1);
  });

  it.each([500, 502, 503, 504])('never sends a write again after a %i', async (status) => {
    const { server, client } = await start((exchange) => exchange.json(status, failure(status, 'Oops')));
    expect(await failureOf(client.create(widgets, widget('one')))).toMatchObject({ status });
    expect(server.requests.length).toBe(1);
  });

  it('sends a write again when the server refused it with 429', async () => {
    const { server, client } = await start((exchange, index) =>
      index === 0 ? exchange.json(429, failure(429, 'TooManyRequests')) : exchange.json(200, widget('one')),
    );
    await client.mergePatch(widgets, one, {});
    expect(server.requests.length).toBe(2);
  });

  it('waits as long as Retry-After says', async () => {
    const times: number[] = [];
    const { client } = await start((exchange, index) => {
      times.push(performance.now());
      if (index === 0) exchange.json(503, failure(503, 'ServiceUnavailable'), { 'retry-after': '1' });
      else exchange.json(200, widget('one'));
    });
    await client.get(widgets, one);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(995);
  });

  it('leaves a long Retry-After to its caller', async () => {
    const { server, client } = await start((exchange) =>
      exchange.json(429, failure(429, 'TooManyRequests'), { 'retry-after': '3600' }),
    );
    const error = (await failureOf(client.get(widgets, one))) as ApiError;
    expect(error.retryAfterMs).toBe(3_600_000);
    expect(server.requests.length).toBe(1);
  });

  it('says that nothing was sent when the server cannot be reached, and tries a write again then', async () => {
    const closed = await scriptedServer(() => undefined);
    await closed.close();
    const records: RequestRecord[] = [];
    client = createKubeClient(staticConnection({ server: closed.url }), {
      random: () => 0.01,
      onRequest: (record) => records.push(record),
    });
    const error = (await failureOf(client.create(widgets, widget('one')))) as TransportError;
    expect(error.sent).toBe(false);
    expect(error.message).toContain('ECONNREFUSED');
    expect(records.length).toBe(5);
  });

  it('says that nothing was sent when the server does not speak TLS', async () => {
    server = await scriptedServer((exchange) => exchange.json(200, widget('one')));
    client = createKubeClient(staticConnection({ server: server.url.replace('http:', 'https:') }), {
      random: () => 0.01,
    });
    const error = (await failureOf(client.create(widgets, widget('one')))) as TransportError;
    expect(error.sent).toBe(false);
    expect(server.requests.length).toBe(0);
  });

  it('reads the credentials anew after a 401, once', async () => {
    let token = 'old';
    let refreshes = 0;
    const connection = (url: string): KubeConnection => ({
      ...staticConnection({ server: url }),
      async authorize(headers) {
        headers.authorization = `Bearer ${token}`;
      },
      async refresh() {
        refreshes++;
        token = 'new';
      },
    });
    const { server, client } = await start(
      (exchange) =>
        exchange.headers.authorization === 'Bearer new' && exchange.method === 'GET'
          ? exchange.json(200, widget('one'))
          : exchange.json(401, failure(401, 'Unauthorized')),
      { connection },
    );
    await client.get(widgets, one);
    expect([server.requests.length, refreshes]).toEqual([2, 1]);
    expect(await failureOf(client.mergePatch(widgets, one, {}))).toMatchObject({ status: 401 });
    expect([server.requests.length, refreshes]).toEqual([4, 2]);
  });

  it('does not send a request without its credentials', async () => {
    const connection = (url: string): KubeConnection => ({
      ...staticConnection({ server: url }),
      async authorize() {
        throw new Error('the plugin is broken');
      },
    });
    const { server, client } = await start((exchange) => exchange.json(200, {}), { connection });
    const error = (await failureOf(client.create(widgets, widget('one')))) as TransportError;
    expect(error.sent).toBe(false);
    expect(error.message).toContain('the plugin is broken');
    expect(server.requests.length).toBe(0);
  });

  it('refuses an answer that is too large', async () => {
    const { client } = await start((exchange) => exchange.json(200, { blob: 'x'.repeat(50_000) }), {
      maxObjectBytes: 10_000,
    });
    const error = (await failureOf(client.mergePatch(widgets, one, {}))) as TransportError;
    expect(error.message).toContain('larger than 10000 bytes');
    expect(error.sent).toBe(true);
  });

  it('does not ask again for what is too large', async () => {
    const { server, client } = await start((exchange) => exchange.json(200, { blob: 'x'.repeat(50_000) }), {
      maxListBytes: 10_000,
    });
    expect(String(await failureOf(client.list(widgets)))).toContain('larger than 10000 bytes');
    expect(server.requests.length).toBe(1);
  });

  it('takes a 404 for the absence of an object only when the server says so', async () => {
    const { client } = await start((exchange, index) => {
      if (index === 0) exchange.json(404, failure(404, 'NotFound'));
      else exchange.response.writeHead(404).end('404 page not found');
    });
    expect(isNotFound(await failureOf(client.get(widgets, one)))).toBe(true);
    expect(isNotFound(await failureOf(client.get(widgets, one)))).toBe(false);
  });

  it('refuses an answer that is not JSON', async () => {
    const { client } = await start((exchange) => {
      exchange.response.writeHead(200);
      exchange.response.end('{"metadata":');
    });
    const error = (await failureOf(client.mergePatch(widgets, one, {}))) as TransportError;
    expect(error.message).toContain('not JSON');
  });

  it('ends a call whose signal is aborted, and does not try it again', async () => {
    const { server, client } = await start(() => undefined);
    const controller = new AbortController();
    const call = failureOf(client.get(widgets, one, { signal: controller.signal }));
    await eventually('the request arrives', () => server.requests.length === 1);
    controller.abort();
    expect(await call).toMatchObject({ name: 'TransportError', aborted: true, sent: true });
    expect(server.requests.length).toBe(1);
  });

  it('says that nothing was sent for a write that was given up while it waited for a connection', async () => {
    let authorized = 0;
    const { server, client } = await start(() => undefined, {
      limits: { ...defaultTransportLimits, connections: 1 },
      connection: (url) => ({
        ...staticConnection({ server: url }),
        async authorize() {
          authorized++;
        },
      }),
    });
    const first = new AbortController();
    const second = new AbortController();
    const busy = failureOf(client.create(widgets, widget('one'), { signal: first.signal }));
    await eventually('the first write arrives', () => server.requests.length === 1);
    const waiting = failureOf(client.create(widgets, widget('two'), { signal: second.signal }));
    await eventually('the second write has its credentials', () => authorized === 2);
    // All that is left until it waits for the connection are promises that are settled already.
    await new Promise((resolve) => setImmediate(resolve));
    second.abort();
    expect(await waiting).toMatchObject({ aborted: true, sent: false });
    first.abort();
    expect(await busy).toMatchObject({ aborted: true, sent: true });
    // The next request gets the connection that was waited for, and the one given up never comes.
    server.script = (exchange) => exchange.json(200, widget('one'));
    await client.get(widgets, one);
    expect(server.requests.map((request) => request.method)).toEqual(['POST', 'GET']);
  });

  it('ends the wait between two tries when the signal is aborted', async () => {
    const { server, client } = await start((exchange) =>
      exchange.json(503, failure(503, 'ServiceUnavailable'), { 'retry-after': '20' }),
    );
    const controller = new AbortController();
    const call = failureOf(client.get(widgets, one, { signal: controller.signal }));
    await eventually('the request is answered', () => server.requests.length === 1);
    controller.abort();
    expect(await call).toBeInstanceOf(Error);
  });

  it('uses new connections once the TLS material was renewed', async () => {
    const connection = { ...staticConnection({ server: 'http://unused' }), tls: {} };
    const { server, client } = await start((exchange) => exchange.json(200, widget('one')), {
      connection: (url) => Object.assign(connection, { server: url }),
    });
    await client.get(widgets, one);
    const before = server.connections;
    connection.tls = {};
    await client.get(widgets, one);
    expect(server.connections).toBe(before + 1);
    await eventually('the old connection is closed', () => server.open === 1);
  });
});

describe('a fenced client', () => {
  it('writes until the signal is aborted, gives up what is in flight then, and goes on reading', async () => {
    const { server, client } = await start((exchange) => {
      if (exchange.method === 'GET') exchange.json(200, widget('one'));
      else if (exchange.method === 'POST') exchange.json(201, widget('one'));
    });
    const leading = new AbortController();
    const fenced = fencedClient(client, leading.signal);
    await fenced.create(widgets, widget('one'));
    const inFlight = failureOf(
      fenced.mergePatchStatus(widgets, one, {}, { signal: new AbortController().signal }),
    );
    await eventually('the write arrives', () => server.requests.length === 2);
    leading.abort();
    expect(await inFlight).toMatchObject({ aborted: true, sent: true });
    for (const write of [
      () => fenced.create(widgets, widget('one')),
      () => fenced.mergePatch(widgets, one, {}),
      () => fenced.mergePatchStatus(widgets, one, {}),
      () => fenced.delete(widgets, one),
    ]) {
      expect(await failureOf(write())).toMatchObject({ aborted: true, sent: false });
    }
    await fenced.get(widgets, one);
    expect(server.requests.map((request) => request.method)).toEqual(['POST', 'PATCH', 'GET']);
  });
});

describe('watch', () => {
  async function collect(events: AsyncIterable<WatchEvent<KubeObject>>): Promise<string[]> {
    const seen: string[] = [];
    for await (const { type, object } of events) seen.push(`${type} ${object.metadata.name}`);
    return seen;
  }

  it('yields events, wherever the bytes are cut', async () => {
    const { client } = await start(async (exchange) => {
      const stream = exchange.stream();
      const text = [
        JSON.stringify({ type: 'ADDED', object: widget('ä') }),
        JSON.stringify({ type: 'BOOKMARK', object: widget('b') }),
      ].join('\n');
      for (const byte of Buffer.from(`${text}\n`)) {
        exchange.response.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      stream.end();
    });
    expect(await collect(client.watch(widgets))).toEqual(['ADDED ä', 'BOOKMARK b']);
  });

  it('asks for bookmarks, and for initial events when told to', async () => {
    const { server, client } = await start((exchange) => exchange.stream().end());
    await collect(client.watch(widgets, { resourceVersion: '5', timeoutSeconds: 300 }));
    await collect(client.watch(widgets, { sendInitialEvents: true, namespace: 'team' }));
    expect(server.requests[0]?.query.toString()).toBe(
      'watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300',
    );
    expect(server.requests[1]?.query.toString()).toBe(
      'watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    );
  });

  it('throws what an ERROR event says', async () => {
    const { client } = await start((exchange) => {
      const stream = exchange.stream();
      stream.send('ERROR', failure(410, 'Expired', 'too old resource version'));
      stream.end();
    });
    expect(await failureOf(collect(client.watch(widgets)))).toMatchObject({ status: 410, reason: 'Expired' });
  });

  it('throws when the connection breaks', async () => {
    const { client } = await start((exchange) => {
      const stream = exchange.stream();
      stream.send('ADDED', widget('a'));
      setImmediate(() => stream.reset());
    });
    expect(await failureOf(collect(client.watch(widgets)))).toBeInstanceOf(TransportError);
  });

  it('throws for an event that is larger than allowed', async () => {
    const { client } = await start((exchange) => exchange.stream().raw('x'.repeat(50_000)), {
      maxObjectBytes: 10_000,
    });
    expect(String(await failureOf(collect(client.watch(widgets))))).toContain('larger than 10000 bytes');
  });

  it('ends quietly when its signal is aborted, and leaves the server', async () => {
    let left = false;
    const { client } = await start((exchange) => {
      const stream = exchange.stream();
      stream.send('ADDED', widget('a'));
      void stream.closed.then(() => {
        left = true;
      });
    });
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const { type } of client.watch(widgets, { signal: controller.signal })) {
      seen.push(type);
      controller.abort();
    }
    expect(seen).toEqual(['ADDED']);
    await eventually('the server sees the end', () => left);
  });

  it('leaves the server when its reader stops reading', async () => {
    let left = false;
    const { client } = await start((exchange) => {
      const stream = exchange.stream();
      stream.send('ADDED', widget('a'));
      void stream.closed.then(() => {
        left = true;
      });
    });
    for await (const _ of client.watch(widgets)) break;
    await eventually('the server sees the end', () => left);
  });

  it('has connections of its own, so that watches never hold up requests', async () => {
    const { server, client } = await start((exchange) => {
      if (exchange.query.get('watch') === 'true') exchange.stream().send('ADDED', widget('a'));
      else exchange.json(200, widget('one'));
    });
    const controller = new AbortController();
    const watches = Array.from({ length: 12 }, () => client.watch(widgets, { signal: controller.signal }));
    await Promise.all(watches.map((watch) => watch.next()));
    await Promise.all(Array.from({ length: 40 }, () => client.get(widgets, one)));
    expect(server.connections).toBeLessThanOrEqual(12 + 8);
    controller.abort();
    await Promise.all(watches.map((watch) => watch.next()));
  });
});

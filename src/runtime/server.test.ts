import { createConnection } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';
import { WorkQueue } from './queue.ts';
import { parseAddress, type RunningServer, type ServerRoutes, serve } from './server.ts';

let server: RunningServer | undefined;

afterEach(() => server?.close());

async function get(routes: ServerRoutes, path: string, init?: RequestInit): Promise<[number, string]> {
  server = await serve('127.0.0.1:0', routes);
  const response = await fetch(`${server?.url}${path}`, init);
  return [response.status, await response.text()];
}

describe('parseAddress', () => {
  it.each([
    [':8080', { host: undefined, port: 8080 }],
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    ['0', undefined],
    ['', undefined],
  ])('reads %j', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each(['8080', 'host', 'host:', 'host:99999', '::1:8080', 'http://x:1'])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow(/is not host:port/);
  });
});

describe('the server', () => {
  it('does not listen when told so', async () => {
    expect(await serve('0', {})).toBeUndefined();
  });

  it('says in what it fails to listen', async () => {
    server = await serve('127.0.0.1:0', {});
    await expect(serve(new URL(server?.url ?? '').host, {})).rejects.toThrow('EADDRINUSE');
  });

  it('answers ok while all checks pass', async () => {
    expect(await get({ health: { ping() {} } }, '/healthz')).toEqual([200, 'ok\n']);
  });

  it('names every check when asked', async () => {
    const ready = { caches() {}, async leader() {} };
    expect(await get({ ready }, '/readyz?verbose')).toEqual([
      200,
      '[+]caches ok\n[+]leader ok\nreadyz check passed\n',
    ]);
  });

  it('names what has failed, and why', async () => {
    const ready = {
      caches() {},
      server() {
        throw new Error('silent for 90 s');
      },
    };
    expect(await get({ ready }, '/readyz')).toEqual([
      503,
      '[+]caches ok\n[-]server failed: silent for 90 s\nreadyz check failed\n',
    ]);
  });

  it('shows the metrics, those of queues, informers and build included', async () => {
    const metrics = createMetrics({ version: '1.2.3' });
    const queue = new WorkQueue();
    queue.add('a/1');
    metrics.watchQueue('vmsnapshot', queue);
    metrics.watchInformer('vmsnapshots', () => ({
      objects: 7,
      relists: 2,
      watches: 3,
      handlerErrors: 0,
      lastContactAgeMs: 1_500,
    }));
    metrics.watchEvents(() => 4);
    metrics.setLeader(true);
    metrics.onRequest({ verb: 'get', resource: 'secrets', subresource: '', code: 200, seconds: 0.01 });
    metrics.onReconcile('vmsnapshot')('error', 0.2);
    const [status] = await get({ metrics: metrics.registry }, '/metrics');
    const text = await (await fetch(`${server?.url}/metrics`)).text();
    expect(status).toBe(200);
    for (const line of [
      'keyframe_workqueue_depth{controller="vmsnapshot"} 1',
      'keyframe_informer_objects{resource="vmsnapshots"} 7',
      'keyframe_informer_relists_total{resource="vmsnapshots"} 2',
      'keyframe_informer_last_contact_age_seconds{resource="vmsnapshots"} 1.5',
      'keyframe_events_dropped_total 4',
      'keyframe_leader 1',
      `keyframe_build_info{version="1.2.3",node_version="${process.version}"} 1`,
      'keyframe_kube_requests_total{verb="get",resource="secrets",subresource="",code="200"} 1',
      'keyframe_reconcile_total{controller="vmsnapshot",outcome="error"} 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('has no other pages and takes no other methods', async () => {
    const health = { ping() {} };
    expect((await get({ health }, '/metrics'))[0]).toBe(404);
    await server?.close();
    expect((await get({ health }, '/healthz', { method: 'POST', body: 'x' }))[0]).toBe(405);
    await server?.close();
    expect(await get({ health }, '/healthz', { method: 'HEAD' })).toEqual([200, '']);
  });

  it('survives garbage and headers without end', async () => {
    server = await serve('127.0.0.1:0', { health: { ping() {} } });
    const port = Number(new URL(server?.url ?? '').port);
    for (const bytes of [
      '\x00\x01 nonsense\r\n\r\n',
      `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      'GET //[ HTTP/1.1\r\nhost: x\r\n\r\n',
    ]) {
      const socket = createConnection(port, '127.0.0.1');
      const answer = await new Promise<string>((resolve) => {
        let text = '';
        socket.on('data', (chunk) => {
          text += chunk;
          socket.end();
        });
        socket.on('close', () => resolve(text));
        socket.on('error', () => undefined);
        socket.write(bytes);
      });
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    expect((await fetch(`${server?.url}/healthz`)).status).toBe(200);
  });
});

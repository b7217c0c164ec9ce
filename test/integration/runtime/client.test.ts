import { createServer } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKubeClient, type KubeClient, type RequestRecord } from '../../../src/runtime/kube/client.ts';
import { staticConnection } from '../../../src/runtime/kube/connection.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../../../src/runtime/kube/errors.ts';
import type { ResourceType } from '../../../src/runtime/kube/types.ts';
import { patchMetadata, writeStatus } from '../../../src/runtime/status-writer.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { connect } from './connect.ts';
import { type Widget, widgetDefinition, widgets } from './widgets.ts';

const configMaps: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

const cluster = useControlPlane();
const records: RequestRecord[] = [];
let client: KubeClient;
let namespace = '';

beforeAll(async () => {
  await cluster.apply(widgetDefinition);
  namespace = await cluster.createNamespace('runtime-client');
  client = await connect(cluster, { onRequest: (record) => records.push(record) });
});

afterAll(async () => {
  await client.close();
  await cluster.disconnect();
});

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('the client against a real API server', () => {
  it('creates, reads, patches and deletes', async () => {
    const ref = { namespace, name: 'one' };
    const made = await client.create<Widget>(widgets, { metadata: ref, spec: { colour: 'red' } });
    expect(made).toMatchObject({ apiVersion: 'runtime.test.keyframe.dev/v1', kind: 'Widget' });
    const patched = await client.mergePatch<Widget>(widgets, ref, { spec: { colour: 'blue' } });
    expect(patched.spec).toEqual({ colour: 'blue' });
    expect(await client.get<Widget>(widgets, ref)).toEqual(patched);
    await client.delete(widgets, ref, { uid: patched.metadata.uid });
    expect(isNotFound(await failureOf(client.get(widgets, ref)))).toBe(true);
  });

  it('understands what the server refuses', async () => {
    const ref = { namespace, name: 'refused' };
    const made = await client.create<Widget>(widgets, { metadata: ref });
    expect(isAlreadyExists(await failureOf(client.create(widgets, { metadata: ref })))).toBe(true);
    const wrongUid = client.delete(widgets, ref, { uid: '00000000-0000-0000-0000-000000000000' });
    expect(isConflict(await failureOf(wrongUid))).toBe(true);
    const wrongVersion = { metadata: { resourceVersion: '1' }, spec: { colour: 'x' } };
    expect(isConflict(await failureOf(client.mergePatch(widgets, ref, wrongVersion)))).toBe(true);
    const invalid = (await failureOf(
      client.create(widgets, { metadata: { namespace, name: 'Not A Name' } }),
    )) as ApiError;
    expect([invalid.status, invalid.reason]).toEqual([422, 'Invalid']);
    expect(invalid.message).toContain('metadata.name');
    expect(await client.get(widgets, ref)).toEqual(made);
  });

  it('lists more than one page, over few connections', async () => {
    const names = Array.from({ length: 620 }, (_, index) => `page-${String(index).padStart(4, '0')}`);
    const labels = { set: 'pages' };
    await Promise.all(
      names.map((name) => client.create(configMaps, { metadata: { namespace, name, labels }, data: {} })),
    );
    records.length = 0;
    const all = await client.listAll(configMaps, { namespace, labelSelector: 'set=pages' });
    expect(all.items.map((item) => item.metadata.name)).toEqual(names);
    expect(all.items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
    expect(records.map(({ verb, code }) => [verb, code])).toEqual([
      ['list', 200],
      ['list', 200],
    ]);
  });

  it('is told that it is nobody with a wrong token, and does not show it', async () => {
    const stranger = createKubeClient(
      staticConnection({ server: cluster.url, tls: { ca: cluster.ca }, token: 'wr0ng-token' }),
    );
    const error = (await failureOf(stranger.list(widgets, { namespace }))) as ApiError;
    await stranger.close();
    expect(error).toBeInstanceOf(ApiError);
    expect(error.status).toBe(401);
    expect(JSON.stringify([error.message, error.stack, error])).not.toContain('wr0ng-token');
  });

  it('does not talk to a server whose certificate it cannot verify', async () => {
    const trusting = createKubeClient(staticConnection({ server: cluster.url, token: cluster.adminToken }), {
      random: () => 0.01,
    });
    const error = await failureOf(trusting.create(widgets, { metadata: { namespace, name: 'never' } }));
    await trusting.close();
    expect(error).toMatchObject({ name: 'TransportError', sent: false });
    expect(isNotFound(await failureOf(client.get(widgets, { namespace, name: 'never' })))).toBe(true);
  });
});

describe('through a proxy', () => {
  it('requests and watches go by CONNECT, and the certificate is still verified', async () => {
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const { hostname, port } = new URL(cluster.url);
      const upstream = connectSocket(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const through = (tls: { ca?: string }) =>
      createKubeClient(
        {
          ...staticConnection({ server: cluster.url, tls, token: cluster.adminToken }),
          proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
        },
        { random: () => 0.01 },
      );
    const trusted = through({ ca: cluster.ca });
    const untrusted = through({});
    try {
      await trusted.create(widgets, { metadata: { namespace, name: 'tunnel' } });
      const watch = trusted.watch(widgets, { namespace, sendInitialEvents: true });
      expect((await watch.next()).value).toMatchObject({ type: 'ADDED' });
      await watch.return();
      expect(new Set(tunnels)).toEqual(new Set([new URL(cluster.url).host]));
      const refused = await failureOf(untrusted.create(widgets, { metadata: { namespace, name: 'no' } }));
      expect(refused).toMatchObject({ name: 'TransportError', sent: false });
    } finally {
      await trusted.close();
      await untrusted.close();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    }
  });
});

describe('the status writer against a real API server', () => {
  it('writes the difference, and nothing when there is none', async () => {
    const object = await client.create<Widget>(widgets, { metadata: { namespace, name: 'status' } });
    const first = { phase: 'Creating', detail: { a: '1', b: '2' }, list: [1, 2] };
    const one = await writeStatus(client, widgets, object, first);
    if (one.result !== 'written') throw new Error(one.result);
    expect(one.object.status).toEqual(first);

    const second = { phase: 'Ready', detail: { b: '2' }, list: [2] };
    const two = await writeStatus(client, widgets, one.object, second);
    if (two.result !== 'written') throw new Error(two.result);
    expect(two.object.status).toEqual(second);

    records.length = 0;
    expect(await writeStatus(client, widgets, two.object, second)).toEqual({ result: 'unchanged' });
    expect(records).toEqual([]);
  });

  it('answers conflict to the second of two writers, and leaves the first one in place', async () => {
    const object = await client.create<Widget>(widgets, { metadata: { namespace, name: 'race' } });
    const results = await Promise.all([
      writeStatus(client, widgets, object, { count: 1 }),
      writeStatus(client, widgets, object, { count: 2 }),
    ]);
    expect(results.map(({ result }) => result).sort()).toEqual(['conflict', 'written']);
    const winner = results.findIndex(({ result }) => result === 'written') + 1;
    expect((await client.get<Widget>(widgets, object.metadata)).status).toEqual({ count: winner });
  });

  it('answers gone for a deleted object, and conflict for its successor', async () => {
    const object = await client.create<Widget>(widgets, { metadata: { namespace, name: 'heir' } });
    await client.delete(widgets, object.metadata);
    expect(await writeStatus(client, widgets, object, { count: 1 })).toEqual({ result: 'gone' });
    const heir = await client.create<Widget>(widgets, { metadata: { namespace, name: 'heir' } });
    expect(await writeStatus(client, widgets, object, { count: 1 })).toEqual({ result: 'conflict' });
    expect(await client.get<Widget>(widgets, heir.metadata)).toEqual(heir);
  });

  it('sets finalizer and annotation in one write, and lets the object go by removing it', async () => {
    const made = await client.create<Widget>(widgets, { metadata: { namespace, name: 'final' } });
    const finalizers = ['test.keyframe.dev/hold'];
    const held = await patchMetadata(client, widgets, made, { finalizers, annotations: { intent: '{}' } });
    if (held.result !== 'written') throw new Error(held.result);
    expect(held.object.metadata).toMatchObject({ finalizers, annotations: { intent: '{}' } });
    expect(await patchMetadata(client, widgets, made, { finalizers: [] })).toEqual({ result: 'unchanged' });
    expect(await patchMetadata(client, widgets, made, { annotations: { x: 'y' } })).toEqual({
      result: 'conflict',
    });

    await client.delete(widgets, made.metadata);
    const dying = await client.get<Widget>(widgets, made.metadata);
    expect(dying.metadata.deletionTimestamp).toBeDefined();
    const gone = await patchMetadata(client, widgets, dying, {
      finalizers: [],
      annotations: { intent: null },
    });
    expect(gone.result).toBe('written');
    expect(isNotFound(await failureOf(client.get(widgets, made.metadata)))).toBe(true);
    expect(await patchMetadata(client, widgets, dying, { finalizers: [] })).toEqual({ result: 'gone' });
  });
});

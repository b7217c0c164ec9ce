import { afterEach, describe, expect, it } from 'vitest';
import { Informer, type InformerOptions } from './informer.ts';
import { createKubeClient, type KubeClient } from './kube/client.ts';
import { staticConnection } from './kube/connection.ts';
import type { KubeObject } from './kube/types.ts';
import { createLogger } from './log.ts';
import { eventually } from './testing/eventually.ts';
import {
  type EventStream,
  type Exchange,
  failure,
  type ScriptedServer,
  scriptedServer,
} from './testing/scripted-server.ts';
import { widgets } from './testing/widgets.ts';

interface Widget extends KubeObject {
  spec?: { colour: string };
}

let server: ScriptedServer | undefined;
let client: KubeClient | undefined;
let informer: Informer<Widget> | undefined;

afterEach(async () => {
  await informer?.stop();
  await client?.close();
  await server?.close();
});

function widget(name: string, resourceVersion: number, colour = 'red', uid = `uid-${name}`): Widget {
  return {
    metadata: { namespace: 'team', name, uid, resourceVersion: String(resourceVersion) },
    spec: { colour },
  };
}

function bookmark(resourceVersion: number, endsInitial = false): KubeObject {
  const annotations: Record<string, string> = endsInitial ? { 'k8s.io/initial-events-end': 'true' } : {};
  return { metadata: { name: '', resourceVersion: String(resourceVersion), annotations } };
}

/** Answers a WatchList with these objects and leaves the stream open. */
function streamList(exchange: Exchange, version: number, ...objects: Widget[]): EventStream {
  const stream = exchange.stream();
  for (const object of objects) stream.send('ADDED', object);
  stream.send('BOOKMARK', bookmark(version, true));
  return stream;
}

function expectGrowingPauses(times: number[], atLeastMs: number[]): void {
  for (const [index, pause] of atLeastMs.entries()) {
    expect((times[index + 1] ?? 0) - (times[index] ?? 0)).toBeGreaterThanOrEqual(pause);
  }
}

async function start(
  script: ScriptedServer['script'],
  options: Partial<InformerOptions<Widget>> = {},
): Promise<{ server: ScriptedServer; informer: Informer<Widget>; seen: string[] }> {
  server = await scriptedServer(script);
  client = createKubeClient(staticConnection({ server: server.url }), { random: () => 0.01 });
  informer = new Informer<Widget>({
    client,
    resource: widgets,
    backoff: { baseMs: 10, maxMs: 40 },
    ...options,
  });
  const seen: string[] = [];
  informer.on({
    added: (object) => seen.push(`added ${object.metadata.name} ${object.metadata.uid}`),
    updated: (_, object) => seen.push(`updated ${object.metadata.name} ${object.metadata.resourceVersion}`),
    deleted: (object) => seen.push(`deleted ${object.metadata.name} ${object.metadata.uid}`),
  });
  informer.start();
  return { server, informer, seen };
}

describe('the first listing', () => {
  it('streams the list, and is complete at the annotated bookmark and not before', async () => {
    let stream: EventStream | undefined;
    const { server, informer } = await start((exchange) => {
      stream = exchange.stream();
      stream.send('ADDED', widget('a', 5));
      stream.send('BOOKMARK', bookmark(6));
    });
    await eventually('the object is there', () => informer.get('team', 'a') !== undefined);
    expect(informer.hasSynced).toBe(false);
    stream?.send('BOOKMARK', bookmark(7, true));
    await informer.synced(AbortSignal.timeout(5_000));
    expect(informer.hasSynced).toBe(true);
    const query = server.requests[0]?.query;
    expect(query?.get('sendInitialEvents')).toBe('true');
    expect(query?.get('resourceVersionMatch')).toBe('NotOlderThan');
    expect(query?.get('allowWatchBookmarks')).toBe('true');
    expect(query?.get('resourceVersion')).toBe(null);
    expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(Number(query?.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
  });

  it.each([400, 422])(
    'reads pages instead when streaming is refused with %i, and does not ask again',
    async (code) => {
      let streams = 0;
      const { informer, server } = await start((exchange) => {
        if (exchange.query.get('sendInitialEvents') === 'true') {
          exchange.json(code, failure(code, 'Invalid', 'sendInitialEvents is forbidden'));
        } else if (exchange.query.get('watch') === 'true') {
          if (streams++ === 0) exchange.json(410, failure(410, 'Expired'));
          else exchange.stream();
        } else if (exchange.query.get('continue') === null) {
          exchange.json(200, { metadata: { resourceVersion: '10', continue: 'c' }, items: [widget('a', 5)] });
        } else {
          exchange.json(200, { metadata: { resourceVersion: '10' }, items: [widget('b', 6)] });
        }
      });
      await informer.synced(AbortSignal.timeout(5_000));
      await eventually('the second watch', () => streams === 2);
      expect(informer.list().map((object) => object.metadata.name)).toEqual(['a', 'b']);
      const asked = server.requests.filter((request) => request.query.get('sendInitialEvents') === 'true');
      expect(asked.length).toBe(1);
      const watch = server.requests.find((request) => request.query.get('resourceVersion') === '10');
      expect(watch?.query.get('allowWatchBookmarks')).toBe('true');
      expect(server.requests.find((request) => request.query.get('limit'))?.query.get('limit')).toBe('500');
    },
  );

  it.each([
    [403, 'Forbidden', 'cannot list resource "widgets"', /403 Forbidden: cannot list resource "widgets"$/],
    [404, '', '404 page not found', /\. Is the CustomResourceDefinition of Widget installed\?$/],
  ])('says why its cache is not complete: %i', async (code, reason, message, expected) => {
    let refuse = true;
    const { informer } = await start((exchange) => {
      if (refuse) exchange.json(code, failure(code, reason, message));
      else streamList(exchange, 10);
    });
    expect(informer.obstacle).toBe('widgets are still being listed');
    await eventually('a refusal', () => expected.test(informer.obstacle ?? ''));
    refuse = false;
    await informer.synced(AbortSignal.timeout(5_000));
    expect(informer.obstacle).toBeUndefined();
  });

  it('starts the pages again when their token expires', async () => {
    let expired = 0;
    const { informer } = await start((exchange) => {
      if (exchange.query.get('sendInitialEvents') === 'true') exchange.json(422, failure(422, 'Invalid'));
      else if (exchange.query.get('watch') === 'true') exchange.stream();
      else if (exchange.query.get('continue') === null) {
        exchange.json(200, { metadata: { resourceVersion: '10', continue: 'c' }, items: [widget('a', 5)] });
      } else if (expired++ === 0) exchange.json(410, failure(410, 'Expired'));
      else exchange.json(200, { metadata: { resourceVersion: '11' }, items: [widget('b', 6)] });
    });
    await informer.synced(AbortSignal.timeout(5_000));
    expect(informer.list().length).toBe(2);
    expect(informer.stats().relists).toBe(0);
  });

  it('survives failures of the first listing', async () => {
    const { informer } = await start((exchange, index) => {
      if (index === 0) exchange.json(500, failure(500, 'InternalError'));
      else if (index === 1) exchange.reset();
      else if (index === 2) exchange.stream().end();
      else streamList(exchange, 7, widget('a', 5));
    });
    await informer.synced(AbortSignal.timeout(5_000));
    expect(informer.get('team', 'a')?.spec?.colour).toBe('red');
  });

  it('keeps one watch for each namespace, and is complete when all are', async () => {
    const streams = new Map<string, EventStream>();
    const { informer, server } = await start(
      (exchange) => {
        streams.set(exchange.path, exchange.stream());
      },
      { namespaces: ['team', 'other'], labelSelector: 'shard=1' },
    );
    await eventually('both watches', () => streams.size === 2);
    expect([...streams.keys()].sort()).toEqual([
      '/apis/example.dev/v1/namespaces/other/widgets',
      '/apis/example.dev/v1/namespaces/team/widgets',
    ]);
    expect(server.requests.every((request) => request.query.get('labelSelector') === 'shard=1')).toBe(true);
    const [first, second] = [...streams.values()];
    first?.send('BOOKMARK', bookmark(3, true));
    first?.send('ADDED', widget('a', 4));
    await eventually('what follows the bookmark is read', () => informer.list().length === 1);
    expect(informer.hasSynced).toBe(false);
    second?.send('BOOKMARK', bookmark(3, true));
    await informer.synced(AbortSignal.timeout(5_000));
  });

  it('says when waiting for it was given up', async () => {
    const { informer } = await start((exchange) => void exchange.stream());
    await expect(informer.synced(AbortSignal.timeout(20))).rejects.toThrow();
  });
});

describe('following', () => {
  it('shows additions, changes and deletions', async () => {
    let stream: EventStream | undefined;
    const { informer, seen } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    stream?.send('ADDED', widget('b', 11));
    stream?.send('MODIFIED', widget('a', 12, 'blue'));
    stream?.send('DELETED', widget('b', 13));
    await eventually('all events', () => seen.length === 4);
    expect(seen).toEqual(['added a uid-a', 'added b uid-b', 'updated a 12', 'deleted b uid-b']);
    expect(informer.get('team', 'a')?.spec?.colour).toBe('blue');
    expect(informer.get('team', 'b')).toBeUndefined();
  });

  it('goes on at the last version, that of a bookmark included, after the server has ended the watch', async () => {
    const { informer, server } = await start((exchange, index) => {
      if (index === 0) {
        const stream = streamList(exchange, 10, widget('a', 5));
        stream.send('MODIFIED', widget('a', 12));
        stream.send('BOOKMARK', bookmark(40));
        stream.end();
      } else {
        exchange.stream().send('ADDED', widget('b', 41));
      }
    });
    await eventually('the second watch', () => informer.get('team', 'b') !== undefined);
    expect(server.requests[1]?.query.get('resourceVersion')).toBe('40');
    expect(server.requests[1]?.query.get('sendInitialEvents')).toBe(null);
    expect(informer.stats().relists).toBe(0);
  });

  it('opens a silent watch anew, and makes no noise of it', async () => {
    const lines: string[] = [];
    const { informer, server } = await start(
      (exchange, index) => {
        if (index === 0) streamList(exchange, 10, widget('a', 5));
        else exchange.stream().send('MODIFIED', widget('a', 11, 'blue'));
      },
      { silenceMs: 100, log: createLogger({ destination: { write: (line) => lines.push(line) } }) },
    );
    await eventually('the change', () => informer.get('team', 'a')?.spec?.colour === 'blue');
    expect(server.requests[1]?.query.get('resourceVersion')).toBe('10');
    expect(lines).toEqual([]);
  });

  it('opens a watch anew whose headers never come, and says so', async () => {
    const lines: string[] = [];
    const { informer } = await start(
      (exchange, index) => {
        if (index > 0) streamList(exchange, 10, widget('a', 5));
      },
      { silenceMs: 100, log: createLogger({ destination: { write: (line) => lines.push(line) } }) },
    );
    await informer.synced(AbortSignal.timeout(5_000));
    expect(lines.join('')).toContain('nothing came for 100 ms');
  });

  it('keeps a watch open on which bookmarks come', async () => {
    let bookmarks = 0;
    const { informer, server } = await start(
      (exchange) => {
        const stream = streamList(exchange, 10, widget('a', 5));
        const timer = setInterval(() => stream.send('BOOKMARK', bookmark(11 + bookmarks++)), 50);
        void stream.closed.then(() => clearInterval(timer));
      },
      { silenceMs: 400 },
    );
    await informer.synced();
    await eventually('bookmarks for longer than the limit', () => bookmarks >= 14);
    expect(server.requests.length).toBe(1);
  });

  it('backs off from a server that closes at once, again and again', async () => {
    const times: number[] = [];
    await start(
      (exchange, index) => {
        times.push(performance.now());
        if (index === 0) streamList(exchange, 10).end();
        else exchange.stream().end();
      },
      { backoff: { baseMs: 50, maxMs: 10_000 }, random: () => 0.999 },
    );
    await eventually('the fifth watch', () => times.length === 5);
    expectGrowingPauses(times, [49, 99, 199, 399]);
  });

  it('lists again after 410, in the answer or in the stream', async () => {
    const { informer, server, seen } = await start((exchange, index) => {
      if (index === 0) {
        const stream = streamList(exchange, 10, widget('a', 5), widget('b', 6));
        stream.send('ERROR', failure(410, 'Expired'));
        stream.end();
      } else if (index === 1) {
        streamList(exchange, 20, widget('a', 5)).end();
      } else if (index === 2) {
        exchange.json(410, failure(410, 'Expired'));
      } else {
        streamList(exchange, 30, widget('a', 5), widget('c', 25));
      }
    });
    await eventually('the third listing', () => informer.get('team', 'c') !== undefined);
    expect(server.requests.map((request) => request.query.get('sendInitialEvents'))).toEqual([
      'true',
      'true',
      null,
      'true',
    ]);
    expect(seen).toEqual(['added a uid-a', 'added b uid-b', 'deleted b uid-b', 'added c uid-c']);
    expect(informer.stats().relists).toBe(2);
  });

  it('does not list without pause while the server says 410 for ever', async () => {
    const times: number[] = [];
    await start(
      (exchange) => {
        times.push(performance.now());
        exchange.json(410, failure(410, 'Expired'));
      },
      { backoff: { baseMs: 50, maxMs: 10_000 }, random: () => 0.999 },
    );
    await eventually('the fifth try', () => times.length === 5);
    expectGrowingPauses(times, [49, 99, 199, 399]);
  });

  it.each([
    ['a reset', (exchange: Exchange) => exchange.reset()],
    ['a 503', (exchange: Exchange) => exchange.json(503, failure(503, 'ServiceUnavailable'))],
    ['a 500', (exchange: Exchange) => exchange.json(500, failure(500, 'InternalError'))],
    ['a 403', (exchange: Exchange) => exchange.json(403, failure(403, 'Forbidden'))],
    ['garbage', (exchange: Exchange) => exchange.stream().raw('{"type":\n')],
    ['an event without an object', (exchange: Exchange) => exchange.stream().raw('{"type":"ADDED"}\n')],
  ])('goes on by itself after %s', async (_, fail) => {
    const { informer } = await start((exchange, index) => {
      if (index === 0) streamList(exchange, 10, widget('a', 5)).end();
      else if (index < 4) fail(exchange);
      else exchange.stream().send('MODIFIED', widget('a', 12, 'blue'));
    });
    await eventually('the change', () => informer.get('team', 'a')?.spec?.colour === 'blue');
    expect(informer.stats().relists).toBe(0);
  });

  it('goes on after a reset in mid stream without losing what came before', async () => {
    let first: EventStream | undefined;
    const { informer, server } = await start((exchange, index) => {
      if (index === 0) {
        first = streamList(exchange, 10);
        first.send('ADDED', widget('a', 11));
      } else {
        exchange.stream().send('ADDED', widget('b', 12));
      }
    });
    await eventually('the first event', () => informer.get('team', 'a') !== undefined);
    first?.reset();
    await eventually('the next event', () => informer.get('team', 'b') !== undefined);
    expect(server.requests[1]?.query.get('resourceVersion')).toBe('11');
    expect(informer.get('team', 'a')).toBeDefined();
  });

  it('waits as long as Retry-After says', async () => {
    const times: number[] = [];
    const { informer } = await start((exchange, index) => {
      times.push(performance.now());
      if (index === 0) exchange.json(429, failure(429, 'TooManyRequests'), { 'retry-after': '1' });
      else streamList(exchange, 10);
    });
    await informer.synced(AbortSignal.timeout(5_000));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(995);
  });

  it('logs and counts what a handler throws, and goes on', async () => {
    let stream: EventStream | undefined;
    const { informer, seen } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    informer.on({
      updated() {
        throw new Error('a bug');
      },
    });
    stream?.send('MODIFIED', widget('a', 11));
    stream?.send('MODIFIED', widget('a', 12));
    await eventually('both events', () => seen.includes('updated a 12'));
    expect(informer.stats().handlerErrors).toBe(2);
  });

  it('ends its watch on stop, and opens none afterwards', async () => {
    let left = false;
    const { informer, server } = await start((exchange) => {
      void streamList(exchange, 10).closed.then(() => {
        left = true;
      });
    });
    await informer.synced();
    await informer.stop();
    await eventually('the server sees the end', () => left);
    expect(server.requests.length).toBe(1);
  });

  it('can be stopped while it connects', async () => {
    const { informer, server } = await start(() => undefined);
    await eventually('the request', () => server.requests.length === 1);
    await informer.stop();
    expect(server.requests.length).toBe(1);
  });

  it('handles 130,000 objects at once', async () => {
    const { informer } = await start((exchange) => {
      const stream = exchange.stream();
      for (let block = 0; block < 130; block++) {
        let text = '';
        for (let index = 0; index < 1_000; index++) {
          text += `${JSON.stringify({ type: 'ADDED', object: widget(`w${block}-${index}`, 5) })}\n`;
        }
        stream.raw(text);
      }
      stream.send('BOOKMARK', bookmark(10, true));
    });
    await informer.synced(AbortSignal.timeout(20_000));
    expect(informer.stats().objects).toBe(130_000);
  }, 30_000);
});

describe('consistency', () => {
  it('ignores a version that is not newer than the known one', async () => {
    let stream: EventStream | undefined;
    const { informer, seen, server } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 9, 'red'));
    });
    await informer.synced();
    stream?.send('MODIFIED', widget('a', 100, 'blue'));
    stream?.send('MODIFIED', widget('a', 99, 'stale'));
    stream?.send('MODIFIED', widget('a', 100, 'doubled'));
    stream?.send('ADDED', widget('end', 101));
    await eventually('the last event', () => informer.get('team', 'end') !== undefined);
    expect(informer.get('team', 'a')?.spec?.colour).toBe('blue');
    expect(seen).toEqual(['added a uid-a', 'updated a 100', 'added end uid-end']);
    stream?.send('MODIFIED', widget('end', 50));
    stream?.end();
    await eventually('the next watch', () => server.requests.length === 2);
    expect(server.requests[1]?.query.get('resourceVersion')).toBe('101');
  });

  it('accepts versions that are not numbers', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 9));
    });
    await informer.synced();
    const odd = widget('a', 0, 'blue');
    odd.metadata.resourceVersion = 'abc';
    stream?.send('MODIFIED', odd);
    await eventually('the change', () => informer.get('team', 'a')?.spec?.colour === 'blue');
  });

  it('shows an object deleted and made anew between two listings as deleted, then added', async () => {
    const { informer, seen } = await start((exchange, index) => {
      if (index === 0) {
        const stream = streamList(exchange, 10, widget('a', 5, 'red', 'first'));
        stream.send('ERROR', failure(410, 'Expired'));
        stream.end();
      } else {
        streamList(exchange, 20, widget('a', 15, 'blue', 'second'));
      }
    });
    await eventually('the new object', () => informer.get('team', 'a')?.metadata.uid === 'second');
    expect(seen).toEqual(['added a first', 'deleted a first', 'added a second']);
  });

  it('does not drop a new object when the deletion of its predecessor comes late', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start((exchange) => {
      stream = streamList(exchange, 20, widget('a', 15, 'blue', 'second'));
    });
    await informer.synced();
    stream?.send('DELETED', widget('a', 14, 'red', 'first'));
    stream?.send('ADDED', widget('end', 21));
    await eventually('the last event', () => informer.get('team', 'end') !== undefined);
    expect(informer.get('team', 'a')?.metadata.uid).toBe('second');
  });

  it('lists again when the history of the server has gone back, and takes the older state', async () => {
    const { informer } = await start((exchange, index) => {
      if (index === 0) {
        const stream = streamList(exchange, 1_000, widget('a', 900, 'new'), widget('b', 950));
        stream.send('BOOKMARK', bookmark(500));
      } else {
        streamList(exchange, 510, widget('a', 400, 'restored'));
      }
    });
    await eventually('the restored state', () => informer.get('team', 'a')?.spec?.colour === 'restored');
    await eventually('the sweep', () => informer.get('team', 'b') === undefined);
  });

  it('lists again when a listing shows that the history has gone back while the watch was down', async () => {
    const { informer } = await start((exchange, index) => {
      if (index === 0) {
        const stream = streamList(exchange, 1_000, widget('a', 900, 'new'), widget('b', 950));
        stream.send('ERROR', failure(410, 'Expired'));
        stream.end();
      } else {
        streamList(exchange, 510, widget('a', 400, 'restored'));
      }
    });
    await eventually('the restored state', () => informer.get('team', 'a')?.spec?.colour === 'restored');
    await eventually('the sweep', () => informer.get('team', 'b') === undefined);
  });

  it('drops managedFields and the last-applied annotation, and runs the transform on the rest', async () => {
    const { informer } = await start(
      (exchange) => {
        const object = widget('a', 5);
        object.metadata.annotations = {
          keep: 'me',
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
        };
        streamList(exchange, 10, {
          ...object,
          metadata: { ...object.metadata, managedFields: [{}] } as Widget['metadata'],
        });
      },
      { transform: (object) => ({ ...object, spec: { colour: 'painted' } }) },
    );
    await informer.synced();
    const object = informer.get('team', 'a');
    expect(JSON.parse(JSON.stringify(object))).toEqual({
      kind: 'Widget',
      metadata: {
        namespace: 'team',
        name: 'a',
        uid: 'uid-a',
        resourceVersion: '5',
        annotations: { keep: 'me' },
      },
      spec: { colour: 'painted' },
    });
  });
});

describe('reading', () => {
  const indexers = { colour: (object: Widget) => (object.spec ? [object.spec.colour] : []) };

  it('finds objects by index, through changes and deletions', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start(
      (exchange) => {
        stream = streamList(exchange, 10, widget('a', 5, 'red'), widget('b', 6, 'red'));
      },
      { indexers },
    );
    await informer.synced();
    const named = (colour: string) =>
      informer.byIndex('colour', colour).map((object) => object.metadata.name);
    expect(named('red')).toEqual(['a', 'b']);
    stream?.send('MODIFIED', widget('a', 11, 'blue'));
    stream?.send('DELETED', widget('b', 12, 'red'));
    await eventually('both events', () => informer.list().length === 1);
    expect([named('red'), named('blue')]).toEqual([[], ['a']]);
    expect(() => informer.byIndex('size', 'big')).toThrow('no index is named size');
    expect(informer.getByKey('team/a')?.metadata.uid).toBe('uid-a');
  });

  it('shows a late handler what is there, and nothing more once it is removed', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    const late: string[] = [];
    const remove = informer.on({ added: (object) => late.push(object.metadata.name) });
    expect(late).toEqual(['a']);
    remove();
    stream?.send('ADDED', widget('b', 11));
    await eventually('the event', () => informer.get('team', 'b') !== undefined);
    expect(late).toEqual(['a']);
  });

  it('reads its own writes, and ignores the echo', async () => {
    let stream: EventStream | undefined;
    const { informer, seen } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    informer.put(widget('a', 12, 'ours'));
    expect(informer.get('team', 'a')?.spec?.colour).toBe('ours');
    informer.put(widget('a', 11, 'stale'));
    expect(informer.get('team', 'a')?.spec?.colour).toBe('ours');
    stream?.send('MODIFIED', widget('a', 12, 'ours'));
    stream?.send('ADDED', widget('end', 13));
    await eventually('the last event', () => informer.get('team', 'end') !== undefined);
    expect(seen).toEqual(['added a uid-a', 'updated a 12', 'added end uid-end']);
  });

  it('takes in no write that no watch is about', async () => {
    const { informer } = await start((exchange) => void streamList(exchange, 10), { namespaces: ['other'] });
    await informer.synced();
    informer.put(widget('a', 12));
    expect(informer.list()).toEqual([]);
  });

  it('shows an object that left the selection and came back, with later writes of ours', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    stream?.send('DELETED', widget('a', 12));
    stream?.send('ADDED', widget('a', 13));
    await eventually('its return', () => informer.get('team', 'a')?.metadata.resourceVersion === '13');
    informer.put(widget('a', 14, 'ours'));
    expect(informer.get('team', 'a')?.spec?.colour).toBe('ours');
  });

  it('does not bring back an object whose deletion it has seen', async () => {
    let stream: EventStream | undefined;
    const { informer } = await start((exchange) => {
      stream = streamList(exchange, 10, widget('a', 5));
    });
    await informer.synced();
    stream?.send('DELETED', widget('a', 12));
    await eventually('the deletion', () => informer.get('team', 'a') === undefined);
    informer.put(widget('a', 11, 'ours'));
    expect(informer.get('team', 'a')).toBeUndefined();
  });

  it('keeps an object that it has just created through a listing that is older', async () => {
    let second: EventStream | undefined;
    let first: EventStream | undefined;
    const { informer } = await start((exchange, index) => {
      if (index === 0) first = streamList(exchange, 10);
      else second = exchange.stream();
    });
    await informer.synced();
    first?.send('ERROR', failure(410, 'Expired'));
    first?.end();
    await eventually('the second listing', () => second !== undefined);
    informer.put(widget('mine', 25));
    second?.send('BOOKMARK', bookmark(20, true));
    second?.send('ADDED', widget('end', 26));
    await eventually('the last event', () => informer.get('team', 'end') !== undefined);
    expect(informer.get('team', 'mine')).toBeDefined();
  });
});

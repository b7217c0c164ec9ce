import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Informer } from '../../../src/runtime/informer.ts';
import type { KubeClient, RequestRecord } from '../../../src/runtime/kube/client.ts';
import { type ControlPlane, startControlPlane } from '../../controlplane/control-plane.ts';
import { connect, until } from './connect.ts';
import { type Widget, widgetDefinition, widgets } from './widgets.ts';

/** Its own control plane, since its API server is stopped on the way. */
let controlPlane: ControlPlane;
let client: KubeClient;
const records: RequestRecord[] = [];

beforeAll(async () => {
  controlPlane = await startControlPlane({ own: true });
  await controlPlane.apply(widgetDefinition);
  client = await connect(controlPlane, { onRequest: (record) => records.push(record) });
});

afterAll(async () => {
  await client.close();
  await controlPlane.stop();
});

function make(namespace: string, name: string, colour: string): Promise<Widget> {
  return client.create<Widget>(widgets, { metadata: { namespace, name }, spec: { colour } });
}

describe('the informer against a real API server', () => {
  it('streams the first list, follows changes, and drops what nobody reads', async () => {
    const namespace = await controlPlane.createNamespace('runtime-informer');
    await controlPlane.apply({
      apiVersion: 'runtime.test.keyframe.dev/v1',
      kind: 'Widget',
      metadata: { name: 'a', namespace },
      spec: { colour: 'red' },
    });
    await make(namespace, 'b', 'red');
    records.length = 0;
    const informer = new Informer<Widget>({
      client,
      resource: widgets,
      namespaces: [namespace],
      indexers: { colour: (widget) => [widget.spec?.colour ?? ''] },
    });
    const seen: string[] = [];
    informer.on({
      added: (widget) => seen.push(`added ${widget.metadata.name}`),
      updated: (_, widget) => seen.push(`updated ${widget.metadata.name}`),
      deleted: (widget) => seen.push(`deleted ${widget.metadata.name}`),
    });
    informer.start();
    await informer.synced(AbortSignal.timeout(30_000));
    try {
      expect(seen.sort()).toEqual(['added a', 'added b']);
      // One watch and no list: the server streamed it.
      expect(records.map(({ verb, code }) => [verb, code])).toEqual([['watch', 200]]);
      expect(JSON.stringify(informer.list())).not.toContain('managedFields');

      await client.mergePatch(widgets, { namespace, name: 'a' }, { spec: { colour: 'blue' } });
      await client.delete(widgets, { namespace, name: 'b' });
      await until('both events', () => seen.length === 4);
      expect(seen.slice(2)).toEqual(['updated a', 'deleted b']);
      expect(informer.byIndex('colour', 'blue').map((widget) => widget.metadata.name)).toEqual(['a']);
      expect(informer.byIndex('colour', 'red')).toEqual([]);
    } finally {
      await informer.stop();
    }
  });

  it('finds its own write in the cache at once, and gives no second event for the echo', async () => {
    const namespace = await controlPlane.createNamespace('runtime-informer');
    await make(namespace, 'a', 'red');
    const informer = new Informer<Widget>({ client, resource: widgets, namespaces: [namespace] });
    let updates = 0;
    informer.on({ updated: () => updates++ });
    informer.start();
    await informer.synced(AbortSignal.timeout(30_000));
    try {
      const written = await client.mergePatch<Widget>(
        widgets,
        { namespace, name: 'a' },
        { spec: { colour: 'blue' } },
      );
      informer.put(written);
      expect(informer.get(namespace, 'a')?.spec?.colour).toBe('blue');
      await make(namespace, 'end', 'grey');
      await until('what came after the echo', () => informer.get(namespace, 'end') !== undefined);
      expect(updates).toBe(1);
    } finally {
      await informer.stop();
    }
  });

  it('holds what the server holds after restarts of the API server', async () => {
    const namespace = await controlPlane.createNamespace('runtime-restart');
    const first = await make(namespace, 'kept', 'red');
    await make(namespace, 'deleted', 'red');
    const old = await make(namespace, 'renewed', 'red');
    const informer = new Informer<Widget>({
      client,
      resource: widgets,
      backoff: { baseMs: 100, maxMs: 1_000 },
    });
    const seen: string[] = [];
    informer.on({
      added: (widget) => seen.push(`added ${widget.metadata.name} ${widget.metadata.uid}`),
      deleted: (widget) => seen.push(`deleted ${widget.metadata.name} ${widget.metadata.uid}`),
    });
    informer.start();
    await informer.synced(AbortSignal.timeout(30_000));
    try {
      for (const round of [1, 2]) {
        await controlPlane.stopApiServer();
        await until('the informer to notice', () => informer.stats().watches > round);
        await controlPlane.restartApiServer();
        await client.mergePatch(widgets, first.metadata, { spec: { colour: `round ${round}` } });
        await make(namespace, `new-${round}`, 'green');
        if (round === 1) {
          await client.delete(widgets, { namespace, name: 'deleted' });
          await client.delete(widgets, { namespace, name: 'renewed' });
          await make(namespace, 'renewed', 'blue');
        }
        await until(
          'the last change',
          () => informer.get(namespace, 'kept')?.spec?.colour === `round ${round}`,
        );
        await until('the new object', () => informer.get(namespace, `new-${round}`) !== undefined);
        await until('the deletion', () => informer.get(namespace, 'deleted') === undefined);
        await until(
          'the successor',
          () => informer.get(namespace, 'renewed')?.metadata.uid !== old.metadata.uid,
        );
        const served = await client.listAll<Widget>(widgets);
        const versions = (items: Widget[]) =>
          items
            .map(({ metadata }) => `${metadata.namespace}/${metadata.name} ${metadata.resourceVersion}`)
            .sort();
        await until(
          'the cache to be as the server',
          () => versions(informer.list()).join() === versions(served.items).join(),
        );
      }
      expect(seen.filter((line) => line.endsWith(old.metadata.uid ?? '?'))).toEqual([
        `added renewed ${old.metadata.uid}`,
        `deleted renewed ${old.metadata.uid}`,
      ]);
      expect(seen.filter((line) => line.includes('kept')).length).toBe(1);
    } finally {
      await informer.stop();
    }
  });
});

import { describe, expect, it } from 'vitest';
import { TransportError } from './kube/errors.ts';
import type { KubeObject } from './kube/types.ts';
import { patchMetadata, writeStatus } from './status-writer.ts';
import { FakeKubeClient } from './testing/fake-kube-client.ts';
import { widgets } from './testing/widgets.ts';

interface Widget extends KubeObject {
  status?: { phase?: string; list?: number[]; detail?: Record<string, string> };
}

async function setUp(): Promise<{ client: FakeKubeClient; object: Widget }> {
  const client = new FakeKubeClient();
  await client.create(widgets, { metadata: { namespace: 'team', name: 'one' } });
  const object = await client.mergePatchStatus<Widget>(
    widgets,
    { namespace: 'team', name: 'one' },
    { status: { phase: 'Creating', list: [1, 2], detail: { a: 'x', b: 'y' } } },
  );
  client.writes.length = 0;
  return { client, object };
}

describe('writeStatus', () => {
  it('sends nothing when nothing differs, whatever the order of members', async () => {
    const { client, object } = await setUp();
    const same = { detail: { b: 'y', a: 'x' }, list: [1, 2], phase: 'Creating' };
    expect(await writeStatus(client, widgets, object, same)).toEqual({ result: 'unchanged' });
    expect(client.writes).toEqual([]);
  });

  it('sends the difference under the lock of uid and version', async () => {
    const { client, object } = await setUp();
    const next = { phase: 'Ready', list: [1, 2], detail: { a: 'x' } };
    const written = await writeStatus(client, widgets, object, next);
    expect(client.writes).toMatchObject([
      {
        verb: 'patch',
        subresource: 'status',
        body: {
          metadata: { uid: object.metadata.uid, resourceVersion: object.metadata.resourceVersion },
          status: { phase: 'Ready', detail: { b: null } },
        },
      },
    ]);
    expect(written.result === 'written' && written.object.status).toEqual(next);
  });

  it('answers conflict when someone else has written meanwhile', async () => {
    const { client, object } = await setUp();
    await client.mergePatch(widgets, object.metadata, { metadata: { labels: { a: 'b' } } });
    expect(await writeStatus(client, widgets, object, { phase: 'Ready' })).toEqual({ result: 'conflict' });
  });

  it('answers gone for a deleted object, and conflict for one made anew under its name', async () => {
    const { client, object } = await setUp();
    await client.delete(widgets, object.metadata);
    expect(await writeStatus(client, widgets, object, { phase: 'Ready' })).toEqual({ result: 'gone' });
    await client.create(widgets, { metadata: { namespace: 'team', name: 'one' } });
    expect(await writeStatus(client, widgets, object, { phase: 'Ready' })).toEqual({ result: 'conflict' });
  });

  it('throws what it cannot judge', async () => {
    const { client, object } = await setUp();
    client.before = () => {
      throw new TransportError('reset', { sent: true });
    };
    await expect(writeStatus(client, widgets, object, { phase: 'Ready' })).rejects.toThrow('reset');
  });

  it('refuses an object that did not come from the server', async () => {
    const { client } = await setUp();
    const made: Widget = { metadata: { namespace: 'team', name: 'one' } };
    await expect(writeStatus(client, widgets, made, { phase: 'Ready' })).rejects.toThrow(
      /uid and resourceVersion/,
    );
  });
});

describe('patchMetadata', () => {
  it('sets finalizer and annotation in one write under the lock', async () => {
    const { client, object } = await setUp();
    const change = { finalizers: ['keyframe.dev/x'], annotations: { intent: '{}' } };
    const written = await patchMetadata(client, widgets, object, change);
    const { uid, resourceVersion } = object.metadata;
    expect(client.writes).toMatchObject([
      { subresource: '', body: { metadata: { uid, resourceVersion, ...change } } },
    ]);
    expect(written.result === 'written' && written.object.metadata).toMatchObject(change);
    expect(written.result === 'written' && written.object.status).toEqual(object.status);
  });

  it('removes an annotation by null, and an object goes with its last finalizer', async () => {
    const { client, object } = await setUp();
    const first = await patchMetadata(client, widgets, object, {
      finalizers: ['f'],
      annotations: { a: '1' },
    });
    if (first.result !== 'written') throw new Error(first.result);
    const second = await patchMetadata(client, widgets, first.object, { annotations: { a: null } });
    if (second.result !== 'written') throw new Error(second.result);
    expect(second.object.metadata.annotations).toEqual({});
    expect(second.object.metadata.finalizers).toEqual(['f']);
    await client.delete(widgets, second.object.metadata);
    const deleted = await client.get<Widget>(widgets, second.object.metadata);
    const last = await patchMetadata(client, widgets, deleted, { finalizers: [] });
    expect(last.result).toBe('written');
    expect(await patchMetadata(client, widgets, deleted, { finalizers: ['g'] })).toEqual({ result: 'gone' });
  });

  it('sends nothing when nothing differs', async () => {
    const { client, object } = await setUp();
    expect(
      await patchMetadata(client, widgets, object, { finalizers: [], annotations: { no: null } }),
    ).toEqual({
      result: 'unchanged',
    });
    expect(client.writes).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEventRecorder, eventResource, referenceTo } from '../../../src/runtime/events.ts';
import type { KubeClient } from '../../../src/runtime/kube/client.ts';
import type { KubeObject } from '../../../src/runtime/kube/types.ts';
import { FakeClock } from '../../../src/runtime/testing/fake-clock.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { connect } from './connect.ts';
import { type Widget, widgetDefinition, widgets } from './widgets.ts';

interface WrittenEvent extends KubeObject {
  note?: string;
  reason?: string;
  series?: { count: number };
}

const cluster = useControlPlane();
let client: KubeClient;
let namespace = '';

beforeAll(async () => {
  await cluster.apply(widgetDefinition);
  namespace = await cluster.createNamespace('runtime-events');
  client = await connect(cluster);
});

afterAll(async () => {
  await client.close();
  await cluster.disconnect();
});

function newRecorder(clock?: FakeClock) {
  return createEventRecorder({
    client,
    reportingController: 'keyframe.dev/operator',
    reportingInstance: 'pod-1',
    ...(clock === undefined ? {} : { clock }),
  });
}

describe('events against a real API server', () => {
  it('are accepted, and shown by kubectl', async () => {
    const widget = await client.create<Widget>(widgets, { metadata: { namespace, name: 'one' } });
    const recorder = newRecorder();
    recorder.record({
      regarding: referenceTo(widgets, widget),
      type: 'Warning',
      reason: 'CreationFailed',
      action: 'CreateSnapshot',
      note: `It failed. ${'x'.repeat(2_000)}`,
    });
    await recorder.flush(10_000);
    expect(recorder.dropped).toBe(0);
    const shown = await cluster.kubectl(['events', '-n', namespace, '--for', 'widget/one']);
    expect(shown.stdout + shown.stderr).toMatch(/Warning +CreationFailed +[Ww]idget\/one +It failed\./);
  });

  it('of one kind become a series', async () => {
    const widget = await client.create<Widget>(widgets, { metadata: { namespace, name: 'series' } });
    const clock = new FakeClock(Date.now());
    const recorder = newRecorder(clock);
    const event = {
      regarding: referenceTo(widgets, widget),
      type: 'Normal',
      reason: 'Queued',
      action: 'Wait',
      note: 'Waiting for its turn.',
    } as const;
    recorder.record(event);
    await recorder.flush(10_000);
    await clock.advance(60_000);
    recorder.record(event);
    await recorder.flush(10_000);
    const { items } = await client.listAll<WrittenEvent>(eventResource, { namespace });
    const written = items.filter((item) => item.reason === 'Queued');
    expect(written.map((item) => item.series?.count)).toEqual([2]);
    expect(recorder.dropped).toBe(0);
  });

  it('about cluster-scoped objects are written to default', async () => {
    const recorder = newRecorder();
    const name = `cluster-wide-${namespace}`;
    recorder.record({
      regarding: { apiVersion: 'keyframe.dev/v1alpha1', kind: 'ClusterVMProvider', name, uid: name },
      type: 'Normal',
      reason: 'Available',
      action: 'Probe',
      note: 'The endpoint answers.',
    });
    await recorder.flush(10_000);
    const written = await waitFor('the event', async () => {
      const { items } = await client.listAll<WrittenEvent>(eventResource, { namespace: 'default' });
      return items.find((item) => item.metadata.name.startsWith(name));
    });
    expect(written.note).toBe('The endpoint answers.');
  });
});

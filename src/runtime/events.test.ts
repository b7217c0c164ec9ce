import { describe, expect, it } from 'vitest';
import { createEventRecorder, type EventRecord, type EventRecorder, referenceTo } from './events.ts';
import { TransportError } from './kube/errors.ts';
import type { KubeObject } from './kube/types.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { FakeKubeClient } from './testing/fake-kube-client.ts';
import { widgets } from './testing/widgets.ts';

function setUp(): { client: FakeKubeClient; clock: FakeClock; recorder: EventRecorder } {
  const client = new FakeKubeClient();
  const clock = new FakeClock();
  const recorder = createEventRecorder({
    client,
    clock,
    reportingController: 'keyframe.dev/operator',
    reportingInstance: 'pod-1',
  });
  return { client, clock, recorder };
}

function record(change: Partial<EventRecord> = {}): EventRecord {
  return {
    regarding: { apiVersion: 'example.dev/v1', kind: 'Widget', namespace: 'team', name: 'one', uid: 'u1' },
    type: 'Normal',
    reason: 'Available',
    action: 'CreateWidget',
    note: 'The widget is there.',
    ...change,
  };
}

describe('the event recorder', () => {
  it('writes an Event into the namespace of the object', async () => {
    const { client, clock, recorder } = setUp();
    recorder.record(record());
    expect(client.writes).toEqual([]);
    await clock.advance(1);
    expect(client.writes).toMatchObject([
      {
        verb: 'create',
        resource: 'events',
        body: {
          apiVersion: 'events.k8s.io/v1',
          kind: 'Event',
          metadata: { namespace: 'team', name: expect.stringMatching(/^one\.[0-9a-f]{16}$/) },
          eventTime: '2026-01-01T00:00:00.000000Z',
          reportingController: 'keyframe.dev/operator',
          reportingInstance: 'pod-1',
          type: 'Normal',
          reason: 'Available',
          action: 'CreateWidget',
          note: 'The widget is there.',
        },
      },
    ]);
  });

  it('names the Events of an object in the order of time, by which kubectl describe shows them', async () => {
    const { client, clock, recorder } = setUp();
    for (const note of ['first', 'second', 'third']) {
      recorder.record(record({ note }));
      await clock.advance(1);
    }
    const names = client.writes.map((write) => (write.body as KubeObject).metadata.name);
    expect(names.length).toBe(3);
    expect(names).toEqual(names.toSorted());
  });

  it('writes Events of cluster-scoped objects into default', async () => {
    const { client, clock, recorder } = setUp();
    recorder.record(record({ regarding: { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u2' } }));
    await clock.advance(1);
    expect(client.writes[0]?.key).toMatch(/^default\/n\./);
  });

  it('counts repeats on the first Event, at most once a minute', async () => {
    const { client, clock, recorder } = setUp();
    for (let second = 0; second < 150; second++) {
      recorder.record(record());
      await clock.advance(1_000);
    }
    expect(client.writes.map((write) => write.verb)).toEqual(['create', 'patch', 'patch']);
    expect(client.writes[2]?.body).toEqual({
      series: { count: 121, lastObservedTime: '2026-01-01T00:02:00.000000Z' },
    });
  });

  it('writes the same Event anew after ten minutes, and other notes at once', async () => {
    const { client, clock, recorder } = setUp();
    recorder.record(record());
    await clock.advance(600_000);
    recorder.record(record());
    recorder.record(record({ note: 'Something else.' }));
    await clock.advance(1);
    expect(client.writes.map((write) => write.verb)).toEqual(['create', 'create', 'create']);
  });

  it('limits the rate for one object, and not for others', async () => {
    const { client, clock, recorder } = setUp();
    for (let index = 0; index < 50; index++) recorder.record(record({ note: `Note ${index}.` }));
    recorder.record(record({ regarding: { ...record().regarding, uid: 'u9', name: 'other' } }));
    await clock.advance(1);
    expect(client.writes.length).toBe(21);
    expect(recorder.dropped).toBe(30);
    await clock.advance(60_000);
    for (let index = 50; index < 60; index++) recorder.record(record({ note: `Note ${index}.` }));
    await clock.advance(1);
    expect(client.writes.length).toBe(23);
  });

  it('cuts long notes without breaking a character, and takes secrets out', async () => {
    const { client, clock, recorder } = setUp();
    recorder.record(record({ note: `${'x'.repeat(998)}😀😀` }));
    recorder.record(record({ note: 'failed: https://blob.example/x?sv=1&sig=abcdef%3D' }));
    await clock.advance(1);
    const notes = client.writes.map((write) => (write.body as EventRecord).note);
    expect(notes[0]).toBe(`${'x'.repeat(998)}…`);
    expect(notes[1]).toBe('failed: https://blob.example/x?[redacted]');
  });

  it('holds a bounded number while the server hangs, and counts the rest', async () => {
    const { client, clock, recorder } = setUp();
    client.before = () => new Promise(() => undefined);
    for (let index = 0; index < 1_500; index++) {
      recorder.record(record({ regarding: { ...record().regarding, uid: `u${index}` } }));
    }
    await clock.advance(1);
    expect(recorder.dropped).toBe(500);
  });

  it('never throws, and counts what the server refuses', async () => {
    const { client, clock, recorder } = setUp();
    client.before = () => {
      throw new TransportError('reset', { sent: true });
    };
    recorder.record(record());
    recorder.record(undefined as unknown as EventRecord);
    await clock.advance(1);
    expect(recorder.dropped).toBe(2);
    client.before = () => undefined;
    recorder.record(record({ note: 'Later.' }));
    await clock.advance(1);
    expect(client.writes.at(-1)).toMatchObject({ verb: 'create', body: { note: 'Later.' } });
  });

  it('flushes what it holds, within a limit', async () => {
    const { client, clock, recorder } = setUp();
    recorder.record(record());
    await recorder.flush(1_000);
    expect(client.writes.length).toBe(1);
    client.before = () => new Promise(() => undefined);
    recorder.record(record({ note: 'Later.' }));
    let flushed = false;
    const flush = recorder.flush(1_000).then(() => {
      flushed = true;
    });
    await clock.advance(999);
    expect(flushed).toBe(false);
    await clock.advance(1);
    await flush;
    expect(clock.armed).toBe(0);
  });

  it('makes references from objects', () => {
    const metadata = { namespace: 'team', name: 'one', uid: 'u1', resourceVersion: '7' };
    expect(referenceTo(widgets, { metadata })).toEqual({
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
      ...metadata,
    });
  });
});

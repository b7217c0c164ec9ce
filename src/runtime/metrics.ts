import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ReconcileOutcome } from './controller.ts';
import type { InformerStats } from './informer.ts';
import type { RequestRecord } from './kube/client.ts';
import type { WorkQueue } from './queue.ts';

/** The runtime's metrics. Everything else in the process may register with `registry` too. */
export interface RuntimeMetrics {
  registry: Registry;
  /** For `createKubeClient`'s `onRequest`. */
  onRequest(record: RequestRecord): void;
  /** The `onReconcile` of one controller. */
  onReconcile(controller: string): (outcome: ReconcileOutcome, seconds: number) => void;
  /** Shows a queue from now on. */
  watchQueue(controller: string, queue: WorkQueue): void;
  /** Shows an informer from now on. */
  watchInformer(resource: string, stats: () => InformerStats): void;
  /** Shows the recorder's count of Events that were not written. */
  watchEvents(dropped: () => number): void;
  setLeader(leading: boolean): void;
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Makes a registry with the process's and the runtime's metrics. */
export function createMetrics(build: { version: string }): RuntimeMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const queues = new Map<string, WorkQueue>();
  const informers = new Map<string, () => InformerStats>();
  let droppedEvents = () => 0;

  const requests = new Counter({
    name: 'keyframe_kube_requests_total',
    help: 'Requests to the Kubernetes API server; code 0 means that no answer came.',
    labelNames: ['verb', 'resource', 'subresource', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'keyframe_kube_request_duration_seconds',
    help: 'Duration of requests to the Kubernetes API server, without watches.',
    labelNames: ['verb'],
    buckets: seconds,
    registers,
  });
  const reconciles = new Counter({
    name: 'keyframe_reconcile_total',
    help: 'Runs of reconcile by outcome.',
    labelNames: ['controller', 'outcome'],
    registers,
  });
  const reconcileSeconds = new Histogram({
    name: 'keyframe_reconcile_duration_seconds',
    help: 'Duration of runs of reconcile.',
    labelNames: ['controller'],
    buckets: seconds,
    registers,
  });
  const leader = new Gauge({
    name: 'keyframe_leader',
    help: '1 while this process leads.',
    registers,
  });
  new Gauge({
    name: 'keyframe_build_info',
    help: 'Always 1; the versions of Keyframe and of Node.js are in the labels.',
    labelNames: ['version', 'node_version'],
    registers,
  }).set({ version: build.version, node_version: process.version }, 1);

  const perQueue = (name: string, help: string, read: (queue: WorkQueue) => number) =>
    new Gauge({
      name: `keyframe_workqueue_${name}`,
      help,
      labelNames: ['controller'],
      registers,
      collect() {
        for (const [controller, queue] of queues) this.set({ controller }, read(queue));
      },
    });
  perQueue('depth', 'Keys that wait to be worked on.', (queue) => queue.depth);
  perQueue('delayed', 'Keys that wait for their time.', (queue) => queue.delayed);
  perQueue('in_flight', 'Keys that are worked on.', (queue) => queue.inFlight);
  perQueue('failing', 'Keys whose last run failed.', (queue) => queue.failing);
  perQueue('oldest_age_seconds', 'Age of the key that waits longest.', (queue) => queue.oldestAgeMs / 1000);

  const perInformer = (name: string, help: string, read: (stats: InformerStats) => number) =>
    new Gauge({
      name: `keyframe_informer_${name}`,
      help,
      labelNames: ['resource'],
      registers,
      collect() {
        for (const [resource, stats] of informers) this.set({ resource }, read(stats()));
      },
    });
  perInformer('objects', 'Objects in the cache.', (stats) => stats.objects);
  perInformer(
    'last_contact_age_seconds',
    'Since the watch was last heard.',
    (stats) => stats.lastContactAgeMs / 1000,
  );

  /** Counters that live elsewhere are set, not increased, when they are read. */
  const mirror = (name: string, help: string, label: string, read: () => Iterable<[string, number]>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value }, count);
      },
    });
  mirror('keyframe_workqueue_retries_total', 'Retries after failed runs.', 'controller', () =>
    Array.from(queues, ([name, queue]) => [name, queue.retries]),
  );
  mirror('keyframe_informer_relists_total', 'Full listings after the first.', 'resource', () =>
    Array.from(informers, ([name, stats]) => [name, stats().relists]),
  );
  mirror('keyframe_informer_watches_total', 'Watches opened.', 'resource', () =>
    Array.from(informers, ([name, stats]) => [name, stats().watches]),
  );
  mirror('keyframe_informer_handler_errors_total', 'Event handlers that failed.', 'resource', () =>
    Array.from(informers, ([name, stats]) => [name, stats().handlerErrors]),
  );
  new Counter({
    name: 'keyframe_events_dropped_total',
    help: 'Kubernetes Events that were not written.',
    registers,
    collect() {
      this.reset();
      this.inc(droppedEvents());
    },
  });

  return {
    registry,
    onRequest(record) {
      const { verb, resource, subresource, code } = record;
      requests.inc({ verb, resource, subresource, code });
      if (verb !== 'watch') requestSeconds.observe({ verb }, record.seconds);
    },
    onReconcile: (controller) => (outcome, duration) => {
      reconciles.inc({ controller, outcome });
      reconcileSeconds.observe({ controller }, duration);
    },
    watchQueue: (controller, queue) => void queues.set(controller, queue),
    watchInformer: (resource, stats) => void informers.set(resource, stats),
    watchEvents(dropped) {
      droppedEvents = dropped;
    },
    setLeader: (leading) => leader.set(leading ? 1 : 0),
  };
}

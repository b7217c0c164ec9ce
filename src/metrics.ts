import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { condition } from './api/conditions.ts';
import type { Caches } from './controllers/neighbours.ts';
import type { RecordedObject } from './controllers/recorder.ts';
import type { UnknownOutcomes } from './controllers/unknown-outcomes.ts';
import type { Budgets } from './providers/budget.ts';
import type { RequestReport } from './providers/exchange.ts';

export interface OperatorMetrics {
  onVendorRequest: (endpointID: string, report: RequestReport) => void;
}

/** The metrics of what Keyframe is for; docs/operations.md has them in a table. */
export function operatorMetrics(
  registry: Registry,
  sources: Omit<Caches, 'namespaces'> & { budgets: Budgets; unknownOutcomes: UnknownOutcomes },
): OperatorMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'keyframe_vendor_requests_total',
    help: 'Requests to vendors, by endpoint, operation and what they came to.',
    labelNames: ['endpoint', 'operation', 'outcome', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'keyframe_vendor_request_duration_seconds',
    help: 'Duration of requests to vendors.',
    labelNames: ['endpoint', 'operation'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const kinds: [string, { list(): RecordedObject[] }][] = [
    ['VMSnapshot', sources.snapshots],
    ['RestorePointCopy', sources.copies],
    ['RestorePointCollection', sources.collections],
  ];
  new Gauge({
    name: 'keyframe_objects',
    help: 'Objects by kind and by the reason of their Ready condition.',
    labelNames: ['kind', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const [kind, cache] of kinds) {
        for (const object of cache.list()) {
          this.inc({ kind, reason: condition(object.status?.conditions, 'Ready')?.reason ?? 'None' });
        }
      }
    },
  });
  new Gauge({
    name: 'keyframe_unknown_outcomes',
    help: 'Attempts whose outcome at the vendor is being found out.',
    registers,
    collect() {
      this.set(sources.unknownOutcomes.size);
    },
  });
  const budget = (
    name: string,
    help: string,
    read: (one: ReturnType<Budgets['snapshots']> extends Map<string, infer S> ? S : never) => number,
  ) =>
    new Gauge({
      name: `keyframe_vendor_${name}`,
      help,
      labelNames: ['endpoint'],
      registers,
      collect() {
        this.reset();
        for (const [endpoint, snapshot] of sources.budgets.snapshots())
          this.set({ endpoint }, read(snapshot));
      },
    });
  budget('requests_in_flight', 'Requests under way.', (one) => one.inUse);
  budget(
    'requests_waiting',
    'Requests that wait for the budget of the endpoint.',
    (one) => one.waiting.Write + one.waiting.Poll + one.waiting.Drift,
  );
  budget(
    'parked_seconds',
    'How long the longest of what the vendor throttled is still held back.',
    (one) => Math.max(0, ...Object.values(one.parkedForMs)) / 1000,
  );
  budget('outage', '1 while the endpoint does not answer.', (one) => (one.outage ? 1 : 0));
  return {
    onVendorRequest(endpoint, { operation, outcome, code, seconds }) {
      requests.inc({ endpoint, operation, outcome, code });
      requestSeconds.observe({ endpoint, operation }, seconds);
    },
  };
}

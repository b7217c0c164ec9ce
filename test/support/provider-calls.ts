/** What tests of any provider speak to a simulated vendor with. */
import { Budgets } from '../../src/providers/budget.ts';
import type { ConnectionOptions, RequestReport } from '../../src/providers/exchange.ts';
import type { Call, Outcome, WriteCall } from '../../src/providers/outcome.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';

/** Long enough for any machine: what a test waits for is a fact, and this is but its end. */
const patienceMs = 30_000;

/** The limits of a provider that is to wait for an answer in vain. */
export const impatient = { maxConcurrent: 8, requestsPerSecond: 1000, requestTimeoutMs: 1_000 };

/** Asks until the request came through: on a slow machine one that is impatient may give up before. */
export async function askUntil<T>(cameThrough: () => boolean, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (cameThrough()) return answer;
  }
}

/** A connection to an endpoint whose budget holds nothing back. Each request is added to `reports`. */
export function connectionTo(endpointID: string, caPem: string, reports: RequestReport[]): ConnectionOptions {
  const limits = { maxConcurrent: 8, requestsPerSecond: 1000, requestTimeoutMs: patienceMs };
  return {
    tls: { caBundle: caPem },
    limits,
    budget: new Budgets(systemClock).lease(endpointID, limits).budget,
    monotonic: systemClock.monotonic,
    log: silentLogger,
    onRequest: (report) => reports.push(report),
  };
}

/** A read. */
export function read(): Call {
  return { signal: new AbortController().signal, priority: 'Poll' };
}

/** A write that may be sent at once, under a correlation id of its own. */
export function write(correlationID: string = crypto.randomUUID()): WriteCall {
  const sendBefore = performance.now() + patienceMs;
  return { signal: new AbortController().signal, priority: 'Write', sendBefore, correlationID };
}

/** The value of an outcome that must be Done or Pending. */
export function must<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== 'Done' && outcome.kind !== 'Pending') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

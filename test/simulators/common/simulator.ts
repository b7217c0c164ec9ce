import type { FaultInjector } from './faults.ts';
import type { ContractViolation, RequestRecord } from './request-log.ts';

/** How any simulator is started. Everything has a default. */
export interface SimulatorOptions {
  /** Simulated seconds to a real one; 1 by default, so that durations are real ones. */
  speed?: number;
  /** The host in the simulator's own URLs; the certificate also bears localhost, 127.0.0.1 and ::1. */
  hostname?: string;
  /** The address to listen on; 127.0.0.1 by default. */
  listenHost?: string;
  /** Serve with a certificate of an authority that is not the exported one. */
  foreignCertificate?: boolean;
  /** Seed of the generator that faults with a probability draw from. */
  seed?: number;
}

/** A simulated vendor that runs in this process, as far as all are alike. */
export interface Simulator<Fault extends { kind: string }> extends AsyncDisposable {
  /** The certificate that clients must trust, PEM. */
  readonly caPem: string;
  readonly faults: FaultInjector<Fault>;
  /** Requests that the API does not allow. A test of a client asserts that there are none. */
  readonly contractViolations: readonly ContractViolation[];
  /** The last requests, one by one. */
  readonly requests: readonly RequestRecord[];
  /** Requests by operation name since the start or the last reset. */
  counts(): Record<string, number>;
  /** Forgets counts, requests and violations; state and audit log stay. */
  resetCounts(): void;
  /** Every snapshot that a request ever made, in order, whatever became of it. */
  everCreated(): object[];
  /** The audit log of effects, in order. */
  effects(): readonly object[];
  /** Lets so many simulated seconds pass at once. */
  skip(seconds: number): void;
  close(): Promise<void>;
}

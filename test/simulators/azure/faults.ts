import type { FaultRule, WireFault } from '../common/faults.ts';

/** Faults of Azure's own, beside those of the wire. */
export type EffectFault =
  /** A 429 before any effect: in Compute's form, in that form with the `error` envelope, or ARM's. */
  | { kind: 'throttled'; retryAfterSeconds: number; form?: 'bare' | 'wrapped' | 'arm' }
  /** 401 ExpiredAuthenticationToken although the token is good. */
  | { kind: 'token-expired' }
  /** The front door answers 404 although the resource is there. */
  | { kind: 'gateway-not-found' }
  /** The operation begun by this request never ends. */
  | { kind: 'operation-stuck' }
  /** The operation begun by this request fails; a point stays behind as Failed, or vanishes. */
  | { kind: 'operation-failed'; code: string; message: string; leaves?: 'failed' | 'vanished' }
  /** What this PUT makes can be neither read nor listed for so many real milliseconds. */
  | { kind: 'late-effect'; milliseconds: number }
  /** A disk of the point made by this request fails to replicate, all of them when no disk is named. */
  | { kind: 'replication-failed'; disk?: string; afterSeconds?: number }
  /** What this request begins takes so many simulated seconds. */
  | { kind: 'duration'; seconds: number };

/** Everything that can be made to go wrong. */
export type AzureFault = WireFault | EffectFault;

/** A fault with the requests it hits. */
export type AzureFaultRule = FaultRule<AzureFault>;

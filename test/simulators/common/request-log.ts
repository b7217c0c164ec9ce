import type { SimulatedClock } from './clock.ts';
import { type FaultInjector, isWireFault } from './faults.ts';
import type { WireHandling, WireRequest, WireResponse } from './http-server.ts';

/** A request that came in, and how it was answered. */
export interface RequestRecord {
  time: number;
  operation: string;
  method: string;
  url: string;
  /** undefined until it is answered, and for good when a fault kept it from being looked at. */
  status: number | undefined;
}

/** A request that the API does not allow, or that no careful client sends: a defect of the client that sent it. */
export interface ContractViolation {
  time: number;
  operation: string;
  method: string;
  url: string;
  message: string;
}

/** How many requests are remembered one by one, and how much of their URLs; counts go on. */
const rememberedRequests = 20_000;
const rememberedUrlCharacters = 500;

/**
 * What came in at a simulated vendor, and what of it was wrong.
 *
 * @typeParam Told what the vendor's records tell beside that
 * @typeParam Refused what its violations tell beside that
 */
export class RequestLog<Fault extends { kind: string }, Told extends object, Refused extends object> {
  readonly requests: (RequestRecord & Told)[] = [];
  readonly violations: (ContractViolation & Refused)[] = [];
  readonly #counts = new Map<string, number>();
  readonly #clock: SimulatedClock;
  readonly #faults: FaultInjector<Fault>;

  constructor(clock: SimulatedClock, faults: FaultInjector<Fault>) {
    this.#clock = clock;
    this.#faults = faults;
  }

  /**
   * Notes a request, and takes the faults that hit it.
   *
   * @param answer gives it its effect, unless a fault keeps it from that; faults of the vendor's own are its business
   */
  handle(
    operation: string,
    wire: WireRequest,
    told: Told,
    answer: (faults: readonly Fault[]) => WireResponse | Promise<WireResponse>,
  ): WireHandling {
    this.#counts.set(operation, (this.#counts.get(operation) ?? 0) + 1);
    const record = { ...this.#about(operation, wire), status: undefined as number | undefined, ...told };
    this.requests.push(record);
    if (this.requests.length > rememberedRequests) this.requests.shift();
    const faults = this.#faults.take({ operation, method: wire.method, pathAndQuery: wire.rawUrl });
    return {
      faults: faults.flatMap((fault) => (isWireFault(fault) ? [fault] : [])),
      answer: async () => {
        const response = await answer(faults);
        record.status = response.status;
        return response;
      },
    };
  }

  /** Notes a defect of the client. */
  violation(operation: string, wire: WireRequest, message: string, refused: Refused): void {
    this.violations.push({ ...this.#about(operation, wire), message, ...refused });
  }

  /** Requests by operation name. */
  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  /** Forgets what came in. */
  reset(): void {
    this.#counts.clear();
    this.requests.length = 0;
    this.violations.length = 0;
  }

  #about(operation: string, wire: WireRequest) {
    return {
      time: this.#clock.now(),
      operation,
      method: wire.method,
      url: wire.rawUrl.slice(0, rememberedUrlCharacters),
    };
  }
}

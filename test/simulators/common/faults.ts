/** Which requests a fault applies to. Everything is data, so that a fault can be sent to another process. */
export interface FaultMatch {
  /** The operation's name, or several; absent: any. */
  operation?: string | readonly string[];
  /** The HTTP method; absent: any. */
  method?: string;
  /** A regular expression, without regard to case, that the path with its query must match; absent: any. */
  path?: string;
  /** Lets so many matching requests pass before the first is hit. */
  skip?: number;
  /** Hits so many requests and is then spent; absent: all until it is removed. */
  times?: number;
  /** Between 0 and 1: hits that share of the matching requests; absent: each. */
  probability?: number;
}

/** Faults of the wire, which any simulator's server can carry out. */
export type WireFault =
  /** The request waits before it is looked at. Real time. */
  | { kind: 'latency'; milliseconds: number }
  /** The request is read and never answered; before its effect unless told otherwise. */
  | { kind: 'hang'; when?: 'before-effect' | 'after-effect' }
  /** The connection is reset before the request has any effect. */
  | { kind: 'reset' }
  /** The request takes effect; the connection is destroyed in place of an answer. */
  | { kind: 'lost-answer' }
  /** A fixed answer in place of the right one; before the effect unless told otherwise. A string body is sent as
   * it is, anything else as JSON. */
  | {
      kind: 'respond';
      status: number;
      body?: unknown;
      headers?: Record<string, string>;
      when?: 'before-effect' | 'after-effect';
    }
  /** The right answer's headers with these laid over them. */
  | { kind: 'headers'; headers: Record<string, string> }
  /** The body breaks off in the middle and the connection is destroyed. */
  | { kind: 'truncated-body' }
  /** The body is no JSON, although its type says so. */
  | { kind: 'malformed-body' }
  /** The body goes on for so many bytes. */
  | { kind: 'huge-body'; bytes: number };

const wireFaultKinds: Record<WireFault['kind'], true> = {
  latency: true,
  hang: true,
  reset: true,
  'lost-answer': true,
  respond: true,
  headers: true,
  'truncated-body': true,
  'malformed-body': true,
  'huge-body': true,
};

/** Whether a fault is one of the wire, and none of the vendor's own. */
export function isWireFault(fault: { kind: string }): fault is WireFault {
  return Object.hasOwn(wireFaultKinds, fault.kind);
}

/** A fault as it is added: what it hits and what it does. */
export type FaultRule<Fault extends { kind: string }> = FaultMatch & Fault;

/** What a fault is matched against. */
export interface FaultTarget {
  operation: string;
  method: string;
  pathAndQuery: string;
}

interface Armed<Fault extends { kind: string }> {
  id: number;
  rule: FaultRule<Fault>;
  path: RegExp | undefined;
  seen: number;
  hits: number;
}

/** A fault that is in force, with how often it has hit. */
export interface FaultStatus<Fault extends { kind: string }> {
  id: number;
  rule: FaultRule<Fault>;
  hits: number;
}

/** The faults that are in force. Several may hit one request. */
export class FaultInjector<Fault extends { kind: string }> {
  readonly #random: () => number;
  #armed: Armed<Fault>[] = [];
  #nextId = 1;

  /** @param random gives numbers from 0 (inclusive) to 1 (exclusive); seed it for a run that can be repeated */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Puts a fault in force and gives its id, with which it can be removed. */
  add(rule: FaultRule<Fault>): number {
    const id = this.#nextId;
    this.#nextId += 1;
    const path = rule.path === undefined ? undefined : new RegExp(rule.path, 'i');
    this.#armed.push({ id, rule, path, seen: 0, hits: 0 });
    return id;
  }

  /** Removes one fault; an unknown id is no error, since a spent fault is gone already. */
  remove(id: number): void {
    this.#armed = this.#armed.filter((armed) => armed.id !== id);
  }

  /** Removes all faults. */
  clear(): void {
    this.#armed = [];
  }

  /** The faults in force, spent ones left out. */
  list(): FaultStatus<Fault>[] {
    return this.#armed.filter((armed) => !isSpent(armed)).map(({ id, rule, hits }) => ({ id, rule, hits }));
  }

  /** The faults that hit this request; counts them as hits. */
  take(target: FaultTarget): Fault[] {
    const taken: Fault[] = [];
    for (const armed of this.#armed) {
      if (isSpent(armed) || !matches(armed, target)) continue;
      armed.seen += 1;
      if (armed.seen <= (armed.rule.skip ?? 0)) continue;
      if (armed.rule.probability !== undefined && this.#random() >= armed.rule.probability) continue;
      armed.hits += 1;
      taken.push(armed.rule);
    }
    this.#armed = this.#armed.filter((armed) => !isSpent(armed));
    return taken;
  }
}

function isSpent(armed: { rule: FaultMatch; hits: number }): boolean {
  return armed.rule.times !== undefined && armed.hits >= armed.rule.times;
}

function matches(armed: { rule: FaultMatch; path: RegExp | undefined }, target: FaultTarget): boolean {
  const { operation, method } = armed.rule;
  const operations = typeof operation === 'string' ? [operation] : operation;
  if (operations !== undefined && !operations.includes(target.operation)) return false;
  if (method !== undefined && method.toUpperCase() !== target.method) return false;
  return armed.path === undefined || armed.path.test(target.pathAndQuery);
}

/** The first of the taken faults that is of the given kind. */
export function faultOfKind<Fault extends { kind: string }, Kind extends Fault['kind']>(
  faults: readonly Fault[],
  kind: Kind,
): Extract<Fault, { kind: Kind }> | undefined {
  return faults.find((fault): fault is Extract<Fault, { kind: Kind }> => fault.kind === kind);
}

/** A small seeded generator of numbers from 0 (inclusive) to 1 (exclusive), for faults that come at random. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

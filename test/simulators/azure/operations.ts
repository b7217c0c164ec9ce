import { randomBytes, randomUUID } from 'node:crypto';
import type { SimulatedClock } from '../common/clock.ts';
import type { WireRequest, WireResponse } from '../common/http-server.ts';
import { ArmError, contractError } from './errors.ts';
import { keyOf } from './resource-ids.ts';

/** Something that Azure works at after it has answered the request. */
export interface LongRunningOperation {
  id: string;
  subscription: string;
  /** The region in the polling URL: the collection's. */
  location: string;
  line: 'compute' | 'disk';
  status: 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';
  startedAt: number;
  endedAt: number | undefined;
  error: { code: string; message: string } | undefined;
  /** DiskRP puts the outcome into the operation's body, and answers it at Location. */
  output: unknown;
  /** The signed query of the polling URL, to come back byte for byte. */
  signedQuery: string;
}

/** Beyond so many, the oldest that has ended is forgotten before its time. */
const rememberedOperations = 10_000;

/** The long-running operations and their polling URLs (Azure sheet, section 5). */
export class Operations {
  readonly #clock: SimulatedClock;
  readonly #retentionSeconds: number;
  readonly #operations = new Map<string, LongRunningOperation>();
  /** Set once the server knows its port. */
  baseUrl = '';

  constructor(clock: SimulatedClock, retentionSeconds: number) {
    this.#clock = clock;
    this.#retentionSeconds = retentionSeconds;
  }

  /** Begins an operation. The caller ends it, or leaves it in progress for ever. */
  begin(
    line: 'compute' | 'disk',
    subscription: string,
    location: string,
    apiVersion: string,
  ): LongRunningOperation {
    const operation: LongRunningOperation = {
      id: randomUUID(),
      subscription,
      location,
      line,
      status: 'InProgress',
      startedAt: this.#clock.now(),
      endedAt: undefined,
      error: undefined,
      output: undefined,
      signedQuery: signedQuery(apiVersion),
    };
    this.#forgetOldest();
    this.#operations.set(operation.id, operation);
    return operation;
  }

  /** Ends an operation: Succeeded, or Failed when there is an error. One that has ended stays as it is. */
  end(operation: LongRunningOperation, at: number, error?: { code: string; message: string }): void {
    if (operation.status !== 'InProgress') return;
    operation.status = error === undefined ? 'Succeeded' : 'Failed';
    operation.endedAt = at;
    operation.error = error;
  }

  /** The operation of that id, if it is still known. */
  get(id: string): LongRunningOperation | undefined {
    return this.#operations.get(id);
  }

  /** Every operation that is known. */
  list(): LongRunningOperation[] {
    return [...this.#operations.values()];
  }

  /** The value of Azure-AsyncOperation. */
  statusUrl(operation: LongRunningOperation): string {
    const kind = operation.line === 'compute' ? 'operations' : 'DiskOperations';
    return (
      `${this.baseUrl}/subscriptions/${operation.subscription}/providers/Microsoft.Compute/locations/` +
      `${operation.location}/${kind}/${operation.id}?${operation.signedQuery}`
    );
  }

  /** The value of Location: the same URL, which answers the outcome in place of the status. */
  resultUrl(operation: LongRunningOperation): string {
    return `${this.statusUrl(operation)}&monitor=true`;
  }

  /** Answers a request for a polling URL. */
  poll(request: WireRequest, operationId: string, subscription: string): WireResponse {
    const operation = this.#operations.get(operationId);
    if (
      operation === undefined ||
      keyOf(operation.subscription) !== keyOf(subscription) ||
      this.#isForgotten(operation)
    ) {
      throw new ArmError(404, 'NotFound', `The operation '${operationId}' was not found.`);
    }
    const monitor = request.rawQuery === `${operation.signedQuery}&monitor=true`;
    if (!monitor && request.rawQuery !== operation.signedQuery) {
      throw contractError(
        403,
        'AuthenticationFailed',
        'The signature of the operation URL is invalid: the URL must be sent back byte for byte as it was given.',
      );
    }
    return monitor ? this.#result(operation) : this.#status(operation);
  }

  #forgetOldest(): void {
    if (this.#operations.size < rememberedOperations) return;
    const ended = [...this.#operations.values()].find(({ endedAt }) => endedAt !== undefined);
    if (ended !== undefined) this.#operations.delete(ended.id);
  }

  #isForgotten(operation: LongRunningOperation): boolean {
    return (
      operation.endedAt !== undefined &&
      this.#clock.now() > operation.endedAt + this.#clock.scale(this.#retentionSeconds)
    );
  }

  #status(operation: LongRunningOperation): WireResponse {
    return json(200, {
      startTime: azureTime(operation.startedAt),
      ...(operation.endedAt === undefined ? {} : { endTime: azureTime(operation.endedAt) }),
      status: operation.status,
      ...(operation.output === undefined || operation.status !== 'Succeeded'
        ? {}
        : { properties: { output: operation.output } }),
      ...(operation.error === undefined ? {} : { error: operation.error }),
      name: operation.id,
    });
  }

  #result(operation: LongRunningOperation): WireResponse {
    if (operation.status === 'InProgress') {
      return { status: 202, headers: { Location: this.resultUrl(operation) } };
    }
    if (operation.error !== undefined) {
      throw new ArmError(409, operation.error.code, operation.error.message);
    }
    return operation.output === undefined ? { status: 200, headers: {} } : json(200, operation.output);
  }
}

/** An answer with a JSON body. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): WireResponse {
  return { status, headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers }, body };
}

/** An instant as Azure writes it: seven digits of a second, and an offset in place of Z. */
export function azureTime(instant: number): string {
  return new Date(instant).toISOString().replace(/\.(\d{3})Z$/, '.$10000+00:00');
}

/** A query like those recorded since 2023: signed, and about 3,000 characters long. */
function signedQuery(apiVersion: string): string {
  const encoded = (bytes: number): string => randomBytes(bytes).toString('base64url');
  // Lower-case escapes and the order of the parameters are lost by clients that take the URL apart.
  return (
    `p=${randomUUID()}&api-version=${apiVersion}&t=${Date.now()}0000000&c=MII${encoded(1500)}&` +
    `s=${encoded(250)}%2b${encoded(250)}%3d%3d&h=${encoded(31)}%3d`
  );
}

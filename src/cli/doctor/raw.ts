/** What the API server tells beside objects: its version, its clock, its documents. */
import { readBody } from '../../runtime/kube/body.ts';
import type { KubeConnection } from '../../runtime/kube/connection.ts';
import { apiErrorOf } from '../../runtime/kube/failures.ts';
import { defaultTransportLimits, Transport } from '../../runtime/kube/transport.ts';

const longestDocument = 16 * 1024 * 1024;
const longestWaitMs = 15_000;

export interface RawAnswer {
  body: unknown;
  /** The server's clock as the answer bears it, in milliseconds; undefined where it bears none. */
  date: number | undefined;
}

/** Reads paths of an API server that are no objects. */
export class RawReader implements AsyncDisposable {
  readonly #connection: KubeConnection;
  readonly #transport: Transport;
  readonly #userAgent: string;

  constructor(connection: KubeConnection, userAgent: string) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    this.#transport = new Transport(connection, { ...defaultTransportLimits, connectTimeoutMs: 5_000 });
  }

  /**
   * One GET.
   *
   * @throws ApiError for any answer but 200, TransportError when none came
   */
  async get(path: string): Promise<RawAnswer> {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': this.#userAgent };
    await this.#connection.authorize(headers);
    const response = await this.#transport.send({
      method: 'GET',
      path,
      headers,
      signal: AbortSignal.timeout(longestWaitMs),
    });
    const text = await readBody(response.body, longestDocument);
    const body = parsed(text);
    if (response.statusCode !== 200)
      throw apiErrorOf(`get ${path}`, response.statusCode, body ?? { message: text }, undefined);
    const said = response.headers.date;
    const date = Date.parse(Array.isArray(said) ? (said[0] ?? '') : (said ?? ''));
    return { body, date: Number.isNaN(date) ? undefined : date };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

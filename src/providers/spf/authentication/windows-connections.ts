import type { SendResult } from '../../exchange.ts';
import { type Connection, type HttpRequest, headerOf, Transport, type TransportOptions } from '../../http.ts';
import type { Authentication } from '../service-root.ts';
import type { Sender } from './sender.ts';

/** Sends one request over the connection that is to be authenticated, within what is left of the time. */
export type SendLeg = (
  request: Pick<HttpRequest, 'method' | 'url'> & { headers: { authorization: string } },
  connection?: Connection,
) => ReturnType<Transport['send']>;

/** What the request itself is to bear, or what came of the steps before it. */
export type Prepared = { authorization: string; connection?: Connection } | { result: SendResult };

/** A way to authenticate a connection by the first request over it. */
export interface Mechanism {
  /**
   * Does what comes before that request, with requests of its own that have no body and no effect.
   *
   * @param current the connection of the transport at this moment
   */
  prepare(send: SendLeg, current: () => Connection | undefined, signal?: AbortSignal): Promise<Prepared>;
  /** Whether an answer other than a 401 says that the connection stays authenticated. */
  persists(persistentAuth: string | undefined): boolean;
  close(): Promise<void>;
}

/** Handshakes for one request: a connection may be lost between the steps of the first. */
const maxHandshakes = 2;

/**
 * Connections that Windows authenticates by their first request (NTLM, Negotiate): later ones go over them as they
 * are. Each carries one request at a time; there are as many as there are requests at once.
 */
export class WindowsConnections implements Sender {
  readonly authentication: Authentication;
  readonly #mechanism: Mechanism;
  readonly #options: TransportOptions;
  /** Those that wait for a request; the last one used is the first to be used again. */
  readonly #idle: WindowsConnection[] = [];
  readonly #all = new Set<WindowsConnection>();

  constructor(authentication: Authentication, mechanism: Mechanism, options: TransportOptions) {
    this.authentication = authentication;
    this.#mechanism = mechanism;
    this.#options = options;
    // Made now, so that what is wrong with the TLS settings is told now.
    this.#idle.push(this.#connect());
  }

  async send(request: HttpRequest): Promise<SendResult> {
    const connection = this.#idle.pop() ?? this.#connect();
    try {
      return await connection.send(request);
    } finally {
      this.#idle.push(connection);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((connection) => connection.close()));
    await this.#mechanism.close();
  }

  #connect(): WindowsConnection {
    const connection = new WindowsConnection(this.#mechanism, this.#options);
    this.#all.add(connection);
    return connection;
  }
}

class WindowsConnection {
  readonly #mechanism: Mechanism;
  readonly #transport: Transport;
  readonly #monotonic: () => number;
  #authenticated: Connection | undefined;

  constructor(mechanism: Mechanism, options: TransportOptions) {
    this.#mechanism = mechanism;
    this.#transport = new Transport({ ...options, pinned: true });
    this.#monotonic = options.monotonic;
  }

  async send(request: HttpRequest): Promise<SendResult> {
    const until = this.#monotonic() + request.timeoutMs;
    const { connection } = this.#transport;
    if (connection !== undefined && connection === this.#authenticated) {
      const result = await this.#transport.send({ ...request, connection });
      // A 401 to a connection that was let in: the server has forgotten it, and did nothing.
      const refused = result.ok && result.response.status === 401;
      if (!refused && !isGone(result)) return result;
    }
    this.#authenticated = undefined;
    let result = await this.#handshake(request, until);
    for (let handshakes = 1; handshakes < maxHandshakes && isGone(result); handshakes += 1) {
      result = await this.#handshake(request, until);
    }
    return result;
  }

  /** The steps of the handshake, and in its last one the request. */
  async #handshake(request: HttpRequest, until: number): Promise<SendResult> {
    const { signal } = request;
    const { 'content-type': _ofTheBody, ...headers } = request.headers;
    const leftMs = () => Math.max(1, until - this.#monotonic());
    const sendLeg: SendLeg = (leg, connection) =>
      this.#transport.send({
        ...leg,
        // Whatever says on whose behalf, and in which protocol, the request itself is.
        headers: { ...headers, ...leg.headers },
        operation: 'handshake',
        timeoutMs: leftMs(),
        ...(signal === undefined ? {} : { signal }),
        ...(connection === undefined ? {} : { connection }),
      });
    const prepared = await this.#mechanism.prepare(sendLeg, () => this.#transport.connection, signal);
    if ('result' in prepared) return prepared.result;
    const { authorization, connection } = prepared;
    const result = await this.#transport.send({
      ...request,
      headers: { ...request.headers, authorization },
      timeoutMs: leftMs(),
      ...(connection === undefined ? {} : { connection }),
    });
    if (result.ok && result.response.status !== 401) {
      const stays = this.#mechanism.persists(headerOf(result.response, 'persistent-auth')?.toLowerCase());
      this.#authenticated = stays ? this.#transport.connection : undefined;
    }
    return result;
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

/** Whether a request was held back, as its connection was lost before it was sent. */
function isGone(result: SendResult): boolean {
  return !result.ok && 'failure' in result && result.failure.cause === 'ConnectionGone';
}

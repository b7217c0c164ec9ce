import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { WireRequest } from '../common/http-server.ts';
import type { PendingChallenge } from './ntlm-acceptor.ts';

/** What is known of a connection: NTLM and Negotiate authenticate it, and not a request. */
export interface Connection {
  /** The challenge that was sent over it and awaits its answer. */
  pending: PendingChallenge | undefined;
  /** Who has authenticated it. */
  user: string | undefined;
  /** The client's certificate, DER. */
  certificate(): Buffer | undefined;
}

/** Tells of each request over which connection it came. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>();

  /** The connection that a request came over. */
  of({ socket }: WireRequest): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection: Connection = {
      pending: undefined,
      user: undefined,
      certificate: () => peerCertificate(socket),
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => this.#connections.delete(socket));
    return connection;
  }

  /** Forgets who has authenticated, as a recycled application pool does. */
  forgetUsers(): void {
    for (const connection of this.#connections.values()) {
      connection.pending = undefined;
      connection.user = undefined;
    }
  }
}

function peerCertificate(socket: Socket): Buffer | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

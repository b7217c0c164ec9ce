import { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { WireRequest } from '../common/http-server.ts';
import type { PendingChallenge } from './ntlm-acceptor.ts';

/** The name of the header that bears the connection's number. No client can send it: a colon is in no field name. */
const connectionHeader = ':connection';

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
  readonly #connections = new Map<string, Connection>();
  readonly #ids = new WeakMap<Socket, string>();
  #nextId = 1;

  /**
   * Options for a server, to go with its certificate: they have each message bear the number of its connection.
   */
  get serverOptions(): { IncomingMessage: typeof IncomingMessage } {
    const numberOf = (socket: Socket): string => this.#idOf(socket);
    class NumberedMessage extends IncomingMessage {
      constructor(socket: Socket) {
        super(socket);
        const id = numberOf(socket);
        Object.defineProperty(this, 'headers', {
          get: () => ({
            ...(Reflect.get(IncomingMessage.prototype, 'headers', this) as object),
            [connectionHeader]: id,
          }),
        });
      }
    }
    return { IncomingMessage: NumberedMessage };
  }

  /** The connection that a request came over. */
  of(request: WireRequest): Connection {
    return this.#connections.get(request.headers[connectionHeader] ?? '') ?? unknownConnection();
  }

  /** Forgets who has authenticated, as a recycled application pool does. */
  forgetUsers(): void {
    for (const connection of this.#connections.values()) {
      connection.pending = undefined;
      connection.user = undefined;
    }
  }

  #idOf(socket: Socket): string {
    const known = this.#ids.get(socket);
    if (known !== undefined) return known;
    const id = String(this.#nextId);
    this.#nextId += 1;
    this.#ids.set(socket, id);
    this.#connections.set(id, { ...unknownConnection(), certificate: () => peerCertificate(socket) });
    socket.once('close', () => this.#connections.delete(id));
    return id;
  }
}

function unknownConnection(): Connection {
  return { pending: undefined, user: undefined, certificate: () => undefined };
}

function peerCertificate(socket: Socket): Buffer | undefined {
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

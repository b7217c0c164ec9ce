import type { SendResult } from '../../exchange.ts';
import {
  type ClientCertificate,
  type HttpRequest,
  type TLSOptions,
  Transport,
  type TransportOptions,
} from '../../http.ts';
import type { Authentication, ServiceRoot } from '../service-root.ts';
import { kerberosMechanism } from './kerberos.ts';
import { ntlmMechanism } from './ntlm-mechanism.ts';
import { WindowsConnections } from './windows-connections.ts';

/** A Windows account: `DOMAIN\user`, `user@domain`, or `user` for an account of the server itself. */
export interface WindowsUser {
  username: string;
  password: string;
}

/** How a provider proves who it is: one member, as in the VMProvider, with the secrets themselves. */
export type SPFAuth =
  | { basic: WindowsUser }
  | { ntlm: WindowsUser }
  /** A keytab as it lies in its file. */
  | { negotiate: { principal: string; keytab: Uint8Array } }
  | { bearer: { token: string } }
  | { clientCertificate: ClientCertificate };

/** What requests are sent with. */
export interface SenderOptions {
  auth: SPFAuth;
  root: ServiceRoot;
  tls?: TLSOptions;
  maxConnections: number;
  monotonic(): number;
}

/** Sends requests as someone. */
export interface Sender {
  readonly authentication: Authentication;
  /**
   * Sends one request. What has an effect is sent once; only after a 401, which proves that it had none, it may be
   * sent again. Never throws.
   */
  send(request: HttpRequest): Promise<SendResult>;
  /** Ends all connections; what is under way fails. */
  close(): Promise<void>;
}

/**
 * Makes the sender for a way of authentication. Nothing is sent yet. Throws a TypeError, without the secret, when
 * the credentials cannot be right.
 */
export function createSender(options: SenderOptions): Sender {
  const { auth, root, tls, maxConnections, monotonic } = options;
  const transport = { ...(tls === undefined ? {} : { tls }), maxConnections, monotonic };
  if ('basic' in auth) {
    const { username, password } = auth.basic;
    requireUser(auth.basic, 'basic');
    if (username.includes(':'))
      throw new TypeError('a user name with a colon cannot be sent by basic authentication');
    const encoded = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
    return new HeaderSender('basic', `Basic ${encoded}`, transport);
  }
  if ('bearer' in auth) {
    const token = auth.bearer.token.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError('the bearer token is empty, or no token');
    return new HeaderSender('bearer', `Bearer ${token}`, transport);
  }
  if ('clientCertificate' in auth) {
    const { clientCertificate } = auth;
    return new HeaderSender('clientCertificate', undefined, { ...transport, clientCertificate });
  }
  const { host } = new URL(root.url);
  if ('ntlm' in auth) {
    requireUser(auth.ntlm, 'ntlm');
    return new WindowsConnections('ntlm', ntlmMechanism(auth.ntlm, root.url, host), transport);
  }
  return new WindowsConnections('negotiate', kerberosMechanism(auth.negotiate, host), transport);
}

function requireUser({ username, password }: WindowsUser, name: string): void {
  if (username.trim() === '' || password === '') {
    throw new TypeError(`${name} authentication needs a user name and a password`);
  }
}

/** Sends every request with the same header, or with none where TLS itself tells who it is. */
class HeaderSender implements Sender {
  readonly authentication: Authentication;
  readonly #headers: Record<string, string>;
  readonly #transport: Transport;

  constructor(authentication: Authentication, authorization: string | undefined, options: TransportOptions) {
    this.authentication = authentication;
    this.#headers = authorization === undefined ? {} : { authorization };
    this.#transport = new Transport(options);
  }

  send(request: HttpRequest): Promise<SendResult> {
    return this.#transport.send({ ...request, headers: { ...request.headers, ...this.#headers } });
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }
}

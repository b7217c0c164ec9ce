import { createHash, randomBytes } from 'node:crypto';
import type { WireRequest } from '../common/http-server.ts';
import type { Connection, Connections } from './connections.ts';
import { SpfError } from './errors.ts';
import { type NtlmAcceptor, ntlmType } from './ntlm-acceptor.ts';
import type { Account, KerberosAcceptor, WindowsAuthentication } from './options.ts';
import type { Door } from './urls.ts';

/** Who has come in. */
export interface Principal {
  name: string;
  scheme: 'Basic' | 'NTLM' | 'Negotiate' | 'Bearer' | 'Certificate';
  /** The subscriptions it may name; undefined: any. */
  subscriptions: ReadonlySet<string> | undefined;
  /** Headers of every answer to it. */
  headers: Record<string, string>;
}

/** An attempt that was refused, with what a real server would keep to itself. */
export interface AuthenticationFailure {
  door: Door;
  scheme: string;
  reason: string;
}

interface Token {
  subscriptions: ReadonlySet<string> | undefined;
  expiresAt: number;
}

/** How many refused attempts are remembered. */
const rememberedFailures = 1000;

/** Who may come in, by which door and how. */
export class Authentication {
  readonly accounts: Account[] = [];
  readonly failures: AuthenticationFailure[] = [];
  /** Tells the user of a Kerberos token; absent: such tokens are refused. */
  kerberos: KerberosAcceptor | undefined;
  readonly #windows: WindowsAuthentication;
  readonly #ntlm: NtlmAcceptor;
  readonly #connections: Connections;
  readonly #tokens = new Map<string, Token>();
  readonly #certificates = new Map<string, Set<string>>();

  constructor(windows: WindowsAuthentication, ntlm: NtlmAcceptor, connections: Connections) {
    this.#windows = windows;
    this.#ntlm = ntlm;
    this.#connections = connections;
  }

  /** A new bearer token for the doors of Azure Pack. `seconds` are real ones, since clients plan with them. */
  issueToken(options: { subscriptions?: readonly string[]; seconds?: number } = {}): string {
    const token = ['header', 'claims', 'signature']
      .map(() => randomBytes(24).toString('base64url'))
      .join('.');
    const { subscriptions, seconds = 3600 } = options;
    this.#tokens.set(token, {
      subscriptions: subscriptions && new Set(subscriptions.map((id) => id.toLowerCase())),
      expiresAt: Date.now() + seconds * 1000,
    });
    return token;
  }

  /** Takes every bearer token back. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Has a certificate, DER, stand for a subscription at the tenant public API. */
  trustCertificate(certificate: Buffer, subscription: string): void {
    const thumbprint = thumbprintOf(certificate);
    const known = this.#certificates.get(thumbprint) ?? new Set<string>();
    this.#certificates.set(thumbprint, known.add(subscription.toLowerCase()));
  }

  /** Takes a certificate back. */
  forgetCertificate(certificate: Buffer): void {
    this.#certificates.delete(thumbprintOf(certificate));
  }

  /** Forgets which connections have authenticated. */
  forgetConnections(): void {
    this.#connections.forgetUsers();
  }

  /**
   * Lets a request in.
   *
   * @throws SpfError 401, with a challenge where the handshake goes on
   */
  async authenticate(door: Door, wire: WireRequest): Promise<Principal> {
    return door === 'spf' ? this.#windowsPrincipal(wire) : this.#azurePackPrincipal(door, wire);
  }

  /** The 401 that a door gives to one whom it does not know. */
  unauthorized(door: Door, scheme: string, reason: string): SpfError {
    this.failures.push({ door, scheme, reason });
    if (this.failures.length > rememberedFailures) this.failures.shift();
    if (door !== 'spf')
      return new SpfError(401, 'UnauthorizedRequest', 'The token or certificate is not valid.', {
        form: 'wap',
      });
    const offers = this.#windows.schemes.map((name) => (name === 'Basic' ? 'Basic realm="spf"' : name));
    return new SpfError(401, '', 'Unauthorized', { form: 'iis', headers: { 'WWW-Authenticate': offers } });
  }

  async #windowsPrincipal(wire: WireRequest): Promise<Principal> {
    const connection = this.#connections.of(wire);
    const header = wire.headers.authorization;
    if (header === undefined) {
      if (connection.user !== undefined) return windowsPrincipal(connection.user, 'NTLM');
      throw this.unauthorized('spf', 'none', 'There are no credentials.');
    }
    const [scheme = '', value = ''] = header.split(/ +/, 2);
    const offered = this.#windows.schemes.find((name) => name.toLowerCase() === scheme.toLowerCase());
    if (offered === undefined) throw this.unauthorized('spf', scheme, 'The scheme is not offered.');
    const token = Buffer.from(value, 'base64');
    if (offered === 'Basic') return this.#basicPrincipal(token);
    if (ntlmType(token) !== undefined) return this.#ntlmPrincipal(offered, connection, wire, token);
    return this.#kerberosPrincipal(offered, connection, token);
  }

  #basicPrincipal(token: Buffer): Principal {
    const [, domain, user = '', password] =
      /^(?:([^\\:]*)\\)?([^:]*):(.*)$/s.exec(token.toString('utf8')) ?? [];
    const name = user.split('@')[0]?.toLowerCase();
    const account = this.accounts.find(
      (known) =>
        known.user.toLowerCase() === name &&
        known.password === password &&
        (domain === undefined ||
          domain.toLowerCase() === (known.domain ?? this.#windows.domain).toLowerCase()),
    );
    if (account === undefined)
      throw this.unauthorized('spf', 'Basic', `No account ${user} has that password.`);
    this.#demandGroup(account.user, 'Basic');
    return { name: account.user, scheme: 'Basic', subscriptions: undefined, headers: {} };
  }

  /** The handshake of a connection: a challenge for the first message, entrance for the last. */
  #ntlmPrincipal(
    scheme: 'NTLM' | 'Negotiate',
    connection: Connection,
    wire: WireRequest,
    token: Buffer,
  ): Principal {
    connection.user = undefined;
    const { pending } = connection;
    connection.pending = undefined;
    if (ntlmType(token) === 1) {
      const challenge = this.#ntlm.challenge(token);
      if (challenge === undefined)
        throw this.unauthorized('spf', scheme, 'The client offers no NTLM, or no charset.');
      connection.pending = challenge;
      throw new SpfError(401, '', 'Unauthorized', {
        form: 'iis',
        headers: { 'WWW-Authenticate': `${scheme} ${challenge.challenge.toString('base64')}` },
        // A request with an effect could be carried out twice if its handshake went wrong (SPF sheet, section 12).
        contractViolation: wire.body.length > 0 || wire.headers['x-ms-principal-id'] === undefined,
      });
    }
    if (pending === undefined) {
      const { status, message, options } = this.unauthorized(
        'spf',
        scheme,
        'No challenge was sent over this connection.',
      );
      throw new SpfError(status, '', message, { ...options, contractViolation: true });
    }
    const result = this.#ntlm.verify(pending, token, this.accounts);
    if ('refusal' in result) throw this.unauthorized('spf', scheme, result.refusal);
    this.#demandGroup(result.user, scheme);
    connection.user = result.user;
    return windowsPrincipal(result.user, scheme);
  }

  async #kerberosPrincipal(scheme: string, connection: Connection, token: Buffer): Promise<Principal> {
    const result = scheme === 'Negotiate' ? await this.kerberos?.(token) : undefined;
    if (result === undefined) {
      throw this.unauthorized(
        'spf',
        scheme,
        'The token is neither NTLM nor one that a Kerberos acceptor takes.',
      );
    }
    connection.user = result.user;
    const principal = windowsPrincipal(result.user, 'Negotiate');
    const answer = result.answer?.toString('base64');
    if (answer !== undefined) principal.headers['WWW-Authenticate'] = `Negotiate ${answer}`;
    return principal;
  }

  #demandGroup(user: string, scheme: string): void {
    const account = this.accounts.find((known) => known.user === user);
    if (account?.mayUseSpf === false) {
      throw this.unauthorized('spf', scheme, `${user} is not in the group SPF_VMM.`);
    }
  }

  #azurePackPrincipal(door: Exclude<Door, 'spf'>, wire: WireRequest): Principal {
    const bearer = /^Bearer (\S+)$/i.exec(wire.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      const token = this.#tokens.get(bearer);
      if (token === undefined || token.expiresAt <= Date.now()) {
        throw this.unauthorized(door, 'Bearer', 'The token is unknown, or has expired.');
      }
      return { name: 'bearer', scheme: 'Bearer', subscriptions: token.subscriptions, headers: {} };
    }
    const certificate = door === 'wapPublic' ? this.#connections.of(wire).certificate() : undefined;
    const subscriptions = certificate && this.#certificates.get(thumbprintOf(certificate));
    if (subscriptions === undefined) {
      throw this.unauthorized(door, 'none', 'There is neither a token nor a certificate that is known.');
    }
    return { name: 'certificate', scheme: 'Certificate', subscriptions, headers: {} };
  }
}

/** Whether a request is a step of a handshake only, which is answered with a challenge. */
export function isHandshake(wire: WireRequest): boolean {
  const [scheme = '', value = ''] = (wire.headers.authorization ?? '').split(/ +/, 2);
  return /^(ntlm|negotiate)$/i.test(scheme) && ntlmType(Buffer.from(value, 'base64')) === 1;
}

function windowsPrincipal(name: string, scheme: 'NTLM' | 'Negotiate'): Principal {
  return { name, scheme, subscriptions: undefined, headers: { 'Persistent-Auth': 'true' } };
}

function thumbprintOf(certificate: Buffer): string {
  return createHash('sha256').update(certificate).digest('hex');
}

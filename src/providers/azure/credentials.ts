import type { ClientSecretCredentialOptions, TokenCredential } from '@azure/identity';
import { backoffDelay } from '../../runtime/backoff.ts';
import { untilAborted, waitOf } from '../exchange.ts';
import {
  type HttpFailure,
  type HttpRequest,
  type HttpResponse,
  type HttpResult,
  parseJSON,
  vendorText,
} from '../http.ts';
import { listOf, recordOf, textOf } from '../json.ts';
import type { Failure } from '../outcome.ts';
import type { TokenEndpoints } from './clouds.ts';

/** How the provider proves who it is: one member, as in the VMProvider, with the secret itself. */
export type AzureAuth =
  | { workloadIdentity: { clientID: string } }
  | { managedIdentity: { clientID?: string } }
  | { clientSecret: { clientID: string; secret: string } };

/** What a source of tokens needs. */
export interface TokenSourceOptions {
  auth: AzureAuth;
  tenantID: string;
  /** Whether the authority is none of Microsoft's, so that Microsoft cannot vouch for it. */
  customAuthority: boolean;
  /** Where tokens come from; asked again after each failure. */
  endpoints(): Promise<TokenEndpoints | Failure>;
  /** Sends one request, with the provider's TLS settings; for managed identities past all proxies. */
  send(request: HttpRequest): Promise<HttpResult>;
  /** For a whole token, however many requests it takes. */
  timeoutMs: number;
  monotonic(): number;
  /** Wall clock. */
  now(): number;
}

/** A token, or why there is none. */
export type TokenResult = { ok: true; token: string } | { ok: false; failure: Failure };

interface Token {
  value: string;
  /** Until then it is too fresh for another one to be worth a try. */
  freshUntil: number;
  refreshAt: number;
  expiresAt: number;
}

/** A token is refreshed this long before it expires, or at half of a short life. */
const refreshAheadMs = 300_000;
/** A token this fresh is not worth replacing: the next one would be refused as well. */
const freshMs = 10_000;
const failureBackoff = { baseMs: 2_000, maxMs: 60_000 };

/**
 * The tokens of one identity for the Resource Manager. They are kept in memory, refreshed before they expire,
 * and fetched once for all who wait. After a failure the authority is left alone for a while.
 */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  #token: Token | undefined;
  #fetching: Promise<Failure | undefined> | undefined;
  #failures = 0;
  #failed: { failure: Failure; until: number } | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  /** A token that is good now. Never throws. */
  async get(signal: AbortSignal): Promise<TokenResult> {
    const now = this.#options.monotonic();
    const held = this.#failed !== undefined && now < this.#failed.until;
    if (this.#token !== undefined && now < this.#token.expiresAt) {
      if (now >= this.#token.refreshAt && !held) this.#startFetch();
      return { ok: true, token: this.#token.value };
    }
    if (held && this.#failed !== undefined) return { ok: false, failure: this.#failed.failure };
    const failure = await untilAborted(this.#startFetch(), signal);
    if (failure !== undefined) return { ok: false, failure };
    if (this.#token === undefined)
      return { ok: false, failure: unavailable('Aborted', 'the token was dropped') };
    return { ok: true, token: this.#token.value };
  }

  /** Forgets a token that was refused. Tells whether another one is worth a try. */
  drop(token: string): boolean {
    if (this.#token === undefined || this.#token.value !== token) return true;
    if (this.#options.monotonic() < this.#token.freshUntil) return false;
    this.#token = undefined;
    return true;
  }

  /** One fetch for all; answers the failure, or nothing. */
  #startFetch(): Promise<Failure | undefined> {
    this.#fetching ??= this.#fetch().then((result) => {
      this.#fetching = undefined;
      if ('value' in result) {
        this.#token = result;
        this.#failures = 0;
        this.#failed = undefined;
        return undefined;
      }
      this.#failures += 1;
      const askedMs = 'afterMs' in result ? (result.afterMs ?? 0) : 0;
      const pauseMs = Math.max(askedMs, 500 + backoffDelay(this.#failures, failureBackoff));
      this.#failed = { failure: result, until: this.#options.monotonic() + pauseMs };
      return result;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<Token | Failure> {
    const startedAt = this.#options.monotonic();
    const client = new IdentityClient(this.#options, startedAt);
    try {
      const endpoints = await this.#options.endpoints();
      if ('kind' in endpoints) return endpoints;
      const credential = await this.#credential(endpoints, client);
      // The audience is kept as the cloud names it, also where that gives two slashes (Azure sheet, section 14).
      const token = await credential.getToken(`${endpoints.audience}/.default`);
      if (token === null) return unavailable('NoToken', 'the authority gave no token');
      const now = this.#options.monotonic();
      const lifeMs = token.expiresOnTimestamp - this.#options.now();
      return {
        value: token.token,
        freshUntil: now + Math.min(freshMs, lifeMs / 4),
        refreshAt: now + Math.max(lifeMs - refreshAheadMs, lifeMs / 2),
        expiresAt: now + lifeMs * 0.9,
      };
    } catch (error) {
      return tokenFailure(error, client, this.#options);
    }
  }

  /** A new credential for each token: what is kept is kept here, and a refused token is in no other cache. */
  async #credential(endpoints: TokenEndpoints, client: IdentityClient): Promise<TokenCredential> {
    // Loaded late: the library is heavy, and a process that only watches does not need it.
    const identity = await import('@azure/identity');
    const { auth, tenantID } = this.#options;
    const options: ClientSecretCredentialOptions = {
      authorityHost: endpoints.authority,
      disableInstanceDiscovery: this.#options.customAuthority,
      httpClient: client,
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
    };
    if ('clientSecret' in auth) {
      const { clientID, secret } = auth.clientSecret;
      return new identity.ClientSecretCredential(tenantID, clientID, secret, options);
    }
    if ('workloadIdentity' in auth) {
      const { clientID } = auth.workloadIdentity;
      return new identity.WorkloadIdentityCredential({ ...options, tenantId: tenantID, clientId: clientID });
    }
    const { clientID } = auth.managedIdentity;
    return new identity.ManagedIdentityCredential({
      ...options,
      ...(clientID === undefined ? {} : { clientId: clientID }),
    });
  }
}

type LibraryClient = NonNullable<ClientSecretCredentialOptions['httpClient']>;
type LibraryRequest = Parameters<LibraryClient['sendRequest']>[0];
type LibraryResponse = Awaited<ReturnType<LibraryClient['sendRequest']>>;

/**
 * Lets the identity library speak through the provider's own transport: its CA bundle, proxies and limits hold
 * for the token endpoint, too. It remembers what came last, as the library's errors do not tell all of it.
 */
class IdentityClient implements LibraryClient {
  failure: HttpFailure | undefined;
  response: HttpResponse | undefined;
  readonly #options: TokenSourceOptions;
  readonly #startedAt: number;

  constructor(options: TokenSourceOptions, startedAt: number) {
    this.#options = options;
    this.#startedAt = startedAt;
  }

  async sendRequest(request: LibraryRequest): Promise<LibraryResponse> {
    const passedMs = this.#options.monotonic() - this.#startedAt;
    const result = await this.#options.send({
      method: request.method === 'POST' ? 'POST' : 'GET',
      url: request.url,
      // The library would undo a compression in a place that this client does not have.
      headers: { ...request.headers.toJSON(), 'accept-encoding': 'identity' },
      ...(typeof request.body === 'string' ? { body: request.body } : {}),
      operation: 'getToken',
      timeoutMs: Math.max(1, this.#options.timeoutMs - passedMs),
    });
    if (!result.ok) {
      this.failure = result.failure;
      throw new Error(result.failure.error.message);
    }
    this.failure = undefined;
    this.response = result.response;
    const { status, headers, body } = result.response;
    return { request, status, headers: new LibraryHeaders(headers), bodyAsText: body };
  }
}

/** Headers in the shape that the library reads. */
class LibraryHeaders extends Map<string, string> {
  constructor(headers: HttpResponse['headers']) {
    super(
      Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    );
  }

  override get(name: string): string | undefined {
    return super.get(name.toLowerCase());
  }

  override has(name: string): boolean {
    return super.has(name.toLowerCase());
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this);
  }
}

/** What to do about Entra's commonest refusals. */
const remedies: [codes: RegExp, remedy: string][] = [
  [
    /^AADSTS7000215$/,
    "The Secret must hold the value of a client secret of this application, not the secret's id",
  ],
  [/^AADSTS7000222$/, 'Make a new client secret for the application and put its value into the Secret'],
  [
    /^AADSTS(700016|7000112)$/,
    'Check auth.clientID and tenantID: the application must exist, enabled, in this tenant',
  ],
  [
    /^AADSTS(90002|900023|50059)$/,
    'Check spec.azure.tenantID, and that spec.azure.cloud is the one it lives in',
  ],
  [
    /^AADSTS(70021|70022|700024|700027|7002\d+)$/,
    "Check the application's federated credential: issuer, subject and audience must be those of the operator's ServiceAccount token",
  ],
  [/^AADSTS(500011|65001)$/, 'Check the audience: the tenant knows no such resource'],
  [/^AADSTS5300\d$/, 'A conditional access policy of the tenant forbids it'],
  [/^identity_not_found$/, 'Assign the managed identity to the node on which the operator runs'],
];

function tokenFailure(error: unknown, client: IdentityClient, options: TokenSourceOptions): Failure {
  const { failure, response } = client;
  if (failure !== undefined) return { kind: 'Unavailable', error: failure.error };
  const words = error instanceof Error ? error.message : String(error);
  if (response === undefined) {
    // Nothing was sent: the library lacks something on this machine, such as the projected token.
    const message = `no token can be asked for: ${scrub(words, options.auth)}`;
    return { kind: 'Denied', cause: 'Authentication', error: { code: 'CredentialUnavailable', message } };
  }
  const { status } = response;
  const answer = recordOf(parseJSON(response.body));
  const code = textOf(answer?.error);
  if (status === 429) {
    const message = 'the token authority refuses further requests for now';
    return {
      kind: 'Throttled',
      afterMs: waitOf(response, options.now()) ?? 60_000,
      error: { code: 'TooManyRequests', message, status },
    };
  }
  if (status < 400 || status >= 500 || code === undefined) {
    return unavailable(
      'AuthorityFailed',
      `the token authority gave no usable answer (HTTP ${status})`,
      status,
    );
  }
  const description = entraWords(textOf(answer?.error_description) ?? words);
  const number = /AADSTS\d+/.exec(description)?.[0] ?? numberOf(answer?.error_codes) ?? code;
  const remedy = remedies.find(([codes]) => codes.test(number))?.[1];
  const message = scrub(
    remedy === undefined ? description : `${description.replace(/[.\s]*$/, '')}. ${remedy}`,
    options.auth,
  );
  return {
    kind: 'Denied',
    cause: 'Authentication',
    error: { code: vendorText(number, 128), message, status },
  };
}

/** Entra's words without what differs from one answer to the next, lest a condition change each time. */
function entraWords(description: string): string {
  return description.replace(/\s*(Trace ID|Correlation ID|Timestamp):\s*[\s\S]*$/i, '');
}

function numberOf(codes: unknown): string | undefined {
  const first = listOf(codes)?.[0];
  return typeof first === 'number' ? `AADSTS${first}` : undefined;
}

function scrub(text: string, auth: AzureAuth): string {
  const secret = 'clientSecret' in auth ? auth.clientSecret.secret : '';
  return vendorText(secret === '' ? text : text.replaceAll(secret, '[redacted]'));
}

function unavailable(code: string, message: string, status?: number): Failure {
  return { kind: 'Unavailable', error: { code, message, ...(status === undefined ? {} : { status }) } };
}

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { WireRequest, WireResponse } from '../common/http-server.ts';
import type { Principal } from './authorization.ts';
import { ArmError } from './errors.ts';
import { json } from './operations.ts';
import { equalNames } from './resource-ids.ts';

/** A trust in tokens that someone else issues: workload identity. */
export interface FederatedCredential {
  issuer: string;
  subject: string;
  audience: string;
}

/** An application that may sign in. */
export interface Client extends Principal {
  secrets: { value: string; expiresAt: number | undefined }[];
  federatedCredentials: FederatedCredential[];
}

/** A token as it was issued, for tests to look at. */
export interface IssuedToken {
  id: string;
  clientId: string;
  audience: string;
  issuedAt: number;
  expiresAt: number;
  method: 'client_secret' | 'client_assertion' | 'managed_identity';
}

interface Claims {
  aud: string;
  appid: string;
  oid: string;
  tid: string;
  exp: number;
  uti: string;
}

/** The audiences that Azure Resource Manager takes, beside its own URL (Azure sheet, section 14). */
const publicAudiences = ['https://management.azure.com', 'https://management.core.windows.net'];

/** The authority: issues tokens, and tells whether one is good. Tokens live in real time, by which clients plan. */
export class Identity {
  readonly tenantId: string;
  readonly clients = new Map<string, Client>();
  /** Set once the servers know their ports. */
  authorityUrl = '';
  resourceManagerUrl = '';
  tokenLifetimeSeconds: number;
  readonly issued: IssuedToken[] = [];
  readonly #key = randomBytes(32);
  readonly #revoked = new Set<string>();

  constructor(tenantId: string, tokenLifetimeSeconds: number) {
    this.tenantId = tenantId;
    this.tokenLifetimeSeconds = tokenLifetimeSeconds;
  }

  /** Lets an application sign in with a secret, and with federated tokens when there are trusts. */
  addClient(
    clientId: string,
    secret: string | undefined,
    federatedCredentials: FederatedCredential[] = [],
  ): Client {
    const client = {
      clientId,
      objectId: randomUUID(),
      secrets: secret === undefined ? [] : [{ value: secret, expiresAt: undefined }],
      federatedCredentials,
    };
    this.clients.set(clientId.toLowerCase(), client);
    return client;
  }

  /** Puts a new secret in the place of all others. Tokens that were issued stay good. */
  rotateSecret(clientId: string, secret: string): void {
    const client = this.clients.get(clientId.toLowerCase());
    if (client === undefined)
      throw new Error(`There is no client ${clientId} whose secret could be rotated.`);
    client.secrets = [{ value: secret, expiresAt: undefined }];
  }

  /** Lets an application sign in with tokens that someone else issues. */
  trustFederated(clientId: string, credential: FederatedCredential): void {
    const client = this.clients.get(clientId.toLowerCase());
    if (client === undefined)
      throw new Error(`There is no client ${clientId} to trust a federated credential for.`);
    client.federatedCredentials.push(credential);
  }

  /** Makes every token issued until now invalid. */
  revokeTokens(): void {
    for (const token of this.issued) this.#revoked.add(token.id);
  }

  /** The audiences that ARM takes. */
  audiences(): string[] {
    return [this.resourceManagerUrl, ...publicAudiences].flatMap((audience) => [audience, `${audience}/`]);
  }

  /**
   * Checks the bearer token of a request.
   *
   * @returns who asks
   * @throws ArmError 401 with WWW-Authenticate, as ARM words it
   */
  authenticate(authorization: string | undefined): Principal {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw this.unauthorized(
        'AuthenticationFailed',
        "Authentication failed. The 'Authorization' header is missing.",
      );
    }
    const claims = this.#read(token);
    if (claims === undefined || this.#revoked.has(claims.uti)) {
      throw this.unauthorized('InvalidAuthenticationToken', 'The access token is invalid.');
    }
    const now = Date.now();
    if (claims.exp * 1000 <= now) {
      throw this.unauthorized(
        'ExpiredAuthenticationToken',
        `The access token expiry UTC time '${new Date(claims.exp * 1000).toISOString()}' is earlier than current UTC ` +
          `time '${new Date(now).toISOString()}'.`,
      );
    }
    if (!this.audiences().includes(claims.aud)) {
      throw this.unauthorized(
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource '${claims.aud}'. It should exactly match ` +
          `with one of the allowed audiences '${this.audiences().join("','")}'.`,
      );
    }
    return { clientId: claims.appid, objectId: claims.oid };
  }

  /** A 401 of ARM. */
  unauthorized(code: string, message: string): ArmError {
    const challenge =
      `Bearer authorization_uri="${this.authorityUrl}/${this.tenantId}", error="invalid_token", ` +
      `error_description="${message}"`;
    return new ArmError(401, code, message, { headers: { 'WWW-Authenticate': challenge } });
  }

  /** Answers the authority's requests: tokens and discovery. */
  answerAuthority(request: WireRequest): WireResponse {
    const parts = request.path.split('/').filter((part) => part !== '');
    const path = parts.slice(1).join('/');
    const tenant = parts[0] ?? '';
    if (request.path === '/common/discovery/instance' && request.method === 'GET')
      return this.#instanceDiscovery();
    if (path === 'v2.0/.well-known/openid-configuration' && request.method === 'GET') {
      if (!this.#isTenant(tenant)) return this.#unknownTenant(tenant);
      return json(200, this.#openIdConfiguration());
    }
    if (path === 'oauth2/v2.0/token' && request.method === 'POST') {
      if (!this.#isTenant(tenant)) return this.#unknownTenant(tenant);
      return this.#token(request);
    }
    return { status: 404, headers: { 'Content-Type': 'text/html' }, body: '<html><body>404</body></html>' };
  }

  /** Answers the managed identity endpoint, which speaks plain HTTP. */
  answerManagedIdentity(request: WireRequest): WireResponse {
    const refuse = (error: string, description: string): WireResponse =>
      json(400, { error, error_description: description });
    // MSAL ends the path with a slash when the host comes from the environment.
    if (!/^\/metadata\/identity\/oauth2\/token\/?$/.test(request.path) || request.method !== 'GET') {
      return { status: 404, headers: {} };
    }
    if (
      request.headers.metadata?.toLowerCase() !== 'true' ||
      request.headers['x-forwarded-for'] !== undefined
    ) {
      return refuse('invalid_request', 'Required metadata header not specified');
    }
    if (
      request.query.get('api-version') !== '2018-02-01' &&
      request.query.get('api-version') !== '2019-08-01'
    ) {
      return refuse('invalid_request', 'api-version is missing or unknown');
    }
    const resource = request.query.get('resource');
    if (resource === null) return refuse('invalid_request', 'Required audience parameter not specified');
    const clientId = request.query.get('client_id');
    const client =
      clientId === null ? [...this.clients.values()][0] : this.clients.get(clientId.toLowerCase());
    if (client === undefined) return refuse('invalid_request', 'Identity not found');
    const { token, expiresAt, issuedAt } = this.issue(client, resource, 'managed_identity');
    return json(200, {
      access_token: token,
      client_id: client.clientId,
      expires_in: String(this.tokenLifetimeSeconds),
      expires_on: String(expiresAt),
      ext_expires_in: String(this.tokenLifetimeSeconds),
      not_before: String(issuedAt),
      resource,
      token_type: 'Bearer',
    });
  }

  /** Issues a token; instants in seconds since the epoch. */
  issue(
    client: Principal,
    audience: string,
    method: IssuedToken['method'],
  ): { token: string; issuedAt: number; expiresAt: number } {
    const issuedAt = Math.floor(Date.now() / 1000);
    const expiresAt = issuedAt + this.tokenLifetimeSeconds;
    const id = randomUUID();
    const claims: Claims & Record<string, unknown> = {
      aud: audience,
      iss: `https://sts.windows.net/${this.tenantId}/`,
      iat: issuedAt,
      nbf: issuedAt,
      exp: expiresAt,
      appid: client.clientId,
      oid: client.objectId,
      tid: this.tenantId,
      uti: id,
      ver: '1.0',
    };
    const content = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`;
    this.issued.push({ id, clientId: client.clientId, audience, issuedAt, expiresAt, method });
    return { token: `${content}.${this.#sign(content)}`, issuedAt, expiresAt };
  }

  #token(request: WireRequest): WireResponse {
    if (!/^application\/x-www-form-urlencoded/i.test(request.headers['content-type'] ?? '')) {
      return this.#refusal(400, 'invalid_request', 900144, 'The request body must be form-urlencoded.');
    }
    const form = new URLSearchParams(request.body.toString('utf8'));
    if (form.get('grant_type') !== 'client_credentials') {
      return this.#refusal(
        400,
        'unsupported_grant_type',
        70003,
        'The app requested an unsupported grant type.',
      );
    }
    const clientId = form.get('client_id') ?? '';
    const client = this.clients.get(clientId.toLowerCase());
    if (client === undefined) {
      return this.#refusal(
        400,
        'unauthorized_client',
        700016,
        `Application with identifier '${clientId}' was not found in the directory '${this.tenantId}'.`,
      );
    }
    const scope = form.get('scope') ?? '';
    // An audience with a trailing slash gives a double slash in the scope, and keeps its slash.
    const audience = scope
      .split(' ')
      .find((part) => part.endsWith('/.default'))
      ?.slice(0, -'/.default'.length);
    if (audience === undefined || audience === '') {
      return this.#refusal(
        400,
        'invalid_scope',
        70011,
        `The provided value for scope '${scope}' is not valid.`,
      );
    }
    if (!this.audiences().includes(audience)) {
      return this.#refusal(
        400,
        'invalid_resource',
        500011,
        `The resource principal named ${audience} was not found in the tenant.`,
      );
    }
    const refusal = form.has('client_assertion')
      ? this.#checkAssertion(client, form)
      : this.#checkSecret(client, form);
    if (refusal !== undefined) return refusal;
    const method = form.has('client_assertion') ? 'client_assertion' : 'client_secret';
    const { token } = this.issue(client, audience, method);
    return json(200, {
      token_type: 'Bearer',
      expires_in: this.tokenLifetimeSeconds,
      ext_expires_in: this.tokenLifetimeSeconds,
      access_token: token,
    });
  }

  #checkSecret(client: Client, form: URLSearchParams): WireResponse | undefined {
    const secret = form.get('client_secret');
    if (secret === null) {
      return this.#refusal(401, 'invalid_client', 7000218, "The request body must contain 'client_secret'.");
    }
    const known = client.secrets.find(({ value }) => value === secret);
    if (known === undefined) {
      return this.#refusal(
        401,
        'invalid_client',
        7000215,
        'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not ' +
          `the client secret ID, for a secret added to app '${client.clientId}'.`,
      );
    }
    if (known.expiresAt !== undefined && known.expiresAt <= Date.now()) {
      return this.#refusal(
        401,
        'invalid_client',
        7000222,
        'The provided client secret keys for app are expired.',
      );
    }
    return undefined;
  }

  #checkAssertion(client: Client, form: URLSearchParams): WireResponse | undefined {
    if (form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') {
      return this.#refusal(401, 'invalid_client', 700027, 'The client assertion type is unknown.');
    }
    const claims = decodePayload(form.get('client_assertion') ?? '');
    if (claims === undefined) {
      return this.#refusal(401, 'invalid_client', 50027, 'JWT token is invalid or malformed.');
    }
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    const trusted = client.federatedCredentials.some(
      ({ issuer, subject, audience }) =>
        claims.iss === issuer && claims.sub === subject && audiences.includes(audience),
    );
    if (!trusted) {
      return this.#refusal(
        401,
        'invalid_client',
        70021,
        'No matching federated identity record found for presented assertion. Assertion Issuer: ' +
          `'${String(claims.iss)}'. Assertion Subject: '${String(claims.sub)}'.`,
      );
    }
    if (typeof claims.exp !== 'number' || claims.exp * 1000 <= Date.now()) {
      return this.#refusal(
        401,
        'invalid_client',
        700024,
        'Client assertion is not within its valid time range.',
      );
    }
    return undefined;
  }

  #refusal(status: number, error: string, code: number, message: string): WireResponse {
    const traceId = randomUUID();
    const correlationId = randomUUID();
    const timestamp = `${new Date(Date.now()).toISOString().slice(0, 19).replace('T', ' ')}Z`;
    return json(status, {
      error,
      error_description: `AADSTS${code}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [code],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `${this.authorityUrl}/error?code=${code}`,
    });
  }

  #unknownTenant(tenant: string): WireResponse {
    return this.#refusal(400, 'invalid_request', 90002, `Tenant '${tenant}' not found.`);
  }

  #isTenant(tenant: string): boolean {
    return equalNames(tenant, this.tenantId);
  }

  #openIdConfiguration(): Record<string, unknown> {
    const base = `${this.authorityUrl}/${this.tenantId}`;
    return {
      token_endpoint: `${base}/oauth2/v2.0/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      jwks_uri: `${base}/discovery/v2.0/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: `${base}/v2.0`,
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${base}/oauth2/v2.0/devicecode`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`,
      tenant_region_scope: null,
    };
  }

  #instanceDiscovery(): WireResponse {
    const host = new URL(this.authorityUrl).host;
    return json(200, {
      tenant_discovery_endpoint: `${this.authorityUrl}/${this.tenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    });
  }

  #read(token: string): Claims | undefined {
    const [header, payload, signature] = token.split('.');
    if (signature === undefined || signature !== this.#sign(`${header}.${payload}`)) return undefined;
    return decodePayload(token) as Claims | undefined;
  }

  #sign(content: string): string {
    return createHmac('sha256', this.#key).update(content).digest('base64url');
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decodePayload(token: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

import { Agent, request } from 'undici';
import type { AzureSimulator } from './simulator.ts';

/** An answer as the tests of the simulator look at it. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The parsed body; undefined when there is none. */
  json: unknown;
}

/** What a raw request may carry beside method and path. */
export interface RawOptions {
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  rawBody?: string;
  contentType?: string;
  headers?: Record<string, string>;
  token?: string;
  timeoutMilliseconds?: number;
}

/** A client that sends anything, right or wrong, and hides nothing of the answer. */
export interface TestClient extends AsyncDisposable {
  /** `path` is a full URL, or begins below the host; the api-version is the caller's business. */
  send(
    method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE',
    path: string,
    options?: RawOptions,
  ): Promise<RawAnswer>;
  token(audience?: string): Promise<string>;
  /** `/subscriptions/../resourceGroups/rg/providers/Microsoft.Compute` */
  readonly provider: string;
}

/** The version that the tests send unless they are about versions. */
export const version = 'api-version=2024-07-01';
export const diskVersion = 'api-version=2024-03-02';

/** Connects a test client to a simulator in this process. */
export function testClient(simulator: AzureSimulator): TestClient {
  const dispatcher = new Agent({ connect: { ca: simulator.caPem }, keepAliveTimeout: 1000 });
  let known: string | undefined;

  async function token(audience = 'https://management.azure.com'): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: simulator.clientId,
      client_secret: simulator.clientSecret,
      scope: `${audience}/.default`,
    });
    const answer = await request(`${simulator.authorityUrl}/${simulator.tenantId}/oauth2/v2.0/token`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
    return ((await answer.body.json()) as { access_token: string }).access_token;
  }

  return {
    provider: `/subscriptions/${simulator.subscriptionId}/resourceGroups/rg/providers/Microsoft.Compute`,
    token,
    async send(method, path, options = {}) {
      known ??= await token();
      const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
      const answer = await request(
        path.startsWith('http') ? path : `${simulator.resourceManagerUrl}${path}`,
        {
          dispatcher,
          method,
          headers: {
            authorization: `Bearer ${options.token ?? known}`,
            ...(body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
            ...options.headers,
          },
          ...(body === undefined ? {} : { body }),
          headersTimeout: options.timeoutMilliseconds ?? 10_000,
          bodyTimeout: options.timeoutMilliseconds ?? 10_000,
        },
      );
      const text = await answer.body.text();
      const isJson = String(answer.headers['content-type']).startsWith('application/json') && text !== '';
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text,
        json: isJson ? parse(text) : undefined,
      };
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

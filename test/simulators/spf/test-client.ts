import { Client } from 'undici';
import type { SpfSimulator } from './simulator.ts';

/** An answer as the tests of the simulator look at it. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The parsed body; undefined when it is no JSON. */
  json: unknown;
}

/** What a raw request may carry beside method and path. */
export interface RawOptions {
  body?: unknown;
  /** Sent as it is, in place of `body`. */
  rawBody?: string;
  /** Laid over the usual ones; undefined takes one away. */
  headers?: Record<string, string | undefined>;
  /** A service root other than the administrator's. */
  root?: string;
}

/** A client that sends anything, right or wrong, over one connection to each door, and hides nothing of the answer. */
export interface TestClient extends AsyncDisposable {
  /** `path` is a full URL, or begins below the root. */
  send(method: string, path: string, options?: RawOptions): Promise<RawAnswer>;
}

/** Connects a test client to a simulator in this process; it authenticates with Basic unless a header says otherwise. */
export function testClient(simulator: SpfSimulator, tls: { cert?: string; key?: string } = {}): TestClient {
  const clients = new Map<string, Client>();
  const { domain, user, password } = simulator.account;
  const basic = `Basic ${Buffer.from(`${domain}\\${user}:${password}`).toString('base64')}`;

  function clientOf(origin: string): Client {
    const known = clients.get(origin);
    if (known !== undefined) return known;
    const client = new Client(origin, { connect: { ca: simulator.caPem, ...tls }, allowH2: false });
    clients.set(origin, client);
    return client;
  }

  return {
    async send(method, path, options = {}) {
      const url = path.startsWith('https:') ? path : `${options.root ?? simulator.adminRoot}${path}`;
      const origin = new URL(url).origin;
      const body = options.rawBody ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
      const headers: Record<string, string | undefined> = {
        authorization: basic,
        accept: 'application/json;odata=minimalmetadata',
        'x-ms-principal-id': 'user@contoso.com',
        ...(body === undefined ? {} : { 'content-type': 'application/json;odata=minimalmetadata' }),
        ...options.headers,
      };
      const answer = await clientOf(origin).request({
        path: url.slice(origin.length),
        // undici's types know standard methods only; it sends any token.
        method: method as 'GET',
        headers: Object.fromEntries(
          Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
        ),
        ...(body === undefined ? {} : { body }),
        headersTimeout: 10_000,
        bodyTimeout: 10_000,
      });
      const text = await answer.body.text();
      return { status: answer.statusCode, headers: answer.headers, text, json: parse(text) };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients.values()].map((client) => client.destroy()));
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

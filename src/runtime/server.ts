import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Throws, or rejects, when something is not well; the message says what. */
export type Check = (signal: AbortSignal) => void | Promise<void>;

/** What a server answers. */
export interface ServerRoutes {
  /** `/metrics` */
  metrics?: Registry;
  /** `/healthz`: a failure means that the process must be restarted. */
  health?: Record<string, Check>;
  /** `/readyz`: a failure means that the process cannot do its work now. */
  ready?: Record<string, Check>;
}

/** A server that listens. */
export interface RunningServer {
  /** `http://host:port` */
  url: string;
  /** Takes no more connections and waits for the answers in hand. */
  close(): Promise<void>;
}

const checkTimeoutMs = 5_000;

/**
 * Reads `host:port`, `:port` (all addresses) or `[IPv6]:port`. Undefined for `0` or the empty text, which mean
 * "do not listen". Throws for anything else.
 */
export function parseAddress(address: string): { host: string | undefined; port: number } | undefined {
  if (address === '0' || address === '') return undefined;
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/i.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`address ${JSON.stringify(address)} is not host:port, :port, [IPv6]:port or 0`);
  }
  return { host: match[1] || match[2] || undefined, port };
}

/** Listens for probes and for Prometheus. Undefined when the address says "do not listen"; rejects when the port is taken. */
export async function serve(address: string, routes: ServerRoutes): Promise<RunningServer | undefined> {
  const where = parseAddress(address);
  if (where === undefined) return undefined;
  const server = createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => {
      const url = URL.parse(request.url ?? '/', 'http://localhost');
      request.resume();
      if (url === null) {
        answer(response, 400, 'the path makes no sense\n');
        return;
      }
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        answer(response, 405, 'only GET and HEAD are answered\n');
        return;
      }
      route(url, routes, response).catch((error: unknown) => {
        answer(response, 500, `${error instanceof Error ? error.message : error}\n`);
      });
    },
  );
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: where.host, port: where.port }, resolve);
  });
  return { url: urlOf(server), close: () => close(server) };
}

async function route(url: URL, routes: ServerRoutes, response: ServerResponse): Promise<void> {
  const verbose = url.searchParams.has('verbose');
  if (url.pathname === '/metrics' && routes.metrics !== undefined) {
    answer(response, 200, await routes.metrics.metrics(), routes.metrics.contentType);
  } else if (url.pathname === '/healthz' && routes.health !== undefined) {
    await answerChecks(response, 'healthz', routes.health, verbose);
  } else if (url.pathname === '/readyz' && routes.ready !== undefined) {
    await answerChecks(response, 'readyz', routes.ready, verbose);
  } else {
    answer(response, 404, 'not found\n');
  }
}

/** All checks at once, each with a limit; the answer looks like the API server's own. */
async function answerChecks(
  response: ServerResponse,
  name: string,
  checks: Record<string, Check>,
  verbose: boolean,
): Promise<void> {
  const lines = await Promise.all(
    Object.entries(checks).map(async ([check, run]) => {
      const signal = AbortSignal.timeout(checkTimeoutMs);
      try {
        await Promise.race([run(signal), whenAborted(signal)]);
        return { ok: true, text: `[+]${check} ok` };
      } catch (error) {
        return { ok: false, text: `[-]${check} failed: ${error instanceof Error ? error.message : error}` };
      }
    }),
  );
  const ok = lines.every((line) => line.ok);
  const summary = `${name} check ${ok ? 'passed' : 'failed'}`;
  const shown = verbose || !ok ? [...lines.map((line) => line.text), summary] : ['ok'];
  answer(response, ok ? 200 : 503, `${shown.join('\n')}\n`);
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer for ${checkTimeoutMs} ms`)), {
      once: true,
    });
  });
}

function answer(
  response: ServerResponse,
  code: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(code, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request as the server saw it, and the means to answer it. */
export interface Exchange {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: string;
  /** Answers with JSON. */
  json(code: number, body: unknown, headers?: Record<string, string>): void;
  /** Begins a watch; events follow. */
  stream(): EventStream;
  /** Cuts the connection with a TCP reset, answered or not. */
  reset(): void;
  /** The response itself, for what the above cannot say. */
  response: ServerResponse;
}

/** The body of a watch. */
export interface EventStream {
  send(type: string, object: unknown): void;
  raw(text: string): void;
  end(): void;
  reset(): void;
  /** Resolves when the client has left. */
  closed: Promise<void>;
}

/** A server on loopback that answers as a test says. */
export interface ScriptedServer {
  url: string;
  requests: Exchange[];
  /** TCP connections accepted so far. */
  connections: number;
  /** TCP connections open now. */
  open: number;
  /** Replaces the script. */
  script: (exchange: Exchange, index: number) => void;
  close(): Promise<void>;
}

/** Starts a server whose script is called for each request with its number, from 0. */
export async function scriptedServer(script: ScriptedServer['script']): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const exchange = exchangeOf(request, response, Buffer.concat(chunks).toString('utf8'));
      server.requests.push(exchange);
      server.script(exchange, server.requests.length - 1);
    });
  });
  http.on('connection', (socket) => {
    server.connections++;
    sockets.add(socket);
    server.open = sockets.size;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      server.open = sockets.size;
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: ScriptedServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    requests: [],
    connections: 0,
    open: 0,
    script,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
  return server;
}

function exchangeOf(request: IncomingMessage, response: ServerResponse, body: string): Exchange {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const reset = () => request.socket.resetAndDestroy();
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body,
    response,
    json(code, content, headers = {}) {
      response.writeHead(code, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(content));
    },
    stream() {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      return {
        send: (type, object) => void response.write(`${JSON.stringify({ type, object })}\n`),
        raw: (text) => void response.write(text),
        end: () => void response.end(),
        reset,
        closed: new Promise((resolve) => response.on('close', () => resolve())),
      };
    },
    reset,
  };
}

/** A metav1.Status as the API server sends it. */
export function failure(code: number, reason: string, message = reason): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message };
}

import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { faultOfKind, type WireFault } from './faults.ts';
import type { ServerCertificate } from './tls.ts';

/** A request as the simulators see it, its body read to the end. */
export interface WireRequest {
  method: string;
  /** Path and query exactly as they came over the wire. */
  rawUrl: string;
  /** The path, still percent-encoded. */
  path: string;
  /** What follows the question mark, exactly as it came; empty without one. */
  rawQuery: string;
  query: URLSearchParams;
  /** Names in lower case; the values of a repeated header are joined by a comma. */
  headers: Record<string, string>;
  body: Buffer;
  /** What it came over, for what belongs to a connection and not to a request. */
  socket: Socket;
}

/** An answer. A header given as a list is sent once for each value. */
export interface WireResponse {
  status: number;
  headers: Record<string, string | string[]>;
  /** A string or bytes are sent as they are, anything else as JSON; undefined: no body. */
  body?: unknown;
}

/** What is to happen to one request. */
export interface WireHandling {
  /** The faults that hit it. */
  faults: readonly WireFault[];
  /** Gives the request its effect, and the right answer. Not called when a fault comes before the effect. */
  answer(): WireResponse | Promise<WireResponse>;
}

/** Looks at a request that came in; must not give it any effect yet. */
export type WireHandler = (request: WireRequest) => WireHandling;

/** Where and how a server listens. */
export interface ListenOptions {
  /** With it the server speaks TLS. */
  certificate?: ServerCertificate;
  /** Asks clients for their certificates, and takes any. */
  asksForCertificates?: boolean;
  host?: string;
  /** 0 or absent: any free port. */
  port?: number;
}

/** A server that listens. */
export interface ListeningServer {
  port: number;
  /** Stops listening and destroys every connection. */
  close(): Promise<void>;
}

/** No vendor takes a larger request. */
const maximumRequestBytes = 4 * 1024 * 1024;

/**
 * Starts a server that reads each request whole, asks the handler for faults and answer, and carries both out.
 *
 * @throws when the port is taken
 */
export async function listen(handler: WireHandler, options: ListenOptions = {}): Promise<ListeningServer> {
  const listener = (message: IncomingMessage, response: ServerResponse): void => {
    serve(handler, message, response).catch((error: unknown) => {
      // A defect of the simulator must be seen, and not be taken for a fault of the vendor.
      console.error('The simulator failed to answer a request:', error);
      message.socket.destroy();
    });
  };
  const server = options.certificate
    ? createHttpsServer(
        {
          ...options.certificate,
          minVersion: 'TLSv1.2',
          ...(options.asksForCertificates ? { requestCert: true, rejectUnauthorized: false } : {}),
        },
        listener,
      )
    : createHttpServer(listener);
  server.keepAliveTimeout = 30_000;
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  handler: WireHandler,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(message);
  if (body === undefined) {
    message.socket.destroy();
    return;
  }
  const { faults, answer } = handler(wireRequest(message, body));

  const latency = faultOfKind(faults, 'latency');
  if (latency) await sleep(latency.milliseconds, undefined, { ref: false });
  const hang = faultOfKind(faults, 'hang');
  if (hang) {
    if (hang.when === 'after-effect') await answer();
    return;
  }
  if (faultOfKind(faults, 'reset')) {
    if (message.socket instanceof TLSSocket) message.socket.destroy();
    else message.socket.resetAndDestroy();
    return;
  }
  const sent = await answerUnder(faults, answer);
  if (faultOfKind(faults, 'lost-answer')) {
    message.socket.destroy();
    return;
  }
  await send(response, sent, faults);
}

async function answerUnder(
  faults: readonly WireFault[],
  answer: WireHandling['answer'],
): Promise<WireResponse> {
  const fixed = faultOfKind(faults, 'respond');
  if (fixed === undefined) return answer();
  if (fixed.when === 'after-effect') await answer();
  const type =
    typeof fixed.body === 'string' ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  const headers =
    fixed.body === undefined ? { ...fixed.headers } : { 'Content-Type': type, ...fixed.headers };
  return { status: fixed.status, headers, body: fixed.body };
}

async function send(
  response: ServerResponse,
  answer: WireResponse,
  faults: readonly WireFault[],
): Promise<void> {
  const headers = { ...answer.headers, ...faultOfKind(faults, 'headers')?.headers };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.statusCode = answer.status;

  const huge = faultOfKind(faults, 'huge-body');
  if (huge) {
    await pipeline(Readable.from(filler(huge.bytes)), response).catch(() => response.destroy());
    return;
  }
  const bytes = faultOfKind(faults, 'malformed-body')
    ? Buffer.from('{"properties": {"provisi')
    : encode(answer.body);
  if (bytes.length > 0 || !bodilessStatus(answer.status)) response.setHeader('Content-Length', bytes.length);
  if (faultOfKind(faults, 'truncated-body')) {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
    return;
  }
  response.end(bytes);
}

function* filler(bytes: number): Generator<Buffer> {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  for (let left = bytes; left > 0; left -= chunk.length)
    yield chunk.subarray(0, Math.min(left, chunk.length));
}

function encode(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function bodilessStatus(status: number): boolean {
  return status === 204 || status === 304;
}

/** The whole body; undefined when it is too large, or the client went away before its end. */
async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maximumRequestBytes) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function wireRequest(message: IncomingMessage, body: Buffer): WireRequest {
  const rawUrl = message.url ?? '/';
  const questionMark = rawUrl.indexOf('?');
  const path = questionMark < 0 ? rawUrl : rawUrl.slice(0, questionMark);
  const rawQuery = questionMark < 0 ? '' : rawUrl.slice(questionMark + 1);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const method = (message.method ?? 'GET').toUpperCase();
  const { socket } = message;
  return { method, rawUrl, path, rawQuery, query: new URLSearchParams(rawQuery), headers, body, socket };
}

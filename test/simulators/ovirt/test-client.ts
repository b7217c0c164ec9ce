import { request as httpsRequest } from 'node:https';
import { XMLParser } from 'fast-xml-parser';
import type { OvirtSimulator } from './simulator.ts';

/** An answer as it came over the wire, and read. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** JSON read as it is; XML with attributes beside elements, everything as text; undefined for anything else. */
  body: Record<string, unknown> | undefined;
}

/** What a request is made of. */
export interface Call {
  method?: string;
  headers?: Record<string, string>;
  /** A string is sent as XML unless the headers say otherwise, anything else as JSON. */
  body?: unknown;
}

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', parseTagValue: false });

/** A plain client of the simulator, for its own tests. It logs in with Basic unless told otherwise. */
export class TestClient {
  readonly #simulator: OvirtSimulator;
  readonly #defaults: Record<string, string>;

  constructor(simulator: OvirtSimulator, defaults: Record<string, string> = {}) {
    this.#simulator = simulator;
    const { username, password } = simulator;
    const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    this.#defaults = { Accept: 'application/xml', Authorization: basic, ...defaults };
  }

  /** Sends a request; the path is one below the API's base unless it begins with a slash. */
  async send(path: string, call: Call = {}): Promise<Answer> {
    const target = path.startsWith('/') ? path : `/ovirt-engine/api${path === '' ? '' : `/${path}`}`;
    const url = new URL(target, this.#simulator.url);
    const body = typeof call.body === 'string' ? call.body : call.body && JSON.stringify(call.body);
    const type = typeof call.body === 'string' ? 'application/xml' : 'application/json';
    const headers = {
      ...this.#defaults,
      ...(body === undefined ? {} : { 'Content-Type': type }),
      ...call.headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(
        url,
        { method: call.method ?? 'GET', headers, ca: this.#simulator.caPem, agent: false },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString('utf8');
            const { statusCode: status = 0, headers: received } = incoming;
            resolve({ status, headers: received, text, body: read(text, received['content-type'] ?? '') });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { headers });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { method: 'POST', body, headers });
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { method: 'DELETE', headers });
  }
}

function read(text: string, type: string): Record<string, unknown> | undefined {
  if (type.startsWith('application/json')) return JSON.parse(text) as Record<string, unknown>;
  return type.startsWith('application/xml') ? (parser.parse(text) as Record<string, unknown>) : undefined;
}

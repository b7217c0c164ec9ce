import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Budgets } from '../../../src/providers/budget.ts';
import { parseServiceRoot } from '../../../src/providers/spf/service-root.ts';
import { VMMClient } from '../../../src/providers/spf/vmm-client.ts';
import { VMMService } from '../../../src/providers/spf/vmm-service.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import {
  type ListeningServer,
  listen,
  type WireRequest,
  type WireResponse,
} from '../../simulators/common/http-server.ts';
import { createCertificateAuthority } from '../../simulators/common/tls.ts';
import { must, write } from '../../support/provider-calls.ts';

// What Keyframe sends, held against the exchanges that Microsoft published (SPF sheet, samples).

interface Sample {
  request: { method: string; url: string; headers: Record<string, string>; body: Record<string, unknown> };
  response: { status: number; headers: Record<string, string>; body: unknown };
}

function sample(name: string): Sample {
  const url = new URL(`../../simulators/spf/fixtures/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Sample;
}

const subscription = '97FD50F3-1DC0-41B6-A7C0-2B4FF4C3F7E3';
const seen: WireRequest[] = [];
let answer: WireResponse;
let server: ListeningServer;
let service: VMMService;

beforeEach(async () => {
  seen.length = 0;
  const authority = await createCertificateAuthority('Test CA');
  server = await listen(
    (request) => {
      seen.push(request);
      return { faults: [], answer: () => answer };
    },
    { certificate: await authority.issue(['127.0.0.1']) },
  );
  const limits = { maxConcurrent: 1, requestsPerSecond: 100 };
  service = new VMMService({
    root: parseServiceRoot(`https://127.0.0.1:${server.port}/${subscription}/services/systemcenter/vmm/`),
    auth: { bearer: { token: 'secret-token' } },
    principalID: 'user@contoso.com',
    tls: { caBundle: authority.certificatePem },
    limits: { ...limits, requestTimeoutMs: 5_000 },
    budget: new Budgets(systemClock).lease('test', limits).budget,
    monotonic: systemClock.monotonic,
    log: silentLogger,
  });
});
afterEach(async () => {
  await service.close();
  await server.close();
});

/** Each header of the samples, and what Keyframe sends of it, with the reason where that is something else. */
const headers: Record<string, 'same' | { sent: string | undefined; because: string }> = {
  DataServiceVersion: { sent: '3.0', because: ';NetFx is a habit of .NET (section 9)' },
  MaxDataServiceVersion: { sent: '3.0', because: ';NetFx is a habit of .NET (section 9)' },
  Accept: 'same',
  'Accept-Charset': { sent: undefined, because: 'JSON is UTF-8; the sheet does not list it (section 9)' },
  DataServiceUrlConventions: { sent: undefined, because: 'keys are written in parentheses (section 9)' },
  'User-Agent': { sent: 'keyframe', because: 'it is another client' },
  'x-ms-principal-id': 'same',
  'Content-Type': 'same',
  Host: { sent: 'server', because: 'the sample has that of another server' },
  'Content-Length': 'same',
  Expect: { sent: undefined, because: 'undici throws on it (section 9)' },
};
/** What Keyframe sends beside them. */
const added = ['authorization', 'connection'];

function expectHeaders({ request }: Sample, sent: WireRequest, contentLength: string | undefined): void {
  expect(Object.keys(request.headers).sort()).toEqual(Object.keys(headers).sort());
  for (const [name, recorded] of Object.entries(request.headers)) {
    const rule = headers[name];
    let expected = typeof rule === 'object' ? rule.sent : recorded;
    if (name === 'Host') expected = `127.0.0.1:${server.port}`;
    if (name === 'Content-Length') expected = contentLength;
    expect([name, sent.headers[name.toLowerCase()]]).toEqual([name, expected]);
  }
  const known = new Set([...Object.keys(headers).map((name) => name.toLowerCase()), ...added]);
  expect(Object.keys(sent.headers).filter((name) => !known.has(name))).toEqual([]);
  expect(sent.headers.authorization).toBe('Bearer secret-token');
}

function pathOf(url: string): string {
  return new URL(url).pathname;
}

test('a create is the recorded one, header by header and member by member', async () => {
  const recorded = sample('vmcheckpoint-create');
  const { Name, Description, StampId, VMId } = recorded.request.body;
  answer = {
    status: recorded.response.status,
    headers: { 'Content-Type': 'application/json', ...pick(recorded.response.headers) },
    body: recorded.response.body,
  };
  const outcome = await new VMMClient(service).createCheckpoint(
    {
      vm: { id: String(VMId), stampID: String(StampId) },
      name: String(Name),
      description: String(Description),
      confirm: null,
    },
    write(),
  );
  const [sent] = seen;
  if (sent === undefined) throw new Error('nothing was sent');
  expect(sent.method).toBe(recorded.request.method);
  expect(sent.rawUrl).toBe(pathOf(recorded.request.url));
  expect(JSON.parse(sent.body.toString('utf8'))).toEqual(recorded.request.body);
  // Compact JSON of the same members has the recorded length to the byte.
  expectHeaders(recorded, sent, recorded.request.headers['Content-Length']);
  expect(sent.body.length).toBe(Number(recorded.request.headers['Content-Length']));
  // The recorded answer is read, its `3.0;` included, with the job that its x-ms-request-id names.
  expect(must(outcome)).toMatchObject({
    jobID: 'e381ad2b-2375-45e4-a45f-64a1447a4ef6',
    checkpoint: { id: 'a11cc636-5521-4f88-92b2-cad392911fe0', vmID: VMId, name: Name },
  });
});

test('a restore is the recorded one', async () => {
  const recorded = sample('vmcheckpoint-restore-merge');
  answer = { status: recorded.response.status, headers: pick(recorded.response.headers) };
  const [, id = '', stampID = ''] = /ID=guid'([^']+)',StampId=guid'([^']+)'/.exec(recorded.request.url) ?? [];
  const outcome = await new VMMClient(service).restoreCheckpoint({ id, stampID }, write());
  const [sent] = seen;
  if (sent === undefined) throw new Error('nothing was sent');
  expect(sent.method).toBe('MERGE');
  expect(sent.rawUrl.replace(subscription, '')).toBe(
    pathOf(recorded.request.url).replace(/[0-9A-F-]{36}/, ''),
  );
  expect(JSON.parse(sent.body.toString('utf8'))).toEqual(recorded.request.body);
  // The recorded body held white space (README of the samples).
  expectHeaders(recorded, sent, String(Buffer.byteLength(JSON.stringify(recorded.request.body))));
  expect(must(outcome)).toEqual({ jobID: '6e0d9045-9d24-4ac1-93fc-a172e09af870' });
});

/** The headers of an answer that a server may set. */
function pick(recorded: Record<string, string>): Record<string, string> {
  const names = ['Location', 'x-ms-request-id', 'request-id', 'DataServiceVersion', 'Persistent-Auth'];
  return Object.fromEntries(
    names.flatMap((name) => (recorded[name] === undefined ? [] : [[name, recorded[name]]])),
  );
}

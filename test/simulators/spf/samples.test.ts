import { readFileSync } from 'node:fs';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { odataTime } from './entities.ts';
import { entityResponse } from './formats.ts';
import { entityTypes, type Members } from './model.ts';
import { type SpfSimulator, startSpfSimulator } from './simulator.ts';
import type { Vm } from './state.ts';
import { type RawAnswer, type TestClient, testClient } from './test-client.ts';

interface Sample {
  request: { method: string; url: string; headers: Record<string, string>; body: Members };
  response: { status: number; headers: Record<string, string>; body: Members };
  states: Record<string, number>;
}

function sample(name: string): Sample {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as Sample;
}

/** Members with the type of each, as deep as they go; what is null on either side can be anything. */
function expectSameShape(answer: unknown, recorded: unknown, path = ''): void {
  if (answer === null || recorded === null) return;
  expect([path, kindOf(answer)]).toEqual([path, kindOf(recorded)]);
  if (Array.isArray(answer) && Array.isArray(recorded)) {
    if (answer.length > 0 && recorded.length > 0) expectSameShape(answer[0], recorded[0], `${path}[]`);
  } else if (typeof answer === 'object') {
    const [ours, theirs] = [answer as Members, recorded as Members];
    expect([path, Object.keys(ours).sort()]).toEqual([path, Object.keys(theirs).sort()]);
    for (const name of Object.keys(theirs)) expectSameShape(ours[name], theirs[name], `${path}.${name}`);
  }
}

const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?[+-]\d\d:\d\d$/;

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (typeof value !== 'string') return typeof value;
  if (guid.test(value)) return 'guid';
  if (time.test(value)) return 'time';
  return /^-?\d+$/.test(value) ? 'digits' : 'string';
}

/** Headers that Node, and not SPF, answers for, and those of a connection that stays authenticated. */
const headersOfNoAccount = ['content-length', 'date', 'persistent-auth'];

function expectSameHeaders(answer: RawAnswer, recorded: Record<string, string>): void {
  for (const [name, value] of Object.entries(recorded)) {
    const lower = name.toLowerCase();
    if (headersOfNoAccount.includes(lower)) continue;
    const given = String(answer.headers[lower]);
    if (['x-ms-request-id', 'request-id'].includes(lower))
      expect([name, given]).toEqual([name, expect.stringMatching(guid)]);
    else if (lower === 'location')
      expect(given.replace(/^.*\//, '')).toMatch(/^VMCheckPoints\(ID=guid'.{36}',StampId=guid'.{36}'\)$/);
    else expect([name, given]).toEqual([name, value]);
  }
}

async function stage(): Promise<{ spf: SpfSimulator; client: TestClient; vm: Vm } & AsyncDisposable> {
  const spf = await startSpfSimulator();
  const create = sample('vmcheckpoint-create').request.body;
  const client = testClient(spf);
  const vm = spf.addVm({ name: 'web', id: String(create.VMId), stampId: String(create.StampId) });
  return {
    spf,
    client,
    vm,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await spf.close();
    },
  };
}

describe("the simulator's answers", () => {
  it('to the recorded create, which it takes as it is, have the recorded headers and members', async () => {
    await using s = await stage();
    const { request, response } = sample('vmcheckpoint-create');
    const { Host: _host, 'Content-Length': _length, Expect: _expect, ...headers } = request.headers;
    const answer = await s.client.send('POST', 'VMCheckPoints', {
      body: request.body,
      headers: lowerCase(headers),
    });
    expect(answer.status).toBe(response.status);
    expectSameHeaders(answer, response.headers);
    expectSameShape(answer.json, response.body);
    const { Name, Description, Enabled, CheckpointID, VMId } = response.body;
    expect(answer.json).toMatchObject({ Name, Description, Enabled, CheckpointID, VMId });
    expect(s.spf.contractViolations).toEqual([]);
  });

  it('to the recorded restore, which it takes as it is, have the recorded headers', async () => {
    await using s = await stage();
    const { request, response } = sample('vmcheckpoint-restore-merge');
    const id = /ID=guid'([^']*)'/.exec(request.url)?.[1] ?? '';
    s.spf.addCheckpoint({ vmId: s.vm.id, id });
    const { Host: _host, 'Content-Length': _length, Expect: _expect, ...headers } = request.headers;
    const path = request.url.replace(/^.*\//, '');
    const answer = await s.client.send('MERGE', path, { body: request.body, headers: lowerCase(headers) });
    expect([answer.status, answer.text]).toEqual([response.status, '']);
    expectSameHeaders(answer, response.headers);
    expect(s.spf.everRestored()).toHaveLength(1);
    expect(s.spf.contractViolations).toEqual([]);
  });

  it('are as long as the recorded 201 where the service root is the one that it was most likely made with', () => {
    // SPF sheet, section 1: 651 bytes are met exactly with this root.
    const { body, headers } = sample('vmcheckpoint-create').response;
    const { 'odata.metadata': _metadata, ...members } = body;
    const root =
      'https://spfn-457:8090/SC2012R2/VMM/97FD50F3-1DC0-41B6-A7C0-2B4FF4C3F7E3/Microsoft.Management.Odata.svc/';
    const made = entityResponse(201, 'minimal', root, entityTypes.VMCheckPoints, members);
    expect(Buffer.byteLength(JSON.stringify(made.body))).toBe(Number(headers['Content-Length']));
  });

  it('show a VM with the recorded members', async () => {
    await using s = await stage();
    const { body } = sample('virtualmachine-create-response').response;
    const answer = await s.client.send(
      'GET',
      `VirtualMachines(ID=guid'${s.vm.id}',StampId=guid'${s.vm.stampId}')`,
    );
    expectSameShape(answer.json, body);
  });

  it('name the job of a write as the recorded VM does: x-ms-request-id, MostRecentTaskId and FailedJobID', async () => {
    await using s = await stage();
    const { headers, body } = sample('virtualmachine-create-response').response;
    expect([body.MostRecentTaskId, body.FailedJobID]).toEqual([
      headers['x-ms-request-id'],
      headers['x-ms-request-id'],
    ]);
    const created = await s.client.send('POST', 'VMCheckPoints', {
      body: { VMId: s.vm.id, StampId: s.vm.stampId },
    });
    const job = created.headers['x-ms-request-id'];
    s.spf.skip(2);
    expect(s.vm).toMatchObject({ mostRecentTaskId: job, failedJobId: job });
    s.spf.skip(18);
    expect(s.vm).toMatchObject({ mostRecentTaskId: job, failedJobId: undefined });
  });

  it('show a job with the recorded members', async () => {
    await using s = await stage();
    const { body } = sample('job-get').response;
    s.spf.faults.add({ kind: 'job-with-info', problem: 'Something was busy.' });
    const created = await s.client.send('POST', 'VMCheckPoints', {
      body: { VMId: s.vm.id, StampId: s.vm.stampId },
    });
    s.spf.skip(20);
    const url = `Jobs(StampId=guid'${s.vm.stampId}',ID=guid'${String(created.headers['x-ms-request-id'])}')`;
    const answer = await s.client.send('GET', url);
    expectSameShape(answer.json, body);
    const { Status, StatusString, IsCompleted, Progress, ProgressValue } = body;
    expect(answer.json).toMatchObject({ Status, StatusString, IsCompleted, Progress, ProgressValue });
    expect(answer.json).toMatchObject({
      ErrorInfo: { IsSuccess: true },
      AdditionalMessages: [{ ErrorType: 'Warning' }],
    });
  });

  it('list a set as the recorded one is listed', async () => {
    await using s = await stage();
    const { body } = sample('clouds-list').response;
    s.spf.addCloud('Test');
    s.spf.addCloud('Production', 'Services at the core');
    const answer = await s.client.send('GET', 'Clouds');
    expectSameShape(answer.json, body);
    expect(answer.json).toMatchObject({ value: { length: 2 } });
  });

  it('refuse in the shape of the same stack elsewhere', async () => {
    await using s = await stage();
    const { headers, body } = sample('error-jsonlight-relative').response;
    const nothing = '00000000-0000-0000-0000-000000000001';
    const answer = await s.client.send('GET', `Jobs(ID=guid'${nothing}',StampId=guid'${nothing}')`);
    expect([answer.status, answer.headers['content-type']]).toEqual([404, headers['Content-Type']]);
    expectSameShape(answer.json, body);
  });

  it('are Atom without an Accept header, with elements and types as recorded', async () => {
    await using s = await stage();
    const recorded = readFileSync(
      new URL('fixtures/virtualdiskdrive-create-response.atom.xml', import.meta.url),
      'utf8',
    );
    const answer = await s.client.send('POST', 'VMCheckPoints', {
      body: { VMId: s.vm.id, StampId: s.vm.stampId, Name: 'a & b' },
      headers: { accept: undefined },
    });
    expect(answer.headers['content-type']).toContain('application/atom+xml');
    const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false });
    const [ours, theirs] = [parser.parse(answer.text), parser.parse(recorded)] as { entry: Members }[];
    const { link: _links, 'm:action': _action, ...theirEntry } = theirs?.entry ?? {};
    const { link: _ourLinks, ...ourEntry } = ours?.entry ?? {};
    expect(Object.keys(ourEntry).sort()).toEqual(Object.keys(theirEntry).sort());
    const [our, their] = [propertiesOf(ourEntry), propertiesOf(theirEntry)];
    for (const name of ['d:ID', 'd:StampId', 'd:AddedTime', 'd:Enabled']) {
      expect([name, typeOf(our[name])]).toEqual([name, typeOf(their[name])]);
    }
    expect(our['d:CheckpointID']).toEqual(their['d:VMId']);
    expect(our['d:Name']).toBe('a & b');
  });

  it('name no state of a VM that VMM does not have', () => {
    const { states } = sample('vm-states');
    const named = readFileSync(new URL('checkpoints.ts', import.meta.url), 'utf8').matchAll(
      /state: '(\w+)'/g,
    );
    const power = readFileSync(new URL('virtual-machines.ts', import.meta.url), 'utf8').matchAll(
      /(?:through|to): '(\w+)'/g,
    );
    const used = [...named, ...power].map(([, name]) => name);
    expect(used.length).toBeGreaterThan(10);
    expect(used.filter((name) => !Object.hasOwn(states, name ?? ''))).toEqual([]);
  });
});

describe('a time', () => {
  const instant = Date.UTC(2019, 3, 30, 17, 42, 41, 213);

  it.each([
    ['fresh, with seven digits', 'fresh', -300, '2019-04-30T12:42:41.2135917-05:00'],
    ['stored, as the recorded job has it', 'stored', -300, '2019-04-30T12:42:41.213-05:00'],
    ['with an offset to the east', 'stored', 330, '2019-04-30T23:12:41.213+05:30'],
  ] as const)('is written %s', (_what, precision, offset, expected) => {
    expect(odataTime(instant, offset, precision)).toBe(expected);
  });

  it('loses its trailing zeros, and its fraction where there is none', () => {
    expect(odataTime(instant - 203, 0, 'stored')).toBe('2019-04-30T17:42:41.01+00:00');
    expect(odataTime(instant - 213, 0, 'stored')).toBe('2019-04-30T17:42:41+00:00');
  });
});

function propertiesOf(entry: Members): Members {
  return (entry.content as Members)['m:properties'] as Members;
}

function typeOf(element: unknown): unknown {
  return (element as Members | undefined)?.['@_m:type'];
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

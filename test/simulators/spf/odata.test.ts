import { readFileSync } from 'node:fs';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Behaviour, defaultBehaviour } from './options.ts';
import { type SpfSimulator, startSpfSimulator } from './simulator.ts';
import type { Vm } from './state.ts';
import { type RawAnswer, type RawOptions, type TestClient, testClient } from './test-client.ts';

let spf: SpfSimulator;
let client: TestClient;
let web: Vm;
let db: Vm;

beforeAll(async () => {
  spf = await startSpfSimulator();
  client = testClient(spf);
  web = spf.addVm({ name: "Bob's web", ownerRole: spf.subscriptionId });
  db = spf.addVm({ name: 'db' });
  for (const name of ['one', 'two', 'three']) spf.addCheckpoint({ vmId: web.id, name });
  spf.addCheckpoint({ vmId: db.id, name: 'other' });
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await spf.close();
});

afterEach(() => {
  spf.behave(defaultBehaviour);
  spf.resetCounts();
  spf.faults.clear();
});

function behave(behaviour: Partial<Behaviour>): void {
  spf.behave(behaviour);
}

async function get(path: string, options: RawOptions = {}): Promise<RawAnswer> {
  return client.send('GET', path, options);
}

interface Feed {
  value: { Name: string; ID: string }[];
  'odata.nextLink'?: string;
  'odata.count'?: string;
}

function feed(answer: RawAnswer): Feed {
  return answer.json as Feed;
}

function names(answer: RawAnswer): string[] {
  return feed(answer)
    .value.map(({ Name }) => Name)
    .sort();
}

const ofWeb = (): string => `$filter=StampId%20eq%20guid'${web.stampId}'%20and%20VMId%20eq%20guid'${web.id}'`;

describe('a path', () => {
  const forms: [string, (id: string, stamp: string) => string, number][] = [
    ['ID first', (id, stamp) => `VirtualMachines(ID=guid'${id}',StampId=guid'${stamp}')`, 200],
    ['StampId first', (id, stamp) => `VirtualMachines(StampId=guid'${stamp}',ID=guid'${id}')`, 200],
    ['Guid with a capital', (id, stamp) => `VirtualMachines(ID=Guid'${id}',StampId=Guid'${stamp}')`, 200],
    [
      'upper case',
      (id, stamp) => `VirtualMachines(ID=guid'${id.toUpperCase()}',StampId=guid'${stamp}')`,
      200,
    ],
    ['encoding', (id, stamp) => `VirtualMachines%28ID=guid%27${id}%27%2CStampId=guid%27${stamp}%27%29`, 200],
    ['a bare GUID', (id, stamp) => `VirtualMachines(ID=${id},StampId=${stamp})`, 400],
    ['half a key', (id) => `VirtualMachines(ID=guid'${id}')`, 400],
    ['an unnamed key', (id) => `VirtualMachines(guid'${id}')`, 400],
    ['a key as segment', (id) => `VirtualMachines/${id}`, 404],
    ['a set in another case', () => 'virtualmachines', 404],
    ['a set that there is not', () => 'VMCheckpointsOfAVM', 404],
  ];

  it.each(forms)('with %s', async (_what, path, status) => {
    expect((await get(path(web.id, web.stampId))).status).toBe(status);
    expect(spf.contractViolations).toHaveLength(status === 200 ? 0 : 1);
  });

  it('to nowhere is a 404 of IIS, in HTML', async () => {
    for (const path of ['SC2012/VMM/Microsoft.Management.Odata.svc/', 'favicon.ico']) {
      const answer = await get(new URL(`/${path}`, spf.spfUrl).href);
      expect([answer.status, answer.headers['content-type']]).toEqual([404, 'text/html; charset=us-ascii']);
    }
  });

  it('is taken in every form that was seen, but for the server of 2012 SP1', async () => {
    const { urls } = JSON.parse(
      readFileSync(new URL('fixtures/urls-seen.json', import.meta.url), 'utf8'),
    ) as {
      urls: { url: string; source: string }[];
    };
    const authorization = `Bearer ${spf.bearerToken}`;
    let taken = 0;
    for (const { url } of urls.filter(({ url }) => !url.includes('/SC2012/') && !url.includes('$expand'))) {
      const filled = url
        .replace(/^\{root\}\//, spf.adminRoot)
        .replace(/<SPF-Server>:8090/, new URL(spf.spfUrl).host)
        .replace(/^https:\/\/[^/]*:8090\//, `${new URL(spf.spfUrl).origin}/`)
        .replace(/^https:\/\/[^/]*:30005\//, `${new URL(spf.wapTenantRoot).origin}/`)
        .replace(/^https:\/\/[^/]*:30006\//, `${new URL(spf.wapPublicRoot).origin}/`)
        .replace(/^\/\{tenant\}/, `${new URL(spf.wapTenantRoot).origin}/{tenant}`)
        .replace(/\{tenant\}|<Subscription-ID>|subscription-id/, spf.subscriptionId)
        .replace(/(?<=\/)[0-9A-F]{8}-[0-9A-F-]{27}(?=\/)/, spf.subscriptionId)
        .replaceAll(/\{(stamp|job|vm|network)\}/g, web.stampId);
      const wap = filled.includes('/services/');
      const answer = await get(filled, wap ? { headers: { authorization } } : {});
      const subject = /\((ID|StampId)=/.test(filled) ? 404 : /VMSubnets/.test(filled) ? 404 : 200;
      expect([url, answer.status]).toEqual([url, subject]);
      taken += 1;
    }
    expect(taken).toBe(8);
  });
});

describe('a request breaks the contract', () => {
  const json = 'application/json;odata=minimalmetadata';
  it.each<[string, string, string, RawOptions, number]>([
    ['without x-ms-principal-id', 'GET', 'Jobs', { headers: { 'x-ms-principal-id': undefined } }, 400],
    ['with an empty x-ms-principal-id', 'GET', 'Jobs', { headers: { 'x-ms-principal-id': ' ' } }, 400],
    ['with a version that is none', 'GET', 'Jobs', { headers: { dataserviceversion: '4.0' } }, 400],
    [
      'with a MaxDataServiceVersion too low',
      'GET',
      'Jobs',
      { headers: { maxdataserviceversion: '2.0' } },
      400,
    ],
    ['with an Accept that there is not', 'GET', 'Jobs', { headers: { accept: 'text/csv' } }, 415],
    ['with a body on a GET', 'GET', 'Jobs', { rawBody: '{}' }, 400],
    ['with a POST without a body', 'POST', 'VMCheckPoints', {}, 400],
    [
      'with a body of no type',
      'POST',
      'VMCheckPoints',
      { rawBody: '{}', headers: { 'content-type': undefined } },
      415,
    ],
    [
      'with a body that is no object',
      'POST',
      'VMCheckPoints',
      { rawBody: '[]', headers: { 'content-type': json } },
      400,
    ],
    ['with a body that breaks off', 'POST', 'VMCheckPoints', { rawBody: '{"Name":', headers: {} }, 400],
    ['with a POST to a set that takes none', 'POST', 'Jobs', { body: {} }, 405],
    ['with an option that there is not', 'GET', 'Jobs?$where=1', {}, 400],
    ['with an option whose $ is encoded', 'GET', 'Jobs?%24top=1', {}, 400],
    ['with a filter by what there is not', 'GET', "Jobs?$filter=Colour%20eq%20'red'", {}, 400],
    ['with a GUID of OData 4', 'GET', 'Jobs?$filter=ID%20eq%2000000000-0000-0000-0000-000000000000', {}, 400],
    [
      'with a text for a GUID',
      'GET',
      "Jobs?$filter=ID%20eq%20'00000000-0000-0000-0000-000000000000'",
      {},
      400,
    ],
    ['with a filter that breaks off', 'GET', "Jobs?$filter=Name%20eq%20'a'%20and", {}, 400],
  ])('%s', async (_what, method, path, options, status) => {
    expect((await client.send(method, path, options)).status).toBe(status);
    expect(spf.contractViolations).toHaveLength(1);
  });

  it('never where both version headers are as the samples and the answers have them', async () => {
    for (const version of ['3.0', '3.0;', '3.0;NetFx', '1.0;']) {
      const headers = { dataserviceversion: version, maxdataserviceversion: '3.0;NetFx' };
      expect((await get('Jobs', { headers })).status).toBe(200);
    }
    // A parameter of OData 4 says nothing to OData 3.
    const accept = 'application/json;odata.metadata=none';
    expect((await get('Jobs', { headers: { accept } })).json).toHaveProperty(['odata.metadata']);
    expect(spf.contractViolations).toEqual([]);
  });
});

describe('a filter', () => {
  it('by StampId and VM gives the checkpoints of the VM', async () => {
    expect(names(await get(`VMCheckPoints?${ofWeb()}`))).toEqual(['one', 'three', 'two']);
    expect(names(await get(`VMCheckPoints?${ofWeb().replaceAll('%20', '+')}`))).toHaveLength(3);
  });

  it.each([
    ["Name eq 'Bob''s web'", ["Bob's web"]],
    ["Name eq 'BOB''S WEB'", ["Bob's web"]],
    ["Name ne 'db' and Enabled eq true", ["Bob's web"]],
    ["(Name eq 'db' or Name eq 'x') and MarkedAsTemplate eq false", ['db']],
    ['LastRestoredCheckpointId eq null', []],
    ['CPUCount eq 2', []],
  ])('%s', async (filter, expected) => {
    expect(names(await get(`VirtualMachines?$filter=${encodeURIComponent(filter)}`))).toEqual(expected);
  });

  it('can be ignored, refused, or demanded to name the stamp', async () => {
    behave({ filters: { VMCheckPoints: 'ignored' } });
    expect(names(await get(`VMCheckPoints?${ofWeb()}`))).toHaveLength(4);
    behave({ filters: { VMCheckPoints: 'refused' } });
    expect((await get(`VMCheckPoints?${ofWeb()}`)).status).toBe(400);
    behave({ filters: {}, checkpointsNeedStamp: true });
    expect((await get('VMCheckPoints')).status).toBe(400);
    expect((await get(`VMCheckPoints?${ofWeb()}`)).status).toBe(200);
    spf.faults.add({ kind: 'filter-ignored', operation: 'VMCheckPoints_List', times: 1 });
    expect(names(await get(`VMCheckPoints?${ofWeb()}`))).toHaveLength(4);
    expect(spf.contractViolations).toEqual([]);
  });
});

describe('paging', () => {
  async function followed(path: string): Promise<{ names: string[]; pages: number }> {
    const found: string[] = [];
    let pages = 0;
    for (let next: string | undefined = path; next !== undefined && pages < 10; pages += 1) {
      const answer = await get(next);
      found.push(...names(answer));
      next = feed(answer)['odata.nextLink'];
    }
    return { names: found.sort(), pages };
  }

  it.each(['absolute', 'relative'] as const)('goes on by %s links, with the filter', async (nextLink) => {
    behave({ pageSize: 2, nextLink });
    expect(await followed(`VMCheckPoints?${ofWeb()}`)).toEqual({ names: ['one', 'three', 'two'], pages: 2 });
    const first = feed(await get('VMCheckPoints'))['odata.nextLink'] ?? '';
    expect(first.startsWith('https://')).toBe(nextLink === 'absolute');
    expect(spf.contractViolations).toEqual([]);
  });

  it('ends where there is nothing more, and loses nothing when a row goes between two pages', async () => {
    behave({ pageSize: 4 });
    expect((await followed('VMCheckPoints')).pages).toBe(1);
    behave({ pageSize: 1 });
    const first = await get('VMCheckPoints');
    const gone = spf.addCheckpoint({ vmId: db.id, name: 'gone', id: '00000000-0000-0000-0000-000000000001' });
    spf.removeCheckpoint(gone.id);
    const rest = await followed(feed(first)['odata.nextLink'] ?? '');
    expect([...names(first), ...rest.names].sort()).toEqual(['one', 'other', 'three', 'two']);
  });

  it('knows $top, $skip and $inlinecount', async () => {
    const answer = await get('VMCheckPoints?$top=2&$skip=1&$inlinecount=allpages');
    expect(feed(answer).value).toHaveLength(2);
    expect([feed(answer)['odata.count'], feed(answer)['odata.nextLink']]).toEqual(['4', undefined]);
  });

  it('bears links to a host of its own where the front door does not rewrite them', async () => {
    behave({ pageSize: 1, internalHost: 'spfn-457:8090' });
    const answer = await get('VMCheckPoints');
    expect(feed(answer)['odata.nextLink']).toMatch(
      /^https:\/\/spfn-457:8090\/SC2012R2\/VMM\/Microsoft.Management.Odata.svc\/VMCheckPoints\?\$skiptoken=/,
    );
  });
});

describe('the form of an answer', () => {
  const key = (): string => `VirtualMachines(ID=guid'${web.id}',StampId=guid'${web.stampId}')`;
  const accept = (value: string | undefined): RawOptions => ({ headers: { accept: value } });

  it.each([
    [
      'application/json',
      'odata=minimalmetadata',
      ['odata.metadata', 'VMConnection@odata.mediaContentType'],
      ['odata.id'],
    ],
    [
      'application/json;odata=fullmetadata',
      'odata=fullmetadata',
      ['odata.id', 'odata.type', 'ID@odata.type'],
      [],
    ],
    ['application/json;odata=nometadata', 'odata=nometadata', ['Name'], ['odata.metadata']],
    ['application/json;odata=verbose', 'odata=verbose', ['d'], ['odata.metadata', 'Name']],
  ])('to %s', async (asked, type, has, lacks) => {
    const answer = await get(key(), accept(asked));
    expect(answer.headers['content-type']).toContain(type);
    const members = Object.keys(answer.json as object);
    expect(has.filter((name) => !members.includes(name))).toEqual([]);
    expect(lacks.filter((name) => members.includes(name))).toEqual([]);
  });

  it('is verbose JSON with its metadata, its page and its error, where that is asked for', async () => {
    behave({ pageSize: 1 });
    const answer = await get('VMCheckPoints', accept('application/json;odata=verbose'));
    expect(answer.json).toMatchObject({
      d: {
        results: [{ __metadata: { type: 'VMM.VMCheckPoint' } }],
        __next: expect.stringContaining('skiptoken') as string,
      },
    });
    const missing = await get(key().replace(/.{3}'\)$/, "fff')"), accept('application/json;odata=verbose'));
    expect(missing.json).toMatchObject({ error: { message: { lang: 'en-US' } } });
  });

  it.each([undefined, '*/*', 'application/atom+xml'])('is Atom with Accept: %s', async (asked) => {
    behave({ pageSize: 2 });
    for (const path of [
      key(),
      'VMCheckPoints',
      `Jobs(ID=guid'${web.id}',StampId=guid'${web.id}')`,
      '',
      '$metadata',
    ]) {
      const answer = await get(path, accept(asked));
      expect(answer.headers['content-type']).toMatch(/xml/);
      expect(XMLValidator.validate(answer.text)).toBe(true);
    }
    const parser = new XMLParser({ ignoreAttributes: false });
    const page = parser.parse((await get('VMCheckPoints', accept(asked))).text) as {
      feed: { entry: unknown[]; link: { '@_rel': string }[] };
    };
    expect(page.feed.entry).toHaveLength(2);
    expect(page.feed.link.map((link) => link['@_rel'])).toEqual(['self', 'next']);
  });

  it('of a 404 can be nothing at all', async () => {
    behave({ notFoundBody: 'empty' });
    const answer = await get(key().replace(web.id, web.stampId));
    expect([answer.status, answer.text]).toEqual([404, '']);
  });
});

describe('a method', () => {
  const change = { Description: 'new' };
  const path = (): string => {
    const [first] = spf.checkpoints();
    return `VMCheckPoints(ID=guid'${String(first?.id)}',StampId=guid'${String(first?.stampId)}')`;
  };

  it('that is tunnelled, or PATCH, is refused by IIS unless it is let through', async () => {
    const tunnel: RawOptions = { body: change, headers: { 'x-http-method': 'MERGE' } };
    for (const status of [405, 204]) {
      expect((await client.send('PATCH', path(), { body: change })).status).toBe(status);
      spf.skip(1);
      expect((await client.send('POST', path(), tunnel)).status).toBe(status);
      spf.skip(1);
      behave({ patch: 'accepted', methodTunnel: 'accepted' });
    }
    expect(spf.contractViolations).toEqual([]);
  });

  it('that changes an entity takes verbose JSON too', async () => {
    const body = { __metadata: { type: 'VMM.VMCheckPoint' }, ...change };
    const headers = { 'content-type': 'application/json;odata=verbose' };
    expect((await client.send('MERGE', path(), { body, headers })).status).toBe(204);
    spf.skip(1);
  });

  it('that is refused by a fault answers in the form that was asked for', async () => {
    spf.faults.add({
      kind: 'refused',
      operation: 'VMCheckPoints_Update',
      status: 500,
      message: 'VMM is ill.',
    });
    const answer = await client.send('MERGE', path(), { body: change });
    expect(answer.status).toBe(500);
    expect(answer.json).toMatchObject({ 'odata.error': { message: { value: 'VMM is ill.' } } });
    expect(spf.counts()).toEqual({ VMCheckPoints_Update: 1 });
  });

  it('names a job that there is not, where that is asked for', async () => {
    spf.faults.add({ kind: 'no-job-id', operation: 'VMCheckPoints_Update' });
    const answer = await client.send('MERGE', path(), { body: change });
    const url = `Jobs(ID=guid'${String(answer.headers['x-ms-request-id'])}',StampId=guid'${web.stampId}')`;
    expect([answer.status, (await get(url)).status]).toEqual([204, 404]);
    spf.skip(1);
  });
});

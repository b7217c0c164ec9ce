import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entityResponse, type Format, feedResponse } from '../../../../test/simulators/spf/formats.ts';
import { entityTypes, type Members } from '../../../../test/simulators/spf/model.ts';
import type { HttpResponse } from '../../http.ts';
import { MalformedAnswer } from '../../json.ts';
import { entityOf, pageOf } from './answer.ts';

const samples = new URL('../../../../test/simulators/spf/fixtures/', import.meta.url);

function answer(body: unknown): HttpResponse {
  return { status: 200, headers: {}, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

function sample(name: string): { response: { body: Members } } {
  return JSON.parse(readFileSync(new URL(name, samples), 'utf8'));
}

const formats: Format[] = ['minimal', 'full', 'none', 'verbose', 'atom'];
const root = 'https://spf.example:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/';
const checkpoint: Members = {
  ...Object.fromEntries(Object.keys(entityTypes.VMCheckPoints.properties).map((name) => [name, null])),
  Name: 'a < b & "c" \'d\' é😀',
  Description: '',
  Enabled: true,
  ID: 'a11cc636-5521-4f88-92b2-cad392911fe0',
  StampId: 'ba4146fa-fb41-4f59-a193-ad00c52a138c',
  AddedTime: '2013-08-19T15:02:36.591591-07:00',
};
const { 'odata.metadata': _metadata, ...job } = sample('job-get.json').response.body;

describe('an entity', () => {
  test.each(formats)('is the same in every form: %s', (format) => {
    const checkpointAnswer = entityResponse(200, format, root, entityTypes.VMCheckPoints, checkpoint);
    expect(entityOf(answer(checkpointAnswer.body))).toEqual(checkpoint);
    // The recorded job has numbers, a complex value and a list of them.
    const jobAnswer = entityResponse(200, format, root, entityTypes.Jobs, job);
    expect(entityOf(answer(jobAnswer.body))).toEqual(job);
  });

  test('of the recorded create has its members, and no annotation', () => {
    const { body } = sample('virtualmachine-create-response.json').response;
    const entity = entityOf(answer(body));
    expect(entity).toMatchObject({
      Name: 'Temp Machine Name',
      TotalSize: '0',
      Owner: { RoleID: expect.any(String) },
    });
    expect(Object.keys(body).filter((name) => !(name in entity))).toEqual([
      'VMConnection@odata.mediaContentType',
      'odata.metadata',
    ]);
  });

  test('is read from the recorded Atom answer, types and nulls included', () => {
    const text = readFileSync(new URL('virtualdiskdrive-create-response.atom.xml', samples), 'utf8');
    expect(entityOf(answer(text))).toMatchObject({
      Bus: 0,
      LUN: 4,
      IsVHD: true,
      Name: 'MyTestVM',
      VMId: null,
      Description: '',
      AddedTime: '2019-04-12T17:04:14.967-05:00',
      Size: '4194304',
    });
  });

  test('of a media entry in Atom has its properties beside the content', () => {
    const text =
      '<entry xmlns:m="m" xmlns:d="d"><content type="application/x-rdp" src="x"/><m:properties><d:Name>web</d:Name></m:properties></entry>';
    expect(entityOf(answer(text))).toEqual({ Name: 'web' });
  });

  test('in verbose JSON has no links that were not expanded', () => {
    expect(
      entityOf(answer({ d: { __metadata: {}, Name: 'a', Disks: { __deferred: { uri: 'x' } } } })),
    ).toEqual({
      Name: 'a',
    });
  });
});

describe('a page', () => {
  test.each(formats)('is the same in every form: %s', (format) => {
    const next = `${root}VMCheckPoints?$filter=a%20eq%20'b'&$skiptoken=1`;
    for (const nextLink of [undefined, next]) {
      const page = { rows: [checkpoint, checkpoint], count: 7, nextLink };
      const { body } = feedResponse(format, root, entityTypes.VMCheckPoints, page);
      expect(pageOf(answer(body))).toEqual({
        entities: [checkpoint, checkpoint],
        ...(nextLink === undefined ? {} : { nextLink }),
      });
    }
  });

  test('may be empty', () => {
    for (const format of formats) {
      const { body } = feedResponse(format, root, entityTypes.Jobs, {
        rows: [],
        count: undefined,
        nextLink: undefined,
      });
      expect(pageOf(answer(body))).toEqual({ entities: [] });
    }
    expect(pageOf(answer({ d: [] }))).toEqual({ entities: [] });
  });

  test('of the recorded list has its members', () => {
    const { entities, nextLink } = pageOf(answer(sample('clouds-list.json').response.body));
    expect(entities.map(({ Name }) => Name)).toEqual(['Test', 'Production']);
    expect(nextLink).toBeUndefined();
  });
});

describe('no data', () => {
  test.each<[string, unknown]>([
    ['nothing', ''],
    ['a page of a proxy', '<html><body>Please sign in</body></html>'],
    ['a page that is no XML', '<!DOCTYPE html><p>x'],
    ['an answer that breaks off', '{"odata.metadata":"x","value":[{"ID":'],
    ['Atom that breaks off', '<feed><entry>'],
    ['an error in verbose JSON with a 200', { error: { code: '', message: { lang: 'en', value: 'x' } } }],
    ['an error with a 200', { 'odata.error': { code: '', message: { value: 'x' } } }],
    ['an error in XML with a 200', '<m:error xmlns:m="x"><m:code/></m:error>'],
    ['a text', '"x"'],
    ['null', 'null'],
  ])('%s', (_name, body) => {
    expect(() => entityOf(answer(body))).toThrow(MalformedAnswer);
    expect(() => pageOf(answer(body))).toThrow(MalformedAnswer);
  });

  test.each<[string, unknown]>([
    ['an error among the rows', { value: [{ ID: 'a' }, { 'odata.error': {} }] }],
    ['an error at the end of a feed', '<feed><entry><properties/></entry><m:error xmlns:m="x"/></feed>'],
    ['a link that is no text', { value: [], 'odata.nextLink': 1 }],
    ['a link in Atom without an address', '<feed><link rel="next"/></feed>'],
    ['rows that are no entities', { value: [1] }],
    ['an entity', { ID: 'a' }],
    ['an Atom entry', '<entry><properties/></entry>'],
  ])('%s is no page', (_name, body) => {
    expect(() => pageOf(answer(body))).toThrow(MalformedAnswer);
  });

  test.each<[string, unknown]>([
    ['a page', { value: [] }],
    ['a verbose page', { d: { results: [] } }],
    ['a feed', '<feed/>'],
    ['an entry without properties', '<entry/>'],
    ['a number that is none', '<entry><properties><a type="Edm.Int32">x</a></properties></entry>'],
  ])('%s is no entity', (_name, body) => {
    expect(() => entityOf(answer(body))).toThrow(MalformedAnswer);
  });

  test('what breaks off is never read, wherever and in whichever form', () => {
    const page = { rows: [checkpoint, checkpoint], count: undefined, nextLink: undefined };
    const bodies = formats.flatMap((format): [string, (answer: HttpResponse) => unknown][] => [
      [answer(entityResponse(200, format, root, entityTypes.VMCheckPoints, checkpoint).body).body, entityOf],
      [answer(feedResponse(format, root, entityTypes.VMCheckPoints, page).body).body, pageOf],
    ]);
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...bodies), share, ([body, read], kept) => {
        const whole = body.trimEnd();
        const broken = whole.slice(0, Math.min(whole.length - 1, Math.floor(whole.length * kept)));
        expect(() => read(answer(broken))).toThrow(MalformedAnswer);
      }),
      { numRuns: 300 },
    );
  });

  test('a page of which one row is null, or a list, is none', () => {
    for (const row of [null, [], 'x', 7]) {
      expect(() => pageOf(answer({ value: [checkpoint, row] }))).toThrow(MalformedAnswer);
      expect(() => pageOf(answer({ d: { results: [row] } }))).toThrow(MalformedAnswer);
    }
  });

  test('a null entity has nothing in it', () => {
    expect(entityOf(answer({ 'odata.metadata': '$metadata#Edm.Null', 'odata.null': true }))).toEqual({});
  });

  test('whatever comes is read or refused', () => {
    const values = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"d":${json}}`),
      fc.json().map((json) => `{"value":[${json}]}`),
      fc.json().map((json) => `{"d":{"results":[${json}],"__next":${json}}}`),
      fc.json().map((json) => `\ufeff{"odata.error":${json}}`),
      fc.string().map((text) => `<entry><properties>${text}</properties></entry>`),
    );
    fc.assert(
      fc.property(values, (body) => {
        for (const read of [entityOf, pageOf]) {
          try {
            read(answer(body));
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedAnswer);
          }
        }
      }),
    );
  });
});

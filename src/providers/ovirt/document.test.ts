import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import { collectionIn, objectIn, readDocument } from './document.ts';

const partOf = (body: string) => {
  const part = readDocument(body)?.part;
  if (part === undefined) throw new Error('not read');
  return part;
};

describe('XML and JSON are read alike', () => {
  test.each([
    [
      'an object of v4',
      '<vm id="1" href="/x"><name>web</name><memory>1024</memory><stateless>false</stateless></vm>',
      '{"id":"1","href":"/x","name":"web","memory":"1024","stateless":"false"}',
    ],
    [
      'values of its own in JSON',
      '<vm id="1"><name>web</name><memory>1024</memory><stateless>false</stateless></vm>',
      '{"id":1,"name":"web","memory":1024,"stateless":false}',
    ],
    [
      'null is absent',
      '<vm id="1"><name>web</name><memory>1024</memory><stateless>false</stateless></vm>',
      '{"id":"1","name":"web","comment":null,"memory":"1024","stateless":"false"}',
    ],
  ])('%s', (_name, xml, json) => {
    for (const part of [partOf(xml), partOf(json)]) {
      expect(part.text('id')).toBe('1');
      expect(part.text('name')).toBe('web');
      expect(part.amount('memory')).toBe(1024);
      expect(part.flag('stateless')).toBe(false);
      expect(part.text('comment')).toBeUndefined();
    }
  });

  test('a wrapped list, and one that is empty', () => {
    const bodies = [
      '<snapshot><disk_attachments><disk_attachment id="1"/><disk_attachment id="2"/></disk_attachments></snapshot>',
      '{"disk_attachments":{"disk_attachment":[{"id":"1"},{"id":"2"}]}}',
    ];
    for (const body of bodies) {
      const items = partOf(body).items('disk_attachments', 'disk_attachment');
      expect(items.map((item) => item.text('id'))).toEqual(['1', '2']);
    }
    for (const body of [
      '<snapshot><disk_attachments/></snapshot>',
      '<snapshot/>',
      '{}',
      '{"disk_attachments":{}}',
    ]) {
      expect(partOf(body).items('disk_attachments', 'disk_attachment')).toEqual([]);
    }
  });

  test.each([
    ['ISO with the offset of the server', '2016-11-16T11:21:06.230+02:00', '2016-11-16T09:21:06.230Z'],
    ['ISO in UTC', '2016-11-16T11:21:06Z', '2016-11-16T11:21:06.000Z'],
    ['milliseconds since the epoch', '1479288066230', '2016-11-16T09:21:06.230Z'],
    ['the epoch', '0', '1970-01-01T00:00:00.000Z'],
    ['ISO with an offset without a colon', '2016-11-16T11:21:06.230+0200', '2016-11-16T09:21:06.230Z'],
    ['ISO with nanoseconds', '2016-11-16T11:21:06.230123456+02:00', '2016-11-16T09:21:06.230Z'],
  ])('a date: %s', (_name, text, iso) => {
    expect(partOf(`<a><date>${text}</date></a>`).instant('date')).toBe(iso);
    expect(partOf(JSON.stringify({ date: text })).instant('date')).toBe(iso);
    if (/^\d+$/.test(text)) expect(partOf(`{"date":${text}}`).instant('date')).toBe(iso);
  });

  test('text keeps its white space as content, and loses it as text', () => {
    const part = partOf('<a><b> x\n</b></a>');
    expect(part.one('b')?.content).toBe(' x\n');
    expect(part.text('b')).toBe('x');
  });
});

describe('what is not understood is an error', () => {
  test.each([
    ['a boolean that is none', '{"b":"maybe"}', 'flag'],
    ['a number that is none', '{"b":"many"}', 'amount'],
    ['a number below zero', '{"b":"-1"}', 'amount'],
    ['a number that JavaScript cannot hold', '{"b":"9223372036854775807"}', 'amount'],
    ['a date that is none', '{"b":"yesterday"}', 'instant'],
    ['a date without an offset', '{"b":"2016-11-16T11:21:06.230"}', 'instant'],
    ['a date beyond the calendar', '{"b":"9999999999999999"}', 'instant'],
    ['a value twice', '<a><b>1</b><b>2</b></a>', 'text'],
    ['an attribute and an element of one name', '<a b="1"><b>2</b></a>', 'text'],
  ] as const)('%s', (_name, body, read) => {
    expect(() => partOf(body)[read]('b')).toThrow(MalformedAnswer);
  });

  test.each([
    ['nothing', ''],
    ['a page of HTML', '<!DOCTYPE html><html><body>Sign in</body></html>'],
    ['XML that broke off', '<snapshots><snapshot id="1">'],
    ['JSON that broke off', '{"snapshot":[{"id":"1"}'],
    ['a list as JSON', '[{"id":"1"}]'],
    ['a text as JSON', '"ok"'],
    ['lists in lists', '{"snapshot":[[{"id":"1"}]]}'],
    ['JSON that is too deep', `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`],
    ['JSON that is too large', `{"a":[${'1,'.repeat(400_001)}1]}`],
  ])('%s is no document', (_name, body) => {
    expect(readDocument(body)).toBeUndefined();
    expect(() => objectIn(body, 'a')).toThrow(MalformedAnswer);
    expect(() => collectionIn(body, 'snapshots', 'snapshot')).toThrow(MalformedAnswer);
  });
});

describe('a collection', () => {
  test.each([
    ['XML', '<snapshots><snapshot id="1"/><snapshot id="2"/></snapshots>', 2],
    ['empty XML', '<snapshots/>', 0],
    ['XML with the bookkeeping of old engines', '<snapshots><actions/><snapshot id="1"/></snapshots>', 1],
    ['JSON', '{"snapshot":[{"id":"1"},{"id":"2"}]}', 2],
    ['JSON with one that is not in a list', '{"snapshot":{"id":"1"}}', 1],
    ['empty JSON', '{}', 0],
    ['JSON with an empty list', '{"snapshot":[]}', 0],
    ['JSON whose list is null', '{"snapshot":null}', 0],
    ['JSON behind a byte order mark', '\ufeff{"snapshot":[{"id":"1"}]}', 1],
    ['XML behind a byte order mark', '\ufeff<snapshots><snapshot id="1"/></snapshots>', 1],
    [
      'XML in a namespace, with where its schema is',
      '<a:snapshots xmlns:a="u" xmlns:xsi="v" xsi:schemaLocation="u w"><a:snapshot id="1"/></a:snapshots>',
      1,
    ],
    // It is not nothing, which would prove that nothing is there: whoever reads it finds that it has no id.
    ['JSON with an item that is null', '{"snapshot":[null]}', 1],
  ])('%s', (_name, body, count) => {
    expect(collectionIn(body, 'snapshots', 'snapshot')).toHaveLength(count);
  });

  // Each of these, taken for an empty list, would prove that nothing is there.
  test.each([
    ['a fault as JSON', '{"reason":"Operation Failed","detail":"[x]"}'],
    ['a fault as XML', '<fault><reason>Operation Failed</reason></fault>'],
    ['another collection', '<vms><vm id="1"/></vms>'],
    ['another collection as JSON', '{"vm":[{"id":"1"}]}'],
    ['one object as JSON', '{"id":"1","description":"x"}'],
    ['a page of XHTML', '<html><body>Sign in</body></html>'],
    ['text in place of items', '<snapshots>none</snapshots>'],
  ])('%s is no list of snapshots', (_name, body) => {
    expect(() => collectionIn(body, 'snapshots', 'snapshot')).toThrow(MalformedAnswer);
  });
});

test('names that JavaScript keeps for itself are names like others', () => {
  const part = partOf('{"__proto__":{"id":"1"},"constructor":"x","toString":"y"}');
  expect(part.one('__proto__')?.text('id')).toBe('1');
  expect(part.text('constructor')).toBe('x');
  expect(part.text('hasOwnProperty')).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
});

test('recorded answers that break off anywhere, or have a byte changed, are read or refused', () => {
  const folder = new URL('../../../test/simulators/ovirt/samples/', import.meta.url);
  const sample = readFileSync(new URL('v4-snapshots-active-and-one.xml', folder), 'utf8').trimEnd();
  fc.assert(
    fc.property(
      fc.nat({ max: sample.length - 1 }),
      fc.constantFrom('', '<', '>', '&', '"', '\0', 'x'),
      (at, other) => {
        expect(readDocument(sample.slice(0, at))).toBeUndefined();
        readDocument(sample.slice(0, at) + other + sample.slice(at + 1));
      },
    ),
  );
});

test('whatever comes, it is a document or none', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.string().map((text) => `<a>${text}</a>`),
      ),
      (body) => {
        const part = readDocument(body)?.part;
        for (const name of part?.names ?? []) {
          for (const read of ['text', 'flag', 'amount', 'instant'] as const) {
            try {
              part?.[read](name);
            } catch (error) {
              expect(error).toBeInstanceOf(MalformedAnswer);
            }
          }
        }
      },
    ),
  );
});

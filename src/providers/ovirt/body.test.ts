import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseXML } from '../xml.ts';
import { type Body, writeBody } from './body.ts';
import { readDocument } from './document.ts';

const snapshot: Body = {
  description: 'a <b> & "c"\nd',
  persist_memorystate: false,
  disk_attachments: { disk_attachment: [{ disk: { id: 'one' } }, { disk: { id: 'two', image_id: 'i' } }] },
  absent: undefined,
};

test('XML has the id as an attribute, and its lists flat', () => {
  expect(writeBody('snapshot', snapshot, 'xml')).toBe(
    '<?xml version="1.0" encoding="UTF-8"?><snapshot><description>a &lt;b&gt; &amp; &quot;c&quot;&#10;d</description>' +
      '<persist_memorystate>false</persist_memorystate><disk_attachments><disk_attachment><disk id="one"/></disk_attachment>' +
      '<disk_attachment><disk id="two"><image_id>i</image_id></disk></disk_attachment></disk_attachments></snapshot>',
  );
});

test('JSON has nothing around it, and strings for booleans', () => {
  expect(JSON.parse(writeBody('snapshot', snapshot, 'json'))).toEqual({
    description: 'a <b> & "c"\nd',
    persist_memorystate: 'false',
    disk_attachments: { disk_attachment: [{ disk: { id: 'one' } }, { disk: { id: 'two', image_id: 'i' } }] },
  });
});

test.each([
  ['xml', '<?xml version="1.0" encoding="UTF-8"?><action/>'],
  ['json', '{}'],
] as const)('an action without anything is a body all the same (%s)', (type, text) => {
  expect(writeBody('action', {}, type)).toBe(text);
});

describe('a text', () => {
  test('comes out of the XML as it went in, but for characters that XML does not have', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const written = writeBody('a', { b: text, c: { id: text } }, 'xml');
        const root = parseXML(written);
        const expected = [...text]
          .filter((character) => !/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(character))
          .join('');
        expect(root?.children[0]?.text).toBe(expected);
        expect(root?.children[1]?.attributes.get('id')).toBe(expected);
      }),
    );
  });

  test('cannot become markup, in either form', () => {
    const nasty = '</description><persist_memorystate>true</persist_memorystate><description>","x":"';
    for (const type of ['xml', 'json'] as const) {
      const part = readDocument(writeBody('snapshot', { description: nasty }, type))?.part;
      expect(part?.names).toEqual(['description']);
      expect(part?.text('description')).toBe(nasty);
    }
  });
});

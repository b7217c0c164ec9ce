import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childOf, childrenOf, parseXML } from './xml.ts';

describe('a document', () => {
  test('is read with its attributes, texts and order, whatever the prefixes', () => {
    const root = parseXML(
      '<?xml version="1.0" encoding="utf-8"?>\r\n<d:a xmlns:d="u" m:type="T"><b>1</b><c/><b d:x="2">3</b></d:a>\n',
    );
    expect(root?.name).toBe('a');
    expect(root?.attributes.get('type')).toBe('T');
    expect(root?.children.map(({ name }) => name)).toEqual(['b', 'c', 'b']);
    expect(childrenOf(root, 'b').map(({ text }) => text)).toEqual(['1', '3']);
    expect(childOf(root, 'b')?.text).toBe('1');
    expect(childrenOf(root, 'b')[1]?.attributes.get('x')).toBe('2');
    expect(childOf(root, 'd')).toBeUndefined();
    expect(childOf(undefined, 'd')).toBeUndefined();
  });

  test.each([
    ['text stays text', '007 1e3 true', '007 1e3 true'],
    ['white space is kept', ' a \n b ', ' a \n b '],
    ['built-in entities and character references', '&lt;&amp;&gt;&quot;&apos;&#65;&#x1F600;', '<&>"\'A😀'],
    ['what was escaped twice is taken once', '&amp;lt;&amp;#65;', '&lt;&#65;'],
    ['CDATA is no markup', '<![CDATA[<x>&amp;&y;]]>', '<x>&amp;&y;'],
    ['comments and instructions are nothing', 'a<!-- b --><?c d?>e', 'ae'],
    ['text around elements', 'a<b>x</b>c', 'ac'],
  ])('%s', (_name, content, text) => {
    expect(parseXML(`<a>${content}</a>`)?.text).toBe(text);
  });

  test.each([
    ['nothing', ''],
    ['text', 'Service Unavailable'],
    ['JSON', '{"a":1}'],
    ['HTML with a document type', '<!DOCTYPE html><html></html>'],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'],
    ['an entity of HTML', '<a>&nbsp;</a>'],
    ['an entity that nobody knows', '<a b="&e;"/>'],
    ['an ampersand on its own', '<a>a & b</a>'],
    ['what is cut off', '<a><b></b>'],
    ['what is closed wrongly', '<a><b></a></b>'],
    ['two roots', '<a/><b/>'],
    ['too deep', `${'<a>'.repeat(70)}${'</a>'.repeat(70)}`],
    ['too many elements', `<a>${'<b/>'.repeat(200_001)}</a>`],
    ['too many attributes', `<a ${'b="" '.repeat(200_001)}/>`],
    ['names that JavaScript keeps for itself', '<a><__proto__>x</__proto__></a>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
  ])('%s is not read', (_name, text) => {
    expect(parseXML(text)).toBeUndefined();
  });

  test('never throws, and changes no prototype', () => {
    const piece = fc.constantFrom(
      ...[
        '<',
        '>',
        '/',
        'a',
        'b:c',
        '="',
        '"',
        '&',
        ';',
        '#x',
        '<![CDATA[',
        ']]>',
        '<!--',
        '-->',
        '<?',
        '?>',
      ],
      ...['__proto__', 'constructor', 'toString', ' ', '<!DOCTYPE ', '\u0000', '😀'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        parseXML(`<a>${pieces.join('')}</a>`);
        parseXML(pieces.join(''));
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});

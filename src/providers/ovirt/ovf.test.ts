import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MalformedAnswer } from '../json.ts';
import { parseXML } from '../xml.ts';
import { withoutSecrets } from './ovf.ts';

const envelope = (content: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/" ovf:version="4.4.0.0"><Content ovf:id="out">${content}</Content></ovf:Envelope>`;

describe('secrets go', () => {
  test.each([
    [
      'the initialisation block, as engines write it',
      '<VmInit ovf:hostname="web" ovf:timeZone="Etc/GMT" ovf:authorizedKeys="ssh-rsa SECRET" ovf:rootPassword="SECRET" ovf:winKey="SECRET" ovf:networks="[ ]" ovf:customScript="runcmd: SECRET"/>',
      '<VmInit ovf:hostname="web" ovf:timeZone="Etc/GMT" ovf:networks="[ ]"/>',
    ],
    [
      'a script as the content of the block',
      '<VmInit ovf:hostname="web">#cloud-config\n<a>SECRET</a></VmInit>',
      '<VmInit ovf:hostname="web"></VmInit>',
    ],
    ['what a later release adds to the block', '<VmInit ovf:novelty="SECRET"/>', '<VmInit/>'],
    [
      'values in single quotes',
      "<VmInit ovf:rootPassword='SECRET>' ovf:hostname='w'/>",
      "<VmInit ovf:hostname='w'/>",
    ],
    ['blanks where XML allows them', '<VmInit\n ovf:rootPassword = "SECRET"\n/>', '<VmInit/>'],
    [
      'a block by another name',
      '<Sysprep><AdminPassword>SECRET</AdminPassword></Sysprep>',
      '<Sysprep></Sysprep>',
    ],
    [
      'a password anywhere',
      '<X adminPassword="SECRET" a="1"/><domain_password>SECRET</domain_password>',
      '<X a="1"/><domain_password></domain_password>',
    ],
    [
      'files for the first start',
      '<VmPayload><file path="/a">SECRET</file></VmPayload>',
      '<VmPayload></VmPayload>',
    ],
    [
      'a property that is named so',
      '<Property name="root_password" value="SECRET"/>',
      '<Property name="root_password"/>',
    ],
    [
      'an element within one that goes',
      '<secret><secret>SECRET</secret>SECRET<b/>SECRET</secret><c/>',
      '<secret></secret><c/>',
    ],
    [
      'settings in a text',
      '<PredefinedProperties>sap_agent=true;db_password=SECRET;x=1</PredefinedProperties>',
      '<PredefinedProperties>sap_agent=true;db_password=;x=1</PredefinedProperties>',
    ],
    ['settings in an attribute', '<P value="a=1;my.secret=SECRET"/>', '<P value="a=1;my.secret="/>'],
    ['settings in CDATA', '<P><![CDATA[token=SECRET]]></P>', '<P><![CDATA[token=]]></P>'],
    ['a setting with a reference in it', '<P>password=a&amp;SECRET;b=1</P>', '<P>password=;b=1</P>'],
    ['a setting behind one that is none', '<P>a=b password=SECRET</P>', '<P>a=b password=</P>'],
    ['comments and instructions', '<a/><!-- SECRET --><?x SECRET?>', '<a/>'],
  ])('%s', (_name, content, kept) => {
    const result = withoutSecrets(envelope(content));
    expect(result).not.toContain('SECRET');
    expect(result).toContain(kept);
  });
});

test('all else stays as it is, byte for byte', () => {
  const ovf = envelope(
    '<Name>web &amp; db</Name><Description>a &lt;b&gt; &#10;</Description><Section xsi:type="ovf:DiskSection_Type" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Disk ovf:diskId="183d7567" ovf:size="9663676416" ovf:disk-alias="web_Disk1 &quot;x&quot;"/></Section><MemorySizeMb>1024</MemorySizeMb><a>x > y</a>',
  );
  expect(withoutSecrets(`\ufeff${ovf}\n`)).toBe(ovf);
});

test.each(['', 'not XML', '<a><b></a>', '<!DOCTYPE a><a/>', '{"a":1}'])('%s is not kept', (text) => {
  expect(() => withoutSecrets(text)).toThrow(MalformedAnswer);
});

test('whatever the rest looks like, no secret stays, and the result is XML still', () => {
  const word = fc.stringMatching(/^[a-z]{1,8}$/);
  const text = fc.string().map((raw) => raw.replace(/[^\x20-\x7e]/g, '').replaceAll(/[&<>"';]/g, ' '));
  const secret = fc.constantFrom(
    '<VmInit ovf:rootPassword="SECRET" ovf:hostname="h"/>',
    '<VmInit ovf:authorizedKeys="SECRET">SECRET</VmInit>',
    '<ovf:VmInit><a b="SECRET"/></ovf:VmInit>',
    '<x:password xmlns:x="u">SECRET</x:password>',
    '<p password="SECRET"/>',
  );
  const tree = fc.letrec<{ node: string }>((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      text,
      secret,
      fc
        .tuple(word, word, text, fc.array(tie('node'), { maxLength: 4 }))
        .map(
          ([name, attribute, value, inner]) => `<${name} ${attribute}="${value}">${inner.join('')}</${name}>`,
        ),
    ),
  })).node;
  fc.assert(
    fc.property(tree, (content) => {
      const result = withoutSecrets(envelope(content));
      expect(result).not.toContain('SECRET');
      expect(parseXML(result)?.name).toBe('Envelope');
      expect(withoutSecrets(result)).toBe(result);
    }),
    { numRuns: 300 },
  );
});

test('what no ConfigMap takes is not kept', () => {
  expect(() => withoutSecrets(envelope('x'.repeat(1_100_000)))).toThrow(MalformedAnswer);
});

test('long texts cost little time', () => {
  const long = 'password='.repeat(20_000);
  const startedAt = performance.now();
  withoutSecrets(envelope(`<a b="${' '.repeat(100_000)}${long}">${long}${' '.repeat(100_000)}</a>`));
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

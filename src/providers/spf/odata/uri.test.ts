import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePath, parseQuery } from '../../../../test/simulators/spf/urls.ts';
import { splitURL } from '../../http.ts';
import { entityPath, filterPath, guidLiteral, isFilterable, nextPath, sameGUID, textLiteral } from './uri.ts';

const id = 'a11cc636-5521-4f88-92b2-cad392911fe0';
const stampID = 'ba4146fa-fb41-4f59-a193-ad00c52a138c';

test('a key is written as the samples have it', () => {
  // SPF sheet, urls-seen.json, composite key of docs-19271.
  expect(entityPath('VMCheckPoints', { id: id.toUpperCase(), stampID })).toBe(
    `VMCheckPoints(ID=guid'${id}',StampId=guid'${stampID}')`,
  );
  const parsed = parsePath(
    'spf',
    `/SC2012R2/VMM/Microsoft.Management.Odata.svc/${entityPath('Jobs', { id, stampID })}`,
  );
  expect(parsed.resource).toEqual({ kind: 'entity', set: 'Jobs', key: { id, stampId: stampID } });
});

test.each(["x' or 1 eq 1 or '", '', `${id}'`, ` ${id}`, `{${id}}`])('%j is no GUID', (text) => {
  expect(() => guidLiteral(text)).toThrow(TypeError);
  expect(() => entityPath('Jobs', { id: text, stampID })).toThrow(TypeError);
});

test('GUIDs are the same in either case', () => {
  expect(sameGUID(id, id.toUpperCase())).toBe(true);
  expect(sameGUID(id, stampID)).toBe(false);
  expect(sameGUID(undefined, undefined)).toBe(false);
});

describe('a filter', () => {
  test('leaves $ plain and writes a space as %20', () => {
    expect(filterPath('VMCheckPoints', { StampId: { guid: stampID }, VMId: { guid: id } })).toBe(
      `VMCheckPoints?$filter=StampId%20eq%20guid'${stampID}'%20and%20VMId%20eq%20guid'${id}'`,
    );
    expect(filterPath('VirtualMachines', {})).toBe('VirtualMachines');
  });

  test('doubles quotes', () => {
    expect(textLiteral("O'Neil")).toBe("'O''Neil'");
  });

  test.each(['', 'a\nb', 'a\u0000', 'x'.repeat(257), '\ud800'])('cannot hold %j', (text) => {
    expect(isFilterable(text)).toBe(false);
    expect(() => textLiteral(text)).toThrow(TypeError);
  });

  test('of any name comes out as that name, as part of a URL that may be sent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }).filter(isFilterable), (name) => {
        const path = filterPath('VirtualMachines', { Name: { text: name } });
        expect(splitURL(`https://spf.example/x/${path}`)).toBeDefined();
        const { filter } = parseQuery(path.slice(path.indexOf('?') + 1));
        expect(filter).toBe(`Name eq ${textLiteral(name)}`);
      }),
    );
  });
});

describe('a next link', () => {
  test.each([
    [
      'absolute',
      'https://spf:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc/VMCheckPoints?$skiptoken=x',
      'VMCheckPoints?$skiptoken=x',
    ],
    [
      'relative',
      "VMCheckPoints?$filter=a%20eq%20'b'&$skiptoken=1",
      "VMCheckPoints?$filter=a%20eq%20'b'&$skiptoken=1",
    ],
    ['with parentheses', 'VMCheckPoints()?$skip=2', 'VMCheckPoints?$skip=2'],
    [
      'with the name of another host, which is not followed',
      'https://evil.example/VMCheckPoints?x',
      'VMCheckPoints?x',
    ],
    ['to another set', 'https://spf:8090/svc/UserRoles?$skip=1', undefined],
    ['without a query', 'VMCheckPoints', undefined],
    ['with a fragment', 'VMCheckPoints?x#y', undefined],
    ['with a blank', 'VMCheckPoints?x y', undefined],
    ['that is too long', `VMCheckPoints?${'x'.repeat(5_000)}`, undefined],
  ])('%s', (_name, link, path) => {
    expect(nextPath('VMCheckPoints', link)).toBe(path);
  });

  test('never leads out of the service root', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'VMCheckPoints?/.#:@\\%2f &=$') }), (text) => {
        const path = nextPath('VMCheckPoints', `https://spf/${text}VMCheckPoints?${text}`);
        if (path === undefined) return;
        const url = splitURL(`https://own.example/root/${path}`);
        expect(url?.origin).toBe('https://own.example');
        expect(url?.target.startsWith('/root/VMCheckPoints?')).toBe(true);
      }),
    );
  });
});

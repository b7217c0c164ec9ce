import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpResponse } from '../http.ts';
import {
  errorBodyOf,
  failureOf,
  operationFailure,
  outcomeTable,
  quotaOf,
  type RequestContext,
  rowFor,
  throttleOf,
} from './outcomes.ts';

const now = Date.UTC(2026, 10, 22, 10, 0, 0);

interface Fixture {
  name: string;
  request?: Omit<RequestContext, 'now'>;
  response?: { status: number; headers: HttpResponse['headers']; body: unknown };
  operation?: { status: string; error?: unknown };
  expect: Record<string, unknown> & { error?: Record<string, string> };
}

const folder = new URL('fixtures/', import.meta.url);
const fixtures = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture,
);

/** The body as it would come from the transport, which takes the byte order mark away. */
function responseOf({ response }: Fixture): HttpResponse {
  const { status = 0, headers = {}, body = '' } = response ?? {};
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { status, headers, body: new TextDecoder().decode(Buffer.from(text)) };
}

describe('what Azure answers', () => {
  test.each(fixtures)('$name', (fixture) => {
    const { operation, request } = fixture;
    const failure =
      operation === undefined
        ? failureOf(responseOf(fixture), { write: false, ...request, now })
        : operationFailure(operation.error, operation.status);
    const { error, ...rest } = fixture.expect;
    expect(failure).toMatchObject(rest);
    for (const [name, words] of Object.entries(error ?? {})) {
      expect(failure.error[name as 'code']).toEqual(expect.stringContaining(words));
    }
  });

  test('every row of the table has its fixture', () => {
    const met = fixtures.map((fixture) => {
      const { operation, response } = fixture;
      const json = operation === undefined ? response?.body : operation.error;
      return rowFor(errorBodyOf(json), response?.status);
    });
    expect(outcomeTable.filter((row) => !met.includes(row)).map((row) => row.code.source)).toEqual([]);
  });
});

describe('quota headers', () => {
  const name = 'x-ms-ratelimit-remaining-resource';
  test.each([
    ['none', undefined, []],
    ['one', 'Microsoft.Compute/A;3', [['A', 3]]],
    [
      'several in one header',
      'Microsoft.Compute/A;3, Microsoft.Compute/B3Min;0',
      [
        ['A', 3],
        ['B3Min', 0],
      ],
    ],
    [
      'several headers',
      ['Microsoft.Compute/A;3', 'Microsoft.Compute/B;1,Microsoft.Compute/C;2'],
      [
        ['A', 3],
        ['B', 1],
        ['C', 2],
      ],
    ],
    ['what is no quota is passed over', 'Microsoft.Compute/A;x,nonsense,;,Microsoft.Compute/B;1', [['B', 1]]],
  ])('%s', (_name, header, expected) => {
    const found = quotaOf({ status: 200, headers: { [name]: header }, body: '' });
    expect(found.map(({ policy, left }) => [policy, left])).toEqual(expected);
  });
});

test('a policy that is no name is not taken', () => {
  const body = JSON.stringify({ details: [{ code: 'TooManyRequests', target: 'a b/../c' }] });
  expect(throttleOf({ status: 429, headers: {}, body }, now)).toEqual({ afterMs: 60_000 });
});

test('secrets and signed URLs in the words of Azure are taken out, and long words are cut', () => {
  const body = JSON.stringify({
    error: {
      code: 'X',
      message: `see https://a.example/b?sig=abcdef&se=1 Bearer eyJhbGciOiJub25lIn0.eyJhYmNkZWYiOjF9.abcdef ${'x'.repeat(5000)}`,
    },
  });
  const { error } = failureOf({ status: 400, headers: {}, body }, { write: true, now });
  expect(error.message).not.toMatch(/abcdef/);
  expect(error.message.length).toBeLessThanOrEqual(1024);
});

test('whatever comes, there is a failure, and a write that met a server error is never taken as without effect', () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"error":${json}}`),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }),
      body,
      fc.dictionary(fc.constantFrom('retry-after', 'x-ms-failure-cause', 'x-ms-request-id'), fc.string()),
      fc.boolean(),
      (status, text, headers, write) => {
        const failure = failureOf({ status, headers, body: text }, { write, now });
        expect(typeof failure.error.code).toBe('string');
        expect(failure.error.message.length).toBeLessThanOrEqual(1024);
        if (write && (status >= 500 || status === 408 || status < 400)) expect(failure.kind).toBe('Unknown');
        if (failure.kind === 'NotFound') expect(failure.what).toBe('Unproven');
        quotaOf({ status, headers: { 'x-ms-ratelimit-remaining-resource': text }, body: '' });
      },
    ),
  );
});

test('whatever an operation failed with, there is a failure', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (json, status) => {
      const { error } = operationFailure(json, status);
      expect(error.message.length).toBeLessThanOrEqual(1024);
    }),
  );
});

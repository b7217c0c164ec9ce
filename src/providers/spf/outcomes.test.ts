import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpResponse } from '../http.ts';
import { recordOf } from '../json.ts';
import {
  errorBodyOf,
  failureOf,
  jobFailure,
  outcomeTable,
  type RequestContext,
  rowFor,
  withAuthenticationHint,
} from './outcomes.ts';

const now = Date.UTC(2026, 10, 22, 10, 0, 0);

/** SPF's words are modelled on VMM's: no error body of SPF's is public (SPF sheet, section 10). */
interface Fixture {
  name: string;
  request?: Partial<RequestContext>;
  response?: { status: number; headers: HttpResponse['headers']; body: unknown };
  job?: { status: string; errorInfo: unknown };
  expect: Record<string, unknown> & { error?: Record<string, string> };
}

const folder = new URL('fixtures/', import.meta.url);
const fixtures = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture,
);

function responseOf({ response }: Fixture): HttpResponse {
  const { status = 0, headers = {}, body = '' } = response ?? {};
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

function contextOf({ request }: Fixture): RequestContext {
  return { write: false, target: 'Set', ...request, now };
}

describe('what SPF answers, and what its jobs come to', () => {
  test.each(fixtures)('$name', (fixture) => {
    const { job } = fixture;
    const failure =
      job === undefined
        ? failureOf(responseOf(fixture), contextOf(fixture))
        : jobFailure(recordOf(job.errorInfo), job.status);
    const { error, ...rest } = fixture.expect;
    expect(failure).toMatchObject(rest);
    for (const [name, words] of Object.entries(error ?? {})) {
      expect(failure.error[name as 'code']).toEqual(expect.stringContaining(words));
    }
  });

  test('every row of the table has its fixture', () => {
    const met = fixtures.flatMap((fixture) =>
      fixture.response === undefined ? [] : [rowFor(errorBodyOf(responseOf(fixture)))],
    );
    const missing = outcomeTable.filter((row) => !met.includes(row));
    expect(missing.map(({ code, words }) => (code ?? words)?.source)).toEqual([]);
  });
});

describe('refused credentials', () => {
  const refused = failureOf({ status: 401, headers: {}, body: '' }, { write: false, target: 'Set', now });

  test.each([
    ['SPF', 'ntlm', 'SPF_VMM'],
    ['SPF', 'bearer', "Service Provider Foundation's own site takes basic or ntlm or negotiate"],
    ['AzurePackTenant', 'basic', 'the tenant API of Windows Azure Pack takes bearer'],
    ['AzurePackPublic', 'clientCertificate', 'good for the subscription'],
  ] as const)('at %s by %s', (door, used, words) => {
    expect(withAuthenticationHint(refused, door, used).error.message).toContain(words);
  });

  test('are no cause of other failures', () => {
    const other = failureOf({ status: 403, headers: {}, body: '' }, { write: false, target: 'Set', now });
    expect(withAuthenticationHint(other, 'SPF', 'basic')).toBe(other);
  });
});

/** An error that another one caused, and so on. */
function nested(depth: number): string {
  return depth === 0 ? 'null' : `{"message":"cause ${depth}","innererror":${nested(depth - 1)}}`;
}

test('whatever comes, there is a failure, and a write that met a server error is never taken as without effect', () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc.json().map((json) => `{"odata.error":${json}}`),
    fc.json().map((json) => `{"error":{"message":${json},"innererror":${json}}}`),
    fc.json().map((json) => `{"odata.error":{"code":null,"message":{"lang":1,"value":${json}}}}`),
    fc.json().map((json) => `{"Code":${json},"Message":"no"}`),
    fc.integer({ min: 1, max: 40 }).map((depth) => `{"odata.error":${nested(depth)}}`),
    fc.string().map((text) => `<m:error xmlns:m="x"><m:message>${text}</m:message></m:error>`),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }),
      body,
      fc.dictionary(fc.constantFrom('retry-after', 'dataserviceversion', 'x-ms-request-id'), fc.string()),
      fc.boolean(),
      fc.constantFrom('Key', 'Set', 'Create'),
      (status, text, headers, write, target) => {
        const failure = failureOf({ status, headers, body: text }, { write, target, now });
        expect(failure.error.code).not.toBe('');
        expect(failure.error.message.length).toBeLessThanOrEqual(1024);
        if (write && (status >= 500 || status === 408 || status < 400)) expect(failure.kind).toBe('Unknown');
        if (failure.kind === 'NotFound' && target === 'Set') expect(failure.what).toBe('Unproven');
      },
    ),
  );
});

test('whatever a job failed with, there is a failure', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (json, status) => {
      const { error } = jobFailure(recordOf(json), status);
      expect(error.code).not.toBe('');
      expect(error.message.length).toBeLessThanOrEqual(1024);
    }),
  );
});

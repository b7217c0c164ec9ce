import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpResponse } from '../http.ts';
import { faultIn } from './model.ts';
import { actionFailure, failureOf, outcomeTable, type RequestContext, rowFor } from './outcomes.ts';

const now = Date.UTC(2026, 10, 22, 10, 0, 0);

/** Answers in the forms that engines give to refusals, and what they come to. */
interface Fixture {
  name: string;
  request?: Partial<RequestContext>;
  response: HttpResponse;
  expect: Record<string, unknown> & { error?: Record<string, string> };
}

const folder = new URL('fixtures/', import.meta.url);
const fixtures = readdirSync(folder).map(
  (file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Fixture,
);
const contextOf = (request: Partial<RequestContext> = {}): RequestContext => ({
  write: false,
  about: 'Other',
  ...request,
  now,
});

describe('what an engine answers', () => {
  test.each(fixtures)('$name', ({ request, response, expect: { error, ...rest } }) => {
    const failure = failureOf(response, contextOf(request));
    expect(failure).toMatchObject(rest);
    for (const [name, words] of Object.entries(error ?? {})) {
      expect(failure.error[name as 'code']).toEqual(expect.stringContaining(words));
    }
    expect(failure.error.message).not.toBe('');
  });

  test('every row of the table has its fixture', () => {
    const met = fixtures.map(({ response }) => rowFor(response.status, faultIn(response.body)));
    expect(
      outcomeTable.filter((row) => !met.includes(row)).map((row) => [row.status, row.words?.source]),
    ).toEqual([]);
  });
});

test('the correlation id that the engine echoes is told, and nothing else from there', () => {
  const answer = (id: string) =>
    failureOf({ status: 409, headers: { 'correlation-id': id }, body: '' }, contextOf({ write: true }));
  expect(answer('6f1d2c3b-0000-4000-8000-0123456789ab').error.requestID).toBe(
    '6f1d2c3b-0000-4000-8000-0123456789ab',
  );
  expect(answer('<script>').error.requestID).toBeUndefined();
});

test('an action that failed although its status is 200', () => {
  const response = { status: 200, headers: {}, body: '' };
  expect(actionFailure({ reason: 'Operation Failed', detail: 'No.' }, response)).toMatchObject({
    kind: 'Failed',
    error: { message: 'No.' },
  });
  expect(actionFailure(undefined, response).error.message).toMatch(/not why/);
});

test('secrets in the words of an engine are taken out, and long words are cut', () => {
  const detail = `[password=hunter2 Bearer eyJhbGciOiJub25lIn0.eyJhYmNkZWYiOjF9.abcdef ${'x'.repeat(5000)}]`;
  const { error } = failureOf(
    { status: 400, headers: {}, body: JSON.stringify({ reason: 'x', detail }) },
    contextOf({ write: true }),
  );
  expect(error.message).not.toMatch(/hunter2|abcdef/);
  expect(error.message.length).toBeLessThanOrEqual(1024);
});

test('whatever comes, there is a failure, and a write that met a server error is never taken as without effect', () => {
  const words = fc.constantFrom(
    'Cannot',
    'snapshot',
    'does not exist',
    'VM',
    'quota',
    'ILLEGAL',
    '.',
    '[',
    ']',
  );
  const detail = fc.oneof(
    fc.string(),
    fc.array(words).map((list) => list.join(' ')),
  );
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    detail.map((text) => JSON.stringify({ reason: 'Operation Failed', detail: text })),
    detail.map((text) => JSON.stringify({ status: 'failed', fault: { detail: text } })),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 300, max: 599 }),
      body,
      fc.constantFrom<RequestContext['about']>('VM', 'Disk', 'Snapshot', 'Other'),
      fc.boolean(),
      fc.boolean(),
      (status, text, about, write, creates) => {
        const failure = failureOf({ status, headers: {}, body: text }, { write, about, creates, now });
        expect(failure.error.message.length).toBeLessThanOrEqual(1024);
        if (write && (status >= 500 || status === 408 || status < 400)) expect(failure.kind).toBe('Unknown');
        // Only a 404 in the engine's own form proves that something is gone.
        if (failure.kind === 'NotFound' && failure.what === 'Object') expect(status).toBe(404);
        if (failure.kind === 'NotFound' && failure.what === 'Parent') expect(creates).toBe(true);
      },
    ),
  );
});

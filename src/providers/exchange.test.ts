import { describe, expect, test } from 'vitest';
import { readAnswer, transportFailure, waitOf } from './exchange.ts';
import type { HttpFailure } from './http.ts';
import { MalformedAnswer } from './json.ts';

const now = Date.UTC(2026, 10, 22, 10, 0, 0);

describe('a request without an answer', () => {
  const error = { code: 'ECONNRESET', message: 'reset' };
  test.each<[string, HttpFailure, boolean, string]>([
    ['a write that was not sent had no effect', { sent: false, error }, true, 'Unavailable'],
    ['a write that may have left is Unknown', { sent: true, error }, true, 'Unknown'],
    ['a read is Unavailable, sent or not', { sent: true, error }, false, 'Unavailable'],
    ['held back here', { sent: false, cause: 'TooLate', error }, true, 'NotSent'],
    ['given up after it was sent', { sent: true, cause: 'Aborted', error }, true, 'Unknown'],
    ['given up before it was sent', { sent: false, cause: 'Aborted', error }, true, 'Unavailable'],
  ])('%s', (_name, failure, write, kind) => {
    expect(transportFailure(failure, write)).toEqual({ kind, error });
  });
});

test('a 2xx that cannot be read is Unknown for a write and Unavailable for a read', () => {
  const response = { status: 201, headers: {}, body: '' };
  const read = (write: boolean) =>
    readAnswer(response, write, { requestID: 'r-1' }, () => {
      throw new MalformedAnswer('no id');
    });
  const error = { code: 'MalformedAnswer', message: 'no id', status: 201, requestID: 'r-1' };
  expect(read(true)).toEqual({ kind: 'Unknown', error });
  expect(read(false)).toEqual({ kind: 'Unavailable', error });
});

test('what is wrong in the reading itself is no malformed answer', () => {
  const read = () => {
    throw new RangeError('out of range');
  };
  expect(() => readAnswer({ status: 200, headers: {}, body: '' }, false, {}, read)).toThrow(RangeError);
});

test.each([
  ['17', 17_000],
  ['Sun, 22 Nov 2026 10:00:20 GMT', 20_000],
  ['Sun, 22 Nov 2026 09:00:00 GMT', 0],
  ['99999', 3_600_000],
  ['soon', undefined],
  ['-1', undefined],
])('Retry-After %s', (header, expected) => {
  expect(waitOf({ status: 200, headers: { 'retry-after': header }, body: '' }, now)).toBe(expected);
});

import { describe, expect, it } from 'vitest';
import type { Failure } from '../providers/outcome.ts';
import { notFound, unavailable, vendorError } from './testing/builders.ts';
import { sourceTrouble, troubleOf, vendorWords } from './trouble.ts';

const error = vendorError;

describe('a failed call', () => {
  it.each<[string, Failure, string]>([
    ['throttled', { kind: 'Throttled', afterMs: 5, error }, 'ProviderThrottled'],
    ['with refused credentials', { kind: 'Denied', cause: 'Authentication', error }, 'AuthenticationFailed'],
    ['without permission', { kind: 'Denied', cause: 'Permission', error }, 'PermissionDenied'],
    ['for what is absent', notFound('Object'), 'SourceNotFound'],
    ['for something in what is absent', notFound('Parent'), 'SourceNotFound'],
    ['with a 404 that proves nothing', notFound('Unproven'), 'ProviderUnavailable'],
    ['in conflict for now', { kind: 'Conflict', retry: 'Later', error }, 'ConcurrentOperation'],
    ['in conflict for good', { kind: 'Conflict', retry: 'Never', error }, 'CreationFailed'],
    ['invalid', { kind: 'Invalid', error }, 'CreationFailed'],
    ['unsupported', { kind: 'Unsupported', error }, 'UnsupportedByProvider'],
    [
      'over the number of snapshots',
      { kind: 'LimitReached', limit: 'Snapshots', error },
      'SnapshotLimitReached',
    ],
    ['over a quota', { kind: 'LimitReached', limit: 'Quota', error }, 'QuotaExceeded'],
    ['that failed for now', { kind: 'Failed', transient: true, error }, 'ProgressingWithRetry'],
    ['that failed for good', { kind: 'Failed', transient: false, error }, 'CreationFailed'],
    ['that reached nobody', unavailable, 'ProviderUnavailable'],
    ['of unknown outcome', { kind: 'Unknown', error }, 'ProgressingWithRetry'],
    ['that was not sent', { kind: 'NotSent', error }, 'ProgressingWithRetry'],
  ])('%s', (_sentence, failure, reason) => {
    const trouble = troubleOf(failure, 'reading VM app-1');
    expect(trouble.reason).toBe(reason);
    expect(trouble.message).toContain(`reading VM app-1: ${failure.error.code}`);
    expect(trouble.vendorCode).toBe(failure.error.code);
  });

  it('keeps the wait that the vendor asks for, and makes none up', () => {
    expect(troubleOf({ kind: 'Throttled', afterMs: 7, error }, 'x').afterMs).toBe(7);
    expect(troubleOf({ kind: 'Unavailable', afterMs: 8, error }, 'x').afterMs).toBe(8);
    expect(troubleOf(unavailable, 'x')).not.toHaveProperty('afterMs');
  });

  it('says what to do where a person can do something', () => {
    const refused = troubleOf({ kind: 'Denied', cause: 'Authentication', error }, 'x');
    expect(refused.message).toMatch(/^x: SomeCode: words of the vendor\. .*credentials/);
  });
});

describe('the words of the vendor', () => {
  it.each([
    ['have code and message', { code: 'C', message: 'm' }, 'C: m'],
    ['have the code alone where there is no message', { code: 'C', message: '' }, 'C'],
    ['have the code once where the message repeats it', { code: 'C', message: 'C' }, 'C'],
    [
      'leave out the request id, which differs at each look',
      { code: 'C', message: 'm', requestID: 'r' },
      'C: m',
    ],
  ])('%s', (_sentence, said, words) => {
    expect(vendorWords(said)).toBe(words);
  });
});

describe('a source that is only read', () => {
  it.each(['Object', 'Parent', 'Unproven'] as const)('is absent after a 404 that says %s', (what) => {
    expect(sourceTrouble(notFound(what), 'x').reason).toBe('SourceNotFound');
  });

  it('is not absent after any other failure', () => {
    expect(sourceTrouble(unavailable, 'x').reason).toBe('ProviderUnavailable');
  });
});

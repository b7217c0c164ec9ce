import type { Reason } from '../api/reasons.ts';
import type { Failure, VendorError } from '../providers/outcome.ts';

/** A failure in the words of conditions. */
export interface Trouble {
  reason: Reason;
  message: string;
  vendorCode: string;
  /** What the vendor asked to wait, in milliseconds. */
  afterMs?: number;
}

/**
 * The vendor's code and words. Its request id is left to the log: it is another one at each look, and would make
 * the same trouble look new.
 */
export function vendorWords({ code, message }: VendorError): string {
  const words = message.replace(/[.\s]+$/, '');
  if (words === '') return code;
  return words.includes(code) ? words : `${code}: ${words}`;
}

/**
 * What a failed call means for the object on whose behalf it was made.
 *
 * @param what what was tried, for people: "reading VM app-1"
 */
export function troubleOf(failure: Failure, what: string): Trouble {
  const message = `${what}: ${vendorWords(failure.error)}`;
  const said = (reason: Reason, advice = ''): Trouble => ({
    reason,
    message: advice === '' ? message : `${message}. ${advice}`,
    vendorCode: failure.error.code,
  });
  switch (failure.kind) {
    case 'Throttled':
      return { ...said('ProviderThrottled'), afterMs: failure.afterMs };
    case 'Denied':
      return failure.cause === 'Authentication'
        ? said('AuthenticationFailed', 'Check the credentials that the provider names')
        : said('PermissionDenied');
    case 'NotFound':
      return failure.what === 'Unproven'
        ? said(
            'ProviderUnavailable',
            'The answer does not prove that it is absent, so nothing is concluded from it',
          )
        : said('SourceNotFound', 'Check the name or id, and that the provider is the right one');
    case 'Conflict':
      return failure.retry === 'Later' ? said('ConcurrentOperation') : said('CreationFailed');
    case 'Invalid':
      // Several of one name: a provider's own word for it (see `Provider.getVM`).
      return failure.error.code === 'AmbiguousSource'
        ? said('AmbiguousSource', 'Name it by its id')
        : said('CreationFailed');
    case 'Unsupported':
      return said('UnsupportedByProvider');
    case 'LimitReached':
      return failure.limit === 'Snapshots'
        ? said('SnapshotLimitReached')
        : said('QuotaExceeded', 'Raise the quota or make room');
    case 'Failed':
      return failure.transient ? said('ProgressingWithRetry') : said('CreationFailed');
    case 'Unavailable':
      return failure.afterMs === undefined
        ? said('ProviderUnavailable')
        : { ...said('ProviderUnavailable'), afterMs: failure.afterMs };
    case 'Unknown':
      return said('ProgressingWithRetry', 'Whether it had its effect is being found out');
    case 'NotSent':
      return said('ProgressingWithRetry');
  }
}

/**
 * As `troubleOf`, for something that is only to be read before anything is made: there a 404 in any form is enough
 * to say that it is not there, for nothing is concluded from it that could not be taken back.
 */
export function sourceTrouble(failure: Failure, what: string): Trouble {
  return troubleOf(failure.kind === 'NotFound' ? { ...failure, what: 'Object' } : failure, what);
}

/** The words in which the tables of all vendors say what a vendor's error means. */
import { vendorText } from './http.ts';
import type { Failure, VendorError } from './outcome.ts';

export type ToFailure = (error: VendorError) => Failure;

export const denied: ToFailure = (error) => ({ kind: 'Denied', cause: 'Permission', error });
export const unauthenticated: ToFailure = (error) => ({ kind: 'Denied', cause: 'Authentication', error });
export const later: ToFailure = (error) => ({ kind: 'Conflict', retry: 'Later', error });
export const never: ToFailure = (error) => ({ kind: 'Conflict', retry: 'Never', error });
export const invalid: ToFailure = (error) => ({ kind: 'Invalid', error });
export const unsupported: ToFailure = (error) => ({ kind: 'Unsupported', error });
export const snapshotLimit: ToFailure = (error) => ({ kind: 'LimitReached', limit: 'Snapshots', error });
export const quota: ToFailure = (error) => ({ kind: 'LimitReached', limit: 'Quota', error });
export const failed: ToFailure = (error) => ({ kind: 'Failed', transient: false, error });
export const failedForNow: ToFailure = (error) => ({ kind: 'Failed', transient: true, error });

/** The failure of a 404: what is absent, as far as it is proven. */
export const absent =
  (what: Extract<Failure, { kind: 'NotFound' }>['what']): ToFailure =>
  (error) => ({ kind: 'NotFound', what, error });

/** The same error, with a message that goes on to say what to do. */
export function hinted(error: VendorError, hint: string): VendorError {
  return { ...error, message: vendorText(`${error.message.replace(/[.\s]*$/, '')}. ${hint}`) };
}

/** The same failure, with a message that goes on to say what to do. */
export const withHint =
  (hint: string, to: ToFailure): ToFailure =>
  (error) =>
    to(hinted(error, hint));

/** What ends a command before its time, in words that say what to do. */
import { ApiError, isForbidden, TransportError } from '../runtime/kube/errors.ts';

/** How the process ends. */
export const exitCodes = {
  done: 0,
  /** It failed, or something is wrong. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** Not at its end within --timeout. */
  timeout: 3,
  interrupted: 130,
} as const;

/** Something that cannot be done as things are. */
export class Failure extends Error {
  /** What to do about it. */
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.advice = advice;
  }
}

/** The command line cannot be understood. */
export class UsageError extends Error {}

/** Any error as a {@link Failure}: what failed, what the API server said, what to do. */
export function explained(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof TransportError)
    return new Failure(
      `the API server was not reached: ${error.message}`,
      'Check that the kubeconfig and its context (--kubeconfig, --context) are the right ones: kubectl version asks the same server.',
    );
  if (isForbidden(error))
    return new Failure(
      error.message,
      'Ask whoever keeps the cluster for this right; docs/security.md has what the roles view, edit and admin gain. With -n another namespace is asked for.',
    );
  if (error instanceof ApiError && error.status === 401)
    return new Failure(error.message, 'Sign in again: the API server does not take these credentials.');
  if (isNotServed(error))
    return new Failure(
      error.message,
      'This cluster does not serve that kind: Keyframe is not installed, or older than this plugin. kubectl keyframe doctor says more.',
    );
  return new Failure(error instanceof Error ? error.message : String(error));
}

/** Whether the API server does not know the path: the kind's CustomResourceDefinition is missing. */
export function isNotServed(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 404 && error.reason !== 'NotFound';
}

import { type Children, leaf, object } from './document.ts';
import type { ApiVersion } from './engine-version.ts';
import type { EngineAnswer, EngineRequest } from './requests.ts';

/** The state of an action, which is nested in v3. */
export function actionState(api: ApiVersion, state: 'complete' | 'failed'): Children {
  return [api === 4 ? leaf('status', state) : object('status', {}, [leaf('state', state)])];
}

/** The answer to an action that was accepted; the work itself may go on, as the job tells. */
export function startedAction(request: EngineRequest, jobId?: string, more: Children = []): EngineAnswer {
  const job =
    jobId === undefined ? undefined : object('job', { href: `${request.base}/jobs/${jobId}`, id: jobId });
  return {
    status: 200,
    element: object('action', {}, [job, ...actionState(request.api, 'complete'), ...more]),
  };
}

import { collection, one } from './answers.ts';
import { type Element, leaf, link, type ObjectElement, object } from './document.ts';
import { atLeast } from './engine-version.ts';
import { EngineError, notFoundEmpty } from './errors.ts';
import type { EngineEvent } from './events.ts';
import type { Job } from './jobs.ts';
import { type EngineAnswer, type EngineRequest, numberOption, parameter } from './requests.ts';
import { type Searchable, searched } from './search.ts';
import type { World } from './state.ts';
import { canSee } from './users.ts';

const eventFields: Searchable<EngineEvent> = {
  correlation_id: (event) => event.correlationId ?? '',
  severity: (event) => event.severity,
  type: (event) => String(event.code),
  'vm.name': (event) => event.vmName ?? '',
};

/** Newest first, so that `max` cuts off the older ones; `from` gives what came after that id. */
export function listEvents(world: World, request: EngineRequest): EngineAnswer {
  // Events have correlation ids from 3.2 on (sources of engines 3.1.0 and 3.2.0: AuditLogConditionFieldAutoCompleter).
  if (!atLeast(world.version, '3.2') && request.options.get('search')?.includes('correlation_id'))
    throw new EngineError(400, 'Operation Failed', 'INVALID_CONDITION_FIELD');
  const from = numberOption(request, 'from') ?? 0;
  const visibleEvents = world.events
    .visible()
    .filter(({ id, vmId }) => id > from && (vmId === undefined || canSee(request.user, vmId)));
  const found = searched(request, visibleEvents, eventFields);
  return collection(
    request,
    'events',
    found.map((event) => eventElement(request, event)),
  );
}

/** `GET /events/{event}` */
export function getEvent(world: World, request: EngineRequest): EngineAnswer {
  const event = world.events.visible().find(({ id }) => String(id) === parameter(request, 'event'));
  if (event === undefined) throw notFoundEmpty();
  return one(eventElement(request, event));
}

function eventElement(request: EngineRequest, event: EngineEvent): ObjectElement {
  const id = String(event.id);
  const { vmId } = event;
  return object('event', { href: `${request.base}/events/${id}`, id }, [
    leaf('description', event.description),
    leaf('code', event.code),
    atLeast(request.version, '3.2') ? leaf('correlation_id', event.correlationId) : undefined,
    leaf('custom_id', -1),
    leaf('flood_rate', 30),
    request.api === 4 ? leaf('index', event.id) : undefined,
    leaf('origin', 'oVirt'),
    leaf('severity', event.severity),
    leaf('time', new Date(event.time)),
    vmId === undefined ? undefined : object('vm', { href: `${request.base}/vms/${vmId}`, id: vmId }),
  ]);
}

const jobFields: Searchable<Job> = {
  correlation_id: (job) => job.correlationId,
  status: (job) => job.status,
};

/** Jobs can be searched from 4.2 on; before, the search is ignored. */
export function listJobs(world: World, request: EngineRequest): EngineAnswer {
  const known = world.jobs.all();
  let found = known;
  if (atLeast(request.version, '4.2')) found = searched(request, known, jobFields);
  else if (request.options.has('search')) request.violation('Jobs cannot be searched before 4.2.');
  return collection(
    request,
    'jobs',
    found.map((job) => jobElement(request, job)),
  );
}

/** `GET /jobs/{job}`; 404 once it is forgotten. */
export function getJob(world: World, request: EngineRequest): EngineAnswer {
  return one(jobElement(request, requireJob(world, request)));
}

/** `GET /jobs/{job}/steps`: one step each, without progress. */
export function listSteps(world: World, request: EngineRequest): EngineAnswer {
  const job = requireJob(world, request);
  const href = `${request.base}/jobs/${job.id}/steps/${job.stepId}`;
  const step = object('step', { href, id: job.stepId }, [
    leaf('description', 'Executing'),
    leaf('end_time', job.endTime === undefined ? undefined : new Date(job.endTime)),
    leaf('external', false),
    leaf('number', 0),
    leaf('start_time', new Date(job.startTime)),
    ...jobStatus(request, job),
    leaf('type', 'executing'),
    object('job', { href: `${request.base}/jobs/${job.id}`, id: job.id }),
  ]);
  return collection(request, 'steps', [step]);
}

function requireJob(world: World, request: EngineRequest): Job {
  const job = world.jobs.get(parameter(request, 'job'));
  if (job === undefined) throw notFoundEmpty();
  return job;
}

function jobElement(request: EngineRequest, job: Job): ObjectElement {
  const href = `${request.base}/jobs/${job.id}`;
  return object('job', { href, id: job.id }, [
    leaf('description', job.description),
    link('steps', `${href}/steps`),
    leaf('auto_cleared', true),
    leaf('end_time', job.endTime === undefined ? undefined : new Date(job.endTime)),
    leaf('external', false),
    leaf('last_updated', new Date(job.endTime ?? job.startTime)),
    leaf('start_time', new Date(job.startTime)),
    ...jobStatus(request, job),
  ]);
}

function jobStatus(request: EngineRequest, job: Job): Element[] {
  return [request.api === 4 ? leaf('status', job.status) : object('status', {}, [leaf('state', job.status)])];
}

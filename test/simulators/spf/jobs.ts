import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultOfKind } from '../common/faults.ts';
import type { VmmProblem } from './errors.ts';
import type { SpfFault } from './faults.ts';
import type { Job, Vm, World } from './state.ts';

/** A state that a VM is in during a part of a job. */
export interface Phase {
  state: string;
  /** Where it begins, from 0 to 1. */
  from: number;
}

/** A job that is to begin. */
export interface JobSpec {
  kind: Job['kind'];
  name: string;
  cmdlet: string;
  vm: Vm;
  resultId: string;
  resultType: Job['resultType'];
  owner: string;
  seconds: number;
  phases: readonly Phase[];
  /** The faults of the request that began it. */
  faults: readonly SpfFault[];
  /** VMM's refusal, of which a job was made in place of an answer. */
  refusal?: VmmProblem | undefined;
  /** Gives the job its effect, when it has succeeded. */
  onSuccess(at: number): void;
  onFailure?(at: number): void;
}

/** How long a job that is refused takes to say so. */
const refusalSeconds = 1;
const defaultStuckPercent = 42;
const defaultFailurePercent = 50;

/**
 * Begins a job: it holds the VM, leads it through the phases, and ends by success or failure.
 *
 * A refused job holds no VM, since another may hold it.
 */
export function beginJob(world: World, spec: JobSpec): Job {
  const { clock, durations } = world;
  const { vm, faults, refusal } = spec;
  const now = clock.now();
  const seconds =
    refusal === undefined ? (faultOfKind(faults, 'duration')?.seconds ?? spec.seconds) : refusalSeconds;
  const stuck = faultOfKind(faults, 'job-stuck');
  const job: Job = {
    id: randomUUID(),
    stampId: vm.stampId,
    kind: spec.kind,
    name: spec.name,
    cmdlet: spec.cmdlet,
    owner: spec.owner,
    vm,
    resultId: spec.resultId,
    resultType: spec.resultType,
    startTime: now,
    endsAt: now + clock.scale(seconds),
    percentLimit: stuck === undefined ? 99 : (stuck.percent ?? defaultStuckPercent),
    visibleAt: now + clock.scale(durations.jobLagSeconds),
    status: 'Running',
    endTime: undefined,
    error: undefined,
    warning: undefined,
    percentAtEnd: 0,
  };
  world.jobs.set(job.id, job);
  clock.schedule(now + clock.scale(durations.taskLagSeconds), () => {
    vm.mostRecentTaskId = job.id;
  });
  if (refusal !== undefined) {
    clock.schedule(job.endsAt, (at) => fail(world, job, spec, at, { problem: refusal, percent: 0 }));
    return job;
  }

  vm.job = job;
  vm.failedJobId = job.id;
  vm.failure = undefined;
  const duration = job.endsAt - now;
  const failure = faultOfKind(faults, 'job-failed');
  const failurePercent = failure?.percent ?? defaultFailurePercent;
  const reached = stuck ? job.percentLimit / 100 : failure ? failurePercent / 100 : 1;
  for (const { state, from } of spec.phases) {
    if (from === 0) vm.transient = state;
    else if (from < reached) {
      clock.schedule(now + from * duration, () => {
        vm.transient = state;
      });
    }
  }
  if (stuck !== undefined) return job;
  if (failure !== undefined) {
    const end = { problem: problemOf(failure), percent: failurePercent, status: failure.status ?? 'Failed' };
    clock.schedule(now + reached * duration, (at) => fail(world, job, spec, at, end));
    return job;
  }
  clock.schedule(job.endsAt, (at) => succeed(job, spec, at));
  return job;
}

/** Waits until a job has ended, as a call without RunAsynchronously does; real time. */
export async function ended(world: World, job: Job): Promise<void> {
  for (world.clock.settle(); job.status === 'Running'; world.clock.settle()) {
    await sleep(5, undefined, { ref: false });
  }
}

/** The percent of a job, from 0 to 100. */
export function percentOf(world: World, job: Job): number {
  if (job.status !== 'Running') return job.percentAtEnd;
  const share = (world.clock.now() - job.startTime) / Math.max(1, job.endsAt - job.startTime);
  return Math.max(0, Math.min(job.percentLimit, Math.floor(100 * share)));
}

function succeed(job: Job, spec: JobSpec, at: number): void {
  const info = faultOfKind(spec.faults, 'job-with-info');
  job.status = info === undefined ? 'Completed' : 'SucceedWithInfo';
  job.warning = info === undefined ? undefined : problemOf(info);
  job.endTime = at;
  job.percentAtEnd = 100;
  release(job, at);
  job.vm.failedJobId = undefined;
  spec.onSuccess(at);
}

function fail(
  world: World,
  job: Job,
  spec: JobSpec,
  at: number,
  end: { problem: VmmProblem; percent: number; status?: 'Failed' | 'Canceled' },
): void {
  job.status = end.status ?? 'Failed';
  job.error = end.problem;
  job.endTime = at;
  job.percentAtEnd = end.percent;
  if (job.vm.job === job) {
    release(job, at);
    const leavesTrace = world.behaviour.afterFailure === 'CheckpointFailed' && job.kind !== 'power';
    job.vm.failure = leavesTrace ? 'CheckpointFailed' : undefined;
  }
  world.effects.push({
    time: at,
    effect: 'job-failed',
    id: spec.resultId,
    vmId: job.vm.id,
    name: job.name,
    description: end.problem.problem,
    jobId: job.id,
    principal: job.owner,
  });
  spec.onFailure?.(at);
}

function release(job: Job, at: number): void {
  job.vm.job = undefined;
  job.vm.transient = undefined;
  job.vm.modifiedTime = at;
}

function problemOf(fault: {
  problem: string;
  recommendedAction?: string;
  code?: string;
  displayableErrorCode?: string;
}): VmmProblem {
  return {
    code: fault.code ?? 'HostOperationFailed',
    displayableErrorCode: fault.displayableErrorCode ?? '12700',
    problem: fault.problem,
    recommendedAction: fault.recommendedAction ?? 'Resolve the host issue and then try the operation again.',
  };
}

import { randomUUID } from 'node:crypto';
import type { SimulatedClock } from '../common/clock.ts';
import type { Durations } from './options.ts';

/** A command that the engine carries out, as it shows it. */
export interface Job {
  id: string;
  description: string;
  correlationId: string;
  status: 'started' | 'finished' | 'failed';
  startTime: number;
  endTime: number | undefined;
  stepId: string;
}

/** The engine's jobs, forgotten some time after their end (oVirt sheet, section 11). */
export class JobLog {
  readonly #clock: SimulatedClock;
  readonly #durations: Durations;
  readonly #jobs = new Map<string, Job>();

  constructor(clock: SimulatedClock, durations: Durations) {
    this.#clock = clock;
    this.#durations = durations;
  }

  /** Begins a job. */
  start(description: string, correlationId: string): Job {
    const id = randomUUID();
    const startTime = this.#clock.now();
    const stepId = randomUUID();
    const job: Job = {
      id,
      description,
      correlationId,
      status: 'started',
      startTime,
      endTime: undefined,
      stepId,
    };
    this.#jobs.set(id, job);
    return job;
  }

  /** Ends a job, which is forgotten later. */
  end(job: Job, status: 'finished' | 'failed', at: number): void {
    job.status = status;
    job.endTime = at;
    const { finishedJobSeconds, failedJobSeconds } = this.#durations;
    const seconds = status === 'finished' ? finishedJobSeconds : failedJobSeconds;
    this.#clock.schedule(at + this.#clock.scale(seconds), () => this.#jobs.delete(job.id));
  }

  get(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Newest first. */
  all(): Job[] {
    return [...this.#jobs.values()].reverse();
  }
}

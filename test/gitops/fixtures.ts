/**
 * The objects that the readings of GitOps tools are held against: one at least for each reason and each kind. See
 * make-fixtures.ts for where they come from.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KindName } from '../../src/api/kinds.ts';
import { graceMs, type Reason, type ReasonEntry, reasons } from '../../src/api/reasons.ts';
import type { Condition } from '../../src/api/v1alpha1/common.ts';
import type { Status } from '../support/kstatus.ts';
import type { Health } from './reader.ts';
import { type HealthTest, testdata, yaml } from './scripts.ts';

/** An object as GitOps tools look at it. */
export interface Fixture {
  apiVersion: string;
  kind: KindName;
  metadata: {
    name: string;
    namespace?: string;
    generation?: number;
    creationTimestamp: string;
    deletionTimestamp?: string;
    finalizers?: string[];
    annotations?: Record<string, string>;
  };
  spec: unknown;
  status?: {
    observedGeneration?: number;
    conditions?: Condition[];
    replication?: { percent?: number };
    progress?: { percent: number };
  };
}

/** All fixtures by file, sorted. */
export function readFixtures(): Map<string, Fixture> {
  const files = readdirSync(testdata).sort();
  return new Map(files.map((file) => [file, yaml<Fixture>(join(testdata, file))]));
}

/** The condition of a type. */
export function conditionOf({ status }: Fixture, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** The reason that a fixture shows; undefined for an object that has not been looked at since it changed. */
export function reasonOf(fixture: Fixture): Reason | undefined {
  const { metadata, status } = fixture;
  if (status?.observedGeneration !== metadata.generation) return undefined;
  return conditionOf(fixture, 'Ready')?.reason as Reason | undefined;
}

/** What kstatus must say of a fixture by the table of reasons. */
export function expectedStatus(fixture: Fixture): Status {
  if (fixture.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const reason = reasonOf(fixture);
  if (reason === undefined) return 'InProgress';
  const ready = conditionOf(fixture, 'Ready')?.status;
  const stalled = conditionOf(fixture, 'Stalled');
  const { reads }: ReasonEntry = reasons[reason];
  switch (reads) {
    case 'FailedAfterGrace': {
      if (stalled === undefined) return 'InProgress';
      const age = Date.parse(stalled.lastTransitionTime) - Date.parse(fixture.metadata.creationTimestamp);
      if (age < graceMs) throw new Error(`${fixture.metadata.name} is Stalled before its grace is over`);
      return 'Failed';
    }
    case 'Keep':
      if (stalled !== undefined) return 'Failed';
      return ready === 'True' ? 'Current' : 'InProgress';
    default:
      return reads;
  }
}

/** What Argo CD must show of a fixture by the table of reasons. */
export function expectedHealth(fixture: Fixture): Health {
  const status = expectedStatus(fixture);
  if (status === 'Terminating') return { status: 'Progressing', message: 'Pending deletion' };
  const reason = reasonOf(fixture);
  if (reason === undefined) return { status: 'Progressing', message: 'Keyframe has not looked at it yet' };
  const { awaitsPerson }: ReasonEntry = reasons[reason];
  const underWay = awaitsPerson ? 'Suspended' : 'Progressing';
  const health = { Current: 'Healthy', Failed: 'Degraded', InProgress: underWay } as const;
  const percent = (fixture.status?.replication ?? fixture.status?.progress)?.percent;
  const progress =
    conditionOf(fixture, 'Reconciling') !== undefined && percent !== undefined ? ` (${percent} %)` : '';
  const message = `${reason}: ${conditionOf(fixture, 'Ready')?.message}${progress}`;
  return { status: health[status], message };
}

/** The health_test.yaml that follows from the table of reasons. */
export function healthTest(fixtures: ReadonlyMap<string, Fixture>): HealthTest {
  return {
    tests: [...fixtures].map(([file, fixture]) => ({
      healthStatus: expectedHealth(fixture),
      inputPath: `testdata/${file}`,
    })),
  };
}

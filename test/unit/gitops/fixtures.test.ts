/** Argo CD, Flux and kstatus read Keyframe's objects alike, and as the table of reasons says. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { nextConditions } from '../../../src/api/conditions.ts';
import { type KindName, kinds } from '../../../src/api/kinds.ts';
import { graceMs, type Reason, type ReasonEntry, reasons } from '../../../src/api/reasons.ts';
import {
  conditionOf,
  expectedHealth,
  expectedStatus,
  type Fixture,
  healthTest,
  readFixtures,
  reasonOf,
} from '../../gitops/fixtures.ts';
import { type Answer, argoHealth, type Health, kstatuses } from '../../gitops/reader.ts';
import {
  customization,
  type HealthTest,
  healthFolder,
  layout,
  manifestsIn,
  text,
  yaml,
} from '../../gitops/scripts.ts';
import { kstatus, type Status } from '../../support/kstatus.ts';

const fixtures = readFixtures();
const files = [...fixtures];
const objects = [...fixtures.values()];
const names = Object.keys(kinds) as KindName[];
const script = text(join(healthFolder, 'health.lua'));
const makeThem = 'run npx node test/gitops/make-fixtures.ts';

let healths: Map<string, Answer<Health>>;
let statuses: Map<string, Answer<Status>>;
beforeAll(async () => {
  const byFile = <T>(answers: Answer<T>[]) =>
    new Map(files.map(([file], index) => [file, answers[index] as Answer<T>]));
  healths = byFile(await argoHealth(script, objects));
  statuses = byFile(await kstatuses(objects));
}, 300_000);

describe('the fixtures', () => {
  it(`show every reason; ${makeThem} when this fails`, () => {
    const shown = new Set(objects.map(reasonOf));
    expect(Object.keys(reasons).filter((reason) => !shown.has(reason as Reason))).toEqual([]);
  });

  it('show every reason with a grace before and after it is over', () => {
    const readings = (wanted: Reason) =>
      objects.filter((fixture) => reasonOf(fixture) === wanted).map(expectedStatus);
    for (const [reason, { reads }] of Object.entries(reasons) as [Reason, ReasonEntry][]) {
      if (reads === 'FailedAfterGrace')
        expect(new Set(readings(reason)), reason).toEqual(new Set(['InProgress', 'Failed']));
    }
  });

  it(`show every kind; ${makeThem} when this fails`, () => {
    expect(new Set(objects.map(({ kind }) => kind))).toEqual(new Set(names));
  });

  it.each(files)('%s has the conditions that Keyframe gives its reason', (_, fixture) => {
    const reason = reasonOf(fixture);
    if (reason === undefined || reasons[reason].reads === 'Keep') return;
    const own = ({ conditions }: { conditions?: { type: string; status: string; reason: string }[] }) =>
      (conditions ?? [])
        .filter(({ type }) => ['Ready', 'Reconciling', 'Stalled'].includes(type))
        .map(({ type, status, reason }) => `${type}=${status} ${reason}`);
    const createdAt = Date.parse(fixture.metadata.creationTimestamp);
    const now = conditionOf(fixture, 'Stalled') === undefined ? createdAt : createdAt + graceMs;
    const context = { generation: 1, createdAt, now, bounded: false };
    const conditions = nextConditions(undefined, { reason, message: '' }, context);
    expect(own(fixture.status ?? {})).toEqual(own({ conditions }));
  });
});

describe('kstatus reads each fixture as the table of reasons says:', () => {
  it.each(files)('%s', (file, fixture) => {
    const expected = expectedStatus(fixture);
    expect(statuses.get(file)).toEqual({ value: expected });
    // The rules as they are written down in this project, for tests that have no Go.
    expect(kstatus(readable(fixture))).toBe(expected);
  });
});

describe('Argo CD reads each fixture as the table of reasons says:', () => {
  it.each(files)('%s', (file, fixture) => {
    expect(healths.get(file)).toEqual({ value: expectedHealth(fixture) });
  });

  it(`and as health_test.yaml says, which is for Argo CD's own test; ${makeThem} when this fails`, () => {
    const expected = yaml<HealthTest>(join(healthFolder, 'health_test.yaml'));
    expect(expected).toEqual(healthTest(fixtures));
    for (const { healthStatus, inputPath } of expected.tests)
      expect(healths.get(inputPath.replace('testdata/', ''))).toEqual({ value: healthStatus });
  });
});

describe('Argo CD and kstatus say the same', () => {
  const same: Record<Status, Health['status'][]> = {
    Current: ['Healthy'],
    Failed: ['Degraded'],
    InProgress: ['Progressing', 'Suspended'],
    Terminating: ['Progressing'],
  };

  it.each(files)('of %s', (file) => {
    const status = statuses.get(file)?.value as Status;
    expect(same[status]).toContain(healths.get(file)?.value?.status);
  });

  it('of conditions that Keyframe never sets together, too', async () => {
    const [[, fixture] = []] = files;
    const all = ['True', 'False', 'Unknown'].flatMap((ready) =>
      ['True', 'False', undefined].flatMap((reconciling) =>
        ['True', 'False', undefined].map((stalled) => ({ ready, reconciling, stalled })),
      ),
    );
    const mixed = all
      // The tools take the first of the two, and Keyframe sets one.
      .filter(({ reconciling, stalled }) => !(reconciling === 'True' && stalled === 'True'))
      .map(({ ready, reconciling, stalled }) => {
        const conditions = Object.entries({ Ready: ready, Reconciling: reconciling, Stalled: stalled })
          .filter(([, status]) => status !== undefined)
          .map(([type, status]) => ({ type, status, reason: 'Provisioning', message: '' }));
        return { ...fixture, status: { ...fixture?.status, conditions } };
      });
    const [theirs, ours] = [await kstatuses(mixed), await argoHealth(script, mixed)];
    for (const [index, { status }] of mixed.entries())
      expect(same[theirs[index]?.value as Status], JSON.stringify(status.conditions)).toContain(
        ours[index]?.value?.status,
      );
  });
});

describe('argocd-cm', () => {
  it.each(names)('gives %s the health check', (kind) => {
    expect(customization(kind).health).toBe(script);
  });

  it('is a patch of the ConfigMap of Argo CD', () => {
    const [patch] = manifestsIn('argocd/argocd-cm.yaml');
    expect(patch).toMatchObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'argocd-cm', labels: { 'app.kubernetes.io/part-of': 'argocd' } },
    });
  });

  it('and the layout name no kind that is not there', () => {
    expect(readdirSync(layout).filter((name) => name !== '_')).toEqual([...names].sort());
  });
});

/** The fixture with the status that kstatus looks at. */
function readable({ metadata, status }: Fixture) {
  return { metadata, ...(status === undefined ? {} : { status }) };
}

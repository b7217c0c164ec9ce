/**
 * `npx node test/gitops/make-fixtures.ts`: fixtures for reasons and kinds that have none, and health_test.yaml.
 *
 * First record what tests can bring about: with KEYFRAME_RECORD_FIXTURES=true those in test/integration write a fixture
 * for each reason that they meet and that has none. This makes the rest from the samples and src/api/conditions.ts.
 * Remove a file to have it made again.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { nextConditions, timestamp, type Verdict } from '../../src/api/conditions.ts';
import { type KindName, kinds } from '../../src/api/kinds.ts';
import { annotations } from '../../src/api/names.ts';
import { graceMs, type Reason, type ReasonEntry, reasons } from '../../src/api/reasons.ts';
import { type Fixture, healthTest, readFixtures, reasonOf } from './fixtures.ts';
import { fixtureText } from './record.ts';
import { healthFolder, manifestsIn, testdata } from './scripts.ts';

/** A sample of each kind, and how its objects end. */
const sampleOf: Record<KindName, { file: string; done: Reason; bounded?: true }> = {
  VMProvider: { file: 'vmprovider-client-secret.yaml', done: 'Available' },
  ClusterVMProvider: { file: 'clustervmprovider.yaml', done: 'Available' },
  VMSnapshot: { file: 'vmsnapshot-by-name.yaml', done: 'Available' },
  RestorePointCollection: { file: 'restorepointcollection.yaml', done: 'Available' },
  RestorePointCopy: { file: 'restorepointcopy.yaml', done: 'Replicated', bounded: true },
  VMRestore: { file: 'vmrestore.yaml', done: 'Completed', bounded: true },
  VMSnapshotInventory: { file: 'vmsnapshotinventory.yaml', done: 'Available' },
};

/** The kind that shows a reason; VMSnapshot for those not named. */
const kindOf: Partial<Record<Reason, KindName>> = {
  Replicating: 'RestorePointCopy',
  CopyOrderViolated: 'RestorePointCopy',
  AlreadyCopied: 'RestorePointCopy',
  ReplicationFailed: 'RestorePointCopy',
  Replicated: 'RestorePointCopy',
  AuthenticationFailed: 'VMProvider',
  AccessDenied: 'VMSnapshot',
  ModifiedOutside: 'RestorePointCollection',
  Restoring: 'VMRestore',
  AwaitingDecision: 'VMRestore',
  PreconditionFailed: 'VMRestore',
  RestoreFailed: 'VMRestore',
  Expired: 'VMRestore',
  Completed: 'VMRestore',
};

const origin = 'Made from a sample and src/api/conditions.ts.';
const createdAt = Date.parse('2026-03-01T12:00:00Z');

/** A sample after one verdict after the other, the last one some time after its creation. */
function after(kind: KindName, verdicts: Verdict[], age: number): Fixture {
  const { file, bounded = false } = sampleOf[kind];
  const manifest = manifestsIn(`samples/${file}`).find((each) => each.kind === kind) as unknown as Fixture;
  let conditions: ReturnType<typeof nextConditions> | undefined;
  for (const [index, verdict] of verdicts.entries()) {
    const now = index + 1 === verdicts.length ? createdAt + age : createdAt;
    conditions = nextConditions(conditions, verdict, { generation: 1, createdAt, now, bounded });
  }
  const { name, ...metadata } = manifest.metadata;
  return {
    ...manifest,
    metadata: {
      name,
      ...(kinds[kind].namespaced ? { namespace: 'shop' } : {}),
      ...metadata,
      generation: 1,
      creationTimestamp: timestamp(createdAt),
    },
    status: { observedGeneration: conditions === undefined ? -1 : 1, ...(conditions && { conditions }) },
  };
}

const verdict = (reason: Reason): Verdict => ({ reason, message: reasons[reason].meaning });

function write(name: string, fixture: Fixture): void {
  const file = `${name}.yaml`;
  if (present.has(file)) return;
  writeFileSync(join(testdata, file), fixtureText(origin, fixture));
  console.log(`made ${file}`);
}

const present = readFixtures();
const shown = new Set([...present.values()].map(reasonOf));
const minute = 60_000;
for (const [reason, { reads }] of Object.entries(reasons) as [Reason, ReasonEntry][]) {
  const kind = kindOf[reason] ?? 'VMSnapshot';
  if (reads === 'Keep') {
    // It keeps what was: nothing, something under way, something ready, something failed.
    const before: [string, Verdict[]][] = [
      ['at-once', []],
      ['under-way', [verdict('Provisioning')]],
      ['ready', [verdict('Available')]],
      ['failed', [verdict('CreationFailed')]],
    ];
    for (const [name, verdicts] of before) {
      const fixture = after(kind, [...verdicts, verdict(reason)], minute);
      fixture.metadata.annotations = { [annotations.paused]: 'true' };
      write(`${kind}-${reason}-${name}`, fixture);
    }
  } else if (!shown.has(reason)) write(`${kind}-${reason}`, after(kind, [verdict(reason)], minute));
  if (reads === 'FailedAfterGrace')
    write(`${kind}-${reason}-after-grace`, after(kind, [verdict(reason)], graceMs));
}
const made = [...readFixtures().values()];
for (const kind of Object.keys(kinds) as KindName[]) {
  if (!made.some((fixture) => fixture.kind === kind))
    write(`${kind}-${sampleOf[kind].done}`, after(kind, [verdict(sampleOf[kind].done)], minute));
}
const making = after('VMSnapshot', [verdict('Provisioning')], minute);
write('VMSnapshot-Provisioning-progress', {
  ...making,
  status: { ...making.status, progress: { percent: 40 } },
});
write('VMSnapshot-new', after('VMSnapshot', [], 0));
const ready = after('VMSnapshot', [verdict('Available')], minute);
write('VMSnapshot-changed', { ...ready, metadata: { ...ready.metadata, generation: 2 } });
const deletionTimestamp = timestamp(createdAt + minute);
write('VMSnapshot-being-deleted', { ...ready, metadata: { ...ready.metadata, deletionTimestamp } });

writeFileSync(
  join(healthFolder, 'health_test.yaml'),
  dump(healthTest(readFixtures()), { lineWidth: 110, noRefs: true, quoteStyle: 'double' }),
);

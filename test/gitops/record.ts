/** Keeps objects of a real API server as fixtures. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { annotations } from '../../src/api/names.ts';
import type { Reason } from '../../src/api/reasons.ts';
import type { Fixture } from './fixtures.ts';
import { testdata } from './scripts.ts';

const wanted = process.env.KEYFRAME_RECORD_FIXTURES === 'true';

/** The reasons that only an object that is being deleted has; others stay from before for a moment. */
const ofDeletion: ReadonlySet<string> = new Set(['Deleting', 'DeletionBlocked'] satisfies Reason[]);

/**
 * Writes an object as the fixture of its kind and reason if there is none yet and KEYFRAME_RECORD_FIXTURES is `true`.
 * What is of the test machine alone is taken out: addresses, certificates, versions.
 */
export function recordFixture(object: object): void {
  if (!wanted) return;
  const fixture = asFixture(object as Fixture);
  const ready = fixture.status?.conditions?.find(({ type }) => type === 'Ready');
  const current = fixture.status?.observedGeneration === fixture.metadata.generation;
  const deleted = fixture.metadata.deletionTimestamp !== undefined;
  if (ready === undefined || !current || (deleted && !ofDeletion.has(ready.reason))) return;
  const path = join(testdata, `${fixture.kind}-${ready.reason}.yaml`);
  if (existsSync(path)) return;
  writeFileSync(path, fixtureText('Recorded from a real API server and a simulated vendor.', fixture));
}

/** The text of a fixture's file. */
export function fixtureText(origin: string, fixture: Fixture): string {
  return `# ${origin}\n${dump(fixture, { lineWidth: 110, noRefs: true, quoteStyle: 'double' })}`;
}

function asFixture({ apiVersion, kind, metadata, spec, status }: Fixture): Fixture {
  const { [annotations.intent]: _, ...notes } = metadata.annotations ?? {};
  const kept = {
    name: metadata.name,
    ...(metadata.namespace === undefined ? {} : { namespace: 'shop' }),
    uid: '5d1b2c3a-4e5f-4a6b-8c7d-9e0f1a2b3c4d',
    generation: metadata.generation,
    creationTimestamp: metadata.creationTimestamp,
    ...(metadata.finalizers === undefined ? {} : { finalizers: metadata.finalizers }),
    ...(metadata.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
    ...(Object.keys(notes).length === 0 ? {} : { annotations: notes }),
  };
  const plain = JSON.stringify({ apiVersion, kind, metadata: kept, spec, status })
    .replaceAll(/https:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?/g, 'https://vendor.example')
    .replaceAll(/(?:127\.0\.0\.1|localhost|\[::1\]):\d+/g, 'vendor.example')
    .replaceAll(/(-----BEGIN CERTIFICATE-----).*?(-----END)/g, '$1\\n..\\n$2')
    // The namespaces of tests have names of their own, which end in random digits.
    .replaceAll(metadata.namespace ?? 'shop', 'shop');
  return JSON.parse(plain) as Fixture;
}

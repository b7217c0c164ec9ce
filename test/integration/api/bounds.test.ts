/** Every bound of every field that a person can set is held by the API server, one step over it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type KindName, kinds } from '../../../src/api/kinds.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { boundsOf, type Violation, violations } from './bounds.ts';
import { readCorpus } from './corpus.ts';
import { Judge } from './judge.ts';
import { readSamples } from './samples.ts';
import { nodes, readSpecSchemas } from './schema-nodes.ts';

const cluster = useControlPlane();
const schemas = readSpecSchemas();
const accepted = readCorpus().filter(({ refused, before }) => !before && Object.keys(refused).length === 0);
let judge: Judge;

beforeAll(async () => {
  judge = new Judge(cluster, await cluster.createNamespace('bounds'));
});
afterAll(async () => {
  await judge?.close();
  await cluster.disconnect();
});

/** One violation for each bound that the samples and the accepted cases of the corpus come near. */
function violationsOf(kind: KindName): Map<string, Violation> {
  const schema = schemas.get(kind);
  if (schema === undefined) throw new Error(`no CRD of ${kind}`);
  const all = [...readSamples(), ...accepted]
    // Whatever a VMProvider may say, a ClusterVMProvider may say too.
    .filter((object) => kind.endsWith(object.kind))
    .flatMap(({ spec }) => violations(kind, schema, spec));
  return new Map(all.map((violation) => [violation.bound, violation]));
}

it.each(Object.keys(kinds) as KindName[])('%s', async (kind) => {
  const found = violationsOf(kind);
  const wanted = nodes(schemas.get(kind) ?? { type: 'object' }, 'spec').flatMap(({ path, schema }) =>
    boundsOf(path, schema),
  );
  expect([...found.keys()].sort(), 'bounds that no sample and no accepted case comes near').toEqual(
    [...new Set(wanted)].sort(),
  );
  for (const { bound, field, message, spec } of found.values()) {
    const causes = await judge.create(kind, spec);
    expect(causes, bound).toContainEqual(
      expect.objectContaining({ field, message: expect.stringContaining(message) }),
    );
  }
});

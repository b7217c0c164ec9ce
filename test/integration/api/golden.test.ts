import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindName } from '../../../src/api/kinds.ts';
import { useControlPlane } from '../../controlplane/vitest.ts';
import { readCorpus } from './corpus.ts';
import { type Cause, Judge } from './judge.ts';
import { nodes, readSpecSchemas, withoutIndexes } from './schema-nodes.ts';

const corpus = readCorpus();
const kindNames = [...new Set(corpus.map(({ kind }) => kind))];
const cluster = useControlPlane();
let judge: Judge;

beforeAll(async () => {
  judge = new Judge(cluster, await cluster.createNamespace('golden'));
});
afterAll(async () => {
  await judge?.close();
  await cluster.disconnect();
});

/** What a person reads: without the value, and without what the API server says of a pattern of its own. */
function told(causes: Cause[]): Record<string, string> {
  const entries = causes
    .filter(({ message, field }) => !message.includes(`${field} in body should match '`))
    .map(({ field, message }) => [field, message] as const);
  expect(new Set(entries.map(([field]) => field)).size, 'one message a field').toBe(entries.length);
  return Object.fromEntries(entries);
}

describe.each(kindNames)('%s: the API server', (kind) => {
  it.each(corpus.filter((golden) => golden.kind === kind))('$name', async ({ before, spec, refused }) => {
    const causes = before ? await judge.change(kind, before, spec) : await judge.create(kind, spec);
    const expected = Object.entries(refused).map(([field, message]) => [
      field,
      expect.stringContaining(message),
    ]);
    expect(told(causes)).toEqual(Object.fromEntries(expected));
  });
});

/** Every rule of CEL in the spec of a kind, as the field that it refuses, and its message. */
function rules(kind: KindName): string[] {
  const schema = readSpecSchemas().get(kind);
  if (schema === undefined) throw new Error(`no CRD of ${kind}`);
  return nodes(schema, 'spec').flatMap(({ path, schema }) =>
    (schema['x-kubernetes-validations'] ?? []).map(
      ({ message, fieldPath = '' }) => `${path}${fieldPath}: ${message}`,
    ),
  );
}

it.each(kindNames)('every rule of %s refuses something in the corpus', (kind) => {
  const hit = new Set(
    corpus
      .filter((golden) => golden.kind === kind)
      .flatMap(({ refused }) => Object.entries(refused))
      .map(([field, message]) => `${withoutIndexes(field)}: ${message}`),
  );
  expect(rules(kind).filter((rule) => !hit.has(rule))).toEqual([]);
});

it('the corpus speaks of every kind', () => {
  expect([...readSpecSchemas().keys()].sort()).toEqual([...kindNames].sort());
});

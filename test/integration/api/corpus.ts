/**
 * The golden corpus, golden/*.yaml: manifests, and what the API server says to them. A file holds for each of its
 * `kinds`; a case gives a JSON merge patch (null takes a member away) to the spec of the file's `base`:
 *
 *   create          the object is made so
 *   before, after   the object is there as `before`, and is changed to `after`
 *   accepted        true
 *   refused         the whole of what is refused: field: a part of its message
 *
 * `fixed` lists the fields that cannot be changed, each with two values; from these come cases that change the
 * field and, where it is optional, add and remove it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { KindName } from '../../../src/api/kinds.ts';

type Spec = Record<string, unknown>;

/** One object to be made or changed, and the answer. */
export interface GoldenCase {
  name: string;
  kind: KindName;
  /** The spec of the object that is there; undefined when it is to be made. */
  before?: Spec;
  spec: Spec;
  /** Messages by field; empty for what is accepted. */
  refused: Record<string, string>;
}

interface GoldenFile {
  kinds: KindName[];
  base: Spec;
  cases: ({ case: string; refused?: Record<string, string>; accepted?: true } & (
    | { create: Spec }
    | { before: Spec; after: Spec }
  ))[];
  fixed?: {
    instead: string;
    required: Record<string, [unknown, unknown]>;
    optional: Record<string, [unknown, unknown]>;
  };
}

/** Reads all cases, file by file. Throws when a case does not say what it expects. */
export function readCorpus(): GoldenCase[] {
  const folder = join(import.meta.dirname, 'golden');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => {
      const file = load(readFileSync(join(folder, name), 'utf8')) as GoldenFile;
      return file.kinds.flatMap((kind) => [...writtenCases(file, kind), ...fixedCases(file, kind)]);
    });
}

function writtenCases({ base, cases }: GoldenFile, kind: KindName): GoldenCase[] {
  return cases.map(({ case: name, refused = {}, accepted, ...manifests }) => {
    if ((accepted === true) === Object.keys(refused).length > 0)
      throw new Error(`${kind}: ${name}: say either accepted: true or what is refused`);
    return 'create' in manifests
      ? { name, kind, refused, spec: merge(base, manifests.create) }
      : {
          name,
          kind,
          refused,
          before: merge(base, manifests.before),
          spec: merge(base, manifests.after),
        };
  });
}

function fixedCases({ base, fixed }: GoldenFile, kind: KindName): GoldenCase[] {
  if (fixed === undefined) return [];
  const { instead, required, optional } = fixed;
  return Object.entries({ ...required, ...optional }).flatMap(([field, [one, other]]) => {
    const refused = { [`spec.${field}`]: `${field} cannot be changed; ${instead}` };
    const change = (name: string, before: Spec, spec: Spec) => ({ name, kind, refused, before, spec });
    const cases = [change(`${field} is changed`, { ...base, [field]: one }, { ...base, [field]: other })];
    if (field in optional) {
      cases.push(change(`${field} is added`, base, { ...base, [field]: one }));
      cases.push(change(`${field} is removed`, { ...base, [field]: one }, base));
    }
    return cases;
  });
}

/** JSON merge patch (RFC 7386) of an object. */
function merge(target: Spec, patch: Spec): Spec {
  const result = { ...target };
  for (const [name, value] of Object.entries(patch)) {
    const present = result[name];
    if (value === null) delete result[name];
    else result[name] = isObject(value) ? merge(isObject(present) ? present : {}, value) : value;
  }
  return result;
}

/** Whether a value is an object and no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import type { StructuralSchema } from '../../../src/api/generate/structural.ts';
import type { KindName } from '../../../src/api/kinds.ts';
import { isObject } from './corpus.ts';
import { withoutIndexes } from './schema-nodes.ts';

/** A spec that one step takes over one bound. */
export interface Violation {
  kind: KindName;
  /** The bound: path in the schema, and the keyword. */
  bound: string;
  /** The field that breaks it, as the API server names it. */
  field: string;
  message: string;
  spec: unknown;
}

type Breach = [keyword: string, value: unknown, message: string];

/** The bounds of one node, and for each a value that is just over it. `undefined` removes the member. */
function breaches(schema: StructuralSchema, value: unknown): Breach[] {
  const result: Breach[] = [];
  const { minimum, maximum, minLength = 0, maxLength, minItems = 0, maxItems, maxProperties } = schema;
  if (minimum !== undefined) result.push(['minimum', minimum - 1, `greater than or equal to ${minimum}`]);
  if (maximum !== undefined) result.push(['maximum', maximum + 1, `less than or equal to ${maximum}`]);
  if (minLength > 0) result.push(['minLength', 'x'.repeat(minLength - 1), `at least ${minLength} chars`]);
  if (maxLength !== undefined)
    result.push([
      'maxLength',
      'x'.repeat(maxLength + 1),
      `Too long: may not be more than ${maxLength} bytes`,
    ]);
  if (schema.enum !== undefined) result.push(['enum', 'Nonsense', 'Unsupported value: "Nonsense"']);
  if (minItems > 0) result.push(['minItems', [], `at least ${minItems} items`]);
  if (maxItems !== undefined && Array.isArray(value))
    result.push(['maxItems', Array(maxItems + 1).fill(value[0]), `must have at most ${maxItems} item`]);
  if (maxProperties !== undefined) {
    const entries = Array.from({ length: maxProperties + 1 }, (_, index) => [`key${index}`, 'value']);
    result.push(['maxProperties', Object.fromEntries(entries), `must have at most ${maxProperties} items`]);
  }
  return result;
}

/** The bounds that a schema sets, named as in `Violation`. */
export function boundsOf(path: string, schema: StructuralSchema): string[] {
  const example = schema.type === 'array' ? [] : undefined;
  return [
    ...breaches(schema, example).map(([keyword]) => `${path} ${keyword}`),
    ...(schema.required ?? []).map((name) => `${path}.${name} required`),
  ];
}

/** All ways in which one step takes an accepted spec over a bound of a field that it sets. */
export function violations(kind: KindName, schema: StructuralSchema, spec: unknown): Violation[] {
  const result: Violation[] = [];
  const add = (field: string, keyword: string, changed: unknown, message: string, path: string) =>
    result.push({ kind, bound: `${path} ${keyword}`, field, message, spec: changed });

  // `put` gives the whole spec with another value in the place of this one.
  const visit = (
    node: StructuralSchema,
    value: unknown,
    place: { field: string; path: string; put: (value: unknown) => unknown },
  ) => {
    const { field, path, put } = place;
    for (const [keyword, wrong, message] of breaches(node, value))
      add(field, keyword, put(wrong), message, path);
    if (Array.isArray(value)) {
      const { items } = node;
      if (items === undefined || value.length === 0) return;
      const put0 = (item: unknown) => put(value.with(0, item));
      visit(items, value[0], { field: `${field}[0]`, path: `${path}[]`, put: put0 });
    }
    if (!isObject(value)) return;
    for (const name of node.required ?? []) {
      const { [name]: _, ...others } = value;
      add(`${field}.${name}`, 'required', put(others), 'Required value', `${path}.${name}`);
    }
    for (const [name, member] of Object.entries(value)) {
      const child = node.properties?.[name] ?? node.additionalProperties;
      if (child === undefined) throw new Error(`${kind}: ${field}.${name} is no field`);
      visit(child, member, {
        field: `${field}.${name}`,
        path: `${path}.${node.properties ? name : '*'}`,
        put: (changed) => put({ ...value, [name]: changed }),
      });
    }
  };
  visit(schema, spec, { field: 'spec', path: withoutIndexes('spec'), put: (changed) => changed });
  return result;
}

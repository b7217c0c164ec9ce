import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { StructuralSchema } from '../../../src/api/generate/structural.ts';
import type { KindName } from '../../../src/api/kinds.ts';

const folder = join(import.meta.dirname, '../../../crds');

/** The schema of each kind's spec, as the CRDs in crds/ have it. */
export function readSpecSchemas(): Map<KindName, StructuralSchema> {
  const schemas = new Map<KindName, StructuralSchema>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.yaml'))) {
    const { spec } = load(readFileSync(join(folder, file), 'utf8')) as {
      spec: {
        names: { kind: KindName };
        versions: { schema: { openAPIV3Schema: { properties: { spec: StructuralSchema } } } }[];
      };
    };
    const schema = spec.versions[0]?.schema.openAPIV3Schema.properties.spec;
    if (schema !== undefined) schemas.set(spec.names.kind, schema);
  }
  return schemas;
}

/** One node of a schema. The items of a list are at `path[]`, the values of a map at `path.*`. */
export interface SchemaNode {
  path: string;
  schema: StructuralSchema;
}

/** A node and all below it. */
export function nodes(schema: StructuralSchema, path: string): SchemaNode[] {
  return [{ path, schema }, ...below(schema).flatMap(([step, child]) => nodes(child, `${path}${step}`))];
}

function below({ properties = {}, items, additionalProperties }: StructuralSchema) {
  const children: [string, StructuralSchema][] = Object.entries(properties).map(([name, child]) => [
    `.${name}`,
    child,
  ]);
  if (items !== undefined) children.push(['[]', items]);
  if (additionalProperties !== undefined) children.push(['.*', additionalProperties]);
  return children;
}

/** The path of a field in an object (`spec.disks.ids[3]`) as a path in the schema (`spec.disks.ids[]`). */
export function withoutIndexes(field: string): string {
  return field.replace(/\[\d+\]/g, '[]');
}

/** Fields of the kinds: as this build's definitions have them, and as an API server tells them. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';
import { group, version } from '../../api/kinds.ts';

/** The definitions lie beside the code, built or not. */
const folder = new URL('../../../crds/', import.meta.url);

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
}

export type FieldsByKind = Map<string, Set<string>>;

/** The paths of all fields below `spec` and `status` of a schema: `spec.source.vm.id`. */
export function fieldsOf(schema: unknown): Set<string> {
  const fields = new Set<string>();
  const walk = (part: Schema, before: string) => {
    for (const [name, member] of Object.entries(part.properties ?? {})) {
      const path = before === '' ? name : `${before}.${name}`;
      fields.add(path);
      walk(member, path);
    }
    if (part.items !== undefined) walk(part.items, before);
  };
  const { properties = {} } = (schema ?? {}) as Schema;
  for (const part of ['spec', 'status']) {
    const member = properties[part];
    if (member !== undefined) walk({ properties: { [part]: member } }, '');
  }
  return fields;
}

/**
 * The fields of this build's own definitions.
 *
 * @throws when they do not lie beside the code
 */
export async function ownFields(): Promise<FieldsByKind> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml'));
  const fields: FieldsByKind = new Map();
  for (const file of files) {
    const { spec } = load(await readFile(fileURLToPath(new URL(file, folder)), 'utf8')) as {
      spec: { names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: unknown } }[] };
    };
    const spoken = spec.versions.find(({ name }) => name === version);
    if (spoken !== undefined) fields.set(spec.names.kind, fieldsOf(spoken.schema.openAPIV3Schema));
  }
  return fields;
}

/** The fields in what an API server answers for `/openapi/v3/apis/<group>/<version>`. */
export function publishedFields(document: unknown): FieldsByKind {
  type Published = Schema & {
    'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
  };
  const { components } = (document ?? {}) as { components?: { schemas?: Record<string, Published> } };
  const fields: FieldsByKind = new Map();
  for (const schema of Object.values(components?.schemas ?? {})) {
    const kind = schema['x-kubernetes-group-version-kind']?.find(
      (each) => each.group === group && each.version === version,
    )?.kind;
    // Lists bear a kind, too.
    if (kind !== undefined && schema.properties?.spec !== undefined) fields.set(kind, fieldsOf(schema));
  }
  return fields;
}

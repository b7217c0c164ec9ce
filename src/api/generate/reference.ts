import { type Column, group, type Kind, version } from '../kinds.ts';
import { durationPattern } from '../v1alpha1/schema.ts';
import { table } from './markdown.ts';
import type { StructuralSchema } from './structural.ts';

/** One field of a kind, as the reference shows it. */
interface Field {
  /** From `spec` or `status`, such as `spec.disks.ids[]`. */
  path: string;
  schema: StructuralSchema;
  required: boolean;
}

/**
 * The reference page of a kind in Markdown.
 *
 * @param kind names and columns
 * @param schema of `spec` and `status`
 * @param example a manifest
 */
export function referencePage(kind: Kind, schema: StructuralSchema, example: string): string {
  const { spec, status } = schema.properties ?? {};
  const sections = [
    '<!-- Written by npm run generate from src/api. Do not edit. -->',
    `# ${kind.kind}`,
    schema.description ?? '',
    `\`${group}/${version}\`, ${kind.namespaced ? 'namespaced' : 'cluster-scoped'}; \`kubectl get ${kind.plural}\`, for short \`${kind.shortName}\`.`,
    '## Example',
    `\`\`\`yaml\n${example.trimEnd()}\n\`\`\``,
    '## What kubectl get shows',
    columnTable(kind.columns),
  ];
  for (const [name, root] of Object.entries({ spec, status })) {
    if (root === undefined) continue;
    sections.push(`## ${name}`, root.description ?? '', fieldTable(members(name, root)));
    const rules = ruleList({ path: name, schema: root, required: true });
    if (rules.length > 0) sections.push('The API server refuses what breaks one of these rules:', rules);
  }
  return `${sections.join('\n\n')}\n`;
}

function columnTable(columns: Column[]): string {
  return table(
    ['Column', 'Shows', 'From'],
    columns.map(({ name, description, jsonPath, wide }) => [
      name,
      wide ? `${description} Only with \`-o wide\`.` : description,
      `\`${jsonPath}\``,
    ]),
  );
}

function fieldTable(fields: Field[]): string {
  return table(
    ['Field', 'Type', 'Default', 'Bounds', 'Description'],
    fields.map(({ path, schema, required }) => [
      `\`${path}\`${required ? ' (required)' : ''}`,
      typeOf(schema),
      schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``,
      bounds(schema),
      schema.description ?? '',
    ]),
  );
}

/** All fields below one, depth first. */
function members(path: string, schema: StructuralSchema): Field[] {
  if (schema.type === 'array' && schema.items !== undefined) {
    const item = { path: `${path}[]`, schema: schema.items, required: false };
    return schema.items.type === 'object' ? members(item.path, item.schema) : [];
  }
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const field = {
      path: `${path}.${name}`,
      schema: member,
      required: schema.required?.includes(name) ?? false,
    };
    return [field, ...members(field.path, member)];
  });
}

function typeOf(schema: StructuralSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map to ${typeOf(schema.additionalProperties)}`;
  if (schema.pattern === durationPattern) return 'duration';
  return schema.format === 'date-time' ? 'time' : schema.type;
}

function bounds(schema: StructuralSchema): string {
  if (schema.pattern === durationPattern) return 'see the rules';
  const parts: string[] = [];
  const { minimum, maximum, minLength = 0, maxLength, minItems = 0, maxItems } = schema;
  if (minimum !== undefined && maximum !== undefined) {
    parts.push(maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : range(minimum, maximum, ''));
  }
  if (maxLength !== undefined && schema.format !== 'date-time') {
    parts.push(range(minLength, maxLength, ' characters'));
  }
  if (maxItems !== undefined) parts.push(range(minItems, maxItems, ' items'));
  const item = schema.items ?? schema.additionalProperties;
  if (schema.maxProperties !== undefined) parts.push(range(0, schema.maxProperties, ' entries'));
  if (item?.maxLength !== undefined && item.enum === undefined) {
    parts.push(`${range(item.minLength ?? 0, item.maxLength, ' characters')} each`);
  }
  return parts.join(', ');
}

function range(low: number, high: number, unit: string): string {
  if (low === high) return `${high}${unit}`;
  return low === 0 && unit !== '' ? `at most ${high}${unit}` : `${low} to ${high}${unit}`;
}

function ruleList(field: Field): string {
  const lines: string[] = [];
  const visit = (path: string, schema: StructuralSchema) => {
    for (const { message, fieldPath = '' } of schema['x-kubernetes-validations'] ?? []) {
      lines.push(`- \`${path}${fieldPath}\`: ${message}`);
    }
    for (const [name, member] of Object.entries(schema.properties ?? {})) visit(`${path}.${name}`, member);
    if (schema.items !== undefined) visit(`${path}[]`, schema.items);
  };
  visit(field.path, field.schema);
  return lines.join('\n');
}

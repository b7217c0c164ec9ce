import { dump } from 'js-yaml';
import { table } from './markdown.ts';

/** A value of the chart, or a group of values, as values.schema.json describes it. */
export interface ChartValue {
  type?: string | string[];
  description?: string;
  default?: unknown;
  properties?: Record<string, ChartValue>;
}

/** One value of the chart. */
interface Leaf {
  /** Such as `metrics.serviceMonitor.enabled`. */
  path: string;
  value: ChartValue;
}

const begin = '<!-- Values: written by npm run generate from values.schema.json. -->';
const end = '<!-- End of values. -->';

/**
 * The chart's values.yaml: the defaults of its schema, each under its description.
 *
 * @throws Error for a value without a description or a default, by its path
 */
export function chartValues(schema: ChartValue): string {
  for (const { path, value } of leaves(schema)) {
    if (!value.description) throw new Error(`values.schema.json: ${path} has no description`);
    if (value.default === undefined) throw new Error(`values.schema.json: ${path} has no default`);
  }
  return `# Written by npm run generate from values.schema.json. Do not edit.\n${block(schema, 0)}`;
}

/**
 * The chart's README with its table of values as the schema has them.
 *
 * @param readme as it is; what lies between the two marks is replaced
 * @throws Error when the marks are not there
 */
export function chartReadme(readme: string, schema: ChartValue): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`charts/keyframe/README.md lacks "${begin}" or "${end}"`);
  const rows = leaves(schema).map(({ path, value }) => [
    `\`${path}\``,
    [value.type].flat().join(' or '),
    `\`${JSON.stringify(value.default)}\``,
    value.description ?? '',
  ]);
  const values = table(['Value', 'Type', 'Default', 'Description'], rows);
  return `${readme.slice(0, from)}${begin}\n\n${values}\n\n${readme.slice(to)}`;
}

/** All values of the chart, in the order of the schema. */
export function leaves(schema: ChartValue, path = ''): Leaf[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const here = path === '' ? name : `${path}.${name}`;
    return value.properties === undefined ? [{ path: here, value }] : leaves(value, here);
  });
}

function block(schema: ChartValue, depth: number): string {
  const indent = '  '.repeat(depth);
  return Object.entries(schema.properties ?? {})
    .map(([name, value]) => {
      const gap = depth === 0 ? '\n' : '';
      if (value.properties !== undefined) return `${gap}${indent}${name}:\n${block(value, depth + 1)}`;
      const comment = wrap(value.description ?? '', 108 - indent.length).map(
        (line) => `${indent}# ${line}\n`,
      );
      const entry = dump({ [name]: value.default }, { lineWidth: -1 }).trimEnd();
      return `${gap}${comment.join('')}${entry.replaceAll(/^/gm, indent)}\n`;
    })
    .join('');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

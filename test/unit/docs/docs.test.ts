/** What the documentation says is held against the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { annotations, labels } from '../../../src/api/names.ts';
import { UnknownOutcomes } from '../../../src/controllers/unknown-outcomes.ts';
import { help } from '../../../src/flags.ts';
import { operatorMetrics } from '../../../src/metrics.ts';
import { Budgets } from '../../../src/providers/budget.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { createMetrics } from '../../../src/runtime/metrics.ts';
import { flagRows, headingAnchors, linksOf, metricRows } from './pages.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  'charts/keyframe/README.md',
  'test/simulators/azure/README.md',
];

function registry(): Registry {
  const { registry: all } = createMetrics({ version: '0' });
  operatorMetrics(all, {
    kinds: [],
    providers: [],
    providerOf: () => undefined,
    budgets: new Budgets(systemClock),
    unknownOutcomes: new UnknownOutcomes(systemClock),
    now: Date.now,
  });
  return all;
}

describe('docs/operations.md', () => {
  const page = read('docs/operations.md');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));

  it.each(flagRows(help()))('has this flag as --help has it: %s', (row) => {
    expect(rows).toContain(row);
  });

  it('has no flag that --help has not', () => {
    expect(rows.filter((row) => row.startsWith('| `--'))).toEqual(flagRows(help()));
  });

  it.each(metricRows(registry()))('has this metric as it is registered: %s', (row) => {
    expect(rows).toContain(row);
  });

  it('has no metric that is not registered', () => {
    expect(rows.filter((row) => row.startsWith('| `keyframe_'))).toEqual(metricRows(registry()));
  });

  it.each([...Object.values(annotations), ...Object.values(labels)])('explains %s', (name) => {
    expect(page).toContain(`\`${name}\``);
  });
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('has links only to what is there', () => {
    const broken = linksOf(text).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (target.startsWith('..') || !existsSync(join(root, target))) return true;
      if (anchor === undefined) return false;
      return !target.endsWith('.md') || !headingAnchors(read(target)).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { type ChartValue, chartReadme, chartValues } from './chart.ts';

const schema: ChartValue = {
  properties: {
    replicas: { type: 'integer', description: 'Pods.', default: 2 },
    log: {
      properties: {
        level: { type: ['string', 'null'], description: 'One | of these.', default: '' },
        labels: { type: 'object', description: 'Labels. '.repeat(40).trim(), default: { a: ['b'] } },
      },
    },
  },
};
const marks = [
  '<!-- Values: written by npm run generate from values.schema.json. -->',
  '<!-- End of values. -->',
];

describe('values.yaml', () => {
  it('has the defaults of the schema, each under its description', () => {
    const text = chartValues(schema);
    expect(load(text)).toEqual({ replicas: 2, log: { level: '', labels: { a: ['b'] } } });
    expect(text).toContain('\n# Pods.\nreplicas: 2\n');
    expect(text).toContain("log:\n  # One | of these.\n  level: ''\n");
  });

  it('has no line that is too wide for people', () => {
    expect(
      Math.max(
        ...chartValues(schema)
          .split('\n')
          .map(({ length }) => length),
      ),
    ).toBeLessThan(112);
  });

  it.each<[string, ChartValue]>([
    ['description', { default: 1 }],
    ['default', { description: 'A value.' }],
  ])('is refused for a value without a %s', (what, value) => {
    const broken = { properties: { log: { properties: { level: value } } } };
    expect(() => chartValues(broken)).toThrow(`log.level has no ${what}`);
  });
});

describe('the README', () => {
  it('gets a row for each value between its marks, and keeps the rest', () => {
    const readme = chartReadme(`before\n${marks[0]}\nold\n${marks[1]}\nafter\n`, schema);
    expect(readme).toMatch(/^before\n/);
    expect(readme).toMatch(/\nafter\n$/);
    expect(readme).not.toContain('old');
    expect(readme).toContain('| `replicas` | integer | `2` | Pods. |');
    expect(readme).toContain('| `log.level` | string or null | `""` | One \\| of these. |');
    expect(chartReadme(readme, schema)).toBe(readme);
  });

  it('is refused without its marks', () => {
    expect(() => chartReadme('nothing here', schema)).toThrow(/README\.md lacks/);
  });
});

/** What Prometheus is asked by the alerts and the dashboard in config/. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parser } from '@prometheus-io/lezer-promql';
import { load } from 'js-yaml';

const config = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../config/${path}`, import.meta.url)), 'utf8');

export interface Alert {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook_url: string };
}

/** The alerts of config/prometheus. */
export function readAlerts(): Alert[] {
  const { groups } = load(config('prometheus/rules.yaml')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** One query of the dashboard, with its variables filled in. */
export interface Query {
  panel: string;
  expr: string;
  legend: string;
}

interface Panel {
  title: string;
  targets?: { expr: string; legendFormat?: string }[];
}

/** The queries of config/grafana. */
export function readDashboard(): Query[] {
  const { panels } = JSON.parse(config('grafana/keyframe.json')) as { panels: Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat = '' }) => ({
      panel: title,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$provider', '.*'),
      legend: legendFormat,
    })),
  );
}

/** What an expression names: metrics with the labels that they are selected by, and labels to group and join by. */
export interface Named {
  series: { metric: string; labels: string[] }[];
  grouping: string[];
}

/** Reads an expression of PromQL. Throws for one that is none. */
export function namedBy(expr: string): Named {
  const named: Named = { series: [], grouping: [] };
  let inGrouping = false;
  parser.parse(expr).iterate({
    enter({ type, name, from, to }) {
      const text = expr.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expr}`);
      if (name === 'VectorSelector') named.series.push({ metric: '', labels: [] });
      if (name === 'GroupingLabels') inGrouping = true;
      const series = named.series.at(-1);
      if (name === 'Identifier' && series?.metric === '') series.metric = text;
      if (name === 'LabelName') (inGrouping ? named.grouping : (series?.labels ?? [])).push(text);
    },
    leave({ name }) {
      if (name === 'GroupingLabels') inGrouping = false;
    },
  });
  return named;
}

/** The alerts, run by Prometheus' own tool, and held against what they speak of. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dump, load } from 'js-yaml';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { kinds } from '../../../src/api/kinds.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { findBinary } from '../../controlplane/binaries.ts';
import { namedBy, readAlerts, readDashboard } from '../../support/promql.ts';
import { headingAnchors } from '../docs/pages.ts';

const rules = fileURLToPath(new URL('../../../config/prometheus/rules.yaml', import.meta.url));
const cases = fileURLToPath(new URL('alerts.yaml', import.meta.url));
const operations = fileURLToPath(new URL('../../../docs/operations.md', import.meta.url));

vi.setConfig({ testTimeout: 120_000 });
// The first build of promtool takes some minutes.
beforeAll(() => findBinary('promtool'), 1_200_000);

/** Runs promtool. Answers its exit code, and what it said. */
async function promtool(...args: string[]): Promise<{ code: number; said: string }> {
  const command = await findBinary('promtool');
  return new Promise((resolve, reject) => {
    execFile(command, args, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ code, said: stdout + stderr });
      else reject(error);
    });
  });
}

const ok = { code: 0, said: expect.stringContaining('SUCCESS') };

describe('promtool', () => {
  it('finds nothing to say of the rules', async () => {
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', rules)).toEqual(ok);
  });

  it('sees every alert fire, and keep quiet, as alerts.yaml says', async () => {
    expect(await promtool('test', 'rules', cases)).toEqual(ok);
  });

  it('sees that a case fails where the alert is another', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keyframe-alerts-'));
    try {
      const changed = (await readFile(rules, 'utf8')).replace('state="Failed"', 'state="Ready"');
      await writeFile(join(folder, 'rules.yaml'), changed);
      const copied = (await readFile(cases, 'utf8')).replace(/^rule_files:.*$/m, 'rule_files: [rules.yaml]');
      await writeFile(join(folder, 'alerts.yaml'), copied);
      const { code, said } = await promtool('test', 'rules', join(folder, 'alerts.yaml'));
      expect(code).not.toBe(0);
      expect(said).toContain('alertname: KeyframeSnapshotFailed');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('reads every query of the dashboard', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keyframe-queries-'));
    try {
      const file = join(folder, 'queries.yaml');
      const queries = readDashboard().map(({ expr }, index) => ({ record: `query:${index}`, expr }));
      expect(queries.length).toBeGreaterThan(20);
      await writeFile(file, dump({ groups: [{ name: 'dashboard', rules: queries }] }));
      expect(await promtool('check', 'rules', '--lint=none', file)).toEqual(ok);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe.each(readAlerts().map((alert) => [alert.alert, alert] as const))('%s', (name, alert) => {
  it('has a case in which it fires, and one in which it keeps quiet', async () => {
    const { tests } = load(await readFile(cases, 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: object[] }[] }[];
    };
    const own = tests
      .flatMap(({ alert_rule_test }) => alert_rule_test)
      .filter((one) => one.alertname === name);
    expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });

  it('leads to a section that says what to do', async () => {
    const [path, anchor = ''] = alert.annotations.runbook_url.split('#');
    expect(path).toBe('docs/operations.md');
    expect(anchor).toBe(name.toLowerCase());
    expect(headingAnchors(await readFile(operations, 'utf8'))).toContain(anchor);
  });

  it('has one of three severities, and speaks of kinds and reasons that there are', () => {
    expect(['critical', 'warning', 'info']).toContain(alert.labels.severity);
    for (const [, label, value = ''] of alert.expr.matchAll(/\b(kind|reason)(?:=~?|!=)"([^"]+)"/g)) {
      const known = Object.keys(label === 'kind' ? kinds : reasons);
      expect(known).toEqual(expect.arrayContaining(value.split('|')));
    }
  });
});

it('docs/operations.md has a section for no other alert', async () => {
  const page = await readFile(operations, 'utf8');
  const sections = [...page.matchAll(/^#+ (Keyframe[A-Z]\w+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(readAlerts().map(({ alert }) => alert));
});

describe('what an expression names', () => {
  it('is metrics with their labels, and labels to group and join by', () => {
    expect(
      namedBy('sum by (a) (rate(m{b="1",c!="2"}[5m])) / on (a) group_left (d) n unless absent(o)'),
    ).toEqual({
      series: [
        { metric: 'm', labels: ['b', 'c'] },
        { metric: 'n', labels: [] },
        { metric: 'o', labels: [] },
      ],
      grouping: ['a', 'a', 'd'],
    });
  });

  it('is nothing where it is no expression', () => {
    expect(() => namedBy('sum by (a (m)')).toThrow('no PromQL');
  });
});

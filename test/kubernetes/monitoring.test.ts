import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { metricTable } from '../../src/telemetry/metric-table.ts';
import { installed } from '../support/processes.ts';
import { projectRoot } from '../support/source-files.ts';
import { alertCases } from './alert-cases.ts';
import { alerts, dashboard, dashboardQueries, ruleFile, rules, seriesOf } from './monitoring.ts';

const folder = mkdtempSync(join(tmpdir(), 'heimdall-rules-'));
const rulePath = join(folder, 'rules.yaml');

function promtool(...argv: readonly string[]): { code: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(installed('promtool', 'prometheus'), argv, {
    encoding: 'utf8',
  });
  return { code: status, text: stdout + stderr };
}

beforeAll(() => writeFileSync(rulePath, JSON.stringify(ruleFile())));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the rules', () => {
  test('have nothing that promtool finds fault with', () => {
    expect(promtool('check', 'rules', '--lint=all', '--lint-fatal', rulePath)).toMatchObject({
      code: 0,
    });
  });

  test('would be found fault with if they were wrong', () => {
    const broken = join(folder, 'broken.yaml');
    const text = readFileSync(rulePath, 'utf8');
    writeFileSync(broken, text.replace('histogram_quantile(0.99,', 'histogram_quantil(0.99,'));
    expect(promtool('check', 'rules', broken).code).not.toBe(0);
  });

  test('have a case for each alert', () => {
    expect(Object.keys(alertCases)).toEqual(alerts().map(({ alert }) => alert));
  });

  test.each(Object.entries(alertCases))('%s fires when it should, and only then', (alert, one) => {
    const unitTest = (series: Readonly<Record<string, string>>, value: number): unknown => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
          eval_time: `${String(one.minutes)}m`,
          exp_samples: [{ labels: '{}', value }],
        },
      ],
    });
    const path = join(folder, `${alert}.json`);
    const firing = [one.fires, ...(one.alsoFires === undefined ? [] : [one.alsoFires])];
    const tests = [...firing.map((series) => unitTest(series, 1)), unitTest(one.quiet, 0)];
    writeFileSync(
      path,
      JSON.stringify({ rule_files: [rulePath], evaluation_interval: '1m', tests }),
    );
    const { code, text } = promtool('test', 'rules', path);
    expect(text).toMatch(/SUCCESS/);
    expect(code).toBe(0);
  });

  test('read series that are exported', () => {
    const known = new Set(exportedSeries());
    const read = rules().flatMap(({ expr }) => seriesOf(expr));
    expect(read.length).toBeGreaterThan(20);
    expect(read.filter((name) => !known.has(name) && !isRecorded(name))).toEqual([]);
  });

  test('have a section of the runbook for each alert: what it means, where to look, what to do', () => {
    const runbook = readFileSync(join(projectRoot, 'docs/runbook.md'), 'utf8');
    const sections = new Map(
      runbook.split(/^## /m).map((section) => [section.split('\n', 1)[0] ?? '', section]),
    );
    for (const { alert, annotations } of alerts()) {
      expect(annotations?.['runbook']).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(sections.get(alert)).toMatch(/\*\*Means\*\*[\s\S]*\*\*Look\*\*[\s\S]*\*\*Do\*\*/);
    }
    const named = [...sections.keys()].filter((title) => title.startsWith('Heimdall'));
    expect(named).toEqual(alerts().map(({ alert }) => alert));
  });
});

function isRecorded(name: string): boolean {
  return rules().some(({ record = '' }) => record.split(':').includes(name));
}

/** The names of the page of a replica and of that of a member, from their own tables. */
function exportedSeries(): string[] {
  const own = Object.entries(metricTable).flatMap(([name, { type }]) =>
    type === 'histogram' ? ['_bucket', '_count', '_sum'].map((end) => name + end) : [name],
  );
  const exporter = readFileSync(join(projectRoot, 'hazelcast/jmx.yaml'), 'utf8');
  const patterns = [...exporter.matchAll(/^ {4}name: (hazelcast_\S+)$/gm)].map(
    ([, name = '']) => name,
  );
  const members = patterns.flatMap((name) =>
    ['used', 'max'].map((part) => name.replace(/\$\d/, part)),
  );
  return [...own, ...members];
}

describe('the dashboard', () => {
  test('has a title, a unit and queries in every panel', () => {
    const panels = dashboard().panels.filter(({ type }) => type !== 'row');
    expect(panels.length).toBeGreaterThan(20);
    for (const panel of panels) {
      expect(panel.title).not.toBe('');
      expect(panel.targets?.length).toBeGreaterThan(0);
    }
  });

  test('asks in a language that Prometheus understands', () => {
    const asRules = dashboardQueries().map((expr, at) => ({ record: `query:${String(at)}`, expr }));
    const path = join(folder, 'dashboard.yaml');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
    expect(promtool('check', 'rules', '--lint=none', path)).toMatchObject({ code: 0 });
  });
});

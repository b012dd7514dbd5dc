import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, manifestsRoot, readYaml } from './manifests.ts';

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a Prometheus without the operator reads: the `spec` of the PrometheusRule. */
export function ruleFile(): unknown {
  return at(readYaml(join(manifestsRoot, 'monitoring/rules.yaml')), 'spec');
}

export function rules(): Rule[] {
  const groups = at(ruleFile(), 'groups') as readonly { readonly rules: readonly Rule[] }[];
  return groups.flatMap((group) => group.rules);
}

export function alerts(): (Rule & { readonly alert: string })[] {
  return rules().flatMap((rule) =>
    rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }],
  );
}

export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

export function dashboard(): { readonly panels: readonly Panel[] } {
  const text = readFileSync(join(manifestsRoot, 'monitoring/heimdall.json'), 'utf8');
  return JSON.parse(text) as { readonly panels: readonly Panel[] };
}

/** Every query of the dashboard, as Grafana sends it. */
export function dashboardQueries(): string[] {
  return dashboard()
    .panels.flatMap(({ targets = [] }) => targets)
    .map(({ expr }) => expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*'));
}

/** The names of the series that an expression reads. */
export function seriesOf(expression: string): string[] {
  const bare = expression.replaceAll(/"[^"]*"/g, '""');
  return [
    ...new Set(
      [...bare.matchAll(/\b(?:heimdall|hazelcast|process|nodejs)_\w+/g)].map(([name]) => name),
    ),
  ];
}

/** What an expression demands of labels: `code="SERVFAIL"`, alternatives apart. */
export function labelValuesOf(expression: string): { label: string; value: string }[] {
  return [...expression.matchAll(/(\w+)=~?"([\w|]+)"/g)]
    .filter(([, label]) => label !== 'job')
    .flatMap(([, label = '', values = '']) => values.split('|').map((value) => ({ label, value })));
}

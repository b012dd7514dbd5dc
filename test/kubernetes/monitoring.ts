import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { at, manifestsRoot, readYaml } from './manifests.ts';

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a Prometheus without the operator reads: the `spec` of the PrometheusRule. */
export function ruleFile(): unknown {
  return at(readYaml(join(manifestsRoot, 'monitoring/rules.yaml')), 'spec');
}

interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

function groups(): readonly Group[] {
  return at(ruleFile(), 'groups') as readonly Group[];
}

export function rules(): Rule[] {
  return groups().flatMap((group) => group.rules);
}

/**
 * The rules as shipped, but for durations: evaluated four times a second, and an alert fires when its
 * expression has held for a second, so that nobody waits minutes.
 */
export function hastyRules(): unknown {
  const hasty = (rule: Rule): Rule => (rule.alert === undefined ? rule : { ...rule, for: '1s' });
  return {
    groups: groups().map((group) => ({
      ...group,
      interval: '250ms',
      rules: group.rules.map(hasty),
    })),
  };
}

export function alerts(): (Rule & { readonly alert: string })[] {
  return rules().flatMap((rule) =>
    rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }],
  );
}

export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export function dashboard(): { readonly panels: readonly Panel[] } {
  const text = readFileSync(join(manifestsRoot, 'monitoring/heimdall.json'), 'utf8');
  return JSON.parse(text) as { readonly panels: readonly Panel[] };
}

/** Every query of the dashboard, as Grafana sends it. */
export function dashboardQueries(): string[] {
  return dashboard()
    .panels.flatMap(({ targets = [] }) => targets)
    .map(({ expr }) => asSent(expr, '1m'));
}

/** A query of the dashboard with its variables put in: all namespaces, rates over this time. */
export function asSent(expression: string, rateInterval: string): string {
  return expression.replaceAll('$__rate_interval', rateInterval).replaceAll('$namespace', '.*');
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

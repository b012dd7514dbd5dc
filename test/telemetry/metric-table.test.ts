import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { labelBounds, metricNames, metricTable } from '../../src/telemetry/metric-table.ts';
import type { MetricDefinition } from '../../src/telemetry/metric-table.ts';

const docs = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const definitions: [string, MetricDefinition][] = metricNames.map((name) => [
  name,
  metricTable[name],
]);

function rowOf([name, { type, unit, labels, help }]: [string, MetricDefinition]): string {
  const labelText = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}\` | ${type} | ${unit} | ${labelText} | ${help} |`;
}

/** Every table row that begins with code and has this many cells. */
function rowsOf(cells: number): string[] {
  return docs
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.split('|').length === cells + 2);
}

describe('docs/metrics.md', () => {
  test('holds the table of metrics, row by row', () => {
    const expected = definitions.map(rowOf);
    expect(rowsOf(5)).toEqual(expected);
  });

  test('says of every label what bounds it', () => {
    const expected = Object.entries(labelBounds).map(
      ([label, bound]) => `| \`${label}\` | ${bound} |`,
    );
    expect(rowsOf(2)).toEqual(expected);
  });
});

describe('metric names follow the conventions of Prometheus', () => {
  test.each(definitions)('%s', (name, { help, type, unit, labels }) => {
    expect(name).toMatch(/^heimdall_[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(milliseconds|ms|minutes|kilobytes|kb|count|sum|bucket)(_|$)/);
    expect(/_(seconds|bytes)(_total)?$/.exec(name)?.[1] ?? '1').toBe(unit);
    if (type === 'histogram') expect(unit).not.toBe('1');
    expect(help).toMatch(/^[A-Z].*\.$/);
    expect(labels).not.toContain('le');
    for (const label of labels) {
      expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
      expect(name).not.toMatch(new RegExp(`_by_${label}`));
    }
  });

  test('every bounded label is in use', () => {
    const used = new Set(definitions.flatMap(([, { labels }]) => labels));
    expect([...used].toSorted()).toEqual(Object.keys(labelBounds).toSorted());
  });
});

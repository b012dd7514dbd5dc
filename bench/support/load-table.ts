import type { Measurement } from './comparison.ts';
import { formatTable } from './report.ts';
import { spreadOf } from './statistics.ts';
import type { Spread } from './statistics.ts';

/** The measurements of each server, one per round. */
export type Rounds = ReadonlyMap<string, readonly Measurement[]>;

/** One row per server; ratios are to the server in the first row. */
export function loadTable(rounds: Rounds): string {
  const [first] = rounds.keys();
  const base = cpuOf(rounds.get(first ?? '') ?? []).median;
  const rows = [...rounds].map(([name, measurements]) => {
    const cpu = cpuOf(measurements);
    const reports = measurements.map(({ report }) => report);
    return [
      name,
      spreadOf(reports.map((report) => report.queriesPerSecond)).median.toFixed(0),
      cpu.median.toFixed(2),
      cpu.min.toFixed(2),
      cpu.max.toFixed(2),
      (cpu.median / base).toFixed(2),
      spreadOf(reports.map((report) => report.averageLatencyMs)).median.toFixed(2),
      String(reports.reduce((sum, { lost }) => sum + lost, 0)),
      String(reports.reduce((sum, report) => sum + failuresOf(report.responseCodes), 0)),
      (spreadOf(measurements.map((one) => one.residentBytes)).median / 1024 ** 2).toFixed(0),
    ];
  });
  const cost = ['CPU µs/answer', 'min', 'max', `/ ${first ?? ''}`];
  return formatTable(['server', 'qps', ...cost, 'latency ms', 'lost', 'not ok', 'RSS MB'], rows);
}

function cpuOf(measurements: readonly Measurement[]): Spread {
  return spreadOf(measurements.map((one) => one.cpuMicrosecondsPerAnswer));
}

/** Every name of the zone exists, so anything but NOERROR is a failure. */
function failuresOf(responseCodes: Readonly<Record<string, number>>): number {
  return Object.entries(responseCodes)
    .filter(([code]) => code !== 'NOERROR')
    .reduce((sum, [, count]) => sum + count, 0);
}

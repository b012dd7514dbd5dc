import type { Peer } from '../peers/peer.ts';
import type { Measurement } from './comparison.ts';
import { formatTable } from './report.ts';
import { spreadOf } from './statistics.ts';
import type { Spread } from './statistics.ts';

/** The measurements of one server: one per round, under full load and under an equal one. */
export interface PeerRounds {
  readonly peer: Peer;
  readonly full: Measurement[];
  /** Every server was offered the same; empty where that was not measured. */
  readonly equal: Measurement[];
}

/**
 * One row per server. Ratios are of CPU time within the same round, median and spread over the
 * rounds: to the first row, and to the best of the other resolvers.
 */
export function loadTable(all: readonly PeerRounds[]): string {
  const [first] = all;
  const best = bestPeer(all);
  const rows = all.map((one) => {
    const cpu = spreadOf(one.full.map(cpuOf));
    const equal = one.equal.map(({ report }) => report.latency);
    const reports = [...one.full, ...one.equal].map(({ report }) => report);
    return [
      one.peer.name,
      spreadOf(one.full.map(({ report }) => report.queriesPerSecond)).median.toFixed(0),
      `${cpu.median.toFixed(2)} (${cpu.min.toFixed(2)}-${cpu.max.toFixed(2)})`,
      ratioText(one, first),
      ratioText(one, best),
      latencyText(equal.map((latency) => latency?.p50)),
      latencyText(equal.map((latency) => latency?.p99)),
      latencyText(equal.map((latency) => latency?.hitP99)),
      String(reports.reduce((sum, { lost }) => sum + lost, 0)),
      String(reports.reduce((sum, report) => sum + failuresOf(report.responseCodes), 0)),
      (spreadOf(one.full.map(({ residentBytes }) => residentBytes)).median / 1024 ** 2).toFixed(0),
    ];
  });
  const ratios = [`/ ${first?.peer.name ?? ''}`, `/ ${best?.peer.name ?? 'peer'}`];
  const latencies = ['p50 ms', 'p99 ms', 'hit p99'];
  const heading = ['server', 'qps', 'CPU us/answer', ...ratios, ...latencies, 'lost', 'not ok'];
  return formatTable([...heading, 'RSS MB'], rows);
}

/** The resolver of others that spends least. */
function bestPeer(all: readonly PeerRounds[]): PeerRounds | undefined {
  return all
    .filter(({ peer }) => peer.isResolver && !peer.isOwn)
    .toSorted((one, other) => medianCpu(one) - medianCpu(other))[0];
}

function medianCpu({ full }: PeerRounds): number {
  return spreadOf(full.map(cpuOf)).median;
}

function cpuOf({ cpuMicrosecondsPerAnswer }: Measurement): number {
  return cpuMicrosecondsPerAnswer;
}

/** Round by round, for what disturbs one round disturbs all servers in it. */
export function ratioOf(one: PeerRounds, other: PeerRounds): Spread {
  return spreadOf(
    one.full.map((measurement, round) => {
      const base = other.full[round];
      return base === undefined ? Number.NaN : cpuOf(measurement) / cpuOf(base);
    }),
  );
}

function ratioText(one: PeerRounds, other: PeerRounds | undefined): string {
  if (other === undefined || one === other) return '1';
  const { median, min, max } = ratioOf(one, other);
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

function latencyText(values: readonly (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '-' : spreadOf(known).median.toFixed(2);
}

/** Every name of the zone exists, so anything but NOERROR is a failure. */
function failuresOf(responseCodes: Readonly<Record<string, number>>): number {
  return Object.entries(responseCodes)
    .filter(([code]) => code !== 'NOERROR')
    .reduce((sum, [, count]) => sum + count, 0);
}

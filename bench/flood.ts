import { heimdallLimited } from './peers/heimdall.ts';
import { Comparison } from './support/comparison.ts';
import type { RunningPeer } from './support/comparison.ts';
import type { LoadReport } from './support/load.ts';
import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { writeMixedFile } from './support/query-file.ts';
import { formatTable } from './support/report.ts';
import { spreadOf } from './support/statistics.ts';

/**
 * One client floods, as fast as it can; what does another one notice that asks at a normal rate? Both
 * ask from addresses of their own on loopback, over UDP.
 */

const hotNames = 1000;
/** Queries per second of the quiet client, a tenth of them for names that nobody asked before. */
const quietRate = 1000;
const quietNewShare = 0.1;
/** More than the flood sends in the time; it begins anew where it has gone through. */
const floodQueries = 400_000;

const floods = [
  { name: 'no flood', newShare: undefined },
  { name: 'flood of hits', newShare: 0 },
  { name: 'flood of new names', newShare: 1 },
] as const;

interface Round {
  readonly quiet: LoadReport;
  readonly flood: LoadReport | undefined;
}

export async function measureFlood(options: BenchOptions): Promise<Outcome> {
  const names = options.names ?? hotNames;
  const cacheBytes = options.cacheMegabytes * 1024 ** 2;
  return Comparison.run({ names, cacheBytes, isUpstreamCounted: true }, async (comparison) => {
    const running = await comparison.start(heimdallLimited);
    await comparison.measure(running, { transport: 'udp', length: 'once' });
    const flooding = new Flooding(comparison, running, { names, seconds: options.seconds });
    const results = [];
    for (const { name, newShare } of floods) {
      const rounds: Round[] = [];
      for (let round = 0; round < options.rounds; round++)
        rounds.push(await flooding.run(newShare));
      results.push({ name, rounds });
    }
    const rows = results.map(({ name, rounds }) => [name, ...cellsOf(rounds)]);
    const heading = ['while', 'asked', 'lost', 'p50 ms', 'p99 ms', 'flood asked/s', 'answered/s'];
    return { table: formatTable(heading, rows), results };
  });
}

class Flooding {
  readonly #comparison: Comparison;
  readonly #running: RunningPeer;
  readonly #options: { readonly names: number; readonly seconds: number };
  #files = 0;

  constructor(
    comparison: Comparison,
    running: RunningPeer,
    options: { readonly names: number; readonly seconds: number },
  ) {
    this.#comparison = comparison;
    this.#running = running;
    this.#options = options;
  }

  /** @param newShare of the flood: names that nobody asked before; undefined: there is none */
  async run(newShare: number | undefined): Promise<Round> {
    const { seconds } = this.#options;
    const flooded =
      newShare === undefined
        ? undefined
        : this.#comparison.measure(this.#running, {
            transport: 'udp',
            length: { seconds: seconds + 1 },
            queryFile: this.#fileOf(floodQueries, newShare),
            source: '127.0.0.2',
            isTurnedAway: true,
          });
    const quiet = await this.#comparison.measure(this.#running, {
      transport: 'udp',
      length: { seconds },
      queryFile: this.#fileOf(quietRate * seconds, quietNewShare),
      source: '127.0.0.3',
      rate: quietRate,
    });
    return { quiet: quiet.report, flood: (await flooded)?.report };
  }

  #fileOf(queries: number, newShare: number): string {
    this.#files++;
    const { names: hot } = this.#options;
    const traffic = { hot, queries, newShare, number: this.#files };
    return writeMixedFile(this.#comparison.directory, traffic);
  }
}

function cellsOf(rounds: readonly Round[]): string[] {
  const median = (valueOf: (round: Round) => number): number =>
    spreadOf(rounds.map(valueOf)).median;
  const total = (valueOf: (round: Round) => number): number =>
    rounds.reduce((sum, round) => sum + valueOf(round), 0);
  const flood = (valueOf: (report: LoadReport) => number): string =>
    rounds.some((round) => round.flood === undefined)
      ? ''
      : median((round) => (round.flood === undefined ? 0 : valueOf(round.flood))).toFixed(0);
  return [
    String(total(({ quiet }) => quiet.sent)),
    String(total(({ quiet }) => quiet.lost)),
    median(({ quiet }) => quiet.latency?.p50 ?? Number.NaN).toFixed(2),
    median(({ quiet }) => quiet.latency?.p99 ?? Number.NaN).toFixed(2),
    flood(({ sent, queriesPerSecond, completed }) => (sent / completed) * queriesPerSecond),
    flood(({ queriesPerSecond }) => queriesPerSecond),
  ];
}

import { answeredBy } from '../peers/ceiling.ts';
import type { Peer } from '../peers/peer.ts';
import { Comparison } from './comparison.ts';
import type { Measurement, NamedLoad } from './comparison.ts';
import type { Outcome } from './measurements.ts';
import type { BenchOptions } from './options.ts';
import { writeZipfFile } from './query-file.ts';
import { formatTable } from './report.ts';
import { spreadOf } from './statistics.ts';

/** Names that are asked for: far more than the cache holds. */
const defaultNames = 500_000;
const queriesPerRound = 500_000;
/** Of a cache that is much smaller than the names asked for. */
const cacheBytes = 8 * 1024 ** 2;

interface Round extends Measurement {
  /** Share of the queries for which nobody upstream was asked. */
  readonly hitShare: number;
}

/** Zipf traffic over a cache that is smaller than the working set: who keeps what is worth keeping? */
export async function measureZipf(peers: readonly Peer[], options: BenchOptions): Promise<Outcome> {
  const names = options.names ?? defaultNames;
  const setting = { names, cacheBytes, isCacheTight: true, isUpstreamCounted: true };
  return Comparison.run(setting, async (comparison) => {
    const found = new Map(peers.map(({ name }) => [name, [] as Round[]]));
    for (let round = 0; round < options.rounds; round++) {
      for (const peer of peers)
        found.get(peer.name)?.push(await roundOf(comparison, peer, names, round));
    }
    return { table: table(found), results: Object.fromEntries(found) };
  });
}

/** The second of two loads: the first one fills the cache. */
async function roundOf(
  comparison: Comparison,
  peer: Peer,
  names: number,
  round: number,
): Promise<Round> {
  const running = await comparison.start(peer);
  const load = (seed: number): NamedLoad => {
    const traffic = { names, queries: queriesPerRound, seed };
    const queryFile = writeZipfFile(comparison.directory, traffic);
    return { transport: 'udp', length: 'once', queryFile };
  };
  await comparison.measure(running, load(round * 2));
  const before = await answeredBy(comparison.upstream);
  const measurement = await comparison.measure(running, load(round * 2 + 1));
  const asked = (await answeredBy(comparison.upstream)) - before;
  await comparison.stop(running);
  return { ...measurement, hitShare: 1 - asked / measurement.report.completed };
}

function table(found: ReadonlyMap<string, readonly Round[]>): string {
  const rows = [...found].map(([name, rounds]) => {
    const hits = spreadOf(rounds.map(({ hitShare }) => hitShare * 100));
    const cpu = spreadOf(rounds.map((one) => one.cpuMicrosecondsPerAnswer));
    const resident = spreadOf(rounds.map((one) => one.residentBytes / 1024 ** 2));
    return [
      name,
      `${hits.median.toFixed(1)} (${hits.min.toFixed(1)}-${hits.max.toFixed(1)})`,
      cpu.median.toFixed(2),
      resident.median.toFixed(0),
      String(rounds.reduce((sum, { report }) => sum + report.lost, 0)),
    ];
  });
  return formatTable(['server', 'hits %', 'CPU us/answer', 'RSS MB', 'lost'], rows);
}

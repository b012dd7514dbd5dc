import type { Peer } from '../peers/peer.ts';
import { Comparison } from './comparison.ts';
import type { Outcome } from './measurements.ts';
import type { BenchOptions } from './options.ts';
import { residentBytes } from './process-usage.ts';
import { formatTable } from './report.ts';
import { spreadOf } from './statistics.ts';

/** So many that what a server takes to be at work at all weighs little. */
const defaultNames = 200_000;

/** The resident set of one server while it is filled. */
interface Growth {
  readonly emptyBytes: number;
  /** After the first half of the names. */
  readonly halfBytes: number;
  readonly fullBytes: number;
  /** Names that were answered with NOERROR in the first half, and in the second. */
  readonly firstEntries: number;
  readonly secondEntries: number;
}

/** Memory: what the resident set has grown by, per name that was answered and kept. */
export async function measureMemory(
  peers: readonly Peer[],
  options: BenchOptions,
): Promise<Outcome> {
  const names = options.names ?? defaultNames;
  const setting = { names, cacheBytes: options.cacheMegabytes * 1024 ** 2 };
  const grown = await Comparison.run(setting, async (comparison) => {
    const found = new Map(peers.map(({ name }) => [name, [] as Growth[]]));
    for (let round = 0; round < options.rounds; round++) {
      for (const peer of peers) found.get(peer.name)?.push(await growthOf(comparison, peer, names));
    }
    return found;
  });
  const rows = [...grown].map(([name, rounds]) => [name, ...cellsOf(rounds)]);
  return { table: formatTable(heading, rows), results: Object.fromEntries(grown) };
}

async function growthOf(comparison: Comparison, peer: Peer, names: number): Promise<Growth> {
  const running = await comparison.start(peer);
  const emptyBytes = residentBytes(running.server.pid);
  const half = Math.ceil(names / 2);
  const once = { transport: 'udp', length: 'once' } as const;
  const first = await comparison.measure(running, { ...once, to: half });
  const second = await comparison.measure(running, { ...once, from: half });
  await comparison.stop(running);
  return {
    emptyBytes,
    halfBytes: first.residentBytes,
    fullBytes: second.residentBytes,
    firstEntries: first.report.responseCodes['NOERROR'] ?? 0,
    secondEntries: second.report.responseCodes['NOERROR'] ?? 0,
  };
}

const heading = [
  'server',
  'entries',
  'bytes/entry',
  'min',
  'max',
  'second half',
  'RSS MB empty',
  'RSS MB full',
];

function cellsOf(rounds: readonly Growth[]): string[] {
  const perEntry = spreadOf(
    rounds.map((one) => (one.fullBytes - one.emptyBytes) / (one.firstEntries + one.secondEntries)),
  );
  const median = (pick: (one: Growth) => number): number => spreadOf(rounds.map(pick)).median;
  const figures = [
    median((one) => one.firstEntries + one.secondEntries),
    perEntry.median,
    perEntry.min,
    perEntry.max,
    median((one) => (one.fullBytes - one.halfBytes) / one.secondEntries),
    median((one) => one.emptyBytes) / 1024 ** 2,
    median((one) => one.fullBytes) / 1024 ** 2,
  ];
  return figures.map((figure) => figure.toFixed(0));
}

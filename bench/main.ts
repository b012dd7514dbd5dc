import { drawChart } from './chart.ts';
import { measureFilter } from './filter.ts';
import { measureFlood } from './flood.ts';
import { measureCores } from './cores.ts';
import { gridSections, measureGrid } from './grid.ts';
import { blocky } from './peers/blocky.ts';
import { measureLarge } from './large.ts';
import { ceiling } from './peers/ceiling.ts';
import { coredns } from './peers/coredns.ts';
import { dnsdist } from './peers/dnsdist.ts';
import { heimdall, heimdallDgram, heimdallGuarded, heimdallTwoWorkers } from './peers/heimdall.ts';
import { pdnsRecursor } from './peers/pdns-recursor.ts';
import type { Peer } from './peers/peer.ts';
import { unbound } from './peers/unbound.ts';
import { measurePolicy } from './policy.ts';
import { findProgram } from './support/installed.ts';
import { measureMemory } from './support/memory.ts';
import { measureHits, measureMisses, measureMixed } from './support/measurements.ts';
import type { Outcome } from './support/measurements.ts';
import { parseOptions } from './support/options.ts';
import type { BenchOptions } from './support/options.ts';
import { writeResult } from './support/report.ts';
import { measureStart } from './support/start.ts';
import { measureZipf } from './support/zipf.ts';
import { measureWorkers } from './workers.ts';

const resolvers: readonly Peer[] = [heimdall, unbound, dnsdist, pdnsRecursor, coredns, blocky];
const allPeers: readonly Peer[] = [
  ceiling,
  ...resolvers,
  heimdallGuarded,
  heimdallDgram,
  heimdallTwoWorkers,
];

type Measure = (options: BenchOptions) => Promise<Outcome>;

/** Servers beside one another, as far as they are there; without a choice those of `usual`. */
function compared(
  usual: readonly Peer[],
  measure: (peers: readonly Peer[], options: BenchOptions) => Promise<Outcome>,
): Measure {
  return (options) => measure(choosePeers(options.only, usual), options);
}

const kinds: Readonly<Record<string, Measure>> = {
  hot: compared([ceiling, ...resolvers, heimdallGuarded, heimdallDgram], (peers, options) =>
    measureHits(peers, options, 'udp'),
  ),
  zipf: compared(resolvers, measureZipf),
  miss: compared(resolvers, measureMisses),
  mixed: compared(resolvers, measureMixed),
  tcp: compared(resolvers, (peers, options) => measureHits(peers, options, 'tcp')),
  tls: compared(resolvers, (peers, options) => measureHits(peers, options, 'dot')),
  https: compared(resolvers, (peers, options) => measureHits(peers, options, 'doh')),
  cores: measureCores,
  memory: compared(resolvers, measureMemory),
  large: measureLarge,
  start: measureStart,
  chart: drawChart,
  filter: measureFilter,
  flood: measureFlood,
  grid: measureGrid,
  policy: measurePolicy,
  workers: measureWorkers,
};

const usage = `usage: npm run bench -- ${Object.keys(kinds).join('|')} [options]
  --rounds N            rounds, the servers in turn within each (5)
  --seconds N           length of a load of hits (4)
  --names N             names asked for (hits and grid 1000, miss 20000, zipf 500000, memory 200000)
  --cache-megabytes N   size of every cache (64)
  --only A,B            servers: ${allPeers.map(({ name }) => name).join(', ')};
                        of grid: ${gridSections.join(', ')}
`;

/** The servers that were chosen and can run here; says of the others why not. */
function choosePeers(only: readonly string[], usual: readonly Peer[]): Peer[] {
  const known = allPeers.map(({ name }) => name);
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new TypeError(`no such server: ${unknown.join(', ')}`);
  const chosen = only.length === 0 ? usual : allPeers.filter(({ name }) => only.includes(name));
  return chosen.filter((peer) => {
    const reason = peer.unavailable();
    if (reason !== undefined) process.stderr.write(`${peer.name}: ${reason}\n`);
    return reason === undefined;
  });
}

async function main([kind = '', ...rest]: readonly string[]): Promise<number> {
  const measure = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (measure === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const missing = ['dnsperf', 'nsd'].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) throw new Error(`install what is needed first: ${missing.join(', ')}`);
  const options = parseOptions(rest);
  const { table, results } = await measure(options);
  process.stdout.write(`${table}\n`);
  process.stdout.write(`written to ${writeResult(kind, options, results)}\n`);
  return 0;
}

// Leaves by `process.exit`, upon which the servers that were started are ended.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.once(signal, () => process.exit(code));
}
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

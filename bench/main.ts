import { gridSections, measureGrid } from './grid.ts';
import { ceiling } from './peers/ceiling.ts';
import { coredns } from './peers/coredns.ts';
import { dnsdist } from './peers/dnsdist.ts';
import { heimdall } from './peers/heimdall.ts';
import type { Peer } from './peers/peer.ts';
import { unbound } from './peers/unbound.ts';
import { measurePolicy } from './policy.ts';
import { findProgram } from './support/installed.ts';
import { measureMemory } from './support/memory.ts';
import { measureHits, measureMisses } from './support/measurements.ts';
import type { Outcome } from './support/measurements.ts';
import { parseOptions } from './support/options.ts';
import type { BenchOptions } from './support/options.ts';
import { writeResult } from './support/report.ts';
import { measureWorkers } from './workers.ts';

const allPeers: readonly Peer[] = [ceiling, heimdall, unbound, dnsdist, coredns];

type Measure = (options: BenchOptions) => Promise<Outcome>;

/** Servers beside one another, as far as they are there. */
function compared(
  resolversOnly: boolean,
  measure: (peers: readonly Peer[], options: BenchOptions) => Promise<Outcome>,
): Measure {
  return (options) => measure(choosePeers(options.only, resolversOnly), options);
}

const kinds: Readonly<Record<string, Measure>> = {
  hot: compared(false, (peers, options) => measureHits(peers, options, 'udp')),
  tcp: compared(true, (peers, options) => measureHits(peers, options, 'tcp')),
  miss: compared(true, measureMisses),
  memory: compared(true, measureMemory),
  grid: measureGrid,
  policy: measurePolicy,
  workers: measureWorkers,
};

const usage = `usage: npm run bench -- ${Object.keys(kinds).join('|')} [options]
  --rounds N            rounds, the servers in turn within each (5)
  --seconds N           length of a load of hits (4)
  --names N             names asked for (hot, tcp and grid 1000, miss 20000, memory 200000)
  --cache-megabytes N   size of every cache (64)
  --only A,B            servers: ${allPeers.map(({ name }) => name).join(', ')};
                        of grid: ${gridSections.join(', ')}
`;

/** The servers that were chosen and can run here; says of the others why not. */
function choosePeers(only: readonly string[], resolversOnly: boolean): Peer[] {
  const known = allPeers.map(({ name }) => name);
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new TypeError(`no such server: ${unknown.join(', ')}`);
  return allPeers.filter((peer) => {
    if (only.length > 0 && !only.includes(peer.name)) return false;
    const reason =
      resolversOnly && !peer.isResolver ? 'left out: it is no resolver' : peer.unavailable();
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

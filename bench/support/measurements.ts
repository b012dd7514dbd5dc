import type { Peer } from '../peers/peer.ts';
import { Comparison } from './comparison.ts';
import type { Measurement } from './comparison.ts';
import { loadTable } from './load-table.ts';
import type { Rounds } from './load-table.ts';
import type { BenchOptions } from './options.ts';

/** What a measurement came to: for the terminal and for the file of results. */
export interface Outcome {
  readonly table: string;
  readonly results: object;
}

/** Enough that a name is not asked twice within a batch, few enough to be hot everywhere. */
const hotNames = 1000;
/** A pass takes seconds, and every server still holds all of it. */
const missNames = 20_000;

/** Hits: every server runs all the time, and the rounds go A B A B. */
export async function measureHits(
  peers: readonly Peer[],
  options: BenchOptions,
  transport: 'udp' | 'tcp',
): Promise<Outcome> {
  const { rounds, seconds, cacheMegabytes } = options;
  const names = options.names ?? hotNames;
  const setting = { peers, names, cacheBytes: cacheMegabytes * 1024 ** 2 };
  const measured = await Comparison.run(setting, async (comparison) => {
    const found = emptyRounds(peers);
    const servers = new Map<Peer, Awaited<ReturnType<Comparison['start']>>>();
    for (const peer of peers) {
      const server = await comparison.start(peer);
      servers.set(peer, server);
      await comparison.measure(server, { transport, length: 'once' });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [{ name }, server] of servers) {
        const one = await comparison.measure(server, { transport, length: { seconds } });
        found.get(name)?.push(one);
      }
    }
    return found;
  });
  return outcomeOf(measured);
}

/** Misses: each round starts every server anew and asks for each name once. */
export async function measureMisses(
  peers: readonly Peer[],
  options: BenchOptions,
): Promise<Outcome> {
  const names = options.names ?? missNames;
  const setting = { peers, names, cacheBytes: options.cacheMegabytes * 1024 ** 2 };
  const measured = await Comparison.run(setting, async (comparison) => {
    const found = emptyRounds(peers);
    for (let round = 0; round < options.rounds; round++) {
      for (const peer of peers) {
        const server = await comparison.start(peer);
        found
          .get(peer.name)
          ?.push(await comparison.measure(server, { transport: 'udp', length: 'once' }));
        await comparison.stop(server);
      }
    }
    return found;
  });
  return outcomeOf(measured);
}

function emptyRounds(peers: readonly Peer[]): Map<string, Measurement[]> {
  return new Map(peers.map(({ name }) => [name, []]));
}

function outcomeOf(rounds: Rounds): Outcome {
  return { table: loadTable(rounds), results: Object.fromEntries(rounds) };
}

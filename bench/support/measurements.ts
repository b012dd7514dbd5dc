import type { BenchTransport, Peer } from '../peers/peer.ts';
import { Comparison } from './comparison.ts';
import type { NamedLoad, RunningPeer } from './comparison.ts';
import { loadTable } from './load-table.ts';
import type { PeerRounds } from './load-table.ts';
import type { BenchOptions } from './options.ts';
import { writeMixedFile } from './query-file.ts';
import { spreadOf } from './statistics.ts';

/** What a measurement came to: for the terminal and for the file of results. */
export interface Outcome {
  readonly table: string;
  readonly results: object;
}

/** Enough that a name is not asked twice within a batch, few enough to be hot everywhere. */
const hotNames = 1000;
/** A pass takes seconds, and every server still holds all of it. */
const missNames = 20_000;
/** Of what Heimdall answers at most, what each server is offered when latencies are compared. */
const equalShare = 0.5;
/** Queries for new names among those of `mixed`. */
const newShare = 0.1;

/** Hits: every server runs all the time, and the rounds go A B A B. */
export async function measureHits(
  peers: readonly Peer[],
  options: BenchOptions,
  transport: BenchTransport,
): Promise<Outcome> {
  const names = options.names ?? hotNames;
  const isEncrypted = transport === 'dot' || transport === 'doh';
  const setting = { names, cacheBytes: options.cacheMegabytes * 1024 ** 2, isEncrypted };
  const able = peers.filter(({ transports }) => transports.includes(transport));
  return Comparison.run(setting, (comparison) => {
    const length = { seconds: options.seconds };
    return inRounds(comparison, able, options, {
      warmUp: { transport, length: 'once' },
      load: () => ({ transport, length }),
    });
  });
}

/** Hits with misses among them: new names must not slow those that are known. */
export async function measureMixed(
  peers: readonly Peer[],
  options: BenchOptions,
): Promise<Outcome> {
  const names = options.names ?? hotNames;
  const setting = {
    names,
    cacheBytes: options.cacheMegabytes * 1024 ** 2,
    isUpstreamCounted: true,
  };
  const transport = 'udp';
  let number = 0;
  return Comparison.run(setting, (comparison) =>
    inRounds(comparison, peers, options, {
      warmUp: { transport, length: 'once' },
      load: (rate) => {
        const queries = Math.ceil((rate ?? mixedRate) * options.seconds);
        number++;
        const traffic = { hot: names, queries, newShare, number };
        const queryFile = writeMixedFile(comparison.directory, traffic);
        return { transport, length: 'once', queryFile };
      },
    }),
  );
}

/** Queries per second of round and server that a file of `mixed` is made for. */
const mixedRate = 30_000;

interface RoundLoads {
  readonly warmUp: NamedLoad;
  /** A fresh load: of a rate, or as much as is answered. */
  readonly load: (rate: number | undefined) => NamedLoad;
}

async function inRounds(
  comparison: Comparison,
  peers: readonly Peer[],
  { rounds }: BenchOptions,
  { warmUp, load }: RoundLoads,
): Promise<Outcome> {
  const all = peers.map((peer): PeerRounds => ({ peer, full: [], equal: [] }));
  const servers: RunningPeer[] = [];
  for (const peer of peers) {
    const running = await comparison.start(peer);
    servers.push(running);
    await comparison.measure(running, warmUp);
  }
  const eachInTurn = async (task: (one: PeerRounds, running: RunningPeer) => Promise<void>) => {
    for (let round = 0; round < rounds; round++) {
      for (const [index, one] of all.entries()) {
        const running = servers[index];
        if (running !== undefined) await task(one, running);
      }
    }
  };
  await eachInTurn(async (one, running) => {
    one.full.push(await comparison.measure(running, load(undefined)));
  });
  const rate = equalRate(all);
  await eachInTurn(async (one, running) => {
    one.equal.push(await comparison.measure(running, { ...load(rate), rate }));
  });
  return outcomeOf(all, { rate });
}

/** Half of what Heimdall answers at most; of the first server where it does not take part. */
function equalRate(all: readonly PeerRounds[]): number {
  const own = all.find(({ peer }) => peer.name === 'heimdall') ?? all[0];
  const rates = own?.full.map(({ report }) => report.queriesPerSecond) ?? [];
  return Math.round(spreadOf(rates).median * equalShare);
}

/** Misses: each round starts every server anew and asks for each name once, after a warm-up. */
export async function measureMisses(
  peers: readonly Peer[],
  options: BenchOptions,
): Promise<Outcome> {
  const names = options.names ?? missNames;
  const setting = { names: names * 2, cacheBytes: options.cacheMegabytes * 1024 ** 2 };
  return Comparison.run(setting, async (comparison) => {
    const all = peers.map((peer): PeerRounds => ({ peer, full: [], equal: [] }));
    for (let round = 0; round < options.rounds; round++) {
      for (const { peer, full } of all) {
        const running = await comparison.start(peer);
        const load = { transport: 'udp', length: 'once' } as const;
        await comparison.measure(running, { ...load, to: names }); // what a runtime compiles once
        full.push(await comparison.measure(running, { ...load, from: names }));
        await comparison.stop(running);
      }
    }
    return outcomeOf(all, {});
  });
}

function outcomeOf(all: readonly PeerRounds[], more: object): Outcome {
  const results = {
    ...more,
    servers: all.map(({ peer, ...rest }) => ({ name: peer.name, ...rest })),
  };
  return { table: loadTable(all), results };
}

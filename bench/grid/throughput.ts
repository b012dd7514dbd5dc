import { rmSync } from 'node:fs';
import { DemoUpstream } from '../../hazelcast/demo-upstream.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { scratchDirectory } from '../support/directories.ts';
import { runDnsperf } from '../support/dnsperf.ts';
import { cpuMicroseconds } from '../support/process-usage.ts';
import { writeQueryFile } from '../support/query-file.ts';
import { spreadOf } from '../support/statistics.ts';
import { startMember } from './grid-member.ts';
import { withReplicas } from './replicas.ts';
import type { GridReplica } from './replicas.ts';
import type { Section } from './section.ts';

const hotNames = 1000;

interface Measured {
  readonly queriesPerSecond: number;
  readonly cpuMicrosecondsPerAnswer: number;
}

async function measure(
  replica: GridReplica,
  queryFile: string,
  seconds: number,
): Promise<Measured> {
  const { pid, port } = replica.server;
  const before = cpuMicroseconds(pid);
  const report = await runDnsperf({ port, queryFile, transport: 'udp', length: { seconds } });
  const cpuMicrosecondsPerAnswer = (cpuMicroseconds(pid) - before) / report.completed;
  return { queriesPerSecond: report.queriesPerSecond, cpuMicrosecondsPerAnswer };
}

/**
 * Hits of a replica with the grid connected, with the grid dead and without one. Every round
 * measures all three, the next one in the other order: what changes with time strikes all alike.
 */
export const throughput: Section = async ({ options, member }) => {
  const directory = scratchDirectory();
  const upstream = await DemoUpstream.start(new SystemClock(), 1, 1);
  const dying = await startMember();
  const upstreams = [upstream];
  const found = new Map<string, Measured[]>();
  try {
    const queryFile = writeQueryFile(directory, 0, hotNames);
    await withReplicas(1, { upstreams }, ([alone]) =>
      withReplicas(1, { upstreams, member }, ([connected]) =>
        withReplicas(1, { upstreams, member: dying }, async ([bereft]) => {
          const all = { standalone: alone, 'grid connected': connected, 'grid dead': bereft };
          for (const replica of Object.values(all)) {
            if (replica === undefined) continue;
            const { port } = replica.server;
            await runDnsperf({ port, queryFile, transport: 'udp', length: 'once' });
          }
          await dying.kill();
          // As many in one order as in the other.
          const rounds = options.rounds + (options.rounds % 2);
          for (let round = 0; round < rounds; round++) {
            for (const [name, replica] of inTurn(Object.entries(all), round)) {
              if (replica === undefined) continue;
              const measured = await measure(replica, queryFile, options.seconds);
              found.set(name, [...(found.get(name) ?? []), measured]);
            }
          }
        }),
      ),
    );
  } finally {
    await dying.kill();
    upstream.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  return {
    title: 'Throughput of hits',
    heading: ['', 'qps', '/ standalone', 'CPU µs/answer', '/ standalone'],
    rows: rowsOf(found),
  };
};

/** Forwards in even rounds, backwards in odd ones. */
function inTurn<T>(all: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? all : all.toReversed();
}

/** Medians of all rounds; the ratios are those of the same round. */
function rowsOf(found: ReadonlyMap<string, readonly Measured[]>): string[][] {
  const [alone = []] = found.values();
  return Array.from(found, ([name, all]) => {
    const columns = [
      { of: ({ queriesPerSecond }: Measured) => queriesPerSecond, digits: 0 },
      { of: ({ cpuMicrosecondsPerAnswer }: Measured) => cpuMicrosecondsPerAnswer, digits: 2 },
    ].flatMap(({ of, digits }) => {
      const values = all.map(of);
      const ratios = all.map((one, round) => {
        const beside = alone[round];
        return beside === undefined ? Number.NaN : of(one) / of(beside);
      });
      return [spreadOf(values).median.toFixed(digits), spreadOf(ratios).median.toFixed(3)];
    });
    return [name, ...columns];
  });
}

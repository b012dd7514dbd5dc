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
/** Every round measures all three; more rounds than this cost more than they tell. */
const roundsMax = 4;
const secondsMax = 2;

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

/** Hits of a replica with the grid connected, with the grid dead and without one, in turn. */
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
          for (let round = 0; round < Math.min(options.rounds, roundsMax); round++) {
            for (const [name, replica] of Object.entries(all)) {
              if (replica === undefined) continue;
              const seconds = Math.min(options.seconds, secondsMax);
              const measured = await measure(replica, queryFile, seconds);
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

function rowsOf(found: ReadonlyMap<string, readonly Measured[]>): string[][] {
  const medians = Array.from(found, ([name, all]) => ({
    name,
    qps: spreadOf(all.map(({ queriesPerSecond }) => queriesPerSecond)).median,
    cpu: spreadOf(all.map(({ cpuMicrosecondsPerAnswer }) => cpuMicrosecondsPerAnswer)).median,
  }));
  const [alone] = medians;
  return medians.map(({ name, qps, cpu }) => [
    name,
    qps.toFixed(0),
    (qps / (alone?.qps ?? Number.NaN)).toFixed(3),
    cpu.toFixed(2),
    (cpu / (alone?.cpu ?? Number.NaN)).toFixed(3),
  ]);
}

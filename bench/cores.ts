import { heimdall, heimdallTwoWorkers } from './peers/heimdall.ts';
import type { Peer } from './peers/peer.ts';
import { Comparison } from './support/comparison.ts';
import type { Measurement } from './support/comparison.ts';
import { CpuQuota } from './support/cpu-quota.ts';
import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { familyOf } from './support/process-usage.ts';
import { formatTable } from './support/report.ts';
import { spreadOf } from './support/statistics.ts';

/**
 * One process that answers, and two: what do two cores bring? The load takes as much CPU as the
 * server, so that a machine of two cores has none to spare for a second worker. Hence each process
 * has a part of a core only, where control groups can be made; the load is as deep for each.
 */

const hotNames = 1000;
/** Of a core, for each process; two and the load fit into two cores. */
const share = 0.25;
/** Many sockets are spread over two processes more evenly than few. */
const clientsPerProcess = 100;
const inFlightPerProcess = 200;

const settings = [
  { peer: heimdall, processes: 1 },
  { peer: heimdallTwoWorkers, processes: 2 },
] as const;

export async function measureCores(options: BenchOptions): Promise<Outcome> {
  const names = options.names ?? hotNames;
  const setting = { names, cacheBytes: options.cacheMegabytes * 1024 ** 2 };
  const rounds: Measurement[][] = settings.map(() => []);
  await Comparison.run(setting, async (comparison) => {
    for (let round = 0; round < options.rounds; round++) {
      for (const [index, { peer, processes }] of settings.entries()) {
        rounds[index]?.push(await measureOne(comparison, peer, processes, options.seconds));
      }
    }
  });
  return outcomeOf(rounds);
}

async function measureOne(
  comparison: Comparison,
  peer: Peer,
  processes: number,
  seconds: number,
): Promise<Measurement> {
  const running = await comparison.start(peer);
  const quota = new CpuQuota();
  const load = {
    transport: 'udp',
    clients: processes * clientsPerProcess,
    inFlight: processes * inFlightPerProcess,
  } as const;
  try {
    await comparison.measure(running, { ...load, length: 'once' });
    await comparison.measure(running, { ...load, length: { seconds: 1 } });
    for (const pid of familyOf(running.server.pid)) quota.limit(pid, share);
    return await comparison.measure(running, { ...load, length: { seconds } });
  } finally {
    await comparison.stop(running);
    quota.remove();
  }
}

function outcomeOf(rounds: readonly (readonly Measurement[])[]): Outcome {
  const [one = []] = rounds;
  const rows = settings.map(({ peer }, index) => {
    const measured = rounds[index] ?? [];
    const rate = spreadOf(measured.map(({ report }) => report.queriesPerSecond));
    const cpu = spreadOf(measured.map((each) => each.cpuMicrosecondsPerAnswer));
    const ratio = spreadOf(
      measured.map(
        ({ report }, round) => report.queriesPerSecond / (one[round]?.report.queriesPerSecond ?? 0),
      ),
    );
    return [
      peer.name,
      `${rate.median.toFixed(0)} (${rate.min.toFixed(0)}-${rate.max.toFixed(0)})`,
      `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`,
      cpu.median.toFixed(2),
      String(measured.reduce((sum, { report }) => sum + report.lost, 0)),
    ];
  });
  const heading = ['server', 'qps', '/ one', 'CPU us/answer', 'lost'];
  return { table: formatTable(heading, rows), results: { share, rounds } };
}

import type { Outcome } from './support/measurements.ts';
import type { BenchOptions } from './support/options.ts';
import { cpuMicroseconds } from './support/process-usage.ts';
import { formatTable } from './support/report.ts';
import { spreadOf } from './support/statistics.ts';
import { carriers } from './workers/carriers.ts';
import type { Carrier } from './workers/carriers.ts';

/**
 * What it costs a worker to ask its primary, over each way that Node.js has between processes. Memory
 * that two processes share is not among them: a SharedArrayBuffer is shared by threads only.
 */

const warmUpAsks = 5000;
/** One after the other: what a single miss waits. */
const singleAsks = 5000;
/** Many at a time, as misses come under load. */
const asksInFlight = 100;
const manyAsks = 100_000;

interface Measured {
  readonly singleP50Us: number;
  readonly singleP99Us: number;
  readonly asksPerSecond: number;
  /** Of both processes. */
  readonly cpuUsPerAsk: number;
}

async function measure(start: () => Carrier): Promise<Measured> {
  const carrier = start();
  try {
    await askMany(carrier, warmUpAsks);
    const single = await askSingly(carrier);
    const cpuBefore = cpuOf(carrier);
    const startedMs = performance.now();
    await askMany(carrier, manyAsks);
    const tookMs = performance.now() - startedMs;
    return {
      singleP50Us: percentile(single, 0.5),
      singleP99Us: percentile(single, 0.99),
      asksPerSecond: (manyAsks / tookMs) * 1000,
      cpuUsPerAsk: (cpuOf(carrier) - cpuBefore) / manyAsks,
    };
  } finally {
    carrier.stop();
  }
}

function cpuOf({ pid }: Carrier): number {
  const { user, system } = process.cpuUsage();
  return user + system + cpuMicroseconds(pid);
}

async function askSingly(carrier: Carrier): Promise<number[]> {
  const microseconds: number[] = [];
  for (let i = 0; i < singleAsks; i++) {
    const startedMs = performance.now();
    await carrier.ask();
    microseconds.push((performance.now() - startedMs) * 1000);
  }
  return microseconds.toSorted((a, b) => a - b);
}

async function askMany(carrier: Carrier, asks: number): Promise<void> {
  let left = asks;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await carrier.ask();
  };
  await Promise.all(Array.from({ length: asksInFlight }, lane));
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

/** The carriers in turn within each round. */
export async function measureWorkers({ rounds }: BenchOptions): Promise<Outcome> {
  const names = Object.keys(carriers);
  const measured = new Map<string, Measured[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const start = carriers[name];
      if (start !== undefined) measured.get(name)?.push(await measure(start));
    }
  }
  const rows = names.map((name) => rowOf(name, measured.get(name) ?? []));
  const heading = [
    'carrier',
    'one ask p50 µs',
    'p99 µs',
    'asks/s at 100',
    'CPU µs/ask',
    'min',
    'max',
  ];
  return { table: formatTable(heading, rows), results: Object.fromEntries(measured) };
}

function rowOf(name: string, rounds: readonly Measured[]): string[] {
  const of = (read: (one: Measured) => number): number => spreadOf(rounds.map(read)).median;
  const cpu = spreadOf(rounds.map(({ cpuUsPerAsk }) => cpuUsPerAsk));
  return [
    name,
    of(({ singleP50Us }) => singleP50Us).toFixed(0),
    of(({ singleP99Us }) => singleP99Us).toFixed(0),
    of(({ asksPerSecond }) => asksPerSecond).toFixed(0),
    ...[cpu.median, cpu.min, cpu.max].map((value) => value.toFixed(1)),
  ];
}

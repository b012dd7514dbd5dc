import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Comparison } from './comparison.ts';
import { projectRoot } from './directories.ts';
import { freePort } from './free-port.ts';
import type { Outcome } from './measurements.ts';
import type { BenchOptions } from './options.ts';
import { residentBytes } from './process-usage.ts';
import { formatTable } from './report.ts';
import { probe } from './server-process.ts';
import { spreadOf } from './statistics.ts';

/** Answers in the snapshot. */
const snapshotEntries = 100_000;
const pollMs = 5;
const pollsMax = 4000;

interface Start {
  /** From the start of the process to its first answer, in milliseconds. */
  readonly firstAnswerMs: number;
  readonly residentBytes: number;
}

/** The time from the start of the process to its first answer, with and without a snapshot. */
export async function measureStart(options: BenchOptions): Promise<Outcome> {
  const setting = { names: snapshotEntries, cacheBytes: options.cacheMegabytes * 1024 ** 2 };
  return Comparison.run(setting, async (comparison) => {
    const { port: upstreamPort } = comparison.upstream;
    const snapshot = join(comparison.directory, 'snapshot');
    const forms = new Map<string, readonly string[]>([
      ['empty', []],
      ['snapshot', ['--set', `cache.snapshot.path=${snapshot}`]],
    ]);
    await fill(comparison, ['--set', `cache.snapshot.path=${snapshot}`]);
    const found = new Map([...forms.keys()].map((name) => [name, [] as Start[]]));
    for (let round = 0; round < options.rounds; round++) {
      for (const [name, more] of forms) {
        const port = await freePort();
        const child = launch(port, upstreamPort, more);
        found.get(name)?.push(await untilFirstAnswer(child, port));
        await ended(child);
      }
    }
    return { table: table(found), results: Object.fromEntries(found) };
  });
}

/** Leaves a snapshot of every name of the zone. */
async function fill(comparison: Comparison, more: readonly string[]): Promise<void> {
  const port = await freePort();
  const child = launch(port, comparison.upstream.port, more);
  await untilFirstAnswer(child, port);
  const server = { pid: child.pid ?? 0, port };
  await comparison.measureProcess(server, { transport: 'udp', length: 'once' });
  await ended(child);
}

function launch(port: number, upstreamPort: number, more: readonly string[]): ChildProcess {
  const options = [
    ...['--listen', `127.0.0.1:${String(port)}`, '--http', 'off', '--log-level', 'error'],
    ...['--upstream', `127.0.0.1:${String(upstreamPort)}`],
  ];
  const main = join(projectRoot, 'src/main.ts');
  return spawn(process.execPath, [main, 'serve', ...options, ...more], { stdio: 'inherit' });
}

async function untilFirstAnswer(child: ChildProcess, port: number): Promise<Start> {
  const startedMs = performance.now();
  const socket = createSocket('udp4');
  let isAnswered = false;
  socket.on('message', () => (isAnswered = true));
  socket.on('error', () => undefined); // not listening yet
  try {
    for (let polls = 0; polls < pollsMax && !isAnswered; polls++) {
      socket.send(probe, port, '127.0.0.1');
      await sleep(pollMs);
    }
    if (!isAnswered) throw new Error('no answer after the start');
    const firstAnswerMs = performance.now() - startedMs;
    return { firstAnswerMs, residentBytes: residentBytes(child.pid ?? 0) };
  } finally {
    socket.close();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

function table(found: ReadonlyMap<string, readonly Start[]>): string {
  const rows = [...found].map(([name, starts]) => {
    const ms = spreadOf(starts.map((one) => one.firstAnswerMs));
    const resident = spreadOf(starts.map((one) => one.residentBytes / 1024 ** 2));
    return [name, ...[ms.median, ms.min, ms.max, resident.median].map((one) => one.toFixed(0))];
  });
  return formatTable(['start', 'first answer ms', 'min', 'max', 'RSS MB'], rows);
}

import { chooseUdpTransport } from './assembly/udp-transport.ts';
import { Worker } from './assembly/worker.ts';
import { repeat, SystemClock } from './base/clock.ts';
import { describeError } from './base/errors.ts';
import { OwnMemory } from './base/process-memory.ts';
import { SystemRandom } from './base/random.ts';
import { PrimaryChannel } from './pod/primary-channel.ts';
import { figuresIntervalMs } from './pod/worker-process.ts';
import { WinstonLog } from './telemetry/winston-log.ts';

/*
 * A program of its own beside main.ts: a worker has no use for the command line, the grid's client
 * and the schema of the configuration, and starts faster and smaller without them.
 */

/** Those that end a process, or make a primary reload. */
const ownSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Seen by the primary's log alone. */
const exitCode = { failed: 1, primaryGone: 2 } as const;

/**
 * Runs a worker of the process that started this one until that says otherwise, and resolves to what
 * the process exits with. Signals are for the primary, which the worker ends with in any case.
 * @throws {UsageInvalid} when no primary started it
 * @throws {TransportUnavailable} when the transport configured for UDP does not work here
 */
async function work(): Promise<number> {
  const channel = new PrimaryChannel();
  channel.onGone(() => process.exit(exitCode.primaryGone));
  for (const signal of ownSignals) process.on(signal, () => undefined);
  const setup = await channel.setup;
  const { config, logLevel = config.log.level } = setup;
  const clock = new SystemClock();
  const random = new SystemRandom();
  const log = new WinstonLog({ ...config.log, level: logLevel }, { clock, stream: process.stderr });
  const udp = await chooseUdpTransport(config, clock);
  const memory = new OwnMemory();
  const worker = new Worker(setup, channel, { clock, random, log, udp, memory });
  process.on('uncaughtException', (error) => {
    log.error('a defect was caught: the process goes on', { error: describeError(error) });
  });
  try {
    await worker.start();
  } catch (error) {
    await channel.tell({ kind: 'failed', reason: describeError(error) });
    channel.close();
    return exitCode.failed;
  }
  await channel.tell({ kind: 'listening' });
  let isTelling = false; // a primary that hangs must not make what waits for it grow
  repeat(clock, figuresIntervalMs, () => {
    if (isTelling) return;
    isTelling = true;
    const told = channel.tell({ kind: 'figures', figures: worker.figures() }); // never rejects
    void told.then(() => (isTelling = false));
  });
  await channel.finished;
  channel.close();
  return 0;
}

process.exitCode = await work();

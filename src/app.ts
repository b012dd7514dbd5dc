import type { ConnectGrid } from './assembly/coordination.ts';
import { Replica } from './assembly/replica.ts';
import { chooseUdpTransport } from './assembly/udp-transport.ts';
import { thisMachine } from './assembly/upstream-options.ts';
import { SystemClock } from './base/clock.ts';
import { describeError } from './base/errors.ts';
import { OwnMemory } from './base/process-memory.ts';
import { SystemRandom } from './base/random.ts';
import { readVersion } from './base/version.ts';
import { loadConfig } from './config/load.ts';
import type { ConfigSource } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { inheritedSockets } from './listen/inherited-sockets.ts';
import { WinstonLog } from './telemetry/winston-log.ts';

/** What workers are started from, as source or built. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js',
  import.meta.url,
);

/** Exit code after a second signal: what a shell reports for a process ended by SIGINT. */
const exitAtOnce = 130;

/**
 * Runs a replica until SIGTERM or SIGINT, and resolves to what the process exits with. SIGHUP
 * reloads the configuration; a second signal to stop ends the process at once.
 * @throws {ConfigInvalid} when the configuration cannot be used
 * @throws {TransportUnavailable} when the transport configured for UDP does not work here
 * @throws {ListenFailed} when a socket cannot be opened
 */
export async function serve(source: ConfigSource): Promise<number> {
  const clock = new SystemClock();
  const loaded = loadConfig(source);
  const log = new WinstonLog(loaded.config.log, { clock, stream: process.stderr });
  for (const warning of loaded.warnings) log.warn(warning);
  const inherited = await inheritedSockets(process.env, process.pid);
  if (inherited.length > 0 && loaded.config.workers !== 1) {
    log.warn('inherited sockets are served by one process: workers are left out');
  }
  const udp = await chooseUdpTransport(loaded.config, clock);
  const build = { version: readVersion(), node: process.version, udpTransport: udp.name };
  const random = new SystemRandom();
  const memory = new OwnMemory();
  const surroundings = thisMachine;
  const connectGrid = await gridDriver(loaded.config);
  const replica = new Replica(source, loaded, {
    ...{ clock, random, memory, log, surroundings, build, udp, workerFile, connectGrid, inherited },
  });
  const stopping = stopSignal(log);
  await replica.start();
  if (process.stdout.isTTY) process.stdout.write(`${replica.greeting().join('\n')}\n`);
  log.info('ready', {
    version: build.version,
    listen: replica.addresses,
    udpTransport: udp.name,
    udpTransportReason: udp.reason,
    http: replica.httpAddress,
    upstreams: replica.resolver.upstreams.servers,
  });
  process.on('SIGHUP', () => replica.reload());
  await stopping;
  await replica.stop();
  log.info('stopped');
  return 0;
}

/** The client of Hazelcast is loaded where there is a grid only: it takes a tenth of a second. */
async function gridDriver(config: Config): Promise<ConnectGrid | undefined> {
  if (config.grid.members.length === 0) return undefined;
  const { connectHazelcast } = await import('./assembly/hazelcast.ts');
  return connectHazelcast;
}

/** Resolves at the first signal to stop. The process stays alive until then. */
function stopSignal(log: WinstonLog): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  const stop = (signal: string): void => {
    if (isStopping) process.exit(exitAtOnce);
    isStopping = true;
    log.info('stopping', { signal });
    resolve();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  process.on('uncaughtException', (error) => {
    log.error('a defect was caught: the process goes on', { error: describeError(error) });
  });
  return promise;
}

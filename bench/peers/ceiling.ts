import { setTimeout as sleep } from 'node:timers/promises';
import { buildCeiling } from '../ceiling/build.ts';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Peer } from './peer.ts';

const pollMs = 5;
const pollsMax = 400;

/** One fixed answer in C with batches: what the kernel leaves any server to spend. */
export const ceiling: Peer = {
  name: 'ceiling',
  isOwn: false,
  transports: ['udp'],
  isResolver: false,
  unavailable: () => (findProgram('cc') === undefined ? 'no C compiler' : undefined),
  start: ({ port }) => startCounting(port),
};

/** The same as an upstream that knows every name. */
export function startCounting(port: number): Promise<ServerProcess> {
  return ServerProcess.start('ceiling', port, [buildCeiling(), String(port)]);
}

/** The queries that it has answered by now. */
export async function answeredBy(server: ServerProcess): Promise<number> {
  const said = server.output.length;
  process.kill(server.pid, 'SIGUSR1');
  for (let polls = 0; polls < pollsMax; polls++) {
    const [, count] = /answered (\d+)\n$/.exec(server.output.slice(said)) ?? [];
    if (count !== undefined) return Number(count);
    await sleep(pollMs);
  }
  throw new Error('the upstream does not say what it answered');
}

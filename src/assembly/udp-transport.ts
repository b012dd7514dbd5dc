import type { Clock } from '../base/clock.ts';
import { TransportUnavailable } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { findBatchedTransport } from '../datagram/batched-transport.ts';
import type { SystemCalls } from '../datagram/system-calls.ts';
import { BatchedUdpListener } from '../listen/batched-udp-listener.ts';
import { DgramUdpListener } from '../listen/dgram-udp-listener.ts';
import type { OpenUdpListener } from '../listen/udp-listener.ts';

/** How this process takes and sends datagrams. */
export interface UdpTransport {
  readonly name: 'batched' | 'dgram';
  /** Why this one, in words. */
  readonly reason: string;
  readonly open: OpenUdpListener;
  /** For other sockets of the process; undefined with `dgram`. */
  readonly calls: SystemCalls | undefined;
}

/**
 * Takes the transport that is configured; `auto` takes batches where they work.
 * @throws {TransportUnavailable} when batches are asked for and do not work here
 */
export async function chooseUdpTransport(
  config: Config,
  clock: Clock,
  findBatched = findBatchedTransport,
): Promise<UdpTransport> {
  const { transport } = config.listen.udp;
  if (transport === 'dgram') return oneByOne('it is configured');
  const found = await findBatched(clock);
  if (found.kind === 'available') {
    const reason = transport === 'auto' ? 'its self-test passed' : 'it is configured';
    return inBatches(found.calls, reason);
  }
  if (transport === 'auto') return oneByOne(`batched is unavailable: ${found.reason}`);
  throw new TransportUnavailable(
    `listen.udp.transport is batched, which is unavailable: ${found.reason}. ` +
      `Set it to auto or dgram`,
  );
}

const openDgram: OpenUdpListener = (...parameters) => DgramUdpListener.open(...parameters);

function oneByOne(reason: string): UdpTransport {
  return { name: 'dgram', reason, open: openDgram, calls: undefined };
}

function inBatches(calls: SystemCalls, reason: string): UdpTransport {
  const open: OpenUdpListener = async (...parameters) =>
    BatchedUdpListener.open(calls, ...parameters);
  return { name: 'batched', reason, open, calls };
}

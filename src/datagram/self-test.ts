import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { describeError, errorCode } from '../base/errors.ts';
import { BatchedSocket } from './batched-socket.ts';
import type { BatchedSocketOptions, DatagramHandler } from './batched-socket.ts';
import type { SystemCalls } from './system-calls.ts';

/** Around the sizes where queries and answers change their ways; 0 is a datagram too. */
const sizes: readonly number[] = [0, 1, 511, 512, 1232, 4096];
/** Loopback takes less than a millisecond; a machine that is busy starting may take longer. */
const deadlineMs = 2000;
const bufferBytes = 256 * 1024;
const bytesMax = 4097;
/** What a machine without IPv6 says. */
const absentCodes = ['EAFNOSUPPORT', 'EADDRNOTAVAIL'];

/**
 * Sends datagrams through the kernel and back, by IPv4 and, where there is any, by IPv6, and
 * compares octets and addresses. Never rejects.
 * @returns what is wrong; undefined when all is right
 */
export async function selfTest(calls: SystemCalls, clock: Clock): Promise<string | undefined> {
  return (
    (await testFamily(calls, clock, { wildcard: '0.0.0.0', loopback: '127.0.0.1' })) ??
    (await testFamily(calls, clock, { wildcard: '::', loopback: '::1' }))
  );
}

interface Hosts {
  readonly wildcard: string;
  readonly loopback: string;
}

async function testFamily(
  calls: SystemCalls,
  clock: Clock,
  { wildcard, loopback }: Hosts,
): Promise<string | undefined> {
  const echo = new Echo();
  const asking = new Asking();
  try {
    echo.socket = BatchedSocket.open(calls, optionsFor(wildcard, true), echo);
    asking.socket = BatchedSocket.open(calls, optionsFor(loopback, false), asking);
    const finding = await asking.run(clock, { host: loopback, port: echo.socket.address.port });
    return finding ?? compareSenders(echo, asking.socket.address);
  } catch (error) {
    const isAbsent = wildcard === '::' && absentCodes.includes(errorCode(error) ?? '');
    return isAbsent ? undefined : describeError(error);
  } finally {
    echo.socket?.close();
    asking.socket?.close();
  }
}

function optionsFor(host: string, repliesFromAsked: boolean): BatchedSocketOptions {
  return {
    address: { host, port: 0 },
    ipv6Only: true,
    reusePort: false,
    receiveBufferBytes: bufferBytes,
    sendBufferBytes: bufferBytes,
    repliesFromAsked,
    receiveBytesMax: bytesMax,
    sendBytesMax: bytesMax,
    joinsDatagrams: true,
  };
}

function compareSenders(echo: Echo, asking: SocketAddress): string | undefined {
  const isRight = echo.senders.every(
    ({ host, port }) => host === asking.host && port === asking.port,
  );
  return isRight ? undefined : 'the address of a sender is not what it is';
}

/** Octets in which no two positions of a datagram, and no two datagrams, agree by chance. */
function patternOf(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + size) % 251));
}

/** What both ends are told and need not know. */
class Listening implements DatagramHandler {
  socket: BatchedSocket | undefined;
  lossCount = 0;

  batchStarted(): void {
    // what is tested are single datagrams
  }

  batchEnded(): void {
    // see above
  }

  lost(): void {
    this.lossCount++;
  }

  datagram(slot: number, start: number, length: number, replyStart: number): number {
    const { socket } = this;
    if (socket === undefined) return 0;
    return this.take(socket, slot, socket.received.subarray(start, start + length), replyStart);
  }

  // oxlint-disable-next-line max-params -- those of the handler, and the socket
  protected take(
    _socket: BatchedSocket,
    _slot: number,
    _octets: Buffer,
    _replyStart: number,
  ): number {
    return 0;
  }
}

/** Answers with one octet more than it is asked, so that nothing becomes something. */
class Echo extends Listening {
  readonly senders: SocketAddress[] = [];

  // oxlint-disable-next-line max-params -- see above
  protected override take(
    socket: BatchedSocket,
    slot: number,
    octets: Buffer,
    replyStart: number,
  ): number {
    this.senders.push(socket.senderOf(slot));
    socket.outgoing[replyStart] = octets.length % 256;
    socket.outgoing.set(octets, replyStart + 1);
    return octets.length + 1;
  }
}

class Asking extends Listening {
  readonly #done = Promise.withResolvers<string | undefined>();
  readonly #left = new Set(sizes);
  #server: SocketAddress = { host: '', port: 0 };

  async run(clock: Clock, server: SocketAddress): Promise<string | undefined> {
    this.#server = server;
    const { socket } = this;
    const peer = socket?.peerAt(server);
    for (const size of sizes) socket?.send(patternOf(size), peer);
    const timer = clock.setTimer(deadlineMs, () => this.#done.resolve('no answer came back'));
    const finding = await this.#done.promise;
    timer.cancel();
    return finding;
  }

  // oxlint-disable-next-line max-params -- see above
  protected override take(socket: BatchedSocket, slot: number, octets: Buffer): number {
    const finding = this.#check(socket.senderOf(slot), octets);
    this.#left.delete(octets.length - 1);
    if (finding !== undefined || this.#left.size === 0) this.#done.resolve(finding);
    return 0;
  }

  #check({ host, port }: SocketAddress, octets: Buffer): string | undefined {
    const size = octets.length - 1;
    const expected = Buffer.concat([Buffer.from([size % 256]), patternOf(size)]);
    if (!this.#left.has(size) || !octets.equals(expected)) return 'a datagram came back changed';
    const isRight = host === this.#server.host && port === this.#server.port;
    return isRight ? undefined : 'an answer came from another address';
  }
}

import { createSocket } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { SocketAddress } from '../base/address.ts';
import { listenFailure } from './listen-error.ts';

/** Times that a free TCP port is looked for when the port is 0 and UDP took one that TCP has not. */
const portTriesMax = 10;

/**
 * Opens the address for itself, over UDP and TCP, and closes it again: sockets that share a port
 * would not be refused one that another program serves with sockets of the same kind.
 * @returns the address with a port that was free, where 0 was asked for
 * @throws {ListenFailed} with what to do about it
 */
export async function checkAddress(address: SocketAddress): Promise<SocketAddress> {
  for (let triesLeft = portTriesMax; ; triesLeft--) {
    const port = await tryUdp(address);
    try {
      await tryTcp({ ...address, port });
      return { ...address, port };
    } catch (error) {
      if (address.port !== 0 || triesLeft <= 1) throw error;
    }
  }
}

/** The same for an address that only TCP has. */
export async function checkTcpAddress(address: SocketAddress): Promise<SocketAddress> {
  return { ...address, port: await tryTcp(address) };
}

/** @returns the port */
async function tryUdp(address: SocketAddress): Promise<number> {
  const type = isIPv6(address.host) ? 'udp6' : 'udp4';
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind({ address: address.host, port: address.port, exclusive: true }, resolve);
  try {
    await promise;
    return socket.address().port;
  } catch (error) {
    throw listenFailure('UDP', address, error);
  } finally {
    socket.close();
  }
}

async function tryTcp(address: SocketAddress): Promise<number> {
  const server = createServer((connection) => connection.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ ...address, exclusive: true, ipv6Only: isIPv6(address.host) }, resolve);
  try {
    await promise;
    return (server.address() as AddressInfo).port; // a listening TCP server has one
  } catch (error) {
    throw listenFailure('TCP', address, error);
  } finally {
    server.close();
  }
}

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the system gives to outgoing sockets (32,768 and above): one of those could
 * be taken between the moment it was found free and the moment it is used, or used again.
 */
const portMin = 12_000;
const portMax = 32_000;
const handedOut = new Set<number>();

/** Ports of 127.0.0.1 that are free over TCP and UDP, each given once in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    ports.push(port);
  }
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function isFree(port: number): Promise<boolean> {
  return (await isFreeOverTcp(port)) && (await isFreeOverUdp(port));
}

async function isFreeOverTcp(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = began(once(server, 'listening'));
  server.listen(port, '127.0.0.1');
  const isFreeNow = await isListening;
  if (isFreeNow) await new Promise((resolve) => server.close(resolve));
  return isFreeNow;
}

async function isFreeOverUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  const isBound = began(once(socket, 'listening'));
  socket.bind(port, '127.0.0.1');
  const isFreeNow = await isBound;
  socket.close();
  return isFreeNow;
}

function began(listening: Promise<unknown>): Promise<boolean> {
  return listening.then(
    () => true,
    () => false,
  );
}

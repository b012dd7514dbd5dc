import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that the system gives to outgoing sockets (32,768 and above): one of those could
 * be taken between the moment it was found free and the moment it is used.
 */
const portMin = 12_000;
const portMax = 32_000;
const attemptsMax = 200;
const handedOut = new Set<number>();

/** A port of 127.0.0.1 that is free over TCP and UDP; each is given once in this process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if ((await isFreeOverTcp(port)) && (await isFreeOverUdp(port))) return port;
  }
  throw new Error('no port of 127.0.0.1 is free over TCP and UDP');
}

async function isFreeOverTcp(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = once(server, 'listening').then(
    () => true,
    () => false,
  );
  server.listen(port, '127.0.0.1');
  if (!(await isListening)) return false;
  server.close();
  await once(server, 'close');
  return true;
}

async function isFreeOverUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}

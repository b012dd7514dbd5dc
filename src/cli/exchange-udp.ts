import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { ExchangeFailed } from '../base/errors.ts';
import { networkFailure, startPatience } from './exchange-failure.ts';
import { answers } from './response-check.ts';
import type { Target } from './target.ts';

/** A lost datagram is sent again once, so that it costs half of the patience, not all of it. */
const resendShare = 0.5;

/**
 * Asks over UDP. Datagrams that do not answer the query are passed over (RFC 5452 section 9.1).
 * @throws {ExchangeFailed}
 */
export async function askUdp(target: Target, query: Buffer): Promise<Buffer> {
  const { address, family } = await lookupServer(target);
  return new Promise((resolve, reject) => {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    const send = (): void => socket.send(query);
    const patience = startPatience(target, (failure) => finish(failure));
    const resend = target.clock.setTimer(target.timeoutMs * resendShare, send);
    const finish = (result: Buffer | ExchangeFailed): void => {
      patience.cancel();
      resend.cancel();
      socket
        .removeAllListeners()
        .on('error', () => undefined)
        .close();
      if (result instanceof ExchangeFailed) reject(result);
      else resolve(result);
    };
    socket.on('message', (message) => {
      if (answers(message, query)) finish(message);
    });
    socket.on('error', (cause) => finish(networkFailure(target, cause)));
    socket.connect(target.server.port, address, send); // connected: the kernel drops other senders
  });
}

async function lookupServer(target: Target): Promise<{ address: string; family: number }> {
  try {
    return await lookup(target.server.host);
  } catch (cause) {
    throw new ExchangeFailed('network', `cannot find ${target.server.host}`, { cause });
  }
}

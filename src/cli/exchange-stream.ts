import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ExchangeFailed } from '../base/errors.ts';
import { frame, FrameReader } from '../dns/frame-reader.ts';
import { malformedFailure, networkFailure, startPatience } from './exchange-failure.ts';
import { answers } from './response-check.ts';
import type { Target } from './target.ts';

/**
 * Asks over TCP (RFC 7766), or over TLS (RFC 7858) where the target says so.
 * @throws {ExchangeFailed}
 */
export function askStream(target: Target, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = open(target);
    const patience = startPatience(target, (failure) => finish(failure));
    const finish = (result: Buffer | ExchangeFailed): void => {
      patience.cancel();
      socket
        .removeAllListeners()
        .on('error', () => undefined)
        .destroy();
      if (result instanceof ExchangeFailed) reject(result);
      else if (answers(result, query)) resolve(result);
      else reject(malformedFailure('the response answers another query'));
    };
    const frames = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      frames.push(chunk);
      const message = frames.next();
      if (message !== undefined) finish(message);
    });
    socket.on('error', (cause) => finish(networkFailure(target, cause)));
    socket.on('close', () =>
      finish(new ExchangeFailed('closed', 'the server closed the connection without a response')),
    );
    socket.write(frame(query));
  });
}

function open(target: Target): Socket {
  const { host, port } = target.server;
  if (target.transport !== 'tls') return connectTcp({ host, port });
  const name = target.tlsName ?? (isIP(host) === 0 ? host : undefined);
  return connectTls({
    host,
    port,
    rejectUnauthorized: !target.insecure,
    ALPNProtocols: ['dot'],
    ...(name === undefined ? {} : { servername: name }),
  });
}

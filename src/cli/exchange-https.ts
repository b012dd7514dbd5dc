import type { IncomingMessage } from 'node:http';
import { request, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { ExchangeFailed } from '../base/errors.ts';
import { messageLengthMax } from '../dns/message.ts';
import { malformedFailure, networkFailure, startPatience } from './exchange-failure.ts';
import { answers } from './response-check.ts';
import type { Target } from './target.ts';

/** RFC 8484 section 6. */
const mediaType = 'application/dns-message';

/**
 * Asks by POST over HTTPS (RFC 8484 section 4.1).
 * @throws {ExchangeFailed}
 */
export function askHttps(target: Target, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const call = request(requestOptions(target, query));
    const patience = startPatience(target, (failure) => finish(failure));
    const finish = (result: Buffer | ExchangeFailed): void => {
      patience.cancel();
      call
        .removeAllListeners()
        .on('error', () => undefined)
        .destroy();
      if (result instanceof ExchangeFailed) reject(result);
      else if (answers(result, query)) resolve(result);
      else reject(malformedFailure('the response answers another query'));
    };
    call.on('response', (response) => {
      readMessage(response).then(finish, (cause: unknown) => {
        finish(cause instanceof ExchangeFailed ? cause : networkFailure(target, cause as Error));
      });
    });
    call.on('error', (cause) => finish(networkFailure(target, cause)));
    call.end(query);
  });
}

function requestOptions(target: Target, query: Buffer): RequestOptions {
  const { host, port } = target.server;
  const name = target.tlsName ?? (isIP(host) === 0 ? host : undefined);
  return {
    host,
    port,
    method: 'POST',
    path: '/dns-query',
    agent: false, // one call, no connection kept
    rejectUnauthorized: !target.insecure,
    headers: {
      'content-type': mediaType,
      accept: mediaType,
      'content-length': query.length,
    },
    ...(name === undefined ? {} : { servername: name }),
  };
}

async function readMessage(response: IncomingMessage): Promise<Buffer> {
  if (response.statusCode !== 200) {
    throw malformedFailure(`the server answered with HTTP status ${String(response.statusCode)}`);
  }
  if (response.headers['content-type']?.split(';')[0] !== mediaType) {
    throw malformedFailure(`the server did not answer with ${mediaType}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > messageLengthMax) throw malformedFailure('the response is too long for a message');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

import { byteAt } from '../base/bytes.ts';
import { flagTruncated } from '../dns/message.ts';
import { askHttps } from './exchange-https.ts';
import { askStream } from './exchange-stream.ts';
import { askUdp } from './exchange-udp.ts';
import type { Target, Transport } from './target.ts';

/** A response and the transport that it came by in the end. */
export interface Answered {
  readonly response: Buffer;
  readonly transport: Transport;
}

/**
 * Asks once; over UDP again over TCP when the answer is truncated (RFC 7766 section 5).
 * @throws {ExchangeFailed}
 */
export async function ask(target: Target, query: Buffer): Promise<Answered> {
  const { transport } = target;
  switch (transport) {
    case 'udp': {
      const response = await askUdp(target, query);
      if ((byteAt(response, 2) & flagTruncated) === 0) return { response, transport };
      return ask({ ...target, transport: 'tcp' }, query);
    }
    case 'tcp':
    case 'tls':
      return { response: await askStream(target, query), transport };
    case 'https':
      return { response: await askHttps(target, query), transport };
  }
}

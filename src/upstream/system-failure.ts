import { errorCode } from '../base/errors.ts';
import type { ExchangeFailure } from '../base/errors.ts';

const reasons = new Map<string, ExchangeFailure>([
  ['ECONNREFUSED', 'refused_connection'],
  ['ECONNRESET', 'closed'],
  ['EPIPE', 'closed'],
  ['ETIMEDOUT', 'timeout'],
  // A resource of this process or machine is used up: no fault of the upstream.
  ['EMFILE', 'exhausted'],
  ['ENFILE', 'exhausted'],
  ['ENOBUFS', 'exhausted'],
  ['ENOMEM', 'exhausted'],
  ['EADDRINUSE', 'exhausted'],
  ['EADDRNOTAVAIL', 'exhausted'],
]);

/**
 * What an error of a socket means for the exchange; `network` where the system gives no better
 * reason.
 */
export function reasonOf(error: unknown): ExchangeFailure {
  return reasons.get(errorCode(error) ?? '') ?? 'network';
}

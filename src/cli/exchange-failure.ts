import { formatAddress } from '../base/address.ts';
import type { Timer } from '../base/clock.ts';
import { ExchangeFailed } from '../base/errors.ts';
import type { Target } from './target.ts';

/** A fault of a socket as an error of ours. */
export function networkFailure(target: Target, cause: Error): ExchangeFailed {
  const refused = 'code' in cause && cause.code === 'ECONNREFUSED';
  const where = `${target.transport}://${formatAddress(target.server)}`;
  return refused
    ? new ExchangeFailed('refused_connection', `nothing listens on ${where}`, { cause })
    : new ExchangeFailed('network', `cannot ask ${where}`, { cause });
}

/** Calls `onTimeout` when the target's patience ends. */
export function startPatience(target: Target, onTimeout: (failure: ExchangeFailed) => void): Timer {
  const { clock, timeoutMs, transport, server } = target;
  const where = `${transport}://${formatAddress(server)}`;
  return clock.setTimer(timeoutMs, () =>
    onTimeout(
      new ExchangeFailed('timeout', `no response from ${where} in ${String(timeoutMs)} ms`),
    ),
  );
}

/** A response that is none of ours or none at all. */
export function malformedFailure(reason: string): ExchangeFailed {
  return new ExchangeFailed('malformed', reason);
}

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { ExchangeFailure } from '../base/errors.ts';
import type { ServerAddress } from '../base/server-address.ts';
import { reasonOf } from './system-failure.ts';

/** A SYN is repeated after 1 and 3 s (RFC 6298 section 2); a query has no patience for more. */
export const connectTimeoutMs = 3000;

/** A socket on its way to an upstream. */
export interface Dialled {
  readonly socket: Socket;
  /** What an error of the socket means. */
  readonly reasonOf: (error: Error) => ExchangeFailure;
}

/**
 * Opens a way to one upstream. `ready` is called once, when the other end is who it should be:
 * nothing may be written before. Whatever prevents that is an error of the socket.
 */
export type Dial = (ready: (isResumed: boolean) => void) => Dialled;

/** TCP as it is: nobody proves anything. */
export function dialTcp({ host, port }: ServerAddress): Dial {
  return (ready) => {
    const socket = connect({ host, port, noDelay: true });
    socket.on('connect', () => ready(false));
    return { socket, reasonOf };
  };
}

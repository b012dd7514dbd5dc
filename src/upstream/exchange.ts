import type { ExchangeFailure } from '../base/errors.ts';
import type { ServerAddress } from '../base/server-address.ts';

/** What a transport tells of an exchange; never before `send` has returned, never after `close`. */
export interface ExchangeHandlers {
  /**
   * A message came on the way of this exchange: from the address and port asked, on its socket. Its
   * content is not checked. Its octets hold until this returns. There may be several.
   */
  message(octets: Buffer): void;
  /** A message came from elsewhere. */
  stranger(): void;
  /** Nothing will come any more. At most once. */
  failed(reason: ExchangeFailure, text: string): void;
}

/** A question on its way. */
export interface Exchange {
  /** Sends the same octets again in the same way; does nothing over TCP, which does it itself. */
  retransmit(): void;
  /** Gives it up and lets go of everything it holds. May be called twice. */
  close(): void;
}

/** Carries messages to upstreams: sockets, or a script in their place. */
export interface ExchangeTransport {
  /**
   * Sends a whole message, its id in the first two octets; where that is taken, another one by
   * chance is written there. What comes back has the same id if it had the right one. The
   * transport of `server` says how; its host is an address.
   */
  send(server: ServerAddress, message: Buffer, handlers: ExchangeHandlers): Exchange;
  /** Closes what exchanges share, when all of them were closed. */
  stop(): void;
}

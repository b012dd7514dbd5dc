import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { StreamConnection } from './stream-connection.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { ConnectionContext, StreamTransport } from './tcp-connection.ts';

/** What the connections of a listener carry. */
export interface StreamProtocol {
  readonly transport: StreamTransport;
  /** The event with which the server hands over a connection; undefined: as soon as it accepts it. */
  readonly readyEvent: 'secureConnection' | undefined;
  /** A server that does not listen yet. */
  createServer(): Server;
  serve(socket: Socket, context: ConnectionContext): StreamConnection;
}

/** DNS in the clear (RFC 7766). */
export const dnsOverTcp: StreamProtocol = {
  transport: 'tcp',
  readyEvent: undefined,
  createServer: () => createServer({ allowHalfOpen: true }),
  serve: (socket, context) => new TcpConnection(socket, context),
};

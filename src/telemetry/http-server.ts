import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { formatAddress } from '../base/address.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { describeError, ListenFailed } from '../base/errors.ts';
import type { HttpCounters } from './http-counters.ts';
import { errorReply } from './http-reply.ts';
import type { HttpReply } from './http-reply.ts';
import type { HttpRouter } from './http-router.ts';

/** A few scrapers, probes and operators; more is a mistake or an attack. */
const connectionsMax = 256;
/** Headers fit one packet; a client that needs longer is slow on purpose. */
const headersTimeoutMs = 5000;
/** A whole request, its body included. */
const requestTimeoutMs = 10_000;
/** Above the usual scrape intervals of 15 and 30 s, so that a scraper keeps its connection. */
const keepAliveTimeoutMs = 35_000;
/** Nothing sent or received: a reader that has stopped in the middle of a response. */
const idleTimeoutMs = 60_000;
/** How often node:http looks for requests that are over their time. */
const timeoutCheckIntervalMs = 1000;
/** What a response in progress is given when the server stops. */
const stopGraceMs = 1000;

/** No response may be kept, guessed at, or shown inside another page. */
const commonHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

export interface HttpServerDependencies {
  readonly router: HttpRouter;
  readonly counters: HttpCounters;
  readonly clock: Clock;
}

/** PEM of the certificate, with those that lead to its root, and of its key. */
export interface HttpCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

const timeLimits = {
  headersTimeout: headersTimeoutMs,
  requestTimeout: requestTimeoutMs,
  keepAliveTimeout: keepAliveTimeoutMs,
  connectionsCheckingInterval: timeoutCheckIntervalMs,
};
/** RFC 9325 section 3.1.1. */
const minVersion = 'TLSv1.2';

/** Sockets in, replies out; what is answered is the router's matter. */
export class HttpServer {
  readonly #router: HttpRouter;
  readonly #counters: HttpCounters;
  readonly #clock: Clock;
  #server: Server | undefined;
  #tlsServer: TlsServer | undefined;

  constructor({ router, counters, clock }: HttpServerDependencies) {
    this.#router = router;
    this.#counters = counters;
    this.#clock = clock;
  }

  /**
   * Listens; port 0 takes any free one.
   * @param certificate by which it speaks TLS; without one it speaks in the clear
   * @returns where it listens
   * @throws {ListenFailed}
   */
  start(address: SocketAddress, certificate?: HttpCertificate): Promise<SocketAddress> {
    const server = this.#create(certificate);
    this.#server = server;
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        reject(new ListenFailed(listenAdvice(address, error), { cause: error }));
      };
      server.once('error', fail);
      server.listen(address.port, address.host, () => {
        server.off('error', fail);
        server.on('error', () => undefined); // a failed accept costs one connection
        resolve(addressOf(server));
      });
    });
  }

  /** New connections get this one, where it speaks TLS. */
  replaceCertificate({ cert, key }: HttpCertificate): void {
    this.#tlsServer?.setSecureContext({ cert, key, minVersion });
  }

  /** Takes no more connections; what is being answered has a second to finish. */
  stop(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(stopGraceMs, () => server.closeAllConnections());
      server.close(() => {
        timer.cancel();
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  #create(certificate: HttpCertificate | undefined): Server {
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response); // never rejects
    if (certificate !== undefined) {
      const { cert, key } = certificate;
      this.#tlsServer = createTlsServer({ ...timeLimits, cert, key, minVersion }, answer);
    }
    const server = this.#tlsServer ?? createServer(timeLimits, answer);
    server.maxConnections = connectionsMax;
    server.setTimeout(idleTimeoutMs);
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#refuseGarbage(error, socket),
    );
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined); // the connection is gone, and so is who would be told
    response.on('error', () => undefined);
    const { path, reply } = await this.#router.answer(request);
    this.#counters.count(path, reply.status);
    if (!response.destroyed) send(response, reply);
  }

  /** What node:http could not read as a request. */
  #refuseGarbage(error: NodeJS.ErrnoException, socket: Socket): void {
    const status = garbageStatus(error.code);
    this.#counters.count('other', status);
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { body } = errorReply(status, 'bad_request', 'this is no HTTP request that can be read');
    const length = String(Buffer.byteLength(body));
    socket.end(
      `HTTP/1.1 ${String(status)} Bad Request\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
    );
    socket.destroySoon();
  }
}

function addressOf(server: Server): SocketAddress {
  const { address, port } = server.address() as AddressInfo; // TCP, so never a path
  return { host: address, port };
}

function send(response: ServerResponse, { status, contentType, body, headers }: HttpReply): void {
  const length = Buffer.byteLength(body);
  const own = { 'content-type': contentType, 'content-length': length };
  response.writeHead(status, { ...commonHeaders, ...own, ...headers });
  response.end(body);
}

function garbageStatus(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}

/** What to do about the usual reasons why a socket cannot be opened. */
const listenRemedies = new Map([
  ['EADDRINUSE', 'another process does; stop it or set http.address to another port'],
  ['EACCES', 'ports below 1024 need a privilege; set http.address to a higher port'],
  ['EADDRNOTAVAIL', 'this host has no such address; set http.address to one that it has'],
]);

function listenAdvice(address: SocketAddress, error: NodeJS.ErrnoException): string {
  const remedy = listenRemedies.get(error.code ?? '') ?? describeError(error);
  return `HTTP cannot listen on ${formatAddress(address)}: ${remedy}`;
}

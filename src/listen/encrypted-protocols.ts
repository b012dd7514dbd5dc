import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { Server as TlsServer, TlsOptions } from 'node:tls';
import type { Certificate } from './certificate.ts';
import { HttpsConnection } from './https-connection.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { StreamProtocol } from './stream-protocol.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { ConnectionContext } from './tcp-connection.ts';

/** A handshake takes three trips; who takes longer holds a place that others could use. */
const handshakeTimeoutMs = 5000;

/** What TLS needs of a certificate. */
export type CertificatePair = Pick<Certificate, 'cert' | 'key'>;

/** Serves with a certificate that can be replaced while connections are open. */
abstract class EncryptedProtocol {
  readonly readyEvent = 'secureConnection';
  readonly #options: TlsOptions;
  #server: TlsServer | undefined;
  #certificate: CertificatePair;

  constructor(certificate: CertificatePair, protocols: string[]) {
    this.#certificate = certificate;
    this.#options = {
      ALPNProtocols: protocols,
      minVersion: 'TLSv1.2', // RFC 9325 section 3.1.1
      handshakeTimeout: handshakeTimeoutMs,
      allowHalfOpen: true,
    };
  }

  createServer(): Server {
    const { cert, key } = this.#certificate;
    this.#server = createTlsServer({ ...this.#options, cert, key });
    return this.#server;
  }

  /** New connections get this one. */
  replaceCertificate(certificate: CertificatePair): void {
    this.#certificate = certificate;
    const { cert, key } = certificate;
    this.#server?.setSecureContext({ ...this.#options, cert, key });
  }
}

/** DNS over TLS (RFC 7858): the same as over TCP, inside TLS. */
export class DnsOverTls extends EncryptedProtocol implements StreamProtocol {
  readonly transport = 'tls';

  constructor(certificate: CertificatePair) {
    super(certificate, ['dot']);
  }

  serve(socket: Socket, context: ConnectionContext): StreamConnection {
    return new TcpConnection(socket, context);
  }
}

/** Connections that speak HTTP/1.1 share a server that never listens itself. */
class Http1Requests {
  readonly #connections = new WeakMap<Socket, HttpsConnection>();
  /** How long a connection may idle is the listener's to say. */
  readonly #server = createHttpServer({ keepAliveTimeout: 0 }, (request, response) => {
    this.#connections.get(request.socket)?.serveHttp1(request, response);
  });

  take(socket: Socket, connection: HttpsConnection): void {
    this.#connections.set(socket, connection);
    this.#server.emit('connection', socket);
  }
}

/** DNS over HTTPS (RFC 8484): HTTP/2 or HTTP/1.1, as the client chooses in the handshake. */
export class DnsOverHttps extends EncryptedProtocol implements StreamProtocol {
  readonly transport = 'https';
  readonly #path: string;
  readonly #http1 = new Http1Requests();

  constructor(certificate: CertificatePair, path: string) {
    super(certificate, ['h2', 'http/1.1']);
    this.#path = path;
  }

  serve(socket: Socket, context: ConnectionContext): StreamConnection {
    const connection = new HttpsConnection(socket, { ...context, path: this.#path });
    const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
    if (isHttp2) connection.startHttp2();
    else this.#http1.take(socket, connection);
    return connection;
  }
}

/** The same in the clear over HTTP/1.1, for an ingress that has ended TLS in front of it. */
export class DnsOverPlainHttp implements StreamProtocol {
  readonly transport = 'https';
  readonly readyEvent = undefined;
  readonly #path: string;
  readonly #http1 = new Http1Requests();

  constructor(path: string) {
    this.#path = path;
  }

  createServer(): Server {
    return createServer();
  }

  serve(socket: Socket, context: ConnectionContext): StreamConnection {
    const connection = new HttpsConnection(socket, { ...context, path: this.#path });
    this.#http1.take(socket, connection);
    return connection;
  }
}

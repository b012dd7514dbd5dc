import { once } from 'node:events';
import { performServerHandshake } from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import type { TestCertificate } from './certificates.ts';
import { encodeScriptedReply, readScriptedQuery } from './scripted-reply.ts';
import type { ScriptedQuery, ScriptedReply } from './scripted-reply.ts';
import { answerAll } from './scripted-upstream.ts';
import type { ServerTransport } from '../../src/base/server-address.ts';

/** What an HTTP response says in place of 200 and the type of DNS messages. */
export interface HttpHead {
  readonly status?: number;
  readonly contentType?: string;
  readonly ageSeconds?: number;
  /** In place of a message. */
  readonly body?: Buffer;
}

/** What to do with a query: a reply at once or later, or none. */
export type EncryptedScript = (
  query: ScriptedQuery,
) => ScriptedReply | undefined | Promise<ScriptedReply | undefined>;

/**
 * A server on loopback that speaks DoT and DoH over HTTP/2 on one port, chosen by ALPN, and does
 * with each query what its script says.
 */
export class EncryptedUpstream {
  script: EncryptedScript = answerAll as EncryptedScript;
  /** What DoH responses look like. */
  http: HttpHead = {};
  /** Everything that was asked, in order. */
  readonly queries: ScriptedQuery[] = [];
  /** For each TLS connection, in order, whether it resumed the session of another. */
  readonly resumed: boolean[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('secureConnection', (socket) => this.#onConnection(socket));
    server.on('tlsClientError', () => undefined);
  }

  static async start(
    certificate: TestCertificate,
    protocols: readonly string[] = ['h2', 'dot'],
  ): Promise<EncryptedUpstream> {
    const { cert, key } = certificate;
    const server = createServer({ cert, key, ALPNProtocols: [...protocols] });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EncryptedUpstream(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Its address behind a scheme, as a configuration has it. */
  text(scheme: 'tls' | 'https', host = '127.0.0.1'): string {
    return `${scheme}://${host}:${String(this.port)}`;
  }

  get connectionsOpen(): number {
    return this.#sockets.size;
  }

  /** Closes all connections without a word. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Takes no more requests on the HTTP/2 connections (GOAWAY). */
  sayGoodbye(): void {
    for (const session of this.#sessions) session.goaway();
  }

  async stop(): Promise<void> {
    this.breakConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #onConnection(socket: TLSSocket): void {
    this.resumed.push(socket.isSessionReused());
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === 'h2') this.#serveHttps(socket);
    else this.#serveTls(socket);
  }

  #serveTls(socket: TLSSocket): void {
    let received: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const wire = received.subarray(2, end);
        received = received.subarray(end);
        void this.#play(wire, 'tls', socket).then((message) => {
          if (message === undefined || socket.destroyed) return;
          const head = Buffer.alloc(2);
          head.writeUInt16BE(message.length, 0);
          socket.write(Buffer.concat([head, message]));
        });
      }
    });
  }

  #serveHttps(socket: TLSSocket): void {
    const session = performServerHandshake(socket);
    this.#sessions.add(session);
    session.on('error', () => session.destroy());
    session.on('close', () => this.#sessions.delete(session));
    session.on('stream', (stream) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        void this.#play(Buffer.concat(chunks), 'https', socket).then((message) => {
          if (message !== undefined && !stream.destroyed) this.#respond(stream, message);
        });
      });
    });
  }

  #respond(stream: ServerHttp2Stream, message: Buffer): void {
    const { status = 200, contentType = 'application/dns-message', ageSeconds, body } = this.http;
    const age = ageSeconds === undefined ? {} : { age: String(ageSeconds) };
    stream.respond({ ':status': status, 'content-type': contentType, ...age });
    stream.end(body ?? message);
  }

  async #play(
    wire: Buffer,
    transport: ServerTransport,
    socket: TLSSocket,
  ): Promise<Buffer | undefined> {
    const source = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const query = readScriptedQuery(wire, transport, source);
    this.queries.push(query);
    const reply = await this.script(query);
    return reply === undefined ? undefined : encodeScriptedReply(query, reply);
  }
}

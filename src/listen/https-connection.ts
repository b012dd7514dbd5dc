import { performServerHandshake } from 'node:http2';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { SocketAddress } from '../base/address.ts';
import { messageLengthMax } from '../dns/message.ts';
import { transports } from '../query/query-counters.ts';
import { dnsMediaType, freshSeconds, readDohRequest } from './doh-message.ts';
import type { DohRequest } from './doh-message.ts';
import type { StreamConnection } from './stream-connection.ts';
import type { ConnectionContext } from './tcp-connection.ts';

/** What the requests of a connection share. */
export interface HttpsContext extends ConnectionContext {
  readonly path: string;
}

/** An HTTP response, whichever version will carry it. */
interface DohResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer;
}

const transportHttps = transports.indexOf('https');
/** Largest answer that the hot path writes; longer ones take the slow way. */
const hotResponseBytesMax = 4096;

/** DNS over HTTPS (RFC 8484) on one connection, over HTTP/2 or HTTP/1.1. */
export class HttpsConnection implements StreamConnection {
  readonly #socket: Socket;
  readonly #context: HttpsContext;
  readonly #client: SocketAddress;
  #session: ServerHttp2Session | undefined;
  #inFlight = 0;
  #isEnding = false;
  #progressAtMs: number;

  constructor(socket: Socket, context: HttpsContext) {
    this.#socket = socket;
    this.#context = context;
    this.#progressAtMs = context.clock.nowMs();
    this.#client = context.clientOf(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
  }

  get isIdle(): boolean {
    return this.#inFlight === 0;
  }

  get idleSinceMs(): number {
    return this.#progressAtMs;
  }

  /** Speaks HTTP/2 on it; the other version is the business of the server that has the socket. */
  startHttp2(): void {
    const { queriesPerConnectionMax } = this.#context.options();
    const session = performServerHandshake(this.#socket, {
      settings: { maxConcurrentStreams: queriesPerConnectionMax, enablePush: false },
    });
    this.#session = session;
    session.on('error', () => this.close());
    session.on('stream', (stream, headers) => this.#onStream(stream, headers));
  }

  closeIfStuck(nowMs: number): void {
    if (this.#inFlight > 0) return;
    if (nowMs - this.#progressAtMs >= this.#context.options().idleTimeoutMs) this.close();
  }

  finish(): void {
    this.#isEnding = true;
    this.#session?.close();
    this.#endWhenDone();
  }

  close(): void {
    this.#session?.destroy();
    this.#socket.destroy();
  }

  /** Answers a request of HTTP/1.1. */
  serveHttp1(request: IncomingMessage, response: ServerResponse): void {
    this.#progressAtMs = this.#context.clock.nowMs();
    const { method = '', url: target = '', headers } = request;
    const contentType = headers['content-type'];
    readBody(request, (body) => {
      this.#answer({ method, target, contentType, body }, (reply) => {
        if (response.destroyed) return;
        const isLast = this.#isEnding || body.length > messageLengthMax;
        const connection = isLast ? { connection: 'close' } : {};
        response.writeHead(reply.status, { ...reply.headers, ...connection });
        response.end(method === 'HEAD' ? undefined : reply.body);
      });
    });
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.#progressAtMs = this.#context.clock.nowMs();
    const { ':method': method = '', ':path': target = '', 'content-type': contentType } = headers;
    const send = ({ status, headers: fields, body }: DohResponse): void => {
      if (stream.destroyed || stream.closed) return;
      stream.respond({ ':status': status, ...fields }, { endStream: method === 'HEAD' });
      if (method !== 'HEAD') stream.end(body);
    };
    if (method !== 'GET') {
      readBody(stream, (body) => this.#answer({ method, target, contentType, body }, send));
      return;
    }
    stream.on('error', () => undefined); // the client went away: nobody to answer
    // What a GET carries along means nothing. Where it carries nothing it is not read either: read to
    // its end it would be destroyed before its answer is written, which costs an error each time.
    if (!stream.endAfterHeaders) stream.resume();
    this.#answer({ method, target, contentType, body: empty }, send);
  }

  #answer(request: DohRequest, send: (reply: DohResponse) => void): void {
    const message = readDohRequest(request, this.#context.path);
    if (!Buffer.isBuffer(message)) {
      send(refusal(message.status, message.text));
      return;
    }
    const hot = this.#answerHot(message);
    if (hot !== undefined) {
      send(dnsResponse(hot));
      return;
    }
    if (this.#inFlight >= this.#context.options().queriesPerConnectionMax) {
      send(refusal(429, 'too many queries in flight on this connection'));
      return;
    }
    const from = { transport: 'https', client: this.#client } as const;
    const response = this.#context.dependencies.responder.respond(message, from);
    if (!(response instanceof Promise)) {
      send(dnsResponse(response));
      return;
    }
    this.#inFlight++;
    void response.then((later) => {
      this.#inFlight--; // respond() never rejects
      this.#progressAtMs = this.#context.clock.nowMs();
      send(dnsResponse(later));
      this.#endWhenDone();
    });
  }

  /** The answer of the hot path, in octets of its own. */
  #answerHot(message: Buffer): Buffer | undefined {
    const { hotPath } = this.#context.dependencies;
    const { slab } = this.#context;
    slab.reserve(hotResponseBytesMax);
    const { bytes, position } = slab;
    const { length: end } = message;
    hotPath.start();
    // prettier-ignore
    const length = hotPath.answer(message, 0, end, bytes, position, hotResponseBytesMax, transportHttps);
    hotPath.finish();
    if (length === 0) return undefined;
    slab.take(length);
    return bytes.subarray(position, position + length);
  }

  #endWhenDone(): void {
    // A session of HTTP/2 that was told to close ends its connection itself.
    if (this.#isEnding && this.#inFlight === 0 && this.#session === undefined) this.#socket.end();
  }
}

/** Hands over a body, once: the whole, or as much of it as shows that it is too long. */
function readBody(source: Readable, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    done(Buffer.concat(chunks));
    chunks.length = 0;
  };
  source.on('error', () => undefined); // the client went away: nobody to answer
  source.on('end', finish);
  source.on('data', (chunk: Buffer) => {
    if (isDone) return; // the rest of what is too long is let through to nowhere
    chunks.push(chunk);
    length += chunk.length;
    if (length > messageLengthMax) finish();
  });
}

const empty = Buffer.alloc(0);

/** A message that gets no answer over UDP, such as a response, is a bad request here. */
function dnsResponse(message: Buffer | undefined): DohResponse {
  if (message === undefined) return refusal(400, 'this is no DNS query');
  return {
    status: 200,
    headers: {
      'content-type': dnsMediaType,
      'content-length': message.length,
      'cache-control': `max-age=${String(freshSeconds(message))}`,
    },
    body: message,
  };
}

function refusal(status: number, text: string): DohResponse {
  const body = Buffer.from(`${text}\n`);
  return {
    status,
    headers: {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': body.length,
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD, POST' } : {}),
    },
    body,
  };
}

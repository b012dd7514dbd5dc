import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { SystemClock } from '../../src/base/clock.ts';
import type { Clock, Timer } from '../../src/base/clock.ts';
import { encodeScriptedReply, readScriptedQuery } from './scripted-reply.ts';
import type { Script, ScriptedQuery, ScriptedReply } from './scripted-reply.ts';

export type { Script, ScriptedQuery, ScriptedReply } from './scripted-reply.ts';

/** How often another port is tried when UDP has it taken already. */
const bindTriesMax = 20;

/** An A record, as most answers in tests need it. */
export function addressRecord(
  name: string,
  address: string,
  ttlSeconds = 300,
): { type: 'A'; name: string; ttl: number; data: string } {
  return { type: 'A', name, ttl: ttlSeconds, data: address };
}

/** An SOA record, as negative answers need it. */
export function soaRecord(zone: string, ttlSeconds = 300, minimumSeconds = 60): SoaRecord {
  return {
    type: 'SOA',
    name: zone,
    ttl: ttlSeconds,
    data: {
      mname: `ns.${zone}`,
      rname: `host.${zone}`,
      serial: 1,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: minimumSeconds,
    },
  };
}

interface SoaRecord {
  type: 'SOA';
  name: string;
  ttl: number;
  data: {
    mname: string;
    rname: string;
    serial: number;
    refresh: number;
    retry: number;
    expire: number;
    minimum: number;
  };
}

/** The default script: `192.0.2.1` for whatever is asked. */
export const answerAll: Script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1')] });

/** What is told to a new scripted upstream. */
export interface ScriptedOptions {
  /** By default 127.0.0.1. */
  readonly host?: string;
  readonly script?: Script;
  readonly clock?: Clock;
}

/**
 * A DNS server on loopback, UDP and TCP on one port, that does with each query what its script
 * says, and remembers what it was asked.
 *
 *     const upstream = await ScriptedUpstream.start({ script: () => ({ code: 2 }) });
 *     … ask upstream.text …
 *     await upstream.stop();
 */
export class ScriptedUpstream {
  /** May be changed at any time; holds for queries that arrive from then on. */
  script: Script;
  /** Everything that was asked, in order. */
  readonly queries: ScriptedQuery[] = [];
  /** TCP connections accepted so far. */
  connectionsAccepted = 0;
  readonly #udp: UdpSocket;
  readonly #stranger: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #timers = new Set<Timer>();
  readonly #clock: Clock;
  readonly #host: string;

  private constructor(sockets: Sockets, options: ScriptedOptions) {
    this.#udp = sockets.udp;
    this.#stranger = sockets.stranger;
    this.#tcp = sockets.tcp;
    this.#host = options.host ?? '127.0.0.1';
    this.#clock = options.clock ?? new SystemClock();
    this.script = options.script ?? answerAll;
    this.#udp.on('message', (wire, from) => this.#onDatagram(wire, from));
    this.#tcp.on('connection', (connection) => this.#onConnection(connection));
  }

  /** Starts one on a free port. */
  static async start(options: ScriptedOptions = {}): Promise<ScriptedUpstream> {
    return new ScriptedUpstream(await openSockets(options.host ?? '127.0.0.1'), options);
  }

  get port(): number {
    return this.#udp.address().port;
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: this.#host, port: this.port };
  }

  /** `127.0.0.1:12345`, as a configuration has it. */
  get text(): string {
    return this.#host.includes(':')
      ? `[${this.#host}]:${String(this.port)}`
      : `${this.#host}:${String(this.port)}`;
  }

  /** TCP connections that stand now. */
  get connectionsOpen(): number {
    return this.#connections.size;
  }

  /** The queries over one transport. */
  queriesOver(transport: 'udp' | 'tcp'): readonly ScriptedQuery[] {
    return this.queries.filter((query) => query.transport === transport);
  }

  /** Closes all TCP connections, as a server does with idle ones. */
  closeConnections(): void {
    for (const connection of this.#connections) connection.end();
  }

  /** Breaks all TCP connections by a reset. */
  resetConnections(): void {
    for (const connection of this.#connections) connection.resetAndDestroy();
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    for (const connection of this.#connections) connection.destroy();
    const closed = [once(this.#tcp, 'close'), once(this.#udp, 'close')];
    closed.push(once(this.#stranger, 'close'));
    this.#tcp.close();
    this.#udp.close();
    this.#stranger.close();
    await Promise.all(closed);
  }

  #onDatagram(wire: Buffer, from: RemoteInfo): void {
    const query = readScriptedQuery(wire, 'udp', { host: from.address, port: from.port });
    this.#play(query, (reply) => {
      const socket = reply.fromOtherPort === true ? this.#stranger : this.#udp;
      socket.send(encodeScriptedReply(query, reply), from.port, from.address);
    });
  }

  #onConnection(connection: Socket): void {
    this.connectionsAccepted++;
    this.#connections.add(connection);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    const source = { host: connection.remoteAddress ?? '', port: connection.remotePort ?? 0 };
    let received: Buffer = Buffer.alloc(0);
    connection.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const query = readScriptedQuery(received.subarray(2, end), 'tcp', source);
        received = received.subarray(end);
        this.#play(query, (reply) => this.#writeReply(connection, query, reply));
      }
    });
  }

  #writeReply(connection: Socket, query: ScriptedQuery, reply: ScriptedReply): void {
    if (connection.destroyed) return;
    const message = encodeScriptedReply(query, reply);
    const framed = Buffer.alloc(2 + message.length);
    framed.writeUInt16BE(message.length, 0);
    message.copy(framed, 2);
    const first = reply.firstOctets ?? framed.length;
    connection.write(framed.subarray(0, first));
    if (reply.restDelayMs !== undefined) {
      this.#later(reply.restDelayMs, () => connection.write(framed.subarray(first)));
    }
    if (reply.close === true) connection.end();
  }

  #play(query: ScriptedQuery, send: (reply: ScriptedReply) => void): void {
    this.queries.push(query);
    void Promise.resolve(this.script(query)).then((replies) => {
      if (replies === undefined) return;
      const list = Array.isArray(replies) ? (replies as ScriptedReply[]) : [replies];
      for (const reply of list as readonly ScriptedReply[]) {
        if (reply.delayMs === undefined) send(reply);
        else this.#later(reply.delayMs, () => send(reply));
      }
    });
  }

  #later(delayMs: number, task: () => void): void {
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
  }
}

interface Sockets {
  readonly udp: UdpSocket;
  readonly stranger: UdpSocket;
  readonly tcp: Server;
}

async function openSockets(host: string): Promise<Sockets> {
  for (let triesLeft = bindTriesMax; ; triesLeft--) {
    const tcp = createServer();
    tcp.listen(0, host);
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    const udp = await boundUdp(host, port).catch(() => undefined);
    if (udp !== undefined) return { udp, stranger: await boundUdp(host, 0), tcp };
    tcp.close();
    if (triesLeft === 0) throw new Error(`no port of ${host} is free for both UDP and TCP`);
  }
}

async function boundUdp(host: string, port: number): Promise<UdpSocket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const bound = once(socket, 'listening');
  socket.bind(port, host);
  await bound;
  return socket;
}

import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { SocketAddress } from '../../src/base/address.ts';
import { waitFor, within } from './wait-for.ts';

/** A UDP socket that sends octets and keeps what comes back, in order. */
export class UdpClient {
  readonly received: Buffer[] = [];
  readonly #socket: UdpSocket;
  readonly #server: SocketAddress;
  #taken = 0;

  /** @param from the address to ask from; the system chooses one where it is left out */
  constructor(server: SocketAddress, from?: string) {
    this.#server = server;
    this.#socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
    this.#socket.on('message', (message) => this.received.push(message));
    if (from !== undefined) this.#socket.bind(0, from);
  }

  send(octets: Buffer): void {
    this.#socket.send(octets, this.#server.port, this.#server.host);
  }

  /** The next datagram. */
  next(): Promise<Buffer> {
    return waitFor('a datagram', () => this.received[this.#taken]).then((octets) => {
      this.#taken++;
      return octets;
    });
  }

  async ask(octets: Buffer): Promise<Buffer> {
    this.send(octets);
    return this.next();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.close(resolve);
    });
  }
}

/** One query over UDP from a socket of its own. */
export async function askUdp(server: SocketAddress, octets: Buffer): Promise<Buffer> {
  const client = new UdpClient(server);
  try {
    return await client.ask(octets);
  } finally {
    await client.close();
  }
}

/** A message with its length in front (RFC 1035 section 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** A TCP connection that sends octets and cuts what comes back into messages. */
export class TcpClient {
  readonly messages: Buffer[] = [];
  /** Pieces in which the system delivered what came. */
  chunks = 0;
  isClosed = false;
  /** Whether the server sent its FIN. */
  hasEnded = false;
  readonly socket: Socket;
  #pending = Buffer.alloc(0);
  #taken = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => undefined); // a reset is one way to be cut off
    socket.on('end', () => (this.hasEnded = true));
    socket.on('close', () => (this.isClosed = true));
  }

  /** @param from the address to ask from; the system chooses one where it is left out */
  static async open(server: SocketAddress, from?: string): Promise<TcpClient> {
    const where = { port: server.port, host: server.host, allowHalfOpen: true };
    const socket = connect(from === undefined ? where : { ...where, localAddress: from });
    await within('a connection', once(socket, 'connect'));
    return new TcpClient(socket);
  }

  /** Over a connection that is open already. */
  static over(socket: Socket): TcpClient {
    return new TcpClient(socket);
  }

  /** Sends messages in one write. */
  send(...messages: readonly Buffer[]): void {
    this.write(Buffer.concat(messages.map(framed)));
  }

  write(octets: Buffer): void {
    this.socket.write(octets);
  }

  /** The next message. */
  next(): Promise<Buffer> {
    return waitFor('a message over TCP', () => this.messages[this.#taken]).then((message) => {
      this.#taken++;
      return message;
    });
  }

  async ask(octets: Buffer): Promise<Buffer> {
    this.send(octets);
    return this.next();
  }

  /** Resolves when the server has closed its side, or all of it. */
  async closed(): Promise<void> {
    await waitFor('the end of a connection', () => this.isClosed || this.hasEnded);
  }

  close(): void {
    this.socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.chunks++;
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 2) {
      const end = 2 + this.#pending.readUInt16BE(0);
      if (this.#pending.length < end) return;
      this.messages.push(this.#pending.subarray(2, end));
      this.#pending = this.#pending.subarray(end);
    }
  }
}

/** One query over a TCP connection of its own. */
export async function askTcp(server: SocketAddress, octets: Buffer): Promise<Buffer> {
  const client = await TcpClient.open(server);
  try {
    return await client.ask(octets);
  } finally {
    client.close();
  }
}

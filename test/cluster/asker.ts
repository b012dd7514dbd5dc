import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { SocketAddress } from '../../src/base/address.ts';
import { encodeQuery, readMessage, withId } from '../support/messages.ts';
import type { QueryParts, ReadMessage } from '../support/messages.ts';

/** A stub resolver gives up after five seconds. */
const patienceMs = 5000;

/** What became of one query. */
export interface Asked {
  readonly name: string;
  /** Undefined: nothing came in five seconds. */
  readonly wire: Buffer | undefined;
  readonly latencyMs: number;
}

interface Pending {
  readonly name: string;
  readonly sentMs: number;
  readonly settle: (asked: Asked) => void;
  readonly timer: NodeJS.Timeout;
}

/** A client with one UDP socket that may have many queries under way. */
export class Asker {
  readonly #socket: Socket;
  readonly #server: SocketAddress;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  constructor(server: SocketAddress) {
    this.#server = server;
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 ** 2 });
    this.#socket.on('message', (wire) => this.#received(wire));
  }

  ask(name: string, parts: Partial<QueryParts> = {}): Promise<Asked> {
    this.#lastId = (this.#lastId + 1) & 0xffff;
    const id = this.#lastId;
    const query = withId(encodeQuery({ name, ...parts }), id);
    return new Promise((settle) => {
      const sentMs = performance.now();
      const timer = setTimeout(() => this.#settle(id, undefined), patienceMs);
      this.#pending.set(id, { name, sentMs, settle, timer });
      this.#socket.send(query, this.#server.port, this.#server.host);
    });
  }

  /** Asks and reads. @throws when nothing came */
  async read(name: string, parts: Partial<QueryParts> = {}): Promise<ReadMessage> {
    const { wire } = await this.ask(name, parts);
    if (wire === undefined)
      throw new Error(`no response about ${name} in ${String(patienceMs)} ms`);
    return readMessage(wire);
  }

  close(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#socket.close();
  }

  #received(wire: Buffer): void {
    this.#settle(wire.readUInt16BE(0), wire);
  }

  #settle(id: number, wire: Buffer | undefined): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    const { name, sentMs } = pending;
    pending.settle({ name, wire, latencyMs: performance.now() - sentMs });
  }
}

/** Response code and number of answer records, `silence` when nothing came. */
export function verdictOf({ wire }: Asked): string {
  if (wire === undefined) return 'silence';
  return `${String(wire.readUInt8(3) & 0x0f)}/${String(wire.readUInt16BE(6))}`;
}

/** How often each verdict came. */
export function tally(asked: readonly Asked[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of asked) counts[verdictOf(one)] = (counts[verdictOf(one)] ?? 0) + 1;
  return counts;
}

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { ednsOption, recordType } from '../../src/dns/codes.ts';
import { describeMessage, encodeQuery } from '../../src/dns/presentation.ts';

/** A stub resolver gives up after five seconds. */
const patienceMs = 5000;
const receiveBufferBytes = 4 * 1024 ** 2;

/** What became of one query. */
export interface Answered {
  /** Undefined: nothing came in five seconds. */
  readonly response: Buffer | undefined;
  readonly latencyMs: number;
}

interface Pending {
  readonly sentMs: number;
  readonly settle: (answered: Answered) => void;
  readonly timer: NodeJS.Timeout;
}

/** A client with one UDP socket and many queries under way. */
export class Client {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  /** @param port of 127.0.0.1 */
  constructor(port: number) {
    this.#port = port;
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: receiveBufferBytes });
    this.#socket.on('message', (wire) => this.#settle(wire.readUInt16BE(0), wire));
  }

  /** @param asksLayer to be told by which layer it was answered; such a query is no plain one */
  ask(name: string, asksLayer = false): Promise<Answered> {
    this.#lastId = (this.#lastId + 1) & 0xffff;
    const id = this.#lastId;
    const options = asksLayer ? [{ code: ednsOption.HEIMDALL_LAYER, data: Buffer.alloc(0) }] : [];
    const type = recordType.A;
    const query = encodeQuery({ id, name, type, dnssecOk: false, udpSize: 1232, options });
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#settle(id, undefined), patienceMs);
      this.#pending.set(id, { sentMs: performance.now(), settle, timer });
      this.#socket.send(query, this.#port, '127.0.0.1');
    });
  }

  close(): void {
    for (const { timer } of this.#pending.values()) clearTimeout(timer);
    this.#socket.close();
  }

  #settle(id: number, response: Buffer | undefined): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.settle({ response, latencyMs: performance.now() - pending.sentMs });
  }
}

/** NOERROR with at least one record. */
export function isGood({ response }: Answered): boolean {
  if (response === undefined) return false;
  return (response.readUInt8(3) & 0x0f) === 0 && response.readUInt16BE(6) > 0;
}

/** The layer that a replica says it answered from. */
export function layerOf({ response }: Answered): string {
  return response === undefined ? 'none' : (describeMessage(response).layer ?? 'unknown');
}

/** The value that this share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** `1.23 / 4.56`: median and 99th percentile. */
export function medianAndTail(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(2)} / ${quantile(values, 0.99).toFixed(2)}`;
}

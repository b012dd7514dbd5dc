import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Clock } from '../src/base/clock.ts';
import { recordType } from '../src/dns/codes.ts';
import {
  flagRecursionAvailable,
  flagRecursionDesired,
  flagResponse,
  headerLength,
  putCounts,
} from '../src/dns/message.ts';
import { MessageWriter } from '../src/dns/message-writer.ts';
import { formatName } from '../src/dns/name.ts';
import { readQuestion } from '../src/dns/question.ts';
import type { Question } from '../src/dns/question.ts';

const ttlSeconds = 300;
/** A burst of thousands of questions must find room. */
const receiveBufferBytes = 4 * 1024 ** 2;
/** What a resolver on the Internet takes, about. */
const usualDelayMs = 20;

/** A DNS server on loopback that has one address for every name, and counts who asks. */
export class DemoUpstream {
  /** Questions by name, each time they were asked. */
  readonly asked: string[] = [];
  /** A server that is stopped stays silent, and goes on counting. */
  isStopped = false;
  /** Told of each question when it arrives. */
  onAsked: (name: string) => void = () => undefined;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #address: Buffer;
  readonly #delayMs: number;

  private constructor(socket: Socket, clock: Clock, address: Buffer, delayMs: number) {
    this.#socket = socket;
    this.#clock = clock;
    this.#address = address;
    this.#delayMs = delayMs;
    socket.on('message', (message, from) => this.#received(message, from));
    socket.on('error', () => undefined); // a client that has gone is no affair of a server
  }

  /** @param lastOctet of the address `192.0.2.x` that it answers with */
  static async start(
    clock: Clock,
    lastOctet: number,
    delayMs: number = usualDelayMs,
  ): Promise<DemoUpstream> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: receiveBufferBytes });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DemoUpstream(socket, clock, Buffer.from([192, 0, 2, lastOctet]), delayMs);
  }

  /** As `upstream.servers` has it. */
  get text(): string {
    return `127.0.0.1:${String(this.#socket.address().port)}`;
  }

  timesAsked(name: string): number {
    return this.asked.filter((asked) => asked === name).length;
  }

  stop(): void {
    this.#socket.close();
  }

  #received(message: Buffer, from: RemoteInfo): void {
    const read = message.length < headerLength ? undefined : readQuestion(message, headerLength);
    if (read === undefined) return;
    const name = formatName(read.question.name).replace(/\.$/, '');
    this.asked.push(name);
    this.onAsked(name);
    if (this.isStopped) return;
    const response = this.#response(message, read.question, read.end);
    this.#clock.setTimer(this.#delayMs, () => {
      if (!this.isStopped) this.#socket.send(response, from.port, from.address);
    });
  }

  #response(query: Buffer, question: Question, end: number): Buffer {
    const writer = new MessageWriter(question);
    const hasAddress = question.type === recordType.A;
    if (hasAddress) {
      const rdata = [{ octets: this.#address }];
      writer.record({ owner: question.name, type: recordType.A, ttlSeconds, rdata });
    }
    const response = writer.finish();
    query.copy(response, headerLength, headerLength, end); // in the case in which it was asked
    query.copy(response, 0, 0, 2);
    response[2] = flagResponse | flagRecursionDesired;
    response[3] = flagRecursionAvailable;
    putCounts(response, hasAddress ? 1 : 0, 0, 0);
    return response;
  }
}

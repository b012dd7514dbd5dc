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
/** What a resolver on the Internet takes, about. */
const delayMs = 20;

/** A DNS server on loopback that has one address for every name, and counts who asks. */
export class DemoUpstream {
  /** Questions by name, each time they were asked. */
  readonly asked: string[] = [];
  /** A server that is stopped stays silent, and goes on counting. */
  isStopped = false;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #address: Buffer;

  private constructor(socket: Socket, clock: Clock, address: Buffer) {
    this.#socket = socket;
    this.#clock = clock;
    this.#address = address;
    socket.on('message', (message, from) => this.#received(message, from));
    socket.on('error', () => undefined); // a client that has gone is no affair of a server
  }

  /** @param lastOctet of the address `192.0.2.x` that it answers with */
  static async start(clock: Clock, lastOctet: number): Promise<DemoUpstream> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DemoUpstream(socket, clock, Buffer.from([192, 0, 2, lastOctet]));
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
    this.asked.push(formatName(read.question.name).replace(/\.$/, ''));
    if (this.isStopped) return;
    const response = this.#response(message, read.question, read.end);
    this.#clock.setTimer(delayMs, () => {
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

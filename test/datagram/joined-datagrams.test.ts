import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Peer } from '../../src/datagram/send-queue.ts';
import { waitFor } from '../support/wait-for.ts';
import { AlteredCalls } from './altered-calls.ts';
import { EchoSocket } from './echo-socket.ts';

const notPermitted = 1;
const inputOutput = 5;
const wouldBlock = 11;
const invalid = 22;
const noBuffers = 105;

let calls: AlteredCalls;
let sending: EchoSocket;
const clients: Client[] = [];

/** Somebody to send to, who keeps what came. */
interface Client {
  readonly socket: Socket;
  readonly peer: Peer;
  readonly received: Buffer[];
}

beforeEach(() => open());

afterEach(async () => {
  sending.socket.close();
  await Promise.all(clients.splice(0).map(close));
});

function open(options: ConstructorParameters<typeof EchoSocket>[1] = {}): void {
  calls = new AlteredCalls();
  sending = new EchoSocket(calls, options);
}

/** @param to where the client asks the socket, so that it is a peer whose question came there */
async function clientAt(host: string, to = host): Promise<Client> {
  const socket = createSocket({
    type: host.includes(':') ? 'udp6' : 'udp4',
    recvBufferSize: 4 * 1024 * 1024,
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  const known = sending.peers.length;
  sending.onDatagram = () => undefined;
  socket.send('x', sending.socket.address.port, to);
  const peer = await waitFor('the client', () => sending.peers[known]);
  const received: Buffer[] = [];
  socket.on('message', (octets: Buffer) => received.push(octets));
  const client = { socket, peer, received };
  clients.push(client);
  calls.messagesSent = 0;
  return client;
}

async function close({ socket }: Client): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

function octetsOf(number: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, at) => (at * 7 + number * 13) % 251));
}

function sendAll(client: Client, datagrams: readonly Buffer[]): void {
  for (const octets of datagrams) expect(sending.socket.send(octets, client.peer)).toBe(true);
}

/** Each came once, octet for octet, in whatever order. */
async function expectReceived(client: Client, datagrams: readonly Buffer[]): Promise<void> {
  await waitFor('all datagrams', () => client.received.length >= datagrams.length);
  const text = (all: readonly Buffer[]): string[] =>
    all.map((octets) => octets.toString('hex')).toSorted();
  expect(text(client.received)).toEqual(text(datagrams));
}

function ofSizes(...sizes: readonly number[]): Buffer[] {
  return sizes.map((size, number) => octetsOf(number, size));
}

describe('datagrams for one peer go as one message, and arrive as they are', () => {
  test.each([
    { name: 'of one length', sizes: Array.from({ length: 50 }, () => 90), messages: 1 },
    { name: 'a shorter one last', sizes: [90, 90, 60], messages: 1 },
    { name: 'the shorter of two first', sizes: [60, 120], messages: 1 },
    { name: 'of three lengths', sizes: [60, 90, 120], messages: 2 },
    { name: 'longer than the least MTU', sizes: [1233, 1233], messages: 2 },
    { name: 'as long as the least MTU allows', sizes: [1232, 1232], messages: 1 },
    { name: 'of nothing', sizes: [0, 0, 5], messages: 3 },
    { name: 'as many as one message may have', sizes: Array<number>(128).fill(40), messages: 2 },
    { name: 'as long as a packet may be', sizes: Array<number>(60).fill(1232), messages: 2 },
  ])('$name', async ({ sizes, messages }) => {
    const client = await clientAt('127.0.0.1');
    const datagrams = ofSizes(...sizes);
    sendAll(client, datagrams);
    await expectReceived(client, datagrams);
    expect(calls.messagesSent).toBe(messages);
    expect(sending.losses).toEqual([]);
  });

  test('each peer its own, however they alternate', async () => {
    const both = [await clientAt('127.0.0.1'), await clientAt('127.0.0.1')] as const;
    const datagrams = ofSizes(...Array<number>(20).fill(70));
    for (const octets of datagrams) for (const client of both) sendAll(client, [octets]);
    for (const client of both) await expectReceived(client, datagrams);
    expect(calls.messagesSent).toBe(2);
  });

  test.each([
    ['::1', '::', '::1'],
    ['127.0.0.1', '0.0.0.0', '127.0.0.1'],
    ['127.0.0.1', '0.0.0.0', '127.0.0.2'],
  ])('from the address that %s had asked, bound to %s: %s', async (host, wildcard, asked) => {
    sending.socket.close();
    open({ address: { host: wildcard, port: 0 }, repliesFromAsked: true, ipv6Only: true });
    const client = await clientAt(host, asked);
    const senders: string[] = [];
    client.socket.on('message', (_, { address }) => senders.push(address));
    const datagrams = ofSizes(80, 80, 40);
    sendAll(client, datagrams);
    await expectReceived(client, datagrams);
    expect(calls.messagesSent).toBe(1);
    expect(senders).toEqual([asked, asked, asked]);
  });

  test('not those that leave from different addresses', async () => {
    sending.socket.close();
    open({ address: { host: '0.0.0.0', port: 0 }, repliesFromAsked: true });
    const client = await clientAt('127.0.0.1', '127.0.0.1');
    client.socket.send('x', sending.socket.address.port, '127.0.0.2');
    const other = await waitFor('the question to another address', () => sending.peers[1]);
    sendAll(client, ofSizes(80));
    sending.socket.send(octetsOf(1, 80), other);
    await expectReceived(client, ofSizes(80, 80));
    expect(calls.messagesSent).toBe(2);
  });

  test('not where the socket is told so', async () => {
    sending.socket.close();
    open({ joinsDatagrams: false });
    const client = await clientAt('127.0.0.1');
    sendAll(client, ofSizes(80, 80, 80));
    await expectReceived(client, ofSizes(80, 80, 80));
    expect(calls.messagesSent).toBe(3);
  });

  test('any mixture of peers, lengths and answers of the kernel: all come, once', async () => {
    const three = [
      await clientAt('127.0.0.1'),
      await clientAt('127.0.0.1'),
      await clientAt('127.0.0.1'),
    ] as const;
    const size = fc.oneof(fc.constantFrom(0, 60, 61, 90, 1232, 1233), fc.nat(1500));
    const datagram = fc.record({ client: fc.constantFrom(...three), size });
    const answer = fc.constantFrom(-1, -3, wouldBlock, notPermitted, 4);
    await fc.assert(
      fc.asyncProperty(
        fc.array(datagram, { minLength: 1, maxLength: 128 }),
        fc.array(answer, { maxLength: 4 }),
        async (datagrams, answers) => {
          for (const { received } of three) received.length = 0;
          sending.losses.length = 0;
          calls.sends.push(...answers);
          for (const [number, { client, size: length }] of datagrams.entries()) {
            sendAll(client, [octetsOf(number, length)]);
          }
          const came = (): number => three.reduce((sum, { received }) => sum + received.length, 0);
          await waitFor('all', () => came() + sending.losses.length >= datagrams.length);
          expect(came() + sending.losses.length).toBe(datagrams.length);
          const wanted = datagrams.map(({ size: length }, number) => octetsOf(number, length));
          const known = new Set(wanted.map((octets) => octets.toString('hex')));
          for (const { received } of three) {
            for (const octets of received) expect(known.has(octets.toString('hex'))).toBe(true);
          }
          calls.sends.length = 0;
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a kernel that does not take what was joined', () => {
  test.each([
    ['EIO', inputOutput],
    ['EINVAL', invalid],
  ])('%s: each goes by itself, now and from now on', async (_, error) => {
    const client = await clientAt('127.0.0.1');
    calls.sends.push(error);
    sendAll(client, ofSizes(80, 80, 80));
    await expectReceived(client, ofSizes(80, 80, 80));
    expect(sending.joiningRefusals).toBe(1);
    client.received.length = 0;
    calls.messagesSent = 0;
    sendAll(client, ofSizes(70, 70));
    await expectReceived(client, ofSizes(70, 70));
    expect(calls.messagesSent).toBe(2);
    expect(sending.joiningRefusals).toBe(1);
    expect(sending.losses).toEqual([]);
  });

  test('EPERM: each is tried by itself, only what is refused again is lost, and joining goes on', async () => {
    const client = await clientAt('127.0.0.1');
    calls.sends.push(notPermitted, notPermitted);
    sendAll(client, ofSizes(80, 80, 80));
    await expectReceived(client, ofSizes(80, 80, 80).slice(1));
    expect(sending.losses).toEqual(['send_error']);
    client.received.length = 0;
    calls.messagesSent = 0;
    sendAll(client, ofSizes(70, 70));
    await expectReceived(client, ofSizes(70, 70));
    expect(calls.messagesSent).toBe(1);
    expect(sending.joiningRefusals).toBe(0);
  });

  test('ENOBUFS: all of the message are lost, each is counted', async () => {
    const client = await clientAt('127.0.0.1');
    calls.sends.push(noBuffers);
    sendAll(client, ofSizes(80, 80, 80));
    await waitFor('the losses', () => sending.losses.length === 3);
    expect(sending.losses).toEqual(['no_buffers', 'no_buffers', 'no_buffers']);
    sendAll(client, ofSizes(70));
    await expectReceived(client, ofSizes(70));
  });

  test('EAGAIN between two messages: the second one goes later, the first one not again', async () => {
    const both = [await clientAt('127.0.0.1'), await clientAt('127.0.0.1')] as const;
    calls.sends.push(-1, wouldBlock);
    for (const client of both) sendAll(client, ofSizes(80, 80));
    for (const client of both) await expectReceived(client, ofSizes(80, 80));
    expect(calls.messagesSent).toBe(2);
    expect(sending.losses).toEqual([]);
  });
});

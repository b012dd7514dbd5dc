import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { AlteredCalls } from '../datagram/altered-calls.ts';
import { waitFor } from '../support/wait-for.ts';
import { Rig, answerTo, keptAnswers, numbered } from './support.ts';
import type { RigOptions } from './support.ts';

let rig: Rig;

afterEach(() => rig.stop());

const ways: readonly (readonly [string, RigOptions])[] = [
  ['a kept answer', { kept: keptAnswers(4) }],
  ['a late answer', { resolve: (query) => Promise.resolve(answerTo(query, 4)) }],
];

/** Who answers a query that is sent to a host at this port. */
async function answererOf(host: string, port: number): Promise<string> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const answered = once(socket, 'message');
  socket.send(numbered(1), port, host);
  const [, from] = (await answered) as [Buffer, { address: string; port: number }];
  expect(from.port).toBe(port);
  socket.close();
  return from.address;
}

describe.each(ways)(
  'bound to a wildcard address, %s leaves from the address that was asked',
  (...[, options]) => {
    test.each([
      ['0.0.0.0', ['127.0.0.1', '127.0.0.2', '127.9.8.7']],
      ['::', ['::1', '127.0.0.1', '127.0.0.2']],
    ])('at %s', async (host, asked) => {
      rig = new Rig({ ...options, address: { host, port: 0 } });
      const { address } = await rig.udp('batched');
      for (const one of asked) expect(await answererOf(one, address.port)).toBe(one);
    });
  },
);

test('RFC 768: a query from port 0 cannot be answered', async () => {
  const calls = new AlteredCalls();
  calls.onReceived = (memories, count) => {
    const [received] = memories.slice(-3); // those to send from come after it
    if (received !== undefined) forgetPorts(received, count);
  };
  rig = new Rig({ kept: keptAnswers(4), calls });
  const { address } = await rig.udp('batched');
  const socket = createSocket('udp4');
  socket.send(numbered(1), address.port, address.host);
  await waitFor('it', () => rig.observer.of('dropped port_zero') === 1);
  calls.onReceived = undefined;
  const answered = once(socket, 'message');
  socket.send(numbered(2), address.port, address.host);
  await answered;
  socket.close();
});

/** Sets the port of IPv4 senders on loopback to 0. */
function forgetPorts(memory: ArrayBuffer, count: number): void {
  const bytes = Buffer.from(memory);
  const names = 64 * (64 + 16);
  for (let slot = 0; slot < count; slot++) bytes.writeUInt16BE(0, names + slot * 32 + 2);
}

import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SeededRandom } from '../../src/base/random.ts';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { udpTransports } from './support.ts';

const seed = 20_261_123;
const messages = 2000;
let replicas: TestReplica[];

beforeAll(async () => {
  replicas = await Promise.all(
    udpTransports.map((transport) =>
      startReplica({ upstreams: ['127.0.0.1:9'], set: { 'listen.udp.transport': transport } }),
    ),
  );
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
});

/** Queries that are answered here, with octets changed, cut off, added or all made up. */
function junkOf(random: SeededRandom): Buffer {
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const query = encodeQuery({ name: 'localhost', id: random.uint16(), edns: {} });
  switch (below(4)) {
    case 0:
      return Buffer.from(Array.from({ length: below(600) }, () => below(256)));
    case 1:
      return query.subarray(0, below(query.length));
    case 2:
      return Buffer.concat([query, Buffer.alloc(below(5000), below(256))]);
    default:
      for (let changes = 1 + below(3); changes > 0; changes--) query[below(12)] = below(256);
      return query;
  }
}

test(`both transports answer ${String(messages)} damaged queries the same (seed ${String(seed)})`, async () => {
  const answers = await Promise.all(
    replicas.map(async ({ address }) => {
      const random = new SeededRandom(seed);
      const client = new UdpClient(address);
      for (let sent = 0; sent < messages; sent += 50) {
        for (let index = 0; index < 50; index++) client.send(junkOf(random));
        const id = 0xff00 + sent / 50;
        client.send(encodeQuery({ name: 'localhost', id }));
        while (readMessage(await client.next()).id !== id);
      }
      await client.close();
      return client.received.map((octets) => octets.toString('hex')).toSorted();
    }),
  );
  expect(answers[0]?.length).toBeGreaterThan(messages / 50);
  expect(answers[0]).toEqual(answers[1]);
});

test('a transport that is none is refused by the configuration', async () => {
  await expect(startReplica({ set: { 'listen.udp.transport': 'raw' } })).rejects.toThrow(
    /listen\.udp\.transport/,
  );
});

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TcpClient, UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

let clock: VirtualClock;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let busy: UdpClient;
let other: UdpClient;

const burst = 5;

async function start(set: Readonly<Record<string, string>>): Promise<void> {
  replica = await startReplica({
    upstreams: [upstream.text],
    clock,
    set: {
      'clients.rateLimit.exempt': '10.0.0.0/8',
      'clients.rateLimit.burst': String(burst),
      'clients.rateLimit.queriesPerSecond': '1',
      ...set,
    },
  });
  busy = new UdpClient(replica.address, '127.0.0.2');
  other = new UdpClient(replica.address, '127.0.0.3');
}

beforeEach(async () => {
  clock = new VirtualClock();
  upstream = await ScriptedUpstream.start();
});
afterEach(async () => {
  await Promise.all([busy.close(), other.close()]);
  await replica.stop();
  await upstream.stop();
});

const query = (id: number): Buffer => encodeQuery({ name: 'www.example', id });

async function useUp(client: UdpClient): Promise<void> {
  for (let id = 0; id < burst; id++) {
    expect(readMessage(await client.ask(query(id)))).toMatchObject({ id, flags: 'qr rd ra' });
  }
}

describe.each(['batched', 'dgram'])('a client beyond its limit (%s)', (way) => {
  const slipping = { 'listen.udp.transport': way, 'clients.rateLimit.slip': '1' };

  test('is told to come by TCP, and is served there; others notice nothing; later it is served again', async () => {
    await start(slipping);
    await useUp(busy);
    const truncated = readMessage(await busy.ask(query(100)));
    expect(truncated).toMatchObject({ id: 100, flags: 'qr tc rd ra', answers: [] });

    const connection = await TcpClient.open(replica.address, '127.0.0.2');
    const whole = readMessage(await connection.ask(query(101)));
    expect(whole).toMatchObject({ id: 101, flags: 'qr rd ra' });
    expect(whole.answers).toHaveLength(1);
    connection.close();

    expect(readMessage(await other.ask(query(1))).flags).toBe('qr rd ra');
    await clock.advance(1000);
    expect(readMessage(await busy.ask(query(102))).flags).toBe('qr rd ra');
    expect(await replica.metric('heimdall_queries_shed_total{reason="rate_limit"}')).toEqual([
      'heimdall_queries_shed_total{reason="rate_limit"} 1',
    ]);
  });

  test('gets nothing at all where no answer slips through', async () => {
    await start({ ...slipping, 'clients.rateLimit.slip': '0' });
    await useUp(busy);
    for (let id = 100; id < 110; id++) busy.send(query(id));
    await clock.advance(1000);
    // Datagrams keep their order on loopback: what would have been answered came before this.
    expect(readMessage(await busy.ask(query(200))).id).toBe(200);
    expect(busy.received).toHaveLength(burst + 1);
  });

  test('is the network where the limit is one for a network', async () => {
    await start({ ...slipping, 'clients.rateLimit.ipv4PrefixLength': '24' });
    await useUp(busy);
    expect(readMessage(await other.ask(query(1))).flags).toBe('qr tc rd ra');
  });
});

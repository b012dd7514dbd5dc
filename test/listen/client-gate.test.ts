import { afterEach, describe, expect, test } from '@jest/globals';
import { ClientGuard } from '../../src/admit/client-guard.ts';
import type { ClientPolicy } from '../../src/admit/client-guard.ts';
import { loadConfig } from '../../src/config/load.ts';
import { UdpClient, TcpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { keptAnswers, numbered, Rig, udpTransports } from './support.ts';
import type { UdpTransportName } from './support.ts';

/** What a replica has that was configured in nothing. */
const defaults: ClientPolicy = loadConfig({ env: {}, flags: {} }).config.clients;

let rig: Rig;
let client: UdpClient | undefined;

afterEach(async () => {
  await client?.close();
  client = undefined;
  await rig.stop();
});

async function startUdp(policy: ClientPolicy, transport: UdpTransportName): Promise<UdpClient> {
  rig = new Rig({ gate: new ClientGuard(policy, 1), kept: keptAnswers(4) });
  const { address } = await rig.udp(transport);
  client = new UdpClient(address);
  return client;
}

describe.each(udpTransports)('clients over UDP (%s)', (transport) => {
  test('who may not ask gets REFUSED with extended error 18 (RFC 8914 section 4.19), also on a hit', async () => {
    const asking = await startUdp({ ...defaults, deny: ['127.0.0.0/8'] }, transport);
    const response = await asking.ask(encodeQuery({ name: 'kept.example', edns: {} }));
    expect(response.readUInt16BE(2) & 0x0f).toBe(5);
    expect(response.includes(Buffer.from([0, 18]))).toBe(true);
    expect(rig.observer.of('shed access')).toBe(1);
  });

  test('what is no query is not answered, whoever sent it', async () => {
    const asking = await startUdp({ ...defaults, deny: ['127.0.0.0/8'] }, transport);
    const response = encodeQuery({ name: 'kept.example' });
    response[2] = 0x80;
    asking.send(response);
    asking.send(Buffer.from([1, 2, 3]));
    await asking.ask(numbered(1)); // the order of datagrams is kept on loopback
    expect([rig.observer.of('dropped response'), rig.observer.of('dropped runt')]).toEqual([1, 1]);
  });

  test('by default loopback and private networks may ask, without a limit on loopback', async () => {
    const asking = await startUdp(
      {
        ...defaults,
        rateLimit: { ...defaults.rateLimit, queriesPerSecond: 1, burst: 1 },
      },
      transport,
    );
    for (let id = 0; id < 5; id++) {
      expect(readMessage(await asking.ask(numbered(id))).flags).toBe('qr rd ra');
    }
  });

  test('beyond the rate every second answer over UDP is truncated, so that a client comes by TCP', async () => {
    const asking = await startUdp(
      {
        ...defaults,
        rateLimit: { ...defaults.rateLimit, exempt: [], burst: 2, queriesPerSecond: 1, slip: 2 },
      },
      transport,
    );
    for (const id of [1, 2])
      expect(readMessage(await asking.ask(numbered(id))).flags).toBe('qr rd ra');
    asking.send(numbered(3));
    const truncated = readMessage(await asking.ask(numbered(4)));
    expect(truncated.flags).toBe('qr tc rd ra');
    expect(truncated.id).toBe(4);
    expect(rig.observer.of('shed rate_limit')).toBe(2);
    await rig.clock.advance(1000);
    expect(readMessage(await asking.ask(numbered(5))).flags).toBe('qr rd ra');
  });
});

test('who may not ask has the connection over TCP closed', async () => {
  rig = new Rig({ gate: new ClientGuard({ ...defaults, allow: ['10.0.0.0/8'] }, 1) });
  const { address } = await rig.tcp();
  const connection = await TcpClient.open(address);
  await connection.closed();
  expect(rig.observer.of('refused access')).toBe(1);
});

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { listenFailure } from '../../src/listen/listen-error.ts';
import { askTcp, askUdp } from '../support/dns-clients.ts';
import { encodeQuery } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { Rig, answerTo, udpTransports } from './support.ts';

const query = encodeQuery({ name: 'localhost' });

describe('a replica', () => {
  let replica: TestReplica | undefined;
  afterEach(async () => {
    await replica?.stop();
    replica = undefined;
  });

  async function listenOn(...addresses: readonly string[]): Promise<TestReplica> {
    const set = { 'listen.addresses': addresses.join(',') };
    return (replica = await startReplica({ upstreams: ['192.0.2.1'], set }));
  }

  test('RFC 7766 5: answers UDP and TCP on one port', async () => {
    const { address } = await listenOn('127.0.0.1:0');
    expect(await askTcp(address, query)).toEqual(await askUdp(address, query));
  });

  test('RFC 3596 3: answers over IPv6, UDP and TCP', async () => {
    const { address } = await listenOn('[::1]:0');
    expect(address.host).toBe('::1');
    expect(await askTcp(address, query)).toEqual(await askUdp(address, query));
  });

  test('answers at every address, IPv4 and IPv6, from one socket each', async () => {
    const { replica: running } = await listenOn('0.0.0.0:0', '[::]:0');
    const ports = running.addresses.map(({ port }) => port);
    expect(ports).toHaveLength(2);
    const v4 = { host: '127.0.0.1', port: ports[0] ?? 0 };
    const v6 = { host: '::1', port: ports[1] ?? 0 };
    expect(await askUdp(v4, query)).toEqual(await askUdp(v6, query));
    expect(await askTcp(v4, query)).toEqual(await askTcp(v6, query));
  });

  test('one port takes IPv4 and IPv6 beside each other', async () => {
    const first = await listenOn('127.0.0.1:0');
    const { port } = first.address;
    await first.stop();
    const { replica: running } = await listenOn(`0.0.0.0:${String(port)}`, `[::]:${String(port)}`);
    expect(running.addresses.map((address) => address.port)).toEqual([port, port]);
    expect(await askUdp({ host: '127.0.0.1', port }, query)).toEqual(
      await askUdp({ host: '::1', port }, query),
    );
  });

  test('frees every port when one of its addresses is taken', async () => {
    const taken = createServer();
    taken.listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const first = await listenOn('127.0.0.1:0');
    const free = first.address.port;
    await first.stop();
    const both = [`127.0.0.1:${String(free)}`, `127.0.0.1:${String(port)}`];
    await expect(listenOn(...both)).rejects.toThrow(/cannot listen on TCP 127\.0\.0\.1/);
    const again = await listenOn(`127.0.0.1:${String(free)}`);
    expect((await askUdp(again.address, query)).readUInt16BE(6)).toBe(1);
    taken.close();
  });
});

describe('a port that cannot be had', () => {
  test('is named with its owner to look for and a port to use instead', async () => {
    const busy = createSocket('udp4');
    busy.bind(0, '127.0.0.1');
    await once(busy, 'listening');
    const address = { host: '127.0.0.1', port: busy.address().port };
    const rig = new Rig({ address, resolve: (asked) => Promise.resolve(answerTo(asked, 4)) });
    for (const transport of udpTransports)
      await expect(rig.udp(transport)).rejects.toThrow(
        /^cannot listen on UDP 127\.0\.0\.1:\d+: another process holds the port\. Stop it .* 0\.0\.0\.0:1053/,
      );
    busy.close();
  });

  test('without the privilege for it says how to do without', () => {
    const cause = Object.assign(new Error('bind EACCES 0.0.0.0:53'), { code: 'EACCES' });
    const failure = listenFailure('UDP', { host: '0.0.0.0', port: 53 }, cause);
    expect(failure).toMatchObject({ code: 'listen_failed', cause });
    expect(failure.message).toMatch(/UDP 0\.0\.0\.0:53: .*Listen on 1053 .* CAP_NET_BIND_SERVICE/);
    const high = listenFailure('TCP', { host: '0.0.0.0', port: 5353 }, cause);
    expect(high.message).not.toContain('privilege');
  });

  test('at an address of another machine says so', async () => {
    const rig = new Rig({ address: { host: '192.0.2.1', port: 0 } });
    await expect(rig.tcp()).rejects.toThrow(/no interface of this machine has the address 192/);
    for (const transport of udpTransports)
      await expect(rig.udp(transport)).rejects.toThrow(
        /no interface of this machine has the address 192/,
      );
  });
});

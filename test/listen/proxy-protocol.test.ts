import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClientGuard } from '../../src/admit/client-guard.ts';
import { loadConfig } from '../../src/config/load.ts';
import { DnsOverTls } from '../../src/listen/encrypted-protocols.ts';
import { readProxyHeader } from '../../src/listen/proxy-header.ts';
import type { TcpListener } from '../../src/listen/tcp-listener.ts';
import { makeCertificate } from '../support/certificates.ts';
import { framed, TcpClient } from '../support/dns-clients.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { numbered, Rig } from './support.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function header(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from([command, family, rest.length >> 8, rest.length & 0xff]);
  return Buffer.concat([signature, head, rest]);
}

/** 192.0.2.7 port 4660 to 198.51.100.1 port 853. */
const addressesV4 = Buffer.from('c0000207c633640112340355', 'hex');
const fromV4 = header(0x21, 0x11, addressesV4);
const local = header(0x20, 0, Buffer.alloc(0));

describe('the header of the PROXY protocol', () => {
  test('names the client by IPv4 or IPv6, with whatever stands behind', () => {
    const client = { host: '192.0.2.7', port: 0x1234 };
    expect(readProxyHeader(fromV4)).toEqual({ kind: 'header', length: 28, client });
    const more = header(0x21, 0x11, Buffer.concat([addressesV4, Buffer.alloc(20, 3)]));
    expect(readProxyHeader(more)).toEqual({ kind: 'header', length: 48, client });
    const v6 = Buffer.from(`20010db8${'00'.repeat(11)}01${'00'.repeat(16)}00350355`, 'hex');
    expect(readProxyHeader(header(0x21, 0x21, v6))).toMatchObject({
      client: { host: '2001:db8::1', port: 53 },
    });
  });

  test('names nobody for a health check (LOCAL) and for other families', () => {
    expect(readProxyHeader(local)).toEqual({ kind: 'header', length: 16, client: undefined });
    const unix = header(0x21, 0x31, Buffer.alloc(216));
    expect(readProxyHeader(unix)).toMatchObject({ kind: 'header', client: undefined });
  });

  test.each([
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4660 853\r\n')],
    ['another version', header(0x11, 0x11, addressesV4)],
    ['another command', header(0x22, 0x11, addressesV4)],
    ['addresses cut off', header(0x21, 0x11, addressesV4.subarray(0, 8))],
    ['more than any balancer says', header(0x21, 0x11, Buffer.alloc(4097))],
    ['a DNS query', framed(numbered(1))],
  ])('%s is refused', (_what, octets) => {
    expect(readProxyHeader(octets).kind).toBe('malformed');
  });

  test('whatever comes, in whatever pieces, is judged within its octets', () => {
    const damaged = fc.tuple(fc.nat(fromV4.length - 1), fc.nat(255)).map(([at, value]) => {
      const copy = Buffer.from(fromV4);
      copy[at] = value;
      return copy;
    });
    const anything = fc.uint8Array({ maxLength: 64 }).map((octets) => Buffer.from(octets));
    fc.assert(
      fc.property(fc.oneof(damaged, anything), fc.nat(64), (octets, cut) => {
        const whole = readProxyHeader(octets);
        if (whole.kind === 'header') expect(whole.length).toBeLessThanOrEqual(octets.length);
        const part = readProxyHeader(octets.subarray(0, cut));
        // What was refused or read early is so for good.
        if (part.kind !== 'incomplete') expect(part).toEqual(whole);
      }),
    );
  });
});

describe('connections that begin with it', () => {
  let rig: Rig;
  let clients: TcpClient[] = [];

  afterEach(async () => {
    for (const client of clients) client.close();
    clients = [];
    await rig.stop();
  });

  async function start(from = '127.0.0.0/8', deny: string[] = []): Promise<TcpListener> {
    const { clients: policy } = loadConfig({ env: {}, flags: {} }).config;
    const gate = new ClientGuard({ ...policy, allow: ['127.0.0.0/8', '192.0.2.0/24'], deny }, 1);
    rig = new Rig({ gate, proxiesFrom: [from] });
    return rig.tcp();
  }

  async function connect(listener: TcpListener): Promise<TcpClient> {
    const client = await TcpClient.open(listener.address);
    clients.push(client);
    return client;
  }

  async function queryArrived(): Promise<string> {
    await waitFor('a query', () => rig.stages.queries.length === 1);
    return rig.stages.queries[0]?.client.host ?? '';
  }

  test('come from whom the balancer names, octet by octet as well', async () => {
    const client = await connect(await start());
    for (const octet of fromV4) client.write(Buffer.from([octet]));
    client.send(numbered(1));
    expect(await queryArrived()).toBe('192.0.2.7');
  });

  test('may bring the query in the same piece', async () => {
    const client = await connect(await start());
    client.write(Buffer.concat([fromV4, framed(numbered(1))]));
    expect(await queryArrived()).toBe('192.0.2.7');
    rig.stages.answer(0);
    expect((await client.next()).readUInt16BE(0)).toBe(1);
  });

  test('of the balancer itself come from the balancer', async () => {
    const client = await connect(await start());
    client.write(Buffer.concat([local, framed(numbered(1))]));
    expect(await queryArrived()).toBe('127.0.0.1');
  });

  test('are judged by the client, not by the balancer', async () => {
    const client = await connect(await start('127.0.0.0/8', ['192.0.2.0/24']));
    client.write(Buffer.concat([fromV4, framed(numbered(1))]));
    await client.closed();
    expect(rig.observer.of('refused access')).toBe(1);
  });

  test('without a right header are closed and counted', async () => {
    const client = await connect(await start());
    client.send(numbered(1));
    await client.closed();
    expect(rig.observer.of('refused proxy_header')).toBe(1);
  });

  test('without a whole header are closed in time; one that says nothing is no mistake', async () => {
    const listener = await start();
    const slow = await connect(listener);
    slow.write(fromV4.subarray(0, 20));
    const check = await connect(listener);
    check.socket.end();
    await check.closed();
    expect(rig.observer.of('refused proxy_header')).toBe(0);
    await rig.clock.advance(5001);
    await slow.closed();
    expect(rig.observer.of('refused proxy_header')).toBe(1);
  });

  test('from anybody else are what they are: a header there is no DNS', async () => {
    const listener = await start('10.0.0.0/8');
    const plain = await connect(listener);
    plain.send(numbered(1));
    expect(await queryArrived()).toBe('127.0.0.1');
  });

  test('may go on with TLS', async () => {
    const certificate = await makeCertificate();
    await start();
    await rig.stop();
    const listener = await rig.tcp(new DnsOverTls(certificate));
    const raw = await connect(listener);
    raw.write(fromV4);
    const socket = connectTls({ socket: raw.socket, rejectUnauthorized: false });
    await within('a handshake', once(socket, 'secureConnect'));
    socket.write(framed(numbered(1)));
    expect(await queryArrived()).toBe('192.0.2.7');
    await certificate.remove();
  });
});

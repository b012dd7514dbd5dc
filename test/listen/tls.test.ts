import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ClientGuard } from '../../src/admit/client-guard.ts';
import { loadConfig } from '../../src/config/load.ts';
import { DnsOverTls } from '../../src/listen/encrypted-protocols.ts';
import type { TcpListener } from '../../src/listen/tcp-listener.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { TcpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { waitFor, within } from '../support/wait-for.ts';
import { answerTo, keptAnswers, numbered, Rig } from './support.ts';
import type { RigOptions } from './support.ts';

let certificate: TestCertificate;
let protocol: DnsOverTls;
let rig: Rig;
let listener: TcpListener;
let clients: TcpClient[] = [];

beforeAll(async () => {
  certificate = await makeCertificate();
});
afterAll(() => certificate.remove());
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await rig.stop();
});

async function start(options: RigOptions = {}): Promise<void> {
  rig = new Rig(options);
  protocol = new DnsOverTls(certificate);
  listener = await rig.tcp(protocol);
}

async function connectTls(options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { host, port } = listener.address;
  const socket = connect({ host, port, ca: certificate.cert, ...options });
  await within('a handshake', once(socket, 'secureConnect'));
  return socket;
}

async function open(options: ConnectionOptions = {}): Promise<TcpClient> {
  const client = TcpClient.over(await connectTls(options));
  clients.push(client);
  return client;
}

const immediate: RigOptions = { resolve: (query) => Promise.resolve(answerTo(query, 4)) };

describe('DNS over TLS (RFC 7858)', () => {
  test('answers from the stages and from the hot path, pipelined on one connection', async () => {
    await start({ ...immediate, kept: keptAnswers(4) });
    const client = await open();
    client.send(numbered(1), numbered(2), encodeQuery({ name: 'q3.example', id: 3, type: 'ANY' }));
    const ids = [await client.next(), await client.next(), await client.next()].map(
      (message) => readMessage(message).id,
    );
    expect(ids.toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
  });

  test('a client that asks for the protocol "dot" gets it, another protocol is refused', async () => {
    await start(immediate);
    const socket = await connectTls({ ALPNProtocols: ['dot'] });
    expect(socket.alpnProtocol).toBe('dot');
    socket.destroy();
    await expect(connectTls({ ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/i);
  });

  test('TLS 1.1 is refused (RFC 9325 section 3.1.1)', async () => {
    await start(immediate);
    const old = {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(connectTls(old)).rejects.toThrow(/protocol version|handshake/i);
    await waitFor('the count', () => rig.observer.of('refused handshake') === 1);
  });

  test('octets that are no handshake end the connection and are counted', async () => {
    await start(immediate);
    const client = await TcpClient.open(listener.address);
    clients.push(client);
    client.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await client.closed();
    await waitFor('the count', () => rig.observer.of('refused handshake') === 1);
  });

  test('responses are filled to blocks of 468 octets where the query was padded (RFC 8467)', async () => {
    await start({ ...immediate, kept: keptAnswers(4) });
    const client = await open();
    const padding = { code: 12, data: Buffer.alloc(50) };
    const padded = await client.ask(
      encodeQuery({ name: 'q.example', edns: { options: [padding] } }),
    );
    expect(padded).toHaveLength(468);
    expect(readMessage(padded).options.map(({ code }) => code)).toContain(12);
    const plain = await client.ask(encodeQuery({ name: 'q.example', edns: {} }));
    expect(plain.length).toBeLessThan(100);
  });

  test('a padded response never passes 65,535 octets', async () => {
    await start({
      resolve: (query) => Promise.resolve(answerTo(query, 65_515 - 24 - query.asked.length)),
    });
    const client = await open();
    const padding = { code: 12, data: Buffer.alloc(1) };
    const response = await client.ask(
      encodeQuery({ name: 'q.example', edns: { options: [padding] } }),
    );
    expect(response).toHaveLength(65_535);
  });

  test('the idle time is announced to who asks for it (RFC 7828)', async () => {
    await start(immediate);
    const client = await open();
    const keepalive = { code: 11, data: Buffer.alloc(0) };
    const response = await client.ask(
      encodeQuery({ name: 'q.example', edns: { options: [keepalive] } }),
    );
    const [option] = readMessage(response).options.filter(({ code }) => code === 11);
    expect(response.includes(Buffer.from([0, 11, 0, 2, 0, 100]))).toBe(true);
    expect(option).toBeDefined();
  });

  test('a session is resumed without another full handshake', async () => {
    await start(immediate);
    const first = await connectTls({ maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    first.destroy();
    const second = await connectTls({
      maxVersion: 'TLSv1.2',
      ...(session === undefined ? {} : { session }),
    });
    expect(second.isSessionReused()).toBe(true);
    second.destroy();
  });

  test('a new certificate is shown to new connections, and open ones go on', async () => {
    await start(immediate);
    const client = await open();
    const renewed = await makeCertificate('renewed.example');
    protocol.replaceCertificate(renewed);
    const socket = await connectTls({ ca: renewed.cert, servername: 'renewed.example' });
    expect(socket.getPeerCertificate().subject.CN).toBe('renewed.example');
    socket.destroy();
    expect(readMessage(await client.ask(numbered(9))).id).toBe(9);
    await renewed.remove();
  });

  test('who may not ask is cut off before the handshake; the limit of a client holds', async () => {
    const { clients: policy } = loadConfig({ env: {}, flags: {} }).config;
    await start({ ...immediate, gate: new ClientGuard({ ...policy, deny: ['127.0.0.0/8'] }, 1) });
    await expect(connectTls()).rejects.toThrow();
    expect(rig.observer.of('refused access')).toBe(1);
    await rig.stop();
    await start({ ...immediate, tcp: { connectionsPerClientMax: 1 } });
    await open();
    await expect(connectTls()).rejects.toThrow();
    expect(rig.observer.of('refused client_limit')).toBe(1);
  });

  test('an idle connection is closed after its time, and all at the end', async () => {
    await start({ ...immediate, tcp: { idleTimeoutMs: 1000 } });
    const client = await open();
    expect(listener.connectionCount).toBe(1);
    await rig.clock.advance(2000);
    await client.closed();
    const other = await open();
    await rig.stop();
    await other.closed();
  });
});

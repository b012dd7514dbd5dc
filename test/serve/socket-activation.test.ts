import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { SocketAddress } from '../../src/base/address.ts';
import { inheritedSockets } from '../../src/listen/inherited-sockets.ts';
import { makeCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { askTcp, askUdp, TcpClient } from '../support/dns-clients.ts';
import { freePort } from '../support/free-ports.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { installed } from '../support/processes.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { within } from '../support/wait-for.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const query = encodeQuery({ name: 'www.example', id: 77 });
/** `exec` keeps the process, so that it is the one that LISTEN_PID names. */
const asActivated = 'LISTEN_PID=$$ exec "$@"';

let certificate: TestCertificate;
let upstream: ScriptedUpstream;
let child: ChildProcess | undefined;
let written = '';

beforeAll(async () => {
  [certificate, upstream] = await Promise.all([makeCertificate(), ScriptedUpstream.start()]);
});
afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill();
    await within('the end of a replica', once(child, 'exit'));
  }
  written = '';
});
afterAll(() => Promise.all([certificate.remove(), upstream.stop()]));

function replicaArgv(): string[] {
  const options = {
    'upstream.servers': upstream.text,
    'upstream.loopDetection': 'false',
    'http.address': 'off',
    'listen.certificate.file': certificate.certificateFile,
    'listen.certificate.keyFile': certificate.keyFile,
    workers: '2', // left out: a worker has no share in what is inherited
  };
  const set = Object.entries(options).flatMap(([path, value]) => ['--set', `${path}=${value}`]);
  return [process.execPath, main, 'serve', ...set];
}

function start(
  command: string,
  argv: readonly string[],
  names: string,
  fds: readonly number[],
): void {
  const env = { ...process.env, LISTEN_FDS: String(fds.length), LISTEN_FDNAMES: names };
  child = spawn(command, argv, { env, stdio: ['ignore', 'ignore', 'pipe', ...fds] });
  child.stderr?.on('data', (chunk: Buffer) => (written += chunk.toString()));
}

/** The descriptor of a socket of Node, which it does not tell. */
function descriptorOf(socket: object): number {
  const handle: unknown = Reflect.get(socket, '_handle') ?? stateHandle(socket);
  return Number(Reflect.get(Object(handle), 'fd'));
}

/** Datagram sockets keep theirs behind a symbol. */
function stateHandle(socket: object): unknown {
  const [symbol] = Object.getOwnPropertySymbols(socket).filter((one) =>
    String(one).includes('state symbol'),
  );
  return symbol === undefined
    ? undefined
    : Reflect.get(Object(Reflect.get(socket, symbol)), 'handle');
}

async function boundUdp(
  host: string,
): Promise<{ fd: number; address: SocketAddress; close: () => void }> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, host);
  await once(socket, 'listening');
  const address = { host, port: socket.address().port };
  return { fd: descriptorOf(socket), address, close: () => void socket.close() };
}

async function boundTcp(): Promise<{ fd: number; address: SocketAddress; close: () => void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = { host: '127.0.0.1', port };
  return { fd: descriptorOf(server), address, close: () => void server.close() };
}

describe('sockets that a service manager has bound', () => {
  test('are served: UDP over both families, TCP and TLS, by name', async () => {
    const udp = await boundUdp('127.0.0.1');
    const udp6 = await boundUdp('::1');
    const tcp = await boundTcp();
    const tls = await boundTcp();
    const all = [udp, udp6, tcp, tls];
    const argv = ['-c', asActivated, 'sh', ...replicaArgv()];
    start(
      '/bin/sh',
      argv,
      'dns:dns:dns:tls',
      all.map(({ fd }) => fd),
    );
    for (const { close } of all) close();
    for (const { address } of [udp, udp6]) {
      expect(readMessage(await askUdp(address, query))).toMatchObject({ id: 77, code: 0 });
    }
    expect(readMessage(await askTcp(tcp.address, query))).toMatchObject({ id: 77, code: 0 });
    const secure = connectTls({ ...tls.address, rejectUnauthorized: false });
    await within('a handshake', once(secure, 'secureConnect'));
    const client = TcpClient.over(secure);
    expect(readMessage(await client.ask(query))).toMatchObject({ id: 77, code: 0 });
    client.close();
    expect(written).toContain('inherited sockets are served by one process');
  });

  test('of systemd itself are served as well', async () => {
    const port = await freePort();
    const activate = installed('systemd-socket-activate', 'systemd');
    const argv = ['-l', `127.0.0.1:${String(port)}`, '--fdname=dns', ...replicaArgv()];
    child = spawn(activate, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (chunk: Buffer) => (written += chunk.toString()));
    await within('systemd to listen', once(child.stderr ?? child, 'data'));
    const address = { host: '127.0.0.1', port };
    expect(readMessage(await askTcp(address, query))).toMatchObject({ id: 77, code: 0 });
  });

  test('of another process are left alone, and what is no socket is refused', async () => {
    const env = { LISTEN_PID: '1', LISTEN_FDS: '1' };
    expect(await inheritedSockets(env, process.pid)).toEqual([]);
    expect(await inheritedSockets({}, process.pid)).toEqual([]);
    const many = { LISTEN_PID: '77', LISTEN_FDS: '900' };
    await expect(inheritedSockets(many, 77)).rejects.toThrow('is no UDP or TCP socket');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SocketAddress } from '../../src/base/address.ts';
import type { TestCertificate } from './certificates.ts';
import { freePorts } from './free-ports.ts';
import { installed, TestProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

/** A real dnsdist that takes queries over TLS and HTTPS, and passes them on in plain. */
export interface Dnsdist {
  readonly plain: SocketAddress;
  readonly tls: string;
  readonly https: string;
  readonly stop: () => Promise<void>;
}

/**
 * @param backend where it asks: `127.0.0.1:12345`
 * @param way how: over UDP, or over TCP with the header of the PROXY protocol
 */
export async function startDnsdist(
  backend: string,
  { certificateFile, keyFile }: TestCertificate,
  way: 'udp' | 'proxied' = 'udp',
): Promise<Dnsdist> {
  const proxied = way === 'proxied' ? ', tcpOnly = true, useProxyProtocol = true' : '';
  const directory = await mkdtemp(join(tmpdir(), 'heimdall-dnsdist-'));
  const [plain = 0, tls = 0, https = 0] = await freePorts(3);
  const file = join(directory, 'dnsdist.conf');
  const pair = `"${certificateFile}", "${keyFile}"`;
  await writeFile(
    file,
    `setLocal("127.0.0.1:${String(plain)}")
addTLSLocal("127.0.0.1:${String(tls)}", ${pair}, { provider = "openssl" })
addDOHLocal("127.0.0.1:${String(https)}", ${pair}, { "/dns-query" })
newServer({ address = "${backend}"${proxied} })
getServer(0):setUp()
`,
  );
  const argv = ['--supervised', '--disable-syslog', '-C', file];
  const running = new TestProcess(installed('dnsdist', 'dnsdist'), argv, process.env);
  const stop = async (): Promise<void> => {
    await running.kill();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const port of [tls, https]) {
      await waitFor(`dnsdist at port ${String(port)}`, () => isTaken(port, running));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    plain: { host: '127.0.0.1', port: plain },
    tls: `tls://127.0.0.1:${String(tls)}`,
    https: `https://127.0.0.1:${String(https)}`,
    stop,
  };
}

function isTaken(port: number, { unexpectedEnd }: TestProcess): Promise<boolean> {
  if (unexpectedEnd !== undefined) throw new Error(unexpectedEnd);
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UdpClient } from './dns-clients.ts';
import { encodeQuery } from './messages.ts';
import type { TestCertificate } from './certificates.ts';
import { freePorts } from './free-ports.ts';
import { installed, TestProcess } from './processes.ts';
import { waitFor } from './wait-for.ts';

/** The zone that NSD serves: some of everything. */
const zone = `$ORIGIN example.
$TTL 300
@        IN SOA ns host 1 3600 600 86400 120
         IN NS  ns
ns       IN A   127.0.0.1
www      IN A   192.0.2.10
         IN AAAA 2001:db8::10
alias    IN CNAME www
mail     IN MX  10 www
odd      IN TYPE65280 \\# 4 0a000001
long     IN TXT "${'a'.repeat(250)}" "${'b'.repeat(250)}" "${'c'.repeat(250)}" "${'d'.repeat(250)}" "${'e'.repeat(250)}" "${'f'.repeat(250)}"
short    2 IN A 192.0.2.2
`;

/** A real recursive server that asks a real authoritative one, both on loopback. */
export interface NameServers {
  /** Of the recursive one: `127.0.0.1:12345`. */
  readonly text: string;
  /** The same over DoT and DoH, where it was given a certificate. */
  readonly tls: string;
  readonly https: string;
  readonly stop: () => Promise<void>;
}

/**
 * Starts unbound in front of NSD; with a certificate it takes queries over TLS and HTTPS too.
 * @throws with what to install where one is missing
 */
export async function startNameServers(certificate?: TestCertificate): Promise<NameServers> {
  const [unbound, nsd] = [installed('unbound', 'unbound'), installed('nsd', 'nsd')];
  const directory = await mkdtemp(join(tmpdir(), 'heimdall-servers-'));
  const [authority = 0, recursive = 0, tls = 0, https = 0] = await freePorts(4);
  const encryption = certificate === undefined ? '' : encrypted(certificate, tls, https);
  const files = {
    'example.zone': zone,
    'nsd.conf': nsdConfiguration(directory, authority),
    'unbound.conf': unboundConfiguration(recursive, authority, encryption),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const running = [
    new TestProcess(nsd, ['-d', '-c', join(directory, 'nsd.conf')], process.env),
    new TestProcess(unbound, ['-d', '-c', join(directory, 'unbound.conf')], process.env),
  ];
  const stop = async (): Promise<void> => {
    for (const server of running) server.signal('SIGTERM');
    await Promise.all(running.map((server) => server.finished()));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await Promise.all([authority, recursive].map((port) => untilItAnswers(port, running)));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    text: `127.0.0.1:${String(recursive)}`,
    tls: `tls://127.0.0.1:${String(tls)}`,
    https: `https://127.0.0.1:${String(https)}`,
    stop,
  };
}

async function untilItAnswers(port: number, running: readonly TestProcess[]): Promise<void> {
  const client = new UdpClient({ host: '127.0.0.1', port });
  await waitFor(`an answer from port ${String(port)}`, () => {
    const ended = running.find(({ hasEnded }) => hasEnded);
    if (ended !== undefined) throw new Error(`a name server ended: ${ended.stderr}`);
    client.send(encodeQuery({ name: 'www.example' }));
    return client.received.some((answer) => answer.readUInt16BE(6) === 1);
  });
  await client.close();
}

function nsdConfiguration(directory: string, port: number): string {
  return `server:
  ip-address: 127.0.0.1@${String(port)}
  username: ""
  zonesdir: "${directory}"
  database: ""
  pidfile: ""
  xfrdfile: "${directory}/xfrd.state"
  xfrdir: "${directory}"
  zonelistfile: "${directory}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "example"
  zonefile: "example.zone"
`;
}

/** DoT and DoH for unbound, each at its own port. */
function encrypted(certificate: TestCertificate, tls: number, https: number): string {
  return `  interface: 127.0.0.1@${String(tls)}
  interface: 127.0.0.1@${String(https)}
  tls-port: ${String(tls)}
  https-port: ${String(https)}
  tls-service-key: "${certificate.keyFile}"
  tls-service-pem: "${certificate.certificateFile}"
`;
}

function unboundConfiguration(port: number, authority: number, encryption: string): string {
  return `server:
  interface: 127.0.0.1@${String(port)}
${encryption}  do-daemonize: no
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
remote-control:
  control-enable: no
stub-zone:
  name: "example."
  stub-addr: 127.0.0.1@${String(authority)}
`;
}

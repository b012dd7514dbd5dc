import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import { entriesFor } from './peer.ts';
import type { Peer, PeerSetting } from './peer.ts';

/** What an entry adds to resident memory, in the cache of packets and that of records (`memory`). */
const bytesPerEntry = 900;

export const pdnsRecursor: Peer = {
  name: 'pdns-recursor',
  isOwn: false,
  transports: ['udp', 'tcp'],
  isResolver: true,
  unavailable: () => (findProgram('pdns_recursor') === undefined ? 'not installed' : undefined),
  start: (setting) => {
    const program = findProgram('pdns_recursor') ?? 'pdns_recursor';
    return ServerProcess.start('pdns-recursor', setting.port, [program, ...parameters(setting)]);
  },
};

/** Two threads that answer. Without `dont-query=` an upstream on loopback is never asked. */
function parameters(setting: PeerSetting): string[] {
  const { port, metricsPort, upstreamPort, directory } = setting;
  const entries = entriesFor(setting, bytesPerEntry);
  const own = join(directory, 'pdns-recursor');
  mkdirSync(own, { recursive: true });
  const options = {
    'config-dir': own,
    'socket-dir': own,
    'local-address': '127.0.0.1',
    'local-port': String(port),
    'forward-zones-recurse': `.=127.0.0.1:${String(upstreamPort)}`,
    'dont-query': '',
    dnssec: 'off',
    threads: '2',
    'pdns-distributes-queries': 'no',
    reuseport: 'yes',
    daemon: 'no',
    'write-pid': 'no',
    'disable-syslog': 'yes',
    loglevel: '0',
    quiet: 'yes',
    'max-cache-entries': entries,
    'max-packetcache-entries': entries,
    'packetcache-ttl': '86400',
    'server-id': 'disabled',
    webserver: 'yes',
    'webserver-address': '127.0.0.1',
    'webserver-port': String(metricsPort),
    'allow-from': '127.0.0.0/8',
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { EncryptedSetting, Peer, PeerSetting } from './peer.ts';

export const unbound: Peer = {
  name: 'unbound',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => (findProgram('unbound') === undefined ? 'not installed' : undefined),
  start: (setting) => {
    const file = join(setting.directory, 'unbound.conf');
    writeFileSync(file, configuration(setting));
    const command = [findProgram('unbound') ?? 'unbound', '-d', '-c', file];
    return ServerProcess.start('unbound', setting.port, command);
  },
};

/**
 * The cache is split between messages and RRsets. Without `do-not-query-localhost: no` an upstream
 * on loopback is never asked.
 */
function configuration({ port, upstreamPort, cacheBytes, encrypted }: PeerSetting): string {
  const half = String(Math.floor(cacheBytes / 2));
  return `server:
  interface: 127.0.0.1@${String(port)}
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: "/dev/null"
  verbosity: 0
  num-threads: 2
  so-reuseport: yes
  so-rcvbuf: 4m
  outgoing-range: 1024
  num-queries-per-thread: 1024
  incoming-num-tcp: 100
  msg-cache-size: ${half}
  rrset-cache-size: ${half}
  msg-cache-slabs: 2
  rrset-cache-slabs: 2
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
  extended-statistics: yes
  statistics-interval: 0
${encrypted === undefined ? '' : encryption(encrypted)}remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${String(upstreamPort)}
`;
}

function encryption({ tlsPort, httpsPort, certificateFile, keyFile }: EncryptedSetting): string {
  return `  interface: 127.0.0.1@${String(tlsPort)}
  tls-port: ${String(tlsPort)}
  interface: 127.0.0.1@${String(httpsPort)}
  https-port: ${String(httpsPort)}
  tls-service-key: "${keyFile}"
  tls-service-pem: "${certificateFile}"
`;
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerProcess } from '../support/server-process.ts';
import { GoProgram } from './go-program.ts';
import { entriesFor } from './peer.ts';
import type { Peer, PeerSetting } from './peer.ts';

const program = new GoProgram('blocky', 'github.com/0xERR0R/blocky', 'v0.34.0');
/** What an entry adds to resident memory (`memory`). */
const bytesPerEntry = 900;

export const blocky: Peer = {
  name: 'blocky',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => program.unavailable(),
  start: (setting) => {
    const file = join(setting.directory, 'blocky.yml');
    writeFileSync(file, configuration(setting));
    const command = [program.path, 'serve', '--config', file];
    return ServerProcess.start('blocky', setting.port, command);
  },
};

function configuration(setting: PeerSetting): string {
  const { port, metricsPort, upstreamPort, encrypted } = setting;
  const tls =
    encrypted === undefined
      ? ''
      : `  tls: 127.0.0.1:${String(encrypted.tlsPort)}
  https: 127.0.0.1:${String(encrypted.httpsPort)}
`;
  const certificate =
    encrypted === undefined
      ? ''
      : `certFile: ${encrypted.certificateFile}
keyFile: ${encrypted.keyFile}
`;
  return `upstreams:
  init:
    strategy: fast
  groups:
    default: ['127.0.0.1:${String(upstreamPort)}']
specialUseDomains:
  enable: false
caching:
  minTime: 0
  maxTime: 24h
  maxItemsCount: ${entriesFor(setting, bytesPerEntry)}
prometheus:
  enable: true
queryLog:
  type: none
log:
  level: error
ports:
  dns: 127.0.0.1:${String(port)}
  http: 127.0.0.1:${String(metricsPort)}
${tls}${certificate}`;
}

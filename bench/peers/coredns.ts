import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerProcess } from '../support/server-process.ts';
import { GoProgram } from './go-program.ts';
import { entriesFor } from './peer.ts';
import type { Peer, PeerSetting } from './peer.ts';

/** What an entry adds to resident memory (`memory`). */
const bytesPerEntry = 900;
/** It spreads its entries over 256 shards, and a shard that is full evicts before others. */
const entriesMin = 1024;

const program = new GoProgram('coredns', 'github.com/coredns/coredns', 'v1.14.7');

export const coredns: Peer = {
  name: 'coredns',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => program.unavailable(),
  start: (setting) => {
    const file = join(setting.directory, 'Corefile');
    writeFileSync(file, configuration(setting));
    return ServerProcess.start('coredns', setting.port, [program.path, '-conf', file]);
  },
};

function configuration(setting: PeerSetting): string {
  const { port, metricsPort, encrypted } = setting;
  const plain = server(`.:${String(port)}`, setting, `prometheus 127.0.0.1:${String(metricsPort)}`);
  if (encrypted === undefined) return plain;
  const { tlsPort, httpsPort, certificateFile, keyFile } = encrypted;
  const tls = `tls ${certificateFile} ${keyFile}`;
  return [
    plain,
    server(`tls://.:${String(tlsPort)}`, setting, tls),
    server(`https://.:${String(httpsPort)}`, setting, tls),
  ].join('');
}

function server(address: string, setting: PeerSetting, more: string): string {
  const entries = Math.max(entriesMin, Number(entriesFor(setting, bytesPerEntry)));
  return `${address} {
  bind 127.0.0.1
  forward . 127.0.0.1:${String(setting.upstreamPort)}
  cache 86400 {
    success ${String(entries)}
  }
  ${more}
}
`;
}

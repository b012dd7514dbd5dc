import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDirectory } from '../support/directories.ts';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import { entriesFor } from './peer.ts';
import type { Peer, PeerSetting } from './peer.ts';

/** What an entry adds to resident memory (`memory`). */
const bytesPerEntry = 900;
/** It spreads its entries over 256 shards, and a shard that is full evicts before others. */
const entriesMin = 1024;

const version = 'v1.14.7';
const buildTimeoutMs = 20 * 60_000;

/** Debian has no package of it: it is built where Go is installed, once. */
export const coredns: Peer = {
  name: 'coredns',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => {
    if (program() !== undefined) return undefined;
    if (findProgram('go') === undefined) return 'not installed, and no Go to build it';
    process.stderr.write(`building CoreDNS ${version}\n`);
    try {
      build();
      return undefined;
    } catch (error) {
      return `not installed, and not built: ${error instanceof Error ? error.message : 'failed'}`;
    }
  },
  start: (setting) => {
    const file = join(setting.directory, 'Corefile');
    writeFileSync(file, configuration(setting));
    return ServerProcess.start('coredns', setting.port, [program() ?? 'coredns', '-conf', file]);
  },
};

function program(): string | undefined {
  const built = join(buildDirectory(), 'coredns');
  return existsSync(built) ? built : findProgram('coredns');
}

function build(): void {
  execFileSync('go', ['install', `github.com/coredns/coredns@${version}`], {
    env: { ...process.env, GOBIN: buildDirectory(), GOFLAGS: '-trimpath' },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: buildTimeoutMs,
  });
}

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

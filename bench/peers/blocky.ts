import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildDirectory } from '../support/directories.ts';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import { entriesFor } from './peer.ts';
import type { Peer, PeerSetting } from './peer.ts';

const version = 'v0.34.0';
const buildTimeoutMs = 20 * 60_000;
/** What an entry adds to resident memory (`memory`). */
const bytesPerEntry = 900;

/** Debian has no package of it: it is built where Go is installed, once. */
export const blocky: Peer = {
  name: 'blocky',
  isOwn: false,
  transports: ['udp', 'tcp', 'dot', 'doh'],
  isResolver: true,
  unavailable: () => {
    if (program() !== undefined) return undefined;
    if (findProgram('go') === undefined) return 'not installed, and no Go to build it';
    process.stderr.write(`building Blocky ${version}\n`);
    try {
      build();
      return undefined;
    } catch (error) {
      return `not installed, and not built: ${error instanceof Error ? error.message : 'failed'}`;
    }
  },
  start: (setting) => {
    const file = join(setting.directory, 'blocky.yml');
    writeFileSync(file, configuration(setting));
    const command = [program() ?? 'blocky', 'serve', '--config', file];
    return ServerProcess.start('blocky', setting.port, command);
  },
};

function program(): string | undefined {
  const built = join(buildDirectory(), 'blocky');
  return existsSync(built) ? built : findProgram('blocky');
}

/** By a module that requires it: its own versions are not listed, so `go install` does not find it. */
function build(): void {
  const directory = join(buildDirectory(), 'blocky-module');
  mkdirSync(directory, { recursive: true });
  const module = 'github.com/0xERR0R/blocky';
  writeFileSync(join(directory, 'go.mod'), `module bench\n\nrequire ${module} ${version}\n`);
  writeFileSync(join(directory, 'bench.go'), `package bench\n\nimport _ "${module}"\n`);
  const options = {
    cwd: directory,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
    timeout: buildTimeoutMs,
  };
  execFileSync('go', ['mod', 'tidy', '-e'], options);
  execFileSync(
    'go',
    ['build', '-trimpath', '-o', join(buildDirectory(), 'blocky'), module],
    options,
  );
}

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

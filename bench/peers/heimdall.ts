import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../support/directories.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Peer, PeerSetting } from './peer.ts';

/** Options in the form of `--set`, by path. */
type Options = Readonly<Record<string, string>>;

function form(name: string, optionsFor: (setting: PeerSetting) => Options): Peer {
  return {
    name,
    isOwn: true,
    transports: ['udp', 'tcp', 'dot', 'doh'],
    isResolver: true,
    unavailable: () => undefined,
    start: (setting) => {
      const options = { ...commonOptions(setting), ...optionsFor(setting) };
      return ServerProcess.start(name, setting.port, [
        ...[process.execPath, join(projectRoot, 'src/main.ts'), 'serve', '--log-level', 'error'],
        ...Object.entries(options).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
      ]);
    },
  };
}

function commonOptions(setting: PeerSetting): Options {
  const { port, metricsPort, upstreamPort, cacheBytes, encrypted } = setting;
  return {
    'listen.addresses': `127.0.0.1:${String(port)}`,
    'http.address': `127.0.0.1:${String(metricsPort)}`,
    'upstream.servers': `127.0.0.1:${String(upstreamPort)}`,
    'cache.maxBytes': String(cacheBytes),
    ...(encrypted === undefined
      ? {}
      : {
          'listen.certificate.file': encrypted.certificateFile,
          'listen.certificate.keyFile': encrypted.keyFile,
          'listen.tls.addresses': `127.0.0.1:${String(encrypted.tlsPort)}`,
          'listen.https.addresses': `127.0.0.1:${String(encrypted.httpsPort)}`,
          'listen.tcp.queriesPerConnectionMax': '200',
        }),
  };
}

/** As it comes. */
export const heimdall = form('heimdall', () => ({}));

/** With the transport of the runtime instead of batches. */
export const heimdallDgram = form('heimdall-dgram', () => ({ 'listen.udp.transport': 'dgram' }));

/** With the limits that it has for clients that are not on the same machine. */
export const heimdallLimited = form('heimdall-limited', () => ({
  'clients.rateLimit.exempt': '192.0.2.0/24',
}));

/** Two processes that answer, and one that asks upstreams. */
export const heimdallTwoWorkers = form('heimdall-2', () => ({ workers: '2' }));

/** Names on the list of {@link heimdallListed}. */
export const listedNames = 1_000_000;

/** Of the length that names of real lists have. */
export function listedName(index: number): string {
  return `ads${String(index)}.tracker${String(index % 1000)}.example`;
}

/** With a million names on a list. */
export const heimdallListed = form('heimdall-listed', ({ directory }) => {
  const file = join(directory, 'listed.txt');
  const names = Array.from({ length: listedNames }, (_, index) => listedName(index));
  writeFileSync(file, `${names.join('\n')}\n`);
  return { 'filter.lists': `[{name: listed, files: [${file}]}]` };
});

/** Names on the block list. */
const blockedNames = 100_000;

/** With every protection at work for the client that asks, and a block list. */
export const heimdallGuarded = form('heimdall-guarded', ({ directory }) => {
  const file = join(directory, 'blocked.txt');
  const names = Array.from(
    { length: blockedNames },
    (_, index) => `b${String(index)}.blocked.example`,
  );
  writeFileSync(file, `${names.join('\n')}\n`);
  return {
    'clients.rateLimit.exempt': '',
    'clients.rateLimit.queriesPerSecond': '10000000',
    'clients.rateLimit.burst': '10000000',
    'clients.deny': '127.9.0.0/16',
    'filter.lists': `[{name: blocked, files: [${file}]}]`,
  };
});

import { join } from 'node:path';
import { projectRoot } from '../support/directories.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Peer } from './peer.ts';

export const heimdall: Peer = {
  name: 'heimdall',
  isResolver: true,
  unavailable: () => undefined,
  start: ({ port, metricsPort, upstreamPort, cacheBytes }) =>
    ServerProcess.start('heimdall', port, [
      ...[process.execPath, join(projectRoot, 'src/main.ts'), 'serve', '--log-level', 'error'],
      ...['--listen', `127.0.0.1:${String(port)}`, '--http', `127.0.0.1:${String(metricsPort)}`],
      ...['--upstream', `127.0.0.1:${String(upstreamPort)}`],
      ...['--set', `cache.maxBytes=${String(cacheBytes)}`],
    ]),
};

import { buildCeiling } from '../ceiling/build.ts';
import { findProgram } from '../support/installed.ts';
import { ServerProcess } from '../support/server-process.ts';
import type { Peer } from './peer.ts';

/** One fixed answer in C with batches: what the kernel leaves any server to spend. */
export const ceiling: Peer = {
  name: 'ceiling',
  isResolver: false,
  unavailable: () => (findProgram('cc') === undefined ? 'no C compiler' : undefined),
  start: ({ port }) => ServerProcess.start('ceiling', port, [buildCeiling(), String(port)]),
};

/**
 * A process whose first request for changes of the cluster cannot be written: the connection breaks
 * at that moment. Says `connected` once it has the view of a cluster all the same. The argument is a member.
 */
import { createRequire } from 'node:module';
import { SystemClock } from '../../src/base/clock.ts';
import type { GridSession } from '../../src/grid/grid.ts';
import { HazelcastGrid } from '../../src/grid/hazelcast-grid.ts';
import { waitFor } from '../support/wait-for.ts';

interface Message {
  getMessageType(): number;
}

interface ClientConnection {
  readonly writer: { close(error: Error): void };
  write(message: Message): Promise<void>;
}

/** `ClientAddClusterViewListener` of the client's protocol. */
const viewListenerType = 0x0300;

const [member = ''] = process.argv.slice(2);
const load = createRequire(import.meta.url);
const { Connection } = load('hazelcast-client/lib/network/Connection.js') as {
  readonly Connection: { readonly prototype: ClientConnection };
};
const { prototype } = Connection;
const write: ClientConnection['write'] = Reflect.get(prototype, 'write');
let hasFailed = false;
prototype.write = function failFirst(message) {
  if (!hasFailed && message.getMessageType() === viewListenerType) {
    hasFailed = true;
    this.writer.close(new Error('it cannot be written')); // as the client does when a write fails
  }
  return write.call(this, message);
};

const silent = (): void => undefined;
const grid = new HazelcastGrid(
  { clusterName: 'heimdall', members: [member], connectTimeoutMs: 1000, smartRouting: true },
  { clock: new SystemClock(), log: { debug: silent, info: silent, warn: silent, error: silent } },
);
const { promise: session, resolve } = Promise.withResolvers<GridSession>();
await grid.start({ connected: resolve, lost: silent });
const connected = await session;
await waitFor('a view of the cluster', () => hasFailed && connected.members().length > 0);
process.stdout.write('connected\n');
await grid.stop();

import { systemCalls } from './altered-calls.ts';
import { EchoSocket } from './echo-socket.ts';

/**
 * A process whose socket nobody refers to but the event loop. It collects garbage all the time,
 * says its port, and ends when its input does.
 */
process.stdout.write(`${String(new EchoSocket(systemCalls()).socket.address.port)}\n`);
setInterval(() => globalThis.gc?.(), 5);
process.stdin.on('end', () => process.exit());
process.stdin.resume();

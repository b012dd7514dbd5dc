import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { SystemClock } from '../../src/base/clock.ts';
import { parseName } from '../../src/dns/name.ts';
import { encodeKey } from '../../src/dns/question.ts';
import { AskPrimaryStage } from '../../src/pod/ask-primary-stage.ts';
import { decodeOutcome, encodeAsk } from '../../src/pod/frames.ts';
import { ownQuery } from '../../src/query/own-query.ts';

const echo = fileURLToPath(new URL('../workers-echo.ts', import.meta.url));
const flags = { dnssecOk: false, checkingDisabled: false };
const key = encodeKey({ name: parseName('www.bench.example'), type: 1 }, flags);

/** A way from one process to another and back. */
export interface Carrier {
  readonly pid: number;
  /** Resolves when the answer is decoded. */
  ask(): Promise<void>;
  stop(): void;
}

function startEcho(serialization: 'json' | 'advanced'): ChildProcess {
  return fork(echo, [], { serialization, stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'] });
}

/** The channel of a forked process; what it carries are the same octets as elsewhere. */
function messages(serialization: 'json' | 'advanced'): Carrier {
  const child = startEcho(serialization);
  const waiting = new Map<number, () => void>();
  let number = 0;
  child.on('message', ({ frame }: { readonly frame: string | Uint8Array }) => {
    const octets = typeof frame === 'string' ? Buffer.from(frame, 'base64') : Buffer.from(frame);
    const answered = decodeOutcome(octets);
    if (answered === undefined) throw new TypeError('not an outcome');
    waiting.get(answered.number)?.();
    waiting.delete(answered.number);
  });
  const ask = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(number, resolve);
    const frame = encodeAsk({ number, purpose: 'client', waitedMs: 0, key });
    child.send({ frame: serialization === 'json' ? frame.toString('base64') : frame });
    number++;
    return promise;
  };
  return { pid: child.pid ?? 0, ask, stop: () => child.kill() };
}

/** What Heimdall has: a socket pair with frames, written once a turn. */
function socketFrames(): Carrier {
  const child = startEcho('json');
  const options = { asksMax: 1_000_000, deadlineMs: 60_000 };
  const stage = new AskPrimaryStage(child.stdio[4] as Duplex, new SystemClock(), options);
  const query = ownQuery(key, 'client', 0);
  const ask = async (): Promise<void> => {
    const outcome = await stage.handle(query);
    if (outcome.kind !== 'answer') throw new TypeError('no answer');
  };
  return { pid: child.pid ?? 0, ask, stop: () => child.kill() };
}

export const carriers: Readonly<Record<string, () => Carrier>> = {
  'messages, JSON': () => messages('json'),
  'messages, structured clone': () => messages('advanced'),
  'socket pair, frames': socketFrames,
};

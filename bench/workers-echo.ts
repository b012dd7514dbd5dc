import { Socket } from 'node:net';
import { SystemClock } from '../src/base/clock.ts';
import { AsksOfWorker } from '../src/pod/asks-of-worker.ts';
import { decodeAsk, encodeOutcome } from '../src/pod/frames.ts';
import { answered } from './workers/answered.ts';

/** The other process of `bench/workers.ts`: gives the same answer to every ask, over each carrier. */

process.on('message', (message: { readonly frame: string | Uint8Array }) => {
  const { frame } = message;
  const isText = typeof frame === 'string';
  const ask = decodeAsk(isText ? Buffer.from(frame, 'base64') : Buffer.from(frame));
  if (ask === undefined) throw new TypeError('not an ask');
  const outcome = encodeOutcome({ number: ask.number, outcome: answered });
  process.send?.({ frame: isText ? outcome.toString('base64') : outcome });
});

void new AsksOfWorker(new Socket({ fd: 4 }), {
  clock: new SystemClock(),
  asksMax: () => Number.POSITIVE_INFINITY,
  answer: () => Promise.resolve(answered),
  report: (text) => {
    throw new TypeError(text);
  },
});
process.once('disconnect', () => process.exit(0));

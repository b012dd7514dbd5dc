import type { WordReader } from './word-reader.ts';

/** How often one statement may ask: a slip of the pen is not to run for minutes. */
const timesMax = 10_000;

/** `1 time`, `5 times` */
export function readTimes(reader: WordReader): number {
  const times = reader.number('how often');
  if (times > timesMax) reader.fail(`more than ${String(timesMax)} times`);
  if (!reader.accept('times')) reader.expect('time');
  return times;
}

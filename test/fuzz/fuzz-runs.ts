import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from '@jest/globals';
import { SeededRandom, SystemRandom } from '../../src/base/random.ts';

/** Runs of all fuzz tests together; `npm run test:fuzz` sets a million. */
const runsInAll = Number(process.env['FUZZ_RUNS'] ?? 50_000);
/** Of the normal run. */
const normalSeed = 20_261_123;
/** `FUZZ_SEED=123` repeats all runs of a seed, `FUZZ_SEED=123:45` run 45 of it alone. */
const [givenSeed, givenRun] = (process.env['FUZZ_SEED'] ?? '').split(':');
export const seed: number = seedOf(givenSeed ?? '');

/**
 * The normal run has always the same seed: whether a change is good must not depend on luck. The
 * long one (`npm run test:fuzz`) looks somewhere else each time.
 */
function seedOf(given: string): number {
  if (given !== '') return Number(given);
  if (process.env['FUZZ_RUNS'] === undefined) return normalSeed;
  const random = new SystemRandom();
  return random.uint16() * 0x1_0000 + random.uint16();
}

/** No run takes this long; what does so hangs. */
const runMsMax = 20;
const testMsMin = 20_000;
/** Keeps the sequences of neighbouring runs apart (the golden ratio of 32 bits). */
const runStride = 0x9e37_79b9;

/** How many runs a test has that takes this share of all. */
export function runsOf(share: number): number {
  return Math.max(1, Math.round(runsInAll * share));
}

/** The randomness of one run. */
export function randomOf(run: number): SeededRandom {
  return new SeededRandom((seed + Math.imul(run, runStride)) >>> 0);
}

/**
 * A test of many runs, each with randomness of its own. A failure names the seed and the run, which
 * together repeat it.
 */
export function fuzz(
  what: string,
  share: number,
  task: (random: SeededRandom, run: number) => void,
): void {
  const runs = runsOf(share);
  test(
    `${what} (${String(runs)} runs)`,
    () => {
      for (let run = 0; run < runs; run++) {
        if (givenRun === undefined || Number(givenRun) === run) runOnce(task, run);
      }
    },
    testMsMin + runs * runMsMax,
  );
}

function runOnce(task: (random: SeededRandom, run: number) => void, run: number): void {
  try {
    task(randomOf(run), run);
  } catch (error) {
    throw new Error(`repeat it by FUZZ_SEED=${String(seed)}:${String(run)}`, { cause: error });
  }
}

/** Octets that the process holds after a full collection, outside of the heap too. */
export function bytesHeld(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

process.stderr.write(`fuzz: FUZZ_SEED=${String(seed)} FUZZ_RUNS=${String(runsInAll)}\n`);

import type { Clock } from '../base/clock.ts';
import type { AgedAnswer } from '../dns/answer.ts';
import type { GridCache } from './grid-cache.ts';
import { parseGridKey } from './grid-key.ts';

export interface WarmStartOptions {
  readonly entriesMax: number;
  /** Time for all of it. */
  readonly timeoutMs: number;
}

/** Fetches under way at a time: pipelined, yet small. */
const concurrencyMax = 64;
/** One fetch; nobody waits for it but the start. */
const fetchDeadlineMs = 500;

/**
 * Fetches what the cluster asks for most into L1, the most wanted first, until all is there or the
 * time is over.
 * @param wanted keys of the grid
 * @param restore puts an answer into L1
 * @returns how many answers were fetched
 */
export async function warmStart(
  wanted: readonly string[],
  options: WarmStartOptions,
  parts: { readonly clock: Clock; readonly cache: GridCache },
  restore: (key: Buffer, found: AgedAnswer) => void,
): Promise<number> {
  const { clock, cache } = parts;
  const endMs = clock.nowMs() + options.timeoutMs;
  const places = wanted.slice(0, options.entriesMax).values();
  let fetched = 0;
  const worker = async (): Promise<void> => {
    for (const place of places) {
      const leftMs = endMs - clock.nowMs();
      if (leftMs <= 0) return;
      const key = parseGridKey(place);
      const found =
        key === undefined ? undefined : await cache.fetch(place, Math.min(leftMs, fetchDeadlineMs));
      if (key === undefined || found === undefined) continue;
      restore(key, found);
      fetched++;
    }
  };
  await Promise.all(Array.from({ length: concurrencyMax }, worker));
  return fetched;
}

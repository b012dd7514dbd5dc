import { setTimeout as pause } from 'node:timers/promises';

/** How long a condition may take to come true: far longer than anything here takes. */
const patienceMs = 10_000;
const intervalMs = 5;

/** Polls until `probe` gives something other than false, null or undefined; fails after 10 s. */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
): Promise<Exclude<T, false | null | undefined>> {
  const endsAtMs = Date.now() + patienceMs;
  for (;;) {
    const found = await probe();
    if (found !== false && found !== undefined && found !== null) {
      return found as Exclude<T, false | null | undefined>;
    }
    if (Date.now() > endsAtMs) throw new Error(`waited ${String(patienceMs)} ms for ${what}`);
    await pause(intervalMs);
  }
}

/** The same for something that is under way: fails when it takes too long. */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const abort = new AbortController();
  const late = pause(patienceMs, undefined, { signal: abort.signal }).then(() => {
    throw new Error(`waited ${String(patienceMs)} ms for ${what}`);
  });
  late.catch(() => undefined); // it was aborted: the other one won
  try {
    return await Promise.race([promise, late]);
  } finally {
    abort.abort();
  }
}

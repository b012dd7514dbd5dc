import type { Clock } from '../base/clock.ts';
import { loadCalls } from './load-calls.ts';
import type { LoadedCalls } from './system-calls.ts';
import { selfTest } from './self-test.ts';

/** Whether batches can be used here: the calls are bound and the self-test passes. Never rejects. */
export async function findBatchedTransport(clock: Clock): Promise<LoadedCalls> {
  const loaded = await loadCalls();
  if (loaded.kind === 'unavailable') return loaded;
  const finding = await selfTest(loaded.calls, clock);
  return finding === undefined
    ? loaded
    : { kind: 'unavailable', reason: `its self-test failed: ${finding}` };
}

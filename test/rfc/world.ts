import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { Script } from '../support/scripted-upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

/** A replica on time that stands still, and the upstream that it asks. */
export interface World {
  readonly replica: TestReplica;
  readonly upstream: ScriptedUpstream;
  readonly clock: VirtualClock;
  /** Forgets what the upstream was asked. */
  readonly resetQueries: () => void;
  readonly stopUpstream: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What would make tests hard to read: questions in mixed case, and answers fetched early. */
const quiet = { 'upstream.caseRandomization': 'false', 'cache.prefetch.enabled': 'false' };

/** Starts one; `set` holds options by their path. */
export async function startWorld(
  script?: Script,
  set: Readonly<Record<string, string>> = {},
  transport: 'udp' | 'tcp' = 'udp',
): Promise<World> {
  const clock = new VirtualClock();
  const upstream = await ScriptedUpstream.start(script === undefined ? {} : { script });
  let stopped: Promise<void> | undefined;
  const stopUpstream = (): Promise<void> => (stopped ??= upstream.stop());
  const replica = await startReplica({
    upstreams: [`${transport}://${upstream.text}`],
    set: { ...quiet, ...set },
    clock,
  });
  return {
    replica,
    upstream,
    clock,
    resetQueries: () => void upstream.queries.splice(0),
    stopUpstream,
    stop: async () => {
      await replica.stop();
      await stopUpstream();
    },
  };
}

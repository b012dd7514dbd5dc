import { repeat } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import type { GridCaller } from './grid-caller.ts';
import type { GridSession } from './grid.ts';

/** Samples of one member looked at together: the offset follows a clock that drifts. */
const samplesMax = 60;
/** Often after a member was found, so that its clock is known to a tenth of a second within seconds. */
const eagerRounds = 12;
const eagerIntervalMs = 300;
/** The golden section of a second beside whole ones: samples then fall on all its phases evenly. */
const calmIntervalMs = 7618;
const deadlineMs = 1000;
const entryTtlMs = 60_000;
/** Members whose clocks are looked at, the same ones by all replicas; a grid has a few. */
const membersMax = 9;
/** Keys tried to find one of each: with nine members one is missed once in a thousand rounds. */
const keysMax = 64;

const anyMember = '';

/** One sample bounds the offset from both sides; so do many together, and closer. */
interface Bounds {
  readonly lowMs: number;
  readonly highMs: number;
}

/**
 * The clock of the grid, so that replicas whose own clocks differ agree on the age of an entry.
 * A member tells when an entry was last written, in whole seconds. Written between `sent` and
 * `received` of our monotonic clock, `told <= written < told + 1 s`, so the offset lies between
 * `told - received` and `told + 1 s - sent`; many samples narrow it to about a millisecond.
 *
 * Members' clocks may differ as well, and each key has a member of its own. So each member's clock
 * is measured apart, and the median of them is the grid's: all replicas measure the same members,
 * so they agree, and a single wrong clock among three moves nothing. Of an even number it is the
 * later one in the middle, by which entries are rather too old than too young.
 */
export class GridClock {
  readonly #clock: Clock;
  readonly #caller: GridCaller;
  readonly #mapName: string;
  readonly #replicaId: string;
  /** By member. */
  readonly #samples = new Map<string, Bounds[]>();
  #timer: Timer | undefined;
  #isStopped = false;
  #keys = 0;
  #eagerRoundsLeft = eagerRounds;
  readonly #isKnown = Promise.withResolvers<void>();

  constructor(clock: Clock, caller: GridCaller, prefix: string, replicaId: string) {
    this.#clock = clock;
    this.#caller = caller;
    this.#mapName = `${prefix}.clock`;
    this.#replicaId = replicaId;
  }

  /** Grid time in milliseconds since the Unix epoch; undefined before the first sample. */
  nowMs(): number | undefined {
    const bounds = this.bounds();
    if (bounds === undefined) return undefined;
    return this.#clock.nowMs() + (bounds.lowMs + bounds.highMs) / 2;
  }

  /** Between what the offset from our monotonic clock lies. */
  bounds(): Bounds | undefined {
    const members = Array.from(this.#samples.values(), boundsOf);
    members.sort((one, other) => one.lowMs + one.highMs - (other.lowMs + other.highMs));
    return members[Math.floor(members.length / 2)];
  }

  /** Half of the width of the bounds: how far from the truth {@link nowMs} may be. */
  uncertaintyMs(): number {
    const bounds = this.bounds();
    return bounds === undefined ? Number.POSITIVE_INFINITY : (bounds.highMs - bounds.lowMs) / 2;
  }

  /** How far this machine's wall clock is ahead of the grid's, in milliseconds; undefined if unknown. */
  skewMs(): number | undefined {
    const nowMs = this.nowMs();
    return nowMs === undefined ? undefined : this.#clock.wallMs() - nowMs;
  }

  /** Begins to take samples; resolves when one is there, or all were tried. */
  async start(): Promise<void> {
    await Promise.race([this.sample(), this.#isKnown.promise]);
    this.#arm();
  }

  /** For good: what is under way begins nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Asks each member; never rejects. */
  async sample(): Promise<void> {
    const session = this.#caller.session;
    if (session === undefined) return;
    const members = session.members().map(({ id }) => id);
    const watched = members.toSorted().slice(0, membersMax);
    const keys = this.#keyOfEach(watched, session);
    await Promise.all(Array.from(keys, ([member, key]) => this.#sampleOf(member, key)));
    for (const member of this.#samples.keys()) {
      if (!keys.has(member) && !watched.includes(member)) this.#samples.delete(member);
    }
  }

  /** Keys are new each time: a write given up on may still come through, and must not be taken for this. */
  #keyOfEach(members: readonly string[], session: GridSession): Map<string, string> {
    const keys = new Map<string, string>();
    for (let tries = 0; tries < keysMax && keys.size < members.length; tries++) {
      const key = `${this.#replicaId}/${String(++this.#keys)}`;
      const member = session.memberOf(key);
      if (members.includes(member) && !keys.has(member)) keys.set(member, key);
    }
    // A client that just connected does not know yet which member has which key: any one, then.
    if (keys.size === 0) keys.set(anyMember, `${this.#replicaId}/${String(++this.#keys)}`);
    return keys;
  }

  async #sampleOf(member: string, key: string): Promise<void> {
    const sentMs = this.#clock.nowMs();
    const result = await this.#caller.call({
      operation: 'clock',
      key,
      deadlineMs,
      run: async (session) => {
        const map = await session.map(this.#mapName);
        await map.set(key, Buffer.from('clock'), entryTtlMs);
        const receivedMs = this.#clock.nowMs();
        const toldMs = await map.writtenAtMs(key);
        return toldMs === undefined ? undefined : { toldMs, receivedMs };
      },
    });
    if (result.outcome !== 'ok' || result.value === undefined) return;
    const { toldMs, receivedMs } = result.value;
    this.#add(member, { lowMs: toldMs - receivedMs, highMs: toldMs + 1000 - sentMs });
  }

  #add(member: string, sample: Bounds): void {
    if (!this.#samples.has(member)) this.#eagerRoundsLeft = eagerRounds;
    const samples = [...(this.#samples.get(member) ?? []), sample].slice(-samplesMax);
    const { lowMs, highMs } = boundsOf(samples);
    // Samples that exclude each other: a clock was set, or the key has moved to another member.
    this.#samples.set(member, lowMs > highMs ? [sample] : samples);
    this.#isKnown.resolve();
  }

  #arm(): void {
    if (this.#isStopped) return;
    const isEager = this.#eagerRoundsLeft > 0;
    this.#timer?.cancel();
    this.#timer = repeat(this.#clock, isEager ? eagerIntervalMs : calmIntervalMs, () => {
      if (this.#samples.size > 0) this.#eagerRoundsLeft = Math.max(0, this.#eagerRoundsLeft - 1);
      void this.sample(); // never rejects: the caller turns failures into outcomes
      if (this.#eagerRoundsLeft > 0 !== isEager) this.#arm();
    });
  }
}

function boundsOf(samples: readonly Bounds[]): Bounds {
  return {
    lowMs: Math.max(...samples.map(({ lowMs }) => lowMs)),
    highMs: Math.min(...samples.map(({ highMs }) => highMs)),
  };
}

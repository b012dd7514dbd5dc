import type { SeededRandom } from '../../src/base/random.ts';
import type { Script, ScriptedReply } from '../support/scripted-reply.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

/** Virtual milliseconds in one step of the stamp: 2^24 steps are two days. */
const stampStepMs = 10;

/** How the upstream of a simulation behaves now. */
export interface UpstreamMood {
  delayMs: number;
  /** Share of queries that are not answered at all. */
  muteShare: number;
  /** Share of queries that are answered with SERVFAIL. */
  servfailShare: number;
}

/**
 * An upstream that knows everything, and stamps each answer with the moment at which it was given:
 * the address 10.x.y.z counts time. So every client can tell how old an answer is, whichever
 * replica and layer it came through.
 */
export class Truth {
  readonly mood: UpstreamMood = { delayMs: 20, muteShare: 0, servfailShare: 0 };
  /** Queries by name and type. */
  readonly asked = new Map<string, number>();
  readonly #clock: VirtualClock;
  readonly #random: SeededRandom;

  constructor(clock: VirtualClock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Every name has a TTL of its own, from 1 to 40 seconds; each seventh does not exist. */
  static ttlSecondsOf(index: number): number {
    return 1 + ((index * 7) % 40);
  }

  static exists(index: number): boolean {
    return index % 7 !== 6;
  }

  /** The age of an answer in milliseconds, by its stamp. */
  static ageMs(address: string, nowMs: number): number {
    const [, high = 0, middle = 0, low = 0] = address.split('.').map(Number);
    const steps = high * 65_536 + middle * 256 + low;
    return nowMs - steps * stampStepMs;
  }

  get script(): Script {
    return (query) => this.#reply(query.name, query.type);
  }

  #reply(name: string, type: string): ScriptedReply | undefined {
    const key = `${name.toLowerCase()}/${type}`;
    this.asked.set(key, (this.asked.get(key) ?? 0) + 1);
    const index = Number(/^n(\d+)\./i.exec(name)?.[1] ?? '0');
    const { muteShare, servfailShare, delayMs } = this.mood;
    if (this.#random.fraction() < muteShare) return undefined;
    if (this.#random.fraction() < servfailShare) return { code: 2, delayMs };
    const ttl = Truth.ttlSecondsOf(index);
    if (!Truth.exists(index)) {
      const soa = {
        mname: 'ns.example.com',
        rname: 'h.example.com',
        serial: 1,
        refresh: 1,
        retry: 1,
        expire: 1,
        minimum: ttl,
      };
      return {
        code: 3,
        delayMs,
        authorities: [{ type: 'SOA', name: 'example.com', ttl, data: soa }],
      };
    }
    return { delayMs, answers: [{ type: 'A', name, ttl, data: this.#stamp(delayMs) }] };
  }

  /** The stamp is that of the moment at which the answer arrives: TTLs count from there. */
  #stamp(delayMs: number): string {
    const steps = Math.floor((this.#clock.nowMs() + delayMs) / stampStepMs);
    return `10.${String((steps >> 16) & 255)}.${String((steps >> 8) & 255)}.${String(steps & 255)}`;
  }
}

import { GridStateLost } from '../../src/base/errors.ts';

/** What one member counted, as far as another one knows. */
interface Part {
  readonly value: number;
  /** Additions so far: the newer of two is the one with more. */
  readonly additions: number;
}

type CounterState = ReadonlyMap<string, Part>;
/** By the member that counted. */
export type Observed = ReadonlyMap<string, number>;

/** What a member answers: the value, and what it knew. */
export interface CounterReply {
  readonly value: number;
  readonly observed: Observed;
}

/** The PN counters that one member holds: sums by the member that was told of the addition. */
export class MemberCounters {
  /** Another one after each start: what the member counted before is not taken for this. */
  readonly origin: string;
  readonly #counters = new Map<string, Map<string, Part>>();

  constructor(origin: string) {
    this.origin = origin;
  }

  /** @throws {GridStateLost} when less is known here than the caller has seen before */
  get(name: string, observed: Observed): CounterReply {
    const state: CounterState = this.#counters.get(name) ?? new Map();
    for (const [origin, additions] of observed) {
      if ((state.get(origin)?.additions ?? 0) < additions) throw new GridStateLost(name);
    }
    return {
      value: [...state.values()].reduce((sum, { value }) => sum + value, 0),
      observed: new Map(Array.from(state, ([origin, { additions }]) => [origin, additions])),
    };
  }

  /** @throws {GridStateLost} */
  add(name: string, delta: number, observed: Observed): CounterReply {
    this.get(name, observed);
    const state = this.#counters.get(name) ?? new Map<string, Part>();
    const own = state.get(this.origin) ?? { value: 0, additions: 0 };
    state.set(this.origin, { value: own.value + delta, additions: own.additions + 1 });
    this.#counters.set(name, state);
    return this.get(name, observed);
  }

  destroy(name: string): void {
    this.#counters.delete(name);
  }

  /** Takes over what another member knows better. */
  mergeFrom(other: MemberCounters): void {
    for (const [name, state] of other.#counters) {
      const mine = this.#counters.get(name) ?? new Map<string, Part>();
      for (const [origin, part] of state) {
        if ((mine.get(origin)?.additions ?? 0) < part.additions) mine.set(origin, part);
      }
      this.#counters.set(name, mine);
    }
  }

  get size(): number {
    return this.#counters.size;
  }
}

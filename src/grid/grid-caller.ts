import type { Clock, Timer } from '../base/clock.ts';
import { BoundedMap } from '../base/bounded-map.ts';
import type { GridSession } from './grid.ts';
import { breakerDefaults, MemberBreaker } from './member-breaker.ts';
import type { BreakerOptions } from './member-breaker.ts';

/** How a call ended: a label value of `heimdall_grid_operation_seconds`. */
export type CallOutcome = 'ok' | 'late' | 'failed' | 'skipped' | 'offline' | 'overload';

/** What kind of call it was: a label value. */
export type GridOperation =
  | 'look'
  | 'share'
  | 'lease'
  | 'release'
  | 'failure_mark'
  | 'wait_mark'
  | 'wait_look'
  | 'lock'
  | 'unlock'
  | 'health'
  | 'replicas'
  | 'counters'
  | 'bulletin'
  | 'clock'
  | 'warm_start'
  | 'probe'
  | 'probe_claim'
  | 'flush'
  | 'seed'
  | 'budgets'
  | 'lists';

/** Port: one observation for each call. */
export interface GridObserver {
  operationEnded(operation: GridOperation, outcome: CallOutcome, seconds: number): void;
  breakerChanged(member: string, isOpen: boolean): void;
}

export type CallResult<T> =
  { readonly outcome: 'ok'; readonly value: T } | { readonly outcome: Exclude<CallOutcome, 'ok'> };

/** A call to make. */
export interface GridCall<T> {
  readonly operation: GridOperation;
  /** The key that it is about: its member is judged. Undefined for calls to no member in particular. */
  readonly key?: string;
  readonly deadlineMs: number;
  readonly run: (session: GridSession) => Promise<T>;
}

/** Calls under way, those included that nobody waits for any more: each costs about 2 KiB. */
const callsMax = 2000;
/** Members judged; a grid has a few. */
const membersMax = 100;

/**
 * The only way to the grid: each call has a deadline, is counted, and is left out while its member
 * is late with most. The client has no deadlines and cannot cancel, so a call given up on stays
 * under way; it is counted against the bound until it ends, and what it brings is dropped.
 */
export class GridCaller {
  readonly #clock: Clock;
  readonly #observer: GridObserver;
  readonly #breakers = new BoundedMap<string, MemberBreaker>(membersMax);
  readonly #breakerOptions: BreakerOptions;
  readonly #probeOf: (session: GridSession, key: string) => Promise<unknown>;
  readonly #probes = new Set<Timer>();
  #isStopped = false;
  #session: GridSession | undefined;
  #underWay = 0;

  /** @param probeOf asks the member of a key for something, to learn whether it answers */
  constructor(
    clock: Clock,
    observer: GridObserver,
    probeOf: (session: GridSession, key: string) => Promise<unknown>,
    breaker: BreakerOptions = breakerDefaults,
  ) {
    this.#clock = clock;
    this.#observer = observer;
    this.#probeOf = probeOf;
    this.#breakerOptions = breaker;
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  get callsUnderWay(): number {
    return this.#underWay;
  }

  /** Members whose breaker is open. */
  get openBreakers(): string[] {
    return Array.from(this.#breakers.entries()).flatMap(([member, { isOpen }]) =>
      isOpen ? [member] : [],
    );
  }

  /** The session to use from now on; undefined while there is none. */
  use(session: GridSession | undefined): void {
    this.#session = session;
  }

  get session(): GridSession | undefined {
    return this.#session;
  }

  /** Never rejects, and resolves within the deadline and one turn of the event loop. */
  async call<T>(call: GridCall<T>): Promise<CallResult<T>> {
    const session = this.#session;
    if (session === undefined) return this.#refused(call, 'offline');
    if (this.#underWay >= callsMax) return this.#refused(call, 'overload');
    const breaker = call.key === undefined ? undefined : this.#breakerOf(session, call.key);
    if (breaker?.isOpen === true) return this.#refused(call, 'skipped');
    return this.#race(call, session, breaker);
  }

  /** Ends the probes for good; calls are still answered, with `offline`. */
  stop(): void {
    this.#isStopped = true;
    this.#session = undefined;
    for (const probe of this.#probes) probe.cancel();
    this.#probes.clear();
  }

  async #race<T>(
    call: GridCall<T>,
    session: GridSession,
    breaker: MemberBreaker | undefined,
  ): Promise<CallResult<T>> {
    const startedMs = this.#clock.nowMs();
    const { promise, resolve } = Promise.withResolvers<CallResult<T>>();
    let timer = this.#clock.setTimer(call.deadlineMs, () => {
      // Timers run before sockets are read: while this process was busy the answer may have come.
      timer = this.#clock.setTimer(0, () => resolve({ outcome: 'late' }));
    });
    this.#underWay++;
    this.#run(call, session).then(resolve, () => resolve({ outcome: 'failed' }));
    const result = await promise;
    timer.cancel();
    const seconds = (this.#clock.nowMs() - startedMs) / 1000;
    this.#observer.operationEnded(call.operation, result.outcome, seconds);
    this.#judge(session, call.key, breaker, result.outcome !== 'ok');
    return result;
  }

  async #run<T>(call: GridCall<T>, session: GridSession): Promise<CallResult<T>> {
    try {
      return { outcome: 'ok', value: await call.run(session) };
    } finally {
      this.#underWay--;
    }
  }

  #judge(
    session: GridSession,
    key: string | undefined,
    breaker: MemberBreaker | undefined,
    wasLate: boolean,
  ): void {
    if (breaker === undefined || key === undefined) return;
    const before = breaker.isOpen;
    breaker.record(wasLate, this.#clock.nowMs());
    if (breaker.isOpen === before) return;
    const member = session.memberOf(key);
    this.#observer.breakerChanged(member, breaker.isOpen);
    if (breaker.isOpen) this.#probeLater(key, member, breaker);
  }

  /**
   * Asks the member for a key of its own until it answers in time. Probes run by themselves, not on
   * the back of queries: a replica that is asked seldom finds a member well again just as soon.
   */
  #probeLater(key: string, member: string, breaker: MemberBreaker): void {
    if (this.#isStopped) return;
    const timer = this.#clock.setTimer(this.#breakerOptions.probeIntervalMs, () => {
      this.#probes.delete(timer);
      void this.#probe(key, breaker).then(() => {
        if (breaker.isOpen) this.#probeLater(key, member, breaker);
        else this.#observer.breakerChanged(member, false);
      });
    });
    this.#probes.add(timer);
  }

  async #probe(key: string, breaker: MemberBreaker): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const deadlineMs = this.#breakerOptions.probeDeadlineMs;
    const run = (): Promise<unknown> => this.#probeOf(session, key);
    const result = await this.#race({ operation: 'probe', deadlineMs, run }, session, undefined);
    breaker.record(result.outcome !== 'ok', this.#clock.nowMs());
  }

  #refused(
    call: GridCall<unknown>,
    outcome: 'offline' | 'overload' | 'skipped',
  ): CallResult<never> {
    this.#observer.operationEnded(call.operation, outcome, 0);
    return { outcome };
  }

  #breakerOf(session: GridSession, key: string): MemberBreaker {
    const member = session.memberOf(key);
    const known = this.#breakers.get(member);
    if (known !== undefined) return known;
    const breaker = new MemberBreaker(this.#breakerOptions);
    this.#breakers.set(member, breaker);
    return breaker;
  }
}

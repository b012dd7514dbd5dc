import type { Random } from '../../src/base/random.ts';
import type { GridEvents, GridSession } from '../../src/grid/grid.ts';
import type { MemoryMember, MemoryMembers } from './memory-members.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** What goes wrong with calls and events; every share is a probability. */
export interface Faults {
  /** Each way takes a time between these two. */
  delayMs: readonly [min: number, max: number];
  /** Never settles; the member may or may not have done it. */
  dropShare: number;
  /** Rejects; the member may or may not have done it. */
  rejectShare: number;
  /** Overtakes calls made before. */
  reorderShare: number;
  /** An event of a listener is lost. */
  eventDropShare: number;
}

export const noFaults: Faults = {
  delayMs: [0.1, 0.5],
  dropShare: 0,
  rejectShare: 0,
  reorderShare: 0,
  eventDropShare: 0,
};

/** `hazelcast.client.heartbeat.timeout` of the driver. */
const heartbeatTimeoutMs = 2000;
const reconnectIntervalMs = 500;

/** The error of a call: any error, as with the real client. */
class CallFailed extends Error {}

/** A call as a member does it. */
export interface MemberCall<T> {
  readonly member: () => MemoryMember | undefined;
  readonly run: (member: MemoryMember) => T;
  readonly outlivesCastOut: boolean;
}

/** The way between one replica and the members. */
export class MemoryLink {
  readonly faults: Faults;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #members: MemoryMembers;
  readonly #lastArrivalMs = new Map<MemoryMember, number>();
  readonly #hanging = new Set<(error: Error) => void>();
  #events: GridEvents | undefined;
  #session: GridSession | undefined;
  #isCut = false;
  #isConnected = false;

  constructor(clock: VirtualClock, random: Random, members: MemoryMembers) {
    this.#clock = clock;
    this.#random = random;
    this.#members = members;
    this.faults = { ...noFaults };
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  open(events: GridEvents, session: GridSession): void {
    this.#events = events;
    this.#session = session;
    this.#clock.setTimer(this.#delayMs(), () => this.#connect());
  }

  close(): void {
    this.#events = undefined;
    this.#isConnected = false;
    this.#rejectAll('the client has ended');
  }

  /** Nothing passes any more; noticed after the heartbeat's timeout. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#clock.setTimer(heartbeatTimeoutMs, () => {
      if (this.#isCut) this.lose();
    });
  }

  heal(): void {
    this.#isCut = false;
  }

  /** There is no connection any more: calls under way fail, and connecting is tried again. */
  lose(): void {
    this.#rejectAll('the connection was lost');
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#events?.lost();
    this.#clock.setTimer(reconnectIntervalMs, () => this.#connect());
  }

  /** Makes a call: it may hang for ever, reject after it was done, or be done after it rejected. */
  call<T>({ member, run, outlivesCastOut }: MemberCall<T>): Promise<T> {
    if (!this.#isConnected) return Promise.reject(new CallFailed('offline'));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const fail = (error: unknown): void => {
      this.#hanging.delete(fail);
      reject(error);
    };
    this.#hanging.add(fail);
    const answer = (act: () => void): void => {
      const isLost = this.#draw(this.faults.dropShare / 2) || this.#isCut;
      if (isLost) return;
      this.#clock.setTimer(this.#delayMs(), () => {
        if (this.#isCut || !this.#hanging.delete(fail)) return;
        act();
      });
    };
    const execute = (to: MemoryMember): void => {
      const result = attempt(() => run(to));
      if (this.#draw(this.faults.rejectShare / 2)) answer(() => reject(new CallFailed('failed')));
      else answer(() => (result.ok ? resolve(result.value) : reject(result.error)));
    };
    this.#send(member, { execute, fail, outlivesCastOut });
    return promise;
  }

  /** Brings an event to the replica, unless it is lost on its way. */
  event(from: MemoryMember | undefined, deliver: () => void): void {
    if (this.#draw(this.faults.eventDropShare)) return;
    this.#clock.setTimer(this.#delayMs(), () => {
      if (this.#isConnected && !this.#isCut && from?.state === 'up') deliver();
    });
  }

  #send(
    choose: () => MemoryMember | undefined,
    call: {
      execute: (to: MemoryMember) => void;
      fail: (error: unknown) => void;
      outlivesCastOut: boolean;
    },
  ): void {
    const { execute, fail, outlivesCastOut } = call;
    if (this.#draw(this.faults.rejectShare / 2)) {
      this.#clock.setTimer(this.#delayMs(), () => fail(new CallFailed('refused')));
      return;
    }
    if (this.#draw(this.faults.dropShare / 2)) return;
    const target = choose();
    if (target === undefined) {
      fail(new CallFailed('no member'));
      return;
    }
    this.#clock.setTimer(this.#arrivalDelayMs(target), () => {
      if (this.#isCut) return;
      if (target.state === 'up') execute(target);
      else if (target.state === 'down') fail(new CallFailed('the member is gone'));
      else {
        const abandon = (): void => fail(new CallFailed('the member is gone'));
        target.backlog.push({ run: () => execute(target), abandon, outlivesCastOut });
        this.#clock.setTimer(heartbeatTimeoutMs, () => fail(new CallFailed('heartbeat')));
      }
    });
  }

  /** In the order in which calls were made, as on one TCP connection. */
  #arrivalDelayMs(target: MemoryMember): number {
    const nowMs = this.#clock.nowMs();
    const ownMs = nowMs + this.#delayMs();
    if (this.#draw(this.faults.reorderShare)) return ownMs - nowMs;
    const atMs = Math.max(ownMs, this.#lastArrivalMs.get(target) ?? 0);
    this.#lastArrivalMs.set(target, atMs);
    return atMs - nowMs;
  }

  #connect(): void {
    if (this.#events === undefined || this.#isConnected || this.#session === undefined) return;
    const isReachable = this.#members.all.some(({ state }) => state === 'up');
    if (this.#isCut || !isReachable) {
      this.#clock.setTimer(reconnectIntervalMs, () => this.#connect());
      return;
    }
    this.#isConnected = true;
    this.#events.connected(this.#session);
  }

  #rejectAll(message: string): void {
    for (const fail of [...this.#hanging]) fail(new CallFailed(message));
  }

  #delayMs(): number {
    const [min, max] = this.faults.delayMs;
    return min + this.#random.fraction() * (max - min);
  }

  #draw(share: number): boolean {
    return share > 0 && this.#random.fraction() < share;
  }
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; error: Error };

function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    return { ok: false, error: error as Error };
  }
}

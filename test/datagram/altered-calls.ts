import { loadCalls } from '../../src/datagram/load-calls.ts';
import type { Ready, SystemCalls, Watch, WatchedEvents } from '../../src/datagram/system-calls.ts';

const loaded = await loadCalls();

/** The calls of the system, which every machine has that these tests run on. */
export function systemCalls(): SystemCalls {
  if (loaded.kind === 'unavailable') throw new Error(loaded.reason);
  return loaded.calls;
}

/**
 * The calls of the system with what a test does to them: results that it sets in advance stand for
 * the next calls, memory that was handed to the kernel can be looked at, watches be told of events.
 */
export class AlteredCalls implements SystemCalls {
  /** Taken by the next calls: a number is an error; `-n` lets at most n datagrams pass. */
  readonly sends: number[] = [];
  readonly receives: number[] = [];
  /** Every block of memory whose address was asked for, the oldest first. */
  readonly memories: ArrayBuffer[] = [];
  readonly opened: number[] = [];
  readonly closed: number[] = [];
  /** What was watched for, in order. */
  readonly watched: string[] = [];
  /** Looks at, and may change, what was received. */
  onReceived: ((memories: readonly ArrayBuffer[], count: number) => void) | undefined;
  /** Level and name of one that the system does not know. */
  refusedOption: readonly [level: number, name: number] | undefined;
  sendCalls = 0;
  /** Messages that the kernel took; each may hold several datagrams. */
  messagesSent = 0;
  #ready: Ready | undefined;
  #error: number | undefined;
  readonly #real = systemCalls();
  readonly pageBytes = this.#real.pageBytes;

  socket = (family: number, type: number): number => {
    const descriptor = this.#real.socket(family, type);
    this.opened.push(descriptor);
    return descriptor;
  };
  bind = (descriptor: number, address: number, length: number): number =>
    this.#real.bind(descriptor, address, length);
  connect = (descriptor: number, address: number, length: number): number =>
    this.#real.connect(descriptor, address, length);
  ownName = (descriptor: number, address: number, lengthAddress: number): number =>
    this.#real.ownName(descriptor, address, lengthAddress);
  forgetPages = (address: number, length: number): number =>
    this.#real.forgetPages(address, length);
  interfaceNumber = (name: string): number => this.#real.interfaceNumber(name);

  setOption(descriptor: number, level: number, name: number, valueAddress: number): number {
    const [refusedLevel, refusedName] = this.refusedOption ?? [];
    if (level === refusedLevel && name === refusedName) return -1;
    return this.#real.setOption(descriptor, level, name, valueAddress);
  }

  receiveMany(descriptor: number, address: number, count: number, flags: number): number {
    const received = this.#altered(this.receives, count, (atMost) =>
      this.#real.receiveMany(descriptor, address, atMost, flags),
    );
    if (received > 0) this.onReceived?.(this.memories, received);
    return received;
  }

  sendMany(descriptor: number, address: number, count: number, flags: number): number {
    this.sendCalls++;
    const sent = this.#altered(this.sends, count, (atMost) =>
      this.#real.sendMany(descriptor, address, atMost, flags),
    );
    this.messagesSent += Math.max(0, sent);
    return sent;
  }

  close(descriptor: number): number {
    this.closed.push(descriptor);
    return this.#real.close(descriptor);
  }

  errorNumber(): number {
    const error = this.#error ?? this.#real.errorNumber();
    this.#error = undefined;
    return error;
  }

  addressOf(memory: ArrayBuffer): number {
    this.memories.push(memory);
    return this.#real.addressOf(memory);
  }

  watch(descriptor: number, events: WatchedEvents, ready: Ready): Watch {
    this.#ready = ready;
    this.watched.push(textOf(events));
    const watch = this.#real.watch(descriptor, events, ready);
    return {
      restart: (next) => {
        this.watched.push(textOf(next));
        watch.restart(next);
      },
      close: () => watch.close(),
    };
  }

  /** As the event loop does. */
  tellReady(status: number): void {
    this.#ready?.(status);
  }

  #altered(results: number[], count: number, call: (atMost: number) => number): number {
    const result = results.shift();
    if (result !== undefined && result > 0) {
      this.#error = result;
      return -1;
    }
    return call(result === undefined ? count : Math.min(count, -result));
  }
}

function textOf({ readable, writable }: WatchedEvents): string {
  return [readable ? 'readable' : '', writable ? 'writable' : ''].join('');
}

import type { CallNumbers } from './kernel-layout.ts';

/**
 * What batches of datagrams need of the system. Addresses are those of memory that the caller
 * keeps; calls return -1 on failure, and `errorNumber` says then why, until the next call.
 */
export interface SystemCalls {
  socket(family: number, type: number): number;
  /** The value at `valueAddress` is an int. */
  setOption(descriptor: number, level: number, name: number, valueAddress: number): number;
  bind(descriptor: number, nameAddress: number, nameLength: number): number;
  connect(descriptor: number, nameAddress: number, nameLength: number): number;
  /** The length at `lengthAddress` (32 bits) is that of the room, then that of the name. */
  ownName(descriptor: number, nameAddress: number, lengthAddress: number): number;
  receiveMany(descriptor: number, headersAddress: number, count: number, flags: number): number;
  sendMany(descriptor: number, headersAddress: number, count: number, flags: number): number;
  close(descriptor: number): number;
  /** What lies in whole pages from `address` on is gone; they cost nothing until written again. */
  forgetPages(address: number, length: number): number;
  /** Octets of a page of memory. */
  readonly pageBytes: number;
  /** The number of an interface by its name; 0 when there is none. */
  interfaceNumber(name: string): number;
  errorNumber(): number;
  /** Where an ArrayBuffer lies; it must stay referenced, and must not be resized or transferred. */
  addressOf(memory: ArrayBuffer): number;
  /** @throws when the descriptor cannot be watched */
  watch(descriptor: number, events: WatchedEvents, ready: Ready): Watch;
}

export interface WatchedEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}

/** Is told 0, or a negative number: the descriptor has an error to fetch, and the watch paused. */
export type Ready = (status: number) => void;

/** Calls `ready` as long as the descriptor is: it is level-triggered. */
export interface Watch {
  /** Goes on, with other events or after an error. @throws as `watch` does */
  restart(events: WatchedEvents): void;
  close(): void;
}

export type LoadedCalls =
  | { readonly kind: 'available'; readonly calls: SystemCalls }
  | { readonly kind: 'unavailable'; readonly reason: string };

type Function = (...parameters: readonly (number | string)[]) => number;

/** What is used of koffi; its own types let everything through. */
export interface ForeignFunctions {
  load(path: null): { func(declaration: string): Function };
  errno(): number;
  address(memory: ArrayBuffer): bigint;
  readonly node: {
    poll(descriptor: number, events: WatchedEvents, ready: Ready): PollHandle;
  };
}

interface PollHandle {
  start(events: WatchedEvents, ready: Ready): void;
  close(): void;
}

/** MADV_DONTNEED of madvise(2), the same on every Linux. */
const adviceDontNeed = 4;

/** Binds the calls once; the C library is that of the process, glibc or musl. */
export function bindCalls(foreign: ForeignFunctions, numbers: CallNumbers): SystemCalls {
  const library = foreign.load(null);
  const socket = library.func('int socket(int, int, int)');
  const setsockopt = library.func('int setsockopt(int, int, int, uintptr_t, unsigned int)');
  // Not by the names of the C library: musl's sendmmsg sends one by one, and its structures differ.
  const many = library.func('long syscall(long, int, uintptr_t, unsigned int, int, uintptr_t)');
  const madvise = library.func('int madvise(uintptr_t, size_t, int)');
  const intBytes = 4;
  return {
    socket: (family, type) => socket(family, type, 0),
    setOption: (descriptor, level, name, valueAddress) =>
      setsockopt(descriptor, level, name, valueAddress, intBytes),
    bind: library.func('int bind(int, uintptr_t, unsigned int)'),
    connect: library.func('int connect(int, uintptr_t, unsigned int)'),
    ownName: library.func('int getsockname(int, uintptr_t, uintptr_t)'),
    receiveMany: (descriptor, headersAddress, count, flags) =>
      many(numbers.receiveMany, descriptor, headersAddress, count, flags, 0),
    sendMany: (descriptor, headersAddress, count, flags) =>
      many(numbers.sendMany, descriptor, headersAddress, count, flags, 0),
    close: library.func('int close(int)'),
    forgetPages: (address, length) => madvise(address, length, adviceDontNeed),
    pageBytes: library.func('int getpagesize()')(),
    interfaceNumber: library.func('unsigned int if_nametoindex(const char *)'),
    errorNumber: () => foreign.errno(),
    addressOf: (memory) => Number(foreign.address(memory)),
    watch: (descriptor, events, ready) => new PollWatch(foreign, descriptor, events, ready),
  };
}

/**
 * The handles in use: one that nobody refers to is closed by the garbage collector, and the socket
 * falls silent.
 */
const handlesInUse = new Set<PollHandle>();

/** A handle that is not touched after it was closed: koffi passes a null pointer on. */
class PollWatch implements Watch {
  readonly #ready: Ready;
  #handle: PollHandle | undefined;

  // oxlint-disable-next-line max-params -- one more than the call that it stands for
  constructor(foreign: ForeignFunctions, descriptor: number, events: WatchedEvents, ready: Ready) {
    this.#ready = ready;
    this.#handle = foreign.node.poll(descriptor, events, ready);
    handlesInUse.add(this.#handle);
  }

  restart(events: WatchedEvents): void {
    this.#handle?.start(events, this.#ready);
  }

  close(): void {
    if (this.#handle === undefined) return;
    handlesInUse.delete(this.#handle);
    this.#handle.close();
    this.#handle = undefined;
  }
}

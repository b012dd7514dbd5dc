import type { Socket } from 'node:net';

/**
 * Writes framed messages to a socket from the moment that it is opened, each by a write of its own:
 * over TLS each is a record then. Some servers (dnsdist, unless set otherwise) read one message,
 * answer it, and wait for the socket to have more; what else was in the same record is in their
 * TLS library already, and lies there until they give the connection up.
 */
export class FrameWriter {
  readonly #socket: Socket;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isOpen = false;
  /** A write is under way, or about to begin. */
  #isBusy = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Octets that the system has not taken yet. */
  get unwrittenBytes(): number {
    return this.#waitingBytes + this.#socket.writableLength;
  }

  open(): void {
    this.#isOpen = true;
    this.#begin();
  }

  write(framed: Buffer): void {
    this.#waiting.push(framed);
    this.#waitingBytes += framed.length;
    this.#begin();
  }

  /**
   * Not at once: what waits in the queues of promises may run while the TLS library is in the
   * middle of reading, on the event of a session ticket, and to write then breaks its keys (the
   * server closes with "bad record mac"). That happens where a callback of the event loop did not
   * empty these queues, as those of batched datagrams do not.
   */
  #begin(): void {
    if (!this.#isOpen || this.#isBusy || this.#waiting.length === 0) return;
    this.#isBusy = true;
    setImmediate(() => this.#writeNext());
  }

  /** The runtime joins what is written while a write is under way, so that is waited for. */
  #writeNext(): void {
    const framed = this.#waiting.shift();
    if (framed === undefined) {
      this.#isBusy = false;
      return;
    }
    this.#waitingBytes -= framed.length;
    this.#socket.write(framed, () => this.#writeNext());
  }
}

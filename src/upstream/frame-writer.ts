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
  #isWriting = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Octets that the system has not taken yet. */
  get unwrittenBytes(): number {
    return this.#waitingBytes + this.#socket.writableLength;
  }

  open(): void {
    this.#isOpen = true;
    this.#writeNext();
  }

  write(framed: Buffer): void {
    this.#waiting.push(framed);
    this.#waitingBytes += framed.length;
    this.#writeNext();
  }

  /** The runtime joins what is written while a write is under way, so that is waited for. */
  #writeNext(): void {
    if (!this.#isOpen || this.#isWriting) return;
    const framed = this.#waiting.shift();
    if (framed === undefined) return;
    this.#isWriting = true;
    this.#waitingBytes -= framed.length;
    this.#socket.write(framed, () => {
      this.#isWriting = false;
      this.#writeNext();
    });
  }
}

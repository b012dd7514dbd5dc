import { Writable } from 'node:stream';

/**
 * The most that waits for a slow reader of the log. Behind it lines are dropped and counted: a log
 * that nobody reads must not take the resolver's memory.
 */
const waitingBytesMax = 1024 * 1024;

/** Passes lines on to a stream and outlives it: a broken pipe or a full one only loses lines. */
export class BoundedSink extends Writable {
  readonly #target: NodeJS.WritableStream & { readonly writableLength?: number };
  #linesDropped = 0;

  constructor(target: NodeJS.WritableStream) {
    super({ decodeStrings: false });
    this.#target = target;
    target.on('error', () => {
      this.#linesDropped++;
    });
  }

  /** Lines lost because the reader was slow or gone. */
  get linesDropped(): number {
    return this.#linesDropped;
  }

  override _write(line: string, _encoding: string, done: () => void): void {
    const isFull = (this.#target.writableLength ?? 0) > waitingBytesMax;
    if (isFull || !this.#target.writable) this.#linesDropped++;
    else this.#writeThrough(line);
    done();
  }

  #writeThrough(line: string): void {
    try {
      this.#target.write(line);
    } catch {
      this.#linesDropped++; // a synchronous stream throws what others emit
    }
  }
}

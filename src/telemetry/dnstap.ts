import { encodeTapped } from './dnstap-message.ts';
import type { TappedMessage } from './dnstap-message.ts';
import type { FrameSink } from './frame-sink.ts';

/** Passes on what goes by, in the form of dnstap (dnstap.info). */
export class Dnstap {
  readonly #sink: FrameSink;
  readonly #identity: Buffer;
  readonly #version: Buffer;

  /** @param identity what this replica calls itself */
  constructor(sink: FrameSink, identity: string, version: string) {
    this.#sink = sink;
    this.#identity = Buffer.from(identity);
    this.#version = Buffer.from(`heimdall ${version}`);
  }

  get figures(): { readonly written: number; readonly dropped: number } {
    const { written, dropped } = this.#sink;
    return { written, dropped };
  }

  /** Its octets are copied at once. */
  note(message: TappedMessage): void {
    this.#sink.write(encodeTapped(message, this.#identity, this.#version));
  }

  start(): void {
    this.#sink.start();
  }

  stop(): Promise<void> {
    return this.#sink.stop();
  }
}

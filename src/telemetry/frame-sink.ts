import { createWriteStream } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { SocketAddress } from '../base/address.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { controlFrame, controlKind, dataFrame, readControlFrame } from './frame-stream.ts';
import type { Log } from './log.ts';

/** Where frames go: a file, or a reader at a socket of this machine or of another one. */
export type SinkTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly address: SocketAddress };

/** Before a reader that was not there, or went, is looked for again; doubled each time. */
const retryMinMs = 1000;
const retryMaxMs = 60_000;
/** For what waits to be taken when the process ends. */
const stopTimeoutMs = 500;

/**
 * A stream of frames that nobody waits for: what its reader is too slow for, or not there for, is
 * dropped and counted. Memory is bounded by `queueBytesMax` and one frame.
 */
export class FrameSink {
  readonly #target: SinkTarget;
  readonly #queueBytesMax: number;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Undefined while there is nobody to write to. */
  #stream: Writable | undefined;
  #socket: Socket | undefined;
  #retry: Timer | undefined;
  #retryMs = retryMinMs;
  #isStopped = false;
  written = 0;
  dropped = 0;

  constructor(
    target: SinkTarget,
    queueBytesMax: number,
    { clock, log }: { readonly clock: Clock; readonly log: Log },
  ) {
    this.#target = target;
    this.#queueBytesMax = queueBytesMax;
    this.#clock = clock;
    this.#log = log;
  }

  /** Returns at once; what comes before somebody reads is dropped. */
  start(): void {
    const { kind } = this.#target;
    if (kind === 'file') this.#openFile(this.#target.path);
    else this.#connect(this.#target);
  }

  write(octets: Buffer): void {
    const stream = this.#stream;
    if (stream === undefined || stream.writableLength > this.#queueBytesMax) {
      this.dropped++;
      return;
    }
    this.written++;
    stream.write(dataFrame(octets));
  }

  /** Says that it was all, and waits half a second at most for it to be taken. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#retry?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) {
      this.#socket?.destroy();
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(stopTimeoutMs, resolve);
    stream.once('error', () => resolve());
    stream.end(controlFrame(controlKind.stop), resolve);
    await promise;
    timer.cancel();
    this.#socket?.destroy();
  }

  #openFile(path: string): void {
    const stream = createWriteStream(path);
    stream.on('error', (error) => this.#lose(path, error));
    stream.write(controlFrame(controlKind.start));
    this.#stream = stream;
  }

  /** The reader says first that it wants what is offered. */
  #connect(target: Exclude<SinkTarget, { kind: 'file' }>): void {
    const socket = target.kind === 'unix' ? connect(target.path) : connect(target.address);
    const name =
      target.kind === 'unix'
        ? target.path
        : `${target.address.host}:${String(target.address.port)}`;
    this.#socket = socket;
    let received = Buffer.alloc(0);
    socket.on('connect', () => socket.write(controlFrame(controlKind.ready)));
    socket.on('data', (octets) => {
      if (this.#stream !== undefined) return; // nothing more is expected of a reader
      received = Buffer.concat([received, octets]);
      const answer = readControlFrame(received);
      if (answer === undefined) return;
      if (answer === controlKind.accept) this.#begin(socket);
      else socket.destroy(new Error('what answers is no reader of dnstap'));
    });
    socket.on('error', (error) => this.#log.debug('dnstap', { error: describeError(error) }));
    socket.on('close', () => this.#lose(name));
  }

  #begin(socket: Socket): void {
    this.#retryMs = retryMinMs;
    socket.write(controlFrame(controlKind.start));
    this.#stream = socket;
  }

  #lose(name: string, error?: unknown): void {
    const wasOpen = this.#stream !== undefined;
    this.#stream = undefined;
    if (this.#isStopped) return;
    if (wasOpen || this.#retryMs === retryMinMs) {
      const why = error === undefined ? {} : { error: describeError(error) };
      this.#log.warn('nobody takes dnstap', { target: name, ...why });
    }
    this.#retry = this.#clock.setTimer(this.#retryMs, () => this.start());
    this.#retryMs = Math.min(retryMaxMs, this.#retryMs * 2);
  }
}

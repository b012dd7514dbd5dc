import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { UsageInvalid } from '../base/errors.ts';
import type { FromWorker, OrderReport, ToWorker, WorkerOrder, WorkerSetup } from './control.ts';
import { carrierDescriptor } from './worker-process.ts';

/** A worker's way to its primary: what the process was given when it was forked. */
export class PrimaryChannel {
  /** Of questions and outcomes. */
  readonly carrier: Duplex;
  readonly setup: Promise<WorkerSetup>;
  readonly #setup = Promise.withResolvers<WorkerSetup>();
  readonly #finished = Promise.withResolvers<void>();
  readonly #obey = Promise.withResolvers<(order: WorkerOrder) => Promise<OrderReport>>();

  /** @throws {UsageInvalid} when the process was not started by a primary */
  constructor() {
    if (process.send === undefined) {
      throw new UsageInvalid('a worker is started by `heimdall serve`, not by hand');
    }
    this.carrier = new Socket({ fd: carrierDescriptor, readable: true, writable: true });
    this.setup = this.#setup.promise;
    process.on('message', (message) => this.#take(message as ToWorker)); // see control.ts
  }

  /** Calls `task` when the primary is gone: without it a worker is of no use. */
  onGone(task: () => void): void {
    process.once('disconnect', task);
    this.carrier.once('close', task);
  }

  /** Resolves when the last order was done, and reported. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /** Lets the process end; nobody is told that the primary is gone. */
  close(): void {
    process.removeAllListeners('disconnect');
    this.carrier.removeAllListeners('close');
    this.carrier.destroy();
    if (process.connected) process.disconnect();
  }

  /** What is to become of orders, those that came before included. */
  onOrder(obey: (order: WorkerOrder) => Promise<OrderReport>): void {
    this.#obey.resolve(obey);
  }

  /** A primary that is gone is told by {@link onGone}, not here. */
  tell(message: FromWorker): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
    return promise;
  }

  #take(message: ToWorker): void {
    if (message.kind === 'setup') this.#setup.resolve(message.setup);
    else void this.#do(message.number, message.order);
  }

  async #do(number: number, order: WorkerOrder): Promise<void> {
    const obey = await this.#obey.promise;
    await this.tell({ kind: 'done', number, report: await obey(order) });
    if (order.name === 'drain') this.#finished.resolve();
  }
}

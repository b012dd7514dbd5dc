import { Client, LifecycleState } from 'hazelcast-client';
import { repeat, sleep } from '../base/clock.ts';
import type { Timer } from '../base/clock.ts';
import { describeError, GridUnusable } from '../base/errors.ts';
import type { Grid, GridEvents } from './grid.ts';
import { connectToAllMembers, pauseBetweenRegistrations } from './hazelcast-internals.ts';
import { clientConfig } from './hazelcast-options.ts';
import type { HazelcastDependencies, HazelcastOptions } from './hazelcast-options.ts';
import { HazelcastSession } from './hazelcast-session.ts';

/** How often connections that are missing are opened. */
const reconnectIntervalMs = 500;
/** Before another client is tried after one gave up for good. */
const restartDelayMs = 2000;
/** Between two attempts to listen with a new client. */
const listenRetryMs = 1000;
/** A member that does not answer must not hold up the end of the process. */
const stopTimeoutMs = 2000;

/**
 * The grid on Hazelcast. The client connects in the background and again for ever; where it ends by
 * itself (members with another number of partitions came up) a new one is started.
 */
export class HazelcastGrid implements Grid {
  readonly #options: HazelcastOptions;
  readonly #dependencies: HazelcastDependencies;
  readonly #session = new HazelcastSession();
  #events: GridEvents | undefined;
  #client: Client | undefined;
  /** Counts clients, so that what an earlier one still tells is not taken for the news of this one. */
  #generation = 0;
  #isConnected = false;
  #reconnects: Timer | undefined;
  #restart: Timer | undefined;

  constructor(options: HazelcastOptions, dependencies: HazelcastDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /**
   * Returns without waiting for a member.
   * @throws {GridUnusable} when the options cannot be those of any grid
   */
  async start(events: GridEvents): Promise<void> {
    this.#events = events;
    await this.#startClient();
    if (!this.#options.smartRouting) return;
    this.#reconnects = repeat(this.#dependencies.clock, reconnectIntervalMs, () => {
      if (this.#isConnected && this.#client !== undefined) connectToAllMembers(this.#client);
    });
  }

  /** Ends within two seconds, also when a member is frozen. */
  async stop(): Promise<void> {
    this.#events = undefined;
    this.#reconnects?.cancel();
    this.#restart?.cancel();
    const client = this.#client;
    this.#forgetClient();
    if (client === undefined) return;
    const ended = client.shutdown().catch((error: unknown) => {
      this.#dependencies.log.debug('the grid client ended badly', { error: describeError(error) });
    });
    await Promise.race([ended, sleep(this.#dependencies.clock, stopTimeoutMs)]);
  }

  async #startClient(): Promise<void> {
    const generation = ++this.#generation;
    const onState = (state: LifecycleState): void => {
      if (generation === this.#generation) this.#onState(state);
    };
    try {
      const config = clientConfig(this.#options, this.#dependencies, onState);
      const client = await Client.newHazelcastClient(config);
      pauseBetweenRegistrations(client, this.#dependencies.clock);
      if (this.#events === undefined) void client.shutdown().catch(() => undefined);
      else this.#adopt(client);
    } catch (cause) {
      throw new GridUnusable('the grid client cannot be started', { cause });
    }
  }

  #adopt(client: Client): void {
    this.#client = client;
    this.#session.adopt(client);
    if (this.#isConnected) this.#announce(); // it was faster than its promise
  }

  #onState(state: LifecycleState): void {
    if (state === LifecycleState.CONNECTED && !this.#isConnected) {
      this.#isConnected = true;
      if (this.#client !== undefined) this.#announce();
    }
    if (state === LifecycleState.DISCONNECTED) this.#lost();
    if (state === LifecycleState.SHUTDOWN && this.#events !== undefined) this.#startAgain();
  }

  #announce(): void {
    void this.#listenAgain(this.#generation);
    this.#events?.connected(this.#session);
  }

  #lost(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#events?.lost();
  }

  #startAgain(): void {
    this.#lost();
    this.#forgetClient();
    const { clock, log } = this.#dependencies;
    log.warn('the grid client gave up; another one follows');
    this.#restart = clock.setTimer(restartDelayMs, () => {
      this.#startClient().catch((error: unknown) => {
        log.error('the grid client cannot be started again', { error: describeError(error) });
        if (this.#events !== undefined) this.#startAgain();
      });
    });
  }

  async #listenAgain(generation: number): Promise<void> {
    try {
      await this.#session.listenAgain();
    } catch (error) {
      this.#dependencies.log.debug('not listening yet', { error: describeError(error) });
      this.#dependencies.clock.setTimer(listenRetryMs, () => {
        if (generation === this.#generation) void this.#listenAgain(generation);
      });
    }
  }

  #forgetClient(): void {
    this.#generation++;
    this.#client = undefined;
    this.#isConnected = false;
    this.#session.adopt(undefined);
  }
}

import { gridOf } from '../../src/assembly/coordination.ts';
import type { ReplicaGrid } from '../../src/assembly/coordination.ts';
import { Resolver } from '../../src/assembly/resolver.ts';
import { chooseUpstreams } from '../../src/assembly/upstream-options.ts';
import type { Clock, Timer } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { loadConfig } from '../../src/config/load.ts';
import { SilentLog } from '../../src/telemetry/log.ts';
import { AskingClient } from '../scenario/asking-client.ts';
import type { Asked } from '../scenario/asking-client.ts';
import type { Grid } from '../../src/grid/grid.ts';
import { MemoryGrid } from '../support/memory-grid.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { Truth } from './truth.ts';

const upstream = '192.0.2.53:53';
const nowhere = { resolvConf: () => '', interfaceAddresses: () => [] };

/** Longer than all that a replica does while it ends. */
const stopTimeMs = 10_000;

/** The clock of one replica: its own start and its own idea of the time of day. */
class OwnClock implements Clock {
  readonly #shared: VirtualClock;
  readonly #aheadMs: number;
  readonly #wallAheadMs: number;

  constructor(shared: VirtualClock, aheadMs: number, wallAheadMs: number) {
    this.#shared = shared;
    this.#aheadMs = aheadMs;
    this.#wallAheadMs = wallAheadMs;
  }

  nowMs(): number {
    return this.#shared.nowMs() + this.#aheadMs;
  }

  wallMs(): number {
    return this.#shared.wallMs() + this.#wallAheadMs;
  }

  setTimer(delayMs: number, task: () => void): Timer {
    return this.#shared.setTimer(delayMs, task);
  }
}

/** A replica of the simulation. */
export interface SimulatedReplica {
  readonly name: string;
  readonly grid: ReplicaGrid;
  /** Its connection to the grid. */
  readonly driver: Grid;
  readonly resolver: Resolver;
  readonly client: AskingClient;
  readonly transport: ScriptedTransport;
}

/** Three replicas, a grid in memory and an upstream, all on one virtual clock and from one seed. */
export class SimulatedCluster {
  readonly clock = new VirtualClock();
  readonly random: SeededRandom;
  readonly grid: MemoryGrid;
  readonly truth: Truth;
  readonly replicas: SimulatedReplica[] = [];
  readonly #flags: Readonly<Record<string, string>>;
  #starts = 0;

  /** @param flags options of all replicas, by their path */
  constructor(seed: number, flags: Readonly<Record<string, string>> = {}) {
    this.random = new SeededRandom(seed);
    this.#flags = flags;
    this.grid = new MemoryGrid({ clock: this.clock, random: this.random });
    this.truth = new Truth(this.clock, this.random);
    for (let index = 0; index < 3; index++) this.replicas.push(this.#start());
  }

  /** The replica ends as a process does that is killed, and another takes its place. */
  async crash(index: number): Promise<void> {
    const replica = this.replicas[index];
    if (replica === undefined) return;
    await replica.driver.stop(); // it says goodbye to nobody
    void this.#end(replica);
    this.replicas[index] = this.#start();
  }

  /** Ends all replicas in good order, which takes time. */
  async stop(): Promise<void> {
    const ended = Promise.all(this.replicas.map((replica) => this.#end(replica)));
    await this.clock.advance(stopTimeMs);
    await ended;
  }

  async #end({ grid, resolver }: SimulatedReplica): Promise<void> {
    resolver.upstreams.stop();
    await grid.coordination.stop();
  }

  ask(replica: SimulatedReplica, name: string, type: string): Asked {
    return replica.client.ask({
      name,
      type,
      transport: 'udp',
      dnssecOk: false,
      checkingDisabled: false,
      authenticData: false,
      recursionDesired: true,
      ednsSize: 1232,
    });
  }

  #start(): SimulatedReplica {
    const name = `r${String(++this.#starts)}`;
    const { config } = loadConfig({
      env: {},
      flags: {
        'upstream.servers': upstream,
        'upstream.loopDetection': 'false',
        'grid.members': '192.0.2.99',
        'grid.replicaId': name,
        'grid.entryKeys': '[{id: 1, secret: the secret of the simulation}]',
        ...this.#flags,
      },
    });
    const hours = 3_600_000;
    const ahead = this.random.fraction() * hours;
    const wallAhead = (this.random.fraction() - 0.5) * hours;
    const clock = new OwnClock(this.clock, ahead, wallAhead);
    const transport = new ScriptedTransport(this.clock);
    transport.scripts.set(upstream, this.truth.script);
    const log = new SilentLog();
    const driver = this.grid.gridOf(name);
    const grid = gridOf(config, {
      clock,
      random: this.random,
      log,
      connectGrid: () => driver,
      build: { version: 'simulated' },
    });
    if (grid === undefined) throw new Error('a simulated replica has a grid');
    const resolver = new Resolver(config, chooseUpstreams(config, nowhere).options, {
      clock,
      random: this.random,
      log,
      coordination: grid.coordination,
      transport,
    });
    grid.coordination.start();
    return {
      name,
      grid,
      driver,
      resolver,
      transport,
      client: new AskingClient(resolver, this.clock),
    };
  }
}

import { describe, expect, test } from '@jest/globals';
import type { Script } from '../support/scripted-reply.ts';
import { SimulatedCluster } from './cluster.ts';
import type { SimulatedReplica } from './cluster.ts';

const [preferred, other] = ['192.0.2.53:53', '192.0.2.54:53'];
const seedCount = 20;
const steps = 120;
/** As long as an own answer outweighs the others in any case. */
const ownSuccessMs = 10_000;
/** As long as a try may be under way, which then counts as a failure. */
const failureTimeoutMs = 1000;
/** Three tries of a second each at the busy one, a probe of the others, and what tells of it. */
const avoidedMs = 4 * failureTimeoutMs + 500;

/** A cluster with two upstreams asked in their order, the first of which is cut off here and there. */
class World {
  readonly cluster: SimulatedCluster;
  /** Replicas that cannot reach the upstream preferred. */
  readonly blind = new Set<SimulatedReplica>();
  /** When the upstream preferred last answered a query or a probe of a replica. */
  readonly answeredAtMs = new Map<SimulatedReplica, number>();
  readonly #turnedAtMs = new Map<SimulatedReplica, number>();
  #names = 0;

  constructor(seed: number) {
    this.cluster = new SimulatedCluster(seed, {
      'upstream.servers': `${preferred},${other}`,
      'upstream.strategy': 'sequential',
      'grid.sharedCache.mode': 'off', // every replica asks upstream for itself
    });
    for (const replica of this.cluster.replicas) {
      replica.transport.scripts.set(preferred, this.#preferredSeenBy(replica));
      replica.transport.scripts.set(other, this.cluster.truth.script);
    }
  }

  #preferredSeenBy(replica: SimulatedReplica): Script {
    const { truth, clock } = this.cluster;
    return (query) => {
      if (this.blind.has(replica)) return undefined;
      // What was asked before it was back may yet count as a failure after this answer.
      const turnedAtMs = this.#turnedAtMs.get(replica) ?? -failureTimeoutMs;
      clock.setTimer(truth.mood.delayMs + 1, () => {
        const isOld = clock.nowMs() - turnedAtMs > failureTimeoutMs;
        if (isOld && !this.blind.has(replica)) this.answeredAtMs.set(replica, clock.nowMs());
      });
      return truth.script(query);
    };
  }

  /** Cut off or back again: what it answered before says nothing of now. */
  turn(replica: SimulatedReplica): void {
    if (!this.blind.delete(replica)) this.blind.add(replica);
    this.answeredAtMs.delete(replica);
    this.#turnedAtMs.set(replica, this.cluster.clock.nowMs());
  }

  /** A query for a new name: whether the upstream preferred was asked at first. */
  async asksPreferred(replica: SimulatedReplica): Promise<boolean> {
    const name = `n${String(1 + 7 * ++this.#names)}.example.com`;
    this.cluster.ask(replica, name, 'A');
    await this.cluster.clock.advance(1);
    const first = replica.transport.sent.find((sent) => sent.name.toLowerCase() === name);
    return first?.server === preferred;
  }
}

/** Replicas that lose and regain an upstream in any order, under any traffic, on a grid that fails. */
async function trustsItself(seed: number): Promise<string[]> {
  const world = new World(seed);
  const { cluster } = world;
  const { clock, random, replicas } = cluster;
  const violations: string[] = [];
  await clock.advance(2000);
  for (let step = 0; step < steps; step++) {
    const replica = replicas[Math.floor(random.fraction() * replicas.length)];
    if (replica === undefined) continue;
    const chance = random.fraction();
    if (chance < 0.08) world.turn(replica);
    else if (chance < 0.1) cluster.grid.cutOff(replica.name);
    else if (chance < 0.14) cluster.grid.heal(replica.name);
    const sinceMs = clock.nowMs() - (world.answeredAtMs.get(replica) ?? Number.NEGATIVE_INFINITY);
    const isAsked = await world.asksPreferred(replica);
    if (sinceMs < ownSuccessMs && !isAsked) {
      violations.push(`seed ${String(seed)}: ${replica.name} left out what answered it just now`);
    }
    await clock.advance(random.fraction() ** 2 * 4000);
  }
  await cluster.stop();
  return violations;
}

/** The first replica is busy; the others are asked now and then. @returns ms until all left it alone */
async function lastTryMs(seed: number): Promise<number> {
  const world = new World(seed);
  const { clock, random, replicas } = world.cluster;
  await clock.advance(2000);
  for (const replica of replicas) expect(await world.asksPreferred(replica)).toBe(true);
  await clock.advance(random.fraction() * 20_000);
  for (const replica of replicas) world.turn(replica);
  const silentAtMs = clock.nowMs();
  let lastMs = 0;
  while (clock.nowMs() - silentAtMs < 15_000) {
    for (const [index, replica] of replicas.entries()) {
      const isAsked = index === 0 || random.fraction() < 0.03;
      if (isAsked && (await world.asksPreferred(replica))) lastMs = clock.nowMs() - silentAtMs;
    }
    await clock.advance(100);
  }
  await world.cluster.stop();
  return lastMs;
}

/** A seed takes a quarter of a second, and much more on a busy machine. */
const patienceMs = seedCount * 10_000;
const seeds = Array.from({ length: seedCount }, (_, index) => index + 1);

describe('three replicas that share what they know of an upstream', () => {
  test(
    'never leave out what answered them a moment ago, whatever the others say',
    async () => {
      const violations: string[] = [];
      for (const seed of seeds) violations.push(...(await trustsItself(seed)));
      expect(violations).toEqual([]);
    },
    patienceMs,
  );

  test(
    'leave one alone that fell silent as soon as the busiest knows, the idle ones too',
    async () => {
      for (const seed of seeds)
        expect([seed, await lastTryMs(seed)]).toEqual([seed, below(avoidedMs)]);
    },
    patienceMs,
  );
});

/** Any number below a bound. */
function below(bound: number): unknown {
  return { asymmetricMatch: (value: unknown) => typeof value === 'number' && value < bound };
}

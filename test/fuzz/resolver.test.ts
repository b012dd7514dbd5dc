import { describe, expect, test } from '@jest/globals';
import type { Random } from '../../src/base/random.ts';
import { headerLength } from '../../src/dns/message.ts';
import { describeMessage } from '../../src/dns/presentation.ts';
import { readQuery } from '../../src/query/read-query.ts';
import { ScriptedWorld, withPort } from '../scenario/scripted-world.ts';
import { bytesHeld, randomOf, runsOf, seed } from './fuzz-runs.ts';
import { randomQuery, randomResponse } from './message-generator.ts';
import { below, mutate, noise, pick } from './message-mutation.ts';

const runs = runsOf(0.15);
/** Queries between two steps of the clock. */
const batch = 50;
/** More than any fill of L1 (1 MiB), failures and questions in flight account for. */
const growthBytesMax = 24 * 1024 ** 2;
const queriesInFlightMax = 100;
const configOf = (subnetPolicy: string): string => `
  upstream:
    servers: [192.0.2.53, 192.0.2.54]
    strategy: parallel
    clientSubnet: { policy: ${subnetPolicy} }
  cache: { maxBytes: 1MiB, nxdomainCut: true }
  listen: { queriesInFlightMax: ${String(queriesInFlightMax)} }`;
const client = { host: '198.51.100.7', port: 40_000 };

/** Upstreams that answer well, badly, late or not at all. */
function misbehaving(random: Random, subnetPolicy: string): ScriptedWorld {
  const world = new ScriptedWorld(configOf(subnetPolicy));
  for (const server of ['192.0.2.53', '192.0.2.54']) {
    world.transport.scripts.set(withPort(server), ({ name, type, wire }) => {
      const response = randomResponse({ name, type }, random);
      const delayMs = pick(random, [0, 0, 5, 100, 2500]);
      if (random.fraction() < 0.05) return undefined;
      const raw = random.fraction() < 0.3 ? mutate(response, random, wire) : response;
      return { raw: raw.length < 2 ? Buffer.alloc(2) : raw, keepId: true, delayMs };
    });
  }
  return world;
}

/** What no response may lack, whatever the query was. */
function checkResponse(query: Buffer, response: Buffer, transport: 'udp' | 'tcp'): void {
  const read = readQuery(query, { transport, client, receivedAtMs: 0 });
  if (read.kind === 'drop') throw new Error('an answer to what is to be dropped');
  if ((query.readUInt8(2) & 0x80) !== 0) throw new Error('an answer to a response');
  if (!response.subarray(0, 2).equals(query.subarray(0, 2))) throw new Error('another id');
  if ((response.readUInt8(2) & 0x80) === 0) throw new Error('no QR');
  const edns = read.kind === 'query' ? read.query.edns : read.edns;
  const bytesMax = transport === 'tcp' ? 65_535 : Math.min(edns?.udpSize ?? 512, 1232);
  if (response.length > bytesMax) throw new Error(`${String(response.length)} octets`);
  if (response.readUInt16BE(10) !== (edns === undefined ? 0 : 1)) throw new Error('OPT');
  if (read.kind === 'query') {
    const { asked } = read.query;
    const echoed = response.subarray(headerLength, headerLength + asked.length);
    if (!echoed.equals(asked)) throw new Error('another question');
  }
  describeMessage(response); // throws when it is malformed
}

class FuzzingClient {
  answered = 0;
  hot = 0;
  readonly #world: ScriptedWorld;
  readonly #out = Buffer.alloc(4096);

  constructor(world: ScriptedWorld) {
    this.#world = world;
  }

  /** Asks the hot path and the stages; where both answer, they must say the same. */
  ask(query: Buffer, transport: 'udp' | 'tcp'): void {
    const { hotPath, responder } = this.#world.resolver;
    const index = transport === 'udp' ? 0 : 1;
    hotPath.start();
    const length = hotPath.answer(query, 0, query.length, this.#out, 0, 4096, index);
    hotPath.finish();
    const hot = length === 0 ? undefined : Buffer.from(this.#out.subarray(0, length));
    if (hot !== undefined) {
      this.hot++;
      checkResponse(query, hot, transport);
    }
    // With too many in flight the stages refuse what the hot path still answers.
    const compared = responder.inFlight < queriesInFlightMax ? hot : undefined;
    const settled = responder.respond(query, { transport, client });
    if (!(settled instanceof Promise)) this.#arrived(query, settled, compared, transport);
    else void settled.then((response) => this.#arrived(query, response, compared, transport));
  }

  readonly problems: unknown[] = [];

  #arrived(
    query: Buffer,
    response: Buffer | undefined,
    hot: Buffer | undefined,
    transport: 'udp' | 'tcp',
  ): void {
    try {
      if (response !== undefined) {
        this.answered++;
        checkResponse(query, response, transport);
      }
      if (hot !== undefined && response?.equals(hot) !== true) {
        throw new Error(`hot ${hot.toString('hex')}\nslow ${response?.toString('hex') ?? 'none'}`);
      }
    } catch (error) {
      this.problems.push(new Error(`query ${query.toString('hex')}`, { cause: error }));
    }
  }
}

function someQuery(random: Random): Buffer {
  const query = randomQuery(random);
  const fraction = random.fraction();
  if (fraction < 0.4) return query;
  return fraction < 0.9 ? mutate(query, random, randomQuery(random)) : noise(random, 100);
}

describe('the whole resolver', () => {
  test.each([
    ['remove', runs / 50],
    ['forward', runs / 50],
    ['add', -1],
  ])(
    `answers, refuses or drops whatever comes, by both ways alike, and keeps nothing (subnets: %s, ${String(runs)} runs)`,
    async (subnetPolicy, hotMin) => {
      const random = randomOf(0);
      const world = misbehaving(random, subnetPolicy);
      const asking = new FuzzingClient(world);
      let heldBytes = Number.POSITIVE_INFINITY;
      for (let run = 0; run < runs; run++) {
        asking.ask(someQuery(random), random.fraction() < 0.7 ? 'udp' : 'tcp');
        if (run % batch !== 0) continue;
        await world.clock.advance(below(random, 3000));
        if (asking.problems.length > 0) break;
        world.transport.sent.length = 0;
        if (run >= runs / 3 && heldBytes === Number.POSITIVE_INFINITY) heldBytes = bytesHeld();
      }
      world.resolver.upstreams.stop();
      await world.clock.advance(10_000);
      expect({ seed, problems: asking.problems.slice(0, 1) }).toEqual({ seed, problems: [] });
      expect(asking.answered).toBeGreaterThan(runs / 10);
      expect(asking.hot).toBeGreaterThan(hotMin);
      expect([world.transport.exchangesOpen, world.clock.timersPending]).toEqual([0, 0]);
      expect(world.resolver.responder.inFlight).toBe(0);
      if (runs > 1000) expect(bytesHeld() - heldBytes).toBeLessThan(growthBytesMax);
    },
    20_000 + runs * 20,
  );
});

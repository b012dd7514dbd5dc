import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SocketAddress } from '../../src/base/address.ts';
import { Resolver } from '../../src/assembly/resolver.ts';
import { standalone } from '../../src/assembly/standalone.ts';
import { chooseUpstreams } from '../../src/assembly/upstream-options.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { loadConfig } from '../../src/config/load.ts';
import { encodeQuery, rawResponse, types, wireName } from '../support/messages.ts';
import type { QueryParts, RawRecord } from '../support/messages.ts';
import type { ScriptedQuery, ScriptedReply } from '../support/scripted-reply.ts';
import { ScriptedTransport } from '../support/scripted-transport.ts';
import { addressRecord, soaRecord } from '../support/scripted-upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const quiet = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
};
const client = { host: '192.0.2.77', port: 5353 };
/** Upstreams may be told of the first, and of the other one not. */
const clients = [client, { host: '10.0.0.77', port: 5353 }];
const server = '192.0.2.1:53';
const subnetCode = 8;

/** A whole resolver on virtual time, without a socket. */
function resolverOn(clock: VirtualClock, subnetPolicy = 'remove'): Resolver {
  const flags = {
    'upstream.clientSubnet.policy': subnetPolicy,
    'upstream.servers': server,
    'upstream.trustAuthenticData': 'true',
    'upstream.loopDetection': 'false',
    'cache.prefetch.enabled': 'false',
  };
  const { config } = loadConfig({ env: {}, flags });
  const surroundings = { resolvConf: () => '', interfaceAddresses: () => [] };
  const transport = new ScriptedTransport(clock);
  transport.scripts.set(server, upstreamAnswer);
  return new Resolver(config, chooseUpstreams(config, surroundings).options, {
    clock,
    random: new SeededRandom(3),
    log: quiet,
    coordination: standalone(),
    transport,
  });
}

/** The first label of a name says what its answer is. */
function upstreamAnswer(query: ScriptedQuery): ScriptedReply {
  const [shape] = query.name.toLowerCase();
  const subnet = query.edns?.options.find(({ code }) => (code as number) === subnetCode);
  if (shape === 'b' && subnet !== undefined && 'data' in subnet) {
    return tailored(query.name, Buffer.from(subnet.data as Buffer));
  }
  const authenticData = query.name.length % 2 === 0;
  if (shape === 'x')
    return { code: 3, authorities: [soaRecord('example', 100, 50)], authenticData };
  if (shape === 'n') return { authorities: [soaRecord('example', 100, 70)], authenticData };
  const raw = rawResponse(query.wire, recordsFor(query));
  if (authenticData) raw.writeUInt8(raw.readUInt8(3) | 0x20, 3);
  return { raw };
}

/** An answer that is for the subnet alone; for whoever names none, for its like alone. */
function tailored(name: string, subnet: Buffer): ScriptedReply {
  const address = `203.0.113.${String(subnet.length > 6 ? subnet.readUInt8(6) : 254)}`;
  subnet[3] = subnet.readUInt8(2);
  const edns = [{ code: subnetCode, data: subnet }];
  return { answers: [addressRecord(name, address, 40)], edns };
}

function recordsFor({ name, wire }: ScriptedQuery): RawRecord[] {
  const type = wire.readUInt16BE(12 + wireName(name).length);
  const ttl = 20 + (name.length % 60);
  const count = name.toLowerCase().startsWith('l') ? 60 : 1 + (name.length % 3);
  const rdata = (index: number): Buffer =>
    type === types.MX
      ? Buffer.concat([Buffer.from([0, index]), wireName('Mail.Example')])
      : Buffer.from([192, 0, 2, index]);
  const data = Array.from({ length: count }, (_, index) => ({ type, ttl, rdata: rdata(index) }));
  if (!name.toLowerCase().startsWith('c')) return data;
  // An alias within the zone, by a pointer to the second label of the question.
  const target = Buffer.from([5, ...Buffer.from('Alias'), 0xc0, 12 + name.indexOf('.') + 1]);
  return [{ type: types.CNAME, ttl: 7, rdata: target }];
}

/** Few names, so that most are kept already; the first letter chooses the kind of answer. */
const names = fc
  .tuple(
    fc.constantFrom('x', 'n', 'l', 'c', 'a', 'b', 'X', 'A'),
    fc.constantFrom('', 'w', 'WW', 'Www'),
  )
  .map(([shape, rest]) => `${shape}${rest}.Example`);

const edns = fc.record(
  {
    size: fc.constantFrom(0, 511, 512, 513, 600, 1000, 1232, 4096, 65_535),
    dnssecOk: fc.boolean(),
    version: fc.constantFrom(0, 0, 0, 0, 0, 1),
    options: fc.array(
      fc.record({
        code: fc.constantFrom(3, 8, 10, 11, 12, 15, 65_001, 65_310),
        data: fc.constantFrom(
          '',
          'abcd',
          '\u0000\u0001\u0000\u0000',
          '\u0000\u0001\u0018\u0000abc',
        ),
      }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

const plainTypes = [types.A, types.AAAA, types.MX, types.TXT, types.HTTPS, 731];
const oddTypes = [types.ANY, types.AXFR, types.NXNAME, types.OPT, 0];

const queries: fc.Arbitrary<QueryParts> = fc.record(
  {
    name: names,
    type: fc.constantFrom<number>(...plainTypes, ...plainTypes, ...plainTypes, ...oddTypes),
    class: fc.constantFrom(1, 1, 1, 1, 1, 1, 1, 3),
    id: fc.nat(0xffff),
    opcode: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 4),
    recursionDesired: fc.constantFrom(true, true, true, true, true, false),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    edns,
  },
  { requiredKeys: ['name', 'type'] },
);

interface Damage {
  readonly at: number;
  readonly octet: number;
}

const damages: fc.Arbitrary<Damage | undefined> = fc.oneof(
  { weight: 7, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.record({ at: fc.nat(60), octet: fc.nat(255) }) },
);

function damaged(wire: Buffer, damage: Damage | undefined): Buffer {
  const copy = Buffer.from(wire);
  if (damage !== undefined) copy[damage.at % copy.length] = damage.octet;
  return copy;
}

/** What the hot path says to a query; undefined where it leaves it to the stages. */
function hotAnswer(
  resolver: Resolver,
  query: Buffer,
  transport: 'udp' | 'tcp',
): Buffer | undefined {
  const margin = 7; // neither side of a query or an answer stands at 0 in a listener
  const padded = Buffer.concat([Buffer.alloc(margin, 0xee), query, Buffer.alloc(margin, 0xee)]);
  const out = Buffer.alloc(5000, 0xdd);
  const end = margin + query.length;
  const index = transport === 'udp' ? 0 : 1;
  resolver.hotPath.start();
  const length = resolver.hotPath.answer(padded, margin, end, out, margin, 4096, index);
  resolver.hotPath.finish();
  if (length === 0) return undefined;
  expect(out.subarray(margin + length).every((octet) => octet === 0xdd)).toBe(true);
  return Buffer.from(out.subarray(margin, margin + length));
}

async function stagedAnswer(
  { clock, resolver }: { readonly clock: VirtualClock; readonly resolver: Resolver },
  query: Buffer,
  arrival: { readonly transport: 'udp' | 'tcp'; readonly client: SocketAddress },
): Promise<Buffer | undefined> {
  let answer: Buffer | undefined;
  let isSettled = false;
  void Promise.resolve(resolver.responder.respond(query, arrival)).then((given) => {
    answer = given;
    isSettled = true;
  });
  for (let passedMs = 0; !isSettled; passedMs++) {
    if (passedMs > 5000) throw new Error(`no answer to ${query.toString('hex')}`);
    await clock.advance(passedMs === 0 ? 0 : 1);
  }
  return answer;
}

/** Enough for every pair of the choices below to meet. */
const runs = 4000;

const steps = fc.record({
  parts: queries,
  damage: damages,
  arrival: fc.record({
    transport: fc.constantFrom<'udp' | 'tcp'>('udp', 'tcp'),
    client: fc.constantFrom(...clients),
  }),
  pauseMs: fc.constantFrom(0, 0, 0, 1, 400, 999, 1000, 1001, 7777, 20_000),
});

describe('the hot path', () => {
  test.each(['remove', 'forward'])(
    'RFC 1035 to 9619: gives what the stages give, octet for octet, or leaves it to them (%s)',
    async (policy) => {
      const clock = new VirtualClock();
      const resolver = resolverOn(clock, policy);
      const world = { clock, resolver };
      const numRuns = policy === 'remove' ? runs : runs / 2;
      let hits = 0;
      await fc.assert(
        fc.asyncProperty(steps, async ({ parts, damage, arrival, pauseMs }) => {
          const query = damaged(encodeQuery(parts), damage);
          await stagedAnswer(world, query, arrival);
          await clock.advance(pauseMs);
          // Before and after it: the hot path ages what is kept, and the stages read that.
          const before = await stagedAnswer(world, query, arrival);
          const hot = hotAnswer(resolver, query, arrival.transport);
          if (hot === undefined) return;
          hits++;
          const after = await stagedAnswer(world, query, arrival);
          expect(hot.toString('hex')).toBe(before?.toString('hex'));
          expect(hot.toString('hex')).toBe(after?.toString('hex'));
        }),
        { numRuns },
      );
      resolver.upstreams.stop();
      // The test is worth nothing when hardly anything takes the hot path.
      expect(hits).toBeGreaterThan(numRuns / 5);
    },
  );

  test('RFC 6891 6.1.2: leaves to the stages what asks for more than an answer', async () => {
    const clock = new VirtualClock();
    const resolver = resolverOn(clock);
    const plain = encodeQuery({ name: 'a.example' });
    await stagedAnswer({ clock, resolver }, plain, { transport: 'udp', client });
    expect(hotAnswer(resolver, plain, 'udp')).toBeDefined();
    for (const code of [8, 11, 65_310]) {
      const asking = encodeQuery({ name: 'a.example', edns: { options: [{ code }] } });
      expect(hotAnswer(resolver, asking, 'udp')).toBeUndefined();
    }
    for (const more of [{ class: 3 }, { opcode: 4 }, { recursionDesired: false }]) {
      const other = encodeQuery({ name: 'a.example', ...more });
      expect(hotAnswer(resolver, other, 'udp')).toBeUndefined();
    }
    resolver.upstreams.stop();
  });
});

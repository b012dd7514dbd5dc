import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TcpClient, UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

/** Queries of the flood between two of the other client: with what they take, less than a socket holds. */
const wave = 200;
const waves = 50;

let upstream: ScriptedUpstream;
let replica: TestReplica;
let loud: UdpClient;
let quiet: UdpClient;

async function start(set: Readonly<Record<string, string>>): Promise<void> {
  replica = await startReplica({
    upstreams: [upstream.text],
    set: { 'clients.rateLimit.exempt': '10.0.0.0/8', ...set },
  });
  loud = new UdpClient(replica.address, '127.0.0.2');
  quiet = new UdpClient(replica.address, '127.0.0.3');
}

beforeEach(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) =>
      name.toLowerCase().startsWith('never')
        ? undefined
        : { answers: [addressRecord(name, '192.0.2.1')] },
  });
});

afterEach(async () => {
  await loud.close();
  await quiet.close();
  await replica.stop();
  await upstream.stop();
});

function query(name: string, id: number): Buffer {
  return encodeQuery({ name, id: id & 0xffff });
}

/** One client floods; the other asks between, for names that are kept and names that are not. */
async function flood(nameOf: (number: number) => string): Promise<void> {
  for (let round = 0; round < waves; round++) {
    for (let number = round * wave; number < (round + 1) * wave; number++) {
      loud.send(query(nameOf(number), number));
    }
    for (const name of ['kept.example', `new-${String(round)}.example`]) {
      const response = readMessage(await quiet.ask(query(name, round)));
      expect(response).toMatchObject({
        id: round,
        code: 0,
        answers: [expect.stringContaining(name)],
      });
    }
  }
}

async function shed(reason: string): Promise<number> {
  const [line = ''] = await replica.metric(`heimdall_queries_shed_total{reason="${reason}"}`);
  return Number(line.split(' ')[1] ?? 0);
}

describe('while one client floods, another loses nothing', () => {
  test('with questions that are answered from the cache: the flood gets what its limit leaves it', async () => {
    await start({
      'clients.rateLimit.queriesPerSecond': '1000',
      'clients.rateLimit.burst': '1000',
    });
    await flood(() => 'kept.example');
    expect(await shed('rate_limit')).toBeGreaterThan(waves * wave - 5000);
    const answers = loud.received.filter((response) => (response.readUInt8(2) & 0x02) === 0);
    expect(answers.length).toBeLessThan(5000);
  });

  test('with names that nobody answers: the flood pays with its own oldest queries', async () => {
    await start({
      'clients.rateLimit.enabled': 'false',
      'listen.queriesInFlightMax': '400',
      'listen.queriesInFlightPerClientMax': '100',
    });
    await flood((number) => `never-${String(number)}.example`);
    expect(await shed('client_in_flight')).toBeGreaterThan(waves * wave - 400);
    expect(await shed('in_flight')).toBe(0);
  });

  test('with connections: its own are refused, and those of others are not', async () => {
    await start({ 'listen.tcp.connectionsPerClientMax': '20' });
    const opened = await Promise.all(
      Array.from({ length: 40 }, () => TcpClient.open(replica.address, '127.0.0.2')),
    );
    await waitFor(
      'the surplus to be closed',
      () => opened.filter((one) => one.isClosed || one.hasEnded).length >= 20,
    );
    const other = await TcpClient.open(replica.address, '127.0.0.3');
    const response = readMessage(await other.ask(query('kept.example', 7)));
    expect(response).toMatchObject({ id: 7, code: 0 });
    for (const client of [...opened, other]) client.close();
  });
});

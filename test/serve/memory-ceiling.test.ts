import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { ReplicaProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const mebibyte = 1024 ** 2;

let upstream: ScriptedUpstream;
let replica: ReplicaProcess;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
});
afterEach(async () => {
  await replica.kill();
  await upstream.stop();
});

async function start(options: Readonly<Record<string, string>>): Promise<void> {
  replica = await ReplicaProcess.start({
    'upstream.servers': upstream.text,
    'upstream.loopDetection': 'false',
    'cache.maxBytes': '2MiB',
    ...options,
  });
}

/** Asks for names that nobody has asked for, and tells how many were answered with an address. */
async function askForNew(client: UdpClient, { from, count }: Batch): Promise<number> {
  const queries = Array.from({ length: count }, (_, number) =>
    encodeQuery({ name: `n${String(from + number)}.example`, id: number }),
  );
  const answers = await Promise.all(queries.map((query) => client.ask(query)));
  return answers.filter((answer) => readMessage(answer).answers.length === 1).length;
}

interface Batch {
  readonly from: number;
  readonly count: number;
}

test('above its ceiling of memory a replica gives answers up and answers every query', async () => {
  // No Node.js gets by with so little: it is above the ceiling from the start.
  await start({ 'cache.processBytesMax': '64MiB' });
  const client = new UdpClient(replica.address);
  const count = 100;
  let asked = 0;
  let answered = 0;
  const isShort = async (): Promise<true | undefined> => {
    answered += await askForNew(client, { from: asked, count });
    asked += count;
    const limit = (await replica.metric('heimdall_cache_limit_bytes')) ?? 0;
    const shed = (await replica.metric('heimdall_cache_shed_total')) ?? 0;
    return (shed > 0 && limit < mebibyte) || undefined;
  };
  await waitFor('the cache to give way', isShort);
  expect(answered).toBe(asked);
  await client.close();
  expect(await replica.metric('heimdall_memory_ceiling_bytes')).toBe(64 * mebibyte);
  expect(await replica.metric('heimdall_cache_configured_bytes')).toBe(2 * mebibyte);
  expect(await replica.metric('heimdall_cache_entries')).toBeGreaterThan(100);
  const [line] = replica.lines('memory is short: the cache gives way');
  expect(line).toMatchObject({ level: 'warn', bytesMax: 64 * mebibyte });
  expect(replica.lines('memory is short: the cache gives way')).toHaveLength(1);
});

test('workers have their parts of the ceiling, and each holds to its own', async () => {
  await start({ 'cache.processBytesMax': '192MiB', workers: '2' });
  const parts = await waitFor('all processes to be above their parts', () => {
    const lines = replica.lines('memory is short: the cache gives way');
    return lines.length === 3 ? lines.map(({ bytesMax }) => Number(bytesMax)) : undefined;
  });
  const [worker = 0, other = 0, primary = 0] = parts.toSorted((one, next) => one - next);
  expect(worker).toBe(other);
  expect(primary).toBeGreaterThan(worker);
  const all = (await replica.metric('heimdall_memory_ceiling_bytes')) ?? 0;
  expect(192 * mebibyte - all).toBeLessThan(3);
});

test('without a ceiling there is none', async () => {
  await start({ 'cache.processBytesMax': 'off' });
  expect(await replica.metric('heimdall_memory_ceiling_bytes')).toBeUndefined();
});

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { askUdp, TcpClient, UdpClient } from '../support/dns-clients.ts';
import { freePorts } from '../support/free-ports.ts';
import { askFromMany, clientsCount } from '../support/many-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { ReplicaProcess } from '../support/processes.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { ScriptedReply } from '../support/scripted-upstream.ts';
import { answerBySubnet, onBehalfOf } from '../support/subnets.ts';
import { waitFor } from '../support/wait-for.ts';

let upstream: ScriptedUpstream;
let directory: string;
const replicas: ReplicaProcess[] = [];
beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
  directory = await mkdtemp(join(tmpdir(), 'heimdall-pod-'));
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.kill();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Readonly<Record<string, string>> = {}): Promise<ReplicaProcess> {
  const replica = await ReplicaProcess.start({
    workers: '2',
    'upstream.servers': upstream.text,
    'upstream.tryTimeoutMinMs': '1500', // a question sent again would be counted as another
    'upstream.loopDetection': 'false',
    ...options,
  });
  replicas.push(replica);
  return replica;
}

interface Worker {
  readonly place: number;
  readonly pid: number;
  readonly state: string;
  readonly restarts: number;
  readonly cacheEntries: number;
}

async function workersOf(replica: ReplicaProcess): Promise<Worker[]> {
  const response = await fetch(`${replica.api}/api/v1/workers`);
  return ((await response.json()) as { readonly workers: Worker[] }).workers;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith(
      'Z',
    );
  } catch {
    return false;
  }
}

const query = encodeQuery({ name: 'www.example' });
const answersOf = (answer: Buffer): readonly string[] => readMessage(answer).answers;
const series = (layer: string): string => `heimdall_query_duration_seconds_count{layer="${layer}"}`;

describe('two workers on one port', () => {
  test('a name asked of both at once costs one upstream query; each then answers by itself', async () => {
    const replica = await start();
    const answers = await askFromMany(replica, query);
    expect(new Set(answers.flatMap(answersOf))).toEqual(new Set(['www.example 300 A 192.0.2.1']));
    expect(upstream.queries).toHaveLength(1);
    const before = (await replica.metric(series('l1'))) ?? 0;
    await askFromMany(replica, query);
    expect(upstream.queries).toHaveLength(1);
    expect(await replica.metric(series('l1'))).toBe(before + clientsCount);
    const workers = await workersOf(replica);
    expect(workers.map(({ cacheEntries }) => cacheEntries)).toEqual([1, 1]);
  });

  test('a name that one worker fetched the other has from the primary', async () => {
    const replica = await start();
    const client = new UdpClient(replica.address);
    await client.ask(query);
    await client.close();
    await askFromMany(replica, query);
    expect(upstream.queries).toHaveLength(1);
  });

  test('an answer on behalf of a subnet is for that one in both, one for everybody for all', async () => {
    upstream.script = answerBySubnet;
    const replica = await start({ 'upstream.clientSubnet.policy': 'forward' });
    const ask = async (name: string, prefix: string): Promise<string[]> =>
      (await askFromMany(replica, encodeQuery({ name, edns: onBehalfOf(prefix) })))
        .flatMap(answersOf)
        .map((record) => record.split(' ').slice(-1).join(' '));
    for (const third of ['100', '101']) {
      const addresses = await ask('s24.example', `198.51.${third}.0/24`);
      expect(new Set(addresses)).toEqual(new Set([`203.0.113.${third}`]));
    }
    expect(upstream.queries).toHaveLength(2);
    for (const third of ['100', '101']) {
      const addresses = await ask('s0.example', `198.51.${third}.0/24`);
      expect(new Set(addresses)).toEqual(new Set(['203.0.113.100']));
    }
    expect(upstream.queries).toHaveLength(3);
  });

  test('/metrics adds up to what was sent, over UDP and TCP', async () => {
    const replica = await start();
    for (let round = 0; round < 5; round++) {
      await askFromMany(replica, encodeQuery({ name: `${String(round)}.example` }));
    }
    const tcp = await TcpClient.open(replica.address);
    tcp.send(query);
    await tcp.next();
    const udpTotal = 'heimdall_queries_total{transport="udp",type="A"}';
    expect(await replica.metric(udpTotal)).toBe(5 * clientsCount);
    expect(await replica.metric('heimdall_queries_total{transport="tcp",type="A"}')).toBe(1);
    expect(await replica.metric('heimdall_responses_total{transport="udp",code="NOERROR"}')).toBe(
      5 * clientsCount,
    );
    const lookups = ['hit', 'miss', 'failure', 'nxdomain_cut'].map((result) =>
      replica.metric(`heimdall_cache_lookups_total{result="${result}"}`),
    );
    const sum = (await Promise.all(lookups)).reduce<number>((all, value) => all + (value ?? 0), 0);
    expect(sum).toBe(5 * clientsCount + 1);
    expect(await replica.metric('heimdall_tcp_connections{transport="tcp"}')).toBe(1);
    expect(await replica.metric('heimdall_workers{state="listening"}')).toBe(2);
    expect(await replica.metric('heimdall_cache_limit_bytes')).toBe(64 * 1024 ** 2);
  });

  test('a failure of the upstream comes through as it is, with its extended errors', async () => {
    upstream.script = () => ({ code: 5 });
    const replica = await start();
    const [answer = Buffer.alloc(0)] = await askFromMany(
      replica,
      encodeQuery({ name: 'no.example', edns: {} }),
    );
    expect(readMessage(answer).code).toBe(5);
    expect(readMessage(answer).extendedErrors.length).toBeGreaterThan(0);
  });

  test('a probe for loops that comes back to a worker is known to the primary', async () => {
    const [port = 0] = await freePorts(1);
    const address = { host: '127.0.0.1', port };
    upstream.script = async ({ name, type }) => {
      const answer = await askUdp(address, encodeQuery({ name, type: type as 'HINFO' }));
      return { code: readMessage(answer).code };
    };
    const set = ['workers=2', `upstream.servers=${upstream.text}`];
    const replica = await ReplicaProcess.launch([
      ...['serve', '--http', '127.0.0.1:0', '--listen', `127.0.0.1:${String(port)}`],
      ...set.flatMap((one) => ['--set', one]),
    ]);
    replicas.push(replica);
    const loops = `heimdall_upstream_loops_total{server="${upstream.text}"}`;
    await waitFor('the loop to be found', async () => ((await replica.metric(loops)) ?? 0) > 0);
    expect(await replica.metric(`heimdall_upstream_up{server="${upstream.text}"}`)).toBe(0);
  });

  test('a flush reaches every memory before it is acknowledged', async () => {
    const replica = await start();
    await askFromMany(replica, query);
    upstream.script = ({ name }) => ({ answers: [addressRecord(name, '192.0.2.2')] });
    const response = await fetch(`${replica.api}/api/v1/cache/flush`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"www.example"}',
    });
    expect(await response.json()).toEqual({ flushed: 3 });
    const answers = await askFromMany(replica, query);
    expect(new Set(answers.flatMap(answersOf))).toEqual(new Set(['www.example 300 A 192.0.2.2']));
  });

  test('the query log of workers goes to the same place, and is switched while running', async () => {
    const replica = await start();
    await fetch(`${replica.api}/api/v1/log`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"queries":{"enabled":true}}',
    });
    await askFromMany(replica, query);
    await waitFor('all lines', () => replica.lines('query').length === clientsCount);
  });
});

describe('a worker that is killed', () => {
  test('leaves the others answering, comes back, and takes no count along', async () => {
    const replica = await start();
    await askFromMany(replica, query);
    const total = 'heimdall_queries_total{transport="udp",type="A"}';
    const before = await replica.metric(total);
    const [victim] = await workersOf(replica);
    process.kill(victim?.pid ?? 0, 'SIGKILL');
    await waitFor(
      'the loss to be seen',
      async () => (await replica.metric('heimdall_worker_restarts_total')) === 1,
    );
    expect((await fetch(`${replica.api}/readyz`)).status).toBe(200);
    expect(await replica.metric(total)).toBe(before);
    await askFromMany(replica, query);
    expect(await replica.metric(total)).toBe(clientsCount * 2);
    await waitFor('another worker', async () => {
      const [first] = await workersOf(replica);
      return first?.state === 'listening' && first.pid !== victim?.pid;
    });
    expect(replica.lines('a worker ended by itself: it is started again')).toHaveLength(1);
    await askFromMany(replica, query);
    expect(await replica.metric(total)).toBe(clientsCount * 3);
    expect(upstream.queries).toHaveLength(1);
  });
});

/** Two workers, with a file of configuration. */
async function startFrom(file: string): Promise<ReplicaProcess> {
  const argv = ['serve', '-c', file, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const options = ['--set', 'workers=2', '--set', `upstream.servers=${upstream.text}`];
  const replica = await ReplicaProcess.launch([...argv, ...options]);
  replicas.push(replica);
  return replica;
}

describe('a reload', () => {
  test('of what changes while running is taken over by all workers in place', async () => {
    const file = join(directory, 'heimdall.yaml');
    await writeFile(file, 'local:\n  specialNames:\n    localhost: true\n');
    const replica = await startFrom(file);
    const pids = (await workersOf(replica)).map(({ pid }) => pid);
    await writeFile(file, 'local:\n  specialNames:\n    localhost: false\n');
    replica.signal('SIGHUP');
    await waitFor('the reload', () => replica.lines('configuration reloaded').length === 1);
    const local = encodeQuery({ name: 'localhost' });
    await waitFor('all workers to ask upstream', async () => {
      const answers = await askFromMany(replica, local);
      return answers.every((answer) => answersOf(answer)[0]?.endsWith('192.0.2.1') === true);
    });
    expect((await workersOf(replica)).map(({ pid }) => pid)).toEqual(pids);
  });

  test('of the sockets replaces the workers one by one, and no query goes without an answer', async () => {
    const file = join(directory, 'heimdall.yaml');
    await writeFile(file, 'listen:\n  tcp:\n    idleTimeoutMs: 5000\n');
    const replica = await startFrom(file);
    const pids = (await workersOf(replica)).map(({ pid }) => pid);
    await writeFile(file, 'listen:\n  tcp:\n    idleTimeoutMs: 6000\n');
    replica.signal('SIGHUP');
    await waitFor('new workers', async () => {
      const answers = await askFromMany(replica, query);
      expect(answers).toHaveLength(clientsCount);
      const now = await workersOf(replica);
      return now.every(({ pid, state }) => !pids.includes(pid) && state === 'listening');
    });
    expect(replica.lines('some changes need a restart')).toEqual([]);
    expect(await replica.metric('heimdall_worker_restarts_total')).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
  });
});

describe('the end', () => {
  test('a stop answers what is in flight and leaves no process', async () => {
    const held = Promise.withResolvers<ScriptedReply>();
    const replica = await start();
    upstream.script = () => held.promise;
    const pids = (await workersOf(replica)).map(({ pid }) => pid);
    const client = new UdpClient(replica.address);
    client.send(query);
    await waitFor('the question', () => upstream.queries.length === 1);
    replica.signal('SIGTERM');
    await waitFor('the stop', () => replica.lines('stopping').length === 1);
    held.resolve({ answers: [addressRecord('www.example', '192.0.2.9')] });
    expect(answersOf(await client.next())).toEqual(['www.example 300 A 192.0.2.9']);
    await client.close();
    expect((await replica.finished()).code).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  test('workers end when their primary is killed', async () => {
    const replica = await start();
    const pids = (await workersOf(replica)).map(({ pid }) => pid);
    replica.signal('SIGKILL');
    await waitFor('no worker to be left', () => !pids.some(isRunning));
    await waitFor('the end of the primary to be told', () => replica.hasEnded);
    expect(pids).toHaveLength(2);
  });
});

describe('a port that another program holds', () => {
  test('is refused with what to do, also by workers that could share it', async () => {
    const other = await start();
    const argv = ['serve', '--http', '127.0.0.1:0', '--set', 'workers=2', '--listen'];
    const again = ReplicaProcess.launch([...argv, `127.0.0.1:${String(other.address.port)}`]);
    await expect(again).rejects.toThrow(/another process holds the port/);
  });
});

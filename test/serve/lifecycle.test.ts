import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { askUdp, TcpClient, UdpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { ReplicaProcess, runHeimdall } from '../support/processes.ts';
import { addressRecord, answerAll, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { ScriptedReply } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

let upstream: ScriptedUpstream;
let directory: string;
const replicas: ReplicaProcess[] = [];
beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
  directory = await mkdtemp(join(tmpdir(), 'heimdall-serve-'));
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.kill();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Readonly<Record<string, string>> = {}): Promise<ReplicaProcess> {
  const replica = await ReplicaProcess.start({
    'upstream.servers': upstream.text,
    'upstream.tryTimeoutMinMs': '1500', // a question sent again would be counted as another
    ...options,
  });
  replicas.push(replica);
  return replica;
}

const query = encodeQuery({ name: 'www.example' });

/** Seconds left of the address of `www.example`. */
async function ttlFrom(replica: ReplicaProcess): Promise<number> {
  const [answer] = readMessage(await askUdp(replica.address, query)).answers;
  return Number(answer?.split(' ')[1]);
}

/** Queries of clients, without the probe that looks for loops. */
function asked(): number {
  return upstream.queries.filter(({ name }) => name.toLowerCase() === 'www.example').length;
}

/** Holds the answer back until the test lets it go. */
function holdAnswers(): (reply: ScriptedReply) => void {
  const held = Promise.withResolvers<ScriptedReply>();
  upstream.script = () => held.promise;
  return held.resolve;
}

describe('SIGTERM', () => {
  test('not ready at once, answers what is in flight over UDP and TCP, exits with 0', async () => {
    const replica = await start({ 'shutdown.notReadyMs': '500' });
    const readyz = async (): Promise<number> => (await fetch(`${replica.api}/readyz`)).status;
    expect(await readyz()).toBe(200);
    const release = holdAnswers();
    const udp = new UdpClient(replica.address);
    const tcp = await TcpClient.open(replica.address);
    udp.send(query);
    tcp.send(encodeQuery({ name: 'www.example', type: 'MX' }));
    await waitFor('both questions', () => asked() >= 2);

    replica.signal('SIGTERM');
    await waitFor('it to be not ready', async () => (await readyz()) === 503);
    expect(await replica.metric('heimdall_ready')).toBe(0);
    const local = encodeQuery({ name: 'localhost', id: 7 });
    expect((await askUdp(replica.address, local)).readUInt16BE(6)).toBe(1);
    release({ answers: [addressRecord('www.example', '192.0.2.1')] });

    expect(readMessage(await udp.next()).answers).toEqual(['www.example 300 A 192.0.2.1']);
    expect(readMessage(await tcp.next()).code).toBe(0);
    const { code, stderr } = await replica.finished();
    expect(code).toBe(0);
    expect(stderr).toContain('"message":"stopped"');
    await udp.close();
    tcp.close();
  });

  test('gives up on what is in flight after shutdown.graceMs', async () => {
    upstream.script = () => undefined;
    const replica = await start({ 'shutdown.graceMs': '200' });
    const client = new UdpClient(replica.address);
    client.send(query);
    await waitFor('the question', () => asked() > 0);
    const { code, stderr } = await replica.stop();
    expect(code).toBe(0);
    expect(stderr).toContain('queries were still in flight');
    await client.close();
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'a second signal, %s, exits at once with 130',
    async (second) => {
      const replica = await start({ 'shutdown.notReadyMs': '600000' });
      replica.signal('SIGTERM');
      await waitFor('it to stop', () => replica.lines('stopping').length === 1);
      replica.signal(second);
      expect((await replica.finished()).code).toBe(130);
    },
  );
});

describe('a snapshot', () => {
  test('is written at the end, and the next start answers from it, with TTLs that went on', async () => {
    const path = join(directory, 'deep', 'cache.snapshot');
    const first = await start({ 'cache.snapshot.path': path });
    expect(await ttlFrom(first)).toBe(300);
    expect((await first.stop()).code).toBe(0);
    expect((await stat(path)).mode & 0o777).toBe(0o600);

    upstream.script = () => ({ code: 2 });
    const second = await start({ 'cache.snapshot.path': path });
    expect(second.lines('snapshot loaded')).toMatchObject([{ entries: 1 }]);
    const ttl = await waitFor('a lower TTL', async () => {
      const left = await ttlFrom(second);
      return left < 300 ? left : undefined;
    });
    expect(ttl).toBeGreaterThan(280);
    expect(asked()).toBe(1);
    expect(await second.metric('heimdall_cache_snapshot_loads_total{result="success"}')).toBe(1);
  });

  test('does not bring back what is answered here by now', async () => {
    const path = join(directory, 'cache.snapshot');
    const printer = encodeQuery({ name: 'printer.local' });
    upstream.script = answerAll;
    const off = { 'local.specialNames.local': 'false', 'cache.snapshot.path': path };
    const first = await start(off);
    expect(readMessage(await askUdp(first.address, printer)).code).toBe(0);
    await first.stop();
    const second = await start({ 'cache.snapshot.path': path });
    for (let count = 0; count < 2; count++) {
      expect(readMessage(await askUdp(second.address, printer)).code).toBe(3);
    }
  });
});

describe('a start that fails', () => {
  test.each(['UDP', 'TCP'])(
    'on a busy %s port exits with 1 and says what to do',
    async (protocol) => {
      const udp = createSocket('udp4');
      const tcp = createServer();
      let port: number;
      if (protocol === 'UDP') {
        udp.bind(0, '127.0.0.1');
        await once(udp, 'listening');
        port = udp.address().port;
      } else {
        tcp.listen(0, '127.0.0.1');
        await once(tcp, 'listening');
        port = (tcp.address() as AddressInfo).port;
      }
      const listen = `127.0.0.1:${String(port)}`;
      const argv = ['serve', '--listen', listen, '--http', 'off', '--upstream', upstream.text];
      const { code, stderr } = await runHeimdall(argv);
      udp.close();
      tcp.close();
      expect(stderr).toContain(`heimdall: cannot listen on ${protocol} ${listen}: another process`);
      expect(stderr).toContain('set listen.addresses to a free one');
      expect(code).toBe(1);
    },
  );

  test('on a busy HTTP port exits with 1 and says what to do', async () => {
    const tcp = createServer();
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const address = `127.0.0.1:${String((tcp.address() as AddressInfo).port)}`;
    const argv = [
      'serve',
      '--listen',
      '127.0.0.1:0',
      '--http',
      address,
      '--upstream',
      upstream.text,
    ];
    const { code, stderr } = await runHeimdall(argv);
    tcp.close();
    expect(stderr).toMatch(/heimdall: .*127\.0\.0\.1:\d+.* http\.address/s);
    expect(code).toBe(1);
  });

  test('with an upstream that is itself exits with 3 and names the loop', async () => {
    const { code, stderr } = await runHeimdall(['serve'], {
      HEIMDALL_BIND_ADDR: '127.0.0.1:5399',
      HEIMDALL_UPSTREAM_SERVERS: '192.0.2.1,127.0.0.1:5399',
      HEIMDALL_HTTP_BIND_ADDR: 'disabled',
    });
    expect(stderr).toContain('found 127.0.0.1:5399, which is this resolver itself');
    expect(stderr).toContain('a forwarding loop');
    expect(code).toBe(3);
  });
});

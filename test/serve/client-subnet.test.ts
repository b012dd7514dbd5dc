import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TcpClient } from '../support/dns-clients.ts';
import { encodeQuery, readMessage } from '../support/messages.ts';
import { proxyHeader } from '../support/proxy-header.ts';
import { installed, run } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { answerBySubnet, toldIn } from '../support/subnets.ts';
import { waitFor } from '../support/wait-for.ts';

const name = 's24.example';

let directory: string;
let file: string;
let upstream: ScriptedUpstream;
let replica: TestReplica;
let reloads = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-subnet-'));
  file = join(directory, 'heimdall.yaml');
  upstream = await ScriptedUpstream.start({ script: answerBySubnet });
  await writeFile(file, configuration('remove'));
  replica = await startReplica({
    upstreams: [upstream.text],
    file,
    set: { 'clients.allow': '0.0.0.0/0', 'listen.proxyProtocol.from': '127.0.0.1' },
  });
});
afterAll(async () => {
  await replica.stop();
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

function configuration(policy: string): string {
  return `upstream: { clientSubnet: { policy: ${policy} } }\n`;
}

async function reloadWith(policy: string): Promise<void> {
  await writeFile(file, configuration(policy));
  replica.replica.reload();
  reloads++;
  await waitFor('the reload', async () => {
    const [line = ''] = await replica.metric('heimdall_config_reloads_total{result="success"}');
    return line.endsWith(` ${String(reloads)}`);
  });
}

/** The last octet of the address that a client gets. */
async function answerFor(client: string): Promise<string | undefined> {
  const connection = await TcpClient.open(replica.address);
  connection.write(proxyHeader(client));
  const { answers } = readMessage(await connection.ask(encodeQuery({ name })));
  connection.close();
  return answers[0]?.split('.').at(-1);
}

async function runAt(program: string, ...argv: readonly string[]): Promise<string> {
  const { host, port } = replica.address;
  const { code, stdout } = await run(program, [`@${host}`, '-p', String(port), ...argv]);
  expect(code).toBe(0);
  return stdout;
}

test('dig and kdig name a subnet, and are told for whom the answer is', async () => {
  await reloadWith('forward');
  const dig = await runAt(installed('dig', 'bind9-dnsutils'), '+subnet=198.51.103.9/32', name);
  expect(dig).toContain('CLIENT-SUBNET: 198.51.103.9/32/24');
  expect(dig).toContain('203.0.113.103');
  expect(dig).not.toMatch(/warning|mismatch/i);
  const kdig = await runAt(installed('kdig', 'knot-dnsutils'), '+subnet=198.51.104.0/24', name);
  expect(kdig).toContain('CLIENT-SUBNET: 198.51.104.0/24/24');
  const forbidding = await runAt(installed('dig', 'bind9-dnsutils'), '+subnet=0', name);
  expect(forbidding).toMatch(/status: NOERROR/);
  expect(upstream.queries.map(toldIn)).toEqual(['00011800c63367', '00011800c63368', '00010000']);
  upstream.queries.splice(0);
  await reloadWith('remove');
});

test('a policy that changes holds for what is kept already (RFC 7871 7.3.1)', async () => {
  expect(await answerFor('198.51.100.7')).toBe('254');
  const { hotPath } = replica.resolver;
  expect(await answerFor('198.51.101.7')).toBe('254');
  expect(hotPath.hits).toBe(1);
  await reloadWith('add');
  expect(await answerFor('198.51.100.7')).toBe('100');
  expect(await answerFor('198.51.101.7')).toBe('101');
  expect(await answerFor('10.0.0.7')).toBe('254');
  expect(hotPath.hits).toBe(1);
  await reloadWith('remove');
  expect(await answerFor('198.51.100.7')).toBe('254');
  expect(hotPath.hits).toBe(2);
  expect(upstream.queries).toHaveLength(3);
});

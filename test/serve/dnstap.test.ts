import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { installed } from '../support/processes.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';
import { controlFrame, controlKind } from '../../src/telemetry/frame-stream.ts';

const execute = promisify(execFile);

let upstream: ScriptedUpstream;
let replica: TestReplica | undefined;
let directory: string;

beforeEach(async () => {
  upstream = await ScriptedUpstream.start();
  directory = await mkdtemp(join(tmpdir(), 'heimdall-dnstap-'));
});

afterEach(async () => {
  await replica?.stop();
  replica = undefined;
  await upstream.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(set: Readonly<Record<string, string>>): Promise<TestReplica> {
  replica = await startReplica({
    upstreams: [upstream.text],
    set: { 'dnstap.identity': 'r1', 'upstream.loopDetection': 'false', ...set },
  });
  return replica;
}

/** What the reader of BIND makes of a file, a line for each message. */
async function linesOf(file: string): Promise<string[]> {
  const program = installed('dnstap-read', 'bind9-dnsutils');
  const { stdout } = await execute(program, [file]);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Its letters: CQ, CR, FQ, FR; and the transport. */
function kindsOf(lines: readonly string[]): string[] {
  return lines.map((line) => line.split(' ').slice(2).join(' ')).map(shortened);
}

function shortened(text: string): string {
  const [, kind = '', transport = ''] = /^(..) .* (UDP|TCP) /.exec(text) ?? [];
  return `${kind} ${transport}`;
}

describe('dnstap', () => {
  test('shows another reader queries and answers of clients and upstreams, hits as well', async () => {
    const file = join(directory, 'tap');
    const running = await start({ 'dnstap.target': `file:${file}` });
    await running.ask({ name: 'www.example.com' });
    await running.ask({ name: 'www.example.com' });
    await running.askTcp({ name: 'www.example.com' });
    const [written] = await running.metric('heimdall_dnstap_messages_total{result="written"}');
    expect(written).toMatch(/ 8$/);
    await replica?.stop();
    replica = undefined;
    const lines = await linesOf(file);
    expect(kindsOf(lines)).toEqual(
      ['CQ UDP', 'FQ UDP', 'FR UDP', 'CR UDP', 'CQ UDP', 'CR UDP'].concat(['CQ TCP', 'CR TCP']),
    );
    for (const line of lines) expect(line.toLowerCase()).toContain('www.example.com/in/a');
    expect(lines[1]).toContain(`-> ${upstream.text}`);
  });

  test.each([
    ['dnstap.clients', ['FQ UDP', 'FR UDP']],
    ['dnstap.upstreams', ['CQ UDP', 'CR UDP']],
  ])('%s: false leaves these out', async (option, kinds) => {
    const file = join(directory, 'tap');
    const running = await start({ 'dnstap.target': `file:${file}`, [option]: 'false' });
    await running.ask({ name: 'www.example.com' });
    await replica?.stop();
    replica = undefined;
    expect(kindsOf(await linesOf(file))).toEqual(kinds);
  });

  test('that is off has no cost: hits go their short way', async () => {
    const running = await start({});
    await running.ask({ name: 'www.example.com' });
    expect(await running.metric('heimdall_dnstap_messages_total')).toEqual([]);
  });
});

/** A reader at a socket, as `fstrm_capture` is one. */
class Reader {
  received = Buffer.alloc(0);
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(path: string, answer: Buffer) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('data', (octets) => (this.received = Buffer.concat([this.received, octets])));
      socket.on('error', () => undefined);
      socket.write(answer);
    }).listen(path);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}

describe('dnstap to a socket', () => {
  test('says what it has, begins when that is wanted, and ends with a stop', async () => {
    const path = join(directory, 'socket');
    const reader = new Reader(path, controlFrame(controlKind.accept));
    const running = await start({ 'dnstap.target': `unix:${path}` });
    const begun = Buffer.concat([controlFrame(controlKind.ready), controlFrame(controlKind.start)]);
    await waitFor('the start', () => reader.received.equals(begun));
    await running.ask({ name: 'www.example.com' });
    await waitFor('messages', () => reader.received.length > begun.length + 200);
    await replica?.stop();
    replica = undefined;
    const stop = controlFrame(controlKind.stop);
    await waitFor('the stop', () => reader.received.subarray(-stop.length).equals(stop));
    await reader.stop();
  });

  test('drops and counts what nobody takes, and answers clients all the same', async () => {
    const running = await start({ 'dnstap.target': `unix:${join(directory, 'nobody')}` });
    expect((await running.ask({ name: 'www.example.com' })).code).toBe(0);
    const [dropped] = await running.metric('heimdall_dnstap_messages_total{result="dropped"}');
    expect(dropped).toMatch(/ 4$/);
    expect(running.log()).toContain('nobody takes dnstap');
  });

  test('takes no stranger for a reader', async () => {
    const path = join(directory, 'socket');
    const reader = new Reader(path, Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const running = await start({ 'dnstap.target': `unix:${path}` });
    await waitFor('a connection', () => reader.connections === 1);
    await running.ask({ name: 'www.example.com' });
    expect(reader.received.equals(controlFrame(controlKind.ready))).toBe(true);
    await reader.stop();
  });
});

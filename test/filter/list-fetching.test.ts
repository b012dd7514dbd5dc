import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SystemClock } from '../../src/base/clock.ts';
import { copyPath } from '../../src/filter/list-copies.ts';
import { ListFetching } from '../../src/filter/list-fetching.ts';
import { noSharedCopies } from '../../src/filter/shared-copies.ts';
import type { SharedCopies } from '../../src/filter/shared-copies.ts';
import type { FetchReport } from '../../src/filter/list-fetching.ts';
import { VirtualClock } from '../support/virtual-clock.ts';
import { waitFor } from '../support/wait-for.ts';
import { ListServer, serveText } from './list-server.ts';

let directory: string;
let server: ListServer;
let clock: VirtualClock;
let reports: FetchReport[];
let running: ListFetching[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'heimdall-fetch-'));
  server = await ListServer.start(serveText('ads.example\n'));
  clock = new VirtualClock();
  reports = [];
  running = [];
});
afterEach(async () => {
  for (const fetching of running) fetching.stop();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

function url(): string {
  return `${server.origin}/ads.txt`;
}

function fetchingOf(
  urls: readonly string[],
  more: {
    readonly fileBytesMax?: number;
    readonly timeoutMs?: number;
    readonly real?: boolean;
    readonly shared?: Partial<SharedCopies>;
  } = {},
): ListFetching {
  const own = reports;
  const fetching = new ListFetching(
    {
      lists: [{ name: 'ads', urls, format: 'auto' }],
      directory,
      refreshIntervalMs: 3_600_000,
      fileBytesMax: more.fileBytesMax ?? 10_000,
      timeoutMs: more.timeoutMs ?? 30_000,
    },
    {
      clock: more.real === true ? new SystemClock() : clock,
      shared: { ...noSharedCopies, ...more.shared },
      lookUpHost: (name) => Promise.resolve(name === 'lists.example' ? ['127.0.0.1'] : []),
      onFetched: (report) => {
        own.push(report);
        return Promise.resolve();
      },
    },
  );
  running.push(fetching);
  return fetching;
}

function results(): string[] {
  return reports.map(({ result }) => result);
}

async function copyOf(source: string): Promise<string> {
  return readFile(copyPath(directory, source), 'utf8');
}

/** Lets the time of the next look come, and waits for what it comes to. */
async function nextLook(ms: number): Promise<void> {
  const before = reports.length;
  await clock.advance(ms);
  await waitFor('a look', () => reports.length > before);
  await clock.settle();
}

describe('a list from a URL', () => {
  test('is fetched, kept, and asked for news by its tag: 304 leaves it (RFC 9110 section 13.1.2)', async () => {
    await fetchingOf([url()]).start();
    expect(await copyOf(url())).toBe('ads.example\n');
    await nextLook(3_600_000);
    expect(results()).toEqual(['new', 'unchanged']);
    server.answer = serveText('more.example\n', '"2"');
    await nextLook(3_600_000);
    expect(results()).toEqual(['new', 'unchanged', 'new']);
    expect(await copyOf(url())).toBe('more.example\n');
  });

  test('is asked for by its date where the server tells no tag (RFC 9110 section 13.1.3)', async () => {
    const date = 'Sat, 01 Aug 2026 10:00:00 GMT';
    server.answer = ({ headers }, response) => {
      if (headers['if-modified-since'] === date) response.writeHead(304).end();
      else response.writeHead(200, { 'last-modified': date }).end('ads.example\n');
    };
    await fetchingOf([url()]).start();
    await nextLook(3_600_000);
    expect(results()).toEqual(['new', 'unchanged']);
  });

  test('with a copy on disk nobody waits for it at the start; without one, for one try', async () => {
    await fetchingOf([url()]).start();
    server.answer = () => undefined; // never
    const waiting = fetchingOf([url()]);
    await waiting.start();
    expect(results()).toEqual(['new']);
    await waitFor('a request', () => server.requests.length === 2);
    waiting.stop();
    await waitFor('the end of what was stopped', () => results().includes('failure'));
  });

  test('is asked for by us when another replica wanted to, and told nothing in the time that it has', async () => {
    const claims: number[] = [];
    const shared: Partial<SharedCopies> = {
      claim: () => Promise.resolve(claims.push(clock.nowMs()) < 0),
    };
    const started = fetchingOf([url()], { shared, timeoutMs: 3000 }).start();
    await waitFor('the other replica to be known of', () => claims.length > 0);
    await clock.advance(2000);
    expect(server.requests).toEqual([]);
    await clock.advance(2000);
    await started;
    expect(results()).toEqual(['new']);
    expect(claims.length).toBeLessThanOrEqual(8);
  });

  test('that cannot be had frees the next replica to ask, and so does one that was told of', async () => {
    const told: string[] = [];
    const shared: Partial<SharedCopies> = {
      share: ({ digest }, octets, forMs) => {
        told.push(`${digest.slice(0, 8)} ${String(octets.length)} ${String(forMs)}`);
        return Promise.resolve();
      },
      release: (of) => Promise.resolve(void told.push(`free ${of}`)),
    };
    await fetchingOf([url()], { shared }).start();
    await waitFor('the end of sharing', () => told.length === 2);
    expect(told).toEqual(['0932e779 12 3240000', `free ${url()}`]);
    server.answer = (_, response) => response.writeHead(500).end();
    await nextLook(3_600_000);
    expect(told.slice(2)).toEqual([`free ${url()}`]);
  });

  test('its host is looked up by who is given for that', async () => {
    const byName = `http://lists.example:${String(server.port)}/ads.txt`;
    const nowhere = `http://nowhere.example:${String(server.port)}/ads.txt`;
    await fetchingOf([byName, nowhere]).start();
    expect(results()).toEqual(['new', 'failure']);
    expect(reports[1]?.error?.message).toContain('nowhere.example has no address');
  });

  test('is found where it was moved to, but not in circles, nor outside of the web', async () => {
    server.answer = ({ url: path }, response) => {
      const to: Record<string, string> = {
        '/ads.txt': '/b',
        '/round': '/round',
        '/file': 'file:///x',
      };
      const location = to[path ?? ''];
      if (location === undefined) response.writeHead(200).end('ads.example\n');
      else response.writeHead(302, { location }).end();
    };
    await fetchingOf([url(), `${server.origin}/round`, `${server.origin}/file`]).start();
    expect(results()).toEqual(['new', 'failure', 'failure']);
  });
});

describe('the last good copy stays, and nothing is left lying about, when', () => {
  const notLists: readonly [string, ListServer['answer']][] = [
    ['the list is gone', (_, response) => response.writeHead(404).end('ads.example\n')],
    ['the server is broken', (_, response) => response.writeHead(500).end()],
    ['it is larger than allowed', (_, response) => response.end('a'.repeat(20_000))],
    ['it has no rule', (_, response) => response.end('\u0000\u0001\u0002{}\n<x>\n')],
    ['it is empty', (_, response) => response.end()],
    [
      'it is a web page',
      (_, response) =>
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>\nads.example\n'),
    ],
    [
      'it ends too early',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('b.example\n', () => response.destroy());
      },
    ],
    ['the connection breaks', (request) => request.socket.destroy()],
  ];

  test.each(notLists)('%s', async (_, answer) => {
    await fetchingOf([url()]).start();
    server.answer = answer;
    await nextLook(3_600_000);
    expect(results()).toEqual(['new', 'failure']);
    expect(reports[1]?.error?.code).toBe('list_refused');
    expect(await copyOf(url())).toBe('ads.example\n');
    expect(await readdir(directory)).toHaveLength(2);
  });

  test('the server takes too long', async () => {
    server.answer = (_, response) => void response.write('a.example\n');
    await fetchingOf([url()], { real: true, timeoutMs: 100 }).start();
    expect(reports[0]?.error?.message).toContain('took more than 0.1 s');
    expect(await readdir(directory)).toEqual([]);
  });
});

test('after a failure it is tried again sooner, but ever later', async () => {
  server.answer = (_, response) => response.writeHead(503).end();
  await fetchingOf([url()]).start();
  await nextLook(30_000);
  await nextLook(60_000);
  server.answer = serveText('ads.example\n');
  await nextLook(120_000);
  expect(results()).toEqual(['failure', 'failure', 'failure', 'new']);
  const looks = server.requests.length;
  await clock.advance(3_500_000);
  expect(server.requests).toHaveLength(looks);
});

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ClusterView } from '../../src/telemetry/cluster-view.ts';
import { noCluster } from '../../src/telemetry/cluster-view.ts';
import { run } from './recorded-io.ts';

let server: Server;
let base: string;
let view: unknown;

beforeEach(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(view));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
});

afterEach(async () => {
  server.close();
  await once(server, 'close');
});

const switches = {
  sharedCache: 'on',
  deduplication: 'observe',
  sharedHealth: 'off',
  clusterMetrics: 'on',
} as const;

const connected: ClusterView = {
  state: 'connected',
  replica: 'a-1',
  clockOffsetMs: -12,
  members: [{ id: 'uuid-1', address: '10.0.0.1:5701', version: '5.7.0' }],
  breakersOpen: ['uuid-1'],
  replicas: [
    {
      id: 'a-1',
      address: '10.0.0.7:53',
      version: '1.2.3',
      startedAt: '2026-01-01T00:00:00.000Z',
      switches,
      answers: 1000,
      shares: { l1: 0.9, l2: 0.0625, upstream: 0.0375 },
    },
    {
      id: 'b-2',
      address: '10.0.0.8:53',
      version: '1.2.3',
      startedAt: null,
      switches,
      answers: 0,
      shares: {},
    },
  ],
  upstreams: [
    {
      server: '9.9.9.9:53',
      agreed: 'down',
      views: [
        { replica: 'a-1', state: 'down', smoothedRttMs: null },
        { replica: 'b-2', state: 'up', smoothedRttMs: 12.34 },
      ],
    },
  ],
  leases: { won: 12, held: 3, failure_shared: 1 },
};

const cluster = (...argv: string[]) => run(['cluster', ...argv, '--api', base]);

describe('heimdall cluster', () => {
  test('prints members, replicas, switches, upstreams and leases', async () => {
    view = connected;
    const { code, stdout } = await cluster();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^GRID\s+TELLER\s+CLOCK AHEAD MS\s+BREAKERS OPEN\n/);
    expect(stdout).toMatch(/\nconnected\s+a-1\s+-12\s+uuid-1\n/);
    expect(stdout).toMatch(/\n10\.0\.0\.1:5701\s+5\.7\.0\s+uuid-1\n/);
    expect(stdout).toMatch(
      /\nREPLICA\s+ADDRESS\s+VERSION\s+STARTED\s+ANSWERS\s+L1\s+L2\s+UPSTREAM\n/,
    );
    expect(stdout).toMatch(
      /\na-1\s+10\.0\.0\.7:53\s+1\.2\.3\s+2026-\S+Z\s+1000\s+90\.0%\s+6\.3%\s+3\.8%\n/,
    );
    expect(stdout).toMatch(/\nb-2\s+10\.0\.0\.8:53\s+1\.2\.3\s+-\s+0\s+-\s+-\s+-\n/);
    expect(stdout).toMatch(/\na-1\s+on\s+observe\s+off\s+on\n/);
    expect(stdout).toMatch(
      /\nSERVER\s+AGREED\s+a-1\s+b-2\n9\.9\.9\.9:53\s+down\s+down\s+up 12\.3 ms\n/,
    );
    expect(stdout).toMatch(/\nWON\s+HELD\s+FAILURE SHARED\n12\s+3\s+1\n$/);
  });

  test('--json prints what the API tells', async () => {
    view = connected;
    const { stdout } = await cluster('--json');
    expect(JSON.parse(stdout)).toEqual(connected);
  });

  test('says that there is no grid, which is no failure', async () => {
    view = noCluster;
    const { code, stdout } = await cluster();
    expect(code).toBe(0);
    expect(stdout).toContain('no grid is configured');
  });

  test('shows the worker processes, with and without a grid', async () => {
    const worker = { pid: 71, state: 'listening', restarts: 2, inFlight: 3, cacheEntries: 40 };
    for (const about of [noCluster, connected]) {
      view = { ...about, workers: [{ place: 1, ...worker }] };
      const { stdout } = await cluster();
      expect(stdout).toMatch(/\nWorkers:\nWORKER\s.*\n1\s+71\s+listening\s+2\s+3\s+40\n$/);
    }
  });

  test('exits with 1 when the grid is configured and out of reach', async () => {
    view = { ...noCluster, state: 'lost', replica: 'a-1' };
    const { code, stdout } = await cluster();
    expect(code).toBe(1);
    expect(stdout).toMatch(/\nlost\s+a-1\s+-\s+none\n/);
  });

  test('prints what it can of an answer that is not what it expects', async () => {
    view = { state: 'connected', members: 'none', replicas: [{ shares: 7 }], leases: null };
    const { code, stdout } = await cluster();
    expect(code).toBe(0);
    expect(stdout).toContain('Upstreams:\nnone');
  });
});

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import hazelcast from 'hazelcast-client';
import type { Client as HazelcastClient, ClientConfig, IMap } from 'hazelcast-client';
import { parse } from 'yaml';
import { memberHome, memberArguments, memberScript } from '../../hazelcast/member-command.ts';
import {
  memberSettings,
  memberValues,
  settingNames,
  variableOf,
} from '../../hazelcast/member-settings.ts';
import { memberStartMs, startCluster, startMember } from '../support/member.ts';
import type { TestMember } from '../support/member.ts';
import { filesBelow, projectRoot } from '../support/source-files.ts';
import { waitFor, within } from '../support/wait-for.ts';

const { Client, ReconnectMode } = hazelcast;
const silent = (): void => undefined;

/** What the tests read of hazelcast.yaml. */
interface MemberConfig {
  readonly map: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly serialization: {
    readonly 'java-serialization-filter': {
      readonly 'defaults-disabled': boolean;
      readonly whitelist: {
        readonly class: readonly string[];
        readonly package: readonly string[];
        readonly prefix?: readonly string[];
      };
    };
  };
}

/** A client that never waits for a member that has gone, and gives up a mute one after 2 s. */
async function connect(member: TestMember): Promise<HazelcastClient> {
  const config: ClientConfig = {
    clusterName: member.clusterName,
    network: { clusterMembers: [member.address], connectionTimeout: 1_000 },
    connectionStrategy: {
      // Of a client that starts asynchronously, only the first member gets a connection.
      asyncStart: false,
      reconnectMode: ReconnectMode.ASYNC,
      connectionRetry: { initialBackoffMillis: 50, maxBackoffMillis: 500 },
    },
    metrics: { enabled: false },
    customLogger: {
      log: silent,
      error: silent,
      warn: silent,
      info: silent,
      debug: silent,
      trace: silent,
    },
    properties: {
      'hazelcast.client.heartbeat.interval': 500,
      'hazelcast.client.heartbeat.timeout': 2_000,
    },
  };
  return within('the client to connect', Client.newHazelcastClient(config));
}

async function metricsOf(member: TestMember): Promise<string> {
  return (await fetch(member.metricsUrl)).text();
}

/** The value of a sample, by its name with labels. */
function sample(metrics: string, name: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length));
}

describe('one member of the newest community release', () => {
  let member: TestMember;
  let client: HazelcastClient;
  let cache: IMap<string, Buffer>;
  let leases: IMap<string, Buffer>;

  beforeAll(async () => {
    member = await startMember({ jmx: true });
    client = await connect(member);
    cache = await client.getMap('heimdall.cache');
    leases = await client.getMap('heimdall.leases');
  }, memberStartMs);

  afterAll(async () => {
    await client.shutdown();
    await member.stop();
  }, memberStartMs);

  test('tells probes that it is ready, and how large its cluster is', async () => {
    const ready = await fetch(`${member.restUrl}/hazelcast/health/ready`);
    expect(ready.status).toBe(200);
    expect(await member.health()).toMatchObject({ nodeState: 'ACTIVE', clusterSize: 1 });
  });

  test('answers probes on the REST port alone, and nothing but health there', async () => {
    // Refusing is hanging up, for which it sometimes takes seconds; health takes milliseconds.
    const ask = (url: string): Promise<Response> =>
      fetch(url, { signal: AbortSignal.timeout(300) });
    const refused = [
      `http://${member.address}/hazelcast/health`,
      `http://${member.memberAddress}/hazelcast/health`,
      `${member.restUrl}/hazelcast/rest/cluster`,
      `${member.restUrl}/hazelcast/rest/maps/heimdall.cache/a`,
    ];
    const answers = await Promise.allSettled(refused.map(ask));
    expect(answers.map(({ status }) => status)).toEqual(refused.map(() => 'rejected'));
    expect((await ask(`${member.restUrl}/hazelcast/health`)).status).toBe(200);
  });

  test('ends an entry of the cache by its own TTL, and keeps its neighbour', async () => {
    await cache.set('short.example/A/IN', Buffer.from('answer'), 2_000);
    await cache.set('long.example/A/IN', Buffer.from('answer'), 600_000);
    expect(await cache.get('short.example/A/IN')).toEqual(Buffer.from('answer'));
    await waitFor(
      'the end of the TTL',
      async () => (await cache.get('short.example/A/IN')) === null,
    );
    expect(await cache.get('long.example/A/IN')).toEqual(Buffer.from('answer'));
  });

  test('gives a lease to the first that asks for it, until it is released', async () => {
    const lease = (owner: string): Promise<Buffer | null> =>
      leases.putIfAbsent('example/A/IN', Buffer.from(owner), 10_000);
    const [first, second] = await Promise.all([lease('a'), lease('b')]);
    expect([first, second?.toString()]).toEqual([null, 'a']);
    expect(await leases.remove('example/A/IN', Buffer.from('b'))).toBe(false);
    expect(await leases.remove('example/A/IN', Buffer.from('a'))).toBe(true);
    expect(await lease('b')).toBeNull();
  });

  test('keeps its own times with entries of the cache and of the clock', async () => {
    for (const name of ['heimdall.cache', 'heimdall.clock']) {
      const map = await client.getMap<string, Buffer>(name);
      await map.set('sample', Buffer.from('x'), 60_000);
      const view = await map.getEntryView('sample');
      expect(Math.abs(Number(view.lastUpdateTime) - Date.now())).toBeLessThan(5_000);
      expect(Number(view.creationTime)).toBeGreaterThan(0);
    }
  });

  test('serves several resolvers with the same policies under prefixes of their own', async () => {
    const other = await client.getMap<string, Buffer>('edge.bulletins');
    await other.set('1', Buffer.from('flush'));
    const { expirationTime, lastUpdateTime } = await other.getEntryView('1');
    expect(Number(expirationTime) - Number(lastUpdateTime)).toBe(60_000);
    expect(await (await client.getMap('heimdall.bulletins')).size()).toBe(0);
  });

  test('counts by PN counters', async () => {
    const counter = await client.getPNCounter('heimdall.metric.queries');
    await counter.addAndGet(5);
    expect(Number(await counter.subtractAndGet(2))).toBe(3);
  });

  test('has no CP Subsystem, and says so', async () => {
    await expect(client.getCPSubsystem().getLock('heimdall.lock.1')).rejects.toThrow(
      'CP subsystem is an Enterprise feature.',
    );
  });

  test('shows its maps to Prometheus by name, and metrics that promtool finds no fault with', async () => {
    await cache.set('seen.example/A/IN', Buffer.from('answer'), 600_000);
    const metrics = await waitFor('the metrics of the cache', async () => {
      const text = await metricsOf(member);
      return sample(text, 'hazelcast_map_owned_entries{map="heimdall.cache"}') > 0 && text;
    });
    expect(sample(metrics, 'hazelcast_cluster_members')).toBe(1);
    expect(sample(metrics, 'hazelcast_clients')).toBe(1);
    expect(sample(metrics, 'hazelcast_map_sets_total{map="heimdall.cache"}')).toBeGreaterThan(0);
    expect(sample(metrics, 'hazelcast_map_heap_bytes{map="heimdall.cache"}')).toBeGreaterThan(0);
    expect(metrics).not.toMatch(/^com_hazelcast/m);
    const complaints = execFileSync('promtool', ['check', 'metrics'], { input: metrics });
    expect(complaints.toString()).toBe('');
  });

  test('says nothing of missing settings, unknown keys or failed calls', () => {
    const lines = member.log.split('\n').filter((line) => / (?:WARNING|SEVERE) /.test(line));
    // Those of connections are from the probes of the wrong ports above.
    expect(lines.filter((line) => !/TcpServerConnection|REST group/.test(line))).toEqual([]);
  });
});

describe('what a member bounds', () => {
  test(
    'the cache, by heap: large answers evict others and do not end the member',
    async () => {
      const member = await startMember({ jmx: true, set: { heap: '64m', 'cache-size': '20' } });
      const client = await connect(member);
      try {
        const cache = await client.getMap<string, Buffer>('heimdall.cache');
        const answer = Buffer.alloc(32_768, 1);
        const total = 3_000; // 96 MB for a member that has 64
        for (let from = 0; from < total; from += 50) {
          await Promise.all(
            Array.from({ length: 50 }, (_, at) =>
              cache.set(`name${String(from + at)}.example/TXT/IN`, answer, 600_000),
            ),
          );
        }
        const held = (await cache.size()) * answer.length;
        expect(held).toBeGreaterThan(4_000_000);
        expect(held).toBeLessThan(64 * 1024 * 1024 * 0.25);
        expect((await member.health()).nodeState).toBe('ACTIVE');
      } finally {
        await client.shutdown();
        await member.stop();
      }
    },
    memberStartMs,
  );
});

describe('two members', () => {
  let members: TestMember[] = [];
  let client: HazelcastClient | undefined;

  afterEach(async () => {
    await client?.shutdown();
    await Promise.all(members.map((member) => member.kill9()));
  }, memberStartMs);

  test(
    'share the entries out, keep them all when one dies, and take it back',
    async () => {
      members = await startCluster(2, { jmx: true });
      const [first, second] = members as [TestMember, TestMember];
      client = await connect(first);
      const cache = await client.getMap<string, Buffer>('heimdall.cache');
      const keys = Array.from({ length: 300 }, (_, at) => `name${String(at)}.example/A/IN`);
      await Promise.all(keys.map((key) => cache.set(key, Buffer.from(key), 600_000)));

      // Connected to both, though told of one: told of client ports, not of member ports.
      for (const member of members) {
        await waitFor('entries on both', async () => {
          const metrics = await metricsOf(member);
          const name = 'entries{map="heimdall.cache"}';
          return (
            sample(metrics, 'hazelcast_clients') === 1 &&
            sample(metrics, `hazelcast_map_owned_${name}`) > 0 &&
            sample(metrics, `hazelcast_map_backup_${name}`) > 0
          );
        });
      }

      await second.kill9();
      await waitFor('the death to be seen', async () => (await first.health()).clusterSize === 1);
      const found = await within('every entry', Promise.all(keys.map((key) => cache.get(key))));
      expect(found.filter((value) => value === null)).toEqual([]);

      await second.restart();
      await waitFor('the return', async () => (await second.health()).clusterSize === 2);
      // A refused exception between members leaves the call that it was the answer to hanging.
      expect(first.log + second.log).not.toMatch(/SecurityException|is not allowed/);
    },
    memberStartMs,
  );

  test(
    'let only a majority retire totals when asked to, and serve the cache alone',
    async () => {
      members = [await startMember({ set: { 'split-protection': 'true', majority: '2' } })];
      client = await connect(members[0] as TestMember);
      const retired = await client.getMap<string, Buffer>('heimdall.retired');
      await expect(retired.putIfAbsent('replica', Buffer.from('a'))).rejects.toThrow(
        /Split brain protection exception/,
      );
      const cache = await client.getMap<string, Buffer>('heimdall.cache');
      await cache.set('a', Buffer.from('b'), 60_000);
      expect(await cache.get('a')).toEqual(Buffer.from('b'));
    },
    memberStartMs,
  );
});

describe('a member of 5.4, the last community line with the CP Subsystem', () => {
  test(
    'hands a FencedLock out once, with tokens that rise, and serves the same maps',
    async () => {
      const member = await startMember({ version: '5.4.0' });
      const [one, two] = await Promise.all([connect(member), connect(member)]);
      try {
        const lock = await one.getCPSubsystem().getLock('heimdall.lock.1');
        const same = await two.getCPSubsystem().getLock('heimdall.lock.1');
        const fence = await lock.lock();
        expect(await same.tryLock(10)).toBeUndefined();
        await lock.unlock(fence);
        const next = await same.lock();
        expect(Number(next)).toBeGreaterThan(Number(fence));
        await same.unlock(next);
        const cache = await one.getMap<string, Buffer>('heimdall.cache');
        await cache.set('a', Buffer.from('b'), 60_000);
        expect(await cache.get('a')).toEqual(Buffer.from('b'));
      } finally {
        await Promise.all([one.shutdown(), two.shutdown()]);
        await member.stop();
      }
    },
    memberStartMs,
  );
});

describe('the configuration', () => {
  const text = readFileSync(join(memberHome, 'hazelcast.yaml'), 'utf8');
  const { hazelcast: config } = parse(text) as { hazelcast: MemberConfig };

  test('lets exceptions in by Java serialisation, of named classes and packages, and no more', () => {
    const filter = config.serialization['java-serialization-filter'];
    expect(filter['defaults-disabled']).toBe(true);
    expect(filter.whitelist.prefix).toBeUndefined();
    expect(filter.whitelist.package).not.toContain('java.util');
    expect(filter.whitelist.class.filter((name) => /Map|Comparator|Proxy/.test(name))).toEqual([]);
  });

  test('gives every map a policy for eviction, expiry, backup and merge', () => {
    const maps = config.map;
    const sources = filesBelow('src/grid', '.ts').map((path) =>
      readFileSync(join(projectRoot, path), 'utf8'),
    );
    const used = sources.flatMap((source) =>
      [...source.matchAll(/prefix\}\.([a-z]+)/g)].map(([, name]) => `*.${name ?? ''}`),
    );
    const noMaps = ['*.lock', '*.metric'];
    expect(Object.keys(maps).toSorted()).toEqual(
      [...new Set(used)].filter((name) => !noMaps.includes(name)).toSorted(),
    );
    for (const map of Object.values(maps)) {
      expect(map).toMatchObject({
        'in-memory-format': 'BINARY',
        'backup-count': expect.any(Number),
        'time-to-live-seconds': expect.any(Number),
        'statistics-enabled': true,
        eviction: { 'eviction-policy': 'LRU' },
        'merge-policy': { 'class-name': expect.any(String) },
      });
    }
  });

  test('gets every variable from the command, and nothing else is passed', () => {
    const used = [...text.matchAll(/\$\{(heimdall\.member\.[a-z.]+)\}/g)].map(
      ([, name]) => name ?? '',
    );
    const passed = memberArguments(memberValues({}))
      .filter((argument) => argument.startsWith('-Dheimdall.'))
      .map((argument) => argument.slice(2, argument.indexOf('=')));
    expect(new Set(passed)).toEqual(new Set(used));
  });
});

describe('the command', () => {
  test('prefers what is given to the environment, and that to the default', () => {
    const environment = { HEIMDALL_MEMBER_PORT: '6000', HEIMDALL_MEMBER_HEAP: '1g' };
    expect(memberValues({ port: '7000' }, environment)).toMatchObject({
      port: '7000',
      heap: '1g',
      'member-port': '5801',
    });
  });

  test.each([
    ['port', '0'],
    ['heap', '128'],
    ['majority', '1'],
    ['cp-members', '2'],
    ['members', 'a b'],
  ] as const)('refuses %s %s', (name, value) => {
    expect(() => memberValues({ [name]: value })).toThrow(`${name}: '${value}' is not `);
  });

  test('is the same as a shell script, for where there is no Node', () => {
    const script = memberScript()
      .replace('exec java', 'printf "%s\\n"')
      .replace('home=$(cd "$(dirname "$0")" && pwd)', `home='${memberHome}'`);
    const env = { HEIMDALL_MEMBER_HEAP: '1g', HEIMDALL_MEMBER_JMX_PORT: '9404' };
    const printed = execFileSync('sh', ['-c', script], { env, encoding: 'utf8' });
    expect(printed.trimEnd().split('\n')).toEqual(memberArguments(memberValues({}, env)));
  });

  test('is told in full by the page on members', () => {
    const page = readFileSync(join(projectRoot, 'docs/grid-member.md'), 'utf8');
    for (const name of settingNames) {
      const { standard, help } = memberSettings[name];
      const value = standard === undefined ? '' : `\`${standard}\``;
      expect(page).toContain(`| \`--${name}\` | \`${variableOf(name)}\` | ${value} | ${help} |`);
    }
  });
});

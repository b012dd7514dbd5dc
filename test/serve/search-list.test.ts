import { afterEach, expect, test } from '@jest/globals';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import type { ScriptedReply } from '../support/scripted-reply.ts';

/** What stands in `/etc/resolv.conf` of a pod in the namespace `default`. */
const searchList = ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
const topLevelDomains = ['com', 'org', 'net', 'io', 'dev'];
const names = topLevelDomains.flatMap((domain) =>
  Array.from({ length: 10 }, (_, number) => `www.host${String(number)}.${domain}`),
);

let upstream: ScriptedUpstream | undefined;
let replica: TestReplica | undefined;

afterEach(async () => {
  await replica?.stop();
  await upstream?.stop();
});

async function start(set: Readonly<Record<string, string>>): Promise<TestReplica> {
  upstream = await ScriptedUpstream.start({ script: ({ name }) => zone(name.toLowerCase()) });
  const routes = JSON.stringify([{ suffix: 'cluster.local', servers: [upstream.text] }]);
  const patient = { 'upstream.tryTimeoutMinMs': '1500' }; // a question sent again would be counted as another
  replica = await startReplica({ upstreams: [upstream.text], set: { routes, ...patient, ...set } });
  return replica;
}

/** As the DNS of a cluster has it, with two namespaces and a headless service; the rest is there. */
function zone(name: string): ScriptedReply {
  if (name === 'cluster.local' || !name.endsWith('cluster.local')) {
    return { answers: [addressRecord(name, '192.0.2.1', 300)] };
  }
  const services = ['web.default.svc', 'db.default.svc', 'db-0.db.default.svc', 'com.odd.svc'];
  if (services.some((service) => name === `${service}.cluster.local`)) {
    return { answers: [addressRecord(name, '10.0.0.1', 30)] };
  }
  const isNamespace = ['default.svc.cluster.local', 'odd.svc.cluster.local'].includes(name);
  return {
    code: isNamespace ? 0 : 3,
    authorities: [
      {
        name: 'cluster.local',
        type: 'SOA',
        ttl: 30,
        data: {
          mname: 'ns.dns.cluster.local',
          rname: 'hostmaster.cluster.local',
          serial: 1,
          refresh: 7200,
          retry: 1800,
          expire: 86_400,
          minimum: 30,
        },
      },
    ],
  };
}

/** What a stub asks until a name is found: first with each end of its list, then as it is. */
async function resolveAsPod(asked: TestReplica, name: string): Promise<number[]> {
  const codes: number[] = [];
  for (const candidate of [...searchList.map((suffix) => `${name}.${suffix}`), name]) {
    const both = ['A', 'AAAA'] as const;
    for (const type of both) codes.push((await asked.ask({ name: candidate, type })).code);
  }
  return codes;
}

async function replay(set: Readonly<Record<string, string>>): Promise<number> {
  const asked = await start(set);
  const absent = Array<number>(6).fill(3);
  for (const name of names) {
    expect(await resolveAsPod(asked, name)).toEqual([...absent, 0, 0]);
  }
  const { queries = [] } = upstream ?? {};
  return queries.length;
}

const suffixes = { 'cache.searchSuffixes': 'svc.cluster.local,cluster.local' };

test('a replay of 50 names with the search list of a pod: 250 upstream queries', async () => {
  expect(await replay({})).toBe(names.length * 5);
});

test('with search suffixes 116: each name itself by two types, and what the lists have in common', async () => {
  const namespace = 1;
  const missing = topLevelDomains.length * searchList.length;
  expect(await replay(suffixes)).toBe(names.length * 2 + namespace + missing);
  const [cuts = ''] = (await replica?.metric('heimdall_cache_search_cuts_total')) ?? [];
  expect(cuts).toBe(`heimdall_cache_search_cuts_total ${String(names.length * 3)}`);
});

test('names of the cluster are found, also where a namespace or a service is called like a domain', async () => {
  const asked = await start(suffixes);
  const found = ['web.default', 'db-0.db.default', 'com.odd'].map((name) => `${name}.svc`);
  for (const service of found) {
    const { code, answers } = await asked.ask({ name: `${service}.cluster.local` });
    expect({ service, code, answers: answers.length }).toEqual({
      service,
      code: 0,
      answers: 1,
    });
  }
  expect((await asked.ask({ name: 'none.default.svc.cluster.local' })).code).toBe(3);
});

test('who validates is told of the name itself', async () => {
  const asked = await start(suffixes);
  await asked.ask({ name: 'www.example.com.svc.cluster.local', edns: { dnssecOk: true } });
  expect(upstream?.queries.map(({ name }) => name.toLowerCase())).toEqual([
    'www.example.com.svc.cluster.local',
  ]);
});

test('a name above that fails says nothing of those below', async () => {
  const asked = await start(suffixes);
  if (upstream !== undefined) {
    upstream.script = ({ name }) =>
      name.toLowerCase() === 'default.svc.cluster.local' ? { code: 2 } : zone(name.toLowerCase());
  }
  expect((await asked.ask({ name: 'web.default.svc.cluster.local' })).code).toBe(0);
});

/**
 * `npm run demo`: one member of the grid, two upstreams and three replicas on this machine; shows
 * what replicas do for each other, then stays until Ctrl-C. `--once` ends instead; the exit code
 * says whether all was as it must be.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { SystemClock } from '../src/base/clock.ts';
import { describeError } from '../src/base/errors.ts';
import { SystemRandom } from '../src/base/random.ts';
import { demoSteps } from './demo-steps.ts';
import type { DemoWorld } from './demo-steps.ts';
import { DemoReplica } from './demo-replica.ts';
import { DemoUpstream } from './demo-upstream.ts';
import { fetchJars } from './member-jars.ts';
import { MemberProcess } from './member-process.ts';
import { memberValues } from './member-settings.ts';

const replicaCount = 3;
const firstDnsPort = 1053;
const firstHttpPort = 8081;

const clock = new SystemClock();
const random = new SystemRandom();
/** What is to be ended, the last started first. */
const ends: (() => Promise<void> | void)[] = [];

function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The port if it is free on 127.0.0.1 for UDP and TCP, else one that is. */
async function portOr(wanted: number): Promise<number> {
  const tcp = createServer();
  const opened = once(tcp, 'listening').then(
    () => true,
    () => false,
  );
  tcp.listen(wanted, '127.0.0.1');
  if (!(await opened)) return portOr(0);
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  const bound = once(udp, 'listening').then(
    () => true,
    () => false,
  );
  udp.bind(port, '127.0.0.1');
  const isFree = await bound;
  udp.close();
  tcp.close();
  await once(tcp, 'close');
  return isFree ? port : portOr(0);
}

async function startMember(): Promise<string> {
  const [port, memberPort, restPort] = [await portOr(5701), await portOr(5801), await portOr(5901)];
  const values = memberValues({
    port: String(port),
    'member-port': String(memberPort),
    'rest-port': String(restPort),
    members: `127.0.0.1:${String(memberPort)}`,
  });
  tell(`Fetching Hazelcast ${values.version ?? ''} unless it is here, and starting one member …`);
  fetchJars(values.version ?? '');
  const member = new MemberProcess(values, clock, () => undefined);
  process.once('exit', () => member.signal('SIGKILL'));
  ends.push(() => member.stop());
  await member.ready();
  tell(`The grid is ready at 127.0.0.1:${String(port)} (process ${String(member.pid)}).`);
  return `127.0.0.1:${String(port)}`;
}

async function startReplicas(
  member: string,
  upstreams: readonly DemoUpstream[],
): Promise<DemoReplica[]> {
  const replicas: DemoReplica[] = [];
  for (let index = 0; index < replicaCount; index++) {
    const name = `r${String(index + 1)}`;
    const set = {
      'upstream.servers': upstreams.map(({ text }) => text).join(','),
      'upstream.strategy': 'sequential',
      'grid.members': member,
      'grid.replicaId': name,
      'grid.clusterMetrics.intervalMs': '1000',
    };
    const [dnsPort, httpPort] = [
      await portOr(firstDnsPort + index),
      await portOr(firstHttpPort + index),
    ];
    const replica = new DemoReplica({ name, dnsPort, httpPort, set }, clock, random);
    process.once('exit', () => replica.kill());
    ends.push(() => replica.stop());
    replicas.push(replica);
  }
  await Promise.all(replicas.map((replica) => replica.ready()));
  for (const { name, dnsPort, api, pid } of replicas) {
    tell(`${name}: DNS 127.0.0.1:${String(dnsPort)}, HTTP ${api} (process ${String(pid)})`);
  }
  return replicas;
}

async function startWorld(): Promise<DemoWorld> {
  const upstreams = [
    await DemoUpstream.start(clock, 1),
    await DemoUpstream.start(clock, 2),
  ] as const;
  for (const upstream of upstreams) ends.push(() => upstream.stop());
  const replicas = await startReplicas(await startMember(), upstreams);
  return { clock, replicas, upstreams, tell };
}

/** @returns whether every step was as it must be */
async function show(world: DemoWorld): Promise<boolean> {
  let isFine = true;
  for (const step of demoSteps) {
    const held = await step(world);
    tell(held ? '  => as it must be' : '  => NOT as it must be');
    isFine &&= held;
  }
  return isFine;
}

function howToLook({ replicas }: DemoWorld): void {
  const [first, second] = replicas;
  tell(`
Look for yourself:
  npm run heimdall -- cluster --api ${first?.api ?? ''}
  npm run heimdall -- query anything.demo.example -s 127.0.0.1:${String(first?.dnsPort)}
  dig @127.0.0.1 -p ${String(first?.dnsPort)} www.demo.example
  dig @127.0.0.1 -p ${String(second?.dnsPort)} www.demo.example
  npm run heimdall -- cache flush --all --api ${first?.api ?? ''}
  curl ${first?.api ?? ''}/metrics/cluster
Ctrl-C ends all of it.`);
}

/** Ends everything, the last started first; what does not end must not keep the rest. */
async function endAll(): Promise<void> {
  const replicasFirst = ends.toReversed();
  ends.length = 0;
  for (const end of replicasFirst) {
    try {
      await end();
    } catch (error) {
      process.stderr.write(`${describeError(error)}\n`);
    }
  }
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}

async function run(): Promise<number> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  const interrupt = interrupted();
  const story = async (): Promise<number> => {
    const world = await startWorld();
    const isFine = await show(world);
    if (values.once) return isFine ? 0 : 1;
    howToLook(world);
    await interrupt;
    return isFine ? 0 : 1;
  };
  return Promise.race([story(), interrupt.then(() => 0)]);
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
} finally {
  await endAll();
  // Interrupted while it was starting something: the handlers of `exit` end that.
  process.exit();
}

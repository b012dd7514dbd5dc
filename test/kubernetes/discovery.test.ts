import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';
import { freePorts } from '../support/free-ports.ts';
import { memberStartMs } from '../support/member.ts';
import { encodeQuery } from '../support/messages.ts';
import { installed, TestProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';
import { fetchJars } from '../../hazelcast/member-jars.ts';
import { MemberProcess } from '../../hazelcast/member-process.ts';
import { memberValues } from '../../hazelcast/member-settings.ts';
import type { MemberValues } from '../../hazelcast/member-settings.ts';
import { SystemClock } from '../../src/base/clock.ts';

/** As the headless Service has them: a name, and an address for each member. */
const service = 'heimdall-peers.heimdall.svc.cluster.local';
const addresses = ['127.53.0.2', '127.53.0.3', '127.53.0.4'];
/** The cluster's DNS, on the port that resolv.conf cannot change. */
const nameServer = '127.53.0.1';

/** A zone that NSD serves as the cluster's DNS would: headless Services have an A record for each pod. */
function zone(all: readonly string[]): string {
  return [
    '$ORIGIN heimdall.svc.cluster.local.',
    '$TTL 5',
    '@ IN SOA ns host 1 3600 600 86400 5',
    '  IN NS ns',
    `ns IN A ${nameServer}`,
    ...all.map((address) => `heimdall-peers IN A ${address}`),
    '',
  ].join('\n');
}

/** Members that run where /etc/resolv.conf names the server above: a mount of their own. Needs root. */
function inPod(resolvConf: string): (program: readonly string[]) => readonly string[] {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return (program) => [
    installed('unshare', 'util-linux'),
    ...['--mount', '--propagation', 'private', 'sh', '-c', script, resolvConf],
    ...program,
  ];
}

describe('discovery by DNS, as Kubernetes has it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heimdall-discovery-'));
  const resolvConf = join(folder, 'resolv.conf');
  let dns: TestProcess;
  let members: MemberProcess[] = [];
  let log = '';
  let ports: readonly number[] = [];

  beforeAll(async () => {
    ports = await freePorts(3);
    writeFileSync(
      resolvConf,
      `nameserver ${nameServer}\nsearch heimdall.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n`,
    );
    writeFileSync(join(folder, 'zone'), zone(addresses));
    writeFileSync(
      join(folder, 'nsd.conf'),
      `server:
  ip-address: ${nameServer}@53
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "heimdall.svc.cluster.local"
  zonefile: "zone"
`,
    );
    dns = new TestProcess(
      installed('nsd', 'nsd'),
      ['-d', '-c', join(folder, 'nsd.conf')],
      process.env,
    );
    const client = new UdpClient({ host: nameServer, port: 53 });
    await waitFor('the DNS server', () => {
      if (dns.hasEnded) throw new Error(`it ended: ${dns.stderr}`);
      client.send(encodeQuery({ name: service }));
      return client.received.length > 0;
    });
    await client.close();
    fetchJars('5.7.0');
  }, memberStartMs);

  afterAll(async () => {
    for (const member of members) member.signal('SIGKILL');
    await Promise.all(members.map(({ ended }) => ended));
    await dns.kill();
    rmSync(folder, { recursive: true });
  }, memberStartMs);

  /** What the manifests set, but for the addresses, which pods have of their own. */
  function valuesOf(address: string, dnsName: string): MemberValues {
    const [port, member, rest] = ports;
    return memberValues({
      address,
      port: String(port),
      'member-port': String(member),
      'rest-port': String(rest),
      'cluster-name': `discovery-${String(process.pid)}`,
      'tcp-ip': 'false',
      kubernetes: 'true',
      'service-dns': dnsName,
      'leave-seconds': '5',
    });
  }

  function start(address: string, dnsName: string): MemberProcess {
    return new MemberProcess(
      valuesOf(address, dnsName),
      new SystemClock(),
      (text) => (log += text),
      inPod(resolvConf),
    );
  }

  test(
    'makes one cluster of three members that know nothing but the name of their Service',
    async () => {
      members = addresses.map((address) => start(address, service));
      await Promise.all(members.map((member) => member.ready()));
      await waitFor('one cluster of three', async () => {
        const healths = await Promise.all(members.map((member) => member.health()));
        return healths.every(({ clusterSize }) => clusterSize === 3);
      });
      expect(log).not.toMatch(/SEVERE|SecurityException/);
    },
    memberStartMs,
  );

  test(
    'a member that is told to leave hands its data over and is gone from the cluster',
    async () => {
      const [first, second] = members;
      await second?.stop();
      await waitFor('two that are left', async () => (await first?.health())?.clusterSize === 2);
      expect(second?.failure).toContain('143');
    },
    memberStartMs,
  );

  test(
    'with a name that leads nowhere a member is ready as a cluster of one: what the alert is for',
    async () => {
      const lost = start('127.53.0.5', `nowhere.${service}`);
      members.push(lost);
      await lost.ready();
      expect((await lost.health()).clusterSize).toBe(1);
    },
    memberStartMs,
  );
});

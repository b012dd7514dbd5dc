import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ClientGuard } from '../../src/admit/client-guard.ts';
import type { ClientPolicy } from '../../src/admit/client-guard.ts';
import { writeAddress } from '../../src/base/address-bytes.ts';
import { parseNetwork } from '../../src/base/network.ts';
import { clientVerdict } from '../../src/query/client-verdict.ts';
import type { Transport } from '../../src/query/query.ts';

const open: ClientPolicy = {
  allow: ['0.0.0.0/0', '::/0'],
  deny: [],
  rateLimit: {
    enabled: true,
    queriesPerSecond: 10,
    burst: 20,
    slip: 2,
    ipv4PrefixLength: 32,
    ipv6PrefixLength: 64,
    exempt: [],
    clientsMax: 1024,
    verifiedFactor: 4,
    inCluster: true,
  },
};

type Limits = Partial<ClientPolicy['rateLimit']>;

function limited(limits: Limits): ClientPolicy {
  return { ...open, rateLimit: { ...open.rateLimit, ...limits } };
}

function judge(guard: ClientGuard, address: string, nowMs = 0, transport: Transport = 'udp') {
  const octets = new Uint8Array(20);
  const length = writeAddress(address, octets);
  octets.copyWithin(4, 0, length); // anywhere in the packet's memory
  return guard.judge(transport, octets, 4, length, nowMs);
}

function served(guard: ClientGuard, address: string, count: number, nowMs = 0): number {
  const verdicts = Array.from({ length: count }, () => judge(guard, address, nowMs));
  return verdicts.filter((verdict) => verdict === clientVerdict.serve).length;
}

describe('the access list', () => {
  const guard = new ClientGuard(
    {
      ...open,
      allow: ['10.0.0.0/8', '192.168.1.0/24', '192.168.0.0/16', 'fd00::/8', '::1'],
      deny: ['10.9.0.0/16', 'fd00:bad::/32'],
    },
    1,
  );

  test.each([
    ['10.0.0.0', 'serve'],
    ['10.255.255.255', 'serve'],
    ['11.0.0.0', 'refuse'],
    ['9.255.255.255', 'refuse'],
    ['192.168.200.1', 'serve'],
    ['192.169.0.0', 'refuse'],
    ['10.9.1.1', 'refuse'],
    ['::ffff:10.1.1.1', 'serve'],
    ['::ffff:8.8.8.8', 'refuse'],
    ['::1', 'serve'],
    ['::2', 'refuse'],
    ['fd12:3456::1', 'serve'],
    ['fd00:bad::7', 'refuse'],
    ['fe00::1', 'refuse'],
  ] as const)('%s: %s', (address, verdict) => {
    expect(judge(guard, address)).toBe(clientVerdict[verdict]);
    expect(judge(guard, address, 0, 'tcp')).toBe(clientVerdict[verdict]);
  });

  test('an address that cannot be read is not served', () => {
    expect(judge(guard, 'nonsense')).toBe(clientVerdict.refuse);
  });

  test('it agrees with a plain comparison of bits, whatever the networks', () => {
    const network = fc
      .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
      .map(([address, bits]) => `${masked(address, bits)}/${String(bits)}`);
    fc.assert(
      fc.property(fc.array(network), fc.ipV4(), (allow, address) => {
        const expected = allow.some((text) => {
          const bits = Number(text.split('/')[1]);
          return masked(address, bits) === text.split('/')[0];
        });
        const verdict = judge(new ClientGuard({ ...open, allow }, 1), address);
        expect(verdict === clientVerdict.serve).toBe(expected);
      }),
    );
  });

  test('a network with bits behind its prefix is refused with its reason', () => {
    expect(() => parseNetwork('10.1.0.0/8')).toThrow('bits behind its prefix of 8');
    expect(() => parseNetwork('10.0.0.0/33')).toThrow('no IP address or network');
    expect(() => parseNetwork('10.0.0.0/')).toThrow('no IP address or network');
    expect(() => parseNetwork('fe80::1%eth0/64')).toThrow('no IP address or network');
  });
});

function masked(address: string, bits: number): string {
  const whole = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const kept = bits === 0 ? 0 : (whole & (-1 << (32 - bits))) >>> 0;
  return [24, 16, 8, 0].map((shift) => String((kept >>> shift) & 255)).join('.');
}

describe('the rate limit', () => {
  test('a client has its burst, then its rate, and gathers no more than its burst', () => {
    const guard = new ClientGuard(open, 1);
    expect(served(guard, '10.0.0.1', 100)).toBe(20);
    expect(served(guard, '10.0.0.1', 100, 1000)).toBe(10);
    expect(served(guard, '10.0.0.1', 100, 3_600_000)).toBe(20);
  });

  test('a clock that stands or goes back gives nothing away', () => {
    const guard = new ClientGuard(open, 1);
    served(guard, '10.0.0.1', 100, 5000);
    expect(served(guard, '10.0.0.1', 100, 1000)).toBe(0);
  });

  test('another client has a budget of its own; the same IPv6 network is one client', () => {
    const guard = new ClientGuard(open, 1);
    served(guard, '10.0.0.1', 100);
    expect(served(guard, '10.0.0.2', 20)).toBe(20);
    expect(served(guard, '2001:db8::1', 100)).toBe(20);
    expect(served(guard, '2001:db8::2', 100)).toBe(0);
    expect(served(guard, '2001:db8:0:1::1', 20)).toBe(20);
  });

  test('beyond the limit every second query gets a truncated answer, the others none', () => {
    const guard = new ClientGuard(open, 1);
    served(guard, '10.0.0.1', 20);
    const verdicts = Array.from({ length: 4 }, () => judge(guard, '10.0.0.1'));
    const { drop, truncate } = clientVerdict;
    expect(verdicts).toEqual([drop, truncate, drop, truncate]);
  });

  test('slip 0 drops all, slip 1 truncates all', () => {
    const silent = new ClientGuard(limited({ slip: 0, burst: 1 }), 1);
    const kind = new ClientGuard(limited({ slip: 1, burst: 1 }), 1);
    const later = (guard: ClientGuard) =>
      new Set(Array.from({ length: 10 }, () => judge(guard, '10.0.0.1')).slice(1));
    expect(later(silent)).toEqual(new Set([clientVerdict.drop]));
    expect(later(kind)).toEqual(new Set([clientVerdict.truncate]));
  });

  test('TCP, exempt networks and a limit that is off are not limited', () => {
    const guard = new ClientGuard(limited({ exempt: ['127.0.0.0/8'], burst: 1 }), 1);
    expect(served(guard, '127.0.0.1', 100)).toBe(100);
    expect(served(guard, '::ffff:127.0.0.1', 100)).toBe(100);
    expect(judge(guard, '10.0.0.1', 0, 'tcp')).toBe(clientVerdict.serve);
    expect(judge(guard, '10.0.0.1', 0, 'tcp')).toBe(clientVerdict.serve);
    guard.setPolicy(limited({ enabled: false }));
    expect(served(guard, '10.0.0.1', 100)).toBe(100);
  });

  test('who floods keeps its empty budget while forged addresses come and go', () => {
    const guard = new ClientGuard(limited({ clientsMax: 1024 }), 7);
    served(guard, '10.0.0.1', 20);
    let more = 0;
    for (let index = 0; index < 20_000; index++) {
      const nowMs = index / 20;
      judge(guard, `172.${String(index & 255)}.${String(index >>> 8)}.1`, nowMs);
      if (index % 4 === 0) more += served(guard, '10.0.0.1', 1, nowMs);
    }
    expect(more).toBeLessThanOrEqual(10); // of 5,000: what its rate gives in this second
  });

  test('a change of the prefix starts anew, another rate does not', () => {
    const guard = new ClientGuard(open, 1);
    served(guard, '10.0.0.1', 100);
    guard.setPolicy(limited({ queriesPerSecond: 5 }));
    expect(served(guard, '10.0.0.1', 1)).toBe(0);
    guard.setPolicy(limited({ ipv4PrefixLength: 24 }));
    expect(served(guard, '10.0.0.1', 100)).toBe(20);
    expect(served(guard, '10.0.0.2', 1)).toBe(0);
  });
});

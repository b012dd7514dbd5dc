import { describe, expect, test } from '@jest/globals';
import { MalformedAddress } from '../../src/base/errors.ts';
import { addressesLeadingBack } from '../../src/upstream/leading-back.ts';
import { formatServer, isHostName, parseServer } from '../../src/base/server-address.ts';
import { systemServers } from '../../src/upstream/system-servers.ts';

describe('an upstream in text', () => {
  test.each([
    ['1.1.1.1', '1.1.1.1:53'],
    ['1.1.1.1:5353', '1.1.1.1:5353'],
    ['udp://1.1.1.1', '1.1.1.1:53'],
    ['tcp://1.1.1.1', 'tcp://1.1.1.1:53'],
    ['dns.example:53', 'dns.example:53'],
    ['dns.example', 'dns.example:53'],
    ['2606:4700::1', '[2606:4700::1]:53'],
    ['[2606:4700:0:0::1]:54', '[2606:4700::1]:54'],
    ['tcp://[::1]', 'tcp://[::1]:53'],
    ['[fe80::1%eth0]:53', '[fe80::1%eth0]:53'],
    ['::ffff:1.2.3.4', '[::ffff:1.2.3.4]:53'],
    ['tls://1.1.1.1', 'tls://1.1.1.1:853'],
    ['tls://dns.example:8853', 'tls://dns.example:8853'],
    ['tls://9.9.9.9#Dns.Quad9.net', 'tls://9.9.9.9:853#dns.quad9.net'],
    ['tls://[2620:fe::fe]#dns.quad9.net', 'tls://[2620:fe::fe]:853#dns.quad9.net'],
    ['https://dns.example', 'https://dns.example:443/dns-query'],
    ['https://1.1.1.1/resolve{?dns}', 'https://1.1.1.1:443/resolve'],
    ['https://1.1.1.1:8443/a?b=c#dns.example', 'https://1.1.1.1:8443/a?b=c#dns.example'],
  ])('%s is %s', (text, canonical) => {
    expect(formatServer(parseServer(text))).toBe(canonical);
    expect(formatServer(parseServer(canonical))).toBe(canonical);
  });

  const refused = ['quic://1.1.1.1', 'tls://1.1.1.1/path', 'tls://1.1.1.1#a b', 'https:///x'];
  test.each([...refused, '', '1.1.1.1:0', '1.1.1.1:65536', '[::1', 'a b', 'udp://', ':53'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseServer(text)).toThrow(MalformedAddress);
    },
  );

  test('tells a name from an address', () => {
    expect(isHostName(parseServer('dns.example'))).toBe(true);
    expect(isHostName(parseServer('[::1]:53'))).toBe(false);
  });
});

describe("the system's resolvers", () => {
  test('are the name servers of resolv.conf, scope ids kept, comments and nonsense left out', () => {
    const text = [
      '# nameserver 1.2.3.4',
      '; nameserver 1.2.3.5',
      'search example.com',
      'nameserver 10.0.0.10',
      '  nameserver\t10.0.0.11  # the second',
      'nameserver fe80::1%eth0',
      'nameserver dns.example',
      'nameserver',
      'nameserver 10.0.0.10\r',
      'options ndots:5',
    ].join('\n');
    const servers = ['10.0.0.10:53', '10.0.0.11:53', '[fe80::1%eth0]:53'];
    expect(systemServers(text)).toEqual(servers);
    for (const server of servers) expect(formatServer(parseServer(server))).toBe(server);
  });
});

describe('upstreams that are this resolver itself', () => {
  const local = ['127.0.0.1', '192.0.2.7', '2001:db8::7'];

  test.each([
    ['192.0.2.7:53', '0.0.0.0', true],
    ['192.0.2.7:53', '::', true],
    ['127.0.0.53:53', '0.0.0.0', true],
    ['0.0.0.0:53', '127.0.0.1', true],
    ['[2001:db8:0::7]:53', '::', true],
    ['[::1]:53', '::', true],
    ['tcp://192.0.2.7:53', '192.0.2.7', true],
    ['[2001:db8::7]:53', '0.0.0.0', false],
    ['192.0.2.8:53', '0.0.0.0', false],
    ['192.0.2.7:54', '0.0.0.0', false],
    ['127.0.0.53:53', '192.0.2.7', false],
  ])('%s with a listener at %s: %s', (server, host, leadsBack) => {
    const found = addressesLeadingBack([parseServer(server)], [{ host, port: 53 }], local);
    expect(found.map(formatServer)).toEqual(leadsBack ? [formatServer(parseServer(server))] : []);
  });
});

import { expect, test } from '@jest/globals';
import { parseNetwork } from '../../src/base/network.ts';
import { formatName, parseName } from '../../src/dns/name.ts';
import { Dns64Prefix } from '../../src/local/dns64-prefix.ts';
import { reverseName } from '../../src/local/reverse-name.ts';

const four = Buffer.from([192, 0, 2, 33]);

test.each([
  ['2001:db8::/32', '20010db8c00002210000000000000000'],
  ['2001:db8:100::/40', '20010db801c000020021000000000000'],
  ['2001:db8:122::/48', '20010db80122c0000002210000000000'],
  ['2001:db8:122:300::/56', '20010db8012203c00000022100000000'],
  ['2001:db8:122:344::/64', '20010db80122034400c0000221000000'],
  ['2001:db8:122:344::/96', '20010db80122034400000000c0000221'],
  ['64:ff9b::/96', '0064ff9b0000000000000000c0000221'],
])('RFC 6052 2.4: 192.0.2.33 behind %s, and back', (prefix, octets) => {
  const made = new Dns64Prefix(parseNetwork(prefix));
  const address = made.embed(four);
  expect(address.toString('hex')).toBe(octets);
  const name = made.fromReverse(reverseName(address));
  expect(name && formatName(name)).toBe('33.2.0.192.in-addr.arpa.');
});

test('other names are none of the prefix', () => {
  const made = new Dns64Prefix(parseNetwork('64:ff9b::/96'));
  for (const name of [
    'a.example',
    'ip6.arpa',
    `${'0.'.repeat(32)}ip6.arpa`,
    `${'x.'.repeat(32)}ip6.arpa`,
  ]) {
    expect(made.fromReverse(parseName(name))).toBeUndefined();
  }
});

import { describe, expect, test } from '@jest/globals';
import { MalformedAddress } from '../../src/base/errors.ts';
import { canonicalUpstream, formatServer, parseServer } from '../../src/base/server-address.ts';
import { parseStamp } from '../../src/base/server-stamp.ts';
import { encodeStamp } from '../support/stamps.ts';

/** As public lists of resolvers have them. */
const google =
  'sdns://AgUAAAAAAAAABzguOC44LjggsKKKE4EwvtIbNjGjagI2607EdKSVHowYZtyvD9iPrkkHOC44LjguOAovZG5zLXF1ZXJ5';
const quad9 =
  'sdns://AgMAAAAAAAAABzkuOS45LjkgsBkgdEu7dsmrBT4B4Ht-BQ5HPSD3n3vqQ1-v5DydJC8SZG5zOS5xdWFkOS5uZXQ6NDQzCi9kbnMtcXVlcnk';
const dnscrypt =
  'sdns://AQMAAAAAAAAAETk0LjE0MC4xNC4xNDo1NDQzINErR_JS3PLCu_iZEIbq95zkSV2LFsigxDIuUso_OQhzIjIuZG5zY3J5cHQuZGVmYXVsdC5uczEuYWRndWFyZC5jb20';
const hash = Buffer.alloc(32, 7);

describe('a DNS stamp', () => {
  test('of DoH says address, hashes, host and path', () => {
    expect(parseStamp(quad9)).toMatchObject({
      protocol: 'https',
      address: '9.9.9.9',
      hostName: 'dns9.quad9.net:443',
      path: '/dns-query',
      certificateHashes: ['b01920744bbb76c9ab053e01e07b7e050e473d20f79f7bea435fafe43c9d242f'],
    });
    expect(formatServer(parseServer(quad9))).toBe('https://9.9.9.9:443/dns-query#dns9.quad9.net');
    expect(formatServer(parseServer(google))).toBe('https://8.8.8.8:443/dns-query');
  });

  test('of DoT with a list of hashes, an IPv6 address and a port', () => {
    const address = '[2001:db8::1]:8853';
    const text = encodeStamp('tls', { address, hashes: [hash, hash], hostName: 'dns.example' });
    const server = parseServer(text);
    expect(formatServer(server)).toBe('tls://[2001:db8::1]:8853#dns.example');
    expect(server.identity?.certificateHashes).toHaveLength(2);
  });

  test('without an address has a name to look up, and may say where', () => {
    const bootstrap = ['9.9.9.9', '[2620:fe::fe]'];
    const parts = { hashes: [], hostName: 'dns.example', bootstrap };
    expect(parseServer(encodeStamp('tls', { ...parts, address: '' }))).toMatchObject({
      host: 'dns.example',
      port: 853,
      identity: { name: 'dns.example', bootstrap: ['9.9.9.9:53', '[2620:fe::fe]:53'] },
    });
    const withPort = encodeStamp('https', { ...parts, address: ':8443', path: '/q' });
    expect(formatServer(parseServer(withPort))).toBe('https://dns.example:8443/q');
  });

  test('of plain DNS is an address', () => {
    const octets = Buffer.concat([Buffer.alloc(9), Buffer.from([7]), Buffer.from('9.9.9.9')]);
    const text = `sdns://${octets.toString('base64url')}`;
    expect(formatServer(parseServer(text))).toBe('9.9.9.9:53');
  });

  test('stays what it is in a configuration: an address says less', () => {
    expect(canonicalUpstream(`${quad9} else 9.9.9.9`)).toBe(`${quad9} else 9.9.9.9:53`);
  });

  test.each([
    ['of DNSCrypt', dnscrypt, 'DNSCrypt'],
    ['that is cut off', quad9.slice(0, -6), 'too early'],
    ['that goes on', `${google}AAAA`, 'too early|behind its end'],
    ['of nothing', 'sdns://', 'no DNS stamp'],
    ['with other characters', 'sdns://!!', 'no DNS stamp'],
    [
      'with a short hash',
      encodeStamp('tls', { address: '', hashes: [Buffer.alloc(31)], hostName: 'a' }),
      'hash',
    ],
    [
      'without a host',
      encodeStamp('tls', { address: '9.9.9.9', hashes: [], hostName: '' }),
      'host',
    ],
  ])('%s is refused', (_, text, why) => {
    expect(() => parseServer(text)).toThrow(MalformedAddress);
    expect(() => parseServer(text)).toThrow(new RegExp(why));
  });
});

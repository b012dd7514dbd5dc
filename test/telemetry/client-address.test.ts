import { describe, expect, test } from '@jest/globals';
import { anonymizeClient } from '../../src/telemetry/client-address.ts';

describe('the address of a client in the log', () => {
  test.each([
    ['192.0.2.77', '192.0.2.0/24'],
    ['::ffff:192.0.2.77', '192.0.2.0/24'],
    ['2001:db8:abcd:12::1', '2001:db8:abcd::/48'],
    ['2001:db8::1', '2001:db8:0::/48'],
    ['::1', '0:0:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['1::2:3:4:5:6:7', '1:0:2::/48'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0::/48'],
  ])('%s is told as %s', (host, prefix) => {
    expect(anonymizeClient(host, 'prefix')).toBe(prefix);
  });

  test('is told whole, or not at all', () => {
    expect(anonymizeClient('192.0.2.77', 'full')).toBe('192.0.2.77');
    expect(anonymizeClient('2001:db8::1', 'full')).toBe('2001:db8::1');
    expect(anonymizeClient('192.0.2.77', 'none')).toBeUndefined();
  });
});

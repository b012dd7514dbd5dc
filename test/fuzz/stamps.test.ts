import { describe, expect } from '@jest/globals';
import { MalformedAddress } from '../../src/base/errors.ts';
import { formatServer, parseServer } from '../../src/base/server-address.ts';
import { encodeStamp } from '../support/stamps.ts';
import { fuzz } from './fuzz-runs.ts';
import { mutate, noise } from './message-mutation.ts';

const whole = encodeStamp('https', {
  address: '192.0.2.1:8443',
  hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
  hostName: 'dns.example',
  path: '/dns-query',
  bootstrap: ['9.9.9.9', '[2620:fe::fe]:53'],
});
const octets = Buffer.from(whole.slice('sdns://'.length), 'base64url');

/** A server that can be written and read again, or a refusal: nothing else comes of a text. */
function check(text: string): void {
  try {
    const written = formatServer(parseServer(text));
    expect(formatServer(parseServer(written))).toBe(written);
  } catch (error) {
    if (!(error instanceof MalformedAddress)) throw error;
  }
}

describe('addresses of upstreams', () => {
  fuzz('a damaged stamp is read or refused', 0.02, (random) => {
    check(`sdns://${mutate(octets, random).toString('base64url')}`);
  });

  fuzz('octets that are no stamp are read or refused', 0.02, (random) => {
    check(`sdns://${noise(random, 200).toString('base64url')}`);
  });

  fuzz('a damaged URL is read or refused', 0.02, (random) => {
    const url = Buffer.from('https://[2001:db8::1]:8443/dns-query{?dns}#dns.example');
    check(mutate(url, random).toString('latin1'));
  });
});

import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import { HeimdallError } from '../base/errors.ts';
import { recordType } from '../dns/codes.ts';
import { lowerName, parseName } from '../dns/name.ts';
import type { LocalNames } from './local-names.ts';
import { reverseName } from './reverse-name.ts';

/**
 * Adds the lines of a hosts file: an address, then its names; the first one is what the address is
 * called (hosts(5)).
 * @returns how many lines could not be read
 */
export function addHosts(text: string, names: LocalNames, ttlSeconds: number): number {
  let skipped = 0;
  const reversed = new Set<string>();
  for (const line of text.split('\n')) {
    const [address = '', ...hosts] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (address === '') continue;
    try {
      addLine(address, hosts, { names, ttlSeconds, reversed });
    } catch (error) {
      if (!(error instanceof HeimdallError)) throw error;
      skipped++;
    }
  }
  return skipped;
}

interface Hosts {
  readonly names: LocalNames;
  readonly ttlSeconds: number;
  /** Addresses that have their name. */
  readonly reversed: Set<string>;
}

function addLine(address: string, hosts: readonly string[], into: Hosts): void {
  const scratch = Buffer.alloc(addressLengthMax);
  const length = address.includes('%') ? 0 : writeAddress(address, scratch);
  if (length === 0) return; // a scope of this machine is none of a client's
  const octets = scratch.subarray(0, length);
  const type = length === 4 ? recordType.A : recordType.AAAA;
  const { names, ttlSeconds, reversed } = into;
  const owners = hosts.map((host) => lowerName(parseName(host)));
  for (const owner of owners)
    names.add({ owner, type, ttlSeconds, rdata: [{ octets }] }, ttlSeconds);
  const [first] = owners;
  const key = octets.toString('hex');
  if (first === undefined || reversed.has(key)) return;
  reversed.add(key);
  const rdata = [{ name: first, compressible: true }];
  names.add({ owner: reverseName(octets), type: recordType.PTR, ttlSeconds, rdata }, ttlSeconds);
}

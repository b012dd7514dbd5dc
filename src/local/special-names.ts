import { parseName } from '../dns/name.ts';

/** The switches, one for each registry entry or family of entries. */
export interface SpecialNameSwitches {
  readonly localhost: boolean;
  readonly invalid: boolean;
  readonly test: boolean;
  readonly onion: boolean;
  readonly local: boolean;
  readonly homeArpa: boolean;
  readonly privateReverse: boolean;
  readonly resolverArpa: boolean;
}

/**
 * How names of a zone are answered: `loopback` with the loopback addresses, `nonexistent` always
 * with NXDOMAIN, `empty` as a zone that has nothing but its apex, `discovery` as an empty zone in
 * which `_dns` exists.
 */
export type SpecialTreatment = 'loopback' | 'nonexistent' | 'empty' | 'discovery';

/** A zone that is answered here and never asked upstream. */
export interface SpecialZone {
  readonly apex: Buffer;
  readonly treatment: SpecialTreatment;
  /** Asks for DS at the apex go upstream: the delegation is proven insecure there (RFC 8375 4). */
  readonly forwardsDs: boolean;
}

/** The reverse zones of RFC 6303 section 4 and of RFC 7793 (shared address space). */
const privateReverseZones: readonly string[] = [
  '10.in-addr.arpa',
  ...range(16, 31).map((octet) => `${String(octet)}.172.in-addr.arpa`),
  '168.192.in-addr.arpa',
  ...range(64, 127).map((octet) => `${String(octet)}.100.in-addr.arpa`),
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '254.169.in-addr.arpa',
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  `${'0.'.repeat(32)}ip6.arpa`,
  `1.${'0.'.repeat(31)}ip6.arpa`,
  'd.f.ip6.arpa',
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
];

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

interface Family {
  readonly enabledBy: keyof SpecialNameSwitches;
  readonly treatment: SpecialTreatment;
  readonly zones: readonly string[];
}

const families: readonly Family[] = [
  { enabledBy: 'localhost', treatment: 'loopback', zones: ['localhost'] }, // RFC 6761 6.3
  { enabledBy: 'invalid', treatment: 'nonexistent', zones: ['invalid'] }, // RFC 6761 6.4
  { enabledBy: 'test', treatment: 'nonexistent', zones: ['test'] }, // RFC 6761 6.2
  { enabledBy: 'onion', treatment: 'nonexistent', zones: ['onion'] }, // RFC 7686 2
  { enabledBy: 'local', treatment: 'nonexistent', zones: ['local'] }, // RFC 6762 22.1
  { enabledBy: 'homeArpa', treatment: 'empty', zones: ['home.arpa'] }, // RFC 8375 4
  { enabledBy: 'privateReverse', treatment: 'empty', zones: privateReverseZones },
  { enabledBy: 'resolverArpa', treatment: 'discovery', zones: ['resolver.arpa'] }, // RFC 9462 6.4
];

/** The zones that the switches leave on. */
export function specialZones(switches: SpecialNameSwitches): SpecialZone[] {
  return families
    .filter(({ enabledBy }) => switches[enabledBy])
    .flatMap(({ zones, treatment, enabledBy }) =>
      zones.map((zone) => ({
        apex: parseName(zone),
        treatment,
        forwardsDs: enabledBy === 'homeArpa',
      })),
    );
}

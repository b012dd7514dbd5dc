import { isIPv6 } from 'node:net';

/** How much of a client's address a log may tell. */
export type ClientDetail = 'full' | 'prefix' | 'none';

/** The address as far as `detail` allows: its /24 or /48 for `prefix`, undefined for `none`. */
export function anonymizeClient(host: string, detail: ClientDetail): string | undefined {
  if (detail === 'none') return undefined;
  const address = withoutMapping(host);
  if (detail === 'full') return address;
  if (isIPv6(address)) return `${ipv6Prefix48(address)}::/48`;
  return `${address.split('.').slice(0, 3).join('.')}.0/24`;
}

/** `::ffff:192.0.2.1` is an IPv4 client on a socket for both families (RFC 4291 section 2.5.5.2). */
export function withoutMapping(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  return mapped?.[1] ?? host;
}

/** The first three of the eight groups, the gap of `::` filled with zeros. */
function ipv6Prefix48(address: string): string {
  const withoutZone = address.replace(/%.*$/, '');
  const [left = '', right] = withoutZone.split('::');
  const groups = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const tailGroups = tail.length + (right?.includes('.') === true ? 1 : 0);
  while (groups.length + tailGroups < 8) groups.push('0');
  return [...groups, ...tail].slice(0, 3).join(':');
}

import { isIP } from 'node:net';
import { canonicalHost, formatServer } from '../base/server-address.ts';

/**
 * The name servers of a `resolv.conf`, each as text for `parseServer`, in order and without
 * repetitions. Comments and what is no address are passed over; a scope id stays with its address.
 */
export function systemServers(resolvConfText: string): string[] {
  const servers = new Set<string>();
  for (const line of resolvConfText.split(/\r?\n/)) {
    const host = /^\s*nameserver\s+([^\s#;]+)/.exec(line)?.[1];
    if (host === undefined || isIP(host) === 0) continue;
    servers.add(formatServer({ transport: 'udp', host: canonicalHost(host), port: 53 }));
  }
  return [...servers];
}

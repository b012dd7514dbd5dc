import type { KnownHost } from './options.ts';

/** What is known of the host of this name, the one that its certificate is for. */
export function knownHost(hosts: readonly KnownHost[], name: string): KnownHost | undefined {
  return hosts.find((host) => host.name === name);
}

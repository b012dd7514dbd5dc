import { byteAt } from '../base/bytes.ts';
import { formatName, lowerName, parentName, parseName } from '../dns/name.ts';
import type { Strategy, UpstreamOptions } from './options.ts';
import { parseUpstream } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { Server } from './server.ts';

/** The upstreams of a domain and all below it. */
export interface Route {
  /** In text with its final dot; `.` for all other names. */
  readonly suffix: string;
  readonly strategy: Strategy;
  /** As configured, each with the ways of asking it, the best first; a host may be a name. */
  readonly upstreams: readonly (readonly ServerAddress[])[];
  /**
   * The servers in use now: first those that stand for the best way of an upstream, then those for
   * the second best; the later ones only come into play where none of the earlier can be used.
   */
  tiers: readonly (readonly Server[])[];
}

/** All servers of a route that are in use now. */
export function serversOf(route: Route): Server[] {
  return route.tiers.flat();
}

/** Finds the route of a name: the longest suffix wins; the servers of all are the last. */
export class Routes {
  /** By suffix in wire form, lower case, as latin1. */
  readonly #bySuffix = new Map<string, Route>();

  /** @throws {MalformedAddress} @throws {MalformedName} */
  constructor(options: UpstreamOptions) {
    const { servers, strategy } = options;
    for (const given of [{ suffix: '.', servers, strategy }, ...options.routes]) {
      const suffix = lowerName(parseName(given.suffix));
      this.#bySuffix.set(suffix.toString('latin1'), {
        suffix: formatName(suffix),
        strategy: given.strategy ?? strategy,
        upstreams: given.servers.map(parseUpstream),
        tiers: [],
      });
    }
  }

  all(): Route[] {
    return [...this.#bySuffix.values()];
  }

  /** The route of a name in wire form and lower case. */
  find(name: Buffer): Route | undefined {
    let suffix = name;
    for (;;) {
      const route = this.#bySuffix.get(suffix.toString('latin1'));
      if (route !== undefined || byteAt(suffix, 0) === 0) return route;
      suffix = parentName(suffix);
    }
  }
}

/** The servers that stand for the best way of each upstream, then for the second best, and so on. */
export function tiersOf(
  upstreams: readonly (readonly ServerAddress[])[],
  expand: (address: ServerAddress) => readonly ServerAddress[],
): ServerAddress[][] {
  const most = Math.max(0, ...upstreams.map(({ length }) => length));
  return Array.from({ length: most }, (_, tier) =>
    upstreams.flatMap((ways) => ways.slice(tier, tier + 1)).flatMap(expand),
  );
}

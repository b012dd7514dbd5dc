import { byteAt } from '../base/bytes.ts';
import { formatName, lowerName, parentName, parseName } from '../dns/name.ts';
import type { Strategy, UpstreamOptions } from './options.ts';
import { parseServer } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { Server } from './server.ts';

/** The upstreams of a domain and all below it. */
export interface Route {
  /** In text with its final dot; `.` for all other names. */
  readonly suffix: string;
  readonly strategy: Strategy;
  /** As configured: a host may be a name. */
  readonly addresses: readonly ServerAddress[];
  /** Those in use now. */
  servers: readonly Server[];
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
        addresses: given.servers.map(parseServer),
        servers: [],
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

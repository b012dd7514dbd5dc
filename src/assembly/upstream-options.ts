import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parseSocketAddress } from '../base/address.ts';
import { ConfigInvalid, describeError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import { queriesUnderWayMax } from '../listen/waiting-queries.ts';
import { addressesLeadingBack } from '../upstream/leading-back.ts';
import { readAuthority } from '../upstream/authority.ts';
import type { KnownHost, UpstreamOptions } from '../upstream/options.ts';
import { formatServer, isHostName, parseUpstream } from '../base/server-address.ts';
import { systemServers } from '../upstream/system-servers.ts';

/** Where the system keeps its resolvers (resolv.conf(5)). */
const resolvConfPath = '/etc/resolv.conf';

/** The options of the upstream room, and what there is to tell about them. */
export interface ChosenUpstreams {
  readonly options: UpstreamOptions;
  /** Sentences for the log. */
  readonly notices: readonly string[];
}

/** What the machine says of itself; a test says it instead. */
export interface Surroundings {
  readonly resolvConf: () => string;
  readonly interfaceAddresses: () => readonly string[];
}

/** The machine that the process runs on. */
export const thisMachine: Surroundings = {
  resolvConf: () => {
    try {
      return readFileSync(resolvConfPath, 'utf8');
    } catch {
      return ''; // a system without the file has no resolvers to offer
    }
  },
  interfaceAddresses: () =>
    Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
};

/**
 * The configured upstreams, or those of the system where none are configured. A configured one
 * that is this resolver itself is an error; one of the system is left out.
 * @throws {ConfigInvalid}
 */
export function chooseUpstreams(config: Config, surroundings: Surroundings): ChosenUpstreams {
  const configured = config.upstream.servers;
  refuseOwnAddresses(config, surroundings);
  if (configured.length > 0) return { options: optionsOf(config, configured), notices: [] };
  const system = systemServers(surroundings.resolvConf());
  const own = new Set(leadingBack(system, config, surroundings));
  const servers = system.filter((server) => !own.has(server));
  const notices = [...own].map(
    (server) => `left out ${server} of ${resolvConfPath}: it leads back to this resolver`,
  );
  if (servers.length === 0 && config.routes.length === 0) throw noUpstreams(own.size > 0);
  return { options: optionsOf(config, servers), notices };
}

function noUpstreams(allLeadBack: boolean): ConfigInvalid {
  const why = allLeadBack
    ? `those of ${resolvConfPath} all lead back to this resolver`
    : `${resolvConfPath} names none`;
  const message = `no upstream is configured, and ${why}; give at least one, such as 9.9.9.9`;
  return new ConfigInvalid([{ source: 'system', path: 'upstream.servers', message }]);
}

function leadingBack(
  servers: readonly string[],
  config: Config,
  surroundings: Surroundings,
): string[] {
  const listen = config.listen.addresses.map((text) => parseSocketAddress(text, 0));
  const parsed = servers.flatMap(parseUpstream).filter((server) => !isHostName(server));
  const back = addressesLeadingBack(parsed, listen, surroundings.interfaceAddresses());
  return back.map(formatServer);
}

function refuseOwnAddresses(config: Config, surroundings: Surroundings): void {
  const lists = [
    { path: 'upstream.servers', servers: config.upstream.servers },
    { path: 'upstream.bootstrap', servers: config.upstream.bootstrap },
    ...config.routes.map(({ servers }, index) => ({ path: `routes.${String(index)}`, servers })),
  ];
  const problems = lists.flatMap(({ path, servers }) =>
    leadingBack(servers, config, surroundings).map((server) => ({
      source: 'configuration',
      path,
      message: `found ${server}, which is this resolver itself: a forwarding loop`,
    })),
  );
  if (problems.length > 0) throw new ConfigInvalid(problems);
}

function optionsOf(config: Config, servers: readonly string[]): UpstreamOptions {
  const { upstream, cache, routes, listen } = config;
  return {
    ...upstream,
    servers,
    hosts: upstream.hosts.map(knownHostOf),
    routes: routes.map(({ suffix, servers: own, strategy }) => ({
      suffix,
      servers: own,
      strategy,
    })),
    exchangesMax: queriesUnderWayMax(listen),
    ttl: {
      ttlMinSeconds: cache.ttlMinSeconds,
      ttlMaxSeconds: cache.ttlMaxSeconds,
      negativeTtlMaxSeconds: cache.negativeTtlMaxSeconds,
    },
  };
}

/** @throws {ConfigInvalid} when its authorities cannot be read */
function knownHostOf(
  { caFile, ...host }: Config['upstream']['hosts'][number],
  index: number,
): KnownHost {
  if (caFile === undefined) return host;
  try {
    return { ...host, certificateAuthority: readAuthority(readFileSync(caFile, 'utf8')) };
  } catch (error) {
    const path = `upstream.hosts[${String(index)}].caFile`;
    const message = `found ${caFile}, which cannot be used: ${describeError(error)}`;
    throw new ConfigInvalid([{ source: 'configuration', path, message }]);
  }
}

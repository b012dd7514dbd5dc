import { isHostName, parseUpstream } from '../base/server-address.ts';
import type { ServerAddress } from '../base/server-address.ts';
import type { Conflict } from './conflict.ts';
import type { Config } from './schema.ts';

/** The lists of upstreams, and where they stand. */
function lists({ upstream, routes }: Config) {
  return [
    { path: ['upstream', 'servers'], servers: upstream.servers },
    ...routes.map(({ servers }, index) => ({ path: ['routes', index, 'servers'], servers })),
  ];
}

/** A host name has to be found somehow, and never by asking the upstream that it is the name of. */
function bootstrapConflicts(config: Config): Conflict[] {
  const { bootstrap, hosts } = config.upstream;
  const isLocated = (server: ServerAddress): boolean =>
    !isHostName(server) ||
    (server.identity?.bootstrap ?? []).length > 0 ||
    hosts.some(({ name, addresses }) => name === server.host && addresses.length > 0);
  if (bootstrap.length > 0) return [];
  return lists(config).flatMap(({ path, servers }) =>
    servers.flatMap((text, index) =>
      parseUpstream(text)
        .filter((server) => !isLocated(server))
        .map(({ host }) => ({
          path: [...path, index],
          message:
            `found ${host}, whose address nobody knows: give upstream.bootstrap a server to ask ` +
            '(such as 9.9.9.9, or system), or its addresses in upstream.hosts',
        })),
    ),
  );
}

/** What is said of a host that no upstream has would protect nothing. */
function hostConflicts(config: Config): Conflict[] {
  const used = lists(config)
    .flatMap(({ servers }) => servers.flatMap(parseUpstream))
    .flatMap(({ host, identity }) => [host, identity?.name]);
  const names = config.upstream.hosts.map(({ name }) => name);
  return names.flatMap((name, index) => {
    const path = ['upstream', 'hosts', index, 'name'];
    if (names.indexOf(name) < index) return [{ path, message: `found ${name} twice` }];
    return used.includes(name) ? [] : [{ path, message: `found ${name}, which no upstream names` }];
  });
}

export function upstreamConflicts(config: Config): Conflict[] {
  return [...bootstrapConflicts(config), ...hostConflicts(config)];
}
